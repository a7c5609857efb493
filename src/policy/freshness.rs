//! Which answers may be stored, and what a stored one is worth later (RFC 9111).
//!
//! The cache is one of a user and not a shared one, and stricter than that: a request that says who asks is neither stored
//! nor answered from it, whatever its answer allows (section 3.5 asks that of shared ones). So nothing in the file is a
//! secret, and CI may carry it from run to run. Every answer is asked about again before it is used, so how long it would be
//! fresh is never asked; all that is decided here is what would be another answer.

use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING,
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED, PROXY_AUTHENTICATE,
    SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT, VARY,
};
use http::{HeaderMap, HeaderName, Method, StatusCode};

use super::segment::digest;

/// The fields of a request that may make another answer of it, and say nothing about the user.
const VARYING: [HeaderName; 3] = [ACCEPT, ACCEPT_LANGUAGE, USER_AGENT];

/// Fields of an answer that are of the connection or of one user, and no part of what is stored.
const PASSING: [HeaderName; 10] = [
    CONNECTION,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    PROXY_AUTHENTICATE,
    SET_COOKIE,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// The name of the variant that a request with these fields gets, if it is one that the cache has to do with.
#[must_use]
pub fn variant(method: &Method, fields: &HeaderMap) -> Option<String> {
    let known = |name| VARYING.contains(name) || *name == ACCEPT_ENCODING;
    if *method != Method::GET || !fields.keys().all(known) {
        return None;
    }
    let mut text = Vec::new();
    for name in VARYING {
        for value in fields.get_all(&name) {
            text.extend_from_slice(name.as_str().as_bytes());
            text.extend_from_slice(value.as_bytes());
            text.push(b'\n');
        }
    }
    Some(digest(&text, 16))
}

/// May the whole answer be stored, and is it of use: can a later request ask whether it is still what it was?
#[must_use]
pub fn is_storable(status: StatusCode, fields: &HeaderMap) -> bool {
    let says = |name: HeaderName, words: &[&str]| {
        fields.get_all(name).iter().any(|value| {
            let text = value.to_str().unwrap_or("*").to_ascii_lowercase();
            text.split(',').any(|word| {
                let word = word.split('=').next().unwrap_or_default().trim();
                words.contains(&word)
            })
        })
    };
    let validated = fields.contains_key(ETAG) || fields.contains_key(LAST_MODIFIED);
    status == StatusCode::OK
        && validated
        && !says(CACHE_CONTROL, &["no-store"])
        && !says(VARY, &["*", "cookie", "authorization"])
}

/// The fields of an answer as they are stored.
#[must_use]
pub fn stored(fields: &HeaderMap) -> HeaderMap {
    let kept = fields.iter().filter(|(name, _)| !PASSING.contains(name));
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Stored fields after an answer of 304 (section 3.2): what is new in it counts, but for what says what the content is.
#[must_use]
pub fn updated(stored: &HeaderMap, newer: &HeaderMap) -> HeaderMap {
    let mut fields = stored.clone();
    let newer = self::stored(newer);
    for name in newer.keys().filter(|name| **name != CONTENT_TYPE) {
        fields.remove(name);
        for value in newer.get_all(name) {
            fields.append(name.clone(), value.clone());
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::{AUTHORIZATION, COOKIE, IF_NONE_MATCH, RANGE};

    use super::*;

    fn fields(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn who_says_who_he_is_has_nothing_to_do_with_the_cache() {
        let plain = variant(
            &Method::GET,
            &fields(&[(USER_AGENT, "a/1"), (ACCEPT, "*/*")]),
        );
        assert!(plain.is_some());
        let other = variant(
            &Method::GET,
            &fields(&[(USER_AGENT, "b/1"), (ACCEPT, "*/*")]),
        );
        assert_ne!(plain, other, "servers answer by it");
        let own = HeaderName::from_static("x-api-key");
        for name in [AUTHORIZATION, COOKIE, RANGE, IF_NONE_MATCH, own] {
            assert_eq!(
                variant(&Method::GET, &fields(&[(name.clone(), "x")])),
                None,
                "{name}"
            );
        }
        assert_eq!(variant(&Method::POST, &HeaderMap::new()), None);
    }

    #[test]
    fn what_is_stored_can_be_asked_about_and_forbids_it_nowhere() {
        let of = |pairs: &[_]| is_storable(StatusCode::OK, &fields(pairs));
        assert!(of(&[(ETAG, "W/\"a\"")]));
        assert!(of(&[
            (LAST_MODIFIED, "x"),
            (CACHE_CONTROL, "private, max-age=0")
        ]));
        assert!(of(&[(ETAG, "\"a\""), (VARY, "Accept-Encoding, Accept")]));
        for bad in [
            &[][..],
            &[(ETAG, "\"a\""), (CACHE_CONTROL, "max-age=0, No-Store")],
            &[(ETAG, "\"a\""), (VARY, "*")],
            &[(ETAG, "\"a\""), (VARY, "Accept, Cookie")],
        ] {
            assert!(!of(bad), "{bad:?}");
        }
        assert!(!is_storable(
            StatusCode::PARTIAL_CONTENT,
            &fields(&[(ETAG, "\"a\"")])
        ));
    }

    #[test]
    fn a_newer_field_takes_the_place_of_a_stored_one_and_what_describes_content_stays() {
        let old = stored(&fields(&[
            (ETAG, "\"a\""),
            (CONTENT_TYPE, "text/html"),
            (SET_COOKIE, "s=1"),
            (CONTENT_LENGTH, "5"),
        ]));
        assert_eq!(old.len(), 2);
        let new = fields(&[
            (ETAG, "\"b\""),
            (CONTENT_TYPE, "text/plain"),
            (SET_COOKIE, "s=2"),
            (CACHE_CONTROL, "x"),
        ]);
        let new = updated(&old, &new);
        assert_eq!(new[ETAG], "\"b\"");
        assert_eq!(new[CONTENT_TYPE], "text/html");
        assert_eq!(new[CACHE_CONTROL], "x");
        assert_eq!(new.len(), 3);
    }
}
