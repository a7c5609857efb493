//! The one loop that all three jobs are.
//!
//! ```text
//! leases ─▶ send ─▶ decide ─▶ Again / Hop ─▶ settle
//!                          └▶ Done ─▶ records accepted ─▶ settle with what was found
//! ```
//!
//! Each future of the pool takes one lease from start to settlement, and nothing slow happens outside the
//! pool: `buffer_unordered` does not poll its futures while its consumer awaits. Retries and redirects are
//! not loops here but settlements; the frontier hands them out again when their origin's clock allows.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, LocalBoxFuture, Ready, ready};
use futures::{FutureExt, StreamExt, TryStreamExt};
use http::{HeaderMap, Method, StatusCode};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::caching::{Cached, store};
use super::content::{self, Content, Found};
use super::decision::{Decision, too_long};
use super::exchange::{Sent, asked_to_rest, conditions, felt};
use super::measure::Measure;
use super::saving::{Put, put_away};
use super::writer::Writer;
use super::{Error, Limits, Stop, record, robots};
use crate::cache::Cache;
use crate::fetcher::{FetchError, Fetcher};
use crate::frontier::{
    Errand, Frontier, FrontierError, Lease, Seeds, Settlement, Step, Task, leases,
};
use crate::model::{
    Duplicates, Event, Exchange, Failure, FailureKind, Message, Naming, Outcome, Reporter, Summary,
    Target, Visit,
};
use crate::policy::port;

/// What a target's last request came to.
pub(super) enum End {
    /// An answer that is neither retried nor followed on.
    Answer(Box<Exchange>),
    /// No answer, or one that ends in a failure; with the exchange if there was one.
    Failure(Failure, Option<Box<Exchange>>),
    /// A redirect that the job does not follow, and why.
    Left(String, Box<Exchange>),
}

/// What a job makes of a target.
#[derive(Default)]
pub(super) struct Judged {
    /// To be written together, in this order.
    pub(super) records: Vec<Arc<Visit>>,
    /// To be visited too.
    pub(super) found: Vec<Target>,
}

/// The judgement: at hand, or to be waited for.
pub(super) type Judging<'a> = Either<Ready<Judged>, LocalBoxFuture<'a, Judged>>;

/// What differs between the jobs.
pub(super) trait Work {
    /// Takes the content of the answer to `task`'s next request.
    fn receive(&self, task: &Task) -> Content;

    /// Why the redirect to `url` is not followed, if it is not.
    fn leaves(&self, _task: &Task, _url: &url::Url) -> Option<String> {
        None
    }

    /// Who named the host of `url`, which a page or a redirect led to?
    fn naming(&self, from: &Task, url: &url::Url) -> Naming {
        let same = url.host() == from.url().host();
        if same && (url.port() == from.url().port() || !port::is_bad(url)) {
            from.naming
        } else {
            Naming::Page
        }
    }

    /// How the target is asked for, where that is no plain GET.
    fn message(&self, task: &Task) -> Option<Arc<Message>> {
        task.target.message.clone()
    }

    /// By which method the target is asked for, first.
    fn method(&self, task: &Task) -> Method {
        let message = self.message(task);
        message.map_or(Method::GET, |message| message.method())
    }

    /// What the `Sitemap` lines of a robots.txt add; `task` asked for it.
    fn sitemaps(&self, _task: &Task, _lines: &[String]) -> Vec<Target> {
        Vec::new()
    }

    /// Should it be asked for again by another method, after this status or none?
    fn instead(&self, _task: &Task, _status: Option<StatusCode>) -> Option<Method> {
        None
    }

    /// The verdict, with what the parser found.
    fn judge<'a>(&'a self, task: &'a Task, end: End, found: Found) -> Judging<'a>;

    /// Is there a record that nothing stands in the way of any more?
    fn is_due(&self) -> bool {
        false
    }

    /// The next ones of them, some hundred at most.
    fn due(&self) -> Due {
        Due::default()
    }

    /// Of the distinct targets that records wait for, how many are judged, and how many there are.
    fn targets(&self) -> Option<(u64, u64)> {
        None
    }

    /// Pages that repeat another one, where that was asked for.
    fn duplicates(&self) -> Option<Duplicates> {
        None
    }

    /// Has a run failed in which nothing at all was good? It has where all else follows from its seeds.
    fn lives_on_its_seeds(&self) -> bool {
        false
    }

    /// Nothing more will come: what is left is due now, and this is why it was not judged.
    fn end(&self, _left: Failure) {}

    /// Is the input read to its end? A run over less is never finished.
    fn is_whole(&self) -> bool {
        true
    }

    /// The whole time that one target may take from its first request on, where others wait for its record.
    fn patience(&self) -> Option<Duration> {
        None
    }

    /// The number under which the record of `task` is kept, where it may be asked for again.
    fn keeps(&self, _task: &Task) -> Option<u64> {
        None
    }

    /// The record of `task` was accepted: those that waited for it and have no record of their own yet.
    fn accepted(&self, _task: &Task) -> Vec<Target> {
        Vec::new()
    }

    /// Local files, for the job that reads them.
    fn files<'a>(&'a self, _task: &'a Task) -> LocalBoxFuture<'a, Judged> {
        Box::pin(ready(Judged::default()))
    }
}

/// One run of the loop.
pub(super) struct Pipeline<'a> {
    pub(super) frontier: &'a dyn Frontier,
    pub(super) fetcher: &'a dyn Fetcher,
    pub(super) writer: &'a Writer,
    pub(super) cache: Option<&'a Cache>,
    pub(super) reporter: &'a dyn Reporter,
    pub(super) work: &'a dyn Work,
    pub(super) limits: &'a Limits,
    pub(super) stop: Stop,
    pub(super) over: Over,
    /// Unfinished targets stay in the state for the next run: they get no record.
    pub(super) durable: bool,
    pub(super) summary: RefCell<Summary>,
    pub(super) began: Instant,
    pub(super) measure: RefCell<Measure>,
    /// Targets that still waited at the end.
    pub(super) left: Cell<u64>,
}

/// Whether the drain of a [`Stop`] is over: one look at it for all that wait, who hear of it here.
#[derive(Default)]
pub(super) struct Over {
    is: Cell<bool>,
    told: Notify,
}

impl Over {
    fn tell(&self) {
        self.is.set(true);
        self.told.notify_waiters();
    }

    /// Completes when it is.
    pub(super) async fn come(&self) {
        if !self.is.get() {
            self.told.notified().await;
        }
    }
}

/// Links of one page that are taken in at once: half a millisecond.
const AT_ONCE: usize = 500;

impl Pipeline<'_> {
    /// Runs until nothing is left, the stop is asked for, or something cannot go on.
    pub(super) async fn run(&self, seeds: Seeds<'_>) -> Result<(), Error> {
        let pool = leases(self.frontier, seeds, self.stop.draining())
            .map(|lease| self.drive(lease))
            .buffer_unordered(self.limits.concurrency.get())
            .try_for_each(|()| ready(Ok(())));
        tokio::select! {
            result = pool => result?,
            error = self.keep_time() => return Err(error),
            never = self.end() => match never {},
            () = self.writer.closed() => return Err(self.writer.failure().into()),
        }
        self.left.set(self.frontier.pending().0);
        for target in self.frontier.abandon() {
            let failure = self.stop.failure("its turn");
            let task = Task::unbegun(target);
            let judged = self
                .work
                .judge(&task, End::Failure(failure, None), Found::default());
            self.accept(judged.await.records).await?;
        }
        self.work.end(self.stop.failure("its turn"));
        self.accept(Vec::new()).await
    }

    /// Tells those that wait for an answer when it is over.
    async fn end(&self) -> Infallible {
        self.stop.deadline().await;
        self.over.tell();
        pending().await
    }

    /// One lease, from the request to the settlement. Each kind is a future of its own, because every request in flight
    /// is as large as the largest of those that it could have been.
    fn drive(&self, lease: Result<Lease, FrontierError>) -> LocalBoxFuture<'_, Result<(), Error>> {
        let lease = match lease {
            Ok(lease) => lease,
            Err(error) => return Box::pin(ready(Err(error.into()))),
        };
        if let Some(failure) = lease.refusal.clone() {
            Box::pin(self.refuse(lease, failure))
        } else if let Some(number) = lease.task.target.repeats {
            Box::pin(self.repeat(lease, number))
        } else if lease.task.target.files.is_some() {
            Box::pin(self.read(lease))
        } else if lease.task.errand == Errand::Visit {
            self.visit(lease)
        } else {
            Box::pin(self.robots(lease).map(Ok))
        }
    }

    /// No request: the target is recorded with why.
    async fn refuse(&self, lease: Lease, failure: Failure) -> Result<(), Error> {
        if lease.task.errand != Errand::Visit {
            self.settle(lease, Step::Robots(robots::missing(&failure)), None);
            return Ok(());
        }
        let end = End::Failure(failure, None);
        let judged = self.work.judge(&lease.task, end, Found::default()).await;
        self.done(lease, judged, None).await
    }

    /// No request: the record of an earlier line, which is kept under that number, is that of this one too.
    async fn repeat(&self, lease: Lease, number: u64) -> Result<(), Error> {
        let record = self.writer.recall(number).await?;
        let repeated = record.map(|record| record::repeated(&lease.task.target, &record));
        let repeated = repeated.map(Arc::new);
        let judged = Judged {
            records: repeated.into_iter().collect(),
            found: Vec::new(),
        };
        self.done(lease, judged, None).await
    }

    /// No request: local files.
    async fn read(&self, lease: Lease) -> Result<(), Error> {
        let judged = self.work.files(&lease.task).await;
        self.done(lease, judged, None).await
    }

    /// One request for a target. A block in a box and no `async fn`, whose arguments have their place twice: ten thousand of
    /// these can be in flight. What few of them need is in boxes below for the same reason.
    fn visit(&self, mut lease: Lease) -> LocalBoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            if lease.task.attempts == 1 {
                lease.task.method = self.work.method(&lease.task);
            }
            let mut content = self.work.receive(&lease.task);
            content.comes_from(lease.task.url());
            let mut cached = None;
            let request = {
                let mut asked = match self.writer.way() {
                    Some((way, id)) => Box::pin(self.save(way, id, &lease, &mut content)).await?,
                    None => HeaderMap::new(),
                };
                if let Some(before) = &lease.task.target.before
                    && lease.task.hops.is_empty()
                {
                    conditions(&before.validators, &mut asked);
                }
                if let Some(cache) = self.cache {
                    let recalled = self.recall(cache, &lease, &mut content, &mut asked);
                    cached = Box::pin(recalled).await.map(Box::new);
                }
                self.request(&lease, &asked, &mut content)
            };
            let sending = self.send(&lease, request);
            let sent = match self.until(&lease.task) {
                None => sending.await,
                Some(end) => {
                    let sent = Box::pin(timeout_at(end, sending)).await;
                    sent.unwrap_or_else(|_| {
                        self.summary.borrow_mut().in_flight -= 1;
                        Some(Err(FetchError::lasting(
                            FailureKind::Timeout,
                            "no answer in the time of all tries and waits together, which --ordered bounds",
                        )))
                    })
                }
            };
            // Of all that are in flight, few are this far.
            self.conclude(lease, content, cached, sent).await
        })
    }

    /// What follows from what came for a target, or from its absence.
    fn conclude(
        &self,
        mut lease: Lease,
        mut content: Content,
        cached: Option<Box<Cached>>,
        mut sent: Option<Sent>,
    ) -> LocalBoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            lease.felt = sent.as_ref().and_then(felt);
            if let (Some(cache), Some(cached)) = (self.cache, cached) {
                Box::pin(store(cache, *cached, &mut content, &mut sent)).await;
            }
            if let Some(Ok(exchange)) = &sent
                && let captured = content.captured(exchange.cut)
                && (self.writer.captures().coded || captured.decoded.is_some())
            {
                Box::pin(self.capture(&lease, exchange, captured)).await?;
            }
            if let Some(saving) = content.saving()
                && matches!(Box::pin(put_away(saving, &mut sent)).await, Put::Useless)
            {
                self.again(lease, Duration::ZERO);
                return Ok(());
            }
            let task = &*lease.task;
            let Some(sent) = sent else {
                if self.durable {
                    // No record and no settlement: the next run of the same command does it.
                    return Ok(());
                }
                let end = End::Failure(self.stop.failure("the answer"), None);
                let judged = self.work.judge(task, end, Found::default()).await;
                return self.done(lease, judged, None).await;
            };
            let rest = sent.as_deref().ok().and_then(asked_to_rest);
            match self.decide(task, sent) {
                Decision::Step(step) => {
                    self.settle(lease, step, rest);
                    Ok(())
                }
                Decision::Unsent(wait) => {
                    self.again(lease, wait);
                    Ok(())
                }
                Decision::End(end) => {
                    let (end, found) = if content.is_unread() {
                        Box::pin(content::read(content, task.url(), end)).await
                    } else {
                        content.close(end)
                    };
                    let judged = self.work.judge(task, end, found).await;
                    self.done(lease, judged, rest).await
                }
            }
        })
    }

    /// When the patience with a target ends.
    pub(super) fn until(&self, task: &Task) -> Option<Instant> {
        Some(task.begun? + self.work.patience()?)
    }

    /// The same once more, not counted as a try.
    pub(super) fn again(&self, mut lease: Lease, wait: Duration) {
        lease.task.tries -= 1;
        // A kept connection that was closed is bad luck once; after that it counts.
        lease.task.unsent += 1;
        let method = lease.task.method.clone();
        self.settle(lease, Step::Again { method, wait }, None);
    }

    pub(super) fn settle(&self, lease: Lease, step: Step, rest: Option<Duration>) {
        let long = rest.filter(|rest| *rest > self.limits.max_wait);
        let closed = long.map(too_long);
        let settlement = Settlement { step, rest, closed };
        self.frontier.settle(lease, settlement);
    }

    /// Hands the records over and settles the lease in one breath.
    #[expect(
        clippy::manual_async_fn,
        reason = "the arguments of an async fn have their place twice, and every visit holds this"
    )]
    fn done(
        &self,
        lease: Lease,
        judged: Judged,
        rest: Option<Duration>,
    ) -> impl Future<Output = Result<(), Error>> {
        async move {
            let Judged { records, mut found } = judged;
            if found.len() > AT_ONCE {
                found = Box::pin(self.add_bit_by_bit(found)).await;
            }
            let visits = if self.durable {
                records.clone()
            } else {
                Vec::new()
            };
            if !records.is_empty() {
                let room = self.writer.reserve().await?;
                self.note(&records);
                room.send(records, self.work.keeps(&lease.task));
                found.extend(self.work.accepted(&lease.task));
            }
            self.settle(lease, Step::Done { visits, found }, rest);
            self.hand_over_due().await
        }
    }

    /// Takes in the links of a page that has very many, and gives back the last of them. They are known before the page is
    /// settled, which costs nothing if the run ends in between: the page is then fetched again.
    async fn add_bit_by_bit(&self, mut found: Vec<Target>) -> Vec<Target> {
        while found.len() > AT_ONCE {
            let later = found.split_off(AT_ONCE);
            self.frontier.add(std::mem::replace(&mut found, later));
            tokio::task::yield_now().await;
        }
        found
    }

    /// Hands over records that belong to no lease.
    async fn accept(&self, records: Vec<Arc<Visit>>) -> Result<(), Error> {
        if !records.is_empty() {
            let room = self.writer.reserve().await?;
            self.note(&records);
            room.send(records, None);
        }
        self.hand_over_due().await
    }

    /// Hands over what has become due, bit by bit. They are asked for once there is room, and sent in the same
    /// breath: so they leave in order, whichever future gets to do it.
    async fn hand_over_due(&self) -> Result<(), Error> {
        if self.work.is_due() {
            Box::pin(self.hand_over()).await
        } else {
            Ok(())
        }
    }

    async fn hand_over(&self) -> Result<(), Error> {
        loop {
            let room = self.writer.reserve().await?;
            let Due { records, passed } = self.work.due();
            if records.is_empty() && passed.is_empty() {
                return Ok(());
            }
            for (passed, number) in passed {
                let mut summary = self.summary.borrow_mut();
                summary.count_many(passed.outcome, None, number);
                if let Some(status) = passed.status {
                    summary.count_status(status, number);
                }
                summary.cached += if passed.cached { number } else { 0 };
            }
            if !records.is_empty() {
                let records: Vec<_> = records.into_iter().map(Arc::new).collect();
                self.note(&records);
                room.send(records, None);
            }
            tokio::task::yield_now().await;
        }
    }

    fn note(&self, records: &[Arc<Visit>]) {
        let mut summary = self.summary.borrow_mut();
        for visit in records {
            summary.count(visit);
            if let Some(failing) = &mut summary.failing {
                *failing += u64::from(self.limits.fails(visit));
            }
            self.reporter.on(&Event::Visited(visit));
        }
    }
}

/// What is due at last.
#[derive(Default)]
pub(super) struct Due {
    pub(super) records: Vec<Visit>,
    /// How many links there are that no output has use for.
    pub(super) passed: Vec<(Passed, u64)>,
}

/// What is counted of a link of which there is no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) outcome: Outcome,
    pub(super) status: Option<u16>,
    pub(super) cached: bool,
}

impl Passed {
    /// One more of its kind.
    pub(super) fn add_to(self, all: &mut Vec<(Self, u64)>) {
        match all.iter_mut().find(|(known, _)| *known == self) {
            Some((_, number)) => *number += 1,
            None => all.push((self, 1)),
        }
    }
}
