//! HTML: links, anchors, title and what it says to robots, in one pass over the tags as they arrive.
//!
//! The tokenizer is our own, since what is a link hangs on it, and since it is most of what a crawl costs: it is more than
//! twice as fast as the best of four others (`cargo bench --bench extract`), because it looks only at what matters to links.
//! That it takes for a tag what a browser does is held by a comparison with html5ever and its tree (`differential`).
//!
//! No tree is built and nothing is kept of what has been read but the document itself: of the content only a tag that
//! has not ended is held. One beyond 4 MiB ends the document early, and says so.
//!
//! | file | decides |
//! | --- | --- |
//! | `tokenizer` | what is a tag, and what is text, a comment, a script |
//! | `tag` | the attributes of one tag |
//! | `name` | which names mean something |
//! | `foreign` | what stands in SVG or `MathML` |
//! | `document` | what a tag adds to the document |
//! | `element` | which attribute of which element is a reference |
//! | `nested` | the document in an attribute |
//! | `outline` | where headings begin and end, and the text |
//! | `sites` | where links are written |
//! | `relink` | where a page is changed when its links are |
//! | `readers` | who reads the text along |
//! | `value` | what a written value means |
//! | `visible` | which text a reader sees |
//! | `words` | which text is the page's own |

mod document;
mod element;
mod foreign;
mod name;
mod nested;
mod outline;
mod readers;
pub(super) mod relink;
mod sites;
mod tag;
mod tokenizer;
mod value;
mod visible;
mod words;

pub(super) use element::candidates;
pub(super) use nested::DEEPEST;
pub(super) use outline::{Outline, outline};
pub(super) use sites::{Site, sites};
pub(super) use value::Decoded;

use document::Reading;
use tokenizer::Tokenizer;

use super::encoding::{Declared, Text};
use super::position::Window;
use super::{Format, Options, Parse};
use crate::model::{Document, Limit};

pub(super) const FORMAT: Format = Format {
    name: "html",
    media_types: &["text/html", "application/xhtml+xml"],
    extensions: &["html", "htm", "xhtml"],
    open: |options| Box::new(Html::new(options)),
};

/// The parser.
struct Html {
    text: Text,
    tags: Tags,
}

impl Html {
    fn new(options: &Options) -> Self {
        Self {
            text: Text::new(options.charset.clone(), Declared::InHtml),
            tags: Tags::of(Reading::asked(options)),
        }
    }
}

impl Parse for Html {
    fn write(&mut self, chunk: &[u8]) {
        let text = self.text.write(chunk);
        self.tags.write(text);
    }

    fn finish(mut self: Box<Self>) -> Document {
        let (rest, charset) = self.text.finish();
        self.tags.write(rest);
        let mut document = self.tags.finish();
        document.charset = charset;
        document
    }
}

/// The tags of text that arrives; also what Markdown uses for the HTML in it.
pub(super) struct Tags {
    tokenizer: Tokenizer,
    reading: Reading,
    /// Text that came to no end yet: at most one tag, or what may become one.
    held: String,
    /// Where `held` begins in the content.
    offset: usize,
    /// Links were found behind those that they stand before.
    unordered: bool,
}

impl Tags {
    /// Of text that begins at `line` and `column`, of which only links are asked for.
    pub(super) fn new(line: u32, column: u32) -> Self {
        Self::of(Reading::new(false, false, line, column))
    }

    /// Of text of which anchors are asked for, and their names where `names` says so.
    pub(super) fn anchors(names: bool) -> Self {
        Self::of(Reading::asked(&Options {
            anchors: true,
            names,
            ..Options::default()
        }))
    }

    /// Of text of which only what a reader sees is asked for.
    pub(super) fn visible() -> Self {
        Self::of(Reading::asked(&Options {
            text: true,
            ..Options::default()
        }))
    }

    fn of(reading: Reading) -> Self {
        Self {
            tokenizer: Tokenizer::new(),
            reading,
            held: String::new(),
            offset: 0,
            unordered: false,
        }
    }

    /// The next text.
    pub(super) fn write(&mut self, mut text: &str) {
        if !self.held.is_empty() {
            // What is held most often ends at the next `>`, and then all that follows need not be copied.
            let end = memchr::memchr(b'>', text.as_bytes()).map_or(text.len(), |end| end + 1);
            let (end, rest) = text.split_at(end);
            self.hold(end);
            if self.held.is_empty() {
                text = rest;
            } else {
                return self.hold(rest);
            }
        }
        let done = self.read(text, false);
        self.held.push_str(&text[done..]);
    }

    /// The next text goes behind what is held, as far as that came to no end.
    fn hold(&mut self, text: &str) {
        let mut held = std::mem::take(&mut self.held);
        held.push_str(text);
        let done = self.read(&held, false);
        held.drain(..done);
        self.held = held;
    }

    /// Reads `text`, which begins where the last one was left; how much of it is done with.
    fn read(&mut self, text: &str, last: bool) -> usize {
        let window = Window {
            text,
            offset: self.offset,
        };
        let done = self.tokenizer.read(window, last, &mut self.reading);
        self.offset += done;
        self.reading.place.at(self.offset, window);
        if !self.reading.embedded.is_empty() {
            self.read_embedded();
        }
        done
    }

    #[cold]
    fn read_embedded(&mut self) {
        for embedded in std::mem::take(&mut self.reading.embedded) {
            embedded.read(&mut self.reading.document.links);
            self.unordered = true;
        }
    }

    /// What was found; anchors sorted, links in order.
    pub(super) fn finish(mut self) -> Document {
        let held = std::mem::take(&mut self.held);
        self.read(&held, true);
        let mut document = self.reading.finish();
        if self.unordered {
            document.links.sort();
        }
        if self.tokenizer.is_full() {
            document.limited = Some(Limit::too_large("a tag is too large"));
        }
        document
    }
}

#[cfg(test)]
mod differential;
#[cfg(test)]
mod tests;
