//! Which fragments `check` looks up, and how often it asks for that.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::{Dragnet, Gate, Output, Response, Server};

/// What became of each link: its outcome, or the kind of its failure where it is broken.
fn verdicts(output: &Output) -> BTreeMap<String, String> {
    let lines = output.json_lines();
    let links = lines.iter().filter(|record| record["source"].is_object());
    links
        .map(|record| {
            let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
            let verdict = match (text("outcome"), record["error"]["kind"].as_str()) {
                (outcome, Some(kind)) if outcome == "broken" => kind.to_owned(),
                (outcome, _) => outcome,
            };
            (text("input"), verdict)
        })
        .collect()
}

fn check(folder: &Path, arguments: &[&str]) -> Output {
    let run = Dragnet::new().args(["check", "-f", "jsonl"]);
    run.args(arguments).in_dir(folder).run()
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

const STORY: &str = "<title>Title</title><p id=fox>The <b>quick</b> brown\nfox</p><p>jumps&nbsp;over Caf&eacute;s</p>\
                     <script>hidden words</script><iframe>no text</iframe>";

#[test]
fn each_kind_of_fragment_is_looked_up_where_it_is_asked_for() {
    let page = "<a href='story.html#fox'><a href='story.html#cat'><a href='story.html#:~:text=quick%20brown,over'>\
                <a href='story.html#:~:text=slow'><a href='story.html#cat:~:text=fox'><a href='story.html#fox:~:text=hidden'>\
                <a href='notes.md#:~:text=plain%20words'><a href='notes.md#:~:text=heading%20plain'><a href='#:~:text=own,text'>\
                <a href='list.txt#:~:text=second%20line'><a href='list.txt#:~:text=third'><p>own page's text";
    let site = folder(&[
        ("page.html", page),
        ("story.html", STORY),
        ("notes.md", "# Heading\n\n*plain* `words` and <b>HTML</b>\n"),
        ("list.txt", "first line\nsecond line\n"),
    ]);
    let anchors = ["story.html#cat", "story.html#cat:~:text=fox"];
    let texts = [
        "list.txt#:~:text=third",
        "notes.md#:~:text=heading%20plain",
        "story.html#:~:text=slow",
        "story.html#fox:~:text=hidden",
    ];
    let all = [anchors.as_slice(), &texts].concat();
    for (which, missing) in [
        ("none", vec![]),
        ("anchor", anchors.to_vec()),
        ("text", texts.to_vec()),
        ("all", all),
    ] {
        // As an input, and as a target that no input names.
        for input in [".", "page.html"] {
            let output = check(site.path(), &["--fragments", which, input]);
            let found = verdicts(&output);
            let broken = found.iter().filter(|(_, verdict)| *verdict == "fragment");
            let mut broken: Vec<_> = broken.map(|(link, _)| link.as_str()).collect();
            let mut missing = missing.clone();
            broken.sort_unstable();
            missing.sort_unstable();
            assert_eq!(broken, missing, "{which} {input}");
            output.assert_code(i32::from(!missing.is_empty()));
        }
    }
    let output = check(site.path(), &["--fragments", "text", "page.html"]);
    let says = "nothing in the document reads \\\"slow\\\"";
    assert!(output.stdout.contains(says), "{}", output.stdout);
}

#[test]
fn a_remote_page_is_asked_for_its_text_once_more_at_most() {
    let server = Server::builder()
        .page("/story", Response::html(STORY))
        .page("/head", Response::html(STORY))
        .page("/image", Response::content("image/png", "x"))
        // Quoted only by itself, once it has been read.
        .page(
            "/own",
            Response::html("<p>words <a href='#:~:text=words'>a</a><a href='#:~:text=none'>b</a>"),
        )
        .start();
    let base = server.url("");
    let links = format!(
        "[a]({base}/story#:~:text=quick) [b]({base}/story#:~:text=slow) [c]({base}/story#fox) [d]({base}/image#:~:text=x)\n\
         [e]({base}/head)\n"
    );
    let site = folder(&[("links.md", &links)]);
    let own = format!("{base}/own");
    let output = check(site.path(), &["--fragments", "all", "links.md", &own]);
    let found = verdicts(&output);
    for (link, verdict) in [
        (format!("{base}/story#:~:text=quick"), "ok"),
        (format!("{base}/story#:~:text=slow"), "fragment"),
        (format!("{base}/story#fox"), "ok"),
        (format!("{base}/image#:~:text=x"), "ok"),
        (format!("{base}/head"), "ok"),
        ("#:~:text=words".to_owned(), "ok"),
        ("#:~:text=none".to_owned(), "fragment"),
    ] {
        assert_eq!(found[&link], verdict, "{link}");
    }
    for (path, times) in [("/story", 1), ("/image", 1), ("/head", 1), ("/own", 2)] {
        assert_eq!(server.count(path), times, "{path}");
    }
}

#[test]
fn what_a_script_writes_is_unknown() {
    let site = folder(&[
        ("page.html", "<a href='app.html#:~:text=welcome'>"),
        (
            "app.html",
            "<div id=app></div><script src=page.html></script>",
        ),
    ]);
    let output = check(site.path(), &["--fragments", "text", "page.html"]);
    output.assert_code(0);
    assert_eq!(verdicts(&output)["app.html#:~:text=welcome"], "unknown");
}

#[test]
fn a_page_that_is_too_large_is_there_and_what_was_read_of_it_counts() {
    let long = format!("<p id=first>{}<p id=last>", "<p>words".repeat(200_000));
    let server = Server::builder()
        .page("/large", Response::html(long.clone()))
        .page("/chunked", Response::html(long.clone()).chunked(4096))
        .route("/get", move |request| match request.method.as_str() {
            "HEAD" => Response::new(405),
            _ => Response::html(long.clone()),
        })
        .start();
    let base = server.url("");
    let links = format!(
        "[a]({base}/large) [b]({base}/large#first) [c]({base}/large#last) [d]({base}/chunked#first) [e]({base}/chunked#last)\n\
         [f]({base}/get)\n"
    );
    let site = folder(&[("links.md", &links)]);
    let output = check(site.path(), &["--max-size", "1MiB", "links.md"]);
    output.assert_code(0);
    let found = verdicts(&output);
    for (path, verdict) in [
        ("/large", "ok"),
        ("/large#first", "ok"),
        ("/large#last", "unknown"),
        ("/chunked#first", "ok"),
        ("/chunked#last", "unknown"),
        ("/get", "ok"),
    ] {
        assert_eq!(found[&format!("{base}{path}")], verdict, "{path}");
    }
    assert!(
        output.stdout.contains("too large to be looked through"),
        "{}",
        output.stdout
    );
    // What is an input itself is to be read to its end.
    let output = check(
        site.path(),
        &["--max-size", "1MiB", &format!("{base}/large")],
    );
    output.assert_code(1);
    assert!(output.stdout.contains("too-large"), "{}", output.stdout);
}

#[test]
fn the_fragment_of_a_location_stands_in_the_place_of_the_links_own() {
    let page = Response::html("<p id=x><p id=y>");
    let server = Server::builder()
        .page("/ok", page)
        .page("/moved", Response::redirect(301, "/ok#x"))
        .page("/wrong", Response::redirect(301, "/ok#none"))
        .page("/bare", Response::redirect(301, "/ok"))
        .page("/twice", Response::redirect(302, "/moved"))
        .page("/kept", Response::redirect(302, "/ok#x"))
        .page("/first", Response::redirect(301, "/kept#y"))
        .start();
    let base = server.url("");
    let paths = [
        ("/moved", "ok", Some("/ok#x")),
        ("/moved#none", "ok", Some("/ok#x")),
        ("/wrong", "ok", Some("/ok#none")),
        ("/wrong#x", "fragment", None),
        ("/bare#x", "ok", Some("/ok#x")),
        ("/bare#none", "fragment", None),
        ("/twice#none", "ok", None),
        ("/first#none", "ok", Some("/kept#y")),
    ];
    let links: Vec<_> = paths
        .iter()
        .map(|(path, ..)| format!("[l]({base}{path})"))
        .collect();
    let site = folder(&[("links.md", &links.join("\n"))]);
    let output = check(site.path(), &["--redirects", "warn", "links.md"]);
    let found = verdicts(&output);
    let lines = output.json_lines();
    for (path, verdict, instead) in paths {
        let link = format!("{base}{path}");
        assert_eq!(found[&link], verdict, "{path}");
        let record = lines.iter().find(|record| record["input"] == link.as_str());
        let record = record.expect(path);
        let instead = instead.map(|instead| format!("{base}{instead}"));
        assert_eq!(
            record["suggestion"].as_str(),
            instead.as_deref(),
            "{record}"
        );
    }
    assert!(
        output
            .stdout
            .contains("the anchor #none, to which a redirect leads"),
        "{}",
        output.stdout
    );
    let hop = &lines[0]["redirects"][0];
    assert_eq!(
        (&hop["status"], &hop["fragment"]),
        (&301.into(), &"x".into())
    );
}

#[test]
fn ranges_of_lines_and_what_only_scripts_make_are_no_broken_anchors() {
    let analytics = "<script src=page.html></script><a href=page.html>";
    let app = format!("<p id=a><p id=b><p id=c><p id=d>{analytics}");
    let lines = format!("<p id=L1><p id=L2><p id=L3>{app}");
    let forge = format!(
        "{app}<react-app app-name=code-view><script type=application/json>{{}}</script></react-app>"
    );
    let links = "<a href='forge.html#usage'><a href='forge.html#a'><a href='src.html#2-4'><a href='src.html#2-5'><a href='lines.html#L1-L3'><a href='lines.html#L1-L30'>\
                 <a href='app.html#/route'><a href='app.html#!/route'><a href='app.html#L10-L20'><a href='app.html#issuecomment-1'>\
                 <a href='app.html#wrong'><a href='plain.html#/route'><a href='plain.html#L10'>";
    let site = folder(&[
        ("page.html", links),
        ("src.html", "<a href=#2 id=2>2</a><a href=#4 id=4>4</a>"),
        ("lines.html", &lines),
        ("app.html", &app),
        ("plain.html", "<p id=a><p id=b><p id=c><p id=d>"),
        ("forge.html", &forge),
    ]);
    let output = check(site.path(), &["page.html"]);
    let found = verdicts(&output);
    for (link, verdict) in [
        ("forge.html#usage", "unknown"),
        ("forge.html#a", "ok"),
        ("src.html#2-4", "ok"),
        ("src.html#2-5", "fragment"),
        ("lines.html#L1-L3", "ok"),
        ("lines.html#L1-L30", "fragment"),
        ("app.html#/route", "unknown"),
        ("app.html#!/route", "unknown"),
        ("app.html#L10-L20", "unknown"),
        ("app.html#issuecomment-1", "unknown"),
        ("app.html#wrong", "fragment"),
        ("plain.html#/route", "fragment"),
        ("plain.html#L10", "fragment"),
    ] {
        assert_eq!(found[link], verdict, "{link}");
    }
}

#[test]
fn a_page_that_leads_on_at_once_takes_the_fragment_along() {
    let stub = |to: &str| {
        format!(
            "<meta http-equiv=refresh content='0;URL={to}'><a href={to}>R</a>\
             <script>location.replace('{to}'+location.hash)</script>"
        )
    };
    let server = Server::builder()
        .page("/stub", Response::html(stub("/new")))
        .page("/new", Response::html("<p id=s>"))
        .start();
    let remote = server.url("/stub#s");
    let slow = stub("new.html").replace("0;", "30;");
    let bare = "<meta http-equiv=refresh content='0;URL=new.html'>";
    let links = format!(
        "<a href='old.html#s'><a href='old.html#t'><a href='slow.html#s'><a href='bare.html#s'><a href='away.html#s'>\
         <a href='{remote}'>"
    );
    let files = [
        ("page.html", &*links),
        ("new.html", "<p id=s>"),
        ("old.html", &stub("new.html")),
        ("slow.html", &slow),
        ("bare.html", bare),
        ("away.html", &stub(&server.url("/new"))),
    ];
    let site = folder(&files);
    for input in [".", "page.html"] {
        let found = verdicts(&check(site.path(), &[input]));
        for (link, verdict) in [
            ("old.html#s", "ok"),
            ("old.html#t", "fragment"),
            ("slow.html#s", "fragment"),
            ("bare.html#s", "fragment"),
            ("away.html#s", "unknown"),
            (&remote, "unknown"),
        ] {
            assert_eq!(found[link], verdict, "{link} from {input}");
        }
    }
}

#[test]
fn another_kind_of_fragment_is_a_mistake() {
    let output = Dragnet::new()
        .args(["check", "--fragments", "texts", "."])
        .run();
    output.assert_code(2);
    assert!(
        output.stderr.contains("none, anchor, text, all"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_document_has_the_anchors_that_its_readers_make() {
    for (name, text, expected) in [
        (
            "html.md",
            "<h1 align=\"center\">My Title</h1>\n\n[t](#my-title) [u](#your-title)",
            vec![("#my-title", "ok"), ("#your-title", "fragment")],
        ),
        (
            "image.md",
            "## <img src=\"#\"> Title here\n## ![logo](#) With alt\n\n[b](#-title-here) [c](#title-here) [d](#-with-alt) [e](#logo-with-alt)",
            vec![
                ("#-title-here", "ok"),
                ("#title-here", "ok"),
                ("#-with-alt", "ok"),
                ("#logo-with-alt", "ok"),
            ],
        ),
        (
            "books.adoc",
            "Cite <<ref1>> and <<ref2>>.\n\n[bibliography]\n== Refs\n* [[[ref1]]] Foo.\n",
            vec![("#ref1", "ok"), ("#ref2", "fragment")],
        ),
        (
            "own.mdx",
            "# Head {#custom}\n\n[c](#custom) [d](#head) {1}",
            vec![("#custom", "ok"), ("#head", "ok")],
        ),
        (
            "theirs.md",
            "# Head\n<a name=\"user-content-foo\"></a><a id=bar></a>\n\n[a](#foo) [b](#user-content-foo) [c](#user-content-bar) \
             [d](#user-content-head) [e](#user-content-baz) [f](own.mdx?plain=1#L10-L20) [g](own.mdx?plain=1#nine) [h](own.mdx#L1)",
            vec![
                ("#foo", "ok"),
                ("#user-content-foo", "ok"),
                ("#user-content-bar", "ok"),
                ("#user-content-head", "ok"),
                ("#user-content-baz", "fragment"),
                ("own.mdx?plain=1#L10-L20", "ok"),
                ("own.mdx?plain=1#nine", "fragment"),
                ("own.mdx#L1", "fragment"),
            ],
        ),
    ] {
        let site = folder(&[("own.mdx", "# Own\n"), (name, text)]);
        let found = verdicts(&check(site.path(), &[name]));
        for (link, verdict) in expected {
            assert_eq!(
                found.get(link).map(String::as_str),
                Some(verdict),
                "{link} of {name}"
            );
        }
    }
}

/// What is known of a target holds for those who did not wait for more, whoever else has it asked for once more.
#[test]
fn a_link_is_judged_by_what_was_known_while_its_target_is_asked_for_again() {
    let (first, third, again) = (Gate::new(), Gate::new(), Gate::new());
    let server = Server::builder()
        .page(
            "/second",
            Response::html("<a href=/x>x</a><a href=/y>y</a>"),
        )
        .page("/x", Response::html("<p id=here>").gate(&again))
        .page("/y", Response::text("y"))
        .start();
    let page = format!("<a href='{}#here'>x</a>", server.url("/x"));
    let others = [("/first", "<p>", &first), ("/third", &page, &third)];
    let others = others.map(|(path, page, gate)| {
        let page = Response::html(page.to_owned()).gate(gate);
        Server::pages([(path, page)])
    });
    let [one, two] = &others;
    again.admit(1);
    let mut run = Dragnet::new()
        .args(["check", "-f", "jsonl", "--per-host", "1"])
        .args([one.url("/first"), server.url("/second"), two.url("/third")])
        .spawn();
    // One after the other: where the second link is asked for, the first one's answer is known.
    server.wait_for(3, Duration::from_secs(20));
    third.open();
    again.wait_for_arrivals(2);
    first.open();
    for _ in 0..4 {
        let line = run.next_line().expect("a record");
        assert!(line.contains(r#""outcome":"ok""#), "{line}");
    }
    again.open();
    run.wait().assert_code(0);
    assert_eq!(server.count("/x"), 2);
}
