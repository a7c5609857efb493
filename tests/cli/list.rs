//! Lists, line by line: which records are written.

use crate::support::{Dragnet, Response, Server};

fn site() -> Server {
    Server::builder()
        .page(
            "/small",
            Response::html("<title>Small</title><p>ebb at noon</p>"),
        )
        .page(
            "/large",
            Response::html(format!("<title>Large</title>{}", "x".repeat(20_000))),
        )
        .page("/picture", Response::content("image/png", "png"))
        .page("/gone", Response::new(410))
        .start()
}

fn list(server: &Server) -> String {
    let paths = ["/small", "/large", "/picture", "/gone"];
    let lines: String = paths.map(|path| server.url(path) + "\n").concat();
    format!("{lines}http://\n")
}

#[test]
fn conditions_choose_what_is_written_and_change_no_count() {
    let server = site();
    for (flags, written) in [
        (&["--match", "status=2xx"][..], &[1, 2, 3][..]),
        (&["--match", "status=200,410"], &[1, 2, 3, 4]),
        (&["--match", "size>10KiB"], &[2]),
        (
            &["--match", "type=text/html", "--match", "size<10KiB"],
            &[1],
        ),
        (
            &["--match", "type=text/html", "--filter", "title~^Sm"],
            &[2],
        ),
        (&["--match", "body~noon"], &[1]),
        (&["--filter", "outcome=ok", "--filter", "error=url"], &[4]),
        (&["--match", "error.kind=url"], &[5]),
        (&["--match", "url~/large$"], &[2]),
        (&["--match", "line>=4"], &[4, 5]),
        (
            &["--select", "what=p", "--match", "fields.what=ebb at noon"],
            &[1],
        ),
    ] {
        let output = Dragnet::new()
            .args(["fetch", "-f", "jsonl", "--retries", "0"])
            .args(flags)
            .stdin_text(list(&server))
            .run();
        output.assert_code(1);
        let records = output.json_lines();
        let mut lines: Vec<_> = records.iter().filter_map(|r| r["line"].as_u64()).collect();
        lines.sort_unstable();
        assert_eq!(lines, written, "{flags:?}");
        assert!(records.iter().all(|record| record.get("body").is_none()));
        assert!(
            output.stderr.contains("5 URLs: 3 ok, 2 broken"),
            "{}",
            output.stderr
        );
        let kept_out = format!("{} not written", 5 - written.len());
        assert!(output.stderr.contains(&kept_out), "{}", output.stderr);
    }
}

#[test]
fn conditions_hold_for_every_output_and_for_crawls() {
    let server = Server::pages([
        ("/", Response::html("<title>Home</title><a href=a>a</a>")),
        ("/a", Response::html("<title>A</title>")),
    ]);
    let folder = tempfile::tempdir().expect("a folder");
    let crawl = || {
        Dragnet::new()
            .args(["crawl", "--state", "state.db", "--match", "title=A"])
            .args(["-o", "out.jsonl", "-o", "out.sqlite", "-f", "text"])
            .arg(server.url("/"))
            .in_dir(folder.path())
            .run()
    };
    let output = crawl();
    output.assert_code(0);
    assert_eq!(output.lines().len(), 1);
    let text = std::fs::read_to_string(folder.path().join("out.jsonl")).expect("a file");
    assert_eq!(text.lines().count(), 1);
    let database = rusqlite::Connection::open(folder.path().join("out.sqlite")).expect("a file");
    let rows: u32 = database
        .query_row("SELECT count(*) FROM visits", [], |row| row.get(0))
        .expect("a number");
    assert_eq!(rows, 1);
    assert!(output.stderr.contains("1 not written"), "{}", output.stderr);
    // A finished run says the same, and another condition is another run.
    assert!(crawl().stderr.contains("1 not written"));
    let other = Dragnet::new()
        .args(["crawl", "--state", "state.db", "--match", "title=B"])
        .args(["-o", "out.jsonl", "-o", "out.sqlite", "-f", "text"])
        .arg(server.url("/"))
        .in_dir(folder.path())
        .run();
    other.assert_code(2);
    assert!(other.stderr.contains("title=B"), "{}", other.stderr);
}

#[test]
fn a_condition_that_cannot_be_read_is_exit_2_with_its_column_before_any_request() {
    let server = site();
    for (condition, told) in [
        ("stat=200", "column 1"),
        ("status", "column 7"),
        ("status=200,2x", "column 12"),
        ("size>10", "column 6"),
        ("body~(", "column 6"),
        ("fields.nope=1", "--select"),
    ] {
        for flag in ["--match", "--filter"] {
            let output = Dragnet::new()
                .args(["fetch", flag, condition, &server.url("/small")])
                .run();
            output.assert_code(2);
            assert!(output.stderr.contains(told), "{}", output.stderr);
        }
    }
    assert!(server.requests().is_empty());
}
