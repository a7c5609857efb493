//! What a record shall hold of the content: `--select` and its kin, the same in `fetch` and `crawl`.

use std::sync::Arc;

use anyhow::Context;
use clap::{ArgMatches, Args};
use dragnet::job::Wanted;
use dragnet::parser::extract::{Extraction, Rule};

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
    /// Put what the page links to into the record, with the links' texts
    #[arg(long)]
    links: bool,
    /// Put the SHA-256 of the content into the record
    #[arg(long)]
    hash: bool,
    /// Put the content into the record, as text
    #[arg(long)]
    body: bool,
}

impl ContentOptions {
    /// What they mean; the rules stand in the order in which they were given.
    pub(super) fn wanted(&self, matches: &ArgMatches) -> anyhow::Result<Wanted> {
        let indices = |id| matches.indices_of(id).into_iter().flatten();
        let mut rules: Vec<(usize, &Rule)> = indices("select")
            .zip(&self.select)
            .chain(indices("regex").zip(&self.regex))
            .chain(indices("json_pointer").zip(&self.json_pointer))
            .collect();
        rules.sort_by_key(|(at, _)| *at);
        let rules: Vec<Rule> = rules.into_iter().map(|(_, rule)| rule.clone()).collect();
        let extraction = (!rules.is_empty())
            .then(|| Extraction::new(rules).map(Arc::new))
            .transpose()
            .map_err(anyhow::Error::msg)
            .context("--select, --regex, --json-pointer")?;
        Ok(Wanted {
            extraction,
            title: false,
            links: self.links,
            hash: self.hash,
            digest: false,
            body: self.body,
            captures: false,
            types: None,
        })
    }

    /// What was said, as a state remembers it.
    pub(super) fn said(&self, matches: &ArgMatches) -> String {
        let raw = ["select", "regex", "json_pointer"]
            .into_iter()
            .filter_map(|id| Some((id, matches.get_raw(id)?)))
            .flat_map(|(id, values)| values.map(move |value| format!("{id} {}", value.display())));
        let flags = [
            (self.links, "links"),
            (self.hash, "hash"),
            (self.body, "body"),
        ];
        let flags = flags
            .into_iter()
            .filter(|(said, _)| *said)
            .map(|(_, name)| name.to_owned());
        raw.chain(flags).collect::<Vec<_>>().join(", ")
    }
}
