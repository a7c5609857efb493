//! What waits at one origin: lanes by level and rank, each in its order.
//!
//! A store that keeps the targets itself leaves what is beyond a window there, and brings it page by page as the window
//! empties: a million URLs of one site then cost a number each in memory. Lanes are served strictly: while the next page
//! of one is on its way, no lesser lane goes first.

use std::collections::BTreeMap;

use super::packed::Packed;
use super::pending::Pending;

/// Which lane a target waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Lane {
    /// Its depth, where levels are kept apart; else 0.
    pub(super) level: u32,
    /// The higher rank is the lesser number here, so that it comes first.
    place: i64,
}

impl Lane {
    pub(super) fn new(level: u32, rank: i32) -> Self {
        Self {
            level,
            place: -i64::from(rank),
        }
    }

    /// One number for both, as a store keeps it.
    pub(super) fn number(self) -> i64 {
        (i64::from(self.level) << 33) + self.place
    }
}

/// Targets of one lane.
#[derive(Debug, Default)]
struct Waiting {
    window: Packed,
    /// The last in goes first.
    stack: bool,
    /// Those that only the store has; all come after those of the window.
    left: u64,
    /// The number of the last target that was in the window.
    edge: u64,
    /// The next page is on its way.
    asked: bool,
}

impl Waiting {
    fn next(&mut self) -> Option<Pending> {
        if self.stack {
            self.window.pop_last()
        } else {
            self.window.pop_first()
        }
    }
}

/// A page of a lane that is to be brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) lane: Lane,
    /// Beyond this number.
    pub(super) after: u64,
}

/// Targets that a window holds before the rest is left to the store. Tests have small ones, so that what they do
/// reaches beyond.
pub(super) const WINDOW: usize = if cfg!(test) { 4 } else { 2000 };

/// The same when very many wait in the windows of all origins together.
pub(super) const NARROW: usize = if cfg!(test) { 2 } else { 50 };

/// Targets of a page.
pub(super) const PAGE: usize = if cfg!(test) { 4 } else { 1000 };

/// What waits at one origin.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Boxed, since a map of one has room for eleven.
    lanes: BTreeMap<Lane, Box<Waiting>>,
}

impl Queue {
    /// Does nothing wait, here or in the store?
    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Is there a target at hand, of this level or a lower one?
    pub(super) fn is_ready(&self, level: u32) -> bool {
        let first = self.lanes.first_key_value();
        first.is_some_and(|(lane, waiting)| lane.level <= level && !waiting.window.is_empty())
    }

    /// Would one more be left to the store? `window`: how many are held here, where there is a store.
    pub(super) fn is_full(&self, lane: Lane, window: Option<usize>) -> bool {
        let (Some(window), Some(waiting)) = (window, self.lanes.get(&lane)) else {
            return false;
        };
        waiting.left > 0 || waiting.window.len() >= window
    }

    /// Counts one that the store has.
    pub(super) fn leave(&mut self, lane: Lane) {
        self.lanes.entry(lane).or_default().left += 1;
    }

    /// Takes one in, at the end or where the next one is taken.
    pub(super) fn push(&mut self, lane: Lane, pending: Pending, first: bool) {
        let waiting = self.lanes.entry(lane).or_default();
        waiting.edge = waiting.edge.max(pending.id);
        waiting.stack = first;
        waiting.window.push(pending);
    }

    /// The next one, and the page to be brought behind it.
    pub(super) fn pop(&mut self, level: u32) -> Option<(Pending, Option<Page>)> {
        let mut first = self.lanes.first_entry()?;
        let lane = *first.key();
        if lane.level > level {
            return None;
        }
        let waiting = first.get_mut();
        let pending = waiting.next()?;
        let low = waiting.window.len() < PAGE / 4;
        let page = (low && waiting.left > 0 && !waiting.asked).then(|| {
            waiting.asked = true;
            Page {
                lane,
                after: waiting.edge,
            }
        });
        if waiting.window.is_empty() && waiting.left == 0 {
            first.remove();
        }
        Some((pending, page))
    }

    /// Takes a page in; returns how many the store had counted and does not have, which is none unless somebody else
    /// wrote into it.
    pub(super) fn bring(&mut self, lane: Lane, targets: Vec<Pending>) -> u64 {
        let Some(waiting) = self.lanes.get_mut(&lane) else {
            return 0;
        };
        waiting.asked = false;
        let all = targets.len() < PAGE;
        waiting.left = waiting.left.saturating_sub(targets.len() as u64);
        for pending in targets {
            waiting.edge = waiting.edge.max(pending.id);
            waiting.window.push(pending);
        }
        let missing = if all {
            std::mem::take(&mut waiting.left)
        } else {
            0
        };
        if waiting.window.is_empty() && waiting.left == 0 {
            self.lanes.remove(&lane);
        }
        missing
    }

    /// Takes out everything that is held here.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Pending> + use<> {
        let lanes = std::mem::take(&mut self.lanes);
        lanes
            .into_values()
            .flat_map(|mut waiting| std::iter::from_fn(move || waiting.next()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Target;

    fn pending(id: u64) -> Pending {
        let url = format!("http://h.test/{id}").parse().expect("a URL");
        Pending::of(id, Target::named(url))
    }

    #[test]
    fn levels_come_in_order_and_in_a_level_the_higher_rank_first() {
        let mut queue = Queue::default();
        for (id, level, rank) in [(1, 1, 9), (2, 0, 0), (3, 0, 5), (4, 0, 0), (5, 0, -2)] {
            queue.push(Lane::new(level, rank), pending(id), false);
        }
        let mut order = |level| -> Vec<u64> {
            std::iter::from_fn(|| queue.pop(level).map(|(pending, _)| pending.id)).collect()
        };
        assert_eq!(order(0), [3, 2, 4, 5]);
        assert_eq!(order(1), [1]);
        let numbers = [
            Lane::new(0, i32::MAX),
            Lane::new(0, 0),
            Lane::new(0, i32::MIN),
            Lane::new(1, i32::MAX),
        ]
        .map(Lane::number);
        assert!(numbers.is_sorted(), "{numbers:?}");
    }

    #[test]
    fn what_is_beyond_the_window_is_asked_for_once_and_in_order() {
        let mut queue = Queue::default();
        let lane = Lane::new(0, 0);
        let total = WINDOW as u64 + 2 * PAGE as u64 + 3;
        for id in 1..=total {
            if queue.is_full(lane, Some(WINDOW)) {
                queue.leave(lane);
            } else {
                queue.push(lane, pending(id), false);
            }
        }
        let mut order = Vec::new();
        let mut asked = None;
        let mut pages = 0;
        loop {
            if let Some(Page { lane, after }) = asked.take_if(|_| !queue.is_ready(0)) {
                pages += 1;
                let page = (after + 1..=total).take(PAGE).map(pending).collect();
                assert_eq!(queue.bring(lane, page), 0);
            }
            let Some((next, page)) = queue.pop(0) else {
                break;
            };
            order.push(next.id);
            if page.is_some() {
                assert!(asked.is_none(), "one page at a time");
                asked = page;
            }
        }
        assert!(order.iter().copied().eq(1..=total), "each once, in order");
        let beyond = usize::try_from(total).expect("few") - WINDOW;
        assert_eq!(pages, beyond.div_ceil(PAGE));
        assert!(queue.is_empty());
    }
}
