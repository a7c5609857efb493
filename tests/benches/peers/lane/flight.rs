//! Very many at once: what waiting costs, in time and in memory.

use super::{Goal, OURS, Setting, Table, contestant, goal, row, thousands};
use crate::floor;
use crate::machine;
use crate::series::{By, Contestant, Kind, Row, series};
use crate::server::Server;

pub(super) fn run(setting: &Setting, width: u64) -> Table {
    let server = Server::of(setting.work());
    let slow = |number| server.url(&format!("/slow/{number}"));
    let all = contestants(setting, width, width, &slow);
    let mut rows = series(&all, setting.rounds().min(3), width as f64, Some(&server));
    // What is there before anything is in flight is no cost of that.
    let one = contestants(setting, width, 1, &|number| {
        server.url(&format!("/u/{number}"))
    });
    for alone in series(&one, 1, 1.0, None) {
        if let Some(row) = rows.iter_mut().find(|row| row.name == alone.name) {
            row.alone = Some(alone.median(|usage| usage.peak));
        }
    }
    let most = if width < 10_000 { "1,000" } else { "10,000" };
    let wall = goal(
        &rows,
        &format!("time with {most} in flight, of the bare reqwest loop's"),
        [OURS, "bare reqwest"],
        By::Wall,
        1.1,
    );
    let each = row(&rows, OURS).and_then(kib_each).map(|figure| Goal {
        text: format!("memory of a request with {most} in flight"),
        unit: "KiB".into(),
        figure,
        limit: 28.0,
        at_most: true,
    });
    Table {
        title: format!("{} in flight, each answered after a second", thousands(width)),
        about: "One host; the least that is possible is one second. Memory is the peak, without what the same program takes for a single URL.".into(),
        each: "request".into(),
        by: By::Wall,
        goals: wall.into_iter().chain(each.filter(|_| width >= 10_000)).collect(),
        rows,
        on: machine::today(),
        quick: setting.quick,
    }
}

/// Memory of one request in flight.
pub(crate) fn kib_each(row: &Row) -> Option<f64> {
    let alone = row.alone?;
    Some((row.median(|usage| usage.peak) - alone) / row.count / 1024.0)
}

/// All who take part, each ready for `width` at once, with a list of `count` URLs.
fn contestants(
    setting: &Setting,
    width: u64,
    count: u64,
    url: &dyn Fn(u64) -> String,
) -> Vec<Contestant> {
    let list = setting.list(count, url);
    let path = list.to_string_lossy().into_owned();
    let ours = format!("fetch -q -c {width} --per-host {width} -o out.jsonl --input");
    let mut all = vec![contestant(OURS, Kind::Ours, setting.ours(&ours, &[&path]))];
    for way in floor::WAYS {
        let width = usize::try_from(width.min(count)).expect("a width");
        all.push(contestant(
            *way,
            Kind::Floor,
            setting.floor(way, width, list.clone()),
        ));
    }
    let wget2 = format!("-q --no-config -O /dev/null --max-threads={width} -i");
    let wget2 = setting.peer("wget2", &wget2, &[&path]);
    let aiohttp = setting.python("aiohttp", "aiohttp_list.py", &[&width.to_string(), &path]);
    for (name, run) in [("wget2", wget2), ("aiohttp", aiohttp)] {
        all.extend(run.map(|run| Contestant {
            rounds: 2,
            ..contestant(name, Kind::Peer, run)
        }));
    }
    all
}
