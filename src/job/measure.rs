//! How long requests take, in all and at which hosts, in constant memory.
//!
//! Times are counted in buckets that grow with them, at most 3 % wide, after Gil Tene's `HdrHistogram`. Hosts are kept up
//! to a number; when there are more, the faster half of them makes room.

use std::collections::HashMap;
use std::time::Duration;

use crate::model::visit::{HostTime, Times};
use crate::model::{Origin, Summary};

/// Hosts that are kept.
const HOSTS: usize = 4096;

/// Hosts that are shown.
const SHOWN: usize = 3;

/// Buckets for each doubling.
const FINE: u64 = 32;

/// The times of requests.
#[derive(Default)]
pub(super) struct Measure {
    /// By the number of the bucket.
    buckets: Vec<u64>,
    count: u64,
    hosts: HashMap<Origin, Host>,
    /// What is not in there yet: requests to one origin end together.
    last: Option<(Origin, Host)>,
}

#[derive(Clone, Copy, Default)]
struct Host {
    requests: u64,
    time: Duration,
}

impl Host {
    fn mean(self) -> Duration {
        self.time / u32::try_from(self.requests.max(1)).unwrap_or(u32::MAX)
    }
}

impl Measure {
    /// A request to `origin` has ended, one way or the other.
    pub(super) fn note(&mut self, origin: &Origin, time: Duration) {
        let bucket = bucket(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        if self.buckets.len() <= bucket {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
        self.count += 1;
        if let Some((last, host)) = &mut self.last
            && last == origin
        {
            host.requests += 1;
            host.time += time;
            return;
        }
        self.settle();
        self.last = Some((origin.clone(), Host { requests: 1, time }));
    }

    /// Puts the last one to the others.
    fn settle(&mut self) {
        let Some((origin, new)) = self.last.take() else {
            return;
        };
        if let Some(host) = self.hosts.get_mut(&origin) {
            host.requests += new.requests;
            host.time += new.time;
            return;
        }
        if self.hosts.len() >= HOSTS {
            self.make_room();
        }
        self.hosts.insert(origin, new);
    }

    fn make_room(&mut self) {
        let mut means: Vec<_> = self.hosts.values().map(|host| host.mean()).collect();
        let middle = means.len() / 2;
        let (_, median, _) = means.select_nth_unstable(middle);
        let median = *median;
        self.hosts.retain(|_, host| host.mean() > median);
    }

    /// Puts what was measured into the summary.
    pub(super) fn tell(&mut self, summary: &mut Summary) {
        self.settle();
        if self.count == 0 {
            return;
        }
        summary.times = Some(Times {
            half: self.quantile(0.5),
            most: self.quantile(0.9),
            nearly_all: self.quantile(0.99),
        });
        let mut hosts: Vec<_> = self.hosts.iter().collect();
        hosts.sort_by(|(one, a), (other, b)| b.mean().cmp(&a.mean()).then(one.cmp(other)));
        let shown = hosts.into_iter().take(SHOWN);
        summary.slowest = shown
            .map(|(origin, host)| HostTime {
                origin: origin.clone(),
                requests: host.requests,
                mean: host.mean(),
            })
            .collect();
    }

    /// The time that `share` of all requests took at most.
    fn quantile(&self, share: f64) -> Duration {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a count is within the count"
        )]
        let rank = ((self.count as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_micros(highest(bucket as u64));
            }
        }
        Duration::ZERO
    }
}

/// The bucket of a number: each its own up to 64, then 32 for each doubling.
fn bucket(number: u64) -> usize {
    let shift = u64::from(number.max(1).ilog2()).saturating_sub(5);
    // At most 32 for each of the 64 doublings.
    usize::try_from(shift * FINE + (number >> shift)).unwrap_or(0)
}

/// The highest number of a bucket.
fn highest(bucket: u64) -> u64 {
    let shift = (bucket / FINE).saturating_sub(1);
    let step = bucket - shift * FINE;
    ((step + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_bucket_is_at_most_three_percent_wide(number in 0..u64::MAX / 4) {
            let bucket = bucket(number);
            let highest = highest(bucket as u64);
            prop_assert!(highest >= number, "{highest} {number}");
            prop_assert!((highest - number) as f64 <= number as f64 / 32.0, "{highest} {number}");
            prop_assert_eq!(super::bucket(highest), bucket);
            prop_assert_eq!(super::bucket(highest + 1), bucket + 1);
        }
    }

    fn origin(number: usize) -> Origin {
        let url = format!("http://h{number}.test/").parse().expect("a URL");
        Origin::of(&url)
    }

    #[test]
    fn times_and_the_slowest_hosts_are_told() {
        let mut measure = Measure::default();
        for number in 1..=1000 {
            let host = if number > 990 { 1 } else { 2 };
            measure.note(&origin(host), Duration::from_millis(number));
        }
        let mut summary = Summary::default();
        measure.tell(&mut summary);
        let times = summary.times.expect("times");
        for (time, exact) in [
            (times.half, 500),
            (times.most, 900),
            (times.nearly_all, 990),
        ] {
            let exact = Duration::from_millis(exact);
            assert!(
                time >= exact && time < exact.mul_f64(1.04),
                "{time:?} {exact:?}"
            );
        }
        let slowest: Vec<_> = summary
            .slowest
            .iter()
            .map(|host| (host.origin.as_str(), host.requests))
            .collect();
        assert_eq!(
            slowest,
            [("http://h1.test:80", 10), ("http://h2.test:80", 990)]
        );
    }

    #[test]
    fn any_number_of_hosts_is_bounded_and_the_slow_ones_stay() {
        let mut measure = Measure::default();
        measure.note(&origin(0), Duration::from_secs(60));
        for number in 1..20_000 {
            measure.note(&origin(number), Duration::from_millis(number as u64 % 50));
            assert!(measure.hosts.len() <= HOSTS);
        }
        let mut summary = Summary::default();
        measure.tell(&mut summary);
        assert_eq!(summary.slowest[0].origin, origin(0));
        assert!(measure.buckets.len() < 2000);
    }
}
