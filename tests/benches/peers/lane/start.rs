//! From the start of the program to its first request, and how large the program is.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Instant;

use super::{Goal, OURS, Setting, Table, row};
use crate::machine;
use crate::series::{By, Kind, Row};
use crate::usage::{Run, Usage, pin};

const TIMES: usize = 21;

pub(super) fn run(setting: &Setting) -> Table {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("its address"));
    let (arrived, arrivals) = mpsc::channel();
    std::thread::spawn(move || {
        pin(&[machine::server_processor()]);
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            if stream.read(&mut request).is_ok_and(|read| read > 0) {
                let _ = arrived.send(Instant::now());
            }
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    let list = setting.list(1, |_| url.clone());
    let all = [
        (
            OURS,
            Kind::Ours,
            Some(setting.ours("fetch -q -f jsonl", &[&url])),
        ),
        (
            "bare reqwest",
            Kind::Floor,
            Some(setting.floor("bare reqwest", 1, list)),
        ),
        (
            "wget2",
            Kind::Peer,
            setting.peer("wget2", "-q --no-config -O /dev/null", &[&url]),
        ),
        (
            "curl",
            Kind::Peer,
            setting.peer("curl", "-q -s -o /dev/null", &[&url]),
        ),
    ];
    let mut rows: Vec<(Row, Run)> = Vec::new();
    for (name, kind, run) in all {
        let row = Row {
            name: name.into(),
            kind,
            count: 1.0,
            runs: Vec::new(),
            asked: None,
            alone: None,
        };
        rows.extend(run.map(|run| (row, run)));
    }
    // What is started from here runs where the clients run.
    pin(&[machine::client_processor()]);
    for round in 0..=TIMES {
        for (row, run) in &mut rows {
            let wall = first(run, &arrivals);
            if round > 0 {
                row.runs.push(Usage {
                    wall,
                    cpu: 0.0,
                    peak: 0.0,
                    code: 0,
                });
            }
        }
    }
    pin(machine::processors());
    let rows: Vec<Row> = rows.into_iter().map(|(row, _)| row).collect();
    let size = std::fs::metadata(env!("CARGO_BIN_EXE_dragnet"))
        .expect("the program")
        .len();
    let start = row(&rows, OURS).map_or(f64::NAN, |row| row.median(|usage| usage.wall) * 1e3);
    let goal = |text: &str, unit: &str, figure, limit| Goal {
        text: text.into(),
        unit: unit.into(),
        figure,
        limit,
        at_most: true,
    };
    Table {
        title: "From start to first request".into(),
        about: format!(
            "Until the server has read it, {TIMES} times in turn. The program is {:.1} MiB on disk.",
            size as f64 / f64::from(1 << 20)
        ),
        each: "start".into(),
        by: By::Wall,
        rows,
        goals: vec![
            goal("start to first request", "ms", start, 10.0),
            goal(
                "size of the program",
                "MiB",
                size as f64 / f64::from(1 << 20),
                15.0,
            ),
        ],
        on: machine::today(),
        quick: setting.quick,
    }
}

/// Seconds until its first request was read.
fn first(run: &Run, arrivals: &mpsc::Receiver<Instant>) -> f64 {
    let input = run.input.as_ref().map_or_else(Stdio::null, |path| {
        std::fs::File::open(path).expect("its list").into()
    });
    let begun = Instant::now();
    let mut child = Command::new(&run.program)
        .args(&run.arguments)
        .current_dir(&run.folder)
        .stdin(input)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a program that runs");
    let arrival = arrivals.recv().expect("a request");
    child.wait().expect("it ends");
    arrivals.try_iter().for_each(drop);
    arrival.saturating_duration_since(begun).as_secs_f64()
}
