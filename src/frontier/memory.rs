//! The store for runs that end with their process: a seen-set of fingerprints and the workbench.

use std::cell::RefCell;
use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use futures::future::{FutureExt, LocalBoxFuture, ready};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::pending::Pending;
use super::workbench::Workbench;
use super::{Frontier, FrontierError, Lease, Lengths, Next, Options, Settlement, Step};
use crate::model::{Target, fingerprint, key};

/// A fingerprint is a hash already: hashing it again would only cost.
#[derive(Default)]
pub(super) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// The page keys that were ever added: 8 bytes each, 10 to 21 with the table's slack.
pub(super) struct Seen {
    secret: (u64, u64),
    set: HashSet<u64, BuildHasherDefault<AsIs>>,
}

impl Seen {
    /// With a secret of its own, so that no site can prepare URLs that shadow others.
    pub(super) fn new(secret: (u64, u64)) -> Self {
        Self {
            secret,
            set: HashSet::default(),
        }
    }

    /// Is it the first time? Remembers it.
    pub(super) fn first(&mut self, target: &Target) -> bool {
        // Targets without a URL of their own are told apart by the text that they came from.
        match (&target.refusal, &target.seed) {
            (Some(_), Some(seed)) => self.insert(&seed.input),
            _ => self.insert(&key(&target.url)),
        }
    }

    pub(super) fn insert(&mut self, key: &str) -> bool {
        self.set.insert(fingerprint(self.secret, key))
    }
}

/// A secret from the standard library's random hasher keys; the crate needs no other randomness.
pub(super) fn random_secret() -> (u64, u64) {
    let number = || RandomState::new().hash_one(std::process::id());
    (number(), number())
}

/// Decides which targets are new; the same for every store on this machine.
pub(super) struct Intake {
    pub(super) seen: Seen,
    pub(super) unique: bool,
    pub(super) depth: Option<u32>,
    pub(super) max_targets: Option<u64>,
    /// Targets that were ever added; the next one's number.
    pub(super) known: u64,
    pub(super) dropped: u64,
}

impl Intake {
    pub(super) fn new(options: &Options, secret: (u64, u64)) -> Self {
        Self {
            seen: Seen::new(secret),
            unique: options.unique,
            depth: options.depth,
            max_targets: options.max_targets,
            known: 0,
            dropped: 0,
        }
    }

    /// The number of `target` when it is to be added.
    pub(super) fn admit(&mut self, target: &Target) -> Option<u64> {
        let discovered = target.seed.is_none() && target.depth > 0;
        if self.depth.is_some_and(|limit| target.depth > limit) {
            return None;
        }
        if self.unique && !self.seen.first(target) {
            return None;
        }
        if discovered && self.max_targets.is_some_and(|limit| self.known >= limit) {
            self.dropped += 1;
            return None;
        }
        self.known += 1;
        Some(self.known)
    }
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
            state: RefCell::new((intake, Workbench::new(options))),
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
        for target in targets {
            if let Some(id) = intake.admit(&target) {
                bench.push(Pending::of(id, target), now);
                new += 1;
            }
        }
        self.changed.notify_one();
        new
    }

    fn lease(&self) -> LocalBoxFuture<'_, Result<Next, FrontierError>> {
        ready(Ok(self.state.borrow_mut().1.lease(Instant::now()))).boxed_local()
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
        outputs: Lengths,
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

    fn dropped(&self) -> u64 {
        self.state.borrow().0.dropped
    }

    fn abandon(&self) -> Vec<Target> {
        let mut targets = self.state.borrow_mut().1.drain();
        targets.retain(|target| target.seed.is_some());
        targets
    }
}
