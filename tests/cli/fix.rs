//! `check --fix`: what is sure is written into the sources, and nothing else of them changes.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::{Dragnet, Output, Response, Server};

const PAGE: &str = "# Page\r\n\r\nSee [intro](intor.md \"intor.md\") and [it again][i] and [i], `intor.md`,\r\n[both](both.md).\r\n\r\n\
                    [i]: intor.md#geting-started 'Title'\r\n\r\n<img alt='x' src='/logo.png?v=1&amp;w=2'>\r\n";
const FIXED: &str = "# Page\r\n\r\nSee [intro](intro.md \"intor.md\") and [it again][i] and [i], `intor.md`,\r\n[both](both.md).\r\n\r\n\
                     [i]: intro.md#geting-started 'Title'\r\n\r\n<img alt='x' src='/img/logo.png?v=1&amp;w=2'>\r\n";

/// A folder of a page with links that are broken, and what they mean.
fn site() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [
        ("page.md", PAGE),
        ("intro.md", "# Getting started\n"),
        ("img/logo.png", ""),
        ("old/both.md", ""),
        ("new/both.md", ""),
        ("notes.txt", "nothing"),
    ] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    folder
}

fn check(folder: &Path, arguments: &[&str]) -> Output {
    Dragnet::new()
        .arg("check")
        .args(arguments)
        .in_dir(folder)
        .run()
}

fn text(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).expect("a file")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<_> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn what_is_sure_is_written_where_it_stands() {
    let site = site();
    let page = site.path().join("page.md");
    std::fs::set_permissions(&page, std::fs::Permissions::from_mode(0o640)).expect("permissions");
    let before = names(site.path());
    let output = check(site.path(), &["--fix", "."]);
    // Two files have the name `both.md`: that link stays broken.
    output.assert_code(1);
    assert_eq!(text(site.path(), "page.md"), FIXED);
    assert!(
        output.stdout.contains("both.md: no such file (suggested: "),
        "{}",
        output.stdout
    );
    assert!(output.stderr.contains("; 4 fixed"), "{}", output.stderr);
    let mode = std::fs::metadata(&page)
        .expect("the page")
        .permissions()
        .mode();
    assert_eq!((mode & 0o777, names(site.path())), (0o640, before));
    // The anchor is wrong too, and is found once the file is.
    let output = check(site.path(), &["--fix", "."]);
    output.assert_code(1);
    let new = FIXED.replace("#geting-started", "#getting-started");
    assert_eq!(text(site.path(), "page.md"), new);
    let output = check(site.path(), &["--fix", "--exclude", "both", "."]);
    output.assert_code(0);
    assert!(!output.stderr.contains("fixed"), "{}", output.stderr);
    assert_eq!(text(site.path(), "page.md"), new);
}

#[test]
fn what_was_fixed_is_no_reason_to_fail() {
    let site = tempfile::tempdir().expect("a folder");
    std::fs::write(
        site.path().join("a.html"),
        "\u{feff}<a href=pages.html>x</a>",
    )
    .expect("a file");
    std::fs::write(site.path().join("Pages.html"), "").expect("a file");
    let output = check(site.path(), &["--fix", "-f", "jsonl", "."]);
    output.assert_code(0);
    assert_eq!(
        output.json_lines()[0]["outcome"],
        "broken",
        "the record says what was found"
    );
    assert_eq!(
        text(site.path(), "a.html"),
        "\u{feff}<a href=Pages.html>x</a>"
    );
}

/// The value of a `srcdoc` is a document, written as values of attributes are.
#[test]
fn a_link_in_a_document_that_is_an_attribute_is_written_as_that_is() {
    let page = "<iframe srcdoc=\"<p>&amp;lt; <a href='img/log.png?a=1&amp;amp;b=2'>x</a>\r\n<a href=&quot;intor.md&quot;>y</a>\"></iframe>\n";
    let fixed = page
        .replace("img/log.png", "img/logo.png")
        .replace("intor", "intro");
    let left = "<iframe srcdoc='<base href=\"img/\"><a href=log.png>x</a>'></iframe>\n";
    let site = site();
    std::fs::write(site.path().join("a.html"), page).expect("a file");
    std::fs::write(site.path().join("b.html"), left).expect("a file");
    check(site.path(), &["--fix", "a.html", "b.html"]);
    assert_eq!(text(site.path(), "a.html"), fixed);
    assert_eq!(text(site.path(), "b.html"), left);
    let output = check(site.path(), &["--fix", "a.html"]);
    output.assert_code(0);
    assert_eq!(text(site.path(), "a.html"), fixed);
}

#[test]
fn git_applies_the_diff_of_a_file_with_a_mark() {
    let site = tempfile::tempdir().expect("a folder");
    let (old, new) = ("\u{feff}[x](pages.md)\n", "\u{feff}[x](Pages.md)\n");
    std::fs::write(site.path().join("a.md"), old).expect("a file");
    std::fs::write(site.path().join("Pages.md"), "").expect("a file");
    let output = check(site.path(), &["--fix", "--dry-run", "."]);
    std::fs::write(site.path().join("new.patch"), &output.stdout).expect("a file");
    assert_eq!(text(site.path(), "a.md"), old);
    let git = Command::new("git")
        .args(["apply", "new.patch"])
        .current_dir(site.path())
        .status();
    assert!(git.expect("git").success(), "{}", output.stdout);
    assert_eq!(text(site.path(), "a.md"), new);
}

#[test]
fn a_dry_run_shows_a_diff_that_patch_takes_and_writes_nothing() {
    let site = site();
    let output = check(site.path(), &["--fix", "--dry-run", "."]);
    output.assert_code(1);
    assert_eq!(text(site.path(), "page.md"), PAGE);
    assert!(
        output
            .stdout
            .starts_with("--- a/page.md\n+++ b/page.md\n@@ -1,8 +1,8 @@\n"),
        "{}",
        output.stdout
    );
    let patch = Command::new("patch")
        .args(["-p1", "--binary"])
        .current_dir(site.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn();
    let Ok(mut patch) = patch else {
        println!("skipped: patch is not installed (apt-get install patch)");
        return;
    };
    let mut stdin = patch.stdin.take().expect("its stdin");
    std::io::Write::write_all(&mut stdin, output.stdout.as_bytes()).expect("a diff");
    drop(stdin);
    assert!(patch.wait().expect("an end").success());
    assert_eq!(text(site.path(), "page.md"), FIXED);
    // Records go where -o says.
    let output = check(
        site.path(),
        &["--fix", "--dry-run", "-o", "report.jsonl", "."],
    );
    assert!(
        output.stdout.starts_with("--- a/page.md\n"),
        "{}",
        output.stdout
    );
    assert!(text(site.path(), "report.jsonl").contains("geting-started"));
    let output = check(site.path(), &["--fix", "--dry-run", "-f", "jsonl", "."]);
    output.assert_code(2);
    assert!(
        output.stderr.contains("give the records a file with -o"),
        "{}",
        output.stderr
    );
    check(site.path(), &["--dry-run", "."]).assert_code(2);
}

#[test]
fn a_diff_says_nothing_to_a_terminal_or_a_runner() {
    let site = tempfile::tempdir().expect("a folder");
    let page = "::error::x\n[a](intor.md)\n\n\n\n\n\n\n\n\n[b](intor.md)\n";
    std::fs::write(site.path().join("a.md"), page).expect("a file");
    std::fs::write(site.path().join("x\n::error::y.md"), "[b](intor.md)\n").expect("a file");
    std::fs::write(site.path().join("intro.md"), "").expect("a file");
    let output = check(site.path(), &["--fix", "--dry-run", "."]);
    output.assert_code(1);
    assert_eq!(
        output.stdout.matches("+[b](intro.md)").count(),
        2,
        "{}",
        output.stdout
    );
    assert!(
        !output
            .lines()
            .iter()
            .any(|line| line.trim_start().starts_with("::")),
        "{}",
        output.stdout
    );
    assert!(
        output.stderr.contains("1 change in a.md cannot be shown"),
        "{}",
        output.stderr
    );
    check(site.path(), &["--fix", "."]).assert_code(0);
}

#[test]
fn what_cannot_be_changed_safely_is_left_and_said() {
    let site = site();
    // No UTF-8, no format that is changed, a file that is read-only, one that is reached by a link.
    std::fs::write(
        site.path().join("latin.html"),
        b"<meta charset=latin1><a href=intor.md>caf\xe9</a>",
    )
    .expect("a file");
    std::fs::write(site.path().join("page.rst"), "`x <intor.md>`_\n").expect("a file");
    std::fs::write(site.path().join("fixed.md"), "[x](intor.md)\n").expect("a file");
    let fixed = site.path().join("fixed.md");
    std::fs::set_permissions(&fixed, std::fs::Permissions::from_mode(0o444)).expect("permissions");
    std::os::unix::fs::symlink("page.md", site.path().join("linked.md")).expect("a link");
    let output = check(
        site.path(),
        &["--fix", "latin.html", "page.rst", "fixed.md", "linked.md"],
    );
    output.assert_code(1);
    for says in [
        "latin.html was not changed: it is not in UTF-8",
        "fixed.md was not changed: it is read-only",
    ] {
        assert!(output.stderr.contains(says), "{}", output.stderr);
    }
    assert_eq!(text(site.path(), "page.rst"), "`x <intor.md>`_\n");
    assert_eq!(text(site.path(), "fixed.md"), "[x](intor.md)\n");
    let linked = std::fs::symlink_metadata(site.path().join("linked.md")).expect("the link");
    assert!(linked.is_symlink());
    assert!(text(site.path(), "page.md").contains("(intro.md \"intor.md\")"));
}

#[test]
fn links_to_what_has_moved_for_good_say_where_it_is() {
    let server = Server::pages([
        ("/old", Response::redirect(301, "/new")),
        ("/soon", Response::redirect(302, "/new")),
        ("/new", Response::html("<p id=x>")),
    ]);
    let base = server.url("");
    let text_of = |old: &str| {
        format!("[a]({base}{old}#x) <{base}{old}> {base}/soon\n\n<a href='{base}{old}'>c</a>\n")
    };
    let site = tempfile::tempdir().expect("a folder");
    std::fs::write(site.path().join("a.md"), text_of("/old")).expect("a file");
    let output = check(
        site.path(),
        &["--fix", "--redirects", "allow", "--dry-run", "."],
    );
    assert!(
        output.stdout.contains("+[a]("),
        "suggestions are asked for: {}",
        output.stdout
    );
    let output = check(site.path(), &["--fix", "."]);
    output.assert_code(0);
    assert_eq!(text(site.path(), "a.md"), text_of("/new"));
    assert!(output.stderr.contains("; 3 fixed"), "{}", output.stderr);
    // Broken by what was asked for, and mended.
    std::fs::write(site.path().join("a.md"), text_of("/old")).expect("a file");
    let output = check(site.path(), &["--fix", "--redirects", "error", "."]);
    output.assert_code(0);
    assert_eq!(text(site.path(), "a.md"), text_of("/new"));
}

#[test]
fn a_reference_that_is_relative_to_a_base_is_left_as_it_is() {
    let server = Server::pages([
        ("/old", Response::redirect(301, "/new")),
        ("/new", Response::text("x")),
    ]);
    let page = format!("<base href='{}'><a href=old>x</a>", server.url("/"));
    let site = tempfile::tempdir().expect("a folder");
    std::fs::write(site.path().join("a.html"), &page).expect("a file");
    let output = check(site.path(), &["--fix", "."]);
    assert!(output.stdout.contains("suggested: "), "{}", output.stdout);
    assert_eq!(text(site.path(), "a.html"), page);
}
