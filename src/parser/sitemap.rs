//! XML whose elements are links: sitemaps and their indexes (sitemaps.org), RSS and Atom; packed with gzip too, because
//! `sitemap.xml.gz` is a file of that kind and no content coding, and then also a text sitemap of one URL a line.
//!
//! Links are taken out as the content arrives, and no copy of it is held: only a piece of markup that has not ended, and
//! the text of one element. The links themselves wait for the end, because an answer that is cut is no answer. Any other
//! XML is no list of links, and yields none. Entities of a DTD are never expanded and nothing it names is loaded. What
//! stands behind a fault of the markup is not read, and the document says so. Absent: `changefreq` and `priority`, which
//! nobody heeds.

use quick_xml::Reader;
use quick_xml::escape::{resolve_predefined_entity, unescape};
use quick_xml::events::{BytesStart, Event};

use super::encoding::{Declared, Text};
use super::position::count;
use super::text::Words;
use super::unpack::{MAGIC, Unpack};
use super::{Format, Parse};
use crate::model::{Document, Limit, Link, LinkKind, Links, URL_LIMIT};

pub(super) const FORMAT: Format = Format {
    name: "sitemap",
    media_types: &[
        "application/xml",
        "text/xml",
        "application/rss+xml",
        "application/atom+xml",
        "application/gzip",
        "application/x-gzip",
    ],
    extensions: &["xml", "rss", "atom"],
    open: |options| {
        Box::new(Sitemap {
            stage: Stage::Begin(Vec::new()),
            content: Content {
                text: Text::new(options.charset.clone(), Declared::ByConvention),
                list: List::Unknown(String::new()),
                packed: false,
            },
        })
    },
};

/// White space that may stand before the content.
const LEAD: usize = 1024;

/// The largest tag, comment or section that is held while it arrives.
const MARKUP: usize = 1 << 20;

/// Elements that may be open at once; those of a sitemap are four.
const DEPTH: usize = 4096;

/// The most that is kept of the text of an element: enough to see that it is no URL for anybody.
const VALUE: usize = URL_LIMIT + 1;

/// The parser: bytes.
struct Sitemap {
    stage: Stage,
    content: Content,
}

/// How the bytes are taken.
enum Stage {
    /// Too few to know.
    Begin(Vec<u8>),
    Plain,
    Packed(Box<Unpack>),
}

impl Sitemap {
    /// It is known how the bytes are to be taken.
    fn begin(&mut self) {
        if let Stage::Begin(bytes) = &mut self.stage {
            let bytes = std::mem::take(bytes);
            self.content.packed = bytes.starts_with(MAGIC);
            self.stage = if self.content.packed {
                Stage::Packed(Box::new(Unpack::new()))
            } else {
                Stage::Plain
            };
            self.take(&bytes);
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let Self { stage, content } = self;
        match stage {
            Stage::Begin(held) => held.extend_from_slice(bytes),
            Stage::Plain => content.write(bytes),
            Stage::Packed(unpack) => {
                unpack.write(bytes, |piece| content.write(piece));
                if content.is_over() {
                    unpack.stop();
                }
            }
        }
    }
}

impl Parse for Sitemap {
    fn write(&mut self, chunk: &[u8]) {
        self.take(chunk);
        if matches!(&self.stage, Stage::Begin(bytes) if bytes.len() >= MAGIC.len()) {
            self.begin();
        }
    }

    fn held(&self) -> usize {
        let bytes = match &self.stage {
            Stage::Begin(bytes) => bytes.len(),
            Stage::Plain => 0,
            // A kilobyte of gzip can be a megabyte of text.
            Stage::Packed(unpack) => unpack.held().saturating_mul(100),
        };
        bytes + self.content.held()
    }

    fn is_list(&self) -> bool {
        !matches!(self.content.list, List::Other)
    }

    fn finish(mut self: Box<Self>) -> Document {
        self.begin();
        let Self { stage, mut content } = *self;
        let cut = match stage {
            Stage::Packed(mut unpack) => unpack.finish(|piece| content.write(piece)),
            _ => None,
        };
        content.finish(cut)
    }
}

/// The parser: text.
struct Content {
    text: Text,
    list: List,
    packed: bool,
}

/// What the text is.
enum List {
    /// Too little of it has come.
    Unknown(String),
    Xml(Box<Xml>),
    /// One URL a line.
    Lines(Words, Links),
    /// No list of URLs.
    Other,
}

impl List {
    fn begin(text: &str, packed: bool) -> Self {
        let start = text.trim_start();
        let url = |scheme: &str| {
            let begin = start.get(..scheme.len());
            begin.is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
        };
        if text.len() - start.len() >= LEAD {
            Self::Other
        } else if start.starts_with('<') {
            Self::Xml(Box::default())
        } else if packed && (url("http://") || url("https://")) {
            Self::Lines(Words::new(LinkKind::Listed), Links::listed())
        } else {
            Self::Other
        }
    }

    /// `last`: no more will come.
    fn write(&mut self, text: &str, last: bool, packed: bool) {
        match self {
            Self::Unknown(held) => {
                held.push_str(text);
                let begun = held.trim_start().len() >= "https://".len();
                if last || begun || held.len() >= LEAD {
                    let text = std::mem::take(held);
                    *self = Self::begin(&text, packed);
                    self.write(&text, last, packed);
                }
            }
            Self::Xml(xml) => {
                xml.write(text, last);
                if xml.root == Some(Tag::Other) {
                    *self = Self::Other;
                }
            }
            Self::Lines(words, links) => {
                words.write(text, links);
                if last {
                    words.finish(links);
                }
            }
            Self::Other => {}
        }
    }
}

impl Content {
    fn write(&mut self, bytes: &[u8]) {
        let Self { text, list, packed } = self;
        list.write(text.write(bytes), false, *packed);
    }

    /// Nothing that follows matters.
    fn is_over(&self) -> bool {
        match &self.list {
            List::Xml(xml) => xml.over,
            List::Other => true,
            List::Unknown(_) | List::Lines(..) => false,
        }
    }

    fn held(&self) -> usize {
        match &self.list {
            List::Unknown(text) => text.len(),
            List::Xml(xml) => xml.unread.len() + xml.value.len(),
            List::Lines(words, _) => words.held(),
            List::Other => 0,
        }
    }

    /// `cut`: why the bytes were not all.
    fn finish(mut self, cut: Option<Limit>) -> Document {
        let (rest, charset) = self.text.finish();
        let empty = matches!(&self.list, List::Unknown(text) if text.is_empty() && rest.is_empty());
        self.list.write(rest, true, self.packed);
        let is_index = matches!(&self.list, List::Xml(xml) if xml.name == "sitemapindex");
        let (links, limited) = match self.list {
            List::Xml(xml) => (xml.links, xml.limited.map(|limit| cut.unwrap_or(limit))),
            List::Lines(_, links) => (links, cut),
            List::Unknown(_) | List::Other => (Links::default(), cut.filter(|_| empty)),
        };
        Document {
            links,
            is_index,
            charset,
            limited,
            ..Document::default()
        }
    }
}

/// An element, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tag {
    /// `urlset`, `sitemapindex`.
    Sitemap,
    /// `rss`, `feed`, `RDF`.
    Feed,
    /// `url`, `sitemap`: one that is listed.
    Entry,
    /// When it was changed last.
    Lastmod,
    /// A URL as its text: `loc`, and `link` in RSS.
    Url(LinkKind),
    Other,
}

/// What was read of XML that arrives.
struct Xml {
    /// Markup that has not ended.
    unread: String,
    /// It is not looked at again before there is so much of it: each byte is read twice at most.
    enough: usize,
    place: Place,
    root: Option<Tag>,
    /// The local name of the root.
    name: String,
    open: Vec<Tag>,
    /// The text of the innermost element, if it matters, and where it begins.
    value: String,
    begins: (u32, u32),
    /// Something in it was not understood.
    unknown: bool,
    /// Of the entry that is open: its link, and its date, in whichever order they stand.
    entry: (Option<usize>, String),
    links: Links,
    limited: Option<Limit>,
    /// The root has ended.
    ended: bool,
    over: bool,
}

impl Default for Xml {
    fn default() -> Self {
        Self {
            unread: String::new(),
            enough: 0,
            place: Place::default(),
            root: None,
            name: String::new(),
            open: Vec::new(),
            value: String::new(),
            begins: (1, 1),
            unknown: false,
            entry: (None, String::new()),
            links: Links::listed(),
            limited: None,
            ended: false,
            over: false,
        }
    }
}

impl Xml {
    fn write(&mut self, text: &str, last: bool) {
        if self.over {
            return;
        }
        let mut all = std::mem::take(&mut self.unread);
        all.push_str(text);
        if last || all.len() >= self.enough {
            let read = self.read(&all, last);
            self.place.at(read, &all);
            self.place.offset = 0;
            all.drain(..read);
            self.enough = (2 * all.len()).min(MARKUP + 1);
            if all.len() > MARKUP {
                self.end(Limit::too_large("a tag or a comment is too large"));
            }
        }
        if last && self.root.is_some() && !self.ended && !self.over {
            self.end(Limit::broken("its markup is broken or ends too early"));
        }
        if self.over {
            all = String::new();
        }
        self.unread = all;
    }

    /// Nothing more is read, and why.
    fn end(&mut self, limit: Limit) {
        self.limited = Some(limit);
        self.over = true;
    }

    /// Reads what is whole, and says how much that was.
    fn read(&mut self, all: &str, last: bool) -> usize {
        // A reader takes a byte order mark off, wherever it is begun.
        let begin = all.len() - all.trim_start_matches('\u{feff}').len();
        self.text(&all[..begin], 0, all);
        let mut reader = Reader::from_str(&all[begin..]);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        // Many a URL has its `&` as it is.
        config.allow_dangling_amp = true;
        let mut before = begin;
        while !self.over {
            let event = reader.read_event();
            let after = begin + usize::try_from(reader.buffer_position()).unwrap_or(0);
            match event {
                Ok(Event::Eof) => return all.len(),
                // It may be whole once more has come.
                Err(_) => return before,
                Ok(Event::Text(text)) if !last && text.starts_with('&') && after == all.len() => {
                    return before;
                }
                Ok(Event::Text(text)) => self.text(&text, before, all),
                Ok(_) if after - before > MARKUP => {
                    self.end(Limit::too_large("a tag or a comment is too large"));
                }
                Ok(event) => self.markup(event, before, after, all),
            }
            before = after;
        }
        before
    }

    /// What stands from `before` to `after`.
    fn markup(&mut self, event: Event<'_>, before: usize, after: usize, all: &str) {
        match event {
            Event::Start(element) => {
                let tag = tag(&element, self.root);
                if self.root.is_none() {
                    self.root = Some(tag);
                    element.local_name().as_ref().clone_into(&mut self.name);
                }
                if self.root == Some(Tag::Other) {
                    self.over = true;
                    return;
                }
                if self.open.len() == DEPTH {
                    let reason = "its elements are nested deeper than 4,096";
                    return self.end(Limit::too_large(reason));
                }
                self.attributes(&element, before, all);
                if tag == Tag::Entry {
                    self.entry = (None, String::new());
                }
                self.open.push(tag);
                self.value.clear();
                self.unknown = false;
                self.begins = self.place.at(after, all);
            }
            Event::Empty(element) if self.root.is_some() => {
                self.attributes(&element, before, all);
            }
            Event::CData(text) => self.text(&text, before + "<![CDATA[".len(), all),
            Event::GeneralRef(name) => match name.resolve_char_ref() {
                Ok(Some(c)) => self.text(c.encode_utf8(&mut [0; 4]), before, all),
                _ => match resolve_predefined_entity(&name) {
                    Some(text) => self.text(text, before, all),
                    // Its declaration was not read, so nobody knows which URL is meant.
                    None => self.unknown = true,
                },
            },
            Event::End(element) => {
                self.ended |= element.local_name().as_ref() == self.name;
                self.close();
            }
            _ => {}
        }
    }

    /// Text of the innermost element.
    fn text(&mut self, text: &str, offset: usize, all: &str) {
        if !matches!(self.open.last(), Some(Tag::Url(_) | Tag::Lastmod)) {
            return;
        }
        let text = if self.value.is_empty() {
            let start = text.trim_start();
            if start.is_empty() {
                return;
            }
            self.begins = self.place.at(offset + text.len() - start.len(), all);
            start
        } else {
            text
        };
        let room = VALUE.saturating_sub(self.value.len());
        let fits = (0..=room.min(text.len()))
            .rev()
            .find(|at| text.is_char_boundary(*at));
        self.value.push_str(&text[..fits.unwrap_or(0)]);
    }

    /// The innermost element ends.
    fn close(&mut self) {
        match self.open.pop() {
            Some(Tag::Url(kind)) if !self.unknown => {
                if kind == LinkKind::Listed {
                    self.entry.0 = Some(self.links.len());
                }
                push(&mut self.links, self.value.trim(), kind, self.begins);
            }
            Some(Tag::Lastmod) => self.entry.1 = self.value.trim().chars().take(40).collect(),
            Some(Tag::Entry) => {
                if let (Some(position), date) = &self.entry
                    && !date.is_empty()
                {
                    self.links.note(*position, date);
                }
            }
            _ => {}
        }
        self.value.clear();
        self.unknown = false;
    }

    /// URLs that are attributes: `link href`, `enclosure url`, `content url`.
    fn attributes(&mut self, element: &BytesStart<'_>, from: usize, all: &str) {
        let (wanted, mut kind): (&str, _) = match element.local_name().as_ref() {
            "link" => ("href", LinkKind::Anchor),
            "enclosure" | "content" | "thumbnail" => ("url", LinkKind::Media),
            _ => return,
        };
        let mut reference = None;
        // Without the check for doubles, which is quadratic.
        for attribute in element.attributes().with_checks(false).flatten() {
            let text = unescape(&attribute.value).unwrap_or_default().into_owned();
            match attribute.key.as_ref() {
                "rel" if !text.trim().is_empty() && text.trim() != "alternate" => {
                    kind = LinkKind::Relation;
                }
                key if key == wanted => reference = Some(text),
                _ => {}
            }
        }
        if let Some(reference) = reference {
            let place = self.place.at(from, all);
            push(&mut self.links, reference.trim(), kind, place);
        }
    }
}

/// What `element` is in a document whose first element is `root`.
fn tag(element: &BytesStart<'_>, root: Option<Tag>) -> Tag {
    let name = element.local_name();
    match (root, name.as_ref()) {
        (None, "urlset" | "sitemapindex") => Tag::Sitemap,
        (None, "rss" | "feed" | "RDF") => Tag::Feed,
        (Some(Tag::Sitemap), "loc") => match element.name().prefix() {
            Some(prefix) if prefix.as_ref() == "image" => Tag::Url(LinkKind::Media),
            _ => Tag::Url(LinkKind::Listed),
        },
        (Some(Tag::Sitemap), "url" | "sitemap") => Tag::Entry,
        (Some(Tag::Sitemap), "lastmod") => Tag::Lastmod,
        (Some(Tag::Sitemap), "content_loc" | "player_loc" | "thumbnail_loc") => {
            Tag::Url(LinkKind::Media)
        }
        (Some(Tag::Feed), "link" | "comments") => Tag::Url(LinkKind::Anchor),
        _ => Tag::Other,
    }
}

fn push(links: &mut Links, reference: &str, kind: LinkKind, (line, column): (u32, u32)) {
    if !reference.is_empty() {
        links.push(Link {
            reference,
            kind,
            nofollow: false,
            line,
            column,
        });
    }
}

/// Lines and columns, counted once from the beginning to the end.
struct Place {
    /// In the text at hand.
    offset: usize,
    line: u32,
    column: u32,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            offset: 0,
            line: 1,
            column: 1,
        }
    }
}

impl Place {
    fn at(&mut self, offset: usize, all: &str) -> (u32, u32) {
        if offset > self.offset {
            let passed = &all.as_bytes()[self.offset..offset];
            (self.line, self.column) = count(passed, self.line, self.column);
            self.offset = offset;
        }
        (self.line, self.column)
    }
}

#[cfg(test)]
#[path = "sitemap_tests.rs"]
mod tests;
