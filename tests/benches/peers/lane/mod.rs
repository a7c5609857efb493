//! What is measured, one file a lane, and what all of them need.

mod check;
mod crawl;
mod fetch;
pub(crate) mod flight;
mod growth;
mod start;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::machine;
use crate::peer;
use crate::series::{By, Contestant, Kind, Row};
use crate::usage::Run;

/// A lane, to be chosen by the beginning of its name.
pub(crate) type Lane = (&'static str, fn(&Setting) -> Table);

pub(crate) const LANES: &[Lane] = &[
    ("fetch", fetch::run),
    ("flight-10k", |setting| flight::run(setting, 10_000)),
    ("flight-1k", |setting| flight::run(setting, 1_000)),
    ("crawl-pg", |setting| crawl::run(setting, "pg")),
    ("crawl-py", |setting| crawl::run(setting, "py")),
    ("crawl-rs", |setting| crawl::run(setting, "rs")),
    ("check-pg", |setting| check::run(setting, "pg")),
    ("check-py", |setting| check::run(setting, "py")),
    ("check-rs", |setting| check::run(setting, "rs")),
    ("start", start::run),
    ("growth-list", growth::list),
    ("growth-crawl", |setting| growth::crawl(setting, false)),
    ("growth-state", |setting| growth::crawl(setting, true)),
];

/// What a lane came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) about: String,
    /// What the costs are counted for.
    pub(crate) each: String,
    pub(crate) by: By,
    pub(crate) rows: Vec<Row>,
    pub(crate) goals: Vec<Goal>,
    /// The day.
    pub(crate) on: String,
    pub(crate) quick: bool,
}

/// What was to be reached, and what was.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Goal {
    pub(crate) text: String,
    pub(crate) unit: String,
    pub(crate) figure: f64,
    pub(crate) limit: f64,
    pub(crate) at_most: bool,
}

impl Goal {
    pub(crate) fn is_reached(&self) -> bool {
        if self.at_most {
            self.figure <= self.limit
        } else {
            self.figure >= self.limit
        }
    }
}

/// How a lane is run.
pub(crate) struct Setting {
    pub(crate) quick: bool,
    /// In memory where that is to be had, so that no disk is measured.
    folder: TempDir,
}

impl Setting {
    pub(crate) fn new(quick: bool) -> Self {
        let shared = Path::new("/dev/shm");
        let folder = if shared.is_dir() {
            tempfile::tempdir_in(shared)
        } else {
            tempfile::tempdir()
        };
        Self {
            quick,
            folder: folder.expect("a folder"),
        }
    }

    pub(crate) fn work(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn rounds(&self) -> usize {
        if self.quick { 3 } else { 5 }
    }

    /// A file of `count` URLs, and its path.
    fn list(&self, count: u64, url: impl Fn(u64) -> String) -> PathBuf {
        let lines: String = (0..count).map(|number| url(number) + "\n").collect();
        let path = self.work().join(format!("list-{count}.txt"));
        std::fs::write(&path, lines).expect("a list");
        path
    }

    fn ours(&self, line: &str, last: &[&str]) -> Run {
        let program = std::env::var_os("DRAGNET")
            .map_or_else(|| env!("CARGO_BIN_EXE_dragnet").into(), PathBuf::from);
        Run::new(program, self.work()).arguments(line, last)
    }

    /// A bare loop over the list at `path`.
    fn floor(&self, way: &str, width: usize, path: PathBuf) -> Run {
        let own = std::env::current_exe().expect("this program");
        Run::new(own, self.work())
            .arguments("floor", &[way, &width.to_string()])
            .input(path)
    }

    fn peer(&self, name: &str, line: &str, last: &[&str]) -> Option<Run> {
        Some(Run::new(peer::program(name)?, self.work()).arguments(line, last))
    }

    /// A script of ours on a library of Python's.
    fn python(&self, module: &str, script: &str, arguments: &[&str]) -> Option<Run> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/benches/peers")
            .join(script);
        let run =
            Run::new(peer::python(module)?, self.work()).arguments("", &[&path.to_string_lossy()]);
        let mut run = run.arguments("", arguments);
        run.environment.push(("PYTHONPATH", peer::modules()));
        Some(run)
    }
}

/// One who takes part, on the client's processor.
fn contestant(name: impl Into<String>, kind: Kind, run: Run) -> Contestant {
    Contestant {
        name: name.into(),
        kind,
        run,
        processors: vec![machine::client_processor()],
        rounds: usize::MAX,
        leaves: None,
    }
}

/// The same on every processor.
fn everywhere(contestant: Contestant) -> Contestant {
    let processors = machine::processors().to_vec();
    Contestant {
        processors,
        ..contestant
    }
}

fn row<'a>(rows: &'a [Row], name: &str) -> Option<&'a Row> {
    rows.iter().find(|row| row.name == name)
}

/// What `one` takes of what `other` takes, as a goal, where both took part.
fn goal(rows: &[Row], text: &str, [one, other]: [&str; 2], by: By, limit: f64) -> Option<Goal> {
    let figure = row(rows, one)?.over(row(rows, other)?, by)?.median;
    // Ours over another's is to be small; another's over ours is to be large.
    let at_most = one == OURS;
    Some(Goal {
        text: text.into(),
        unit: "×".into(),
        figure,
        limit,
        at_most,
    })
}

const OURS: &str = "dragnet";

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = {
        let first = digits.len() % 3;
        let (head, tail) = digits.split_at(first);
        let tail = (0..tail.len()).step_by(3).map(|at| &tail[at..at + 3]);
        Some(head)
            .filter(|head| !head.is_empty())
            .into_iter()
            .chain(tail)
            .collect()
    };
    groups.join(",")
}
