//! `--changed-since`: what git says changed, and the links that a change can break elsewhere.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::{Dragnet, Output};

fn git(folder: &Path, arguments: &[&str]) {
    let mut git = Command::new("git");
    git.args([
        "-c",
        "user.name=n",
        "-c",
        "user.email=e@h.test",
        "-c",
        "init.defaultBranch=main",
    ]);
    git.args(arguments).current_dir(folder).env("HOME", folder);
    let output = git
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git is installed");
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    std::fs::write(path, text).expect("a file");
}

/// A repository with one commit, in which every document has a link that is broken already.
fn repository() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    git(path, &["init", "-q"]);
    for (name, text) in [
        (
            "docs/still.md",
            "[a](old.md) [b](edited.md#kept) [c](edited.md#gone) [d](moved.md) [e](removed.md) [f](folder/) [g](nice)\n",
        ),
        ("docs/edited.md", "# Kept\n\n# Gone\n\n[x](old.md)\n"),
        (
            "docs/moved.md",
            "words that make git know it again\n\nand more of them\n[x](old.md)\n",
        ),
        ("docs/removed.md", "other words\n[x](old.md)\n"),
        ("docs/folder/index.html", "<a href=old.html>x</a>\n"),
        ("docs/nice.html", "<a href=old.html>x</a>\n"),
    ] {
        write(path, name, text);
    }
    git(path, &["add", "."]);
    git(path, &["commit", "-q", "-m", "one"]);
    folder
}

fn check(folder: &Path, arguments: &[&str]) -> Output {
    let run = Dragnet::new().args(["check", "--fallback-extensions", "html"]);
    run.args(arguments).in_dir(folder).run()
}

/// Where something is broken.
fn places(output: &Output) -> Vec<String> {
    let lines = output.lines();
    let words = lines.iter().map(|line| {
        let mut words = line.split(' ');
        let place = words.next().unwrap_or_default();
        format!("{place} {}", words.nth(2).unwrap_or_default())
    });
    words.collect()
}

#[test]
fn links_of_what_changed_and_links_to_what_changed_are_judged() {
    let folder = repository();
    let path = folder.path();
    let none = check(path, &["--changed-since", "HEAD", "docs"]);
    none.assert_code(0);
    assert!(none.stderr.contains("0 files changed"), "{}", none.stderr);

    git(path, &["checkout", "-q", "-b", "branch"]);
    write(path, "docs/edited.md", "# Kept\n\n[x](old.md)\n");
    git(path, &["mv", "docs/moved.md", "docs/there.md"]);
    git(path, &["commit", "-q", "-a", "-m", "two"]);
    // Not committed, and not even added.
    git(
        path,
        &[
            "rm",
            "-q",
            "docs/removed.md",
            "docs/folder/index.html",
            "docs/nice.html",
        ],
    );
    write(path, "docs/new-ü.md", "[x](old.md)\n");
    // The other branch goes on, which is none of ours.
    git(path, &["branch", "-q", "other", "main"]);
    let expected = [
        "docs/edited.md:3:5: old.md:",
        "docs/new-ü.md:1:5: old.md:",
        "docs/still.md:1:37: edited.md#gone:",
        "docs/still.md:1:57: moved.md:",
        "docs/still.md:1:71: removed.md:",
        "docs/still.md:1:87: folder/:",
        "docs/still.md:1:100: nice:",
        "docs/there.md:4:5: old.md:",
    ];
    for revision in ["main", "other", "HEAD~1"] {
        let output = check(path, &["--changed-since", revision, "docs"]);
        output.assert_code(1);
        assert_eq!(places(&output), expected, "{revision}");
        assert!(
            output.stderr.contains("3 files changed"),
            "{}",
            output.stderr
        );
    }
    // From elsewhere in the repository the paths are told from there.
    let output = check(&path.join("docs"), &["--changed-since", "main", "."]);
    let shorter = expected.map(|place| place.replacen("docs/", "", 1));
    assert_eq!(places(&output), shorter);
    // What matched nothing here may match in what was not looked at.
    let others = ["--changed-since", "main", "docs", "--exclude", "other"];
    let output = check(path, &others);
    assert!(!output.stderr.contains("warning"), "{}", output.stderr);
    let all = check(path, &["docs"]);
    assert_eq!(places(&all).len(), 9, "{}", all.stdout);
}

#[test]
fn before_the_first_commit_everything_has_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    git(path, &["init", "-q"]);
    write(path, "staged.md", "[x](none.md) [y](docs/new.md)\n");
    git(path, &["add", "."]);
    write(path, "docs/new.md", "[x](none.md)\n");
    write(path, ".gitignore", "built\n");
    write(path, "built/no.md", "[x](none.md)\n");
    for revision in ["HEAD", "@"] {
        let output = check(path, &["--changed-since", revision, "."]);
        output.assert_code(1);
        let broken = ["docs/new.md:1:5: none.md:", "staged.md:1:5: none.md:"];
        assert_eq!(places(&output), broken, "{}", output.stderr);
    }
    check(path, &["--changed-since", "none", "."]).assert_code(2);
}

#[test]
fn what_git_cannot_say_ends_the_run_with_the_way_out() {
    let folder = repository();
    let path = folder.path();
    for (arguments, told) in [
        (
            ["--changed-since", "nowhere", "docs"],
            "git knows no such commit; fetch it first",
        ),
        (["--changed-since", "--output=x", "docs"], "is no revision"),
        (
            ["--changed-since", "HEAD", "http://127.0.0.1:9/"],
            "the input http://127.0.0.1:9/ is none",
        ),
    ] {
        let [flag, revision, input] = arguments;
        let flag = format!("{flag}={revision}");
        let output = check(path, &[&flag, input]);
        output.assert_code(2);
        assert!(output.stderr.contains(told), "{}", output.stderr);
    }
    let elsewhere = tempfile::tempdir().expect("a folder");
    write(elsewhere.path(), "a.md", "");
    let output = check(elsewhere.path(), &["--changed-since", "HEAD", "."]);
    output.assert_code(2);
    assert!(
        output.stderr.contains("not a git repository"),
        "{}",
        output.stderr
    );
    let run = Dragnet::new().args(["check", "--changed-since", "HEAD", "docs"]);
    let output = run.env("PATH", "/nowhere").in_dir(path).run();
    output.assert_code(2);
    assert!(
        output.stderr.contains("cannot run git"),
        "{}",
        output.stderr
    );

    write(path, "docs/edited.md", "");
    git(path, &["commit", "-q", "-a", "-m", "two"]);
    let origin = format!("file://{}", path.display());
    git(
        elsewhere.path(),
        &["clone", "-q", "--depth", "1", &origin, "clone"],
    );
    let clone = elsewhere.path().join("clone");
    let output = check(&clone, &["--changed-since", "HEAD~1", "docs"]);
    output.assert_code(2);
    assert!(
        output.stderr.contains("fetch-depth: 0"),
        "{}",
        output.stderr
    );
}
