//! Tags → document: links with their places, anchors, title, base, and what the page says to robots.

use super::element::{self as meaning, Reference, Shape};
use super::name::{Attribute, Element, Word};
use super::nested::Embedded;
use super::readers::Readers;
use super::tokenizer::{LARGEST_TAG, Start, Take};
use super::value::{Decoded, decoded, folded, is_space, meant, trimmed};
use crate::model::{Document, Link};
use crate::parser::position::{Place, Window};
use crate::parser::{Options, css, jsonld};

/// Titles are cut here, in characters.
const TITLE: usize = 1000;

/// The texts of links too.
const LABEL: usize = 200;

/// An element makes at most so many references.
const REFERENCES: usize = 4;

/// The document that is read.
pub(super) struct Reading {
    pub(super) document: Document,
    pub(super) place: Place,
    anchors: bool,
    labels: bool,
    /// Whose text comes: nothing else is listened to.
    inside: Inside,
    /// The first one counts.
    title: Option<String>,
    /// The link whose text is read, and what was read of it.
    label: Option<(usize, String)>,
    block: Block,
    /// If they are asked for.
    readers: Option<Box<Readers>>,
    /// Documents in attributes, to be read behind the tags around them: most pages have none, and pay nothing.
    pub(super) embedded: Vec<Embedded>,
    /// How many documents there are around it.
    depth: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Nothing,
    Title,
    Style,
    /// A script that is JSON-LD.
    Json,
}

/// The text of an element that is read when it ends: a style, or JSON-LD.
#[derive(Default)]
struct Block {
    text: String,
    /// Where it begins: line and column.
    begin: (u32, u32),
    /// The offset behind it.
    end: usize,
}

impl Reading {
    /// Of content that begins at that line and column.
    pub(super) fn new(anchors: bool, labels: bool, line: u32, column: u32) -> Self {
        Self {
            document: Document::default(),
            place: Place::from(line, column),
            anchors,
            labels,
            inside: Inside::Nothing,
            title: None,
            label: None,
            block: Block::default(),
            readers: None,
            embedded: Vec::new(),
            depth: 0,
        }
    }

    /// Of a document in `depth` others, of which only the links are asked for.
    pub(super) fn nested(depth: u8) -> Self {
        Self {
            depth,
            ..Self::new(false, false, 1, 1)
        }
    }

    /// Of a whole document, with what is asked for.
    pub(super) fn asked(options: &Options) -> Self {
        let mut reading = Self::new(options.anchors, options.labels, 1, 1);
        reading.readers = Readers::asked(options);
        reading.document.names = options.names.then(Vec::new);
        reading
    }

    /// What was found; anchors sorted, links in order.
    pub(super) fn finish(mut self) -> Document {
        self.end_block();
        self.end_label();
        let mut document = self.document;
        let title = folded(&self.title.unwrap_or_default(), TITLE);
        document.title = (!title.is_empty()).then_some(title);
        if let Some(readers) = self.readers {
            readers.finish(&mut document);
        }
        document.has_anchors = true;
        document.anchors.sort_unstable();
        document.anchors.dedup();
        document
    }

    fn end_block(&mut self) {
        let Block { text, begin, .. } = &mut self.block;
        if !text.is_empty() {
            let (line, column) = *begin;
            let links = &mut self.document.links;
            match self.inside {
                Inside::Json => jsonld::references(text, line, column, |link| links.push(link)),
                _ => css::references(text, line, column, |link| links.push(link)),
            }
            text.clear();
        }
    }

    /// The link whose text was read has it now.
    fn end_label(&mut self) {
        if let Some((position, text)) = self.label.take() {
            let text = folded(&text, LABEL);
            if !text.is_empty() {
                self.document.links.note(position, &text);
            }
        }
    }

    fn anchor(&mut self, start: &Start<'_>) {
        let mut named = |attribute| {
            if let Some((value, _)) = start.value(attribute)
                && !value.is_empty()
            {
                self.document.add_anchor(&decoded(value));
            }
        };
        named(Attribute::Id);
        if start.element == Element::A {
            named(Attribute::Name);
        }
    }

    fn links(&mut self, start: &Start<'_>) {
        let mut references = [None; REFERENCES];
        let mut count = 0;
        meaning::references(start, |reference| {
            if let Some(slot) = references.get_mut(count) {
                *slot = Some(reference);
                count += 1;
            }
        });
        if count > 1 {
            // Places are asked for in the order of the document.
            let offset = |reference: &Option<Reference<'_>>| reference.map(|one| one.offset);
            references[..count].sort_by_key(offset);
        }
        for reference in references.into_iter().flatten() {
            self.reference(reference, start.window);
        }
    }

    fn reference(&mut self, reference: Reference<'_>, window: Window<'_>) {
        let Reference {
            kind,
            nofollow,
            shape,
            value,
            offset,
        } = reference;
        let Self {
            document, place, ..
        } = self;
        let mut put = |reference: &str, offset, kind| {
            let (line, column) = place.at(offset, window);
            document.links.push(Link {
                reference,
                kind,
                nofollow,
                line,
                column,
            });
        };
        let mut written = |url: &str, at: usize| {
            let lead = url.len() - url.trim_start_matches(is_space).len();
            put(&meant(trimmed(url)), offset + at + lead, kind);
        };
        match shape {
            Shape::Url => written(value, 0),
            Shape::Srcset => {
                for (url, at) in meaning::candidates(value) {
                    written(url, at);
                }
            }
            Shape::Refresh => {
                if let Some((url, at)) = meaning::refresh(value) {
                    written(url, at);
                    if meaning::is_at_once(value) && document.onward.is_none() {
                        document.onward = Some(meant(trimmed(url)).into_owned());
                    }
                }
            }
            Shape::Urls => {
                for (url, at) in meaning::words(value) {
                    written(url, at);
                }
            }
            Shape::Declarations => {
                let meant = Decoded::of(value);
                css::scan(&meant.text, |reference, at, kind| {
                    put(reference, offset + meant.written(at.start), kind);
                });
            }
            Shape::Document => {
                let (line, column) = place.at(offset, window);
                self.embedded.push(Embedded {
                    written: value.to_owned(),
                    line,
                    column,
                    depth: self.depth + 1,
                });
            }
        }
    }
}

impl Take for Reading {
    #[inline]
    fn start(&mut self, start: &Start<'_>) {
        if let Some(readers) = &mut self.readers {
            readers.start(start);
        }
        match start.element {
            Element::Title if start.is_html() && self.title.is_none() => {
                self.title = Some(String::new());
                self.inside = Inside::Title;
            }
            Element::Style if !start.is_empty() && meaning::is_css(start) => {
                self.inside = Inside::Style;
            }
            Element::Script if start.is_html() && meaning::is_json_ld(start) => {
                self.inside = Inside::Json;
            }
            Element::Script if start.is_html() => self.document.has_scripts = true,
            Element::ReactApp => self.document.is_filled = true,
            Element::A => self.end_label(),
            _ => {}
        }
        if start.is_bare() {
            return;
        }
        if self.anchors {
            self.anchor(start);
        }
        match start.element {
            Element::Base if start.is_html() && self.document.base.is_none() => {
                self.document.base = start
                    .value(Attribute::Href)
                    .map(|(value, _)| trimmed(&decoded(value)).to_owned());
            }
            Element::Meta => robots(&mut self.document, start),
            Element::Link
                if self.document.canonical.is_none()
                    && meaning::has_word(start, Attribute::Rel, "canonical") =>
            {
                self.document.canonical = start
                    .value(Attribute::Href)
                    .map(|(value, _)| meant(trimmed(value)).into_owned());
            }
            _ => {}
        }
        let first = self.document.links.len();
        self.links(start);
        if self.labels && start.element == Element::A && self.document.links.len() > first {
            self.label = Some((first, String::new()));
        }
    }

    #[inline]
    fn end(&mut self, word: Word) {
        const A: Word = Word::of("a");
        if let Some(readers) = &mut self.readers {
            readers.end(word);
        }
        if word == A {
            self.end_label();
        } else if self.inside != Inside::Nothing {
            self.end_inside(word);
        }
    }

    #[inline]
    fn text(&mut self, from: usize, to: usize, window: Window<'_>) {
        if let Some(readers) = &mut self.readers {
            readers.text(from, to, window);
        }
        if self.inside != Inside::Nothing || self.label.is_some() {
            self.listen(from, to, window);
        }
    }

    #[inline]
    fn script(&mut self, from: usize, to: usize, window: Window<'_>) {
        if self.inside == Inside::Json {
            self.listen(from, to, window);
        }
    }
}

impl Reading {
    /// An end tag inside of something, maybe its own.
    #[cold]
    fn end_inside(&mut self, word: Word) {
        let own = match self.inside {
            Inside::Nothing => return,
            Inside::Title => Word::of("title"),
            Inside::Style => Word::of("style"),
            Inside::Json => Word::of("script"),
        };
        if word == own {
            self.end_block();
            self.inside = Inside::Nothing;
        }
    }

    fn listen(&mut self, from: usize, to: usize, window: Window<'_>) {
        let words = window.text(from, to);
        if words.is_empty() {
            return;
        }
        match self.inside {
            Inside::Nothing => {
                if let Some((_, label)) = &mut self.label
                    && label.len() < LABEL * 8
                {
                    label.push_str(words);
                }
            }
            Inside::Title => {
                let title = self.title.get_or_insert_default();
                if title.len() < TITLE * 8 {
                    title.push_str(words);
                }
            }
            Inside::Style | Inside::Json => {
                if self.block.end != from || self.block.text.len() > LARGEST_TAG {
                    self.end_block();
                }
                if self.block.text.is_empty() {
                    self.block.begin = self.place.at(from, window);
                }
                self.block.text.push_str(words);
                self.block.end = to;
            }
        }
    }
}

/// What `meta name=robots` says.
fn robots(document: &mut Document, start: &Start<'_>) {
    let is_robots = start
        .value(Attribute::Name)
        .is_some_and(|(name, _)| decoded(name).trim().eq_ignore_ascii_case("robots"));
    if let (true, Some((content, _))) = (is_robots, start.value(Attribute::Content)) {
        for rule in decoded(content).split(',') {
            let says = |word: &str| rule.trim().eq_ignore_ascii_case(word);
            document.nofollow |= says("nofollow") || says("none");
            document.noindex |= says("noindex") || says("none");
        }
    }
}
