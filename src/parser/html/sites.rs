//! Where the links of HTML are written, for those who write them anew: what `document` finds, and which attributes are
//! documents of their own (`srcdoc`).

use std::ops::Range;

use super::element::{self as meaning, Reference, Shape};
use super::name::{Element, Word};
use super::tokenizer::{Start, Take, Tokenizer};
use super::value::{Decoded, is_space, meant, trimmed};
use crate::parser::position::Window;
use crate::parser::{css, jsonld};

/// What a reference stands in.
#[derive(Debug, Clone)]
pub(in crate::parser) enum Site {
    /// An attribute with that value.
    Attribute { value: Range<usize> },
    /// CSS in one.
    CssAttribute { value: Range<usize> },
    /// CSS.
    Css,
    /// A string of JSON.
    Json,
    /// No reference, but an attribute whose value is a document.
    Document,
}

/// Every reference in the HTML at `range` of `text`: where it is written, what it means, and what it stands in.
pub(in crate::parser) fn sites(
    text: &str,
    range: Range<usize>,
    take: impl FnMut(Range<usize>, &str, Site),
) {
    let Some(piece) = text.get(range.clone()) else {
        return;
    };
    let window = Window {
        text: piece,
        offset: range.start,
    };
    let mut sites = Sites {
        text,
        take,
        inside: Inside::Nothing,
        block: 0..0,
    };
    Tokenizer::new().read(window, true, &mut sites);
    sites.end_block();
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Nothing,
    Style,
    Json,
}

struct Sites<'a, F> {
    text: &'a str,
    take: F,
    inside: Inside,
    /// What was read of a style or of JSON-LD, as far as no tag comes between.
    block: Range<usize>,
}

impl<F: FnMut(Range<usize>, &str, Site)> Sites<'_, F> {
    fn end_block(&mut self) {
        let block = std::mem::take(&mut self.block);
        let Some(text) = self.text.get(block.clone()) else {
            return;
        };
        let there = |written: Range<usize>| block.start + written.start..block.start + written.end;
        match self.inside {
            Inside::Nothing => {}
            Inside::Style => css::scan(text, |reference, written, _| {
                (self.take)(there(written), reference, Site::Css);
            }),
            Inside::Json => jsonld::scan(text, |reference, written| {
                (self.take)(there(written), reference, Site::Json);
            }),
        }
    }

    fn reference(&mut self, reference: &Reference<'_>) {
        let at = reference.offset;
        let whole = at..at + reference.value.len();
        let mut one = |url: &str, from: usize| {
            let lead = url.len() - url.trim_start_matches(is_space).len();
            let bare = trimmed(url);
            let from = at + from + lead;
            let value = whole.clone();
            (self.take)(
                from..from + bare.len(),
                &meant(bare),
                Site::Attribute { value },
            );
        };
        match reference.shape {
            Shape::Url => one(reference.value, 0),
            Shape::Urls => {
                for (url, from) in meaning::words(reference.value) {
                    one(url, from);
                }
            }
            Shape::Srcset => {
                for (url, from) in meaning::candidates(reference.value) {
                    one(url, from);
                }
            }
            Shape::Refresh => {
                if let Some((url, from)) = meaning::refresh(reference.value) {
                    one(url, from);
                }
            }
            Shape::Declarations => {
                let css = Decoded::of(reference.value);
                css::scan(&css.text, |reference, written, _| {
                    let written = at + css.written(written.start)..at + css.written(written.end);
                    let value = whole.clone();
                    (self.take)(written, reference, Site::CssAttribute { value });
                });
            }
            Shape::Document => (self.take)(whole, "", Site::Document),
        }
    }

    fn listen(&mut self, from: usize, to: usize) {
        if self.block.end != from {
            self.end_block();
            self.block.start = from;
        }
        self.block.end = to;
    }
}

impl<F: FnMut(Range<usize>, &str, Site)> Take for Sites<'_, F> {
    fn start(&mut self, start: &Start<'_>) {
        if start.element == Element::Style && !start.is_empty() && meaning::is_css(start) {
            self.inside = Inside::Style;
        } else if start.element == Element::Script && start.is_html() && meaning::is_json_ld(start)
        {
            self.inside = Inside::Json;
        }
        if !start.is_bare() {
            meaning::references(start, |reference| self.reference(&reference));
        }
    }

    fn end(&mut self, word: Word) {
        const SCRIPT: Word = Word::of("script");
        const STYLE: Word = Word::of("style");
        if word == STYLE && self.inside == Inside::Style
            || word == SCRIPT && self.inside == Inside::Json
        {
            self.end_block();
            self.inside = Inside::Nothing;
        }
    }

    fn text(&mut self, from: usize, to: usize, _: Window<'_>) {
        if self.inside == Inside::Style {
            self.listen(from, to);
        }
    }

    fn script(&mut self, from: usize, to: usize, _: Window<'_>) {
        if self.inside == Inside::Json {
            self.listen(from, to);
        }
    }
}
