//! The files that `check` reads: a file that the user named, or what stands below a folder or matches a glob.
//!
//! `.gitignore` and its kin are honoured below a folder, and hidden files left out, unless said otherwise;
//! what the user named himself is read in any case. Links to folders are not entered, so a loop of folders ends; that, and what
//! is neither file nor folder (a FIFO, a device) and has the name of a document, is told. The order is that of the names.

use std::path::{Path, PathBuf};

use globset::GlobBuilder;
use ignore::WalkBuilder;

use crate::policy::rules::{self, Rule};

/// What is left out below a folder.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Hidden files and folders too.
    pub hidden: bool,
    /// Do not look at `.gitignore`, `.ignore` and git's own excludes.
    pub no_ignore: bool,
    /// Only these extensions; empty: every extension that there is a parser for.
    pub extensions: Vec<String>,
    /// Leave out paths that match one of these.
    pub exclude_path: Vec<Rule>,
    /// Globs match whatever the case.
    pub ignore_case: bool,
}

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// As reached from the input that named it.
    pub path: PathBuf,
    /// The folder that root-relative links start from: the input itself, when it was a folder.
    pub root: Option<PathBuf>,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// What was meant.
    pub path: PathBuf,
    /// What the system said.
    pub reason: String,
    /// The user named it himself, so the run cannot do what was asked.
    pub named: bool,
}

/// The files that `input` names, in the order of their names. `has_parser` knows documents by their names.
pub fn walk(
    input: &Path,
    selection: &Selection,
    has_parser: impl Fn(&Path) -> bool,
) -> (Vec<Found>, Vec<Unread>) {
    let mut found = Vec::new();
    let mut unread = Vec::new();
    let wanted = |path: &Path| {
        let listed = || {
            let extension = path.extension().map(|name| name.to_string_lossy());
            extension.is_some_and(|extension| {
                selection
                    .extensions
                    .contains(&extension.to_ascii_lowercase())
            })
        };
        let known = match selection.extensions.as_slice() {
            [] => has_parser(path),
            _ => listed(),
        };
        known && !excluded(path, selection)
    };
    match std::fs::metadata(input) {
        Ok(metadata) if metadata.is_dir() => {
            if let Err(error) = std::fs::read_dir(input) {
                unread.push(Unread {
                    path: input.to_owned(),
                    reason: error.kind().to_string(),
                    named: true,
                });
                return (found, unread);
            }
            below(input, selection, wanted, &mut found, &mut unread);
            for file in &mut found {
                file.root = Some(input.to_owned());
            }
        }
        Ok(metadata) if metadata.is_file() => {
            if !excluded(input, selection) {
                found.push(Found {
                    path: input.to_owned(),
                    root: None,
                });
            }
        }
        Ok(_) => {
            let reason = "it is neither a file nor a folder".to_owned();
            unread.push(Unread {
                path: input.to_owned(),
                reason,
                named: true,
            });
        }
        Err(error) => match glob(input, selection) {
            Some((base, matches)) if base.is_dir() => {
                // A folder that matches stands for what is below it, as when a shell had found it.
                let below_match = |path: &Path| {
                    let folders = path.ancestors().skip(1);
                    let mut folders = folders.take_while(|folder| *folder != base);
                    folders.any(&matches) && wanted(path)
                };
                below(
                    &base,
                    selection,
                    |path| matches(path) && !excluded(path, selection) || below_match(path),
                    &mut found,
                    &mut unread,
                );
                // What was met beside it and could not be read is no match.
                if found.is_empty() {
                    let reason = "no file matches it".to_owned();
                    unread.push(Unread {
                        path: input.to_owned(),
                        reason,
                        named: true,
                    });
                }
            }
            _ => unread.push(Unread {
                path: input.to_owned(),
                reason: error.to_string(),
                named: true,
            }),
        },
    }
    (found, unread)
}

fn excluded(path: &Path, selection: &Selection) -> bool {
    rules::any(&selection.exclude_path, &[&path.to_string_lossy()])
}

fn below(
    folder: &Path,
    selection: &Selection,
    wanted: impl Fn(&Path) -> bool,
    found: &mut Vec<Found>,
    unread: &mut Vec<Unread>,
) {
    let walk = WalkBuilder::new(folder)
        .hidden(!selection.hidden)
        .ignore(!selection.no_ignore)
        .git_ignore(!selection.no_ignore)
        .git_exclude(!selection.no_ignore)
        .git_global(!selection.no_ignore)
        .parents(!selection.no_ignore)
        .sort_by_file_name(std::ffi::OsStr::cmp)
        .build();
    for entry in walk {
        match entry {
            Ok(entry) => {
                // `.` is where everything starts from, and nothing to be named.
                let bare = entry.path().strip_prefix(".");
                let path = bare.unwrap_or(entry.path()).to_owned();
                let Some(kind) = entry.file_type() else {
                    continue;
                };
                // A link to a file is read as the file.
                if kind.is_file() || kind.is_symlink() && entry.path().is_file() {
                    if wanted(&path) {
                        found.push(Found { path, root: None });
                    }
                    continue;
                }
                let reason = if kind.is_dir() {
                    None
                } else if kind.is_symlink() && entry.path().is_dir() {
                    let leads_back = leads_back(entry.path()) && !excluded(&path, selection);
                    leads_back.then_some("it leads back to a folder that it stands in")
                } else if kind.is_symlink() {
                    wanted(&path).then_some("it leads to what is not there")
                } else {
                    wanted(&path).then_some("it is neither a file nor a folder")
                };
                if let Some(reason) = reason {
                    unread.push(Unread {
                        path,
                        reason: reason.to_owned(),
                        named: false,
                    });
                }
            }
            Err(error) => {
                let path = named_in(&error).unwrap_or_else(|| folder.to_owned());
                let path = path.strip_prefix(".").unwrap_or(&path).to_owned();
                // What the system said, without the name that stands before it.
                let said = error.io_error().map(|error| error.kind().to_string());
                unread.push(Unread {
                    path,
                    reason: said.unwrap_or_else(|| error.to_string()),
                    named: false,
                });
            }
        }
    }
}

/// Does the link at `path` lead to a folder that it stands in?
fn leads_back(path: &Path) -> bool {
    let here = path.parent().and_then(|folder| folder.canonicalize().ok());
    let there = path.canonicalize().ok();
    matches!((here, there), (Some(here), Some(there)) if here.starts_with(&there))
}

fn named_in(error: &ignore::Error) -> Option<PathBuf> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path.clone()),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            named_in(err)
        }
        _ => None,
    }
}

/// A pattern's fixed beginning, and the test for the rest; `None` for what is no pattern.
fn glob(input: &Path, selection: &Selection) -> Option<(PathBuf, impl Fn(&Path) -> bool + use<>)> {
    let text = input.to_str()?;
    let first = text.find(['*', '?', '[', '{'])?;
    let mut base = match text[..first].rfind('/') {
        Some(0) => PathBuf::from("/"),
        Some(slash) => PathBuf::from(&text[..slash]),
        None => PathBuf::from("."),
    };
    if selection.ignore_case {
        // The fixed beginning may be spelt otherwise too.
        while !base.is_dir() {
            base = match base.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
                _ => PathBuf::from("."),
            };
        }
    }
    let matcher = GlobBuilder::new(text)
        .literal_separator(true)
        .case_insensitive(selection.ignore_case)
        .build()
        .ok()?
        .compile_matcher();
    Some((base, move |path: &Path| {
        matcher.is_match(path.strip_prefix("./").unwrap_or(path))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(found: &[Found], base: &Path) -> Vec<String> {
        found
            .iter()
            .map(|file| {
                file.path
                    .strip_prefix(base)
                    .expect("below")
                    .display()
                    .to_string()
            })
            .collect()
    }

    #[test]
    fn a_folder_gives_its_documents_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let base = folder.path();
        std::fs::create_dir(base.join("b")).expect("a folder");
        std::fs::create_dir(base.join(".git")).expect("a folder");
        for name in [
            "c.html",
            "a.md",
            "b/x.html",
            "image.png",
            ".hidden.html",
            "skipped.html",
            ".git/y.html",
        ] {
            std::fs::write(base.join(name), "x").expect("a file");
        }
        std::fs::write(base.join(".gitignore"), "skipped.html\n").expect("a file");
        let parser = |path: &Path| {
            let extension = path.extension().and_then(|extension| extension.to_str());
            matches!(extension, Some("html" | "md"))
        };
        let (found, unread) = walk(base, &Selection::default(), parser);
        assert_eq!(names(&found, base), ["a.md", "b/x.html", "c.html"]);
        assert!(unread.is_empty() && found.iter().all(|file| file.root.as_deref() == Some(base)));
        let all = Selection {
            no_ignore: true,
            ..Selection::default()
        };
        assert_eq!(
            names(&walk(base, &all, parser).0, base),
            ["a.md", "b/x.html", "c.html", "skipped.html"]
        );
        let (found, _) = walk(&base.join("**/*.html"), &Selection::default(), parser);
        assert_eq!(names(&found, base), ["b/x.html", "c.html"]);
        let any_case = Selection {
            ignore_case: true,
            ..Selection::default()
        };
        for (pattern, count) in [("B/*.HTML", 1), ("*.HtMl", 1), ("none/*.md", 0)] {
            let (found, _) = walk(&base.join(pattern), &any_case, parser);
            assert_eq!(found.len(), count, "{pattern}");
        }
        let (found, _) = walk(&base.join("image.png"), &Selection::default(), parser);
        assert_eq!(names(&found, base), ["image.png"], "what is named is read");
    }

    #[test]
    fn what_is_not_there_is_said_with_its_name() {
        for missing in ["no/such/file.md", "no/such/*.md"] {
            let (found, unread) = walk(Path::new(missing), &Selection::default(), |_| true);
            assert!(found.is_empty());
            assert!(
                unread[0].named && unread[0].path == Path::new(missing),
                "{unread:?}"
            );
        }
    }
}
