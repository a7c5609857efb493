//! Lists, line by line: which records are written.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::{Dragnet, Gate, Output, Response, Server};

fn site() -> Server {
    Server::builder()
        .page(
            "/small",
            Response::html("<title>Small</title><p>ebb at noon</p>"),
        )
        .page(
            "/large",
            Response::html(format!("<title>Large</title>{}", "x".repeat(20_000))),
        )
        .page("/picture", Response::content("image/png", "png"))
        .page("/gone", Response::new(410))
        .start()
}

fn list(server: &Server) -> String {
    let paths = ["/small", "/large", "/picture", "/gone"];
    let lines: String = paths.map(|path| server.url(path) + "\n").concat();
    format!("{lines}http://\n")
}

#[test]
fn conditions_choose_what_is_written_and_change_no_count() {
    let server = site();
    for (flags, written) in [
        (&["--match", "status=2xx"][..], &[1, 2, 3][..]),
        (&["--match", "status=200,410"], &[1, 2, 3, 4]),
        (&["--match", "size>10KiB"], &[2]),
        (
            &["--match", "type=text/html", "--match", "size<10KiB"],
            &[1],
        ),
        (
            &["--match", "type=text/html", "--filter", "title~^Sm"],
            &[2],
        ),
        (&["--match", "body~noon"], &[1]),
        (&["--filter", "outcome=ok", "--filter", "error=url"], &[4]),
        (&["--match", "error.kind=url"], &[5]),
        (&["--match", "url~/large$"], &[2]),
        (&["--match", "line>=4"], &[4, 5]),
        (
            &["--select", "what=p", "--match", "fields.what=ebb at noon"],
            &[1],
        ),
    ] {
        let output = Dragnet::new()
            .args(["fetch", "-f", "jsonl", "--retries", "0"])
            .args(flags)
            .stdin_text(list(&server))
            .run();
        output.assert_code(1);
        let records = output.json_lines();
        let mut lines: Vec<_> = records.iter().filter_map(|r| r["line"].as_u64()).collect();
        lines.sort_unstable();
        assert_eq!(lines, written, "{flags:?}");
        assert!(records.iter().all(|record| record.get("body").is_none()));
        assert!(
            output.stderr.contains("5 URLs: 3 ok, 2 broken"),
            "{}",
            output.stderr
        );
        let kept_out = format!("{} not written", 5 - written.len());
        assert!(output.stderr.contains(&kept_out), "{}", output.stderr);
    }
}

#[test]
fn conditions_hold_for_every_output_and_for_crawls() {
    let server = Server::pages([
        ("/", Response::html("<title>Home</title><a href=a>a</a>")),
        ("/a", Response::html("<title>A</title>")),
    ]);
    let folder = tempfile::tempdir().expect("a folder");
    let crawl = || {
        Dragnet::new()
            .args(["crawl", "--state", "state.db", "--match", "title=A"])
            .args(["-o", "out.jsonl", "-o", "out.sqlite", "-f", "text"])
            .arg(server.url("/"))
            .in_dir(folder.path())
            .run()
    };
    let output = crawl();
    output.assert_code(0);
    assert_eq!(output.lines().len(), 1);
    let text = std::fs::read_to_string(folder.path().join("out.jsonl")).expect("a file");
    assert_eq!(text.lines().count(), 1);
    let database = rusqlite::Connection::open(folder.path().join("out.sqlite")).expect("a file");
    let rows: u32 = database
        .query_row("SELECT count(*) FROM visits", [], |row| row.get(0))
        .expect("a number");
    assert_eq!(rows, 1);
    assert!(output.stderr.contains("1 not written"), "{}", output.stderr);
    // A finished run says the same, and another condition is another run.
    assert!(crawl().stderr.contains("1 not written"));
    let other = Dragnet::new()
        .args(["crawl", "--state", "state.db", "--match", "title=B"])
        .args(["-o", "out.jsonl", "-o", "out.sqlite", "-f", "text"])
        .arg(server.url("/"))
        .in_dir(folder.path())
        .run();
    other.assert_code(2);
    assert!(other.stderr.contains("title=B"), "{}", other.stderr);
}

#[test]
fn a_condition_that_cannot_be_read_is_exit_2_with_its_column_before_any_request() {
    let server = site();
    for (condition, told) in [
        ("stat=200", "column 1"),
        ("status", "column 7"),
        ("status=200,2x", "column 12"),
        ("size>10", "column 6"),
        ("body~(", "column 6"),
        ("fields.nope=1", "--select"),
    ] {
        for flag in ["--match", "--filter"] {
            let output = Dragnet::new()
                .args(["fetch", flag, condition, &server.url("/small")])
                .run();
            output.assert_code(2);
            assert!(output.stderr.contains(told), "{}", output.stderr);
        }
    }
    assert!(server.requests().is_empty());
}

/// The lines of the records, in the order in which they were written.
fn lines(output: &Output) -> Vec<u64> {
    let records = output.json_lines();
    records
        .iter()
        .map(|record| record["line"].as_u64().expect("a line"))
        .collect()
}

#[test]
fn a_repeated_url_is_asked_for_once_and_each_line_has_its_record() {
    let server = site();
    let page = server.url("/small");
    let spelt = page.replace("/small", "/%73mall#part");
    let gone = server.url("/gone");
    let list = format!("{page}\nhttp://\n{spelt}\n{gone}\nhttp://\n{page}\n{gone}\n");
    for flags in [&["--unique"][..], &["--unique", "--ordered"]] {
        let asked = server.requests().len();
        let output = Dragnet::new()
            .args(["fetch", "-f", "jsonl", "--body", "-o", "-", "-o", "out.csv"])
            .args(flags)
            .stdin_text(list.clone())
            .run();
        output.assert_code(1);
        assert_eq!(server.requests().len() - asked, 2);
        let mut records = output.json_lines();
        records.sort_by_key(|record| record["line"].as_u64());
        assert_eq!(records.len(), 7);
        let (first, third) = (&records[0], &records[2]);
        assert_eq!(first["input"], page);
        assert_eq!(third["input"], spelt);
        assert_eq!(first["body"], third["body"]);
        assert_eq!(
            (&first["status"], &first["attempts"]),
            (&200.into(), &1.into())
        );
        assert_eq!(third["status"], 200);
        assert!(
            third.get("attempts").is_none(),
            "no request was sent for it"
        );
        assert_eq!(records[6]["error"]["kind"], "status");
        let ids: std::collections::HashSet<_> =
            records.iter().map(|record| record["id"].as_str()).collect();
        assert_eq!(ids.len(), 7);
        assert!(
            output.stderr.contains("7 URLs: 3 ok, 4 broken"),
            "{}",
            output.stderr
        );
    }
}

#[test]
fn a_line_that_repeats_one_long_done_has_its_record_too() {
    let server = site();
    let mut run = Dragnet::new()
        .args(["fetch", "--unique", "-f", "jsonl", "--match", "body~noon"])
        .stdin_pipe()
        .spawn();
    let page = server.url("/small");
    run.write_line(&page);
    assert!(run.next_line().expect("a record").contains("\"line\":1"));
    for line in 2..5 {
        run.write_line(&page);
        let record = run.next_line().expect("the same, while stdin is open");
        assert!(record.contains(&format!("\"line\":{line}")), "{record}");
    }
    run.close_stdin();
    run.wait().assert_code(0);
    assert_eq!(server.count("/small"), 1);
}

#[test]
fn lines_that_differ_in_their_credentials_are_not_the_same() {
    let server = Server::builder()
        .prefix("/", |request| {
            let known = request.field("authorization").is_some();
            Response::new(if known { 200 } else { 401 })
        })
        .start();
    let page = server.url("/");
    let with = page.replace("//", "//user:word@");
    let output = Dragnet::new()
        .args(["fetch", "--unique", "--ordered", "-f", "jsonl"])
        .stdin_text(format!("{page}\n{with}\n{page}\n{with}\n"))
        .run();
    output.assert_code(1);
    let records = output.json_lines();
    let codes: Vec<_> = records.iter().map(|r| r["status"].as_u64()).collect();
    assert_eq!(codes, [Some(401), Some(200), Some(401), Some(200)]);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn records_come_in_the_order_of_the_list_failures_included() {
    let server = Server::builder()
        .prefix("/", |request| {
            let number: u64 = request.path()[1..].parse().unwrap_or(0);
            let status = if number % 7 == 3 { 404 } else { 200 };
            Response::new(status).delay(Duration::from_millis(number * 37 % 50))
        })
        .start();
    let mut list = String::from("# a list\n");
    for number in 0..300 {
        list += &match number % 10 {
            4 => "no url at all\n".replace(' ', ":"),
            5 => "\n".to_owned(),
            _ => server.url(&format!("/{number}\n")),
        };
    }
    let folder = tempfile::tempdir().expect("a folder");
    let output = Dragnet::new()
        .args(["fetch", "--ordered", "--per-host", "64"])
        .args(["-f", "jsonl", "-o", "-", "-o", "out.csv"])
        .args(["--filter", "status=404"])
        .stdin_text(list)
        .in_dir(folder.path())
        .run();
    output.assert_code(1);
    let written = lines(&output);
    assert!(written.is_sorted(), "{written:?}");
    let broken = (0..300).filter(|number| number % 10 != 5 && number % 10 != 4 && number % 7 == 3);
    assert_eq!(written.len(), 270 - broken.count());
    let mut table = csv::Reader::from_path(folder.path().join("out.csv")).expect("a table");
    let names = table.headers().expect("names").clone();
    let at = names
        .iter()
        .position(|name| name == "line")
        .expect("a column");
    let rows: Vec<u64> = table
        .records()
        .map(|row| row.expect("a row")[at].parse().expect("a number"))
        .collect();
    assert_eq!(rows, written);
}

#[test]
fn a_request_that_is_stuck_holds_the_order_up_no_longer_than_was_said() {
    let gate = Gate::new();
    let server = Server::builder()
        .prefix("/", |_| Response::text("x"))
        .page("/stuck", Response::text("late").gate(&gate))
        .route("/patient", |_| Response::new(503).field("Retry-After", "1"))
        .start();
    let list: String = ["/a", "/stuck", "/b", "/patient", "/c"]
        .map(|path| server.url(path) + "\n")
        .concat();
    let began = std::time::Instant::now();
    let output = Dragnet::new()
        .args(["fetch", "--ordered", "-f", "jsonl", "--timeout", "600ms"])
        .args(["--retries", "1", "--max-wait", "2s"])
        .stdin_text(list)
        .run();
    output.assert_code(1);
    assert_eq!(lines(&output), [1, 2, 3, 4, 5]);
    let kinds: Vec<_> = output
        .json_lines()
        .iter()
        .filter_map(|record| Some(record["error"]["kind"].as_str()?.to_owned()))
        .collect();
    assert_eq!(kinds, ["timeout", "status"]);
    // (1 + 1) x 600 ms + 2 s, and what a loaded machine takes.
    assert!(began.elapsed() < Duration::from_secs(20));
    gate.open();
}

#[test]
fn an_ordered_list_is_read_no_further_than_its_window() {
    let gate = Gate::new();
    let server = Server::builder()
        .prefix("/", |_| Response::text("x"))
        .page("/stuck", Response::text("at last").gate(&gate))
        .start();
    let list: String = std::iter::once(server.url("/stuck\n"))
        .chain((0..30_000).map(|number| server.url(&format!("/{number}\n"))))
        .collect();
    let run = Dragnet::new()
        .args([
            "fetch",
            "--ordered",
            "-f",
            "jsonl",
            "-q",
            "--timeout",
            "50s",
        ])
        .stdin_text(list)
        .spawn();
    server.wait_for(9_900, Duration::from_secs(50));
    std::thread::sleep(Duration::from_millis(300));
    let asked = server.requests().len();
    assert!(
        asked <= 10_600,
        "{asked} requests while the first was stuck"
    );
    gate.open();
    let output = run.wait();
    output.assert_code(0);
    assert!(lines(&output).into_iter().eq(1..=30_001));
}

#[test]
fn a_line_may_carry_its_own_request_and_a_name_for_its_record() {
    let server = Server::builder()
        .prefix("/", |request| {
            let key = request.field("x-key").unwrap_or("none");
            let sent = String::from_utf8_lossy(&request.body);
            Response::text(format!("{} {key} {sent}", request.method))
        })
        .start();
    let url = |path: &str| server.url(path);
    let list = format!(
        "\u{feff}{{\"url\":\"{}\",\"method\":\"PUT\",\"body\":\"tide\",\"headers\":{{\"X-Key\":\"k1\"}},\"id\":\"first\"}}\r\n\
         {}\n\
         {{\"url\":\"{}\",\"id\":7,\"title\":\"of another tool\"}}\n\
         {{\"url\":\"{}\",\"method\":5,\"id\":\"bad\",\"headers\":{{\"X-Key\":\"hunter2\"}}}}\n\
         {{\"url\":\"{}\"\n\
         {{\"url\":\"{}\",\"body\":\"{}\",\"id\":\"long\"}}\n",
        url("/a"),
        url("/b"),
        url("/c"),
        url("/d"),
        url("/hunter2"),
        url("/e"),
        "x".repeat(300_000),
    );
    let folder = tempfile::tempdir().expect("a folder");
    let output = Dragnet::new()
        .args(["fetch", "--ordered", "-f", "jsonl", "-o", "-", "--body"])
        .args(["-o", "out.sqlite"])
        .stdin_text(list)
        .in_dir(folder.path())
        .run();
    output.assert_code(1);
    let records = output.json_lines();
    assert_eq!(lines(&output), [1, 2, 3, 4, 5, 6]);
    let told = |at: usize, name: &str| records[at][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(told(0, "id"), "first");
    assert_eq!(told(0, "input"), url("/a"));
    assert_eq!(told(0, "body"), "PUT k1 tide");
    assert_eq!(told(1, "body"), "GET none ");
    assert_eq!(told(2, "id"), "7");
    assert_eq!(told(2, "body"), "GET none ");
    assert_eq!(told(3, "id"), "bad");
    assert_eq!(told(3, "input"), url("/d"));
    for at in [3, 4] {
        assert_eq!(records[at]["error"]["kind"], "url");
        let message = records[at]["error"]["message"].as_str().expect("words");
        assert!(message.contains("column"), "{message}");
    }
    assert_eq!(told(5, "id"), "long");
    assert!(told(5, "body").starts_with("POST none xxx"));
    assert!(!output.stdout.contains("hunter2") && !output.stderr.contains("hunter2"));
    assert_eq!(server.count("/d"), 0);
}

#[test]
fn names_that_a_list_gives_twice_lose_no_record() {
    let server = site();
    let object = format!("{{\"url\":\"{}\",\"id\":\"same\"}}\n", server.url("/small"));
    let folder = tempfile::tempdir().expect("a folder");
    let output = Dragnet::new()
        .args(["fetch", "-o", "out.sqlite"])
        .stdin_text(object.repeat(3))
        .in_dir(folder.path())
        .run();
    output.assert_code(0);
    let database = rusqlite::Connection::open(folder.path().join("out.sqlite")).expect("a file");
    let rows: u32 = database
        .query_row("SELECT count(*) FROM visits WHERE id = 'same'", [], |row| {
            row.get(0)
        })
        .expect("a number");
    assert_eq!(rows, 3);
}

#[test]
fn the_summary_says_how_it_went_in_a_few_lines() {
    let slow = Server::builder()
        .prefix("/", |_| {
            Response::text("x").delay(Duration::from_millis(150))
        })
        .on([127, 0, 0, 2])
        .start();
    let server = Server::builder()
        .prefix("/", |request| {
            Response::new(if request.path() == "/7" { 404 } else { 200 })
        })
        .start();
    let lines: String = (0..40)
        .map(|number| server.url(&format!("/{number}\n")))
        .collect();
    let list = format!("{lines}{}\n{}\n", slow.url("/a"), slow.url("/b"));
    let output = Dragnet::new()
        .args(["fetch"])
        .stdin_text(list.clone())
        .run();
    output.assert_code(1);
    let said: Vec<_> = output.stderr.lines().collect();
    assert_eq!(said.len(), 3, "{}", output.stderr);
    for (line, words) in said.iter().zip([
        &[
            "42 URLs: 41 ok, 1 broken (status 1)",
            "42 requests",
            "longest stall",
        ][..],
        &[
            "requests a second",
            "half of them",
            "99 %",
            "status 200 41, 404 1",
        ],
        &[
            &format!("slowest on average: http://{} ", slow.address()),
            "(2 requests), ",
            "(40 requests)",
        ],
    ]) {
        for word in words {
            assert!(line.contains(word), "should say {word}: {line}");
        }
    }
    let quiet = Dragnet::new().args(["fetch", "-q"]).stdin_text(list).run();
    assert_eq!(quiet.stderr, "");
}

#[test]
fn whoever_writes_the_list_is_held_back() {
    let gate = Gate::new();
    let server = Server::builder()
        .route("/", {
            let gate = gate.clone();
            move |_| Response::text("x").gate(&gate)
        })
        .start();
    let mut run = Dragnet::new()
        .args(["fetch", "-q", "-c", "4"])
        .stdin_pipe()
        .spawn();
    let mut list = run.take_stdin();
    let line = server.url("/") + "\n";
    let written = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&written);
    let producer = std::thread::spawn(move || {
        use std::io::Write as _;
        while count.load(Ordering::Relaxed) < 200_000 && list.write_all(line.as_bytes()).is_ok() {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    server.wait_for(4, Duration::from_secs(20));
    // Until nothing more is taken: what is read ahead, and what the pipe holds.
    let mut before = 0;
    loop {
        std::thread::sleep(Duration::from_millis(300));
        let now = written.load(Ordering::Relaxed);
        if now == before {
            break;
        }
        before = now;
    }
    // The look-ahead is 10,000 lines; a pipe holds 64 KiB.
    assert!(before < 30_000, "{before} lines were taken");
    run.kill9();
    run.wait();
    producer.join().expect("it ends with the pipe");
    gate.open();
}
