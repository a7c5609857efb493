//! `crawl --duplicates`: which pages have the content of another one, or nearly its words.
//!
//! A page duplicates the first one that came with the same SHA-256, else the most similar one whose sketch differs in at most
//! [`NEAR`] of 128 bits, which means that some 19 in 20 pairs of words are in both. Each page is only ever compared
//! with pages that duplicate none, so a chain of small differences does not grow into one group. Which page of a group came
//! first depends on the order in which answers arrive; a state keeps that order. Pages that redirect are their targets' and
//! are left out, as is what is no text for reading.
//!
//! The first half of a sketch has four blocks of 16 bits: where at most three bits of it differ, one block is the same, so only
//! pages that share a block are compared. A page that duplicates none costs 56 bytes (at most 63 while the list grows) and
//! the text of its path; those that do cost nothing, and each group of them its URL and two numbers. The tables of buckets are
//! 1.25 MiB.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use url::{Position, Url};

use crate::frontier::{FrontierError, visited};
use crate::model::{Duplicate, DuplicateKind, Duplicates as Counted, Outcome, Visit};

/// Bits of the sketches of pages that are nearly the same.
const NEAR: u32 = 4;

/// The same in the first half of them: three in four blocks leave one block as it is.
const NEAR_IN_HALF: u32 = 3;

/// Ways to a page: its digest, and the blocks of its sketch.
const WAYS: usize = 5;

/// Buckets of each way.
const BUCKETS: usize = 1 << 16;

/// The end of a chain.
const END: u32 = u32::MAX;

/// Media types of pages that people read.
const TYPES: &[&str] = &[
    "text/html",
    "application/xhtml+xml",
    "text/plain",
    "text/markdown",
];

/// What a page is compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks {
    /// The beginning of its SHA-256.
    digest: u64,
    /// The sketch of its words, where it has enough of them.
    sketch: Option<[u64; 2]>,
}

impl Marks {
    /// From what a record says in hexadecimal.
    pub(super) fn read(sha256: &str, sketch: Option<&str>) -> Option<Self> {
        let number = |text: &str, at| {
            let digits = text.get(at..at + 16)?;
            u64::from_str_radix(digits, 16).ok()
        };
        let both = |text: &str| Some([number(text, 0)?, number(text, 16)?]);
        Some(Self {
            digest: number(sha256, 0)?,
            sketch: sketch.and_then(both),
        })
    }

    /// Of a page that is to be compared; `None` of everything else.
    fn of(visit: &Visit) -> Option<Self> {
        let read = visit.content_type.as_deref();
        let page = visit.outcome == Outcome::Ok
            && visit.redirects.is_empty()
            && visit.size.is_some_and(|size| size > 0)
            && read.is_some_and(|essence| TYPES.contains(&essence));
        let sha256 = visit.validators.as_ref()?.sha256.as_ref()?;
        Self::read(sha256, visit.sketch.as_deref()).filter(|_| page)
    }

    /// Its bucket on each way.
    fn buckets(&self) -> [Option<usize>; WAYS] {
        let bucket = |bits: u64| usize::try_from(bits & 0xFFFF).ok();
        let mut buckets = [bucket(self.digest), None, None, None, None];
        if let Some([half, _]) = self.sketch {
            for (way, begin) in [0, 16, 32, 48].into_iter().enumerate() {
                buckets[1 + way] = bucket(half >> begin);
            }
        }
        buckets
    }
}

/// A page that duplicates none.
struct First {
    digest: u64,
    /// Zeros where it has none; then it stands on none of those ways.
    sketch: [u64; 2],
    /// The next page on each way.
    next: [u32; WAYS],
    origin: u32,
    /// Where its path ends among the paths.
    end: u32,
}

/// All pages so far.
pub(super) struct Duplicates {
    /// The newest page of each bucket.
    heads: [Vec<u32>; WAYS],
    firsts: Vec<First>,
    paths: String,
    origins: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
    /// Exact and near copies, by what they duplicate.
    groups: BTreeMap<Box<str>, (u64, u64)>,
}

impl Duplicates {
    pub(super) fn new() -> Self {
        Self {
            heads: [(); WAYS].map(|()| vec![END; BUCKETS]),
            firsts: Vec::new(),
            paths: String::new(),
            origins: Vec::new(),
            numbers: HashMap::new(),
            groups: BTreeMap::new(),
        }
    }

    /// All pages of the state at `path`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn load(path: &Path) -> Result<Self, FrontierError> {
        let mut index = Self::new();
        let mut named = HashMap::new();
        visited(path, |visit| {
            let Some(marks) = Marks::of(&visit) else {
                return;
            };
            if let Some(duplicate) = visit.duplicate {
                index.count(&duplicate);
                named.entry(duplicate.of).or_insert(marks);
            } else {
                index.first(&visit.url, marks);
            }
        })?;
        for number in 0..index.firsts.len() {
            named.remove(&index.url(number));
        }
        // A copy may be committed before the page that it repeats, which then is still the first.
        for (url, marks) in named {
            index.first(&url, marks);
        }
        Ok(index)
    }

    /// Puts into the record what it duplicates, or remembers it as the first of its kind.
    pub(super) fn mark(&mut self, visit: &mut Visit) {
        visit.duplicate = None;
        let Some(marks) = Marks::of(visit) else {
            return;
        };
        let Some(found) = self.find(&marks) else {
            self.first(&visit.url, marks);
            return;
        };
        // An earlier run has named it before its own record was kept.
        if *found.of != *visit.url {
            self.count(&found);
            visit.duplicate = Some(Box::new(found));
        }
    }

    /// Remembers a page that duplicates none.
    pub(super) fn first(&mut self, url: &str, marks: Marks) {
        let path = Url::parse(url).map_or(0, |url| url[..Position::BeforePath].len());
        let Ok(end) = u32::try_from(self.paths.len() + url.len() - path) else {
            // Four gigabytes of paths: the others are compared with these.
            return;
        };
        let Ok(number) = u32::try_from(self.firsts.len()) else {
            return;
        };
        let (origin, path) = url.split_at(path);
        let origin = self.origin(origin);
        let mut next = [END; WAYS];
        for (way, bucket) in marks.buckets().into_iter().enumerate() {
            if let Some(bucket) = bucket {
                next[way] = std::mem::replace(&mut self.heads[way][bucket], number);
            }
        }
        // An eighth more instead of twice as much.
        if self.firsts.len() == self.firsts.capacity() {
            self.firsts.reserve_exact(self.firsts.len() / 8 + 64);
        }
        if self.paths.capacity() - self.paths.len() < path.len() {
            self.paths
                .reserve_exact(self.paths.len() / 8 + path.len() + 4096);
        }
        self.paths.push_str(path);
        self.firsts.push(First {
            digest: marks.digest,
            sketch: marks.sketch.unwrap_or_default(),
            next,
            origin,
            end,
        });
    }

    fn origin(&mut self, origin: &str) -> u32 {
        if let Some(number) = self.numbers.get(origin) {
            return *number;
        }
        let number = u32::try_from(self.origins.len()).unwrap_or(END);
        self.origins.push(origin.into());
        self.numbers.insert(origin.into(), number);
        number
    }

    /// Counts a page that is known to duplicate another.
    pub(super) fn count(&mut self, duplicate: &Duplicate) {
        let group = self.groups.entry(duplicate.of.as_str().into()).or_default();
        match duplicate.kind {
            DuplicateKind::Exact => group.0 += 1,
            DuplicateKind::Near => group.1 += 1,
        }
    }

    /// What a page with these marks duplicates: the same content, else the most similar words; of several, the URL that
    /// comes first decides, so that the order in which they are looked at does not.
    fn find(&self, marks: &Marks) -> Option<Duplicate> {
        let mut best: Option<(u32, DuplicateKind, String)> = None;
        for (way, bucket) in marks.buckets().into_iter().enumerate() {
            let mut at = bucket.map_or(END, |bucket| self.heads[way][bucket]);
            while let Some(first) = self.firsts.get(at as usize) {
                let (distance, kind) = match marks.sketch {
                    _ if way == 0 && first.digest == marks.digest => (0, DuplicateKind::Exact),
                    Some(sketch) if way > 0 => {
                        (distance(sketch, first.sketch), DuplicateKind::Near)
                    }
                    _ => (u32::MAX, DuplicateKind::Near),
                };
                let closer = best
                    .as_ref()
                    .is_none_or(|best| (distance, kind) <= (best.0, best.1));
                if distance <= NEAR && closer {
                    let found = (distance, kind, self.url(at as usize));
                    best = match best {
                        Some(best) if best <= found => Some(best),
                        _ => Some(found),
                    };
                }
                at = first.next[way];
            }
            if way == 0 && best.is_some() {
                break;
            }
        }
        let (distance, kind, of) = best?;
        // A bit differs by half the chance that a pair does; in hundredths, which is more than the bits tell.
        let similarity = (1.0 - f64::from(distance) / 64.0) * 100.0;
        let similarity = (kind == DuplicateKind::Near).then_some(similarity.round() / 100.0);
        Some(Duplicate {
            of,
            kind,
            similarity,
        })
    }

    fn url(&self, number: usize) -> String {
        let begin = number
            .checked_sub(1)
            .map_or(0, |before| self.firsts[before].end);
        let First { origin, end, .. } = self.firsts[number];
        let path = &self.paths[begin as usize..end as usize];
        let origin = self.origins.get(origin as usize);
        format!("{}{path}", origin.map_or("", |origin| origin))
    }

    /// How often pages repeat another, and which are repeated most.
    pub(super) fn counted(&self) -> Counted {
        const SHOWN: usize = 5;
        let (exact, near) = self
            .groups
            .values()
            .fold((0, 0), |sum, group| (sum.0 + group.0, sum.1 + group.1));
        let mut groups: Vec<_> = self.groups.iter().collect();
        // Stable, so equal ones stay in the order of their URLs.
        groups.sort_by_key(|(_, (exact, near))| std::cmp::Reverse(exact + near));
        let most = groups.iter().take(SHOWN);
        let most = most.map(|(url, (exact, near))| (url.to_string(), exact + near));
        Counted {
            exact,
            near,
            groups: groups.len() as u64,
            most: most.collect(),
        }
    }
}

/// In how many bits two sketches differ, or more than any where that is too many in the first half.
fn distance(one: [u64; 2], two: [u64; 2]) -> u32 {
    let half = (one[0] ^ two[0]).count_ones();
    if half > NEAR_IN_HALF {
        return u32::MAX;
    }
    half + (one[1] ^ two[1]).count_ones()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(digest: u64, sketch: [u64; 2]) -> Marks {
        Marks {
            digest,
            sketch: Some(sketch),
        }
    }

    #[test]
    fn what_looking_at_every_pair_finds_is_found_and_nothing_else() {
        let mut random = 1_u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        let mut index = Duplicates::new();
        let sketches: Vec<_> = (0..3000).map(|_| [next(), next()]).collect();
        for (number, sketch) in (0..).zip(&sketches) {
            index.first(&format!("http://h.test/{number}"), marks(number, *sketch));
        }
        let mut near = 0;
        for round in 0..3000_usize {
            let mut sketch = sketches[round];
            for _ in 0..round % 8 {
                sketch[usize::from(next() % 2 == 0)] ^= 1 << (next() % 64);
            }
            let nearest = sketches.iter().map(|other| distance(*other, sketch));
            let nearest = nearest.min().filter(|distance| *distance <= NEAR);
            let found = index.find(&marks(1 << 40, sketch));
            let similarity = nearest.map(|bits| (1.0 - f64::from(bits) / 64.0) * 100.0);
            let similarity = similarity.map(|similarity| similarity.round() / 100.0);
            assert_eq!(
                found.as_ref().and_then(|found| found.similarity),
                similarity
            );
            if let Some(found) = found {
                assert_eq!(found.of, format!("http://h.test/{round}"));
                near += 1;
            }
        }
        assert!((1000..2500).contains(&near), "{near}");
        let exact = index.find(&marks(7, [!0, 0])).expect("the same content");
        assert_eq!((exact.kind, exact.similarity), (DuplicateKind::Exact, None));
        assert_eq!(exact.of, "http://h.test/7");
    }

    #[test]
    fn the_order_in_which_a_state_brings_pages_does_not_matter() {
        let pages = [(1, 0b0111), (2, 0b1110), (3, 0b1101)];
        let found = |order: [usize; 3]| {
            let mut index = Duplicates::new();
            for number in order {
                let (digest, sketch) = pages[number];
                index.first(
                    &format!("http://h.test/{digest}"),
                    marks(digest, [sketch, 0]),
                );
            }
            index.find(&marks(9, [0b1111, 0])).map(|found| found.of)
        };
        assert_eq!(found([0, 1, 2]), found([2, 1, 0]));
        assert_eq!(found([0, 1, 2]).as_deref(), Some("http://h.test/1"));
    }

    #[test]
    fn a_page_costs_what_the_header_says() {
        assert_eq!(size_of::<First>(), 56);
        let mut index = Duplicates::new();
        for number in 0..20_000_u64 {
            let url = format!("https://host.test/{number}");
            let sketch = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            index.first(&url, marks(number << 32, [sketch, !sketch]));
        }
        let bytes = index.firsts.capacity() * size_of::<First>();
        assert!(bytes <= 64 * 20_000, "{bytes}");
        assert_eq!(index.url(12_345), "https://host.test/12345");
        assert_eq!(index.origins.len(), 1);
    }
}
