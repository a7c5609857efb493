//! The state file: its tables, how it is opened, and what is read back from it.
//!
//! A target without a row in `visits` is pending: no column says so, so nothing has to be rewritten when a
//! run dies. Each commit is sealed (`seal`), so a file that a disk has changed is refused instead of believed. One
//! process uses it at a time; anyone may read it meanwhile with the stock `sqlite3` shell, for which there are the views
//! `pages`, `links`, `errors` and `pending`. A link is kept where it was the first to its target: who else links there is
//! what the format `sqlite` is for. Deliberately absent: any record of what was in flight.

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};
use url::Url;

use super::pending::{Address, Pending};
use super::seal::Seal;
use super::visited::Visits;
use super::{FrontierError, Written};
use crate::model::target::Naming;
use crate::model::{Seed, Summary, Target};

/// Version of the tables; a file from a newer one is refused and not touched.
const FORMAT: i64 = 4;

const TABLES: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE targets (
    id INTEGER PRIMARY KEY, url TEXT NOT NULL, depth INTEGER NOT NULL, referrer TEXT,
    input TEXT, line INTEGER, refusal TEXT, naming INTEGER NOT NULL, lastmod TEXT, before TEXT,
    fingerprint INTEGER NOT NULL, site INTEGER NOT NULL, lane INTEGER NOT NULL);
CREATE INDEX waiting ON targets (site, lane);
CREATE TABLE visits (
    id INTEGER PRIMARY KEY REFERENCES targets (id), url TEXT NOT NULL, outcome TEXT NOT NULL,
    status INTEGER, final_url TEXT, error_kind TEXT, error_message TEXT, depth INTEGER, referrer TEXT,
    content_type TEXT, size INTEGER, title TEXT, etag TEXT, last_modified TEXT, sha256 TEXT, record TEXT NOT NULL);
CREATE TABLE cut (
    reason TEXT NOT NULL, url TEXT NOT NULL, depth INTEGER NOT NULL, referrer TEXT, naming INTEGER NOT NULL,
    lastmod TEXT, fingerprint INTEGER NOT NULL);
CREATE TABLE lines (block INTEGER PRIMARY KEY, hashes BLOB NOT NULL);
CREATE TABLE outputs (position INTEGER PRIMARY KEY, committed INTEGER NOT NULL);
CREATE VIEW pages AS SELECT url, outcome, status, title, content_type, size, depth, referrer FROM visits;
CREATE VIEW links AS SELECT referrer AS page, url AS target FROM targets WHERE referrer IS NOT NULL;
CREATE VIEW errors AS SELECT url, outcome, error_kind AS kind, error_message AS message, status, referrer
    FROM visits WHERE error_kind IS NOT NULL;
CREATE VIEW pending AS SELECT url, depth, referrer FROM targets t WHERE NOT EXISTS (SELECT 1 FROM visits v WHERE v.id = t.id);
";

/// What a state file held when it was opened.
pub(super) struct Held {
    pub(super) identity: Option<String>,
    pub(super) finished: Option<u8>,
    /// There was a run before.
    pub(super) again: bool,
    pub(super) written: Written,
    /// How far a list is done.
    pub(super) list: Option<String>,
    pub(super) summary: Summary,
}

/// A target as it is read back; made into one that waits only where it is needed.
pub(super) struct Kept<'a> {
    pub(super) id: u64,
    pub(super) url: &'a str,
    pub(super) depth: u32,
    pub(super) naming: Naming,
    pub(super) fingerprint: u64,
    pub(super) visited: bool,
    pub(super) make: &'a dyn Fn() -> Option<Pending>,
}

/// A target that an earlier run has cut, made only where it is needed.
pub(super) struct KeptCut<'a> {
    pub(super) fingerprint: u64,
    pub(super) make: &'a dyn Fn() -> Option<Target>,
}

/// Columns of `cut`.
const CUT_COLUMNS: usize = 7;

/// Columns of `targets`.
const TARGET_COLUMNS: usize = 13;

fn naming(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Naming> {
    Ok(match row.get::<_, i64>(column)? {
        0 => Naming::User,
        1 => Naming::File,
        _ => Naming::Page,
    })
}

/// The target of a row of `targets`.
pub(super) fn pending(row: &rusqlite::Row<'_>) -> rusqlite::Result<Pending> {
    let input: Option<String> = row.get(4)?;
    let line: i64 = row.get::<_, Option<i64>>(5)?.unwrap_or(0);
    let refusal: Option<String> = row.get(6)?;
    let before: Option<String> = row.get(9)?;
    let pending = Pending {
        id: row.get::<_, i64>(0)?.unsigned_abs(),
        url: Address::Text(row.get(1)?),
        depth: row.get(2)?,
        referrer: row.get::<_, Option<String>>(3)?.map(Into::into),
        refusal: refusal.and_then(|text| serde_json::from_str(&text).ok()),
        naming: naming(row, 7)?,
        rare: None,
        seed: input.map(|input| {
            Box::new(Seed {
                input: input.into(),
                line: line.unsigned_abs(),
                place: 0,
                id: None,
            })
        }),
    };
    let before = before.and_then(|text| serde_json::from_str(&text).ok());
    Ok(pending.with(row.get(8)?, before))
}

/// An open state file, before its thread runs.
pub(super) struct Store {
    pub(super) connection: Connection,
    /// As it is shown.
    pub(super) path: String,
    file: PathBuf,
    pub(super) seal: Seal,
    /// Held until the process ends, however it ends.
    _lock: File,
}

pub(super) fn state_error(path: &str, reason: impl std::fmt::Display) -> FrontierError {
    FrontierError::State {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

/// An error as it is shown; a reason of our own stands in one that is none of `SQLite`'s.
fn in_words(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::InvalidParameterName(reason) => reason.clone(),
        error => error.to_string(),
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
            file: path.to_owned(),
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
                _ => wrong(&in_words(&error)),
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
        if (1..FORMAT).contains(&format) {
            return Err(rusqlite::Error::InvalidParameterName(format!(
                "its format is {format} and this program writes {FORMAT}: finish it with the dragnet that began it, or start anew with --fresh"
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

    /// A value that stands alone.
    fn meta(&self, name: &str) -> rusqlite::Result<Option<String>> {
        self.connection
            .query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| {
                row.get(0)
            })
            .optional()
    }

    /// What the fingerprints are keyed with, once a command has begun.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn secret(&self) -> Result<Option<(u64, u64)>, FrontierError> {
        let text = self.meta("secret").map_err(|error| self.damaged(&error))?;
        Ok(text.and_then(|text| {
            let (a, b) = text.split_once(' ')?;
            Some((a.parse().ok()?, b.parse().ok()?))
        }))
    }

    fn damaged(&self, reason: &dyn std::fmt::Display) -> FrontierError {
        let reason = format!("it is damaged ({reason}); --fresh starts anew");
        state_error(&self.path, reason)
    }

    /// Everything but the targets, which are many: those go to `each` one by one, in the order in which
    /// they were added.
    ///
    /// # Errors
    /// When the file cannot be read, or is not what was written.
    pub(super) fn load(&mut self, each: impl FnMut(Kept<'_>)) -> Result<Held, FrontierError> {
        let mut seal = Seal::default();
        let held = self
            .read(&mut seal, each)
            .map_err(|error| self.damaged(&in_words(&error)))?;
        match seal.holds(&self.connection) {
            Ok(true) => {}
            Ok(false) => return Err(self.damaged(&"its contents are not what was written")),
            Err(error) => return Err(self.damaged(&error)),
        }
        self.seal = seal;
        Ok(held)
    }

    fn read(&self, seal: &mut Seal, mut each: impl FnMut(Kept<'_>)) -> rusqlite::Result<Held> {
        let mut lengths = self
            .connection
            .prepare("SELECT committed FROM outputs ORDER BY position")?;
        let lengths = lengths
            .query_map([], |row| {
                row.get::<_, i64>(0)
                    .map(|length| u64::try_from(length).unwrap_or(0))
            })?
            .collect::<Result<_, _>>()?;
        let mut visits = Visits::of(&self.file)?;
        let mut targets = self
            .connection
            .prepare("SELECT * FROM targets ORDER BY id")?;
        let mut rows = targets.query([])?;
        let mut indexed = 0_u64;
        while let Some(row) = rows.next()? {
            seal.add_read("targets", row, TARGET_COLUMNS)?;
            indexed = indexed.wrapping_add(Seal::of_index(row, 11, 12, 0)?);
            // What is not of its kind was not written here; the seal will say so.
            let id: i64 = row.get(0)?;
            each(Kept {
                id: id.unsigned_abs(),
                url: row.get_ref(1)?.as_str()?,
                depth: row.get(2)?,
                naming: naming(row, 7)?,
                fingerprint: row.get::<_, i64>(10)?.cast_unsigned(),
                visited: visits.reach(id),
                make: &|| pending(row).ok(),
            });
        }
        // Pages are found by the index, which may be damaged where the rows are not.
        let mut index = self
            .connection
            .prepare("SELECT site, lane, id FROM targets INDEXED BY waiting")?;
        let mut index = index.query([])?;
        while let Some(row) = index.next()? {
            indexed = indexed.wrapping_sub(Seal::of_index(row, 0, 1, 2)?);
        }
        if indexed != 0 {
            return Err(rusqlite::Error::InvalidParameterName(
                "its index is not that of its rows".to_owned(),
            ));
        }
        let mut cut = self.connection.prepare("SELECT * FROM cut")?;
        let mut cut = cut.query([])?;
        while let Some(row) = cut.next()? {
            seal.add_read("cut", row, CUT_COLUMNS)?;
        }
        let mut lines = self.connection.prepare("SELECT * FROM lines")?;
        let mut lines = lines.query([])?;
        while let Some(row) = lines.next()? {
            seal.add_read("lines", row, 2)?;
        }
        let (visited, mut summary) = visits.end()?;
        seal.join(visited);
        let again = self.meta("runs")?.is_some();
        if again {
            self.changes(&mut summary)?;
        }
        Ok(Held {
            list: self.meta("list")?,
            identity: self.meta("command")?,
            again,
            finished: self.meta("finished")?.and_then(|code| code.parse().ok()),
            written: Written {
                lengths,
                filtered: self
                    .meta("filtered")?
                    .and_then(|count| count.parse().ok())
                    .unwrap_or(0),
                through: None,
            },
            summary,
        })
    }

    /// Counts what became of the targets since the run before.
    fn changes(&self, summary: &mut Summary) -> rusqlite::Result<()> {
        let changes = "SELECT json_extract(record, '$.change'), count(*) FROM visits GROUP BY 1";
        let mut changes = self.connection.prepare(changes)?;
        let mut changes = changes.query([])?;
        while let Some(row) = changes.next()? {
            let change: Option<String> = row.get(0)?;
            let change = change.and_then(|name| serde_json::from_value(name.into()).ok());
            if let Some(change) = change {
                summary.count_change(change, row.get::<_, i64>(1)?.unsigned_abs());
            }
        }
        Ok(())
    }

    /// What earlier runs have cut goes to `each`, in that order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn cuts(&self, mut each: impl FnMut(KeptCut<'_>)) -> Result<(), FrontierError> {
        let make = |row: &rusqlite::Row<'_>| {
            let Ok(url) = Url::parse(row.get_ref(1)?.as_str()?) else {
                return Ok(None);
            };
            Ok(Some(Target {
                depth: row.get(2)?,
                referrer: row.get::<_, Option<String>>(3)?.map(Into::into),
                naming: naming(row, 4)?,
                lastmod: row.get(5)?,
                ..Target::named(url)
            }))
        };
        let mut read = || {
            let mut cut = self
                .connection
                .prepare("SELECT * FROM cut ORDER BY rowid")?;
            let mut cut = cut.query([])?;
            while let Some(row) = cut.next()? {
                each(KeptCut {
                    fingerprint: row.get::<_, i64>(6)?.cast_unsigned(),
                    make: &|| make(row).unwrap_or_else(|_: rusqlite::Error| None),
                });
            }
            Ok(())
        };
        read().map_err(|error: rusqlite::Error| state_error(&self.path, error))
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

    /// Puts down what the outputs have, within the open transaction.
    pub(super) fn put_written(&self, written: &Written) -> rusqlite::Result<()> {
        for (position, length) in (0_i64..).zip(&written.lengths) {
            self.connection
                .prepare_cached("INSERT OR REPLACE INTO outputs VALUES (?1, ?2)")?
                .execute(params![position, length.cast_signed()])?;
        }
        if written.filtered > 0 {
            self.connection
                .prepare_cached("INSERT OR REPLACE INTO meta VALUES ('filtered', ?1)")?
                .execute([written.filtered.to_string()])?;
        }
        Ok(())
    }

    /// Makes a finished run the one before: every target is to be visited again, and keeps what was learnt of it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn recrawl(&self) -> Result<(), FrontierError> {
        let anew = "BEGIN IMMEDIATE;
            UPDATE targets SET before = (SELECT json_patch('{}', json_object('etag', etag, 'last_modified',
                last_modified, 'sha256', sha256, 'record', json(record))) FROM visits v WHERE v.id = targets.id);
            DELETE FROM visits; DELETE FROM outputs; DELETE FROM meta WHERE name IN ('finished', 'filtered');
            INSERT OR REPLACE INTO meta VALUES ('runs', (SELECT CAST(coalesce(max(CAST(value AS INTEGER)), 1) + 1 AS TEXT)
                FROM meta WHERE name = 'runs'));";
        let recrawl = || {
            self.connection.execute_batch(anew)?;
            let mut seal = Seal::default();
            for (table, columns) in [("targets", TARGET_COLUMNS), ("cut", CUT_COLUMNS)] {
                let mut rows = self.connection.prepare(&format!("SELECT * FROM {table}"))?;
                let mut rows = rows.query([])?;
                while let Some(row) = rows.next()? {
                    seal.add_read(table, row, columns)?;
                }
            }
            seal.write(&self.connection)?;
            self.connection.execute_batch("COMMIT")
        };
        recrawl().map_err(|error: rusqlite::Error| state_error(&self.path, error))
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
