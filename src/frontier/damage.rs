//! A state whose bits have flipped, or whose tail is missing: it opens with what was committed, or is refused.
//!
//! Whatever is read back is compared with what a commit had written, so wrong content would be noticed.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::model::Outcome;

fn open(path: &Path) -> Result<(Sqlite, Begun), FrontierError> {
    let options = Options {
        unique: true,
        robots: None,
        depth: None,
        order: Order::default(),
        budget: Budget::default(),
        gap: None,
        pace: Rc::new(|_, _, _| Pace {
            delay: Duration::ZERO,
            width: NonZeroUsize::MAX,
            adaptive: None,
        }),
    };
    Sqlite::open(
        path,
        Begin::Resume,
        &[("job".into(), "crawl".into())],
        options,
    )
}

/// Everything that a run would go on from.
async fn content(path: &Path) -> Result<String, String> {
    let (store, begun) = open(path).map_err(|error| error.to_string())?;
    let mut waiting = Vec::new();
    while let Some(lease) = next(&store).await {
        let Task { target, .. } = &*lease.task;
        waiting.push(format!("{} {:?}", target.url, target.referrer));
    }
    let Begun {
        finished,
        written,
        summary,
        ..
    } = begun;
    Ok(format!(
        "{waiting:?} {finished:?} {written:?} {} {}",
        summary.records(),
        summary.bytes
    ))
}

/// The next lease, also where a page of targets has to be brought first.
async fn next(store: &Sqlite) -> Option<Lease> {
    loop {
        match store.lease().await {
            Ok(Next::Lease(lease)) => return Some(lease),
            Ok(Next::Waiting) if store.pending().0 > 0 => store.changed().await,
            _ => return None,
        }
    }
}

/// A state after three commits, its journal not folded in: the files, and what each commit had written.
async fn written(folder: &Path) -> (Vec<u8>, Vec<u8>, Vec<String>) {
    let path = folder.join("state.db");
    let wal = folder.join("state.db-wal");
    let (store, _) = open(&path).expect("a new state");
    let mut contents = Vec::new();
    let mut files = (Vec::new(), Vec::new());
    for round in 0..4u64 {
        if round > 0 {
            let page = |number| {
                let url = format!("http://h.test/{round}/{number}");
                Target {
                    referrer: Some(Arc::from("http://h.test/")),
                    ..Target::named(url.parse().expect("a URL"))
                }
            };
            store.add((0..20).map(page).collect());
            for _ in 0..8 {
                let lease = next(&store).await.expect("twenty wait");
                let url = lease.task.target.url.to_string();
                let mut visit = Visit::new(lease.task.id.to_string(), url.into(), Outcome::Ok);
                visit.size = Some(1000 + round);
                let step = Step::Done {
                    visits: vec![Arc::new(visit)],
                    found: Vec::new(),
                };
                store.settle(lease, step.into());
            }
            let (lengths, outputs) = oneshot::channel();
            let written = Written {
                lengths: vec![100 * round, 7 * round],
                filtered: round,
                through: None,
            };
            lengths.send(written).expect("asked");
            store.commit(outputs, None).await.expect("a commit");
        }
        files = (
            std::fs::read(&path).expect("the state"),
            std::fs::read(&wal).expect("its journal"),
        );
        let copy = put(folder, "copy", &files.0, &files.1);
        contents.push(content(&copy).await.expect("a good copy"));
    }
    (files.0, files.1, contents)
}

/// A state file and its journal in a folder of their own.
fn put(folder: &Path, name: &str, state: &[u8], journal: &[u8]) -> PathBuf {
    let folder = folder.join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::write(folder.join("state.db-wal"), journal).expect("a journal");
    std::fs::write(folder.join("state.db"), state).expect("a state");
    folder.join("state.db")
}

/// How damaged states were taken.
#[derive(Debug, Default)]
struct Tally {
    refused: u32,
    right: u32,
}

impl Tally {
    /// Refused in words, or one of the contents that were written.
    fn take(&mut self, opened: Result<String, String>, written: &[String], told: String) {
        match opened {
            Err(reason) => {
                self.refused += 1;
                assert!(reason.contains("state.db"), "{told}: {reason}");
            }
            Ok(content) => {
                self.right += 1;
                assert!(written.contains(&content), "{told}: {content}");
            }
        }
    }
}

/// The same each time.
fn random() -> impl FnMut(usize) -> usize {
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    move |limit| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % limit as u64).unwrap_or(0)
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
        .block_on(future)
}

#[test]
fn a_damaged_state_is_refused_or_right_and_never_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    run(async {
        let (state, journal, contents) = written(folder.path()).await;
        let mut below = random();
        let mut journals = Tally::default();
        // The journal alone: what it has lost was not committed, or the state is refused.
        for _ in 0..400 {
            let (at, bit) = (below(journal.len()), below(8));
            let mut flipped = journal.clone();
            flipped[at] ^= 1 << bit;
            let path = put(folder.path(), "flip", &state, &flipped);
            journals.take(
                content(&path).await,
                &contents,
                format!("journal bit {at}.{bit}"),
            );
        }
        for _ in 0..100 {
            let length = below(journal.len());
            let path = put(folder.path(), "cut", &state, &journal[..length]);
            journals.take(
                content(&path).await,
                &contents,
                format!("journal cut at {length}"),
            );
        }
        assert!(
            journals.right > 100,
            "a cut journal is one that ends earlier: {journals:?}"
        );

        // Folded in, as a clean end leaves it.
        let path = put(folder.path(), "whole", &state, &journal);
        let last = content(&path).await.expect("a good state");
        assert_eq!(Some(&last), contents.last());
        let whole = std::fs::read(&path).expect("the state");
        assert!(whole.len() > state.len());
        let contents = [last];
        let mut states = Tally::default();
        for _ in 0..1000 {
            let (at, bit) = (below(whole.len()), below(8));
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            let path = put(folder.path(), "flip", &flipped, &[]);
            states.take(content(&path).await, &contents, format!("bit {at}.{bit}"));
        }
        for _ in 0..100 {
            let length = 1 + below(whole.len() - 1);
            let path = put(folder.path(), "cut", &whole[..length], &[]);
            states.take(content(&path).await, &contents, format!("cut at {length}"));
        }
        for page in 0..whole.len() / 4096 {
            let mut zeroed = whole.clone();
            zeroed[page * 4096..(page + 1) * 4096].fill(0);
            let path = put(folder.path(), "zero", &zeroed, &[]);
            states.take(
                content(&path).await,
                &contents,
                format!("page {page} zeroed"),
            );
        }
        assert!(states.refused > 300 && states.right > 50, "{states:?}");
    });
}
