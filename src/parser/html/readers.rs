//! Those that read the text of a page along, where somebody asks for them. Most pages are read for their links alone, so all
//! that a tag or a piece of text costs for this is one look.

use super::name::Word;
use super::tokenizer::Start;
use super::visible::Visible;
use super::words::Words;
use crate::model::Document;
use crate::parser::Options;
use crate::parser::position::Window;

/// The readers that are asked for.
pub(super) struct Readers {
    words: Option<Words>,
    visible: Option<Visible>,
}

impl Readers {
    /// If there are any.
    pub(super) fn asked(options: &Options) -> Option<Box<Self>> {
        let readers = Self {
            words: options.words.then(Words::new),
            visible: options.text.then(Visible::default),
        };
        (options.words || options.text).then(|| Box::new(readers))
    }

    #[cold]
    pub(super) fn start(&mut self, start: &Start<'_>) {
        if let Some(words) = &mut self.words {
            words.start(start);
        }
        if let Some(visible) = &mut self.visible {
            visible.start(start);
        }
    }

    #[cold]
    pub(super) fn end(&mut self, word: Word) {
        if let Some(words) = &mut self.words {
            words.end(word);
        }
        if let Some(visible) = &mut self.visible {
            visible.end(word);
        }
    }

    #[cold]
    pub(super) fn text(&mut self, from: usize, to: usize, window: Window<'_>) {
        if let Some(words) = &mut self.words {
            words.text(from, to, window);
        }
        if let Some(visible) = &mut self.visible {
            visible.text(from, to, window);
        }
    }

    /// What they have found.
    pub(super) fn finish(self, document: &mut Document) {
        document.sketch = self.words.and_then(Words::finish);
        document.text = self.visible.map(Visible::finish);
    }
}
