//! Links that need not be kept until their records are due (`--recursive`): nothing is wrong with them, no output has use for
//! that, and their targets will not be asked for again. They are counted, and a site of a million good links takes no more
//! memory than its pages.

use super::Ledger;
use crate::job::check::reading::{Occurrence, Occurrences};
use crate::job::check::source::{Content, Entry};
use crate::job::pipeline::Passed;

/// Links that are looked at in one go: half a millisecond.
const AT_ONCE: usize = 2000;

/// Links that are looked at beside that, of sources that still wait for some target. In a site whose pages link to one another
/// everywhere, nearly all sources do until nearly all of it was read.
const BESIDE: usize = 100;

impl Ledger {
    /// Looks through sources of which all targets are known, as far as that can be done at once.
    pub(super) fn settle(&mut self) {
        if !self.is_recursive() || !self.counts_good || self.filter.dump || self.ended.is_some() {
            self.ripe.clear();
            return;
        }
        let mut left = AT_ONCE;
        while left > 0
            && let Some(number) = self.ripe.pop()
        {
            left = left.saturating_sub(1 + self.settle_source(number));
        }
        let mut left = BESIDE;
        while left > 0 {
            // From one to the next, and round again: each is looked at some times while it waits.
            let number = self.round;
            self.round = (number + 1) % self.sources.len().max(1);
            left = left.saturating_sub(1 + self.settle_source(number));
        }
    }

    /// Keeps of the links of a source those that may have a record; how many were looked at.
    fn settle_source(&mut self, number: usize) -> usize {
        let Some(source) = self.sources.get_mut(number) else {
            return 0;
        };
        // A page of very many links is looked through bit by bit at the end.
        let few = |content: &mut Content| content.links.len() <= AT_ONCE;
        let Some(mut content) = source.content.take_if(few) else {
            return 0;
        };
        let links = std::mem::take(&mut content.links);
        let mut kept = Occurrences::default();
        for link in links.iter() {
            match self.settled(&content, link) {
                Some(passed) => passed.add_to(&mut self.settled),
                None => kept.push(link),
            }
        }
        kept.close();
        if kept.len() == 0 {
            content.places = Vec::new();
        }
        content.links = kept;
        self.sources[number].content = Some(content);
        links.len()
    }

    /// What is counted of a link, if nothing more can come of it.
    fn settled(&self, content: &Content, link: Occurrence<'_>) -> Option<Passed> {
        let texts = self.filter.fragments.texts;
        let is_settled = |number: u32| self.remotes[number as usize].is_settled(texts);
        let settled = match content.places.get(link.place)? {
            Entry::Local(_) => false,
            Entry::Remote(number, twin) => is_settled(*number) && twin.is_none_or(is_settled),
            _ => true,
        };
        settled.then(|| self.passed(&self.verdict(content, link)))?
    }
}
