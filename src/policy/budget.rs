//! How much of a site is visited, and which of its URLs are a trap.
//!
//! A calendar that goes on for ever, a relative link that adds a folder at each click, a table that can be sorted in a
//! thousand ways: every such URL is new and none leads anywhere. What is cut is counted by its reason and shown at the
//! end; seeds are never cut. The shapes are those that Heritrix rejects.

use url::Url;

/// Why a URL that is in scope is not visited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Cut {
    /// There were as many as `--max-pages` allows.
    Pages,
    /// There were as many of its host as `--max-per-host` allows.
    PerHost,
    /// There were as many with its path and other queries as `--max-variants` allows.
    Variants,
    /// A segment stands in its path for the fourth time.
    Repeats,
    /// Its path has more segments than any site needs.
    Deep,
}

impl Cut {
    /// In words, with the flag that changes it.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Pages => "past --max-pages",
            Self::PerHost => "past --max-per-host",
            Self::Variants => "past --max-variants of one path",
            Self::Repeats => "repeat a path segment (--no-traps visits them)",
            Self::Deep => "are too many folders deep (--no-traps visits them)",
        }
    }
}

/// Segments of a path beyond which it is a trap.
pub const SEGMENTS: usize = 30;

/// How often a segment may stand in one path.
pub const REPEATS: usize = 3;

/// URLs that differ in their query alone and are visited, unless it is said otherwise.
pub const VARIANTS: u64 = 1000;

/// What may be visited, at most; `None` is without bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    /// Targets in all, seeds included.
    pub pages: Option<u64>,
    /// Targets of one host.
    pub per_host: Option<u64>,
    /// Targets of one path with different queries.
    pub variants: Option<u64>,
    /// Cut URLs by the shape of their path too.
    pub shapes: bool,
}

impl Budget {
    /// Is `url` counted for more than the number of all?
    #[must_use]
    pub fn counts(&self, url: &Url) -> bool {
        self.per_host.is_some() || self.variants.is_some() && url.query().is_some()
    }
}

/// Is the path of `url` one that only a trap has?
#[must_use]
pub fn trap(url: &Url) -> Option<Cut> {
    let path = url.path();
    // Most paths are short, and a path of that many slashes is the least that can be one.
    if memchr::memchr_iter(b'/', path.as_bytes()).count() <= REPEATS {
        return None;
    }
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if segments.len() > SEGMENTS {
        return Some(Cut::Deep);
    }
    let repeats = segments.iter().any(|one| {
        let same = segments.iter().filter(|other| *other == one);
        same.count() > REPEATS
    });
    repeats.then_some(Cut::Repeats)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_repeats_or_never_ends_is_a_trap() {
        for (path, cut) in [
            ("/", None),
            ("/a/b/c/d/e/f", None),
            ("/2024/01/01/01/x", None),
            ("/a/a/a", None),
            ("/a/b/a/b/a/b/a", Some(Cut::Repeats)),
            ("/x//x//x//x", Some(Cut::Repeats)),
            (&*"/a1/a2/a3".repeat(11).replace("a1", "n"), Some(Cut::Deep)),
        ] {
            let url = Url::parse("http://h.test").and_then(|base| base.join(path));
            let url = url.expect("a URL");
            assert_eq!(trap(&url), cut, "{path}");
        }
    }
}
