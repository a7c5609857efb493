//! The durable store for lists: what of a list is done, in a state file that holds none of its text.
//!
//! A list is read again when a run goes on, so all that has to be kept is how far it was read, which places of that are
//! done (`places`), and 4 bytes a line to know the list again. Nothing is handed out before the part that was read
//! has been compared: another list is refused with the first line that differs. What a process that dies had under way
//! is not done, and is asked for once more.
//!
//! Where records keep to the order of the list, a place is done once its record is written, not when it was settled.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::{Either, FutureExt, LocalBoxFuture};
use siphasher::sip::SipHasher13;
use tokio::sync::oneshot;

use super::keeper::{BLOCK, End, Entry, Journal, Progress, start};
use super::memory::random_secret;
use super::sqlite::differences;
use super::store::{Store, state_error};
use super::{
    Barrier, Begin, Begun, Frontier, FrontierError, Lease, Leasing, Memory, Options, Settlement,
    Step,
};
use crate::model::{Target, Visit};
use crate::policy::budget::Cut;
use crate::policy::fail_on::FailOn;

/// Entries that may wait for the thread before leases do.
const BACKLOG: usize = 20_000;

/// The frontier of a list in a state file.
pub struct List {
    memory: Memory,
    path: String,
    stage: RefCell<Stage>,
    error: RefCell<Option<FrontierError>>,
    fail_on: Option<FailOn>,
    dirty: Cell<bool>,
}

enum Stage {
    /// The part that an earlier run has read is compared.
    Comparing(Box<Comparing>),
    /// What is told goes to the thread.
    Going(Journal),
    /// The list is another one, or the state cannot be read.
    Failed,
}

struct Comparing {
    store: Store,
    progress: Progress,
    ordered: bool,
    /// Seeds that were compared.
    compared: u64,
    /// The hashes of the block that is compared.
    block: Vec<u32>,
    /// Those that are not done.
    held: Vec<Target>,
}

impl List {
    /// Opens the state at `path`, or begins it; `command` is what must be the same for the run to go on. `ordered`:
    /// records are written in the order of the list. What counts as failing is counted by `fail_on`.
    ///
    /// # Errors
    /// When the file cannot be used, is in use, comes from a newer version, or was begun by another
    /// command; it is not touched then.
    pub fn open(
        path: &Path,
        begin: Begin,
        command: &[(String, String)],
        options: Options,
        ordered: bool,
        fail_on: Option<FailOn>,
    ) -> Result<(Self, Begun), FrontierError> {
        let mut store = Store::open(path, begin == Begin::Fresh)?;
        let held = store.load(|_| {})?;
        let identity = serde_json::to_string(command).unwrap_or_default();
        let resumed = held.identity.is_some();
        match &held.identity {
            Some(before) if *before != identity => {
                return Err(FrontierError::OtherCommand {
                    path: path.display().to_string(),
                    differences: differences(before, command),
                });
            }
            Some(_) => {}
            None => {
                let secret = store.secret()?.unwrap_or_else(random_secret);
                store.begin(&identity, secret)?;
            }
        }
        let progress = match &held.list {
            None => Progress::default(),
            Some(text) => {
                serde_json::from_str(text).map_err(|error| state_error(&store.path, error))?
            }
        };
        let mut written = held.written;
        written.through = ordered.then(|| progress.done.through());
        let begun = Begun {
            resumed,
            again: false,
            finished: held.finished,
            summary: progress.tally.summary(&written, fail_on.is_some()),
            written,
        };
        let path = store.path.clone();
        let comparing = Comparing {
            store,
            progress,
            ordered,
            compared: 0,
            block: Vec::new(),
            held: Vec::new(),
        };
        let list = Self {
            memory: Memory::new(options),
            path,
            stage: RefCell::new(Stage::Comparing(Box::new(comparing))),
            error: RefCell::default(),
            fail_on,
            dirty: Cell::new(false),
        };
        list.go_on()?;
        Ok((list, begun))
    }

    /// Takes the next seeds of the list, and gives those that are to be done: none while they are compared with what
    /// an earlier run has read. A list that is another one makes the next lease fail.
    pub fn admit(&self, seeds: Vec<Target>) -> Vec<Target> {
        let mut ready = Vec::new();
        if let Err(error) = self.take(seeds, &mut ready) {
            *self.stage.borrow_mut() = Stage::Failed;
            *self.error.borrow_mut() = Some(error);
            // Whoever waits for work is to hear of it.
            self.memory.add(Vec::new());
        }
        ready
    }

    fn take(&self, seeds: Vec<Target>, ready: &mut Vec<Target>) -> Result<(), FrontierError> {
        let mut seeds = seeds.into_iter();
        loop {
            if let Stage::Comparing(comparing) = &mut *self.stage.borrow_mut() {
                let left = comparing.progress.read - comparing.compared;
                for seed in seeds
                    .by_ref()
                    .take(usize::try_from(left).unwrap_or(usize::MAX))
                {
                    comparing.compare(seed)?;
                }
                if comparing.compared < comparing.progress.read {
                    return Ok(());
                }
                ready.append(&mut comparing.held);
            } else {
                break;
            }
            self.go_on()?;
        }
        if let Stage::Going(journal) = &*self.stage.borrow() {
            let begin = ready.len();
            ready.extend(seeds);
            let hashes: Vec<_> = ready[begin..].iter().map(hash).collect();
            if !hashes.is_empty() {
                journal.tell(Entry::Read(hashes));
                self.dirty.set(true);
            }
        }
        Ok(())
    }

    /// Once everything is compared, hands the file to its thread.
    fn go_on(&self) -> Result<(), FrontierError> {
        let mut stage = self.stage.borrow_mut();
        let done = matches!(&*stage, Stage::Comparing(it) if it.compared == it.progress.read);
        if done && let Stage::Comparing(it) = std::mem::replace(&mut *stage, Stage::Failed) {
            let Comparing {
                store,
                progress,
                ordered,
                ..
            } = *it;
            *stage = Stage::Going(start(store, progress, ordered)?);
        }
        Ok(())
    }

    /// Waits while the thread is far behind.
    async fn room(&self) {
        let behind = || match &*self.stage.borrow() {
            Stage::Going(journal) => journal.backlog.load(Ordering::Relaxed) > BACKLOG,
            _ => false,
        };
        while behind() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Comparing {
    fn compare(&mut self, seed: Target) -> Result<(), FrontierError> {
        let at = usize::try_from(self.compared).unwrap_or(usize::MAX) % BLOCK;
        if at == 0 {
            self.block = self.load(self.compared / BLOCK as u64)?;
        }
        self.compared += 1;
        if self.block.get(at) != Some(&hash(&seed)) {
            let (line, input) = seed
                .seed
                .as_ref()
                .map_or((0, ""), |seed| (seed.line, &*seed.input));
            let input: String = input.chars().take(200).collect();
            return Err(FrontierError::OtherList {
                path: self.store.path.clone(),
                difference: format!("line {line} is now {input}"),
            });
        }
        let place = seed.seed.as_ref().map_or(0, |seed| seed.place);
        if !self.progress.done.contains(place) {
            self.held.push(seed);
        }
        Ok(())
    }

    /// The hashes of a block.
    fn load(&self, block: u64) -> Result<Vec<u32>, FrontierError> {
        if block == self.progress.read / BLOCK as u64 {
            return Ok(self.progress.last.clone());
        }
        let row = self.store.connection.query_row(
            "SELECT hashes FROM lines WHERE block = ?1",
            [block.cast_signed()],
            |row| row.get::<_, Vec<u8>>(0),
        );
        let bytes = row.map_err(|error| state_error(&self.store.path, error))?;
        let (hashes, _) = bytes.as_chunks();
        Ok(hashes
            .iter()
            .map(|hash| u32::from_le_bytes(*hash))
            .collect())
    }
}

/// What a line is known by again: its number, its text, and what it carries, but for secrets, which may change.
fn hash(target: &Target) -> u32 {
    use std::hash::{Hash, Hasher};
    let mut hasher = SipHasher13::new();
    if let Some(seed) = &target.seed {
        (seed.line, &seed.input, &seed.id).hash(&mut hasher);
    }
    if let Some(message) = &target.message {
        message.method().as_str().hash(&mut hasher);
        message.content.hash(&mut hasher);
        for name in message.fields.keys() {
            name.as_str().hash(&mut hasher);
        }
    }
    let hash = hasher.finish();
    (hash >> 32) as u32
}

impl Frontier for List {
    fn add(&self, targets: Vec<Target>) -> u64 {
        self.memory.add(targets)
    }

    fn lease(&self) -> Leasing<'_> {
        let leasing = async {
            if let Some(error) = self.error.borrow().clone() {
                return Err(error);
            }
            self.room().await;
            self.memory.lease().await
        };
        Either::Right(leasing.boxed_local())
    }

    fn settle(&self, lease: Lease, mut settlement: Settlement) {
        if let Step::Done { visits, .. } = &mut settlement.step {
            let visits = std::mem::take(visits);
            let end = |visit: &Arc<Visit>| End {
                place: visit.place,
                outcome: visit.outcome,
                kind: visit.error.as_ref().map(|failure| failure.kind),
                status: visit.status,
                failing: self
                    .fail_on
                    .as_ref()
                    .is_some_and(|fail_on| fail_on.matches(visit)),
                bytes: visit.size.unwrap_or(0),
            };
            if let Stage::Going(journal) = &*self.stage.borrow()
                && !visits.is_empty()
            {
                journal.tell(Entry::Done(visits.iter().map(end).collect()));
                self.dirty.set(true);
            }
        }
        self.memory.settle(lease, settlement);
    }

    fn commit(
        &self,
        outputs: Barrier,
        finished: Option<u8>,
    ) -> LocalBoxFuture<'static, Result<(), FrontierError>> {
        let gone = state_error(&self.path, "the thread that keeps it has ended");
        match &*self.stage.borrow() {
            Stage::Going(journal) => {
                let (done, committed) = oneshot::channel();
                journal.tell(Entry::Commit {
                    outputs,
                    finished,
                    done,
                });
                self.dirty.set(false);
                async move { committed.await.unwrap_or(Err(gone)) }.boxed_local()
            }
            Stage::Comparing(comparing) if finished.is_some() => {
                let Comparing {
                    compared, progress, ..
                } = &**comparing;
                let error = FrontierError::OtherList {
                    path: self.path.clone(),
                    difference: format!(
                        "it ends after {compared} entries, and {} were read of it",
                        progress.read
                    ),
                };
                async move { Err(error) }.boxed_local()
            }
            // Nothing has changed yet.
            Stage::Comparing(_) | Stage::Failed => async { Ok(()) }.boxed_local(),
        }
    }

    fn dirty(&self) -> bool {
        self.dirty.get()
    }

    fn changed(&self) -> LocalBoxFuture<'_, ()> {
        self.memory.changed()
    }

    fn pending(&self) -> (u64, u64) {
        self.memory.pending()
    }

    fn cuts(&self) -> Vec<(Cut, u64)> {
        self.memory.cuts()
    }

    fn abandon(&self) -> Vec<Target> {
        // They are not done, so the next run of the same command does them.
        self.memory.abandon();
        Vec::new()
    }
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
