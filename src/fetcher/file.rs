//! How a local file is read without being led astray: only regular files, and never more than was allowed.
//!
//! A FIFO named `a.html` would make a reader wait for ever, and `/dev/zero` has no end. So the kind is asked
//! first and the size is counted while reading, whatever the directory says. Blocking: for plain threads,
//! not for the event loop. Deliberately absent: whether the path may be read at all; `job` knows the roots.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::model::{Failure, FailureKind};

/// All of the regular file at `path`, if it has at most `max` bytes.
///
/// # Errors
///
/// `file` when there is none that can be read, `too-large` when there is more of it.
pub fn read(path: &Path, max: u64) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: io::Error| Failure::new(FailureKind::File, words(&error));
    let kind = fs::metadata(path).map_err(unreadable)?;
    if kind.is_dir() {
        return Err(Failure::new(FailureKind::File, "it is a directory"));
    }
    if !kind.is_file() {
        return Err(Failure::new(FailureKind::File, "it is no regular file"));
    }
    let file = File::open(path).map_err(unreadable)?;
    let mut content = Vec::with_capacity(usize::try_from(kind.len().min(max)).unwrap_or_default());
    // One byte more than is allowed tells a file that is too large from one that just fits.
    file.take(max.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(unreadable)?;
    if content.len() as u64 > max {
        return Err(Failure::new(
            FailureKind::TooLarge,
            format!("the file has more than {max} bytes"),
        ));
    }
    Ok(content)
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".into(),
        io::ErrorKind::PermissionDenied => "reading it is not permitted".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regular_file_is_read_up_to_the_limit_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page.html");
        fs::write(&path, b"12345").unwrap();
        assert_eq!(read(&path, 5), Ok(b"12345".to_vec()));
        assert_eq!(read(&path, u64::MAX), Ok(b"12345".to_vec()));
        assert_eq!(read(&path, 4).unwrap_err().kind, FailureKind::TooLarge);
        let missing = read(&folder.path().join("none"), 5).unwrap_err();
        assert_eq!(
            missing,
            Failure::new(FailureKind::File, "there is no such file")
        );
        let directory = read(folder.path(), 5).unwrap_err();
        assert_eq!(
            directory,
            Failure::new(FailureKind::File, "it is a directory")
        );
    }

    #[cfg(unix)]
    #[test]
    fn neither_a_device_nor_a_fifo_makes_the_reader_wait() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("a.html");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.is_ok_and(|status| status.success()));
        for path in [Path::new("/dev/zero"), &fifo] {
            assert_eq!(
                read(path, 5).unwrap_err().kind,
                FailureKind::File,
                "{}",
                path.display()
            );
        }
    }
}
