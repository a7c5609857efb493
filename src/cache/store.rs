//! The file: its tables, which file is a cache at all, and how it is read and written.
//!
//! What a file is, its header says, and nothing is opened that is something else or newer: it stays as it is, to the byte.
//! Any number of processes may have it open: in WAL mode readers and a writer do not wait for each other, writers wait for each
//! other, and each batch is one transaction. Without `synchronous=FULL` a power cut costs the last of them and breaks nothing.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};
use rusqlite::{Connection, OptionalExtension, params};

use super::{CacheError, Stored, Verdict, Wish};

/// `drgC`: what tells a cache from any other database.
const MARK: u32 = 0x6472_6743;

/// Version of the tables.
const FORMAT: u32 = 1;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS answers (
    url TEXT NOT NULL, variant TEXT NOT NULL, at INTEGER NOT NULL, fields TEXT NOT NULL, size INTEGER NOT NULL,
    sha256 TEXT, content BLOB, PRIMARY KEY (url, variant));
CREATE TABLE IF NOT EXISTS verdicts (
    url TEXT NOT NULL, variant TEXT NOT NULL, at INTEGER NOT NULL, record TEXT NOT NULL, anchors BLOB,
    PRIMARY KEY (url, variant));
";

/// Another process may write for so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// What nobody has used for so long is thrown away.
const OLD: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// An open cache.
pub(super) struct Store {
    connection: Connection,
    /// In seconds.
    max_age: i64,
}

impl Store {
    /// Opens or makes the cache at `path`.
    pub(super) fn open(path: &Path, max_age: Duration) -> Result<Self, CacheError> {
        let wrong = |reason: String| CacheError {
            path: path.display().to_string(),
            reason,
        };
        let new = is_new(path).map_err(&wrong)?;
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(path)?;
            connection.busy_timeout(PATIENCE)?;
            if new {
                connection.execute_batch(&format!(
                    "BEGIN EXCLUSIVE; {TABLES} PRAGMA application_id = {MARK}; PRAGMA user_version = {FORMAT}; COMMIT;"
                ))?;
            }
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            // Fails where the tables are not those of the header.
            connection
                .prepare("SELECT url, variant, at, fields, size, sha256, content FROM answers")?;
            connection.prepare("SELECT url, variant, at, record, anchors FROM verdicts")?;
            Ok(connection)
        };
        let connection =
            open().map_err(|error| wrong(format!("{error}; remove it, or give another")))?;
        Ok(Self {
            connection,
            max_age: seconds(max_age),
        })
    }

    /// The answer that is stored, if it is young enough.
    pub(super) fn answer(&self, url: &str, variant: &str) -> rusqlite::Result<Option<Stored>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT fields, size, sha256, content FROM answers WHERE url = ?1 AND variant = ?2 AND at > ?3 AND at <= ?4",
        )?;
        let row = |row: &rusqlite::Row<'_>| {
            let fields: String = row.get(0)?;
            let content: Option<Vec<u8>> = row.get(3)?;
            Ok((fields, row.get::<_, i64>(1)?, row.get(2)?, content))
        };
        let (from, to) = self.since();
        let found = statement
            .query_row(params![url, variant, from, to], row)
            .optional()?;
        Ok(found.and_then(|(fields, size, sha256, content)| {
            // What cannot be read back is not there.
            let content = match content {
                Some(packed) => Some(zstd::bulk::decompress(&packed, super::LARGEST).ok()?),
                None => None,
            };
            Some(Stored {
                url: url.to_owned(),
                variant: variant.to_owned(),
                fields: read_fields(&fields)?,
                size: size.unsigned_abs(),
                sha256,
                content,
            })
        }))
    }

    /// Every verdict of a variant that is young enough, by the key of its URL.
    pub(super) fn verdicts(&self, variant: &str) -> rusqlite::Result<HashMap<String, Verdict>> {
        let mut statement = self.connection.prepare(
            "SELECT url, record, anchors FROM verdicts WHERE variant = ?1 AND at > ?2 AND at <= ?3",
        )?;
        let (from, to) = self.since();
        let rows = statement.query_map(params![variant, from, to], |row| {
            let verdict = Verdict {
                record: row.get::<_, String>(1)?.into(),
                anchors: row.get(2)?,
            };
            Ok((row.get(0)?, verdict))
        })?;
        rows.collect()
    }

    /// Does what is wished, all of it or nothing.
    pub(super) fn write(&mut self, wishes: &[Wish]) -> rusqlite::Result<()> {
        let now = now();
        let transaction = self
            .connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for wish in wishes {
            match wish {
                Wish::Keep(stored) => {
                    let packed = stored
                        .content
                        .as_deref()
                        .map(|content| zstd::bulk::compress(content, 3));
                    // Too little memory for it, perhaps; without content it is of use too.
                    let packed = packed.and_then(Result::ok);
                    transaction
                        .prepare_cached(
                            "INSERT OR REPLACE INTO answers VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                        )?
                        .execute(params![
                            stored.url,
                            stored.variant,
                            now,
                            written(&stored.fields),
                            i64::try_from(stored.size).unwrap_or(i64::MAX),
                            stored.sha256,
                            packed
                        ])?;
                }
                Wish::Renew {
                    url,
                    variant,
                    fields,
                } => {
                    transaction
                        .prepare_cached("UPDATE answers SET at = ?3, fields = ?4 WHERE url = ?1 AND variant = ?2")?
                        .execute(params![url, variant, now, written(fields)])?;
                }
                Wish::Judge {
                    url,
                    variant,
                    verdict,
                } => {
                    transaction
                        .prepare_cached(
                            "INSERT OR REPLACE INTO verdicts VALUES (?1, ?2, ?3, ?4, ?5)",
                        )?
                        .execute(params![
                            url,
                            variant,
                            now,
                            &*verdict.record,
                            verdict.anchors
                        ])?;
                }
                Wish::Ask { .. } => {}
            }
        }
        transaction.commit()
    }

    /// Throws away what is too old for anybody.
    pub(super) fn prune(&self) -> rusqlite::Result<()> {
        let oldest = now().saturating_sub(self.max_age.max(seconds(OLD)));
        for table in ["answers", "verdicts"] {
            let statement = format!("DELETE FROM {table} WHERE at < ?1");
            self.connection.execute(&statement, [oldest])?;
        }
        Ok(())
    }

    /// When what counts was stored. An entry of the future comes from a clock that was wrong, so its age is not known.
    fn since(&self) -> (i64, i64) {
        let now = now();
        (now.saturating_sub(self.max_age), now)
    }
}

/// Is a cache to be made at `path`?
///
/// # Errors
/// When there is something else, in words.
fn is_new(path: &Path) -> Result<bool, String> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        opened => opened.map_err(|error| error.to_string())?,
    };
    if !file.metadata().is_ok_and(|there| there.is_file()) {
        return Err("it is no file".to_owned());
    }
    let mut header = Vec::new();
    let read = (&mut file).take(100).read_to_end(&mut header);
    read.map_err(|error| error.to_string())?;
    if header.is_empty() {
        return Ok(true);
    }
    let number = |at: usize| {
        let bytes = header
            .get(at..at + 4)
            .and_then(|bytes| bytes.try_into().ok());
        bytes.map(u32::from_be_bytes)
    };
    // SQLite's file format, section 1.3: the version at 60, the application at 68.
    if !header.starts_with(b"SQLite format 3\0") || number(68) != Some(MARK) {
        return Err("it is no cache of dragnet; give another name, or move it away".to_owned());
    }
    match number(60) {
        Some(FORMAT) => Ok(false),
        other => Err(format!(
            "its format is {} and this program knows {FORMAT}: use the dragnet that wrote it, or remove it",
            other.unwrap_or(0)
        )),
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    seconds(since.unwrap_or_default())
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// Fields as they are kept: those that are text.
fn written(fields: &HeaderMap) -> String {
    let pairs: Vec<(&str, &str)> = fields
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    // Pairs of text always serialise.
    serde_json::to_string(&pairs).unwrap_or_default()
}

fn read_fields(text: &str) -> Option<HeaderMap> {
    let pairs: Vec<(String, String)> = serde_json::from_str(text).ok()?;
    let mut fields = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        fields.append(name, HeaderValue::from_str(&value).ok()?);
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use http::header::{CONTENT_TYPE, ETAG};

    use super::*;

    fn stored(content: Option<&[u8]>) -> Stored {
        Stored {
            url: "http://h.test/".into(),
            variant: "v".into(),
            fields: HeaderMap::from_iter([
                (ETAG, HeaderValue::from_static("W/\"a\"")),
                (CONTENT_TYPE, HeaderValue::from_static("text/html")),
            ]),
            size: 7,
            sha256: Some("ab".into()),
            content: content.map(<[u8]>::to_vec),
        }
    }

    fn open(path: &Path, age: u64) -> Store {
        Store::open(path, Duration::from_secs(age)).expect("a cache")
    }

    #[test]
    fn what_is_kept_comes_back_until_it_is_too_old() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cache");
        let mut store = open(&path, 100);
        for content in [None, Some(&b"content"[..])] {
            let wishes = [Wish::Keep(Box::new(stored(content)))];
            store.write(&wishes).expect("a disk");
            let found = store.answer("http://h.test/", "v").expect("a disk");
            assert_eq!(found, Some(stored(content)));
        }
        assert_eq!(store.answer("http://h.test/", "w").expect("a disk"), None);
        let age = |seconds: i64| {
            let set = "UPDATE answers SET at = at - ?1";
            store.connection.execute(set, [seconds]).expect("a disk");
            store
                .answer("http://h.test/", "v")
                .expect("a disk")
                .is_some()
        };
        assert!(age(90));
        assert!(!age(20), "it is too old");
        assert!(!age(-200), "it is of the future");
        assert!(age(100));
        let mut other = open(&path, 1000);
        let renewed = Wish::Renew {
            url: "http://h.test/".into(),
            variant: "v".into(),
            fields: HeaderMap::new(),
        };
        other.write(&[renewed]).expect("another process");
        let found = store
            .answer("http://h.test/", "v")
            .expect("a disk")
            .expect("it is there");
        assert!(found.fields.is_empty() && found.content.is_some());
        store
            .connection
            .execute("UPDATE answers SET at = 1", [])
            .expect("a disk");
        store.prune().expect("a disk");
        let count = "SELECT count(*) FROM answers";
        let left: i64 = store
            .connection
            .query_row(count, [], |row| row.get(0))
            .expect("a disk");
        assert_eq!(left, 0);
    }

    #[test]
    fn what_is_no_cache_is_refused_and_not_touched() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cache");
        let foreign = |make: &dyn Fn()| {
            let _ = std::fs::remove_file(&path);
            make();
            let before = std::fs::read(&path).expect("a file");
            let refused = Store::open(&path, OLD)
                .err()
                .expect("it is no cache")
                .to_string();
            assert_eq!(std::fs::read(&path).expect("a file"), before, "{refused}");
            refused
        };
        let text = || std::fs::write(&path, "{\"a\": 1}").expect("a file");
        assert!(foreign(&text).contains("no cache of dragnet"));
        let other = || {
            let database = Connection::open(&path).expect("a database");
            database
                .execute_batch("CREATE TABLE a (b)")
                .expect("a disk");
        };
        assert!(foreign(&other).contains("no cache of dragnet"));
        let newer = || {
            drop(open(&path, 1));
            let database = Connection::open(&path).expect("a database");
            database
                .pragma_update(None, "journal_mode", "DELETE")
                .expect("a disk");
            database
                .pragma_update(None, "user_version", FORMAT + 1)
                .expect("a disk");
        };
        assert!(foreign(&newer).contains("its format is 2"));
        std::fs::remove_file(&path).expect("a file");
        std::fs::create_dir(&path).expect("a folder");
        assert!(Store::open(&path, OLD).is_err());
    }

    #[test]
    fn many_writers_lose_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cache");
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    let mut store = open(path, 1000);
                    for number in 0..50 {
                        let one = Stored {
                            url: format!("http://h.test/{writer}/{number}"),
                            ..stored(Some(b"x"))
                        };
                        store
                            .write(&[Wish::Keep(Box::new(one))])
                            .expect("it waits its turn");
                    }
                });
            }
        });
        let store = open(&path, 1000);
        for writer in 0..4 {
            for number in 0..50 {
                let url = format!("http://h.test/{writer}/{number}");
                assert!(store.answer(&url, "v").expect("a disk").is_some(), "{url}");
            }
        }
        let whole: String = store
            .connection
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .expect("a disk");
        assert_eq!(whole, "ok");
    }
}
