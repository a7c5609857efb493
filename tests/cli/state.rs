//! Resuming: nothing lost, nothing twice, in the state and in each output, also after kill -9.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use crate::support::{Dragnet, Output, Response, Server};

/// How many pages the made-up site has.
const PAGES: u32 = 400;

/// A site whose page n links to 2n and 2n + 1, and to some others; a few pages are gone.
fn site() -> Server {
    Server::builder()
        .prefix("/", |request| {
            let number: u32 = request.path().trim_start_matches('/').parse().unwrap_or(1);
            if number.is_multiple_of(37) {
                return Response::new(404);
            }
            let links: String = [2 * number, 2 * number + 1, number / 2, 1, 3]
                .iter()
                .filter(|link| **link >= 1 && **link <= PAGES)
                .map(|link| format!("<a href=/{link}>{link}</a>\n"))
                .collect();
            Response::html(format!("<title>Page {number}</title>{links}"))
                .delay(Duration::from_millis(1))
        })
        .page("/robots.txt", Response::new(404))
        .start()
}

/// What can be reached from page 1 past the pages that are gone.
fn reachable() -> Vec<u32> {
    let mut found = vec![1];
    let mut at = 0;
    while let Some(&number) = found.get(at) {
        at += 1;
        for link in [2 * number, 2 * number + 1, number / 2, 3] {
            if number % 37 != 0 && (1..=PAGES).contains(&link) && !found.contains(&link) {
                found.push(link);
            }
        }
    }
    found.sort_unstable();
    found
}

fn crawl(folder: &Path, seed: &str) -> Dragnet {
    Dragnet::new()
        .args([
            "crawl",
            "--state",
            "state.db",
            "-o",
            "out.jsonl",
            "-f",
            "text",
            "-o",
            "out.txt",
            "--per-host",
            "8",
        ])
        .arg(seed)
        .in_dir(folder)
}

/// Each reachable page once in the file and once in the state.
fn assert_complete(folder: &Path, server: &Server) {
    let text = std::fs::read_to_string(folder.join("out.jsonl")).expect("the output");
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    for line in text.lines() {
        let record: serde_json::Value = serde_json::from_str(line).expect("whole lines only");
        *times
            .entry(record["url"].as_str().expect("a url").to_owned())
            .or_default() += 1;
    }
    let expected: BTreeMap<_, _> = reachable()
        .iter()
        .map(|number| (server.url(&format!("/{number}")), 1))
        .collect();
    assert_eq!(times, expected);
    let lines = std::fs::read_to_string(folder.join("out.txt"))
        .expect("the output")
        .lines()
        .count();
    assert_eq!(lines, expected.len());
    let state = Connection::open(folder.join("state.db")).expect("the state");
    let count = |sql: &str| {
        state
            .query_row(sql, [], |row| row.get::<_, u32>(0))
            .expect("a number") as usize
    };
    assert_eq!(count("SELECT count(*) FROM visits"), expected.len());
    assert_eq!(
        count("SELECT count(DISTINCT url) FROM visits"),
        expected.len()
    );
    assert_eq!(
        count("SELECT count(*) FROM targets LEFT JOIN visits USING (id) WHERE visits.id IS NULL"),
        0
    );
    let committed = count("SELECT committed FROM outputs WHERE position = 0");
    assert_eq!(committed, text.len());
}

fn kill_and_resume(rounds: u32) {
    let server = site();
    let mut kills = 0;
    // A generator of our own, so that a failure can be run again.
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    while kills < rounds {
        let folder = tempfile::tempdir().expect("a folder");
        let seed = server.url("/1");
        // A machine that is busy must be given time for a first commit, or nothing would ever be done.
        let mut lives = 0;
        loop {
            let mut run = crawl(folder.path(), &seed).spawn();
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            std::thread::sleep(Duration::from_millis(5 + random % (250 + 20 * lives)));
            if run.is_running() {
                run.kill9();
                kills += 1;
                lives += 1;
                run.wait();
                continue;
            }
            run.wait().assert_code(1);
            break;
        }
        assert_complete(folder.path(), &server);
    }
}

#[test]
fn kills_at_any_moment_lose_nothing_and_do_nothing_twice() {
    kill_and_resume(200);
}

#[test]
#[ignore = "the long form: cargo test --test cli -- --ignored thousand"]
fn a_thousand_kills() {
    kill_and_resume(1000);
}

#[test]
fn the_same_command_goes_on_after_an_interruption_and_does_nothing_after_the_end() {
    let server = site();
    let folder = tempfile::tempdir().expect("a folder");
    let seed = server.url("/1");
    let run = crawl(folder.path(), &seed).spawn();
    server.wait_for(40, Duration::from_secs(20));
    run.signal("INT");
    run.wait().assert_code(130);
    let before = server.requests().len();
    let output = crawl(folder.path(), &seed).run();
    output.assert_code(1);
    assert_complete(folder.path(), &server);
    let again = server.requests().len() - before;
    assert!(
        again < reachable().len(),
        "only what was missing was asked for: {again}"
    );
    let total = format!("{} URLs", reachable().len());
    assert!(
        output.stderr.contains(&total),
        "the summary is of the whole crawl: {}",
        output.stderr
    );
    let asked = server.requests().len();
    let output = crawl(folder.path(), &seed).run();
    output.assert_code(1);
    assert!(
        output.stderr.contains("had finished") && output.stderr.contains(&total),
        "{}",
        output.stderr
    );
    assert_eq!(server.requests().len(), asked, "finished means finished");
    assert_complete(folder.path(), &server);
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
fn a_state_is_refused_when_the_command_or_its_outputs_are_others() {
    let server = site();
    let folder = tempfile::tempdir().expect("a folder");
    let crawl = |arguments: &[&str], seed: &str| {
        Dragnet::new()
            .args(["crawl", "--state", "state.db", "--depth", "2"])
            .args(arguments)
            .arg(server.url(seed))
            .in_dir(folder.path())
            .run()
    };
    crawl(&["-o", "out.jsonl"], "/1").assert_code(0);
    refused(
        &crawl(&["-o", "out.jsonl"], "/2"),
        &["state.db", "seeds", "--fresh"],
    );
    refused(
        &crawl(&["-o", "out.jsonl", "--scope", "any"], "/1"),
        &["scope host (now any)"],
    );
    refused(
        &crawl(&["-o", "other.jsonl"], "/1"),
        &["outputs", "other.jsonl"],
    );
    assert!(!folder.path().join("other.jsonl").exists());
    // What does not decide about records may change.
    crawl(
        &[
            "-o",
            "out.jsonl",
            "-c",
            "3",
            "--timeout",
            "9s",
            "--retries",
            "0",
        ],
        "/1",
    )
    .assert_code(0);
    crawl(&["-o", "out.jsonl", "--fresh"], "/2").assert_code(0);
}

#[test]
fn an_output_that_is_shorter_than_was_committed_is_refused() {
    let server = site();
    let folder = tempfile::tempdir().expect("a folder");
    let run = crawl(folder.path(), &server.url("/1"))
        .args(["--delay", "10ms"])
        .spawn();
    // Past the first commit, and long before the end.
    server.wait_for(60, Duration::from_secs(20));
    run.signal("INT");
    run.wait();
    let path = folder.path().join("out.jsonl");
    let kept = std::fs::read(&path).expect("the output");
    assert!(!kept.is_empty());
    std::fs::write(&path, &kept[..kept.len() / 2]).expect("the output");
    let output = crawl(folder.path(), &server.url("/1")).run();
    refused(&output, &["out.jsonl", "shorter"]);
    std::fs::write(&path, [kept.as_slice(), b"{\"half a reco"].concat()).expect("the output");
    crawl(folder.path(), &server.url("/1")).run().assert_code(1);
    assert_complete(folder.path(), &server);
}

#[test]
fn pages_links_and_errors_can_be_asked_for_while_it_runs() {
    let server = Server::builder()
        .page("/robots.txt", Response::new(404))
        .page(
            "/",
            Response::html("<title>Home</title><a href=/gone>x</a><a href=/last>y</a>"),
        )
        .page("/last", Response::text("x").delay(Duration::from_secs(60)))
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let run = Dragnet::new()
        .args(["crawl", "--state", "state.db", &server.url("/")])
        .in_dir(folder.path())
        .spawn();
    server.wait_for(4, Duration::from_secs(20));
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let state = Connection::open_with_flags(folder.path().join("state.db"), flags);
    let state = state.expect("a reader is let in");
    let ask = |text: &str| -> Vec<String> {
        let mut rows = state.prepare(text).expect("a question");
        let rows = rows.query_map([], |row| row.get(0)).expect("rows");
        rows.map(|row| row.expect("text")).collect()
    };
    // The commit comes within a quarter of a second, and a little more on a busy machine.
    let begun = std::time::Instant::now();
    while ask("SELECT url FROM errors").is_empty() && begun.elapsed() < Duration::from_secs(20) {
        std::thread::yield_now();
    }
    assert_eq!(
        ask("SELECT title FROM pages WHERE outcome = 'ok'"),
        ["Home"]
    );
    assert_eq!(
        ask("SELECT url || ' ' || message FROM errors"),
        [server.url("/gone 404 Not Found")]
    );
    let links = ["/gone", "/last"].map(|path| format!("{} {}", server.url("/"), server.url(path)));
    assert_eq!(
        ask("SELECT page || ' ' || target FROM links ORDER BY target"),
        links
    );
    assert_eq!(ask("SELECT url FROM pending"), [server.url("/last")]);
    run.signal("INT");
    run.signal("INT");
    run.wait().assert_code(130);
}

#[test]
fn a_state_in_use_a_newer_one_and_a_foreign_file_are_refused_and_not_touched() {
    let server = site();
    let folder = tempfile::tempdir().expect("a folder");
    let seed = server.url("/1");
    let run = crawl(folder.path(), &seed).spawn();
    server.wait_for(5, Duration::from_secs(20));
    refused(
        &crawl(folder.path(), &seed).run(),
        &["state.db", "another process"],
    );
    run.wait().assert_code(1);
    assert_complete(folder.path(), &server);

    Connection::open(folder.path().join("state.db"))
        .and_then(|state| state.pragma_update(None, "user_version", 99))
        .expect("a newer state");
    refused(
        &crawl(folder.path(), &seed).run(),
        &["state.db: its format is 99", "newer"],
    );

    let path = folder.path().join("notes.db");
    std::fs::write(&path, "no database at all ".repeat(100)).expect("a file");
    let output = Dragnet::new()
        .args(["crawl", "--state"])
        .arg(&path)
        .arg(&seed)
        .run();
    refused(&output, &["notes.db"]);
    assert!(
        std::fs::read_to_string(&path)
            .expect("the file")
            .starts_with("no database")
    );
}

#[test]
fn the_state_can_be_read_by_others_while_it_grows() {
    let server = site();
    let folder = tempfile::tempdir().expect("a folder");
    let run = crawl(folder.path(), &server.url("/1")).spawn();
    server.wait_for(30, Duration::from_secs(20));
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let state =
        Connection::open_with_flags(folder.path().join("state.db"), flags).expect("the state");
    let outcomes: i64 = state
        .query_row("SELECT count(DISTINCT outcome) FROM visits", [], |row| {
            row.get(0)
        })
        .expect("a query");
    assert!(outcomes <= 2);
    drop(state);
    run.wait().assert_code(1);
}
