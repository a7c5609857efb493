//! Ahead of every peer, or not: what the program costs, beside bare loops and beside the tools that people use today.
//!
//!     cargo bench --bench peers                          everything, about half an hour
//!     cargo bench --bench peers -- --quick               the same, smaller, in a few minutes
//!     cargo bench --bench peers -- crawl check-pg        the lanes whose names begin so
//!     cargo bench --bench peers -- --publish             also writes tests/benches/results, which the README shows
//!
//! It brings its server and its floors: raw TCP, hyper-util and a bare reqwest loop of the same build. The peers are what
//! is found on this machine; of the others it says how they are had. Clients run on the first processor and the
//! server on the second where there are two, contestants in turn, round by round, so that a machine's mood strikes all
//! alike; a ratio is that of two runs of the same round. Every figure is that of a whole process, start included.
//!
//! | file | holds |
//! | --- | --- |
//! | `lane` | what is measured: one file each |
//! | `series` | contestants in turn, and what came of it |
//! | `usage` | one run of a program: time, processor time, peak memory |
//! | `server` | the server |
//! | `floor` | the bare loops |
//! | `peer` | the other tools: where they are, which version, how to install them |
//! | `pages` | three documentation sets from Debian's packages |
//! | `machine` | where all this was measured |
//! | `report`, `bars`, `curves` | a table, and two pictures |
//!
//! Deliberately absent: a verdict by exit code. Whether a goal was reached stands in the report.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark talks, and stops where it cannot go on"
)]

mod bars;
mod curves;
mod floor;
mod lane;
mod machine;
#[path = "../million/site.rs"]
#[expect(dead_code, reason = "the benchmark of that name tells more of it")]
mod million;
mod pages;
mod peer;
mod report;
mod series;
mod server;
mod usage;

use std::time::Instant;

use lane::{LANES, Setting};

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    // The same program is the server, a floor, and the small parent that measures one run.
    match arguments.first().map(String::as_str) {
        Some("serve") => return server::serve(&arguments[1..]),
        Some("floor") => return floor::run(&arguments[1..]),
        Some("measure") => return usage::measure(&arguments[1..]),
        _ => {}
    }
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let names: Vec<&String> = arguments
        .iter()
        .filter(|name| !name.starts_with('-'))
        .collect();
    let chosen = |lane: &str| names.is_empty() || names.iter().any(|name| lane.starts_with(*name));
    if has("--list") {
        for (name, _) in LANES {
            println!("{name}");
        }
        return;
    }
    for name in &names {
        let known = LANES.iter().any(|(lane, _)| lane.starts_with(*name));
        assert!(
            known,
            "no lane begins with {name}; --list names them, and --report writes what is there"
        );
    }
    for missing in peer::missing() {
        println!("skipped: {missing}");
    }
    let setting = Setting::new(has("--quick"));
    println!("{}", machine::line());
    for (name, run) in LANES {
        if chosen(name) && !has("--report") {
            let begun = Instant::now();
            println!("\n== {name}");
            let table = run(&setting);
            println!("{}", report::table(&table));
            println!("({:.0} s)", begun.elapsed().as_secs_f64());
            report::keep(name, &table);
        }
    }
    report::write(has("--publish"));
}
