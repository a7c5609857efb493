//! The politeness clock: which origin may be asked next, and what for.
//!
//! After `BUbiNG`'s workbench: one queue for each origin, and a heap of the times at which each may be asked
//! again. An origin stands in the heap at most once, and only while it has work and a free slot; a lease
//! takes it out, moves its clock and puts it back, so gap and width hold by construction, whatever the
//! request is for. Deliberately absent: storage, the seen-set, and any notion of what a URL means.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use super::bench::{Bench, site, site_number};
use super::gate::{Gate, UNASKED};
use super::later::Later;
use super::pending::Pending;
use super::queue::{Lane, NARROW, Page, WINDOW};
use super::rules::{Known, Rules, errand};
use super::{Answer, Errand, Lease, Next, Options, Settlement, Step, Task};
use crate::model::target::Naming;
use crate::model::{Failure, Nearby, Origin, Target};
use crate::policy::politeness::adapt;

/// Which origin's slot a lease holds.
#[derive(Debug)]
pub(super) struct Place {
    origin: usize,
    /// What needs no request holds none.
    counted: bool,
}

/// The clocks and queues of all origins.
pub(super) struct Workbench {
    options: Options,
    benches: Vec<Option<Bench>>,
    free: Vec<usize>,
    /// Benches by the beginning of their URLs.
    index: HashMap<Rc<str>, usize>,
    /// The one that was found last: targets of one origin come together.
    last: Option<(Rc<str>, usize)>,
    /// (when, ticket, bench)
    heap: BinaryHeap<Reverse<(Instant, u64, usize)>>,
    tickets: u64,
    gate: Gate,
    /// With a depth limit: how many wait for each deeper level, and at which benches.
    deeper: BTreeMap<u32, (u64, BTreeSet<usize>)>,
    level: u32,
    /// The store keeps the targets, so that most of them need not be held here.
    kept: bool,
    /// Pages that the store is to bring, by the bench.
    pages: Vec<(usize, Page)>,
    queued: u64,
    leased: u64,
    /// Those of the queued that are held here.
    held: usize,
    bytes: u64,
    nearby: Nearby,
}

/// More than this in all windows, and each is narrow.
const HELD: usize = 100_000;

impl Workbench {
    /// `kept`: the store keeps the targets and brings them when they are asked for.
    pub(super) fn new(options: Options, kept: bool) -> Self {
        Self {
            gate: Gate::new(options.gap),
            kept: kept && !options.order.depth_first,
            options,
            benches: Vec::new(),
            free: Vec::new(),
            index: HashMap::new(),
            last: None,
            heap: BinaryHeap::new(),
            tickets: 0,
            deeper: BTreeMap::new(),
            level: 0,
            pages: Vec::new(),
            queued: 0,
            leased: 0,
            held: 0,
            bytes: 0,
            nearby: Nearby::default(),
        }
    }

    /// Targets that wait, and the bytes of their text.
    pub(super) fn pending(&self) -> (u64, u64) {
        (self.queued, self.bytes)
    }

    /// The lane that a target waits in.
    pub(super) fn lane(&self, url: &str, depth: u32) -> Lane {
        let level = self.options.depth.map_or(0, |_| depth);
        Lane::new(level, self.options.order.rank(url))
    }

    pub(super) fn push(&mut self, pending: Pending, now: Instant) {
        let lane = self.lane(&pending.url, pending.depth);
        if let Some(place) = self.place(&pending.url, pending.naming, now) {
            self.put(place, lane, now, || Some(pending));
        }
    }

    /// The place of the bench of a URL's origin. Parsing is for origins that are new: most targets belong to one that
    /// is known.
    pub(super) fn place(&mut self, url: &str, naming: Naming, now: Instant) -> Option<usize> {
        let site = site(url);
        if let Some((last, place)) = &self.last
            && **last == *site
        {
            return Some(*place);
        }
        let Some((name, &place)) = self.index.get_key_value(site) else {
            return Some(self.bench(&Url::parse(url).ok()?, naming, now));
        };
        self.last = Some((Rc::clone(name), place));
        Some(place)
    }

    /// Queues the target that `make` makes, or counts it where the store keeps it for later.
    pub(super) fn put(
        &mut self,
        place: usize,
        lane: Lane,
        now: Instant,
        make: impl FnOnce() -> Option<Pending>,
    ) {
        let level = self.level;
        let Some(bench) = &mut self.benches[place] else {
            return;
        };
        // One that has work stands in the heap already, or is put there when a slot or its rules come free.
        let idle =
            !bench.queue.is_ready(level) && bench.ahead.is_empty() && bench.errands.is_empty();
        let window = if self.held < HELD { WINDOW } else { NARROW };
        if bench.queue.is_full(lane, self.kept.then_some(window)) {
            bench.queue.leave(lane);
        } else {
            let Some(pending) = make() else {
                return;
            };
            self.held += 1;
            self.bytes += pending.bytes();
            let first = self.options.order.depth_first;
            bench.queue.push(lane, pending, first);
        }
        self.queued += 1;
        if lane.level > level {
            let (count, benches) = self.deeper.entry(lane.level).or_default();
            *count += 1;
            benches.insert(place);
        } else if idle {
            self.schedule(place, now);
        }
    }

    /// What the store is to bring.
    pub(super) fn pages(&mut self) -> Vec<(usize, u64, Page)> {
        let pages = std::mem::take(&mut self.pages).into_iter();
        let named = pages.filter_map(|(place, page)| {
            let bench = self.benches[place].as_ref()?;
            Some((place, site_number(&bench.site), page))
        });
        named.collect()
    }

    /// Takes in what the store has brought for the bench at `place`.
    pub(super) fn bring(&mut self, place: usize, lane: Lane, targets: Vec<Pending>, now: Instant) {
        let Some(bench) = &mut self.benches[place] else {
            return;
        };
        self.held += targets.len();
        self.bytes += targets.iter().map(Pending::bytes).sum::<u64>();
        self.queued -= bench.queue.bring(lane, targets);
        self.schedule(place, now);
    }

    /// The bench of `url`'s origin, made when there is none.
    fn bench(&mut self, url: &Url, naming: Naming, now: Instant) -> usize {
        if let Some(&place) = self.index.get(site(url.as_str())) {
            return place;
        }
        let origin = Origin::of(url);
        let pace = (self.options.pace)(url, naming, None);
        let place = self.free.pop().unwrap_or_else(|| {
            self.benches.push(None);
            self.benches.len() - 1
        });
        let name: Rc<str> = site(url.as_str()).into();
        self.index.insert(Rc::clone(&name), place);
        self.benches[place] = Some(Bench::new(origin, name, pace, now));
        place
    }

    /// Puts a bench into the heap at the time of its next work; one that has none leaves when its clock
    /// has run out, so that a million hosts do not stay for ever.
    fn schedule(&mut self, place: usize, now: Instant) {
        let Some(bench) = &mut self.benches[place] else {
            return;
        };
        let Some(when) = bench.when(self.level, now) else {
            return;
        };
        self.tickets += 1;
        bench.ticket = self.tickets;
        self.heap.push(Reverse((when, self.tickets, place)));
    }

    pub(super) fn lease(&mut self, now: Instant) -> Next {
        loop {
            let Some(&Reverse((when, ticket, place))) = self.heap.peek() else {
                if self.leased == 0 && self.next_level(now) {
                    continue;
                }
                return if self.leased == 0 && self.queued == 0 {
                    Next::Idle
                } else {
                    Next::Waiting
                };
            };
            let live = self.benches[place]
                .as_ref()
                .is_some_and(|bench| bench.ticket == ticket);
            if live && when > now {
                if self.queued == 0 && self.leased == 0 {
                    // Only clocks and rules are still kept, for a list that may go on.
                    return Next::Idle;
                }
                if self.leased == 0 && self.at_level_end() && self.next_level(now) {
                    continue;
                }
                return Next::At(when);
            }
            if live
                && self.queued > 0
                && self.is_asked(place)
                && let Some(due) = self.gate.closed_until(now)
            {
                let other = self.take_without_request(now);
                return other.map_or(Next::At(due), Next::Lease);
            }
            self.heap.pop();
            if !live {
                continue;
            }
            if let Some(lease) = self.take(place, now) {
                return Next::Lease(lease);
            }
        }
    }

    /// Do requests go to that origin?
    fn is_asked(&self, place: usize) -> bool {
        let bench = self.benches[place].as_ref();
        bench.is_some_and(|bench| !UNASKED.contains(&&*bench.site))
    }

    /// A lease that no request comes of, while the gate is closed.
    fn take_without_request(&mut self, now: Instant) -> Option<Lease> {
        let places = UNASKED.map(|site| self.index.get(site).copied());
        places.into_iter().flatten().find_map(|place| {
            let free = self.benches[place].as_ref().is_some_and(|bench| {
                let slot = bench.leased < bench.pace.width.get();
                slot && bench.next <= now && bench.queue.is_ready(self.level)
            });
            free.then(|| self.take(place, now))?
        })
    }

    /// Is everything that waits waiting for a deeper level?
    fn at_level_end(&self) -> bool {
        self.deeper.values().map(|(count, _)| count).sum::<u64>() == self.queued
    }

    fn next_level(&mut self, now: Instant) -> bool {
        let Some((level, (_, benches))) = self.deeper.pop_first() else {
            return false;
        };
        self.level = level;
        for place in benches {
            self.schedule(place, now);
        }
        true
    }

    /// The next lease of a bench that is due; `None` when it had nothing after all.
    fn take(&mut self, place: usize, now: Instant) -> Option<Lease> {
        let bench = self.benches[place].as_mut()?;
        while bench
            .later
            .peek()
            .is_some_and(|Reverse(later)| later.due <= now)
        {
            let Some(Reverse(later)) = bench.later.pop() else {
                break;
            };
            match later.task.errand {
                Errand::Visit => bench.ahead.push_back(later.task),
                Errand::Robots(_) => bench.errands.push_back(later.task),
            }
        }
        if let Rules::Known { until, .. } = bench.rules
            && until <= now
        {
            bench.rules = Rules::Unasked;
        }
        bench.closed.take_if(|(until, _)| *until <= now);
        let closed = bench.closed.as_ref().map(|(_, failure)| failure.clone());
        if let Some(task) = bench.errands.pop_front() {
            return Some(match closed {
                Some(failure) => self.without_request(place, task, Some(failure), now),
                None => self.hand_out(place, task, now),
            });
        }
        if bench.ahead.is_empty() && !bench.queue.is_ready(self.level) {
            let idle = bench.queue.is_empty() && bench.later.is_empty() && bench.leased == 0;
            if idle && !matches!(bench.rules, Rules::Asked) {
                let site = Rc::clone(&bench.site);
                self.benches[place] = None;
                self.index.remove(&site);
                self.last.take_if(|(last, _)| *last == site);
                self.free.push(place);
            } else {
                self.schedule(place, now);
            }
            return None;
        }
        if matches!(bench.rules, Rules::Asked) {
            // Came for a retry of robots.txt that is not due yet.
            self.schedule(place, now);
            return None;
        }
        let task = if let Some(task) = bench.ahead.pop_front() {
            task
        } else {
            let (pending, page) = bench.queue.pop(self.level)?;
            self.pages.extend(page.map(|page| (place, page)));
            self.held -= 1;
            self.bytes -= pending.bytes();
            let id = pending.id;
            let Some(target) = pending.target(&mut self.nearby) else {
                self.queued -= 1;
                self.schedule(place, now);
                return None;
            };
            Box::new(Task::of(id, target))
        };
        if task.target.refusal.is_some() || task.target.repeats.is_some() {
            let refusal = task.target.refusal.as_deref().cloned();
            return Some(self.without_request(place, task, refusal, now));
        }
        if let Some(failure) = closed {
            return Some(self.without_request(place, task, Some(failure), now));
        }
        let bound = self.options.robots.as_ref();
        let bound = bound.is_some_and(|binds| binds(task.url()));
        if bound && task.url().scheme().starts_with("http") {
            let bench = self.benches[place].as_mut()?;
            match &bench.rules {
                Rules::Unasked => {
                    let errand = errand(&task);
                    bench.rules = Rules::Asked;
                    bench.ahead.push_front(task);
                    // Not one of the targets: it comes and goes without being counted as waiting.
                    self.queued += 1;
                    return Some(self.hand_out(place, Box::new(errand), now));
                }
                Rules::Known { answer, .. } => {
                    if let Some(failure) = answer.forbids(task.url()) {
                        return Some(self.without_request(place, task, Some(failure), now));
                    }
                }
                // `Asked` was dealt with above.
                Rules::Asked => {}
            }
        }
        Some(self.hand_out(place, task, now))
    }

    fn hand_out(&mut self, place: usize, mut task: Box<Task>, now: Instant) -> Lease {
        self.queued -= 1;
        self.leased += 1;
        task.attempts += 1;
        task.tries += 1;
        task.begun.get_or_insert(now);
        if self.is_asked(place) {
            self.gate.pass(now);
        }
        let origin = match &mut self.benches[place] {
            Some(bench) => {
                bench.leased += 1;
                bench.last = now;
                bench.next = bench.next.max(now) + bench.delay;
                bench.origin.clone()
            }
            // A lease comes from a bench; there is none to clone the name of otherwise.
            None => Origin::of(task.url()),
        };
        self.schedule(place, now);
        Lease {
            task,
            since: now,
            refusal: None,
            felt: None,
            origin,
            place: Place {
                origin: place,
                counted: true,
            },
        }
    }

    /// Holds no slot, and moves no clock.
    fn without_request(
        &mut self,
        place: usize,
        task: Box<Task>,
        refusal: Option<Failure>,
        now: Instant,
    ) -> Lease {
        self.queued -= 1;
        self.leased += 1;
        self.schedule(place, now);
        Lease {
            since: now,
            refusal,
            felt: None,
            origin: Origin::of(task.url()),
            task,
            place: Place {
                origin: place,
                counted: false,
            },
        }
    }

    /// Takes a lease back; the targets it found are the store's to add.
    pub(super) fn settle(&mut self, lease: Lease, settlement: Settlement, now: Instant) {
        let Lease {
            mut task,
            felt,
            place: Place {
                origin: place,
                counted,
            },
            ..
        } = lease;
        self.leased -= 1;
        if let Some(bench) = &mut self.benches[place] {
            bench.leased -= usize::from(counted);
            if let Some(felt) = felt {
                bench.delay = adapt(bench.delay, bench.pace, felt);
            }
            match (settlement.rest, settlement.closed) {
                // A later end counts, whoever came to it.
                (Some(rest), Some(failure)) => {
                    let until = now + rest;
                    if bench.closed.as_ref().is_none_or(|(end, _)| *end < until) {
                        bench.closed = Some((until, failure));
                    }
                }
                (Some(rest), None) => bench.next = bench.next.max(now + rest),
                (None, _) => {}
            }
        }
        match settlement.step {
            Step::Done { .. } => {}
            Step::Again { method, wait } => {
                task.method = method;
                task.waited += wait;
                self.queued += 1;
                self.tickets += 1;
                let later = Later {
                    due: now + wait,
                    order: self.tickets,
                    task,
                };
                if let Some(bench) = &mut self.benches[place] {
                    bench.later.push(Reverse(later));
                }
            }
            Step::Hop {
                hop,
                url,
                method,
                naming,
            } => {
                task.hops.push(hop);
                (task.tries, task.unsent) = (0, 0);
                task.bare |= method != task.method;
                task.method = method;
                task.naming = naming;
                let to = self.bench(&url, naming, now);
                task.moved = Some(Box::new(url));
                self.queued += 1;
                if let Some(bench) = &mut self.benches[to] {
                    match task.errand {
                        Errand::Visit => bench.ahead.push_back(task),
                        Errand::Robots(_) => bench.errands.push_back(task),
                    }
                }
                self.schedule(to, now);
            }
            Step::Robots(answer) => {
                if matches!(task.errand, Errand::Robots(_)) {
                    self.learn(&task.target, answer, now);
                }
            }
        }
        self.schedule(place, now);
    }

    fn learn(&mut self, robots: &Target, answer: Answer, now: Instant) {
        let Some(&place) = self.index.get(site(robots.url.as_str())) else {
            return;
        };
        let Some(bench) = &mut self.benches[place] else {
            return;
        };
        let (answer, until) = match answer {
            Answer::Rules { rules, valid } => {
                let pace = (self.options.pace)(&robots.url, robots.naming, rules.crawl_delay());
                // The clock was set by the old pace: the gap after the robots request itself grows too.
                bench.next = bench.next.max(bench.last + pace.delay);
                bench.delay = bench.delay.max(pace.delay);
                bench.pace = pace;
                (Known::Robots(Rc::new(rules)), now + valid)
            }
            Answer::Dead(failure) => (Known::Dead(failure), now + Duration::from_secs(600)),
        };
        bench.rules = Rules::Known { answer, until };
        self.schedule(place, now);
    }

    /// Takes everything out that waits.
    pub(super) fn drain(&mut self) -> Vec<Target> {
        let mut targets = Vec::new();
        self.deeper.clear();
        for bench in self.benches.iter_mut().flatten() {
            let tasks = bench
                .ahead
                .drain(..)
                .chain(bench.later.drain().map(|Reverse(later)| later.task));
            targets.extend(
                tasks
                    .filter(|task| task.errand == Errand::Visit)
                    .map(|task| task.target),
            );
            bench.errands.clear();
            let waiting = bench.queue.drain();
            targets.extend(waiting.filter_map(|pending| pending.target(&mut self.nearby)));
        }
        self.heap.clear();
        self.queued = 0;
        self.held = 0;
        self.bytes = 0;
        targets
    }
}
