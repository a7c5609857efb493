//! `--scope`, and `check --recursive`: how far from where it begins.

use std::num::NonZeroU64;
use std::rc::Rc;

use anyhow::bail;
use clap::{Args, ValueEnum};
use dragnet::frontier::PaceOf;
use dragnet::job::{CheckInput, Recursion};
use dragnet::policy::scope::{Reach, Scope};

/// `--scope`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ScopeName {
    /// Same host and port
    Host,
    /// Same registrable domain
    Domain,
    /// Below the seed's folder
    Prefix,
    /// Anywhere
    Any,
}

impl ScopeName {
    /// What it means.
    pub(super) fn reach(self) -> Reach {
        match self {
            Self::Host => Reach::Host,
            Self::Domain => Reach::Domain,
            Self::Prefix => Reach::Prefix,
            Self::Any => Reach::Any,
        }
    }
}

/// Flags about pages behind links, as `crawl` has them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Recursion")]
pub(super) struct RecursionOptions {
    /// Check the pages behind the links of the URL inputs too, each once and as politely as a crawl: robots.txt is obeyed,
    /// and what it forbids is unknown. What is out of scope is judged, and not read
    #[arg(long)]
    pub(super) recursive: bool,
    /// How far from the URL inputs: their hosts, registrable domains, folders, or anywhere
    #[arg(
        long,
        value_name = "REACH",
        default_value = "host",
        requires = "recursive"
    )]
    scope: ScopeName,
    /// Read pages at most so many links from an input; those that they link to are judged
    #[arg(long, value_name = "N", requires = "recursive")]
    depth: Option<u32>,
    /// Read at most so many pages; the links of the last ones are judged
    #[arg(long, value_name = "N", requires = "recursive")]
    max_pages: Option<NonZeroU64>,
    /// Do not ask for robots.txt
    #[arg(long, requires = "recursive")]
    ignore_robots: bool,
    /// Read pages too behind links that ask crawlers not to follow them; they are judged in any case
    #[arg(long, requires = "recursive")]
    follow_nofollow: bool,
}

impl RecursionOptions {
    /// What they mean for `inputs`, whose origins are asked at `pace`.
    ///
    /// # Errors
    /// There is no URL to begin with.
    pub(super) fn recursion(
        &self,
        inputs: &[CheckInput],
        pace: &PaceOf,
    ) -> anyhow::Result<Option<Recursion>> {
        if !self.recursive {
            return Ok(None);
        }
        let urls: Vec<_> = inputs
            .iter()
            .filter_map(|input| match input {
                CheckInput::Url(target) => Some(&target.url),
                _ => None,
            })
            .collect();
        if urls.is_empty() {
            bail!(
                "--recursive begins at URLs, and no input is one; folders are read to their depth without it"
            );
        }
        Ok(Some(Recursion {
            scope: Scope::new(self.scope.reach(), urls, vec![], vec![]),
            depth: self.depth,
            max_pages: self.max_pages.map(NonZeroU64::get),
            robots: !self.ignore_robots,
            follow_nofollow: self.follow_nofollow,
            pace: Rc::clone(pace),
        }))
    }
}
