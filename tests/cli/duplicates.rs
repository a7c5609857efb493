//! `crawl --duplicates`: pages that repeat another one, in the records, in the last words, and over a kill.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Dragnet, Response, Server};

/// So many words that only this page has.
fn words(page: &str, count: usize) -> String {
    let letter = |n: usize| char::from(b"abcdefghijklmnopqrstuvwxyz"[n % 26]);
    let word = |n| format!("{page}{}", letter(n).to_string().repeat(1 + n / 26));
    (0..count).map(word).collect::<Vec<_>>().join(" ")
}

/// What stands on every page, the text of this one, and links that lead on: so it is known which page came first.
fn page(text: &str, links: &[&str]) -> Response {
    let links: String = links
        .iter()
        .map(|path| format!("<a href='{path}'>x</a>"))
        .collect();
    Response::html(format!(
        "<!doctype html><nav>{}</nav><a href=/other>{}</a>{links}<p>{text}",
        words("menu", 100),
        words("link", 100)
    ))
}

/// By path: what the record says of the page.
fn said(records: &[Value], server: &Server) -> BTreeMap<String, Value> {
    let base = server.url("");
    let said = |record: &Value| {
        let path = record["url"].as_str().expect("a URL").replace(&base, "");
        let duplicate = record["duplicate"].to_string().replace(&base, "");
        (path, serde_json::from_str(&duplicate).expect("JSON"))
    };
    records.iter().map(said).collect()
}

fn alike() -> Server {
    let text = words("text", 400);
    let others = [
        "/first",
        "/other",
        "/short",
        "/brief",
        "/moved",
        "/same.txt",
        "/blob",
        "/gone",
    ];
    let on = ["/copy", "/near?day=2"];
    Server::builder()
        .page("/", page("Home", &others))
        .page("/first", page(&text, &on))
        .page("/copy", page(&text, &on))
        .page("/near", page(&format!("Today is the 17th. {text}"), &on))
        .page("/other", page(&words("quite", 400), &[]))
        .page("/short", page("Only a few words", &[]))
        .page("/brief", page("Only a few other words", &[]))
        .page("/moved", Response::redirect(302, "/first"))
        .page("/same.txt", Response::text(words("plain", 30)))
        .page(
            "/blob",
            Response::content("application/pdf", words("plain", 30)),
        )
        .page("/gone", Response::new(404).body(words("gone", 100)))
        .page("/robots.txt", Response::new(404))
        .start()
}

#[test]
fn copies_and_near_copies_are_named_and_nothing_else_is() {
    let server = alike();
    let crawl = |flags: &[&str]| {
        Dragnet::new()
            .args(["crawl", "--per-host", "16", "--duplicates"])
            .args(flags)
            .arg(server.url("/"))
            .run()
    };
    let output = crawl(&["-f", "jsonl"]);
    let records = output.json_lines();
    let mut said = said(&records, &server);
    said.retain(|_, duplicate| !duplicate.is_null());
    let near = said["/near?day=2"]["similarity"].clone();
    assert!(near.as_f64().expect("a number") > 0.9);
    let expected = [
        ("/copy", json!({"of": "/first", "kind": "exact"})),
        (
            "/near?day=2",
            json!({"of": "/first", "kind": "near", "similarity": near}),
        ),
    ];
    let expected = expected.map(|(path, duplicate)| (path.to_owned(), duplicate));
    assert_eq!(said, BTreeMap::from(expected));
    let with_sketch: Vec<_> = records
        .iter()
        .filter(|record| record["sketch"].is_string())
        .collect();
    assert_eq!(with_sketch.len(), 5, "long pages, and the redirect to one");
    assert!(
        output
            .stderr
            .contains("2 pages repeat another: 1 all of it, 1 nearly all of its words\n")
            && output
                .stderr
                .contains(&format!("\n       2×  {}\n", server.url("/first"))),
        "{}",
        output.stderr
    );
    let text = crawl(&[]).stdout;
    let line = format!(
        "ok 200 {} (same as {})\n",
        server.url("/copy"),
        server.url("/first")
    );
    assert!(text.contains(&line), "{text}");
    assert!(
        text.contains(&format!("(nearly the same as {})\n", server.url("/first"))),
        "{text}"
    );
    let table = crawl(&[
        "--template",
        "{duplicate_kind} {duplicate.of}",
        "-f",
        "template",
    ]);
    let line = format!("exact {}\n", server.url("/first"));
    assert!(table.stdout.contains(&line), "{}", table.stdout);
    // Nobody asked.
    let bare = Dragnet::new()
        .args(["crawl", "-f", "jsonl", &server.url("/")])
        .run();
    assert!(!bare.stdout.contains("sketch") && !bare.stdout.contains("duplicate"));
    assert!(!bare.stderr.contains("repeat"), "{}", bare.stderr);
}

/// Forty pages of four kinds, each with a counter; ten are exactly the first of all.
fn many() -> Server {
    Server::builder()
        .prefix("/", |request| {
            let number: usize = request.path().trim_start_matches('/').parse().unwrap_or(0);
            let kind = number % 4;
            let counter = if kind == 0 { 0 } else { number };
            let text = words(["one", "two", "three", "four"][kind], 300);
            let links: String = (0..40).map(|n| format!("<a href=/{n}>{n}</a>")).collect();
            Response::html(format!("{links}<p>{counter} {text}")).delay(Duration::from_millis(15))
        })
        .page("/robots.txt", Response::new(404))
        .start()
}

#[test]
fn after_kills_the_report_is_that_of_one_run() {
    let server = many();
    let folder = tempfile::tempdir().expect("a folder");
    let crawl = || {
        Dragnet::new()
            .args([
                "crawl",
                "--duplicates",
                "--state",
                "s.db",
                "-o",
                "out.jsonl",
            ])
            .arg(server.url("/0"))
            .in_dir(folder.path())
    };
    let mut kills = 0;
    let ended = loop {
        let mut run = crawl().spawn();
        std::thread::sleep(Duration::from_millis(80 + 60 * kills));
        if run.is_running() && kills < 10 {
            run.kill9();
            run.wait();
            kills += 1;
            continue;
        }
        break run.wait();
    };
    ended.assert_code(0);
    assert!(kills > 0, "it was killed");
    let text = std::fs::read_to_string(folder.path().join("out.jsonl")).expect("the output");
    let records: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(records.len(), 40);
    let said = said(&records, &server);
    let firsts: Vec<_> = said
        .iter()
        .filter(|(_, duplicate)| duplicate.is_null())
        .collect();
    assert_eq!(firsts.len(), 4, "{firsts:?}");
    for (path, duplicate) in &said {
        let Some(of) = duplicate["of"].as_str() else {
            continue;
        };
        assert!(said[of].is_null(), "{of} repeats none");
        let kind = |path: &str| path[1..].parse::<usize>().expect("a number") % 4;
        assert_eq!(kind(path), kind(of));
        let exact = duplicate["kind"] == "exact";
        assert_eq!(exact, kind(path) == 0, "{path} {duplicate}");
    }
    let told = "36 pages repeat one of 4 others: 9 all of it, 27 nearly all of its words\n";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    let again = crawl().run();
    assert!(
        again.stderr.contains("nothing to do") && again.stderr.contains(told),
        "{}",
        again.stderr
    );
    // Without it the state is another crawl's.
    let other = Dragnet::new()
        .args(["crawl", "--state", "s.db", "-o", "out.jsonl"])
        .arg(server.url("/0"))
        .in_dir(folder.path())
        .run();
    other.assert_code(2);
}

#[test]
fn a_page_that_has_not_changed_is_compared_anew() {
    let server = Server::builder()
        .page("/", Response::html("<a href=/a>x</a>"))
        .route("/a", |request| match request.field("if-none-match") {
            Some(_) => Response::new(410),
            None => page(&words("x", 100), &["/b"]).field("ETag", "\"a\""),
        })
        .route("/b", |request| match request.field("if-none-match") {
            Some(_) => Response::new(304).field("ETag", "\"b\""),
            None => page(&words("x", 100), &["/b"]).field("ETag", "\"b\""),
        })
        .page("/other", Response::new(404))
        .page("/robots.txt", Response::new(404))
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let b = |flags: &[&str]| {
        Dragnet::new()
            .args([
                "crawl",
                "--duplicates",
                "--state",
                "s.db",
                "-o",
                "out.jsonl",
            ])
            .args(flags)
            .arg(server.url("/"))
            .in_dir(folder.path())
            .run();
        let text = std::fs::read_to_string(folder.path().join("out.jsonl")).expect("the output");
        let records: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        said(&records, &server)["/b"].clone()
    };
    assert_eq!(b(&[]), json!({"of": "/a", "kind": "exact"}));
    assert_eq!(b(&["--recrawl"]), json!(null), "the other one is gone");
}
