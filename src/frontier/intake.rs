//! Which targets are new, and which are within the budget; the same for every store on this machine.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use url::{Position, Url};

use super::Options;
use super::aside::Aside;
use crate::model::{Target, fingerprint, key};
use crate::policy::budget::{Budget, Cut, trap};

/// A fingerprint is a hash already: hashing it again would only cost.
#[derive(Default)]
pub(super) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// The page keys that were ever added: 8 bytes each, 10 to 21 with the table's slack.
pub(super) struct Seen {
    secret: (u64, u64),
    pub(super) set: HashSet<u64, BuildHasherDefault<AsIs>>,
}

impl Seen {
    /// With a secret of its own, so that no site can prepare URLs that shadow others.
    pub(super) fn new(secret: (u64, u64)) -> Self {
        Self {
            secret,
            set: HashSet::default(),
        }
    }

    /// The fingerprint of a target. Those without a URL of their own are told apart by the text that they came from.
    fn of(&self, target: &Target) -> u64 {
        match (&target.refusal, &target.seed) {
            (Some(_), Some(seed)) => fingerprint(self.secret, &seed.input),
            _ => fingerprint(self.secret, &key(&target.url)),
        }
    }

    pub(super) fn insert(&mut self, fingerprint: u64) {
        self.set.insert(fingerprint);
    }
}

/// Numbers by the fingerprint of what they are counted for.
type Counts = HashMap<u64, u64, BuildHasherDefault<AsIs>>;

/// URLs that are cut and counted once each; beyond, one that is linked again counts again.
const CUTS_REMEMBERED: u64 = 100_000;

/// Decides which targets are new and wanted.
pub(super) struct Intake {
    pub(super) seen: Seen,
    unique: bool,
    depth_first: bool,
    depth: Option<u32>,
    budget: Budget,
    /// Targets that were ever added; the next one's number.
    pub(super) known: u64,
    per_host: Counts,
    /// By host and path, of URLs that have a query.
    variants: Counts,
    cuts: BTreeMap<Cut, u64>,
    aside: Option<Aside>,
}

/// What becomes of a target.
pub(super) enum Admission {
    /// It is in, with this number and this fingerprint.
    In(u64, u64),
    /// It is out of the budget, or waits for what is left of it: a store that lasts keeps it.
    Cut(Cut, u64),
    /// It is known, or of no use to anybody.
    No,
}

impl Intake {
    pub(super) fn new(options: &Options, secret: (u64, u64)) -> Self {
        Self {
            seen: Seen::new(secret),
            unique: options.unique,
            depth_first: options.order.depth_first,
            depth: options.depth,
            budget: options.budget,
            known: 0,
            per_host: Counts::default(),
            variants: Counts::default(),
            cuts: BTreeMap::new(),
            aside: options
                .budget
                .share()
                .map(|share| Aside::new(share, secret)),
        }
    }

    /// The targets of one page in the order in which they are to be added: those that shall go first come last where
    /// the last goes first.
    pub(super) fn in_order(&self, mut targets: Vec<Target>) -> Vec<Target> {
        if self.depth_first {
            targets.reverse();
        }
        targets
    }

    /// Without [`Options::unique`] nobody needs a fingerprint, and it is 0.
    pub(super) fn admit(&mut self, target: &Target) -> Admission {
        let discovered = target.seed.is_none() && target.depth > 0;
        if self.depth.is_some_and(|limit| target.depth > limit) {
            return Admission::No;
        }
        let fingerprint = if self.unique { self.seen.of(target) } else { 0 };
        if self.unique && self.seen.set.contains(&fingerprint) {
            return Admission::No;
        }
        if discovered {
            if let Some(cut) = self.cut(&target.url) {
                return self.note(cut, fingerprint);
            }
            if self.aside.as_mut().is_some_and(|aside| aside.keep(target)) {
                self.seen.insert(fingerprint);
                return Admission::Cut(Cut::Share, fingerprint);
            }
        }
        if self.unique {
            self.seen.insert(fingerprint);
        }
        self.known += 1;
        self.count(&target.url);
        Admission::In(self.known, fingerprint)
    }

    /// Counts what is cut.
    pub(super) fn note(&mut self, cut: Cut, fingerprint: u64) -> Admission {
        *self.cuts.entry(cut).or_default() += 1;
        // What a budget keeps out of memory must not fill it all the same.
        if self.cuts.values().sum::<u64>() > CUTS_REMEMBERED {
            return Admission::No;
        }
        self.seen.insert(fingerprint);
        Admission::Cut(cut, fingerprint)
    }

    /// Is there no room for any further page, whatever it is?
    pub(super) fn is_full(&self) -> bool {
        self.budget.pages.is_some_and(|limit| self.known >= limit)
    }

    /// Targets that were past their folder's share and are in now, because nothing else is left: with number and
    /// fingerprint.
    pub(super) fn relent(&mut self) -> Vec<(Target, u64, u64)> {
        let mut relented = Vec::new();
        while relented.is_empty()
            && !self.is_full()
            && let Some(aside) = &mut self.aside
            && aside.len() > 0
        {
            for target in aside.take() {
                if let Some(cut) = self.cut(&target.url) {
                    *self.cuts.entry(cut).or_default() += 1;
                    continue;
                }
                self.known += 1;
                self.count_but_share(&target.url);
                let fingerprint = self.seen.of(&target);
                relented.push((target, self.known, fingerprint));
            }
        }
        relented
    }

    /// Does anything wait that there is room for?
    pub(super) fn has_room_aside(&self) -> bool {
        self.aside.as_ref().is_some_and(|aside| aside.len() > 0) && !self.is_full()
    }

    /// What is cut so far, by its reason.
    pub(super) fn cuts(&self) -> Vec<(Cut, u64)> {
        let waiting = self.aside.as_ref().map_or(0, |aside| aside.len() as u64);
        self.cuts
            .iter()
            .map(|(cut, count)| (*cut, *count))
            .chain((waiting > 0).then_some((Cut::Share, waiting)))
            .collect()
    }

    /// Counts a target that is in.
    pub(super) fn count(&mut self, url: &Url) {
        if let Some(aside) = &mut self.aside {
            aside.count(url);
        }
        self.count_but_share(url);
    }

    fn count_but_share(&mut self, url: &Url) {
        if self.budget.per_host.is_some() {
            let host = self.host(url);
            *self.per_host.entry(host).or_default() += 1;
        }
        if self.budget.variants.is_some() && url.query().is_some() {
            let path = self.path(url);
            *self.variants.entry(path).or_default() += 1;
        }
    }

    fn cut(&self, url: &Url) -> Option<Cut> {
        let Budget {
            per_host,
            variants,
            shapes,
            ..
        } = self.budget;
        let full = |counts: &Counts, of: u64, limit: u64| {
            counts.get(&of).is_some_and(|count| *count >= limit)
        };
        if self.is_full() {
            return Some(Cut::Pages);
        }
        if per_host.is_some_and(|limit| full(&self.per_host, self.host(url), limit)) {
            return Some(Cut::PerHost);
        }
        if url.query().is_some()
            && variants.is_some_and(|limit| full(&self.variants, self.path(url), limit))
        {
            return Some(Cut::Variants);
        }
        trap(url).filter(|_| shapes)
    }

    fn host(&self, url: &Url) -> u64 {
        fingerprint(self.seen.secret, url.host_str().unwrap_or_default())
    }

    fn path(&self, url: &Url) -> u64 {
        fingerprint(self.seen.secret, &url[..Position::AfterPath])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_was_seen_costs_at_most_24_bytes() {
        let mut seen = Seen::new((1, 2));
        let mut most = 0.0_f64;
        for number in 1..=300_000_u64 {
            seen.insert(fingerprint((1, 2), &number.to_string()));
            // A table of hashbrown: a power of two of buckets, seven eighths of them used, one byte beside each.
            let buckets = (seen.set.capacity() * 8 / 7).next_power_of_two();
            let bytes = buckets * (size_of::<u64>() + 1);
            if number > 1000 {
                most = most.max(bytes as f64 / number as f64);
            }
        }
        assert!(most <= 24.0, "{most} bytes");
        assert!(most > 9.0, "{most} bytes are fewer than there can be");
    }
}
