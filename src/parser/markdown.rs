//! Markdown: `CommonMark` and what GitHub adds to it, through pulldown-cmark.
//!
//! A link stands where its destination is written; one by reference stands where it is used, since that is
//! the place that a reader sees. Headings have the anchors that GitHub gives them (`heading`), and compare without regard
//! to case. Code is passed over unless asked for; HTML in Markdown is HTML. Of the metadata at the beginning, only URLs with
//! `http` or `https` are links: what else is one, no standard says.

use std::borrow::Cow;
use std::ops::Range;

use pulldown_cmark::{Event, LinkType, Options as Extensions, Parser, Tag, TagEnd};

use super::encoding::{Declared, Text};
use super::heading::{Headings, Read};
use super::html::Tags;
use super::position::Lines;
use super::seen::Seen;
use super::sketch::Sketch;
use super::{Format, Options, Parse, autolink, text};
use crate::model::{Document, Link, LinkKind};

pub(super) const FORMAT: Format = Format {
    name: "markdown",
    media_types: &["text/markdown", "text/x-markdown"],
    extensions: &[
        "md", "markdown", "mkd", "mdown", "mdwn", "mkdn", "mkdown", "qmd", "rmd",
    ],
    open: |options| {
        Box::new(Markdown {
            text: Text::new(options.charset.clone(), Declared::ByConvention),
            all: String::new(),
            options: options.clone(),
        })
    },
};

struct Markdown {
    text: Text,
    all: String,
    options: Options,
}

impl Parse for Markdown {
    fn write(&mut self, chunk: &[u8]) {
        let text = self.text.write(chunk);
        self.all.push_str(text);
    }

    fn held(&self) -> usize {
        self.all.len()
    }

    fn finish(mut self: Box<Self>) -> Document {
        let (rest, charset) = self.text.finish();
        self.all.push_str(rest);
        read(&Source::of(&self.all), &self.options, charset)
    }
}

/// Markdown, and what was taken out of it before.
pub(super) struct Source<'a> {
    /// As it was written.
    pub(super) original: &'a str,
    /// As it is read.
    pub(super) text: Cow<'a, str>,
    /// For each line of the text: where it begins, and how many bytes of the original are missing before its content.
    pub(super) shifts: Vec<(usize, usize)>,
    /// References, with their offsets in the original.
    pub(super) links: Vec<(String, usize, LinkKind)>,
    /// Anchors.
    pub(super) ids: Vec<String>,
}

impl<'a> Source<'a> {
    /// Plain Markdown.
    pub(super) fn of(text: &'a str) -> Self {
        Self {
            original: text,
            text: Cow::Borrowed(text),
            shifts: Vec::new(),
            links: Vec::new(),
            ids: Vec::new(),
        }
    }

    /// The offset in the original of what is at `offset` in the text.
    fn offset(&self, offset: usize) -> usize {
        let line = self.shifts.partition_point(|(start, _)| *start <= offset);
        let shift = line.checked_sub(1).and_then(|line| self.shifts.get(line));
        offset + shift.map_or(0, |(_, removed)| *removed)
    }
}

/// What is in the Markdown of `source`.
pub(super) fn read(source: &Source<'_>, options: &Options, charset: &'static str) -> Document {
    let mut reading = Reading::new(source, options);
    reading.read();
    let mut document = reading.document;
    document.charset = charset;
    if options.words {
        let mut sketch = Sketch::new();
        sketch.write(&source.text);
        document.sketch = sketch.finish();
    }
    document.anchors_ignore_case = true;
    document.has_anchors = true;
    document.anchors.sort_unstable();
    document.anchors.dedup();
    document.links.sort();
    document
}

struct Reading<'a> {
    source: &'a Source<'a>,
    all: &'a str,
    options: &'a Options,
    document: Document,
    lines: Lines,
    headings: Headings,
    code: bool,
    links: u32,
    images: u32,
    /// The text that a reader sees, where it is asked for.
    seen: Option<Seen>,
    /// Consecutive text is one piece, since a bare URL may hold what could have begun emphasis.
    words: Option<Range<usize>>,
    /// Consecutive HTML is one piece, so that tags may span lines.
    html: Option<Range<usize>>,
}

impl<'a> Reading<'a> {
    fn new(source: &'a Source<'a>, options: &'a Options) -> Self {
        Self {
            source,
            all: &source.text,
            options,
            document: Document {
                names: options.names.then(Vec::new),
                ..Document::default()
            },
            lines: Lines::new(source.original),
            headings: Headings::default(),
            code: false,
            links: 0,
            images: 0,
            seen: options.text.then(Seen::default),
            words: None,
            html: None,
        }
    }

    fn place(&self, offset: usize) -> (u32, u32) {
        self.lines
            .at(self.source.offset(offset), self.source.original)
    }

    fn link(&mut self, reference: &str, offset: usize, kind: LinkKind) {
        let (line, column) = self.place(offset);
        self.document.links.push(Link {
            reference,
            kind,
            nofollow: false,
            line,
            column,
        });
    }

    fn read(&mut self) {
        for (reference, offset, kind) in &self.source.links {
            let (line, column) = self.lines.at(*offset, self.source.original);
            self.document.links.push(Link {
                reference,
                kind: *kind,
                nofollow: false,
                line,
                column,
            });
        }
        if self.options.anchors {
            for id in &self.source.ids {
                self.document.add_anchor(&id.to_lowercase());
            }
        }
        let body = front_matter(self.all);
        self.metadata(body);
        let events =
            Parser::new_ext(&self.all[body..], extensions(self.options)).into_offset_iter();
        for (event, range) in events {
            let range = body + range.start..body + range.end;
            if let Some(seen) = &mut self.seen {
                seen.event(&event);
            }
            if !matches!(event, Event::Html(_) | Event::InlineHtml(_)) {
                self.end_html();
            }
            if !matches!(event, Event::Text(_)) {
                self.end_words();
            }
            match event {
                Event::Start(Tag::Heading { id, .. }) => {
                    self.headings.begin(id.map(|id| id.to_lowercase()));
                }
                Event::End(TagEnd::Heading(_)) => {
                    let heading = self.headings.end();
                    self.heading(heading);
                }
                Event::Start(Tag::Link {
                    link_type,
                    dest_url,
                    ..
                }) => {
                    self.links += 1;
                    self.destination(link_type, &dest_url, range, LinkKind::Anchor);
                }
                Event::End(TagEnd::Link) => self.links -= 1,
                Event::Start(Tag::Image {
                    link_type,
                    dest_url,
                    ..
                }) => {
                    self.images += 1;
                    self.destination(link_type, &dest_url, range, LinkKind::Media);
                }
                Event::End(TagEnd::Image) => self.images -= 1,
                Event::Start(Tag::CodeBlock(_)) => self.code = true,
                Event::End(TagEnd::CodeBlock) => self.code = false,
                Event::Text(words) => {
                    self.headings.text(&words, self.images > 0);
                    if self.code && self.options.verbatim {
                        self.bare(range, true);
                    } else if !self.code && self.links == 0 && self.images == 0 {
                        match &mut self.words {
                            Some(piece) if piece.end == range.start => piece.end = range.end,
                            _ => {
                                self.end_words();
                                self.words = Some(range);
                            }
                        }
                    }
                }
                Event::Code(words) => {
                    self.headings.text(&words, self.images > 0);
                    if self.options.verbatim {
                        self.bare(range, true);
                    }
                }
                Event::SoftBreak | Event::HardBreak => self.headings.line(),
                Event::Html(_) | Event::InlineHtml(_) => match &mut self.html {
                    Some(piece) if piece.end == range.start => piece.end = range.end,
                    _ => {
                        self.end_html();
                        self.html = Some(range);
                    }
                },
                _ => {}
            }
        }
        self.end_words();
        self.end_html();
        self.document.text = self.seen.take().map(Seen::finish);
    }

    /// URLs in what stands before the text; remarks are passed over.
    fn metadata(&mut self, body: usize) {
        let mut start = 0;
        for line in self.all[..body].split_inclusive('\n') {
            if !line.trim_start().starts_with('#') {
                self.bare(start..start + line.len(), true);
            }
            start += line.len();
        }
    }

    /// A link's place is that of its destination, if that is written here.
    fn destination(&mut self, kind: LinkType, url: &str, range: Range<usize>, link: LinkKind) {
        let at = range.start + destination(kind, url, &self.all[range]);
        match kind {
            LinkType::WikiLink { .. } => self.link(url, at, LinkKind::Wiki),
            LinkType::Email => self.link(&format!("mailto:{url}"), at, link),
            _ => self.link(url, at, link),
        }
    }

    /// GitHub links bare URLs too.
    fn bare(&mut self, range: Range<usize>, verbatim: bool) {
        let Some(words) = self.all.get(range.clone()) else {
            return;
        };
        if verbatim {
            for (from, to) in text::urls(words) {
                self.link(&words[from..to], range.start + from, LinkKind::Anchor);
            }
            return;
        }
        for (written, url) in autolink::find(self.all, range) {
            self.link(&url, written.start, LinkKind::Anchor);
        }
    }

    fn end_words(&mut self) {
        if let Some(range) = self.words.take() {
            self.bare(range, false);
        }
    }

    fn heading(&mut self, headings: impl IntoIterator<Item = Read>) {
        for heading in headings {
            if self.document.title.is_none() && !heading.title.is_empty() {
                self.document.title = Some(heading.title);
            }
            if self.options.anchors {
                for anchor in heading.anchors.into_iter().flatten() {
                    self.document.add_anchor(&anchor);
                }
            }
        }
    }

    fn end_html(&mut self) {
        let Some(range) = self.html.take() else {
            return;
        };
        let (line, column) = self.place(range.start);
        // Its anchors compare as Markdown's do, so they are taken in lower case.
        let piece = &self.all[range];
        let mut tags = Tags::new(line, column);
        tags.write(piece);
        let found = tags.finish();
        for link in found.links.iter() {
            self.document.links.push(link);
        }
        if let Some(seen) = &mut self.seen {
            seen.html(piece);
        }
        let ended = self.headings.markup(piece);
        self.heading(ended);
        // Where no attribute has a value, nothing has a name.
        if self.options.anchors && piece.contains('=') {
            let mut tags = Tags::anchors(self.options.names);
            tags.write(&piece.to_lowercase());
            let found = tags.finish();
            self.document.anchors.extend(found.anchors);
            if let (Some(names), Some(found)) = (&mut self.document.names, found.names) {
                names.extend(found);
            }
        }
    }
}

/// What is read beyond `CommonMark`.
pub(super) fn extensions(options: &Options) -> Extensions {
    let mut extensions = Extensions::ENABLE_TABLES
        | Extensions::ENABLE_FOOTNOTES
        | Extensions::ENABLE_STRIKETHROUGH
        | Extensions::ENABLE_TASKLISTS
        | Extensions::ENABLE_HEADING_ATTRIBUTES
        | Extensions::ENABLE_GFM;
    if options.wikilinks {
        extensions |= Extensions::ENABLE_WIKILINKS;
    }
    extensions
}

/// Where the destination of a link is written in its `source`; at its beginning, if it is not written there.
pub(super) fn destination(kind: LinkType, url: &str, source: &str) -> usize {
    match kind {
        LinkType::Inline => {
            // After the last `](` that the destination can follow: a title may hold another.
            let begin = source.rfind("](").map_or(0, |at| at + 2);
            let begin = match source[begin..].find(url) {
                Some(_) => begin,
                None => source.find("](").map_or(0, |at| at + 2),
            };
            let rest = &source[begin..];
            let white = rest.len() - rest.trim_start_matches([' ', '\n', '\t', '<']).len();
            begin + white
        }
        LinkType::WikiLink { .. } => source.find("[[").map_or(0, |at| at + 2),
        LinkType::Autolink | LinkType::Email => source.find(|c| c != '<').unwrap_or(0),
        _ => 0,
    }
}

/// Where the document begins: behind the metadata that may stand between two lines of `---` or `+++` at its very
/// beginning. Anywhere else such a line is a rule, and what follows it is text.
pub(super) fn front_matter(text: &str) -> usize {
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().unwrap_or_default();
    let fence = first.trim_end();
    if !matches!(fence, "---" | "+++") {
        return 0;
    }
    let mut end = first.len();
    for line in lines {
        end += line.len();
        let line = line.trim_end();
        if line == fence || fence == "---" && line == "..." {
            return end;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str, verbatim: bool) -> Document {
        let options = Options {
            anchors: true,
            verbatim,
            ..Options::default()
        };
        let mut parse = (FORMAT.open)(&options);
        parse.write(text.as_bytes());
        parse.finish()
    }

    fn links(text: &str) -> Vec<(String, u32, u32)> {
        document(text, false)
            .links
            .iter()
            .map(|link| (link.reference.to_owned(), link.line, link.column))
            .collect()
    }

    #[test]
    fn a_link_stands_where_its_destination_is_written() {
        assert_eq!(
            links("é [a](b.md) ![c](<d e.png> \"t\")"),
            [("b.md".into(), 1, 7), ("d e.png".into(), 1, 19)]
        );
        assert_eq!(
            links("[one][1] x\n\n[1]: two.md"),
            [("two.md".into(), 1, 1)]
        );
        assert_eq!(
            links("<http://a.test/> and http://b.test/."),
            [
                ("http://a.test/".into(), 1, 2),
                ("http://b.test/".into(), 1, 22)
            ]
        );
        assert_eq!(
            links("http://c.test/d_(e)?f&amp;g=h_i."),
            [("http://c.test/d_(e)?f&g=h_i".into(), 1, 1)]
        );
        assert_eq!(
            links("[![badge](b.png)](c.html)"),
            [("b.png".into(), 1, 11), ("c.html".into(), 1, 19)]
        );
    }

    #[test]
    fn code_is_passed_over_unless_asked_for() {
        let text = "`http://a.test/`\n\n```\nhttp://b.test/ [x](y.md)\n```\n\n    http://c.test/\n";
        assert_eq!(links(text), []);
        assert_eq!(document(text, true).links.len(), 3);
    }

    #[test]
    fn html_in_markdown_is_html() {
        let text = "x <a\nhref='y.html'>y</a>\n\n<div id=Here>\n<img src=z.png>\n</div>\n";
        assert_eq!(
            links(text),
            [("y.html".into(), 2, 7), ("z.png".into(), 5, 10)]
        );
        assert!(document(text, false).has_anchor("here"));
    }

    #[test]
    fn metadata_stands_at_the_beginning_or_nowhere() {
        let slides = "# Deck\n\n---\n# Slide 1\n[a](no1)\n\n---\n\n+++\n[b](no2)\n+++\n";
        assert_eq!(links(slides), [("no1".into(), 5, 5), ("no2".into(), 10, 5)]);
        assert!(document(slides, false).has_anchor("slide-1"));
        for (text, found) in [
            ("---\nx: [a](b)\n---\n[c](d)", 1),
            ("+++\nx = \"[a](b)\"\n+++\n[c](d)", 1),
            ("---\nx: [a](b)\n...\n[c](d)", 1),
            ("---\n[a](b)\n\n[c](d)", 2),
            ("---\nimage: http://h.test/i\n# http://h.test/no\n---\n", 1),
        ] {
            assert_eq!(links(text).len(), found, "{text}");
        }
    }

    #[test]
    fn headings_have_githubs_anchors() {
        let text = "---\ntitle: [x](y)\n---\n# Hello, *World*!\n## Größe `a_b`\n## Hello World\n## Own {#custom}\n## 日本 語\n";
        let found = document(text, false);
        assert_eq!(found.title.as_deref(), Some("Hello, World!"));
        for anchor in [
            "hello-world",
            "Hello-World-1",
            "größe-a_b",
            "custom",
            "日本-語",
        ] {
            assert!(found.has_anchor(anchor), "{anchor}");
        }
        assert!(!found.has_anchor("hello-world-2") && found.links.is_empty());
    }

    #[test]
    fn headings_in_html_have_them_too() {
        for (text, anchors) in [
            (
                "<h1 align=\"center\">My Title &amp; more</h1>\n",
                vec!["my-title--more"],
            ),
            (
                "<h2>\n  <img src=x> Folded\n  <b>text</b>\n</h2>\n",
                vec!["folded-text", "---folded--text"],
            ),
            (
                "<H1 align=center>\n\nWith *Markdown*\n\n</H1>\n",
                vec!["with-markdown"],
            ),
            ("# A\n<h2>A</h2>\n\n## A\n", vec!["a", "a-1", "a-2"]),
            (
                "<details><summary><h2>In `it`</h2></summary>\n\ntext\n</details>\n",
                vec!["in-it"],
            ),
            ("<h1>Open\n\n# Next\n", vec!["next"]),
        ] {
            let found = document(text, false);
            for anchor in anchors {
                assert!(found.has_anchor(anchor), "{anchor} of {text}");
            }
        }
        let found = document("<h1>A</h1>\n\n<header>B</header>\n\ntext\n", false);
        assert_eq!(
            (found.title.as_deref(), found.anchors.len()),
            (Some("A"), 1)
        );
    }

    #[test]
    fn an_image_in_a_heading_has_text_for_some() {
        for (text, anchors) in [
            (
                "## <img src=\"i.png\"> Title here\n",
                vec!["-title-here", "title-here"],
            ),
            (
                "## ![logo](i.png) With alt\n",
                vec!["-with-alt", "logo-with-alt"],
            ),
            (
                "## Title <!-- x -->\n## Title <!-- y -->\n",
                vec!["title-", "title", "title--1", "title-1"],
            ),
        ] {
            let found = document(text, false);
            for anchor in &anchors {
                assert!(found.has_anchor(anchor), "{anchor} of {text}");
            }
            assert_eq!(found.anchors.len(), anchors.len(), "{text}");
        }
    }
}
