//! The record: one target with all that was learnt of it, and the verdict.
//!
//! Field names are API: they are what `jsonl`, `csv` and `sqlite` write. A broken link is a value here and
//! never an error; errors are for runs that cannot go on.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::before::{Change, Validators};
use super::certificate::Certificate;
use super::document::LinkKind;
use super::duplicate::{Duplicate, Duplicates};
use super::exchange::{Hop, Timing};
use super::failure::{Failure, FailureKind, Outcome};
use super::target::Source;
use super::url::Origin;

/// One record. Every sink gets these, and nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Visit {
    /// Stable name of the record in its run.
    pub id: String,
    /// The target, WHATWG-serialised, without credentials or fragment; a local target is its path.
    pub url: Arc<str>,
    /// The input text as given, userinfo masked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub input: Option<Arc<str>>,
    /// 1-based line of the input.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u64>,
    /// Where the link stands (`check`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<Source>,
    /// The link's fragment, percent-encoded as in the URL (`check`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fragment: Option<String>,
    /// The verdict.
    pub outcome: Outcome,
    /// Final status code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// Where the chain of redirects ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub final_url: Option<Arc<str>>,
    /// Every hop that redirected, in order.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub redirects: Vec<Hop>,
    /// Why it is not `ok`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<Failure>,
    /// An earlier run found it broken too (`check --baseline`), so that it does not make this one fail.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub known: bool,
    /// What could stand in the link's place, as it would be written there, fragment included (`check`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub suggestion: Option<String>,
    /// Hops from the nearest seed (`crawl`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub depth: Option<u32>,
    /// The page that it was found on (`crawl`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub referrer: Option<Arc<str>>,
    /// Media type, lower case, without parameters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub content_type: Option<String>,
    /// The encoding that the content was read in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub charset: Option<String>,
    /// Bytes of content after decoding.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub size: Option<u64>,
    /// The document's title, white space folded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub title: Option<String>,
    /// What the page calls its own address (`rel=canonical`), when that is another one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub canonical: Option<String>,
    /// What meta robots and X-Robots-Tag ask for: `noindex`, `nofollow`, or both with a comma between.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub robots: Option<String>,
    /// When it was changed last, as the sitemap that lists it says.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lastmod: Option<String>,
    /// What it links to, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub links: Option<Vec<Outlink>>,
    /// What was asked to be taken out of the content, by name.
    #[serde(skip_serializing_if = "Map::is_empty", default)]
    pub fields: Map<String, Value>,
    /// SHA-256 of the content, in lower-case hexadecimal, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha256: Option<String>,
    /// A sketch of the words of the page, in hexadecimal, where that was asked for and there are enough of them: pages with
    /// nearly the same words differ in few bits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sketch: Option<String>,
    /// What it repeats, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duplicate: Option<Box<Duplicate>>,
    /// The content as text, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub body: Option<String>,
    /// The content as text, for conditions on records; no part of this one.
    #[serde(skip)]
    pub unshown: Option<Box<str>>,
    /// The file that its content was saved in, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub saved: Option<String>,
    /// The number of that file while it has no name yet; no part of the record.
    #[serde(skip)]
    pub part: Option<u64>,
    /// What became of it since the run before, where there was one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub change: Option<Change>,
    /// The server said that it is what an earlier run had got, whose facts these are.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub cached: bool,
    /// The place of its line among the seeds, for what goes by their order; no part of the record.
    #[serde(skip)]
    pub place: u64,
    /// For a later run to compare with; kept in a state and no part of the record.
    #[serde(skip)]
    pub validators: Option<Box<Validators>>,
    /// Where the time went, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub timing: Option<Timing>,
    /// Who answered last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub remote_addr: Option<SocketAddr>,
    /// What that server showed of itself, where that was asked for and TLS was spoken.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub certificate: Option<Box<Certificate>>,
    /// `HTTP/1.1`, `HTTP/2.0`, …
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub http_version: Option<Cow<'static, str>>,
    /// Requests that were sent for it, redirects and retries included.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub attempts: u32,
}

/// A link of a page, in its record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outlink {
    /// Absolute, without userinfo; as it is written where it is no URL.
    pub url: String,
    /// What it is.
    pub kind: LinkKind,
    /// The text of an `a`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text: Option<String>,
    /// It asks crawlers not to follow it.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub nofollow: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands fields by reference"
)]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Visit {
    /// A record with a verdict and nothing else known.
    #[must_use]
    pub fn new(id: String, url: Arc<str>, outcome: Outcome) -> Self {
        Self {
            id,
            url,
            input: None,
            line: None,
            source: None,
            fragment: None,
            outcome,
            status: None,
            final_url: None,
            redirects: Vec::new(),
            error: None,
            known: false,
            suggestion: None,
            depth: None,
            referrer: None,
            content_type: None,
            charset: None,
            size: None,
            title: None,
            canonical: None,
            robots: None,
            lastmod: None,
            links: None,
            fields: Map::new(),
            sha256: None,
            sketch: None,
            duplicate: None,
            body: None,
            unshown: None,
            saved: None,
            part: None,
            change: None,
            cached: false,
            place: 0,
            validators: None,
            timing: None,
            remote_addr: None,
            certificate: None,
            http_version: None,
            attempts: 0,
        }
    }

    /// Takes `failure` in, with the verdict that goes with it.
    pub fn fail(&mut self, failure: Failure) {
        self.outcome = failure.kind.outcome();
        self.error = Some(failure);
    }
}

/// How a run stands, or stood at its end.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// Records by verdict.
    pub ok: u64,
    /// Records by verdict.
    pub broken: u64,
    /// Of these, the ones that an earlier run had found broken too.
    pub known: u64,
    /// Records by verdict.
    pub unknown: u64,
    /// Records by verdict.
    pub excluded: u64,
    /// Records by failure kind, in the order in which the kinds were first met.
    pub failures: Vec<(FailureKind, u64)>,
    /// Records of this run that were made of what an earlier one was answered.
    pub cached: u64,
    /// Records that make the run fail, where that was said; else it is the broken ones.
    pub failing: Option<u64>,
    /// Links that were written anew in their sources.
    pub fixed: u64,
    /// Records that no output took, because a condition kept them out.
    pub filtered: u64,
    /// Requests that were sent.
    pub requests: u64,
    /// Requests that wait for an answer now.
    pub in_flight: usize,
    /// Targets that are known and not yet begun.
    pub pending: u64,
    /// Of the distinct targets that records wait for: how many are judged, and how many there are; where records do wait.
    pub targets: Option<(u64, u64)>,
    /// Documents that were read and parsed.
    pub documents: u64,
    /// Bytes of content after decoding.
    pub bytes: u64,
    /// Records by status code, in the order in which the codes were first met.
    pub statuses: Vec<(u16, u64)>,
    /// How long requests took in this run, once it has ended.
    pub times: Option<Times>,
    /// The slowest hosts of this run, the slowest first.
    pub slowest: Vec<HostTime>,
    /// Found in scope and not visited in this run, by the reason in words.
    pub cuts: Vec<(&'static str, u64)>,
    /// Pages that repeat another one, where that was asked for.
    pub duplicates: Option<Duplicates>,
    /// Records by what became of their target since the run before, where there was one.
    pub changes: Vec<(Change, u64)>,
    /// Since the run began.
    pub elapsed: std::time::Duration,
    /// The longest time that the event loop was not at hand.
    pub longest_stall: std::time::Duration,
}

/// How long requests took, each in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Half of them at most.
    pub half: std::time::Duration,
    /// 90 % of them at most.
    pub most: std::time::Duration,
    /// 99 % of them at most.
    pub nearly_all: std::time::Duration,
}

/// How long the requests to an origin took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostTime {
    /// Whose.
    pub origin: Origin,
    /// How many there were.
    pub requests: u64,
    /// The mean of their times.
    pub mean: std::time::Duration,
}

impl Summary {
    /// All records.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.ok + self.broken + self.unknown + self.excluded
    }

    /// Counts one record.
    pub fn count(&mut self, visit: &Visit) {
        self.count_many(
            visit.outcome,
            visit.error.as_ref().map(|failure| failure.kind),
            1,
        );
        self.cached += u64::from(visit.cached);
        if let Some(status) = visit.status {
            self.count_status(status, 1);
        }
        self.known += u64::from(visit.known && visit.outcome == Outcome::Broken);
        if let Some(change) = visit.change {
            self.count_change(change, 1);
        }
    }

    /// Counts `number` records of one change.
    pub fn count_change(&mut self, change: Change, number: u64) {
        match self.changes.iter_mut().find(|(known, _)| *known == change) {
            Some((_, count)) => *count += number,
            None => self.changes.push((change, number)),
        }
    }

    /// Counts `number` records of one status code.
    pub fn count_status(&mut self, status: u16, number: u64) {
        match self.statuses.iter_mut().find(|(code, _)| *code == status) {
            Some((_, count)) => *count += number,
            None => self.statuses.push((status, number)),
        }
    }

    /// Counts `number` records of one verdict.
    pub fn count_many(&mut self, outcome: Outcome, failure: Option<FailureKind>, number: u64) {
        match outcome {
            Outcome::Ok => self.ok += number,
            Outcome::Broken => self.broken += number,
            Outcome::Unknown => self.unknown += number,
            Outcome::Excluded => self.excluded += number,
        }
        // What is left out by its nature has nothing wrong with it.
        if let Some(failure) = failure.filter(|kind| kind.outcome() != Outcome::Excluded) {
            match self.failures.iter_mut().find(|(kind, _)| *kind == failure) {
                Some((_, count)) => *count += number,
                None => self.failures.push((failure, number)),
            }
        }
    }
}
