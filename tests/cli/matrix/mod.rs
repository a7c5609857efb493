//! The fault matrix: what a server can do wrong, and what the record then says.
//!
//! One run of the binary meets many rows at once, so that a fault that stops the run, stalls the others or
//! leaks a descriptor shows as well as a wrong kind does. A row's name is its number and what it is about. Rows
//! that need more than a URL and an answer stand in tests of their own: names that are not there, TLS and HTTP/2 in
//! `src/fetcher/tests`, where a resolver and certificates can be made up; connections that are used again in
//! `faults`; signals, full disks and closed pipes in `stop` and `outputs`.

mod bodies;
mod codings;
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

/// Meets all rows in one run of `job`, and says where a record is not what its row expects.
fn meet(job: &[&str], rows: &[Row], places: Vec<(String, Script)>) {
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
    let urls: Vec<_> = rows
        .iter()
        .map(|row| match &row.from {
            From::Script(_) => format!("{base}{}", row.path()),
            From::Url(url) => url.replace("BASE", &base),
        })
        .collect();
    let output = Dragnet::new()
        .args(job)
        .args([
            "-f",
            "jsonl",
            "--retries",
            "0",
            "--timeout",
            "3s",
            "--connect-timeout",
            "1s",
        ])
        .args(["--max-size", "1MiB", "-c", "256", "--per-host", "256"])
        .stdin_text(urls.join("\n"))
        .run();
    output.assert_code(1);
    let mut records = output.json_lines();
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
    meet(&["fetch"], &rows, redirects::places());
}

/// `crawl`, because it reads what it gets.
#[test]
fn every_coding_and_encoding_is_read_or_has_its_kind() {
    meet(
        &["crawl", "--depth", "0", "-"],
        &codings::rows(),
        Vec::new(),
    );
}
