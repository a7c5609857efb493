//! Signals: the first asks, the second takes.

use crate::support::{Dragnet, Gate, Response, Server};

fn held(count: usize) -> (Server, Gate, String) {
    let gate = Gate::new();
    let server = {
        let gate = gate.clone();
        Server::builder()
            .prefix("/", move |_| Response::text("x").gate(&gate))
            .start()
    };
    let list = (0..count)
        .map(|number| server.url(&format!("/{number}\n")))
        .collect();
    (server, gate, list)
}

#[test]
fn the_first_signal_takes_no_new_work_drains_and_records_the_rest() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let (server, gate, list) = held(10);
        let mut run = Dragnet::new()
            .args(["fetch", "-c", "3", "-f", "jsonl"])
            .stdin_text(list)
            .spawn();
        gate.wait_for_arrivals(3);
        run.signal(signal);
        run.wait_for_stderr("ending");
        gate.open();
        let output = run.wait();
        output.assert_code(code);
        let records = output.json_lines();
        assert_eq!(
            records.len(),
            10,
            "every seed that was read has its record: {}",
            output.stdout
        );
        let ok = records
            .iter()
            .filter(|record| record["outcome"] == "ok")
            .count();
        let interrupted = records
            .iter()
            .filter(|record| record["error"]["kind"] == "interrupted")
            .count();
        assert_eq!((ok, interrupted), (3, 7));
        assert_eq!(server.requests().len(), 3, "no new work");
        assert!(
            output.stderr.contains("interrupted: 10 URLs"),
            "{}",
            output.stderr
        );
    }
}

#[test]
fn the_second_signal_ends_at_once() {
    let (_server, gate, list) = held(10);
    let mut run = Dragnet::new()
        .args(["fetch", "-c", "3", "-f", "jsonl"])
        .stdin_text(list)
        .spawn();
    gate.wait_for_arrivals(3);
    run.signal("INT");
    run.wait_for_stderr("ending");
    run.signal("INT");
    // The gate stays shut: without the second signal the drain would go on for its 5 s.
    run.wait().assert_code(130);
}

#[test]
fn a_signal_ends_a_run_that_waits_for_its_list() {
    let server = Server::pages([("/", Response::text("x"))]);
    let mut run = Dragnet::new().arg("fetch").stdin_pipe().spawn();
    run.write_line(&server.url("/"));
    assert!(run.next_line().expect("a record").starts_with("ok"));
    run.signal("INT");
    // stdin is still open; a read of it must not be waited for.
    run.wait_for_stderr("interrupted");
    run.wait().assert_code(130);
}
