//! Which file a body is kept in: `host+port/last segment~digest.extension`, by its request alone.
//!
//! The name is known before anybody is asked, is the same in every run, and is that of no other request: the digest of 130
//! bits is that of the URL, and where a request is more than a GET, of what it says. It stands behind the last `~`, so no
//! text in front of it makes one name out of two. That it is in the name of every file is the price for all of this.

use http::{HeaderMap, Method};
use url::Url;

use crate::model::Message;
use crate::policy::headers::OPEN;
use crate::policy::segment::{digest, fit, host, is_extension, written};

/// Characters of the digest.
const DIGEST: usize = 26;

/// The name of the body that comes for `url`, with slashes, relative to the folder of bodies; `message` is what the request
/// is beyond a GET.
#[must_use]
pub fn name(url: &Url, message: Option<&Message>) -> String {
    let last = url.path().rsplit('/').next().unwrap_or_default();
    let last = if last.is_empty() { "index" } else { last };
    let (stem, extension) = match last.rsplit_once('.') {
        Some((stem, end)) if is_extension(end) && !stem.is_empty() => (stem, format!(".{end}")),
        _ => (last, String::new()),
    };
    let digest = digest(&request(url, message), DIGEST);
    format!("{}/{}~{digest}{extension}", host(url), fit(written(stem)))
}

/// What tells a request from all others; who asks is not part of it, because a name is no place for secrets.
fn request(url: &Url, message: Option<&Message>) -> Vec<u8> {
    let mut text = url.as_str().as_bytes().to_vec();
    let plain = Message::default();
    let message = message.unwrap_or(&plain);
    let said: HeaderMap = OPEN
        .into_iter()
        .filter_map(|name| Some((name.clone(), message.fields.get(name)?.clone())))
        .collect();
    let method = message.method();
    if method == Method::GET && said.is_empty() && message.content.is_none() {
        return text;
    }
    // A space is in no URL, and a line feed in no field.
    text.extend_from_slice(format!(" {method}\n").as_bytes());
    for name in OPEN {
        if let Some(value) = said.get(&name) {
            text.extend_from_slice(name.as_str().as_bytes());
            text.push(b' ');
            text.extend_from_slice(value.as_bytes());
            text.push(b'\n');
        }
    }
    text.push(b'\n');
    text.extend_from_slice(message.content.as_deref().unwrap_or_default());
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use bytes::Bytes;
    use http::HeaderValue;
    use http::header::{ACCEPT, AUTHORIZATION, RANGE};

    use super::*;

    fn of(url: &str) -> String {
        name(&url.parse().expect("a URL"), None)
    }

    #[test]
    fn a_name_says_what_its_url_says_and_stays_in_its_folder() {
        for (url, start, end) in [
            ("https://h.test/", "h.test/index~", ""),
            ("https://h.test/a/b.tar.gz?x=1", "h.test/b.tar~", ".gz"),
            (
                "http://h.test:81/caf%C3%A9.html",
                "h.test+81/café~",
                ".html",
            ),
            (
                "http://h.test/..%2F..%2Fetc%2Fpasswd",
                "h.test/_.%2F..%2Fetc%2Fpasswd~",
                "",
            ),
            ("http://h.test/con.txt", "h.test/_con~", ".txt"),
            ("http://h.test/.ssh", "h.test/_ssh~", ""),
            ("http://h.test/a%00b%0A", "h.test/a%00b%0A~", ""),
            ("http://[::1]/x", "[__1]/x~", ""),
        ] {
            let name = of(url);
            assert!(
                name.starts_with(start) && name.ends_with(end),
                "{url}: {name}"
            );
            assert_eq!(
                name.len(),
                start.len() + DIGEST + end.len(),
                "{url}: {name}"
            );
            assert_eq!(name, of(url), "it is the same in every run");
        }
        let long = of(&format!(
            "http://{}.test/{}",
            "h".repeat(60),
            "é".repeat(5000)
        ));
        let (folder, file) = long.split_once('/').expect("a folder");
        assert!(
            folder.len() < 200 && file.len() < 200 && !file.contains('/'),
            "{long}"
        );
    }

    #[test]
    fn two_requests_share_no_name() {
        let mut seen = HashSet::new();
        for url in [
            "http://h.test/a",
            "http://h.test/A",
            "https://h.test/a",
            "http://h.test/a?",
            "http://h.test/%61",
        ] {
            assert!(seen.insert(of(url).to_lowercase()), "{url}");
        }
        let url = "http://h.test/a".parse().expect("a URL");
        let fields = |name, value| HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
        let message = |method: Option<Method>, fields, content: Option<&'static str>| Message {
            method,
            fields,
            content: content.map(|text| Bytes::from_static(text.as_bytes())),
        };
        for said in [
            message(Some(Method::PUT), HeaderMap::new(), None),
            message(None, HeaderMap::new(), Some("a")),
            message(None, HeaderMap::new(), Some("b")),
            message(None, fields(RANGE, "bytes=0-1"), None),
            message(None, fields(ACCEPT, "a/b"), None),
            message(None, fields(ACCEPT, "a/c"), None),
        ] {
            assert!(
                seen.insert(name(&url, Some(&said)).to_lowercase()),
                "{said:?}"
            );
        }
        let secret = message(None, fields(AUTHORIZATION, "Bearer x"), None);
        assert_eq!(
            name(&url, Some(&secret)),
            of(url.as_str()),
            "a secret leaves no trace"
        );
    }
}
