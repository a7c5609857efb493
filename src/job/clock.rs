//! The loop's own clock: it says how the run stands, measures how late it is itself, and commits what was settled.

use std::future::pending;
use std::time::Duration;

use futures::future::LocalBoxFuture;
use tokio::time::Instant;

use super::Error;
use super::pipeline::Pipeline;
use crate::frontier::FrontierError;
use crate::model::{Event, Summary};

/// How often the loop looks at its own clock.
const TICK: Duration = Duration::from_millis(50);

/// At most so long after it was settled, a visit is committed.
const COMMIT: Duration = Duration::from_millis(250);

impl Pipeline<'_> {
    /// Ticks, measures how late it is, and commits what was settled.
    pub(super) async fn keep_time(&self) -> Error {
        let mut committing: Option<LocalBoxFuture<'_, Result<(), FrontierError>>> = None;
        let mut committed = Instant::now();
        let mut due = Instant::now() + TICK;
        let mut held = Held::default();
        loop {
            let commit = async {
                match &mut committing {
                    Some(commit) => commit.await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                result = commit => {
                    committing = None;
                    match result {
                        Ok(()) => continue,
                        // An output that failed is the cause, and says so itself.
                        Err(_) if !self.writer.is_open() => return self.writer.failure().into(),
                        Err(error) => return Error::Frontier(error),
                    }
                }
            }
            let now = Instant::now();
            let (waiting, _) = self.frontier.pending();
            {
                let mut summary = self.summary.borrow_mut();
                summary.longest_stall = summary.longest_stall.max(now - due);
                summary.elapsed = now - self.began;
                summary.pending = waiting;
                summary.targets = self.work.targets();
                self.reporter.on(&Event::Tick(&summary));
                if held.back(&summary, self.limits.concurrency.get()) {
                    self.reporter.on(&Event::HeldBack);
                }
            }
            due = now + TICK;
            let ripe = committing.is_none() && self.frontier.dirty() && now - committed >= COMMIT;
            if ripe && let Some(written) = self.writer.barrier() {
                committed = now;
                committing = Some(self.frontier.commit(written, None));
            }
        }
    }
}

/// Notices, once, that work waits although there is room for it: an origin's width or gap holds it back.
#[derive(Default)]
struct Held {
    ticks: u32,
    said: bool,
}

impl Held {
    fn back(&mut self, summary: &Summary, concurrency: usize) -> bool {
        // Two seconds without a break: no lull between two pages.
        const TICKS: u32 = 40;
        // Before the first request there are only files, which nobody holds back.
        let asked = summary.requests > 0;
        let held = asked && summary.pending > 0 && summary.in_flight < concurrency.min(8);
        self.ticks = if held { self.ticks + 1 } else { 0 };
        let say = self.ticks >= TICKS && !self.said;
        self.said |= say;
        say
    }
}
