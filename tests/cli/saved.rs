//! `--save-dir`: bodies in files of their own, and how those go on that were cut.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::support::{Dragnet, Output, RawServer, Response, Script, Server, Step, closed_port};

fn fetch(folder: &Path, arguments: &[&str]) -> Output {
    Dragnet::new()
        .args(["fetch", "--save-dir", "kept"])
        .args(arguments)
        .args(["-f", "jsonl"])
        .in_dir(folder)
        .run()
}

/// Every file below the folder, with slashes.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let below = path.strip_prefix(folder).expect("below");
                found.push(below.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

/// Content that is not the same anywhere.
fn content(length: u32) -> Vec<u8> {
    (0..length)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

fn saved(folder: &Path, record: &Value) -> Vec<u8> {
    let name = record["saved"]
        .as_str()
        .unwrap_or_else(|| panic!("{record}"));
    fs::read(folder.join(name)).expect("the file that the record names")
}

#[test]
fn good_answers_are_kept_byte_for_byte_under_names_that_their_records_tell() {
    let large = content(3_000_000);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&large).expect("memory");
    let gzip = gzip.finish().expect("memory");
    let server = Server::pages([
        ("/", Response::html("<title>x</title>")),
        (
            "/large.bin",
            Response::new(200).body(large.clone()).chunked(7001),
        ),
        (
            "/coded.bin",
            Response::new(200)
                .field("content-encoding", "gzip")
                .body(gzip),
        ),
        ("/empty", Response::new(200)),
        ("/none", Response::new(204)),
        ("/gone", Response::new(404).body("not here")),
        ("/moved", Response::redirect(302, "/")),
    ]);
    let folder = tempfile::tempdir().expect("a folder");
    let urls = [
        "/",
        "/large.bin",
        "/coded.bin",
        "/empty",
        "/none",
        "/gone",
        "/moved",
        "/",
    ]
    .map(|path| server.url(path));
    let urls = urls.each_ref().map(String::as_str);
    let flags = ["-o", "a.csv", "-o", "a.sqlite", "--ordered"];
    let output = fetch(folder.path(), &[&flags[..], &urls].concat());
    output.assert_code(1);
    let records = output.json_lines();
    let folder = folder.path();
    assert_eq!(saved(folder, &records[0]), b"<title>x</title>");
    assert_eq!(saved(folder, &records[1]), large);
    assert_eq!(saved(folder, &records[2]), large);
    assert_eq!(records[2]["size"], 3_000_000);
    assert_eq!(saved(folder, &records[3]), b"");
    for missing in [&records[4], &records[5]] {
        assert_eq!(missing["saved"], Value::Null, "{missing}");
    }
    assert_eq!(
        saved(folder, &records[6]),
        b"<title>x</title>",
        "what it led to"
    );
    assert_ne!(records[6]["saved"], records[0]["saved"]);
    assert_eq!(
        records[7]["saved"], records[0]["saved"],
        "one URL, one file"
    );
    assert_eq!(files(&folder.join("kept")).len(), 5, "{:?}", files(folder));
    let name = records[1]["saved"].as_str().expect("a name");
    let start = format!("kept/127.0.0.1+{}/large~", server.address().port());
    assert!(
        name.strip_prefix(&start)
            .is_some_and(|rest| rest.len() == 26 + ".bin".len()),
        "{name}"
    );
    let table = fs::read_to_string(folder.join("a.csv")).expect("a table");
    assert!(
        table
            .lines()
            .next()
            .is_some_and(|names| names.contains(",saved,")),
        "{table}"
    );
    assert!(table.contains(name), "{table}");
    let database = rusqlite::Connection::open(folder.join("a.sqlite")).expect("a database");
    let count: u32 = database
        .query_row(
            "SELECT count(*) FROM visits WHERE saved = ?1",
            [name],
            |row| row.get(0),
        )
        .expect("a column");
    assert_eq!(count, 1);
    // The same again: the same files, and nothing else.
    let before = files(&folder.join("kept"));
    fetch(folder, &urls).assert_code(1);
    assert_eq!(files(&folder.join("kept")), before);
}

#[test]
fn nothing_leaves_the_folder_and_what_is_filtered_out_or_not_read_is_not_kept() {
    let server = Server::builder()
        .prefix("/", |request| Response::text(request.target.clone()))
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let hostile = [
        "/..%2f..%2f..%2fescape",
        "/%2e%2e/%2e%2e/escape",
        "/..%5c..%5cescape",
        "/a%00b",
        "/con",
        "/.bashrc",
        &format!("/{}", "x".repeat(3000)),
        "/A",
        "/a",
        "/a?x=/../../y",
    ]
    .map(|path| server.url(path));
    let hostile: Vec<_> = hostile.iter().map(String::as_str).collect();
    let output = fetch(folder.path(), &hostile);
    output.assert_code(0);
    let records = output.json_lines();
    for record in &records {
        let url = record["url"].as_str().expect("a URL");
        let path = &url[server.url("").len()..];
        assert_eq!(saved(folder.path(), record), path.as_bytes(), "{record}");
    }
    let kept = files(folder.path());
    assert_eq!(kept.len(), hostile.len(), "{kept:?}");
    let host = format!("kept/127.0.0.1+{}/", server.address().port());
    assert!(kept.iter().all(|name| name.starts_with(&host)), "{kept:?}");
    let other = tempfile::tempdir().expect("a folder");
    let flags = ["--match", "size<3B", "-X", "GET"];
    let output = fetch(other.path(), &[&flags[..], &hostile].concat());
    output.assert_code(0);
    assert_eq!(output.lines().len(), 2);
    assert_eq!(files(other.path()).len(), 2);
    fetch(other.path(), &["-X", "HEAD", &server.url("/head")]).assert_code(0);
    assert_eq!(files(other.path()).len(), 2);
}

/// An answer of 200 that ends after `sent` of the bytes that it announces.
fn cut(fields: &str, content: &[u8], sent: usize) -> Script {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{fields}\r\n",
        content.len()
    );
    vec![
        Step::send([head.as_bytes(), &content[..sent]].concat()),
        // Whatever has come is taken before the end does.
        Step::Pause(Duration::from_millis(50)),
        Step::Close,
    ]
}

/// The rest of it, as an answer of 206 names it; no type, as RFC 9110 has it where If-Range was sent.
fn rest(fields: &str, content: &[u8], from: usize) -> Script {
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\ncontent-length: {}\r\ncontent-range: bytes {from}-{}/{}\r\n{fields}\r\n",
        content.len() - from,
        content.len() - 1,
        content.len()
    );
    vec![Step::send([head.as_bytes(), &content[from..]].concat())]
}

const TAG: &str = "etag: \"v1\"\r\ncontent-type: text/html\r\n";
const OTHER: &str = "etag: \"v2\"\r\ncontent-type: text/html\r\n";
const DATED: &str =
    "last-modified: Sun, 06 Nov 1994 08:49:37 GMT\r\ndate: Sun, 06 Nov 1994 09:00:00 GMT\r\n";

#[test]
fn a_download_that_was_cut_goes_on_in_the_next_run_and_its_record_is_that_of_the_whole() {
    let mut page = b"<title>whole</title>".to_vec();
    page.extend(content(200_000));
    let server = RawServer::builder()
        .in_turn(
            "/tag",
            [
                cut(TAG, &page, 150_000),
                rest("etag: \"v1\"\r\n", &page, 149_999),
            ],
        )
        .in_turn(
            "/dated",
            [cut(DATED, &page, 150_000), rest("", &page, 149_999)],
        )
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let urls = [server.url("/tag"), server.url("/dated")];
    let urls = [urls[0].as_str(), &urls[1]];
    let flags = ["--retries", "0", "--hash", "--title", "--ordered"];
    let first = fetch(folder.path(), &[&flags[..], &urls].concat());
    first.assert_code(1);
    for record in first.json_lines() {
        assert_eq!(record["error"]["kind"], "truncated", "{record}");
        assert_eq!(record["saved"], Value::Null, "{record}");
    }
    let left = files(&folder.path().join("kept"));
    assert_eq!(left.len(), 4, "{left:?}");
    assert!(
        left.iter()
            .all(|name| name.contains(".part") || name.contains(".from")),
        "{left:?}"
    );
    let second = fetch(folder.path(), &[&flags[..], &urls].concat());
    second.assert_code(0);
    let records = second.json_lines();
    let whole = fetch(
        folder.path(),
        &[
            "--hash",
            "--title",
            &Server::pages([("/", Response::html(page.clone()))]).url("/"),
        ],
    );
    whole.assert_code(0);
    let whole = &whole.json_lines()[0];
    for (record, named) in records.iter().zip([true, false]) {
        assert_eq!(saved(folder.path(), record), page);
        assert_eq!(record["status"], 200, "{record}");
        assert_eq!(record["size"], page.len(), "{record}");
        assert_eq!(record["sha256"], whole["sha256"], "{record}");
        assert_eq!(
            record["title"].as_str(),
            named.then_some("whole"),
            "{record}"
        );
    }
    let asked = server.requests();
    for (path, validator) in [
        ("/tag", "\"v1\""),
        ("/dated", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ] {
        let asked: Vec<_> = asked
            .iter()
            .filter(|request| request.path() == path)
            .collect();
        assert_eq!(asked[0].field("range"), None);
        assert_eq!(asked[1].field("range"), Some("bytes=149999-"));
        assert_eq!(asked[1].field("if-range"), Some(validator));
        assert_eq!(asked[1].field("accept-encoding"), Some("identity"));
    }
    let left = files(&folder.path().join("kept"));
    assert!(
        left.iter()
            .all(|name| !name.contains(".part") && !name.contains(".from")),
        "{left:?}"
    );
}

#[test]
fn it_goes_on_in_the_next_try_too_and_begins_anew_where_the_content_is_another() {
    let (old, new) = (
        content(100_000),
        content(120_000).into_iter().rev().collect::<Vec<_>>(),
    );
    let good = |fields: &str, content: &[u8]| cut(fields, content, content.len());
    let refused = vec![Step::send(
        "HTTP/1.1 416 Range Not Satisfiable\r\ncontent-range: bytes */5\r\ncontent-length: 0\r\n\r\n",
    )];
    let elsewhere = rest(TAG, &old, 10);
    let server = RawServer::builder()
        // Cut twice, each time further on.
        .in_turn(
            "/again",
            [
                cut(TAG, &old, 60_000),
                {
                    let mut part = rest(TAG, &old, 59_999);
                    let Some(Step::Send(bytes)) = part.pop() else {
                        panic!("a step")
                    };
                    vec![
                        Step::Send(bytes.slice(..30_000)),
                        Step::Pause(Duration::from_millis(50)),
                        Step::Close,
                    ]
                },
                rest(TAG, &old, 0),
                good(OTHER, &new),
            ],
        )
        .in_turn("/changed", [cut(TAG, &old, 60_000), good(OTHER, &new)])
        .in_turn(
            "/mixed",
            [
                cut(TAG, &old, 60_000),
                rest(OTHER, &new, 59_999),
                good(OTHER, &new),
            ],
        )
        .in_turn(
            "/refused",
            [cut(TAG, &old, 60_000), refused, good(OTHER, &new)],
        )
        .in_turn(
            "/elsewhere",
            [cut(TAG, &old, 60_000), elsewhere, good(OTHER, &new)],
        )
        .in_turn(
            "/weak",
            [cut("etag: W/\"v1\"\r\n", &old, 60_000), good("", &new)],
        )
        .start();
    for (path, expected, requests) in [
        ("/changed", &new, 2),
        ("/mixed", &new, 3),
        ("/refused", &new, 3),
        ("/elsewhere", &new, 3),
        ("/weak", &new, 2),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let output = fetch(
            folder.path(),
            &["--retries", "1", "--max-wait", "1m", &server.url(path)],
        );
        output.assert_code(0);
        let record = &output.json_lines()[0];
        assert_eq!(&saved(folder.path(), record), expected, "{path}");
        assert_eq!(record["size"], expected.len(), "{path}");
        assert_eq!(server.count(path), requests, "{path}");
        assert_eq!(
            files(folder.path()).len(),
            1,
            "{path}: {:?}",
            files(folder.path())
        );
    }
    let asked = server.requests();
    let weak: Vec<_> = asked
        .iter()
        .filter(|request| request.path() == "/weak")
        .collect();
    assert_eq!(
        weak[1].field("range"),
        None,
        "a weak validator puts no bytes together"
    );
    // What a server says is checked: the third answer here begins at another byte than the one that was asked for.
    let folder = tempfile::tempdir().expect("a folder");
    let output = fetch(folder.path(), &["--retries", "2", &server.url("/again")]);
    output.assert_code(0);
    assert_eq!(saved(folder.path(), &output.json_lines()[0]), new);
    let asked = server.requests();
    let again: Vec<_> = asked
        .iter()
        .filter(|request| request.path() == "/again")
        .collect();
    assert_eq!(again[1].field("range"), Some("bytes=59999-"));
    let third = again[2].field("range").expect("it goes on");
    assert!(third > "bytes=89000-" && third < "bytes=90000-", "{third}");
}

#[test]
fn a_body_that_is_too_large_or_cannot_go_on_leaves_nothing() {
    let page = content(100_000);
    let server = RawServer::builder()
        .path("/large", cut(TAG, &page, 60_000))
        .path("/none", cut("", &page, 60_000))
        .path("/endless", {
            let head =
                format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n{TAG}\r\n186A0\r\n");
            vec![
                Step::send([head.as_bytes(), &page, b"\r\n"].concat()),
                Step::Hold,
            ]
        })
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let urls = [
        server.url("/large"),
        server.url("/none"),
        server.url("/endless"),
    ];
    let flags = ["--retries", "0", "--max-size", "90KiB"];
    fetch(
        folder.path(),
        &[&flags[..], &[&urls[0], &urls[1], &urls[2]]].concat(),
    )
    .assert_code(1);
    assert_eq!(files(folder.path()), [""; 0]);
}

#[test]
fn a_folder_that_cannot_be_and_a_full_disk_are_exit_2() {
    let server = Server::pages([("/", Response::new(200).body(content(2_000_000)))]);
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("kept"), "a file").expect("a file");
    let output = fetch(folder.path(), &[&server.url("/")]);
    output.assert_code(2);
    assert!(
        output.stderr.contains("cannot save bodies in kept"),
        "{}",
        output.stderr
    );
    assert_eq!(server.requests().len(), 0, "before any request");
    assert_eq!(
        fs::read_to_string(folder.path().join("kept")).expect("a file"),
        "a file"
    );
    // A file of at most a mebibyte stands for a disk that is full.
    let output = Dragnet::with_file_size(2048)
        .args(["fetch", "--save-dir", "here", &server.url("/")])
        .in_dir(folder.path())
        .run();
    output.assert_code(2);
    assert!(
        output.stderr.contains("cannot save bodies in here: "),
        "{}",
        output.stderr
    );
    assert_eq!(files(&folder.path().join("here")), [""; 0]);
}

#[test]
fn a_crawl_keeps_what_it_visits_and_robots_txt_is_none_of_that() {
    let server = Server::pages([
        ("/", Response::html("<a href=a>a</a><a href=b.pdf>b</a>")),
        ("/a", Response::html("<p>a")),
        ("/b.pdf", Response::content("application/pdf", "b")),
        ("/robots.txt", Response::text("User-agent: *\nDisallow:")),
    ]);
    let folder = tempfile::tempdir().expect("a folder");
    let output = Dragnet::new()
        .args([
            "crawl",
            "-f",
            "jsonl",
            "--save-dir",
            "kept",
            &server.url("/"),
        ])
        .in_dir(folder.path())
        .run();
    output.assert_code(0);
    for record in output.json_lines() {
        assert_eq!(record["size"], saved(folder.path(), &record).len());
    }
    assert_eq!(files(folder.path()).len(), 3);
}

#[test]
fn kills_at_any_moment_leave_every_line_its_file_and_no_file_cut() {
    const LINES: u64 = 120;
    let length = |number: u64| 1000 + u32::try_from(number * 977 % 200_000).expect("small");
    let server = Server::builder()
        .prefix("/", move |request| {
            let number: u64 = request.path()[1..].parse().expect("a number");
            Response::new(200)
                .body(content(length(number)))
                .delay(Duration::from_millis(number % 7))
        })
        .start();
    let list: String = (0..LINES)
        .map(|number| server.url(&format!("/{number}\n")))
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    let mut lives = 0;
    loop {
        let mut run = Dragnet::new()
            .args([
                "fetch",
                "--state",
                "state.db",
                "-o",
                "out.jsonl",
                "--save-dir",
                "kept",
            ])
            .stdin_text(list.clone())
            .in_dir(folder.path())
            .spawn();
        std::thread::sleep(Duration::from_millis(60 + 40 * lives));
        if !run.is_running() {
            run.wait().assert_code(0);
            break;
        }
        run.kill9();
        run.wait();
        lives += 1;
        for name in files(folder.path()) {
            // Whoever has a name is whole.
            let Some((_, tail)) = name.split_once('~').filter(|(_, tail)| !tail.contains('.'))
            else {
                continue;
            };
            assert_eq!(tail.len(), 26, "{name}");
            let number = name
                .rsplit('/')
                .next()
                .and_then(|file| file.split('~').next());
            let number = number
                .and_then(|number| number.parse().ok())
                .expect("a number");
            let found = fs::read(folder.path().join(&name)).expect("a file");
            assert_eq!(found, content(length(number)), "{name}");
        }
    }
    assert!(lives > 0, "it was killed at least once");
    let text = fs::read_to_string(folder.path().join("out.jsonl")).expect("the output");
    let records: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(records.len() as u64, LINES);
    for record in &records {
        let number = record["line"].as_u64().expect("a line") - 1;
        assert_eq!(
            saved(folder.path(), record),
            content(length(number)),
            "{record}"
        );
    }
}

#[test]
fn the_end_of_a_run_leaves_what_can_go_on() {
    let page = content(100_000);
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{TAG}\r\n",
        page.len()
    );
    let server = RawServer::builder()
        .in_turn(
            "/slow",
            [
                vec![
                    Step::send([head.as_bytes(), &page[..70_000]].concat()),
                    Step::Hold,
                ],
                rest(TAG, &page, 69_999),
            ],
        )
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let output = fetch(folder.path(), &["--max-time", "1s", &server.url("/slow")]);
    output.assert_code(0);
    assert_eq!(output.json_lines()[0]["error"]["kind"], "interrupted");
    let output = fetch(folder.path(), &[&server.url("/slow")]);
    output.assert_code(0);
    assert_eq!(saved(folder.path(), &output.json_lines()[0]), page);
    // Nobody answers: there is nothing, and no folder for it.
    let nobody = closed_port();
    fetch(folder.path(), &["--retries", "0", &nobody.url("/x")]).assert_code(1);
    assert_eq!(files(folder.path()).len(), 1);
}

#[test]
fn files_take_their_share_of_descriptors_and_nothing_is_broken_for_want_of_them() {
    let large = content(150_000);
    let server = Server::builder()
        .prefix("/", move |_| Response::new(200).body(large.clone()))
        .start();
    let list: String = (0..300)
        .map(|number| server.url(&format!("/{number}\n")))
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    let output = Dragnet::with_descriptors(100)
        .args(["fetch", "-c", "300", "--per-host", "300"])
        .args(["--save-dir", "kept", "-f", "jsonl"])
        .stdin_text(list)
        .in_dir(folder.path())
        .run();
    output.assert_code(0);
    assert_eq!(files(&folder.path().join("kept")).len(), 300);
    assert!(output.stderr.contains("100 files"), "{}", output.stderr);
}
