//! A gate: answers wait in front of it until the test lets them through.
//!
//! It exists so that a test about concurrency needs no clock: the test waits until n exchanges stand
//! at the gate, looks at what is true at that moment, and opens. Waiting for arrivals has a limit,
//! and that limit only decides how soon a failing test says so. A gate is never shut again.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

/// How long [`Gate::wait_for_arrivals`] waits before it fails the test.
const PATIENCE: Duration = Duration::from_secs(30);

/// Holds answers back until it is opened; clones are the same gate.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Closed once the gate is open: a closed semaphore turns nobody away for want of a permit.
    passes: Semaphore,
    arrivals: Mutex<usize>,
    changed: Condvar,
}

impl Gate {
    /// A gate that is shut.
    pub(crate) fn new() -> Self {
        let inner = Inner {
            passes: Semaphore::new(0),
            arrivals: Mutex::new(0),
            changed: Condvar::new(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Lets everyone through, now and later.
    pub(crate) fn open(&self) {
        self.inner.passes.close();
    }

    /// Lets `count` of those who wait (or who will come) through, first come first served.
    pub(crate) fn admit(&self, count: usize) {
        self.inner.passes.add_permits(count);
    }

    /// How many have come to the gate so far, those let through included.
    pub(crate) fn arrivals(&self) -> usize {
        *self
            .inner
            .arrivals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks the test until `count` have come, or fails it after 30 seconds.
    #[track_caller]
    pub(crate) fn wait_for_arrivals(&self, count: usize) {
        let arrivals = self
            .inner
            .arrivals
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (arrivals, _) = self
            .inner
            .changed
            .wait_timeout_while(arrivals, PATIENCE, |arrivals| *arrivals < count)
            .unwrap_or_else(PoisonError::into_inner);
        let came = *arrivals;
        drop(arrivals);
        assert!(
            came >= count,
            "{came} of {count} came to the gate in {PATIENCE:?}"
        );
    }

    /// Counts one arrival and waits until it may pass.
    pub(super) async fn pass(&self) {
        *self
            .inner
            .arrivals
            .lock()
            .unwrap_or_else(PoisonError::into_inner) += 1;
        self.inner.changed.notify_all();
        // An error means that the semaphore is closed, which is how an open gate looks.
        if let Ok(permit) = self.inner.passes.acquire().await {
            permit.forget();
        }
    }
}
