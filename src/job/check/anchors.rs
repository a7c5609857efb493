//! What can be linked to in a document, and why one that lacks an anchor may have it all the same.
//!
//! No script is run here. So where one makes what people see, makes anchors of a kind that only scripts make, or takes a
//! fragment along to another page, nobody can say that the anchor is not there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::locate::Place;
use crate::model::{Document, LinkKind};
use crate::parser;
use crate::parser::directive::TextDirective;

/// The anchors of a document that was parsed.
#[derive(Debug, Clone, Default)]
pub(super) struct Anchors {
    hashes: Vec<u64>,
    ignore_case: bool,
    /// Otherwise a fragment may mean anything.
    known: bool,
    /// What people see of the document is made by a script, so it may have more.
    scripted: bool,
    /// Scripts run in it.
    has_scripts: bool,
    /// Not all of it was looked through.
    cut: bool,
    /// It leads on at once, and a script takes the fragment along.
    leads_on: bool,
    /// Where to, if that is on this machine; true when it was written with a slash at its end.
    onward: Option<Box<(PathBuf, bool)>>,
    /// The text that a reader sees, where it is kept.
    text: Option<Arc<str>>,
    /// The names, with a NUL between, where they are kept: no name has one.
    names: Option<Arc<str>>,
}

/// Bytes of names that are kept of a page: as many as can be compared within some milliseconds.
const NAMES: usize = 256 << 10;

/// A page with more anchors than this has content of its own.
const ROOTS: usize = 3;

impl Anchors {
    pub(super) fn of(document: &mut Document) -> Self {
        let cut = document.limit().is_some();
        let hashes = std::mem::take(&mut document.anchors);
        let names = document.names.take().map(|names| names.join("\0"));
        let has = |kind| document.links.iter().any(|link| link.kind == kind);
        // A shell that a script fills leads nowhere by itself, and has an element or two to be filled.
        let shell = hashes.len() <= ROOTS && !has(LinkKind::Anchor) && has(LinkKind::Script);
        Self {
            hashes,
            ignore_case: document.anchors_ignore_case,
            known: document.has_anchors,
            scripted: shell || document.is_filled,
            has_scripts: document.has_scripts,
            cut,
            // What a refresh alone leads to gets no fragment.
            leads_on: document.has_scripts && document.onward.is_some(),
            onward: None,
            text: document.text.take().map(Arc::from),
            names: names.filter(|names| names.len() <= NAMES).map(Arc::from),
        }
    }

    /// Where the document leads on, if it does.
    pub(super) fn leading_to(self, place: Option<Place>) -> Self {
        let onward = match place {
            Some(Place::Local(path, slash)) if self.leads_on => Some(Box::new((path, slash))),
            _ => None,
        };
        Self { onward, ..self }
    }

    /// The path at which the document that this one leads on to is looked for, and whether it was written with a slash.
    pub(super) fn onward(&self) -> Option<(&Path, bool)> {
        let (path, slash) = &**self.onward.as_ref()?;
        Some((path, *slash))
    }

    /// Their names, without what GitHub and its kin write before those of their users; where these are kept.
    pub(super) fn names(&self) -> Option<impl Iterator<Item = &str>> {
        let names = self.names.as_ref()?.split('\0');
        Some(names.map(|name| name.strip_prefix("user-content-").unwrap_or(name)))
    }

    /// For a later run.
    pub(super) fn pack(&self) -> Vec<u8> {
        let flags = [
            self.leads_on,
            self.cut,
            self.has_scripts,
            self.ignore_case,
            self.known,
            self.scripted,
        ];
        let flags = flags
            .iter()
            .fold(0, |bits, flag| bits << 1 | u8::from(*flag));
        let hashes = self.hashes.iter().flat_map(|hash| hash.to_le_bytes());
        std::iter::once(flags).chain(hashes).collect()
    }

    /// What [`pack`](Self::pack) has made of it.
    pub(super) fn unpack(packed: &[u8]) -> Option<Self> {
        let (flags, hashes) = packed.split_first()?;
        let (hashes, []) = hashes.as_chunks::<8>() else {
            return None;
        };
        let flag = |place: u8| flags & 1 << place != 0;
        let anchors = Self {
            hashes: hashes
                .iter()
                .map(|hash| u64::from_le_bytes(*hash))
                .collect(),
            scripted: flag(0),
            known: flag(1),
            ignore_case: flag(2),
            has_scripts: flag(3),
            cut: flag(4),
            leads_on: flag(5),
            ..Self::default()
        };
        // They are looked up by halves.
        anchors.hashes.is_sorted().then_some(anchors)
    }

    /// Is `fragment`, as written in a URL, an anchor of the document, or a range from one to another?
    pub(super) fn hold(&self, fragment: &str) -> bool {
        !self.known || parser::fragment::matches(&self.hashes, self.ignore_case, fragment)
    }

    /// Why the document may have the anchor that it lacks, or text where none is named.
    pub(super) fn doubt(&self, lacked: Option<&str>) -> Option<&'static str> {
        let made = |anchor| {
            // A page that has its first line has all of them.
            let lines = self.hold("L1") && parser::fragment::is_line(anchor);
            parser::fragment::is_made_by_scripts(anchor) && !lines
        };
        if self.leads_on {
            Some("it leads on to another page at once, which was not looked into")
        } else if self.cut {
            Some("it is too large to be looked through")
        } else if self.scripted {
            Some("a script makes its content, and none is run")
        } else if self.has_scripts && lacked.is_some_and(made) {
            Some("a script may make that, and none is run")
        } else {
            None
        }
    }

    /// Does the document read so? What has no text that is known may read anything.
    pub(super) fn quote(&self, directive: &TextDirective) -> bool {
        self.text.as_ref().is_none_or(|text| directive.is_in(text))
    }

    /// Is its text kept?
    pub(super) fn has_text(&self) -> bool {
        self.text.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back() {
        let mut document = Document {
            has_anchors: true,
            has_scripts: true,
            onward: Some("new.html".to_owned()),
            anchors: vec![7, 9],
            ..Document::default()
        };
        for anchors in [Anchors::of(&mut document), Anchors::default()] {
            let back = Anchors::unpack(&anchors.pack()).expect("anchors");
            assert_eq!(format!("{back:?}"), format!("{anchors:?}"));
        }
    }
}
