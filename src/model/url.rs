//! Which URLs are the same, and which share a server.
//!
//! The page key is the WHATWG serialisation without fragment and without userinfo, percent-escapes in upper
//! case and those of unreserved characters decoded (RFC 3986, section 6.2.2), so that `/%7ea` and `/~a` are
//! one page; an empty query is none. Case, dot segments and default ports are the URL standard's own work. Deliberately absent:
//! guesses that a server need not share (trailing slashes, sorted queries, `index.html`).

use std::borrow::Cow;
use std::fmt;
use std::hash::Hasher;
use std::sync::Arc;

use memchr::memchr;
use siphasher::sip::SipHasher13;
use url::{Position, Url};

/// The longest URL that is asked for, in bytes: 64 KiB. No server takes longer ones.
pub const URL_LIMIT: usize = 64 * 1024;

/// Scheme, host and port: the unit of politeness, of robots rules and of secrets (RFC 6454, section 4).
///
/// Cheap to clone; equal when all three are equal, the default port counting as written out.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin(Arc<str>);

impl Origin {
    /// The origin of `url`; every `file:` URL shares the one origin `file://`.
    #[must_use]
    pub fn of(url: &Url) -> Self {
        // Written by hand, not through `Url::origin`: that one allocates the host anew and has no
        // spelling for schemes beyond the web's.
        let scheme = url.scheme();
        let host = url.host_str().unwrap_or_default();
        let text = match url.port_or_known_default() {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        };
        Self(text.into())
    }

    /// The host, an IPv6 address in brackets; empty for files.
    #[must_use]
    pub fn host(&self) -> &str {
        let authority = self.0.split_once("://").map_or("", |(_, rest)| rest);
        authority.rsplit_once(':').map_or("", |(host, _)| host)
    }

    /// `scheme://host:port`, the port always written out.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The page key of `url`: equal keys are fetched once.
#[must_use]
pub fn key(url: &Url) -> Cow<'_, str> {
    let end = if url.query() == Some("") {
        // An empty query is none.
        Position::AfterPath
    } else {
        Position::AfterQuery
    };
    let bare = url.username().is_empty() && url.password().is_none();
    if bare {
        let text = &url[..end];
        return match memchr(b'%', text.as_bytes()) {
            Some(_) => normal_escapes(text).into(),
            None => text.into(),
        };
    }
    let mut bare = url.clone();
    // Both only fail for URLs that cannot have userinfo, and those have none to remove.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    normal_escapes(&bare[..end]).into()
}

/// Parses URLs of which most stand at the origin of one before, in a fraction of the time: then only a path is new.
#[derive(Clone, Default)]
pub struct Nearby(Option<Url>);

impl Nearby {
    /// The same as [`Url::parse`].
    ///
    /// # Errors
    /// The same.
    pub fn parse(&mut self, text: &str) -> Result<Url, url::ParseError> {
        if let Some(near) = &self.0
            && let Some(path) = text.strip_prefix(&near[..Position::BeforePath])
            && is_plain_path(path)
        {
            return near.join(path);
        }
        let url = Url::parse(text)?;
        let bare = url.username().is_empty() && url.password().is_none();
        if bare && matches!(url.scheme(), "http" | "https") {
            self.0 = Some(url.clone());
        }
        Ok(url)
    }
}

/// Does `text` begin as a path, and not as what a parser takes for a host? It passes over tabs and line ends.
fn is_plain_path(text: &str) -> bool {
    let mut bytes = text.bytes();
    let leads_on = |byte| matches!(byte, b'/' | b'\\' | b'\t' | b'\n' | b'\r');
    bytes.next() == Some(b'/') && !bytes.next().is_some_and(leads_on)
}

/// `url` as it may be shown: no userinfo. The fragment stays.
#[must_use]
pub fn without_secrets(url: &Url) -> Cow<'_, str> {
    if url.username().is_empty() && url.password().is_none() {
        return url.as_str().into();
    }
    let mut shown = url.clone();
    // Both only fail for URLs that cannot have userinfo, and those have none to remove.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    String::from(shown).into()
}

/// A keyed 64-bit fingerprint of a page key.
///
/// With the crawl's own secret key nobody outside can prepare two URLs that collide; among n pages two
/// collide by chance with odds of n²/2⁶⁵: 3 in 10⁸ for a million pages.
#[must_use]
pub fn fingerprint(secret: (u64, u64), key: &str) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(secret.0, secret.1);
    hasher.write(key.as_bytes());
    hasher.finish()
}

/// Upper-cases percent-escapes and decodes those of unreserved characters (RFC 3986, section 6.2.2).
#[must_use]
pub fn normal_escapes(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if let (b'%', Some(high), Some(low)) = (bytes[at], hex(bytes, at + 1), hex(bytes, at + 2)) {
            let value = high << 4 | low;
            if value.is_ascii_alphanumeric() || b"-._~".contains(&value) {
                out.push(value);
            } else {
                out.extend([
                    b'%',
                    bytes[at + 1].to_ascii_uppercase(),
                    bytes[at + 2].to_ascii_uppercase(),
                ]);
            }
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    // Only ASCII was replaced by ASCII, so this cannot lose anything.
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

fn hex(bytes: &[u8], at: usize) -> Option<u8> {
    let digit = char::from(*bytes.get(at)?).to_digit(16)?;
    u8::try_from(digit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Url {
        Url::parse(text).expect("a URL of the test")
    }

    #[test]
    fn one_page_has_one_key_however_it_is_spelt() {
        for (spelt, same) in [
            ("http://a.test/%7efoo", "http://a.test/~foo"),
            ("http://a.test/%2fb", "http://a.test/%2Fb"),
            ("HTTP://A.test:80/x/../y#part", "http://a.test/y"),
            ("http://user:word@a.test/", "http://a.test/"),
            ("http://a.test/100%", "http://a.test/100%"),
            ("http://a.test/?", "http://a.test/"),
            ("http://a.test/?b=?", "http://a.test/?b=?"),
        ] {
            assert_eq!(key(&parsed(spelt)), same, "{spelt}");
            assert_eq!(
                key(&parsed(same)),
                same,
                "normalising twice changes nothing"
            );
        }
        assert_ne!(
            key(&parsed("http://a.test/a%2Fb")),
            key(&parsed("http://a.test/a/b"))
        );
    }

    #[test]
    fn what_is_parsed_beside_another_is_what_it_is_alone() {
        let rests = [
            "",
            "/",
            "/x?y#z",
            "//x/y",
            "/\\x",
            "/\t/x",
            "/\n/x",
            "?q",
            "#f",
            ":81/x",
            "@b.test/x",
            "x",
            "\\x",
            "/../%2e/a b",
            "/x ",
            ".test/",
        ];
        let origins = [
            "http://a.test",
            "http://a.test:80",
            "https://a.test:8443",
            "http://u:p@a.test",
            "http://[::1]",
            "HTTP://A.test",
            "file://",
            "data:x",
        ];
        let texts = || {
            origins
                .iter()
                .flat_map(|origin| rests.iter().map(move |rest| format!("{origin}{rest}")))
        };
        for first in texts() {
            for second in texts() {
                let mut nearby = Nearby::default();
                let _ = nearby.parse(&first);
                assert_eq!(
                    nearby.parse(&second),
                    Url::parse(&second),
                    "{second:?} beside {first:?}"
                );
            }
        }
    }

    #[test]
    fn an_origin_has_its_port_written_out() {
        assert_eq!(
            Origin::of(&parsed("http://a.test/x")).as_str(),
            "http://a.test:80"
        );
        assert_eq!(
            Origin::of(&parsed("https://a.test:443")),
            Origin::of(&parsed("https://a.test"))
        );
        assert_ne!(
            Origin::of(&parsed("http://a.test")),
            Origin::of(&parsed("https://a.test"))
        );
        assert_eq!(Origin::of(&parsed("file:///etc/x")).as_str(), "file://");
    }
}
