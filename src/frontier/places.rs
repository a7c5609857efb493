//! Which places of a list are done: all up to one, and single ranges beyond it. Work that ends out of order leaves as
//! many ranges as there are places under way, whatever the length of the list.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A set of places, counted from 1.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Places {
    through: u64,
    /// First and last; no two of them touch.
    beyond: BTreeMap<u64, u64>,
}

impl Places {
    /// All places up to `through`.
    #[cfg(test)]
    pub(super) fn up_to(through: u64) -> Self {
        Self {
            through,
            beyond: BTreeMap::new(),
        }
    }

    /// The last place of which it and all before it are in.
    pub(super) fn through(&self) -> u64 {
        self.through
    }

    pub(super) fn contains(&self, place: u64) -> bool {
        let before = self.beyond.range(..=place).next_back();
        place <= self.through || before.is_some_and(|(_, last)| place <= *last)
    }

    pub(super) fn insert(&mut self, place: u64) {
        if self.contains(place) {
            return;
        }
        let last = self.beyond.remove(&(place + 1)).unwrap_or(place);
        if place == self.through + 1 {
            self.through = last;
            return;
        }
        match self.beyond.range_mut(..place).next_back() {
            Some((_, end)) if *end + 1 == place => *end = last,
            _ => _ = self.beyond.insert(place, last),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn places_are_in_once_they_were_put_in(order in Just((1..=40_u64).collect::<Vec<_>>()).prop_shuffle()) {
            let mut places = Places::default();
            for (count, place) in order.iter().enumerate() {
                places.insert(*place);
                for other in 0..=41 {
                    let is_in = other == 0 || order[..=count].contains(&other);
                    prop_assert_eq!(places.contains(other), is_in, "{} after {:?}", other, &order[..=count]);
                }
                let ranges: Vec<_> = places.beyond.iter().collect();
                prop_assert!(ranges.windows(2).all(|pair| pair[0].1 + 1 < *pair[1].0));
            }
            prop_assert_eq!(places, Places::up_to(40));
        }
    }
}
