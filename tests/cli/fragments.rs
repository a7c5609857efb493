//! Which fragments `check` looks up, and how often it asks for that.

use std::collections::BTreeMap;
use std::path::Path;

use tempfile::TempDir;

use crate::support::{Dragnet, Output, Response, Server};

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
