//! `--fix`: what is sure is written into the sources, or shown as a diff.
//!
//! A file is changed only where its links stand, and only if it is still the one that was read: what it was is known by its
//! digest. It is written beside and renamed, so that it is whole at any moment, and keeps its permissions. Only HTML and
//! Markdown in UTF-8 are changed.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ring::digest::{Digest, SHA256};
use tempfile::Builder;

use super::diff::unified;
use crate::parser::amend::{Amendment, Edit, edited, edits, is_possible};
use crate::parser::{self, Options};

/// What is done with what is sure.
pub enum Fix {
    /// It is written into the files.
    Write,
    /// It is shown there as a diff, and nothing is written.
    Show(Box<dyn Write + Send>),
}

/// Is a file of that name one that can be changed?
pub(super) fn is_source(path: &Path) -> bool {
    parser::for_path(path).is_some_and(is_possible)
}

/// What tells the content of a file from any other.
pub(super) fn digest(content: &[u8]) -> Digest {
    ring::digest::digest(&SHA256, content)
}

/// A file in which links shall be written anew.
pub(super) struct Draft {
    pub(super) path: PathBuf,
    /// What it was when it was read.
    pub(super) digest: Digest,
    pub(super) amendments: Vec<Amendment>,
    /// Of each of them: does the link make the run fail as it is?
    pub(super) failing: Vec<bool>,
}

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Fixed {
    /// Links that were written anew.
    pub(super) links: u64,
    /// Those of them that made the run fail.
    pub(super) failing: u64,
    /// Why files were left as they are.
    pub(super) left: Vec<String>,
}

impl Fix {
    /// Does it, file by file. Reads and writes, and must not be done on the loop.
    ///
    /// # Errors
    /// When the diff cannot be shown.
    pub(super) fn apply(mut self, files: Vec<Draft>, options: &Options) -> io::Result<Fixed> {
        let mut fixed = Fixed::default();
        for file in files {
            let shown = file.path.display();
            let (text, edits) = match read(&file, options) {
                Ok(Some(read)) => read,
                Ok(None) => {
                    let text = format!("{shown} was not changed: it is not what was read any more");
                    fixed.left.push(text);
                    continue;
                }
                Err(error) => {
                    fixed.left.push(format!("{shown} was not changed: {error}"));
                    continue;
                }
            };
            let done: usize = edits.iter().map(|edit| edit.does.len()).sum();
            match file.amendments.len().saturating_sub(done) {
                0 => {}
                1 => fixed.left.push(format!(
                    "1 link in {shown} was not changed: as it is written, that is not safe"
                )),
                left => fixed.left.push(format!(
                    "{left} links in {shown} were not changed: as they are written, that is not safe"
                )),
            }
            if edits.is_empty() {
                continue;
            }
            match &mut self {
                Self::Show(out) => {
                    let (diff, hidden) = unified(&name(&file.path), &text, &edits);
                    let what = match hidden {
                        0 => None,
                        1 => Some("1 change".to_owned()),
                        hidden => Some(format!("{hidden} changes")),
                    };
                    fixed.left.extend(what.map(|what| {
                        format!("{what} in {shown} cannot be shown: there or beside it stands what would act on a terminal or a CI runner")
                    }));
                    match out.write_all(diff.as_bytes()) {
                        // Who has read enough wants no more.
                        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                            return Ok(fixed);
                        }
                        result => result?,
                    }
                }
                Self::Write => match write(&file, &edited(&text, &edits)) {
                    Ok(true) => {
                        let done = edits.iter().flat_map(|edit| &edit.does);
                        for number in done {
                            fixed.links += 1;
                            fixed.failing += u64::from(file.failing.get(*number) == Some(&true));
                        }
                    }
                    Ok(false) => {
                        let text =
                            format!("{shown} was not changed: it is not what was read any more");
                        fixed.left.push(text);
                    }
                    Err(error) => fixed.left.push(format!("{shown} was not changed: {error}")),
                },
            }
        }
        if let Self::Show(out) = &mut self {
            match out.flush() {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
                _ => {}
            }
        }
        Ok(fixed)
    }
}

/// UTF-8's byte order mark.
pub(super) const MARK: &str = "\u{feff}";

/// The file's text with the edits; `None` where it is another one than what was read.
fn read(file: &Draft, options: &Options) -> io::Result<Option<(String, Vec<Edit>)>> {
    let content = fs::read(&file.path)?;
    if digest(&content).as_ref() != file.digest.as_ref() {
        return Ok(None);
    }
    let other = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not in UTF-8");
    let text = String::from_utf8(content).map_err(other)?;
    // No place counts the mark, and it stays where it is.
    let behind = text.strip_prefix(MARK).unwrap_or(&text);
    let mark = text.len() - behind.len();
    let format = parser::for_path(&file.path);
    let edits = format.map(|format| edits(format, behind, options, &file.amendments));
    let mut edits = edits.unwrap_or_default();
    for edit in &mut edits {
        edit.written = edit.written.start + mark..edit.written.end + mark;
    }
    Ok(Some((text, edits)))
}

/// Writes the file anew, unless it has changed meanwhile.
fn write(file: &Draft, text: &str) -> io::Result<bool> {
    // A link to a file stays one.
    let path = fs::canonicalize(&file.path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let metadata = fs::metadata(&path)?;
    let permissions = metadata.permissions();
    if permissions.readonly() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it is read-only",
        ));
    }
    let mut beside = Builder::new().prefix(".dragnet-").tempfile_in(folder)?;
    beside.write_all(text.as_bytes())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        // Only root can give a file away, and for others it was theirs, or is now.
        let _ = fchown(beside.as_file(), Some(metadata.uid()), Some(metadata.gid()));
    }
    beside.as_file().set_permissions(permissions)?;
    beside.as_file().sync_all()?;
    if digest(&fs::read(&path)?).as_ref() != file.digest.as_ref() {
        return Ok(false);
    }
    beside.persist(&path).map_err(|error| error.error)?;
    Ok(true)
}

/// What a diff calls a file.
fn name(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let path = path.strip_prefix(here).unwrap_or(path);
    let path = path
        .strip_prefix("./")
        .unwrap_or(path)
        .display()
        .to_string();
    path.trim_start_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_another_one_by_now_is_left_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.md");
        let file = |read: &[u8]| Draft {
            path: path.clone(),
            digest: digest(read),
            amendments: vec![Amendment {
                line: 1,
                column: 5,
                reference: "b.md".into(),
                new: "c.md".into(),
            }],
            failing: vec![true],
        };
        let text = || fs::read_to_string(&path).expect("the file");
        fs::write(&path, "[a](b.md) edited").expect("a file");
        let options = Options::default();
        let fixed = Fix::Write
            .apply(vec![file(b"[a](b.md)")], &options)
            .expect("an end");
        assert_eq!((fixed.links, fixed.failing), (0, 0));
        assert!(
            fixed.left[0].ends_with("it is not what was read any more"),
            "{:?}",
            fixed.left
        );
        assert_eq!(text(), "[a](b.md) edited");
        let fixed = Fix::Write
            .apply(vec![file(b"[a](b.md) edited")], &options)
            .expect("an end");
        assert_eq!((fixed.links, fixed.failing, fixed.left.len()), (1, 1, 0));
        assert_eq!(text(), "[a](c.md) edited");
    }
}
