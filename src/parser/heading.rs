//! The headings of Markdown, and the anchors that they have.
//!
//! GitHub makes them of the text of `h1` to `h6` as they are rendered (html-pipeline's table of contents), so headings that
//! are written in HTML have them too; an image has no text there, and the space beside it stays. Others read its alternative
//! text and take white space off the ends. Both are anchors.

use std::collections::HashMap;

use super::html::Outline;

/// The headings of a document, as far as it was read.
#[derive(Default)]
pub(super) struct Headings {
    open: Option<Heading>,
    /// What GitHub has given.
    github: Slugs,
    /// What others have, once that is something else.
    others: Option<Slugs>,
}

/// A heading that is read.
#[derive(Default)]
struct Heading {
    id: Option<String>,
    /// As GitHub reads it.
    text: String,
    /// As others do, once that is something else.
    told: Option<String>,
    /// It is written in HTML.
    markup: bool,
}

impl Heading {
    fn told(&mut self) -> &mut String {
        self.told.get_or_insert_with(|| self.text.clone())
    }
}

/// A heading that was read.
pub(super) struct Read {
    /// White space folded; it may be empty.
    pub(super) title: String,
    /// What it can be linked to by, in lower case.
    pub(super) anchors: [Option<String>; 3],
}

impl Headings {
    /// A heading of Markdown begins, maybe with an identifier of its own in lower case. What HTML has left open ends there.
    pub(super) fn begin(&mut self, id: Option<String>) {
        self.open = Some(Heading {
            id,
            ..Heading::default()
        });
    }

    /// The next text, which may be an image's.
    pub(super) fn text(&mut self, words: &str, alternative: bool) {
        if let Some(heading) = &mut self.open {
            if alternative {
                heading.told().push_str(words);
                return;
            }
            heading.text.push_str(words);
            if let Some(told) = &mut heading.told {
                told.push_str(words);
            }
        }
    }

    /// A line ends.
    pub(super) fn line(&mut self) {
        if let Some(heading) = &mut self.open {
            heading.told().push(' ');
        }
    }

    /// A heading of Markdown ends.
    pub(super) fn end(&mut self) -> Option<Read> {
        self.open.take().map(|heading| self.read(heading))
    }

    /// The next HTML, and the headings that end in it.
    pub(super) fn markup(&mut self, piece: &str) -> Vec<Read> {
        let mut ended = Vec::new();
        let inside = self.open.as_ref().is_some_and(|heading| heading.markup);
        if !inside && (self.open.is_some() || !has_heading(piece)) {
            return ended;
        }
        super::html::outline(piece, |part| match part {
            Outline::Begin => {
                // One in another ends that.
                ended.extend(self.end());
                self.open = Some(Heading {
                    markup: true,
                    ..Heading::default()
                });
            }
            Outline::Text(text) => self.text(&text, false),
            Outline::End => ended.extend(self.end()),
        });
        ended
    }

    fn read(&mut self, heading: Heading) -> Read {
        let told = heading.told.as_ref().unwrap_or(&heading.text);
        let title = told.split_whitespace().collect::<Vec<_>>().join(" ");
        let own = hyphenated(&heading.text);
        let other = (heading.text != title).then(|| slug(&title));
        let other = other.filter(|other| *other != own);
        if other.is_some() {
            self.others.get_or_insert_with(|| self.github.clone());
        }
        let others = self.others.as_mut();
        let other = others.map(|others| others.unique(other.unwrap_or_else(|| own.clone())));
        let own = self.github.unique(own);
        let other = other.filter(|other| *other != own && !other.is_empty());
        let own = Some(own).filter(|own| !own.is_empty());
        Read {
            title,
            anchors: [heading.id, own, other],
        }
    }
}

/// Does a heading begin in this HTML?
fn has_heading(piece: &str) -> bool {
    let begins = |at| matches!(piece.as_bytes()[at..], [_, b'h' | b'H', b'1'..=b'6', ..]);
    memchr::memchr_iter(b'<', piece.as_bytes()).any(begins)
}

/// The slugs that were given, and the last number that each had to add.
#[derive(Clone, Default)]
struct Slugs(HashMap<String, u32>);

impl Slugs {
    /// A slug that was given before gets a number, the next one that makes it new.
    fn unique(&mut self, slug: String) -> String {
        let mut unique = slug.clone();
        while self.0.contains_key(&unique) {
            let times = self.0.entry(slug.clone()).or_default();
            *times += 1;
            unique = format!("{slug}-{times}");
        }
        self.0.insert(unique.clone(), 0);
        unique
    }
}

/// The anchor that a heading of that text has.
pub(super) fn slug(text: &str) -> String {
    hyphenated(text.trim())
}

/// Lower case, spaces to hyphens, punctuation and line ends gone, letters of every script kept.
fn hyphenated(text: &str) -> String {
    text.to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c if c.is_alphanumeric() => Some(c),
            // Marks that combine with the letter before them.
            '\u{300}'..='\u{36f}' | '\u{fe0f}' | '\u{200d}' => Some(c),
            _ => None,
        })
        .collect()
}
