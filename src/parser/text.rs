//! Plain text: the `http` and `https` URLs in it, found as a person would mark them.
//!
//! A URL ends at white space, quotes, angle brackets and what cannot stand in one; punctuation at its end
//! belongs to the sentence, and a closing bracket to the text when it has no opening one in the URL.

use super::directive::folded;
use super::encoding::{Declared, Text};
use super::position::count;
use super::sketch::Sketch;
use super::{Format, Parse};
use crate::model::{Document, Link, LinkKind, Links};

pub(super) const FORMAT: Format = Format {
    name: "text",
    media_types: &["text/plain"],
    extensions: &["txt"],
    open: |options| {
        Box::new(Plain {
            text: Text::new(options.charset.clone(), Declared::Nowhere),
            words: Words::new(LinkKind::Anchor),
            links: Links::default(),
            sketch: options.words.then(Sketch::new),
            kept: options.text.then(String::new),
        })
    },
};

struct Plain {
    text: Text,
    words: Words,
    links: Links,
    sketch: Option<Sketch>,
    /// All of it, where it is asked for.
    kept: Option<String>,
}

impl Parse for Plain {
    fn write(&mut self, chunk: &[u8]) {
        let text = self.text.write(chunk);
        self.words.write(text, &mut self.links);
        if let Some(sketch) = &mut self.sketch {
            sketch.write(text);
        }
        if let Some(kept) = &mut self.kept {
            kept.push_str(text);
        }
    }

    fn held(&self) -> usize {
        self.words.held()
    }

    fn finish(mut self: Box<Self>) -> Document {
        let (rest, charset) = self.text.finish();
        self.words.write(rest, &mut self.links);
        self.words.finish(&mut self.links);
        if let Some(sketch) = &mut self.sketch {
            sketch.write(rest);
        }
        if let Some(kept) = &mut self.kept {
            kept.push_str(rest);
        }
        Document {
            links: self.links,
            charset,
            sketch: self.sketch.and_then(Sketch::finish),
            text: self.kept.as_deref().map(folded),
            ..Document::default()
        }
    }
}

/// A word longer than this is cut: no URL is as long.
const WORD: usize = 1 << 20;

/// The URLs of text that arrives. What is held of it is the last word, which may go on.
pub(super) struct Words {
    kind: LinkKind,
    held: String,
    /// Where what is held begins.
    line: u32,
    column: u32,
}

impl Words {
    /// Links that are found shall be of that kind.
    pub(super) fn new(kind: LinkKind) -> Self {
        Self {
            kind,
            held: String::new(),
            line: 1,
            column: 1,
        }
    }

    /// The next text; the URLs that it completes go to `links`.
    pub(super) fn write(&mut self, text: &str, links: &mut Links) {
        let (whole, begun) = text.split_at(text.rfind(ends).unwrap_or(0));
        self.held.push_str(whole);
        if !whole.is_empty() || self.held.len() > WORD {
            self.finish(links);
        }
        self.held.push_str(begun);
    }

    /// The last word has ended too.
    pub(super) fn finish(&mut self, links: &mut Links) {
        let text = std::mem::take(&mut self.held);
        let (mut line, mut column, mut counted) = (self.line, self.column, 0);
        for (from, to) in urls(&text) {
            (line, column) = count(&text.as_bytes()[counted..from], line, column);
            counted = from;
            links.push(Link {
                reference: &text[from..to],
                kind: self.kind,
                nofollow: false,
                line,
                column,
            });
        }
        (self.line, self.column) = count(&text.as_bytes()[counted..], line, column);
    }

    pub(super) fn held(&self) -> usize {
        self.held.len()
    }
}

/// Where URLs stand in `text`, as byte ranges in order.
pub(super) fn urls(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = memchr::memmem::find(&text.as_bytes()[from..], b"://") {
        let colon = from + at;
        from = colon + 3;
        let before = &text.as_bytes()[..colon];
        let Some(scheme) = ["https", "http"].iter().find(|scheme| {
            before.len() >= scheme.len()
                && before[before.len() - scheme.len()..].eq_ignore_ascii_case(scheme.as_bytes())
        }) else {
            continue;
        };
        let start = colon - scheme.len();
        if start
            .checked_sub(1)
            .is_some_and(|at| before[at].is_ascii_alphanumeric())
        {
            continue;
        }
        let end = from + extent(&text[from..]);
        if end > from {
            found.push((start, end));
        }
        from = end.max(from);
    }
    found
}

/// How much of `text` belongs to the URL that it goes on with.
pub(super) fn extent(text: &str) -> usize {
    kept(&text[..text.find(ends).unwrap_or(text.len())])
}

/// Cannot stand in a URL, or ends one in running text; the brackets and stops of CJK among them.
fn ends(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '<' | '>' | '"' | '`' | '{' | '}' | '|' | '\\' | '^' | '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ff0f}'
            | '\u{ff1a}'..='\u{ff1f}' | '\u{ff3b}' | '\u{ff3d}' | '\u{ff5b}'..='\u{ff65}' | '\u{fe30}'..='\u{fe4f}'
            | '\u{201c}'..='\u{201f}' | '\u{2018}'..='\u{201b}' | '\u{2026}' | '\u{2039}' | '\u{203a}' | '«' | '»')
}

/// How much of `url` is left when what belongs to the sentence is taken off its end.
pub(super) fn kept(url: &str) -> usize {
    let mut url = url;
    loop {
        let Some(last) = url.chars().next_back() else {
            return 0;
        };
        let sentence = match last {
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' | '_' | '~' => true,
            ')' => url.matches(')').count() > url.matches('(').count(),
            ']' => url.matches(']').count() > url.matches('[').count(),
            _ => false,
        };
        if !sentence {
            return url.len();
        }
        url = &url[..url.len() - last.len_utf8()];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_marked_as_a_person_would() {
        for (text, url) in [
            ("see http://a.test/x.", Some("http://a.test/x")),
            ("(https://a.test/b_(c))", Some("https://a.test/b_(c)")),
            ("<HTTP://a.test/?q=1,2>", Some("HTTP://a.test/?q=1,2")),
            ("\"http://a.test/\"", Some("http://a.test/")),
            ("見よ http://a.test/道。次", Some("http://a.test/道")),
            ("（http://a.test/x）", Some("http://a.test/x")),
            ("参照http://a.test/y、次", Some("http://a.test/y")),
            ("『http://a.test/z』…", Some("http://a.test/z")),
            ("［http://a.test/w］", Some("http://a.test/w")),
            ("»http://a.test/v«", Some("http://a.test/v")),
            ("http://a.test/%E9%81%93？", Some("http://a.test/%E9%81%93")),
            ("http://", None),
            ("xhttp://a.test", None),
            ("ftp://a.test", None),
            ("mail@a.test", None),
            ("http://[::1]:8080/x]", Some("http://[::1]:8080/x")),
        ] {
            let found: Vec<_> = urls(text)
                .into_iter()
                .map(|(from, to)| &text[from..to])
                .collect();
            assert_eq!(found.first().copied(), url, "{text}");
        }
    }

    #[test]
    fn what_is_held_of_a_long_text_is_its_last_word() {
        let mut parse = (FORMAT.open)(&crate::parser::Options::default());
        let line = "see http://a.test/x, and so on\n".repeat(1000);
        for _ in 0..100 {
            for chunk in line.as_bytes().chunks(4099) {
                parse.write(chunk);
                assert!(parse.held() < 2 * 4099, "{}", parse.held());
            }
        }
        parse.write(&vec![b'x'; 3 << 20]);
        parse.write(b"x");
        assert!(parse.held() < 2 << 20, "{}", parse.held());
        let links = parse.finish().links;
        assert_eq!(links.len(), 100_000);
        let last = links.iter().last().map(|link| (link.line, link.column));
        assert_eq!(last, Some((100_000, 5)));
    }
}
