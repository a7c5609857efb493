//! The `_redirects` file of a site that Netlify or Cloudflare Pages serves: which paths lead elsewhere.
//!
//! One rule a line: `from [name=value …] to [status[!]]`. In `from`, `:name` stands for one segment and `*` for any
//! rest, which `to` calls `:name` and `:splat`. The first rule that matches counts, and only where there is no file, unless
//! its status has a `!`. Deliberately absent: rules for other hosts, and those with conditions (`Country=`, `Language=`,
//! `Role=`, `Cookie=`), which do not hold for every visitor.

use std::fmt::Write as _;

use regex::{Captures, Regex};

/// The rules of one file.
#[derive(Debug, Default)]
pub(super) struct Redirects {
    /// As people know it.
    name: String,
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    /// 1-based.
    line: usize,
    from: Regex,
    /// Parameters that the query has to have; a value with a colon is a placeholder.
    query: Vec<(String, String)>,
    to: String,
    status: u16,
    forced: bool,
}

/// Where a rule leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lead {
    /// A path that begins with `/`, or a URL.
    pub(super) to: String,
    pub(super) status: u16,
    /// Which rule it was, for messages.
    pub(super) by: String,
}

/// Rules that are read from one file; Netlify and Cloudflare take fewer.
const MOST: usize = 10_000;

/// The code of a rule that names none.
const MOVED: u16 = 301;

impl Redirects {
    /// The rules in `text`, and what was wrong with lines that are none.
    pub(super) fn parse(name: &str, text: &str) -> (Self, Vec<String>) {
        let mut redirects = Self {
            name: name.to_owned(),
            rules: Vec::new(),
        };
        let mut wrong = Vec::new();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (line, rule) in (1..).zip(text.lines()) {
            if redirects.rules.len() == MOST {
                wrong.push(format!(
                    "{name}:{line}: the rules from here on are not read; {MOST} are"
                ));
                break;
            }
            match read(line, rule) {
                Ok(rule) => redirects.rules.extend(rule),
                Err(reason) => wrong.push(format!("{name}:{line}: {reason}")),
            }
        }
        (redirects, wrong)
    }

    pub(super) fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Where the first rule for `path` leads, unless a file is `there`.
    pub(super) fn lead(
        &self,
        path: &str,
        query: Option<&str>,
        there: impl Fn() -> bool,
    ) -> Option<Lead> {
        let bare = path.strip_suffix('/').unwrap_or(path);
        let mut seen = None;
        let (rule, found, values) = self.rules.iter().find_map(|rule| {
            let found = rule.from.captures(bare)?;
            let values = rule.values(query)?;
            let shadowed = !rule.forced && *seen.get_or_insert_with(&there);
            (!shadowed).then_some((rule, found, values))
        })?;
        Some(Lead {
            to: rule.filled(&found, &values),
            status: rule.status,
            by: format!("line {} of {}", rule.line, self.name),
        })
    }
}

impl Rule {
    /// The values of the parameters that it asks for; `None` when one is missing or another.
    fn values(&self, query: Option<&str>) -> Option<Vec<(String, String)>> {
        if self.query.is_empty() {
            return Some(Vec::new());
        }
        let pairs: Vec<_> =
            url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).collect();
        let mut values = Vec::new();
        for (name, wanted) in &self.query {
            let (_, value) = pairs.iter().find(|(given, _)| given == name)?;
            match wanted.strip_prefix(':') {
                Some(placeholder) => values.push((placeholder.to_owned(), value.to_string())),
                None if wanted == value => {}
                None => return None,
            }
        }
        Some(values)
    }

    /// `to` with its placeholders filled in.
    fn filled(&self, found: &Captures<'_>, values: &[(String, String)]) -> String {
        let mut out = String::new();
        let mut rest = self.to.as_str();
        while let Some(colon) = rest.find(':') {
            let (before, after) = rest.split_at(colon);
            out.push_str(before);
            let after = &after[1..];
            let name = &after[..word(after)];
            let given = values.iter().find(|(known, _)| known == name);
            let known = self
                .from
                .capture_names()
                .flatten()
                .any(|known| known == name);
            // A rest that is empty is one all the same.
            let value = known.then(|| found.name(name).map_or("", |value| value.as_str()));
            match value.or(given.map(|(_, value)| value.as_str())) {
                Some(value) if !name.is_empty() => out.push_str(value),
                _ => {
                    out.push(':');
                    out.push_str(name);
                }
            }
            rest = &after[name.len()..];
        }
        out.push_str(rest);
        out
    }
}

/// The rule of one line; `None` where there is none for us.
fn read(line: usize, text: &str) -> Result<Option<Rule>, String> {
    // What stands behind a # is said to people, but a # inside a word is a fragment.
    let words = text
        .split_whitespace()
        .take_while(|word| !word.starts_with('#'));
    let mut words = words.peekable();
    let Some(from) = words.next() else {
        return Ok(None);
    };
    let mut query = Vec::new();
    while let Some(pair) = words.peek().and_then(|word| parameter(word)) {
        query.push(pair);
        words.next();
    }
    let to = words
        .next()
        .ok_or("a rule is written 'from to [status]', and this one has no to")?;
    let (status, forced) = match words.next() {
        Some(word) if !word.contains('=') => {
            let number = word.strip_suffix('!');
            let status = number.unwrap_or(word).parse().ok();
            let status = status.filter(|status| (100..600).contains(status));
            let status = status.ok_or_else(|| format!("{} is no status", word.escape_debug()))?;
            (status, number.is_some())
        }
        // Conditions do not hold for everyone.
        Some(_) => return Ok(None),
        None => (MOVED, false),
    };
    if words.next().is_some() {
        return Ok(None);
    }
    if from.starts_with("http://") || from.starts_with("https://") {
        return Ok(None);
    }
    if !from.starts_with('/') {
        return Err(format!("{} does not begin with /", from.escape_debug()));
    }
    let absolute = to.contains("://");
    if !to.starts_with('/') && !absolute {
        let to = to.escape_debug();
        return Err(format!(
            "{to} is neither a path that begins with / nor a URL"
        ));
    }
    Ok(Some(Rule {
        line,
        from: pattern(from)?,
        query,
        to: to.to_owned(),
        status,
        forced,
    }))
}

/// `name=value` in front of `to`.
fn parameter(word: &str) -> Option<(String, String)> {
    if word.starts_with('/') || word.contains("://") {
        return None;
    }
    let (name, value) = word.split_once('=')?;
    Some((name.to_owned(), value.to_owned()))
}

/// `from` as a pattern of paths without a slash at their end.
fn pattern(from: &str) -> Result<Regex, String> {
    let path = from.split(['?', '#']).next().unwrap_or_default();
    let mut rest = path.strip_suffix('/').unwrap_or(path);
    let mut pattern = "^".to_owned();
    let mut splat = false;
    while let Some(at) = rest.find([':', '*']) {
        let (before, after) = rest.split_at(at);
        let behind = &after[1..];
        let name = &behind[..word(behind)];
        if after.starts_with('*') {
            if splat {
                return Err("one * is allowed in a rule".to_owned());
            }
            splat = true;
            match before.strip_suffix('/') {
                // `/news/*` is for `/news` too.
                Some(folder) if behind.is_empty() => {
                    let _ = write!(pattern, "{}(?:/(?<splat>.*))?", regex::escape(folder));
                }
                _ => {
                    let _ = write!(pattern, "{}(?<splat>.*)", regex::escape(before));
                }
            }
            rest = behind;
        } else if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            pattern.push_str(&regex::escape(&rest[..=at]));
            rest = behind;
        } else {
            let _ = write!(pattern, "{}(?<{name}>[^/]+)", regex::escape(before));
            rest = &behind[name.len()..];
        }
    }
    pattern.push_str(&regex::escape(rest));
    pattern.push('$');
    Regex::new(&pattern).map_err(|_| format!("{} is no pattern of paths", from.escape_debug()))
}

/// How long the name is that `text` begins with.
fn word(text: &str) -> usize {
    let ends = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    text.find(ends).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# moved\n\
        /old /new\n\
        /news/* /blog/:splat 302\n\
        /:year/:month/p.html /archive/:month-:year 301 # a remark\n\
        /store id=:id /goods/:id\n\
        /taken /other 301!\n\
        /away https://h.test/x/:splat\n\
        /gone /410.html 410\n\
        /de /de.html 302 Language=de\n\
        https://other.test/* /x\n\
        /* /index.html 200\n";

    fn lead(path: &str, query: Option<&str>, there: bool) -> Option<(String, u16)> {
        let (redirects, wrong) = Redirects::parse("_redirects", FILE);
        assert!(wrong.is_empty(), "{wrong:?}");
        let lead = redirects.lead(path, query, || there)?;
        Some((lead.to, lead.status))
    }

    #[test]
    fn the_first_rule_that_matches_counts() {
        for (path, query, to, status) in [
            ("/old", None, "/new", 301),
            ("/old/", None, "/new", 301),
            ("/news/a/b", None, "/blog/a/b", 302),
            ("/news", None, "/blog/", 302),
            ("/2024/05/p.html", None, "/archive/05-2024", 301),
            ("/store", Some("a=b&id=7"), "/goods/7", 301),
            ("/store", None, "/index.html", 200),
            ("/away", None, "https://h.test/x/:splat", 301),
            ("/gone", None, "/410.html", 410),
            ("/de", None, "/index.html", 200),
        ] {
            assert_eq!(
                lead(path, query, false),
                Some((to.to_owned(), status)),
                "{path}"
            );
        }
    }

    #[test]
    fn a_file_comes_before_its_rule_unless_the_rule_is_forced() {
        assert_eq!(lead("/old", None, true), None);
        assert_eq!(lead("/taken", None, true), Some(("/other".to_owned(), 301)));
    }

    #[test]
    fn a_line_that_is_no_rule_is_named() {
        let text = "/a\n/ok /b\nhere /b\n/a b\n/a /b moved\n/*/x/* /b\n\n";
        let (redirects, wrong) = Redirects::parse("s/_redirects", text);
        assert_eq!(redirects.rules.len(), 1);
        let lines: Vec<_> = wrong
            .iter()
            .filter_map(|line| line.split(": ").next())
            .collect();
        assert_eq!(
            lines,
            [
                "s/_redirects:1",
                "s/_redirects:3",
                "s/_redirects:4",
                "s/_redirects:5",
                "s/_redirects:6"
            ]
        );
        let lead = redirects.lead("/ok", None, || false).expect("a rule");
        assert_eq!(lead.by, "line 2 of s/_redirects");
    }
}
