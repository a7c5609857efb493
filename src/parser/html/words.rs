//! Which text of a page is its own, for the sketch of its words.
//!
//! What stands on every page of a site (navigation, links, head and foot) is not what the page says, and pages are not alike
//! for it; neither is what no reader sees as text. Elements are counted by their tags, as there is no tree: one that is not
//! closed reaches to the end.

use super::name::Word;
use super::tokenizer::Start;
use crate::parser::position::Window;
use crate::parser::sketch::Sketch;

/// Elements whose text is passed over.
const BESIDE: [Word; 15] = [
    Word::of("a"),
    Word::of("nav"),
    Word::of("header"),
    Word::of("footer"),
    Word::of("aside"),
    Word::of("button"),
    Word::of("select"),
    Word::of("title"),
    Word::of("textarea"),
    Word::of("style"),
    Word::of("xmp"),
    Word::of("iframe"),
    Word::of("noembed"),
    Word::of("noframes"),
    Word::of("noscript"),
];

/// The words of a page.
pub(super) struct Words {
    sketch: Sketch,
    /// How many of each are open.
    open: [u32; BESIDE.len()],
}

impl Words {
    pub(super) fn new() -> Self {
        Self {
            sketch: Sketch::new(),
            open: [0; BESIDE.len()],
        }
    }

    pub(super) fn start(&mut self, start: &Start<'_>) {
        self.sketch.end_word();
        let word = start.word();
        if let Some(at) = BESIDE.iter().position(|beside| *beside == word)
            && !start.is_empty()
        {
            // A link ends where the next one begins.
            self.open[at] = if at == 0 { 1 } else { self.open[at] + 1 };
        }
    }

    pub(super) fn end(&mut self, word: Word) {
        self.sketch.end_word();
        if let Some(at) = BESIDE.iter().position(|beside| *beside == word) {
            self.open[at] = self.open[at].saturating_sub(1);
        }
    }

    pub(super) fn text(&mut self, from: usize, to: usize, window: Window<'_>) {
        if self.open.iter().all(|count| *count == 0) {
            self.sketch.write(window.text(from, to));
        }
    }

    pub(super) fn finish(self) -> Option<u128> {
        self.sketch.finish()
    }
}
