//! A local document, read and parsed on a plain thread: what it links to, and what can be linked to in it.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use ring::digest::Digest;

use super::Reading;
use super::anchors::Anchors;
use super::fix::{digest, is_source};
use super::locate::{Base, Place};
use super::recursion::Follow;
use crate::fetcher::file;
use crate::job::content::internal;
use crate::model::{Document, Failure, Link, LinkKind};
use crate::parser;
use crate::parser::ignore;

/// A link of a document, and where it leads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Occurrence<'a> {
    /// As the document means it.
    pub(super) reference: &'a str,
    /// 1-based.
    pub(super) line: u32,
    /// 1-based, in code points.
    pub(super) column: u32,
    /// Which of the page's places.
    pub(super) place: usize,
    /// As written in the reference, without `#`.
    pub(super) fragment: Option<&'a str>,
}

/// Every link of a document, in its order. Those of all documents wait until the last one has been read, so each is 28
/// bytes beside its text.
#[derive(Debug, Default)]
pub(super) struct Occurrences {
    text: String,
    entries: Vec<Entry>,
    /// Fragments that are not the end of their reference, as it is written.
    fragments: Vec<Box<str>>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    start: u32,
    length: u32,
    line: u32,
    column: u32,
    place: u32,
    fragment: Fragment,
}

/// Where the fragment of a link is.
#[derive(Debug, Clone, Copy)]
enum Fragment {
    None,
    /// Behind the first `#`.
    Own,
    /// Among those that stand elsewhere.
    Other(u32),
}

impl Occurrences {
    pub(super) fn push(&mut self, link: Occurrence<'_>) {
        let number = |number: usize| u32::try_from(number).ok();
        let Occurrence {
            reference,
            line,
            column,
            place,
            fragment,
        } = link;
        // A file is read up to 64 MiB, so there is always room.
        let (Some(start), Some(length), Some(place)) = (
            number(self.text.len()),
            number(reference.len()),
            number(place),
        ) else {
            return;
        };
        let own = reference.split_once('#').map(|(_, own)| own);
        let fragment = match fragment {
            None => Fragment::None,
            Some(fragment) if own == Some(fragment) => Fragment::Own,
            Some(fragment) => {
                let Some(other) = number(self.fragments.len()) else {
                    return;
                };
                self.fragments.push(fragment.into());
                Fragment::Other(other)
            }
        };
        self.text.push_str(reference);
        self.entries.push(Entry {
            start,
            length,
            line,
            column,
            place,
            fragment,
        });
    }

    /// Nothing more will be added.
    pub(super) fn close(&mut self) {
        self.text.shrink_to_fit();
        self.entries.shrink_to_fit();
    }

    /// Leaves out those whose place does not count; their text stays.
    pub(super) fn retain(&mut self, counts: impl Fn(usize) -> bool) {
        self.entries.retain(|entry| counts(entry.place as usize));
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Occurrence<'_>> {
        self.part(0..self.len())
    }

    /// Those at `range`.
    pub(super) fn part(&self, range: Range<usize>) -> impl Iterator<Item = Occurrence<'_>> {
        let entries = self.entries.get(range).unwrap_or_default();
        entries.iter().map(|entry| {
            let start = entry.start as usize;
            let reference = &self.text[start..start + entry.length as usize];
            Occurrence {
                reference,
                line: entry.line,
                column: entry.column,
                place: entry.place as usize,
                fragment: match entry.fragment {
                    Fragment::None => None,
                    Fragment::Own => reference.split_once('#').map(|(_, own)| own),
                    Fragment::Other(other) => {
                        self.fragments.get(other as usize).map(|other| &**other)
                    }
                },
            }
        })
    }
}
/// What was found in a document.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Every place that it links to, once.
    pub(super) places: Vec<Place>,
    /// Every link, in document order.
    pub(super) occurrences: Occurrences,
    /// What can be linked to in it.
    pub(super) anchors: Arc<Anchors>,
    /// Which of the places are sitemaps that it lists.
    pub(super) sitemaps: Vec<usize>,
    /// Which of them lead to documents that are read too.
    pub(super) follow: Vec<usize>,
    /// Links from an input to it.
    pub(super) depth: u32,
    /// What there is to say of its comments that speak to us, with their lines.
    pub(super) complaints: Vec<(u32, String)>,
    /// Why it could not be read.
    pub(super) unread: Option<Failure>,
    /// What its file was, where links in it may be written anew.
    pub(super) digest: Option<Digest>,
}

impl Page {
    /// Of a document whose parser did not come back.
    pub(super) fn failed() -> Self {
        Self {
            unread: Some(internal()),
            ..Self::default()
        }
    }
}

/// Local files are read up to this size: they are the user's own.
pub(super) const LARGEST: u64 = 64 << 20;

/// Reads and parses the file at `path`, whose references are relative to what `base` makes of it.
pub(super) fn read(path: &Path, base: Option<Base>, reading: &Reading) -> Page {
    let content = match &reading.preprocess {
        Some(command) => command.run(path, LARGEST),
        None => file::read(path, LARGEST),
    };
    let content = match content {
        Ok(content) => content,
        Err(failure) => {
            return Page {
                unread: Some(failure),
                ..Page::default()
            };
        }
    };
    // A file that the user named is read in any case: as text, when nothing else is known of it.
    let format = parser::for_path(path).or(parser::for_extension("txt"));
    let Some(format) = format else {
        return Page::default();
    };
    let mut parse = (format.open)(&reading.options);
    parse.write(&content);
    // All of it is here, so that no copy has to be kept from its first comment on.
    let ignored = ignore::of(&content, format);
    let fixed = reading.fixes && reading.preprocess.is_none() && is_source(path);
    let digest = fixed.then(|| digest(&content));
    let odd = std::str::from_utf8(&content).err();
    let odd = odd.map(|error| line_of(&content[..error.valid_up_to()]));
    drop(content);
    let mut document = parse.finish();
    document.ignored = ignored.map(Box::new);
    let Some(base) = base else {
        return Page::default();
    };
    let site = base.site();
    let charset = document.charset;
    let mut page = page(document, base, Follow::No);
    if let Some(line) = odd.filter(|_| charset == "UTF-8") {
        let told = "bytes that are no UTF-8 are read as U+FFFD".to_owned();
        page.complaints.push((line, told));
        page.complaints.sort_by_key(|(line, _)| *line);
    }
    if let (Some(suggest), Some(site)) = (&reading.suggest, site) {
        suggest.pages(&site, &mut page.places);
    }
    page.digest = digest;
    page
}

/// The line that follows on `before`.
fn line_of(before: &[u8]) -> u32 {
    let ends = memchr::memchr_iter(b'\n', before).count();
    u32::try_from(ends + 1).unwrap_or(u32::MAX)
}

/// The links of text that has no file, whose references are relative to `base`.
pub(super) fn text(content: &[u8], base: Base, verbatim: bool) -> Page {
    let options = parser::Options {
        verbatim,
        ..parser::Options::default()
    };
    let Some(format) = parser::for_extension("txt") else {
        return Page::default();
    };
    let mut parse = (format.open)(&options);
    parse.write(content);
    page(parse.finish(), base, Follow::No)
}

/// The number of a place, and the fragment of the reference that led there.
type Located = (usize, Option<Box<str>>);

/// The links of `document`, each place once, and which of them lead on; those that its comments cover have no place.
pub(super) fn page(mut document: Document, base: Base, follow: Follow) -> Page {
    let base = base.with(document.base.as_deref());
    let mut ignored = document.ignored.take();
    let onward = document.onward.as_deref();
    let onward = onward.map(|reference| base.locate(reference).0);
    let mut page = Page {
        anchors: Arc::new(Anchors::of(&mut document).leading_to(onward)),
        ..Page::default()
    };
    // A page repeats its hrefs, and refers to many parts of another one: each is resolved once, without its fragment where
    // that can be. Places that differ only in their fragment are one.
    let mut met: HashMap<(Option<LinkKind>, &str), Located> = HashMap::new();
    let mut index: HashMap<Place, usize> = HashMap::new();
    for link in document.links.iter() {
        let Link {
            reference,
            kind,
            line,
            column,
            ..
        } = link;
        if let Some(ignored) = &mut ignored
            && ignored.covers(line, column)
        {
            let next = index.len();
            page.occurrences.push(Occurrence {
                reference,
                line,
                column,
                place: *index.entry(Place::Ignored).or_insert(next),
                fragment: None,
            });
            continue;
        }
        let odd = matches!(kind, LinkKind::Wiki | LinkKind::Form | LinkKind::Query).then_some(kind);
        let parted = if odd.is_some() {
            None
        } else {
            base.parted(reference)
        };
        let located = parted.map_or(reference, |(page, _)| page);
        let (place, fragment) = met.entry((odd, located)).or_insert_with(|| {
            let (place, fragment) = match odd {
                Some(LinkKind::Wiki) => base.named(reference),
                Some(kind) => base.sent(reference, kind == LinkKind::Query),
                None => base.locate(reference),
            };
            let number = index.len();
            let number = *index.entry(place).or_insert(number);
            (number, fragment.map(String::into_boxed_str))
        });
        let (place, fragment) = match parted {
            Some((_, own)) => (*place, fragment.as_ref().map(|_| own)),
            None => (*place, fragment.as_deref()),
        };
        let fragment = fragment.filter(|fragment| !parser::fragment::is_lines(reference, fragment));
        if document.is_index && kind == LinkKind::Listed {
            page.sitemaps.push(place);
        }
        if follow.takes(&link) {
            page.follow.push(place);
        }
        page.occurrences.push(Occurrence {
            reference,
            line,
            column,
            place,
            fragment,
        });
    }
    let limit = document.limit();
    // What was not read may have the links that a comment covers.
    if let (Some(ignored), None) = (ignored, limit) {
        page.complaints = ignored.complaints();
    }
    if let Some(limit) = limit {
        // Links that nobody looked at are not good ones.
        let last = page.occurrences.iter().last();
        let (line, column) = last.map_or((1, 1), |last| (last.line, last.column));
        page.occurrences.push(Occurrence {
            reference: "",
            line,
            column,
            place: index.len(),
            fragment: None,
        });
        let place = index.len();
        index.insert(Place::Unread(limit), place);
    }
    let mut places: Vec<_> = index.into_iter().collect();
    places.sort_by_key(|(_, number)| *number);
    page.places = places.into_iter().map(|(place, _)| place).collect();
    page.occurrences.close();
    page
}
