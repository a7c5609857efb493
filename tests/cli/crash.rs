//! Ends that nobody chose: a kill at every write, a second one while the first is repaired, a disk that is full or
//! fails. Whatever the moment, the same command goes on afterwards, with every page once.
//!
//! The sweeps stop the program at the n-th system call through strace; where that is missing or not allowed, they
//! say so and are skipped. The kills at random moments are in `state.rs`.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Dragnet, Output, Response, Server};

/// Pages of the site.
const PAGES: u32 = 200;

/// A site whose page n links to 2n and 2n + 1.
fn site() -> Server {
    Server::builder()
        .prefix("/", |request| {
            let number: u32 = request.path().trim_start_matches('/').parse().unwrap_or(1);
            let links: String = [2 * number, 2 * number + 1]
                .iter()
                .filter(|link| **link <= PAGES)
                .map(|link| format!("<a href=/{link}>{link}</a>\n"))
                .collect();
            Response::html(format!("<title>Page {number}</title>{links}"))
        })
        .page("/robots.txt", Response::new(404))
        .start()
}

fn crawl(run: Dragnet, folder: &Path, seed: &str) -> Dragnet {
    let flags = ["crawl", "--state", "state.db", "-o", "out.jsonl", "-q"];
    run.args(flags)
        .args(["--per-host", "8"])
        .arg(seed)
        .in_dir(folder)
}

/// The numbers of the pages in the output, in its order.
fn numbers(folder: &Path) -> Vec<u32> {
    let text = std::fs::read_to_string(folder.join("out.jsonl")).expect("the output");
    text.lines()
        .map(|line| {
            let record: serde_json::Value = serde_json::from_str(line).expect("whole lines only");
            let url = record["url"].as_str().expect("a url");
            let number = url.rsplit('/').next().expect("a path");
            number.parse().expect("a number")
        })
        .collect()
}

/// Goes on to the end, and finds each page once.
fn assert_completes(folder: &Path, seed: &str, told: &str) {
    let output = crawl(Dragnet::new(), folder, seed).run();
    assert_eq!(output.code, Some(0), "{told}: {}", output.stderr);
    let mut found = numbers(folder);
    found.sort_unstable();
    let expected: Vec<u32> = (1..=PAGES).collect();
    assert_eq!(found, expected, "{told}");
}

/// May a process be traced here?
pub(super) fn can_trace() -> bool {
    let tried = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "true"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let can = tried.is_ok_and(|status| status.success());
    if !can {
        assert!(
            std::env::var_os("CI").is_none(),
            "CI traces: install strace, and allow ptrace"
        );
        eprintln!("skipped: strace is missing or not allowed (apt-get install strace)");
    }
    can
}

/// The program with a fault at its n-th call, counted for each thread.
fn faulty(fault: &str) -> Dragnet {
    Dragnet::under(
        "strace",
        &[
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            &format!("inject={fault}"),
        ],
    )
}

/// The crawl with a fault.
fn with_fault(folder: &Path, seed: &str, fault: &str) -> Output {
    crawl(faulty(fault), folder, seed).run()
}

/// What changes a file.
const WRITES: &str = "write,pwrite64,ftruncate,fsync,fdatasync,unlink";

#[test]
fn a_kill_at_every_write_and_another_during_the_repair_lose_nothing() {
    if !can_trace() {
        return;
    }
    let server = site();
    let seed = server.url("/1");
    let mut kills = 0;
    for call in 1.. {
        let folder = tempfile::tempdir().expect("a folder");
        let kill = |call: u32| format!("{WRITES}:signal=KILL:when={call}");
        let output = with_fault(folder.path(), &seed, &kill(call));
        if output.code == Some(0) {
            break;
        }
        kills += 1;
        // Every third is killed again while it repairs what the first kill left.
        if call % 3 == 0 {
            with_fault(folder.path(), &seed, &kill(1 + call % 17));
        }
        assert_completes(folder.path(), &seed, &format!("killed at call {call}"));
    }
    println!("{kills} kills, one at each call");
    assert!(kills > 20, "{kills} kills");
}

/// The list of all pages, in a folder.
fn fetch(run: Dragnet, folder: &Path) -> Output {
    let flags = ["fetch", "--input", "list.txt", "--state", "state.db"];
    let run = run.args(flags).args(["--ordered", "-o", "out.jsonl", "-q"]);
    run.in_dir(folder).run()
}

#[test]
fn a_kill_at_the_writes_of_a_list_loses_no_line_and_writes_none_twice() {
    if !can_trace() {
        return;
    }
    let server = site();
    let list: String = (1..=PAGES)
        .map(|number| server.url(&format!("/{number}\n")))
        .collect();
    let mut kills = 0;
    // Every other one: the file is written by the same means as that of a crawl.
    for call in (1..).step_by(2) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("list.txt"), &list).expect("a list");
        let fault = format!("{WRITES}:signal=KILL:when={call}");
        if fetch(faulty(&fault), folder.path()).code == Some(0) {
            break;
        }
        kills += 1;
        let output = fetch(Dragnet::new(), folder.path());
        assert_eq!(output.code, Some(0), "call {call}: {}", output.stderr);
        let found = numbers(folder.path());
        assert!(
            found.iter().copied().eq(1..=PAGES),
            "call {call}: {found:?}"
        );
    }
    println!("{kills} kills, at every other call");
    assert!(kills > 10, "{kills} kills");
}

#[test]
fn a_disk_that_fails_ends_the_run_with_its_name_and_the_state_stays_good() {
    if !can_trace() {
        return;
    }
    let server = site();
    let seed = server.url("/1");
    let mut failed = 0;
    for (calls, error) in [
        ("fsync,fdatasync", "EIO"),
        ("pwrite64", "ENOSPC"),
        ("pwrite64", "EIO"),
    ] {
        for call in [1, 2, 3, 5, 8, 13] {
            let folder = tempfile::tempdir().expect("a folder");
            let fault = format!("{calls}:error={error}:when={call}");
            let output = with_fault(folder.path(), &seed, &fault);
            let told = format!("{fault}: {}", output.stderr);
            // A run may come to its end with fewer calls.
            if output.code != Some(0) {
                failed += 1;
                assert_eq!(output.code, Some(2), "{told}");
                let named = ["state.db", "out.jsonl"];
                assert!(
                    named.iter().any(|name| output.stderr.contains(name)),
                    "{told}"
                );
            }
            assert_completes(folder.path(), &seed, &told);
        }
    }
    println!("{failed} runs met the fault");
    assert!(failed > 6, "{failed} runs met the fault");
}

#[test]
fn a_full_disk_names_the_file_and_the_same_command_goes_on_when_there_is_room() {
    let server = site();
    let seed = server.url("/1");
    let mut full = 0;
    // In units of 512 bytes: from no room for the first page of the state to enough for nearly everything.
    for blocks in [0, 1, 8, 16, 24, 48, 64, 96, 160, 320] {
        let folder = tempfile::tempdir().expect("a folder");
        let run = Dragnet::with_file_size(blocks);
        let output = crawl(run, folder.path(), &seed).run();
        let told = format!("{blocks} blocks: {}", output.stderr);
        if output.code != Some(0) {
            full += 1;
            assert_eq!(output.code, Some(2), "{told}");
            let named = ["state.db", "out.jsonl"];
            assert!(
                named.iter().any(|name| output.stderr.contains(name)),
                "{told}"
            );
        }
        assert_completes(folder.path(), &seed, &told);
    }
    println!("{full} of 10 disks were too small");
    assert!(full >= 6, "{full} of 10 were too small");
}
