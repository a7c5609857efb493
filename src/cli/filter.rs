//! `--match` and `--filter`: which records are written, the same in `fetch` and `crawl`.

use clap::Args;
use dragnet::policy::filter::{Condition, Filter};

/// Flags about which records are written.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct FilterOptions {
    /// Write only records for which this holds: status=200,301, status=2xx, type=text/html, size>10KiB, outcome=ok,
    /// error=dns,timeout, body~REGEX, title~REGEX, url~REGEX, any field with =, ~, <, <=, > or >=; several must all
    /// hold. What is not written counts all the same, for the summary and the exit code
    #[arg(long = "match", value_name = "CONDITION")]
    matches: Vec<Condition>,
    /// The opposite: do not write records for which this holds
    #[arg(long = "filter", value_name = "CONDITION")]
    filters: Vec<Condition>,
}

impl FilterOptions {
    /// What they mean.
    pub(super) fn filter(&self) -> Filter {
        Filter::new(self.matches.clone(), self.filters.clone())
    }
}
