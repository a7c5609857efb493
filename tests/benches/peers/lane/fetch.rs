//! A list: how much work one URL makes, when the server has it ready.

use super::{OURS, Setting, Table, contestant, goal, thousands};
use crate::floor;
use crate::machine;
use crate::series::{By, Contestant, Kind, series};
use crate::server::Server;

const WIDTH: usize = 64;

pub(super) fn run(setting: &Setting) -> Table {
    let count = if setting.quick { 10_000 } else { 100_000 };
    let server = Server::of(setting.work());
    let list = setting.list(count, |number| server.url(&format!("/u/{number}")));
    let path = list.to_string_lossy().into_owned();
    let ours = format!("fetch -q -c {WIDTH} --per-host {WIDTH} -o out.jsonl --input");
    let mut all = vec![contestant(OURS, Kind::Ours, setting.ours(&ours, &[&path]))];
    for way in floor::WAYS {
        all.push(contestant(
            *way,
            Kind::Floor,
            setting.floor(way, WIDTH, list.clone()),
        ));
    }
    let wget2 = format!("-q --no-config -O /dev/null --max-threads={WIDTH} -i");
    let curl = setting.work().join("curl.cfg");
    let lines = (0..count).map(|number| {
        format!(
            "url = \"{}\"\noutput = \"/dev/null\"\n",
            server.url(&format!("/u/{number}"))
        )
    });
    std::fs::write(&curl, lines.collect::<String>()).expect("a list");
    let curl = curl.to_string_lossy();
    let line = format!("-q -s -Z --parallel-immediate --parallel-max {WIDTH} -K");
    let oha = format!("--no-tui -n {count} -c {WIDTH}");
    let width = WIDTH.to_string();
    let peers = [
        ("wget2", setting.peer("wget2", &wget2, &[&path])),
        (
            "oha, one URL",
            setting.peer("oha", &oha, &[&server.url("/u/0")]),
        ),
        ("curl -Z", setting.peer("curl", &line, &[&curl])),
        (
            "aiohttp",
            setting.python("aiohttp", "aiohttp_list.py", &[&width, &path]),
        ),
    ];
    for (name, run) in peers {
        let rounds = if name == "aiohttp" { 2 } else { usize::MAX };
        all.extend(run.map(|run| Contestant {
            rounds,
            ..contestant(name, Kind::Peer, run)
        }));
    }
    let rows = series(&all, setting.rounds(), count as f64, Some(&server));
    let goals = [
        goal(
            &rows,
            "CPU of `fetch`, of the bare reqwest loop's",
            [OURS, "bare reqwest"],
            By::Cpu,
            1.3,
        ),
        goal(
            &rows,
            "curl -Z's time, of `fetch`'s",
            ["curl -Z", OURS],
            By::Wall,
            1.5,
        ),
        goal(
            &rows,
            "aiohttp's time, of `fetch`'s",
            ["aiohttp", OURS],
            By::Wall,
            5.0,
        ),
        goal(
            &rows,
            "wget2's time, of `fetch`'s",
            ["wget2", OURS],
            By::Wall,
            1.0,
        ),
    ];
    Table {
        title: format!("{} URLs of 1 KiB, {WIDTH} in flight", thousands(count)),
        about: "One host that answers at once. dragnet writes a JSON record for each URL; nobody else does.".into(),
        each: "URL".into(),
        by: By::Cpu,
        rows,
        goals: goals.into_iter().flatten().collect(),
        on: machine::today(),
        quick: setting.quick,
    }
}
