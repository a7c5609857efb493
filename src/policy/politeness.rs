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
}

/// What was said about pace.
#[derive(Debug, Clone, Copy)]
pub struct Politeness {
    /// `--delay`, if given: for every origin.
    pub delay: Option<Duration>,
    /// The delay to a public host where nothing was said.
    pub public_delay: Duration,
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
    fn a_server_of_ones_own_has_no_delay_and_a_crawl_delay_only_slows_down() {
        let public = Duration::from_millis(200);
        let rule = Politeness {
            delay: None,
            public_delay: public,
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
