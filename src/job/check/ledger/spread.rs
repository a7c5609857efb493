//! Pages that are found behind links and read too (`--recursive`), and the order that they are written in.

use std::cmp::Ordering;

use url::Url;

use super::Ledger;
use crate::job::check::recursion::{Follow, Recursion, Spread};
use crate::model::{Naming, Target};

impl Ledger {
    /// The same, with the pages behind the links of its pages.
    pub(in crate::job::check) fn recursive(self, rule: Recursion) -> Self {
        let spread = Some(Spread::new(rule, self.remotes.len() as u64));
        Self { spread, ..self }
    }

    /// Are pages found behind links?
    pub(in crate::job::check) fn is_recursive(&self) -> bool {
        self.spread.is_some()
    }

    /// Which links of the page at `url` lead to pages that are read too; `refused`: it asks that none does.
    pub(in crate::job::check) fn follow(&self, url: &Url, refused: bool) -> Follow {
        let spread = self.spread.as_ref();
        spread.map_or(Follow::No, |spread| spread.follow(url, refused))
    }

    /// Is the source no input, but found on the way?
    pub(in crate::job::check) fn is_listed(&self, number: usize) -> bool {
        self.sources[number].listed
    }

    /// The page at `url`, `depth` links away from an input, if it is read too and is new.
    pub(in crate::job::check) fn found(
        &mut self,
        url: &Url,
        depth: u32,
        naming: Naming,
    ) -> Option<Target> {
        if self.page_at(url).is_some() {
            return None;
        }
        let taken = self.spread.as_mut()?.takes(url, depth);
        taken.then(|| self.document(url, depth, naming))?
    }

    /// The source that the answer to a request for `url` is read as, if it is one: what was on its way when a page was found
    /// to be one need not be asked for again.
    pub(in crate::job::check) fn read_as(&self, url: &Url, seed: bool) -> Option<usize> {
        let page = self.page_at(url);
        page.filter(|&number| seed || self.sources[number].content.is_none())
    }

    /// How many links away from an input the source is.
    pub(in crate::job::check) fn depth(&self, number: usize) -> u32 {
        self.sources[number].depth
    }

    /// The number of the source at a place in the order.
    pub(super) fn at(&self, place: usize) -> Option<usize> {
        match &self.order {
            Some(order) => order.get(place).copied(),
            None => (place < self.sources.len()).then_some(place),
        }
    }

    /// Pages come in whatever order servers answer in: files first, in the order of the inputs, then they by URL.
    pub(super) fn sort(&mut self) {
        let mut order: Vec<usize> = (0..self.sources.len()).collect();
        order.sort_by(|one, other| self.compare(*one, *other));
        self.order = Some(order);
    }

    /// The order of two sources.
    pub(in crate::job::check) fn compare(&self, one: usize, other: usize) -> Ordering {
        let url = |number: usize| self.sources[number].url.as_ref().map(Url::as_str);
        let found = self.is_recursive().then(|| url(one).cmp(&url(other)));
        found.unwrap_or(Ordering::Equal).then(one.cmp(&other))
    }
}
