//! HTML: links, anchors, title and what it says to robots, in one pass over the tags as they arrive.
//!
//! The tokenizer is `lol_html`, the fastest of four on real pages (`cargo bench --bench extract`). What it leaves
//! to us: entities in attributes are decoded by the rules for attributes, links in `<noscript>` count (its
//! content is text to a browser that runs scripts, and we run none), and places are kept. No tree is built, but
//! the tokenizer remembers every element that is open, and `<li>` need not be closed: when its memory is full, it
//! is begun anew at the last tag. Only a single tag beyond that memory ends the document early, and says so.
//!
//! The tokenizer copies every name and value that it is asked for. It also says where they stand, so they are
//! read from the content itself, and only a reference is ever copied.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lol_html::html_content::{Attribute, TextChunk};
use lol_html::send::{Element, HtmlRewriter, Settings};
use lol_html::{MemorySettings, OutputSink, element, text};

use super::element::{self as meaning, Attributes, Reference, Shape};
use super::encoding::{Declared, Text};
use super::position::{Place, Window};
use super::{Format, Options, Parse, css, inline};
use crate::model::document::anchor_hash;
use crate::model::{Document, Limit, Link};

pub(super) const FORMAT: Format = Format {
    name: "html",
    media_types: &["text/html", "application/xhtml+xml"],
    extensions: &["html", "htm", "xhtml"],
    open: |options| Box::new(Html::new(options)),
};

/// The largest tag or unfinished text that is held; also room for some 32,000 open elements.
const MEMORY: usize = 4 << 20;

/// Titles are cut here, in characters.
const TITLE: usize = 1000;

/// The texts of links too.
const LABEL: usize = 200;

/// Nothing is rewritten.
struct Nowhere;

impl OutputSink for Nowhere {
    fn handle_chunk(&mut self, _: &[u8]) {}
}

/// The parser.
struct Html {
    text: Text,
    tags: Tags,
}

impl Html {
    fn new(options: &Options) -> Self {
        Self {
            text: Text::new(options.charset.clone(), Declared::InHtml),
            tags: Tags::labelled(options.anchors, options.labels),
        }
    }
}

impl Parse for Html {
    fn write(&mut self, chunk: &[u8]) {
        let text = self.text.write(chunk);
        self.tags.write(text);
    }

    fn finish(mut self: Box<Self>) -> Document {
        let (rest, charset) = self.text.finish();
        self.tags.write(rest);
        let mut document = self.tags.finish();
        document.charset = charset;
        document
    }
}

/// The tags of text that arrives; also what Markdown uses for the HTML in it.
pub(super) struct Tags {
    rewriter: Option<HtmlRewriter<'static, Nowhere>>,
    state: Arc<Mutex<State>>,
    labels: bool,
}

/// What the handlers share.
struct State {
    document: Document,
    /// Where in the content the tokenizer began, which counts from there.
    begun: usize,
    /// Where the last tag stands that was looked at.
    last: usize,
    window: Window,
    place: Place,
    anchors: bool,
    title: Option<String>,
    /// The link whose text is read, and what was read of it.
    label: Option<(usize, String)>,
    /// A `title` inside an `svg` is another one's.
    skip_title: bool,
    style: Inner,
    noscript: Inner,
}

/// The text of an element that is read when it ends, and where it begins.
#[derive(Default)]
struct Inner {
    text: String,
    at: Option<(u32, u32)>,
}

impl Tags {
    /// Of text that begins at `line` and `column`.
    pub(super) fn new(anchors: bool, line: u32, column: u32) -> Self {
        Self::of(anchors, false, line, column)
    }

    /// Of a whole document, with the text of its links or without.
    fn labelled(anchors: bool, labels: bool) -> Self {
        Self::of(anchors, labels, 1, 1)
    }

    fn of(anchors: bool, labels: bool, line: u32, column: u32) -> Self {
        let state = Arc::new(Mutex::new(State {
            document: Document::default(),
            begun: 0,
            last: 0,
            window: Window::new(MEMORY),
            place: Place::from(line, column),
            anchors,
            title: None,
            label: None,
            skip_title: false,
            style: Inner::default(),
            noscript: Inner::default(),
        }));
        let rewriter = Some(rewriter(&state, labels));
        Self {
            rewriter,
            state,
            labels,
        }
    }

    /// The next text.
    pub(super) fn write(&mut self, text: &str) {
        let Some(rewriter) = &mut self.rewriter else {
            return;
        };
        if text.is_empty() {
            return;
        }
        {
            let State { window, place, .. } = &mut *lock(&self.state);
            window.extend(text, place);
        }
        if rewriter.write(text.as_bytes()).is_err() {
            self.begin_anew();
        }
    }

    /// A rewriter that has failed must not be used again: another goes on at the last tag that was looked at, unless
    /// it has looked at none that is new.
    fn begin_anew(&mut self) {
        loop {
            self.rewriter = None;
            let rest = lock(&self.state).rest();
            let Some(rest) = rest else {
                return;
            };
            let mut rewriter = rewriter(&self.state, self.labels);
            if rewriter.write(rest.as_bytes()).is_ok() {
                self.rewriter = Some(rewriter);
                return;
            }
        }
    }

    /// What was found; anchors sorted, links in order.
    pub(super) fn finish(mut self) -> Document {
        while let Some(rewriter) = self.rewriter.take() {
            if rewriter.end().is_err() {
                self.begin_anew();
            }
        }
        let mut state = lock(&self.state);
        state.end_style();
        state.end_noscript();
        state.end_label();
        let mut document = std::mem::take(&mut state.document);
        let title = state.title.take().unwrap_or_default();
        let title = folded(&title, TITLE);
        document.title = (!title.is_empty()).then_some(title);
        document.has_anchors = true;
        document.anchors.sort_unstable();
        document.anchors.dedup();
        document
    }
}

/// Nobody else holds it: the handlers run where the text is written.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn rewriter(state: &Arc<Mutex<State>>, labels: bool) -> HtmlRewriter<'static, Nowhere> {
    let tags = Arc::clone(state);
    let in_svg = Arc::clone(state);
    let titles = Arc::clone(state);
    let styles = Arc::clone(state);
    let noscripts = Arc::clone(state);
    let memory = MemorySettings::new().with_max_allowed_memory_usage(MEMORY);
    let mut settings: Settings<'static, '_> = Settings::new_send()
        .append_element_content_handler(element!("*", move |element: &mut Element<'_, '_>| {
            lock(&tags).tag(element);
            Ok(())
        }))
        .append_element_content_handler(element!("svg title", move |_: &mut Element<'_, '_>| {
            lock(&in_svg).skip_title = true;
            Ok(())
        }))
        .append_element_content_handler(text!("title", move |chunk| {
            lock(&titles).title(chunk);
            Ok(())
        }))
        .append_element_content_handler(text!("style", move |chunk| {
            lock(&styles).style(chunk);
            Ok(())
        }))
        .append_element_content_handler(text!("noscript", move |chunk| {
            lock(&noscripts).noscript(chunk);
            Ok(())
        }))
        .with_memory_settings(memory)
        .with_strict(false);
    if labels {
        let texts = Arc::clone(state);
        settings = settings.append_element_content_handler(text!("a", move |chunk| {
            lock(&texts).label(chunk);
            Ok(())
        }));
    }
    HtmlRewriter::new(settings, Nowhere)
}

/// A tag's attributes as they are written.
struct Written<'a, 'input> {
    attributes: &'a [Attribute<'input>],
    window: &'a Window,
    /// What their offsets count from.
    begun: usize,
}

impl<'a> Attributes<'a> for Written<'a, '_> {
    fn named(&self, name: &str) -> Option<(&'a str, usize)> {
        self.attributes.iter().find_map(|attribute| {
            let key = attribute.name_source_location()?.bytes();
            if key.len() != name.len() {
                return None;
            }
            let begun = self.begun;
            let written = self.window.bytes(begun + key.start, begun + key.end);
            if !written.eq_ignore_ascii_case(name.as_bytes()) {
                return None;
            }
            let value = attribute.value_source_location();
            let value = value.map_or(key.end..key.end, |value| value.bytes());
            let start = begun + value.start;
            Some((self.window.text(start, begun + value.end), start))
        })
    }
}

impl State {
    /// The content from the last tag on, which becomes the beginning; `None` when it was that already.
    fn rest(&mut self) -> Option<String> {
        let rest = self.window.rest(self.last);
        if self.last == self.begun || rest.is_empty() {
            self.document.limited = Some(Limit::too_large("a tag is too large"));
            return None;
        }
        self.begun = self.last;
        // What stood behind that tag comes again.
        self.style = Inner::default();
        self.noscript = Inner::default();
        self.label = None;
        if self.document.title.is_none() {
            self.title = None;
        }
        Some(rest.to_owned())
    }

    fn tag(&mut self, element: &Element<'_, '_>) {
        let start = self.begun + element.source_location().bytes().start;
        if start == self.begun && self.begun > 0 {
            // Looked at before the tokenizer was begun anew.
            return;
        }
        self.last = start;
        self.window.pass(start);
        let Self {
            document,
            window,
            place,
            anchors,
            label,
            skip_title,
            begun,
            ..
        } = self;
        let name = window.word(start + 1, |byte| {
            byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>')
        });
        let tag = if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(name.to_ascii_lowercase())
        } else {
            Cow::Borrowed(name)
        };
        if tag == "title" {
            *skip_title = false;
        } else if tag == "a" {
            end_label(document, label);
        }
        let attributes = element.attributes();
        if attributes.is_empty() {
            return;
        }
        let attributes = &Written {
            attributes,
            window,
            begun: *begun,
        };
        if *anchors {
            let names: &[_] = if tag == "a" { &["id", "name"] } else { &["id"] };
            for name in names {
                if let Some((value, _)) = attributes.named(name)
                    && !value.is_empty()
                {
                    let anchor = anchor_hash(&htmlize::unescape_attribute(value));
                    document.anchors.push(anchor);
                }
            }
        }
        match &*tag {
            "base" if document.base.is_none() => {
                document.base = attributes
                    .named("href")
                    .map(|(value, _)| trimmed(&htmlize::unescape_attribute(value)).to_owned());
            }
            "meta" => robots(document, attributes),
            "link"
                if document.canonical.is_none()
                    && meaning::has_word(attributes, "rel", "canonical") =>
            {
                document.canonical = attributes
                    .named("href")
                    .map(|(value, _)| meant(trimmed(value)).into_owned());
            }
            _ => {}
        }
        let first = document.links.len();
        let mut references = Vec::new();
        meaning::references(&tag, attributes, |reference| references.push(reference));
        if references.len() > 1 {
            // Places are asked for in the order of the document.
            references.sort_by_key(|reference| reference.offset);
        }
        let mut put = |reference: &str, offset, kind, nofollow| {
            let (line, column) = place.at(offset, window);
            document.links.push(Link {
                reference,
                kind,
                nofollow,
                line,
                column,
            });
        };
        for reference in references {
            let Reference {
                kind,
                nofollow,
                shape,
                value,
                offset,
            } = reference;
            let mut written = |url: &str, at: usize| {
                let lead = url.len() - url.trim_start_matches(is_space).len();
                put(&meant(trimmed(url)), offset + at + lead, kind, nofollow);
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
                    }
                }
                Shape::Declarations => {
                    let meant = htmlize::unescape_attribute(value);
                    // Offsets are those of the content only where nothing had to be decoded.
                    let exact = matches!(meant, Cow::Borrowed(_));
                    css::scan(&meant, |reference, at, kind| {
                        let at = if exact { offset + at } else { offset };
                        put(reference, at, kind, nofollow);
                    });
                }
            }
        }
        if tag == "a" && document.links.len() > first {
            *label = Some((first, String::new()));
        }
    }

    /// Text inside an `a`; kept to a length that says what it is about.
    fn label(&mut self, chunk: &TextChunk<'_>) {
        if let Some((_, text)) = &mut self.label
            && text.len() < LABEL * 8
        {
            text.push_str(chunk.as_str());
        }
    }

    fn end_label(&mut self) {
        end_label(&mut self.document, &mut self.label);
    }

    fn title(&mut self, chunk: &TextChunk<'_>) {
        if self.skip_title || self.document.title.is_some() {
            return;
        }
        let title = self.title.get_or_insert_default();
        if title.len() < TITLE * 8 {
            title.push_str(chunk.as_str());
        }
        if chunk.last_in_text_node() {
            // The first one counts.
            self.document.title = Some(String::new());
        }
    }

    fn style(&mut self, chunk: &TextChunk<'_>) {
        let start = self.begun + chunk.source_location().bytes().start;
        if self.style.take(chunk, start, &mut self.place, &self.window) {
            self.end_style();
        }
    }

    fn end_style(&mut self) {
        let Inner { text, at } = std::mem::take(&mut self.style);
        if let Some((line, column)) = at {
            css::references(&text, line, column, |link| self.document.links.push(link));
        }
    }

    fn noscript(&mut self, chunk: &TextChunk<'_>) {
        let start = self.begun + chunk.source_location().bytes().start;
        if self
            .noscript
            .take(chunk, start, &mut self.place, &self.window)
        {
            self.end_noscript();
        }
    }

    fn end_noscript(&mut self) {
        let Inner { text, at } = std::mem::take(&mut self.noscript);
        let Some((line, column)) = at else {
            return;
        };
        let mut inside = Tags::new(self.anchors, line, column);
        inside.write(&text);
        let inside = inside.finish();
        for link in inside.links.iter() {
            self.document.links.push(link);
        }
        self.document.anchors.extend(inside.anchors);
    }
}

impl Inner {
    /// Takes the next of its text; is it complete?
    fn take(
        &mut self,
        chunk: &TextChunk<'_>,
        start: usize,
        place: &mut Place,
        window: &Window,
    ) -> bool {
        if self.at.is_none() {
            self.at = Some(place.at(start, window));
        }
        self.text.push_str(chunk.as_str());
        chunk.last_in_text_node() || self.text.len() > MEMORY
    }
}

/// The link whose text was read has it now.
fn end_label(document: &mut Document, label: &mut Option<(usize, String)>) {
    if let Some((position, text)) = label.take() {
        let text = folded(&text, LABEL);
        if !text.is_empty() {
            document.links.note(position, &text);
        }
    }
}

/// Text as it is meant: entities decoded, white space folded, at most so many characters.
fn folded(text: &str, most: usize) -> String {
    let text = htmlize::unescape(text);
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").chars().take(most).collect()
}

/// What `meta name=robots` says.
fn robots<'a>(document: &mut Document, attributes: &impl Attributes<'a>) {
    let is_robots = attributes
        .named("name")
        .is_some_and(|(name, _)| name.trim().eq_ignore_ascii_case("robots"));
    if let (true, Some((content, _))) = (is_robots, attributes.named("content")) {
        for rule in content.split(',') {
            let rule = rule.trim().to_ascii_lowercase();
            document.nofollow |= matches!(rule.as_str(), "nofollow" | "none");
            document.noindex |= matches!(rule.as_str(), "noindex" | "none");
        }
    }
}

/// A reference as it is meant: entities decoded, NUL replaced as every tokenizer of HTML does it, and line ends
/// dropped as every reader of URLs does it, so that none reaches a record.
fn meant(written: &str) -> Cow<'_, str> {
    let reference = htmlize::unescape_attribute(inline(written));
    if reference.contains(['\n', '\r', '\t', '\0']) {
        let reference = reference.replace(['\n', '\r', '\t'], "");
        Cow::Owned(reference.replace('\0', "\u{fffd}"))
    } else {
        reference
    }
}

/// HTML's white space.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

fn trimmed(text: &str) -> &str {
    text.trim_matches(is_space)
}

#[cfg(test)]
#[path = "html_tests.rs"]
mod tests;
