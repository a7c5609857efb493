//! A list that is read again and again, with a crash at any moment: every line is done once in what was committed,
//! and a file that a disk has changed is refused or right.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;
use std::rc::Rc;

use proptest::prelude::*;

use super::*;
use crate::frontier::{Next, Written};
use crate::model::{Outcome, Seed};
use crate::policy::budget::Budget;
use crate::policy::order::Order;
use crate::policy::politeness::Pace;

/// Seeds of the list.
const SEEDS: u64 = 30;

fn open(path: &Path, ordered: bool) -> Result<(List, Begun), FrontierError> {
    let options = Options {
        unique: false,
        robots: None,
        gap: None,
        depth: None,
        order: Order::default(),
        budget: Budget::default(),
        pace: Rc::new(|_, _, _| Pace {
            delay: Duration::ZERO,
            width: NonZeroUsize::MAX,
            adaptive: None,
        }),
    };
    let command = [("job".to_owned(), "fetch".to_owned())];
    List::open(path, Begin::Resume, &command, options, ordered, None)
}

fn seed(place: u64) -> Target {
    let url = format!("http://h.test/{place}");
    Target {
        seed: Some(Box::new(Seed {
            input: url.as_str().into(),
            line: place + 1,
            place,
            id: None,
        })),
        ..Target::named(url.parse().expect("a URL"))
    }
}

fn place(target: &Target) -> u64 {
    target.seed.as_ref().map_or(0, |seed| seed.place)
}

fn settle(store: &List, lease: Lease) {
    let mut visit = Visit::new("x".into(), lease.task.url().as_str().into(), Outcome::Ok);
    visit.place = place(&lease.task.target);
    visit.size = Some(visit.place);
    let step = Step::Done {
        visits: vec![Arc::new(visit)],
        found: Vec::new(),
    };
    store.settle(lease, step.into());
}

async fn commit(store: &List, through: Option<u64>) -> Result<(), FrontierError> {
    let (tell, outputs) = oneshot::channel();
    let committed = store.commit(outputs, None);
    let written = Written {
        lengths: vec![7],
        filtered: 0,
        through,
    };
    // Nobody asks while the list is compared.
    let _ = tell.send(written);
    committed.await
}

async fn lease(store: &List) -> Option<Lease> {
    match store.lease().await {
        Ok(Next::Lease(lease)) => Some(lease),
        _ => None,
    }
}

#[derive(Debug, Clone)]
enum Move {
    Read(u64),
    Lease,
    Done(usize),
    Commit,
    Crash,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        3 => (1..9_u64).prop_map(Move::Read),
        6 => Just(Move::Lease),
        6 => any::<usize>().prop_map(Move::Done),
        2 => Just(Move::Commit),
        1 => Just(Move::Crash),
    ];
    proptest::collection::vec(one, 1..120)
}

/// What must hold, kept beside the store.
#[derive(Default)]
struct Model {
    /// Accepted, in this run or committed by an earlier one.
    done: BTreeSet<u64>,
    committed: BTreeSet<u64>,
}

impl Model {
    /// Where records keep to the order: those that are written.
    fn through(&self) -> u64 {
        let first = (1..=SEEDS).find(|place| !self.done.contains(place));
        first.map_or(SEEDS, |first| first - 1)
    }

    fn commit(&mut self, ordered: bool) {
        let through = self.through();
        let written = |place: &&u64| !ordered || **place <= through;
        self.committed = self.done.iter().filter(written).copied().collect();
    }
}

async fn walk(moves: Vec<Move>, ordered: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.db");
    let mut model = Model::default();
    let (mut store, _) = open(&path, ordered).expect("a new state");
    let mut leased: Vec<Lease> = Vec::new();
    let mut read = 0;
    // Whatever happened, in the end the rest is done.
    let end = [Move::Crash, Move::Read(SEEDS)].into_iter();
    let rest = (0..SEEDS).flat_map(|_| [Move::Lease, Move::Done(0)]);
    for step in moves
        .into_iter()
        .chain(end)
        .chain(rest)
        .chain([Move::Commit])
    {
        match step {
            Move::Read(count) => {
                let last = SEEDS.min(read + count);
                store.add(store.admit((read + 1..=last).map(seed).collect()));
                read = last;
            }
            Move::Lease => {
                if let Some(lease) = lease(&store).await {
                    let place = place(&lease.task.target);
                    assert!(!model.done.contains(&place), "{place} again");
                    leased.push(lease);
                }
            }
            Move::Done(at) if !leased.is_empty() => {
                let lease = leased.swap_remove(at % leased.len());
                model.done.insert(place(&lease.task.target));
                settle(&store, lease);
            }
            Move::Done(_) => {}
            Move::Commit => {
                let through = ordered.then(|| model.through());
                commit(&store, through).await.expect("a commit");
                model.commit(ordered);
            }
            Move::Crash => {
                leased.clear();
                drop(store);
                let begun;
                (store, begun) = open(&path, ordered).expect("the state");
                read = 0;
                model.done = model.committed.clone();
                assert_eq!(begun.summary.records(), model.done.len() as u64);
                assert_eq!(begun.summary.bytes, model.done.iter().sum::<u64>());
                assert_eq!(begun.written.through, ordered.then(|| model.through()));
            }
        }
    }
    assert!(
        model.committed.iter().copied().eq(1..=SEEDS),
        "{:?}",
        model.committed
    );
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
        .block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_sequence_of_steps_does_every_line_once(moves in moves(), ordered: bool) {
        run(walk(moves, ordered));
    }
}

#[test]
fn another_list_is_refused_before_anything_is_handed_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.db");
    run(async {
        let (store, _) = open(&path, false).expect("a new state");
        store.add(store.admit((1..=9).map(seed).collect()));
        let first = lease(&store).await.expect("nine wait");
        settle(&store, first);
        commit(&store, None).await.expect("a commit");
        drop(store);
        for differs in 1..=9 {
            let (store, _) = open(&path, false).expect("the state");
            let changed = |place| {
                if place == differs {
                    seed(100)
                } else {
                    seed(place)
                }
            };
            for place in 1..=9 {
                let ready = store.admit(vec![changed(place)]);
                assert!(ready.is_empty(), "the rest was not compared yet");
            }
            let Err(error) = store.lease().await else {
                panic!("line {differs} was taken");
            };
            assert!(error.to_string().contains("line 101 is now"), "{error}");
        }
        let (store, _) = open(&path, false).expect("the state");
        assert!(store.admit((1..9).map(seed).collect()).is_empty());
        let (_tell, outputs) = oneshot::channel();
        let error = store.commit(outputs, Some(0)).await.expect_err("too short");
        assert!(
            error.to_string().contains("it ends after 8 entries"),
            "{error}"
        );
    });
}

/// What a state says is left of the list, or why it is refused.
async fn left(path: &Path) -> Result<Vec<u64>, FrontierError> {
    let (store, _) = open(path, false)?;
    let ready = store.admit((1..=SEEDS).map(seed).collect());
    match store.lease().await {
        Err(error) => Err(error),
        Ok(_) => Ok(ready.iter().map(place).collect()),
    }
}

#[test]
fn a_damaged_state_is_refused_or_right() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.db");
    run(async {
        let (store, _) = open(&path, false).expect("a new state");
        let mut right = vec![(1..=SEEDS).collect::<Vec<_>>()];
        for round in 0..3 {
            store.add(store.admit((round * 10 + 1..=round * 10 + 10).map(seed).collect()));
            for _ in 0..6 {
                let next = lease(&store).await.expect("ten wait");
                settle(&store, next);
            }
            commit(&store, None).await.expect("a commit");
            right.push((round * 6 + 7..=SEEDS).collect());
        }
        let state = std::fs::read(&path).expect("the state");
        let journal = std::fs::read(folder.path().join("state.db-wal")).expect("its journal");
        drop(store);
        let folded = std::fs::read(&path).expect("the state");
        let mut refused = 0;
        let mut random = 0x2545_F491_4F6C_DD1D_u64;
        for round in 0..600 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            // As a crash leaves it, with its journal, and as the end does.
            let (mut state, mut journal) = match round % 2 {
                0 => (state.clone(), journal.clone()),
                _ => (folded.clone(), Vec::new()),
            };
            let all = (state.len() + journal.len()) as u64 * 8;
            let bit = usize::try_from(random % all).expect("small");
            let journaled = (bit / 8).checked_sub(state.len());
            let byte = match journaled {
                Some(at) => &mut journal[at],
                None => &mut state[bit / 8],
            };
            *byte ^= 1 << (bit % 8);
            let other = tempfile::tempdir().expect("a folder");
            let path = other.path().join("state.db");
            std::fs::write(&path, state).expect("a state");
            std::fs::write(other.path().join("state.db-wal"), journal).expect("a journal");
            match left(&path).await {
                Err(_) => refused += 1,
                Ok(left) => assert!(right.contains(&left), "bit {bit}: {left:?}"),
            }
        }
        assert!(refused > 0, "damage is seen at all");
    });
}
