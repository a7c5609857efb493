//! Lists with `--state`: after any end the same command goes on, and every line is in each output once.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use crate::support::{Dragnet, Gate, Output, Request, Response, Server};

/// Lines of the list that are seeds.
const SEEDS: u64 = 600;

fn server() -> Server {
    Server::builder()
        .prefix("/", |request| {
            let number: u64 = request.path()[1..].parse().unwrap_or(0);
            let status = if number.is_multiple_of(37) { 404 } else { 200 };
            Response::new(status)
                .body(format!("page {number}"))
                .delay(Duration::from_millis(1 + number % 5))
        })
        .start()
}

/// Every kind of line; the n-th seed is on line n + 1, and each page is named three times.
fn list(server: &Server) -> String {
    let line = |number: u64| match number % 50 {
        7 => "no://url\n".to_owned(),
        8 => {
            let url = server.url("/8");
            format!("{{\"url\":\"{url}\",\"id\":\"id-{number}\"}}\n")
        }
        _ => server.url(&format!("/{}\n", number % (SEEDS / 3))),
    };
    let lines: String = (1..=SEEDS).map(line).collect();
    format!("# a list\n{lines}")
}

fn fetch(folder: &Path, flags: &[&str], list: &str) -> Dragnet {
    Dragnet::new()
        .args(["fetch", "--state", "state.db", "--per-host", "8"])
        .args(["-o", "out.jsonl", "-o", "out.csv", "-o", "out.sqlite"])
        .args(flags)
        .stdin_text(list)
        .in_dir(folder)
}

/// The lines of the records in each output.
fn outputs(folder: &Path) -> [Vec<u64>; 3] {
    let text = std::fs::read_to_string(folder.join("out.jsonl")).expect("the output");
    let jsonl = text.lines().map(|line| {
        let record: serde_json::Value = serde_json::from_str(line).expect("whole lines only");
        record["line"].as_u64().expect("a line")
    });
    let mut table = csv::Reader::from_path(folder.join("out.csv")).expect("a table");
    let names = table.headers().expect("names").clone();
    let at = names.iter().position(|name| name == "line");
    let at = at.expect("a column");
    let csv = table
        .records()
        .map(|row| row.expect("a whole row")[at].parse().expect("a number"));
    let database = Connection::open(folder.join("out.sqlite")).expect("a database");
    let mut rows = database
        .prepare("SELECT line FROM visits ORDER BY rowid")
        .expect("a table");
    let sqlite = rows
        .query_map([], |row| row.get::<_, u32>(0))
        .expect("rows")
        .map(|line| u64::from(line.expect("a number")));
    [jsonl.collect(), csv.collect(), sqlite.collect()]
}

/// Each line once, in each output.
fn assert_complete(folder: &Path, ordered: bool) {
    for mut lines in outputs(folder) {
        if ordered {
            assert!(lines.is_sorted(), "{lines:?}");
        }
        lines.sort_unstable();
        assert!(lines.iter().copied().eq(2..=SEEDS + 1), "{lines:?}");
    }
}

fn kill_and_resume(rounds: u32, flags: &[&str]) {
    let server = server();
    let list = list(&server);
    let mut kills = 0;
    // A generator of our own, so that a failure can be run again.
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    while kills < rounds {
        let folder = tempfile::tempdir().expect("a folder");
        // A machine that is busy must be given time for a first commit, or nothing would ever be done.
        let mut lives = 0;
        loop {
            let mut run = fetch(folder.path(), flags, &list).spawn();
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            std::thread::sleep(Duration::from_millis(20 + random % (500 + 20 * lives)));
            if run.is_running() {
                run.kill9();
                kills += 1;
                lives += 1;
                run.wait();
                continue;
            }
            let output = run.wait();
            output.assert_code(1);
            let total = format!("{SEEDS} URLs");
            assert!(output.stderr.contains(&total), "{}", output.stderr);
            break;
        }
        assert_complete(folder.path(), flags.contains(&"--ordered"));
    }
}

#[test]
fn kills_at_any_moment_lose_no_line_and_write_none_twice() {
    kill_and_resume(25, &[]);
    kill_and_resume(25, &["--ordered"]);
    kill_and_resume(25, &["--unique", "--ordered"]);
}

#[test]
#[ignore = "the long form: cargo test --test cli -- --ignored kills"]
fn a_thousand_kills() {
    kill_and_resume(500, &["--unique"]);
    kill_and_resume(500, &["--ordered"]);
}

#[test]
fn the_same_command_goes_on_and_does_nothing_after_the_end() {
    let server = server();
    let list = list(&server);
    let folder = tempfile::tempdir().expect("a folder");
    let run = fetch(folder.path(), &["--match", "status=2xx"], &list).spawn();
    server.wait_for(60, Duration::from_secs(20));
    run.signal("INT");
    run.wait().assert_code(130);
    let before = server.requests().len();
    let output = fetch(folder.path(), &["--match", "status=2xx", "-c", "9"], &list).run();
    output.assert_code(1);
    let again = server.requests().len() - before;
    assert!(again < 580, "what was done is not asked for again: {again}");
    let written = outputs(folder.path());
    assert!(written.iter().all(|lines| lines.len() == written[0].len()));
    let told = output.stderr.clone();
    let not_written = format!("{} not written", SEEDS - written[0].len() as u64);
    assert!(
        told.contains("600 URLs") && told.contains(&not_written),
        "{told}"
    );
    let asked = server.requests().len();
    let output = fetch(folder.path(), &["--match", "status=2xx"], &list).run();
    output.assert_code(1);
    assert!(
        output.stderr.contains("had finished") && output.stderr.contains(&not_written),
        "{}",
        output.stderr
    );
    assert_eq!(server.requests().len(), asked);
    // --fresh begins anew.
    fetch(folder.path(), &["--match", "status=2xx", "--fresh"], &list)
        .run()
        .assert_code(1);
    assert!(server.requests().len() >= asked + 500);
}

/// A run that was interrupted after some lines.
fn interrupted(server: &Server, folder: &Path, list: &str) {
    let run = fetch(folder, &["--delay", "2ms"], list).spawn();
    server.wait_for(150, Duration::from_secs(30));
    run.signal("INT");
    run.wait().assert_code(130);
}

fn refused(output: &Output, words: &[&str]) {
    output.assert_code(2);
    for word in words {
        assert!(
            output.stderr.contains(word),
            "should say {word}: {}",
            output.stderr
        );
    }
}

#[test]
fn another_list_is_refused_with_the_first_line_that_differs() {
    let server = server();
    let list = list(&server);
    let folder = tempfile::tempdir().expect("a folder");
    interrupted(&server, folder.path(), &list);
    let asked = server.requests().len();
    let before = outputs(folder.path());
    let mut lines: Vec<&str> = list.lines().collect();
    lines[41] = "http://other.test/";
    let run = |list: &str| fetch(folder.path(), &["--delay", "2ms"], list).run();
    refused(
        &run(&lines.join("\n")),
        &["state.db", "line 42 is now http://other.test/", "--fresh"],
    );
    lines.remove(41);
    let moved = format!("line 42 is now {}", lines[41]);
    refused(&run(&lines.join("\n")), &[&moved]);
    refused(&run(&lines[..20].join("\n")), &["it ends after 19 entries"]);
    let other = fetch(folder.path(), &["--unique"], &list).run();
    refused(&other, &["unique"]);
    assert_eq!(server.requests().len(), asked, "nothing was asked for");
    assert_eq!(outputs(folder.path()), before, "nothing was written");
    // What the list says of itself may change: notes are no part of it.
    run(&list.replace("# a list", "# the list")).assert_code(1);
    assert_complete(folder.path(), false);
}

#[test]
fn a_file_and_arguments_go_on_too() {
    let gate = Gate::new();
    let server = Server::builder()
        .prefix("/", |_| Response::text("x"))
        .page("/stuck", Response::text("at last").gate(&gate))
        .start();
    let urls = ["/a", "/stuck", "/b"].map(|path| server.url(path));
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("list.txt"), urls.join("\n")).expect("a list");
    for (name, arguments) in [
        ("file", vec!["--input".to_owned(), "list.txt".to_owned()]),
        ("arguments", urls.to_vec()),
    ] {
        let state = format!("{name}.db");
        let out = format!("{name}.jsonl");
        let fetch = || {
            Dragnet::new()
                .args(["fetch", "--state", &state, "-o", &out])
                .args(&arguments)
                .in_dir(folder.path())
        };
        let asked = server.requests().len();
        let run = fetch().spawn();
        server.wait_for(asked + 3, Duration::from_secs(20));
        // The first two records are committed with the interruption.
        std::thread::sleep(Duration::from_millis(400));
        run.signal("INT");
        run.wait().assert_code(130);
        let before = server.requests().len();
        gate.admit(1);
        fetch().run().assert_code(0);
        let requests = server.requests();
        let again: Vec<_> = requests[before..].iter().map(Request::path).collect();
        assert_eq!(again, ["/stuck"], "{name}");
        let text = std::fs::read_to_string(folder.path().join(&out)).expect("the output");
        let mut times: BTreeMap<u64, u32> = BTreeMap::new();
        for line in text.lines() {
            let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
            *times
                .entry(record["line"].as_u64().expect("a line"))
                .or_default() += 1;
        }
        assert_eq!(times, BTreeMap::from([(1, 1), (2, 1), (3, 1)]), "{name}");
    }
}

#[test]
fn the_state_holds_none_of_the_list_and_little_for_each_line() {
    let server = Server::builder()
        .prefix("/", |_| Response::text("x"))
        .start();
    let list: String = (0..20_000)
        .map(|number| server.url(&format!("/page-of-the-list/{number}\n")))
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    Dragnet::new()
        .args([
            "fetch",
            "--state",
            "state.db",
            "-o",
            "out.jsonl",
            "-c",
            "16",
        ])
        .stdin_text(list)
        .in_dir(folder.path())
        .run()
        .assert_code(0);
    let state = std::fs::read(folder.path().join("state.db")).expect("the state");
    assert!(state.len() < 200_000, "{} bytes", state.len());
    let held = state.windows(16).any(|bytes| bytes == b"page-of-the-list");
    assert!(!held, "text of the list");
}
