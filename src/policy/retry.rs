//! What is worth another try, and when.
//!
//! Only what may pass is tried again, and only by methods that may be repeated (RFC 9110, section 9.2.2):
//! cuts and time-outs, 408, 429 and 5xx; never another 4xx, an unknown name or a refused connection. The wait
//! doubles from half a second, spread by chance so that a host does not get everything back at once; a longer
//! Retry-After (RFC 9110, section 10.2.3) is kept to, and so is the reset of a quota that is spent.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, Method, StatusCode, header};

use super::quota;

/// The first wait, doubled with each further try.
const FIRST: Duration = Duration::from_millis(500);

/// What is known when the question comes up.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// How it was asked.
    pub method: &'a Method,
    /// Requests sent so far to this URL.
    pub tries: u32,
    /// Further tries that are allowed.
    pub retries: u32,
    /// There was no answer, and the same request may well get one.
    pub transient: bool,
    /// There was one, with this status.
    pub status: Option<StatusCode>,
    /// What it asked for.
    pub retry_after: Option<Duration>,
    /// What this target waited before, in all.
    pub waited: Duration,
    /// What it may wait, in all.
    pub max_wait: Duration,
    /// From 0 to 1.
    pub chance: f64,
}

/// The decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Again, not before this has passed.
    After(Duration),
    /// It stands as it is.
    GiveUp,
    /// The server asks for more patience than there is: so long.
    TooPatient(Duration),
}

/// Is it worth another try?
#[must_use]
pub fn decide(attempt: &Attempt<'_>) -> Retry {
    let repeatable = matches!(
        *attempt.method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE
    );
    let may_pass = match attempt.status {
        Some(status) => matches!(status.as_u16(), 408 | 429 | 500..=599),
        None => attempt.transient,
    };
    if !repeatable || !may_pass {
        return Retry::GiveUp;
    }
    let asked = attempt.retry_after.unwrap_or_default();
    let patience = attempt.max_wait.saturating_sub(attempt.waited);
    if asked > patience {
        return Retry::TooPatient(asked);
    }
    if attempt.tries > attempt.retries {
        return Retry::GiveUp;
    }
    let doubled = FIRST.saturating_mul(1 << attempt.tries.saturating_sub(1).min(10));
    let spread = doubled.mul_f64(0.5 + attempt.chance.clamp(0.0, 1.0));
    let wait = spread.max(asked);
    if wait > patience {
        Retry::GiveUp
    } else {
        Retry::After(wait)
    }
}

/// Retry-After, as seconds or as a date; what is no number of either is absent.
#[must_use]
pub fn retry_after(fields: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = fields.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Some(wait) = seconds(text) {
        return Some(wait);
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// Does the answer speak of how much was asked for, and not of what? 429, and a 403 that says when to come back, as
/// `GitHub` sends it (<https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>).
#[must_use]
pub fn is_limit(status: StatusCode, fields: &HeaderMap, now: SystemTime) -> bool {
    match status {
        StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::FORBIDDEN => {
            retry_after(fields, now).is_some() || quota::spent(fields, now).is_some()
        }
        _ => false,
    }
}

/// How long an answer asks for the next request for the same to be put off: Retry-After, and where the request was not
/// served for its limit, the reset of the quota.
#[must_use]
pub fn asked(status: StatusCode, fields: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let limited = status == StatusCode::SERVICE_UNAVAILABLE || is_limit(status, fields, now);
    let spent = limited.then(|| quota::spent(fields, now)).flatten();
    retry_after(fields, now).max(spent)
}

/// How long an answer asks for its origin to be left alone: Retry-After of a server that has too much to do, or a spent
/// quota, whatever the status.
#[must_use]
pub fn rest(status: StatusCode, fields: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let busy = status == StatusCode::SERVICE_UNAVAILABLE || is_limit(status, fields, now);
    let asked = busy.then(|| retry_after(fields, now)).flatten();
    asked.max(quota::spent(fields, now))
}

/// Can an answer with these fields [ask for rest](rest) at all? Most cannot, which is seen without a look at a clock.
#[must_use]
pub fn may_rest(fields: &HeaderMap) -> bool {
    let told = |name: &HeaderName| *name == header::RETRY_AFTER || quota::is_told(name);
    fields.keys().any(told)
}

/// Whole seconds; more than a clock can hold is for ever, and not an error.
fn seconds(text: &str) -> Option<Duration> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let ever = u64::from(u32::MAX);
    Some(Duration::from_secs(
        text.parse().map_or(ever, |seconds: u64| seconds.min(ever)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(status: Option<u16>, tries: u32) -> Attempt<'static> {
        Attempt {
            method: &Method::GET,
            tries,
            retries: 2,
            transient: status.is_none(),
            status: status.map(|code| StatusCode::from_u16(code).expect("a status")),
            retry_after: None,
            waited: Duration::ZERO,
            max_wait: Duration::from_secs(60),
            chance: 0.5,
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for (status, again) in [
            (408, true),
            (429, true),
            (500, true),
            (503, true),
            (599, true),
            (404, false),
            (403, false),
            (200, false),
        ] {
            assert_eq!(
                matches!(decide(&attempt(Some(status), 1)), Retry::After(_)),
                again,
                "{status}"
            );
        }
        assert_eq!(
            decide(&attempt(None, 1)),
            Retry::After(Duration::from_millis(500))
        );
        assert_eq!(
            decide(&attempt(None, 2)),
            Retry::After(Duration::from_secs(1))
        );
        assert_eq!(decide(&attempt(None, 3)), Retry::GiveUp);
        assert_eq!(
            decide(&Attempt {
                method: &Method::POST,
                ..attempt(None, 1)
            }),
            Retry::GiveUp
        );
        assert_eq!(
            decide(&Attempt {
                transient: false,
                ..attempt(None, 1)
            }),
            Retry::GiveUp
        );
    }

    #[test]
    fn a_longer_retry_after_is_kept_to_and_a_much_longer_one_is_not_waited_for() {
        let asked = |seconds| Attempt {
            retry_after: Some(Duration::from_secs(seconds)),
            ..attempt(Some(429), 1)
        };
        assert_eq!(decide(&asked(7)), Retry::After(Duration::from_secs(7)));
        assert_eq!(
            decide(&asked(61)),
            Retry::TooPatient(Duration::from_secs(61))
        );
        let waited = Attempt {
            waited: Duration::from_secs(55),
            ..asked(7)
        };
        assert_eq!(decide(&waited), Retry::TooPatient(Duration::from_secs(7)));
    }

    #[test]
    fn no_number_of_a_server_overflows() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let field = |text: &str| {
            let mut fields = HeaderMap::new();
            fields.insert(header::RETRY_AFTER, text.parse().expect("a value"));
            retry_after(&fields, now)
        };
        assert_eq!(field("0"), Some(Duration::ZERO));
        assert_eq!(field("120"), Some(Duration::from_secs(120)));
        assert_eq!(
            field("Sun, 09 Sep 2001 01:47:00 GMT"),
            Some(Duration::from_secs(20))
        );
        assert_eq!(field("Sun, 09 Sep 1990 01:47:00 GMT"), Some(Duration::ZERO));
        for odd in ["-1", "NaN", "", "1e30", "0x10", "1.5"] {
            assert_eq!(field(odd), None, "{odd}");
        }
        for huge in ["9223372036854775808", "1000000000000000000000000000000"] {
            let wait = field(huge).expect("a number");
            let asked = Attempt {
                retry_after: Some(wait),
                ..attempt(Some(429), 1)
            };
            assert!(matches!(decide(&asked), Retry::TooPatient(_)), "{huge}");
        }
    }

    #[test]
    fn a_403_that_says_when_to_come_back_is_a_limit_and_another_is_none() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let fields = |pairs: &[(&'static str, &'static str)]| -> HeaderMap {
            let pairs = pairs.iter().map(|&(name, value)| {
                let name = HeaderName::from_static(name);
                (name, http::HeaderValue::from_static(value))
            });
            pairs.collect()
        };
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let spent = [
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1000000040"),
        ];
        let after = [("retry-after", "7")];
        for (status, pairs, limit, wait, pause) in [
            (403, &spent[..], true, seconds(40), seconds(40)),
            (403, &after[..], true, seconds(7), seconds(7)),
            (403, &[], false, None, None),
            (429, &[], true, None, None),
            (429, &spent[..], true, seconds(40), seconds(40)),
            // It was served: the next one would not be.
            (200, &spent[..], false, None, seconds(40)),
            (404, &spent[..], false, None, seconds(40)),
            (503, &after[..], false, seconds(7), seconds(7)),
            // One URL that is slow says nothing of the others.
            (500, &after[..], false, seconds(7), None),
        ] {
            let (status, fields) = (
                StatusCode::from_u16(status).expect("a status"),
                fields(pairs),
            );
            let told = format!("{status} {fields:?}");
            assert_eq!(is_limit(status, &fields, now), limit, "{told}");
            assert_eq!(asked(status, &fields, now), wait, "{told}");
            assert_eq!(rest(status, &fields, now), pause, "{told}");
        }
    }
}
