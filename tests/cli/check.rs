//! `check`: every link with its place and its verdict.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Dragnet, Response, Server};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
}

/// (path below `base`, line, column, link, kind) of what is broken.
fn broken(records: &[Value], base: &Path) -> Vec<(String, u64, u64, String, String)> {
    records
        .iter()
        .filter(|record| record["outcome"] == "broken")
        .map(|record| {
            let source = &record["source"];
            let path = Path::new(source["path"].as_str().expect("a path"));
            (
                path.strip_prefix(base)
                    .unwrap_or(path)
                    .display()
                    .to_string(),
                source["line"].as_u64().expect("a line"),
                source["column"].as_u64().expect("a column"),
                record["input"].as_str().expect("the link").to_owned(),
                record["error"]["kind"].as_str().expect("a kind").to_owned(),
            )
        })
        .collect()
}

#[test]
fn the_site_of_the_fixtures_has_just_the_broken_links_that_it_says() {
    let site = fixture("site");
    let output = Dragnet::new()
        .args(["check", "-f", "jsonl"])
        .arg(&site)
        .run();
    output.assert_code(1);
    let expected = std::fs::read_to_string(fixture("site.expected.tsv")).expect("the list");
    let expected: Vec<_> = expected
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let cells: Vec<_> = line.split('\t').collect();
            let number = |text: &str| text.parse().expect("a number");
            (
                cells[0].to_owned(),
                number(cells[1]),
                number(cells[2]),
                cells[3].to_owned(),
                cells[4].to_owned(),
            )
        })
        .collect();
    let base = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(broken(&output.json_lines(), base), expected);
}

#[test]
fn text_shows_what_is_not_ok_by_its_place_and_a_summary_follows() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.md"), "[good](b.md) [bad](none.md)\n").expect("a file");
    std::fs::write(folder.path().join("b.md"), "# Here\n").expect("a file");
    let output = Dragnet::new()
        .args(["check", "."])
        .in_dir(folder.path())
        .run();
    output.assert_code(1);
    assert_eq!(
        output.stdout,
        "a.md:1:20: broken file none.md: no such file\n"
    );
    assert!(
        output.stderr.contains("2 links: 1 ok, 1 broken"),
        "{}",
        output.stderr
    );
    let output = Dragnet::new()
        .args(["check", "-v", "."])
        .in_dir(folder.path())
        .run();
    assert_eq!(output.lines().len(), 2);
}

#[test]
fn files_folders_globs_urls_and_stdin_are_inputs() {
    let server = Server::pages([("/page", Response::html("<a href=/gone>x</a>"))]);
    let folder = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    write("page.html", "<p>\n<a href='none.html'>x</a>");
    write("notes.md", "[x](none.md)");
    write("style.css", "a{background:url(none.png)}");
    let run = |input: &str| {
        Dragnet::new()
            .args(["check", input])
            .in_dir(folder.path())
            .run()
    };
    for (input, told) in [
        ("page.html", "page.html:2:10: broken file none.html"),
        ("notes.md", "notes.md:1:5: broken file none.md"),
        ("style.css", "style.css:1:18: broken file none.png"),
        ("*.md", "notes.md:1:5: broken file none.md"),
        (".", "page.html:2:10: broken file none.html"),
    ] {
        let output = run(input);
        output.assert_code(1);
        assert!(output.stdout.contains(told), "{input}: {}", output.stdout);
    }
    let output = run(&server.url("/page"));
    output.assert_code(1);
    assert!(
        output
            .stdout
            .contains(&format!("{}:1:9: broken 404 /gone", server.url("/page"))),
        "{}",
        output.stdout
    );
    let text = format!("see {} or {}.", server.url("/page"), server.url("/none"));
    let output = Dragnet::new().args(["check", "-"]).stdin_text(text).run();
    output.assert_code(1);
    assert_eq!(output.lines().len(), 1);
    assert!(output.stdout.starts_with("-:1:"), "{}", output.stdout);
}

#[test]
fn a_target_is_asked_for_once_however_many_links_and_anchors_point_to_it() {
    let server = Server::pages([
        ("/page", Response::html("<p id=one><a name=two>")),
        ("/plain", Response::text("x")),
        ("/image", Response::content("image/png", "x")),
    ]);
    let base = server.url("");
    let folder = tempfile::tempdir().expect("a folder");
    for number in 0..40 {
        let text = format!(
            "[a]({base}/page#one) [b]({base}/page#two) [c]({base}/page#three) [d]({base}/plain) [e]({base}/image#x)\n"
        );
        std::fs::write(folder.path().join(format!("{number:02}.md")), text).expect("a file");
    }
    let output = Dragnet::new()
        .args(["check", "-f", "jsonl"])
        .arg(folder.path())
        .run();
    output.assert_code(1);
    let records = output.json_lines();
    assert_eq!(records.len(), 200, "a record for each link");
    let failures = broken(&records, folder.path());
    assert_eq!(failures.len(), 40, "{failures:?}");
    assert!(failures.iter().all(|(.., kind)| kind == "fragment"));
    assert_eq!(
        (
            server.count("/page"),
            server.count("/plain"),
            server.count("/image")
        ),
        (1, 1, 1)
    );
    assert_eq!(
        server
            .requests()
            .iter()
            .filter(|request| request.method == "HEAD")
            .count(),
        1
    );
    let paths: Vec<_> = records
        .iter()
        .map(|record| record["source"]["path"].to_string())
        .collect();
    assert!(paths.is_sorted(), "sources in the order of the inputs");
}

#[test]
fn a_head_that_is_answered_wrongly_is_followed_by_a_get() {
    let server = Server::builder()
        .route("/picky", |request| match request.method.as_str() {
            "HEAD" => Response::new(405),
            _ => Response::text("x"),
        })
        .route("/lying", |request| match request.method.as_str() {
            "HEAD" => Response::new(404),
            _ => Response::text("x"),
        })
        .start();
    let text = format!("{} {}", server.url("/picky"), server.url("/lying"));
    Dragnet::new()
        .args(["check", "-"])
        .stdin_text(text)
        .run()
        .assert_code(0);
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn links_that_lead_nowhere_are_broken_and_schemes_that_are_not_judged_excluded() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "[a](/root.md) <mailto:x@y.test> [t](tel:1) [h](http://) [s](//////) [top](#top) [e](#) [j](javascript:x)\n";
    std::fs::write(folder.path().join("lone.md"), text).expect("a file");
    let output = Dragnet::new()
        .args(["check", "-f", "jsonl", "lone.md"])
        .in_dir(folder.path())
        .run();
    output.assert_code(1);
    let told: Vec<_> = output
        .json_lines()
        .iter()
        .map(|record| {
            let kind = record["error"]["kind"].as_str().unwrap_or_default();
            format!(
                "{} {} {kind}",
                record["input"].as_str().unwrap_or_default(),
                record["outcome"].as_str().unwrap_or_default()
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "/root.md broken url",
            "mailto:x@y.test excluded ",
            "tel:1 excluded ",
            "http:// broken url",
            "////// broken url",
            "#top ok ",
            "# ok ",
            "javascript:x excluded ",
        ]
    );
    std::fs::write(folder.path().join("root.md"), "x").expect("a file");
    let output = Dragnet::new()
        .args(["check", "-f", "jsonl", "--root-dir", ".", "lone.md"])
        .in_dir(folder.path())
        .run();
    assert_eq!(broken(&output.json_lines(), folder.path()).len(), 2);
}

#[test]
fn folders_have_index_files_and_a_base_url_stands_in_for_the_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    write(
        "a.html",
        "<a href='sub/#here'><a href=sub><a href=bare/><a href=sub/#none><a href=a.html/>",
    );
    write("sub/index.html", "<p id=here>");
    write("bare/x.txt", "x");
    let run = |flags: &[&str]| {
        let output = Dragnet::new()
            .args(["check", "-f", "jsonl"])
            .args(flags)
            .arg("a.html")
            .in_dir(folder.path())
            .run();
        broken(&output.json_lines(), folder.path())
            .into_iter()
            .map(|(.., link, kind)| format!("{link} {kind}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(run(&[]), ["sub/#none fragment", "a.html/ file"]);
    assert_eq!(run(&["--fragments", "none"]), ["a.html/ file"]);
    assert_eq!(
        run(&["--index-files", "index.html"]),
        ["bare/ file", "sub/#none fragment", "a.html/ file"]
    );
    assert_eq!(run(&["--index-files", ""]).len(), 5);
    let server = Server::pages([
        ("/docs/sub/", Response::html("<p id=here>")),
        ("/docs/sub", Response::text("x")),
    ]);
    let output = Dragnet::new()
        .args([
            "check",
            "-f",
            "jsonl",
            "--base-url",
            &server.url("/docs/"),
            "a.html",
        ])
        .in_dir(folder.path())
        .run();
    assert_eq!(
        broken(&output.json_lines(), folder.path()).len(),
        3,
        "{}",
        output.stdout
    );
    assert!(server.count("/docs/sub/") >= 1);
}

#[test]
fn offline_and_exclude_ask_nobody() {
    let server = Server::builder()
        .prefix("/", |_| Response::text("x"))
        .start();
    let text = format!("{} {}", server.url("/a"), server.url("/b"));
    let check = |flags: &[&str]| {
        let output = Dragnet::new()
            .args(["check", "-f", "jsonl"])
            .args(flags)
            .arg("-")
            .stdin_text(text.clone())
            .run();
        output.assert_code(0);
        output
            .json_lines()
            .iter()
            .filter(|record| record["outcome"] == "excluded")
            .count()
    };
    assert_eq!(check(&["--offline"]), 2);
    assert_eq!(server.requests().len(), 0);
    assert_eq!(check(&["--exclude", "/a$"]), 1);
    assert_eq!(check(&["--exclude", ".", "--include", "/b"]), 1);
    assert_eq!(server.count("/a"), 0);
}

#[test]
fn an_input_that_is_not_there_is_exit_2_and_can_be_passed_over() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.md"), "[x](a.md)").expect("a file");
    let run = |flags: &[&str]| {
        Dragnet::new()
            .arg("check")
            .args(flags)
            .args(["missing.md", "a.md"])
            .in_dir(folder.path())
            .run()
    };
    let output = run(&[]);
    output.assert_code(2);
    assert!(output.stderr.contains("missing.md"), "{}", output.stderr);
    let output = run(&["--skip-missing"]);
    output.assert_code(0);
    assert!(
        output.stderr.contains("missing.md") && output.stderr.contains("1 link:"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_url_input_that_cannot_be_fetched_is_a_broken_record() {
    let server = Server::pages([("/", Response::html("x"))]);
    let output = Dragnet::new()
        .args(["check", "-f", "jsonl", &server.url("/gone")])
        .run();
    output.assert_code(1);
    let records = output.json_lines();
    assert_eq!(
        (records.len(), records[0]["status"].as_u64()),
        (1, Some(404))
    );
    assert!(records[0].get("source").is_none());
}

#[test]
fn undecodable_bytes_loops_and_pipes_on_the_way_stop_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = folder.path();
    std::fs::write(base.join("bytes.html"), b"\xff\xfe\x00<a href=none>").expect("a file");
    std::fs::write(base.join("good.html"), "<a href=good.html>").expect("a file");
    std::os::unix::fs::symlink(base, base.join("loop")).expect("a link");
    let made = std::process::Command::new("mkfifo")
        .arg(base.join("pipe.html"))
        .status()
        .expect("mkfifo");
    assert!(made.success());
    let output = Dragnet::new()
        .args(["check", "-f", "jsonl"])
        .arg(base)
        .run();
    assert!(matches!(output.code, Some(0 | 1)), "{}", output.stderr);
    for told in [
        "pipe.html was not read: it is neither a file nor a folder",
        "loop was not read: it leads back",
    ] {
        assert!(output.stderr.contains(told), "{}", output.stderr);
    }
    assert!(
        output
            .json_lines()
            .iter()
            .any(|record| record["input"] == "good.html")
    );
}

#[test]
fn a_page_that_is_input_and_target_is_asked_for_once() {
    let server = Server::pages([("/page", Response::html("<a href=/page#here id=here>x</a>"))]);
    let folder = tempfile::tempdir().expect("a folder");
    let url = server.url("/page");
    let text = format!("[a]({url}#here) [b]({url}#none)\n");
    std::fs::write(folder.path().join("a.md"), text).expect("a file");
    let output = Dragnet::new()
        .args(["check", "-f", "jsonl", "a.md", &url, &url, "a.md"])
        .in_dir(folder.path())
        .run();
    output.assert_code(1);
    assert_eq!(server.requests().len(), 1);
    assert_eq!(
        output.json_lines().len(),
        2 + 1 + 1,
        "an input that is named twice is one: {}",
        output.stdout
    );
    let failures = broken(&output.json_lines(), folder.path());
    assert_eq!(failures.len(), 1, "{failures:?}");
}

#[test]
fn redirects_are_followed_before_a_status_is_judged() {
    let server = Server::pages([
        ("/moved", Response::redirect(301, "/gone")),
        ("/gone", Response::new(404)),
    ]);
    let text = server.url("/moved");
    let check = |flags: &[&str]| {
        let run = Dragnet::new()
            .args(["check", "-f", "jsonl"])
            .args(flags)
            .arg("-");
        run.stdin_text(text.clone()).run()
    };
    check(&["--accept", "200..=399"]).assert_code(1);
    check(&["--accept", "404"]).assert_code(0);
    let methods: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.method.clone())
        .collect();
    assert_eq!(methods, ["HEAD", "HEAD", "GET", "HEAD", "HEAD"]);
}

/// The outcome of each link, by its text as written.
fn outcomes(output: &crate::support::Output) -> std::collections::BTreeMap<String, String> {
    let record = |record: &Value| {
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        (text("input"), text("outcome"))
    };
    output.json_lines().iter().map(record).collect()
}

#[test]
fn a_site_has_one_root_and_nothing_beyond_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(at("site/sub")).expect("a folder");
    std::fs::create_dir_all(at("other")).expect("a folder");
    std::fs::write(at("outside.html"), "").expect("a file");
    std::fs::write(at("other/there.html"), "").expect("a file");
    let page = "<a href=/there.html><a href=/../outside.html><a href=/..%2foutside.html><a href=../outside.html>";
    std::fs::write(at("site/page.html"), page).expect("a file");
    let check = |flags: &[&str]| {
        let run = Dragnet::new()
            .args(["check", "-f", "jsonl", "site"])
            .args(flags);
        outcomes(&run.in_dir(folder.path()).run())
    };
    let found = check(&[]);
    assert_eq!(found["/there.html"], "broken");
    assert_eq!(
        found["/../outside.html"], "broken",
        "a server does not go there"
    );
    assert_eq!(found["/..%2foutside.html"], "broken");
    assert_eq!(
        found["../outside.html"], "ok",
        "a document beside the folder"
    );
    assert_eq!(check(&["--root-dir", "other"])["/there.html"], "ok");
    assert_eq!(
        check(&["--exclude", "^site/there"])["/there.html"],
        "excluded"
    );
}

#[test]
fn a_base_url_stands_in_for_each_file_of_a_folder() {
    let server = Server::pages([("/docs/sub/z.html", Response::text("z"))]);
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(folder.path().join("d/sub")).expect("a folder");
    let page = "<a id=here href=#here><a href=#none><a href=z.html><a href=q.html#here>";
    std::fs::write(folder.path().join("d/sub/q.html"), page).expect("a file");
    let output = Dragnet::new()
        .args([
            "check",
            "-f",
            "jsonl",
            "d",
            "--base-url",
            &server.url("/docs/"),
        ])
        .in_dir(folder.path())
        .run();
    output.assert_code(1);
    let found = outcomes(&output);
    assert_eq!((&*found["#here"], &*found["#none"]), ("ok", "broken"));
    assert_eq!((&*found["z.html"], &*found["q.html#here"]), ("ok", "ok"));
    let paths: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.path().to_owned())
        .collect();
    assert_eq!(paths, ["/docs/sub/z.html"]);
}

#[test]
fn what_has_no_anchors_takes_any_fragment_and_a_limit_of_requests_is_no_verdict() {
    let server = Server::pages([
        ("/busy", Response::new(429)),
        ("/text", Response::text("words")),
    ]);
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["a.txt", "a.css", "a.rs"] {
        std::fs::write(folder.path().join(name), "x").expect("a file");
    }
    let text = format!(
        "[1](a.txt#L1) [2](a.css#x) [3](a.rs#L2) [4]({0}/text#x) [5]({0}/busy)",
        server.url("")
    );
    std::fs::write(folder.path().join("m.md"), text).expect("a file");
    let output = Dragnet::new()
        .args(["check", "-f", "jsonl", "m.md", "--retries", "0"])
        .in_dir(folder.path())
        .run();
    output.assert_code(0);
    let busy = &output.json_lines()[4];
    assert_eq!(
        (&busy["outcome"], &busy["error"]["kind"]),
        (&"unknown".into(), &"rate-limited".into())
    );
    assert!(busy["size"].is_null(), "nothing was read: {busy}");
}

#[test]
fn offline_asks_for_no_input_either_and_a_glob_may_match_a_folder() {
    let server = Server::pages([("/", Response::text("x"))]);
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(folder.path().join("g/a")).expect("a folder");
    std::fs::write(folder.path().join("g/a/p.html"), "<a href=none>").expect("a file");
    let output = Dragnet::new()
        .args(["check", "--offline", "-f", "jsonl", "g/*", &server.url("/")])
        .in_dir(folder.path())
        .run();
    output.assert_code(1);
    assert_eq!(server.requests().len(), 0);
    let records = output.json_lines();
    assert_eq!(records[0]["source"]["path"], "g/a/p.html");
    assert_eq!(records[1]["outcome"], "excluded");
    assert_eq!(records.len(), 2);
}

#[test]
fn a_document_that_cannot_be_read_to_its_end_is_no_good_one() {
    let tag = format!("<a href=/><a title='{}'>", "z".repeat(9 << 20));
    let server = Server::pages([("/big", Response::html(tag)), ("/", Response::text("x"))]);
    let output = Dragnet::new()
        .args(["check", "-f", "jsonl", &server.url("/big")])
        .run();
    output.assert_code(1);
    let records = output.json_lines();
    assert_eq!(records[1]["outcome"], "ok");
    assert_eq!(records[2]["error"]["kind"], "too-large");
    assert_eq!(records[2]["source"]["line"], 1);
    let output = Dragnet::new()
        .args(["crawl", "-f", "jsonl", "--depth", "0", &server.url("/big")])
        .run();
    output.assert_code(1);
    assert_eq!(output.json_lines()[0]["error"]["kind"], "too-large");
}
