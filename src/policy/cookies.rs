//! Which cookies a server has set, and which of them a request carries (RFC 6265, as browsers keep to it).
//!
//! A cookie belongs to the host that set it, or to the domain that it names, never to a public suffix; one marked
//! `Secure` is sent over TLS alone, and nobody without TLS replaces it; `__Secure-` and `__Host-` mean what they say.
//! The text form is the file that Netscape had, which curl, wget and browsers' extensions read and write.
//! Deliberately absent: `SameSite`, because there is no page that a request comes from, and a limit in time other than
//! the one that the server gave.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use url::{Host, Url};

use crate::model::Secret;

/// The longest name and value together that are kept, in bytes.
const LONGEST: usize = 4096;
/// Cookies of one host or domain; beyond, the oldest leaves.
const PER_DOMAIN: usize = 180;
/// Cookies of all of them; beyond, none of a further domain is taken.
const ALL: usize = 10_000;

/// The cookies that are known.
#[derive(Debug, Clone, Default)]
pub struct Jar {
    domains: HashMap<String, Vec<Cookie>>,
    count: usize,
    /// Grows with each cookie: of two with paths of one length, the older is sent first.
    turn: u64,
}

#[derive(Debug, Clone)]
struct Cookie {
    name: String,
    value: Secret,
    path: String,
    /// `None`: until the jar is thrown away.
    until: Option<SystemTime>,
    /// For the host alone, and not for those below it.
    host_only: bool,
    secure: bool,
    http_only: bool,
    turn: u64,
}

impl Cookie {
    fn is_over(&self, now: SystemTime) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl Jar {
    /// Reads the text of a file; what is over by `now` is left out.
    ///
    /// # Errors
    /// What is wrong in which line, and nothing of what stands there.
    pub fn parse(text: &str, now: SystemTime) -> Result<Self, String> {
        let mut jar = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim_end_matches('\r');
            let (http_only, line) = match line.strip_prefix("#HttpOnly_") {
                Some(rest) => (true, rest),
                None => (false, line),
            };
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what| format!("line {number}: {what}");
            let cells: Vec<&str> = line.split('\t').collect();
            let [domain, below, path, secure, until, name, value] = cells[..] else {
                return Err(wrong("not the seven cells, divided by tabs, of a cookie"));
            };
            let truth = |cell: &str| cell.eq_ignore_ascii_case("TRUE");
            let seconds: i64 = until
                .parse()
                .map_err(|_| wrong("its time is no number of seconds"))?;
            let seconds = u64::try_from(seconds).unwrap_or(0);
            let until = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
            let until = until.filter(|_| seconds > 0);
            let domain = domain.trim_start_matches('.').to_ascii_lowercase();
            let cookie = Cookie {
                name: name.to_owned(),
                value: Secret::new(value),
                path: path.to_owned(),
                until,
                host_only: !truth(below),
                secure: truth(secure),
                http_only,
                turn: 0,
            };
            if sendable(name) && sendable(value) {
                jar.put(domain, cookie, now);
            }
        }
        Ok(jar)
    }

    /// The text of a file with all that is not over by `now`.
    #[must_use]
    pub fn text(&self, now: SystemTime) -> String {
        let mut text = String::from("# Netscape HTTP Cookie File\n");
        let all = self.domains.iter();
        let mut rows: Vec<_> = all
            .flat_map(|(domain, cookies)| cookies.iter().map(move |cookie| (domain, cookie)))
            .filter(|(_, cookie)| !cookie.is_over(now))
            .collect();
        rows.sort_by_key(|(domain, cookie)| (*domain, cookie.turn));
        for (domain, cookie) in rows {
            let truth = |is| if is { "TRUE" } else { "FALSE" };
            let mark = if cookie.http_only { "#HttpOnly_" } else { "" };
            let dot = if cookie.host_only { "" } else { "." };
            let until = cookie.until.and_then(|until| {
                let since = until.duration_since(SystemTime::UNIX_EPOCH).ok()?;
                Some(since.as_secs())
            });
            let _ = writeln!(
                text,
                "{mark}{dot}{domain}\t{}\t{}\t{}\t{}\t{}\t{}",
                truth(!cookie.host_only),
                cookie.path,
                truth(cookie.secure),
                until.unwrap_or(0),
                cookie.name,
                cookie.value.reveal(),
            );
        }
        text
    }

    /// The value of the Cookie field of a request for `url` at `now`; longer paths and older cookies come first.
    #[must_use]
    pub fn field(&self, url: &Url, now: SystemTime) -> Option<Secret> {
        if self.count == 0 {
            return None;
        }
        let host = url.host_str()?;
        let mut sent: Vec<&Cookie> = Vec::new();
        for domain in upwards(url) {
            let cookies = self.domains.get(domain).into_iter().flatten();
            sent.extend(cookies.filter(|cookie| {
                (!cookie.host_only || domain == host)
                    && (!cookie.secure || url.scheme() == "https")
                    && covers(&cookie.path, url.path())
                    && !cookie.is_over(now)
            }));
        }
        if sent.is_empty() {
            return None;
        }
        sent.sort_by_key(|cookie| (std::cmp::Reverse(cookie.path.len()), cookie.turn));
        let mut text = String::new();
        for cookie in sent {
            let between = if text.is_empty() { "" } else { "; " };
            let named = if cookie.name.is_empty() { "" } else { "=" };
            let _ = write!(
                text,
                "{between}{}{named}{}",
                cookie.name,
                cookie.value.reveal()
            );
        }
        Some(Secret::new(text))
    }

    /// Takes what an answer from `url` set at `now`; what may not be set is passed over.
    pub fn take(&mut self, url: &Url, set_cookie: &[u8], now: SystemTime) {
        let Some(host) = url.host_str() else {
            return;
        };
        let Some(set) = std::str::from_utf8(set_cookie).ok().and_then(Set::parse) else {
            return;
        };
        let (domain, host_only) = match set.domain.as_deref() {
            None | Some("") => (host.to_owned(), true),
            Some(domain) if domain == host => (domain.to_owned(), is_suffix(domain)),
            Some(domain) if upwards(url).any(|above| above == domain) && !is_suffix(domain) => {
                (domain.to_owned(), false)
            }
            Some(_) => return,
        };
        let secure = url.scheme() == "https";
        let promised = |prefix: &str| {
            let begin = set.name.get(..prefix.len());
            begin.is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
        };
        let path = set.path.filter(|path| path.starts_with('/'));
        let bound = host_only && path == Some("/");
        if set.secure && !secure
            || promised("__Secure-") && !set.secure
            || promised("__Host-") && !(set.secure && bound)
        {
            return;
        }
        let path = path.unwrap_or_else(|| folder(url.path())).to_owned();
        let known = self.domains.get(&domain).into_iter().flatten();
        let guarded = !secure
            && known
                .filter(|cookie| cookie.secure && cookie.name == set.name)
                .any(|cookie| covers(&cookie.path, &path) || covers(&path, &cookie.path));
        if guarded {
            return;
        }
        let cookie = Cookie {
            name: set.name.to_owned(),
            value: Secret::new(set.value),
            path,
            until: set.until(now),
            host_only,
            secure: set.secure,
            http_only: set.http_only,
            turn: 0,
        };
        self.put(domain, cookie, now);
    }

    /// Puts it in place of the one that it replaces; one that is over only takes that away.
    fn put(&mut self, domain: String, mut cookie: Cookie, now: SystemTime) {
        if !self.domains.contains_key(&domain) && self.count >= ALL {
            return;
        }
        let cookies = self.domains.entry(domain).or_default();
        let before = cookies.len();
        self.turn += 1;
        cookie.turn = self.turn;
        cookies.retain(|known| {
            let same = known.name == cookie.name
                && known.path == cookie.path
                && known.host_only == cookie.host_only;
            if same {
                cookie.turn = known.turn;
            }
            !same && !known.is_over(now)
        });
        if cookies.len() >= PER_DOMAIN {
            cookies.remove(0);
        }
        if !cookie.is_over(now) {
            cookies.push(cookie);
        }
        self.count = self.count + cookies.len() - before;
    }
}

/// The host of `url` and, where that is a name, the domains above it.
fn upwards(url: &Url) -> impl Iterator<Item = &str> {
    let named = matches!(url.host(), Some(Host::Domain(_)));
    std::iter::successors(url.host_str(), move |name| {
        let (_, above) = name.split_once('.')?;
        (named && !above.is_empty()).then_some(above)
    })
}

/// Is it a domain below which strangers register theirs, such as `com` or `co.uk`?
fn is_suffix(domain: &str) -> bool {
    psl::suffix(domain.as_bytes()).is_some_and(|suffix| suffix.as_bytes() == domain.as_bytes())
}

/// Does a cookie of `path` go to `asked` (RFC 6265, section 5.1.4)?
fn covers(path: &str, asked: &str) -> bool {
    asked
        .strip_prefix(path)
        .is_some_and(|rest| rest.is_empty() || path.ends_with('/') || rest.starts_with('/'))
}

/// The path of a cookie that has none.
fn folder(path: &str) -> &str {
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(end) => &path[..end],
    }
}

/// Can it stand in a field and in a line of a file?
fn sendable(text: &str) -> bool {
    !text.bytes().any(|byte| byte < b' ' || byte == 0x7f)
}

/// What a Set-Cookie says.
struct Set<'a> {
    name: &'a str,
    value: &'a str,
    path: Option<&'a str>,
    domain: Option<String>,
    max_age: Option<i64>,
    expires: Option<SystemTime>,
    secure: bool,
    http_only: bool,
}

impl<'a> Set<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';');
        let pair = parts.next()?;
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        let (name, value) = (name.trim(), value.trim());
        let length = name.len() + value.len();
        if length == 0 || length > LONGEST || !sendable(name) || !sendable(value) {
            return None;
        }
        let mut set = Self {
            name,
            value,
            path: None,
            domain: None,
            max_age: None,
            expires: None,
            secure: false,
            http_only: false,
        };
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim();
            match key.trim().to_ascii_lowercase().as_str() {
                "path" => {
                    set.path = Some(value).filter(|path| sendable(path) && path.len() <= 1024);
                }
                "domain" => {
                    let domain = value.strip_prefix('.').unwrap_or(value);
                    set.domain = Some(domain.to_ascii_lowercase());
                }
                "max-age" => set.max_age = value.parse().ok().or(set.max_age),
                "expires" => set.expires = date(value).or(set.expires),
                "secure" => set.secure = true,
                "httponly" => set.http_only = true,
                _ => {}
            }
        }
        Some(set)
    }

    /// Max-Age comes before Expires.
    fn until(&self, now: SystemTime) -> Option<SystemTime> {
        match self.max_age.map(u64::try_from) {
            Some(Ok(0) | Err(_)) => Some(SystemTime::UNIX_EPOCH),
            Some(Ok(seconds)) => now.checked_add(Duration::from_secs(seconds)),
            None => self.expires,
        }
    }
}

/// A date as servers write them, which is in many ways (RFC 6265, section 5.1.1).
fn date(text: &str) -> Option<SystemTime> {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != ':');
    for word in words.filter(|word| !word.is_empty()) {
        let number = |most: usize| {
            let digits = word.bytes().take_while(u8::is_ascii_digit).count();
            (1..=most)
                .contains(&digits)
                .then(|| word[..digits].parse::<i16>().ok())?
        };
        if time.is_none() && word.contains(':') {
            let mut parts = word.split(':').map(str::parse::<i8>);
            let mut part = || parts.next()?.ok();
            time = Some((part()?, part()?, part()?));
        } else if day.is_none()
            && let Some(number) = number(2)
        {
            day = i8::try_from(number).ok();
        } else if month.is_none()
            && let Some(number) = word.get(..3).and_then(|begin| {
                MONTHS
                    .iter()
                    .position(|month| begin.eq_ignore_ascii_case(month))
            })
        {
            month = i8::try_from(number + 1).ok();
        } else if year.is_none()
            && let Some(number) = number(4)
        {
            year = Some(match number {
                0..70 => number + 2000,
                70..100 => number + 1900,
                _ => number,
            });
        }
    }
    let (hour, minute, second) = time?;
    let date = jiff::civil::DateTime::new(year?, month?, day?, hour, minute, second, 0).ok()?;
    let moment = jiff::tz::TimeZone::UTC.to_timestamp(date).ok()?;
    // What is before 1970 is over, and a file has no number for it.
    let since = u64::try_from(moment.as_second()).unwrap_or(0);
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(since))
}

#[cfg(test)]
#[path = "cookies_tests.rs"]
mod tests;
