//! The comments of content that arrives: beside its parser, which has let go of what it has read.
//!
//! Of a page without comments to us nothing is held but the comment that has not ended. From the first one on it is kept to
//! its end, since what a comment covers hangs on what follows. Formats whose parsers hold all of the content, since nothing
//! in them can be read before its end, are held here too.

use memchr::memmem;

use super::{Begin, comment, read};
use crate::model::{Document, Ignored};
use crate::parser::{Format, Parse};

/// So much is looked at before anything is let go: no mark of an encoding is cut in two.
const HELD: usize = 1 << 10;

/// A parser, and what looks for comments beside it.
pub(in crate::parser) struct Watched {
    parse: Box<dyn Parse>,
    comments: Comments,
}

impl Watched {
    pub(in crate::parser) fn new(parse: Box<dyn Parse>, format: &'static Format) -> Self {
        let comments = Comments::of(format);
        Self { parse, comments }
    }
}

impl Parse for Watched {
    fn write(&mut self, chunk: &[u8]) {
        self.comments.write(chunk);
        self.parse.write(chunk);
    }

    fn held(&self) -> usize {
        self.parse.held() + self.comments.held.len()
    }

    fn is_list(&self) -> bool {
        self.parse.is_list()
    }

    fn finish(self: Box<Self>) -> Document {
        let mut document = self.parse.finish();
        document.ignored = self.comments.finish();
        document
    }
}

/// Looks for comments.
struct Comments {
    format: &'static Format,
    begin: Begin,
    /// What stands from there on.
    held: Vec<u8>,
    /// How much of that was looked at.
    seen: usize,
    /// Where in it a comment begins that has not ended.
    open: Option<usize>,
    /// All that follows is kept.
    keeps: bool,
}

impl Comments {
    fn of(format: &'static Format) -> Self {
        Self {
            format,
            begin: Begin::default(),
            held: Vec::new(),
            seen: 0,
            open: None,
            keeps: !super::is_streamed(format),
        }
    }

    fn write(&mut self, chunk: &[u8]) {
        self.held.extend_from_slice(chunk);
        while !self.keeps && self.look() {}
        let from = self.open.unwrap_or(self.seen);
        if !self.keeps && from >= HELD {
            self.begin.pass(&self.held[..from]);
            self.held.drain(..from);
            self.seen -= from;
            self.open = self.open.map(|_| 0);
        }
    }

    /// Looks for the next mark; is there one?
    fn look(&mut self) -> bool {
        let mark = if self.open.is_some() { "-->" } else { "<!--" };
        let Some(at) = memmem::find(&self.held[self.seen..], mark.as_bytes()) else {
            // Its beginning may be there already.
            let all = self.held.len();
            self.seen = self.seen.max(all.saturating_sub(mark.len() - 1));
            return false;
        };
        let at = self.seen + at;
        self.seen = at + mark.len();
        let Some(begin) = self.open.take() else {
            self.open = Some(at);
            return true;
        };
        let inner = String::from_utf8_lossy(&self.held[begin + "<!--".len()..at]);
        self.keeps = comment(begin..self.seen, &inner).is_some();
        true
    }

    fn finish(self) -> Option<Box<Ignored>> {
        let found = self
            .keeps
            .then(|| read(&self.held, self.begin, self.format));
        found.flatten().map(Box::new)
    }
}

#[cfg(test)]
mod tests {
    use super::super::of;
    use super::*;
    use crate::parser::{Options, for_extension};

    /// What is said of the comments of `text`, which comes in pieces of `size` bytes, and the lines of which some column is
    /// covered.
    fn arrived(extension: &str, text: &str, size: usize) -> String {
        let format = for_extension(extension).expect("a format");
        let mut parse = format.begin(&Options {
            comments: true,
            ..Options::default()
        });
        for chunk in text.as_bytes().chunks(size) {
            parse.write(chunk);
        }
        said(parse.finish().ignored.map(|ignored| *ignored))
    }

    fn said(ignored: Option<Ignored>) -> String {
        let Some(mut ignored) = ignored else {
            return "nothing".to_owned();
        };
        let places =
            (1..60).flat_map(|line| (1..1200).step_by(7).map(move |column| (line, column)));
        let covered: Vec<_> = places
            .filter(|(line, column)| ignored.covers(*line, *column))
            .collect();
        format!("{covered:?} {:?}", ignored.complaints())
    }

    #[test]
    fn what_arrives_in_pieces_is_read_like_what_is_there() {
        let long = "é<a href=x>x</a> ".repeat(200);
        let lines = "<p>\n".repeat(40);
        let texts = [
            String::new(),
            "\u{feff}<!-- dragnet-ignore -->\nb\nc".to_owned(),
            format!("{lines}<!--\n dragnet-ignore -->\n<a\nhref=x>\n{lines}"),
            format!("{lines}x <!-- dragnet-ignore --> y\n"),
            format!("{long}<!-- dragnet-ignore --> {long}\n{long}"),
            format!("{long}\n  > <!-- dragnet-ignore -->\n{long}\n{long}"),
            format!(
                "{long}<!-- dragnet-ignore-start -->{long}\n<!-- a --><!--dragnet-ignore-end-->{long}"
            ),
            format!("{lines}<!-- {long}<!-- dragnet-ignore --> -->\n{long}"),
            format!(
                "{lines}<!-- dragnet-ignore-end -->\n<!-- dragnet-ignore-that -->\n<!-- dragnet-ignore-start"
            ),
            format!("{long}<!-- markdown-link-check-disable-next-line -->\n\n{long}"),
            format!("{long}```\n<!-- dragnet-ignore-start -->\n```\n"),
        ];
        for text in &texts {
            for extension in ["html", "txt", "md", "css"] {
                let format = for_extension(extension).expect("a format");
                let whole = said(of(text.as_bytes(), format));
                for size in [1, 2, 3, 7, 500, 1024, 100_000] {
                    assert_eq!(
                        arrived(extension, text, size),
                        whole,
                        "{extension} {size}: {text}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_page_without_comments_is_not_held() {
        let format = for_extension("html").expect("a format");
        let mut comments = Comments::of(format);
        for _ in 0..1000 {
            comments.write(
                "<p>text <!-- navigation --> <a href=x>x</a>"
                    .repeat(30)
                    .as_bytes(),
            );
            assert!(comments.held.len() < 4 * HELD, "{}", comments.held.len());
        }
        assert!(comments.finish().is_none());
    }
}
