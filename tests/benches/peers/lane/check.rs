//! The links of a folder, from disk, nothing asked for over a network.

use super::{OURS, Setting, Table, contestant, everywhere, goal};
use crate::machine;
use crate::pages::Set;
use crate::series::{By, Contestant, Kind, series};
use crate::usage::Run;

pub(super) fn run(setting: &Setting, name: &str) -> Table {
    let set = Set::of(name);
    let folder = set.alone(setting.work());
    let path = folder.to_string_lossy().into_owned();
    let one = |name: &str, kind, run: Run| contestant(name, kind, run);
    let plain = || setting.ours("check -q --offline --fragments none", &[&path]);
    let anchors = || setting.ours("check -q --offline", &[&path]);
    let hyperlink = || setting.peer("hyperlink", "", &[&path]);
    let lychee = || setting.peer("lychee", "--no-progress --offline", &[&path]);
    let rarely = |run: Contestant| Contestant { rounds: 3, ..run };
    let mut all = vec![one(OURS, Kind::Ours, plain())];
    all.extend(hyperlink().map(|run| one("hyperlink", Kind::Peer, run)));
    all.extend(
        setting
            .peer("lychee", "--no-progress --offline --threads 1", &[&path])
            .map(|run| rarely(one("lychee", Kind::Peer, run))),
    );
    all.push(one("dragnet, anchors too", Kind::Ours, anchors()));
    all.extend(
        setting
            .peer("hyperlink", "--check-anchors", &[&path])
            .map(|run| one("hyperlink, anchors too", Kind::Peer, run)),
    );
    if machine::processors().len() > 1 {
        all.push(everywhere(one(
            "dragnet, all processors",
            Kind::Ours,
            plain(),
        )));
        all.extend(
            hyperlink().map(|run| everywhere(one("hyperlink, all processors", Kind::Peer, run))),
        );
        all.extend(
            lychee().map(|run| everywhere(rarely(one("lychee, all processors", Kind::Peer, run)))),
        );
    }
    let pages = count(&folder);
    let rows = series(&all, setting.rounds(), pages as f64, None);
    let text = |peer: &str, way: &str| {
        format!(
            "{peer}'s time over {}{way}, of `check --offline`'s",
            set.title
        )
    };
    let goals = [
        goal(&rows, &text("lychee", ""), ["lychee", OURS], By::Wall, 5.0),
        goal(
            &rows,
            &text("hyperlink", ""),
            ["hyperlink", OURS],
            By::Wall,
            1.0,
        ),
        goal(
            &rows,
            &text("hyperlink", ", all processors"),
            ["hyperlink, all processors", "dragnet, all processors"],
            By::Wall,
            1.0,
        ),
    ];
    Table {
        title: format!("Check of the documentation of {} on disk, {pages} pages", set.title),
        about: "Where no anchors are named, the three look up the same: whether the files are there. dragnet also keeps the line and column of every link.".into(),
        each: "page".into(),
        by: By::Wall,
        rows,
        goals: goals.into_iter().flatten().collect(),
        on: machine::today(),
        quick: setting.quick,
    }
}

/// HTML files below a folder.
fn count(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let paths = entries.flatten().map(|entry| entry.path());
    paths
        .map(|path| {
            if path.is_dir() {
                count(&path)
            } else {
                usize::from(path.extension().is_some_and(|end| end == "html"))
            }
        })
        .sum()
}
