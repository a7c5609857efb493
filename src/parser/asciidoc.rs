//! `AsciiDoc`: URLs, link, image and cross-reference macros, includes, and the identifiers of sections.
//!
//! Attributes that the document sets itself are put in; a reference that names any other is not known, and left out. So are
//! Antora's resource identifiers, which a build of it resolves. Listings, literal text and comments are passed over, the
//! first two unless asked for. What is passed through is HTML. Deliberately absent: conditions (`ifdef`), whose both sides
//! are read.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::encoding::{Declared, Text};
use super::html::Tags;
use super::position::Lines;
use super::{Format, Options, Parse, text};
use crate::model::document::anchor_hash;
use crate::model::{Document, Link, LinkKind};

pub(super) const FORMAT: Format = Format {
    name: "asciidoc",
    media_types: &["text/asciidoc", "text/x-asciidoc"],
    extensions: &["adoc", "asciidoc", "asc"],
    open: |options| {
        Box::new(AsciiDoc {
            text: Text::new(options.charset.clone(), Declared::ByConvention),
            all: String::new(),
            options: options.clone(),
        })
    },
};

struct AsciiDoc {
    text: Text,
    all: String,
    options: Options,
}

impl Parse for AsciiDoc {
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
            attributes: HashMap::new(),
            sections: HashMap::new(),
            verbatim: None,
            passed: None,
            own: false,
        };
        reading.read();
        let mut document = reading.document;
        document.charset = charset;
        document.has_anchors = true;
        document.anchors.sort_unstable();
        document.anchors.dedup();
        document
    }
}

/// Everything inline that matters, in one pass: macros, URLs, cross-references, anchors, and what hides them.
static INLINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?x)
        (?<escape>\\)?
        (?: `(?<code>[^`\n]+)`
          | \+{3}(?<pass>[^\n]+?)\+{3}
          | \+{2}[^\n]+?\+{2}
          | pass:[a-z,]*\[(?<passed>(?:[^\]\\\n]|\\.)*)\]
          | (?<macro>link|xref|image|video|audio|include|anchor|mailto):(?<block>:)?
            (?: \+\+(?<raw>[^\n]+?)\+\+ | (?<target>[^\s\[\]]*) ) \[(?<text>(?:[^\]\\\n]|\\.)*)\]
          | (?<url>https?://[^\s\[\]<>"`]+)(?<bracket>\[)?
          | <<(?<cross>[^<>\n]+)>>
          | \[\[\[?(?<id>[^\[\],\n]+)(?:,[^\]\n]*)?\]\]
          | \[(?:[^\]\n\#]*)\#(?<short>[^\].,%\n]+)[^\]\n]*\]
          | \[(?:[^\]\n]*,)?\s*id="?(?<named>[^\]",\n]+)"?[^\]\n]*\]
        )"#,
    )
    .ok()
});

struct Reading<'a> {
    all: &'a str,
    lines: Lines,
    options: &'a Options,
    document: Document,
    attributes: HashMap<&'a str, &'a str>,
    /// Identifiers of sections, and how often they were given.
    sections: HashMap<String, u32>,
    /// The delimiter of the block that is not read as text.
    verbatim: Option<&'a str>,
    /// Where the content of a block begins that is passed through.
    passed: Option<usize>,
    /// The next section has an identifier of its own.
    own: bool,
}

impl<'a> Reading<'a> {
    fn read(&mut self) {
        let mut start = 0;
        let mut blank = true;
        for line in self.all.split_inclusive('\n') {
            let bare = line.trim_end();
            self.line(bare, start, blank);
            blank = bare.is_empty();
            start += line.len();
        }
        // A block that is not closed reaches to the end.
        self.end_passed(start);
    }

    fn line(&mut self, line: &'a str, start: usize, after_blank: bool) {
        if let Some(delimiter) = self.verbatim {
            if line == delimiter {
                self.verbatim = None;
                self.end_passed(start);
            } else if delimiter.starts_with(['-', '.', '`']) {
                self.literal(line, start);
            }
            return;
        }
        if is_verbatim(line) {
            // A fence of Markdown names its language where it opens.
            self.verbatim = Some(if line.starts_with("```") { "```" } else { line });
            self.passed = line.starts_with('+').then_some(start + line.len());
            return;
        }
        if line.starts_with("//") {
            return;
        }
        if let Some((name, value)) = attribute(line) {
            self.attributes.insert(name, value);
            self.inline(value, start + line.len() - value.len());
            return;
        }
        if after_blank && line.starts_with([' ', '\t']) && !is_item(line) {
            self.literal(line, start);
            return;
        }
        if let Some(title) = section(line) {
            self.section(title);
        }
        self.inline(line, start);
    }

    fn end_passed(&mut self, end: usize) {
        let all = self.all;
        if let Some(begin) = self.passed.take() {
            self.markup(all.get(begin..end).unwrap_or_default(), begin);
        }
    }

    /// HTML that goes through to the page as it is.
    fn markup(&mut self, html: &str, start: usize) {
        let (line, column) = self.lines.at(start, self.all);
        let mut tags = Tags::new(line, column);
        tags.write(html);
        for link in tags.finish().links.iter() {
            self.document.links.push(link);
        }
        if self.options.anchors {
            let mut tags = Tags::anchors(self.options.names);
            tags.write(html);
            let found = tags.finish();
            self.document.anchors.extend(found.anchors);
            if let (Some(names), Some(found)) = (&mut self.document.names, found.names) {
                names.extend(found);
            }
        }
    }

    /// Text that is shown as it is; an include is put in all the same.
    fn literal(&mut self, line: &'a str, start: usize) {
        if line.starts_with("include::") {
            self.inline(line, start);
        } else if self.options.verbatim {
            for (from, to) in text::urls(line) {
                self.push(&line[from..to], start + from, LinkKind::Anchor);
            }
        }
    }

    fn inline(&mut self, line: &'a str, start: usize) {
        let Some(pattern) = &*INLINE else {
            return;
        };
        for found in pattern.captures_iter(line) {
            if found.name("escape").is_some() {
                continue;
            }
            let part = |name| {
                found
                    .name(name)
                    .map(|part| (part.as_str(), start + part.start()))
            };
            let (target, raw) = (part("target"), part("raw"));
            if let (Some((name, _)), Some((target, at))) = (part("macro"), target.or(raw)) {
                let (text, text_at) = part("text").unwrap_or_default();
                // An include has its own line.
                if name != "include" || found.get(0).is_some_and(|all| all.start() == 0) {
                    self.call(name, target, at, text, text_at);
                }
            } else if let Some((url, at)) = part("url") {
                // A URL with a text ends where that begins, and another one where the sentence goes on.
                let end = if part("bracket").is_some() {
                    url.len()
                } else {
                    text::kept(url)
                };
                self.push(&url[..end], at, LinkKind::Anchor);
            } else if let Some((html, at)) = part("pass").or(part("passed")) {
                self.markup(html, at);
            } else if let Some((cross, at)) = part("cross") {
                let target = cross.split(',').next().unwrap_or_default();
                self.cross(target.trim_end(), at);
            } else if let Some((id, _)) = part("id").or(part("short")).or(part("named")) {
                self.anchor(id);
                self.own = true;
            } else if let (Some((code, at)), true) = (part("code"), self.options.verbatim) {
                for (from, to) in text::urls(code) {
                    self.push(&code[from..to], at + from, LinkKind::Anchor);
                }
            }
        }
    }

    /// A macro: `name:target[text]`.
    fn call(&mut self, name: &str, target: &str, at: usize, text: &str, text_at: usize) {
        match name {
            "link" => self.push(target, at, LinkKind::Anchor),
            "mailto" => self.push(&format!("mailto:{target}"), at, LinkKind::Anchor),
            "include" => self.push(target, at, LinkKind::Frame),
            "xref" => self.cross(target, at),
            "anchor" => self.anchor(target),
            _ => {
                let directory = self
                    .attributes
                    .get("imagesdir")
                    .copied()
                    .unwrap_or_default();
                let relative = !target.contains("://") && !target.starts_with(['/', '{']);
                if name == "image" && relative && !directory.is_empty() {
                    let directory = directory.trim_end_matches('/');
                    self.push(&format!("{directory}/{target}"), at, LinkKind::Media);
                } else {
                    self.push(target, at, LinkKind::Media);
                }
                if let Some(from) = text.find("link=") {
                    let value = &text[from + 5..];
                    let quoted = value.strip_prefix('"');
                    let ends = if quoted.is_some() { '"' } else { ',' };
                    let value = quoted.unwrap_or(value);
                    let value = value.split(ends).next().unwrap_or_default();
                    let lead = 5 + usize::from(quoted.is_some());
                    if !matches!(value, "self" | "none") {
                        self.push(value, text_at + from + lead, LinkKind::Anchor);
                    }
                }
            }
        }
    }

    /// A cross-reference: an identifier, a title, or another document.
    fn cross(&mut self, target: &str, at: usize) {
        if target.contains([':', '$', '@']) && !target.contains("://") {
            return;
        }
        let (path, id) = target.split_once('#').unwrap_or(("", target));
        let extension = target.rsplit_once('.').map(|(_, extension)| extension);
        let document = matches!(extension, Some("adoc" | "asciidoc"));
        let reference = if document {
            target.to_owned()
        } else if !target.contains('#')
            && target.contains(|c: char| c.is_whitespace() || c.is_uppercase())
            && !target.contains('{')
        {
            // By its title, unless there is such an identifier.
            if self.document.anchors.contains(&anchor_hash(target)) {
                format!("#{target}")
            } else {
                format!("#{}", self.identifier(target))
            }
        } else if path.is_empty() || path.contains('.') || path.contains('{') {
            format!("{path}#{id}")
        } else {
            format!("{path}.adoc#{id}")
        };
        self.push(&reference, at, LinkKind::Anchor);
    }

    fn section(&mut self, title: &str) {
        if self.document.title.is_none() {
            self.document.title = Some(title.to_owned());
        }
        let id = self.identifier(title);
        if std::mem::take(&mut self.own) {
            // Its title names it all the same, and what is made of a title is this.
            self.anchor(&id);
            return;
        }
        let times = self.sections.entry(id.clone()).or_default();
        *times += 1;
        let times = *times;
        if times > 1 {
            let separator = self.attributes.get("idseparator").copied().unwrap_or("_");
            self.anchor(&format!("{id}{separator}{times}"));
        } else {
            self.anchor(&id);
        }
    }

    /// The identifier that Asciidoctor gives a section of that title.
    fn identifier(&self, title: &str) -> String {
        let set = |name| self.attributes.get(name).copied();
        let prefix = set("idprefix").unwrap_or("_");
        let separator = set("idseparator").unwrap_or("_");
        let mut id = String::new();
        for c in title.to_lowercase().chars() {
            if c.is_alphanumeric() || c == '_' {
                id.push(c);
            } else if (c.is_whitespace() || matches!(c, '-' | '.')) && !id.ends_with(separator) {
                id.push_str(separator);
            }
        }
        let id = id.trim_matches(|c| separator.contains(c));
        format!("{prefix}{id}")
    }

    fn anchor(&mut self, id: &str) {
        if self.options.anchors {
            self.document.add_anchor(id);
        }
    }

    fn push(&mut self, reference: &str, at: usize, kind: LinkKind) {
        let Some(reference) = self.filled(reference) else {
            return;
        };
        if reference.is_empty() {
            return;
        }
        let (line, column) = self.lines.at(at, self.all);
        self.document.links.push(Link {
            reference: &reference,
            kind,
            nofollow: false,
            line,
            column,
        });
    }

    /// With the document's own attributes put in; `None` when it names another. An attribute may name others, but no
    /// chain of them is long.
    fn filled(&self, reference: &str) -> Option<String> {
        const DEEP: usize = 4;
        let mut text = reference.to_owned();
        for _ in 0..DEEP {
            let Some((before, rest)) = text.split_once('{') else {
                return Some(text);
            };
            let (name, after) = rest.split_once('}')?;
            let value = self.attributes.get(name)?;
            text = format!("{before}{value}{after}");
            if text.len() > reference.len() + 4096 {
                return None;
            }
        }
        (!text.contains('{')).then_some(text)
    }
}

/// Does it open or close a block that is not read as text: listing, literal, passthrough, comment?
fn is_verbatim(line: &str) -> bool {
    let first = line.chars().next();
    let delimits = first.is_some_and(|first| {
        matches!(first, '-' | '.' | '+' | '/') && line.chars().all(|c| c == first)
    });
    delimits && line.len() >= 4 || line.starts_with("```")
}

/// An attribute that the document sets: `:name: value`.
fn attribute(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix(':')?.split_once(':')?;
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    let good = !name.is_empty() && name.chars().all(is_name);
    (good && (value.is_empty() || value.starts_with(' '))).then(|| (name, value.trim_start()))
}

/// An item of a list may be indented.
fn is_item(line: &str) -> bool {
    let bare = line.trim_start();
    let marker = bare.split_whitespace().next().unwrap_or_default();
    let only = |set: &[char]| !marker.is_empty() && marker.chars().all(|c| set.contains(&c));
    only(&['*']) || only(&['.']) || marker == "-" || marker.ends_with("::") || marker.ends_with('.')
}

/// The title of a section: `== Title`, also with Markdown's `#`.
fn section(line: &str) -> Option<&str> {
    let first = line.chars().next().filter(|c| matches!(c, '=' | '#'))?;
    let title = line.trim_start_matches(first);
    (title.starts_with(' ') && line.len() - title.len() <= 6).then(|| title.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parser::{document, links};

    #[test]
    fn macros_urls_and_cross_references_are_links() {
        for (text, found) in [
            (
                "é https://a.test/b[text], and http://c.test/d.\n",
                vec![("https://a.test/b", 3), ("http://c.test/d", 31)],
            ),
            (
                "link:e.html[x] link:++f g.html++[y]\n",
                vec![("e.html", 6), ("f g.html", 23)],
            ),
            (
                "image::h.png[alt,link=i.html] image:j.png[]\n",
                vec![("h.png", 8), ("i.html", 23), ("j.png", 37)],
            ),
            (
                "include::k.adoc[] xref:l.adoc#m[n] include::no.adoc[]\n",
                vec![("k.adoc", 10), ("l.adoc#m", 24)],
            ),
            (
                "<<o>> <<p,text>> <<q.adoc#r>> <<s#t>> <<The Title>>\n",
                vec![
                    ("#o", 3),
                    ("#p", 9),
                    ("q.adoc#r", 20),
                    ("s.adoc#t", 33),
                    ("#_the_title", 41),
                ],
            ),
            (
                "xref:module:page.adoc[] {unknown}/x link:{unknown}/y[]\n",
                vec![],
            ),
            (
                "mailto:a@b.test[] \\https://u.test/ `http://v.test/`\n",
                vec![("mailto:a@b.test", 8)],
            ),
            ("// http://w.test/\n", vec![]),
        ] {
            let found: Vec<_> = found
                .into_iter()
                .map(|(url, column)| (url.to_owned(), 1, column))
                .collect();
            assert_eq!(links(&FORMAT, text), found, "{text}");
        }
        let text = ":base: https://x.test\n:imagesdir: img\n\nlink:{base}/y[] image::z.png[]\n";
        assert_eq!(
            links(&FORMAT, text),
            [
                ("https://x.test".to_owned(), 1, 8),
                ("https://x.test/y".to_owned(), 4, 6),
                ("img/z.png".to_owned(), 4, 24)
            ]
        );
    }

    #[test]
    fn blocks_that_are_no_text_are_passed_over() {
        let html = "++++\n<a href=\"a.html\"\nid=\"x\"> http://a.test/\n++++\n+++<img src=b.png>+++ pass:[<a href='c'>] ++<a href=no>++\n";
        assert_eq!(
            links(&FORMAT, html),
            [
                ("a.html".to_owned(), 2, 10),
                ("b.png".to_owned(), 5, 13),
                ("c".to_owned(), 5, 38)
            ]
        );
        assert!(document(&FORMAT, html).has_anchor("x"));
        for block in ["----", "....", "++++", "////", "```"] {
            let text = format!("{block}\nhttp://a.test/\n{block}\nhttp://b.test/\n");
            assert_eq!(
                links(&FORMAT, &text),
                [("http://b.test/".to_owned(), 4, 1)],
                "{block}"
            );
        }
        assert_eq!(links(&FORMAT, "----\ninclude::a.rb[]\n----\n").len(), 1);
        assert_eq!(links(&FORMAT, "text\n\n http://a.test/\n"), []);
        assert_eq!(links(&FORMAT, "text\n\n * http://a.test/\n").len(), 1);
    }

    #[test]
    fn sections_have_the_identifiers_that_asciidoctor_gives() {
        let text = "= Top\n\n== The, Größe-one!\n\n[#own]\n== Named\n\n[[two]]\n== Other\n\n== Same\n== Same\n\n[id=\"three\"]\nanchor:four[]\n\n* [[[five]]] A book.\n* [[[six,6]]] Another.\n";
        let found = document(&FORMAT, text);
        assert_eq!(found.title.as_deref(), Some("Top"));
        for anchor in [
            "_top",
            "_the_größe_one",
            "own",
            "two",
            "_same",
            "_same_2",
            "three",
            "four",
            "five",
            "six",
        ] {
            assert!(found.has_anchor(anchor), "{anchor}");
        }
        assert!(found.has_anchor("_named"), "by its title");
        let found = document(&FORMAT, ":idprefix:\n:idseparator: -\n\n== A b\n");
        assert!(found.has_anchor("a-b"));
    }
}
