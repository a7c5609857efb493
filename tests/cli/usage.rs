//! Flags, messages and exit codes: what was wrong, and what is accepted.

use crate::support::{Dragnet, Response, Server};

#[test]
fn every_job_is_the_same_program_of_the_same_version() {
    let version = concat!("dragnet ", env!("CARGO_PKG_VERSION"), "\n");
    for job in ["", "fetch", "crawl", "check", "generate"] {
        let words = [job, "--version"];
        let words = words.iter().filter(|word| !word.is_empty());
        let output = Dragnet::new().args(words).run();
        output.assert_code(0);
        assert_eq!(output.stdout, version, "{job}");
    }
}

#[test]
fn what_cannot_be_done_is_exit_2_and_says_what_is_accepted() {
    for (arguments, words) in [
        (vec!["fetch", "--no-such-flag", "x"], vec!["--no-such-flag"]),
        (
            vec!["fetch", "--delay", "5", "x"],
            vec!["--delay", "unit is missing", "500ms"],
        ),
        (
            vec!["fetch", "--timeout", "soon", "x"],
            vec!["--timeout", "soon", "500ms"],
        ),
        (
            vec!["fetch", "--max-size", "10", "x"],
            vec!["--max-size", "10MiB"],
        ),
        (vec!["fetch", "-c", "0", "x"], vec!["0"]),
        (
            vec!["fetch", "--accept", "2xx", "x"],
            vec!["2xx", "200..=299"],
        ),
        (
            vec!["fetch", "-f", "yaml", "x"],
            vec!["yaml", "jsonl", "text"],
        ),
        (
            vec!["fetch", "-o", "x.unknown", "x"],
            vec!["x.unknown", "-f"],
        ),
        (vec!["fetch", "-H", "no colon", "x"], vec!["Name: value"]),
        (
            vec!["fetch", "--input", "no-such-list"],
            vec!["no-such-list", "No such file"],
        ),
        (
            vec!["fetch", "--resolve", "x", "x"],
            vec!["HOST:PORT:ADDRESS"],
        ),
        (vec!["crawl"], vec!["SEED"]),
        (
            vec!["crawl", "--exclude", "(", "x"],
            vec!["--exclude", "unclosed group"],
        ),
        (vec!["crawl", "--fresh", "x"], vec!["--state"]),
        (vec!["check"], vec!["INPUT"]),
        (
            vec!["check", "no/such/file.md"],
            vec!["no/such/file.md", "No such file"],
        ),
        (vec!["check", "--root-dir", "nowhere", "-"], vec!["nowhere"]),
        (
            vec!["check", "--base-url", "file:///x", "-"],
            vec!["--base-url", "--root-dir"],
        ),
        (vec!["polish"], vec!["polish"]),
        (vec![], vec!["fetch", "crawl", "check"]),
    ] {
        let output = Dragnet::new().args(&arguments).run();
        output.assert_code(2);
        for word in words {
            assert!(
                output.stderr.contains(word),
                "{arguments:?} should name {word}: {}",
                output.stderr
            );
        }
        assert_eq!(output.stdout, "", "{arguments:?}");
    }
}

#[test]
fn help_and_version_are_results() {
    for arguments in [
        vec!["--help"],
        vec!["fetch", "--help"],
        vec!["crawl", "-h"],
        vec!["check", "--help"],
    ] {
        let output = Dragnet::new().args(&arguments).run();
        output.assert_code(0);
        assert!(output.stdout.contains("Usage: dragnet"), "{arguments:?}");
    }
    let output = Dragnet::new().arg("--version").run();
    assert_eq!(
        output.stdout,
        format!("dragnet {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn exit_codes_tell_good_broken_and_impossible_apart() {
    let server = Server::pages([("/good", Response::text("x")), ("/bad", Response::new(404))]);
    let fetch = |arguments: &[&str]| Dragnet::new().arg("fetch").args(arguments).run();
    fetch(&[&server.url("/good")]).assert_code(0);
    fetch(&[&server.url("/bad")]).assert_code(1);
    fetch(&["--accept", "200..=299,404", &server.url("/bad")]).assert_code(0);
    fetch(&["--nonsense"]).assert_code(2);
    Dragnet::new()
        .arg("fetch")
        .stdin_text("")
        .run()
        .assert_code(0);
}

#[test]
fn the_manual_and_the_completions_tell_of_every_flag() {
    let made = |what: &str| {
        let output = Dragnet::new().args(["generate", what]).run();
        output.assert_code(0);
        assert_eq!(output.stderr, "", "{what}");
        output.stdout
    };
    let manual = made("man");
    assert!(manual.starts_with(".ie"), "{}", &manual[..80]);
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let text = made(shell);
        for flag in ["save-dir", "max-cache-age", "root-dir", "follow-nofollow"] {
            assert!(text.contains(flag), "{shell} does not know --{flag}");
            let escaped = flag.replace('-', "\\-");
            assert!(
                manual.contains(&escaped),
                "the manual does not know --{flag}"
            );
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    for (tool, arguments, what) in [
        ("bash", vec!["-n"], "bash"),
        ("zsh", vec!["-n"], "zsh"),
        ("mandoc", vec!["-T", "lint", "-W", "error"], "man"),
    ] {
        let file = folder.path().join(what);
        std::fs::write(&file, made(what)).expect("a file");
        match std::process::Command::new(tool)
            .args(arguments)
            .arg(&file)
            .output()
        {
            Ok(read) => assert!(read.status.success(), "{tool}: {read:?}"),
            Err(_) => eprintln!(
                "skipped: {tool} reads what is made, and is not there (apt-get install {tool})"
            ),
        }
    }
}
