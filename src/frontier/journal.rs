//! The state file: its tables, and the one thread that writes them.
//!
//! `SQLite` in WAL mode, `synchronous=FULL`: after a commit returns, neither kill -9 nor a power cut takes it
//! back, as far as the disk keeps its promises. What the loop settles comes here through a channel, in
//! order, and stays in one open transaction; a commit first waits for the outputs to be on their medium,
//! then stores their lengths in the same transaction. So state and outputs are cut at the same record
//! whatever happens in between. Anyone may read the file meanwhile with the stock `sqlite3` shell.
//!
//! Each commit is sealed (`seal`), so a file that a disk has changed is refused instead of believed.
//!
//! A target without a row in `visits` is pending: no column says so, so nothing has to be rewritten when a
//! run dies. Deliberately absent: any record of what was in flight.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::{Notify, oneshot};

use super::pending::Pending;
use super::seal::Seal;
use super::{FrontierError, Lengths};
use crate::model::target::Naming;
use crate::model::{Outcome, Seed, Summary, Visit};

/// Version of the tables; a file from a newer one is refused and not touched.
const FORMAT: i64 = 1;

const TABLES: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE targets (
    id INTEGER PRIMARY KEY, url TEXT NOT NULL, depth INTEGER NOT NULL, referrer TEXT,
    input TEXT, line INTEGER, refusal TEXT, naming INTEGER NOT NULL);
CREATE TABLE visits (
    id INTEGER PRIMARY KEY REFERENCES targets (id), url TEXT NOT NULL, outcome TEXT NOT NULL,
    status INTEGER, final_url TEXT, error_kind TEXT, error_message TEXT, depth INTEGER, referrer TEXT,
    content_type TEXT, size INTEGER, title TEXT, record TEXT NOT NULL);
CREATE TABLE outputs (position INTEGER PRIMARY KEY, committed INTEGER NOT NULL);
";

/// What the loop tells the thread.
pub(super) enum Entry {
    Added(Row),
    Visited {
        id: u64,
        visit: Arc<Visit>,
    },
    Commit {
        outputs: Lengths,
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
}

/// What a state file held when it was opened.
pub(super) struct Held {
    pub(super) identity: Option<String>,
    pub(super) secret: Option<(u64, u64)>,
    pub(super) finished: Option<u8>,
    pub(super) lengths: Vec<u64>,
    pub(super) summary: Summary,
}

/// Entries that may wait for the thread before leases do: a slow disk must not fill the memory.
const BACKLOG: usize = 20_000;

/// The writing thread and the way to it.
pub(super) struct Journal {
    backlog: Arc<Backlog>,
    entries: Option<Sender<Entry>>,
    thread: Option<JoinHandle<()>>,
    path: String,
}

/// Entries that were told and not yet written.
#[derive(Default)]
struct Backlog {
    entries: AtomicUsize,
    shrunk: Notify,
}

/// An open state file, before its thread runs.
pub(super) struct Store {
    connection: Connection,
    path: String,
    seal: Seal,
    /// Held until the process ends, however it ends.
    _lock: File,
}

fn state_error(path: &str, reason: impl std::fmt::Display) -> FrontierError {
    FrontierError::State {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

impl Store {
    /// Opens or makes the state at `path`; `fresh` empties it first.
    pub(super) fn open(path: &Path, fresh: bool) -> Result<Self, FrontierError> {
        let shown = path.display().to_string();
        let wrong = |reason: &dyn std::fmt::Display| state_error(&shown, reason);
        let lock = lock(path).map_err(|reason| wrong(&reason))?;
        if fresh {
            for suffix in ["", "-wal", "-shm"] {
                let mut name = path.as_os_str().to_owned();
                name.push(suffix);
                match std::fs::remove_file(&name) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(wrong(&error));
                    }
                    _ => {}
                }
            }
        }
        let connection = Connection::open(path).map_err(|error| wrong(&error))?;
        let store = Self {
            connection,
            path: shown.clone(),
            seal: Seal::default(),
            _lock: lock,
        };
        store
            .prepare()
            .map_err(|error| match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
                    wrong(&format!(
                        "it is no dragnet state or is damaged ({error}); --fresh starts anew"
                    ))
                }
                _ => wrong(&error),
            })?;
        Ok(store)
    }

    fn prepare(&self) -> rusqlite::Result<()> {
        let format: i64 = self
            .connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let objects: i64 =
            self.connection
                .query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
        let foreign = |what: &str| {
            rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_NOTADB),
                Some(what.to_owned()),
            )
        };
        if format > FORMAT {
            return Err(rusqlite::Error::InvalidParameterName(format!(
                "its format is {format} and this program knows {FORMAT}: use a newer dragnet"
            )));
        }
        if format == 0 && objects > 0 {
            return Err(foreign("it is a database of something else"));
        }
        self.connection.pragma_update(None, "journal_mode", "WAL")?;
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        if objects == 0 {
            self.connection.execute_batch(&format!(
                "BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {FORMAT}; COMMIT;"
            ))?;
        }
        Ok(())
    }

    /// Everything but the targets, which are many: those go to `each` one by one, in the order in which
    /// they were added, with whether they have their visit.
    ///
    /// # Errors
    /// When the file cannot be read, or is not what was written.
    pub(super) fn load(
        &mut self,
        each: impl FnMut(&str, bool, Pending),
    ) -> Result<Held, FrontierError> {
        let damaged = |reason: &dyn std::fmt::Display| {
            let reason = format!("it is damaged ({reason}); --fresh starts anew");
            state_error(&self.path, reason)
        };
        let mut seal = Seal::default();
        let held = self
            .read(&mut seal, each)
            .map_err(|error| damaged(&error))?;
        match seal.holds(&self.connection) {
            Ok(true) => {}
            Ok(false) => return Err(damaged(&"its contents are not what was written")),
            Err(error) => return Err(damaged(&error)),
        }
        self.seal = seal;
        Ok(held)
    }

    fn read(
        &self,
        seal: &mut Seal,
        mut each: impl FnMut(&str, bool, Pending),
    ) -> rusqlite::Result<Held> {
        let meta = |name: &str| {
            self.connection
                .query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| {
                    row.get::<_, String>(0)
                })
                .optional()
        };
        let secret = meta("secret")?.and_then(|text| {
            let (a, b) = text.split_once(' ')?;
            Some((a.parse().ok()?, b.parse().ok()?))
        });
        let mut lengths = self
            .connection
            .prepare("SELECT committed FROM outputs ORDER BY position")?;
        let lengths = lengths
            .query_map([], |row| {
                row.get::<_, i64>(0)
                    .map(|length| u64::try_from(length).unwrap_or(0))
            })?
            .collect::<Result<_, _>>()?;
        let summary = self.counted(seal)?;
        let mut targets = self.connection.prepare(
            "SELECT t.*, v.id IS NOT NULL FROM targets t LEFT JOIN visits v ON v.id = t.id ORDER BY t.id",
        )?;
        let mut rows = targets.query([])?;
        while let Some(row) = rows.next()? {
            seal.add_read("targets", row, 8)?;
            let url: String = row.get(1)?;
            let input: Option<String> = row.get(4)?;
            let line: i64 = row.get::<_, Option<i64>>(5)?.unwrap_or(0);
            let refusal: Option<String> = row.get(6)?;
            let pending = Pending {
                id: row.get::<_, i64>(0)?.unsigned_abs(),
                url: url.clone().into_boxed_str(),
                depth: row.get(2)?,
                referrer: row.get::<_, Option<String>>(3)?.map(Into::into),
                refusal: refusal.and_then(|text| serde_json::from_str(&text).ok()),
                naming: match row.get::<_, i64>(7)? {
                    0 => Naming::User,
                    1 => Naming::File,
                    _ => Naming::Page,
                },
                rare: None,
                seed: input.map(|input| {
                    Box::new(Seed {
                        input,
                        line: line.unsigned_abs(),
                    })
                }),
            };
            each(&url, row.get(8)?, pending);
        }
        Ok(Held {
            identity: meta("command")?,
            secret,
            finished: meta("finished")?.and_then(|code| code.parse().ok()),
            lengths,
            summary,
        })
    }

    /// The visits so far.
    fn counted(&self, seal: &mut Seal) -> rusqlite::Result<Summary> {
        let mut visits = self.connection.prepare("SELECT * FROM visits")?;
        let mut visits = visits.query([])?;
        let mut counts: HashMap<(String, Option<String>), u64> = HashMap::new();
        let mut summary = Summary::default();
        while let Some(row) = visits.next()? {
            seal.add_read("visits", row, 13)?;
            let size = row.get::<_, Option<i64>>("size")?;
            summary.bytes += size.map_or(0, i64::unsigned_abs);
            let ends = (row.get("outcome")?, row.get("error_kind")?);
            *counts.entry(ends).or_default() += 1;
        }
        for ((outcome, kind), count) in counts {
            // The names are those of the record, so the record's own reader knows them.
            let outcome = serde_json::from_value(outcome.into()).unwrap_or(Outcome::Unknown);
            let kind = kind.and_then(|kind| serde_json::from_value(kind.into()).ok());
            summary.count_many(outcome, kind, count);
        }
        Ok(summary)
    }

    /// Writes down which command begins here.
    pub(super) fn begin(&self, identity: &str, secret: (u64, u64)) -> Result<(), FrontierError> {
        let begin = || {
            let transaction = self.connection.unchecked_transaction()?;
            for (name, value) in [
                ("command", identity.to_owned()),
                ("secret", format!("{} {}", secret.0, secret.1)),
            ] {
                transaction.execute(
                    "INSERT OR REPLACE INTO meta VALUES (?1, ?2)",
                    params![name, value],
                )?;
            }
            self.seal.write(&transaction)?;
            transaction.commit()
        };
        begin().map_err(|error: rusqlite::Error| state_error(&self.path, error))
    }

    /// Hands the file to its thread.
    pub(super) fn start(self) -> Result<Journal, FrontierError> {
        let (sender, receiver) = channel();
        let path = self.path.clone();
        let backlog = Arc::new(Backlog::default());
        let theirs = Arc::clone(&backlog);
        let thread = std::thread::Builder::new()
            .name("state".into())
            .spawn(move || self.keep(&receiver, &theirs))
            .map_err(|error| state_error(&path, error))?;
        Ok(Journal {
            backlog,
            entries: Some(sender),
            thread: Some(thread),
            path,
        })
    }

    /// The thread: entries into the open transaction, until the loop lets go. What was not committed by
    /// then is rolled back, exactly as if the process had died.
    fn keep(mut self, entries: &Receiver<Entry>, backlog: &Backlog) {
        let mut broken = self.connection.execute_batch("BEGIN IMMEDIATE").err();
        for entry in entries {
            if backlog.entries.fetch_sub(1, Ordering::Relaxed) == BACKLOG / 2 {
                backlog.shrunk.notify_one();
            }
            let Entry::Commit {
                outputs,
                finished,
                done,
            } = entry
            else {
                if broken.is_none() {
                    broken = self.write(&entry).err();
                }
                continue;
            };
            let result = match &broken {
                Some(error) => Err(state_error(&self.path, error)),
                None => match outputs.blocking_recv() {
                    Ok(lengths) => self
                        .commit(&lengths, finished)
                        .map_err(|error| state_error(&self.path, error)),
                    // The writer has said already what went wrong; the state must not run ahead of it.
                    Err(_) => Err(state_error(&self.path, "an output failed first")),
                },
            };
            let _ = done.send(result);
        }
        let _ = self.connection.execute_batch("ROLLBACK");
    }

    fn write(&mut self, entry: &Entry) -> rusqlite::Result<()> {
        match entry {
            Entry::Added(row) => {
                let naming = match row.naming {
                    Naming::User => 0,
                    Naming::File => 1,
                    Naming::Page => 2,
                };
                let values = params![
                    row.id.cast_signed(),
                    row.url,
                    row.depth,
                    row.referrer.as_deref(),
                    row.seed.as_ref().map(|seed| &seed.input),
                    row.seed.as_ref().map(|seed| seed.line.cast_signed()),
                    row.refusal,
                    naming,
                ];
                self.seal.add("targets", values)?;
                self.connection
                    .prepare_cached("INSERT INTO targets VALUES (?1,?2,?3,?4,?5,?6,?7,?8)")?
                    .execute(values)?;
            }
            Entry::Visited { id, visit } => {
                // A record that cannot be written as JSON would be a fault of ours; it is kept empty
                // rather than losing the fact of the visit.
                let record = serde_json::to_string(&**visit).unwrap_or_default();
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
                    record,
                ];
                self.seal.add("visits", values)?;
                self.connection
                    .prepare_cached(
                        "INSERT INTO visits VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)",
                    )?
                    .execute(values)?;
            }
            Entry::Commit { .. } => {}
        }
        Ok(())
    }

    fn commit(&self, lengths: &[u64], finished: Option<u8>) -> rusqlite::Result<()> {
        for (position, length) in lengths.iter().enumerate() {
            self.connection
                .prepare_cached("INSERT OR REPLACE INTO outputs VALUES (?1, ?2)")?
                .execute(params![
                    i64::try_from(position).unwrap_or(0),
                    length.cast_signed()
                ])?;
        }
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
    /// In order, without waiting.
    pub(super) fn tell(&self, entry: Entry) {
        if let Some(entries) = &self.entries {
            self.backlog.entries.fetch_add(1, Ordering::Relaxed);
            // Fails only when the thread is gone, and then the next commit says so.
            let _ = entries.send(entry);
        }
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

/// One process at a time. A file beside the state is locked, never the state itself: closing a second
/// descriptor of that would drop `SQLite`'s own locks on it. The kernel frees the lock when we die.
fn lock(path: &Path) -> Result<File, String> {
    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&name)
        .map_err(|error| error.to_string())?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(
            "another process is using it; wait for it, or give this run its own --state".to_owned(),
        ),
        Err(std::fs::TryLockError::Error(error)) => Err(error.to_string()),
    }
}
