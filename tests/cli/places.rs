//! Databases and archives: read back by readers that are not ours.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::Command;
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

/// A record of an archive: its fields by name, lower case, and its block.
struct Record {
    fields: BTreeMap<String, String>,
    block: Vec<u8>,
}

/// The records of an archive: each its own gzip member, its length and digest right.
fn records(archive: &[u8]) -> Vec<Record> {
    let mut rest = archive;
    let mut records = Vec::new();
    while !rest.is_empty() {
        let mut member = flate2::bufread::GzDecoder::new(rest);
        let mut text = Vec::new();
        member.read_to_end(&mut text).expect("a whole gzip member");
        rest = member.into_inner();
        let end = text
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .expect("a head");
        let head = std::str::from_utf8(&text[..end]).expect("text");
        let mut lines = head.split("\r\n");
        assert_eq!(lines.next(), Some("WARC/1.1"));
        let fields: BTreeMap<String, String> = lines
            .map(|line| {
                let (name, value) = line.split_once(": ").expect("a field");
                (name.to_ascii_lowercase(), value.to_owned())
            })
            .collect();
        let length: usize = fields["content-length"].parse().expect("a length");
        let block = text[end + 4..end + 4 + length].to_vec();
        assert_eq!(
            &text[end + 4 + length..],
            b"\r\n\r\n",
            "the end of a record"
        );
        let sum = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &block);
        let sum = data_encoding::BASE32.encode(sum.as_ref());
        assert_eq!(fields["warc-block-digest"], format!("sha1:{sum}"));
        records.push(Record { fields, block });
    }
    records
}

/// What `warcio check` says, where warcio is installed.
fn warcio(file: &Path) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/target/warcio");
    let check = |arguments: &[&str]| {
        let mut python = Command::new("python3");
        python.env("PYTHONPATH", path).args(arguments);
        python.output()
    };
    if !check(&["-c", "import warcio"]).is_ok_and(|output| output.status.success()) {
        println!(
            "skipped: warcio is not there to check the archive (pip install --target target/warcio warcio)"
        );
        return;
    }
    let file = file.to_str().expect("a path");
    let output = check(&["-m", "warcio.cli", "check", "-v", file]).expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("digest pass"), "{said}");
}

#[test]
fn an_archive_has_every_exchange_and_no_secret() {
    let large: Vec<u8> = (0..600_000_u32).flat_map(u32::to_le_bytes).collect();
    let body = large.clone();
    let server = Server::builder()
        .page("/robots.txt", Response::text("User-agent: *\n"))
        .page(
            "/",
            Response::html(
                "<a href=/moved>x</a><a href=/same>x</a><a href=/large>x</a><a href=/gone>x</a>",
            )
            .chunked(7),
        )
        .page("/moved", Response::redirect(301, "/new"))
        .page("/new", Response::html("same words"))
        .page("/same", Response::html("same words"))
        .route("/large", move |_| {
            Response::content("application/x-any", body.clone())
        })
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let output = Dragnet::new()
        .args([
            "crawl",
            "-H",
            "Authorization: Basic canary",
            "-H",
            "Cookie: s=canary",
            "-o",
            "a.warc.gz",
            &server.url("/"),
        ])
        .in_dir(folder.path())
        .run();
    output.assert_code(1);
    let archive = std::fs::read(folder.path().join("a.warc.gz")).expect("an archive");
    let all = records(&archive);
    assert_eq!(all[0].fields["warc-type"], "warcinfo");
    let count = |kind: &str| {
        all.iter()
            .filter(|record| record.fields["warc-type"] == kind)
            .count()
    };
    assert_eq!(
        count("request"),
        server.requests().len(),
        "robots.txt and redirects too"
    );
    assert_eq!(count("response") + count("revisit"), count("request"));
    // Which of the two came first is nobody's promise, and /new is asked for twice.
    assert_eq!(count("revisit"), 2);
    let of = |path: &str| {
        let url = server.url(path);
        let found = all.iter().find(|record| {
            record.fields["warc-type"] == "response"
                && record
                    .fields
                    .get("warc-target-uri")
                    .is_some_and(|uri| *uri == url)
        });
        found.unwrap_or_else(|| panic!("no response of {path}"))
    };
    assert!(of("/large").block.ends_with(&large));
    assert!(of("/").block.starts_with(b"HTTP/1.1 200 OK\r\n"));
    let head = String::from_utf8_lossy(&of("/").block).to_lowercase();
    assert!(!head.contains("transfer-encoding"), "{head}");
    assert!(of("/gone").block.starts_with(b"HTTP/1.1 404 Not Found\r\n"));
    assert_eq!(of("/moved").fields["warc-truncated"], "unspecified");
    for record in &all {
        assert!(!String::from_utf8_lossy(&record.block).contains("canary"));
        assert_eq!(
            record
                .fields
                .get("warc-ip-address")
                .map_or("127.0.0.1", |ip| ip),
            "127.0.0.1"
        );
    }
    warcio(&folder.path().join("a.warc.gz"));
}

#[test]
fn an_archive_is_whole_after_kills() {
    let server = Server::builder()
        .page("/robots.txt", Response::new(404))
        .prefix("/", |request| {
            let number: u32 = request.path().trim_start_matches('/').parse().unwrap_or(1);
            let links: String = [2 * number, 2 * number + 1]
                .iter()
                .filter(|link| **link <= 200)
                .map(|link| format!("<a href=/{link}>x</a>"))
                .collect();
            Response::html(format!("{number} {links}")).delay(Duration::from_millis(1))
        })
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let crawl = || {
        Dragnet::new()
            .args([
                "crawl",
                "--state",
                "s.db",
                "-f",
                "warc",
                "-o",
                "a.warc",
                "--per-host",
                "2",
                &server.url("/1"),
            ])
            .in_dir(folder.path())
    };
    for kill in [40, 90, 150] {
        let mut running = crawl().spawn();
        server.wait_for(kill, Duration::from_secs(60));
        running.kill9();
    }
    crawl().run().assert_code(0);
    let all = records(&std::fs::read(folder.path().join("a.warc")).expect("an archive"));
    let mut pages: Vec<_> = all
        .iter()
        .filter(|record| record.fields["warc-type"] == "response")
        .map(|record| record.fields["warc-target-uri"].clone())
        .filter(|uri| !uri.ends_with("/robots.txt"))
        .collect();
    pages.sort_unstable();
    pages.dedup();
    assert_eq!(pages.len(), 200);
    warcio(&folder.path().join("a.warc"));
}
