//! `srcdoc`: a document in an attribute (HTML standard, section 4.8.5).
//!
//! Its links are relative to what those of the page around it are, unless it has a `base` of its own, and stand where the
//! attribute has them. Its anchors are its own: what points at one cannot leave it and is no link. Deliberately absent:
//! relative links behind a `base` that is relative itself.

use std::borrow::Cow;

use url::Url;

use super::Tags;
use super::document::Reading;
use super::value::Decoded;
use crate::model::{Link, Links};
use crate::parser::position::count;

/// Documents in documents are read down to this depth.
pub(in crate::parser) const DEEPEST: u8 = 4;

/// A document in an attribute.
pub(super) struct Embedded {
    /// The attribute's value, as written.
    pub(super) written: String,
    /// Where that begins.
    pub(super) line: u32,
    pub(super) column: u32,
    /// How many documents there are around it.
    pub(super) depth: u8,
}

impl Embedded {
    /// Adds its links, each with the place where it is written.
    pub(super) fn read(&self, links: &mut Links) {
        if self.depth > DEEPEST {
            return;
        }
        let value = Decoded::of(&self.written);
        let mut tags = Tags::of(Reading::nested(self.depth));
        tags.write(&value.text);
        let document = tags.finish();
        let base = document.base.as_deref().map(Url::parse);
        let mut way = Way::default();
        let (mut line, mut column, mut counted) = (self.line, self.column, 0);
        for link in document.links.iter() {
            let reference = link.reference;
            let reference = match &base {
                _ if reference.is_empty() || reference.starts_with('#') => continue,
                None => Cow::Borrowed(reference),
                Some(Ok(base)) => match base.join(reference) {
                    Ok(url) => Cow::Owned(url.into()),
                    Err(_) => Cow::Borrowed(reference),
                },
                Some(Err(_)) if Url::parse(reference).is_ok() => Cow::Borrowed(reference),
                Some(Err(_)) => continue,
            };
            // Links are in the order of their document.
            let at = value.written(way.to(&value.text, link.line, link.column));
            let at = at.clamp(counted, self.written.len());
            (line, column) = count(&self.written.as_bytes()[counted..at], line, column);
            counted = at;
            links.push(Link {
                reference: &reference,
                line,
                column,
                ..link
            });
        }
    }
}

/// A way through a text, from place to place.
struct Way {
    offset: usize,
    line: u32,
    column: u32,
}

impl Default for Way {
    fn default() -> Self {
        Self {
            offset: 0,
            line: 1,
            column: 1,
        }
    }
}

impl Way {
    /// The offset of a line and column; what is past is past.
    fn to(&mut self, text: &str, line: u32, column: u32) -> usize {
        for c in text[self.offset..].chars() {
            if (self.line, self.column) >= (line, column) {
                break;
            }
            self.offset += c.len_utf8();
            if c == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.offset
    }
}
