//! Targets that wait in memory, packed: a million of them cost their text and at most 32 bytes each.
//!
//! What every target has is written as bytes into chunks that stay where they are; the page that a target was found on is
//! held once for the links of that page, and what few targets have stands beside. Deliberately absent: any way to a
//! target but from the two ends.

use std::collections::VecDeque;
use std::sync::Arc;

use url::Url;

use super::pending::{Address, Pending, Rare};
use crate::model::target::Naming;
use crate::model::{Failure, Seed};

/// Bytes of a chunk. The first one grows to it, so that a million origins with one target each cost little.
const CHUNK: usize = 16 << 10;

/// The most that stands around the URL of a target: four numbers and a length.
const AROUND: usize = 4 * 10 + LENGTH;

/// Behind each target stands how long it is, for whoever comes from that end.
const LENGTH: usize = size_of::<u32>();

/// Targets, the first of them and the last within reach.
#[derive(Debug, Default)]
pub(super) struct Packed {
    chunks: VecDeque<Vec<u8>>,
    /// Bytes of the first chunk whose targets have left.
    gone: usize,
    len: usize,
    beside: Option<Box<Beside>>,
}

/// What is not written as bytes.
#[derive(Debug, Default)]
struct Beside {
    referrers: Referrers,
    /// Those of the targets that have any, in the order of these.
    others: VecDeque<Others>,
}

/// What few targets of a crawl have, and each of a list, which is not read on while ten thousand wait.
#[derive(Debug)]
struct Others {
    /// In the place of its text.
    url: Option<Url>,
    seed: Option<Box<Seed>>,
    refusal: Option<Box<Failure>>,
    rare: Option<Box<Rare>>,
}

impl Packed {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes one in, at the end.
    pub(super) fn push(&mut self, pending: Pending) {
        let Pending {
            id,
            url,
            seed,
            refusal,
            referrer,
            rare,
            depth,
            naming,
        } = pending;
        let (text, url) = match url {
            Address::Text(text) => (text, None),
            Address::Parsed(url) => (Box::default(), Some(url)),
        };
        let others = url.is_some() || seed.is_some() || refusal.is_some() || rare.is_some();
        let mut place = 0;
        if others || referrer.is_some() {
            let beside = self.beside.get_or_insert_default();
            place = referrer.map_or(0, |referrer| beside.referrers.hold(&referrer) + 1);
            if others {
                beside.others.push_back(Others {
                    url,
                    seed,
                    refusal,
                    rare,
                });
            }
        }
        let traits = naming_bits(naming) | u64::from(others) << 2;
        let chunk = self.chunk(text.len() + AROUND);
        let start = chunk.len();
        for number in [id, u64::from(depth) << 3 | traits, place, text.len() as u64] {
            write(chunk, number);
        }
        chunk.extend(text.as_bytes());
        // A URL that long was refused before it came here.
        let length = u32::try_from(chunk.len() - start).unwrap_or(u32::MAX);
        chunk.extend(length.to_le_bytes());
        self.len += 1;
    }

    /// The one that came first.
    pub(super) fn pop_first(&mut self) -> Option<Pending> {
        let chunk = self.chunks.front()?;
        let others = VecDeque::pop_front;
        let beside = self.beside.as_deref_mut();
        let (pending, length) = Self::read(beside, others, chunk.get(self.gone..)?)?;
        self.gone += length + LENGTH;
        let spent = self.gone >= chunk.len();
        self.len -= 1;
        if spent {
            self.drop_spent(true);
        }
        Some(pending)
    }

    /// The one that came last.
    pub(super) fn pop_last(&mut self) -> Option<Pending> {
        let only = self.chunks.len() == 1;
        let chunk = self.chunks.back_mut()?;
        let length = u32::from_le_bytes(*chunk.last_chunk()?) as usize;
        let start = chunk.len().checked_sub(length + LENGTH)?;
        let others = VecDeque::pop_back;
        let (pending, _) = Self::read(self.beside.as_deref_mut(), others, &chunk[start..])?;
        chunk.truncate(start);
        let spent = start == 0 || only && start <= self.gone;
        self.len -= 1;
        if spent {
            self.drop_spent(false);
        }
        Some(pending)
    }

    /// Lets a chunk go whose targets have all left; the only one is kept for those that come.
    fn drop_spent(&mut self, first: bool) {
        if let [only] = self.chunks.make_contiguous() {
            only.clear();
            self.gone = 0;
        } else if first {
            self.chunks.pop_front();
            self.gone = 0;
        } else {
            self.chunks.pop_back();
        }
    }

    /// The chunk that the next bytes go to.
    fn chunk(&mut self, needed: usize) -> &mut Vec<u8> {
        let fits = |chunk: &Vec<u8>| chunk.is_empty() || chunk.len() + needed <= CHUNK;
        let at = self.chunks.len();
        if self.chunks.back().is_some_and(fits) {
            return &mut self.chunks[at - 1];
        }
        let whole = if at == 0 { 0 } else { CHUNK };
        self.chunks.push_back(Vec::with_capacity(whole));
        &mut self.chunks[at]
    }

    /// The target that `bytes` begin with, and how long it is. `take` takes what stands beside it from its end.
    fn read(
        beside: Option<&mut Beside>,
        take: impl FnOnce(&mut VecDeque<Others>) -> Option<Others>,
        bytes: &[u8],
    ) -> Option<(Pending, usize)> {
        let mut rest = bytes;
        let id = read(&mut rest)?;
        let both = read(&mut rest)?;
        let place = read(&mut rest)?;
        let length = usize::try_from(read(&mut rest)?).ok()?;
        let url = std::str::from_utf8(rest.get(..length)?).ok()?;
        let mut pending = Pending {
            id,
            url: Address::Text(url.into()),
            seed: None,
            refusal: None,
            referrer: None,
            rare: None,
            depth: u32::try_from(both >> 3).ok()?,
            naming: naming(both & 3),
        };
        if let Some(beside) = beside {
            pending.referrer = place
                .checked_sub(1)
                .and_then(|place| beside.referrers.give(place));
            if both & 4 != 0
                && let Some(others) = take(&mut beside.others)
            {
                if beside.others.is_empty() {
                    // As many as wait at the beginning of a list may never wait again.
                    beside.others.shrink_to(64);
                }
                if let Some(url) = others.url {
                    pending.url = Address::Parsed(url);
                }
                pending.seed = others.seed;
                pending.refusal = others.refusal;
                pending.rare = others.rare;
            }
        }
        Some((pending, bytes.len() - rest.len() + length))
    }
}

/// The pages that targets were found on.
#[derive(Debug, Default)]
struct Referrers {
    texts: Vec<Referrer>,
    /// Places in `texts` that nobody holds.
    free: Vec<u32>,
    /// The place that was taken last: links of one page come together.
    last: usize,
}

/// A page, and how many targets hold it.
#[derive(Debug)]
struct Referrer {
    text: Option<Arc<str>>,
    held: u32,
}

impl Referrers {
    fn hold(&mut self, text: &Arc<str>) -> u64 {
        if let Some(last) = self.texts.get_mut(self.last)
            && last.text.as_ref() == Some(text)
        {
            last.held += 1;
            return self.last as u64;
        }
        let referrer = Referrer {
            text: Some(Arc::clone(text)),
            held: 1,
        };
        if let Some(free) = self.free.pop() {
            self.last = free as usize;
            self.texts[self.last] = referrer;
        } else {
            self.last = self.texts.len();
            self.texts.push(referrer);
        }
        self.last as u64
    }

    fn give(&mut self, place: u64) -> Option<Arc<str>> {
        let place = u32::try_from(place).ok()?;
        let referrer = self.texts.get_mut(place as usize)?;
        referrer.held -= 1;
        if referrer.held > 0 {
            return referrer.text.clone();
        }
        self.free.push(place);
        referrer.text.take()
    }
}

fn naming_bits(naming: Naming) -> u64 {
    match naming {
        Naming::User => 0,
        Naming::File => 1,
        Naming::Page => 2,
    }
}

fn naming(bits: u64) -> Naming {
    match bits {
        0 => Naming::User,
        1 => Naming::File,
        _ => Naming::Page,
    }
}

/// Seven bits a byte, the least first; the highest bit says that more follow.
fn write(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn read(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Target;

    fn target(id: u64) -> Target {
        let url = format!("http://h.test/{id}").parse().expect("a URL");
        Target {
            naming: naming(id % 3),
            depth: u32::try_from(id * 77 % 1000).expect("small"),
            ..Target::named(url)
        }
    }

    fn pending(id: u64, referrer: Option<&Arc<str>>) -> Pending {
        let target = Target {
            referrer: referrer.map(Arc::clone),
            seed: id.is_multiple_of(5).then(|| {
                Box::new(Seed {
                    input: id.to_string().into(),
                    line: id,
                    place: id,
                    id: None,
                })
            }),
            lastmod: id.is_multiple_of(7).then(|| "2024".into()),
            ..target(id)
        };
        Pending::of(id, target)
    }

    /// Bytes that it has taken from the allocator, as far as capacities say.
    fn allocated(packed: &Packed) -> usize {
        let beside = packed.beside.as_ref().expect("referrers");
        let referrers = &beside.referrers;
        let texts = referrers.texts.iter().filter_map(|held| held.text.as_ref());
        packed.chunks.iter().map(Vec::capacity).sum::<usize>()
            + packed.chunks.capacity() * size_of::<Vec<u8>>()
            + referrers.texts.capacity() * size_of::<Referrer>()
            + referrers.free.capacity() * size_of::<u32>()
            // The two counts of an Arc, and what an allocation costs.
            + texts.map(|text| text.len() + 32).sum::<usize>()
    }

    #[test]
    fn a_target_that_waits_costs_its_text_and_32_bytes() {
        let mut packed = Packed::default();
        let mut text = 0;
        let pages = 10_000_u64;
        for page in 0..pages {
            let referrer: Arc<str> = format!("http://h.test/{page}").into();
            text += referrer.len();
            for link in 0..10 {
                let id = page * 10 + link;
                let target = Target {
                    referrer: Some(Arc::clone(&referrer)),
                    ..target(id)
                };
                text += target.url.as_str().len();
                packed.push(Pending::of(id, target));
            }
        }
        let each = (allocated(&packed) - text) as f64 / (pages * 10) as f64;
        assert!(each <= 32.0, "{each} bytes");
        while packed.pop_first().is_some() {}
        assert_eq!(packed.len(), 0);
        assert!(packed.chunks.len() <= 1, "what was taken is given back");
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out_from_either_end(steps in prop::collection::vec((0..5_u8, 1..400_usize), 1..40)) {
            // Ten that follow each other share a page, and some have none.
            let page = |id: u64| match id / 10 % 4 {
                0 => None,
                page => Some(Arc::<str>::from(format!("page {page}"))),
            };
            let mut packed = Packed::default();
            let mut model: VecDeque<u64> = VecDeque::new();
            let mut next = 0;
            for (step, times) in steps {
                for _ in 0..times {
                    let (left, expected) = match step {
                        0..3 => {
                            next += 1;
                            packed.push(pending(next, page(next).as_ref()));
                            model.push_back(next);
                            continue;
                        }
                        3 => (packed.pop_first(), model.pop_front()),
                        _ => (packed.pop_last(), model.pop_back()),
                    };
                    prop_assert_eq!(left.is_some(), expected.is_some());
                    if let (Some(left), Some(expected)) = (left, expected) {
                        let as_it_was = pending(expected, page(expected).as_ref());
                        prop_assert_eq!(format!("{left:?}"), format!("{as_it_was:?}"));
                    }
                    prop_assert_eq!(packed.len(), model.len());
                }
            }
        }
    }
}
