//! Formats that write a place of their own: read back by readers that are not ours.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use crate::support::{Dragnet, Response, Server};

fn open(folder: &Path, name: &str) -> Connection {
    Connection::open(folder.join(name)).expect("a database")
}

fn rows(database: &Connection, query: &str) -> Vec<String> {
    let mut statement = database.prepare(query).expect("a query");
    let rows = statement
        .query_map([], |row| row.get::<_, Option<String>>(0))
        .expect("rows");
    rows.map(|row| row.expect("a row").unwrap_or_default())
        .collect()
}

#[test]
fn a_database_says_who_links_to_whom_and_with_which_words() {
    let server = Server::pages([
        (
            "/",
            Response::html(
                "<title>Home</title><a href=/a>to <b>A</b></a><a rel=nofollow href=/b>B</a><img src=/gone>",
            ),
        ),
        ("/a", Response::html("<h1>12</h1><a href=/>back</a>")),
    ]);
    let folder = tempfile::tempdir().expect("a folder");
    let run = |output: &str| {
        Dragnet::new()
            .args([
                "crawl",
                "--select",
                "head=h1",
                "-o",
                output,
                "-o",
                "r.jsonl",
                &server.url("/"),
            ])
            .in_dir(folder.path())
            .run()
    };
    for _ in 0..2 {
        // The second run begins anew.
        run("out.sqlite").assert_code(1);
        let database = open(folder.path(), "out.sqlite");
        assert_eq!(
            rows(
                &database,
                "SELECT replace(url, rtrim(url, replace(url, '/', '')), '/') || ' ' || outcome || ' ' || typeof(status) FROM visits ORDER BY url"
            ),
            ["/ ok integer", "/a ok integer", "/gone broken integer"]
        );
        assert_eq!(
            rows(
                &database,
                "SELECT fields_head FROM visits WHERE url LIKE '%/a'"
            ),
            ["12"]
        );
        assert_eq!(
            rows(
                &database,
                "SELECT kind || ' ' || coalesce(text, '-') || ' ' || nofollow FROM links ORDER BY rowid LIMIT 3"
            ),
            ["anchor to A 0", "anchor B 1", "media - 0"]
        );
        assert_eq!(
            rows(
                &database,
                "SELECT text FROM links JOIN visits ON links.target = visits.url WHERE visits.title = 'Home'"
            ),
            ["back"]
        );
    }
    let records = std::fs::read_to_string(folder.path().join("r.jsonl")).expect("records");
    assert!(
        !records.contains("\"links\""),
        "only where they were asked for"
    );

    let foreign = open(folder.path(), "mine.db");
    foreign
        .execute_batch("CREATE TABLE precious (x)")
        .expect("a table");
    drop(foreign);
    let output = run("mine.db");
    output.assert_code(2);
    assert!(
        output.stderr.contains("a database of something else"),
        "{}",
        output.stderr
    );
    assert_eq!(
        rows(
            &open(folder.path(), "mine.db"),
            "SELECT name FROM sqlite_master"
        ),
        ["precious"]
    );
    let output = Dragnet::new()
        .args(["fetch", "-f", "sqlite", &server.url("/")])
        .run();
    output.assert_code(2);
    assert!(
        output.stderr.contains("-f sqlite needs a path"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_database_has_every_page_once_after_kills() {
    let server = Server::builder()
        .page("/robots.txt", Response::new(404))
        .prefix("/", |request| {
            let number: u32 = request.path().trim_start_matches('/').parse().unwrap_or(1);
            let links: String = [2 * number, 2 * number + 1]
                .iter()
                .filter(|link| **link <= 300)
                .map(|link| format!("<a href=/{link}>x</a>"))
                .collect();
            Response::html(links).delay(Duration::from_millis(1))
        })
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let crawl = || {
        Dragnet::new()
            .args([
                "crawl",
                "--state",
                "s.db",
                "-o",
                "out.sqlite",
                "--per-host",
                "2",
                &server.url("/1"),
            ])
            .in_dir(folder.path())
    };
    for kill in [40, 120, 200] {
        let mut running = crawl().spawn();
        server.wait_for(kill, Duration::from_secs(60));
        running.kill9();
    }
    crawl().run().assert_code(0);
    let database = open(folder.path(), "out.sqlite");
    let counts = "SELECT count(*) || ' ' || count(DISTINCT url) || ' ' || (SELECT count(*) FROM links) FROM visits";
    assert_eq!(rows(&database, counts), ["300 300 299"]);
}
