//! `--changed-since`: which files git says changed, and which links that makes worth judging.
//!
//! What changed is told from the merge base of the revision and HEAD to the files as they are now: committed or not,
//! untracked files too. A link in a file that changed is judged, whatever it leads to; in any other file only a link to
//! something that changed, or that was there and is deleted or renamed, since that is what such a change can break. Before
//! the first commit everything has changed since HEAD.
//! The program `git` is asked, and nothing of it is read from disk.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::disk::Serving;
use super::locate::Place;
use super::reading::Page;
use super::source::plain;

/// What changed since a revision.
#[derive(Debug, Default)]
pub struct Changed {
    /// Absolute paths of files that are there.
    files: HashSet<PathBuf>,
    /// Those, what is not there any more, and the folders of both.
    touched: HashSet<PathBuf>,
}

impl Changed {
    /// What changed since `revision` in the repository around the working directory.
    ///
    /// # Errors
    /// git cannot be run, there is no repository, it has no such revision, or the clone is too shallow to say.
    pub fn since(revision: &str) -> Result<Self, String> {
        if revision.starts_with('-') || revision.is_empty() {
            return Err(format!("--changed-since {revision:?} is no revision"));
        }
        // The way up, so that the names are spelt as those of the inputs.
        let up = git(&["rev-parse", "--show-cdup"])
            .map_err(|reason| format!("--changed-since asks git, and here it says: {reason}"))?;
        let here = std::env::current_dir().unwrap_or_default();
        let top = plain(&here.join(path(up.trim_ascii_end())));
        let shallow = || {
            git(&["rev-parse", "--is-shallow-repository"])
                .is_ok_and(|told| told.starts_with(b"true"))
        };
        if matches!(revision, "HEAD" | "@") && is_unborn() {
            return Self::all(&top);
        }
        let commit = format!("{revision}^{{commit}}");
        let too_little = "this clone is shallow: fetch the whole history (actions/checkout with fetch-depth: 0, or git fetch --unshallow)";
        git(&["rev-parse", "--verify", "--quiet", &commit]).map_err(|_| {
            let reason = if shallow() {
                too_little
            } else {
                "fetch it first, if it is a branch of a remote"
            };
            format!("--changed-since {revision}: git knows no such commit; {reason}")
        })?;
        let base = git(&["merge-base", revision, "HEAD"]).map_err(|reason| {
            let reason = if shallow() {
                too_little.to_owned()
            } else {
                reason
            };
            format!("--changed-since {revision} and HEAD have no commit in common; {reason}")
        })?;
        let base = String::from_utf8_lossy(&base).trim().to_owned();
        let said = |reason| format!("--changed-since {revision}: git says: {reason}");
        let differences = [
            "diff",
            "--name-status",
            "-z",
            "--find-renames",
            "--no-ext-diff",
            &base,
            "--",
        ];
        let differences = git(&differences).map_err(said)?;
        let top_text = top.to_string_lossy();
        let untracked = [
            "-C",
            &top_text,
            "ls-files",
            "-z",
            "--others",
            "--exclude-standard",
        ];
        let untracked = git(&untracked).map_err(said)?;
        let mut changed = Self::default();
        changed.read(&top, &differences, &untracked);
        Ok(changed)
    }

    /// Every file of the repository around `top`, which has no commit yet.
    fn all(top: &Path) -> Result<Self, String> {
        let top_text = top.to_string_lossy();
        let files = [
            "-C",
            &top_text,
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ];
        let files = git(&files).map_err(|reason| format!("--changed-since: git says: {reason}"))?;
        let mut changed = Self::default();
        changed.read(top, &[], &files);
        Ok(changed)
    }

    /// Takes in what git prints, with a NUL after each status and name.
    fn read(&mut self, top: &Path, differences: &[u8], untracked: &[u8]) {
        let mut words = differences.split(|byte| *byte == 0);
        while let (Some(status), Some(name)) = (words.next(), words.next()) {
            match status.first() {
                Some(b'D') => self.touch(top.join(path(name))),
                Some(b'R' | b'C') => {
                    if status[0] == b'R' {
                        self.touch(top.join(path(name)));
                    }
                    if let Some(new) = words.next() {
                        self.add(top.join(path(new)));
                    }
                }
                Some(_) => self.add(top.join(path(name))),
                None => {}
            }
        }
        for name in untracked.split(|byte| *byte == 0) {
            if !name.is_empty() {
                self.add(top.join(path(name)));
            }
        }
    }

    fn add(&mut self, path: PathBuf) {
        self.touch(path.clone());
        self.files.insert(path);
    }

    fn touch(&mut self, path: PathBuf) {
        for folder in path.ancestors().skip(1) {
            if !self.touched.insert(folder.to_owned()) {
                break;
            }
        }
        self.touched.insert(path);
    }

    /// Did the file at the absolute `path` change?
    pub(super) fn has(&self, path: &Path) -> bool {
        self.files.contains(path)
    }

    /// May a link to the absolute `path` have been good before and not be it now? A folder may stand for its index, and
    /// a name for one with an extension.
    pub(super) fn concerns(&self, path: &Path, serving: &Serving) -> bool {
        let extended = |extension: &String| {
            let mut name = path.as_os_str().to_owned();
            name.push(".");
            name.push(extension);
            self.touched.contains(Path::new(&name))
        };
        self.touched.contains(path) && (!path.is_dir() || self.is_index(path, serving))
            || self.is_index(path, serving)
            || serving.extensions.iter().any(extended)
    }

    /// Leaves of a document that did not change only the links to what did.
    pub(super) fn narrow(&self, page: &mut Page, serving: &Serving) {
        let kept =
            |place: &Place| matches!(place, Place::Local(path, _) if self.concerns(path, serving));
        let kept: Vec<_> = page.places.iter().map(kept).collect();
        page.occurrences.retain(|place| kept[place]);
        page.sitemaps.clear();
        for (place, kept) in page.places.iter_mut().zip(kept) {
            if !kept {
                *place = Place::Ignored;
            }
        }
    }

    /// How many files changed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Did none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    fn is_index(&self, folder: &Path, serving: &Serving) -> bool {
        let mut names = serving.index_files.iter().filter(|name| *name != ".");
        names.any(|name| self.touched.contains(&plain(&folder.join(name))))
    }
}

#[cfg(unix)]
fn path(name: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(name))
}

#[cfg(not(unix))]
fn path(name: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(name).into_owned())
}

/// Is HEAD a branch that has no commit yet?
fn is_unborn() -> bool {
    git(&["symbolic-ref", "--quiet", "HEAD"]).is_ok()
        && git(&["rev-parse", "--verify", "--quiet", "HEAD"]).is_err()
}

/// What git prints; the error is its own words.
fn git(arguments: &[&str]) -> Result<Vec<u8>, String> {
    let output = Command::new("git").args(arguments).output();
    let output = output.map_err(|error| format!("cannot run git: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let told = String::from_utf8_lossy(&output.stderr);
    let told = told.trim().trim_start_matches("fatal: ");
    Err(if told.is_empty() {
        format!("git {} ended with {}", arguments[0], output.status)
    } else {
        told.replace('\n', " ")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_prints_says_what_changed_and_what_is_gone() {
        let mut changed = Changed::default();
        let told = b"M\0a.md\0D\0old/b.md\0R087\0c.md\0new/d.md\0A\0\xffe.md\0";
        changed.read(Path::new("/r"), told, b"f.md\0");
        let serving = Serving {
            index_files: vec!["index.html".to_owned(), ".".to_owned()],
            extensions: vec!["md".to_owned()],
        };
        for (name, has, concerns) in [
            ("a.md", true, true),
            ("a", false, true),
            ("old/b.md", false, true),
            ("old", false, true),
            ("c.md", false, true),
            ("new/d.md", true, true),
            ("f.md", true, true),
            ("g.md", false, false),
        ] {
            let path = Path::new("/r").join(name);
            assert_eq!(
                (changed.has(&path), changed.concerns(&path, &serving)),
                (has, concerns),
                "{name}"
            );
        }
    }
}
