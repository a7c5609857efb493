//! What a crawl with `--state` costs as it grows: time and memory from 10^3 to 10^6 pages of an endless site, and how soon
//! a state of that size that was killed asks for its next page. `cargo bench --bench million -- 10000 100000` takes other
//! sizes; with `memory` before them, the same without a state, and without a kill; with `check`, what `check --recursive` of
//! sites of so many pages costs, of which every one links to fifty.
//!
//! The site has ten links a page, so for most of the run nine in ten of the URLs that are seen wait. The server is a few
//! threads of as little code as will do; it runs in this process, whose memory and time are not counted. Linux alone
//! says what is measured here.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark talks"
)]

mod linked;
mod site;

use std::process::Command;

use site::Run;

fn main() {
    if std::env::args().any(|argument| argument == "check") {
        return checks();
    }
    let durable = !std::env::args().any(|argument| argument == "memory");
    let sizes: Vec<u64> = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .collect();
    let sizes = if sizes.is_empty() {
        vec![1_000, 10_000, 100_000, 1_000_000]
    } else {
        sizes
    };
    println!(
        "| pages | URLs seen | wall, s | pages a second | of the rate at 10^4 | CPU, µs a page | server's | peak memory, MiB | bytes a URL seen more | killed at 9/10: first request again, s | state, bytes a URL seen |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let mut usual: Option<f64> = None;
    let mut last: Option<Run> = None;
    for size in sizes {
        let run = site::run(size, durable, || {
            Command::new(env!("CARGO_BIN_EXE_dragnet"))
        });
        if size == 10_000 {
            usual = Some(run.rate());
        }
        let ratio = usual.map_or("–".to_owned(), |usual| {
            format!("{:.0} %", run.rate() / usual * 100.0)
        });
        let more = last.as_ref().map_or("–".to_owned(), |last| {
            let bytes = run.peak as f64 - last.peak as f64;
            format!("{:.0}", bytes / (run.seen as f64 - last.seen as f64))
        });
        println!(
            "| {size} | {} | {:.2} | {:.0} | {ratio} | {:.1} | {:.1} | {:.1} | {more} | {} | {:.0} |",
            run.seen,
            run.wall.as_secs_f64(),
            run.rate(),
            run.ours.as_secs_f64() * 1e6 / run.pages as f64,
            run.servers.as_secs_f64() * 1e6 / run.pages as f64,
            run.peak as f64 / f64::from(1 << 20),
            run.resumed.map_or("–".to_owned(), |resumed| format!(
                "{:.2}",
                resumed.as_secs_f64()
            )),
            run.state as f64 / run.seen as f64,
        );
        last = Some(run);
    }
}

/// What `check --recursive` costs.
fn checks() {
    let sizes = std::env::args().filter_map(|argument| argument.parse().ok());
    let sizes: Vec<u64> = sizes.collect();
    let sizes = if sizes.is_empty() {
        vec![1_000, 5_000, 20_000]
    } else {
        sizes
    };
    println!(
        "| pages | links | format | wall, s | CPU, µs a link | peak memory, MiB | bytes a link |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for pages in sizes {
        for format in ["text", "jsonl"] {
            let program = Command::new(env!("CARGO_BIN_EXE_dragnet"));
            let check = linked::check(pages, program, format);
            let links = (pages * linked::LINKS) as f64;
            println!(
                "| {pages} | {} | {format} | {:.2} | {:.2} | {:.1} | {:.0} |",
                pages * linked::LINKS,
                check.wall.as_secs_f64(),
                check.ours.as_secs_f64() * 1e6 / links,
                check.peak as f64 / f64::from(1 << 20),
                check.peak as f64 / links,
            );
        }
    }
}
