//! One suite that every store must pass, whatever the order of calls: nothing lost, nothing twice, gap and
//! width kept, the end seen; and for a store that is durable, the same across a crash.
//!
//! A world of made-up pages is walked by random steps on tokio's paused clock. A store comes in through its
//! row in [`stores`].

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::*;
use crate::model::target::Naming;
use crate::model::{FailureKind, Outcome};

const DELAY: Duration = Duration::from_millis(100);
const WIDTH: usize = 2;

/// How to make, and make again after a crash, each store.
struct Kind {
    name: &'static str,
    durable: bool,
    open: fn(&std::path::Path, Options) -> Box<dyn Frontier>,
}

fn stores() -> [Kind; 2] {
    [
        Kind {
            name: "memory",
            durable: false,
            open: |_, options| Box::new(Memory::new(options)),
        },
        Kind {
            name: "sqlite",
            durable: true,
            open: |path, options| {
                let command = [("job".to_owned(), "test".to_owned())];
                Box::new(
                    Sqlite::open(path, Begin::Resume, &command, options)
                        .expect("a state in a new folder")
                        .0,
                )
            },
        },
    ]
}

#[test]
fn every_store_has_its_row_in_both_tables() {
    let names: Vec<_> = stores().iter().map(|kind| kind.name).collect();
    assert_eq!(
        names,
        STORES.iter().map(|(name, _)| *name).collect::<Vec<_>>()
    );
}

pub(super) fn options(depth: Option<u32>) -> Options {
    Options {
        unique: true,
        robots: None,
        depth,
        order: Order::default(),
        budget: Budget::default(),
        gap: None,
        pace: Rc::new(|_, _, _| Pace {
            delay: DELAY,
            width: NonZeroUsize::new(WIDTH).expect("two"),
            adaptive: None,
        }),
    }
}

fn page(number: u16) -> Target {
    let url = format!("http://host{}.test/{number}", number % 3)
        .parse()
        .expect("a URL of the test");
    Target {
        naming: Naming::Page,
        ..Target::named(url)
    }
}

#[derive(Debug, Clone)]
enum Move {
    Add(Vec<u16>),
    Lease,
    Pass(u16),
    Done(usize, Vec<u16>),
    Again(usize, u16),
    Hop(usize, u16),
    Rest(usize, u16),
    Commit,
    Crash,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let some = || proptest::collection::vec(0..60u16, 0..4);
    proptest::collection::vec(
        prop_oneof![
            3 => some().prop_map(Move::Add),
            8 => Just(Move::Lease),
            4 => (0..300u16).prop_map(Move::Pass),
            4 => (any::<usize>(), some()).prop_map(|(at, found)| Move::Done(at, found)),
            2 => (any::<usize>(), 0..500u16).prop_map(|(at, wait)| Move::Again(at, wait)),
            2 => (any::<usize>(), 0..60u16).prop_map(|(at, to)| Move::Hop(at, to)),
            1 => (any::<usize>(), 0..900u16).prop_map(|(at, rest)| Move::Rest(at, rest)),
            1 => Just(Move::Commit),
            1 => Just(Move::Crash),
        ],
        1..80,
    )
}

/// What must hold, kept beside the store.
#[derive(Default)]
struct Model {
    added: HashSet<String>,
    committed_added: HashSet<String>,
    done: HashSet<String>,
    committed_done: HashSet<String>,
    starts: HashMap<Origin, Vec<Instant>>,
    resting: HashMap<Origin, Instant>,
    width: HashMap<Origin, usize>,
    under_way: HashSet<String>,
}

impl Model {
    fn add(&mut self, targets: &[Target]) {
        self.added
            .extend(targets.iter().map(|target| target.url.to_string()));
    }

    fn leased(&mut self, lease: &Lease) {
        let now = Instant::now();
        let target = lease.task.target.url.to_string();
        assert!(self.added.contains(&target), "{target} was never added");
        assert!(!self.done.contains(&target), "{target} was settled before");
        assert!(
            self.under_way.insert(target.clone()),
            "{target} is leased twice"
        );
        let origin = Origin::of(lease.task.url());
        let width = self.width.entry(origin.clone()).or_default();
        *width += 1;
        assert!(*width <= WIDTH, "{width} requests at {origin} at once");
        if let Some(until) = self.resting.get(&origin) {
            assert!(now >= *until, "{origin} was to be left alone");
        }
        let starts = self.starts.entry(origin.clone()).or_default();
        if let Some(last) = starts.last() {
            assert!(
                now - *last >= DELAY,
                "only {:?} after the last start at {origin}",
                now - *last
            );
        }
        starts.push(now);
    }

    fn settled(&mut self, lease: &Lease) {
        self.under_way.remove(lease.task.target.url.as_str());
        *self
            .width
            .get_mut(&Origin::of(lease.task.url()))
            .expect("it was leased") -= 1;
    }
}

fn visit(url: &str) -> Arc<Visit> {
    Arc::new(Visit::new(url.to_owned(), url.into(), Outcome::Ok))
}

async fn commit(store: &dyn Frontier, model: &mut Model, finished: Option<u8>) {
    let (lengths, outputs) = oneshot::channel();
    let committed = store.commit(outputs, finished);
    lengths
        .send(Written {
            lengths: vec![7],
            filtered: 0,
            through: None,
        })
        .expect("somebody waits for the lengths");
    committed.await.expect("nothing fails in this world");
    model.committed_added = model.added.clone();
    model.committed_done = model.done.clone();
}

async fn walk(kind: &Kind, moves: Vec<Move>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.db");
    let mut store = (kind.open)(&path, options(None));
    let mut model = Model::default();
    let mut leases: Vec<Lease> = Vec::new();
    for step in moves {
        match step {
            Move::Add(numbers) => {
                let targets: Vec<_> = numbers.into_iter().map(page).collect();
                model.add(&targets);
                store.add(targets);
            }
            Move::Lease => {
                if let Next::Lease(lease) = store.lease().await.expect("a lease or not") {
                    model.leased(&lease);
                    leases.push(lease);
                }
            }
            Move::Pass(time) => tokio::time::advance(Duration::from_millis(time.into())).await,
            Move::Done(at, found) if !leases.is_empty() => {
                let lease = leases.swap_remove(at % leases.len());
                model.settled(&lease);
                let url = lease.task.target.url.to_string();
                let found: Vec<_> = found.into_iter().map(page).collect();
                model.add(&found);
                store.settle(
                    lease,
                    Step::Done {
                        visits: vec![visit(&url)],
                        found,
                    }
                    .into(),
                );
                model.done.insert(url);
            }
            Move::Again(at, wait) if !leases.is_empty() => {
                let lease = leases.swap_remove(at % leases.len());
                model.settled(&lease);
                let wait = Duration::from_millis(wait.into());
                store.settle(
                    lease,
                    Step::Again {
                        method: Method::GET,
                        wait,
                    }
                    .into(),
                );
            }
            Move::Hop(at, to) if !leases.is_empty() => {
                let lease = leases.swap_remove(at % leases.len());
                model.settled(&lease);
                let hop = Hop {
                    url: lease.task.url().to_string(),
                    status: 302,
                    fragment: None,
                };
                let url = page(to).url;
                let step = Step::Hop {
                    hop,
                    url,
                    method: Method::GET,
                    naming: Naming::Page,
                };
                store.settle(lease, step.into());
            }
            Move::Rest(at, rest) if !leases.is_empty() => {
                let lease = leases.swap_remove(at % leases.len());
                model.settled(&lease);
                let rest = Duration::from_millis(rest.into());
                model
                    .resting
                    .insert(Origin::of(lease.task.url()), Instant::now() + rest);
                let step = Step::Again {
                    method: Method::GET,
                    wait: Duration::ZERO,
                };
                store.settle(
                    lease,
                    Settlement {
                        closed: None,
                        step,
                        rest: Some(rest),
                    },
                );
            }
            Move::Commit => commit(&*store, &mut model, None).await,
            Move::Crash if kind.durable => {
                leases.clear();
                drop(store);
                model.added = model.committed_added.clone();
                model.done = model.committed_done.clone();
                model.under_way.clear();
                // The clocks die with the process; what they guard is an origin's patience, and a new
                // process has not asked yet.
                model.starts.clear();
                model.resting.clear();
                model.width.clear();
                store = (kind.open)(&path, options(None));
            }
            _ => {}
        }
    }
    // From here to the end, as a run would.
    for lease in leases.drain(..) {
        model.settled(&lease);
        let url = lease.task.target.url.to_string();
        store.settle(
            lease,
            Step::Done {
                visits: vec![visit(&url)],
                found: Vec::new(),
            }
            .into(),
        );
        model.done.insert(url);
    }
    let mut idle = false;
    for _ in 0..10_000 {
        match store.lease().await.expect("a lease or not") {
            Next::Lease(lease) => {
                model.leased(&lease);
                model.settled(&lease);
                let url = lease.task.target.url.to_string();
                store.settle(
                    lease,
                    Step::Done {
                        visits: vec![visit(&url)],
                        found: Vec::new(),
                    }
                    .into(),
                );
                model.done.insert(url);
            }
            Next::At(due) => {
                assert!(due > Instant::now(), "what is due now must be leased now");
                tokio::time::advance(due - Instant::now()).await;
            }
            Next::Waiting => {
                let left = store.pending().0;
                assert!(left > 0, "nothing is leased, so nothing can be waited for");
                // The store brings it.
                store.changed().await;
            }
            Next::Idle => {
                idle = true;
                break;
            }
        }
    }
    assert!(idle, "{}: the end was never seen", kind.name);
    assert_eq!(model.done, model.added, "{}: every target once", kind.name);
    assert_eq!(store.pending(), (0, 0));
    if kind.durable {
        commit(&*store, &mut model, Some(0)).await;
        drop(store);
        let store = (kind.open)(&path, options(None));
        assert!(
            matches!(store.lease().await, Ok(Next::Idle)),
            "nothing is left after the end"
        );
        assert_eq!(
            store.add(
                model
                    .added
                    .iter()
                    .map(|url| Target::named(url.parse().expect("a URL")))
                    .collect()
            ),
            0
        );
    }
}

fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_steps_loses_nothing_and_does_nothing_twice(moves in moves()) {
        for kind in stores() {
            paused().block_on(walk(&kind, moves.clone()));
        }
    }
}

#[test]
fn a_level_begins_when_the_one_before_is_settled() {
    for kind in stores() {
        let folder = tempfile::tempdir().expect("a folder");
        paused().block_on(async {
            let store = (kind.open)(&folder.path().join("state.db"), options(Some(1)));
            let at = |path: &str, depth| Target {
                depth,
                ..Target::named(format!("http://a.test/{path}").parse().expect("a URL"))
            };
            store.add(vec![at("seed", 0), at("other", 0)]);
            let Ok(Next::Lease(first)) = store.lease().await else {
                panic!("a seed is due")
            };
            store.settle(
                first,
                Step::Done {
                    visits: Vec::new(),
                    found: vec![at("below", 1), at("deep", 2)],
                }
                .into(),
            );
            tokio::time::advance(DELAY).await;
            let Ok(Next::Lease(second)) = store.lease().await else {
                panic!("the other seed is due")
            };
            assert_eq!(second.task.url().path(), "/other");
            tokio::time::advance(DELAY).await;
            assert!(
                matches!(store.lease().await, Ok(Next::Waiting)),
                "the seeds are not all settled"
            );
            store.settle(
                second,
                Step::Done {
                    visits: Vec::new(),
                    found: Vec::new(),
                }
                .into(),
            );
            let Ok(Next::Lease(third)) = store.lease().await else {
                panic!("level 1 begins")
            };
            assert_eq!(third.task.url().path(), "/below");
            store.settle(
                third,
                Step::Done {
                    visits: Vec::new(),
                    found: Vec::new(),
                }
                .into(),
            );
            assert!(
                matches!(store.lease().await, Ok(Next::Idle)),
                "nothing beyond the depth"
            );
        });
    }
}

#[test]
fn what_waits_for_robots_goes_out_after_the_answer_and_keeps_the_gap() {
    for kind in stores() {
        let folder = tempfile::tempdir().expect("a folder");
        paused().block_on(async {
            let options = Options {
                robots: Some(robots_everywhere()),
                ..options(None)
            };
            let store = (kind.open)(&folder.path().join("state.db"), options);
            let url = |path: &str| format!("http://a.test/{path}").parse().expect("a URL");
            store.add(vec![Target::named(url("open")), Target::named(url("shut"))]);
            let Ok(Next::Lease(robots)) = store.lease().await else {
                panic!("robots.txt comes first")
            };
            assert_eq!(robots.task.url().path(), "/robots.txt");
            tokio::time::advance(DELAY * 3).await;
            assert!(
                matches!(store.lease().await, Ok(Next::Waiting)),
                "all waits for the rules"
            );
            let rules = Robots::parse(b"User-agent: *\nDisallow: /shut\n", "dragnet");
            let valid = Duration::from_secs(3600);
            store.settle(robots, Step::Robots(Answer::Rules { rules, valid }).into());
            let Ok(Next::Lease(open)) = store.lease().await else {
                panic!("the rules are known")
            };
            assert_eq!(
                (open.task.url().path(), open.refusal.is_none()),
                ("/open", true)
            );
            tokio::time::advance(DELAY).await;
            let Ok(Next::Lease(shut)) = store.lease().await else {
                panic!("a refusal needs a record too")
            };
            assert_eq!(
                shut.refusal.as_ref().map(|failure| failure.kind),
                Some(FailureKind::Robots)
            );
            store.settle(
                open,
                Step::Done {
                    visits: Vec::new(),
                    found: Vec::new(),
                }
                .into(),
            );
            store.settle(
                shut,
                Step::Done {
                    visits: Vec::new(),
                    found: Vec::new(),
                }
                .into(),
            );
            assert!(matches!(store.lease().await, Ok(Next::Idle)));
        });
    }
}

#[test]
fn strain_doubles_an_adaptive_gap_and_a_fixed_one_stays() {
    for kind in stores() {
        for adaptive in [true, false] {
            let folder = tempfile::tempdir().expect("a folder");
            paused().block_on(async {
                let options = Options {
                    pace: Rc::new(move |_, _, _| Pace {
                        delay: DELAY,
                        width: NonZeroUsize::new(WIDTH).expect("two"),
                        adaptive: adaptive.then_some(Duration::from_secs(10)),
                    }),
                    ..options(None)
                };
                let store = (kind.open)(&folder.path().join("state.db"), options);
                store.add((0..4).map(|number| page(number * 3)).collect());
                let mut starts = Vec::new();
                for felt in [Felt::Strain, Felt::Strain, Felt::Answer(Duration::ZERO)] {
                    let lease = loop {
                        match store.lease().await.expect("a lease or not") {
                            Next::Lease(lease) => break lease,
                            Next::At(due) => tokio::time::advance(due - Instant::now()).await,
                            other => panic!("{other:?}"),
                        }
                    };
                    starts.push(Instant::now());
                    let mut lease = lease;
                    lease.felt = Some(felt);
                    let found = Vec::new();
                    store.settle(
                        lease,
                        Step::Done {
                            visits: Vec::new(),
                            found,
                        }
                        .into(),
                    );
                }
                let gaps: Vec<_> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
                // The first gap was begun before anything was felt.
                let second = if adaptive { DELAY * 2 } else { DELAY };
                assert_eq!(gaps, [DELAY, second], "{} {adaptive}", kind.name);
            });
        }
    }
}
