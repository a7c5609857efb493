//! `.dragnetignore`: patterns of URLs that are not checked, one a line, kept beside the documents.
//!
//! It is read in the working directory and in each folder that is an input, and counts for the whole run. Blank lines
//! and those that begin with # are none; a pattern that begins with one is written `\#`.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, anyhow};
use dragnet::job::{CheckInput, Rule};
use regex::Regex;

const NAME: &str = ".dragnetignore";

/// The patterns of all these files.
///
/// # Errors
/// One cannot be read, or holds something that is no pattern; the message names file and line.
pub(super) fn rules(inputs: &[CheckInput]) -> anyhow::Result<Vec<Rule>> {
    let folders = inputs.iter().filter_map(|input| match input {
        CheckInput::Path(path) => Some(path.as_path()),
        _ => None,
    });
    let mut rules = Vec::new();
    let mut read = HashSet::new();
    for folder in std::iter::once(Path::new("")).chain(folders) {
        let path = folder.join(NAME);
        let text = match std::fs::read_to_string(&path) {
            // An input that is no folder has none.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                continue;
            }
            // Nor has one that nobody may read, which is told when it is looked through.
            Err(_) if std::fs::read_dir(folder).is_err() => continue,
            text => text.with_context(|| format!("cannot read {}", path.display()))?,
        };
        if !read.insert(path.canonicalize().unwrap_or_else(|_| path.clone())) {
            continue;
        }
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let name = format!("{}:{line}:", path.display());
            let pattern = Regex::new(text)
                .map_err(|error| anyhow!("{name} is no pattern: {}", reason(&error)))?;
            rules.push(Rule::new(name, pattern));
        }
    }
    Ok(rules)
}

/// Its last line says what is wrong; those before it draw the pattern, and need a line each.
fn reason(error: &regex::Error) -> String {
    let told = error.to_string();
    let last = told.lines().next_back().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}
