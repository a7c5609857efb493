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
    assert_eq!(
        output.stderr.lines().count(),
        1,
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
