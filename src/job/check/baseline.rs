//! `--baseline`: the links that an earlier run found broken, so that only what broke since then makes this one fail.
//!
//! The file is one of `-f baseline`, or the `jsonl` of any run. An entry is a document, a target and a fragment: where
//! in the document the link stands does not matter, so that text above it can change. A link that nobody could judge then
//! and that is broken now is newly broken.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::source::plain;
use crate::model::{Outcome, Visit};

/// What an earlier run found broken.
#[derive(Debug, Default)]
pub struct Baseline {
    name: String,
    /// Each with its verdict and its 1-based line.
    entries: BTreeMap<Key, (Outcome, usize)>,
    /// Those that are still so.
    met: HashSet<usize>,
    /// The working directory, which paths of this run are told from.
    here: PathBuf,
    /// Where else paths in the file may have been told from: its folder, and the root of its repository.
    bases: Vec<PathBuf>,
}

/// A document by its path or URL, a target, a fragment.
type Key = (Option<String>, String, Option<String>);

/// As much of a record as says which link it is.
#[derive(Deserialize)]
struct Entry {
    source: Option<Source>,
    url: String,
    fragment: Option<String>,
    outcome: Outcome,
}

#[derive(Deserialize)]
struct Source {
    path: Option<String>,
    url: Option<String>,
}

impl Baseline {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// It cannot be read, or a line of it is no record; the message names both.
    pub fn read(path: &Path) -> Result<Self, String> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read --baseline {name}: {error}"))?;
        let here = std::env::current_dir().unwrap_or_default();
        let file = plain(&here.join(path));
        let folder = file.parent().unwrap_or(&here);
        let root = folder.ancestors().find(|above| above.join(".git").exists());
        let mut bases = vec![folder.to_owned()];
        bases.extend(root.map(Path::to_owned));
        bases.dedup();
        bases.retain(|base| *base != here);
        Ok(Self {
            here,
            bases,
            ..Self::parse(name, &text)?
        })
    }

    /// A path of this run as it is told from another folder, if it is below.
    fn told_from(&self, base: &Path, name: &str) -> Option<String> {
        let path = plain(&self.here.join(name));
        let below = path
            .strip_prefix(base)
            .ok()
            .filter(|_| !name.contains("://"))?;
        Some(match below.display().to_string() {
            below if below.is_empty() => ".".to_owned(),
            below if name.ends_with('/') => below + "/",
            below => below,
        })
    }

    /// What a link may be called in the file.
    fn keys(&self, document: Option<&str>, url: &str, fragment: Option<&str>) -> Vec<Key> {
        let key = |document: Option<&str>, url: &str| {
            let fragment = fragment.map(str::to_owned);
            (document.map(str::to_owned), url.to_owned(), fragment)
        };
        let mut keys = vec![key(document, url)];
        for base in &self.bases {
            if let Some(document) = document.and_then(|name| self.told_from(base, name)) {
                keys.extend(
                    self.told_from(base, url)
                        .map(|url| key(Some(&document), &url)),
                );
                keys.push(key(Some(&document), url));
            }
        }
        keys
    }

    /// What is to be said where it has none of the documents of this run, which have those `names`.
    fn is_elsewhere(&self, names: &HashSet<String>) -> Option<String> {
        let mut documents = self.entries.keys().map(|(document, ..)| document.as_ref());
        let other = documents.all(|document| document.is_some_and(|name| !names.contains(name)));
        (other && !self.entries.is_empty()).then(|| {
            format!(
                "{}: none of the documents in it was checked; paths in it are told from here, from its folder, or from the \
                 root of its repository",
                self.name
            )
        })
    }

    /// All the names that documents may have in the file.
    fn all(&self, names: impl Iterator<Item = String>) -> HashSet<String> {
        let mut all = HashSet::new();
        for name in names {
            all.extend(
                self.bases
                    .iter()
                    .filter_map(|base| self.told_from(base, &name)),
            );
            all.insert(name);
        }
        all
    }

    fn parse(name: String, text: &str) -> Result<Self, String> {
        let mut entries = BTreeMap::new();
        for (line, record) in (1..).zip(text.lines()) {
            if record.trim().is_empty() {
                continue;
            }
            let entry: Entry = serde_json::from_str(record).map_err(|error| {
                format!(
                    "{name}:{line} is no record of an earlier run (make one with -o FILE.baseline): {error}"
                )
            })?;
            if matches!(entry.outcome, Outcome::Broken | Outcome::Unknown) {
                let document = entry.source.and_then(|source| source.path.or(source.url));
                let key = (document, entry.url, entry.fragment);
                // Of two the worse one counts.
                let known = entries.entry(key).or_insert((entry.outcome, line));
                if entry.outcome == Outcome::Broken {
                    known.0 = entry.outcome;
                }
            }
        }
        Ok(Self {
            name,
            entries,
            met: HashSet::new(),
            here: PathBuf::new(),
            bases: Vec::new(),
        })
    }

    /// Marks a record of a link that was broken then too. One that is not judged now may be so still.
    fn mark(&mut self, visit: &mut Visit) {
        if visit.outcome == Outcome::Ok {
            return;
        }
        let source = visit.source.as_ref();
        let document = source.and_then(|source| source.path.as_ref().or(source.url.as_ref()));
        let keys = self.keys(
            document.map(|name| &**name),
            &visit.url,
            visit.fragment.as_deref(),
        );
        if let Some((outcome, line)) = keys.iter().find_map(|key| self.entries.get(key)) {
            self.met.insert(*line);
            visit.known = match visit.outcome {
                Outcome::Broken => *outcome == Outcome::Broken,
                Outcome::Unknown => true,
                Outcome::Ok | Outcome::Excluded => false,
            };
        }
    }

    /// Is there a file of that name?
    fn is_there(&self, name: &str) -> bool {
        let mut bases = std::iter::once(&self.here).chain(&self.bases);
        bases.any(|base| base.join(name).exists())
    }

    /// What is to be said of entries that are not so any more; `read` knows the documents of this run.
    fn mended(&self, read: impl Fn(&str) -> bool) -> Vec<String> {
        let gone = self
            .entries
            .iter()
            .filter(|((document, ..), (outcome, line))| {
                let here = match document {
                    Some(name) => read(name) || !name.contains("://") && !self.is_there(name),
                    None => true,
                };
                *outcome == Outcome::Broken && here && !self.met.contains(line)
            });
        let mut told: Vec<_> = gone.map(|(key, (_, line))| (*line, key)).collect();
        told.sort();
        let told = told.into_iter().map(|(line, (document, url, fragment))| {
            let fragment = fragment.as_ref().map(|fragment| format!("#{fragment}"));
            let document = document.as_ref().map(|name| format!(" in {name}"));
            format!(
                "{}:{line}: {url}{}{} is not broken any more: take the line out",
                self.name,
                fragment.unwrap_or_default(),
                document.unwrap_or_default()
            )
        });
        told.collect()
    }
}

/// A record, with what the baseline knows of it, if there is one.
pub(super) fn marked(baseline: Option<&mut Baseline>, mut visit: Visit) -> Visit {
    if let Some(baseline) = baseline {
        baseline.mark(&mut visit);
    }
    visit
}

/// What is to be said of links of the documents of these names that the baseline has and that are not broken any more;
/// `whole`: there are no other documents.
pub(super) fn mended(
    baseline: Option<&Baseline>,
    names: impl Iterator<Item = String>,
    whole: bool,
) -> Vec<String> {
    let Some(baseline) = baseline else {
        return Vec::new();
    };
    let names = baseline.all(names);
    if let Some(elsewhere) = baseline.is_elsewhere(&names).filter(|_| whole) {
        return vec![elsewhere];
    }
    baseline.mended(|name| names.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Failure, FailureKind, Source as Place};

    fn broken(path: &str, url: &str, line: u32) -> Visit {
        let mut visit = Visit::new(String::new(), url.into(), Outcome::Ok);
        visit.source = Some(Place {
            path: Some(path.into()),
            url: None,
            line,
            column: 1,
        });
        visit.fail(Failure::new(FailureKind::File, "no such file"));
        visit
    }

    #[test]
    fn an_entry_is_a_link_wherever_it_stands_in_its_document() {
        let text = serde_json::to_string(&broken("a.md", "none.md", 3)).expect("JSON");
        let text = text + "\n\n{\"url\":\"http://h.test/\",\"outcome\":\"unknown\"}\n";
        let mut baseline = Baseline::parse("b".to_owned(), &text).expect("a baseline");
        for (mut visit, known) in [
            (broken("a.md", "none.md", 30), true),
            (broken("a.md", "other.md", 3), false),
            (broken("b.md", "none.md", 3), false),
        ] {
            baseline.mark(&mut visit);
            assert_eq!(visit.known, known, "{visit:?}");
        }
        let mut left_out = broken("a.md", "none.md", 3);
        left_out.outcome = Outcome::Excluded;
        baseline.mark(&mut left_out);
        assert!(!left_out.known);
        let mut shy = broken("", "http://h.test/", 1);
        shy.source = None;
        baseline.mark(&mut shy);
        assert!(!shy.known, "it was not judged then");
        assert!(baseline.mended(|_| true).is_empty());
    }

    #[test]
    fn what_is_mended_is_named_where_it_was_looked_at() {
        let lines = ["a.md", "no/such/b.md", "Cargo.toml"]
            .map(|path| serde_json::to_string(&broken(path, "none.md", 1)).expect("JSON"));
        let baseline = Baseline::parse("b".to_owned(), &lines.join("\n")).expect("a baseline");
        assert_eq!(
            baseline.mended(|name| name == "a.md"),
            [
                "b:1: none.md in a.md is not broken any more: take the line out",
                "b:2: none.md in no/such/b.md is not broken any more: take the line out",
            ]
        );
        let wrong = Baseline::parse("b".to_owned(), "\n{\"x\":1}").expect_err("no record");
        assert!(wrong.starts_with("b:2 is no record"), "{wrong}");
    }
}
