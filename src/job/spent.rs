//! Records that are written, on their way back to the loop that made them.
//!
//! Memory is let go where it was taken, for the next record there: an allocator that gives each thread its own would otherwise
//! look for room anew each time, which takes as long as to write the record. Few wait here, and only small ones, so that what
//! is bounded elsewhere stays so.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

use super::order::weight;
use crate::model::Visit;

/// Records that wait on either side.
const MOST: usize = 256;

/// Bytes of one.
const SMALL: usize = 4 << 10;

type Shared = Arc<Mutex<Vec<Arc<Visit>>>>;

/// The end of the loop.
#[derive(Default)]
pub(super) struct Spent {
    own: RefCell<Vec<Arc<Visit>>>,
    returned: Shared,
}

impl Spent {
    /// The end of the thread that writes.
    pub(super) fn returning(&self) -> Returning {
        Returning {
            own: Vec::with_capacity(MOST),
            returned: Arc::clone(&self.returned),
        }
    }

    /// Lets so many go, in whose place the next can be made.
    pub(super) fn let_go(&self, number: usize) {
        let mut own = self.own.borrow_mut();
        if own.is_empty()
            && let Ok(mut returned) = self.returned.try_lock()
        {
            std::mem::swap(&mut *own, &mut returned);
        }
        let left = own.len().saturating_sub(number);
        own.truncate(left);
    }
}

/// The end of the thread that writes.
pub(super) struct Returning {
    own: Vec<Arc<Visit>>,
    returned: Shared,
}

impl Returning {
    /// Takes one in that is written.
    pub(super) fn take(&mut self, visit: Arc<Visit>) {
        if self.own.len() < MOST && weight(&visit) <= SMALL {
            self.own.push(visit);
        }
    }

    /// Gives back as many as there is room for; what is more ends here.
    pub(super) fn give_back(&mut self) {
        {
            let mut returned = self.returned.lock().unwrap_or_else(PoisonError::into_inner);
            let room = MOST.saturating_sub(returned.len()).min(self.own.len());
            returned.extend(self.own.drain(..room));
        }
        self.own.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;

    fn record(body: usize) -> Arc<Visit> {
        let mut visit = Visit::new(String::new(), "http://h.test/".into(), Outcome::Ok);
        visit.body = Some("x".repeat(body));
        Arc::new(visit)
    }

    #[test]
    fn few_are_kept_and_only_small_ones() {
        let spent = Spent::default();
        let mut returning = spent.returning();
        let mut all = Vec::new();
        let alive = |all: &[std::sync::Weak<Visit>]| {
            all.iter().filter(|one| one.strong_count() > 0).count()
        };
        for number in 0..5 * MOST {
            let visit = record(if number % 2 == 0 { 10 } else { 1 << 20 });
            all.push(Arc::downgrade(&visit));
            returning.take(visit);
            if number % MOST == 0 {
                returning.give_back();
            }
        }
        returning.give_back();
        assert_eq!(alive(&all), MOST, "as many as there is room for");
        spent.let_go(1);
        assert_eq!(alive(&all), MOST - 1);
        spent.let_go(2 * MOST);
        assert_eq!(alive(&all), 0);
    }
}
