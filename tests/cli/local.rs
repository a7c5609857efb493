//! `check` on a site that is not deployed yet: what its server would do with names, redirects and other addresses.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Dragnet, Output, Response, Server};

/// A folder with these files.
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

/// What became of each link: `ok`, or the kind of its failure.
fn verdicts(output: &Output) -> BTreeMap<String, String> {
    let lines = output.json_lines();
    let verdict = |record: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let kind = text(&record["error"]["kind"]);
        let outcome = text(&record["outcome"]);
        (
            text(&record["input"]),
            if kind.is_empty() { outcome } else { kind },
        )
    };
    lines.iter().map(verdict).collect()
}

fn message(output: &Output, link: &str) -> String {
    let lines = output.json_lines();
    let record = lines.iter().find(|record| record["input"] == link);
    let record = record.unwrap_or_else(|| panic!("no record of {link}"));
    record["error"]["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn a_name_may_lack_what_its_server_adds() {
    let page = "<a href=about#here><a href=about#none><a href=both#file><a href=v1.2><a href=bare><a href=about/><a href=page.html>";
    let site = folder(&[
        ("page.html", page),
        ("about.html", "<p id=here>"),
        ("both.html", "<p id=file>"),
        ("both/x.txt", ""),
        ("v1.2.md", "# v"),
        ("bare/index.html", ""),
        ("bare.html", ""),
    ]);
    let found = verdicts(&check(site.path(), &["."]));
    assert_eq!((&*found["about#here"], &*found["v1.2"]), ("file", "file"));
    let output = check(site.path(), &["--fallback-extensions", "html,.md", "."]);
    output.assert_code(1);
    let found = verdicts(&output);
    for (link, verdict) in [
        ("about#here", "ok"),
        ("about#none", "fragment"),
        ("both#file", "ok"),
        ("v1.2", "ok"),
        ("bare", "ok"),
        ("about/", "file"),
        ("page.html", "ok"),
    ] {
        assert_eq!(found[link], verdict, "{link}");
    }
}

#[test]
fn a_redirects_file_is_what_the_server_would_do() {
    let server = Server::pages([("/there", Response::text("x"))]);
    let redirects = format!(
        "/old /new.html 301\n/posts/* /blog/:splat\n/u/:name /people/:name.html 302\n/away {}/there\n/lost {0}/none\n\
        /wrong /nowhere.html\n/loop /loop2\n/loop2 /loop\n/gone /x 410\n/new.html /other.html\n/taken.html /new.html 301!\n\
        /out /../outside.html\n/file file:///etc/passwd\nbad line\n/part /new.html#here\n",
        server.url("")
    );
    let links = [
        "/old",
        "/old#here",
        "/posts/a.html",
        "/posts/b.html",
        "/u/ann",
        "/u/bob",
        "/away",
        "/lost",
        "/wrong",
        "/loop",
        "/gone",
        "/taken.html#here",
        "/out",
        "/file",
        "/part",
        "new.html",
        "old",
    ];
    let page: String = links
        .iter()
        .map(|link| format!("<a href='{link}'>x</a>\n"))
        .collect();
    let site = folder(&[
        ("site/_redirects", &redirects),
        ("site/page.html", &page),
        ("site/new.html", "<p id=here>"),
        ("site/taken.html", ""),
        ("site/blog/a.html", ""),
        ("site/people/ann.html", ""),
        ("outside.html", ""),
    ]);
    let output = check(site.path(), &["site"]);
    output.assert_code(1);
    let found = verdicts(&output);
    for (link, verdict) in [
        ("/old", "ok"),
        ("/old#here", "ok"),
        ("/posts/a.html", "ok"),
        ("/posts/b.html", "file"),
        ("/u/ann", "ok"),
        ("/u/bob", "file"),
        ("/away", "ok"),
        ("/lost", "status"),
        ("/wrong", "file"),
        ("/loop", "too-many-redirects"),
        ("/gone", "status"),
        ("/taken.html#here", "ok"),
        ("/out", "file"),
        ("/file", "redirect"),
        ("/part", "ok"),
        ("new.html", "ok"),
        ("old", "ok"),
    ] {
        // A file: URL in a redirect is refused like one in a page.
        let verdict = if link == "/file" { "url" } else { verdict };
        assert_eq!(found[link], verdict, "{link}");
    }
    assert!(
        message(&output, "/wrong").contains("line 6 of site/_redirects"),
        "{}",
        message(&output, "/wrong")
    );
    assert!(message(&output, "/loop").contains("more than 10 redirects"));
    assert!(
        output.stderr.contains("site/_redirects:14: "),
        "{}",
        output.stderr
    );
    let wrong = output.json_lines();
    let wrong = wrong
        .iter()
        .find(|record| record["input"] == "/wrong")
        .expect("a record");
    assert_eq!(wrong["source"]["path"], "site/page.html");
    assert_eq!(wrong["source"]["line"], 9);
}

#[test]
fn a_redirects_file_counts_where_a_url_stands_in_and_leads_back() {
    let site = folder(&[
        ("s/_redirects", "/old /new.html 301\n"),
        ("s/page.html", "<a href=/old>x</a><a href=/none>y</a>"),
        ("s/new.html", ""),
    ]);
    let root = site.path().join("s");
    let remap = format!("^https://e\\.org/(.*) file://{}/$1", root.display());
    let output = check(
        site.path(),
        &[
            "s",
            "--base-url",
            "https://e.org/",
            "--root-dir",
            "s",
            "--remap",
            &remap,
        ],
    );
    output.assert_code(1);
    let found = verdicts(&output);
    assert_eq!((&*found["/old"], &*found["/none"]), ("ok", "file"));
}

#[test]
fn a_remap_puts_another_url_in_the_place_of_one() {
    let server = Server::pages([("/new/a", Response::html("<p id=x>"))]);
    let base = server.url("");
    let page = format!(
        "[a]({base}/old/a#x) [b](https://site.test/p.html#here) [c](https://site.test/none.html) [d](p.html)"
    );
    let site = folder(&[("m.md", &page), ("p.html", "<p id=here>")]);
    let here = site.path().canonicalize().expect("a path");
    let file = format!("^https://site\\.test/(.*) file://{}/$1", here.display());
    let output = check(
        site.path(),
        &[
            "--remap",
            "/old/(?<rest>.*) /new/$rest",
            "--remap",
            &file,
            "m.md",
        ],
    );
    output.assert_code(1);
    let found = verdicts(&output);
    assert_eq!(found[&format!("{base}/old/a#x")], "ok");
    assert_eq!(found["https://site.test/p.html#here"], "ok");
    assert_eq!(found["https://site.test/none.html"], "file");
    assert_eq!(found["p.html"], "ok");
    assert_eq!(server.count("/old/a"), 0);
    for (remap, told) in [
        ("one", "PATTERN REPLACEMENT"),
        ("(a) $2", "no group 2"),
        ("( b", "unclosed group"),
    ] {
        let output = check(site.path(), &["--remap", remap, "m.md"]);
        output.assert_code(2);
        assert!(output.stderr.contains(told), "{}", output.stderr);
    }
    let output = check(
        site.path(),
        &[
            "--remap",
            "^https://site.test/ nothing/",
            "m.md",
            "--offline",
        ],
    );
    assert!(message(&output, "https://site.test/none.html").contains("which is no URL"));
    // What a page on the network says is not the user's word.
    let server = Server::pages([("/", Response::html("<a href='file:///etc/passwd'>"))]);
    let output = check(site.path(), &["--remap", "nothing else", &server.url("/")]);
    assert_eq!(verdicts(&output)["file:///etc/passwd"], "url");
    // What the user says of a page's links holds, however late the page comes.
    let server = Server::pages([(
        "/",
        Response::html("<a href=/p.html#here><a href=/none.html>"),
    )]);
    let file = format!("{}(.+) file://{}/$1", server.url("/"), here.display());
    let output = check(site.path(), &["--remap", &file, "p.html", &server.url("/")]);
    let found = verdicts(&output);
    assert_eq!(
        (&*found["/p.html#here"], &*found["/none.html"]),
        ("ok", "file")
    );
}

#[test]
fn a_dump_names_links_and_asks_nobody() {
    let server = Server::pages([
        ("/", Response::html("<a href=/x#y><a href=tel:1>")),
        ("/x", Response::text("x")),
    ]);
    let base = server.url("");
    let page = format!(
        "[a]({base}/old#f) [b](b.md) [c](mailto:a@b.test) [d]({base}/no)\n[e]({base}/old#f)"
    );
    let site = folder(&[("m.md", &page)]);
    let run = |arguments: &[&str]| {
        Dragnet::new()
            .arg("check")
            .args(arguments)
            .in_dir(site.path())
            .run()
    };
    let output = run(&[
        "--dump",
        "--exclude",
        "/no$",
        "--remap",
        "/old /new",
        "m.md",
        &server.url("/"),
    ]);
    output.assert_code(0);
    let here = site.path().canonicalize().expect("a path");
    let file = format!("file://{}/b.md", here.display());
    let url = format!("{base}/new#f");
    assert_eq!(output.lines(), [&url, &file, &url, &format!("{base}/x#y")]);
    assert_eq!(server.requests().len(), 1, "only the input");
    let output = run(&["--dump", "-v", "--offline", "m.md"]);
    assert_eq!(
        output.lines(),
        [format!(
            "{file} m.md:1:{}",
            page.find("b.md").expect("it") + 1
        )]
    );
    run(&["--dump", &server.url("/gone")]).assert_code(2);
    run(&["--dump", "--offline", &server.url("/")]).assert_code(2);
}

#[test]
fn where_a_form_is_sent_is_looked_up_among_files_and_asked_of_nobody() {
    let server = Server::builder().page("/a", Response::html("")).start();
    let url = server.url("/a");
    let site = tempfile::tempdir().expect("a folder");
    let page = format!(
        "<form action=search.html></form><form action='none.html'></form><form method=POST action='#here' id=here></form>\
         <form method=post action=send.php></form><form method=post action={url}></form><form action='{url}?q'></form>\
         <button formaction=button.php></button><a ping='{url}#ping' href=search.html></a><form method=post action=http://></form>"
    );
    std::fs::write(site.path().join("index.html"), page).expect("a file");
    std::fs::write(site.path().join("search.html"), "").expect("a file");
    let run = |arguments: &[&str]| {
        let run = Dragnet::new().args(["check"]).args(arguments);
        run.in_dir(site.path()).run()
    };
    let output = run(&["-f", "jsonl", "."]);
    output.assert_code(1);
    let found: Vec<_> = output
        .json_lines()
        .iter()
        .map(|record| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (
                text(&record["input"]),
                text(&record["outcome"]),
                text(&record["error"]["kind"]),
            )
        })
        .collect();
    let (query, ping) = (format!("{url}?q"), format!("{url}#ping"));
    let expected = [
        ("search.html", "ok", ""),
        ("none.html", "broken", "file"),
        ("#here", "ok", ""),
        ("send.php", "excluded", "form"),
        (&*url, "excluded", "form"),
        (&*query, "excluded", "form"),
        ("button.php", "excluded", "form"),
        (&*ping, "excluded", "form"),
        ("search.html", "ok", ""),
        ("http://", "broken", "url"),
    ];
    let expected = expected
        .map(|(link, outcome, kind)| (link.to_owned(), outcome.to_owned(), kind.to_owned()));
    assert_eq!(found, expected);
    assert_eq!(server.count("/a"), 0);
    let output = run(&["-v", "."]);
    assert!(
        output
            .stdout
            .contains("excluded form send.php: takes what a form sends, and is not asked for"),
        "{}",
        output.stdout
    );
    // Nothing is wrong with them, shown or not.
    let counts = |output: &Output| {
        output
            .stderr
            .split(';')
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(counts(&output), counts(&run(&["."])));
    // A lone file knows nothing of a server's root.
    std::fs::write(
        site.path().join("lone.html"),
        "<form method=post action=/send></form>",
    )
    .expect("a file");
    run(&["lone.html"]).assert_code(0);
}
