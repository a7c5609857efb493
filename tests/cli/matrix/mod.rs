//! The fault matrix: what a server can do wrong, and what the record then says.
//!
//! One run of the binary meets many rows at once, so that a fault that stops the run, stalls the others or
//! leaks a descriptor shows as well as a wrong kind does. A row's name is its number and what it is about. Rows
//! that need more than a URL and an answer stand in tests of their own, which `elsewhere` names.

mod bodies;
mod codings;
mod elsewhere;
mod heads;
mod redirects;

use bytes::Bytes;
use serde_json::Value;

use crate::support::{Dragnet, RawServer, Script, Step, closed_port, full_backlog};

/// One fault.
pub(crate) struct Row {
    /// Number and name; the path at which the server plays it is made of it.
    name: &'static str,
    from: From,
    /// `error.kind`, or `ok`.
    kind: &'static str,
    /// What else has to be true of the record.
    also: fn(&Value) -> bool,
}

/// Where a row's URL leads.
enum From {
    /// A script of the misbehaving server, which listens on `BASE`.
    Script(Script),
    /// This URL; `BASE` in it is the server.
    Url(String),
}

impl Row {
    fn new(name: &'static str, script: Script, kind: &'static str) -> Self {
        Self {
            name,
            from: From::Script(script),
            kind,
            also: |_| true,
        }
    }

    fn url(name: &'static str, url: impl Into<String>, kind: &'static str) -> Self {
        Self {
            from: From::Url(url.into()),
            ..Self::new(name, Vec::new(), kind)
        }
    }

    fn also(mut self, also: fn(&Value) -> bool) -> Self {
        self.also = also;
        self
    }

    fn path(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        format!("/{}", self.name.chars().map(plain).collect::<String>())
    }
}

/// An answer with these field lines, each with its line end, and this content with its length.
fn with(fields: &str, content: impl AsRef<[u8]>) -> Script {
    let content = content.as_ref();
    let head = format!(
        "HTTP/1.1 200 OK\r\n{fields}content-length: {}\r\n\r\n",
        content.len()
    );
    vec![Step::send([head.as_bytes(), content].concat()), Step::Close]
}

/// These bytes, and then the end.
fn raw(bytes: impl Into<Bytes>) -> Script {
    vec![Step::send(bytes), Step::Close]
}

/// A server that plays the rows and what stands at these places, and the rows' URLs.
fn serve(rows: &[Row], places: Vec<(String, Script)>) -> (RawServer, Vec<String>) {
    let mut server = RawServer::builder();
    for row in rows {
        if let From::Script(script) = &row.from {
            server = server.path(&row.path(), script.clone());
        }
    }
    for (path, script) in places {
        server = server.path(&path, script);
    }
    let server = server.start();
    let base = server.url("");
    let urls = rows
        .iter()
        .map(|row| match &row.from {
            From::Script(_) => format!("{base}{}", row.path()),
            From::Url(url) => url.replace("BASE", &base),
        })
        .collect();
    (server, urls)
}

/// `job` with the clocks and limits that the rows are made for. Only rows that wait for a clock get a short one: the
/// others must not depend on how busy the machine is.
fn command(job: &[&str], timeout: &str) -> Dragnet {
    Dragnet::new()
        .args(job)
        .args(["-f", "jsonl", "--retries", "0", "--timeout", timeout])
        .args(["--connect-timeout", "1s", "--max-size", "1MiB"])
        .args(["-c", "256", "--per-host", "256"])
}

/// Fails the test where a record is not what its row expects.
fn compare(rows: &[Row], mut records: Vec<Value>) {
    records.sort_by_key(|record| record["line"].as_u64());
    assert_eq!(records.len(), rows.len(), "one record a row");
    let wrong: Vec<_> = records
        .iter()
        .zip(rows)
        .filter(|(record, row)| {
            record["error"]["kind"].as_str().unwrap_or("ok") != row.kind || !(row.also)(record)
        })
        .map(|(record, row)| format!("{}: expected {}, found {record}", row.name, row.kind))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_fault_has_its_kind_and_none_harms_another() {
    let closed = closed_port();
    let full = full_backlog();
    let mut rows = heads::rows();
    rows.extend(bodies::rows());
    rows.extend(redirects::rows());
    rows.push(Row::url("F01 nothing listens", closed.url("/"), "connect"));
    rows.push(Row::url(
        "F02 the backlog is full",
        format!("http://{}/", full.address()),
        "timeout",
    ));
    let (slow, quick): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.kind == "timeout");
    assert!(slow.len() > 3 && quick.len() > 50);
    play(&slow, "2s");
    play(&quick, "50s");
}

/// All rows at once, in one run that has to be as it was before when it is done with them.
fn play(rows: &[Row], timeout: &str) {
    let (server, urls) = serve(rows, redirects::places());
    let mut run = command(&["fetch"], timeout).stdin_pipe().spawn();
    // A line that is no URL: when its record is there, the program is, and has opened what it opens for itself.
    run.write_line("not a url");
    run.next_line().expect("a record");
    let before = descriptors(run.pid());
    for url in &urls {
        run.write_line(url);
    }
    let records = urls.iter().map(|_| {
        let mut record: Value =
            serde_json::from_str(&run.next_line().expect("a record")).expect("JSON");
        record["line"] = (record["line"].as_u64().expect("a line") - 1).into();
        record
    });
    compare(rows, records.collect());
    // Connections that are kept for later end when the server does; nothing else may be left.
    drop(server);
    while descriptors(run.pid()) > before {
        assert!(run.is_running());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let output = run.wait();
    output.assert_code(1);
    assert!(!output.stderr.contains("panic"), "{}", output.stderr);
}

#[cfg(target_os = "linux")]
fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("the program runs")
        .count()
}

#[cfg(not(target_os = "linux"))]
fn descriptors(_: u32) -> usize {
    0
}

/// `crawl`, because it reads what it gets.
#[test]
fn every_coding_and_encoding_is_read_or_has_its_kind() {
    let rows = codings::rows();
    let (_server, urls) = serve(&rows, Vec::new());
    let output = command(&["crawl", "--depth", "0"], "50s")
        .stdin_text(urls.join("\n"))
        .run();
    output.assert_code(1);
    compare(&rows, output.json_lines());
}
