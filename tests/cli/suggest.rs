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
fn an_anchor_that_a_page_of_a_server_lacks_names_the_nearest_one() {
    let page = "<h1 id=getting-started>x</h1><p id=user-content-installing><a name=step-1></a>";
    let server = Server::pages([
        ("/robots.txt", Response::new(404)),
        (
            "/",
            Response::html(
                "<p id=overview><a href='#overwiev'>x</a><a href=/page#geting-started>x</a><a href=/shell#nothing>x</a>",
            ),
        ),
        ("/page", Response::html(page)),
        ("/old", Response::redirect(302, "/page")),
        (
            "/shell",
            Response::html("<div id=nothin></div><script src=a.js></script>"),
        ),
        ("/gone", Response::new(404)),
        ("/a.js", Response::content("text/javascript", "")),
    ]);
    let url = |path: &str| server.url(path);
    let links = [
        ("/page#Getting_Started", Some("/page#getting-started")),
        ("/page#instaling", Some("/page#installing")),
        ("/old?q#getting-startd", Some("/old?q#getting-started")),
        ("/page#getting-started:~:text=nowhere", None),
        ("/page#step-2", None),
        ("/page#installing", None),
        ("/page#unlike", None),
        ("/gone#getting-startd", None),
    ];
    let text: String = links.map(|(link, _)| format!("<{}>\n", url(link))).concat();
    let site = folder(&[("a.md", &text)]);
    let flags = ["--suggest", "--fragments", "all", "."];
    let output = check(site.path(), &flags);
    output.assert_code(1);
    let meant = |(link, meant): (&str, Option<&str>)| Some((url(link), url(meant?)));
    let wanted: BTreeMap<_, _> = links.into_iter().filter_map(meant).collect();
    assert_eq!(suggested(&output), wanted, "{}", output.stdout);
    assert_eq!(server.count("/page"), 2, "once, and once by way of /old");
    // It is never sure what a page of others means.
    check(site.path(), &["--fix", "."]).assert_code(1);
    assert_eq!(
        std::fs::read_to_string(site.path().join("a.md")).expect("the page"),
        text
    );

    let wanted = [
        ("#overwiev", "#overview"),
        ("/page#geting-started", "/page#getting-started"),
    ];
    let wanted = wanted.map(|(link, meant)| (link.to_owned(), meant.to_owned()));
    for flags in [vec![url("/")], vec!["--recursive".to_owned(), url("/")]] {
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        let output = check(Path::new("."), &[&["--suggest"], &flags[..]].concat());
        output.assert_code(1);
        assert_eq!(
            suggested(&output),
            BTreeMap::from(wanted.clone()),
            "{flags:?}"
        );
    }
}

#[test]
fn a_wikilink_that_names_no_page_names_the_nearest_one() {
    let page = "[[Geting Started]] [[geting-started|x]] [[Geting Started#A Heading]] ![[other/pic.png]] [[Getting Started]] [[unlike]]\n";
    let site = folder(&[
        ("page.md", page),
        ("deep/Getting Started.md", "## A heading\n"),
        ("img/pic.png", ""),
    ]);
    let output = check(site.path(), &["--wikilinks", "--suggest", "."]);
    output.assert_code(1);
    let wanted = [
        ("Geting Started", "Getting Started"),
        ("geting-started", "Getting Started"),
        ("Geting Started#A Heading", "Getting Started#A Heading"),
        ("other/pic.png", "pic.png"),
    ];
    let wanted = wanted.map(|(link, meant)| (link.to_owned(), meant.to_owned()));
    assert_eq!(suggested(&output), BTreeMap::from(wanted));
    // What a heading is called where the link is written is not known, and there may be more pictures of that name.
    check(site.path(), &["--wikilinks", "--fix", "."]).assert_code(1);
    let text = std::fs::read_to_string(site.path().join("page.md")).expect("the page");
    let fixed = "[[Getting Started]] [[Getting Started|x]] [[Geting Started#A Heading]] ![[other/pic.png]] [[Getting Started]] [[unlike]]\n";
    assert_eq!(text, fixed);
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
