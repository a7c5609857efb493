//! Servers that misbehave: each fault has its kind, none stops the run or the others.

use std::time::Duration;

use crate::support::{
    Dragnet, RawServer, Response, Script, Server, Step, closed_port, faults, full_backlog,
};

#[test]
fn every_fault_has_its_kind() {
    let cases: Vec<(&str, Script, &str)> = vec![
        ("no-answer", faults::no_answer(), "timeout"),
        (
            "status-without-reason",
            faults::status_without_reason(),
            "ok",
        ),
        ("garbage-status", faults::garbage_status_line(), "protocol"),
        ("no-status", faults::no_status_line(), "protocol"),
        ("unknown-version", faults::unknown_version(), "protocol"),
        (
            "field-without-colon",
            faults::field_without_colon(),
            "protocol",
        ),
        ("nul-in-field", faults::nul_in_field(), "protocol"),
        ("endless-headers", faults::endless_headers(), "too-large"),
        ("huge-header", faults::huge_header(), "too-large"),
        (
            "slow-headers",
            faults::slow_headers(Duration::from_millis(100)),
            "timeout",
        ),
        ("truncated", faults::truncated_length(), "truncated"),
        ("surplus", faults::surplus_body(), "ok"),
        ("two-lengths", faults::two_content_lengths(), "protocol"),
        ("bad-chunk", faults::bad_chunk_size(), "protocol"),
        (
            "missing-last-chunk",
            faults::missing_last_chunk(),
            "truncated",
        ),
        ("endless-body", faults::endless_body(), "too-large"),
        ("endless-chunks", faults::endless_chunks(), "too-large"),
        ("half-then-silence", faults::half_then_silence(), "timeout"),
        ("reset-mid-body", faults::reset_mid_body(), "reset"),
        ("close-at-once", vec![Step::Close], "reset"),
    ];
    let mut server = RawServer::builder();
    let mut names = Vec::new();
    for (name, script, kind) in cases {
        server = server.path(&format!("/{name}"), script);
        names.push((name, kind));
    }
    let server = server.start();
    let list: String = names
        .iter()
        .map(|(name, _)| server.url(&format!("/{name}\n")))
        .collect();
    let output = Dragnet::new()
        .args([
            "fetch",
            "-f",
            "jsonl",
            "--retries",
            "0",
            "--timeout",
            "3s",
            "--max-size",
            "64KiB",
            "--per-host",
            "32",
        ])
        .stdin_text(list)
        .run();
    output.assert_code(1);
    let mut records = output.json_lines();
    records.sort_by_key(|record| record["line"].as_u64());
    let told: Vec<_> = records
        .iter()
        .zip(&names)
        .map(|(record, (name, _))| (*name, record["error"]["kind"].as_str().unwrap_or("ok")))
        .collect();
    assert_eq!(told, names);
}

#[test]
fn no_connection_has_its_kinds_too() {
    let closed = closed_port();
    let full = full_backlog();
    let reset = RawServer::builder()
        .before_request([faults::reset_on_accept()])
        .start();
    let output = Dragnet::new()
        .args([
            "fetch",
            "-f",
            "jsonl",
            "--retries",
            "0",
            "--connect-timeout",
            "1s",
        ])
        .args([
            closed.url("/"),
            format!("http://{}/", full.address()),
            reset.url("/"),
        ])
        .arg("http://no-such-host.invalid/")
        .run();
    output.assert_code(1);
    let mut records = output.json_lines();
    records.sort_by_key(|record| record["line"].as_u64());
    let kinds: Vec<_> = records
        .iter()
        .map(|record| record["error"]["kind"].as_str().unwrap_or("ok"))
        .collect();
    assert_eq!(kinds, ["connect", "timeout", "reset", "dns"]);
}

#[test]
fn a_cut_is_tried_again_and_a_kept_connection_that_was_closed_is_no_failure() {
    let server = RawServer::builder()
        .in_turn(
            "/cut",
            [
                faults::reset_mid_body(),
                faults::answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole"),
            ],
        )
        .in_turn("/kept", faults::close_on_reuse())
        .start();
    let output = Dragnet::new()
        .args(["fetch", "-f", "jsonl", "-c", "1", "--retries", "1"])
        .args([server.url("/cut"), server.url("/kept"), server.url("/kept")])
        .run();
    output.assert_code(0);
    let records = output.json_lines();
    assert!(
        records.iter().all(|record| record["outcome"] == "ok"),
        "{}",
        output.stdout
    );
    assert_eq!(
        records
            .iter()
            .find(|record| record["line"] == 1)
            .expect("a record")["attempts"],
        2
    );
}

#[test]
fn a_redirect_keeps_the_method_and_the_fragment() {
    let mut server = Server::builder().page("/end", Response::html("<p id=here>"));
    for status in [301, 302, 303, 307, 308] {
        server = server.page(&format!("/{status}"), Response::redirect(status, "/end"));
    }
    let server = server.start();
    let links: String = [303, 307, 308]
        .map(|status| format!("[x]({})\n", server.url(&format!("/{status}"))))
        .concat();
    let run = |text: String| {
        let run = Dragnet::new().args(["check", "-f", "jsonl", "-"]);
        run.stdin_text(text).run()
    };
    run(links).assert_code(0);
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.method == "HEAD")
    );
    run(server.url("/302#here")).assert_code(0);
    let output = run(server.url("/302#there"));
    output.assert_code(1);
    assert_eq!(output.json_lines()[0]["error"]["kind"], "fragment");
}
