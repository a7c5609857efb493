//! The durable store: the same clock and seen-set as in memory, and every change in a state file.
//!
//! What a process that dies had under way is simply pending again: at most the requests in flight and those
//! of the last commit are sent twice, and no record is.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use futures::future::{Either, FutureExt, LocalBoxFuture};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use url::Url;

use super::bench::site_number;
use super::intake::{Admission, Intake};
use super::journal::{Arrived, Entry, Journal, Row, RowCut};
use super::memory::random_secret;
use super::pending::{Pending, Unwritten};
use super::store::{Kept, KeptCut, Store};
use super::workbench::Workbench;
use super::{
    Barrier, Frontier, FrontierError, Lease, Leasing, Next, Options, Settlement, Step, Written,
};
use crate::model::{Summary, Target};
use crate::policy::budget::Cut;

/// How a state is begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Begin {
    /// Where it stands, or anew where there is none.
    #[default]
    Resume,
    /// Anew, whatever it holds.
    Fresh,
    /// Where it stands; once it is finished, everything is visited again and compared with what it was.
    Recrawl,
}

/// What the state file held.
#[derive(Debug)]
pub struct Begun {
    /// An earlier run of the same command began it.
    pub resumed: bool,
    /// There was a run before, which this one is compared with.
    pub again: bool,
    /// That run came to its end, with this exit code.
    pub finished: Option<u8>,
    /// What the outputs had on their medium.
    pub written: Written,
    /// The records so far, counted.
    pub summary: Summary,
}

/// The frontier in one `SQLite` file.
pub struct Sqlite {
    state: RefCell<(Intake, Workbench)>,
    journal: Journal,
    /// What of the seeds is never written.
    unwritten: RefCell<HashMap<u64, Unwritten>>,
    changed: Arc<Notify>,
    dirty: Cell<bool>,
}

impl Sqlite {
    /// Opens the state at `path`, or begins it.
    ///
    /// `command` is what must be the same for the run to go on: names and values, in a fixed order.
    ///
    /// # Errors
    /// When the file cannot be used, is in use, comes from a newer version, or was begun by another
    /// command; it is not touched then.
    pub fn open(
        path: &Path,
        begin: Begin,
        command: &[(String, String)],
        options: Options,
    ) -> Result<(Self, Begun), FrontierError> {
        let mut store = Store::open(path, begin == Begin::Fresh)?;
        let known = store.secret()?;
        let secret = known.unwrap_or_else(random_secret);
        let mut taken = Taken::of(&options, secret);
        let mut held = store.load(|kept| taken.take(kept))?;
        if held.finished.is_some() && begin == Begin::Recrawl {
            store.recrawl()?;
            taken = Taken::of(&options, secret);
            held = store.load(|kept| taken.take(kept))?;
        }
        let identity = serde_json::to_string(command).unwrap_or_default();
        let resumed = held.identity.is_some();
        if let Some(before) = &held.identity
            && *before != identity
        {
            let differences = differences(before, command);
            return Err(FrontierError::OtherCommand {
                path: path.display().to_string(),
                differences,
            });
        }
        let mut entering = Vec::new();
        if resumed {
            store.cuts(|kept| entering.extend(taken.again(kept)))?;
        } else {
            store.begin(&identity, secret)?;
        }
        let Taken { intake, bench, .. } = taken;
        let filtered = held.written.filtered;
        let mut begun = Begun {
            resumed,
            again: held.again,
            finished: held.finished,
            written: held.written,
            summary: Summary {
                filtered,
                ..held.summary
            },
        };
        let changed = Arc::new(Notify::new());
        let room = !entering.is_empty() || intake.has_room_aside();
        let sqlite = Self {
            state: RefCell::new((intake, bench)),
            journal: store.start(Arc::clone(&changed))?,
            unwritten: RefCell::default(),
            changed,
            dirty: Cell::new(false),
        };
        let now = Instant::now();
        for (target, id, fingerprint) in entering {
            let bench = &mut sqlite.state.borrow_mut().1;
            sqlite.enter(bench, target, id, fingerprint, now);
        }
        if room && begun.finished.take().is_some() {
            sqlite.journal.tell(Entry::Reopened);
        }
        Ok((sqlite, begun))
    }

    /// Writes a target down, and queues it.
    fn enter(
        &self,
        bench: &mut Workbench,
        target: Target,
        id: u64,
        fingerprint: u64,
        now: Instant,
    ) {
        let pending = Pending::of(id, target);
        if let Some(unwritten) = pending.unwritten() {
            self.unwritten.borrow_mut().insert(id, unwritten.clone());
        }
        self.journal.tell(Entry::Added(Row {
            id,
            url: (*pending.url).into(),
            seed: pending.seed.as_deref().cloned(),
            refusal: pending
                .refusal
                .as_ref()
                .and_then(|failure| serde_json::to_string(failure).ok()),
            referrer: pending.referrer.clone(),
            depth: pending.depth,
            naming: pending.naming,
            lastmod: pending.lastmod().map(Into::into),
            fingerprint,
            site: site_number(&pending.url),
            lane: bench.lane(&pending.url, pending.depth),
        }));
        bench.push(pending, now);
        self.dirty.set(true);
    }
}

/// What is taken over from a state.
struct Taken<'a> {
    options: &'a Options,
    intake: Intake,
    bench: Workbench,
    now: Instant,
}

impl<'a> Taken<'a> {
    fn of(options: &'a Options, secret: (u64, u64)) -> Self {
        Self {
            options,
            intake: Intake::new(options, secret),
            bench: Workbench::new(options.clone(), true),
            now: Instant::now(),
        }
    }

    fn take(&mut self, kept: Kept<'_>) {
        let Kept {
            id,
            url,
            depth,
            naming,
            fingerprint,
            visited,
            make,
        } = kept;
        self.intake.known = self.intake.known.max(id);
        self.intake.seen.insert(fingerprint);
        let budget = &self.options.budget;
        let counts = budget.per_host.is_some()
            || budget.share().is_some()
            || budget.variants.is_some() && url.contains('?');
        if counts && let Ok(url) = Url::parse(url) {
            self.intake.count(&url);
        }
        if visited {
            return;
        }
        let lane = self.bench.lane(url, depth);
        if let Some(place) = self.bench.place(url, naming, self.now) {
            self.bench.put(place, lane, self.now, make);
        }
    }

    /// Looks once more at what an earlier run has cut: a larger budget may have room for it. Then it has a number and its
    /// fingerprint.
    fn again(&mut self, kept: KeptCut<'_>) -> Option<(Target, u64, u64)> {
        let KeptCut { fingerprint, make } = kept;
        if self.intake.seen.set.contains(&fingerprint) {
            return None;
        }
        if self.intake.is_full() {
            self.intake.note(Cut::Pages, fingerprint);
            return None;
        }
        let target = make()?;
        match self.intake.admit(&target) {
            Admission::In(id, fingerprint) => Some((target, id, fingerprint)),
            _ => None,
        }
    }
}

/// What differs between the command that began a state and this one.
pub(super) fn differences(before: &str, now: &[(String, String)]) -> String {
    let before: Vec<(String, String)> = serde_json::from_str(before).unwrap_or_default();
    let mut told = Vec::new();
    for (name, value) in now {
        match before.iter().find(|(other, _)| other == name) {
            Some((_, other)) if other == value => {}
            Some((_, other)) => told.push(format!("{name} {other} (now {value})")),
            None => told.push(format!("no {name} (now {value})")),
        }
    }
    for (name, value) in &before {
        if !now.iter().any(|(other, _)| other == name) {
            told.push(format!("{name} {value} (now none)"));
        }
    }
    told.join(", ")
}

impl Frontier for Sqlite {
    fn add(&self, targets: Vec<Target>) -> u64 {
        let mut state = self.state.borrow_mut();
        let (intake, bench) = &mut *state;
        let now = Instant::now();
        let mut new = 0;
        for target in intake.in_order(targets) {
            match intake.admit(&target) {
                Admission::In(id, fingerprint) => {
                    self.enter(bench, target, id, fingerprint, now);
                    new += 1;
                }
                Admission::Cut(cut, fingerprint) => {
                    self.journal.tell(Entry::Cut(RowCut {
                        cut,
                        url: String::from(target.url).into_boxed_str(),
                        depth: target.depth,
                        referrer: target.referrer,
                        naming: target.naming,
                        lastmod: target.lastmod,
                        fingerprint,
                    }));
                    self.dirty.set(true);
                }
                Admission::No => {}
            }
        }
        self.changed.notify_one();
        new
    }

    fn lease(&self) -> Leasing<'_> {
        let leasing = async {
            self.journal.room().await;
            let mut state = self.state.borrow_mut();
            let (intake, bench) = &mut *state;
            let now = Instant::now();
            for Arrived {
                place,
                lane,
                targets,
            } in self.journal.arrived()
            {
                bench.bring(place, lane, targets?, now);
            }
            let mut next = loop {
                let next = bench.lease(now);
                if !matches!(next, Next::Idle) {
                    break next;
                }
                let relented = intake.relent();
                if relented.is_empty() {
                    break next;
                }
                for (target, id, fingerprint) in relented {
                    self.enter(bench, target, id, fingerprint, now);
                }
            };
            if let Next::Lease(lease) = &mut next {
                let mut unwritten = self.unwritten.borrow_mut();
                if let Some(unwritten) = unwritten.remove(&lease.task.id) {
                    lease.task.target.authorization = unwritten.authorization;
                    lease.task.target.message = unwritten.message;
                }
            }
            for (place, site, page) in bench.pages() {
                self.journal.tell(Entry::Page { place, site, page });
            }
            Ok(next)
        };
        Either::Right(leasing.boxed_local())
    }

    fn settle(&self, lease: Lease, mut settlement: Settlement) {
        if let Step::Done { visits, found } = &mut settlement.step {
            // A target of a crawl has one record.
            if let Some(visit) = visits.pop() {
                self.journal.tell(Entry::Visited {
                    id: lease.task.id,
                    visit,
                });
                self.dirty.set(true);
            }
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
        finished: Option<u8>,
    ) -> LocalBoxFuture<'static, Result<(), FrontierError>> {
        let (done, committed) = oneshot::channel();
        self.journal.tell(Entry::Commit {
            outputs,
            finished,
            done,
        });
        self.dirty.set(false);
        let gone = self.journal.gone();
        async move { committed.await.unwrap_or(Err(gone)) }.boxed_local()
    }

    fn dirty(&self) -> bool {
        self.dirty.get()
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
        // They stay in the file, for the next run of the same command.
        self.state.borrow_mut().1.drain();
        Vec::new()
    }
}
