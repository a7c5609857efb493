//! Where a redirect leads, and whether it may (RFC 9110, section 15.4).
//!
//! Followed are 301, 302, 303, 307 and 308 with one `Location` that resolves to `http` or `https`. Userinfo
//! in it is dropped: nobody but the user logs us in. A fragment in it is told apart, as URLs here have none.

use http::{Method, StatusCode};
use url::Url;

use crate::model::{Failure, FailureKind, Hop, URL_LIMIT, masked, without_secrets};

/// What an answer says about going elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redirect {
    /// Nothing.
    No,
    /// Go there.
    To {
        /// Absolute, without fragment and userinfo.
        url: Url,
        /// How.
        method: Method,
        /// What stands behind `#`, where it says so.
        fragment: Option<String>,
    },
    /// It says so, and it cannot be done.
    Failed(Failure),
}

/// The next hop after an answer of `status` from `current`, if there is one; `hops` are those before.
#[must_use]
pub fn follow(
    status: StatusCode,
    locations: &[&[u8]],
    current: &Url,
    method: &Method,
    hops: &[Hop],
    max_redirects: usize,
) -> Redirect {
    let failed = |kind, message: String| Redirect::Failed(Failure::new(kind, message));
    let method = match status.as_u16() {
        301 | 302 if *method == Method::POST => Method::GET,
        303 if *method != Method::HEAD => Method::GET,
        301 | 302 | 303 | 307 | 308 => method.clone(),
        _ => return Redirect::No,
    };
    let invalid = |message: &str| failed(FailureKind::Redirect, format!("{status} {message}"));
    let location = match locations {
        [] => return invalid("without a Location"),
        [one] => one,
        [one, rest @ ..] if rest.iter().all(|other| other == one) => one,
        _ => return invalid("with two different Locations"),
    };
    // Servers send raw UTF-8 here, and browsers take it.
    let text = String::from_utf8_lossy(location);
    if text.trim().is_empty() {
        return invalid("with an empty Location");
    }
    let mut url = match current.join(&text) {
        Ok(url) => url,
        Err(error) => {
            let shown: String = masked(&text).chars().take(200).collect();
            return invalid(&format!(
                "to {}, which is no URL: {error}",
                shown.escape_debug()
            ));
        }
    };
    if url.as_str().len() > URL_LIMIT {
        let length = url.as_str().len();
        return invalid(&format!(
            "to a URL of {length} bytes; at most {URL_LIMIT} are asked for"
        ));
    }
    if !matches!(url.scheme(), "http" | "https") {
        return invalid(&format!(
            "to the scheme {}, which a redirect must not lead to",
            url.scheme()
        ));
    }
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let fragment = url.fragment().map(str::to_owned);
    url.set_fragment(None);
    if hops.len() >= max_redirects {
        return failed(
            FailureKind::TooManyRedirects,
            format!("more than {max_redirects} redirects"),
        );
    }
    let shown = url.as_str();
    if shown == without_secrets(current) || hops.iter().any(|hop| hop.url == shown) {
        return failed(
            FailureKind::TooManyRedirects,
            format!("the redirects run in a circle, back to {shown}"),
        );
    }
    Redirect::To {
        url,
        method,
        fragment,
    }
}

/// Where permanent redirects alone lead, if the first of these hops is one, and the fragment that they name; the last hop led
/// to `last`.
#[must_use]
pub fn moved_to<'a>(hops: &'a [Hop], last: &'a str) -> Option<(&'a str, Option<&'a str>)> {
    let permanent = |hop: &&Hop| matches!(hop.status, 301 | 308);
    match hops.iter().take_while(permanent).count() {
        0 => None,
        count => {
            let to = hops.get(count).map_or(last, |hop| &hop.url);
            Some((to, fragment(&hops[..count])))
        }
    }
}

/// The fragment that these hops put in the place of the link's own: that of the last which names one (RFC 9110, section
/// 10.2.2).
#[must_use]
pub fn fragment(hops: &[Hop]) -> Option<&str> {
    let mut named = hops.iter().rev();
    named.find_map(|hop| hop.fragment.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn go(status: u16, locations: &[&str], method: Method, hops: &[Hop]) -> Redirect {
        let current = Url::parse("http://a.test/x/y").expect("a URL");
        let locations: Vec<_> = locations.iter().map(|text| text.as_bytes()).collect();
        follow(
            StatusCode::from_u16(status).expect("a status"),
            &locations,
            &current,
            &method,
            hops,
            3,
        )
    }

    fn to(url: &str, method: Method) -> Redirect {
        let mut url = Url::parse(url).expect("a URL");
        let fragment = url.fragment().map(str::to_owned);
        url.set_fragment(None);
        Redirect::To {
            url,
            method,
            fragment,
        }
    }

    #[test]
    fn what_moved_for_good_is_told_from_what_redirects_for_the_moment() {
        let moved = |statuses: &[u16]| {
            let hop = |(number, status): (usize, &u16)| Hop {
                url: number.to_string(),
                status: *status,
                fragment: (*status == 308).then(|| format!("f{number}")),
            };
            let hops: Vec<_> = statuses.iter().enumerate().map(hop).collect();
            let moved = moved_to(&hops, "last");
            moved.map(|(to, fragment)| format!("{to} {}", fragment.unwrap_or_default()))
        };
        for (statuses, expected) in [
            (&[][..], None),
            (&[301], Some("last ")),
            (&[308, 301], Some("last f0")),
            (&[308, 308], Some("last f1")),
            (&[301, 302, 308], Some("1 ")),
            (&[302, 301], None),
            (&[303], None),
            (&[307, 308], None),
        ] {
            assert_eq!(moved(statuses).as_deref(), expected, "{statuses:?}");
        }
    }

    #[test]
    fn methods_follow_the_rules_of_their_status() {
        for (status, method, then) in [
            (301, Method::POST, Method::GET),
            (302, Method::POST, Method::GET),
            (303, Method::PUT, Method::GET),
            (303, Method::HEAD, Method::HEAD),
            (307, Method::POST, Method::POST),
            (308, Method::PUT, Method::PUT),
            (301, Method::HEAD, Method::HEAD),
        ] {
            assert_eq!(
                go(status, &["/z"], method, &[]),
                to("http://a.test/z", then),
                "{status}"
            );
        }
        for status in [200, 300, 304, 305, 306, 399, 404] {
            assert_eq!(
                go(status, &["/z"], Method::GET, &[]),
                Redirect::No,
                "{status}"
            );
        }
    }

    #[test]
    fn a_location_is_resolved_and_cleaned() {
        for (location, url) in [
            ("z", "http://a.test/x/z"),
            ("//b.test/é ü", "http://b.test/%C3%A9%20%C3%BC"),
            ("https://u:p@b.test/#f", "https://b.test/#f"),
            (" /tab\there\n", "http://a.test/tabhere"),
        ] {
            assert_eq!(
                go(302, &[location], Method::GET, &[]),
                to(url, Method::GET),
                "{location}"
            );
        }
        assert_eq!(
            go(302, &["/z", "/z"], Method::GET, &[]),
            to("http://a.test/z", Method::GET)
        );
    }

    #[test]
    fn what_leads_nowhere_is_a_failure_with_its_reason() {
        let cases: [(&[&str], FailureKind, &str); 8] = [
            (&[], FailureKind::Redirect, "without a Location"),
            (&[""], FailureKind::Redirect, "empty"),
            (&["/a", "/b"], FailureKind::Redirect, "two different"),
            (&["http://"], FailureKind::Redirect, "no URL"),
            (&["http://u:hunter2@["], FailureKind::Redirect, "no URL"),
            (
                &["file:///etc/passwd"],
                FailureKind::Redirect,
                "scheme file",
            ),
            (
                &["javascript:alert(1)"],
                FailureKind::Redirect,
                "scheme javascript",
            ),
            (&["y"], FailureKind::TooManyRedirects, "circle"),
        ];
        for (locations, kind, words) in cases {
            let Redirect::Failed(failure) = go(302, locations, Method::GET, &[]) else {
                panic!("{locations:?}")
            };
            assert_eq!(failure.kind, kind, "{locations:?}");
            assert!(
                failure.message.contains(words) && !failure.message.contains("hunter2"),
                "{}",
                failure.message
            );
        }
    }

    #[test]
    fn exactly_so_many_hops_are_followed() {
        let hop = |number| Hop {
            url: format!("http://a.test/{number}"),
            status: 302,
            fragment: None,
        };
        assert!(matches!(
            go(302, &["/z"], Method::GET, &[hop(1), hop(2)]),
            Redirect::To { .. }
        ));
        let Redirect::Failed(failure) = go(302, &["/z"], Method::GET, &[hop(1), hop(2), hop(3)])
        else {
            panic!("a fourth hop was followed");
        };
        assert_eq!(failure.kind, FailureKind::TooManyRedirects);
    }
}
