//! Which attribute of which element is a reference, and of what kind: the HTML standard's index of attributes
//! (section "Attributes"), SVG's links, and the metadata that previews are made from.
//!
//! Deliberately absent: `preconnect` and `dns-prefetch`, which name a host and no resource; `usemap` and other
//! references that cannot leave the page.

use super::name::{Attribute, Element};
use super::tokenizer::Start;
use crate::model::LinkKind;

/// How the value of an attribute holds references.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// It is one.
    Url,
    /// A list of image candidates.
    Srcset,
    /// `5; url=…`.
    Refresh,
    /// CSS.
    Declarations,
}

/// A reference that an element makes.
#[derive(Clone, Copy)]
pub(super) struct Reference<'a> {
    pub(super) kind: LinkKind,
    pub(super) nofollow: bool,
    pub(super) shape: Shape,
    pub(super) value: &'a str,
    pub(super) offset: usize,
}

/// Every reference of the element that `start` begins, attribute by attribute.
pub(super) fn references<'a>(start: &Start<'a>, mut take: impl FnMut(Reference<'a>)) {
    use LinkKind::{Anchor, Form, Frame, Media, Metadata, Refresh, Script};
    let mut one = |attribute, kind, shape, nofollow| {
        if let Some((value, offset)) = start.value(attribute) {
            take(Reference {
                kind,
                nofollow,
                shape,
                value,
                offset,
            });
        }
    };
    let url = Shape::Url;
    match start.element {
        Element::A | Element::Area => {
            let nofollow = has_word(start, Attribute::Rel, "nofollow");
            one(Attribute::Href, Anchor, url, nofollow);
            one(Attribute::XlinkHref, Anchor, url, nofollow);
        }
        Element::Link
            if !has_word(start, Attribute::Rel, "preconnect")
                && !has_word(start, Attribute::Rel, "dns-prefetch") =>
        {
            let kind = if has_word(start, Attribute::Rel, "stylesheet") {
                LinkKind::Style
            } else {
                LinkKind::Relation
            };
            let nofollow = has_word(start, Attribute::Rel, "nofollow");
            one(Attribute::Href, kind, url, nofollow);
            one(Attribute::ImageSrcset, Media, Shape::Srcset, false);
        }
        Element::Img | Element::Source => {
            one(Attribute::Src, Media, url, false);
            one(Attribute::Srcset, Media, Shape::Srcset, false);
        }
        Element::Script => {
            one(Attribute::Src, Script, url, false);
            one(Attribute::Href, Script, url, false);
        }
        Element::Iframe | Element::Frame => one(Attribute::Src, Frame, url, false),
        Element::Object => one(Attribute::Data, Media, url, false),
        Element::Audio | Element::Embed | Element::Track => one(Attribute::Src, Media, url, false),
        Element::Video => {
            one(Attribute::Src, Media, url, false);
            one(Attribute::Poster, Media, url, false);
        }
        Element::Input => {
            one(Attribute::Src, Media, url, false);
            one(Attribute::FormAction, Form, url, false);
        }
        Element::Button => one(Attribute::FormAction, Form, url, false),
        Element::Form => one(Attribute::Action, Form, url, false),
        Element::Blockquote | Element::Q | Element::Ins | Element::Del => {
            one(Attribute::Cite, Metadata, url, false);
        }
        Element::Body | Element::Table | Element::Td | Element::Th => {
            one(Attribute::Background, Media, url, false);
        }
        Element::Image | Element::Use | Element::FeImage => {
            one(Attribute::Href, Media, url, false);
            one(Attribute::XlinkHref, Media, url, false);
        }
        Element::Meta => {
            let is = |attribute, values: &[&str]| {
                start.value(attribute).is_some_and(|(value, _)| {
                    let value = value.trim();
                    values.iter().any(|other| other.eq_ignore_ascii_case(value))
                })
            };
            if is(Attribute::HttpEquiv, &["refresh"]) {
                one(Attribute::Content, Refresh, Shape::Refresh, false);
            }
            if is(Attribute::Property, PREVIEWS) || is(Attribute::Name, PREVIEWS) {
                one(Attribute::Content, Metadata, url, false);
            }
        }
        Element::Other if start.name().contains('-') => {
            one(Attribute::Href, Anchor, url, false);
            one(Attribute::Src, Media, url, false);
        }
        _ => {}
    }
    one(Attribute::Style, Media, Shape::Declarations, false);
}

/// Metadata that previews of a page are made from.
const PREVIEWS: &[&str] = &[
    "og:image",
    "og:image:url",
    "og:image:secure_url",
    "og:url",
    "og:video",
    "og:video:url",
    "og:video:secure_url",
    "og:audio",
    "og:audio:url",
    "og:audio:secure_url",
    "twitter:image",
    "twitter:image:src",
    "twitter:player",
    "twitter:player:stream",
];

/// Is `word` among those of an attribute that are split on white space, whatever their case?
pub(super) fn has_word(start: &Start<'_>, attribute: Attribute, word: &str) -> bool {
    start.value(attribute).is_some_and(|(value, _)| {
        value
            .split_ascii_whitespace()
            .any(|other| other.eq_ignore_ascii_case(word))
    })
}

/// The URLs of a `srcset`, with their offsets in it (HTML, section 4.8.4.2.2): separated by white space and
/// commas, each with descriptors that may hold commas in parentheses.
pub(super) fn candidates(srcset: &str) -> Vec<(&str, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    let bytes = srcset.as_bytes();
    while at < bytes.len() {
        at += bytes[at..]
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace() || **byte == b',')
            .count();
        let length = bytes[at..]
            .iter()
            .take_while(|byte| !byte.is_ascii_whitespace())
            .count();
        let word = &srcset[at..at + length];
        let url = word.trim_end_matches(',');
        if !url.is_empty() {
            found.push((url, at));
        }
        at += length;
        if url.len() == word.len() {
            // Descriptors, to the next comma that is not in parentheses.
            let mut depth = 0u32;
            while let Some(byte) = bytes.get(at) {
                match byte {
                    b'(' => depth += 1,
                    b')' => depth = depth.saturating_sub(1),
                    b',' if depth == 0 => break,
                    _ => {}
                }
                at += 1;
            }
        }
    }
    found
}

/// The URL of a `meta refresh`, with its offset (HTML, section 4.2.5.3).
pub(super) fn refresh(content: &str) -> Option<(&str, usize)> {
    let at = content.find([';', ','])? + 1;
    let rest = content[at..].trim_start();
    let mut offset = content.len() - rest.len();
    let mut url = rest;
    if rest
        .get(..3)
        .is_some_and(|word| word.eq_ignore_ascii_case("url"))
    {
        let after = rest[3..].trim_start();
        if let Some(value) = after.strip_prefix('=') {
            url = value.trim_start();
            offset = content.len() - url.len();
        }
    }
    for quote in ['"', '\''] {
        if let Some(inner) = url.strip_prefix(quote) {
            let end = inner.find(quote).unwrap_or(inner.len());
            return Some((&inner[..end], offset + 1));
        }
    }
    let url = url.trim_end();
    (!url.is_empty()).then_some((url, offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_srcset_is_split_into_its_candidates() {
        for (srcset, urls) in [
            ("a.png", vec![("a.png", 0)]),
            (" a.png 1x, b.png 2x ", vec![("a.png", 1), ("b.png", 11)]),
            ("a.png, b.png", vec![("a.png", 0), ("b.png", 7)]),
            ("a,b.png 100w,c.png", vec![("a,b.png", 0), ("c.png", 13)]),
            (",,", vec![]),
            ("a x(1,2), b", vec![("a", 0), ("b", 10)]),
        ] {
            assert_eq!(candidates(srcset), urls, "{srcset}");
        }
    }

    #[test]
    fn a_refresh_names_its_url_in_many_ways() {
        for (content, url) in [
            ("0; url=/x", Some(("/x", 7))),
            ("5;URL='y z'", Some(("y z", 7))),
            ("0, z", Some(("z", 3))),
            ("30", None),
            ("0; url=", None),
        ] {
            assert_eq!(refresh(content), url, "{content}");
        }
    }
}
