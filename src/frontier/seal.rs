//! What makes damage to a state file visible: each commit says what its rows add up to, and what is read back
//! has to add up to the same.
//!
//! `SQLite` finds a page that is out of shape, and not one where a URL or a length has become another one. The
//! hashes of all rows are added, so the order of rows does not matter, a new row costs one hash, and a row that
//! is missing, doubled or changed by a failing disk is found. It is no protection against a person.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql};
use siphasher::sip::SipHasher13;

/// The name of the seal among the `meta` rows; it does not seal itself.
const NAME: &str = "seal";

/// The sum over the rows that only grow: targets and visits.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seal(u64);

impl Seal {
    /// Adds a row that is written.
    pub(super) fn add(&mut self, table: &str, row: &[&dyn ToSql]) -> rusqlite::Result<()> {
        let mut hash = Hash::of(table);
        for value in row {
            match value.to_sql()? {
                ToSqlOutput::Borrowed(value) => hash.value(value),
                ToSqlOutput::Owned(value) => hash.value((&value).into()),
                _ => {}
            }
        }
        self.0 = self.0.wrapping_add(hash.finish());
        Ok(())
    }

    /// Adds the first `columns` columns of a row that is read.
    pub(super) fn add_read(
        &mut self,
        table: &str,
        row: &rusqlite::Row<'_>,
        columns: usize,
    ) -> rusqlite::Result<()> {
        let mut hash = Hash::of(table);
        for column in 0..columns {
            hash.value(row.get_ref(column)?);
        }
        self.0 = self.0.wrapping_add(hash.finish());
        Ok(())
    }

    /// Adds the rows of another one.
    pub(super) fn join(&mut self, other: Self) {
        self.0 = self.0.wrapping_add(other.0);
    }

    /// The hash of what an index holds of a row, whose columns are given by their numbers.
    pub(super) fn of_index(
        row: &rusqlite::Row<'_>,
        site: usize,
        lane: usize,
        id: usize,
    ) -> rusqlite::Result<u64> {
        let mut hash = Hash::of("index");
        for column in [site, lane, id] {
            hash.value(row.get_ref(column)?);
        }
        Ok(hash.finish())
    }

    /// Writes the seal of everything, as the last thing in a transaction.
    pub(super) fn write(self, connection: &Connection) -> rusqlite::Result<()> {
        let whole = self.with_the_rest(connection)?;
        connection
            .prepare_cached("INSERT OR REPLACE INTO meta VALUES (?1, ?2)")?
            .execute((NAME, whole))?;
        Ok(())
    }

    /// Does what was read add up to what was written?
    pub(super) fn holds(self, connection: &Connection) -> rusqlite::Result<bool> {
        let mut kept = connection.prepare("SELECT value FROM meta WHERE name = ?1")?;
        let mut kept = kept.query([NAME])?;
        let whole = self.with_the_rest(connection)?;
        match kept.next()? {
            Some(row) => Ok(row.get_ref(0)? == ValueRef::Text(whole.as_bytes())),
            // A run that died before its first commit has written nothing.
            None => Ok(whole == shown(0)),
        }
    }

    /// The few rows that are replaced are added each time.
    fn with_the_rest(mut self, connection: &Connection) -> rusqlite::Result<String> {
        for (table, columns, query) in [
            ("outputs", 2, "SELECT position, committed FROM outputs"),
            (
                "meta",
                2,
                "SELECT name, value FROM meta WHERE name <> 'seal'",
            ),
        ] {
            let mut rows = connection.prepare_cached(query)?;
            let mut rows = rows.query([])?;
            while let Some(row) = rows.next()? {
                self.add_read(table, row, columns)?;
            }
        }
        Ok(shown(self.0))
    }
}

fn shown(sum: u64) -> String {
    format!("{sum:016x}")
}

/// The bytes of a row, hashed in one go: a row is many short values, and a call for each costs more than to copy it.
struct Hash(Vec<u8>);

impl Hash {
    fn of(table: &str) -> Self {
        let mut hash = Self(Vec::with_capacity(1024));
        hash.value(ValueRef::Text(table.as_bytes()));
        hash
    }

    /// Kind, length and content, so that no two rows are the same bytes.
    fn value(&mut self, value: ValueRef<'_>) {
        let (kind, bytes): (u8, &[u8]) = match value {
            ValueRef::Null => (0, &[]),
            ValueRef::Integer(number) => return self.number(1, number.cast_unsigned()),
            ValueRef::Real(number) => return self.number(2, number.to_bits()),
            ValueRef::Text(bytes) => (3, bytes),
            ValueRef::Blob(bytes) => (4, bytes),
        };
        self.number(kind, bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn number(&mut self, kind: u8, number: u64) {
        self.0.push(kind);
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn finish(&self) -> u64 {
        SipHasher13::new().hash(&self.0)
    }
}
