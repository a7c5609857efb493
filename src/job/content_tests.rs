//! Parsers that panic cost their page, and nothing else.

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
async fn so_does_one_that_panics_before_it_reads() {
    let parsers = Parsers::default().with("text/Odd", |_, _| panic!("injected"));
    let wanted = Wanted {
        parsers,
        ..Wanted::default()
    };
    let mut content = Content::parsed(Options::default(), true, wanted);
    content.comes_from(&"http://h.test/".parse().expect("a URL"));
    let mut fields = HeaderMap::new();
    fields.insert(
        header::CONTENT_TYPE,
        "Text/ODD; x=y".parse().expect("a value"),
    );
    assert_eq!(content.head(StatusCode::OK, &fields), Want::Content);
    assert!(content.panicked, "it was asked for, and before any of ours");
}

#[tokio::test]
async fn a_parser_that_panics_makes_one_internal_failure() {
    for (at_once, held) in [(true, 0), (false, 0), (false, MUCH + 1)] {
        let mut content = Content {
            parse: Some(Box::new(Panics { at_once, held })),
            ..Content::parsed(Options::default(), true, Wanted::default())
        };
        content.chunk(b"x");
        content.chunk(b"y");
        let exchange = Exchange {
            cut: false,
            cached: false,
            certificate: None,
            status: StatusCode::OK,
            version: Version::HTTP_11,
            fields: HeaderMap::new(),
            size: Some(2),
            remote: None,
            timing: Timing::default(),
        };
        let url = "http://h.test/".parse().expect("a URL");
        let (end, found) = read(content, &url, End::Answer(Box::new(exchange))).await;
        let End::Failure(failure, Some(exchange)) = end else {
            panic!("no failure");
        };
        assert_eq!(failure.kind, FailureKind::Internal);
        assert_eq!(exchange.size, Some(2), "what was learnt stays");
        assert!(found.document.is_none());
    }
}

#[test]
fn a_media_type_is_that_of_the_last_head() {
    let head = |content: &mut Content, status, media_type: &'static str| {
        let value = http::HeaderValue::from_static(media_type);
        content.head(
            status,
            &HeaderMap::from_iter([(header::CONTENT_TYPE, value)]),
        )
    };
    let mut content = Content::counted();
    // As a cache looks whether what it has would do.
    head(&mut content, StatusCode::OK, "text/html");
    head(&mut content, StatusCode::MULTIPLE_CHOICES, "text/plain");
    let exchange = Box::new(Exchange {
        cut: false,
        cached: false,
        certificate: None,
        status: StatusCode::MULTIPLE_CHOICES,
        version: Version::HTTP_11,
        fields: HeaderMap::new(),
        size: None,
        remote: None,
        timing: Timing::default(),
    });
    let (_, found) = content.close(End::Answer(exchange));
    assert_eq!(found.essence, None, "the answer's own fields say it");
}
