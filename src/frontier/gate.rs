//! The clock that all origins share: how many requests a second leave this process (`--rate`).
//!
//! A timer wakes to the millisecond, which at a thousand a second is late for each of them: what was missed is made up
//! for, but no more than [`SLACK`] of it. So any stretch of time has at most its share and that of the slack.

use std::time::Duration;

use tokio::time::Instant;

/// The sites of files, and of what is no URL: no request goes there, so they need not wait.
pub(super) const UNASKED: [&str; 2] = ["file://", "about:blank"];

/// Time that is made up for.
const SLACK: Duration = Duration::from_millis(10);

/// Lets requests through one after another.
#[derive(Debug, Default)]
pub(super) struct Gate {
    gap: Option<Duration>,
    next: Option<Instant>,
}

impl Gate {
    /// With at least so much time between two.
    pub(super) fn new(gap: Option<Duration>) -> Self {
        Self { gap, next: None }
    }

    /// When the next one may go, if that is later than `now`.
    pub(super) fn closed_until(&self, now: Instant) -> Option<Instant> {
        self.next.filter(|next| *next > now)
    }

    /// One goes through at `now`.
    pub(super) fn pass(&mut self, now: Instant) {
        if let Some(gap) = self.gap {
            let earliest = now.checked_sub(SLACK).unwrap_or(now);
            let since = self.next.map_or(now, |next| next.max(earliest));
            self.next = Some(since + gap);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times at which requests go through that always want to, where a timer wakes at every `tick`.
    fn times(gap: Duration, tick: Duration, count: usize) -> Vec<Duration> {
        let begin = Instant::now();
        let mut gate = Gate::new(Some(gap));
        let (mut now, mut times) = (begin, Vec::new());
        while times.len() < count {
            if gate.closed_until(now).is_some() {
                now += tick;
            } else {
                gate.pass(now);
                times.push(now - begin);
            }
        }
        times
    }

    #[test]
    fn any_stretch_of_time_has_its_share_and_no_more() {
        let milliseconds = Duration::from_millis;
        for (gap, tick) in [
            (milliseconds(100), milliseconds(1)),
            (Duration::from_micros(200), milliseconds(1)),
            (milliseconds(3), milliseconds(7)),
            (milliseconds(20), milliseconds(500)),
        ] {
            let times = times(gap, tick, 200);
            for (at, &from) in times.iter().enumerate() {
                for (number, &to) in (1..).zip(&times[at + 1..]) {
                    assert!(
                        to + SLACK >= from + gap * number,
                        "{gap:?} {tick:?}: {from:?} to {to:?}"
                    );
                }
            }
            // What a timer is late by is made up for.
            if tick <= SLACK {
                assert!(
                    times[199] <= gap * 200 + tick,
                    "{gap:?} {tick:?}: {:?}",
                    times[199]
                );
            }
        }
    }

    #[test]
    fn without_a_rate_nobody_waits() {
        let now = Instant::now();
        let mut gate = Gate::new(None);
        gate.pass(now);
        assert_eq!(gate.closed_until(now), None);
    }
}
