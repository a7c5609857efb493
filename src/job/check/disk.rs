//! What is at a local path that no input named: one look at the disk for each, and how folders are served.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::anchors::Anchors;
use super::fragments::Wants;
use super::locate::Base;
use super::reading::LARGEST;
use super::suggest::{Likely, Suggest};
use crate::fetcher::file;
use crate::model::Failure;
use crate::parser::{self, Options};

/// The anchors of a document that is only linked to; `None` for what has none of its own.
pub(super) fn anchors(path: &Path, options: &Options) -> Option<Anchors> {
    let format = parser::for_path(path)?;
    let content = file::read(path, LARGEST).ok()?;
    let mut parse = (format.open)(options);
    parse.write(&content);
    let mut document = parse.finish();
    let onward = document.onward.as_deref().and_then(|reference| {
        let base = Base::local(path, None)?.with(document.base.as_deref());
        Some(base.locate(reference).0)
    });
    Some(Anchors::of(&mut document).leading_to(onward))
}

/// The names of the anchors of a document.
pub(super) fn names(path: &Path, options: &Options) -> Option<Vec<Box<str>>> {
    let format = parser::for_path(path)?;
    let content = file::read(path, LARGEST).ok()?;
    let mut parse = (format.open)(&Options {
        names: true,
        ..options.clone()
    });
    parse.write(&content);
    parse.finish().names
}

/// What is at a local path.
#[derive(Debug, Clone)]
pub(super) enum Found {
    /// A document whose anchors are known.
    Document(Arc<Anchors>),
    /// Something that has no anchors of its own: an image, a folder without an index.
    Other,
    /// Nothing, and why.
    Missing(Box<Failure>),
}

/// How local paths are served.
#[derive(Debug, Clone, Default)]
pub(super) struct Serving {
    /// What stands for a folder, in order; `.` is the folder itself.
    pub(super) index_files: Vec<String>,
    /// What is added to a name that is none, in order: `about` is served from `about.html`.
    pub(super) extensions: Vec<String>,
}

impl Serving {
    /// The file whose name is `path` with one of the extensions added.
    fn extended(&self, path: &Path) -> Option<PathBuf> {
        let mut names = self.extensions.iter().map(|extension| {
            let mut name = path.as_os_str().to_owned();
            name.push(".");
            name.push(extension);
            PathBuf::from(name)
        });
        names.find(|name| name.is_file())
    }
}

/// What a path means: itself, the index of the folder that it is, or the file that has one of the extensions more. Where a
/// folder and such a file have one name, an index comes first, and a folder without one last.
pub(super) fn serve(
    path: &Path,
    slash: bool,
    serving: &Serving,
) -> Result<(PathBuf, bool), Failure> {
    use crate::model::FailureKind::File;
    use std::io::ErrorKind::{NotADirectory, NotFound};
    let extended = || serving.extended(path).filter(|_| !slash);
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => {
            let file = extended().ok_or(Failure::new(File, "no such file"));
            return file.map(|file| (file, false));
        }
        Err(error) => return Err(Failure::new(File, error.to_string())),
    };
    if !metadata.is_dir() {
        if slash {
            return Err(Failure::new(File, "it is a file, and the link says folder"));
        }
        return Ok((path.to_owned(), false));
    }
    for name in &serving.index_files {
        if name == "." {
            let file = extended().map(|file| (file, false));
            return Ok(file.unwrap_or_else(|| (path.to_owned(), true)));
        }
        let index = path.join(name);
        if index.is_file() {
            return Ok((index, false));
        }
    }
    if let Some(file) = extended() {
        return Ok((file, false));
    }
    let message = if serving.index_files.is_empty() {
        "a folder, and --index-files accepts none".to_owned()
    } else {
        format!("a folder without {}", serving.index_files.join(" or "))
    };
    Err(Failure::new(File, message))
}

/// A path that is linked to and was not read.
pub(super) struct Unseen {
    pub(super) number: usize,
    pub(super) path: Arc<Path>,
    pub(super) slash: bool,
    pub(super) wants: Wants,
}

/// What is there.
pub(super) struct Seen {
    pub(super) number: usize,
    pub(super) served: Result<PathBuf, Failure>,
    pub(super) anchors: Option<Arc<Anchors>>,
    /// What was meant, if nothing is there.
    pub(super) likely: Option<Likely<PathBuf>>,
}

/// One look at the disk for each path; documents that are only linked to are read for their anchors.
pub(super) fn look(
    unseen: Vec<Unseen>,
    serving: &Serving,
    options: &Options,
    suggest: Option<&Suggest>,
) -> Vec<Seen> {
    let look = |Unseen {
                    number,
                    path,
                    slash,
                    wants,
                }| {
        let served = serve(&path, slash, serving);
        let anchors = match &served {
            Ok((file, false)) if wants.content => {
                let text = wants.text;
                let options = options.clone();
                anchors(file, &Options { text, ..options }).map(Arc::new)
            }
            _ => None,
        };
        let missing = suggest.filter(|_| served.is_err());
        Seen {
            number,
            likely: missing.and_then(|suggest| suggest.file(&path)),
            served: served.map(|(path, _)| path),
            anchors,
        }
    };
    unseen.into_iter().map(look).collect()
}
