//! CSS: `url(…)` and `@import`, wherever they stand (CSS Syntax, section 4).
//!
//! A scan, not a parser: strings and comments are passed over, so nothing in them counts, but for the strings that
//! `image-set()` takes for images (CSS Images 4, section 2.4). Deliberately absent: anything that needs to know which
//! property it is in.

use std::ops::Range;

use super::encoding::{Declared, Text};
use super::position::count;
use super::{Format, Options, Parse, inline};
use crate::model::{Document, Link, LinkKind};

pub(super) const FORMAT: Format = Format {
    name: "css",
    media_types: &["text/css"],
    extensions: &["css"],
    open: |options| Box::new(Css::new(options)),
};

struct Css {
    text: Text,
    all: String,
}

impl Css {
    fn new(options: &Options) -> Self {
        Self {
            text: Text::new(options.charset.clone(), Declared::InCss),
            all: String::new(),
        }
    }
}

impl Parse for Css {
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
        let mut document = Document {
            charset,
            ..Document::default()
        };
        references(&self.all, 1, 1, |link| document.links.push(link));
        document
    }
}

/// Every reference in `text`, which begins at `line` and `column`, with its place.
pub(super) fn references(
    text: &str,
    mut line: u32,
    mut column: u32,
    mut take: impl FnMut(Link<'_>),
) {
    let mut counted = 0;
    scan(text, |reference, written, kind| {
        (line, column) = count(&text.as_bytes()[counted..written.start], line, column);
        counted = written.start;
        take(Link {
            reference,
            kind,
            nofollow: false,
            line,
            column,
        });
    });
}

/// What the at-rule is about that the scan is in.
#[derive(PartialEq, Eq)]
enum Rule {
    Import,
    /// Its URL is a name.
    Namespace,
    Other,
}

/// Every reference in `text`: escapes undone, where it is written, its kind. One that is only a fragment points into the
/// page that is styled, whichever it is, and is none.
pub(super) fn scan(text: &str, mut take: impl FnMut(&str, Range<usize>, LinkKind)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut rule = Rule::Other;
    // How deep in the parentheses of an image-set it is; in none: 0.
    let mut set = 0_u32;
    let mut found = |from: usize, to: usize, rule: &Rule| {
        let reference = unescaped(inline(&text[from..to]));
        let reference = reference.trim();
        if reference.is_empty() || reference.starts_with('#') || *rule == Rule::Namespace {
            return;
        }
        let kind = if *rule == Rule::Import {
            LinkKind::Style
        } else {
            LinkKind::Media
        };
        take(reference, from..to, kind);
    };
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                at = memchr::memmem::find(&bytes[at + 2..], b"*/")
                    .map_or(bytes.len(), |end| at + end + 4);
            }
            b'"' | b'\'' => {
                let end = string_end(bytes, at + 1, byte);
                if rule == Rule::Import || set == 1 {
                    found(at + 1, end, &rule);
                    rule = Rule::Other;
                }
                at = end + 1;
            }
            b'(' | b')' if set > 0 => {
                set = if byte == b'(' { set + 1 } else { set - 1 };
                at += 1;
            }
            b'@' => {
                let end = name_end(bytes, at + 1);
                rule = match &*unescaped(&text[at + 1..end]).to_ascii_lowercase() {
                    "import" => Rule::Import,
                    "namespace" => Rule::Namespace,
                    _ => Rule::Other,
                };
                at = end;
            }
            b';' | b'{' | b'}' => {
                rule = Rule::Other;
                set = 0;
                at += 1;
            }
            _ => {
                let end = name_end(bytes, at);
                let function = bytes.get(end) == Some(&b'(');
                if function && unescaped(&text[at..end]).eq_ignore_ascii_case("url") {
                    let (from, to, next) = url(bytes, end + 1);
                    found(from, to, &rule);
                    rule = Rule::Other;
                    // Its own parenthesis is read with it, and the one that closes it is not.
                    set += u32::from(set > 0);
                    at = next;
                } else if function && set == 0 && is_image_set(&unescaped(&text[at..end])) {
                    set = 1;
                    at = end + 1;
                } else {
                    at = end.max(at + 1);
                }
            }
        }
    }
}

fn is_image_set(name: &str) -> bool {
    ["image-set", "-webkit-image-set"]
        .iter()
        .any(|set| set.eq_ignore_ascii_case(name))
}

/// The URL behind `url(`: where it begins and ends, and where to read on (sections 4.3.6 and 4.3.14). A bad one
/// is empty and reaches to its closing parenthesis.
fn url(bytes: &[u8], from: usize) -> (usize, usize, usize) {
    let white = |byte: &&u8| byte.is_ascii_whitespace();
    let begin = from + bytes[from..].iter().take_while(white).count();
    if let Some(&quote @ (b'"' | b'\'')) = bytes.get(begin) {
        let end = string_end(bytes, begin + 1, quote);
        return (begin + 1, end, (end + 1).min(bytes.len()));
    }
    let mut end = begin;
    let mut bad = false;
    while let Some(&byte) = bytes.get(end).filter(|byte| **byte != b')') {
        bad |= matches!(byte, b'"' | b'\'' | b'(');
        end += 1;
        if byte == b'\\' && bytes.get(end).is_some_and(u8::is_ascii) {
            end += 1;
        }
    }
    let inside = &bytes[begin..end];
    let kept = inside.trim_ascii_end();
    // White space in the middle is one reason more, unless it ends an escape.
    let mut escaped = false;
    for (at, byte) in kept.iter().enumerate() {
        let ends_escape = at > 0 && {
            let digits = kept[..at]
                .iter()
                .rev()
                .take_while(|byte| byte.is_ascii_hexdigit());
            let digits = digits.count();
            (1..=6).contains(&digits) && kept[..at - digits].ends_with(b"\\")
        };
        bad |= byte.is_ascii_whitespace() && !escaped && !ends_escape;
        escaped = *byte == b'\\' && !escaped;
    }
    if bad {
        (begin, begin, end)
    } else {
        (begin, begin + kept.len(), end)
    }
}

/// Where the name ends that begins at `from`; there, where none does.
fn name_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(&byte) = bytes.get(at) {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || !byte.is_ascii() {
            at += 1;
        } else if byte == b'\\' && bytes.get(at + 1).is_some_and(|next| *next != b'\n') {
            at += 2;
            while bytes.get(at).is_some_and(|next| !next.is_ascii()) {
                at += 1;
            }
        } else {
            break;
        }
    }
    at
}

/// Where a string ends: at its quote, at the end of its line, or of the text.
fn string_end(bytes: &[u8], from: usize, quote: u8) -> usize {
    let mut at = from;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if bytes.get(at + 1).is_some_and(u8::is_ascii) => at += 2,
            byte if byte == quote || byte == b'\n' => return at,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Without CSS escapes (section 4.3.7).
fn unescaped(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains('\\') {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let mut value = 0;
        let mut digits = 0;
        while let Some(digit) = chars
            .peek()
            .and_then(|c| c.to_digit(16))
            .filter(|_| digits < 6)
        {
            value = value * 16 + digit;
            digits += 1;
            chars.next();
        }
        if digits > 0 {
            out.push(char::from_u32(value).unwrap_or('\u{fffd}'));
            chars.next_if(char::is_ascii_whitespace);
        } else if let Some(c) = chars.next_if(|c| *c != '\n') {
            out.push(c);
        } else {
            chars.next();
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(String, u32, u32, LinkKind)> {
        let mut found = Vec::new();
        references(text, 1, 1, |link| {
            found.push((link.reference.to_owned(), link.line, link.column, link.kind));
        });
        found
    }

    #[test]
    fn urls_and_imports_are_found_with_their_places() {
        let text = "@import \"a.css\";\n@IMPORT url(b.css);\nü { background: url( 'c d.png' ) } x{y:u\\72l(e\\)f.png)}";
        assert_eq!(
            found(text),
            [
                ("a.css".into(), 1, 10, LinkKind::Style),
                ("b.css".into(), 2, 13, LinkKind::Style),
                ("c d.png".into(), 3, 23, LinkKind::Media),
                ("e)f.png".into(), 3, 46, LinkKind::Media),
            ]
        );
    }

    #[test]
    fn what_is_no_reference_is_passed_over() {
        let text = "/* url(a) */ b{content:'url(c)'} @namespace url(http://d/); my-url(e) url-prefix(e) url(#f) url() \
                    url(no g) url(no\"h) url(no(i) url(\"f";
        assert_eq!(found(text), [("f".into(), 1, 134, LinkKind::Media)]);
    }

    #[test]
    fn a_url_that_holds_its_content_is_cut() {
        let text = format!("a{{b:url(data:image/png,{})}}", "é".repeat(1000));
        let found = found(&text);
        assert!(found[0].0.starts_with("data:image/png,é") && found[0].0.len() <= 64);
    }
}
