//! Spellings of a URL that a crawl takes for one, where the user says so.
//!
//! Nothing here is done unasked: a server may tell such URLs apart. What is left out of a URL is not sent either, so one
//! page is asked for by one spelling. Parameters keep their own spelling; only their order and presence change.

use url::Url;

/// Parameters that say where a visitor came from and nothing about the page, by their names or, with a `*`, by how these
/// begin. Those that the large advertisers and mailers document.
const TRACKING: &[&str] = &[
    "utm_*",
    "gclid",
    "gclsrc",
    "dclid",
    "gbraid",
    "wbraid",
    "fbclid",
    "msclkid",
    "mc_cid",
    "mc_eid",
    "igshid",
    "twclid",
    "ttclid",
    "li_fat_id",
    "yclid",
    "_openstat",
    "mkt_tok",
    "_ga",
    "_gl",
    "_hsenc",
    "_hsmi",
    "vero_id",
    "oly_anon_id",
    "oly_enc_id",
    "wickedid",
    "rb_clickid",
    "s_cid",
    "ml_subscriber",
    "ml_subscriber_hash",
];

/// What makes two URLs one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sameness {
    /// The order of parameters says nothing.
    pub sort_query: bool,
    /// Nor do parameters that only track visitors.
    pub strip_tracking: bool,
    /// Nor do these: names, or beginnings of names with a `*` behind.
    pub strip: Vec<String>,
}

impl Sameness {
    /// `url` in the spelling that stands for all of its kind.
    #[must_use]
    pub fn apply(&self, mut url: Url) -> Url {
        let nothing = !self.sort_query && !self.strip_tracking && self.strip.is_empty();
        let Some(query) = url.query().filter(|_| !nothing) else {
            return url;
        };
        let mut parameters: Vec<&str> = query
            .split('&')
            .filter(|parameter| !self.drops(name(parameter)))
            .collect();
        if self.sort_query {
            // By name alone and stably: values of one name keep their order, which may mean something.
            parameters.sort_by_key(|parameter| name(parameter));
        }
        let query = parameters.join("&");
        url.set_query((!query.is_empty()).then_some(&query));
        url
    }

    fn drops(&self, name: &str) -> bool {
        let matches = |pattern: &str| match pattern.strip_suffix('*') {
            Some(begin) => name.starts_with(begin),
            None => name == pattern,
        };
        self.strip_tracking && TRACKING.iter().any(|pattern| matches(pattern))
            || self.strip.iter().any(|pattern| matches(pattern))
    }
}

fn name(parameter: &str) -> &str {
    parameter.split('=').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_changed() {
        let rule = |sort_query, strip_tracking, strip: &[&str]| Sameness {
            sort_query,
            strip_tracking,
            strip: strip.iter().map(|name| (*name).to_owned()).collect(),
        };
        for (rule, given, expected) in [
            (
                rule(false, false, &[]),
                "?b=1&a=2&utm_source=x",
                "?b=1&a=2&utm_source=x",
            ),
            (rule(true, false, &[]), "?b=2&a=%2F&b=1", "?a=%2F&b=2&b=1"),
            (rule(false, true, &[]), "?utm_source=x&q=1&fbclid=y", "?q=1"),
            (rule(false, true, &[]), "?utm_source=x", ""),
            (rule(true, true, &["sid", "x_*"]), "?x_1&z&sid=7&a", "?a&z"),
            (rule(true, true, &[]), "", ""),
        ] {
            let url = format!("http://h.test/p{given}").parse().expect("a URL");
            assert_eq!(
                rule.apply(url).as_str(),
                format!("http://h.test/p{expected}"),
                "{given}"
            );
        }
    }
}
