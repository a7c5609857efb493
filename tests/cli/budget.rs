//! What a crawl is held to by budgets, types and sameness.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Dragnet, Gate, Output, Response, Server};

fn paths(server: &Server) -> BTreeSet<String> {
    let asked = server.requests();
    let asked = asked.iter().map(|request| match request.query() {
        Some(query) => format!("{}?{query}", request.path()),
        None => request.path().to_owned(),
    });
    asked.filter(|path| path != "/robots.txt").collect()
}

fn set(paths: &[&str]) -> BTreeSet<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

fn of<'a>(records: &'a [Value], url: &str) -> &'a Value {
    records
        .iter()
        .find(|record| record["url"] == url)
        .unwrap_or_else(|| panic!("no record of {url}"))
}

#[test]
fn a_run_whose_time_is_up_ends_with_records_and_says_what_is_left() {
    let gate = Gate::new();
    let server = Server::pages([
        (
            "/",
            Response::html("<a href=/slow>x</a><a href=/never>x</a><a href=/nor>x</a>"),
        ),
        ("/slow", Response::html("slow").gate(&gate)),
        ("/never", Response::html("never").gate(&gate)),
        ("/nor", Response::html("nor").gate(&gate)),
    ]);
    let output: Output = Dragnet::new()
        .args([
            "crawl",
            "-f",
            "jsonl",
            "--per-host",
            "1",
            "--max-time",
            "1s",
            &server.url("/"),
        ])
        .run();
    output.assert_code(0);
    let records = output.json_lines();
    assert_eq!(records.len(), 2, "{}", output.stdout);
    let slow = of(&records, &server.url("/slow"));
    assert_eq!(slow["outcome"], "unknown");
    assert_eq!(slow["error"]["kind"], "interrupted");
    assert_eq!(
        slow["error"]["message"],
        "--max-time was spent before the answer"
    );
    assert!(
        output.stderr.contains("ended by --max-time"),
        "{}",
        output.stderr
    );
    assert!(
        output
            .stderr
            .contains("found and not visited: 2 --max-time"),
        "{}",
        output.stderr
    );

    // A list: every line has its record all the same.
    let list = format!("{0}\n{0}\n{0}\n", server.url("/slow"));
    let output = Dragnet::new()
        .args([
            "fetch",
            "-f",
            "jsonl",
            "--per-host",
            "1",
            "--max-time",
            "1s",
        ])
        .stdin_text(list)
        .run();
    output.assert_code(0);
    let records = output.json_lines();
    assert_eq!(records.len(), 3);
    assert!(records.iter().all(|record| record["outcome"] == "unknown"));
    gate.open();
}

#[test]
fn what_a_budget_of_bytes_left_is_done_by_the_next_run_of_the_state() {
    let server = Server::builder()
        .page("/robots.txt", Response::new(404))
        .prefix("/", |request| {
            let links: String = match request.path() {
                "/" => (0..20)
                    .map(|number| format!("<a href=/{number}>x</a>"))
                    .collect(),
                _ => "y".repeat(1000),
            };
            Response::html(links)
        })
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let run = |most: &str| {
        Dragnet::new()
            .args([
                "crawl",
                "--per-host",
                "1",
                "--state",
                "s.db",
                "-o",
                "out.jsonl",
                "--max-bytes",
                most,
            ])
            .arg(server.url("/"))
            .in_dir(folder.path())
            .run()
    };
    let output = run("5KB");
    output.assert_code(0);
    assert!(
        output.stderr.contains("ended by --max-bytes"),
        "{}",
        output.stderr
    );
    let first = paths(&server).len();
    assert!((3..10).contains(&first), "{first}");
    run("1MB").assert_code(0);
    assert_eq!(paths(&server).len(), 21);
    let text = std::fs::read_to_string(folder.path().join("out.jsonl")).expect("records");
    assert_eq!(text.lines().count(), 21, "each once");
}

#[test]
fn content_of_other_types_has_a_record_and_is_not_read() {
    let server = Server::pages([
        ("/", Response::html("<a href=/page>x</a><img src=/picture>")),
        ("/page", Response::html("page")),
        (
            "/picture",
            Response::content("image/png", vec![7_u8; 100_000]),
        ),
    ]);
    let output = Dragnet::new()
        .args([
            "crawl",
            "-f",
            "jsonl",
            "--content-type",
            "text/*",
            &server.url("/"),
        ])
        .run();
    output.assert_code(0);
    let records = output.json_lines();
    let picture = of(&records, &server.url("/picture"));
    assert_eq!(
        (&picture["outcome"], &picture["content_type"]),
        (&"ok".into(), &"image/png".into())
    );
    assert!(picture.get("size").is_none());
    assert_eq!(of(&records, &server.url("/page"))["size"], 4);
}

#[test]
fn spellings_that_are_said_to_be_one_are_visited_once() {
    let home = "<a href='/p?b=2&a=1&utm_source=x'>x</a><a href='/p?a=1&b=2'>x</a><a href='/p?a=1&b=2&sid=9'>x</a><a href='/q?'>x</a><a href='/q'>x</a>";
    let server = || {
        Server::builder()
            .page("/robots.txt", Response::new(404))
            .page("/", Response::html(home))
            .prefix("/", |_| Response::html("x"))
            .start()
    };
    let plain = server();
    Dragnet::new()
        .args(["crawl", &plain.url("/")])
        .run()
        .assert_code(0);
    assert_eq!(
        paths(&plain),
        set(&[
            "/",
            "/p?b=2&a=1&utm_source=x",
            "/p?a=1&b=2",
            "/p?a=1&b=2&sid=9",
            "/q?"
        ])
    );
    let same = server();
    Dragnet::new()
        .args([
            "crawl",
            "--sort-query",
            "--strip-tracking",
            "--strip-parameter",
            "sid",
            &same.url("/"),
        ])
        .run()
        .assert_code(0);
    assert_eq!(paths(&same), set(&["/", "/p?a=1&b=2", "/q"]));
}

#[test]
fn only_the_scheme_that_is_asked_for_is_followed() {
    let server = Server::pages([
        (
            "/",
            Response::html("<a href=/a>x</a><a href='https://127.0.0.1:9/b'>x</a>"),
        ),
        ("/a", Response::html("a")),
    ]);
    let explain = |scheme: &str| {
        Dragnet::new()
            .args([
                "crawl",
                "--scheme",
                scheme,
                "--explain",
                &server.url("/a"),
                &server.url("/"),
            ])
            .run()
    };
    explain("http").assert_code(0);
    let output = explain("https");
    output.assert_code(1);
    assert!(output.stdout.contains("scheme"), "{}", output.stdout);
}

/// A first page with four hundred facets before its content, which is six levels deep.
fn facets_and_content() -> Server {
    Server::builder()
        .page("/robots.txt", Response::new(404))
        .prefix("/", |request| {
            let path = request.path();
            // No segment comes twice in a path: that would be taken for a trap.
            let level = path.matches('/').count().saturating_sub(2);
            let below = |path: &str, to: usize| {
                format!("<a href={path}left{to}/>l</a><a href={path}right{to}/>r</a>")
            };
            let facets = || {
                (0..400)
                    .map(|number| format!("<a href=/facet/{number}>f</a>"))
                    .collect::<String>()
            };
            Response::html(match path {
                "/" => facets() + &below("/guide/", 0),
                _ if path.starts_with("/guide/") && level < 6 => below(path, level),
                _ => String::new(),
            })
        })
        .start()
}

#[test]
fn a_folder_of_facets_does_not_take_the_place_of_what_lies_deeper() {
    let server = facets_and_content();
    Dragnet::new()
        .args(["crawl", "-q", "--delay", "0", "--max-pages", "300"])
        .arg(server.url("/"))
        .run()
        .assert_code(0);
    let visited = paths(&server);
    let content = visited.iter().filter(|path| path.starts_with("/guide/"));
    // Two pages on the first level, twice as many on each further one.
    assert_eq!(content.count(), 126);
    assert_eq!(visited.len(), 300, "what is left goes to the facets");
}

#[test]
fn a_larger_budget_brings_back_what_a_smaller_one_has_cut() {
    let server = facets_and_content();
    let folder = tempfile::tempdir().expect("a folder");
    let run = |most: &str| {
        let args = [
            "crawl",
            "--delay",
            "0",
            "--state",
            "s.db",
            "-o",
            "out.jsonl",
        ];
        Dragnet::new()
            .args(args)
            .args(["--max-pages", most])
            .arg(server.url("/"))
            .in_dir(folder.path())
            .run()
    };
    run("100").assert_code(0);
    assert_eq!(paths(&server).len(), 100);
    let same = run("100");
    assert!(same.stderr.contains("nothing to do"), "{}", same.stderr);
    run("200").assert_code(0);
    assert_eq!(paths(&server).len(), 200);
    let all = run("10000");
    all.assert_code(0);
    assert!(!all.stderr.contains("not visited"), "{}", all.stderr);
    assert_eq!(paths(&server).len(), 527);
    let asked: Vec<_> = server.requests();
    let pages = asked.iter().filter(|asked| asked.path() != "/robots.txt");
    assert_eq!(pages.count(), 527, "none is asked for twice");
    let out = std::fs::read_to_string(folder.path().join("out.jsonl")).expect("records");
    let urls: BTreeSet<&str> = out.lines().collect();
    assert_eq!((out.lines().count(), urls.len()), (527, 527));
}
