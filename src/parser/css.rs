//! CSS: `url(…)` and `@import`, wherever they stand (CSS Syntax, section 4).
//!
//! A scan, not a parser: strings and comments are passed over, so nothing in them counts. Deliberately absent:
//! `image-set()` strings and anything that needs to know which property it is in.

use super::encoding::Text;
use super::position::count;
use super::{Format, Options, Parse};
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
            text: Text::new(options.charset.clone(), false),
            all: String::new(),
        }
    }
}

impl Parse for Css {
    fn write(&mut self, chunk: &[u8]) {
        let text = self.text.write(chunk);
        self.all.push_str(text);
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

/// Every reference in `text`, which begins at `line` and `column`.
pub(super) fn references(
    text: &str,
    mut line: u32,
    mut column: u32,
    mut take: impl FnMut(Link<'_>),
) {
    let bytes = text.as_bytes();
    let mut counted = 0;
    let mut at = 0;
    let mut import = false;
    let mut link = |from: usize, to: usize, kind| {
        let reference = unescaped(&text[from..to]);
        let reference = reference.trim();
        if reference.is_empty()
            || reference
                .get(..5)
                .is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"))
        {
            return;
        }
        (line, column) = count(&bytes[counted..from], line, column);
        counted = from;
        take(Link {
            reference,
            kind,
            nofollow: false,
            line,
            column,
        });
    };
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                at = memchr::memmem::find(&bytes[at + 2..], b"*/")
                    .map_or(bytes.len(), |end| at + end + 4);
            }
            b'"' | b'\'' => {
                let end = string_end(bytes, at + 1, byte);
                if import {
                    link(at + 1, end, LinkKind::Style);
                }
                import = false;
                at = end + 1;
            }
            b'@' => {
                import = begins(&bytes[at + 1..], b"import");
                at += 1;
            }
            b';' | b'{' | b'}' => {
                import = false;
                at += 1;
            }
            b'u' | b'U' if begins(&bytes[at..], b"url(") && !follows_name(bytes, at) => {
                let kind = if import {
                    LinkKind::Style
                } else {
                    LinkKind::Media
                };
                import = false;
                let mut from = at + 4;
                from += bytes[from..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_whitespace())
                    .count();
                at = if let Some(&quote @ (b'"' | b'\'')) = bytes.get(from) {
                    let end = string_end(bytes, from + 1, quote);
                    link(from + 1, end, kind);
                    end + 1
                } else {
                    let mut end = from;
                    while let Some(byte) = bytes.get(end).filter(|byte| **byte != b')') {
                        end += if *byte == b'\\' { 2 } else { 1 };
                    }
                    let end = text.len().min(end);
                    let end = (end..=text.len())
                        .find(|end| text.is_char_boundary(*end))
                        .unwrap_or(text.len());
                    link(from, end, kind);
                    end
                };
            }
            _ => at += 1,
        }
    }
}

fn begins(bytes: &[u8], word: &[u8]) -> bool {
    bytes
        .get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// Does the name before `at` go on here, as in `my-url(`?
fn follows_name(bytes: &[u8], at: usize) -> bool {
    at.checked_sub(1)
        .and_then(|before| bytes.get(before))
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
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
        let text = "@import \"a.css\";\n@IMPORT url(b.css);\nü { background: url( 'c d.png' ) } x{y:URL(e\\)f.png)}";
        assert_eq!(
            found(text),
            [
                ("a.css".into(), 1, 10, LinkKind::Style),
                ("b.css".into(), 2, 13, LinkKind::Style),
                ("c d.png".into(), 3, 23, LinkKind::Media),
                ("e)f.png".into(), 3, 44, LinkKind::Media),
            ]
        );
    }

    #[test]
    fn comments_strings_and_data_are_passed_over() {
        let text = "/* url(a) */ b{content:'url(c)'} d{background:url(data:x)} my-url(e) url(\"f";
        assert_eq!(found(text), [("f".into(), 1, 75, LinkKind::Media)]);
    }
}
