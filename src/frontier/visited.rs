//! The visits of a state, read back: what they add up to, for the run that goes on, and their records, for those who
//! compare what comes with what there was.

use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use rusqlite::{Connection, OpenFlags};

use super::FrontierError;
use super::seal::Seal;
use super::store::state_error;
use crate::model::{Outcome, Summary, Validators, Visit};

/// Columns of `visits`.
const COLUMNS: usize = 16;

/// Numbers that are handed over together.
const TOGETHER: usize = 4096;

/// The visits, which a thread of their own reads beside the targets: their records are most of the file.
pub(super) struct Visits {
    batches: Receiver<Vec<i64>>,
    batch: std::vec::IntoIter<i64>,
    /// The one that was reached last.
    at: Option<i64>,
    thread: JoinHandle<rusqlite::Result<(Seal, Summary)>>,
}

impl Visits {
    /// Begins to read those of the state at `file`, which is open and in nobody else's use.
    pub(super) fn of(file: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let (sender, batches) = sync_channel(4);
        let read = move || {
            let mut reading = Reading::default();
            let mut visits = connection.prepare("SELECT * FROM visits ORDER BY id")?;
            let mut visits = visits.query([])?;
            let mut batch = Vec::with_capacity(TOGETHER);
            while let Some(row) = visits.next()? {
                batch.push(row.get(0)?);
                reading.add(row)?;
                // Nobody listens where the targets could not be read, and then nothing counts.
                if batch.len() == TOGETHER
                    && sender
                        .send(std::mem::replace(&mut batch, Vec::with_capacity(TOGETHER)))
                        .is_err()
                {
                    break;
                }
            }
            let _ = sender.send(batch);
            Ok(reading.end())
        };
        let thread = std::thread::Builder::new()
            .name("visits".into())
            .spawn(read);
        let thread = thread.map_err(|error| {
            rusqlite::Error::InvalidParameterName(format!("no thread could be started: {error}"))
        })?;
        let mut visits = Self {
            batches,
            batch: Vec::new().into_iter(),
            at: None,
            thread,
        };
        visits.step();
        Ok(visits)
    }

    fn step(&mut self) {
        self.at = self.batch.next().or_else(|| {
            self.batch = self.batches.recv().unwrap_or_default().into_iter();
            self.batch.next()
        });
    }

    /// Goes on to the visit of that target, and says whether there is one. Where they cannot be read there is none, and
    /// the end says so.
    pub(super) fn reach(&mut self, id: i64) -> bool {
        while self.at.is_some_and(|at| at < id) {
            self.step();
        }
        self.at == Some(id)
    }

    /// Waits for the rest; what they add up to, and their records, counted.
    pub(super) fn end(self) -> rusqlite::Result<(Seal, Summary)> {
        for rest in self.batches {
            drop(rest);
        }
        let ended = self.thread.join();
        ended.unwrap_or_else(|_| {
            let reason = "its visits could not be read".to_owned();
            Err(rusqlite::Error::InvalidParameterName(reason))
        })
    }
}

/// What the visits so far add up to.
#[derive(Default)]
struct Reading {
    seal: Seal,
    /// By outcome and kind of failure.
    counts: Vec<(String, Option<String>, u64)>,
    /// Their bytes and status codes.
    summary: Summary,
}

impl Reading {
    fn add(&mut self, row: &rusqlite::Row<'_>) -> rusqlite::Result<()> {
        self.seal.add_read("visits", row, COLUMNS)?;
        let outcome = row.get_ref(2)?.as_str()?;
        let kind = row.get_ref(5)?.as_str_or_null()?;
        let size = row.get::<_, Option<i64>>(10)?;
        self.summary.bytes += size.map_or(0, i64::unsigned_abs);
        if let Some(status) = row.get(3)? {
            self.summary.count_status(status, 1);
        }
        let same = |(of, why, _): &&mut (String, Option<String>, u64)| {
            of == outcome && why.as_deref() == kind
        };
        match self.counts.iter_mut().find(same) {
            Some((_, _, count)) => *count += 1,
            None => self
                .counts
                .push((outcome.to_owned(), kind.map(str::to_owned), 1)),
        }
        Ok(())
    }

    fn end(self) -> (Seal, Summary) {
        let mut summary = self.summary;
        for (outcome, kind, count) in self.counts {
            // The names are those of the record, so the record's own reader knows them.
            let outcome = serde_json::from_value(outcome.into()).unwrap_or(Outcome::Unknown);
            let kind = kind.and_then(|kind| serde_json::from_value(kind.into()).ok());
            summary.count_many(outcome, kind, count);
        }
        (self.seal, summary)
    }
}

/// Hands every good record of the state at `path` to `each`, with the digest of its content. The state is open and was
/// found whole, so a record that cannot be read is none of ours and is passed over.
///
/// # Errors
/// When the file cannot be read.
pub fn visited(path: &Path, mut each: impl FnMut(Visit)) -> Result<(), FrontierError> {
    let mut read = || {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut visits =
            connection.prepare("SELECT record, sha256 FROM visits WHERE outcome = 'ok'")?;
        let mut visits = visits.query([])?;
        while let Some(row) = visits.next()? {
            let record: Option<Visit> = serde_json::from_str(row.get_ref(0)?.as_str()?).ok();
            let Some(mut visit) = record else {
                continue;
            };
            visit.validators = Some(Box::new(Validators {
                sha256: row.get(1)?,
                ..Validators::default()
            }));
            each(visit);
        }
        Ok(())
    };
    read().map_err(|error: rusqlite::Error| state_error(&path.display().to_string(), error))
}
