//! Records that are asked for again in the same run, in a file without a name: what a disk can hold need not be in
//! memory. It is used from the writing thread alone, and gone when the process is.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::model::Visit;

/// Records by number: in memory 20 to 40 bytes each, the rest in the file.
pub(super) struct Kept {
    file: File,
    length: u64,
    /// Not yet in the file.
    buffer: Vec<u8>,
    /// Where a record begins.
    places: HashMap<u64, u64>,
}

/// Written at once.
const BUFFER: usize = 64 << 10;

impl Kept {
    /// An empty one.
    ///
    /// # Errors
    /// When there is no temporary file to be had.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            file: tempfile::tempfile()?,
            length: 0,
            buffer: Vec::new(),
            places: HashMap::new(),
        })
    }

    /// Keeps a record under `number`, also what of it no output shows.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn put(&mut self, number: u64, visit: &Visit) -> io::Result<()> {
        let record = serde_json::to_vec(&(visit, visit.unshown.as_deref()))?;
        self.places.insert(number, self.length);
        let length = record.len() as u64;
        self.buffer.extend(length.to_le_bytes());
        self.buffer.extend(record);
        self.length += 8 + length;
        if self.buffer.len() >= BUFFER {
            self.flush()?;
        }
        Ok(())
    }

    /// The record that is kept under `number`.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn get(&mut self, number: u64) -> io::Result<Option<Visit>> {
        let Some(&place) = self.places.get(&number) else {
            return Ok(None);
        };
        self.flush()?;
        self.file.seek(SeekFrom::Start(place))?;
        let mut length = [0; 8];
        self.file.read_exact(&mut length)?;
        let mut record = Vec::new();
        let length = u64::from_le_bytes(length);
        (&self.file).take(length).read_to_end(&mut record)?;
        let (mut visit, unshown): (Visit, Option<String>) = serde_json::from_slice(&record)?;
        visit.unshown = unshown.map(String::into_boxed_str);
        Ok(Some(visit))
    }

    /// The same, for the last time.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn take(&mut self, number: u64) -> io::Result<Option<Visit>> {
        let visit = self.get(number)?;
        self.places.remove(&number);
        if self.places.is_empty() {
            // Nothing is left in it: the room is given back.
            self.file.set_len(0)?;
            self.length = 0;
        }
        Ok(visit)
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            let begin = self.length - self.buffer.len() as u64;
            self.file.seek(SeekFrom::Start(begin))?;
            self.file.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Failure, FailureKind, Outcome};

    #[test]
    fn records_come_back_as_they_were() {
        let mut kept = Kept::new().expect("a temporary file");
        let record = |number: u64| {
            let mut visit = Visit::new(number.to_string(), "http://h.test/".into(), Outcome::Ok);
            visit.body = Some("x".repeat(usize::try_from(number * 997).expect("small")));
            visit.unshown = Some("y".into());
            visit.fail(Failure::new(FailureKind::Status, "410 Gone"));
            visit
        };
        for number in 0..100 {
            kept.put(number, &record(number)).expect("a disk");
            if number % 7 == 0 {
                let found = kept.get(number / 2).expect("a disk");
                assert_eq!(found, Some(record(number / 2)));
            }
        }
        assert_eq!(kept.get(100).expect("a disk"), None);
        for number in 0..100 {
            assert_eq!(kept.take(number).expect("a disk"), Some(record(number)));
        }
        assert_eq!(kept.file.metadata().expect("a file").len(), 0);
        kept.put(5, &record(5)).expect("a disk");
        assert_eq!(kept.take(5).expect("a disk"), Some(record(5)));
    }
}
