//! How much of a site is visited, and which of its URLs are a trap.
//!
//! A calendar that goes on for ever, a relative link that adds a folder at each click, a table that can be sorted in a
//! thousand ways: every such URL is new and none leads anywhere. What is cut is counted by its reason and shown at the
//! end; seeds are never cut. The shapes are those that Heritrix rejects.

use url::{Position, Url};

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
    /// Its folder has had its share, and others took the rest.
    Share,
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
            Self::Share => "past their folder's share of --max-pages or --max-per-host",
        }
    }

    /// A word for it, as a state keeps it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pages => "pages",
            Self::PerHost => "per-host",
            Self::Variants => "variants",
            Self::Repeats => "repeats",
            Self::Deep => "deep",
            Self::Share => "share",
        }
    }
}

/// Segments of a path beyond which it is a trap.
pub const SEGMENTS: usize = 30;

/// How often a segment may stand in one path.
pub const REPEATS: usize = 3;

/// URLs that differ in their query alone and are visited, unless it is said otherwise.
pub const VARIANTS: u64 = 1000;

/// Which part of a limited number of pages the files of one folder have before others go first: an eighth.
const FOLDER_SHARE: u64 = 8;

/// The same for everything below a folder of the root: a half.
const BRANCH_SHARE: u64 = 2;

/// No share is smaller, so that short crawls go in the order in which links are found.
const LEAST_SHARE: u64 = 20;

/// A limit beyond which nothing is shared out: such a crawl gets everywhere.
const SHARED: u64 = 100_000;

/// How many pages of a folder, and of a branch of the site, go before those of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Files of one folder.
    pub folder: u64,
    /// Everything below one folder of the root.
    pub branch: u64,
    /// Taken at once of what has waited, when nothing else is left.
    pub batch: usize,
}

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
        self.per_host.is_some()
            || self.share().is_some()
            || self.variants.is_some() && url.query().is_some()
    }

    /// How a limited number of pages is shared out among the folders of a site: four hundred facets that the first
    /// page links to shall not take the place of everything below it.
    #[must_use]
    pub fn share(&self) -> Option<Share> {
        let limits = [self.pages, self.per_host].into_iter().flatten();
        let limit = limits
            .min()
            .filter(|limit| self.shapes && *limit <= SHARED)?;
        Some(Share {
            folder: (limit / FOLDER_SHARE).max(LEAST_SHARE),
            branch: (limit / BRANCH_SHARE).max(LEAST_SHARE),
            batch: usize::try_from(limit / 64).unwrap_or(0).max(8),
        })
    }
}

/// The folder of `url`, and the folder of the root that it is below: `http://h/a/b/c` has `http://h/a/b/` and
/// `http://h/a/`.
#[must_use]
pub fn folders(url: &Url) -> (&str, Option<&str>) {
    let whole = &url[..Position::AfterPath];
    let root = url[..Position::BeforePath].len() + 1;
    let folder = whole.rfind('/').map_or(whole, |end| &whole[..=end]);
    let branch = folder.get(root..).and_then(|below| below.find('/'));
    (folder, branch.map(|end| &folder[..=root + end]))
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
    fn a_folder_and_the_branch_that_it_is_in() {
        for (url, folder, branch) in [
            ("http://h.test/", "http://h.test/", None),
            ("http://h.test/x?q=/a/b", "http://h.test/", None),
            (
                "http://h.test/a/x",
                "http://h.test/a/",
                Some("http://h.test/a/"),
            ),
            (
                "http://h.test:8/a/b/",
                "http://h.test:8/a/b/",
                Some("http://h.test:8/a/"),
            ),
            ("mailto:x", "mailto:x", None),
        ] {
            let parsed = Url::parse(url).expect("a URL");
            assert_eq!(folders(&parsed), (folder, branch), "{url}");
        }
    }

    #[test]
    fn only_a_small_limit_is_shared_out() {
        let of = |pages, shapes| {
            Budget {
                pages,
                shapes,
                ..Budget::default()
            }
            .share()
        };
        assert_eq!(of(None, true), None);
        assert_eq!(of(Some(300), false), None);
        assert_eq!(of(Some(1_000_000), true), None);
        let share = of(Some(300), true).expect("a share");
        assert_eq!((share.folder, share.branch, share.batch), (37, 150, 8));
        assert_eq!(of(Some(5), true).expect("a share").folder, LEAST_SHARE);
    }

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
