//! Quotas of requests as servers tell them, and until when one is spent.
//!
//! Three generations are in use: the fields of the IETF's draft as structured fields (`RateLimit: "day";r=0;t=3600`, with
//! `RateLimit-Policy: "day";q=100;w=86400`; draft-ietf-httpapi-ratelimit-headers-08 and later), its older dictionary
//! (`RateLimit: limit=100, remaining=0, reset=50`; -07), and a field for each number (`RateLimit-Remaining`,
//! `RateLimit-Reset`, with and without `X-`; -06 and before), where some send the reset as seconds since 1970.
//! Of several quotas the one that is spent the longest counts. What cannot be read says nothing.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName};

/// The names of the number that is left and of the time until there is more.
const PAIRS: [(&str, &str); 3] = [
    ("ratelimit-remaining", "ratelimit-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("x-rate-limit-remaining", "x-rate-limit-reset"),
];

/// More than a year is a date.
const LONGEST: f64 = 366.0 * 24.0 * 3600.0;

/// More than this since 1970 are milliseconds: as seconds, they would be in the year 5138.
const MILLISECONDS: f64 = 1e11;

/// How long a host has to be left alone because a quota is spent; `None` where none is, or none is told.
#[must_use]
pub fn spent(fields: &HeaderMap, now: SystemTime) -> Option<Duration> {
    // To look for each name in each answer would cost them all.
    if !fields.keys().any(is_told) {
        return None;
    }
    let own = PAIRS.iter().filter_map(|(remaining, reset)| {
        let field = |name: &str| number(fields.get(name)?.to_str().ok()?);
        (field(remaining)? == 0.0).then(|| until(field(reset)?, now))?
    });
    own.chain(structured(fields, now)).max()
}

/// May a field of that name tell of one? Few servers send any.
pub(super) fn is_told(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.starts_with("ratelimit") || name.starts_with("x-rate")
}

/// The same by `RateLimit`, in either of its shapes.
fn structured(fields: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let items = |name| {
        let values = fields.get_all(name).into_iter();
        let texts = values.filter_map(|value| value.to_str().ok());
        texts.flat_map(|text| text.split(',')).map(str::trim)
    };
    // All members of a dictionary are one quota.
    let member = |name: &str| {
        let found = items("ratelimit").find_map(|item| item.strip_prefix(name)?.strip_prefix('='));
        number(found?)
    };
    let old = (member("remaining") == Some(0.0))
        .then(|| until(member("reset")?, now))
        .flatten();
    let window = |name: &str| {
        let mut policies = items("ratelimit-policy");
        policies.find_map(|item| (label(item) == name).then(|| parameter(item, "w"))?)
    };
    let new = items("ratelimit").filter_map(|item| {
        if parameter(item, "r")? != 0.0 {
            return None;
        }
        // Without a time it is the whole window at most.
        until(parameter(item, "t").or_else(|| window(label(item)))?, now)
    });
    new.chain(old).max()
}

/// What stands before the parameters of an item.
fn label(item: &str) -> &str {
    item.split(';').next().unwrap_or_default().trim()
}

fn parameter(item: &str, name: &str) -> Option<f64> {
    let mut parameters = item.split(';').skip(1).map(str::trim);
    number(parameters.find_map(|text| text.strip_prefix(name)?.strip_prefix('='))?)
}

/// A number that is not negative; some send decimals.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = |c: char| c.is_ascii_digit() || c == '.';
    text.parse().ok().filter(|_| text.chars().all(digits))
}

/// From now to a reset, which is a time from now or since 1970.
fn until(reset: f64, now: SystemTime) -> Option<Duration> {
    let since = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()?
        .as_secs_f64();
    let seconds = if reset <= LONGEST {
        reset
    } else if reset < MILLISECONDS {
        (reset - since).max(0.0)
    } else {
        (reset / 1e3 - since).max(0.0)
    };
    // More than a clock can hold is for ever, and not an error.
    Some(Duration::from_secs_f64(seconds.min(u32::MAX.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(pairs: &[(&'static str, &'static str)]) -> Option<u64> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let mut fields = HeaderMap::new();
        for &(name, value) in pairs {
            fields.append(name, http::HeaderValue::from_static(value));
        }
        spent(&fields, now).map(|time| time.as_secs())
    }

    #[test]
    fn every_generation_says_until_when_its_quota_is_spent() {
        for (pairs, expected) in [
            (
                &[("ratelimit-remaining", "0"), ("ratelimit-reset", "30")][..],
                Some(30),
            ),
            (
                &[
                    ("x-ratelimit-remaining", "0"),
                    ("x-ratelimit-reset", "1700000050"),
                ],
                Some(50),
            ),
            (
                &[
                    ("x-ratelimit-remaining", "0"),
                    ("x-ratelimit-reset", "1700000050000"),
                ],
                Some(50),
            ),
            (
                &[("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", "7")],
                Some(7),
            ),
            (
                &[
                    ("x-ratelimit-remaining", "0.0"),
                    ("x-ratelimit-reset", "287.4"),
                ],
                Some(287),
            ),
            (
                &[("ratelimit", "limit=100, remaining=0, reset=50")],
                Some(50),
            ),
            (&[("ratelimit", "\"default\";r=0;t=12")], Some(12)),
            (
                &[(
                    "ratelimit",
                    "\"a\";r=0;t=5, \"b\";r=0; t=60 , \"c\";r=9;t=900",
                )],
                Some(60),
            ),
            (
                &[("ratelimit", "\"a\";r=1"), ("ratelimit", "\"b\";r=0;t=4")],
                Some(4),
            ),
            (
                &[
                    ("ratelimit", "\"day\";r=0"),
                    ("ratelimit-policy", "\"s\";q=9;w=1, \"day\";q=100;w=86400"),
                ],
                Some(86400),
            ),
            // A quota that came back already.
            (
                &[
                    ("x-ratelimit-remaining", "0"),
                    ("x-ratelimit-reset", "1600000000"),
                ],
                Some(0),
            ),
        ] {
            assert_eq!(seconds(pairs), expected, "{pairs:?}");
        }
    }

    #[test]
    fn what_is_not_spent_or_not_told_says_nothing() {
        for pairs in [
            &[][..],
            &[("ratelimit-remaining", "1"), ("ratelimit-reset", "30")],
            &[("ratelimit-remaining", "0")],
            &[("ratelimit-remaining", "0"), ("ratelimit-reset", "soon")],
            &[("ratelimit-remaining", "0"), ("ratelimit-reset", "-1")],
            &[("ratelimit-remaining", ""), ("ratelimit-reset", "9")],
            &[("ratelimit", "\"a\";r=10;t=5")],
            &[("ratelimit", "\"a\";r=0")],
            &[("ratelimit", "\"a\";r=0;t=NaN")],
            &[("ratelimit", "limit=100, remaining=3, reset=50")],
            &[("ratelimit-policy", "\"a\";q=0;w=60")],
            &[("ratelimit-limit", "0"), ("ratelimit-reset", "50")],
        ] {
            assert_eq!(seconds(pairs), None, "{pairs:?}");
        }
        let huge = &[
            ("ratelimit-remaining", "0"),
            ("ratelimit-reset", "1000000000000000000000000000000"),
        ];
        assert!(seconds(huge).is_some_and(|seconds| seconds > 1 << 31));
    }
}
