//! A document at work: the file that it replaces when it is whole, and what it is made of meanwhile.
//!
//! Without a state its sink has that in memory. With one, the records that are not good stand in a file beside it, and of
//! the others that they were there: appended and cut on resume like any other output, so that a document is made of all
//! runs of its state. That file stays, since a kill after the end has the end done again.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::OutputError;
use crate::model::{Outcome, Visit};

pub(super) struct Document {
    /// What a link leads to, and not the link.
    path: PathBuf,
    /// With a state: the records, and what they are called.
    records: Option<(PathBuf, RefCell<File>)>,
}

/// Is there a file at `path`, or may there be one? Devices and pipes are written to as they come, and folders refused.
pub(super) fn is_file(path: &Path) -> bool {
    let folder = path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/");
    !folder && (path.is_file() || !path.exists())
}

impl Document {
    /// One that replaces `path`. That there is room for it is found out now.
    pub(super) fn new(path: &Path, lasting: bool) -> io::Result<Self> {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        beside(&path)?;
        let records = || {
            let mut name = hidden(&path);
            name.push(".records");
            let name = path.with_file_name(name);
            let mut options = File::options();
            let file = options.create(true).truncate(false).read(true).write(true);
            Ok::<_, io::Error>((name.clone(), RefCell::new(file.open(&name)?)))
        };
        Ok(Self {
            records: lasting.then(records).transpose()?,
            path,
        })
    }

    /// Are the records there that a state has committed?
    pub(super) fn holds(&self, committed: u64) -> Result<(), OutputError> {
        let Some((name, file)) = &self.records else {
            return Ok(());
        };
        let length = file.borrow().metadata().map_or(0, |found| found.len());
        if length < committed {
            return Err(OutputError::Short {
                name: name.display().to_string(),
                length,
                committed,
            });
        }
        Ok(())
    }

    /// Cuts the records to `length`, and hands each that is left to `each`.
    pub(super) fn read_back(&self, length: u64, mut each: impl FnMut(&Visit)) -> io::Result<()> {
        let Some((_, file)) = &self.records else {
            return Ok(());
        };
        let mut file = file.borrow_mut();
        file.set_len(length)?;
        file.seek(SeekFrom::Start(0))?;
        for line in BufReader::new(&*file).lines() {
            each(&serde_json::from_str(&line?)?);
        }
        file.seek(SeekFrom::Start(length))?;
        Ok(())
    }

    /// Appends to `out` what a later run has to know of a record.
    pub(super) fn note(&self, visit: &Visit, out: &mut Vec<u8>) {
        if self.records.is_none() {
            return;
        }
        let begin = out.len();
        let written = match visit.outcome {
            Outcome::Broken | Outcome::Unknown => serde_json::to_writer(&mut *out, visit),
            outcome => {
                let mut bare = Visit::new(String::new(), "".into(), outcome);
                bare.source.clone_from(&visit.source);
                serde_json::to_writer(&mut *out, &bare)
            }
        };
        // Strings, numbers and lists of these always serialise.
        match written {
            Ok(()) => out.push(b'\n'),
            Err(_) => out.truncate(begin),
        }
    }

    /// Appends to the records.
    pub(super) fn put(&self, bytes: &[u8]) -> io::Result<()> {
        match &self.records {
            Some((_, file)) => file.borrow_mut().write_all(bytes),
            None => Ok(()),
        }
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        match &self.records {
            Some((_, file)) => file.borrow().sync_data(),
            None => Ok(()),
        }
    }

    /// Puts a file with that content in the place: whoever looks sees the old one or the new one.
    pub(super) fn replace(&self, content: &[u8]) -> io::Result<()> {
        let mut file = beside(&self.path)?;
        file.write_all(content)?;
        file.as_file().sync_data()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

/// The name of what stands beside `path`.
fn hidden(path: &Path) -> OsString {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name
}

/// A new file in the folder of `path`, with the rights that any new file has.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
        .prefix(&hidden(path))
        .tempfile_in(folder.unwrap_or(Path::new(".")))
}
