//! A site from one page: pages found, parsed, followed, and recorded.

use super::{OURS, Setting, Table, contestant, everywhere, goal};
use crate::machine;
use crate::pages::Set;
use crate::series::{By, Contestant, Kind, series};
use crate::server::Server;

const WIDTH: usize = 64;

pub(super) fn run(setting: &Setting, name: &str) -> Table {
    let set = Set::of(name);
    let server = Server::of(&set.folder());
    let start = server.url(&set.start());
    let line =
        format!("crawl -q --scope prefix --delay 0 -c {WIDTH} --per-host {WIDTH} -o out.jsonl");
    let ours = |name| contestant(name, Kind::Ours, setting.ours(&line, &[&start]));
    // The pages that a crawl finds, to be asked for by a loop that parses nothing.
    ours(OURS).run.usage(&[machine::client_processor()]);
    let found = pages(&std::fs::read_to_string(setting.work().join("out.jsonl")).expect("records"));
    let list = setting.work().join("found.txt");
    std::fs::write(&list, found.join("\n")).expect("a list");
    let saved = setting.work().join("saved");
    let line = format!("-q --no-config -r -l inf --no-parent --no-robots --max-threads={WIDTH} -P");
    let wget2 = |name| {
        let run = setting.peer("wget2", &line, &[&saved.to_string_lossy(), &start])?;
        Some(Contestant {
            leaves: Some(saved.clone()),
            ..contestant(name, Kind::Peer, run)
        })
    };
    let mut all = vec![
        ours(OURS),
        contestant(
            "bare reqwest, a list, unparsed",
            Kind::Floor,
            setting.floor("bare reqwest", WIDTH, list),
        ),
    ];
    all.extend(wget2("wget2 -r"));
    if machine::processors().len() > 1 {
        all.push(everywhere(ours("dragnet, all processors")));
        all.extend(wget2("wget2 -r, all processors").map(everywhere));
    }
    // Half a minute a run for the larger sets.
    if set.name == "pg" || !setting.quick && set.name == "py" {
        let run = setting.python("scrapy", "scrapy_site.py", &[&start]);
        all.extend(run.map(|run| Contestant {
            rounds: 1,
            ..contestant("Scrapy", Kind::Peer, run)
        }));
    }
    let rows = series(&all, setting.rounds(), found.len() as f64, Some(&server));
    let least = if set.name == "pg" { 1.5 } else { 1.0 };
    let goals = [
        goal(
            &rows,
            &format!("`wget2 -r`'s time over {}, of `crawl`'s", set.title),
            ["wget2 -r", OURS],
            By::Wall,
            least,
        ),
        goal(
            &rows,
            &format!("Scrapy's time over {}, of `crawl`'s", set.title),
            ["Scrapy", OURS],
            By::Wall,
            30.0,
        ),
    ];
    Table {
        title: format!("Crawl of the documentation of {}, {} pages", set.title, found.len()),
        about: "From its index, below its folder, one processor where no other is named. wget2 writes the pages into memory, Scrapy and dragnet records; robots.txt is asked for by dragnet alone.".into(),
        each: "page".into(),
        by: By::Wall,
        rows,
        goals: goals.into_iter().flatten().collect(),
        on: machine::today(),
        quick: setting.quick,
    }
}

/// The HTML pages among the records.
fn pages(records: &str) -> Vec<String> {
    let records = records
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let html =
        records.filter(|record| record["status"] == 200 && record["content_type"] == "text/html");
    html.filter_map(|record| record["url"].as_str().map(str::to_owned))
        .collect()
}
