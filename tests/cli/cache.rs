//! `--cache`: what is asked for again, what its record holds, and which file is a cache at all.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::Connection;
use serde_json::Value;

use crate::support::{Dragnet, Output, RawServer, Request, Response, Server, Step};

const PAGE: &str = "<html><title>A page</title><a href=/b>b</a><p class=x>found</p></html>";

/// A page that can be asked about, and its answer where it is what it was.
fn known(request: &Request, tag: &str, page: Response) -> Response {
    let same = request.field("if-none-match") == Some(tag);
    let answer = if same { Response::new(304) } else { page };
    answer.field("etag", tag)
}

fn server() -> Server {
    Server::builder()
        .route("/a", |request| {
            known(request, "W/\"a\"", Response::html(PAGE))
        })
        .route("/b", |request| {
            let page = Response::html("<title>b</title><a href=/a>a</a><a href=/c>c</a>");
            known(request, "\"b\"", page)
        })
        .route("/c", |request| {
            let since = "Sun, 06 Nov 1994 08:49:37 GMT";
            let same = request.field("if-modified-since") == Some(since);
            let page = Response::content("application/pdf", "x".repeat(700_000));
            let answer = if same { Response::new(304) } else { page };
            answer.field("last-modified", since)
        })
        .start()
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Dragnet::new().args(arguments).in_dir(folder).run()
}

/// A record without what differs from run to run.
fn lasting(record: &Value) -> Value {
    let mut record = record.clone();
    if let Some(fields) = record.as_object_mut() {
        for name in ["timing", "cached", "remote_addr"] {
            fields.remove(name);
        }
    }
    record
}

#[test]
fn the_record_of_what_has_not_changed_is_as_complete_as_a_fresh_one() {
    let server = server();
    let folder = tempfile::tempdir().expect("a folder");
    let urls = ["/a", "/b", "/c"].map(|path| server.url(path));
    let urls = urls.each_ref().map(String::as_str);
    let flags = [
        "fetch",
        "-f",
        "jsonl",
        "--cache",
        "--ordered",
        "--title",
        "--links",
        "--hash",
        "--select",
        "x=.x",
    ];
    let all = [&flags[..], &urls].concat();
    let fresh = run(folder.path(), &all);
    fresh.assert_code(0);
    let again = run(folder.path(), &all);
    again.assert_code(0);
    for (number, (fresh, again)) in fresh
        .json_lines()
        .iter()
        .zip(again.json_lines())
        .enumerate()
    {
        assert_eq!(lasting(fresh), lasting(&again));
        assert_eq!(fresh["cached"], Value::Null);
        // A value is looked for in what is too large to be stored: it is asked for as if nothing was known.
        assert_eq!(
            again["cached"].as_bool(),
            (number < 2).then_some(true),
            "{again}"
        );
    }
    assert_eq!(fresh.json_lines()[0]["title"], "A page");
    assert!(folder.path().join(".dragnetcache").is_file());
    let asked = server.requests();
    assert_eq!(asked.len(), 6);
    let tags: Vec<_> = asked
        .iter()
        .filter_map(|request| request.field("if-none-match"))
        .collect();
    assert_eq!(tags.len(), 2, "{tags:?}");
    // Where nobody looks into the content, its facts will do, and so does its digest.
    for flags in [&[][..], &["--hash"]] {
        let facts = [&["fetch", "-f", "jsonl", "--cache"][..], flags, &urls[2..]].concat();
        let record = &run(folder.path(), &facts).json_lines()[0];
        assert_eq!(record["cached"], true, "{record}");
        assert_eq!(record["size"], 700_000, "{record}");
        let digest = &fresh.json_lines()[2]["sha256"];
        assert!(flags.is_empty() || record["sha256"] == *digest, "{record}");
    }
}

#[test]
fn what_is_stored_is_asked_about_only_where_it_can_serve_and_what_is_new_takes_its_place() {
    let version = Arc::new(AtomicU32::new(1));
    let now = Arc::clone(&version);
    let server = Server::builder()
        .route("/", move |request| {
            let version = now.load(Ordering::Relaxed);
            let page = Response::html(format!("<title>{version}</title>"));
            known(request, &format!("\"{version}\""), page)
        })
        .route("/large", |request| {
            let content = Response::new(200).body("x".repeat(700_000));
            known(request, "\"l\"", content)
        })
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let url = server.url("/");
    let fetch = |flags: &[&str]| {
        let all = [
            &["fetch", "--cache=my.cache"][..],
            flags,
            &["-f", "jsonl", &url],
        ]
        .concat();
        let output = run(folder.path(), &all);
        output.assert_code(0);
        let asked = server.requests();
        let last = asked
            .last()
            .and_then(|request| request.field("if-none-match"));
        (output.json_lines().remove(0), last.map(str::to_owned))
    };
    let (record, asked) = fetch(&[]);
    assert_eq!((&record["cached"], asked), (&Value::Null, None));
    // Its facts are there, and its content is not.
    let (record, asked) = fetch(&["--title"]);
    assert_eq!((&record["title"], asked), (&"1".into(), None));
    let (record, asked) = fetch(&["--title"]);
    assert_eq!(record["title"], "1");
    assert_eq!(
        (&record["cached"], asked.as_deref()),
        (&true.into(), Some("\"1\""))
    );
    version.store(2, Ordering::Relaxed);
    let (record, asked) = fetch(&["--title"]);
    assert_eq!(
        (&record["title"], asked.as_deref()),
        (&"2".into(), Some("\"1\""))
    );
    assert_eq!(record["cached"], Value::Null);
    let (record, asked) = fetch(&["--body"]);
    assert_eq!(
        (&record["body"], asked.as_deref()),
        (&"<title>2</title>".into(), Some("\"2\""))
    );
    assert_eq!(record["cached"], true);
    let (_, asked) = fetch(&["--title", "--max-cache-age", "0s"]);
    assert_eq!(asked, None, "nothing counts that is so old");
    // Servers answer differently by who asks.
    let (_, asked) = fetch(&["-A", "another/1.0"]);
    assert_eq!(asked, None);
    // With a folder for bodies, content comes from the cache too.
    let (record, asked) = fetch(&["--save-dir", "kept", "--title"]);
    assert_eq!(
        (&record["cached"], asked.as_deref()),
        (&true.into(), Some("\"2\""))
    );
    let name = record["saved"].as_str().expect("a file");
    let content = fs::read_to_string(folder.path().join(name)).expect("a file");
    assert_eq!(content, "<title>2</title>");
    // What is too large for the cache is in the folder already, unless somebody has changed it.
    let file = server.url("/large");
    let save = || {
        let flags = [
            "fetch",
            "--cache=my.cache",
            "--save-dir",
            "kept",
            "-f",
            "jsonl",
            &file,
        ];
        let output = run(folder.path(), &flags);
        output.assert_code(0);
        let record = output.json_lines().remove(0);
        let name = folder
            .path()
            .join(record["saved"].as_str().expect("a file"));
        let length = fs::metadata(&name).expect("a file").len();
        assert_eq!(length, 700_000, "{record}");
        (record["cached"] == true, name)
    };
    assert!(!save().0);
    let (cached, name) = save();
    assert!(cached);
    fs::write(&name, "x".repeat(699_999) + "y").expect("a file");
    assert!(!save().0);
    let content = fs::read(&name).expect("a file");
    assert!(content.iter().all(|byte| *byte == b'x'));
    // An archive keeps what went over the wire.
    let (_, asked) = fetch(&["-o", "a.warc"]);
    assert_eq!(asked, None);
}

#[test]
fn a_crawl_goes_on_from_pages_that_have_not_changed() {
    let server = server();
    let folder = tempfile::tempdir().expect("a folder");
    let url = server.url("/a");
    let crawl = |flags: &[&str]| {
        let output = run(
            folder.path(),
            &[&["crawl", "--cache"][..], flags, &["-f", "jsonl", &url]].concat(),
        );
        output.assert_code(0);
        let mut records = output.json_lines();
        records.sort_by_key(|record| record["url"].to_string());
        records
    };
    let fresh = crawl(&[]);
    let again = crawl(&[]);
    assert_eq!(fresh.len(), 3);
    for (fresh, again) in fresh.iter().zip(&again) {
        assert_eq!(lasting(fresh), lasting(again));
        assert_eq!(again["cached"], true, "{again}");
    }
    crawl(&["-o", "mirror/"]);
    let host = format!("mirror/127.0.0.1+{}", server.address().port());
    let page = fs::read_to_string(folder.path().join(host).join("a.html")).expect("a page");
    assert!(
        page.contains("href=\"b.html\"") || page.contains("href=b.html"),
        "{page}"
    );
}

#[test]
fn what_failed_and_what_says_who_asks_is_not_remembered() {
    const SECRET: &str = "hunter2canary";
    let server = Server::builder()
        .prefix("/", |request| {
            let page = Response::html(PAGE).field("set-cookie", "session=cookiecanary");
            match request.path() {
                "/no-store" => page
                    .field("etag", "\"a\"")
                    .field("cache-control", "no-store"),
                "/vary" => page.field("etag", "\"a\"").field("vary", "*"),
                "/gone" => Response::new(404).field("etag", "\"a\""),
                _ => page.field("etag", "\"a\""),
            }
        })
        .start();
    let cut = RawServer::builder()
        .path(
            "/cut",
            vec![
                Step::send("HTTP/1.1 200 OK\r\netag: \"a\"\r\ncontent-length: 50\r\n\r\ncut"),
                Step::Close,
            ],
        )
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let with_login = server
        .url("/login")
        .replace("http://", &format!("http://user:{SECRET}@"));
    let field = format!("X-Api-Key: {SECRET}");
    let object = format!(
        "{{\"url\":\"{}\",\"headers\":{{\"Authorization\":\"{SECRET}\"}}}}",
        server.url("/object")
    );
    fs::write(folder.path().join("list"), object).expect("a list");
    let file = folder.path().join("jar");
    fs::write(&file, "127.0.0.1\tFALSE\t/\tFALSE\t0\tname\tvalue\n").expect("a jar");
    let (plain, cut) = (server.url("/plain"), cut.url("/cut"));
    let [no_store, vary, gone, keyed, cookie] =
        ["/no-store", "/vary", "/gone", "/keyed", "/cookie"].map(|path| server.url(path));
    for flags in [
        &[no_store.as_str(), &vary, &gone][..],
        &[&with_login],
        &["-H", &field, &keyed],
        &["--input", "list"],
        &["--cookie-jar", "jar", &cookie],
        &["--retries", "0", &cut],
        &["-X", "POST", &plain],
        &["--range", "0-3", &plain],
    ] {
        run(
            folder.path(),
            &[
                &["fetch", "--title", "--cache", "--fail-on", "never"],
                flags,
            ]
            .concat(),
        )
        .assert_code(0);
    }
    let stored = || {
        let database = Connection::open(folder.path().join(".dragnetcache")).expect("a database");
        let mut rows = database
            .prepare("SELECT url FROM answers")
            .expect("a table");
        let rows = rows
            .query_map([], |row| row.get::<_, String>(0))
            .expect("rows");
        rows.collect::<Result<Vec<_>, _>>().expect("rows")
    };
    assert_eq!(stored(), [""; 0]);
    run(folder.path(), &["fetch", "--title", "--cache", &plain]).assert_code(0);
    assert_eq!(stored(), [plain]);
    for name in [".dragnetcache", ".dragnetcache-wal"] {
        let bytes = fs::read(folder.path().join(name)).unwrap_or_default();
        for canary in [SECRET, "cookiecanary"] {
            assert!(
                !bytes
                    .windows(canary.len())
                    .any(|part| part == canary.as_bytes()),
                "{name}"
            );
        }
    }
}

#[test]
fn a_file_that_is_no_cache_is_exit_2_and_stays_as_it_is() {
    let server = server();
    let folder = tempfile::tempdir().expect("a folder");
    let url = server.url("/a");
    fs::write(folder.path().join("notes"), "my notes").expect("a file");
    let output = run(folder.path(), &["fetch", "--cache=notes", &url]);
    output.assert_code(2);
    assert!(
        output
            .stderr
            .contains("cannot use the cache notes: it is no cache"),
        "{}",
        output.stderr
    );
    assert_eq!(
        fs::read(folder.path().join("notes")).expect("a file"),
        b"my notes"
    );
    run(
        folder.path(),
        &["fetch", "--state", "state.db", "-o", "x.jsonl", &url],
    )
    .assert_code(0);
    let before = fs::read(folder.path().join("state.db")).expect("a file");
    run(folder.path(), &["fetch", "--cache=state.db", &url]).assert_code(2);
    assert_eq!(
        fs::read(folder.path().join("state.db")).expect("a file"),
        before
    );
    run(folder.path(), &["fetch", "--cache=/", &url]).assert_code(2);
    run(folder.path(), &["fetch", "--cache=no/such/folder", &url]).assert_code(2);
    let output = run(folder.path(), &["fetch", "--max-cache-age", "1d", &url]);
    output.assert_code(2);
    assert!(output.stderr.contains("give --cache"), "{}", output.stderr);
    assert_eq!(
        server.count("/a"),
        1,
        "the run with a state alone has asked"
    );
}

#[test]
fn runs_at_the_same_time_share_a_file() {
    let server = Server::builder()
        .prefix("/", |request| {
            let tag = format!("\"{}\"", request.path());
            known(request, &tag, Response::html(PAGE))
        })
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let list: String = (0..300)
        .map(|number| server.url(&format!("/{number}\n")))
        .collect();
    let fetch = || {
        Dragnet::new()
            .args(["fetch", "--title", "--cache", "-f", "jsonl"])
            .stdin_text(list.clone())
            .in_dir(folder.path())
    };
    let running: Vec<_> = (0..4).map(|_| fetch().spawn()).collect();
    for run in running {
        let output = run.wait();
        output.assert_code(0);
        assert_eq!(output.lines().len(), 300);
        assert!(!output.stderr.contains("cannot use"), "{}", output.stderr);
    }
    let after = fetch().run();
    assert!(
        after
            .json_lines()
            .iter()
            .all(|record| record["cached"] == true)
    );
    let database = Connection::open(folder.path().join(".dragnetcache")).expect("a database");
    let whole: String = database
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("a database");
    assert_eq!(whole, "ok");
}

/// What a check says of each link: its text, its outcome, and whether it was asked for.
fn checked(folder: &Path, flags: &[&str]) -> Vec<(String, String, bool)> {
    let all = [&["check", "-f", "jsonl", "page.md"][..], flags].concat();
    let output = run(folder, &all);
    let records = output.json_lines();
    let row = |record: &Value| {
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        (text("input"), text("outcome"), record["cached"] != true)
    };
    records.iter().map(row).collect()
}

#[test]
fn a_check_does_not_ask_again_for_what_was_good_while_that_counts() {
    let server = Server::builder()
        .page("/good", Response::html("<p id=there>x"))
        .page("/moved", Response::redirect(301, "/good"))
        .page("/bad", Response::new(404))
        .prefix("/many", |_| Response::text("x"))
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let links = [
        "/good",
        "/good#there",
        "/good#not",
        "/moved",
        "/bad",
        "/plain#x",
    ]
    .map(|path| server.url(path));
    let page: String = links.iter().map(|link| format!("<{link}>\n")).collect();
    fs::write(folder.path().join("page.md"), page).expect("a page");
    let fresh = checked(folder.path(), &["--cache"]);
    let outcomes: Vec<_> = fresh
        .iter()
        .map(|(_, outcome, _)| outcome.as_str())
        .collect();
    assert_eq!(outcomes, ["ok", "ok", "broken", "ok", "broken", "broken"]);
    let before = server.requests().len();
    let again = checked(folder.path(), &["--cache"]);
    let asked: Vec<_> = server.requests()[before..]
        .iter()
        .map(|request| request.path().to_owned())
        .collect();
    assert!(
        asked.iter().all(|path| path == "/bad" || path == "/plain"),
        "{asked:?}"
    );
    for ((input, was, _), (_, is, asked)) in fresh.iter().zip(&again) {
        assert_eq!(was, is, "{input}");
        let known = input.contains("/good") || input.contains("/moved");
        assert_eq!(*asked, !known, "{input}");
    }
    // The record says where it led, and that nobody was asked.
    let output = run(
        folder.path(),
        &["check", "-f", "jsonl", "--cache", "page.md"],
    );
    assert!(
        output.stderr.contains("; 4 from the cache; "),
        "{}",
        output.stderr
    );
    let moved = &output.json_lines()[3];
    assert_eq!(moved["final_url"], server.url("/good"), "{moved}");
    assert_eq!(moved["redirects"][0]["status"], 301, "{moved}");
    assert_eq!(
        (&moved["attempts"], &moved["timing"]),
        (&Value::Null, &Value::Null),
        "{moved}"
    );
    for flags in [
        &["--cache", "--max-cache-age", "0s"][..],
        &["--cache", "--accept", "200"],
        &["--cache", "-A", "another/1.0"],
        &["--cache", "--private", "allow"],
        &[],
    ] {
        let all = checked(folder.path(), flags);
        assert!(all.iter().all(|(_, _, asked)| *asked), "{flags:?}: {all:?}");
    }
    // What was only looked for is asked for once more where its anchors are needed.
    let other = tempfile::tempdir().expect("a folder");
    for (link, asked) in [
        ("/good", true),
        ("/good", false),
        ("/good#there", true),
        ("/good#there", false),
        ("/good", false),
    ] {
        fs::write(
            other.path().join("page.md"),
            format!("<{}>", server.url(link)),
        )
        .expect("a page");
        let seen = checked(other.path(), &["--cache"]);
        assert_eq!(seen, [(server.url(link), "ok".to_owned(), asked)]);
    }
}

#[test]
fn links_that_are_known_take_no_turn_of_their_host() {
    let server = Server::builder()
        .prefix("/many", |_| Response::text("x"))
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let page: String = (0..50)
        .map(|number| format!("<{}>\n", server.url(&format!("/many{number}"))))
        .collect();
    fs::write(folder.path().join("page.md"), page).expect("a page");
    assert_eq!(checked(folder.path(), &["--cache"]).len(), 50);
    let before = server.requests().len();
    // With a minute between two requests, fifty would take longer than a test may.
    let again = checked(folder.path(), &["--cache", "--delay", "1m"]);
    assert!(
        again
            .iter()
            .all(|(_, outcome, asked)| outcome == "ok" && !asked)
    );
    assert_eq!(server.requests().len(), before);
}
