//! Records in the order of their list (`--ordered`), on the writing thread.
//!
//! A record waits for those of earlier lines. How many may wait is bounded at the other end: the list is read only
//! [`WINDOW`] lines ahead of the last record that was written ([`within`]), and a target has an end to its patience
//! (`Work::patience`), so one that is stuck stalls the rest for no longer than that. Records that are large wait in a
//! file.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt;
use tokio::sync::Notify;

use super::kept::Kept;
use crate::frontier::Seeds;
use crate::model::Visit;

/// Seeds that are read ahead of the last record that was written.
pub(super) const WINDOW: u64 = 10_000;

/// Bytes of records that wait in memory.
const HELD: usize = 32 << 20;

/// How far the records are written, for those who read the list.
#[derive(Debug, Default)]
pub(super) struct Passed {
    place: AtomicU64,
    changed: Notify,
}

/// The same seeds, read no further ahead of the records than the window is wide.
pub(super) fn within(seeds: Seeds<'_>, passed: Arc<Passed>) -> Seeds<'_> {
    let begin = (seeds, 0);
    let windowed = futures::stream::unfold(begin, move |(mut seeds, read)| {
        let passed = Arc::clone(&passed);
        async move {
            while read >= passed.place.load(Ordering::Acquire) + WINDOW {
                passed.changed.notified().await;
            }
            let batch = seeds.next().await?;
            let last = batch.last().and_then(|target| target.seed.as_ref());
            let read = last.map_or(read, |seed| seed.place);
            Some((batch, (seeds, read)))
        }
    });
    windowed.boxed_local()
}

/// The records that wait for earlier ones.
pub(super) struct Order {
    passed: Arc<Passed>,
    /// The place of the next record to be written.
    next: u64,
    waiting: BTreeMap<u64, Waiting>,
    /// Bytes of those that wait in memory.
    held: usize,
    away: Option<Kept>,
}

enum Waiting {
    Here(Arc<Visit>, usize),
    /// In the file.
    Away,
    /// It is not to be written.
    Out,
}

impl Order {
    /// `through`: the records up to this place were written by an earlier run.
    pub(super) fn new(passed: Arc<Passed>, through: u64) -> Self {
        passed.place.store(through, Ordering::Release);
        Self {
            passed,
            next: through + 1,
            waiting: BTreeMap::new(),
            held: 0,
            away: None,
        }
    }

    /// The place of the last record of which it and all before it are written.
    pub(super) fn through(&self) -> u64 {
        self.next - 1
    }

    /// Takes the record of a place in; `None` where it is not to be written.
    ///
    /// # Errors
    /// When the file for large ones fails.
    pub(super) fn put(&mut self, place: u64, visit: Option<Arc<Visit>>) -> io::Result<()> {
        let waiting = match visit {
            None => Waiting::Out,
            Some(visit) => {
                let weight = weight(&visit);
                if place == self.next || self.held + weight <= HELD {
                    self.held += weight;
                    Waiting::Here(visit, weight)
                } else {
                    let away = match &mut self.away {
                        Some(away) => away,
                        none => none.insert(Kept::new()?),
                    };
                    away.put(place, &visit)?;
                    Waiting::Away
                }
            }
        };
        self.waiting.insert(place, waiting);
        Ok(())
    }

    /// The next record whose turn it is; `all`: also where one before it is missing, because no more will come.
    ///
    /// # Errors
    /// When the file for large ones fails.
    pub(super) fn take(&mut self, all: bool) -> io::Result<Option<Arc<Visit>>> {
        loop {
            let Some(first) = self.waiting.first_entry() else {
                return Ok(None);
            };
            let place = *first.key();
            if place > self.next && !all {
                return Ok(None);
            }
            self.next = self.next.max(place + 1);
            let visit = match first.remove() {
                Waiting::Here(visit, weight) => {
                    self.held -= weight;
                    Some(visit)
                }
                Waiting::Away => match &mut self.away {
                    Some(away) => away.take(place)?.map(Arc::new),
                    None => None,
                },
                Waiting::Out => None,
            };
            if visit.is_some() {
                return Ok(visit);
            }
        }
    }

    /// Says how far it is.
    pub(super) fn tell(&self) {
        let before = self.passed.place.swap(self.through(), Ordering::AcqRel);
        if before != self.through() {
            self.passed.changed.notify_one();
        }
    }
}

/// About the bytes of a record.
pub(super) fn weight(visit: &Visit) -> usize {
    let text = |text: Option<&str>| text.map_or(0, str::len);
    let links = visit.links.iter().flatten();
    let links: usize = links
        .map(|link| 100 + link.url.len() + text(link.text.as_deref()))
        .sum();
    let fields = visit.fields.values();
    let fields: usize = fields.map(|value| value.to_string().len()).sum();
    let words = visit.url.len() + text(visit.input.as_deref()) + text(visit.title.as_deref());
    let content = text(visit.body.as_deref()) + text(visit.unshown.as_deref());
    size_of::<Visit>() + words + content + links + fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;

    fn record(place: u64, body: usize) -> Arc<Visit> {
        let mut visit = Visit::new(place.to_string(), "http://h.test/".into(), Outcome::Ok);
        visit.body = Some("x".repeat(body));
        Arc::new(visit)
    }

    fn all(order: &mut Order, rest: bool) -> Vec<u64> {
        let taken = std::iter::from_fn(|| order.take(rest).expect("a disk"));
        taken
            .map(|visit| visit.id.parse().expect("a number"))
            .collect()
    }

    #[test]
    fn records_leave_in_order_large_ones_by_way_of_the_file() {
        let passed = Arc::new(Passed::default());
        let mut order = Order::new(Arc::clone(&passed), 2);
        for place in [6, 4, 9, 5] {
            order
                .put(place, Some(record(place, HELD / 2)))
                .expect("a disk");
            assert!(all(&mut order, false).is_empty());
        }
        assert!(order.held <= HELD && order.away.is_some());
        order.put(7, None).expect("a disk");
        order.put(3, Some(record(3, 10))).expect("a disk");
        assert_eq!(all(&mut order, false), [3, 4, 5, 6]);
        assert_eq!(order.through(), 7);
        order.tell();
        assert_eq!(passed.place.load(Ordering::Acquire), 7);
        // The end: what never came is not waited for.
        assert_eq!(all(&mut order, true), [9]);
        assert_eq!(order.held, 0);
    }

    #[tokio::test]
    async fn a_list_is_read_no_further_than_the_window() {
        let passed = Arc::new(Passed::default());
        let batch = |number: u64| -> Vec<crate::model::Target> {
            let line = |place| {
                let mut target = crate::input::seed("http://h.test/", place, "http");
                if let Some(seed) = &mut target.seed {
                    seed.place = place;
                }
                target
            };
            (number * 500 + 1..=number * 500 + 500).map(line).collect()
        };
        let seeds: Seeds<'_> = futures::stream::iter((0..100).map(batch)).boxed_local();
        let mut seeds = within(seeds, Arc::clone(&passed));
        let mut order = Order::new(passed, 0);
        let mut read = 0;
        while let Some(batch) = futures::FutureExt::now_or_never(seeds.next()) {
            read += batch.map_or(0, |batch| batch.len());
        }
        assert_eq!(read as u64, WINDOW);
        for place in 1..=500 {
            order.put(place, None).expect("a disk");
        }
        assert!(all(&mut order, false).is_empty());
        order.tell();
        assert_eq!(seeds.next().await.map(|batch| batch.len()), Some(500));
        assert!(futures::FutureExt::now_or_never(seeds.next()).is_none());
    }
}
