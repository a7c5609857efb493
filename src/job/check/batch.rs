//! Leases of local files, some dozens in one, and how many of them are read at once.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::thread::available_parallelism;

use tokio::sync::Semaphore;
use url::Url;

use super::source::Source;
use crate::model::Target;

/// Files in one lease: enough that handing them over costs nothing beside reading them.
const BATCH: usize = 32;

/// Which sources each lease holds.
pub(super) struct Batches {
    ranges: Vec<Range<usize>>,
    /// Files are read on as many threads as there are cores, and one that need not wait for the loop: more would only take
    /// the loop's turns.
    pub(super) threads: Semaphore,
}

impl Batches {
    pub(super) fn new() -> Self {
        let cores = available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            ranges: Vec::new(),
            threads: Semaphore::new(cores + 1),
        }
    }

    /// Leases for the sources from number `begin` on, which are files.
    pub(super) fn lease(&mut self, sources: &[Source], begin: usize) -> Vec<Target> {
        let mut leases = Vec::new();
        for (number, files) in (0..).zip(sources[begin..].chunks(BATCH)) {
            let first = begin + number * BATCH;
            let mut target = Target::named(url(self.ranges.len()));
            let paths = files.iter().filter_map(|source| source.path.clone());
            target.files = Some(paths.collect());
            self.ranges.push(first..first + files.len());
            leases.push(target);
        }
        leases
    }

    /// The sources behind a lease.
    pub(super) fn of(&self, target: &Target) -> Option<Range<usize>> {
        let number: usize = target.url.path().rsplit('/').next()?.parse().ok()?;
        self.ranges.get(number).cloned()
    }
}

#[expect(clippy::expect_used, reason = "a number in a constant text")]
fn url(number: usize) -> Url {
    Url::parse(&format!("file:///batch/{number}")).expect("a URL")
}
