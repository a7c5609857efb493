//! `check --recursive`: every link of every page in scope, each target once.

use std::time::Duration;

use serde_json::Value;

use crate::support::{Dragnet, Output, Response, Server};

fn check(url: &str, flags: &[&str]) -> Output {
    Dragnet::new()
        .args(["check", "--recursive", "-f", "jsonl", url])
        .args(flags)
        .limit(Duration::from_secs(30))
        .run()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Path of the page, the link as written, its verdict and kind; an input's own record has no page.
fn links(output: &Output) -> Vec<(String, String, String, String)> {
    let records = output.json_lines();
    let link = |record: &Value| {
        let page = text(&record["source"]["url"]);
        let page = page.splitn(4, '/').nth(3).map(|path| format!("/{path}"));
        (
            page.unwrap_or_default(),
            text(&record["input"]),
            text(&record["outcome"]),
            text(&record["error"]["kind"]),
        )
    };
    records.iter().map(link).collect()
}

fn link(page: &str, written: &str, outcome: &str, kind: &str) -> (String, String, String, String) {
    (page.into(), written.into(), outcome.into(), kind.into())
}

fn asked(server: &Server) -> Vec<String> {
    let requests = server.requests();
    let mut asked: Vec<_> = requests
        .iter()
        .map(|request| format!("{} {}", request.method, request.target))
        .collect();
    asked.sort();
    asked
}

#[test]
fn every_link_of_every_page_is_judged_and_every_target_asked_for_once() {
    let other = Server::builder()
        .on([127, 0, 0, 2])
        .page("/there", Response::html("<a href=/secret>x</a>"))
        .start();
    let outside = other.url("/there");
    let server = Server::pages([
        ("/robots.txt", Response::new(404)),
        (
            "/",
            Response::html(
                "<a href=/z>z</a><a href=/a#here>a</a><a href=/a#none>a</a><img src=/i.png>",
            ),
        ),
        (
            "/z",
            Response::html(format!(
                "<a href=/>up</a><a href={outside}>out</a><a href=/gone>g</a>"
            )),
        ),
        (
            "/a",
            Response::html(format!(
                "<p id=here><a href={outside}>out</a><a href=/z#top>z</a>"
            )),
        ),
        ("/i.png", Response::content("image/png", "x")),
    ]);
    let output = check(&server.url("/"), &["--private", "allow"]);
    output.assert_code(1);
    let expected = [
        link("", &server.url("/"), "ok", ""),
        link("/", "/z", "ok", ""),
        link("/", "/a#here", "ok", ""),
        link("/", "/a#none", "broken", "fragment"),
        link("/", "/i.png", "ok", ""),
        link("/a", &outside, "ok", ""),
        link("/a", "/z#top", "ok", ""),
        link("/z", "/", "ok", ""),
        link("/z", &outside, "ok", ""),
        link("/z", "/gone", "broken", "status"),
    ];
    assert_eq!(
        links(&output),
        expected,
        "documents by their URL, links as they stand there"
    );
    let expected = [
        "GET /",
        "GET /a",
        "GET /gone",
        "GET /robots.txt",
        "GET /z",
        "HEAD /i.png",
    ];
    assert_eq!(asked(&server), expected);
    // Judged, and neither followed nor asked for rules: it is one link.
    assert_eq!(asked(&other), ["HEAD /there"]);
}

#[test]
fn robots_txt_binds_and_what_it_forbids_is_unknown() {
    let server = Server::pages([
        (
            "/robots.txt",
            Response::text("User-agent: *\nDisallow: /shut"),
        ),
        (
            "/",
            Response::html("<a href=/shut>x</a><a href=/open>x</a>"),
        ),
        ("/shut", Response::html("<a href=/gone>x</a>")),
        ("/open", Response::html("<a href=/shut>x</a>")),
    ]);
    let output = check(&server.url("/"), &[]);
    output.assert_code(0);
    let expected = [
        link("", &server.url("/"), "ok", ""),
        link("/", "/shut", "unknown", "robots"),
        link("/", "/open", "ok", ""),
        link("/open", "/shut", "unknown", "robots"),
    ];
    assert_eq!(links(&output), expected);
    assert_eq!(server.count("/shut"), 0);
    check(&server.url("/"), &["--strict"]).assert_code(1);
    check(&server.url("/"), &["--ignore-robots"]).assert_code(1);
    assert_eq!((server.count("/shut"), server.count("/gone")), (1, 1));
}

#[test]
fn what_is_beyond_depth_budget_or_scope_is_judged_and_not_read() {
    let site = || {
        Server::pages([
            ("/", Response::html("<a href=/1>x</a><a href=/docs/a>x</a>")),
            ("/1", Response::html("<a href=/2>x</a>")),
            ("/2", Response::html("<a href=/3>x</a>")),
            ("/3", Response::html("<a href=/gone>x</a>")),
            ("/docs/a", Response::html("<a href=b>x</a><a href=/1>x</a>")),
            ("/docs/b", Response::html("")),
        ])
    };
    for (start, flags, read, judged) in [
        (
            "/",
            &["--depth", "0"][..],
            &["/"][..],
            &["/1", "/docs/a"][..],
        ),
        (
            "/",
            &["--depth", "1"],
            &["/", "/1", "/docs/a"],
            &["/2", "/docs/b"],
        ),
        ("/", &["--max-pages", "2"], &["/", "/1"], &["/2", "/docs/a"]),
        (
            "/docs/a",
            &["--scope", "prefix"],
            &["/docs/a", "/docs/b"],
            &["/1"],
        ),
    ] {
        let server = site();
        let output = check(&server.url(start), flags);
        output.assert_code(0);
        let mut expected: Vec<_> = read.iter().map(|path| format!("GET {path}")).collect();
        expected.extend(judged.iter().map(|path| format!("HEAD {path}")));
        expected.push("GET /robots.txt".to_owned());
        expected.sort();
        assert_eq!(asked(&server), expected, "{flags:?}");
    }
}

#[test]
fn links_that_ask_not_to_be_followed_are_judged_all_the_same() {
    let page = |head: &str, path: &str| Response::html(format!("{head}<a href=/x{path}>x</a>"));
    let server = Server::pages([
        (
            "/",
            Response::html(
                "<a rel='nofollow' href=/rel>x</a><a href=/meta>x</a><a href=/tag>x</a>",
            ),
        ),
        ("/rel", page("", "/1")),
        ("/meta", page("<meta name=robots content=nofollow>", "/2")),
        ("/tag", page("", "/3").field("X-Robots-Tag", "nofollow")),
        ("/x/2", page("", "/4")),
        ("/x/3", page("", "/5")),
    ]);
    let output = check(&server.url("/"), &[]);
    output.assert_code(0);
    let judged: Vec<_> = asked(&server)
        .into_iter()
        .filter(|request| request.starts_with("HEAD"))
        .collect();
    assert_eq!(judged, ["HEAD /rel", "HEAD /x/2", "HEAD /x/3"]);
    let output = check(&server.url("/"), &["--follow-nofollow"]);
    output.assert_code(1);
    let broken = links(&output)
        .into_iter()
        .filter(|(_, _, outcome, _)| outcome == "broken");
    let broken: Vec<_> = broken.map(|(_, written, ..)| written).collect();
    assert_eq!(broken, ["/x/1", "/x/4", "/x/5"]);
}

#[test]
fn what_a_redirect_leads_to_is_a_page_of_its_own() {
    let server = Server::pages([
        (
            "/",
            Response::html("<a href=/old#here>x</a><a href=/older>x</a><a href=/away>x</a>"),
        ),
        ("/old", Response::redirect(301, "/new")),
        ("/older", Response::redirect(301, "/new")),
        ("/new", Response::html("<p id=here><a href=/gone>x</a>")),
        ("/away", Response::redirect(302, "http://127.0.0.1:1/")),
    ]);
    let output = check(
        &server.url("/"),
        &["--redirects", "warn", "--connect-timeout", "2s"],
    );
    output.assert_code(1);
    let found = links(&output);
    let gone: Vec<_> = found
        .iter()
        .filter(|(_, written, ..)| written == "/gone")
        .collect();
    assert_eq!(
        gone,
        [&link("/new", "/gone", "broken", "status")],
        "once, where it stands"
    );
    assert_eq!(server.count("/gone"), 1);
    let suggested = output.json_lines();
    assert_eq!(suggested[1]["suggestion"], server.url("/new#here"));
    // An input that leads elsewhere leaves nothing to be read, and that is said.
    let server = Server::pages([
        ("/", Response::redirect(301, "/docs/")),
        ("/docs/", Response::html("<a href=/gone>x</a>")),
    ]);
    let output = check(&server.url("/a/../"), &[]);
    output.assert_code(1);
    let other = Server::builder()
        .on([127, 0, 0, 2])
        .page("/", Response::html("<a href=/gone>x</a>"))
        .start();
    let server = Server::pages([("/", Response::redirect(301, &other.url("/")))]);
    let output = check(&server.url("/"), &["--private", "allow"]);
    output.assert_code(0);
    assert!(output.stderr.contains("out of scope"), "{}", output.stderr);
}

#[test]
fn a_trap_ends_where_its_first_links_are() {
    let server = Server::builder()
        .page("/robots.txt", Response::new(404))
        .prefix("/", |request| {
            let next = format!("{}x/", request.path());
            Response::html(format!("<a href={next}>deeper</a>"))
        })
        .start();
    let output = check(&server.url("/"), &[]);
    output.assert_code(0);
    assert!(server.requests().len() < 10, "{:?}", asked(&server));
}

#[test]
fn what_is_excluded_is_neither_asked_for_nor_read_and_files_may_stand_beside() {
    let server = Server::pages([
        (
            "/",
            Response::html("<a href=/a>x</a><a href=/private/b>x</a>"),
        ),
        ("/a", Response::html("<a href=/private/c>x</a>")),
    ]);
    let folder = tempfile::tempdir().expect("a folder");
    let note = format!("[x](none.md) [y]({})", server.url("/a"));
    std::fs::write(folder.path().join("z.md"), note).expect("a file");
    let output = Dragnet::new()
        .args([
            "check",
            "--recursive",
            "-f",
            "jsonl",
            "--exclude",
            "/private/",
        ])
        .args([&server.url("/"), "z.md"])
        .in_dir(folder.path())
        .run();
    output.assert_code(1);
    let records = output.json_lines();
    let places: Vec<_> = records
        .iter()
        .map(|record| (text(&record["input"]), text(&record["outcome"])))
        .collect();
    let expected = [
        ("none.md", "broken"),
        (&server.url("/a"), "ok"),
        (&server.url("/"), "ok"),
        ("/a", "ok"),
        ("/private/b", "excluded"),
        ("/private/c", "excluded"),
    ];
    let expected = expected.map(|(input, outcome)| (input.to_owned(), outcome.to_owned()));
    assert_eq!(
        places, expected,
        "files in the order of the inputs, then pages by their URL"
    );
    // Met in the file first, it is asked whether it is there; what it says is asked for once.
    let mut asked = asked(&server);
    asked.retain(|line| line != "HEAD /a");
    assert_eq!(asked, ["GET /", "GET /a", "GET /robots.txt"]);
}

#[test]
fn what_the_time_did_not_reach_is_unknown_on_every_page() {
    let server = Server::pages([
        (
            "/",
            Response::html("<a href=/slow>x</a><a href=/fast>x</a>"),
        ),
        ("/slow", Response::html("").delay(Duration::from_secs(20))),
        ("/fast", Response::html("<a href=/slow>x</a>")),
    ]);
    let output = check(&server.url("/"), &["--max-time", "1s"]);
    output.assert_code(0);
    let expected = [
        link("", &server.url("/"), "ok", ""),
        link("/", "/slow", "unknown", "interrupted"),
        link("/", "/fast", "ok", ""),
        link("/fast", "/slow", "unknown", "interrupted"),
    ];
    assert_eq!(links(&output), expected);
}

#[test]
fn flags_that_need_each_other_say_so_before_any_request() {
    let server = Server::pages([("/", Response::html(""))]);
    let url = server.url("/");
    for (arguments, told) in [
        (&["--recursive", "."][..], "begins at URLs"),
        (&["--recursive", "--offline", &url], "--offline"),
        (&["--depth", "1", &url], "--recursive"),
        (&["--scope", "any", &url], "--recursive"),
        (&["--recursive", "--max-pages", "0", &url], "--max-pages"),
    ] {
        let output = Dragnet::new().arg("check").args(arguments).run();
        output.assert_code(2);
        assert!(
            output.stderr.contains(told),
            "{arguments:?}: {}",
            output.stderr
        );
    }
    assert!(server.requests().is_empty());
}

#[test]
fn its_links_can_be_named_alone() {
    let server = Server::pages([
        ("/", Response::html("<a href=/a>x</a>")),
        ("/a", Response::html("<a href=/b>x</a><a href=/lost>x</a>")),
        ("/b", Response::html("<a href=http://elsewhere.test/>x</a>")),
    ]);
    let output = Dragnet::new()
        .args(["check", "--recursive", "--dump", &server.url("/")])
        .run();
    output.assert_code(0);
    let expected = ["/a", "/b", "/lost"].map(|path| server.url(path));
    let mut expected = expected.to_vec();
    expected.push("http://elsewhere.test/".to_owned());
    assert_eq!(output.lines(), expected);
}

/// What no output has use for is forgotten on the way, and counted all the same.
#[test]
fn what_is_only_counted_is_counted_like_what_is_written() {
    let server = Server::builder()
        .page("/robots.txt", Response::new(404))
        .page("/old", Response::redirect(302, "/page/3"))
        .page("/i.png", Response::content("image/png", "x"))
        .prefix("/page/", |request| {
            let number: u32 = request.path()[6..].parse().unwrap_or(99);
            if number >= 40 {
                return Response::new(404);
            }
            let link = |step: u32| {
                let to = (number * (2 * step + 1) + step) % 42;
                format!("<a href=/page/{to}#p{}>x</a>\n", step % 3)
            };
            let links: String = (0..12).map(link).collect();
            let common = "<a href=/old#p1>x</a><img src=/i.png><a href='mailto:a@h.test'>x</a>";
            Response::html(format!("<p id=p0><p id=p1>{common}{links}"))
        })
        .start();
    let seed = server.url("/page/0");
    let output = check(&seed, &[]);
    let counted = |outcome: &str| {
        let records = output.json_lines();
        let same = records.iter().filter(|record| record["outcome"] == outcome);
        same.count()
    };
    let expected = format!(
        "{} ok, {} broken, {} excluded",
        counted("ok"),
        counted("broken"),
        counted("excluded")
    );
    let text = Dragnet::new()
        .args(["check", "--recursive", &seed])
        .limit(Duration::from_secs(30))
        .run();
    text.assert_code(1);
    assert_eq!(text.lines().len(), counted("broken"), "{}", text.stdout);
    assert!(
        text.stderr.contains(&expected),
        "{expected}: {}",
        text.stderr
    );
    let statuses = |output: &Output| {
        let told = output.stderr.split_once("; status ");
        told.map(|(_, told)| told.to_owned())
    };
    assert!(statuses(&text).is_some_and(|told| told.starts_with("200 ")));
    assert_eq!(statuses(&text), statuses(&output));
}
