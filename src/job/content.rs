//! Content as it arrives, into the parser that its type asks for: no page is held in memory.
//!
//! What a parser does at the end, and what a page with very many links asks for, is done on a thread of its own
//! when it is much: the loop must not stand still for one page. A parser that panics is a fault of ours; it costs
//! its page, which is then a record of kind `internal`, and nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};

use http::{HeaderMap, StatusCode, header};

use super::pipeline::End;
use crate::fetcher::{Receiver, Want};
use crate::model::{Document, Failure, FailureKind};
use crate::parser::{self, Options, Parse};

/// Bytes that are parsed at once on the loop: a quarter of a millisecond of the slowest parser.
const MUCH: usize = 64 << 10;

/// What takes the content of an answer.
pub(super) enum Content {
    /// Nobody looks into it: it is read to its end, so that size and truncation are known.
    Counted,
    /// It is parsed, if there is a parser for it.
    Parsed(Parsed),
}

/// Parses what can be parsed and reads the rest to its end, or leaves it.
pub(super) struct Parsed {
    options: Options,
    /// Content without a parser is read all the same, for its size.
    all: bool,
    parse: Option<Box<dyn Parse>>,
    panicked: bool,
}

impl Parsed {
    /// `all`: read content also when there is no parser for it.
    pub(super) fn new(options: Options, all: bool) -> Self {
        Self {
            options,
            all,
            parse: None,
            panicked: false,
        }
    }

    fn head(&mut self, status: StatusCode, fields: &HeaderMap) -> Want {
        let value = fields
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let mut parts = value.split(';');
        let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        self.options.charset = parts.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("charset")
                .then(|| value.trim().trim_matches('"').to_owned())
        });
        self.parse = if status.is_success() {
            parser::for_media_type(&essence).map(|format| (format.open)(&self.options))
        } else {
            None
        };
        if self.parse.is_some() || self.all {
            Want::Content
        } else {
            Want::Nothing
        }
    }

    fn chunk(&mut self, bytes: &[u8]) {
        // The parser is not used again after a panic, so it does not matter what it left behind.
        if let Some(parse) = &mut self.parse
            && catch_unwind(AssertUnwindSafe(|| parse.write(bytes))).is_err()
        {
            self.parse = None;
            self.panicked = true;
        }
    }
}

impl Receiver for Content {
    fn head(&mut self, status: StatusCode, fields: &HeaderMap) -> Want {
        match self {
            // What stands beside a redirect is for those who cannot follow it.
            _ if status.is_redirection() => Want::Nothing,
            Self::Counted => Want::Content,
            Self::Parsed(parsed) => parsed.head(status, fields),
        }
    }

    fn chunk(&mut self, bytes: &[u8]) {
        if let Self::Parsed(parsed) = self {
            parsed.chunk(bytes);
        }
    }
}

/// What was found in the content, and the end that it makes: a parser that panicked has read nothing.
pub(super) async fn read(content: Content, end: End) -> (End, Option<Document>) {
    let Content::Parsed(Parsed {
        parse, panicked, ..
    }) = content
    else {
        return (end, None);
    };
    let document = match parse {
        None if panicked => None,
        None => return (end, None),
        Some(parse) => {
            let much = parse.held() > MUCH;
            apart(much, move || parse.finish()).await
        }
    };
    match (document, end) {
        (None, End::Answer(exchange)) => (End::Failure(internal(), Some(exchange)), None),
        (document, end) => (end, document),
    }
}

/// Does `work` here or, when it is `much`, on a thread; `None` when it panicked.
pub(super) async fn apart<T: Send + 'static>(
    much: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    if much {
        tokio::task::spawn_blocking(work).await.ok()
    } else {
        catch_unwind(AssertUnwindSafe(work)).ok()
    }
}

/// A fault of our own.
pub(super) fn internal() -> Failure {
    Failure::new(
        FailureKind::Internal,
        "its parser failed, which is a fault of this program; please report it with the page",
    )
}

#[cfg(test)]
mod tests {
    use http::Version;

    use super::*;
    use crate::model::{Exchange, Timing};

    /// Panics at the first byte, or at the end.
    struct Panics {
        at_once: bool,
        held: usize,
    }

    impl Parse for Panics {
        fn write(&mut self, _: &[u8]) {
            assert!(!self.at_once, "injected");
        }

        fn held(&self) -> usize {
            self.held
        }

        fn finish(self: Box<Self>) -> Document {
            panic!("injected")
        }
    }

    #[tokio::test]
    async fn a_parser_that_panics_makes_one_internal_failure() {
        for (at_once, held) in [(true, 0), (false, 0), (false, MUCH + 1)] {
            let mut content = Content::Parsed(Parsed {
                parse: Some(Box::new(Panics { at_once, held })),
                ..Parsed::new(Options::default(), true)
            });
            content.chunk(b"x");
            content.chunk(b"y");
            let exchange = Exchange {
                status: StatusCode::OK,
                version: Version::HTTP_11,
                fields: HeaderMap::new(),
                size: Some(2),
                remote: None,
                timing: Timing::default(),
            };
            let (end, document) = read(content, End::Answer(Box::new(exchange))).await;
            let End::Failure(failure, Some(exchange)) = end else {
                panic!("no failure");
            };
            assert_eq!(failure.kind, FailureKind::Internal);
            assert_eq!(exchange.size, Some(2), "what was learnt stays");
            assert!(document.is_none());
        }
    }
}
