//! Contestants in turn, round by round, and what came of it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::server::Server;
use crate::usage::{Run, Usage};

/// Who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    Ours,
    /// A bare loop, or the same with less to do.
    Floor,
    Peer,
}

/// What a lane is decided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum By {
    Wall,
    Cpu,
}

/// One who takes part.
pub(crate) struct Contestant {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) run: Run,
    pub(crate) processors: Vec<usize>,
    /// Fewer rounds than the others, and none to warm up, because one takes so long.
    pub(crate) rounds: usize,
    /// Emptied before each run.
    pub(crate) leaves: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// URLs, pages: what the costs are divided by.
    pub(crate) count: f64,
    /// One for each round, in order.
    pub(crate) runs: Vec<Usage>,
    /// Requests that the server saw in the last one.
    pub(crate) asked: Option<u64>,
    /// Peak memory of the same with a single URL, in bytes.
    pub(crate) alone: Option<f64>,
}

/// Least, median and most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

impl Spread {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Some(Self {
            least,
            median,
            most,
        })
    }
}

impl By {
    pub(crate) fn of(self, usage: &Usage) -> f64 {
        match self {
            Self::Wall => usage.wall,
            Self::Cpu => usage.cpu,
        }
    }
}

impl Row {
    pub(crate) fn median(&self, of: impl Fn(&Usage) -> f64) -> f64 {
        Spread::of(self.runs.iter().map(of)).map_or(f64::NAN, |spread| spread.median)
    }

    pub(crate) fn by(&self, by: By) -> Option<Spread> {
        Spread::of(self.runs.iter().map(|usage| by.of(usage)))
    }

    /// How many times what `other` took, round by round.
    pub(crate) fn over(&self, other: &Self, by: By) -> Option<Spread> {
        let pairs = self.runs.iter().zip(&other.runs);
        Spread::of(pairs.map(|(own, other)| by.of(own) / by.of(other)))
    }
}

/// All of them in turn, after a round to warm up; each has `count` things to do.
pub(crate) fn series(
    contestants: &[Contestant],
    rounds: usize,
    count: f64,
    server: Option<&Server>,
) -> Vec<Row> {
    let row = |contestant: &Contestant| Row {
        name: contestant.name.clone(),
        kind: contestant.kind,
        count,
        runs: Vec::new(),
        asked: None,
        alone: None,
    };
    let mut rows: Vec<Row> = contestants.iter().map(row).collect();
    for round in 0..=rounds {
        for (contestant, row) in contestants.iter().zip(&mut rows) {
            let few = contestant.rounds < rounds;
            if few && round == 0 || round > contestant.rounds {
                continue;
            }
            if let Some(folder) = &contestant.leaves {
                let _ = std::fs::remove_dir_all(folder);
                std::fs::create_dir_all(folder).expect("a folder");
            }
            let before = server.map(Server::asked);
            let usage = contestant.run.usage(&contestant.processors);
            row.asked = before
                .zip(server)
                .map(|(before, server)| server.asked() - before);
            if round > 0 {
                row.runs.push(usage);
            }
        }
    }
    rows
}
