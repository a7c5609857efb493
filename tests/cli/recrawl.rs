//! `crawl --recrawl`, and the order in which a crawl goes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{Dragnet, Request, Response, Server};

/// A page with a validator: asked with it, the answer is 304.
fn with_tag(request: &Request, tag: &str, page: &str) -> Response {
    if request.field("if-none-match") == Some(tag) {
        return Response::new(304).field("ETag", tag);
    }
    Response::html(page.to_owned()).field("ETag", tag)
}

#[test]
fn a_second_run_asks_only_for_what_has_changed_and_says_what_became_of_each() {
    let later = Arc::new(AtomicBool::new(false));
    let turn = |later: &Arc<AtomicBool>| {
        let later = Arc::clone(later);
        move || later.load(Ordering::SeqCst)
    };
    let (home, dated, plain, lost) = (turn(&later), turn(&later), turn(&later), turn(&later));
    let server = Server::builder()
        .route("/", move |request| {
            if home() {
                with_tag(request, "\"2\"", "<a href=/kept>x</a><a href=/fresh>x</a>")
            } else {
                with_tag(
                    request,
                    "\"1\"",
                    "<a href=/kept>x</a><a href=/dated>x</a><a href=/plain>x</a><a href=/lost>x</a>",
                )
            }
        })
        .route("/kept", |request| {
            with_tag(request, "\"k\"", "<title>Kept</title>")
        })
        .route("/dated", move |request| {
            let date = "Sun, 01 Mar 2026 10:00:00 GMT";
            if dated() && request.field("if-modified-since") == Some(date) {
                return Response::new(304);
            }
            Response::html("dated").field("Last-Modified", date)
        })
        .route("/plain", move |_| {
            Response::html(if plain() { "new words" } else { "words" })
        })
        .route("/lost", move |_| {
            if lost() {
                Response::new(410)
            } else {
                Response::html("lost")
            }
        })
        .page("/fresh", Response::html("fresh"))
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let run = |more: &[&str]| {
        Dragnet::new()
            .args([
                "crawl",
                "--state",
                "s.db",
                "-o",
                "out.jsonl",
                &server.url("/"),
            ])
            .args(more)
            .in_dir(folder.path())
            .run()
    };
    let records = || -> BTreeMap<String, serde_json::Value> {
        let text = std::fs::read_to_string(folder.path().join("out.jsonl")).expect("records");
        let base = server.url("");
        text.lines()
            .map(|line| {
                let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
                let path = record["url"].as_str().expect("a URL").replace(&base, "");
                (path, record)
            })
            .collect()
    };
    run(&[]).assert_code(0);
    assert_eq!(records().len(), 5);
    assert!(
        records()
            .values()
            .all(|record| record.get("change").is_none())
    );
    later.store(true, Ordering::SeqCst);
    let before = server.requests().len();
    run(&[]).assert_code(0);
    assert_eq!(server.requests().len(), before, "finished means finished");

    let output = run(&["--recrawl"]);
    output.assert_code(1);
    for told in ["2 changed", "2 unchanged", "1 new", "1 gone"] {
        assert!(output.stderr.contains(told), "{told}: {}", output.stderr);
    }
    let found = records();
    let changes: Vec<_> = found
        .iter()
        .map(|(path, record)| {
            let change = record["change"].as_str().unwrap_or("none");
            (path.as_str(), change, record["cached"] == true)
        })
        .collect();
    assert_eq!(
        changes,
        [
            ("/", "changed", false),
            ("/dated", "unchanged", true),
            ("/fresh", "new", false),
            ("/kept", "unchanged", true),
            ("/lost", "gone", false),
            ("/plain", "changed", false),
        ]
    );
    assert_eq!(found["/kept"]["title"], "Kept", "what was known stays");
    assert_eq!(found["/kept"]["status"], 200);

    let output = run(&[]);
    output.assert_code(1);
    assert!(output.stderr.contains("2 unchanged"), "{}", output.stderr);

    // The run after that compares with that one; a validator outlives an answer of 304.
    run(&["--recrawl"]).assert_code(1);
    let found = records();
    for (path, change) in [
        ("/", "unchanged"),
        ("/lost", "unchanged"),
        ("/plain", "unchanged"),
    ] {
        assert_eq!(found[path]["change"], change, "{path}");
    }
    let last = server.requests();
    let kept = last.iter().rfind(|request| request.path() == "/kept");
    assert_eq!(
        kept.and_then(|request| request.field("if-none-match")),
        Some("\"k\"")
    );
}

fn paths(server: &Server) -> Vec<String> {
    let requests = server.requests();
    let paths = requests.iter().map(|request| request.path().to_owned());
    paths.filter(|path| path != "/robots.txt").collect()
}

fn tree() -> Server {
    let page = |links: &[&str]| {
        let links: String = links
            .iter()
            .map(|link| format!("<a href={link}>x</a>"))
            .collect();
        Response::html(links)
    };
    Server::pages([
        ("/", page(&["/a", "/b", "/news"])),
        ("/a", page(&["/a/1", "/a/2"])),
        ("/b", page(&["/b/1"])),
        ("/a/1", page(&[])),
        ("/a/2", page(&[])),
        ("/b/1", page(&[])),
        ("/news", page(&[])),
    ])
}

#[test]
fn breadth_first_depth_first_and_priorities_order_the_requests() {
    for (arguments, order) in [
        (&[][..], ["/", "/a", "/b", "/news", "/a/1", "/a/2", "/b/1"]),
        (
            &["--order", "dfs"][..],
            ["/", "/a", "/a/1", "/a/2", "/b", "/b/1", "/news"],
        ),
        (
            &["--priority", "/news=5", "--priority", "/a$=-1"][..],
            ["/", "/news", "/b", "/b/1", "/a", "/a/1", "/a/2"],
        ),
    ] {
        for state in [&[][..], &["--state", "s.db"][..]] {
            let server = tree();
            let folder = tempfile::tempdir().expect("a folder");
            let output = Dragnet::new()
                .args(["crawl", "--per-host", "1", &server.url("/")])
                .args(arguments)
                .args(state)
                .in_dir(folder.path())
                .run();
            output.assert_code(0);
            assert_eq!(paths(&server), order, "{arguments:?} {state:?}");
        }
    }
    let output = Dragnet::new()
        .args([
            "crawl",
            "--depth",
            "1",
            "--order",
            "dfs",
            "http://127.0.0.1:9/",
        ])
        .run();
    output.assert_code(2);
    assert!(
        output.stderr.contains("--depth goes level by level"),
        "{}",
        output.stderr
    );
}

#[test]
fn what_no_window_holds_is_brought_from_the_state_in_its_order() {
    let server = Server::builder()
        .prefix("/", |request| {
            let links: String = if request.path() == "/" {
                (0..6000)
                    .map(|number| format!("<a href=/{number}>x</a>"))
                    .collect()
            } else {
                String::new()
            };
            Response::html(links)
        })
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let output = Dragnet::new()
        .args([
            "crawl",
            "--state",
            "s.db",
            "--ignore-robots",
            "--per-host",
            "1",
            "-q",
            &server.url("/"),
        ])
        .in_dir(folder.path())
        .run();
    output.assert_code(0);
    let asked = paths(&server);
    let expected = (0..6000).map(|number| format!("/{number}"));
    assert!(
        asked[1..].iter().cloned().eq(expected),
        "each once, in order"
    );
}
