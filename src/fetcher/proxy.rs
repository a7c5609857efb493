//! Which proxy requests go through, and which of them go past it.
//!
//! `http` and `https` proxies are asked for `http` URLs themselves and for a tunnel (CONNECT) to `https` ones; `socks5`
//! is told an address that was looked up here, `socks5h` the name. A proxy is the user's own word, so it may be anywhere.
//! Deliberately absent: proxies from the environment, and scripts that choose one.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

use crate::model::{Secret, without_secrets};

/// A proxy, and who is reached without it.
#[derive(Clone)]
pub struct Proxy {
    url: Url,
    bypass: Bypass,
}

impl Proxy {
    /// The proxy that `text` names: a URL, without a scheme that of an `http` one.
    ///
    /// # Errors
    /// What is wrong, without the text, which can hold a password.
    pub fn new(text: &Secret, bypass: Bypass) -> Result<Self, String> {
        let text = text.reveal().trim();
        let text = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let mut url = Url::parse(&text).map_err(|error| format!("not a URL: {error}"))?;
        match url.scheme() {
            "http" | "https" | "socks5" | "socks5h" => {}
            "socks4" | "socks4a" => return Err("SOCKS 4 is not spoken; SOCKS 5 is".to_owned()),
            _ => return Err("proxies are http, https, socks5 or socks5h".to_owned()),
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err("the URL has no host".to_owned());
        }
        if url.scheme().starts_with("socks") && url.port().is_none() {
            // Fails only for URLs without a host.
            let _ = url.set_port(Some(1080));
        }
        Ok(Self { url, bypass })
    }

    /// Does a request for `url` go through it?
    #[must_use]
    pub fn takes(&self, url: &Url) -> bool {
        !self.bypass.covers(url)
    }

    /// With its userinfo.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Does it speak TLS itself?
    pub(super) fn is_secure(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Is it told addresses, and not names?
    pub(super) fn takes_addresses(&self) -> bool {
        self.url.scheme() == "socks5"
    }

    /// The host as a resolver is asked for it, and the port.
    pub(super) fn place(&self) -> (String, u16) {
        let port = self.url.port_or_known_default().unwrap_or_default();
        let host = self.url.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        (bare.to_owned(), port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_secrets(&self.url))
    }
}

/// Hosts that are reached without a proxy (`--no-proxy`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bypass(Vec<Passed>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Passed {
    Everything,
    /// It and whatever is below it.
    Domain(String),
    /// Addresses that begin with so many bits of this one.
    Network(IpAddr, u8),
}

impl Bypass {
    fn covers(&self, url: &Url) -> bool {
        self.0.iter().any(|passed| match (passed, url.host()) {
            (Passed::Everything, _) => true,
            (Passed::Domain(domain), Some(Host::Domain(name))) => name
                .strip_suffix(domain.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
            (Passed::Network(IpAddr::V4(network), bits), Some(Host::Ipv4(address))) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= u32::from(*bits)
            }
            (Passed::Network(IpAddr::V6(network), bits), Some(Host::Ipv6(address))) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= u32::from(*bits)
            }
            _ => false,
        })
    }
}

impl FromStr for Bypass {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim);
        parts
            .filter(|part| !part.is_empty())
            .map(passed)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn passed(text: &str) -> Result<Passed, String> {
    let wrong = || format!("{text} is no host, address or network");
    if text == "*" {
        return Ok(Passed::Everything);
    }
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| wrong())?)),
        None => (text, None),
    };
    let bare = address.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(all);
        return (bits <= all)
            .then_some(Passed::Network(address, bits))
            .ok_or_else(wrong);
    }
    let name = text.trim_start_matches("*.").trim_start_matches('.');
    match Host::parse(name) {
        Ok(Host::Domain(name)) if bits.is_none() => Ok(Passed::Domain(name)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(text: &str, bypass: &str) -> Result<Proxy, String> {
        Proxy::new(&Secret::new(text), bypass.parse()?)
    }

    #[test]
    fn hosts_and_networks_are_passed_by() {
        let list = "a.test, .b.test,*.c.test,10.0.0.0/8,192.0.2.1,[2001:db8::]/32";
        let proxy = proxy("p.test:3128", list).expect("a proxy");
        for (host, through) in [
            ("a.test", false),
            ("x.a.test", false),
            ("ba.test", true),
            ("b.test", false),
            ("y.c.test", false),
            ("d.test", true),
            ("10.9.8.7", false),
            ("11.0.0.1", true),
            ("192.0.2.1", false),
            ("192.0.2.2", true),
            ("[2001:db8:1::1]", false),
            ("[2001:db9::1]", true),
        ] {
            let url = format!("http://{host}/").parse().expect("a URL");
            assert_eq!(proxy.takes(&url), through, "{host}");
        }
        for bad in ["10.0.0.0/33", "a.test/8", "a b", "x/y"] {
            assert!(bad.parse::<Bypass>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_proxy_is_a_url_and_its_password_is_not_shown() {
        for (text, place) in [
            ("http://u:hunter2@p.test", Ok(("p.test", 80))),
            ("p.test:3128", Ok(("p.test", 3128))),
            ("socks5h://[::1]", Ok(("::1", 1080))),
            ("https://p.test", Ok(("p.test", 443))),
            ("ftp://u:hunter2@p.test", Err("proxies are")),
            ("socks4://u:hunter2@p.test", Err("SOCKS 4")),
            ("http://u:hunter2@[", Err("not a URL")),
        ] {
            match (proxy(text, ""), place) {
                (Ok(proxy), Ok((host, port))) => {
                    assert_eq!(proxy.place(), (host.to_owned(), port));
                    assert!(!format!("{proxy:?}").contains("hunter2"));
                }
                (Err(error), Err(told)) => {
                    assert!(
                        error.contains(told) && !error.contains("hunter2"),
                        "{error}"
                    );
                }
                (read, _) => panic!("{text}: {read:?}"),
            }
        }
    }
}
