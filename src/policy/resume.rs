//! How a body that was cut goes on: by which validator, with which fields, and what the answer to them means (RFC 9110,
//! sections 13.1.5 and 14).
//!
//! Only what is the same byte for byte may be put together, so only a strong validator will do: an `ETag` that is not weak,
//! or a `Last-Modified` that is older than the answer (section 8.8.2.2). Content that came coded is not gone on with: a part of it
//! cannot be decoded, and what was decoded is no part of it. One byte is asked for again, so that a body which lacked
//! nothing but its name has bytes left to ask for.

use http::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, IF_RANGE,
    LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

/// A body that is not all there, and what it can go on by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incomplete {
    /// Where it came from, without userinfo.
    pub url: String,
    /// Its strong `ETag`, or else its `Last-Modified`.
    pub validator: String,
    /// Its `Content-Type`, which the answer with the rest need not repeat.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub content_type: Option<String>,
}

impl Incomplete {
    /// Of the whole body of an answer from `url`, if it is one that could go on.
    #[must_use]
    pub fn of(url: &str, status: StatusCode, fields: &HeaderMap) -> Option<Self> {
        let text = |name: HeaderName| fields.get(name).and_then(|value| value.to_str().ok());
        let coded = text(CONTENT_ENCODING).is_some_and(|coding| coding != "identity");
        let refused = text(ACCEPT_RANGES).is_some_and(|ranges| ranges.trim() == "none");
        if status != StatusCode::OK || coded || refused {
            return None;
        }
        let strong = text(ETAG).filter(|tag| tag.starts_with('"') && tag.len() > 2);
        let date = |name| httpdate::parse_http_date(text(name)?).ok();
        let validator = match (strong, text(ETAG)) {
            (Some(tag), _) => tag,
            // Whoever has a weak one says that bytes may differ.
            (None, Some(_)) => return None,
            (None, None) => {
                let older = date(LAST_MODIFIED)? < date(DATE)?;
                text(LAST_MODIFIED).filter(|_| older)?
            }
        };
        Some(Self {
            url: url.to_owned(),
            validator: validator.to_owned(),
            content_type: text(CONTENT_TYPE).map(str::to_owned),
        })
    }
}

/// The byte that is asked for first where `length` bytes are there.
#[must_use]
pub const fn first(length: u64) -> u64 {
    length.saturating_sub(1)
}

/// Asks for what comes from the byte `first` on, or for all of it if it is not what it was.
pub fn conditions(first: u64, incomplete: &Incomplete, fields: &mut HeaderMap) {
    if let (Ok(range), Ok(validator)) = (
        HeaderValue::from_str(&format!("bytes={first}-")),
        HeaderValue::from_str(&incomplete.validator),
    ) {
        fields.insert(RANGE, range);
        fields.insert(IF_RANGE, validator);
    }
}

/// What came where the rest was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// The rest; with it there are so many bytes in all, where the answer says so.
    Rest(Option<u64>),
    /// An answer like any other: the body is not what it was, or the server does not do parts.
    Other,
    /// Nothing that helps: the whole has to be asked for.
    Nothing,
}

/// What came where the bytes from `first` on were asked for.
#[must_use]
pub fn came(first: u64, incomplete: &Incomplete, status: StatusCode, fields: &HeaderMap) -> Came {
    match status {
        StatusCode::PARTIAL_CONTENT => {}
        StatusCode::RANGE_NOT_SATISFIABLE => return Came::Nothing,
        _ => return Came::Other,
    }
    let text = |name: HeaderName| fields.get(name).and_then(|value| value.to_str().ok());
    let coded = text(CONTENT_ENCODING).is_some_and(|coding| coding != "identity");
    let another = text(ETAG)
        .is_some_and(|tag| incomplete.validator.starts_with('"') && tag != incomplete.validator);
    let range = text(CONTENT_RANGE).and_then(|range| {
        let (bytes, total) = range.strip_prefix("bytes ")?.split_once('/')?;
        let (from, _) = bytes.split_once('-')?;
        Some((
            from.trim().parse::<u64>().ok()?,
            total.trim().parse::<u64>().ok(),
        ))
    });
    match range {
        Some((from, total)) if from == first && !coded && !another => Came::Rest(total),
        _ => Came::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect()
    }

    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    #[test]
    fn a_body_goes_on_by_a_strong_validator_alone() {
        let of = |pairs: &[_]| {
            Incomplete::of("http://h.test/", StatusCode::OK, &fields(pairs))
                .map(|incomplete| incomplete.validator)
        };
        assert_eq!(of(&[(ETAG, "\"a\"")]).as_deref(), Some("\"a\""));
        assert_eq!(
            of(&[(LAST_MODIFIED, BEFORE), (DATE, LATER)]).as_deref(),
            Some(BEFORE)
        );
        for none in [
            &[][..],
            &[(ETAG, "W/\"a\"")],
            &[(ETAG, "W/\"a\""), (LAST_MODIFIED, BEFORE), (DATE, LATER)],
            &[(ETAG, "a")],
            &[(LAST_MODIFIED, BEFORE)],
            &[(LAST_MODIFIED, BEFORE), (DATE, BEFORE)],
            &[(ETAG, "\"a\""), (CONTENT_ENCODING, "gzip")],
            &[(ETAG, "\"a\""), (ACCEPT_RANGES, "none")],
        ] {
            assert_eq!(of(none), None, "{none:?}");
        }
        let part = Incomplete::of("", StatusCode::PARTIAL_CONTENT, &fields(&[(ETAG, "\"a\"")]));
        assert_eq!(part, None, "a part is not the whole");
    }

    #[test]
    fn only_the_bytes_that_were_asked_for_are_the_rest() {
        let incomplete = Incomplete {
            url: String::new(),
            validator: "\"a\"".into(),
            content_type: None,
        };
        let mut asked = HeaderMap::new();
        conditions(first(6), &incomplete, &mut asked);
        assert_eq!(asked[RANGE], "bytes=5-");
        assert_eq!(asked[IF_RANGE], "\"a\"");
        let part = StatusCode::PARTIAL_CONTENT;
        for (status, pairs, expected) in [
            (
                part,
                &[(CONTENT_RANGE, "bytes 5-9/10")][..],
                Came::Rest(Some(10)),
            ),
            (
                part,
                &[(CONTENT_RANGE, "bytes 5-9/*"), (ETAG, "\"a\"")],
                Came::Rest(None),
            ),
            (part, &[(CONTENT_RANGE, "bytes 0-9/10")], Came::Nothing),
            (
                part,
                &[(CONTENT_RANGE, "bytes 5-9/10"), (ETAG, "\"b\"")],
                Came::Nothing,
            ),
            (
                part,
                &[(CONTENT_RANGE, "bytes 5-9/10"), (CONTENT_ENCODING, "gzip")],
                Came::Nothing,
            ),
            (part, &[], Came::Nothing),
            (StatusCode::RANGE_NOT_SATISFIABLE, &[], Came::Nothing),
            (StatusCode::OK, &[], Came::Other),
            (StatusCode::FOUND, &[], Came::Other),
        ] {
            assert_eq!(
                came(5, &incomplete, status, &fields(pairs)),
                expected,
                "{pairs:?}"
            );
        }
    }
}
