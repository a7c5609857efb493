//! Which attribute of which element is a reference, and of what kind: the HTML standard's index of attributes, the URL
//! attributes that it keeps for old pages (`background`, `longdesc`), the links of SVG 2 and `MathML` 3, and the metadata that
//! previews are made from. Microdata needs no rule of its own: its URLs stand in these attributes.
//!
//! Deliberately absent: `preconnect` and `dns-prefetch`, which name a host and no resource; `itemid`, `itemtype` and
//! `profile`, which are names; `usemap` and other references that cannot leave the page; `manifest` on `html` and `codebase`,
//! which the standard took back; separators of a `srcset` that are written as entities.

use super::foreign::Space;
use super::name::{Attribute, Element, is_one};
use super::tokenizer::Start;
use super::value::decoded;
use crate::model::LinkKind;

/// How the value of an attribute holds references.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// It is one.
    Url,
    /// Many, with white space between.
    Urls,
    /// A list of image candidates.
    Srcset,
    /// `5; url=…`.
    Refresh,
    /// CSS.
    Declarations,
    /// A document.
    Document,
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
    match start.space {
        Space::Html => of_html(start, &mut one),
        Space::Svg => of_svg(start, &mut one),
        Space::Math => one(href(start), LinkKind::Anchor, Shape::Url, false),
    }
    one(
        Attribute::Style,
        LinkKind::Media,
        Shape::Declarations,
        false,
    );
}

#[inline]
fn of_html(start: &Start<'_>, one: &mut impl FnMut(Attribute, LinkKind, Shape, bool)) {
    use LinkKind::{Anchor, Form, Frame, Media, Metadata, Query, Refresh, Script};
    let url = Shape::Url;
    match start.element {
        Element::A | Element::Area => {
            let nofollow = has_word(start, Attribute::Rel, "nofollow");
            one(Attribute::Href, Anchor, url, nofollow);
            one(Attribute::Ping, Form, Shape::Urls, false);
        }
        Element::Link => {
            let rel = Rel::of(start);
            if let Some(kind) = rel.kind() {
                one(Attribute::Href, kind, url, rel.nofollow);
                one(Attribute::ImageSrcset, Media, Shape::Srcset, false);
            }
        }
        // An `image` is an `img` by another name.
        Element::Img | Element::Image => {
            one(Attribute::Src, Media, url, false);
            one(Attribute::Srcset, Media, Shape::Srcset, false);
            one(Attribute::LongDesc, Metadata, url, false);
        }
        Element::Source => {
            one(Attribute::Src, Media, url, false);
            one(Attribute::Srcset, Media, Shape::Srcset, false);
        }
        Element::Script => one(Attribute::Src, Script, url, false),
        Element::Iframe => {
            one(Attribute::Src, Frame, url, false);
            one(Attribute::Srcdoc, Frame, Shape::Document, false);
            one(Attribute::LongDesc, Metadata, url, false);
        }
        Element::Frame => {
            one(Attribute::Src, Frame, url, false);
            one(Attribute::LongDesc, Metadata, url, false);
        }
        Element::Object => one(Attribute::Data, Media, url, false),
        Element::Audio | Element::Embed | Element::Track => one(Attribute::Src, Media, url, false),
        Element::Video => {
            one(Attribute::Src, Media, url, false);
            one(Attribute::Poster, Media, url, false);
        }
        Element::Input => {
            if is(start, Attribute::Type, "image") {
                one(Attribute::Src, Media, url, false);
            }
            one(Attribute::FormAction, Form, url, false);
        }
        Element::Button => one(Attribute::FormAction, Form, url, false),
        Element::Form => {
            let kind = if is_query(start) { Query } else { Form };
            one(Attribute::Action, kind, url, false);
        }
        Element::Blockquote | Element::Q | Element::Ins | Element::Del => {
            one(Attribute::Cite, Metadata, url, false);
        }
        Element::Body | Element::Table | Element::Td | Element::Th => {
            one(Attribute::Background, Media, url, false);
        }
        Element::Meta => {
            if is(start, Attribute::HttpEquiv, "refresh") {
                one(Attribute::Content, Refresh, Shape::Refresh, false);
            }
            let preview = |attribute| PREVIEWS.iter().any(|name| has_word(start, attribute, name));
            if preview(Attribute::Property) || preview(Attribute::Name) {
                one(Attribute::Content, Metadata, url, false);
            }
        }
        Element::Other | Element::ReactApp if start.name().contains('-') => {
            one(Attribute::Href, Anchor, url, false);
            one(Attribute::Src, Media, url, false);
        }
        Element::Other if is_one!(start.word(), "tbody" "tfoot" "thead" "tr") => {
            one(Attribute::Background, Media, url, false);
        }
        _ => {}
    }
}

/// SVG 2, section 16.1.1 ("Generic URL references"), and the elements of SVG 1.1 that it took out.
fn of_svg(start: &Start<'_>, one: &mut impl FnMut(Attribute, LinkKind, Shape, bool)) {
    let refers = |word| {
        is_one!(
            word,
            "animate" "animatecolor" "animatemotion" "animatetransform" "cursor" "discard" "feimage" "filter"
            "font-face-uri" "image" "lineargradient" "mpath" "pattern" "radialgradient" "set" "textpath" "tref" "use"
        )
    };
    let href = href(start);
    match start.element {
        Element::A => {
            let nofollow = has_word(start, Attribute::Rel, "nofollow");
            one(href, LinkKind::Anchor, Shape::Url, nofollow);
            one(Attribute::Ping, LinkKind::Form, Shape::Urls, false);
        }
        Element::Script => one(href, LinkKind::Script, Shape::Url, false),
        _ if refers(start.word()) => one(href, LinkKind::Media, Shape::Url, false),
        _ => {}
    }
}

/// The attribute that holds the reference of an element that is not HTML's: of the two the newer counts.
fn href(start: &Start<'_>) -> Attribute {
    match start.value(Attribute::Href) {
        Some(_) => Attribute::Href,
        None => Attribute::XlinkHref,
    }
}

/// What the `rel` of a `link` says (HTML, section 4.6.7): each of its words makes a link of its own.
#[derive(Default)]
struct Rel {
    nofollow: bool,
    stylesheet: bool,
    /// It names a host to be ready for.
    hints: bool,
    /// It names something that takes what is sent to it.
    sends: bool,
    /// It names a resource beside.
    refers: bool,
}

impl Rel {
    fn of(start: &Start<'_>) -> Self {
        let mut rel = Self::default();
        let Some((value, _)) = start.value(Attribute::Rel) else {
            return rel;
        };
        for word in decoded(value).split_ascii_whitespace() {
            let is = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(word));
            rel.stylesheet |= is(&["stylesheet"]);
            rel.nofollow |= is(&["nofollow"]);
            rel.hints |= is(&["preconnect", "dns-prefetch"]);
            rel.sends |= is(&["pingback", "webmention"]);
            rel.refers |= is(REFERS);
        }
        rel
    }

    /// The kind of its link; `None` where it is none.
    fn kind(&self) -> Option<LinkKind> {
        if self.stylesheet {
            Some(LinkKind::Style)
        } else if self.refers || !self.hints && !self.sends {
            Some(LinkKind::Relation)
        } else {
            self.sends.then_some(LinkKind::Form)
        }
    }
}

/// Words of a `rel` that name a resource, which other words beside them do not change.
const REFERS: &[&str] = &[
    "alternate",
    "apple-touch-icon",
    "author",
    "canonical",
    "help",
    "icon",
    "license",
    "manifest",
    "modulepreload",
    "next",
    "prefetch",
    "preload",
    "prev",
    "search",
];

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
    "twitter:url",
    "twitter:player",
    "twitter:player:stream",
];

/// Is `word` among those of an attribute that are split on white space, whatever their case?
pub(super) fn has_word(start: &Start<'_>, attribute: Attribute, word: &str) -> bool {
    start.value(attribute).is_some_and(|(value, _)| {
        decoded(value)
            .split_ascii_whitespace()
            .any(|other| other.eq_ignore_ascii_case(word))
    })
}

/// Is the value of an attribute that word, whatever its case?
pub(super) fn is(start: &Start<'_>, attribute: Attribute, word: &str) -> bool {
    start
        .value(attribute)
        .is_some_and(|(value, _)| decoded(value).trim().eq_ignore_ascii_case(word))
}

/// Does a `form` ask with GET, as it does unless it says otherwise? (HTML, section 4.10.18.6)
#[inline(never)]
fn is_query(start: &Start<'_>) -> bool {
    !is(start, Attribute::Method, "post") && !is(start, Attribute::Method, "dialog")
}

/// Does a `style` element hold CSS? (HTML, section 4.2.6)
#[inline(never)]
pub(super) fn is_css(start: &Start<'_>) -> bool {
    is(start, Attribute::Type, "text/css")
        || is(start, Attribute::Type, "")
        || start.value(Attribute::Type).is_none()
}

/// Does a `script` hold JSON-LD? (JSON-LD 1.1, section 7)
#[inline(never)]
pub(super) fn is_json_ld(start: &Start<'_>) -> bool {
    start.value(Attribute::Type).is_some_and(|(value, _)| {
        let value = decoded(value);
        let essence = value.split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case("application/ld+json")
    })
}

/// The URLs of a list with white space between, with their offsets in it.
pub(super) fn words(list: &str) -> impl Iterator<Item = (&str, usize)> {
    let begin = list.as_ptr().addr();
    list.split_ascii_whitespace()
        .map(move |word| (word, word.as_ptr().addr() - begin))
}

/// The URLs of a `srcset`, with their offsets in it (HTML, section 4.8.4.2.2): separated by white space and
/// commas, each with descriptors that may hold commas in parentheses.
pub(in crate::parser) fn candidates(srcset: &str) -> Vec<(&str, usize)> {
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

/// The URL of a `meta refresh`, with its offset (HTML, section 4.2.5.3): behind a time, with `url=` before it or without.
pub(super) fn refresh(content: &str) -> Option<(&str, usize)> {
    let white = |c: char| c.is_ascii_whitespace();
    let behind_time = content
        .trim_start_matches(white)
        .strip_prefix(|c: char| c.is_ascii_digit() || c == '.')?
        .trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let rest = behind_time.trim_start_matches(white);
    let rest = match rest.strip_prefix([';', ',']) {
        Some(rest) => rest.trim_start_matches(white),
        None if rest.len() < behind_time.len() => rest,
        None => return None,
    };
    let named = rest
        .split_at_checked(3)
        .filter(|(word, _)| word.eq_ignore_ascii_case("url"))
        .and_then(|(_, after)| after.trim_start_matches(white).strip_prefix('='));
    let url = named.map_or(rest, |url| url.trim_start_matches(white));
    let (url, from) = match url.strip_prefix(['"', '\'']) {
        Some(inner) => {
            let quote = url.chars().next()?;
            let end = inner.find(quote).unwrap_or(inner.len());
            (&inner[..end], content.len() - inner.len())
        }
        None => (url.trim_end(), content.len() - url.len()),
    };
    (!url.is_empty()).then_some((url, from))
}

/// Does a `meta refresh` lead on before anybody has read the page: within a second?
pub(super) fn is_at_once(content: &str) -> bool {
    let time = content.trim_start_matches(|c: char| c.is_ascii_whitespace());
    let ends = |c: char| !c.is_ascii_digit();
    let seconds = &time[..time.find(ends).unwrap_or(time.len())];
    seconds.parse().unwrap_or(0) <= 1
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
            ("0 z", Some(("z", 2))),
            (" .5 ; Url = \"a'b\" c", Some(("a'b", 13))),
            ("1; urls", Some(("urls", 3))),
            ("30", None),
            ("0; url=", None),
            ("url=/x", None),
            ("soon; url=/x", None),
            ("5x; url=/x", None),
        ] {
            assert_eq!(refresh(content), url, "{content}");
        }
    }
}
