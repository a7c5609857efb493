//! One origin: what waits there, its clock, and what is known of its rules.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use memchr::{memchr, memchr2};
use tokio::time::Instant;

use super::Task;
use super::later::Later;
use super::queue::Queue;
use super::rules::Rules;
use crate::model::{Failure, Origin, fingerprint};
use crate::policy::politeness::Pace;

/// An origin.
pub(super) struct Bench {
    pub(super) origin: Origin,
    /// Its name in the index.
    pub(super) site: Rc<str>,
    /// Hops and retries that are due, before anything new.
    pub(super) ahead: VecDeque<Box<Task>>,
    /// The same for robots errands, which go on while everything else waits for the rules.
    pub(super) errands: VecDeque<Box<Task>>,
    pub(super) later: BinaryHeap<Reverse<Later>>,
    pub(super) queue: Queue,
    pub(super) rules: Rules,
    /// What was said, and what it has become.
    pub(super) pace: Pace,
    pub(super) delay: Duration,
    pub(super) leased: usize,
    /// The last request started then.
    pub(super) last: Instant,
    /// The next request may start then.
    pub(super) next: Instant,
    /// Nothing is asked for before then, and nothing waits for it.
    pub(super) closed: Option<(Instant, Failure)>,
    /// The one entry in the heap that counts; others are leftovers.
    pub(super) ticket: u64,
}

impl Bench {
    pub(super) fn new(origin: Origin, site: Rc<str>, pace: Pace, now: Instant) -> Self {
        Self {
            origin,
            site,
            ahead: VecDeque::new(),
            errands: VecDeque::new(),
            later: BinaryHeap::new(),
            queue: Queue::default(),
            rules: Rules::Unasked,
            pace,
            delay: pace.delay,
            leased: 0,
            last: now,
            next: now,
            closed: None,
            ticket: 0,
        }
    }

    /// When its next work is due, or, where it has none, when it may be forgotten; `None` while neither is known.
    pub(super) fn when(&self, level: u32, now: Instant) -> Option<Instant> {
        let waits_for_rules = matches!(self.rules, Rules::Asked);
        let ready = !self.errands.is_empty()
            || !waits_for_rules && (!self.ahead.is_empty() || self.queue.is_ready(level));
        let work = if ready {
            Some(now)
        } else {
            self.later.peek().map(|Reverse(later)| later.due)
        };
        Some(match work {
            _ if self.leased >= self.pace.width.get() => return None,
            Some(due) => due.max(self.next),
            None if self.leased == 0 && self.queue.is_empty() && !waits_for_rules => {
                let kept = match &self.rules {
                    Rules::Known { until, .. } => *until,
                    _ => now,
                };
                let closed = self.closed.as_ref().map_or(now, |(until, _)| *until);
                self.next.max(kept).max(closed)
            }
            None => return None,
        })
    }
}

/// Scheme, host and port of a serialised URL, which has one spelling for each origin: the default port is
/// left out, and userinfo was taken off.
pub(super) fn site(url: &str) -> &str {
    let bytes = url.as_bytes();
    let scheme = memchr(b':', bytes).filter(|at| bytes[*at..].starts_with(b"://"));
    let host = scheme.map_or(0, |at| at + 3);
    let end = memchr2(b'/', b'?', &bytes[host..]).map_or(url.len(), |at| host + at);
    &url[..end]
}

/// The number by which a store finds the targets of an origin.
pub(super) fn site_number(url: &str) -> u64 {
    fingerprint((0, 0), site(url))
}
