//! Cost against size, from a thousand URLs to a million: a list, a crawl, and a crawl that survives kill -9.

use std::path::PathBuf;
use std::process::Command;

use super::{Goal, OURS, Setting, Table, contestant, thousands};
use crate::machine;
use crate::million;
use crate::peer;
use crate::series::{By, Kind, Row, series};
use crate::server::Server;
use crate::usage::{Usage, pin};

fn sizes(setting: &Setting) -> Vec<u64> {
    let most = if setting.quick { 100_000 } else { 1_000_000 };
    [1_000, 10_000, 100_000, 1_000_000]
        .into_iter()
        .filter(|size| *size <= most)
        .collect()
}

pub(super) fn list(setting: &Setting) -> Table {
    let server = Server::of(setting.work());
    let mut rows = Vec::new();
    for size in sizes(setting) {
        let path = setting.list(size, |number| server.url(&format!("/u/{number}")));
        let run = setting
            .ours("fetch -q -c 64 --per-host 64 -o out.jsonl", &[])
            .input(path);
        let rounds = if size > 100_000 { 1 } else { 3 };
        let measured = series(
            &[contestant(OURS, Kind::Ours, run)],
            rounds,
            size as f64,
            Some(&server),
        );
        rows.extend(measured.into_iter().map(|row| Row {
            name: thousands(size),
            ..row
        }));
    }
    table(
        setting,
        "A list as it grows",
        "From stdin, 64 in flight, records of JSON.",
        rows,
    )
}

pub(super) fn crawl(setting: &Setting, durable: bool) -> Table {
    let mut rows = Vec::new();
    for size in sizes(setting) {
        // The site's threads are started from here, the program by a command that moves it to the other processor.
        pin(&[machine::server_processor()]);
        let run = million::run(size, durable, program);
        pin(machine::processors());
        let usage = Usage {
            wall: run.wall.as_secs_f64(),
            cpu: run.ours.as_secs_f64(),
            peak: run.peak as f64,
            code: 0,
        };
        rows.push(Row {
            name: thousands(size),
            kind: Kind::Ours,
            count: run.pages as f64,
            runs: vec![usage],
            asked: Some(run.pages),
            alone: None,
        });
    }
    let (title, about) = if durable {
        (
            "A crawl with `--state` as it grows",
            "Ten links a page; killed at nine tenths, and gone on with: the pages since the last commit are asked for twice. Time includes both starts.",
        )
    } else {
        (
            "A crawl as it grows",
            "Ten links a page, of which `--max-pages` cuts what is beyond.",
        )
    };
    table(setting, title, about, rows)
}

fn program() -> Command {
    let own = env!("CARGO_BIN_EXE_dragnet");
    match peer::program("taskset") {
        Some(taskset) => {
            let mut command = Command::new(taskset);
            command.args(["-c", &machine::client_processor().to_string(), own]);
            command
        }
        None => Command::new(PathBuf::from(own)),
    }
}

fn table(setting: &Setting, title: &str, about: &str, rows: Vec<Row>) -> Table {
    let rate = |row: &Row| row.count / row.median(|usage| usage.wall);
    let at = |name: &str| rows.iter().find(|row| row.name == name);
    let kept = at("10,000")
        .zip(at("1,000,000"))
        .map(|(small, large)| Goal {
            text: format!(
                "{}: the rate at 10^6, of that at 10^4",
                title.to_lowercase()
            ),
            unit: "×".into(),
            figure: rate(large) / rate(small),
            limit: 0.8,
            at_most: false,
        });
    Table {
        title: title.into(),
        about: about.into(),
        each: "URL".into(),
        by: By::Wall,
        goals: kept.into_iter().collect(),
        rows,
        on: machine::today(),
        quick: setting.quick,
    }
}
