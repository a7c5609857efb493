//! What is in a mirror: URL → type and file, in a database of its own, so that memory stays flat however large the site is.
//!
//! It also keeps the documents as they were got, because their links can be changed only when it is known what is there, and
//! changed again when more is. Names are given out for all pages together: where two ask for one, the name goes to the one
//! whose URL has it as it is, and else to the lesser URL; a file that another one needs as a folder makes way. That depends
//! on what is in the mirror and not on what came first, so every way to the same pages gives the same tree.

use std::io;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::name::{Name, fold};
use crate::sink::other;

/// The mark of such a database: `drgm` in ASCII.
const MARK: i32 = 0x6472_676D;

/// Rows that are looked at at once.
const BATCH: usize = 500;

/// The database.
pub(super) struct Index {
    connection: Connection,
}

/// A page of the mirror.
pub(super) struct Kept {
    pub(super) url: String,
    pub(super) essence: String,
    /// What the transport said.
    pub(super) charset: Option<String>,
    /// It is kept as it was got, to have its links changed.
    pub(super) document: bool,
    /// Its file, once it has one.
    pub(super) path: Option<String>,
    /// The file that it is given.
    pub(super) next: String,
}

impl Kept {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            url: row.get(0)?,
            essence: row.get(1)?,
            charset: row.get(2)?,
            document: row.get(3)?,
            path: row.get(4)?,
            next: row.get::<_, Option<String>>(5)?.unwrap_or_default(),
        })
    }
}

impl Index {
    /// Opens the database at `path`, or makes it.
    pub(super) fn open(path: &Path, lasting: bool) -> io::Result<Self> {
        let connection = Connection::open(path).map_err(other)?;
        let index = Self { connection };
        index.prepare(lasting).map_err(|error| match error {
            rusqlite::Error::SqliteFailure(code, _)
                if code.code == rusqlite::ErrorCode::DatabaseBusy =>
            {
                io::Error::other("another run writes to this mirror")
            }
            error => other(error),
        })?;
        Ok(index)
    }

    fn prepare(&self, lasting: bool) -> rusqlite::Result<()> {
        let connection = &self.connection;
        connection.busy_timeout(std::time::Duration::ZERO)?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        let durability = if lasting { "FULL" } else { "OFF" };
        connection.pragma_update(None, "synchronous", durability)?;
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE;
             CREATE TABLE IF NOT EXISTS pages (url TEXT PRIMARY KEY, essence TEXT NOT NULL, charset TEXT,
                document INTEGER NOT NULL, path TEXT, next TEXT, wish TEXT NOT NULL, spare TEXT NOT NULL,
                fold TEXT NOT NULL, exact INTEGER NOT NULL) WITHOUT ROWID;
             CREATE INDEX IF NOT EXISTS pages_fold ON pages (fold, exact, url);
             CREATE TABLE IF NOT EXISTS originals (url TEXT PRIMARY KEY, content BLOB NOT NULL);
             CREATE TABLE IF NOT EXISTS redirects (url TEXT PRIMARY KEY, target TEXT NOT NULL) WITHOUT ROWID;
             CREATE TABLE IF NOT EXISTS stale (path TEXT PRIMARY KEY) WITHOUT ROWID;
             PRAGMA application_id = {MARK};"
        ))
    }

    /// Makes what was said so far last.
    pub(super) fn commit(&self) -> io::Result<()> {
        self.connection
            .execute_batch("COMMIT; BEGIN IMMEDIATE")
            .map_err(other)
    }

    fn run(&self, statement: &str, values: impl rusqlite::Params) -> io::Result<()> {
        let prepared = self.connection.prepare_cached(statement);
        prepared
            .and_then(|mut statement| statement.execute(values))
            .map(drop)
            .map_err(other)
    }

    /// Forgets all pages; their files are stale.
    pub(super) fn begin_anew(&self) -> io::Result<()> {
        self.connection
            .execute_batch(
                "INSERT OR IGNORE INTO stale SELECT path FROM pages WHERE path IS NOT NULL;
                 DELETE FROM pages; DELETE FROM originals; DELETE FROM redirects;",
            )
            .map_err(other)
    }

    /// Takes a page in, or anew. `original`: it is a document with that content.
    pub(super) fn put(
        &self,
        url: &str,
        essence: &str,
        charset: Option<&str>,
        name: &Name,
        original: Option<&[u8]>,
    ) -> io::Result<()> {
        self.run(
            "INSERT INTO pages (url, essence, charset, document, wish, spare, fold, exact) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (url) DO UPDATE SET essence = ?2, charset = ?3, document = ?4, wish = ?5, spare = ?6, fold = ?7, exact = ?8",
            params![
                url,
                essence,
                charset,
                original.is_some(),
                name.wish,
                name.spare,
                fold(&name.wish),
                name.exact
            ],
        )?;
        match original {
            Some(content) => self.run(
                "INSERT OR REPLACE INTO originals VALUES (?1, ?2)",
                params![url, content],
            )?,
            None => self.run("DELETE FROM originals WHERE url = ?1", [url])?,
        }
        self.run("DELETE FROM redirects WHERE url = ?1", [url])
    }

    /// Notes that a URL leads to another.
    pub(super) fn redirect(&self, url: &str, target: &str) -> io::Result<()> {
        self.forget(url)?;
        self.run(
            "INSERT OR REPLACE INTO redirects VALUES (?1, ?2)",
            [url, target],
        )
    }

    /// A page is no part of the mirror any more.
    pub(super) fn forget(&self, url: &str) -> io::Result<()> {
        self.run(
            "INSERT OR IGNORE INTO stale SELECT path FROM pages WHERE url = ?1 AND path IS NOT NULL",
            [url],
        )?;
        self.run("DELETE FROM originals WHERE url = ?1", [url])?;
        self.run("DELETE FROM pages WHERE url = ?1", [url])
    }

    /// The file that `url` means, by way of a redirect too.
    pub(super) fn find(&self, url: &str) -> io::Result<Option<String>> {
        if let Some(path) = self.path(url)? {
            return Ok(Some(path));
        }
        let mut statement = self
            .connection
            .prepare_cached("SELECT target FROM redirects WHERE url = ?1")
            .map_err(other)?;
        let target: Option<String> = statement
            .query_row([url], |row| row.get(0))
            .optional()
            .map_err(other)?;
        match target {
            Some(target) => self.path(&target),
            None => Ok(None),
        }
    }

    fn path(&self, url: &str) -> io::Result<Option<String>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT path FROM pages WHERE url = ?1")
            .map_err(other)?;
        let path = statement.query_row([url], |row| row.get(0)).optional();
        Ok(path.map_err(other)?.flatten())
    }

    /// A document as it was got.
    pub(super) fn original(&self, url: &str) -> io::Result<Option<Vec<u8>>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT content FROM originals WHERE url = ?1")
            .map_err(other)?;
        statement
            .query_row([url], |row| row.get(0))
            .optional()
            .map_err(other)
    }

    /// Gives every page the file that it shall have.
    pub(super) fn give_names(&self) -> io::Result<()> {
        self.connection
            .execute_batch(
                "UPDATE pages SET next = CASE WHEN
                    EXISTS (SELECT 1 FROM pages AS other WHERE other.fold = pages.fold
                        AND (other.exact > pages.exact OR other.exact = pages.exact AND other.url < pages.url))
                    OR EXISTS (SELECT 1 FROM pages AS other
                        WHERE other.fold > pages.fold || '/' AND other.fold < pages.fold || '0')
                    THEN spare ELSE wish END",
            )
            .map_err(other)
    }

    /// The pages have the files that they were given; what they had before is stale.
    pub(super) fn take_names(&self) -> io::Result<()> {
        self.connection
            .execute_batch(
                "INSERT OR IGNORE INTO stale SELECT path FROM pages WHERE path IS NOT NULL AND path <> next;
                 UPDATE pages SET path = next WHERE path IS NOT next;
                 DELETE FROM stale WHERE path IN (SELECT path FROM pages);",
            )
            .map_err(other)
    }

    /// Every page, in the order of URLs; each may be changed when it is met.
    pub(super) fn each(&self, mut meet: impl FnMut(Kept) -> io::Result<()>) -> io::Result<()> {
        let query = format!(
            "SELECT url, essence, charset, document, path, next FROM pages WHERE url > ?1 ORDER BY url LIMIT {BATCH}"
        );
        let mut last = String::new();
        loop {
            let mut statement = self.connection.prepare_cached(&query).map_err(other)?;
            let rows = statement.query_map([&last], Kept::of).map_err(other)?;
            let pages: Vec<Kept> = rows.collect::<rusqlite::Result<_>>().map_err(other)?;
            let Some(end) = pages.last() else {
                return Ok(());
            };
            last.clone_from(&end.url);
            for page in pages {
                meet(page)?;
            }
        }
    }

    /// Every file that no page has any more, once.
    pub(super) fn stale(&self, mut meet: impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
        let query = format!("SELECT path FROM stale WHERE path > ?1 ORDER BY path LIMIT {BATCH}");
        let mut last = String::new();
        loop {
            let mut statement = self.connection.prepare_cached(&query).map_err(other)?;
            let rows = statement
                .query_map([&last], |row| row.get(0))
                .map_err(other)?;
            let paths: Vec<String> = rows.collect::<rusqlite::Result<_>>().map_err(other)?;
            let Some(end) = paths.last() else {
                break;
            };
            last.clone_from(end);
            for path in &paths {
                meet(path)?;
            }
        }
        self.run("DELETE FROM stale", [])
    }

    /// Lets go of the documents as they were got: nobody will change their links again.
    pub(super) fn forget_originals(&self) -> io::Result<()> {
        self.connection
            .execute_batch("DELETE FROM originals; COMMIT; VACUUM; BEGIN IMMEDIATE")
            .map_err(other)
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        // A run that failed keeps what it has committed.
        let _ = self.connection.execute_batch("ROLLBACK");
    }
}
