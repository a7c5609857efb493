//! reStructuredText: hyperlink targets, embedded and standalone URLs, images and includes (docutils' specification).
//!
//! It is read line by line: explicit markup (`..`), literal blocks, section titles, and paragraphs with inline markup.
//! Literal text is passed over unless asked for. Deliberately absent: what a build of Sphinx resolves and warns of itself,
//! such as `:doc:`, `:ref:` and toctrees; references by name within a document, which docutils checks.

use std::ops::Range;

use super::encoding::{Declared, Text};
use super::heading::slug;
use super::position::Lines;
use super::{Format, Options, Parse, text};
use crate::model::{Document, Link, LinkKind};

pub(super) const FORMAT: Format = Format {
    name: "rst",
    media_types: &["text/x-rst", "text/prs.fallenstein.rst"],
    extensions: &["rst", "rest"],
    open: |options| {
        Box::new(Rst {
            text: Text::new(options.charset.clone(), Declared::ByConvention),
            all: String::new(),
            options: options.clone(),
        })
    },
};

struct Rst {
    text: Text,
    all: String,
    options: Options,
}

impl Parse for Rst {
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
        let mut reading = Reading {
            all: &self.all,
            lines: Lines::new(&self.all),
            options: &self.options,
            document: Document {
                names: self.options.names.then(Vec::new),
                ..Document::default()
            },
            paragraph: None,
            block: None,
            before: "",
            session: false,
        };
        reading.read();
        let mut document = reading.document;
        document.charset = charset;
        document.has_anchors = true;
        document.anchors_ignore_case = true;
        document.anchors.sort_unstable();
        document.anchors.dedup();
        document.links.sort();
        document
    }
}

/// Lines that are indented more than what they belong to.
#[derive(Debug, Clone, Copy)]
struct Block {
    indent: usize,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Comment,
    Literal,
    /// Of a target whose URL has not begun.
    Target,
}

struct Reading<'a> {
    all: &'a str,
    lines: Lines,
    options: &'a Options,
    document: Document,
    /// Lines of text without a blank one between.
    paragraph: Option<Range<usize>>,
    block: Option<Block>,
    /// The line before, which may be a title.
    before: &'a str,
    /// A session of an interpreter goes on to the next blank line.
    session: bool,
}

impl<'a> Reading<'a> {
    fn read(&mut self) {
        let mut start = 0;
        for line in self.all.split_inclusive('\n') {
            self.line(line.trim_end_matches(['\n', '\r']), start);
            start += line.len();
        }
        self.end_paragraph();
    }

    fn line(&mut self, line: &'a str, start: usize) {
        let before = std::mem::replace(&mut self.before, line);
        let bare = line.trim();
        let indent = line.len() - line.trim_start().len();
        if bare.is_empty() {
            self.end_paragraph();
            self.session = false;
            return;
        }
        self.session |= self.paragraph.is_none() && bare.starts_with(">>> ");
        if self.session {
            if self.options.verbatim {
                self.bare(start..start + line.len());
            }
            return;
        }
        if let Some(Block { indent: base, kind }) = self.block {
            if indent > base {
                self.inside(kind, bare, start + indent);
                return;
            }
            self.block = None;
        }
        if let Some(rest) = explicit(bare) {
            self.end_paragraph();
            let at = start + indent + (bare.len() - rest.len());
            self.explicit(rest, at, indent);
        } else if let Some(url) = bare.strip_prefix("__ ") {
            self.end_paragraph();
            let url = url.trim();
            self.target(url, start + line.len() - url.len());
        } else if indent == 0
            && is_underline(bare)
            && !before.trim().is_empty()
            && !is_underline(before)
        {
            self.title(before.trim());
        } else if let Some(value) = option(bare) {
            self.end_paragraph();
            self.target(value, start + line.trim_end().len() - value.len());
        } else {
            if bare.ends_with("::") {
                // What is indented from here on is literal.
                self.block = Some(Block {
                    indent,
                    kind: Kind::Literal,
                });
            }
            let end = start + line.len();
            match &mut self.paragraph {
                Some(paragraph) => paragraph.end = end,
                None => self.paragraph = Some(start..end),
            }
        }
    }

    /// A line of a block.
    fn inside(&mut self, kind: Kind, bare: &str, at: usize) {
        match kind {
            Kind::Comment => {}
            Kind::Literal => {
                self.end_paragraph();
                if let Some(value) = option(bare) {
                    self.target(value, at + bare.len() - value.len());
                } else if self.options.verbatim {
                    self.bare(at..at + bare.len());
                }
            }
            Kind::Target => {
                self.target(bare, at);
                if let Some(block) = &mut self.block {
                    block.kind = Kind::Comment;
                }
            }
        }
    }

    /// What stands behind `..`.
    fn explicit(&mut self, rest: &str, at: usize, indent: usize) {
        let block = |kind| Some(Block { indent, kind });
        if let Some((name, value)) = target(rest) {
            if !name.is_empty() {
                self.anchor(name);
            }
            let url = value.trim();
            if url.is_empty() {
                self.block = block(Kind::Target);
            } else {
                self.target(
                    url,
                    at + (value.len() - value.trim_start().len()) + rest.len() - value.len(),
                );
                self.block = block(Kind::Comment);
            }
            return;
        }
        if rest.starts_with('[') {
            // A footnote is text.
            self.paragraph = Some(at..at + rest.len());
            return;
        }
        // A substitution names a directive.
        let inner = rest.strip_prefix('|').and_then(|rest| rest.split_once('|'));
        let directive = inner.map_or(rest, |(_, directive)| directive.trim_start());
        let Some((name, value)) = directive.split_once("::") else {
            self.block = block(Kind::Comment);
            return;
        };
        if name.is_empty() || name.contains(char::is_whitespace) {
            self.block = block(Kind::Comment);
            return;
        }
        let argument = value.trim();
        let from = at + rest.len() - value.trim_start().len();
        let name = name.rsplit(':').next().unwrap_or(name);
        match name {
            "image" | "figure" => self.reference(argument, from, LinkKind::Media),
            // Those in angle brackets come with docutils.
            "include" | "literalinclude" if !argument.starts_with('<') => {
                self.reference(argument, from, LinkKind::Frame);
            }
            "code" | "code-block" | "sourcecode" | "raw" | "math" | "parsed-literal"
            | "doctest" | "testcode" | "testoutput" | "prompt" | "graphviz" | "mermaid"
            | "highlight" | "productionlist" | "toctree" => self.block = block(Kind::Literal),
            _ if !argument.is_empty() => self.paragraph = Some(from..from + argument.len()),
            _ => {}
        }
    }

    /// The URL of a target; one that ends with `_` is the name of another target.
    fn target(&mut self, url: &str, at: usize) {
        if url.ends_with('_') && !url.ends_with("\\_") {
            return;
        }
        self.reference(url, at, LinkKind::Anchor);
    }

    fn reference(&mut self, url: &str, at: usize, kind: LinkKind) {
        let url: String = url.split_whitespace().collect();
        let url = url.replace('\\', "");
        if url.is_empty() {
            return;
        }
        let mail = url.contains('@') && !url.contains([':', '/']);
        let url = if mail { format!("mailto:{url}") } else { url };
        let (line, column) = self.lines.at(at, self.all);
        self.document.links.push(Link {
            reference: &url,
            kind,
            nofollow: false,
            line,
            column,
        });
    }

    fn title(&mut self, title: &str) {
        // It is text too.
        self.end_paragraph();
        if self.document.title.is_none() {
            self.document.title = Some(title.to_owned());
        }
        self.anchor(title);
    }

    fn anchor(&mut self, name: &str) {
        if !self.options.anchors {
            return;
        }
        let name = name.trim_matches('`');
        for id in [id(name), slug(name)] {
            self.document.add_anchor(&id);
        }
    }

    /// URLs as they stand in text.
    fn bare(&mut self, range: Range<usize>) {
        let all = self.all;
        for (from, to) in text::urls(&all[range.clone()]) {
            let url = &all[range.start + from..range.start + to];
            self.reference(url, range.start + from, LinkKind::Anchor);
        }
    }

    /// Inline markup of the paragraph that ends here.
    fn end_paragraph(&mut self) {
        let Some(Range { start, end }) = self.paragraph.take() else {
            return;
        };
        let all = self.all;
        let mut from = start;
        let mut at = start;
        while let Some(tick) = memchr::memchr(b'`', &all.as_bytes()[at..end]) {
            let open = at + tick;
            let literal = all[open..end].starts_with("``");
            let quote = if literal { "``" } else { "`" };
            let inner = open + quote.len();
            let Some(length) = all[inner..end].find(quote) else {
                at = inner;
                continue;
            };
            let close = inner + length;
            self.bare(from..open);
            if literal {
                if self.options.verbatim {
                    self.bare(inner..close);
                }
            } else {
                self.phrase(inner..close, &all[..open], &all[close + 1..end]);
            }
            at = close + quote.len();
            from = at;
        }
        self.bare(from..end);
    }

    /// What stands in backquotes: a reference with a URL, a target, or a role's text.
    fn phrase(&mut self, range: Range<usize>, before: &str, after: &str) {
        let all = self.all;
        let content = &all[range.clone()];
        if before.ends_with('_') {
            self.anchor(content);
        }
        let open = content
            .trim_end()
            .strip_suffix('>')
            .and_then(|text| Some((text, text.rfind('<')?)));
        if let (true, Some((text, open))) = (after.starts_with('_'), open) {
            self.target(&text[open + 1..], range.start + open + 1);
        }
    }
}

/// What stands behind the dots of explicit markup.
fn explicit(bare: &str) -> Option<&str> {
    let rest = bare.strip_prefix("..")?;
    (rest.is_empty() || rest.starts_with([' ', '\t'])).then(|| rest.trim_start())
}

/// The name and the value of a target: `_name: value`, ``_`a name`: value`` or `__: value`.
fn target(rest: &str) -> Option<(&str, &str)> {
    let rest = rest.strip_prefix('_')?;
    if let Some(value) = rest.strip_prefix("_:") {
        return Some(("", value));
    }
    if let Some(quoted) = rest.strip_prefix('`') {
        let (name, value) = quoted.split_once('`')?;
        return Some((name, value.strip_prefix(':')?));
    }
    let colons = rest.match_indices(':').map(|(at, _)| at);
    let mut ends = colons.filter(|at| {
        !rest[..*at].ends_with('\\')
            && rest[at + 1..]
                .chars()
                .next()
                .is_none_or(char::is_whitespace)
    });
    let end = ends.next()?;
    Some((&rest[..end], &rest[end + 1..]))
}

/// The URL of the option of an image that makes it a link.
fn option(bare: &str) -> Option<&str> {
    let value = bare.strip_prefix(":target:")?.trim();
    (!value.is_empty()).then_some(value)
}

/// Is it one punctuation character, several times?
fn is_underline(line: &str) -> bool {
    let line = line.trim_end();
    let first = line.chars().next().filter(char::is_ascii_punctuation);
    first.is_some_and(|first| line.len() >= 3 && line.chars().all(|c| c == first))
}

/// The identifier that docutils makes of a name.
fn id(name: &str) -> String {
    let mut id = String::new();
    for c in name.to_lowercase().chars() {
        if c.is_ascii_alphanumeric() {
            id.push(c);
        } else if !id.ends_with('-') {
            id.push('-');
        }
    }
    let id = id.trim_start_matches(|c: char| c == '-' || c.is_ascii_digit());
    id.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parser::{document, links};

    #[test]
    fn links_stand_where_their_url_is_written() {
        for (text, found) in [
            (
                ".. _a name: http://a.test/\n",
                vec![("http://a.test/", 1, 13)],
            ),
            (".. _`a: b`: x.html\n", vec![("x.html", 1, 13)]),
            (
                ".. __: y.html\n__ z.html\n",
                vec![("y.html", 1, 8), ("z.html", 2, 4)],
            ),
            (
                ".. _later:\n   http://b.test/\n",
                vec![("http://b.test/", 2, 4)],
            ),
            (".. _alias: other_\n.. _here:\n\ntext\n", vec![]),
            (
                "é `the\ntext <c.html>`_ and `d <e_>`_\n",
                vec![("c.html", 2, 7)],
            ),
            (
                "see http://f.test/g_h, or\n<https://i.test>.\n",
                vec![("http://f.test/g_h", 1, 5), ("https://i.test", 2, 2)],
            ),
            (
                ".. image:: j.png\n   :target: k.html\n",
                vec![("j.png", 1, 12), ("k.html", 2, 13)],
            ),
            (".. |sub| image:: l.png\n", vec![("l.png", 1, 18)]),
            (
                ".. include:: m.txt\n.. include:: <isonum.txt>\n",
                vec![("m.txt", 1, 14)],
            ),
            (
                ".. note:: see http://n.test/\n",
                vec![("http://n.test/", 1, 15)],
            ),
            (".. [1] http://o.test/\n", vec![("http://o.test/", 1, 8)]),
            ("mail `me <a@b.test>`_\n", vec![("mailto:a@b.test", 1, 11)]),
        ] {
            let found: Vec<_> = found
                .into_iter()
                .map(|(url, line, column)| (url.to_owned(), line, column))
                .collect();
            assert_eq!(links(&FORMAT, text), found, "{text}");
        }
    }

    #[test]
    fn literal_text_and_comments_are_passed_over() {
        for text in [
            "so::\n\n    http://a.test/\n\n    http://b.test/\n",
            ".. code-block:: sh\n\n   curl http://a.test/\n",
            ".. a comment http://a.test/\n   http://b.test/\n",
            "a ``http://a.test/`` literal\n",
            ">>> get('http://a.test/')\n'http://a.test/'\n",
            ":doc:`guide` and :ref:`text <label>`\n",
        ] {
            assert_eq!(links(&FORMAT, text), [], "{text}");
        }
        let text = "so::\n\n    http://a.test/\n\nback http://b.test/\n";
        assert_eq!(links(&FORMAT, text), [("http://b.test/".to_owned(), 5, 6)]);
    }

    #[test]
    fn titles_and_targets_are_anchors() {
        let found = document(
            &FORMAT,
            "=====\nTitle\n=====\n\n1. The Größe & more\n-------------------\n\n.. _own-name:\n\n_`inline one`\n",
        );
        assert_eq!(found.title.as_deref(), Some("Title"));
        for anchor in [
            "title",
            "the-gr-e-more",
            "1-the-größe--more",
            "own-name",
            "inline-one",
        ] {
            assert!(found.has_anchor(anchor), "{anchor}");
        }
    }
}
