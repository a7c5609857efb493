//! A document with its links changed, and nothing else of it.
//!
//! Everything that the parsers here take for a link is one: attributes, candidates of a `srcset`, `meta refresh`, CSS in
//! attributes, in `<style>` and in files. A link is either given a new place by the caller, or it keeps leading where it led,
//! as an absolute URL: a relative one would mean something else where the document goes. Where forms are sent and what
//! metadata name stays on the network. What else is changed in a page so that it works elsewhere is in `html/relink`.
//!
//! Bytes stay as they are, in whatever encoding the document says that it is in. Where only the transport knew that,
//! or where it is not one of ASCII's kin, the result is UTF-8 with a byte order mark, which nothing overrides.
//! Deliberately absent: what scripts load, what JSON-LD says, and `srcdoc` in pages that are not in UTF-8.

use std::borrow::Cow;
use std::ops::Range;

use encoding_rs::Encoding;
use url::Url;

use super::css;
use super::encoding::{self, Declared};
use super::extract::Page;
use super::html::relink as html;
use crate::model::LinkKind;

/// UTF-8's byte order mark.
const MARK: char = '\u{feff}';

/// The content of `page` with each link changed to what `to` makes of its URL, fragment included. Content of a type that
/// has no links comes back as it is.
#[must_use]
pub fn relink(page: &Page<'_>, to: &dyn Fn(&Url) -> Option<String>) -> Vec<u8> {
    let declared = match page.essence {
        "text/html" | "application/xhtml+xml" => Declared::InHtml,
        "text/css" => Declared::InCss,
        _ => return page.content.to_vec(),
    };
    let (read, said) = encoding::of(page.content, page.charset, declared);
    let plain = read.is_ascii_compatible() && (said || page.content.is_ascii());
    let content = match std::str::from_utf8(page.content) {
        Ok(text) if plain => Content::of(text.into(), None),
        Err(_) if plain => Content::of(Cow::Owned(view(page.content)), Some(read)),
        _ => Content::of(Cow::Owned(marked(page.content, read)), None),
    };
    let mut links = Links {
        page: page.url,
        base: page.url.clone(),
        to,
        read: content.read,
        embedded: false,
    };
    let mut edits = Edits::of(&content.text);
    if declared == Declared::InCss {
        links.css(&content.text, 0, &mut edits);
    } else {
        if let Some(base) = html::base(&content.text) {
            links.rebase(base);
        }
        html::relink(&content.text, &links, &mut edits);
    }
    let text = edits.finish();
    match content.read {
        None => text.into_owned().into_bytes(),
        // Back from the view: what was put in is ASCII.
        Some(_) => text.chars().filter_map(|c| u8::try_from(c).ok()).collect(),
    }
}

/// Content as text, in which places can be named.
struct Content<'a> {
    text: Cow<'a, str>,
    /// It is a view of bytes in that encoding.
    read: Option<&'static Encoding>,
}

impl<'a> Content<'a> {
    fn of(text: Cow<'a, str>, read: Option<&'static Encoding>) -> Self {
        Self { text, read }
    }
}

/// Each byte as the character of its number. In every encoding that is plain here, markup and what stands around
/// a link are ASCII.
fn view(content: &[u8]) -> String {
    content.iter().copied().map(char::from).collect()
}

/// Content as UTF-8, and marked as that.
fn marked(content: &[u8], read: &'static Encoding) -> String {
    let (text, _, _) = read.decode(content);
    let mut out = String::with_capacity(text.len() + MARK.len_utf8());
    out.push(MARK);
    out.push_str(text.strip_prefix(MARK).unwrap_or(&text));
    out
}

/// Where the links of one document lead.
pub(super) struct Links<'a> {
    page: &'a Url,
    base: Url,
    to: &'a dyn Fn(&Url) -> Option<String>,
    read: Option<&'static Encoding>,
    /// The document is in an attribute of the page.
    embedded: bool,
}

/// What shall stand instead of a reference.
pub(super) struct Changed {
    pub(super) reference: String,
    /// It was given a new place.
    pub(super) moved: bool,
}

impl Links<'_> {
    /// A stretch of the content as it is meant to be read.
    pub(super) fn text<'a>(&self, written: &'a str) -> Cow<'a, str> {
        let Some(read) = self.read.filter(|_| !written.is_ascii()) else {
            return Cow::Borrowed(written);
        };
        let bytes: Vec<u8> = written
            .chars()
            .filter_map(|c| u8::try_from(c).ok())
            .collect();
        let (text, _) = read.decode_without_bom_handling(&bytes);
        Cow::Owned(text.into_owned())
    }

    /// Those of a document in an attribute of this one; `None` where what is written there cannot be read as it is.
    pub(super) fn embedded(&self, text: &str) -> Option<Self> {
        if self.read.is_some() {
            return None;
        }
        let mut links = Self {
            page: self.page,
            base: self.base.clone(),
            to: self.to,
            read: None,
            embedded: true,
        };
        if let Some(base) = html::base(text) {
            links.rebase(base);
        }
        Some(links)
    }

    /// Takes the document's `base` into account, as it is meant.
    fn rebase(&mut self, base: &str) {
        let base = self.base.join(&html::meaning(&self.text(base)));
        if let Ok(base) = base
            && !base.cannot_be_a_base()
        {
            self.base = base;
        }
    }

    /// What shall stand instead of `reference`, which is as it is meant, if something shall.
    pub(super) fn changed(&self, reference: &str, kind: LinkKind) -> Option<Changed> {
        let own = reference.is_empty() || reference.starts_with('#');
        if own && (self.embedded || self.base == *self.page) {
            return None;
        }
        let url = self.base.join(reference).or_else(|error| {
            // Behind three slashes and more stands a host (WHATWG URL, "special authority ignore slashes state").
            let host = reference.trim_start_matches(['/', '\\']);
            if reference.len() - host.len() < 3 {
                return Err(error);
            }
            self.base.join(&format!("//{host}"))
        });
        let url = url.ok()?;
        let absolute = Url::parse(reference);
        let of_web = matches!(url.scheme(), "http" | "https");
        if !of_web && absolute.is_ok() {
            return None;
        }
        let stays =
            !of_web || matches!(kind, LinkKind::Form | LinkKind::Query | LinkKind::Metadata);
        let place = if stays { None } else { (self.to)(&url) };
        let moved = place.is_some();
        let new = match place {
            Some(place) => place,
            // It says already where that is, in its own spelling.
            None if absolute.is_ok_and(|said| said == url) => return None,
            None => url.into(),
        };
        Some(Changed {
            reference: new,
            moved,
        })
    }

    /// Changes the links of CSS, which stands at `at`.
    pub(super) fn css(&self, text: &str, at: usize, edits: &mut Edits<'_>) {
        css::scan(text, |reference, written, kind| {
            if let Some(new) = self.changed(&self.text(reference), kind) {
                edits.replace(
                    at + written.start..at + written.end,
                    &in_css(&new.reference),
                );
            }
        });
    }
}

/// A reference as CSS has it, whether it stands in quotes of either kind or in none.
pub(super) fn in_css(reference: &str) -> String {
    let mut out = String::with_capacity(reference.len());
    for c in reference.chars() {
        if matches!(c, '"' | '\'' | '(' | ')' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Text of which stretches are replaced, from its beginning to its end.
pub(super) struct Edits<'a> {
    text: &'a str,
    taken: usize,
    new: String,
}

impl<'a> Edits<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self {
            text,
            taken: 0,
            new: String::new(),
        }
    }

    /// One that begins before the end of the last is not done.
    pub(super) fn replace(&mut self, written: Range<usize>, new: &str) {
        if let Some(before) = self.text.get(self.taken..written.start)
            && self.text.get(written.clone()).is_some_and(|old| old != new)
        {
            self.new.push_str(before);
            self.new.push_str(new);
            self.taken = written.end;
        }
    }

    pub(super) fn finish(mut self) -> Cow<'a, str> {
        if self.taken == 0 {
            return Cow::Borrowed(self.text);
        }
        self.new.push_str(&self.text[self.taken..]);
        Cow::Owned(self.new)
    }
}

#[cfg(test)]
#[path = "relink_tests.rs"]
mod tests;
