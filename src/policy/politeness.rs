//! How fast and how wide an origin is asked.
//!
//! What the user said holds; Crawl-delay in robots.txt (no part of RFC 9309, yet what site owners expect to
//! work) can only make it slower. A server that is the user's own, on a loopback or private address that he
//! named, has no delay unless he says so.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use url::{Host, Url};

use super::address::{Class, classify};
use crate::model::Naming;

/// A longer Crawl-delay is not waited for: 30 s, as Nutch and others cap it.
pub const CRAWL_DELAY_LIMIT: Duration = Duration::from_secs(30);

/// The pace of one origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Least time between the starts of two requests.
    pub delay: Duration,
    /// Requests in flight at once.
    pub width: NonZeroUsize,
    /// The delay grows where the server is slow or in trouble, up to this.
    pub adaptive: Option<Duration>,
}

/// What a request made felt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Felt {
    /// An answer, whose head took so long.
    Answer(Duration),
    /// A sign of strain: 429, 5xx, a time-out, a cut.
    Strain,
}

/// The delay after `delay`, never below that of `pace`; it stays there unless the pace is adaptive.
///
/// After `AutoThrottle`: a server that takes long to answer is asked as often as it can answer, `width` at a time, and
/// the delay moves half way towards that with each answer. Strain doubles it at once; only good answers take it back.
#[must_use]
pub fn adapt(delay: Duration, pace: Pace, felt: Felt) -> Duration {
    let Some(most) = pace.adaptive else {
        return delay;
    };
    let next = match felt {
        Felt::Strain => (delay * 2).max(Duration::from_millis(100)),
        Felt::Answer(latency) => {
            let width = u32::try_from(pace.width.get()).unwrap_or(u32::MAX);
            (delay + latency / width) / 2
        }
    };
    next.min(most).max(pace.delay)
}

/// What was said about pace.
#[derive(Debug, Clone, Copy)]
pub struct Politeness {
    /// `--delay`, if given: for every origin.
    pub delay: Option<Duration>,
    /// The delay to a public host where nothing was said.
    pub public_delay: Duration,
    /// The longest delay that is chosen without being asked for.
    pub longest: Duration,
    /// Requests in flight to one origin.
    pub width: NonZeroUsize,
}

impl Politeness {
    /// The pace of the origin of `url`.
    #[must_use]
    pub fn pace(&self, url: &Url, naming: Naming, crawl_delay: Option<Duration>) -> Pace {
        let own = naming != Naming::Page && is_private(url);
        let said = self.delay.unwrap_or(if own {
            Duration::ZERO
        } else {
            self.public_delay
        });
        let asked = crawl_delay.unwrap_or_default().min(CRAWL_DELAY_LIMIT);
        Pace {
            delay: said.max(asked),
            width: self.width,
            adaptive: (self.delay.is_none() && !own).then_some(self.longest),
        }
    }
}

/// Does the host say by itself that it is not public? Names are only known to be private when they are
/// `localhost` or below it (RFC 6761, section 6.3); nobody is asked.
fn is_private(url: &Url) -> bool {
    let address: IpAddr = match url.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            return name == "localhost" || name.ends_with(".localhost");
        }
        // Files have no server.
        None => return true,
    };
    classify(address).0 != Class::Public
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_follows_a_slow_server_and_backs_off_at_strain() {
        let milliseconds = Duration::from_millis;
        let least = milliseconds(200);
        let longest = milliseconds(10_000);
        let pace = Pace {
            delay: least,
            width: NonZeroUsize::new(2).expect("two"),
            adaptive: Some(longest),
        };
        let next = |delay, felt| adapt(delay, pace, felt);
        // A quick server is asked at the least delay.
        assert_eq!(next(least, Felt::Answer(milliseconds(20))), least);
        // One that takes 4 s for each of two comes to 2 s.
        let mut delay = least;
        for _ in 0..20 {
            delay = next(delay, Felt::Answer(milliseconds(4000)));
        }
        assert!(
            delay > milliseconds(1990) && delay <= milliseconds(2000),
            "{delay:?}"
        );
        // Strain doubles, to a limit; good answers bring it back.
        assert_eq!(next(least, Felt::Strain), milliseconds(400));
        assert_eq!(next(milliseconds(9000), Felt::Strain), longest);
        assert_eq!(
            next(milliseconds(400), Felt::Answer(milliseconds(20))),
            milliseconds(205)
        );
        // A longer delay that somebody asked for is kept.
        let asked = Duration::from_secs(30);
        let slow = Pace {
            delay: asked,
            ..pace
        };
        assert_eq!(adapt(asked, slow, Felt::Strain), asked);
        let fixed = Pace {
            adaptive: None,
            ..pace
        };
        assert_eq!(adapt(least, fixed, Felt::Strain), least);
    }

    #[test]
    fn a_server_of_ones_own_has_no_delay_and_a_crawl_delay_only_slows_down() {
        let public = Duration::from_millis(200);
        let rule = Politeness {
            delay: None,
            public_delay: public,
            longest: Duration::from_secs(10),
            width: NonZeroUsize::MIN,
        };
        let delay = |text: &str, naming, asked| {
            rule.pace(&text.parse().expect("a URL"), naming, asked)
                .delay
        };
        assert_eq!(
            delay("http://127.0.0.1:8080/", Naming::User, None),
            Duration::ZERO
        );
        assert_eq!(
            delay("http://localhost/", Naming::File, None),
            Duration::ZERO
        );
        assert_eq!(delay("http://10.0.0.1/", Naming::Page, None), public);
        assert_eq!(delay("http://example.org/", Naming::User, None), public);
        let second = Duration::from_secs(1);
        assert_eq!(
            delay("http://127.0.0.1/", Naming::User, Some(second)),
            second
        );
        assert_eq!(
            delay("http://example.org/", Naming::User, Some(second * 3600)),
            CRAWL_DELAY_LIMIT
        );
    }
}
