//! What a parser found in content: links, anchors, a title.
//!
//! A page can hold a hundred thousand links, so their text stands in one string and each link is 24 bytes
//! beside it. Anchors are kept as 8-byte hashes, which is all that a later question needs.

use std::hash::Hasher;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use siphasher::sip::SipHasher13;

use super::failure::{Failure, FailureKind};
use super::ignored::Ignored;

/// What kind of reference a link is; decides whether it is followed, and how it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkKind {
    /// A hyperlink that a person follows: `a`, `area`, a Markdown link, a bare URL in text.
    Anchor,
    /// A document inside the document: `iframe`, `frame`, `embed`, `object`.
    Frame,
    /// An image or other media.
    Media,
    /// A script.
    Script,
    /// A style sheet.
    Style,
    /// Another `link` element: icon, alternate, canonical, manifest, …
    Relation,
    /// Where a form is sent with POST, or what is told of a visit. Never requested: it may do something.
    Form,
    /// Where a form asks with GET. Never requested either: nothing is filled in.
    Query,
    /// A meta refresh.
    Refresh,
    /// A quotation's `cite` and other metadata.
    Metadata,
    /// What a sitemap lists.
    Listed,
    /// The name of a page, in double brackets; no URL.
    Wiki,
}

impl LinkKind {
    /// Does a crawler look for pages behind it?
    #[must_use]
    pub fn leads_to_pages(self) -> bool {
        matches!(
            self,
            Self::Anchor | Self::Frame | Self::Refresh | Self::Listed
        )
    }
}

/// One reference as it stands in a document; [`Link::to`] makes one where its place is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link<'a> {
    /// The reference as the document means it: entities decoded, surrounding white space taken off.
    pub reference: &'a str,
    /// What it is.
    pub kind: LinkKind,
    /// `rel` asks crawlers not to follow.
    pub nofollow: bool,
    /// 1-based.
    pub line: u32,
    /// 1-based, in Unicode code points, of the first character as written.
    pub column: u32,
}

impl<'a> Link<'a> {
    /// A hyperlink, at the beginning of its document.
    #[must_use]
    pub fn to(reference: &'a str) -> Self {
        Self {
            reference,
            kind: LinkKind::Anchor,
            nofollow: false,
            line: 1,
            column: 1,
        }
    }
}

/// Nothing is noted.
const BARE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Entry {
    start: u32,
    length: u32,
    line: u32,
    column: u32,
    /// Its place among the notes.
    note: u32,
    kind: LinkKind,
    nofollow: bool,
}

/// The links of one document, in its order.
#[derive(Debug, Clone, Default)]
pub struct Links {
    text: String,
    entries: Vec<Entry>,
    notes: Vec<Box<str>>,
    /// Of a document that lists URLs and does nothing else.
    list: bool,
    /// Links that were not taken in.
    more: bool,
}

/// Links that are taken in from one document; no page that people read has as many.
pub const MAX_LINKS: usize = 100_000;

/// The same for a sitemap: 50,000 URLs (sitemaps.org), each with its translations and images, in 50 MiB.
pub const MAX_LISTED: usize = 500_000;

impl Links {
    /// Those of a sitemap, with more room.
    #[must_use]
    pub fn listed() -> Self {
        Self {
            list: true,
            ..Self::default()
        }
    }

    /// Adds a link; those past [`MAX_LINKS`] or [`MAX_LISTED`] are dropped, and [`Document::limit`] says so.
    pub fn push(&mut self, link: Link<'_>) {
        let most = if self.list { MAX_LISTED } else { MAX_LINKS };
        if self.entries.len() == most {
            self.more = true;
            return;
        }
        let (Ok(start), Ok(length)) = (
            u32::try_from(self.text.len()),
            u32::try_from(link.reference.len()),
        ) else {
            self.more = true;
            return;
        };
        self.text.push_str(link.reference);
        let Link {
            kind,
            nofollow,
            line,
            column,
            ..
        } = link;
        self.entries.push(Entry {
            start,
            length,
            line,
            column,
            note: BARE,
            kind,
            nofollow,
        });
    }

    /// Notes what the document says of the link at `position`: the text of an `a`, the `lastmod` of what a sitemap
    /// lists. Must come before [`sort`](Self::sort).
    pub fn note(&mut self, position: usize, text: &str) {
        if let (Some(entry), Ok(note)) = (
            self.entries.get_mut(position),
            u32::try_from(self.notes.len()),
        ) {
            entry.note = note;
            self.notes.push(text.into());
        }
    }

    /// The links in the order of the document, each with what was noted of it.
    pub fn noted(&self) -> impl Iterator<Item = (Link<'_>, Option<&str>)> {
        let notes = self.entries.iter().map(|entry| {
            let note = self.notes.get(entry.note as usize);
            note.map(|note| &**note)
        });
        self.iter().zip(notes)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Are there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The links in the order of the document.
    pub fn iter(&self) -> impl Iterator<Item = Link<'_>> {
        self.entries.iter().map(|entry| {
            let start = entry.start as usize;
            let Entry {
                kind,
                nofollow,
                line,
                column,
                ..
            } = *entry;
            let reference = &self.text[start..start + entry.length as usize];
            Link {
                reference,
                kind,
                nofollow,
                line,
                column,
            }
        })
    }

    /// Puts links that were found out of order (a style element's, after its page's) where they belong.
    pub fn sort(&mut self) {
        self.entries.sort_by_key(|entry| (entry.line, entry.column));
    }
}

/// Why a document may hold more than what was found in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limit {
    /// It is too large, or it is broken.
    pub kind: FailureKind,
    /// In words.
    pub reason: &'static str,
}

impl Limit {
    /// One of size or number.
    #[must_use]
    pub const fn too_large(reason: &'static str) -> Self {
        Self {
            kind: FailureKind::TooLarge,
            reason,
        }
    }

    /// The document is not what it should be.
    #[must_use]
    pub const fn broken(reason: &'static str) -> Self {
        Self {
            kind: FailureKind::Decode,
            reason,
        }
    }

    /// What its record says.
    #[must_use]
    pub fn failure(self) -> Failure {
        let message = format!("what follows was not read: {}", self.reason);
        Failure::new(self.kind, message)
    }
}

/// What a parser found. A parser never fails: bad input yields less, and says why in `limited`.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// White space folded; absent when there is none.
    pub title: Option<String>,
    /// The `href` of a `link rel=canonical` (RFC 6596), as the document means it.
    pub canonical: Option<String>,
    /// The first `base` element's `href`, as the document means it.
    pub base: Option<String>,
    /// In document order.
    pub links: Links,
    /// Hashes of all anchors (see [`anchor_hash`]), sorted, without repeats.
    pub anchors: Vec<u64>,
    /// Their names, where these were asked for, in any order.
    pub names: Option<Vec<Box<str>>>,
    /// Fragments name anchors in it; in other content, such as plain text, a fragment may mean anything.
    pub has_anchors: bool,
    /// It is a sitemap index: what it lists are sitemaps.
    pub is_index: bool,
    /// Scripts run in it.
    pub has_scripts: bool,
    /// A script fills it with what stands in it as data: so do GitHub's pages of files and of repositories.
    pub is_filled: bool,
    /// Where it leads on by itself as soon as it is there (a meta refresh without delay), as the document means it.
    pub onward: Option<String>,
    /// Anchors compare without regard to case (Markdown's heading slugs).
    pub anchors_ignore_case: bool,
    /// `meta name=robots` says `nofollow`.
    pub nofollow: bool,
    /// `meta name=robots` says `noindex`.
    pub noindex: bool,
    /// A sketch of its words, where that was asked for and there are enough of them: documents with nearly the same words
    /// differ in few bits.
    pub sketch: Option<u128>,
    /// The text that a reader sees, as text directives are compared, where that was asked for: its blocks, with line ends
    /// between.
    pub text: Option<String>,
    /// The name of the encoding that the content was read in (WHATWG Encoding).
    pub charset: &'static str,
    /// Its comments that say which links are not to be judged, where they were asked for and there are any.
    pub ignored: Option<Box<Ignored>>,
    /// Why something may be missing.
    pub limited: Option<Limit>,
    /// Named values for the record, from parsers that the library's user brings.
    pub fields: Map<String, Value>,
}

impl Document {
    /// Why there may be more links than it holds, if that is so.
    #[must_use]
    pub fn limit(&self) -> Option<Limit> {
        let reason = if self.links.list {
            "it has more than 500,000 links"
        } else {
            "it has more than 100,000 links"
        };
        let full = self.links.more.then_some(Limit::too_large(reason));
        self.limited.or(full)
    }

    /// Takes an anchor in.
    pub fn add_anchor(&mut self, name: &str) {
        self.anchors.push(anchor_hash(name));
        if let Some(names) = &mut self.names {
            names.push(name.into());
        }
    }

    /// Is there an anchor of exactly this name? Percent-decoding is the caller's second try.
    #[must_use]
    pub fn has_anchor(&self, name: &str) -> bool {
        has_anchor(&self.anchors, self.anchors_ignore_case, name)
    }
}

/// Is `name` among the sorted `anchors`?
#[must_use]
pub fn has_anchor(anchors: &[u64], ignore_case: bool, name: &str) -> bool {
    let hash = if ignore_case {
        anchor_hash(&name.to_lowercase())
    } else {
        anchor_hash(name)
    };
    anchors.binary_search(&hash).is_ok()
}

/// The hash that stands for an anchor. Not keyed: a page that collides with itself only fools itself.
#[must_use]
pub fn anchor_hash(name: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(name.as_bytes());
    hasher.finish()
}
