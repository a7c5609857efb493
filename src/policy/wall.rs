//! Answers that speak of who asked and not of what was asked for: bot walls and the pages by which they challenge browsers.
//!
//! A wall says nothing about the target, so what stands behind one could not be judged. Each row of the table is a mark
//! that a known product leaves on such answers and, as far as its makers say and its users report, on no other. A status
//! alone is none, but for 999; nor is a word like "captcha", which ordinary pages have; nor the name of a product in
//! `Server`, which stands on every answer that passes through it. Deliberately absent: solving them.

use std::sync::LazyLock;

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderName, StatusCode};
use memchr::memmem::Finder;

/// Bytes of content that are looked into: challenge pages are small, and their marks stand in the head.
pub const BEGINNING: usize = 8 << 10;

/// Bytes that are kept of what was looked into: a text of a row may go on in what comes next.
const KEPT: usize = 55;

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

/// What finds the texts of the rows; making one costs more than to look through a small page with it.
static TEXTS: LazyLock<Vec<(&'static Row, Finder<'static>)>> = LazyLock::new(|| {
    let text = |row: &'static Row| match row.mark {
        Mark::Field(..) | Mark::Cookie(_) => None,
        Mark::Text(text) => Some((row, Finder::new(text))),
    };
    ROWS.iter().filter_map(text).collect()
});

impl Row {
    /// Can an answer bear the mark, which is a `refusal` or not?
    fn is_for(&self, refusal: bool) -> bool {
        self.on == On::Any || refusal
    }
}

/// Is the content of an answer with this status worth a look, which nobody would read otherwise?
#[must_use]
pub fn may_stand_in(status: StatusCode) -> bool {
    REFUSALS.contains(&status.as_u16())
}

/// Content that is looked into as it comes, piece by piece. Each request in flight has one: it is small.
pub struct Look {
    refusal: bool,
    taken: u16,
    /// The end of what was taken, and its length.
    kept: [u8; KEPT],
    length: u8,
    /// The place of its text.
    found: Option<u8>,
}

impl Look {
    /// At the content of an answer with this status.
    #[must_use]
    pub fn at(status: StatusCode) -> Self {
        Self {
            refusal: may_stand_in(status),
            taken: 0,
            kept: [0; KEPT],
            length: 0,
            found: None,
        }
    }

    /// Takes the next piece, as far as it is of the [beginning](BEGINNING).
    pub fn take(&mut self, piece: &[u8]) {
        let piece = &piece[..piece.len().min(BEGINNING - usize::from(self.taken))];
        if piece.is_empty() || self.found.is_some() {
            return;
        }
        let refusal = self.refusal;
        let search = |content: &[u8]| {
            let mut texts = (0..).zip(TEXTS.iter());
            let found = texts
                .find(|(_, (row, finder))| row.is_for(refusal) && finder.find(content).is_some());
            found.map(|(place, _)| place)
        };
        let length = usize::from(self.length);
        if length > 0 {
            let seam = [&self.kept[..length], &piece[..piece.len().min(KEPT)]].concat();
            self.found = search(&seam);
        }
        self.found = self.found.or_else(|| search(piece));
        let new = &piece[piece.len().saturating_sub(KEPT)..];
        let old = length.min(KEPT - new.len());
        self.kept.copy_within(length - old..length, 0);
        self.kept[old..old + new.len()].copy_from_slice(new);
        // Neither is more than it was made for.
        self.length = u8::try_from(old + new.len()).unwrap_or(u8::MAX);
        self.taken += u16::try_from(piece.len()).unwrap_or(u16::MAX);
    }

    /// The wall that has shown itself.
    #[must_use]
    pub fn told(&self) -> Option<&'static str> {
        let (row, _) = TEXTS.get(usize::from(self.found?))?;
        Some(row.product)
    }
}

/// Which wall answered, if one did: by status and fields, or as a look into the content has `told`.
#[must_use]
pub fn behind(
    status: StatusCode,
    fields: &HeaderMap,
    told: Option<&'static str>,
) -> Option<&'static str> {
    if status.as_u16() == DENIED {
        return Some("999, by which programs are turned away");
    }
    // Most answers have no field with a name like those of the rows.
    let like = |name: &HeaderName| {
        *name == SET_COOKIE
            || BEGINNINGS
                .iter()
                .any(|known| name.as_str().starts_with(known))
    };
    if !fields.keys().any(like) {
        return told;
    }
    let refusal = may_stand_in(status);
    let borne = |row: &&Row| {
        row.is_for(refusal)
            && match &row.mark {
                Mark::Field(name, values) => fields.get(name).is_some_and(|value| {
                    let value = value.as_bytes();
                    let same = |known: &&str| value.eq_ignore_ascii_case(known.as_bytes());
                    values.is_empty() || values.iter().any(same)
                }),
                Mark::Cookie(name) => {
                    let mut set = fields.get_all(SET_COOKIE).iter();
                    set.any(|value| value.as_bytes().starts_with(name.as_bytes()))
                }
                // It was looked for as the content came.
                Mark::Text(_) => false,
            }
    };
    let row = ROWS.iter().find(borne);
    row.map(|row| row.product).or(told)
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
        let mut look = Look::at(status);
        look.take(content.as_bytes());
        behind(status, &pairs.collect(), look.told())
    }

    #[test]
    fn a_text_is_found_wherever_it_is_cut_and_not_past_the_beginning() {
        for row in &ROWS {
            let Mark::Text(text) = row.mark else { continue };
            assert!(
                text.len() <= KEPT + 1,
                "{text} has to be kept whole but a byte"
            );
            let page = format!("{}{text}{}", "<p>".repeat(40), " ".repeat(100));
            let status = StatusCode::FORBIDDEN;
            for size in 1..page.len() {
                let mut look = Look::at(status);
                page.as_bytes()
                    .chunks(size)
                    .for_each(|piece| look.take(piece));
                assert_eq!(look.told(), Some(row.product), "{text} in pieces of {size}");
            }
            for (before, seen) in [
                (BEGINNING - text.len(), true),
                (BEGINNING - text.len() + 1, false),
            ] {
                let mut look = Look::at(status);
                look.take(&vec![b' '; before]);
                look.take(text.as_bytes());
                assert_eq!(look.told().is_some(), seen, "{text} behind {before} bytes");
            }
        }
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
