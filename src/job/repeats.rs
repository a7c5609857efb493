//! Lines that ask for what an earlier line asked for (`--unique`): one request, and a record for each line.
//!
//! Two lines are one request when their page keys are, and what they carry: credentials, method, fields and content.
//! A line whose request is under way waits for its record, outside of the frontier; where that one was answered
//! before, it is handed out without a request, and gets what was kept. In memory are a 64-bit keyed fingerprint and
//! the number of each distinct request, at most 64 bytes together; the records are in a file without a name.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::rc::Rc;

use futures::StreamExt;
use tokio::sync::Notify;

use super::order::weight;
use super::record;
use crate::frontier::{LOOK_AHEAD, LOOK_AHEAD_BYTES, Seeds};
use crate::model::{Message, Secret, Target, Visit, key};

/// Copies of a record that are made at once, in bytes.
const AT_ONCE: usize = 4 << 20;

/// What is known of the requests so far.
#[derive(Default)]
pub(super) struct Repeats {
    secret: RandomState,
    state: RefCell<State>,
    /// There is room for more that wait.
    room: Notify,
}

#[derive(Default)]
struct State {
    seen: HashSet<u64>,
    /// Requests without a record yet, each with the lines that wait for it.
    under_way: HashMap<u64, Vec<Target>>,
    waiting: u64,
    /// The text of those that wait.
    bytes: u64,
}

impl State {
    fn is_full(&self) -> bool {
        self.waiting >= LOOK_AHEAD || self.bytes >= LOOK_AHEAD_BYTES
    }

    fn let_go(&mut self, targets: &[Target]) {
        self.waiting -= targets.len() as u64;
        self.bytes -= targets.iter().map(bytes).sum::<u64>();
    }
}

impl Repeats {
    /// The same seeds without those that have to wait; reading waits too while those are very many.
    pub(super) fn without<'a>(self: &Rc<Self>, seeds: Seeds<'a>) -> Seeds<'a> {
        let begin = (Rc::clone(self), seeds);
        let sorted = futures::stream::unfold(begin, |(repeats, mut seeds)| async move {
            while repeats.state.borrow().is_full() {
                repeats.room.notified().await;
            }
            let batch = seeds.next().await?;
            let targets = batch.into_iter().filter_map(|target| repeats.sort(target));
            let targets: Vec<_> = targets.collect();
            Some((targets, (repeats, seeds)))
        });
        sorted.boxed_local()
    }

    /// What is to be handed out now.
    fn sort(&self, mut target: Target) -> Option<Target> {
        let Some(number) = self.number(&target) else {
            return Some(target);
        };
        let mut state = self.state.borrow_mut();
        if state.seen.insert(number) {
            state.under_way.insert(number, Vec::new());
            return Some(target);
        }
        let size = bytes(&target);
        if let Some(waiting) = state.under_way.get_mut(&number) {
            waiting.push(target);
            state.waiting += 1;
            state.bytes += size;
            return None;
        }
        target.repeats = Some(number);
        Some(target)
    }

    /// The number of a request; none is made for a line that is no URL, or that repeats another.
    pub(super) fn number(&self, target: &Target) -> Option<u64> {
        if target.refusal.is_some() || target.repeats.is_some() {
            return None;
        }
        let mut hasher = self.secret.build_hasher();
        key(&target.url).hash(&mut hasher);
        target
            .authorization
            .as_ref()
            .map(Secret::reveal)
            .hash(&mut hasher);
        if let Some(message) = target.message.as_deref() {
            hash(message, &mut hasher);
        }
        Some(hasher.finish())
    }

    /// The records of the lines that wait for this one. Very many large ones are left for later.
    pub(super) fn answered(&self, target: &Target, visit: &Visit) -> Vec<Visit> {
        let Some(number) = self.number(target) else {
            return Vec::new();
        };
        let mut state = self.state.borrow_mut();
        let Some(waiting) = state.under_way.get_mut(&number) else {
            return Vec::new();
        };
        if waiting.len().saturating_mul(weight(visit)) > AT_ONCE {
            return Vec::new();
        }
        let waiting = std::mem::take(waiting);
        state.let_go(&waiting);
        self.room.notify_one();
        let records = waiting.iter();
        records
            .map(|target| record::repeated(target, visit))
            .collect()
    }

    /// The record is kept from now on: those that still wait for it can be handed out.
    pub(super) fn accepted(&self, target: &Target) -> Vec<Target> {
        let mut state = self.state.borrow_mut();
        let number = self.number(target);
        let waiting = number.and_then(|number| state.under_way.remove(&number));
        let mut waiting = waiting.unwrap_or_default();
        state.let_go(&waiting);
        self.room.notify_one();
        for target in &mut waiting {
            target.repeats = number;
        }
        waiting
    }
}

fn bytes(target: &Target) -> u64 {
    let input = target.seed.as_ref().map_or(0, |seed| seed.input.len());
    let message = target.message.as_deref().map_or(0, Message::bytes);
    (target.url.as_str().len() + input + message) as u64
}

fn hash(message: &Message, hasher: &mut impl Hasher) {
    message.method().as_str().hash(hasher);
    message.content.hash(hasher);
    let fields = message.fields.iter();
    let mut fields: Vec<_> = fields
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    // The order of fields of different names says nothing (RFC 9110, section 5.3).
    fields.sort_by_key(|(name, _)| *name);
    fields.hash(hasher);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::{HeaderMap, HeaderValue, header};

    use super::*;
    use crate::input::seed;
    use crate::model::Outcome;

    #[test]
    fn a_line_is_a_repeat_when_everything_that_is_sent_is_the_same() {
        let repeats = Repeats::default();
        let number = |text: &str, message: Option<Message>| {
            let mut target = seed(text, 1, "http");
            target.message = message.map(Arc::new);
            repeats.number(&target)
        };
        let fields = |value| {
            let value = HeaderValue::from_static(value);
            Some(Message {
                fields: HeaderMap::from_iter([(header::ACCEPT, value)]),
                ..Message::default()
            })
        };
        let page = number("http://h.test/~a", None);
        assert!(page.is_some());
        assert_eq!(number("HTTP://H.test/%7ea#x", None), page);
        assert_eq!(
            number("http://h.test/~a", Some(Message::default())),
            number("h.test/~a", Some(Message::default()))
        );
        for other in [
            number("http://h.test/~b", None),
            number("http://u:p@h.test/~a", None),
            number("http://h.test/~a", fields("a/b")),
        ] {
            assert!(other.is_some() && other != page);
        }
        assert_ne!(
            number("http://h.test/", fields("a/b")),
            number("http://h.test/", fields("a/c"))
        );
        assert_eq!(number("http://", None), None, "there is no request");
    }

    #[test]
    fn lines_wait_for_a_request_under_way_and_have_its_record_afterwards() {
        let repeats = Repeats::default();
        let line = |number| seed("http://h.test/", number, "http");
        let first = repeats.sort(line(1)).expect("it is asked for");
        assert_eq!(first.repeats, None);
        assert!(repeats.sort(line(2)).is_none());
        let visit = Visit::new("x".into(), "http://h.test/".into(), Outcome::Ok);
        let records = repeats.answered(&first, &visit);
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].line, Some(2));
        // One that comes before the record is kept is handed out once it is.
        assert!(repeats.sort(line(3)).is_none());
        let later = repeats.accepted(&first);
        assert_eq!(later.len(), 1);
        assert!(later[0].repeats.is_some());
        let fourth = repeats.sort(line(4)).expect("it is handed out");
        assert_eq!(fourth.repeats, later[0].repeats);
        assert_eq!(repeats.state.borrow().waiting, 0);
        // Copies that are many and large are not made at once.
        let other = repeats
            .sort(seed("http://h.test/large", 5, "http"))
            .expect("new");
        for number in 6..100 {
            assert!(
                repeats
                    .sort(seed("http://h.test/large", number, "http"))
                    .is_none()
            );
        }
        let large = Visit {
            body: Some("x".repeat(100_000)),
            ..visit
        };
        assert!(repeats.answered(&other, &large).is_empty());
        assert_eq!(repeats.accepted(&other).len(), 94);
        assert_eq!(repeats.state.borrow().bytes, 0);
    }
}
