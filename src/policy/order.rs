//! Which of the URLs that may be asked for comes first.
//!
//! Breadth first finds what is near a seed soon and is the default. A priority is stronger than the order; politeness is
//! stronger than both, so between origins nothing is promised.

use std::str::FromStr;

use regex::Regex;

/// The order in which the targets of one origin go out.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// What was found last goes first.
    pub depth_first: bool,
    /// The first that matches counts.
    pub priorities: Vec<Priority>,
}

/// URLs that come earlier than others, or later.
#[derive(Debug, Clone)]
pub struct Priority {
    /// Found anywhere in the URL.
    pub pattern: Regex,
    /// Higher goes first; what matches nothing has 0.
    pub rank: i32,
}

impl Order {
    /// The rank of a URL.
    #[must_use]
    pub fn rank(&self, url: &str) -> i32 {
        self.priorities
            .iter()
            .find(|priority| priority.pattern.is_match(url))
            .map_or(0, |priority| priority.rank)
    }
}

impl FromStr for Priority {
    type Err = String;

    /// `REGEX=N`, such as `/news/=10` or `/archive/=-1`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = "it is written REGEX=N, as in /news/=10 or /archive/=-1";
        let (pattern, rank) = text.rsplit_once('=').ok_or(form)?;
        let rank = rank
            .trim()
            .parse()
            .map_err(|_| format!("{rank} is no whole number; {form}"))?;
        let pattern = Regex::new(pattern).map_err(|error| error.to_string())?;
        Ok(Self { pattern, rank })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pattern_that_matches_counts() {
        let order = Order {
            depth_first: false,
            priorities: ["/news/=10", "a=b=-1", "/=2"]
                .iter()
                .map(|text| text.parse().expect(text))
                .collect(),
        };
        assert_eq!(order.rank("http://h.test/news/?a=b"), 10);
        assert_eq!(order.rank("http://h.test/?a=b"), -1);
        assert_eq!(order.rank("mailto:x"), 0);
        for wrong in ["x", "x=", "x=1.5", "(=1"] {
            assert!(wrong.parse::<Priority>().is_err(), "{wrong}");
        }
    }
}
