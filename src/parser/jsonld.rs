//! JSON-LD: what a page or a file says of things, as far as it says where they are.
//!
//! JSON-LD names everything by IRI, and most of these are names: `@id`, `@type`, the vocabulary in `@context`, the values of
//! an enumeration. A link is the value of a property that says where something is to be had, by schema.org's definition of
//! it (`url`, `image`, `sameAs`, …): its own text, or those of its list. Templates are none, and neither is what points into
//! the document itself, which names a node of it.
//!
//! A scan, not a parser: what is no JSON yields less. Deliberately absent: contexts, which could give a property another
//! name.

use std::borrow::Cow;
use std::ops::Range;

use super::encoding::{Declared, Text};
use super::position::count;
use super::{Format, Parse, inline};
use crate::model::{Document, Link, LinkKind};

pub(super) const FORMAT: Format = Format {
    name: "json-ld",
    media_types: &["application/ld+json"],
    extensions: &["jsonld"],
    open: |options| {
        Box::new(JsonLd {
            text: Text::new(options.charset.clone(), Declared::Nowhere),
            all: String::new(),
        })
    },
};

struct JsonLd {
    text: Text,
    all: String,
}

impl Parse for JsonLd {
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

/// Properties whose value is a URL and nothing else, so that it may be relative in any spelling.
const URLS: &[&str] = &[
    "contentUrl",
    "downloadUrl",
    "embedUrl",
    "image",
    "installUrl",
    "logo",
    "sameAs",
    "thumbnailUrl",
    "url",
];

/// Properties whose value may be a URL: it is one where it looks like one.
const MAYBE: &[&str] = &[
    "acquireLicensePage",
    "archivedAt",
    "codeRepository",
    "correctionsPolicy",
    "discussionUrl",
    "documentation",
    "ethicsPolicy",
    "hasMap",
    "hasMenu",
    "isBasedOn",
    "isBasedOnUrl",
    "item",
    "license",
    "mainEntityOfPage",
    "map",
    "maps",
    "menu",
    "paymentUrl",
    "photo",
    "publishingPrinciples",
    "relatedLink",
    "releaseNotes",
    "replyToUrl",
    "screenshot",
    "serviceUrl",
    "significantLink",
    "softwareHelp",
    "targetUrl",
    "termsOfService",
    "thumbnail",
    "ticketUrl",
    "trackingUrl",
    "usageInfo",
];

/// What the texts are that stand here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Texts {
    /// No links, though what is inside of objects may be.
    Words,
    Urls,
    MaybeUrls,
    /// Nor is anything inside.
    Context,
}

impl Texts {
    /// Of the property of that name, in an object that stands in `around`.
    fn of(property: &str, around: Self) -> Self {
        let vocabularies = ["schema:", "http://schema.org/", "https://schema.org/"];
        let bare = vocabularies
            .iter()
            .find_map(|vocabulary| property.strip_prefix(vocabulary));
        let property = bare.unwrap_or(property);
        if around == Self::Context || property == "@context" {
            Self::Context
        } else if URLS.contains(&property) {
            Self::Urls
        } else if MAYBE.contains(&property) {
            Self::MaybeUrls
        } else {
            Self::Words
        }
    }

    /// Is `text` a link here?
    fn has_link(self, text: &str) -> bool {
        let begins = |begin: &str| {
            text.get(..begin.len())
                .is_some_and(|text| text.eq_ignore_ascii_case(begin))
        };
        let path = ["http://", "https://", "/", "./", "../"]
            .into_iter()
            .any(begins);
        let plain = !text.is_empty()
            && !text.starts_with('#')
            && !text.contains(['{', '}', ' ', '\n', '\t', '\r']);
        match self {
            Self::Words | Self::Context => false,
            Self::Urls => plain,
            Self::MaybeUrls => plain && path,
        }
    }
}

/// An object or array that is open.
#[derive(Clone, Copy)]
struct Open {
    object: bool,
    /// A name comes next.
    name: bool,
    /// What the texts in it are; of an object: those of the property that was named last.
    texts: Texts,
    /// What the object stands in.
    around: Texts,
}

/// Every reference in `text`, which begins at `line` and `column`, with its place.
pub(super) fn references(
    text: &str,
    mut line: u32,
    mut column: u32,
    mut take: impl FnMut(Link<'_>),
) {
    let mut counted = 0;
    scan(text, |reference, written| {
        (line, column) = count(&text.as_bytes()[counted..written.start], line, column);
        counted = written.start;
        take(Link {
            reference: inline(reference),
            kind: LinkKind::Metadata,
            nofollow: false,
            line,
            column,
        });
    });
}

/// Every reference in `text`, and where it is written.
pub(super) fn scan(text: &str, mut take: impl FnMut(&str, Range<usize>)) {
    let bytes = text.as_bytes();
    let mut open: Vec<Open> = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'{' | b'[' => {
                let texts = open.last().map_or(Texts::Words, |open| open.texts);
                let object = byte == b'{';
                open.push(Open {
                    object,
                    name: object,
                    texts,
                    around: texts,
                });
            }
            b'}' | b']' => _ = open.pop(),
            b',' => {
                if let Some(open) = open.last_mut() {
                    open.name = open.object;
                }
            }
            b'"' => {
                let Some(end) = string_end(bytes, at) else {
                    return;
                };
                let written = at..end;
                at = end + 1;
                let (Some(open), Some(string)) = (open.last_mut(), meant(text, &written)) else {
                    continue;
                };
                if std::mem::take(&mut open.name) {
                    open.texts = Texts::of(&string, open.around);
                } else {
                    let bare = string.trim();
                    if open.texts.has_link(bare) {
                        let lead =
                            text[written.clone()].len() - text[written.clone()].trim_start().len();
                        take(bare, written.start + lead..written.end);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Where the quote is that ends the string whose text begins at `from`.
fn string_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// A string without its escapes, if they are right.
fn meant<'a>(text: &'a str, written: &Range<usize>) -> Option<Cow<'a, str>> {
    let inner = text.get(written.clone())?;
    if !inner.contains('\\') {
        return Some(inner.into());
    }
    let quoted = text.get(written.start - 1..=written.end)?;
    serde_json::from_str::<String>(quoted).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(String, u32, u32)> {
        let mut found = Vec::new();
        references(text, 1, 1, |link| {
            found.push((link.reference.to_owned(), link.line, link.column));
        });
        found
    }

    #[test]
    fn a_property_that_says_where_something_is_has_links() {
        let text = "{\"@context\": {\"image\": \"http://schema.org/image\", \"x\": {\"url\": \"http://v.test/\"}},\n\
             \"@id\": \"http://a.test/#me\", \"@type\": \"http://schema.org/Person\", \"é\":1,\"url\": \"http:\\/\\/a.test\\/\\u00e9\",\n\
             \"image\": [\" b.png\", {\"@type\": \"ImageObject\", \"@id\": \"#logo\", \"contentUrl\": \"/c.png\", \"name\": \"http://n.test/\"}],\n\
             \"sameAs\": [\"#me\", \"http://d.test/\"], \"https://schema.org/license\": \"CC-BY\", \"schema:isBasedOn\": \"../e\",\n\
             \"target\": {\"url\": \"http://f.test/{query}\"}, \"itemListElement\": [[{\"item\": \"http://g.test/\"}]]}";
        assert_eq!(
            found(text),
            [
                ("http://a.test/é".into(), 2, 80),
                ("b.png".into(), 3, 13),
                ("/c.png".into(), 3, 77),
                ("http://d.test/".into(), 4, 20),
                ("../e".into(), 4, 98),
                ("http://g.test/".into(), 5, 76)
            ]
        );
    }

    #[test]
    fn what_is_no_json_yields_less() {
        for (text, count) in [
            ("{\"url\": \"http://a.test/\"", 1),
            ("{\"url\": \"http://a.test/", 0),
            ("{\"url\": \"http://a.test/\\", 0),
            ("{\"url\": \"http://a.test/\\x\"}", 0),
            ("]}{\"url\" \"/a\" \"/b\"", 2),
            ("\"url\"", 0),
            ("// [\n{'url': \"/a\"}", 0),
        ] {
            assert_eq!(found(text).len(), count, "{text}");
        }
        assert_eq!(found(&"[{\"url\":".repeat(100_000)), []);
    }
}
