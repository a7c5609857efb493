//! Formats, files, closed and full outputs.

use crate::support::{Dragnet, Response, Server};

fn server() -> Server {
    Server::builder()
        .prefix("/", |_| Response::text("x"))
        .start()
}

fn list(server: &Server, lines: usize) -> String {
    (0..lines)
        .map(|number| server.url(&format!("/{number}\n")))
        .collect()
}

#[test]
fn formats_and_files_pair_in_their_order() {
    let server = server();
    let folder = tempfile::tempdir().expect("a folder");
    let output = Dragnet::new()
        .args([
            "fetch",
            "-f",
            "jsonl",
            "-o",
            "a.out",
            "-o",
            "b.jsonl",
            "-f",
            "text",
            &server.url("/x"),
        ])
        .in_dir(folder.path())
        .run();
    output.assert_code(0);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("a file");
    assert!(read("a.out").starts_with("{\"id\":"));
    assert_eq!(read("a.out"), read("b.jsonl"));
    assert_eq!(output.stdout, format!("ok 200 {}\n", server.url("/x")));
    let output = Dragnet::new()
        .args(["fetch", "-o", "only.jsonl", &server.url("/x")])
        .in_dir(folder.path())
        .run();
    output.assert_code(0);
    assert_eq!(output.stdout, "", "a file instead of stdout");
}

#[test]
fn an_output_that_cannot_be_opened_ends_the_run_before_any_request() {
    let server = server();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("good.jsonl"), "kept\n").expect("a file");
    let output = Dragnet::new()
        .args([
            "fetch",
            "-o",
            "good.jsonl",
            "-o",
            "no/such/folder/x.jsonl",
            &server.url("/x"),
        ])
        .in_dir(folder.path())
        .run();
    output.assert_code(2);
    assert!(
        output.stderr.contains("no/such/folder/x.jsonl"),
        "{}",
        output.stderr
    );
    assert_eq!(server.requests().len(), 0);
    let kept = std::fs::read_to_string(folder.path().join("good.jsonl")).expect("the file");
    assert_eq!(kept, "kept\n", "a bad output does not cost a good one");
}

#[test]
fn a_reader_that_goes_away_ends_the_run_quietly() {
    let server = server();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut run = Dragnet::new()
        .args(["fetch", "-c", "2"])
        .stdout(writer)
        .stdin_pipe()
        .spawn();
    run.write_line(&server.url("/first"));
    let mut line = String::new();
    let mut reader = std::io::BufReader::new(reader);
    std::io::BufRead::read_line(&mut reader, &mut line).expect("a record");
    assert!(line.contains("/first"), "{line}");
    drop(reader);
    // The next records find nobody; the run ends although its list goes on.
    for number in 0..50 {
        if !run.is_running() {
            break;
        }
        run.write_line(&server.url(&format!("/{number}")));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let output = run.wait();
    output.assert_code(0);
    assert_eq!(output.stderr, "");
}

#[test]
fn a_full_disk_is_exit_2_with_the_name_of_the_file() {
    let server = server();
    let output = Dragnet::new()
        .args(["fetch", "-f", "jsonl", "-o", "/dev/full"])
        .stdin_text(list(&server, 200))
        .run();
    output.assert_code(2);
    assert!(
        output.stderr.contains("/dev/full") && output.stderr.contains("No space left"),
        "{}",
        output.stderr
    );
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("the device");
    let output = Dragnet::new()
        .args(["fetch"])
        .stdout(full)
        .stdin_text(list(&server, 200))
        .run();
    output.assert_code(2);
    assert!(output.stderr.contains("stdout"), "{}", output.stderr);
}

#[test]
fn a_pipe_gets_results_and_nothing_else() {
    let server = server();
    let output = Dragnet::new()
        .args(["fetch"])
        .stdin_text(list(&server, 50))
        .run();
    output.assert_code(0);
    assert_eq!(output.lines().len(), 50);
    assert!(
        output
            .lines()
            .iter()
            .all(|line| line.starts_with("ok 200 http://"))
    );
    assert!(
        !output.stdout.contains('\u{1b}') && !output.stderr.contains('\u{1b}'),
        "no bar, no colour"
    );
    let said: Vec<_> = output.stderr.lines().collect();
    assert!(
        said.len() <= 3 && said.iter().all(|line| line.starts_with("dragnet: ")),
        "the summary alone: {}",
        output.stderr
    );
    let output = Dragnet::new()
        .args(["fetch", "-q"])
        .stdin_text(list(&server, 5))
        .run();
    assert_eq!(output.stderr, "");
    let output = Dragnet::new()
        .args(["fetch", "--color", "always", &server.url("/x")])
        .run();
    assert!(output.stdout.contains("\u{1b}[32mok 200\u{1b}[0m"));
}

#[test]
fn what_a_server_says_reaches_no_terminal_as_it_came() {
    let server = Server::pages([("/", Response::redirect(302, "/\u{1b}]0;owned\u{7}"))]);
    let output = Dragnet::new().args(["fetch", &server.url("/")]).run();
    assert!(
        !output.stdout.contains(['\u{1b}', '\u{7}']),
        "{:?}",
        output.stdout
    );
}

#[test]
fn tables_and_templates_have_every_record_with_its_columns() {
    let server = server();
    let list = format!("{}not a url\nhttp://127.0.0.1:1/\n", list(&server, 2));
    let folder = tempfile::tempdir().expect("a folder");
    let output = Dragnet::new()
        .args(["fetch", "-o", "out.csv", "-o", "out.tsv", "--retries", "0"])
        .args(["--template", "{line}|{outcome}|{status}|{error.kind}"])
        .stdin_text(list)
        .in_dir(folder.path())
        .run();
    output.assert_code(1);
    let mut lines = output.lines();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "1|ok|200|",
            "2|ok|200|",
            "3|broken||url",
            "4|broken||connect"
        ]
    );
    for (name, delimiter) in [("out.csv", b','), ("out.tsv", b'\t')] {
        let mut table = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .from_path(folder.path().join(name))
            .expect("a table");
        let names = table.headers().expect("a line of names").clone();
        let at = |wanted: &str| {
            names
                .iter()
                .position(|name| name == wanted)
                .expect("a column")
        };
        let mut rows: Vec<(String, String)> = table
            .records()
            .map(|row| row.expect("as many cells as names"))
            .map(|row| (row[at("line")].to_owned(), row[at("error_kind")].to_owned()))
            .collect();
        rows.sort_unstable();
        let expected = [("1", ""), ("2", ""), ("3", "url"), ("4", "connect")];
        assert_eq!(
            rows,
            expected.map(|(line, kind)| (line.to_owned(), kind.to_owned()))
        );
    }
}

#[test]
fn a_template_gets_what_it_names_without_a_flag_for_it() {
    let server = Server::pages([("/", Response::html("<title>Home</title>"))]);
    let output = Dragnet::new()
        .args(["fetch", "--template", "{title}|{sha256}|{body}"])
        .arg(server.url("/"))
        .run();
    output.assert_code(0);
    let cells: Vec<_> = output.stdout.trim_end().split('|').collect();
    assert_eq!((cells[0], cells[2]), ("Home", "<title>Home</title>"));
    assert_eq!(cells[1].len(), 64, "a digest: {}", cells[1]);
}

#[test]
fn a_bad_template_is_exit_2_with_its_column_before_any_request() {
    let server = server();
    for (flags, told) in [
        (&["--template", "{url} {nope}"][..], "column 8"),
        (&["--template", "{url"], "column 1"),
        (&["-f", "template"], "--template"),
    ] {
        let output = Dragnet::new()
            .arg("fetch")
            .args(flags)
            .arg(server.url("/"))
            .run();
        output.assert_code(2);
        assert!(output.stderr.contains(told), "{}", output.stderr);
    }
    assert!(server.requests().is_empty());
}

/// Reads each format by what Python brings along, and prints what it found by line number.
const READER: &str = r#"
import csv, json, sqlite3, sys
def told(row):
    return [str(row.get(name) or "") for name in ("url", "outcome", "status", "title", "error_kind")]
def flat(record):
    record["error_kind"] = record.get("error", {}).get("kind")
    return record
def sheet(name, **form):
    with open(name, newline="", encoding="utf-8") as file:
        return {int(row["line"]): told(row) for row in csv.DictReader(file, **form)}
found = {
    "jsonl": {r["line"]: told(flat(r)) for r in map(json.loads, open("out.jsonl", encoding="utf-8"))},
    "csv": sheet("out.csv"),
    "tsv": sheet("out.tsv", delimiter="\t", quoting=csv.QUOTE_NONE),
}
database = sqlite3.connect("out.sqlite")
database.row_factory = sqlite3.Row
found["sqlite"] = {r["line"]: told(dict(r)) for r in database.execute("SELECT * FROM visits")}
json.dump({name: [rows[line] for line in sorted(rows)] for name, rows in found.items()}, sys.stdout)
"#;

#[test]
fn every_format_is_read_back_by_another_reader() {
    let title = "<title>Tide, \"spring\"; ebb\t\u{fc}ber\n=alles</title>";
    let server = Server::pages([
        ("/title", Response::html(title)),
        ("/a,b", Response::text("x")),
        ("/gone", Response::new(410)),
    ]);
    let list = ["/title", "/a,b", "/gone"].map(|path| server.url(path) + "\n");
    let folder = tempfile::tempdir().expect("a folder");
    let output = Dragnet::new()
        .args(["fetch", "--title", "-o", "out.jsonl", "-o", "out.csv"])
        .args(["-o", "out.tsv", "-o", "out.sqlite"])
        .stdin_text(list.concat() + "http://\n")
        .in_dir(folder.path())
        .run();
    output.assert_code(1);
    let read = std::process::Command::new("python3")
        .args(["-c", READER])
        .current_dir(folder.path())
        .output();
    let Ok(read) = read else {
        assert!(std::env::var_os("CI").is_none(), "CI has python3");
        println!("skipped: python3 is missing (apt-get install python3)");
        return;
    };
    let told = String::from_utf8_lossy(&read.stderr);
    assert!(read.status.success(), "{told}");
    let found: serde_json::Value = serde_json::from_slice(&read.stdout).expect("JSON");
    let record = |path: &str, told: [&str; 4]| {
        let url = if path.is_empty() {
            "http://".to_owned()
        } else {
            server.url(path)
        };
        serde_json::json!([url, told[0], told[1], told[2], told[3]])
    };
    let expected = serde_json::json!([
        record(
            "/title",
            ["ok", "200", "Tide, \"spring\"; ebb \u{fc}ber =alles", ""]
        ),
        record("/a,b", ["ok", "200", "", ""]),
        record("/gone", ["broken", "410", "", "status"]),
        record("", ["broken", "", "", "url"]),
    ]);
    for format in ["jsonl", "csv", "tsv", "sqlite"] {
        assert_eq!(found[format], expected, "{format}");
    }
}
