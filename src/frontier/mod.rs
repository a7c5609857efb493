//! Floor 2: what shall be fetched next, and when it may be.
//!
//! A [`Frontier`] holds everything discovered and not yet settled. It alone decides what goes out next and
//! when: the seen-set, each origin's clock and width, depth, robots, retries, and the end. **No request
//! happens without a [`Lease`], and one lease is one request**: a redirect's hop, a retry, the GET after a
//! HEAD and robots.txt are each leased at their own origin, so there is no way past a clock.
//!
//! The order of calls: [`add`](Frontier::add) what is known, [`lease`](Frontier::lease) until there is
//! nothing, send, and [`settle`](Frontier::settle) each lease once with the [`Step`] that policy chose.
//! [`leases`] turns that into the stream that feeds the pool.
//!
//! `add` and `settle` take effect when they are called and never wait: whoever settles in the same breath
//! in which a record was accepted has made the two one event, which is what makes a durable store able to
//! commit both or neither. What must wait (a slow disk, a server) holds back the next lease instead; that
//! is the back-pressure. A store on a server fits: it gathers what was settled, sends it with the next
//! claim, and answers from there.
//!
//! To add a store: one file here that implements the trait, its row in [`STORES`], its constructor in the
//! conformance suite, which every store must pass.
//!
//! | file | holds |
//! | --- | --- |
//! | `leases` | [`leases`]: the stream that feeds the pool |
//! | `workbench` | the politeness clock: origins, queues, widths, robots; no storage |
//! | `bench` | one origin: what waits there, and its clock |
//! | `gate` | the clock that all origins share |
//! | `rules` | what is known of an origin's robots.txt |
//! | `intake` | what is new and within the budget |
//! | `aside` | what waits because its folder has had its share |
//! | `pending` | a target while it waits |
//! | `packed` | very many of them |
//! | `later` | a retry until it is due |
//! | `queue` | what waits at one origin, and the window on what a store keeps of it |
//! | `memory` | [`Memory`]: for runs that end with their process |
//! | `sqlite` | [`Sqlite`]: one file, durable; survives kill -9 |
//! | `list` | [`List`]: the same file for a list, which is read again |
//! | `keeper` | the thread that writes it |
//! | `places` | which places of a list are done |
//! | `store` | the state file: its tables, and what is read back |
//! | [`visited`] | the visits of a state: what they add up to, and their records, for those who compare |
//! | `journal` | the thread that writes it |
//! | `seal` | what makes damage to the file visible |

mod aside;
mod bench;
mod gate;
mod intake;
mod journal;
mod keeper;
mod later;
mod leases;
mod list;
mod memory;
mod packed;
mod pending;
mod places;
mod queue;
mod rules;
mod seal;
mod sqlite;
mod store;
mod visited;
mod workbench;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod refusal;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, LocalBoxFuture, Ready};
use http::Method;
use tokio::sync::oneshot;
use tokio::time::Instant;
use url::Url;

use crate::model::target::Naming;
use crate::model::{Failure, Hop, Origin, Target, Visit};
use crate::policy::budget::{Budget, Cut};
use crate::policy::order::Order;
use crate::policy::politeness::{Felt, Pace, Politeness};
use crate::policy::robots::Robots;

pub use leases::{A_TURN, LOOK_AHEAD, LOOK_AHEAD_BYTES, Seeds, leases};
pub use list::List;
pub use memory::Memory;
pub use sqlite::{Begin, Begun, Sqlite};
pub use visited::visited;

/// The stores, by the flag that asks for each.
pub const STORES: &[(&str, &str)] = &[
    (
        "memory",
        "the default: nothing is kept when the process ends",
    ),
    (
        "sqlite",
        "--state PATH: one file; the same command resumes it after any end",
    ),
];

/// Why a frontier cannot go on.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum FrontierError {
    /// The state file cannot be opened, read or written.
    #[error("cannot use the state {path}: {reason}")]
    State {
        /// The file.
        path: String,
        /// What is wrong, and where there is one, the way out.
        reason: String,
    },
    /// The state was begun by another command.
    #[error(
        "the state {path} was begun with {differences}; use the same again, another --state, or --fresh to start anew"
    )]
    OtherCommand {
        /// The file.
        path: String,
        /// `name: begun with A, now B`, joined.
        differences: String,
    },
    /// The list is not the one that was read before.
    #[error(
        "the state {path} was begun with another list: {difference}; use the same list again, another --state, or --fresh to start anew"
    )]
    OtherList {
        /// The file.
        path: String,
        /// Where it differs first.
        difference: String,
    },
}

/// How a frontier treats what it is given.
#[derive(Clone)]
pub struct Options {
    /// A page key that was added before is not added again.
    pub unique: bool,
    /// Ask for the robots.txt of what this is true of, and obey it.
    pub robots: Option<RobotsFor>,
    /// Nothing deeper than this, and each level only after the one before: a URL within reach by its
    /// shortest way is visited whatever the timing.
    pub depth: Option<u32>,
    /// Which targets of an origin go first.
    pub order: Order,
    /// How much may be discovered; what is beyond is counted and dropped.
    pub budget: Budget,
    /// The pace of an origin.
    pub pace: PaceOf,
    /// Least time between two requests, whatever their origins.
    pub gap: Option<Duration>,
}

/// Which URLs are only asked for if robots.txt allows it.
pub type RobotsFor = Rc<dyn Fn(&Url) -> bool>;

/// All URLs are.
#[must_use]
pub fn robots_everywhere() -> RobotsFor {
    Rc::new(|_| true)
}

/// The pace for requests to a URL's origin, by who named it and by the Crawl-delay of its robots.txt.
pub type PaceOf = Rc<dyn Fn(&Url, Naming, Option<Duration>) -> Pace>;

/// The pace that `politeness` gives.
#[must_use]
pub fn paced(politeness: Politeness) -> PaceOf {
    Rc::new(move |url, naming, crawl_delay| politeness.pace(url, naming, crawl_delay))
}

/// What a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Errand {
    /// The target itself.
    Visit,
    /// The robots.txt of that origin; whatever waits there waits for the answer.
    Robots(Origin),
}

/// A target under way: where the next request for it goes, and what happened so far.
#[derive(Debug, Clone)]
pub struct Task {
    /// Stable number of the target in its run, in the order of adding.
    pub id: u64,
    /// What was asked for.
    pub target: Target,
    /// What the request is for.
    pub errand: Errand,
    /// Where a redirect led, if one did.
    pub moved: Option<Box<Url>>,
    /// How.
    pub method: Method,
    /// A redirect has changed the method, and so took content and what describes it away (RFC 9110, section 15.4).
    pub bare: bool,
    /// Who named the host of `url`.
    pub naming: Naming,
    /// The hops that redirected, in order.
    pub hops: Vec<Hop>,
    /// Requests sent for it, in all.
    pub attempts: u32,
    /// Requests sent since the last hop that count as tries.
    pub tries: u32,
    /// Those that do not, because the fault was not the server's.
    pub unsent: u32,
    /// What it waited for retries in all.
    pub waited: Duration,
    /// When its first request was leased.
    pub begun: Option<Instant>,
}

impl Task {
    /// A target that never got its turn, as the record of that needs it.
    #[must_use]
    pub fn unbegun(target: Target) -> Self {
        Self::of(0, target)
    }

    /// Where the next request goes: the target itself, or where a redirect led.
    #[must_use]
    pub fn url(&self) -> &Url {
        self.moved.as_deref().unwrap_or(&self.target.url)
    }

    fn of(id: u64, target: Target) -> Self {
        Self {
            id,
            moved: None,
            naming: target.naming,
            target,
            errand: Errand::Visit,
            method: Method::GET,
            bare: false,
            hops: Vec::new(),
            attempts: 0,
            tries: 0,
            unsent: 0,
            waited: Duration::ZERO,
            begun: None,
        }
    }
}

/// Leave to send one request. Given back by [`Frontier::settle`], once.
#[derive(Debug)]
#[must_use = "a lease that is not settled holds its origin's slot for ever"]
pub struct Lease {
    /// What to send.
    pub task: Box<Task>,
    /// No request at all: the target is to be recorded with this failure (robots forbids it, or its text
    /// was no URL). One that [repeats](Target::repeats) another needs none either.
    pub refusal: Option<Failure>,
    /// What the request made felt, for the pace of its origin; told by whoever sent it.
    pub felt: Option<Felt>,
    /// The origin that is asked, and whose slot the lease holds.
    pub origin: Origin,
    /// When it was handed out. What fails has taken its time from then on, and what is done before it is sent counts.
    pub since: Instant,
    place: workbench::Place,
}

/// What becomes of a lease.
#[derive(Debug)]
pub enum Step {
    /// The target has its record.
    Done {
        /// The records, for stores that keep them: its own first.
        visits: Vec<Arc<Visit>>,
        /// Targets that were found on the way.
        found: Vec<Target>,
    },
    /// The same request again (or by another method), not before `wait` has passed.
    Again {
        /// How.
        method: Method,
        /// From now.
        wait: Duration,
    },
    /// A redirect was answered: on to `url`, ahead of what waits at its origin.
    Hop {
        /// The hop that redirected.
        hop: Hop,
        /// Where it led.
        url: Url,
        /// How.
        method: Method,
        /// Who named the new host.
        naming: Naming,
    },
    /// What robots.txt says; ends an [`Errand::Robots`].
    Robots(Answer),
}

/// What asking for robots.txt brought.
#[derive(Debug)]
pub enum Answer {
    /// Rules, also those that a missing or an unreachable file stands for; asked for again after
    /// `valid` (RFC 9309, section 2.4: at most 24 hours).
    Rules {
        /// What to obey.
        rules: Robots,
        /// From now.
        valid: Duration,
    },
    /// The host accepts no connection: its targets share this failure.
    Dead(Failure),
}

/// A step, and how long the origin is to be left alone after it.
#[derive(Debug)]
pub struct Settlement {
    /// What becomes of the lease.
    pub step: Step,
    /// Retry-After, or a spent quota: nothing goes to this origin for so long.
    pub rest: Option<Duration>,
    /// That is too long to wait for: what would be asked for until then is recorded with this instead.
    pub closed: Option<Failure>,
}

impl From<Step> for Settlement {
    fn from(step: Step) -> Self {
        Self {
            step,
            rest: None,
            closed: None,
        }
    }
}

/// The answer to the call for a lease.
#[derive(Debug)]
pub enum Next {
    /// Go.
    Lease(Lease),
    /// Something is due then; before that only what is settled or added can change it.
    At(Instant),
    /// Nothing until something is settled or added.
    Waiting,
    /// Nothing is queued and nothing is leased: the end, unless more is added.
    Idle,
}

/// What the outputs have on their medium; a store keeps it together with what it covers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// The length of each output, in the order in which outputs were given.
    pub lengths: Vec<u64>,
    /// Records that no output took.
    pub filtered: u64,
    /// Where records keep to the order of their list: all up to this place are written, and none beyond.
    pub through: Option<u64>,
}

/// The next lease: at hand, or to be waited for.
pub type Leasing<'a> =
    Either<Ready<Result<Next, FrontierError>>, LocalBoxFuture<'a, Result<Next, FrontierError>>>;

/// Sent once everything that was accepted before is on its medium.
pub type Barrier = oneshot::Receiver<Written>;

/// Everything discovered and not yet settled. The module's page gives the contract.
pub trait Frontier {
    /// Takes targets in; those known already are passed over. Returns how many were new.
    fn add(&self, targets: Vec<Target>) -> u64;

    /// The next lease, or when to ask again.
    ///
    /// # Errors
    /// When the store can no longer keep what it is told; the run cannot go on.
    fn lease(&self) -> Leasing<'_>;

    /// Takes a lease back.
    fn settle(&self, lease: Lease, settlement: Settlement);

    /// Makes everything added and settled before this call durable, together with the lengths of the
    /// outputs; `finished` closes the run with its exit code. Begins when called; the future reports.
    ///
    /// # Errors
    /// When it could not be made durable, or `outputs` were not.
    fn commit(
        &self,
        outputs: Barrier,
        finished: Option<u8>,
    ) -> LocalBoxFuture<'static, Result<(), FrontierError>>;

    /// Is something added or settled since the last [`commit`](Self::commit)?
    fn dirty(&self) -> bool;

    /// Waits until something was added or settled since the last such wait.
    fn changed(&self) -> LocalBoxFuture<'_, ()>;

    /// Targets not yet begun or waiting for their next request, and the bytes of their text.
    fn pending(&self) -> (u64, u64);

    /// Discovered targets that were dropped because of [`Options::budget`], by the reason.
    fn cuts(&self) -> Vec<(Cut, u64)>;

    /// The end before the end: hands out the seeds that were not begun, for stores that do not keep them
    /// for the next run. Afterwards nothing is pending.
    fn abandon(&self) -> Vec<Target>;
}
