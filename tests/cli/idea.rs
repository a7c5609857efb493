//! The idea itself: one thread waits on many servers at once.

use std::time::Duration;

use crate::support::{Dragnet, Gate, Response, Server};

/// Two targets, the slow one first; each answers when the test lets it.
fn slow_and_quick() -> (Server, Gate, Gate) {
    let (slow, quick) = (Gate::new(), Gate::new());
    let pages = [
        ("/slow", Response::text("2 s").gate(&slow)),
        ("/quick", Response::text("1 s").gate(&quick)),
    ];
    (Server::pages(pages), slow, quick)
}

#[test]
fn with_two_in_flight_both_start_before_either_ends_and_the_quicker_is_first() {
    let (server, slow, quick) = slow_and_quick();
    let mut run = Dragnet::new()
        .args(["fetch", "-c", "2"])
        .args([server.url("/slow"), server.url("/quick")])
        .spawn();
    // Both have arrived, and neither has been answered.
    server.wait_for(2, Duration::from_secs(20));
    quick.open();
    let first = run.next_line().expect("a record");
    assert!(first.contains("/quick"), "{first}");
    slow.open();
    let second = run.next_line().expect("a record");
    assert!(second.contains("/slow"), "{second}");
    run.wait().assert_code(0);
    assert_eq!(server.max_in_flight(), 2);
}

#[test]
fn with_one_in_flight_the_second_starts_when_the_first_has_ended() {
    let (server, slow, quick) = slow_and_quick();
    quick.open();
    let mut run = Dragnet::new()
        .args(["fetch", "-c", "1"])
        .args([server.url("/slow"), server.url("/quick")])
        .spawn();
    slow.wait_for_arrivals(1);
    assert_eq!(server.count("/quick"), 0, "nothing else starts meanwhile");
    slow.open();
    let records = [run.next_line(), run.next_line()].map(|line| line.expect("a record"));
    assert!(
        records[0].contains("/slow") && records[1].contains("/quick"),
        "{records:?}"
    );
    run.wait().assert_code(0);
    assert_eq!(server.max_in_flight(), 1);
    let order: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.path().to_owned())
        .collect();
    assert_eq!(order, ["/slow", "/quick"]);
}

#[test]
fn a_slow_host_does_not_hold_the_others_back() {
    let gate = Gate::new();
    let stuck = {
        let gate = gate.clone();
        Server::builder()
            .prefix("/", move |_| Response::text("late").gate(&gate))
            .start()
    };
    let other = Server::builder()
        .on([127, 0, 0, 2])
        .prefix("/", |_| Response::text("x"))
        .start();
    let mut list: String = (0..300)
        .map(|number| stuck.url(&format!("/{number}\n")))
        .collect();
    list.extend((0..50).map(|number| other.url(&format!("/{number}\n"))));
    let mut run = Dragnet::new()
        .args(["fetch", "-c", "64", "--per-host", "16"])
        .stdin_text(list)
        .spawn();
    for _ in 0..50 {
        let line = run.next_line().expect("the other host goes on");
        assert!(line.contains("127.0.0.2"), "{line}");
    }
    gate.open();
    let output = run.wait();
    output.assert_code(0);
    assert_eq!(stuck.max_in_flight(), 16, "no more than --per-host");
}

/// Ten thousand at once. The server must hold as many connections as the program, so this needs twice the
/// descriptors; where the limit is lower, so is the number, and the test says so.
#[test]
fn ten_thousand_wait_at_once() {
    let limit = descriptor_limit();
    let width = usize::min(10_000, limit.saturating_sub(500));
    if width < 10_000 {
        println!("only {width} at once: at most {limit} files may be open here (ulimit -Hn)");
    }
    let gate = Gate::new();
    let server = {
        let gate = gate.clone();
        Server::builder()
            .prefix("/", move |_| Response::text("x").gate(&gate))
            .start()
    };
    let list: String = (0..width)
        .map(|number| server.url(&format!("/{number}\n")))
        .collect();
    let width = width.to_string();
    let run = Dragnet::new()
        .args([
            "fetch",
            "-c",
            &width,
            "--per-host",
            &width,
            "--delay",
            "0s",
            "-f",
            "jsonl",
        ])
        .args(["--timeout", "120s", "--connect-timeout", "60s"])
        .args(["--header-timeout", "120s"])
        .limit(Duration::from_secs(180))
        .stdin_text(list)
        .spawn();
    server.wait_for(width.parse().expect("a number"), Duration::from_secs(90));
    gate.open();
    let output = run.wait();
    output.assert_code(0);
    let records = output.json_lines();
    assert_eq!(records.len().to_string(), width);
    assert!(records.iter().all(|record| record["outcome"] == "ok"));
    assert_eq!(server.max_in_flight().to_string(), width);
}

/// Where the limit cannot be raised the width is lowered, with one warning, and nothing is broken for it.
#[test]
fn too_few_descriptors_lower_the_width_and_break_nothing() {
    let server = Server::builder()
        .prefix("/", |_| Response::text("x"))
        .start();
    let list: String = (0..400)
        .map(|number| server.url(&format!("/{number}\n")))
        .collect();
    let output = Dragnet::with_descriptors(100)
        .args(["fetch", "-c", "300", "--per-host", "300", "-f", "jsonl"])
        .stdin_text(list)
        .run();
    output.assert_code(0);
    assert_eq!(output.json_lines().len(), 400);
    assert_eq!(
        output.stderr.matches("warning").count(),
        1,
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains("100 files"), "{}", output.stderr);
    assert!(server.max_in_flight() <= 100);
}

fn descriptor_limit() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap_or_default();
    line.split_whitespace()
        .nth(4)
        .and_then(|hard| hard.parse().ok())
        .unwrap_or(1024)
}
