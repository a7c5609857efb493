//! The durable store: the same clock and seen-set as in memory, and every change in a state file.
//!
//! What a process that dies had under way is simply pending again: at most the requests in flight and those
//! of the last commit are sent twice, and no record is.

use std::cell::{Cell, RefCell};
use std::path::Path;

use futures::future::{FutureExt, LocalBoxFuture};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::intake::Intake;
use super::journal::{Entry, Journal, Row, Store};
use super::memory::random_secret;
use super::pending::Pending;
use super::workbench::Workbench;
use super::{Frontier, FrontierError, Lease, Lengths, Next, Options, Settlement, Step};
use crate::model::{Summary, Target};
use crate::policy::budget::Cut;

/// What the state file held.
#[derive(Debug)]
pub struct Begun {
    /// An earlier run of the same command began it.
    pub resumed: bool,
    /// That run came to its end, with this exit code.
    pub finished: Option<u8>,
    /// The committed length of each output.
    pub lengths: Vec<u64>,
    /// The records so far, counted.
    pub summary: Summary,
}

/// The frontier in one `SQLite` file.
pub struct Sqlite {
    state: RefCell<(Intake, Workbench)>,
    journal: Journal,
    changed: Notify,
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
        fresh: bool,
        command: &[(String, String)],
        options: Options,
    ) -> Result<(Self, Begun), FrontierError> {
        let mut store = Store::open(path, fresh)?;
        let mut bench = Workbench::new(options.clone());
        let mut keys = Vec::new();
        let mut counted = Vec::new();
        let now = Instant::now();
        let mut known = 0;
        let mut waiting = Vec::new();
        let held = store.load(|url, visited, pending| {
            known = known.max(pending.id);
            let key = match (&pending.refusal, &pending.seed) {
                (Some(_), Some(seed)) => seed.input.clone(),
                _ => match url::Url::parse(url) {
                    Ok(url) => {
                        let key = crate::model::key(&url);
                        if options.budget.counts(&url) {
                            counted.push(url);
                        }
                        key
                    }
                    Err(_) => url.to_owned(),
                },
            };
            keys.push(key);
            if !visited {
                waiting.push(pending);
            }
        })?;
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
        let secret = held.secret.unwrap_or_else(random_secret);
        let mut intake = Intake::new(&options, secret);
        intake.known = known;
        for key in keys {
            intake.seen.insert(&key);
        }
        for url in counted {
            intake.count(&url);
        }
        for pending in waiting {
            bench.push(pending, now);
        }
        if !resumed {
            store.begin(&identity, secret)?;
        }
        let begun = Begun {
            resumed,
            finished: held.finished,
            lengths: held.lengths,
            summary: held.summary,
        };
        let sqlite = Self {
            state: RefCell::new((intake, bench)),
            journal: store.start()?,
            changed: Notify::new(),
            dirty: Cell::new(false),
        };
        Ok((sqlite, begun))
    }
}

/// What differs between the command that began a state and this one.
fn differences(before: &str, now: &[(String, String)]) -> String {
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
        for target in targets {
            let Some(id) = intake.admit(&target) else {
                continue;
            };
            let pending = Pending::of(id, target);
            self.journal.tell(Entry::Added(Row {
                id,
                url: pending.url.clone(),
                seed: pending.seed.as_deref().cloned(),
                refusal: pending
                    .refusal
                    .as_ref()
                    .and_then(|failure| serde_json::to_string(failure).ok()),
                referrer: pending.referrer.clone(),
                depth: pending.depth,
                naming: pending.naming,
            }));
            bench.push(pending, now);
            new += 1;
            self.dirty.set(true);
        }
        self.changed.notify_one();
        new
    }

    fn lease(&self) -> LocalBoxFuture<'_, Result<Next, FrontierError>> {
        async {
            self.journal.room().await;
            Ok(self.state.borrow_mut().1.lease(Instant::now()))
        }
        .boxed_local()
    }

    fn settle(&self, lease: Lease, mut settlement: Settlement) {
        if let Step::Done { visit, found } = &mut settlement.step {
            if let Some(visit) = visit.take() {
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
        outputs: Lengths,
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
