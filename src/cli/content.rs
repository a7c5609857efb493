//! What a record shall hold of the content: `--select` and its kin, the same in `fetch` and `crawl`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::{ArgMatches, Args};
use dragnet::job::Wanted;
use dragnet::parser::extract::{Extraction, Rule};

use super::config::Config;

/// Flags about content.
#[derive(Debug, Args)]
#[command(next_help_heading = "Content")]
pub(super) struct ContentOptions {
    /// Put the text of what a CSS selector finds into the record: 'name=h1', an attribute: 'name=a@href', every
    /// match: 'name=a@href[]'
    #[arg(long, value_name = "NAME=CSS", value_parser = Rule::select)]
    select: Vec<Rule>,
    /// Put what a pattern matches into the record: its first group, or all of it
    #[arg(long, value_name = "NAME=PATTERN", value_parser = Rule::regex)]
    regex: Vec<Rule>,
    /// Put a value of JSON content into the record: 'name=/user/0/name'
    #[arg(long, value_name = "NAME=/POINTER", value_parser = Rule::json_pointer)]
    json_pointer: Vec<Rule>,
    /// Read the named values from here [default: the [[extract]] tables of dragnet.toml in the working directory]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Put what the page links to into the record, with the links' texts
    #[arg(long)]
    links: bool,
    /// Put the SHA-256 of the content into the record
    #[arg(long)]
    hash: bool,
    /// Put the content into the record, as text
    #[arg(long)]
    body: bool,
    /// Put the end, the subject and the issuer of the server's certificate into the record
    #[arg(long)]
    pub(super) certificate: bool,
    /// Keep the content of each good answer in a file of this folder, with its coding (gzip, br) undone and otherwise byte
    /// for byte; the record says which: HOST/NAME~DIGEST, where the digest is that of the URL (and of method, range and data,
    /// where the request has any), so that a name is always the same and never that of another. What --match or --filter
    /// leaves out is not kept. A download that is cut goes on in the next run or try, if the server has the same content
    /// still; until it is whole, it is NAME.part. --max-size (10MiB, if nothing is said) holds here too
    #[arg(long, value_name = "DIR")]
    pub(super) save_dir: Option<PathBuf>,
}

impl ContentOptions {
    /// What the flags and the configuration mean.
    ///
    /// # Errors
    /// What is wrong with either.
    pub(super) fn read(&self, matches: &ArgMatches) -> anyhow::Result<Content> {
        let indices = |id| matches.indices_of(id).into_iter().flatten();
        let mut given: Vec<(usize, &Rule)> = indices("select")
            .zip(&self.select)
            .chain(indices("regex").zip(&self.regex))
            .chain(indices("json_pointer").zip(&self.json_pointer))
            .collect();
        given.sort_by_key(|(at, _)| *at);
        let Config { rules, said } = Config::read(self.config.as_deref())?;
        // A flag comes before the file: its name is taken.
        let taken = |rule: &Rule| given.iter().any(|(_, flag)| flag.name == rule.name);
        let (rules, mut said): (Vec<_>, Vec<_>) = rules
            .into_iter()
            .zip(said)
            .filter(|(rule, _)| !taken(rule))
            .unzip();
        let given = given.into_iter().map(|(_, rule)| rule.clone());
        let rules: Vec<Rule> = rules.into_iter().chain(given).collect();
        let extraction = (!rules.is_empty())
            .then(|| Extraction::new(rules).map(Arc::new))
            .transpose()
            .map_err(anyhow::Error::msg)
            .context("the values to extract")?;
        said.extend(self.said(matches));
        Ok(Content {
            wanted: Wanted {
                extraction,
                links: self.links,
                hash: self.hash,
                body: self.body,
                ..Wanted::default()
            },
            said: said.join(", "),
        })
    }

    /// The flags, as they were given.
    fn said(&self, matches: &ArgMatches) -> Vec<String> {
        let raw = ["select", "regex", "json_pointer"]
            .into_iter()
            .filter_map(|id| Some((id, matches.get_raw(id)?)))
            .flat_map(|(id, values)| values.map(move |value| format!("{id} {}", value.display())));
        let flags = [
            (self.links, "links"),
            (self.hash, "hash"),
            (self.body, "body"),
            (self.certificate, "certificate"),
        ];
        let flags = flags
            .into_iter()
            .filter(|(said, _)| *said)
            .map(|(_, name)| name.to_owned());
        let folder = self.save_dir.iter();
        let folder = folder.map(|folder| format!("save-dir {}", folder.display()));
        raw.chain(flags).chain(folder).collect()
    }
}

/// What a record holds of the content.
pub(super) struct Content {
    pub(super) wanted: Wanted,
    /// The same in words, as a state remembers it.
    pub(super) said: String,
}
