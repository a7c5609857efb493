//! `fetch`: the URLs of a list, each once for every line that names it, nothing followed but redirects.
//!
//! Every line gets exactly one record, also when its text is no URL. robots.txt is not asked for: the user
//! named each URL himself (RFC 9309 is about crawlers). Without `--unique` there is no seen-set, so a list of any
//! length runs in constant memory.

use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::future::ready;

use super::content::{Content, Found, Wanted};
use super::crawl::State;
use super::order::{Passed, within};
use super::pipeline::{End, Judged, Judging, Work};
use super::repeats::Repeats;
use super::{Before, Error, Limits, Report, Setting, record, run};
use crate::frontier::{Frontier, List, Memory, Options, PaceOf, Seeds, Task, paced};
use crate::input;
use crate::model::{Message, Target};
use crate::policy::budget::Budget;
use crate::policy::order::Order;
use crate::policy::politeness::Politeness;

/// A run over a list.
pub struct Fetch<'a> {
    /// The lines, as they are read.
    pub seeds: Seeds<'a>,
    /// The pace of an origin.
    pub pace: PaceOf,
    /// What the records shall hold of the content.
    pub wanted: Wanted,
    /// How every line is asked for that does not say so itself, where that is no plain GET.
    pub message: Option<Arc<Message>>,
    /// Lines that ask for the same are asked for once.
    pub unique: bool,
    /// Records come in the order of the lines; from its first request on, a line has so long for all of its requests
    /// and waits, because others wait for its record.
    pub ordered: Option<Duration>,
    /// Where the run is kept, for later ones to go on.
    pub state: Option<State>,
    /// Set by whoever reads the list when it cannot be read to its end.
    pub cut: Arc<AtomicBool>,
}

impl Fetch<'_> {
    /// How an origin is asked where nothing is said.
    pub const POLITENESS: Politeness = Politeness {
        delay: None,
        public_delay: Duration::ZERO,
        longest: Duration::from_secs(10),
        width: NonZeroUsize::MIN.saturating_add(15),
    };

    /// A run over `urls` as the command line does it where nothing is said.
    #[must_use]
    pub fn new(urls: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let urls: Vec<_> = urls
            .into_iter()
            .map(|url| url.as_ref().to_owned())
            .collect();
        let targets = input::arguments(&urls, "https");
        Self {
            seeds: futures::stream::iter([targets]).boxed_local(),
            pace: paced(Self::POLITENESS),
            wanted: Wanted::default(),
            message: None,
            unique: false,
            ordered: None,
            state: None,
            cut: Arc::default(),
        }
    }

    /// Fetches every line once.
    ///
    /// # Errors
    /// When the state or an output cannot be used or written, or the list is another one than the state has read; what
    /// was written before is complete.
    pub async fn run(self, setting: Setting) -> Result<Report, Error> {
        let options = Options {
            unique: false,
            robots: None,
            depth: None,
            order: Order::default(),
            budget: Budget::default(),
            gap: setting.limits.gap,
            pace: self.pace,
        };
        let order = self.ordered.map(|_| Arc::<Passed>::default());
        let work = Lines {
            limits: setting.limits.clone(),
            wanted: Wanted {
                captures: setting.captures(),
                ..self.wanted
            },
            message: self.message,
            repeats: self.unique.then(Rc::<Repeats>::default),
            patience: self.ordered,
            cut: self.cut,
        };
        let Some(state) = self.state else {
            let frontier = Memory::new(options);
            let before = Before {
                order,
                ..Before::default()
            };
            return work.run(setting, &frontier, self.seeds, before).await;
        };
        let (frontier, begun) = List::open(
            &state.path,
            state.begin,
            &state.command,
            options,
            self.ordered.is_some(),
            setting.limits.fail_on.clone(),
        )?;
        if let Some(code) = begun.finished {
            return Ok(Report {
                summary: begun.summary,
                interrupted: false,
                spent: None,
                finished_before: Some(code),
            });
        }
        let before = Before {
            durable: true,
            again: false,
            written: begun.written,
            summary: begun.summary,
            order,
        };
        let seeds = self.seeds.map(|batch| frontier.admit(batch)).boxed_local();
        work.run(setting, &frontier, seeds, before).await
    }
}

/// The verdicts of `fetch`.
struct Lines {
    limits: Limits,
    wanted: Wanted,
    message: Option<Arc<Message>>,
    repeats: Option<Rc<Repeats>>,
    patience: Option<Duration>,
    cut: Arc<AtomicBool>,
}

impl Lines {
    /// Runs the loop; the list is read no further than its window, and what repeats a line waits for it.
    async fn run(
        self,
        setting: Setting,
        frontier: &dyn Frontier,
        mut seeds: Seeds<'_>,
        before: Before,
    ) -> Result<Report, Error> {
        if let Some(passed) = &before.order {
            seeds = within(seeds, Arc::clone(passed));
        }
        if let Some(repeats) = &self.repeats {
            seeds = repeats.without(seeds);
        }
        run(setting, frontier, &self, seeds, before).await
    }
}

impl Work for Lines {
    fn receive(&self, _: &Task) -> Content {
        Content::wanted(self.wanted.clone())
    }

    fn message(&self, task: &Task) -> Option<Arc<Message>> {
        match (&task.target.message, &self.message) {
            (Some(own), Some(common)) => Some(Arc::new(own.over(common))),
            (own, common) => own.as_ref().or(common.as_ref()).cloned(),
        }
    }

    fn judge<'a>(&'a self, task: &'a Task, end: End, mut found: Found) -> Judging<'a> {
        let visit = record::of(task, end, &mut found, &self.limits.accept);
        let repeats = self.repeats.as_ref();
        let repeated = repeats.map(|repeats| repeats.answered(&task.target, &visit));
        let mut records = vec![visit];
        records.extend(repeated.into_iter().flatten().map(Arc::new));
        Judging::Left(ready(Judged {
            records,
            found: Vec::new(),
        }))
    }

    fn patience(&self) -> Option<Duration> {
        self.patience
    }

    fn is_whole(&self) -> bool {
        !self.cut.load(Ordering::Acquire)
    }

    fn keeps(&self, task: &Task) -> Option<u64> {
        self.repeats.as_ref()?.number(&task.target)
    }

    fn accepted(&self, task: &Task) -> Vec<Target> {
        let repeats = self.repeats.as_ref();
        repeats.map_or_else(Vec::new, |repeats| repeats.accepted(&task.target))
    }
}

/// The default width and more of a job, for those who build on the library.
#[must_use]
pub const fn default_concurrency() -> NonZeroUsize {
    match NonZeroUsize::new(64) {
        Some(width) => width,
        None => NonZeroUsize::MIN,
    }
}
