//! `check --suggest`: what a broken link was likely meant to be.

use std::collections::BTreeMap;
use std::path::Path;

use tempfile::TempDir;

use crate::support::{Dragnet, Output, Response, Server};

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    folder
}

fn check(folder: &Path, arguments: &[&str]) -> Output {
    let run = Dragnet::new().args(["check", "-f", "jsonl"]);
    run.args(arguments).in_dir(folder).run()
}

/// What is suggested for each link.
fn suggested(output: &Output) -> BTreeMap<String, String> {
    let lines = output.json_lines();
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let found = lines
        .iter()
        .filter_map(|record| Some((text(&record["input"])?, text(&record["suggestion"])?)));
    found.collect()
}

#[test]
fn a_broken_local_link_names_the_nearest_file_or_anchor() {
    let page = "[a](intor.md) [b](../Guide/Setup.md#steps) [c](reference.md) [d](/guide/logo.png) [e](intro.md#geting-started)\n\
                [f](#Own_Heading) [g](nothing-like-it.md) [h](../api/reference.html#none-such) [i](intro.md)\n\n# Own heading\n";
    let site = folder(&[
        ("guide/page.md", page),
        ("guide/intro.md", "# Getting started\n"),
        ("guide/setup.md", "# Steps\n"),
        ("api/reference.html", "<p id=top2>"),
        ("img/logo.png", ""),
    ]);
    let wanted = [
        ("#Own_Heading", "#own-heading"),
        ("../Guide/Setup.md#steps", "../guide/setup.md#steps"),
        ("/guide/logo.png", "/img/logo.png"),
        ("intor.md", "intro.md"),
        ("intro.md#geting-started", "intro.md#getting-started"),
        ("reference.md", "../api/reference.html"),
    ];
    let wanted: BTreeMap<_, _> = wanted
        .into_iter()
        .map(|(link, meant)| (link.to_owned(), meant.to_owned()))
        .collect();
    let output = check(site.path(), &["--suggest", "."]);
    output.assert_code(1);
    assert_eq!(suggested(&output), wanted);
    assert!(
        suggested(&check(site.path(), &["."])).is_empty(),
        "only where it is asked for"
    );
    let shown = Dragnet::new()
        .args(["check", "--suggest", "."])
        .in_dir(site.path())
        .run();
    assert!(
        shown
            .stdout
            .contains("intor.md: no such file (suggested: intro.md)"),
        "{}",
        shown.stdout
    );
    // A file alone: what is beside it is looked at, and no more.
    let output = check(site.path(), &["--suggest", "guide/page.md"]);
    let found = suggested(&output);
    assert_eq!(found.get("intor.md").map(String::as_str), Some("intro.md"));
    assert_eq!(found.get("reference.md"), None);
}

#[test]
fn an_archive_is_asked_once_for_what_is_broken() {
    let server = Server::builder()
        .page("/good", Response::text("x"))
        .route("/available", |request| {
            let copy = "http://archive.test/web/2020/gone";
            let asked = request.target.contains("url=http%3A%2F%2Fpages.test%3A");
            let known = asked && request.target.ends_with("%2Fgone");
            let snapshots = if known {
                format!(
                    "{{\"closest\":{{\"available\":true,\"status\":\"200\",\"url\":\"{copy}\"}}}}"
                )
            } else {
                "{}".to_owned()
            };
            let answer = format!("{{\"archived_snapshots\":{snapshots}}}");
            Response::content("application/json", answer)
        })
        .start();
    let port = server.address().port();
    let pages = format!("http://pages.test:{port}");
    let private = server.url("/none");
    let links = format!("{pages}/gone {pages}/gone#x {pages}/lost {pages}/good {private}");
    let site = folder(&[("a.txt", &links), ("b.txt", &links)]);
    let archive = server.url("/available?url=");
    let resolve = format!("pages.test:{port}:127.0.0.1");
    let arguments = [
        "--suggest",
        "--archive",
        &archive,
        "--resolve",
        &resolve,
        ".",
    ];
    let output = check(site.path(), &arguments);
    output.assert_code(1);
    let copy = "http://archive.test/web/2020/gone".to_owned();
    let wanted =
        [format!("{pages}/gone"), format!("{pages}/gone#x")].map(|link| (link, copy.clone()));
    assert_eq!(
        suggested(&output),
        BTreeMap::from(wanted),
        "{}",
        output.stdout
    );
    assert_eq!(output.json_lines().len(), 10);
    let questions = server
        .requests()
        .into_iter()
        .filter(|request| request.target.starts_with("/available"));
    // One for each page that is gone, and none for the private one.
    assert_eq!(questions.count(), 2);
}

#[test]
fn an_archive_that_is_no_url_is_a_mistake() {
    for archive in ["archive.test", "ftp://archive.test/?url="] {
        let output = Dragnet::new()
            .args(["check", "--suggest", "--archive", archive, "."])
            .run();
        output.assert_code(2);
        assert!(output.stderr.contains("--archive"), "{}", output.stderr);
    }
    let output = Dragnet::new()
        .args(["check", "--archive", "http://archive.test/", "."])
        .run();
    output.assert_code(2);
    assert!(output.stderr.contains("--suggest"), "{}", output.stderr);
}
