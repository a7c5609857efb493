//! Which formats `check` reads, each with the place of what is broken.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Dragnet, Output};

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

/// `path:line:column link kind` of what is broken.
fn broken(output: &Output) -> Vec<String> {
    let lines = output.json_lines();
    let wrong = lines.iter().filter(|record| record["outcome"] == "broken");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    wrong
        .map(|record| {
            let source = &record["source"];
            let (path, link) = (text(&source["path"]), text(&record["input"]));
            let kind = text(&record["error"]["kind"]);
            format!(
                "{path}:{}:{} {link} {kind}",
                source["line"], source["column"]
            )
        })
        .collect()
}

#[test]
fn every_format_names_the_place_of_a_broken_link() {
    let site = folder(&[
        (
            "a.adoc",
            "= A\n\nlink:none.html[x] <<b.rst#other>> <<_a>> <<none>>\n",
        ),
        (
            "b.rst",
            "Title\n=====\n\n`x <none.html>`_ and `y <a.adoc#_a>`_\n",
        ),
        (
            "c.mdx",
            "import x from 'y'\n\n<Card href=\"none.html\">\n    [x](c.mdx#none)\n</Card>\n",
        ),
        ("d.qmd", "---\ntitle: x\n---\n[x](none.html)\n"),
        ("e.Rmd", "[x](none.html)\n"),
        (
            "f.jsonld",
            "{\"@id\": \"#none\",\n\"logo\": \"none.png\"}\n",
        ),
    ]);
    let output = check(site.path(), &["."]);
    output.assert_code(1);
    assert_eq!(
        broken(&output),
        [
            "a.adoc:3:6 none.html file",
            "a.adoc:3:21 b.rst#other fragment",
            "a.adoc:3:44 #none fragment",
            "b.rst:4:5 none.html file",
            "c.mdx:3:13 none.html file",
            "c.mdx:4:9 c.mdx#none fragment",
            "d.qmd:4:5 none.html file",
            "e.Rmd:1:5 none.html file",
            "f.jsonld:2:10 none.png file",
        ]
    );
}

#[test]
fn wikilinks_are_looked_up_by_name() {
    let page = "[[Other Page]] [[other-page#A Heading|x]] [[Other Page#None]] [[none]] [[#Here]] ![[pic.png]]\n\n# Here\n";
    let site = folder(&[
        ("notes/page.md", page),
        ("notes/deep/Other Page.md", "## A heading\n"),
        ("notes/pic.png", ""),
    ]);
    assert!(
        check(site.path(), &["notes"]).json_lines().is_empty(),
        "only where they are asked for"
    );
    for arguments in [vec!["notes"], vec!["notes/page.md", "--root-dir", "notes"]] {
        let output = check(site.path(), &[&["--wikilinks"], &arguments[..]].concat());
        output.assert_code(1);
        assert_eq!(
            broken(&output),
            [
                "notes/page.md:1:45 Other Page#None fragment",
                "notes/page.md:1:65 none file"
            ]
        );
        assert_eq!(output.json_lines().len(), 6);
    }
    let output = check(site.path(), &["--wikilinks", "notes/page.md"]);
    assert!(
        output.stdout.contains("give --root-dir"),
        "{}",
        output.stdout
    );
}

#[test]
fn an_anchor_that_a_script_may_make_is_neither_there_nor_missing() {
    let shell = "<!doctype html><div id=app></div><script src=app.js></script>";
    let site = folder(&[
        (
            "a.md",
            "[x](app.html#/route) [y](app.html#app) [z](page.html#none)\n",
        ),
        ("app.html", shell),
        ("page.html", &format!("{shell}<a href=a.md>words</a>")),
        ("app.js", ""),
    ]);
    let output = check(site.path(), &["a.md"]);
    output.assert_code(1);
    let records = output.json_lines();
    let outcomes: Vec<_> = records.iter().map(|record| &record["outcome"]).collect();
    assert_eq!(outcomes, ["unknown", "ok", "broken"]);
    let message = records[0]["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("a script makes its content"), "{message}");
}

#[test]
fn many_links_and_many_files_have_a_record_each() {
    const LINKS: usize = 30_000;
    const FILES: usize = 2_000;
    let site = folder(&[]);
    let line: String = (0..LINKS)
        .map(|number| format!("[x](p{number}.html) "))
        .collect();
    std::fs::write(site.path().join("line.md"), line).expect("a file");
    for number in 0..FILES {
        let text = format!(
            "<h1 id=a>x</h1><a href='f{}.html#a'>x</a>",
            (number + 1) % FILES
        );
        std::fs::write(site.path().join(format!("f{number}.html")), text).expect("a file");
    }
    let output = check(site.path(), &[".", "-o", "out.jsonl"]);
    output.assert_code(1);
    assert!(
        output.stderr.contains("32000 links: 2000 ok, 30000 broken"),
        "{}",
        output.stderr
    );
    assert!(!output.stderr.contains("held back"), "{}", output.stderr);
}

#[test]
fn what_a_renderer_makes_of_a_document_is_looked_into() {
    for (name, text, links) in [
        (
            "react.mdx",
            "import P from \"./none.mdx\"\nimport q from 'package/none.mdx'\n\n<img srcSet=\"x.png 2x\" />\n\n{show && <a href=\"x.md\">x</a>}\n",
            vec!["./none.mdx", "x.png", "x.md"],
        ),
        (
            "through.adoc",
            "+++<a href=\"x.html\">+++ y\n\n++++\n<img src=\"y.png\">\n++++\n",
            vec!["x.html", "y.png"],
        ),
        (
            "names.md",
            "[[other#Two Words]] [[None#Three Words]]\n",
            vec!["other#Two Words", "None#Three Words"],
        ),
    ] {
        let site = folder(&[(name, text), ("other.md", "# One\n")]);
        let output = check(site.path(), &["--wikilinks", "--root-dir", ".", name]);
        let lines = output.json_lines();
        let broken = lines.iter().filter(|record| record["outcome"] == "broken");
        let broken: Vec<_> = broken
            .filter_map(|record| record["input"].as_str())
            .collect();
        assert_eq!(broken, links, "{name}");
    }
}

#[test]
fn github_links_what_begins_with_www() {
    let text = "See http://h.test/ok&lt; end, and www.example.invalid/x.\n";
    let site = folder(&[("a.md", text)]);
    let output = check(site.path(), &["--dump", "a.md"]);
    let lines = output.json_lines();
    let urls: Vec<_> = lines.iter().map(|record| &record["url"]).collect();
    assert_eq!(urls, ["http://h.test/ok", "http://www.example.invalid/x"]);
}
