//! The text of a page as it is read, for text directives: block by block, entities decoded, folded.
//!
//! What no style sheet is needed to see: the content of a few elements is no text of the page. Deliberately absent: what CSS
//! hides, so that more may be found than a browser shows, and never less.

use super::name::{Word, is_one};
use super::tokenizer::Start;
use crate::parser::directive::{BLOCK, fold};
use crate::parser::position::Window;

/// The text, as far as it was read.
#[derive(Default)]
pub(super) struct Visible {
    text: String,
    /// The block that is read, as it is written.
    block: String,
    /// Elements that are open whose text is none of the page.
    hidden: u32,
}

impl Visible {
    pub(super) fn start(&mut self, start: &Start<'_>) {
        let word = start.word();
        if is_block(word) {
            self.end_block();
        } else if word == Word::of("br") {
            self.block.push(' ');
        } else if is_hidden(word) && !start.is_empty() {
            self.hidden += 1;
        }
    }

    pub(super) fn end(&mut self, word: Word) {
        if is_block(word) {
            self.end_block();
        } else if is_hidden(word) {
            self.hidden = self.hidden.saturating_sub(1);
        }
    }

    pub(super) fn text(&mut self, from: usize, to: usize, window: Window<'_>) {
        if self.hidden == 0 {
            self.block.push_str(window.text(from, to));
        }
    }

    fn end_block(&mut self) {
        if self.block.is_empty() {
            return;
        }
        let begin = self.text.len();
        if begin > 0 {
            self.text.push(BLOCK);
        }
        let before = self.text.len();
        fold(&htmlize::unescape(&*self.block), &mut self.text);
        if self.text.len() == before {
            self.text.truncate(begin);
        }
        self.block.clear();
    }

    pub(super) fn finish(mut self) -> String {
        self.end_block();
        self.text
    }
}

fn is_hidden(word: Word) -> bool {
    is_one!(word, "iframe" "noembed" "noframes" "style" "template" "textarea" "title")
}

/// Elements that are blocks, or parts of tables, in the standard's own style sheet (HTML, section 15.3).
fn is_block(word: Word) -> bool {
    is_one!(
        word,
        "address" "article" "aside" "blockquote" "body" "caption" "center" "dd" "details" "dialog" "dir" "div" "dl" "dt"
        "fieldset" "figcaption" "figure" "footer" "form" "h1" "h2" "h3" "h4" "h5" "h6" "header" "hgroup" "hr" "html"
        "legend" "li" "listing" "main" "menu" "nav" "ol" "optgroup" "option" "p" "plaintext" "pre" "search" "section"
        "summary" "table" "tbody" "td" "tfoot" "th" "thead" "tr" "ul" "xmp"
    )
}
