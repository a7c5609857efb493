//! Where a page is changed when its links are: the values of attributes and the text of `<style>`.
//!
//! Three things go that would stop a page that was moved: the `href` of `<base>`, a content security policy in `<meta>`, and
//! `integrity` and `crossorigin` of what was given a new place, since its content may have changed and a file shares its
//! origin with nobody.

use std::ops::Range;

use super::element::{self as meaning, Reference, Shape};
use super::name::{Attribute, Element, Word};
use super::nested::DEEPEST;
use super::tokenizer::{Start, Take, Tokenizer};
use super::value::{decoded, is_space, meant, trimmed};
use crate::model::LinkKind;
use crate::parser::position::Window;
use crate::parser::relink::{Edits, Links, in_css};

/// The first `base` of a page as it is written, wherever it stands: all links of the page are relative to it.
pub(in crate::parser) fn base(text: &str) -> Option<&str> {
    let mut first = FirstBase { text, href: None };
    read(text, &mut first);
    first.href.and_then(|href| text.get(href))
}

/// A reference as it is meant.
pub(in crate::parser) fn meaning(written: &str) -> String {
    meant(trimmed(written)).into_owned()
}

/// Changes the links of a page.
pub(in crate::parser) fn relink(text: &str, links: &Links<'_>, edits: &mut Edits<'_>) {
    relink_at(0, text, links, edits);
}

fn relink_at(depth: u8, text: &str, links: &Links<'_>, edits: &mut Edits<'_>) {
    let mut page = Relinking {
        depth,
        text,
        links,
        edits,
        in_style: false,
        style: 0..0,
    };
    read(text, &mut page);
    page.end_style();
}

fn read(text: &str, take: &mut impl Take) {
    let window = Window { text, offset: 0 };
    Tokenizer::new().read(window, true, take);
}

struct FirstBase<'a> {
    text: &'a str,
    href: Option<Range<usize>>,
}

impl Take for FirstBase<'_> {
    fn start(&mut self, start: &Start<'_>) {
        if start.element == Element::Base && start.is_html() && self.href.is_none() {
            self.href = start
                .value(Attribute::Href)
                .map(|(value, at)| at..at + value.len())
                .filter(|written| self.text.get(written.clone()).is_some());
        }
    }

    fn end(&mut self, _: Word) {}

    fn text(&mut self, _: usize, _: usize, _: Window<'_>) {}
}

struct Relinking<'a, 'b> {
    /// How many documents there are around it.
    depth: u8,
    text: &'a str,
    links: &'a Links<'a>,
    edits: &'a mut Edits<'b>,
    in_style: bool,
    /// Where its text stands, as far as no tag comes between, which there may be in SVG.
    style: Range<usize>,
}

impl Relinking<'_, '_> {
    fn end_style(&mut self) {
        let style = std::mem::take(&mut self.style);
        if let Some(text) = self.text.get(style.clone()) {
            self.links.css(text, style.start, self.edits);
        }
    }

    /// What becomes of the value of an attribute, and whether a link in it was given a new place.
    fn value(&self, reference: &Reference<'_>, kind: LinkKind) -> (Option<String>, bool) {
        let value = reference.value;
        let mut moved = false;
        let mut changed = |written: &str| {
            let new = self
                .links
                .changed(&meaning(&self.links.text(written)), kind)?;
            moved |= new.moved;
            Some(new.reference.replace('&', "&amp;"))
        };
        let mut pieces = Edits::of(value);
        match reference.shape {
            Shape::Url => {
                let new = changed(value).filter(|new| new != value);
                return (new, moved);
            }
            Shape::Document => return (self.document(value), false),
            Shape::Urls => {
                for (url, at) in meaning::words(value) {
                    if let Some(new) = changed(url) {
                        pieces.replace(at..at + url.len(), &new);
                    }
                }
            }
            Shape::Srcset => {
                for (url, at) in meaning::candidates(value) {
                    if let Some(new) = changed(url) {
                        pieces.replace(at..at + url.len(), &new);
                    }
                }
            }
            Shape::Refresh => {
                if let Some((url, at)) = meaning::refresh(value)
                    && let Some(new) = changed(url)
                {
                    // In quotes of its own it ends at the first.
                    let quoted = value[..at].ends_with('\'');
                    let new = if quoted {
                        new.replace('\'', "%27")
                    } else {
                        new
                    };
                    pieces.replace(at..at + url.len(), &new);
                }
            }
            Shape::Declarations => {
                let css = htmlize::unescape_attribute(value);
                let mut pieces = Edits::of(&css);
                crate::parser::css::scan(&css, |reference, written, kind| {
                    let reference = self.links.text(reference);
                    if let Some(new) = self.links.changed(&reference, kind) {
                        pieces.replace(written, &in_css(&new.reference));
                    }
                });
                let new = pieces.finish();
                let same = new == css;
                return ((!same).then(|| new.replace('&', "&amp;")), false);
            }
        }
        let new = pieces.finish();
        ((new != value).then(|| new.into_owned()), moved)
    }

    /// What becomes of a document in an attribute.
    fn document(&self, value: &str) -> Option<String> {
        let text = decoded(value);
        let links = self
            .links
            .embedded(&text)
            .filter(|_| self.depth < DEEPEST)?;
        let mut edits = Edits::of(&text);
        relink_at(self.depth + 1, &text, &links, &mut edits);
        let new = edits.finish();
        (new != text).then(|| new.replace('&', "&amp;"))
    }

    /// Writes a new value where the old one stands: in the quotes that are around it, or else in some.
    fn put(&mut self, at: Range<usize>, new: &str) {
        let before = self.text.get(..at.start).unwrap_or_default();
        let quoted = new.replace('"', "&quot;");
        if before.ends_with('"') {
            self.edits.replace(at, &quoted);
        } else if before.ends_with('\'') {
            self.edits.replace(at, &new.replace('\'', "&#39;"));
        } else if at.is_empty() && !before.trim_end_matches(is_space).ends_with('=') {
            // There is but a name.
            self.edits.replace(at, &format!("=\"{quoted}\""));
        } else {
            self.edits.replace(at, &format!("\"{quoted}\""));
        }
    }

    /// Where an attribute stands, with the white space before it.
    fn whole(&self, start: &Start<'_>, attribute: Attribute, name: &str) -> Option<Range<usize>> {
        let (value, at) = start.value(attribute)?;
        let mut end = at + value.len();
        let before = self.text.get(..at)?;
        let quote = before.ends_with(['"', '\'']);
        end += usize::from(quote);
        let before = before.strip_suffix(['"', '\'']).unwrap_or(before);
        let before = before.trim_end_matches(is_space);
        let before = before.strip_suffix('=').unwrap_or(before);
        let before = before.trim_end_matches(is_space);
        let begin = before.len().checked_sub(name.len())?;
        let is = before.get(begin..)?.eq_ignore_ascii_case(name);
        let begin = before.get(..begin)?.trim_end_matches(is_space).len();
        is.then_some(begin..end)
    }
}

impl Take for Relinking<'_, '_> {
    fn start(&mut self, start: &Start<'_>) {
        self.end_style();
        self.in_style |=
            start.element == Element::Style && !start.is_empty() && meaning::is_css(start);
        if start.is_bare() {
            return;
        }
        let policy =
            |start| meaning::has_word(start, Attribute::HttpEquiv, "content-security-policy");
        if start.element == Element::Meta
            && policy(start)
            && let Some((value, at)) = start.value(Attribute::HttpEquiv)
        {
            return self.put(at..at + value.len(), "");
        }
        let canonical =
            start.element == Element::Link && meaning::has_word(start, Attribute::Rel, "canonical");
        let mut new: Vec<(Range<usize>, Option<String>)> = Vec::new();
        if start.element == Element::Base && start.is_html() {
            let href = self.whole(start, Attribute::Href, "href");
            new.extend(href.map(|at| (at, None)));
        }
        let mut local = false;
        meaning::references(start, |reference| {
            let kind = if canonical {
                LinkKind::Metadata
            } else {
                reference.kind
            };
            let (value, moved) = self.value(&reference, kind);
            local |= moved;
            let at = reference.offset..reference.offset + reference.value.len();
            new.extend(value.map(|value| (at, Some(value))));
        });
        if local {
            let stops = [
                (Attribute::Integrity, "integrity"),
                (Attribute::CrossOrigin, "crossorigin"),
            ];
            let stops = stops
                .into_iter()
                .filter_map(|(attribute, name)| self.whole(start, attribute, name));
            new.extend(stops.map(|at| (at, None)));
        }
        new.sort_by_key(|(at, _)| at.start);
        for (at, value) in new {
            match value {
                Some(value) => self.put(at, &value),
                None => self.edits.replace(at, ""),
            }
        }
    }

    fn end(&mut self, word: Word) {
        const STYLE: Word = Word::of("style");
        self.end_style();
        self.in_style &= word != STYLE;
    }

    fn text(&mut self, from: usize, to: usize, _: Window<'_>) {
        if !self.in_style {
            return;
        }
        if self.style.end != from {
            self.end_style();
            self.style.start = from;
        }
        self.style.end = to;
    }
}
