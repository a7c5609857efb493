//! `fetch`: one record a line, whatever happens to it.

use std::time::Duration;

use serde_json::Value;

use crate::support::{Dragnet, Response, Server, closed_port};

fn by_line(records: Vec<Value>) -> Vec<Value> {
    let mut records = records;
    records.sort_by_key(|record| record["line"].as_u64());
    records
}

#[test]
fn every_line_has_exactly_one_record_failures_included() {
    let server = Server::pages([
        ("/a", Response::html("<title>A</title>")),
        ("/gone", Response::new(410)),
        ("/away", Response::redirect(301, "/a")),
    ]);
    let closed = closed_port();
    let list = format!(
        "# a comment\n{}\n\n{}\r\nhttp://\nftp://host.test/x\n{}\n{}\n{}\n",
        server.url("/a"),
        server.url("/gone"),
        server.url("/away"),
        closed.url("/"),
        server.url("/a"),
    );
    let output = Dragnet::new()
        .args(["fetch", "-f", "jsonl"])
        .stdin_text(list)
        .run();
    output.assert_code(1);
    let records = by_line(output.json_lines());
    let told: Vec<_> = records
        .iter()
        .map(|record| {
            let kind = record["error"]["kind"].as_str().unwrap_or("-");
            (
                record["line"].as_u64().expect("a line"),
                record["outcome"].as_str().expect("an outcome"),
                kind,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (2, "ok", "-"),
            (4, "broken", "status"),
            (5, "broken", "url"),
            (6, "broken", "url"),
            (7, "ok", "-"),
            (8, "broken", "connect"),
            (9, "ok", "-"),
        ]
    );
    assert_eq!(
        server.count("/a"),
        3,
        "twice for its lines, once for the redirect"
    );
    assert_eq!(records[2]["input"], "http://");
    assert_eq!(
        records[3]["error"]["message"],
        "the scheme ftp is not fetched; http and https are"
    );
}

#[test]
fn a_record_says_how_it_was_got() {
    let server = Server::pages([
        ("/start", Response::redirect(302, "/middle")),
        ("/middle", Response::redirect(307, "end?x=1#part")),
        (
            "/end",
            Response::content("text/HTML; charset=utf-8", "<p>twelve b</p>"),
        ),
    ]);
    let output = Dragnet::new()
        .args(["fetch", "-f", "jsonl", &server.url("/start")])
        .run();
    output.assert_code(0);
    let record = &output.json_lines()[0];
    assert_eq!(record["url"], server.url("/start"));
    assert_eq!(record["final_url"], server.url("/end?x=1"));
    assert_eq!(record["status"], 200);
    assert_eq!(record["size"], 15);
    assert_eq!(record["content_type"], "text/html");
    assert_eq!(record["http_version"], "HTTP/1.1");
    assert_eq!(record["attempts"], 3);
    assert_eq!(record["remote_addr"], server.address().to_string());
    let hops = serde_json::json!([
        {"url": server.url("/start"), "status": 302},
        {"url": server.url("/middle"), "status": 307, "fragment": "part"},
    ]);
    assert_eq!(record["redirects"], hops);
    let timing = &record["timing"];
    assert!(
        timing["total"].as_f64() >= timing["ttfb"].as_f64(),
        "{timing}"
    );
    assert_eq!(timing["reused"], true, "the connection of the hop before");
    assert!(
        timing.get("connect").is_none(),
        "a kept connection has no handshake: {timing}"
    );
}

#[test]
fn the_first_record_is_written_before_the_list_has_ended() {
    let server = Server::pages([("/a", Response::text("x")), ("/b", Response::text("y"))]);
    let mut run = Dragnet::new()
        .args(["fetch", "-f", "jsonl"])
        .stdin_pipe()
        .spawn();
    run.write_line(&server.url("/a"));
    let first = run.next_line().expect("a record while stdin is open");
    assert!(first.contains("/a"), "{first}");
    assert!(run.is_running());
    run.write_line(&server.url("/b"));
    assert!(run.next_line().expect("the next").contains("/b"));
    run.close_stdin();
    run.wait().assert_code(0);
}

#[test]
fn arguments_a_file_and_a_list_with_nul_are_lists_too() {
    let server = Server::builder()
        .prefix("/", |_| Response::text("x"))
        .start();
    let (a, b) = (server.url("/a"), server.url("/b"));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("list.txt");
    std::fs::write(&path, format!("{a}\n{b}")).expect("a list");
    let path = path.display().to_string();
    for arguments in [vec!["fetch", &a, &b], vec!["fetch", "--input", &path]] {
        let output = Dragnet::new().args(arguments).run();
        output.assert_code(0);
        assert_eq!(output.lines().len(), 2);
    }
    let output = Dragnet::new()
        .args(["fetch", "-0", "-"])
        .stdin_text(format!("{a}\0{b}\0"))
        .run();
    output.assert_code(0);
    assert_eq!(output.lines().len(), 2);
}

#[test]
fn what_may_pass_is_tried_again_and_what_may_not_is_not() {
    let server = Server::builder()
        .route("/flaky", {
            let asked = std::sync::atomic::AtomicU32::new(0);
            move |_| match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
                0 => Response::new(503),
                _ => Response::text("up again"),
            }
        })
        .page("/down", Response::new(500))
        .page("/gone", Response::new(404))
        .start();
    let output = Dragnet::new()
        .args(["fetch", "-f", "jsonl", "--retries", "1"])
        .args([
            server.url("/flaky"),
            server.url("/down"),
            server.url("/gone"),
        ])
        .run();
    output.assert_code(1);
    let records = by_line(output.json_lines());
    assert_eq!(
        (
            records[0]["outcome"].as_str(),
            records[0]["attempts"].as_u64()
        ),
        (Some("ok"), Some(2))
    );
    assert_eq!(
        (
            records[1]["status"].as_u64(),
            records[1]["attempts"].as_u64()
        ),
        (Some(500), Some(2))
    );
    assert_eq!(
        (
            records[2]["status"].as_u64(),
            records[2]["attempts"].as_u64()
        ),
        (Some(404), Some(1))
    );
}

#[test]
fn a_retry_after_rests_the_whole_origin_and_too_long_a_one_is_unknown() {
    let server = Server::builder()
        .page(
            "/patience",
            Response::new(429).field("Retry-After", "86400"),
        )
        .page("/other", Response::text("x"))
        .start();
    let output = Dragnet::new()
        .args([
            "fetch",
            "-f",
            "jsonl",
            "--max-wait",
            "2s",
            &server.url("/patience"),
        ])
        .run();
    output.assert_code(0);
    let record = &output.json_lines()[0];
    assert_eq!(record["outcome"], "unknown");
    assert_eq!(record["error"]["kind"], "rate-limited");

    let turn = std::sync::atomic::AtomicU32::new(0);
    let server = Server::builder()
        .route("/limited", move |_| {
            match turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
                0 => Response::new(429).field("Retry-After", "1"),
                _ => Response::text("now"),
            }
        })
        .page("/other", Response::text("x"))
        .start();
    let output = Dragnet::new()
        .args([
            "fetch",
            "--per-host",
            "1",
            &server.url("/limited"),
            &server.url("/other"),
        ])
        .run();
    output.assert_code(0);
    let requests = server.requests();
    let rested = requests[1].at - requests[0].at;
    assert!(
        rested >= Duration::from_millis(990),
        "the other URL of the host came after {rested:?}"
    );
}

#[test]
fn limits_hold_and_name_themselves() {
    let server = Server::builder()
        .page("/large", Response::text("x".repeat(70_000)))
        .route("/around", |request| {
            let number: u32 = request
                .query()
                .and_then(|query| query.parse().ok())
                .unwrap_or(0);
            Response::redirect(302, &format!("/around?{}", number + 1))
        })
        .page("/circle", Response::redirect(302, "/circle"))
        .page("/nowhere", Response::redirect(302, "file:///etc/passwd"))
        .start();
    for (path, flags, kind) in [
        ("/large", ["--max-size", "64KiB"], "too-large"),
        ("/around", ["--max-redirects", "3"], "too-many-redirects"),
        ("/circle", ["--max-redirects", "3"], "too-many-redirects"),
        ("/nowhere", ["--max-redirects", "3"], "redirect"),
    ] {
        let output = Dragnet::new()
            .args(["fetch", "-f", "jsonl"])
            .args(flags)
            .arg(server.url(path))
            .run();
        output.assert_code(1);
        assert_eq!(output.json_lines()[0]["error"]["kind"], kind, "{path}");
    }
    assert_eq!(server.count("/around"), 4, "three hops after the first");
    assert_eq!(server.count("/circle"), 1);
}

#[test]
fn the_gap_between_two_requests_to_an_origin_is_kept_at_the_sender_across_redirects_and_retries() {
    let turn = std::sync::atomic::AtomicU32::new(0);
    let server = Server::builder()
        .route("/flaky", move |_| {
            match turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
                0 => Response::new(503),
                _ => Response::text("x"),
            }
        })
        .page("/away", Response::redirect(302, "/end"))
        .page("/end", Response::text("x"))
        .start();
    let output = Dragnet::new()
        .args([
            "fetch",
            "-f",
            "jsonl",
            "--delay",
            "150ms",
            "-c",
            "8",
            "--per-host",
            "8",
        ])
        .args([
            server.url("/flaky"),
            server.url("/away"),
            server.url("/end"),
        ])
        .run();
    output.assert_code(0);
    let mut arrivals: Vec<_> = server.requests().iter().map(|request| request.at).collect();
    arrivals.sort();
    assert_eq!(arrivals.len(), 5);
    for pair in arrivals.windows(2) {
        let gap = pair[1] - pair[0];
        // What the network between two processes of one machine may take off.
        assert!(gap >= Duration::from_millis(130), "only {gap:?}");
    }
}

#[test]
fn what_makes_the_exit_1_can_be_said() {
    let server = Server::pages([("/ok", Response::text("x")), ("/gone", Response::new(410))]);
    let fetch = |list: &str, url: &str| {
        Dragnet::new()
            .args(["fetch", "--retries", "0", "--fail-on", list, url])
            .run()
    };
    let (good, gone) = (server.url("/ok"), server.url("/gone"));
    for (list, url, code) in [
        ("5xx,error", &*gone, 0),
        ("4xx", &*gone, 1),
        ("never", &*gone, 0),
        ("200", &*good, 1),
        ("error", "http://127.0.0.1:1/", 1),
        ("nonsense", &*good, 2),
    ] {
        fetch(list, url).assert_code(code);
    }
}
