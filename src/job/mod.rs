//! Floor 3: the one pipeline, and the three jobs on it. Only this floor knows all stages.
//!
//! The jobs differ in which seeds enter, what is followed, and which verdict is given; each is one file:
//!
//! | file | job |
//! | --- | --- |
//! | `fetch` | [`Fetch`]: just these URLs, one record a line |
//! | `crawl` | [`Crawl`]: links in scope are followed, robots.txt is obeyed |
//! | `duplicates` | pages that repeat another one |
//! | `explain` | what a crawl would say of one URL |
//! | `check` | [`Check`]: every link of every input gets a verdict |
//! | `pipeline` | the loop |
//! | `clock` | how the run stands, and when what was settled is committed |
//! | `caching` | what the cache has to do with a request |
//! | `exchange` | one request as it is sent, what it made felt, and the copy for an archive |
//! | `decision` | what its answer leads to |
//! | `robots` | the errand for a robots.txt |
//! | `order` | records in the order of their list |
//! | `kept` | records that are asked for again |
//! | `repeats` | lines of a list that ask for the same |
//! | `measure` | how long requests take, and where |
//! | `saving` | bodies on their way to files of their own |
//! | `spent` | records that are written, on their way back |
//! | `writer` | outputs on their own thread, and how far they are committed |
//! | `output` | one of them |
//! | `document` | one that is made at the end, and what it is made of |
//! | `record` | from a task's end to its record |
//! | `content` | content as it arrives, into the parser that its type asks for; what is heavy leaves the loop |

mod caching;
mod check;
mod clock;
mod content;
mod crawl;
mod decision;
mod document;
mod duplicates;
mod exchange;
mod explain;
mod fetch;
mod kept;
mod measure;
mod order;
mod output;
mod pipeline;
mod record;
mod repeats;
mod robots;
mod saving;
mod spent;
mod writer;

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use crate::cache::Cache;
use crate::fetcher::{Fetcher, Http};
use crate::frontier::{Frontier, FrontierError, Seeds, Written};
use crate::model::{Event, Failure, FailureKind, Outcome, Reporter, Silent, Summary, Visit};
use crate::policy::accept::Accept;
use crate::policy::cookies::Jar;
use crate::policy::fail_on::FailOn;
use crate::policy::filter::Filter;
use crate::policy::headers::{AGENT, Bound, FieldError};
use crate::policy::robots::product_token;
use crate::sink::{Captures, Standing};

pub use check::{
    Archive, Baseline, Changed, Check, Fix, Fragments, Input as CheckInput, Moved, Preprocess,
    Recursion, Remap, Rule,
};
pub use content::Wanted;
pub use crawl::{Crawl, State};
pub use explain::Explanation;
pub use fetch::{Fetch, default_concurrency};
pub use output::{Destination, Output, OutputError};

/// Requests in flight are given so long when a run is asked to stop.
pub const DRAIN: Duration = Duration::from_secs(5);

/// What every job works with.
pub struct Setting {
    /// Sends requests.
    pub fetcher: Rc<dyn Fetcher>,
    /// Hears how it goes.
    pub reporter: Rc<dyn Reporter>,
    /// Take the records.
    pub outputs: Vec<Output>,
    /// The folder that keeps the bodies of good answers, each in a file of its own; made where it is not there.
    pub save: Option<PathBuf>,
    /// What earlier runs were answered.
    pub cache: Option<Cache>,
    /// Which records they take.
    pub filter: Filter,
    /// The rules that all jobs share.
    pub limits: Limits,
    /// Ends the run early.
    pub stop: Stop,
}

impl Setting {
    /// With the fetcher and the limits that the command line has where nothing is said, and nobody to hear how it goes.
    #[must_use]
    pub fn new(outputs: Vec<Output>) -> Self {
        Self {
            fetcher: Rc::new(Http::default()),
            reporter: Rc::new(Silent),
            outputs,
            save: None,
            cache: None,
            filter: Filter::default(),
            limits: Limits::default(),
            stop: Stop::default(),
        }
    }

    /// What the outputs take of exchanges, beside records.
    fn captures(&self) -> Captures {
        captures(&self.outputs)
    }

    /// Does anybody look at records that nothing is wrong with?
    fn takes_good(&self) -> bool {
        self.limits.fail_on.is_some()
            || !self.filter.is_empty()
            || self.outputs.iter().any(Output::takes_good)
    }
}

fn captures(outputs: &[Output]) -> Captures {
    let all = outputs.iter().map(Output::captures);
    all.fold(Captures::NONE, Captures::and)
}

/// The rules that all jobs share.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests in flight, in all.
    pub concurrency: NonZeroUsize,
    /// Tries beyond the first, for what is transient.
    pub retries: u32,
    /// Hops that are followed.
    pub max_redirects: usize,
    /// What one URL may wait for retries, in all.
    pub max_wait: Duration,
    /// Bytes of content after which no more is asked for.
    pub max_bytes: Option<u64>,
    /// Least time between two requests of this process, whatever their origins.
    pub gap: Option<Duration>,
    /// Status codes that are good.
    pub accept: Accept,
    /// What makes the run fail instead of a broken record.
    pub fail_on: Option<FailOn>,
    /// What could not be judged makes it fail too.
    pub strict: bool,
    /// The fields that go out, each with the origins that it may go to.
    pub fields: Bound,
    /// The cookies that are sent and set; without a jar there are none.
    pub cookies: Option<Rc<RefCell<Jar>>>,
    /// The name that robots.txt groups are matched with: the first product of the user agent.
    pub product_token: String,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: default_concurrency(),
            retries: 2,
            max_redirects: 10,
            max_wait: Duration::from_secs(300),
            max_bytes: None,
            accept: Accept::default(),
            fail_on: None,
            strict: false,
            fields: Bound::default(),
            cookies: None,
            gap: None,
            product_token: product_token(AGENT).to_owned(),
        }
    }
}

impl Limits {
    /// Does this record make the run fail?
    fn fails(&self, visit: &Visit) -> bool {
        let named = self.fail_on.as_ref();
        let named = named.map_or(visit.outcome == Outcome::Broken, |list| list.matches(visit));
        !visit.known && (named || self.strict && visit.outcome == Outcome::Unknown)
    }

    /// The defaults, under another name: `agent` is the User-Agent, such as `harbour/1.0 (+https://harbour.example/bot)`,
    /// and its first product is what robots.txt groups are matched with.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn named(agent: &str) -> Result<Self, FieldError> {
        Ok(Self {
            fields: Bound::new(agent, [], None)?,
            product_token: product_token(agent).to_owned(),
            ..Self::default()
        })
    }
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Report {
    /// What was counted, earlier runs of the same state included.
    pub summary: Summary,
    /// The stop was asked for before everything was done.
    pub interrupted: bool,
    /// A budget of the whole run ended it.
    pub spent: Option<Spent>,
    /// An earlier run had finished already, with this exit code; nothing was fetched.
    pub finished_before: Option<u8>,
}

/// Why a run could not go on. A broken link is never one of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The frontier.
    #[error(transparent)]
    Frontier(#[from] FrontierError),
    /// An output.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// An input that the user named.
    #[error("cannot read the input {name}: {reason}")]
    Input {
        /// The input as named.
        name: String,
        /// What the system said, or what is wrong with it.
        reason: String,
    },
}

/// The wish to end a run before its end. Cheap to clone; every clone hears it.
#[derive(Debug, Clone)]
pub struct Stop {
    asked: watch::Receiver<Option<Asked>>,
    ask: watch::Sender<Option<Asked>>,
}

/// That it was asked for.
#[derive(Debug, Clone, Copy)]
struct Asked {
    /// Requests in flight may go on until then.
    until: Instant,
    /// No person asked, but a budget.
    spent: Option<Spent>,
}

/// A budget of the whole run, which ends it when it is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spent {
    /// `--max-time`.
    Time,
    /// `--max-bytes`.
    Bytes,
}

impl Spent {
    /// The flag that changes it.
    #[must_use]
    pub fn flag(self) -> &'static str {
        match self {
            Self::Time => "--max-time",
            Self::Bytes => "--max-bytes",
        }
    }
}

impl Default for Stop {
    fn default() -> Self {
        let (ask, asked) = watch::channel(None);
        Self { asked, ask }
    }
}

impl Stop {
    /// Asks for the end: no new requests; those in flight are given [`DRAIN`].
    pub fn ask(&self) {
        self.ask.send_if_modified(|asked| {
            let first = asked.is_none_or(|asked| asked.spent.is_some());
            if first {
                *asked = Some(Asked {
                    until: Instant::now() + DRAIN,
                    spent: None,
                });
            }
            first
        });
    }

    /// Ends the run because a budget is spent; what is in flight when time is up is not waited for.
    pub fn spend(&self, spent: Spent) {
        self.ask.send_if_modified(|asked| {
            let first = asked.is_none();
            let drain = if spent == Spent::Time {
                Duration::ZERO
            } else {
                DRAIN
            };
            asked.get_or_insert_with(|| Asked {
                until: Instant::now() + drain,
                spent: Some(spent),
            });
            first
        });
    }

    /// The budget that ended the run, if one did.
    #[must_use]
    pub fn spent(&self) -> Option<Spent> {
        self.asked.borrow().and_then(|asked| asked.spent)
    }

    /// Why a target was not done, the end having come before `what`.
    fn failure(&self, what: &str) -> Failure {
        let message = match self.spent() {
            Some(spent) => format!("{} was spent before {what}", spent.flag()),
            None => format!("the run was ended before {what}"),
        };
        Failure::new(FailureKind::Interrupted, message)
    }

    /// Was it asked for?
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.asked.borrow().is_some()
    }

    /// Completes when it is asked for.
    async fn draining(&self) {
        let mut asked = self.asked.clone();
        // Fails only when every sender is gone, and this is one.
        let _ = asked.wait_for(Option::is_some).await;
    }

    /// Completes when the drain is over.
    async fn deadline(&self) {
        let mut asked = self.asked.clone();
        let end = asked
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|asked| asked.map(|asked| asked.until));
        match end {
            Some(end) => tokio::time::sleep_until(end).await,
            None => std::future::pending().await,
        }
    }
}

/// What a finished summary says about the exit: 1 when something is broken that was not known to be, or what was said to
/// make it fail.
#[must_use]
pub fn exit_code(summary: &Summary) -> u8 {
    u8::from(summary.failing.unwrap_or(summary.broken - summary.known) > 0)
}

/// Runs the loop over a frontier and closes outputs and state: what the jobs share from here on.
async fn run(
    setting: Setting,
    frontier: &dyn Frontier,
    work: &dyn pipeline::Work,
    seeds: Seeds<'_>,
    before: Before,
) -> Result<Report, Error> {
    let Setting {
        fetcher,
        reporter,
        outputs,
        save,
        cache,
        filter,
        limits,
        stop,
    } = setting;
    let standing = match &before {
        Before { durable: false, .. } => Standing::Alone,
        Before { written, .. } if !written.lengths.is_empty() => Standing::Resumed,
        Before { again: true, .. } => Standing::Again,
        Before { .. } => Standing::First,
    };
    let writer = writer::Writer::open(
        outputs,
        save,
        filter,
        before.order,
        &before.written,
        standing,
    )?;
    let began = Instant::now();
    let pipeline = pipeline::Pipeline {
        frontier,
        fetcher: &*fetcher,
        writer: &writer,
        cache: cache.as_ref(),
        reporter: &*reporter,
        work,
        limits: &limits,
        stop: stop.clone(),
        over: pipeline::Over::default(),
        durable: before.durable,
        summary: RefCell::new(Summary {
            failing: (limits.fail_on.is_some() || limits.strict)
                .then(|| before.summary.failing.unwrap_or(0)),
            ..before.summary
        }),
        began,
        measure: RefCell::default(),
        left: Cell::new(0),
    };
    pipeline.run(seeds).await?;
    let spent = stop.spent();
    let left = pipeline.left.get();
    let ended = stop.is_asked();
    let interrupted = ended && spent.is_none();
    let mut summary = pipeline.summary.into_inner();
    pipeline.measure.borrow_mut().tell(&mut summary);
    summary.elapsed = began.elapsed();
    summary.in_flight = 0;
    summary.pending = 0;
    summary.duplicates = work.duplicates();
    let cuts = frontier.cuts().into_iter();
    summary.cuts = cuts.map(|(cut, count)| (cut.reason(), count)).collect();
    if let Some(spent) = spent.filter(|_| left > 0) {
        summary.cuts.push((spent.flag(), left));
    }
    let lost = summary.ok == 0 && summary.broken == 0 && summary.unknown > 0;
    if lost && !ended && work.lives_on_its_seeds() && summary.failing.is_none() {
        reporter.on(&Event::Warning("no seed could be visited"));
        summary.failing = Some(summary.unknown);
    }
    // A run counts as finished when its outputs are: whoever is killed in between does that part again.
    let finished = (!ended && work.is_whole()).then(|| exit_code(&summary));
    let (summary, written) = writer.finish(summary).await?;
    if let Some(Err(error)) = cache.map(Cache::close) {
        reporter.on(&Event::Warning(&error.to_string()));
    }
    if before.durable {
        let (told, committed) = oneshot::channel();
        // Its other end is in this function.
        let _ = told.send(written);
        frontier.commit(committed, finished).await?;
    }
    Ok(Report {
        summary,
        interrupted,
        spent,
        finished_before: None,
    })
}

/// What a run begins with.
#[derive(Default)]
struct Before {
    durable: bool,
    /// A finished run, whose targets are visited again.
    again: bool,
    written: Written,
    summary: Summary,
    /// Records keep to the order of the seeds, and this is how far they are.
    order: Option<Arc<order::Passed>>,
}
