//! Floor 2: seeds in. What the user named, as targets that the frontier takes.
//!
//! | file | holds |
//! | --- | --- |
//! | `lines` | lists: one URL a line, from stdin, a file or arguments, any length, any bytes |
//! | `object` | a line that carries its own request |
//! | `files` | the folders and files that `check` reads |

mod files;
mod lines;
mod object;

use url::Url;

use crate::model::{Failure, FailureKind, Nearby, Secret, Seed, Target, URL_LIMIT, masked};
use crate::policy::headers::userinfo;

pub use files::{Found, Selection, Unread, walk};
pub use lines::{arguments, lines};

/// The longest line that is read, in bytes; it holds one URL.
pub const LINE_LIMIT: usize = URL_LIMIT;

/// The target that `text` names. What is no URL becomes a target too, one that carries its failure: every
/// seed has its record.
#[must_use]
pub fn seed(text: &str, line: u64, default_scheme: &str) -> Target {
    seed_near(&mut Nearby::default(), text, line, default_scheme)
}

/// The same, for one of many.
fn seed_near(nearby: &mut Nearby, text: &str, line: u64, default_scheme: &str) -> Target {
    let input = Seed {
        input: masked(text).into(),
        line,
        place: 0,
        id: None,
    };
    parsed(nearby, text, input, default_scheme)
}

/// The target of a seed whose URL is written as `text`.
fn parsed(nearby: &mut Nearby, text: &str, input: Seed, default_scheme: &str) -> Target {
    match parse(nearby, text, default_scheme) {
        Ok(mut url) => {
            let authorization = credentials(&url);
            // Neither fails for http and https, the only schemes that get here.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.set_fragment(None);
            Target {
                seed: Some(Box::new(input)),
                authorization,
                ..Target::named(url)
            }
        }
        Err(reason) => refused(input, reason),
    }
}

/// A seed that is recorded with its failure, without a request.
fn refused(seed: Seed, reason: String) -> Target {
    let refusal = Some(Box::new(Failure::new(FailureKind::Url, reason)));
    Target {
        seed: Some(Box::new(seed)),
        refusal,
        ..Target::named(nowhere())
    }
}

/// Stands where a target has no URL of its own.
#[expect(clippy::expect_used, reason = "a constant that every URL parser takes")]
fn nowhere() -> Url {
    Url::parse("about:blank").expect("a URL")
}

/// An `http` or `https` URL; text without a scheme gets `default_scheme`.
fn parse(nearby: &mut Nearby, text: &str, default_scheme: &str) -> Result<Url, String> {
    let text = text.trim();
    let known = |url: &Url| matches!(url.scheme(), "http" | "https");
    let with_scheme = || Url::parse(&format!("{default_scheme}://{text}"));
    let url = match nearby.parse(text) {
        // `localhost:8080/x` reads as a scheme and a path; nobody means it so.
        Ok(url) if !known(&url) && url.cannot_be_a_base() && is_port(url.path()) => with_scheme(),
        Err(url::ParseError::RelativeUrlWithoutBase) if !text.starts_with(['/', '?', '#', '.']) => {
            with_scheme()
        }
        other => other,
    };
    match url {
        Ok(url) if known(&url) => Ok(url),
        Ok(url) => Err(format!(
            "the scheme {} is not fetched; http and https are",
            url.scheme()
        )),
        Err(error) => Err(format!("not a URL: {error}")),
    }
}

/// Does `path` begin with a port number?
fn is_port(path: &str) -> bool {
    let port = path.split(['/', '?']).next().unwrap_or_default();
    !port.is_empty() && port.parse::<u16>().is_ok()
}

/// The Authorization that a URL's userinfo stands for (RFC 7617).
fn credentials(url: &Url) -> Option<Secret> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    Some(userinfo(url.username(), url.password().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_url_or_carries_why_not() {
        for (text, url) in [
            ("http://a.test/x#y", Ok("http://a.test/x")),
            ("  a.test/x ", Ok("https://a.test/x")),
            ("localhost:8080/x", Ok("https://localhost:8080/x")),
            ("http://u:p@a.test/", Ok("http://a.test/")),
            ("mailto:x@a.test", Err("the scheme mailto is not fetched")),
            ("ftp://a.test/", Err("the scheme ftp is not fetched")),
            ("http://", Err("not a URL")),
            ("/only/a/path", Err("not a URL")),
        ] {
            let target = seed(text, 7, "https");
            match url {
                Ok(url) => assert_eq!(
                    (target.url.as_str(), target.refusal.is_none()),
                    (url, true),
                    "{text}"
                ),
                Err(reason) => {
                    let failure = target.refusal.expect("a failure");
                    assert!(
                        failure.message.starts_with(reason),
                        "{text}: {}",
                        failure.message
                    );
                }
            }
        }
    }

    #[test]
    fn userinfo_becomes_a_secret_and_is_shown_nowhere() {
        let target = seed("http://user:hunter2@a.test/", 1, "https");
        assert_eq!(
            target.authorization.as_ref().map(Secret::reveal),
            Some("Basic dXNlcjpodW50ZXIy")
        );
        assert!(!format!("{target:?}").contains("hunter2"), "{target:?}");
    }
}
