//! The store for runs that end with their process: the intake and the workbench, and nothing else.

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};

use futures::future::{Either, FutureExt, LocalBoxFuture, ready};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::intake::{Admission, Intake};
use super::pending::Pending;
use super::workbench::Workbench;
use super::{Barrier, Frontier, FrontierError, Lease, Leasing, Next, Options, Settlement, Step};
use crate::model::Target;
use crate::policy::budget::Cut;

/// A secret from the standard library's random hasher keys; the crate needs no other randomness.
pub(super) fn random_secret() -> (u64, u64) {
    let number = || RandomState::new().hash_one(std::process::id());
    (number(), number())
}

/// The frontier in memory.
pub struct Memory {
    state: RefCell<(Intake, Workbench)>,
    changed: Notify,
}

impl Memory {
    /// An empty one.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let intake = Intake::new(&options, random_secret());
        Self {
            state: RefCell::new((intake, Workbench::new(options, false))),
            changed: Notify::new(),
        }
    }
}

impl Frontier for Memory {
    fn add(&self, targets: Vec<Target>) -> u64 {
        let mut state = self.state.borrow_mut();
        let (intake, bench) = &mut *state;
        let now = Instant::now();
        let mut new = 0;
        for target in intake.in_order(targets) {
            if let Admission::In(id, _) = intake.admit(&target) {
                bench.push(Pending::of(id, target), now);
                new += 1;
            }
        }
        self.changed.notify_one();
        new
    }

    fn lease(&self) -> Leasing<'_> {
        let mut state = self.state.borrow_mut();
        let (intake, bench) = &mut *state;
        let now = Instant::now();
        let next = loop {
            let next = bench.lease(now);
            if !matches!(next, Next::Idle) {
                break next;
            }
            let relented = intake.relent();
            if relented.is_empty() {
                break next;
            }
            for (target, id, _) in relented {
                bench.push(Pending::of(id, target), now);
            }
        };
        Either::Left(ready(Ok(next)))
    }

    fn settle(&self, lease: Lease, mut settlement: Settlement) {
        if let Step::Done { found, .. } = &mut settlement.step {
            // Before the lease is given back, so that the frontier is never idle in between.
            let found = std::mem::take(found);
            if !found.is_empty() {
                self.add(found);
            }
        }
        self.state
            .borrow_mut()
            .1
            .settle(lease, settlement, Instant::now());
        self.changed.notify_one();
    }

    fn commit(
        &self,
        outputs: Barrier,
        _: Option<u8>,
    ) -> LocalBoxFuture<'static, Result<(), FrontierError>> {
        // Nothing is kept here; what was written is made durable all the same.
        async move {
            let _ = outputs.await;
            Ok(())
        }
        .boxed_local()
    }

    fn dirty(&self) -> bool {
        false
    }

    fn changed(&self) -> LocalBoxFuture<'_, ()> {
        self.changed.notified().boxed_local()
    }

    fn pending(&self) -> (u64, u64) {
        self.state.borrow().1.pending()
    }

    fn cuts(&self) -> Vec<(Cut, u64)> {
        self.state.borrow().0.cuts()
    }

    fn abandon(&self) -> Vec<Target> {
        let mut targets = self.state.borrow_mut().1.drain();
        targets.retain(|target| target.seed.is_some());
        targets
    }
}
