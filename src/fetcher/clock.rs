//! How long one exchange may take, and its parts: the head, a silence, a trickle, all of it.
//!
//! One timer serves all of them. While content flows only a moment is noted down; the timer looks at what was noted
//! when the earliest of the times could be over. Connecting has a time of its own, in the connector.

use std::cell::Cell;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::FetchError;
use super::options::Options;
use super::timing::Call;
use crate::model::FailureKind;

/// What one request has seen so far; outlives the future that a time-out drops.
#[derive(Default)]
pub(super) struct Seen {
    /// When the head came.
    pub(super) head: Cell<Option<Instant>>,
    /// When all the content came that there is so far, where it came with the head.
    pub(super) end: Cell<Option<Instant>>,
    /// The local end of the connection that it came on, or that failed before any head, where it is known.
    pub(super) local: Cell<Option<SocketAddr>>,
    /// Content so far, decoded.
    pub(super) size: Cell<u64>,
    /// What has come is being put away: nobody waits for the server.
    pub(super) busy: Cell<bool>,
    /// Content so far as it came, and when the last of it did.
    last: Cell<Option<(Instant, u64)>>,
}

impl Seen {
    /// Content has come, so many bytes in all; `at_once`: nobody waited for it.
    pub(super) fn received(&self, bytes: u64, at_once: bool) {
        // Most content is there when the head is, and needs no look at a clock. What is there later may have come since.
        let with_head = at_once && self.last.get().is_none();
        self.end.set(self.head.get().filter(|_| with_head));
        let now = self.end.get().unwrap_or_else(Instant::now);
        self.last.set(Some((now, bytes)));
    }
}

/// Does `work`, which has `begun`, unless one of its times is over first, of which `end` is the last. The work stays where it is, and
/// this is no `async fn`: what is handed over has its place twice in such a future, and there can be ten thousand of these.
///
/// # Errors
/// [`FailureKind::Timeout`], with the time that was over and the flag that sets it.
#[expect(clippy::manual_async_fn, reason = "see above")]
pub(super) fn within<'a, T: 'a>(
    options: &'a Options,
    begun: Instant,
    end: Instant,
    call: &'a Call,
    seen: &'a Seen,
    mut work: Pin<&'a mut (impl Future<Output = T> + 'a)>,
) -> impl Future<Output = Result<T, FetchError>> + 'a {
    async move {
        // Since when, and from how many bytes on, the rate is measured.
        let mut window: Option<(Instant, u64)> = None;
        let idle = options.idle_timeout;
        // Whatever comes next is looked at before it could be late.
        let first = begun + options.header_timeout.min(idle);
        let mut timer = pin!(sleep_until(end.min(first)));
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = &mut timer => {}
            }
            let now = Instant::now();
            let late = |message: String| Err(FetchError::passing(FailureKind::Timeout, message));
            if now >= end {
                return late(format!(
                    "not done within {:?} (--timeout): stopped {}",
                    options.timeout,
                    doing(call, seen)
                ));
            }
            let next = if let Some(head) = seen.head.get() {
                let (mut last, received) = seen.last.get().unwrap_or((head, 0));
                if seen.busy.get() {
                    last = now;
                    window = Some((now, received));
                }
                if now >= last + idle {
                    return late(format!(
                        "nothing came for {idle:?} (--idle-timeout): stopped {}",
                        doing(call, seen)
                    ));
                }
                let (since, before) = window.unwrap_or((head, 0));
                if now >= since + idle {
                    let asked = idle.as_secs_f64() * options.min_rate as f64;
                    if ((received - before) as f64) < asked {
                        return late(format!(
                            "less than {} bytes a second came over {idle:?} (--min-rate): stopped {}",
                            options.min_rate,
                            doing(call, seen)
                        ));
                    }
                    window = Some((now, received));
                }
                (last + idle).min(window.map_or(head, |(since, _)| since) + idle)
            } else {
                // A kept connection is there from the beginning; before a new one is there, its own time runs.
                let marks = call.marks();
                let connected = marks.ready.map_or(begun, |(ready, _)| ready);
                let connecting = marks.connecting.is_some() && marks.ready.is_none();
                if !connecting && now >= connected + options.header_timeout {
                    return late(format!(
                        "no whole head came within {:?} (--header-timeout)",
                        options.header_timeout
                    ));
                }
                let from = if connecting { now } else { connected };
                from + options.header_timeout
            };
            let soon = now + Duration::from_millis(1);
            timer
                .as_mut()
                .reset(next.min(end).min(now + idle).max(soon));
        }
    }
}

/// Where an exchange was when its time was over.
fn doing(call: &Call, seen: &Seen) -> String {
    let marks = call.marks();
    if seen.head.get().is_some() {
        format!("after {} bytes of content", seen.size.get())
    } else if marks.connecting.is_some() && marks.ready.is_none() {
        "while connecting".into()
    } else {
        "while waiting for an answer".into()
    }
}
