//! Which links count, and which part of a fragment has to be looked up.

use std::net::IpAddr;

use url::{Host, Url};

use super::archive::Archive;
use super::fragments::{Fragments, Sought};
use super::moved::Moved;
use crate::policy::address::{Class, classify};
use crate::policy::rules::{self, Rule};

/// Which links count.
#[derive(Default)]
pub(super) struct Filter {
    pub(super) fragments: Fragments,
    pub(super) offline: bool,
    pub(super) include: Vec<Rule>,
    pub(super) exclude: Vec<Rule>,
    /// Only these schemes; empty: all.
    pub(super) schemes: Vec<String>,
    /// Private hosts are left out.
    pub(super) exclude_private: bool,
    /// A link over http is broken where https would do.
    pub(super) require_https: bool,
    /// Mail addresses are judged by how they are written.
    pub(super) mail: bool,
    /// What was meant by broken links is looked for.
    pub(super) suggest: bool,
    /// Asked for a copy of what is broken.
    pub(super) archive: Option<Archive>,
    /// Links are named, and nobody is asked.
    pub(super) dump: bool,
    /// What is made of links to what has moved for good.
    pub(super) moved: Moved,
    /// Fragments of URLs that match are not looked up.
    pub(super) exclude_fragment: Vec<Rule>,
}

impl Filter {
    /// Is a target on the network not asked for?
    pub(super) fn keeps_out(&self, url: &Url) -> bool {
        let texts = [url.as_str()];
        let left_out = self.leaves_out(&texts, self.exclude_private && is_private(url));
        left_out || self.offline || self.keeps_out_scheme(url.scheme())
    }

    /// Is every target on this machine looked for, so that none need be compared with anything?
    pub(super) fn has_all_files(&self) -> bool {
        self.exclude.is_empty() && self.schemes.is_empty() && !self.dump
    }

    /// Is a target on this machine not looked for? Patterns see its `file:` URL and its path as it is shown.
    pub(super) fn keeps_out_file(&self, url: &Url, shown: &str) -> bool {
        self.leaves_out(&[url.as_str(), shown], false) || self.keeps_out_scheme("file")
    }

    fn leaves_out(&self, texts: &[&str], already: bool) -> bool {
        let excluded = rules::any(&self.exclude, texts) || already;
        excluded && !rules::any(&self.include, texts)
    }

    /// Are mail addresses left out?
    pub(super) fn keeps_out_mail(&self) -> bool {
        !self.mail || self.keeps_out_scheme("mailto")
    }

    /// Are links of this scheme left out?
    fn keeps_out_scheme(&self, scheme: &str) -> bool {
        !self.schemes.is_empty() && !self.schemes.iter().any(|wanted| wanted == scheme)
    }

    /// What has to be looked up of a fragment of `url`.
    pub(super) fn looked_up<'a>(
        &self,
        url: impl Fn() -> String,
        fragment: Option<&'a str>,
    ) -> Sought<'a> {
        let Some(fragment) = fragment.filter(|_| self.fragments.any()) else {
            return Sought::default();
        };
        let sought = self.fragments.of(fragment);
        let excluded = || {
            let whole = format!("{}#{fragment}", url());
            rules::any(&self.exclude_fragment, &[&whole])
        };
        if sought.is_nothing() || self.exclude_fragment.is_empty() || !excluded() {
            sought
        } else {
            Sought::default()
        }
    }
}

/// Says the URL itself that its host is this machine or one near it? Names are not looked up.
pub(super) fn is_private(url: &Url) -> bool {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        // RFC 6761, section 6.3.
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            return name == "localhost" || name.ends_with(".localhost");
        }
        None => return false,
    };
    classify(address).0 != Class::Public
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_host_is_known_by_its_url_alone() {
        for (url, private) in [
            ("http://localhost:8000/", true),
            ("http://a.localhost/", true),
            ("http://10.0.0.1/", true),
            ("http://[::1]/", true),
            ("http://0x7f.1/", true),
            ("http://169.254.169.254/", true),
            ("http://8.8.8.8/", false),
            ("http://h.test/", false),
        ] {
            assert_eq!(is_private(&url.parse().expect("a URL")), private, "{url}");
        }
    }
}
