//! The headings in a piece of HTML and its text, for the Markdown around it.

use std::borrow::Cow;

use super::name::{Word, is_one};
use super::tokenizer::{Start, Take, Tokenizer};
use crate::parser::position::Window;

/// What comes next in a piece of HTML.
pub(in crate::parser) enum Outline<'a> {
    /// A heading begins.
    Begin,
    /// Text, entities decoded.
    Text(Cow<'a, str>),
    /// A heading ends.
    End,
}

/// What is in `piece`, in its order.
pub(in crate::parser) fn outline(piece: &str, take: impl FnMut(Outline<'_>)) {
    let window = Window {
        text: piece,
        offset: 0,
    };
    Tokenizer::new().read(window, true, &mut Parts(take));
}

struct Parts<F>(F);

impl<F: FnMut(Outline<'_>)> Take for Parts<F> {
    fn start(&mut self, start: &Start<'_>) {
        if start.is_html() && is_heading(start.word()) {
            self.0(Outline::Begin);
        }
    }

    fn end(&mut self, word: Word) {
        if is_heading(word) {
            self.0(Outline::End);
        }
    }

    fn text(&mut self, from: usize, to: usize, window: Window<'_>) {
        self.0(Outline::Text(htmlize::unescape(window.text(from, to))));
    }
}

fn is_heading(word: Word) -> bool {
    is_one!(word, "h1" "h2" "h3" "h4" "h5" "h6")
}
