//! Which attribute of which element is a reference, and of what kind: the HTML standard's index of attributes
//! (section "Attributes"), SVG's links, and the metadata that previews are made from.
//!
//! Deliberately absent: `preconnect` and `dns-prefetch`, which name a host and no resource; `usemap` and other
//! references that cannot leave the page.

use crate::model::LinkKind;

/// An element's attributes, by lower-case name; the first of duplicates counts.
pub(super) trait Attributes<'a> {
    /// The value as written, and its byte offset.
    fn named(&self, name: &str) -> Option<(&'a str, usize)>;
}

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
pub(super) struct Reference<'a> {
    pub(super) kind: LinkKind,
    pub(super) nofollow: bool,
    pub(super) shape: Shape,
    pub(super) value: &'a str,
    pub(super) offset: usize,
}

/// Every reference of the element `tag`, in the order of its attributes' names here.
pub(super) fn references<'a>(
    tag: &str,
    attributes: &impl Attributes<'a>,
    mut take: impl FnMut(Reference<'a>),
) {
    use LinkKind::{Anchor, Form, Frame, Media, Metadata, Refresh, Script};
    let mut one = |name: &str, kind, shape, nofollow| {
        if let Some((value, offset)) = attributes.named(name) {
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
    match tag {
        "a" | "area" => {
            let nofollow = has_word(attributes, "rel", "nofollow");
            one("href", Anchor, url, nofollow);
            one("xlink:href", Anchor, url, nofollow);
        }
        "link"
            if !has_word(attributes, "rel", "preconnect")
                && !has_word(attributes, "rel", "dns-prefetch") =>
        {
            let style = has_word(attributes, "rel", "stylesheet");
            let kind = if style {
                LinkKind::Style
            } else {
                LinkKind::Relation
            };
            one("href", kind, url, has_word(attributes, "rel", "nofollow"));
            one("imagesrcset", Media, Shape::Srcset, false);
        }
        "img" | "source" => {
            one("src", Media, url, false);
            one("srcset", Media, Shape::Srcset, false);
        }
        "script" => {
            one("src", Script, url, false);
            one("href", Script, url, false);
        }
        "iframe" | "frame" => one("src", Frame, url, false),
        "object" => one("data", Media, url, false),
        "audio" | "embed" | "track" => one("src", Media, url, false),
        "video" => {
            one("src", Media, url, false);
            one("poster", Media, url, false);
        }
        "input" => {
            one("src", Media, url, false);
            one("formaction", Form, url, false);
        }
        "button" => one("formaction", Form, url, false),
        "form" => one("action", Form, url, false),
        "blockquote" | "q" | "ins" | "del" => one("cite", Metadata, url, false),
        "body" | "table" | "td" | "th" => one("background", Media, url, false),
        "image" | "use" | "feimage" => {
            one("href", Media, url, false);
            one("xlink:href", Media, url, false);
        }
        "meta" => {
            let is = |name: &str, values: &[&str]| {
                let value = attributes
                    .named(name)
                    .map(|(value, _)| value.trim().to_ascii_lowercase());
                value.is_some_and(|value| values.contains(&value.as_str()))
            };
            if is("http-equiv", &["refresh"]) {
                one("content", Refresh, Shape::Refresh, false);
            }
            if is("property", PREVIEWS) || is("name", PREVIEWS) {
                one("content", Metadata, url, false);
            }
        }
        custom if custom.contains('-') => {
            one("href", Anchor, url, false);
            one("src", Media, url, false);
        }
        _ => {}
    }
    one("style", Media, Shape::Declarations, false);
}

/// Metadata that previews of a page are made from.
const PREVIEWS: &[&str] = &[
    "og:image",
    "og:url",
    "og:video",
    "og:audio",
    "twitter:image",
    "twitter:player",
];

/// Is `word` among those of an attribute that are split on white space, whatever their case?
pub(super) fn has_word<'a>(attributes: &impl Attributes<'a>, name: &str, word: &str) -> bool {
    attributes.named(name).is_some_and(|(value, _)| {
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
