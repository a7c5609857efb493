//! `sqlite`: a database of two tables, `visits` and `links`, that any `sqlite3` opens while it grows.
//!
//! `visits` has the columns of every table format, with the types of the record. `links` says who links to whom: the page,
//! the target, what kind of link it is, and its text. A page that is written again replaces itself. The file is in WAL
//! mode, so readers hold nobody up; it is marked as ours, and a database of something else is not touched.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::types::Value as Cell;
use rusqlite::{Connection, params, params_from_iter};
use serde_json::Value;

use super::{Captures, Format, Medium, Options, Place, Standing, other};
use crate::model::Visit;
use crate::model::field::{Field, Record, columns};

pub(super) const FORMAT: Format = Format {
    name: "sqlite",
    about: "a database of visits and of links (who links to whom, with the text)",
    extensions: &["sqlite", "sqlite3", "db"],
    medium: Medium::Place(open),
    links: true,
    captures: Captures::NONE,
};

/// The mark of a database that this format wrote: `drag` in ASCII.
const MARK: i32 = 0x6472_6167;

/// Readers wait so long at most for what is written.
const SHOWN: Duration = Duration::from_secs(1);

struct Database {
    connection: Connection,
    columns: Vec<Field>,
    insert: String,
    committed: Instant,
}

fn open(path: &Path, options: &Options, standing: Standing) -> io::Result<Box<dyn Place>> {
    let connection = Connection::open(path).map_err(other)?;
    let columns = columns(&options.fields);
    let resumed = standing == Standing::Resumed;
    prepare(&connection, &columns, resumed).map_err(other)?;
    let marks = vec!["?"; columns.len()].join(",");
    let insert = format!("INSERT OR REPLACE INTO visits VALUES ({marks})");
    Ok(Box::new(Database {
        connection,
        columns,
        insert,
        committed: Instant::now(),
    }))
}

fn prepare(connection: &Connection, columns: &[Field], resumed: bool) -> rusqlite::Result<()> {
    let mark: i32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let objects: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    if objects > 0 && mark != MARK {
        return Err(rusqlite::Error::InvalidParameterName(
            "it is a database of something else; give another path".to_owned(),
        ));
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    if !resumed {
        let names: Vec<_> = columns
            .iter()
            .map(|field| match &*field.name {
                "id" => "\"id\" TEXT NOT NULL".to_owned(),
                name => format!("\"{name}\""),
            })
            .collect();
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; DROP TABLE IF EXISTS visits; DROP TABLE IF EXISTS links;
             CREATE TABLE visits ({});
             -- A list may give one name twice.
             CREATE UNIQUE INDEX visits_id ON visits (id, ifnull(line, 0));
             CREATE TABLE links (visit TEXT NOT NULL, page TEXT NOT NULL, target TEXT NOT NULL, kind TEXT NOT NULL,
                text TEXT, nofollow INTEGER NOT NULL);
             CREATE INDEX links_visit ON links (visit); CREATE INDEX links_target ON links (target);
             PRAGMA application_id = {MARK}; COMMIT",
            names.join(", ")
        ))?;
    }
    connection.execute_batch("BEGIN IMMEDIATE")
}

impl Database {
    fn put(&self, visit: &Visit) -> rusqlite::Result<()> {
        let links = visit.links.as_deref().unwrap_or_default();
        // They have a table of their own.
        let bare = Visit {
            links: None,
            ..visit.clone()
        };
        let record = Record::of(&bare);
        let cells = self.columns.iter().map(|field| cell(record.value(field)));
        self.connection
            .prepare_cached(&self.insert)?
            .execute(params_from_iter(cells))?;
        self.connection
            .prepare_cached("DELETE FROM links WHERE visit = ?1")?
            .execute([&visit.id])?;
        let page = visit.final_url.as_ref().unwrap_or(&visit.url);
        let mut insert = self
            .connection
            .prepare_cached("INSERT INTO links VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        for link in links {
            let kind = serde_json::to_value(link.kind).unwrap_or_default();
            insert.execute(params![
                visit.id,
                page,
                link.url,
                kind.as_str(),
                link.text,
                link.nofollow
            ])?;
        }
        Ok(())
    }
}

/// A value with the type that it has in the record; lists are JSON.
fn cell(value: Option<&Value>) -> Cell {
    match value {
        None | Some(Value::Null) => Cell::Null,
        Some(Value::String(text)) => Cell::Text(text.clone()),
        Some(Value::Bool(is)) => Cell::Integer((*is).into()),
        Some(Value::Number(number)) => match number.as_i64() {
            Some(whole) => Cell::Integer(whole),
            None => number.as_f64().map_or(Cell::Null, Cell::Real),
        },
        Some(list) => Cell::Text(list.to_string()),
    }
}

impl Place for Database {
    fn write(&mut self, visit: &Visit) -> io::Result<()> {
        self.put(visit).map_err(other)?;
        // Readers see it grow.
        if self.committed.elapsed() > SHOWN {
            self.sync()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.committed = Instant::now();
        self.connection
            .execute_batch("COMMIT; BEGIN IMMEDIATE")
            .map_err(other)
    }
}
