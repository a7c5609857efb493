//! The one thread that writes a state file.
//!
//! `SQLite` in WAL mode, `synchronous=FULL`: after a commit returns, neither kill -9 nor a power cut takes it
//! back, as far as the disk keeps its promises. What the loop settles comes here through a channel, in
//! order, and stays in one open transaction; a commit first waits for the outputs to be on their medium,
//! then stores their lengths in the same transaction. So state and outputs are cut at the same record
//! whatever happens in between. Targets that no window holds are brought from here, page by page.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::params;
use tokio::sync::{Notify, oneshot};

use super::pending::Pending;
use super::queue::{Lane, PAGE, Page};
use super::store::{Store, pending, state_error};
use super::{Barrier, FrontierError, Written};
use crate::model::target::Naming;
use crate::model::{Seed, Visit};
use crate::policy::budget::Cut;

/// What the loop tells the thread.
pub(super) enum Entry {
    Added(Row),
    /// A target that is out of the budget.
    Cut(RowCut),
    /// A run that was finished goes on.
    Reopened,
    Visited {
        id: u64,
        visit: Arc<Visit>,
    },
    /// Targets of an origin's lane that are wanted now.
    Page {
        place: usize,
        site: u64,
        page: Page,
    },
    Commit {
        outputs: Barrier,
        finished: Option<u8>,
        done: oneshot::Sender<Result<(), FrontierError>>,
    },
}

/// A target as it is kept.
pub(super) struct Row {
    pub(super) id: u64,
    pub(super) url: Box<str>,
    pub(super) seed: Option<Seed>,
    pub(super) refusal: Option<String>,
    pub(super) referrer: Option<Arc<str>>,
    pub(super) depth: u32,
    pub(super) naming: Naming,
    pub(super) lastmod: Option<Box<str>>,
    pub(super) fingerprint: u64,
    pub(super) site: u64,
    pub(super) lane: Lane,
}

/// A cut target as it is kept.
pub(super) struct RowCut {
    pub(super) cut: Cut,
    pub(super) url: Box<str>,
    pub(super) depth: u32,
    pub(super) referrer: Option<Arc<str>>,
    pub(super) naming: Naming,
    pub(super) lastmod: Option<Box<str>>,
    pub(super) fingerprint: u64,
}

/// A [`Naming`] as its column holds it.
fn naming_number(naming: Naming) -> i64 {
    match naming {
        Naming::User => 0,
        Naming::File => 1,
        Naming::Page => 2,
    }
}

/// Entries that may wait for the thread before leases do: a slow disk must not fill the memory.
const BACKLOG: usize = 20_000;

/// Entries that are sent together: to wake the thread costs as much as to write an entry.
const TOGETHER: usize = 128;

/// The writing thread and the way to it.
pub(super) struct Journal {
    backlog: Arc<Backlog>,
    arrivals: Arc<Arrivals>,
    /// Told and not yet sent.
    gathered: RefCell<Vec<Entry>>,
    entries: Option<Sender<Vec<Entry>>>,
    thread: Option<JoinHandle<()>>,
    path: String,
}

/// Entries that were told and not yet written.
#[derive(Default)]
struct Backlog {
    entries: AtomicUsize,
    shrunk: Notify,
}

/// A page that was asked for.
pub(super) struct Arrived {
    pub(super) place: usize,
    pub(super) lane: Lane,
    pub(super) targets: Result<Vec<Pending>, FrontierError>,
}

/// Pages that were read and not yet taken.
struct Arrivals {
    pages: Mutex<Vec<Arrived>>,
    changed: Arc<Notify>,
}

impl Arrivals {
    fn put(&self, page: Arrived) {
        self.pages
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(page);
        self.changed.notify_one();
    }
}

impl Store {
    /// Hands the file to its thread, which says by `changed` that a page is there.
    pub(super) fn start(self, changed: Arc<Notify>) -> Result<Journal, FrontierError> {
        let (sender, receiver) = channel();
        let path = self.path.clone();
        let backlog = Arc::new(Backlog::default());
        let theirs = Arc::clone(&backlog);
        let arrivals = Arc::new(Arrivals {
            pages: Mutex::default(),
            changed,
        });
        let put = Arc::clone(&arrivals);
        let thread = std::thread::Builder::new()
            .name("state".into())
            .spawn(move || self.keep(&receiver, &theirs, &put))
            .map_err(|error| state_error(&path, error))?;
        Ok(Journal {
            backlog,
            arrivals,
            gathered: RefCell::default(),
            entries: Some(sender),
            thread: Some(thread),
            path,
        })
    }

    /// The thread: entries into the open transaction, until the loop lets go. What was not committed by
    /// then is rolled back, exactly as if the process had died.
    fn keep(mut self, entries: &Receiver<Vec<Entry>>, backlog: &Backlog, arrivals: &Arrivals) {
        let mut broken = self.connection.execute_batch("BEGIN IMMEDIATE").err();
        for entry in entries.iter().flatten() {
            if backlog.entries.fetch_sub(1, Ordering::Relaxed) == BACKLOG / 2 {
                backlog.shrunk.notify_one();
            }
            let Entry::Commit {
                outputs,
                finished,
                done,
            } = entry
            else {
                if let Entry::Page { place, site, page } = entry {
                    let targets = self.page(site, &page);
                    let targets = targets.map_err(|error| state_error(&self.path, error));
                    arrivals.put(Arrived {
                        place,
                        lane: page.lane,
                        targets,
                    });
                } else if broken.is_none() {
                    broken = self.write(&entry).err();
                }
                continue;
            };
            let result = match &broken {
                Some(error) => Err(state_error(&self.path, error)),
                None => match outputs.blocking_recv() {
                    Ok(written) => self
                        .commit(&written, finished)
                        .map_err(|error| state_error(&self.path, error)),
                    // The writer has said already what went wrong; the state must not run ahead of it.
                    Err(_) => Err(state_error(&self.path, "an output failed first")),
                },
            };
            let _ = done.send(result);
        }
        let _ = self.connection.execute_batch("ROLLBACK");
    }

    /// The next targets of a lane that have no visit.
    fn page(&self, site: u64, page: &Page) -> rusqlite::Result<Vec<Pending>> {
        let mut rows = self.connection.prepare_cached(
            "SELECT * FROM targets t WHERE site = ?1 AND lane = ?2 AND id > ?3
             AND NOT EXISTS (SELECT 1 FROM visits v WHERE v.id = t.id) ORDER BY id LIMIT ?4",
        )?;
        let most = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let which = params![
            site.cast_signed(),
            page.lane.number(),
            page.after.cast_signed(),
            most
        ];
        rows.query_map(which, pending)?.collect()
    }

    fn write(&mut self, entry: &Entry) -> rusqlite::Result<()> {
        match entry {
            Entry::Added(row) => {
                let before: Option<String> = None;
                let values = params![
                    row.id.cast_signed(),
                    row.url,
                    row.depth,
                    row.referrer.as_deref(),
                    row.seed.as_ref().map(|seed| &seed.input),
                    row.seed.as_ref().map(|seed| seed.line.cast_signed()),
                    row.refusal,
                    naming_number(row.naming),
                    row.lastmod,
                    before,
                    row.fingerprint.cast_signed(),
                    row.site.cast_signed(),
                    row.lane.number(),
                ];
                self.seal.add("targets", values)?;
                self.connection
                    .prepare_cached(
                        "INSERT INTO targets VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)",
                    )?
                    .execute(values)?;
            }
            Entry::Cut(row) => {
                let values = params![
                    row.cut.name(),
                    row.url,
                    row.depth,
                    row.referrer.as_deref(),
                    naming_number(row.naming),
                    row.lastmod,
                    row.fingerprint.cast_signed(),
                ];
                self.seal.add("cut", values)?;
                self.connection
                    .prepare_cached("INSERT INTO cut VALUES (?1,?2,?3,?4,?5,?6,?7)")?
                    .execute(values)?;
            }
            Entry::Reopened => {
                self.connection
                    .execute("DELETE FROM meta WHERE name = 'finished'", [])?;
            }
            Entry::Visited { id, visit } => {
                // A record that cannot be written as JSON would be a fault of ours; it is kept empty
                // rather than losing the fact of the visit.
                let record = serde_json::to_string(&**visit).unwrap_or_default();
                let validators = visit.validators.as_deref();
                let values = params![
                    id.cast_signed(),
                    visit.url,
                    visit.outcome.name(),
                    visit.status,
                    visit.final_url,
                    visit.error.as_ref().map(|error| error.kind.name()),
                    visit.error.as_ref().map(|error| &*error.message),
                    visit.depth,
                    visit.referrer.as_deref(),
                    visit.content_type,
                    visit.size.map(u64::cast_signed),
                    visit.title,
                    validators.and_then(|kept| kept.etag.as_deref()),
                    validators.and_then(|kept| kept.last_modified.as_deref()),
                    validators.and_then(|kept| kept.sha256.as_deref()),
                    record,
                ];
                self.seal.add("visits", values)?;
                self.connection
                    .prepare_cached(
                        "INSERT INTO visits VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)",
                    )?
                    .execute(values)?;
            }
            Entry::Page { .. } | Entry::Commit { .. } => {}
        }
        Ok(())
    }

    fn commit(&self, written: &Written, finished: Option<u8>) -> rusqlite::Result<()> {
        self.put_written(written)?;
        if let Some(code) = finished {
            self.connection.execute(
                "INSERT OR REPLACE INTO meta VALUES ('finished', ?1)",
                [code.to_string()],
            )?;
        }
        self.seal.write(&self.connection)?;
        self.connection.execute_batch("COMMIT; BEGIN IMMEDIATE")
    }
}

impl Journal {
    /// In order, without waiting. What is only to be written waits for company, and never beyond a commit.
    pub(super) fn tell(&self, entry: Entry) {
        let Some(entries) = &self.entries else { return };
        let urgent = matches!(entry, Entry::Page { .. } | Entry::Commit { .. });
        self.backlog.entries.fetch_add(1, Ordering::Relaxed);
        let mut gathered = self.gathered.borrow_mut();
        gathered.push(entry);
        if urgent || gathered.len() >= TOGETHER {
            let together = std::mem::replace(&mut *gathered, Vec::with_capacity(TOGETHER));
            // Fails only when the thread is gone, and then the next commit says so.
            let _ = entries.send(together);
        }
    }

    /// The pages that have arrived.
    pub(super) fn arrived(&self) -> Vec<Arrived> {
        let mut pages = self
            .arrivals
            .pages
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *pages)
    }

    /// Waits while the thread is far behind.
    pub(super) async fn room(&self) {
        while self.backlog.entries.load(Ordering::Relaxed) > BACKLOG {
            // A wake-up that came too early is no harm, one that was missed ends with the time-out.
            let shrunk = self.backlog.shrunk.notified();
            let _ = tokio::time::timeout(Duration::from_millis(50), shrunk).await;
        }
    }

    pub(super) fn gone(&self) -> FrontierError {
        state_error(&self.path, "the thread that keeps it has ended")
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
