//! Answers that speak of who asked and not of what was asked for: bot walls and the pages by which they challenge browsers.
//!
//! A wall says nothing about the target, so what stands behind one could not be judged. Each row of the table is a mark
//! that a known product leaves on such answers and, as far as its makers say and its users report, on no other. A status
//! alone is none, but for 999; nor is a word like "captcha", which ordinary pages have; nor the name of a product in
//! `Server`, which stands on every answer that passes through it. Deliberately absent: solving them.

use std::cell::LazyCell;
use std::sync::LazyLock;

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderName, StatusCode};
use memchr::memmem::Finder;

/// Bytes of content that are looked into: challenge pages are small, and their marks stand in the head.
pub const BEGINNING: usize = 8 << 10;

/// Not in the registry of status codes: what `LinkedIn` answers to programs
/// (<https://github.com/gjtorikian/html-proofer/issues/215>).
const DENIED: u16 = 999;

/// Status codes that walls answer with, beside those of rate limits.
const REFUSALS: &[u16] = &[401, 403, 405, 503];

/// A mark, and whose it is.
struct Row {
    /// As a person knows the product.
    product: &'static str,
    on: On,
    mark: Mark,
}

/// Which answers can bear a mark.
#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    Any,
    /// Those with one of [`REFUSALS`].
    Refusals,
}

enum Mark {
    /// A field with one of these values; none: with any.
    Field(HeaderName, &'static [&'static str]),
    /// A cookie that is set, whose name begins so.
    Cookie(&'static str),
    /// Text in the beginning of the content.
    Text(&'static str),
}

const fn row(product: &'static str, on: On, mark: Mark) -> Row {
    Row { product, on, mark }
}

static ROWS: [Row; 18] = [
    // https://developers.cloudflare.com/cloudflare-challenges/challenge-types/challenge-pages/detect-response/
    row(
        "Cloudflare",
        On::Any,
        Mark::Field(HeaderName::from_static("cf-mitigated"), &["challenge"]),
    ),
    // The script of its challenge pages, whatever their language, where a site's proxy takes the field away; the script of
    // /cdn-cgi/challenge-platform/ alone would not do, for it stands on pages that are let through
    // (https://github.com/FlareSolverr/FlareSolverr, src/flaresolverr_service.py, looks for the pages of the same script).
    row("Cloudflare", On::Refusals, Mark::Text("window._cf_chl_opt")),
    // Error 1020 and its kin, a firewall rule: ACCESS_DENIED_TITLES in the same file.
    row(
        "Cloudflare",
        On::Refusals,
        Mark::Text("<title>Attention Required! | Cloudflare</title>"),
    ),
    // 202 and 405: https://docs.aws.amazon.com/waf/latest/developerguide/waf-captcha-and-challenge-actions.html
    row(
        "AWS WAF",
        On::Any,
        Mark::Field(
            HeaderName::from_static("x-amzn-waf-action"),
            &["challenge", "captcha"],
        ),
    ),
    // 403 and 429: https://github.com/microlinkhq/is-antibot, src/providers.json; "deny" is a rule of its firewall.
    row(
        "Vercel",
        On::Any,
        Mark::Field(
            HeaderName::from_static("x-vercel-mitigated"),
            &["challenge", "deny"],
        ),
    ),
    // 202, and a page that leads to /.well-known/sgcaptcha/, as users of its hosting report it.
    row(
        "SiteGround",
        On::Any,
        Mark::Field(HeaderName::from_static("sg-captcha"), &["challenge"]),
    ),
    // x-datadome stands on what is let through as well; x-dd-b does not: https://docs.datadome.co/reference/validate-request
    row(
        "DataDome",
        On::Refusals,
        Mark::Field(HeaderName::from_static("x-dd-b"), &[]),
    ),
    row("DataDome", On::Refusals, Mark::Text("captcha-delivery.com")),
    // The element that its block page puts the challenge in: https://docs.humansecurity.com/
    row("HUMAN", On::Refusals, Mark::Text("px-captcha")),
    // Its error pages, which come with 200 too: https://docs.imperva.com/bundle/cloud-application-security
    row(
        "Imperva",
        On::Any,
        Mark::Text("Request unsuccessful. Incapsula incident ID"),
    ),
    // "Access Denied", with a reference number at that host, in plain and in escaped letters: https://techdocs.akamai.com/
    row("Akamai", On::Refusals, Mark::Text("errors.edgesuite.net")),
    row(
        "Akamai",
        On::Refusals,
        Mark::Text("errors&#46;edgesuite&#46;net"),
    ),
    // The script that sets its cookie, with 200 or 307: https://github.com/codemanki/cloudscraper, index.js
    row("Sucuri", On::Any, Mark::Text("sucuri_cloudproxy_js=")),
    // The title of its block page: https://docs.sucuri.net/website-firewall/
    row(
        "Sucuri",
        On::Refusals,
        Mark::Text("Sucuri WebSite Firewall - Access Denied"),
    ),
    // A proof of work, with 200: https://github.com/TecharoHQ/anubis, web/index.templ
    row(
        "Anubis",
        On::Any,
        Mark::Text("<script id=\"anubis_challenge\" type=\"application/json\">"),
    ),
    // The number of the challenge, which its page sets (TestCookieName in anubis.go of the same): a HEAD shows it too.
    row(
        "Anubis",
        On::Any,
        Mark::Cookie("techaro.lol-anubis-cookie-verification"),
    ),
    // CHALLENGE_TITLES in the file of FlareSolverr.
    row(
        "DDoS-Guard",
        On::Refusals,
        Mark::Text("<title>DDoS-Guard</title>"),
    ),
    // https://www.wordfence.com/help/blocking/
    row(
        "Wordfence",
        On::Refusals,
        Mark::Text("Generated by Wordfence"),
    ),
];

/// What the names of the fields in the rows begin with.
const BEGINNINGS: [&str; 3] = ["x-", "cf-", "sg-"];

/// What finds the texts of the rows, by row; making one costs more than to look through a small page with it.
static FINDERS: LazyLock<Vec<Option<Finder<'static>>>> = LazyLock::new(|| {
    let finder = |row: &Row| match row.mark {
        Mark::Field(..) | Mark::Cookie(_) => None,
        Mark::Text(text) => Some(Finder::new(text)),
    };
    ROWS.iter().map(finder).collect()
});

/// Is the content of an answer with this status worth a look, which nobody would read otherwise?
#[must_use]
pub fn may_stand_in(status: StatusCode) -> bool {
    REFUSALS.contains(&status.as_u16())
}

/// Which wall answered, if one did: by status and fields, and by the `beginning` of the content as far as it was read.
#[must_use]
pub fn behind(status: StatusCode, fields: &HeaderMap, beginning: &[u8]) -> Option<&'static str> {
    if status.as_u16() == DENIED {
        return Some("999, by which programs are turned away");
    }
    let refusal = may_stand_in(status);
    // Most answers have no field with a name like theirs.
    let bears = LazyCell::new(|| {
        let like = |name: &HeaderName| {
            let name = name.as_str();
            BEGINNINGS
                .iter()
                .any(|beginning| name.starts_with(beginning))
        };
        fields.keys().any(like)
    });
    let borne = |(row, finder): &(&Row, &Option<Finder>)| {
        let can = row.on == On::Any || refusal;
        can && match (&row.mark, finder) {
            (Mark::Field(..), _) if !*bears => false,
            (Mark::Field(name, values), _) => fields.get(name).is_some_and(|value| {
                let same = |known: &&str| value.as_bytes().eq_ignore_ascii_case(known.as_bytes());
                values.is_empty() || values.iter().any(same)
            }),
            (Mark::Cookie(name), _) => {
                let mut set = fields.get_all(SET_COOKIE).iter();
                set.any(|value| value.as_bytes().starts_with(name.as_bytes()))
            }
            (Mark::Text(_), finder) => {
                let found = |finder: &Finder| finder.find(beginning).is_some();
                finder.as_ref().is_some_and(found)
            }
        }
    };
    let mut rows = ROWS.iter().zip(FINDERS.iter());
    rows.find(borne).map(|(row, _)| row.product)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(status: u16, fields: &[(&str, &'static str)], content: &str) -> Option<&'static str> {
        let status = StatusCode::from_u16(status).expect("a status");
        let pairs = fields.iter().map(|&(name, value)| {
            let name: HeaderName = name.parse().expect("a name");
            (name, http::HeaderValue::from_static(value))
        });
        behind(status, &pairs.collect(), content.as_bytes())
    }

    #[test]
    fn every_row_is_met_by_its_mark_and_no_other_row_is_needed() {
        for row in &ROWS {
            let statuses = match row.on {
                On::Any => &[200, 202, 403][..],
                On::Refusals => REFUSALS,
            };
            for &status in statuses {
                let found = match &row.mark {
                    Mark::Field(name, values) => {
                        let value = values.first().copied().unwrap_or("1");
                        met(status, &[(name.as_str(), value)], "")
                    }
                    Mark::Cookie(name) => {
                        let other = ("set-cookie", "a=b");
                        met(status, &[other, ("set-cookie", name)], "")
                    }
                    Mark::Text(text) => met(status, &[], &format!("<html>{text}...")),
                };
                assert_eq!(found, Some(row.product), "{status}");
            }
        }
        assert!(met(999, &[], "").is_some());
    }

    #[test]
    fn what_ordinary_answers_bear_is_no_mark() {
        for (status, fields, content) in [
            (403, &[][..], "<h1>403 Forbidden</h1><hr>nginx"),
            (503, &[], "<h1>Service Unavailable</h1> just a moment..."),
            (
                200,
                &[("server", "cloudflare"), ("cf-ray", "8f2b")],
                "<script src=/cdn-cgi/challenge-platform/h/b></script>",
            ),
            (404, &[("server", "cloudflare")], "<title>Not found</title>"),
            (
                200,
                &[("x-datadome", "protected")],
                "<p>captcha-delivery.com and px-captcha are names of bot walls",
            ),
            (200, &[("cf-mitigated", "none")], ""),
            (200, &[("set-cookie", "techaro.lol-anubis-auth=x")], ""),
            (
                200,
                &[],
                "<code>&lt;script id=\"anubis_challenge\" type=\"application/json\"&gt;</code>",
            ),
            (404, &[], "errors.edgesuite.net"),
            (403, &[("server", "AkamaiGHost")], "Access Denied"),
            (
                403,
                &[("server", "ddos-guard")],
                "<title>Forbidden</title> solve the captcha",
            ),
        ] {
            assert_eq!(met(status, fields, content), None, "{status} {content}");
        }
    }
}
