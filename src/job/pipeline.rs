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
use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::future::LocalBoxFuture;
use futures::{StreamExt, TryStreamExt};
use http::{HeaderValue, Method, StatusCode};
use tokio::time::Instant;

use super::caching::Cached;
use super::content::{self, Captured, Content, Found};
use super::exchange::{Decision, asked_to_rest, conditions, felt, is_dead, jitter, too_long};
use super::measure::Measure;
use super::saving::Put;
use super::writer::Writer;
use super::{Error, Limits, Stop, record, robots};
use crate::cache::Cache;
use crate::fetcher::{FetchError, Fetcher};
use crate::frontier::{Errand, Frontier, Lease, Seeds, Settlement, Step, Task, leases};
use crate::model::{
    Duplicates, Event, Exchange, Failure, FailureKind, Hop, Message, Naming, Outcome, Reporter,
    Summary, Target, Visit, without_secrets,
};
use crate::policy::port;
use crate::policy::redirect::{self, Redirect};
use crate::policy::retry::{self, Retry};
use crate::policy::wall;

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
    pub(super) records: Vec<Visit>,
    /// To be visited too.
    pub(super) found: Vec<Target>,
}

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
        let same = url.host() == from.url.host();
        if same && (url.port() == from.url.port() || !port::is_bad(url)) {
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
    fn judge<'a>(&'a self, task: &'a Task, end: End, found: Found) -> LocalBoxFuture<'a, Judged>;

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
    /// Unfinished targets stay in the state for the next run: they get no record.
    pub(super) durable: bool,
    pub(super) summary: RefCell<Summary>,
    pub(super) began: Instant,
    pub(super) measure: RefCell<Measure>,
    /// Targets that still waited at the end.
    pub(super) left: Cell<u64>,
}

/// Links of one page that are taken in at once: half a millisecond.
const AT_ONCE: usize = 500;

/// Hops that are followed to a robots.txt.
const ROBOTS_HOPS: usize = 5;

impl Pipeline<'_> {
    /// Runs until nothing is left, the stop is asked for, or something cannot go on.
    pub(super) async fn run(&self, seeds: Seeds<'_>) -> Result<(), Error> {
        let pool = leases(self.frontier, seeds, self.stop.draining())
            // In a box, because what is handed to the pool is moved several times.
            .map(|lease| Box::pin(async { self.drive(lease?).await }))
            .buffer_unordered(self.limits.concurrency.get())
            .try_for_each(|()| ready(Ok(())));
        tokio::select! {
            result = pool => result?,
            error = self.keep_time() => return Err(error),
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

    /// One lease, from the request to the settlement.
    async fn drive(&self, lease: Lease) -> Result<(), Error> {
        if let Some(failure) = lease.refusal.clone() {
            if lease.task.errand != Errand::Visit {
                self.settle(lease, Step::Robots(robots::missing(&failure)), None);
                return Ok(());
            }
            let judged = self
                .work
                .judge(&lease.task, End::Failure(failure, None), Found::default())
                .await;
            return self.done(lease, judged, None).await;
        }
        if let Some(number) = lease.task.target.repeats {
            let record = self.writer.recall(number).await?;
            let repeated = record.map(|record| record::repeated(&lease.task.target, &record));
            let judged = Judged {
                records: repeated.into_iter().collect(),
                found: Vec::new(),
            };
            return self.done(lease, judged, None).await;
        }
        if lease.task.target.files.is_some() {
            let judged = self.work.files(&lease.task).await;
            return self.done(lease, judged, None).await;
        }
        match lease.task.errand {
            Errand::Robots(_) => {
                Box::pin(self.robots(lease)).await;
                Ok(())
            }
            Errand::Visit => self.visit(lease).await,
        }
    }

    async fn visit(&self, mut lease: Lease) -> Result<(), Error> {
        if lease.task.attempts == 1 {
            lease.task.method = self.work.method(&lease.task);
        }
        let mut content = self.work.receive(&lease.task);
        content.comes_from(&lease.task.url);
        let mut asked = self.save(&lease, &mut content).await?;
        if let Some(before) = &lease.task.target.before
            && lease.task.hops.is_empty()
        {
            conditions(&before.validators, &mut asked);
        }
        let cached = self.recall(&lease, &mut content, &mut asked).await;
        let sent = {
            // In one place for both ways, because every request in flight is as large as all of this.
            let sending = pin!(self.send(&lease, &asked, &mut content));
            match self.until(&lease.task) {
                None => sending.await,
                Some(end) => {
                    let sent = tokio::time::timeout_at(end, sending).await;
                    sent.unwrap_or_else(|_| {
                        self.summary.borrow_mut().in_flight -= 1;
                        Some(Err(FetchError::lasting(
                            FailureKind::Timeout,
                            "no answer in the time of all tries and waits together, which --ordered bounds",
                        )))
                    })
                }
            }
        };
        // In a box: of all that are in flight, few are this far.
        Box::pin(self.conclude(lease, content, cached, sent)).await
    }

    /// What follows from what came for a target, or from its absence.
    async fn conclude(
        &self,
        mut lease: Lease,
        mut content: Content,
        cached: Option<Cached>,
        mut sent: Option<Result<Exchange, FetchError>>,
    ) -> Result<(), Error> {
        lease.felt = sent.as_ref().and_then(felt);
        self.store(cached, &mut content, &mut sent).await;
        if let Some(Ok(exchange)) = &sent {
            // A part is not what the server sent.
            let captured = if exchange.cut {
                Captured::default()
            } else {
                content.captured()
            };
            self.capture(&lease, exchange, captured).await?;
        }
        if matches!(self.put_away(&mut content, &mut sent).await, Put::Useless) {
            self.again(lease, Duration::ZERO);
            return Ok(());
        }
        let task = &*lease.task;
        let Some(sent) = sent else {
            if self.durable {
                // No record and no settlement: the next run of the same command does it.
                return Ok(());
            }
            let failure = self.stop.failure("the answer");
            let judged = self
                .work
                .judge(task, End::Failure(failure, None), Found::default());
            let judged = judged.await;
            return self.done(lease, judged, None).await;
        };
        let rest = sent.as_ref().ok().and_then(asked_to_rest);
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
                let (end, found) = content::read(content, &task.url, end).await;
                let judged = self.work.judge(task, end, found).await;
                self.done(lease, judged, rest).await
            }
        }
    }

    /// When the patience with a target ends.
    fn until(&self, task: &Task) -> Option<Instant> {
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

    /// What follows from an answer or its absence; nothing here knows which job it is for.
    pub(super) fn decide(&self, task: &Task, sent: Result<Exchange, FetchError>) -> Decision {
        let chance = jitter(task);
        let max_wait = self.until(task).map_or(self.limits.max_wait, |end| {
            let left = end.saturating_duration_since(Instant::now());
            self.limits.max_wait.min(task.waited + left)
        });
        // Everything that waits at an origin waits for its rules: they are worth all the patience there is.
        let robots = matches!(task.errand, Errand::Robots(_));
        let retries = match self.limits.retries {
            0 => 0,
            _ if robots => u32::MAX,
            retries => retries,
        };
        let rule = |retries, transient, status, asked| {
            retry::decide(&retry::Attempt {
                method: &task.method,
                tries: task.tries,
                retries,
                transient,
                status,
                retry_after: asked,
                waited: task.waited,
                max_wait,
                chance,
            })
        };
        let exchange = match sent {
            Err(error) if error.exhausted => return Decision::Unsent(Duration::from_millis(100)),
            Err(error) if error.stale && task.method.is_idempotent() && task.unsent == 0 => {
                return Decision::Unsent(Duration::ZERO);
            }
            Err(error) => {
                // A server that chokes on a method cuts the connection, or does not answer at all. Where no connection came
                // about, the method is not to blame.
                let choked = matches!(
                    error.failure.kind,
                    FailureKind::Reset | FailureKind::Protocol | FailureKind::Timeout
                ) && !is_dead(&error);
                if choked && let Some(method) = self.work.instead(task, None) {
                    return Decision::again(method, Duration::ZERO);
                }
                // Where nobody accepts a connection, nobody waits for rules.
                let retries = if is_dead(&error) {
                    self.limits.retries
                } else {
                    retries
                };
                return match rule(retries, error.transient, None, None) {
                    Retry::After(wait) => Decision::again(task.method.clone(), wait),
                    Retry::GiveUp | Retry::TooPatient(_) => {
                        Decision::End(End::Failure(error.failure, None))
                    }
                };
            }
            Ok(exchange) => exchange,
        };
        if exchange.status == StatusCode::NOT_MODIFIED && task.target.before.is_some() {
            return Decision::End(End::Answer(Box::new(exchange)));
        }
        let accepted = self.limits.accept.contains(exchange.status.as_u16());
        if exchange.status.is_redirection() {
            return self.follow(task, exchange, accepted);
        }
        // A wall does not fall by asking again. What the user calls good is good whoever answers it.
        let judged = !accepted || exchange.status.is_success();
        if judged && wall::behind(exchange.status, &exchange.fields, b"").is_some() {
            return Decision::End(End::Answer(Box::new(exchange)));
        }
        if let Some(method) = self.work.instead(task, Some(exchange.status)) {
            return Decision::again(method, Duration::ZERO);
        }
        if accepted {
            return Decision::End(End::Answer(Box::new(exchange)));
        }
        let now = SystemTime::now();
        let asked = retry::asked(exchange.status, &exchange.fields, now);
        let status = if retry::is_limit(exchange.status, &exchange.fields, now) {
            StatusCode::TOO_MANY_REQUESTS
        } else {
            exchange.status
        };
        match rule(retries, false, Some(status), asked) {
            Retry::After(wait) => return Decision::again(task.method.clone(), wait),
            Retry::TooPatient(wait) => {
                let failure = too_long(wait);
                return Decision::End(End::Failure(failure, Some(Box::new(exchange))));
            }
            Retry::GiveUp => {}
        }
        Decision::End(End::Answer(Box::new(exchange)))
    }

    /// A redirect's next hop, if there is one and it may be followed; `accepted`: the status is good as it is.
    fn follow(&self, task: &Task, exchange: Exchange, accepted: bool) -> Decision {
        // Where the rules are is no matter of what is crawled: five hops to anywhere (RFC 9309, section 2.3.1.2).
        let robots = matches!(task.errand, Errand::Robots(_));
        let most = if robots {
            ROBOTS_HOPS
        } else {
            self.limits.max_redirects
        };
        let locations = exchange.fields.get_all(http::header::LOCATION);
        let locations: Vec<&[u8]> = locations.iter().map(HeaderValue::as_bytes).collect();
        match redirect::follow(
            exchange.status,
            &locations,
            &task.url,
            &task.method,
            &task.hops,
            most,
        ) {
            Redirect::No => Decision::End(End::Answer(Box::new(exchange))),
            Redirect::Failed(_) if accepted => Decision::End(End::Answer(Box::new(exchange))),
            Redirect::Failed(failure) => {
                Decision::End(End::Failure(failure, Some(Box::new(exchange))))
            }
            Redirect::To {
                url,
                method,
                fragment,
            } => {
                if !robots && let Some(reason) = self.work.leaves(task, &url) {
                    return Decision::End(End::Left(reason, Box::new(exchange)));
                }
                let naming = self.work.naming(task, &url);
                let hop = Hop {
                    url: without_secrets(&task.url),
                    status: exchange.status.as_u16(),
                    fragment,
                };
                Decision::Step(Step::Hop {
                    hop,
                    url,
                    method,
                    naming,
                })
            }
        }
    }

    pub(super) fn settle(&self, lease: Lease, step: Step, rest: Option<Duration>) {
        let long = rest.filter(|rest| *rest > self.limits.max_wait);
        let closed = long.map(too_long);
        let settlement = Settlement { step, rest, closed };
        self.frontier.settle(lease, settlement);
    }

    /// Hands the records over and settles the lease in one breath.
    async fn done(
        &self,
        lease: Lease,
        judged: Judged,
        rest: Option<Duration>,
    ) -> Result<(), Error> {
        let Judged { records, mut found } = judged;
        // A page of very many links is taken in bit by bit. Those links are known before the page is settled, which
        // costs nothing if the run ends in between: the page is then fetched again.
        while found.len() > AT_ONCE {
            let later = found.split_off(AT_ONCE);
            self.frontier.add(std::mem::replace(&mut found, later));
            tokio::task::yield_now().await;
        }
        let records: Vec<_> = records.into_iter().map(Arc::new).collect();
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

    /// Hands over records that belong to no lease.
    async fn accept(&self, records: Vec<Visit>) -> Result<(), Error> {
        if !records.is_empty() {
            let records: Vec<_> = records.into_iter().map(Arc::new).collect();
            let room = self.writer.reserve().await?;
            self.note(&records);
            room.send(records, None);
        }
        self.hand_over_due().await
    }

    /// Hands over what has become due, bit by bit. They are asked for once there is room, and sent in the same
    /// breath: so they leave in order, whichever future gets to do it.
    async fn hand_over_due(&self) -> Result<(), Error> {
        if !self.work.is_due() {
            return Ok(());
        }
        loop {
            let room = self.writer.reserve().await?;
            let Due { records, passed } = self.work.due();
            if records.is_empty() && passed.is_empty() {
                return Ok(());
            }
            for (outcome, number) in passed {
                self.summary.borrow_mut().count_many(outcome, None, number);
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
    /// Links that no output has use for, by their verdict.
    pub(super) passed: Vec<(Outcome, u64)>,
}
