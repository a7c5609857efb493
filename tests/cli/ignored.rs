//! What is not checked although it is linked to: comments, `.dragnetignore`, and rules that matched nothing.

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
    let run = Dragnet::new().arg("check").args(arguments);
    run.in_dir(folder).run()
}

/// The warnings, without what stands before each.
fn warnings(output: &Output) -> Vec<&str> {
    let lines = output.stderr.lines();
    lines
        .filter_map(|line| line.strip_prefix("dragnet: warning: "))
        .collect()
}

#[test]
fn a_link_that_a_comment_covers_is_excluded_and_its_target_not_asked_for() {
    let server = Server::pages([("/good", Response::text("x"))]);
    let page = format!(
        "[a]({0}/good)\n\n<!-- dragnet-ignore: down until May -->\n[b]({0}/b) [c]({0}/good)\n\n[d]({0}/d) <!-- dragnet-ignore -->\n\
         <!-- markdown-link-check-disable -->\n[e](none.md)\n\n<a href=none.html>x</a>\n<!-- markdown-link-check-enable -->\n[f](none.md)\n",
        server.url("")
    );
    let site = folder(&[
        ("a.md", &page),
        (
            "b.html",
            "<!-- dragnet-ignore -->\n<a\n href='none.html'>x</a>\n<a href='gone.html'>x</a>\n",
        ),
        (
            "c.mdx",
            "{/* dragnet-ignore-start */}\n<Card href=\"none.html\"/>\n{/* dragnet-ignore-end */}\n[x](gone.md)\n",
        ),
    ]);
    let output = check(site.path(), &["-v", "."]);
    output.assert_code(1);
    let mut lines: Vec<_> = output.lines();
    lines.retain(|line| !line.contains(": ok "));
    let expected = [
        format!("a.md:4:5: excluded {}", server.url("/b")),
        format!(
            "a.md:4:{}: excluded {}",
            5 + server.url("/b").len() + 6,
            server.url("/good")
        ),
        format!("a.md:6:5: excluded {}", server.url("/d")),
        "a.md:8:5: excluded none.md".to_owned(),
        "a.md:10:9: excluded none.html".to_owned(),
        "a.md:12:5: broken file none.md: no such file".to_owned(),
        "b.html:3:8: excluded none.html".to_owned(),
        "b.html:4:10: broken file gone.html: no such file".to_owned(),
        "c.mdx:2:13: excluded none.html".to_owned(),
        "c.mdx:4:5: broken file gone.md: no such file".to_owned(),
    ];
    assert_eq!(lines, expected);
    assert_eq!((server.count("/good"), server.requests().len()), (1, 1));
    assert!(warnings(&output).is_empty(), "{}", output.stderr);
}

/// HTML that is longer than what arrives at once, with comments and what they cover.
fn page() -> String {
    let filling = "<p>text <!-- navigation --> <a href='#top'>up</a>\n".repeat(3000);
    format!(
        "{filling}<!-- dragnet-ignore: until May -->\n<a\n href=/one>x</a>\n<a href=/two>x</a> <!-- dragnet-ignore -->\n\
         <!-- dragnet-ignore-start --><a href=/three>x</a>\n{filling}<a href=/four>x</a><!-- dragnet-ignore-end --><a href=/gone>x</a>\n\
         <!-- dragnet-ignore -->\n"
    )
}

#[test]
fn comments_in_pages_of_servers_cover_links_too() {
    let markdown = "<!-- dragnet-ignore -->\n[a](/five)\n\n```\n<!-- dragnet-ignore-start -->\n```\n[b](/gone)\n";
    let server = Server::pages([
        ("/a.html", Response::html(page())),
        ("/b.md", Response::content("text/markdown", markdown)),
        ("/README.md", Response::text(markdown)),
    ]);
    let urls = ["/a.html", "/b.md", "/README.md"].map(|path| server.url(path));
    let output = check(Path::new("."), &[&urls[0], &urls[1], &urls[2]]);
    output.assert_code(1);
    let places = ["6006:55", "7:5", "7:5"];
    let gone = |(url, place)| format!("{url}:{place}: broken 404 /gone: 404 Not Found");
    let expected: Vec<String> = urls.iter().zip(places).map(gone).collect();
    assert_eq!(output.lines(), expected);
    let mut asked: Vec<_> = server
        .requests()
        .into_iter()
        .map(|one| one.target)
        .collect();
    asked.sort();
    asked.dedup();
    assert_eq!(asked, ["/README.md", "/a.html", "/b.md", "/gone"]);
    let told = format!("{}:6007: dragnet-ignore covers no link", urls[0]);
    assert_eq!(warnings(&output), [told]);
}

#[test]
fn what_a_comment_covers_is_not_read_by_recursion_and_pages_are_told_of_in_their_order() {
    let idle = "<p>x\n<!-- dragnet-ignore -->\n";
    let server = Server::pages([
        ("/robots.txt", Response::new(404)),
        (
            "/",
            Response::html(
                "<a href=/z>x</a> <a href=/b>x</a>\n<!-- dragnet-ignore -->\n<a href=/hidden>x</a>\n",
            ),
        ),
        ("/b", Response::html(idle)),
        ("/z", Response::html(format!("<a href=/c#here>x</a>{idle}"))),
        ("/c", Response::html(format!("<p id=here>{idle}{idle}"))),
    ]);
    let output = check(Path::new("."), &["--recursive", &server.url("/")]);
    output.assert_code(0);
    assert_eq!(server.count("/hidden"), 0);
    let told = |path: &str, line: u32| {
        format!("{}:{line}: dragnet-ignore covers no link", server.url(path))
    };
    let expected = [told("/b", 2), told("/c", 2), told("/c", 4), told("/z", 2)];
    assert_eq!(warnings(&output), expected);
}

#[test]
fn a_file_of_patterns_keeps_links_out_and_is_told_by_line_where_it_is_wrong() {
    let site = folder(&[
        (
            ".dragnetignore",
            "# not yet there\n\n/draft/\r\n  ^https://h\\.test/  \n",
        ),
        ("docs/.dragnetignore", "later\\.md$\n"),
        (
            "docs/a.md",
            "[x](draft/a.md) [y](https://h.test/x) [z](later.md)\n",
        ),
    ]);
    check(site.path(), &["docs"]).assert_code(0);
    let output = check(&site.path().join("docs"), &["."]);
    output.assert_code(1);
    let output = check(site.path(), &["docs", "--include", "later"]);
    output.assert_code(1);
    assert_eq!(output.lines().len(), 1, "{}", output.stdout);
    std::fs::write(site.path().join("docs/.dragnetignore"), "x\n(\n").expect("a file");
    let output = check(site.path(), &["docs"]);
    output.assert_code(2);
    assert!(
        output
            .stderr
            .ends_with("docs/.dragnetignore:2: is no pattern: unclosed group\n")
            && output.stderr.contains("unclosed group"),
        "{}",
        output.stderr
    );
}

#[test]
fn every_rule_that_matched_nothing_is_named() {
    let site = folder(&[
        (
            ".dragnetignore",
            "^https://used\\.test/\n^https://unused\\.test/\n",
        ),
        (
            "a.md",
            "[x](https://used.test/1) [y](https://used.test/2) [z](b.md#none)\n\n<!-- dragnet-ignore -->\n\nno link\n\n<!-- dragnet-ignore-end -->\n",
        ),
        ("b.md", ""),
    ]);
    let rules = [
        "--exclude",
        "used",
        "--exclude",
        "nowhere",
        "--include",
        "nothing",
        "--remap",
        "^https://old https://new",
        "--exclude-fragment",
        "#none$",
        "--exclude-fragment",
        "#other$",
        ".",
    ];
    let output = check(site.path(), &rules);
    output.assert_code(0);
    assert_eq!(
        warnings(&output),
        [
            "--exclude 'nowhere' matched nothing",
            ".dragnetignore:2: '^https://unused\\.test/' matched nothing",
            "--include 'nothing' matched nothing",
            "--exclude-fragment '#other$' matched nothing",
            "--remap '^https://old https://new' matched nothing",
            "a.md:3: dragnet-ignore covers no link",
            "a.md:7: dragnet-ignore-end ends nothing",
        ]
    );
    let quiet = check(site.path(), &[&["-q"], &rules[..]].concat());
    quiet.assert_code(0);
    assert_eq!(quiet.stderr, "");
    // Where nobody is asked, a rule for what would have been is used all the same.
    let offline = check(site.path(), &[&["--offline"], &rules[..]].concat());
    assert_eq!(warnings(&offline), warnings(&output));
}

#[test]
fn a_pattern_of_paths_that_matched_nothing_is_named() {
    let site = folder(&[("a.md", ""), ("b.md", "")]);
    let output = check(
        site.path(),
        &[".", "--exclude-path", "^b", "--exclude-path", "yyy"],
    );
    output.assert_code(0);
    assert_eq!(warnings(&output), ["--exclude-path 'yyy' matched nothing"]);
}
