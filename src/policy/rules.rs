//! The user's patterns, each with what to call it, and which of them have matched anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use regex::Regex;

/// A pattern, and what to call it where it matches nothing.
#[derive(Debug, Clone)]
pub struct Rule {
    name: String,
    pattern: Regex,
    used: Arc<AtomicBool>,
}

impl Rule {
    /// A pattern that a person knows by `name`: `--exclude`, or a file and a line.
    #[must_use]
    pub fn new(name: impl Into<String>, pattern: Regex) -> Self {
        Self {
            name: name.into(),
            pattern,
            used: Arc::default(),
        }
    }

    fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    fn matches(&self, texts: &[&str]) -> bool {
        let hit = texts.iter().any(|text| self.pattern.is_match(text));
        if hit {
            self.used.store(true, Ordering::Relaxed);
        }
        hit
    }
}

/// Does one of `rules` match one of `texts`? Each is asked until it has matched something, so that none seems to be of no
/// use because another one comes first.
#[must_use]
pub fn any(rules: &[Rule], texts: &[&str]) -> bool {
    let mut hit = false;
    for rule in rules {
        if !hit || !rule.is_used() {
            hit |= rule.matches(texts);
        }
    }
    hit
}

/// What is to be said of those that have matched nothing.
pub fn unused(rules: &[Rule]) -> impl Iterator<Item = String> {
    let unused = rules.iter().filter(|rule| !rule.is_used());
    unused.map(|rule| format!("{} '{}' matched nothing", rule.name, rule.pattern))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_comes_second_is_used_too() {
        let rule = |text: &str| Rule::new("--exclude", Regex::new(text).expect("a pattern"));
        let rules = [rule("a"), rule("^a"), rule("b"), rule("^c")];
        assert!(any(&rules, &["ab"]) && any(&rules, &["xa"]) && !any(&rules, &["x"]));
        assert_eq!(
            unused(&rules).collect::<Vec<_>>(),
            ["--exclude '^c' matched nothing"]
        );
    }
}
