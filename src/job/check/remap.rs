//! `--remap`: a pattern of URLs, and what stands in their place.
//!
//! It is applied to a URL after it was resolved, with its fragment; the first pattern that matches counts. `$1` and
//! `$name` are the groups, as the regex crate has them.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use regex::Regex;

/// A pattern and its replacement.
#[derive(Debug, Clone)]
pub struct Remap {
    pattern: Regex,
    replacement: String,
    used: Arc<AtomicBool>,
}

impl Remap {
    /// What is to be said of it if it was never applied.
    pub(super) fn unused(&self) -> Option<String> {
        let unused = !self.used.load(Ordering::Relaxed);
        unused.then(|| {
            format!(
                "--remap '{} {}' matched nothing",
                self.pattern, self.replacement
            )
        })
    }

    /// `url` with every match replaced; `None` when nothing matches.
    pub(super) fn apply(&self, url: &str) -> Option<String> {
        match self.pattern.replace_all(url, &self.replacement) {
            Cow::Borrowed(_) => None,
            Cow::Owned(text) => {
                self.used.store(true, Ordering::Relaxed);
                Some(text)
            }
        }
    }
}

impl FromStr for Remap {
    type Err = String;

    /// # Errors
    /// It is not two words, the first is no pattern, or the second names a group that the first does not have.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (pattern, replacement) = text
            .rsplit_once(char::is_whitespace)
            .ok_or("a remap is written 'PATTERN REPLACEMENT', with white space between")?;
        let pattern = Regex::new(pattern.trim()).map_err(|error| error.to_string())?;
        for name in groups(replacement) {
            let known = match name.parse::<usize>() {
                Ok(number) => number < pattern.captures_len(),
                Err(_) => pattern.capture_names().flatten().any(|known| known == name),
            };
            if !known {
                return Err(format!(
                    "the pattern has no group {name}; a dollar itself is written $$, and ${{1}}x is group 1 before an x"
                ));
            }
        }
        Ok(Self {
            pattern,
            replacement: replacement.to_owned(),
            used: Arc::default(),
        })
    }
}

/// The groups that a replacement names.
fn groups(replacement: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = replacement;
    while let Some(at) = rest.find('$') {
        let after = &rest[at + 1..];
        rest = after;
        if let Some(escaped) = after.strip_prefix('$') {
            rest = escaped;
        } else if let Some((name, _)) = after
            .strip_prefix('{')
            .and_then(|name| name.split_once('}'))
        {
            found.push(name);
        } else {
            let ends = |c: char| !c.is_ascii_alphanumeric() && c != '_';
            let name = &after[..after.find(ends).unwrap_or(after.len())];
            found.extend((!name.is_empty()).then_some(name));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_put_into_the_replacement() {
        let remap: Remap = r"^https://h\.test/(?<rest>.*) http://localhost:8000/$rest"
            .parse()
            .expect("a remap");
        assert_eq!(
            remap.apply("https://h.test/a#b").as_deref(),
            Some("http://localhost:8000/a#b")
        );
        assert_eq!(remap.apply("https://g.test/a"), None);
    }

    #[test]
    fn what_is_wrong_with_a_remap_is_said() {
        for (text, told) in [
            ("one", "PATTERN REPLACEMENT"),
            ("( x", "unclosed group"),
            ("(a) $2", "no group 2"),
            ("(a) $1x", "no group 1x"),
        ] {
            let error = text.parse::<Remap>().expect_err(text);
            assert!(error.contains(told), "{error}");
        }
        for good in ["(a) ${1}x", "a $$1", "(?<n>a) ${n}"] {
            assert!(good.parse::<Remap>().is_ok(), "{good}");
        }
    }
}
