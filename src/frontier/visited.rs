//! The records of a state, read back for those who compare what comes with what there was.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::FrontierError;
use super::store::state_error;
use crate::model::{Validators, Visit};

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
