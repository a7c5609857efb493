//! The thread that writes the state of a list: how far it was read, what of it is done, and its records, counted.
//!
//! What the loop tells it stays in memory until a commit, which first waits for the outputs to be on their medium: there
//! is little of it, whatever the list.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::params;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::places::Places;
use super::store::{Store, state_error};
use super::{Barrier, FrontierError, Written};
use crate::model::{FailureKind, Outcome, Summary};

/// Seeds whose hashes make a row.
pub(super) const BLOCK: usize = if cfg!(test) { 4 } else { 1024 };

/// What is kept of a list, beside the hashes of whole blocks.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Seeds that were read.
    pub(super) read: u64,
    pub(super) done: Places,
    pub(super) tally: Tally,
    /// The hashes of the last block, which is not whole yet.
    pub(super) last: Vec<u32>,
}

/// The records of the places that are done, counted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Tally {
    ends: Vec<(Outcome, Option<FailureKind>, u64)>,
    statuses: Vec<(u16, u64)>,
    failing: u64,
    bytes: u64,
}

impl Tally {
    fn add(&mut self, end: &End) {
        self.failing += u64::from(end.failing);
        self.bytes += end.bytes;
        if let Some(status) = end.status {
            match self.statuses.iter_mut().find(|(code, _)| *code == status) {
                Some((_, count)) => *count += 1,
                None => self.statuses.push((status, 1)),
            }
        }
        let same = |(outcome, kind, _): &&mut (Outcome, Option<FailureKind>, u64)| {
            (*outcome, *kind) == (end.outcome, end.kind)
        };
        match self.ends.iter_mut().find(same) {
            Some((_, _, count)) => *count += 1,
            None => self.ends.push((end.outcome, end.kind, 1)),
        }
    }

    pub(super) fn summary(&self, written: &Written, fails: bool) -> Summary {
        let mut summary = Summary {
            bytes: self.bytes,
            failing: fails.then_some(self.failing),
            filtered: written.filtered,
            statuses: self.statuses.clone(),
            ..Summary::default()
        };
        for (outcome, kind, count) in &self.ends {
            summary.count_many(*outcome, *kind, *count);
        }
        summary
    }
}

/// What of a record is counted.
pub(super) struct End {
    pub(super) place: u64,
    pub(super) outcome: Outcome,
    pub(super) kind: Option<FailureKind>,
    pub(super) status: Option<u16>,
    pub(super) failing: bool,
    pub(super) bytes: u64,
}

/// What the loop tells the thread.
pub(super) enum Entry {
    /// The hashes of the seeds that were read next.
    Read(Vec<u32>),
    /// Records that were accepted.
    Done(Vec<End>),
    Commit {
        outputs: Barrier,
        finished: Option<u8>,
        done: oneshot::Sender<Result<(), FrontierError>>,
    },
}

/// The thread that writes the state, and the way to it.
pub(super) struct Journal {
    entries: Option<Sender<Entry>>,
    /// Entries that were told and not yet taken.
    pub(super) backlog: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Journal {
    /// In order, without waiting.
    pub(super) fn tell(&self, entry: Entry) {
        if let Some(entries) = &self.entries {
            self.backlog.fetch_add(1, Ordering::Relaxed);
            // Fails only when the thread is gone, and then the next commit says so.
            let _ = entries.send(entry);
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.entries = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Hands the file to its thread.
pub(super) fn start(
    store: Store,
    progress: Progress,
    ordered: bool,
) -> Result<Journal, FrontierError> {
    let (sender, receiver) = channel();
    let backlog = Arc::new(AtomicUsize::new(0));
    let theirs = Arc::clone(&backlog);
    let path = store.path.clone();
    let keeper = Keeper {
        store,
        progress,
        beyond: ordered.then(BTreeMap::new),
    };
    let thread = std::thread::Builder::new()
        .name("state".into())
        .spawn(move || keeper.keep(&receiver, &theirs))
        .map_err(|error| state_error(&path, error))?;
    Ok(Journal {
        entries: Some(sender),
        backlog,
        thread: Some(thread),
    })
}

/// What the thread works with.
struct Keeper {
    store: Store,
    progress: Progress,
    /// Where records keep to the order of the list: those that are accepted and perhaps not yet written.
    beyond: Option<BTreeMap<u64, End>>,
}

impl Keeper {
    fn keep(mut self, entries: &Receiver<Entry>, backlog: &AtomicUsize) {
        // Hashes of blocks that are whole and not yet in the file.
        let mut whole: Vec<Vec<u32>> = Vec::new();
        for entry in entries {
            backlog.fetch_sub(1, Ordering::Relaxed);
            match entry {
                Entry::Read(hashes) => {
                    self.progress.read += hashes.len() as u64;
                    for hash in hashes {
                        self.progress.last.push(hash);
                        if self.progress.last.len() == BLOCK {
                            whole.push(std::mem::take(&mut self.progress.last));
                        }
                    }
                }
                Entry::Done(ends) => {
                    for end in ends {
                        self.done(end);
                    }
                }
                Entry::Commit {
                    outputs,
                    finished,
                    done,
                } => {
                    let result = match outputs.blocking_recv() {
                        Ok(written) => self.commit(&mut whole, &written, finished),
                        // The writer has said already what went wrong; the state must not run ahead of it.
                        Err(_) => Err(state_error(&self.store.path, "an output failed first")),
                    };
                    let _ = done.send(result);
                }
            }
        }
    }

    fn done(&mut self, end: End) {
        if let Some(beyond) = &mut self.beyond {
            beyond.insert(end.place, end);
        } else {
            self.progress.done.insert(end.place);
            self.progress.tally.add(&end);
        }
    }

    fn commit(
        &mut self,
        whole: &mut Vec<Vec<u32>>,
        written: &Written,
        finished: Option<u8>,
    ) -> Result<(), FrontierError> {
        if let (Some(beyond), Some(through)) = (&mut self.beyond, written.through) {
            let later = beyond.split_off(&(through + 1));
            for (place, end) in std::mem::replace(beyond, later) {
                self.progress.done.insert(place);
                self.progress.tally.add(&end);
            }
        }
        let result = self.write(whole, written, finished);
        result.map_err(|error| state_error(&self.store.path, error))
    }

    fn write(
        &mut self,
        whole: &mut Vec<Vec<u32>>,
        written: &Written,
        finished: Option<u8>,
    ) -> rusqlite::Result<()> {
        let progress = serde_json::to_string(&self.progress).unwrap_or_default();
        let transaction = self.store.connection.unchecked_transaction()?;
        let blocks = self.progress.read / BLOCK as u64 - whole.len() as u64;
        for (block, hashes) in (blocks..).zip(whole.drain(..)) {
            let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
            let values = params![block.cast_signed(), bytes];
            self.store.seal.add("lines", values)?;
            transaction
                .prepare_cached("INSERT INTO lines VALUES (?1, ?2)")?
                .execute(values)?;
        }
        transaction
            .prepare_cached("INSERT OR REPLACE INTO meta VALUES ('list', ?1)")?
            .execute([progress])?;
        if let Some(code) = finished {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO meta VALUES ('finished', ?1)")?
                .execute([code.to_string()])?;
        }
        self.store.put_written(written)?;
        self.store.seal.write(&transaction)?;
        transaction.commit()
    }
}
