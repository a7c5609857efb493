//! What robots.txt allows, by RFC 9309 to the letter.
//!
//! Groups for the same product token are one; without any, those for `*`. The longest matching rule wins, Allow
//! on a tie (2.2.2); `*` and `$` are the only special characters (2.2.3). Rules and paths are compared with
//! unreserved characters decoded and everything that is neither these nor reserved encoded, so `/%62%61%7A` is `/baz`; in a
//! query `/` and `%2F` are one, because they separate nothing there. Only the lines of section 2.2 make and end groups. A status of
//! 4xx allows everything, 5xx and silence nothing (2.3.1). Deliberately absent: fetching, and any idea of
//! when the answer grows old.

use std::fmt::Write;
use std::time::Duration;

use http::StatusCode;

/// Read so far, and no further: RFC 9309, section 2.5.
pub const LIMIT: usize = 500 * 1024;

/// A delay that no number holds.
const FOR_EVER: Duration = Duration::from_secs(u32::MAX as u64);

/// A line is cut here, where Google's parser cuts it.
const LINE_LIMIT: usize = 8 * 2083;

/// The product token of a user agent: its leading letters, `-` and `_` (RFC 9309, section 2.2.1).
#[must_use]
pub fn product_token(agent: &str) -> &str {
    let end = agent.find(|c: char| !(c.is_ascii_alphabetic() || matches!(c, '-' | '_')));
    &agent[..end.unwrap_or(agent.len())]
}

/// The rules of one origin for one product token.
#[derive(Debug, Clone, Default)]
pub struct Robots {
    rules: Vec<Rule>,
    crawl_delay: Option<Duration>,
    sitemaps: Vec<String>,
    /// The file could not be had: nothing is allowed, for this reason.
    unreachable: Option<String>,
}

#[derive(Debug, Clone)]
struct Rule {
    allow: bool,
    line: u32,
    pattern: String,
    /// The same with what is reserved and separates nothing decoded in its query, where that makes a difference.
    plain: Option<String>,
}

/// The verdict on a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// May it be asked for?
    pub allowed: bool,
    /// The rule's line, 1-based, if a rule decided.
    pub line: Option<u32>,
    rule: String,
}

impl Verdict {
    /// Which rule decided, in words.
    #[must_use]
    pub fn reason(&self) -> String {
        match self.line {
            Some(line) => format!("robots.txt line {line}: {}", self.rule),
            None => self.rule.clone(),
        }
    }
}

impl Robots {
    /// Everything is allowed: there is no robots.txt.
    #[must_use]
    pub fn allow_all() -> Self {
        Self::default()
    }

    /// Nothing is allowed: there may be a robots.txt, and it could not be had.
    #[must_use]
    pub fn unreachable(reason: &str) -> Self {
        Self {
            unreachable: Some(reason.to_owned()),
            ..Self::default()
        }
    }

    /// What an answer to the request for robots.txt means; redirects have been followed.
    #[must_use]
    pub fn from_response(status: StatusCode, content: &[u8], token: &str) -> Self {
        match status.as_u16() {
            200..=299 => Self::parse(content, token),
            // Too many requests is no word about what may be asked for, only about how often.
            429 | 500..=599 => Self::unreachable(&format!("robots.txt answered {status}")),
            _ => Self::allow_all(),
        }
    }

    /// Is this the answer of a host whose robots.txt could not be had?
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        self.unreachable.is_some()
    }

    /// `Crawl-delay`, as given.
    #[must_use]
    pub fn crawl_delay(&self) -> Option<Duration> {
        self.crawl_delay
    }

    /// `Sitemap` lines, as given; they belong to no group.
    #[must_use]
    pub fn sitemaps(&self) -> &[String] {
        &self.sitemaps
    }

    /// Reads a robots.txt; only what concerns `token` is kept.
    #[must_use]
    pub fn parse(content: &[u8], token: &str) -> Self {
        let content = &content[..content.len().min(LIMIT)];
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        let mut ours = Group::default();
        let mut everyones = Group::default();
        let mut sitemaps = Vec::new();
        let mut for_us = false;
        let mut for_everyone = false;
        let mut in_rules = false;
        for (number, line) in (1..).zip(lines(content)) {
            let line = &line[..line.len().min(LINE_LIMIT)];
            let line = line.split(|&byte| byte == b'#').next().unwrap_or_default();
            let Some(colon) = line.iter().position(|&byte| byte == b':') else {
                continue;
            };
            let name = line[..colon].trim_ascii().to_ascii_lowercase();
            let value = line[colon + 1..].trim_ascii();
            let allow = match name.as_slice() {
                b"user-agent" => {
                    if in_rules {
                        // A line of agents after rules begins the next group.
                        (for_us, for_everyone, in_rules) = (false, false, false);
                    }
                    for_everyone |= value == b"*" || value.starts_with(b"* ");
                    let named = product(value);
                    if !named.is_empty() && named.eq_ignore_ascii_case(token.as_bytes()) {
                        for_us = true;
                        ours.met = true;
                    }
                    continue;
                }
                b"sitemap" => {
                    sitemaps.push(String::from_utf8_lossy(value).into_owned());
                    continue;
                }
                // No line of section 2.2, so it ends no group (2.2.4).
                b"crawl-delay" => {
                    let seconds = std::str::from_utf8(value)
                        .ok()
                        .and_then(|text| text.parse::<f64>().ok());
                    let delay = seconds
                        .filter(|seconds| *seconds >= 0.0)
                        .map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or(FOR_EVER));
                    if for_us {
                        ours.delay = ours.delay.or(delay);
                    }
                    if for_everyone {
                        everyones.delay = everyones.delay.or(delay);
                    }
                    continue;
                }
                b"allow" => true,
                b"disallow" => false,
                // What we do not know does not end a group (2.2.4).
                _ => continue,
            };
            in_rules = true;
            // An empty rule matches nothing.
            if value.is_empty() {
                continue;
            }
            let rule = || {
                let pattern = pattern(value);
                Rule {
                    allow,
                    line: number,
                    plain: plain_query(&pattern),
                    pattern,
                }
            };
            if for_us {
                ours.rules.push(rule());
            }
            if for_everyone {
                everyones.rules.push(rule());
            }
        }
        let group = if ours.met { ours } else { everyones };
        Self {
            rules: group.rules,
            crawl_delay: group.delay,
            sitemaps,
            unreachable: None,
        }
    }

    /// May `path`, with its query, be asked for?
    #[must_use]
    pub fn judge(&self, path: &str) -> Verdict {
        if path == "/robots.txt" {
            return Verdict {
                allowed: true,
                line: None,
                rule: "robots.txt itself".to_owned(),
            };
        }
        if let Some(reason) = &self.unreachable {
            let rule = format!("robots.txt could not be had, so nothing is allowed: {reason}");
            return Verdict {
                allowed: false,
                line: None,
                rule,
            };
        }
        let path = normal(path.as_bytes(), false);
        let plain = plain_query(&path);
        let matching = self
            .rules
            .iter()
            .filter(|rule| rule.matches(&path, plain.as_deref()));
        let longest = matching.max_by(|a, b| {
            // Of equals, Allow; of those, the first.
            (a.pattern.len(), a.allow, std::cmp::Reverse(a.line)).cmp(&(
                b.pattern.len(),
                b.allow,
                std::cmp::Reverse(b.line),
            ))
        });
        match longest {
            Some(rule) => {
                let name = if rule.allow { "Allow" } else { "Disallow" };
                Verdict {
                    allowed: rule.allow,
                    line: Some(rule.line),
                    rule: format!("{name}: {}", rule.pattern),
                }
            }
            None => Verdict {
                allowed: true,
                line: None,
                rule: "no rule of robots.txt matches".to_owned(),
            },
        }
    }
}

impl Rule {
    /// Does it match `path`, or, where one of them has such a form, with what separates nothing in a query decoded?
    fn matches(&self, path: &str, plain: Option<&str>) -> bool {
        let loose = || {
            let pattern = self.plain.as_deref().unwrap_or(&self.pattern);
            matches(pattern.as_bytes(), plain.unwrap_or(path).as_bytes())
        };
        matches(self.pattern.as_bytes(), path.as_bytes())
            || (self.plain.is_some() || plain.is_some()) && loose()
    }
}

#[derive(Default)]
struct Group {
    met: bool,
    rules: Vec<Rule>,
    delay: Option<Duration>,
}

/// Lines that end in LF, CR or CRLF.
fn lines(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(content);
    std::iter::from_fn(move || {
        let text = rest?;
        if let Some(end) = text.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let next = if text[end..].starts_with(b"\r\n") {
                end + 2
            } else {
                end + 1
            };
            rest = Some(&text[next..]);
            Some(&text[..end])
        } else {
            rest = None;
            Some(text)
        }
    })
}

/// The product token that an agent line names: its leading letters, `-` and `_` (2.2.1).
fn product(value: &[u8]) -> &[u8] {
    let end = value
        .iter()
        .position(|byte| !(byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_')));
    &value[..end.unwrap_or(value.len())]
}

/// A rule's path, whose `*` and last `$` are special (2.2.3).
fn pattern(text: &[u8]) -> String {
    match text.strip_suffix(b"$") {
        Some(text) => normal(text, true) + "$",
        None => normal(text, true),
    }
}

/// Escapes in upper case, those of unreserved characters decoded, what is neither these nor reserved encoded (2.2.2),
/// and `$` too, so that it and `%24` are one. The same goes for `*`, unless it is `special`.
fn normal(text: &[u8], special: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let escape = |out: &mut String, byte: u8| {
        // Writing to a string does not fail.
        let _ = write!(out, "%{byte:02X}");
    };
    let digit = |at: usize| char::from(*text.get(at)?).to_digit(16);
    let escaped: &[u8] = if special {
        b"$\"<>\\^`{|}"
    } else {
        b"*$\"<>\\^`{|}"
    };
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        if byte == b'%'
            && let (Some(high), Some(low)) = (digit(at), digit(at + 1))
        {
            at += 2;
            // Two hexadecimal digits make a byte.
            let value = u8::try_from(high << 4 | low).unwrap_or_default();
            if value.is_ascii_alphanumeric() || b"-._~".contains(&value) {
                out.push(char::from(value));
            } else {
                escape(&mut out, value);
            }
        } else if byte.is_ascii_graphic() && !escaped.contains(&byte) {
            out.push(char::from(byte));
        } else {
            escape(&mut out, byte);
        }
    }
    out
}

/// With the escapes decoded in the query that stand for reserved characters which separate nothing there, as the table of
/// section 2.2.2 has it for `https://foo.bar`; `None` where there are none.
fn plain_query(text: &str) -> Option<String> {
    const DECODED: [(&str, char); 11] = [
        ("%21", '!'),
        ("%27", '\''),
        ("%28", '('),
        ("%29", ')'),
        ("%2C", ','),
        ("%2F", '/'),
        ("%3A", ':'),
        ("%3F", '?'),
        ("%40", '@'),
        ("%5B", '['),
        ("%5D", ']'),
    ];
    let mut rest = &text[text.find('?')?..];
    let mut out = text[..text.len() - rest.len()].to_owned();
    let mut met = false;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let escape = rest.get(at..at + 3).unwrap_or(&rest[at..]);
        match DECODED.iter().find(|(coded, _)| *coded == escape) {
            Some((_, plain)) => {
                met = true;
                out.push(*plain);
            }
            None => out.push_str(escape),
        }
        rest = &rest[at + escape.len()..];
    }
    out.push_str(rest);
    met.then_some(out)
}

/// Does `path` begin with what `pattern` says? What stands between two `*` is looked for once, behind what came before it,
/// so the time is that of reading both.
fn matches(pattern: &[u8], path: &[u8]) -> bool {
    let (pattern, whole) = match pattern.strip_suffix(b"$") {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    let mut parts = pattern.split(|byte| *byte == b'*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = path.strip_prefix(first) else {
        return false;
    };
    let mut last: Option<&[u8]> = None;
    for part in parts {
        if let Some(part) = last.replace(part) {
            let Some(at) = memchr::memmem::find(rest, part) else {
                return false;
            };
            rest = &rest[at + part.len()..];
        }
    }
    match last {
        None => !whole || rest.is_empty(),
        Some(part) if whole => rest.ends_with(part),
        Some(part) => memchr::memmem::find(rest, part).is_some(),
    }
}

#[cfg(test)]
#[path = "robots_tests.rs"]
mod tests;
