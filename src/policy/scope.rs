//! Which URLs a crawl follows.
//!
//! First the scope proper, from the seeds: their hosts, their registrable domains (public suffix list), their
//! folders, or any. Then the patterns: what matches `--exclude` is out unless it matches `--include` too;
//! an `--include` alone does not shut anything else out. Every refusal names its rule.

use std::borrow::Cow;
use std::collections::HashSet;

use regex::Regex;
use url::{Host, Url};

use crate::model::url::normal_escapes;

/// How far from the seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// Same host name and port; the default ports of http and https count as one.
    #[default]
    Host,
    /// Same registrable domain; an address only itself.
    Domain,
    /// Below the seed's folder, on its host.
    Prefix,
    /// Anywhere.
    Any,
}

/// The rule that keeps a URL out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutOfScope {
    /// Neither http nor https, or not the one that is wanted.
    #[error("scheme")]
    Scheme,
    /// Not within the reach of any seed.
    #[error("scope")]
    Reach,
    /// A pattern.
    #[error("exclude {0}")]
    Excluded(String),
}

/// The scope of a crawl.
#[derive(Debug, Clone)]
pub struct Scope {
    reach: Reach,
    /// Hosts with ports, domains, or folders, by `reach`.
    places: HashSet<String>,
    include: Vec<Regex>,
    exclude: Vec<Regex>,
    /// Only this one of http and https.
    scheme: Option<String>,
}

impl Scope {
    /// The scope around `seeds`.
    pub fn new<'a>(
        reach: Reach,
        seeds: impl IntoIterator<Item = &'a Url>,
        include: Vec<Regex>,
        exclude: Vec<Regex>,
    ) -> Self {
        let places = seeds
            .into_iter()
            .map(|seed| place(reach, seed).into_owned())
            .collect();
        Self {
            reach,
            places,
            include,
            exclude,
            scheme: None,
        }
    }

    /// The same, for URLs of one scheme only.
    #[must_use]
    pub fn only(mut self, scheme: Option<String>) -> Self {
        self.scheme = scheme;
        self
    }

    /// Is `url` followed?
    ///
    /// # Errors
    /// The rule that keeps it out.
    pub fn judge(&self, url: &Url) -> Result<(), OutOfScope> {
        let other = self
            .scheme
            .as_ref()
            .is_some_and(|only| url.scheme() != only);
        if other || !matches!(url.scheme(), "http" | "https") {
            return Err(OutOfScope::Scheme);
        }
        let within = match self.reach {
            Reach::Any => true,
            Reach::Host | Reach::Domain => self.places.contains(&*place(self.reach, url)),
            Reach::Prefix => {
                let (host, path) = (place(Reach::Host, url), path(url));
                self.places.iter().any(|folder| {
                    folder
                        .strip_prefix(&*host)
                        .is_some_and(|folder| path.starts_with(folder))
                })
            }
        };
        if !within {
            return Err(OutOfScope::Reach);
        }
        let text = url.as_str();
        match self.exclude.iter().find(|pattern| pattern.is_match(text)) {
            Some(pattern) if !self.include.iter().any(|pattern| pattern.is_match(text)) => {
                Err(OutOfScope::Excluded(pattern.as_str().to_owned()))
            }
            _ => Ok(()),
        }
    }
}

impl Scope {
    /// `rule`, which kept a URL out, with what the scope is.
    #[must_use]
    pub fn refusal(&self, rule: &OutOfScope) -> String {
        const NAMED: usize = 3;
        let name = match (rule, self.reach) {
            (OutOfScope::Reach, Reach::Host) => "host",
            (OutOfScope::Reach, Reach::Domain) => "domain",
            (OutOfScope::Reach, Reach::Prefix) => "prefix",
            _ => return rule.to_string(),
        };
        let mut places: Vec<_> = self.places.iter().map(String::as_str).collect();
        places.sort_unstable();
        let more = places.len().saturating_sub(NAMED);
        places.truncate(NAMED);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        format!("scope {name}: only {}{more}", places.join(", "))
    }

    /// The same as [`judge`](Self::judge), with the rule that lets `url` in.
    ///
    /// # Errors
    /// The rule that keeps it out.
    pub fn explain(&self, url: &Url) -> Result<String, OutOfScope> {
        self.judge(url)?;
        let reach = match self.reach {
            Reach::Any => "scope any".to_owned(),
            Reach::Host => format!("scope host {}", place(Reach::Host, url)),
            Reach::Domain => format!("scope domain {}", place(Reach::Domain, url)),
            Reach::Prefix => "scope prefix: below the folder of a seed".to_owned(),
        };
        let text = url.as_str();
        let exclude = self.exclude.iter().find(|pattern| pattern.is_match(text));
        let include = self.include.iter().find(|pattern| pattern.is_match(text));
        Ok(match (exclude, include) {
            (Some(out), Some(again)) => {
                format!("{reach}, and include {again} in spite of exclude {out}")
            }
            _ => reach,
        })
    }
}

/// What two URLs must share.
fn place(reach: Reach, url: &Url) -> Cow<'_, str> {
    let host = url.host_str().unwrap_or_default();
    let with_port = || match url.port() {
        Some(port) => format!("{host}:{port}").into(),
        None => Cow::Borrowed(host),
    };
    match reach {
        Reach::Any => Cow::Borrowed(""),
        Reach::Host => with_port(),
        Reach::Domain => match url.host() {
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                psl::domain_str(name).unwrap_or(name).into()
            }
            _ => host.into(),
        },
        Reach::Prefix => {
            let path = path(url);
            let folder = path.rfind('/').map_or("/", |slash| &path[..=slash]);
            format!("{}{folder}", with_port()).into()
        }
    }
}

/// The path as the page key spells it, so that `/%7Euser/` is the folder of `/~user/page`.
fn path(url: &Url) -> Cow<'_, str> {
    if url.path().contains('%') {
        normal_escapes(url.path()).into()
    } else {
        url.path().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().expect("a URL")
    }

    #[test]
    fn each_reach_draws_its_own_line() {
        let seed = [url("http://docs.example.co.uk/guide/index.html")];
        for (reach, inside, outside) in [
            (
                Reach::Host,
                vec![
                    "https://docs.example.co.uk/x",
                    "http://docs.example.co.uk:80/",
                ],
                vec![
                    "http://docs.example.co.uk:8080/",
                    "http://www.example.co.uk/",
                    "ftp://docs.example.co.uk/",
                ],
            ),
            (
                Reach::Domain,
                vec!["http://example.co.uk/", "http://a.b.example.co.uk:8080/"],
                vec!["http://other.co.uk/", "http://co.uk/"],
            ),
            (
                Reach::Prefix,
                vec![
                    "http://docs.example.co.uk/guide/",
                    "http://docs.example.co.uk/guide/a/b",
                ],
                vec![
                    "http://docs.example.co.uk/guidebook",
                    "http://docs.example.co.uk/",
                    "http://x.test/guide/a",
                ],
            ),
            (
                Reach::Any,
                vec!["https://anywhere.test/"],
                vec!["mailto:a@b.test"],
            ),
        ] {
            let scope = Scope::new(reach, &seed, vec![], vec![]);
            for text in inside {
                assert_eq!(scope.judge(&url(text)), Ok(()), "{reach:?} {text}");
            }
            for text in outside {
                assert!(scope.judge(&url(text)).is_err(), "{reach:?} {text}");
            }
        }
        let address = Scope::new(Reach::Domain, &[url("http://127.0.0.1/")], vec![], vec![]);
        assert!(address.judge(&url("http://127.0.0.2/")).is_err());
    }

    #[test]
    fn a_folder_is_one_however_its_escapes_are_spelt() {
        let scope = Scope::new(
            Reach::Prefix,
            &[url("http://a.test/%7euser/%c3%a9/")],
            vec![],
            vec![],
        );
        for inside in [
            "http://a.test/~user/%C3%A9/x",
            "http://a.test/%7Euser/é/%78",
        ] {
            assert_eq!(scope.judge(&url(inside)), Ok(()), "{inside}");
        }
        assert!(scope.judge(&url("http://a.test/~user/x")).is_err());
    }

    #[test]
    fn an_include_brings_back_what_an_exclude_shuts_out() {
        let pattern = |text| vec![Regex::new(text).expect("a pattern")];
        let scope = Scope::new(Reach::Any, [], pattern("/blog/2026"), pattern("/blog/"));
        assert_eq!(scope.judge(&url("http://a.test/")), Ok(()));
        assert_eq!(scope.judge(&url("http://a.test/blog/2026/x")), Ok(()));
        let shut = scope.judge(&url("http://a.test/blog/2025"));
        assert_eq!(shut, Err(OutOfScope::Excluded("/blog/".to_owned())));
    }
}
