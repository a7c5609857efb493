//! What people expect of a filter in a terminal and in a pipe.

use std::process::Command;

use crate::support::{Dragnet, Output, Response, Server};

fn server() -> Server {
    Server::pages([("/", Response::text("x"))])
}

/// A run of `$0` (the program) with a terminal for all three streams, if there is a tool that makes one.
fn in_terminal(command: &str) -> Option<Output> {
    let made = Command::new("script").arg("--version").output();
    if !made.is_ok_and(|made| made.status.success()) {
        eprintln!(
            "skipped: script makes a terminal, and it is not there (apt-get install bsdutils)"
        );
        return None;
    }
    let inside = format!("script -qec \"{command}\" /dev/null </dev/null");
    Some(Dragnet::under("/bin/sh", &["-c", &inside]).run())
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let server = server();
    let url = server.url("/");
    let run = format!("$0 fetch -q {url}");
    for (command, coloured) in [
        (format!("TERM=xterm {run}"), true),
        (format!("TERM=xterm NO_COLOR=1 {run}"), false),
        (format!("TERM=xterm NO_COLOR= {run}"), true),
        (format!("TERM=dumb {run}"), false),
        (format!("TERM=xterm {run} --no-color"), false),
        (format!("TERM=xterm {run} --no-color --color auto"), true),
        (format!("NO_COLOR=1 {run} --color always"), true),
    ] {
        let Some(output) = in_terminal(&command) else {
            return;
        };
        output.assert_code(0);
        assert!(output.stdout.contains(&url), "{command}: {}", output.stdout);
        assert_eq!(
            output.stdout.contains('\u{1b}'),
            coloured,
            "{command}: {:?}",
            output.stdout
        );
    }
    for (name, coloured) in [("FORCE_COLOR", true), ("CLICOLOR", false)] {
        let output = Dragnet::new().args(["fetch", &url]).env(name, "1").run();
        assert_eq!(output.stdout.contains('\u{1b}'), coloured, "{name}");
    }
}

#[test]
fn nobody_waits_for_a_terminal_that_was_not_asked_for() {
    for command in ["$0 fetch", "$0 crawl", "$0 check"] {
        let Some(output) = in_terminal(command) else {
            return;
        };
        output.assert_code(2);
        assert!(
            output.stdout.contains("stdin") || output.stdout.contains("pipe"),
            "{}",
            output.stdout
        );
    }
}

#[test]
fn progress_is_drawn_where_it_can_be_and_without_colours_where_none_are_wanted() {
    let server = Server::builder()
        .route("/", |_| {
            Response::text("x").delay(std::time::Duration::from_millis(400))
        })
        .start();
    let command = format!("TERM=xterm $0 fetch {}", server.url("/"));
    let Some(drawn) = in_terminal(&command) else {
        return;
    };
    assert!(
        drawn.stdout.contains("\u{1b}["),
        "a line is drawn over itself: {:?}",
        drawn.stdout
    );
    let bare = in_terminal(&command.replace("xterm", "dumb")).expect("the tool is there");
    assert!(!bare.stdout.contains('\u{1b}'), "{:?}", bare.stdout);
    let plain = in_terminal(&format!("NO_COLOR=1 {command}")).expect("the tool is there");
    assert!(!plain.stdout.contains("\u{1b}[3"), "{:?}", plain.stdout);
}

#[test]
fn a_loop_that_reads_its_own_list_keeps_it() {
    let server = server();
    let inside = format!(
        "while read n; do \"$0\" fetch -q {}?$n; done",
        server.url("/")
    );
    let output = Dragnet::under("/bin/sh", &["-c", &inside])
        .stdin_text("1\n2\n3\n")
        .run();
    output.assert_code(0);
    assert_eq!(output.lines().len(), 3, "{}", output.stdout);
}

#[test]
fn a_dash_is_stdin_or_stdout_wherever_a_file_may_stand() {
    let server = server();
    let url = server.url("/");
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str], stdin: &str| {
        let output = Dragnet::new()
            .args(arguments)
            .stdin_text(stdin)
            .in_dir(folder.path())
            .run();
        output.assert_code(0);
        output.stdout
    };
    for arguments in [
        &["fetch", "--input", "-"][..],
        &["fetch", "-"],
        &["fetch", "--input", "-", "-o", "-"],
    ] {
        assert_eq!(
            run(arguments, &url),
            format!("ok 200 {url}\n"),
            "{arguments:?}"
        );
    }
    assert!(run(&["fetch", "-f", "jsonl", "-o", "-", &url], "").starts_with('{'));
    let page = folder.path().join("page.md");
    std::fs::write(&page, format!("<{url}>\n")).expect("a file");
    assert!(run(&["check", "-v", "--files-from", "-"], "page.md\n").contains(&url));
    let left = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(left, 1, "no file is called -");
}

#[test]
fn a_stream_that_is_closed_is_nobodys_concern() {
    let server = server();
    let url = server.url("/");
    for (closed, told) in [("2>&-", true), (">&-", false), ("<&-", true)] {
        let inside = format!("\"$0\" fetch {url} {closed}");
        let output = Dragnet::under("/bin/sh", &["-c", &inside]).run();
        output.assert_code(0);
        assert_eq!(output.stdout.contains(&url), told, "{closed}");
    }
}

#[test]
fn a_list_may_come_from_any_system() {
    let server = Server::builder()
        .prefix("/", |_| Response::text("x"))
        .start();
    let (a, b, c) = (server.url("/a"), server.url("/b"), server.url("/c"));
    let list = format!("\u{feff}{a}\r\n\r\n# a comment\r\n  \t\r\n{b}\r\n{c}");
    let output = Dragnet::new()
        .args(["fetch", "-f", "jsonl", "--ordered"])
        .stdin_text(list)
        .run();
    output.assert_code(0);
    let records = output.json_lines();
    let seen: Vec<_> = records
        .iter()
        .map(|record| {
            (
                record["input"].as_str().expect("text"),
                record["line"].as_u64().expect("a line"),
            )
        })
        .collect();
    assert_eq!(seen, [(a.as_str(), 1), (&b, 5), (&c, 6)]);
}
