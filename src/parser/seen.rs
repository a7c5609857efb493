//! The text of Markdown as it is read, for text directives: block by block, folded.

use pulldown_cmark::{Event, Tag, TagEnd};

use super::directive::{BLOCK, fold};
use super::html::Tags;

/// The text, as far as it was read.
#[derive(Default)]
pub(super) struct Seen {
    text: String,
    /// The block that is read.
    block: String,
}

impl Seen {
    /// The next event, but for HTML.
    pub(super) fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Text(words) | Event::Code(words) => self.block.push_str(words),
            Event::SoftBreak | Event::HardBreak => self.block.push(' '),
            Event::Start(
                Tag::Emphasis
                | Tag::Strong
                | Tag::Strikethrough
                | Tag::Link { .. }
                | Tag::Image { .. },
            )
            | Event::End(
                TagEnd::Emphasis
                | TagEnd::Strong
                | TagEnd::Strikethrough
                | TagEnd::Link
                | TagEnd::Image,
            ) => {}
            Event::Start(_) | Event::End(_) | Event::Rule => self.end_block(),
            _ => {}
        }
    }

    /// A piece of HTML between them.
    pub(super) fn html(&mut self, piece: &str) {
        let mut tags = Tags::visible();
        tags.write(piece);
        let text = tags.finish().text.filter(|text| !text.is_empty());
        if let Some(text) = text {
            self.block.push_str(&text);
            self.end_block();
        }
    }

    fn end_block(&mut self) {
        let block = std::mem::take(&mut self.block);
        if !block.trim().is_empty() {
            if !self.text.is_empty() {
                self.text.push(BLOCK);
            }
            fold(&block, &mut self.text);
        }
    }

    pub(super) fn finish(mut self) -> String {
        self.end_block();
        self.text
    }
}
