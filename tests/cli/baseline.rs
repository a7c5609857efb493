//! `--baseline`: what was broken before does not fail, and what is mended is named.

use std::path::Path;

use serde_json::Value;

use crate::support::{Dragnet, Output};

fn check(folder: &Path, arguments: &[&str]) -> Output {
    let run = Dragnet::new().args(["check", "."]).args(arguments);
    run.in_dir(folder).run()
}

#[test]
fn only_what_broke_since_the_baseline_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    write("a.md", "[x](none.md) [y](gone.md#a) [z](b.md#nowhere)\n");
    write("b.md", "[x](http://)\n");
    let made = check(folder.path(), &["-o", "known.baseline", "-o", "all.jsonl"]);
    made.assert_code(1);
    let known = std::fs::read_to_string(folder.path().join("known.baseline")).expect("a file");
    let lines: Vec<Value> = known
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 4, "{known}");
    assert!(
        !known.contains("\"line\"") && !known.contains("\"id\""),
        "{known}"
    );

    // Text above moves the links, and nothing else changes.
    write(
        "a.md",
        "# New\n\nwords [x](none.md)\n[y](gone.md#a) [z](b.md#nowhere)\n",
    );
    for baseline in ["known.baseline", "all.jsonl"] {
        let output = check(folder.path(), &["--baseline", baseline]);
        output.assert_code(0);
        assert!(
            output
                .stdout
                .contains("a.md:3:11: broken file none.md: no such file (known)\n"),
            "{}",
            output.stdout
        );
        assert!(
            output.stderr.contains("4 broken (4 of them before)"),
            "{}",
            output.stderr
        );
        assert!(!output.stderr.contains("warning"), "{}", output.stderr);
    }

    // Nor is a link mended that nobody looked at.
    let left_out = check(
        folder.path(),
        &["--baseline", "known.baseline", "--exclude", "gone"],
    );
    left_out.assert_code(0);
    assert!(!left_out.stderr.contains("warning"), "{}", left_out.stderr);

    write("a.md", "[y](gone.md#a) [new](new.md)\n");
    std::fs::remove_file(folder.path().join("b.md")).expect("a file");
    let arguments = "--baseline known.baseline -o r.md -o r.sarif -o r.xml -f jsonl -o -";
    let arguments: Vec<_> = arguments.split(' ').collect();
    let output = check(folder.path(), &arguments);
    output.assert_code(1);
    let marks: Vec<_> = output
        .json_lines()
        .iter()
        .map(|record| record["known"] == true)
        .collect();
    assert_eq!(marks, [true, false]);
    let told: Vec<_> = output
        .stderr
        .lines()
        .filter(|line| line.contains("not broken any more"))
        .collect();
    assert_eq!(told.len(), 3, "{}", output.stderr);
    assert!(
        told[0].starts_with("dragnet: warning: known.baseline:"),
        "{told:?}"
    );
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("a report");
    assert!(
        read("r.md").starts_with("# 1 broken link\n"),
        "{}",
        read("r.md")
    );
    assert!(
        read("r.md").contains("## Broken before"),
        "{}",
        read("r.md")
    );
    assert!(
        read("r.xml").contains("<skipped message=\"known: file gone.md#a"),
        "{}",
        read("r.xml")
    );
    let log: Value = serde_json::from_str(&read("r.sarif")).expect("JSON");
    let states: Vec<_> = log["runs"][0]["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|result| result["baselineState"].clone())
        .collect();
    assert_eq!(states, ["new", "unchanged"]);
}

#[test]
fn a_baseline_that_is_none_ends_the_run_before_it_begins() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.md"), "[x](none.md)\n").expect("a file");
    std::fs::write(folder.path().join("b"), "a.md:1:5: broken\n").expect("a file");
    for (name, told) in [
        ("none", "cannot read --baseline none"),
        ("b", "b:1 is no record of an earlier run"),
    ] {
        let output = check(folder.path(), &["--baseline", name]);
        output.assert_code(2);
        assert!(output.stderr.contains(told), "{}", output.stderr);
        assert_eq!(output.stdout, "");
    }
}

#[test]
fn a_baseline_is_known_from_other_folders_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let docs = folder.path().join("docs");
    std::fs::create_dir(&docs).expect("a folder");
    std::fs::write(docs.join("a.md"), "[x](none.md) [y](http://) [z](a.md#no)").expect("a file");
    check(folder.path(), &["-o", "known.baseline"]).assert_code(1);
    let output = check(&docs, &["--baseline", "../known.baseline"]);
    output.assert_code(0);
    assert!(
        output.stderr.contains("3 broken (3 of them before)") && !output.stderr.contains("warning"),
        "{}",
        output.stderr
    );
    std::fs::write(docs.join("a.md"), "[x](none.md) [z](a.md#no)").expect("a file");
    let output = check(&docs, &["--baseline", "../known.baseline"]);
    output.assert_code(0);
    assert!(
        output
            .stderr
            .contains(" in docs/a.md is not broken any more"),
        "{}",
        output.stderr
    );

    // Elsewhere it says nothing, and that is told.
    let other = tempfile::tempdir().expect("a folder");
    let moved = other.path().join("known.baseline");
    std::fs::copy(folder.path().join("known.baseline"), moved).expect("a copy");
    std::fs::write(other.path().join("b.md"), "[x](none.md)").expect("a file");
    let output = check(other.path(), &["--baseline", "known.baseline"]);
    output.assert_code(1);
    assert!(
        output
            .stderr
            .contains("known.baseline: none of the documents in it was checked"),
        "{}",
        output.stderr
    );
}
