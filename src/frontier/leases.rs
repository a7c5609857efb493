//! The stream of leases: when a list is read on, and how many requests begin together. Who goes out when is the store's
//! decision.

use std::future::Future;
use std::pin::pin;

use futures::future::FutureExt;
use futures::stream::{FuturesUnordered, LocalBoxStream, Stream, StreamExt};

use super::{Frontier, FrontierError, Lease, Next};
use crate::model::Target;

/// Targets that may wait in the frontier before a list is read on.
pub const LOOK_AHEAD: u64 = 10_000;

/// Bytes of text that may wait in the frontier before a list is read on.
pub const LOOK_AHEAD_BYTES: u64 = 16 << 20;

/// The most requests that begin in one turn of the event loop. Those that open their connections together each hold several
/// KiB until they have one, and stand in a line that the pool looks through for each of them. A few at a time, the next use
/// the memory of the last: ten thousand in flight take a tenth less memory and a fifth less processor time.
pub const A_TURN: u32 = 16;

/// Batches of seeds, read no faster than they are used.
pub type Seeds<'a> = LocalBoxStream<'a, Vec<Target>>;

/// The stream of leases that feeds the pool: ends when `stop` does, or when `seeds` has ended and nothing
/// is queued or leased.
///
/// Reads `seeds` only while less than [`LOOK_AHEAD`] waits, so a list of any length is held back by the
/// requests that it causes. Hands out [`A_TURN`] leases at most in one turn of the event loop.
pub fn leases<'a>(
    frontier: &'a dyn Frontier,
    seeds: Seeds<'a>,
    stop: impl Future<Output = ()> + 'a,
) -> impl Stream<Item = Result<Lease, FrontierError>> + 'a {
    // In a set, which polls it only when it was woken: it is asked for with each lease.
    let stop = FuturesUnordered::from_iter([stop.boxed_local()]);
    let state = Some((seeds.fuse(), stop, false, 0));
    futures::stream::unfold(state, move |state| async move {
        let (mut seeds, mut stop, mut read, mut given) = state?;
        if given == A_TURN {
            tokio::task::yield_now().await;
            given = 0;
        }
        loop {
            if stop.next().now_or_never().is_some() {
                return None;
            }
            let room = || {
                let (count, bytes) = frontier.pending();
                count < LOOK_AHEAD && bytes < LOOK_AHEAD_BYTES
            };
            while !read && room() {
                match seeds.next().now_or_never() {
                    Some(Some(batch)) => _ = frontier.add(batch),
                    Some(None) => read = true,
                    None => break,
                }
            }
            let next = match frontier.lease().await {
                Ok(next) => next,
                Err(error) => return Some((Err(error), None)),
            };
            let due = match next {
                Next::Lease(lease) => {
                    return Some((Ok(lease), Some((seeds, stop, read, given + 1))));
                }
                Next::Idle if read => return None,
                Next::At(due) => Some(due),
                Next::Idle | Next::Waiting => None,
            };
            let clock = pin!(async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            });
            let input = !read && room();
            tokio::select! {
                _ = stop.next() => return None,
                () = frontier.changed() => {}
                () = clock => {}
                batch = seeds.next(), if input => match batch {
                    Some(batch) => _ = frontier.add(batch),
                    None => read = true,
                },
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::num::NonZeroUsize;
    use std::rc::Rc;
    use std::time::Duration;

    use super::*;
    use crate::frontier::conformance::options;
    use crate::frontier::{Memory, Options, Step};
    use crate::policy::politeness::Pace;

    fn target(number: u64) -> Target {
        let url = format!("http://host.test/{number}");
        Target::named(url.parse().expect("a URL of the test"))
    }

    /// A store in which nobody waits for anybody.
    fn store() -> Memory {
        Memory::new(Options {
            unique: false,
            pace: Rc::new(|_, _, _| Pace {
                delay: Duration::ZERO,
                width: NonZeroUsize::MAX,
                adaptive: None,
            }),
            ..options(None)
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_is_read_no_faster_than_it_is_used_and_ends_the_stream() {
        let store = store();
        let read = Rc::new(Cell::new(0));
        let counter = Rc::clone(&read);
        let seeds = futures::stream::iter(0..100_000)
            .map(move |number| {
                counter.set(counter.get() + 1);
                vec![target(number % 60)]
            })
            .boxed_local();
        let mut stream = pin!(leases(&store, seeds, std::future::pending()));
        let mut most = 0;
        let mut count = 0;
        while let Some(lease) = stream.next().await {
            count += 1;
            most = most.max(read.get() - count);
            let done = Step::Done {
                visits: Vec::new(),
                found: Vec::new(),
            };
            store.settle(lease.expect("a lease"), done.into());
        }
        assert_eq!(count, 100_000, "every line has its lease");
        assert!(most <= LOOK_AHEAD, "{most} lines were read ahead");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_between_two_turns_ends_the_stream() {
        let store = store();
        store.add((0..100).map(target).collect());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let seeds = futures::stream::pending().boxed_local();
        let mut stream = pin!(leases(&store, seeds, stopped.map(|_| ())));
        for _ in 0..A_TURN {
            assert!(stream.next().await.is_some());
        }
        assert!(stream.next().now_or_never().is_none(), "the turn is over");
        stop.send(()).expect("somebody who listens");
        assert!(stream.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_all_begin_at_once_begins_in_several_turns_of_the_event_loop() {
        let store = store();
        store.add((0..2 * u64::from(A_TURN) + 5).map(target).collect());
        let seeds = futures::stream::empty().boxed_local();
        let mut stream = pin!(leases(&store, seeds, std::future::pending()));
        let mut turns = Vec::new();
        for _ in 0..3 {
            let mut leased = 0;
            while let Some(Some(_)) = stream.next().now_or_never() {
                leased += 1;
            }
            turns.push(leased);
            tokio::task::yield_now().await;
        }
        assert_eq!(turns, [A_TURN, A_TURN, 5]);
    }
}
