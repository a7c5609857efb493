//! The fields that go out: those of a request, and those that the protocol adds.
//!
//! Most requests of a run have the same, so what went out last is kept and copied. Deliberately absent: which fields may go
//! where, which is decided before a request is made.

use std::cell::RefCell;
use std::sync::Arc;

use http::header::{ACCEPT_ENCODING, HOST};
use http::{HeaderMap, HeaderValue};
use url::{Position, Url};

/// The content codings that `decode` undoes.
pub(crate) const CODINGS: HeaderValue = HeaderValue::from_static("gzip, br, zstd, deflate");

/// What went out last.
#[derive(Default)]
pub(super) struct Wire(RefCell<Option<Prepared>>);

struct Prepared {
    given: Arc<HeaderMap>,
    host: Box<str>,
    fields: HeaderMap,
}

impl Wire {
    /// The fields for a request with those that are `given`. Host is among them where it is known that it is sent: over TLS
    /// the library adds it, for a handshake decides whether it is (RFC 9113, section 8.3.1). `plain`: only the scheme of the
    /// URL could ask for TLS, and HTTP/2 is not said to be spoken.
    pub(super) fn fields(&self, given: &Arc<HeaderMap>, url: &Url, plain: bool) -> HeaderMap {
        let host = if plain && url.scheme() == "http" {
            &url[Position::BeforeHost..Position::AfterPort]
        } else {
            ""
        };
        let mut last = self.0.borrow_mut();
        if let Some(last) = &*last
            && Arc::ptr_eq(&last.given, given)
            && *last.host == *host
        {
            return last.fields.clone();
        }
        let mut fields = HeaderMap::clone(given);
        fields.entry(ACCEPT_ENCODING).or_insert(CODINGS);
        if let Ok(value) = HeaderValue::from_str(host)
            && !host.is_empty()
        {
            fields.insert(HOST, value);
        }
        *last = Some(Prepared {
            given: Arc::clone(given),
            host: host.into(),
            fields: fields.clone(),
        });
        fields
    }
}

#[cfg(test)]
mod tests {
    use http::header::RANGE;

    use super::*;

    #[test]
    fn the_host_that_is_sent_is_that_of_the_url() {
        let wire = Wire::default();
        let given = Arc::new(HeaderMap::new());
        let sent = |url: &str, plain| wire.fields(&given, &url.parse().expect("a URL"), plain);
        for (url, host) in [
            ("http://a.test/x", Some("a.test")),
            ("http://a.test:80/y", Some("a.test")),
            ("http://a.test:8080/?q", Some("a.test:8080")),
            ("http://b.test/", Some("b.test")),
            ("http://a.test/x", Some("a.test")),
            ("http://u:p@[::1]:81/", Some("[::1]:81")),
            ("https://a.test/", None),
        ] {
            let sent = sent(url, true);
            let value = sent.get(HOST).and_then(|value| value.to_str().ok());
            assert_eq!(value, host, "{url}");
            assert!(sent.contains_key(ACCEPT_ENCODING));
        }
        assert!(!sent("http://a.test/", false).contains_key(HOST));
        let other = Arc::new(HeaderMap::from_iter([(
            RANGE,
            HeaderValue::from_static("bytes=0-1"),
        )]));
        let sent = wire.fields(&other, &"http://a.test/".parse().expect("a URL"), false);
        assert!(sent.contains_key(RANGE), "fields of its own");
    }
}
