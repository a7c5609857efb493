//! Which links count, and which part of a fragment has to be looked up.

use regex::Regex;
use url::Url;

use crate::parser;

/// Which links count.
pub(super) struct Filter {
    pub(super) fragments: bool,
    pub(super) offline: bool,
    pub(super) include: Vec<Regex>,
    pub(super) exclude: Vec<Regex>,
}

impl Filter {
    /// Is a target on the network not asked for?
    pub(super) fn keeps_out(&self, url: &Url) -> bool {
        let text = url.as_str();
        let matched = |patterns: &[Regex]| patterns.iter().any(|pattern| pattern.is_match(text));
        self.offline || matched(&self.exclude) && !matched(&self.include)
    }

    /// Is a target on this machine not looked for? Patterns see its `file:` URL and its path as it is shown.
    pub(super) fn keeps_out_file(&self, url: &Url, shown: &str) -> bool {
        let matched = |patterns: &[Regex]| {
            let hit = |pattern: &Regex| pattern.is_match(url.as_str()) || pattern.is_match(shown);
            patterns.iter().any(hit)
        };
        matched(&self.exclude) && !matched(&self.include)
    }

    /// The part of a fragment that has to be looked up; `None` when nothing has.
    pub(super) fn looked_up<'a>(&self, fragment: Option<&'a str>) -> Option<&'a str> {
        let fragment = fragment.filter(|_| self.fragments)?;
        parser::fragment::anchor(fragment)
    }
}
