//! What a request says: method, content, range, who asks, and the cookies that a server has set.

use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde_json::json;

use crate::support::{Dragnet, Output, Request, Response, Server};

const FORM: &str = "application/x-www-form-urlencoded";

fn echo() -> Server {
    Server::builder()
        .prefix("/", |_| Response::text("x"))
        .start()
}

fn fetch(arguments: &[&str]) -> Output {
    Dragnet::new()
        .args(["fetch", "-f", "jsonl", "--retries", "0"])
        .args(arguments)
        .run()
}

/// What arrived, in short.
fn told(request: &Request) -> (&str, &str, Option<&str>) {
    let content = std::str::from_utf8(&request.body).expect("text");
    (&request.method, content, request.field("content-type"))
}

#[test]
fn data_makes_a_post_of_a_form_unless_something_else_is_said() {
    let server = echo();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("x.json");
    fs::write(&file, "{\n}\n").expect("a file");
    let file = format!("@{}", file.display());
    let url = server.url("/");
    for (arguments, arrived) in [
        (
            vec!["-d", "a=1", "-d", "b=2"],
            ("POST", "a=1&b=2", Some(FORM)),
        ),
        (vec!["-X", "put", "-d", "a"], ("PUT", "a", Some(FORM))),
        (
            vec!["-d", &file, "-H", "Content-Type: application/json"],
            ("POST", "{\n}\n", Some("application/json")),
        ),
        (vec!["-X", "DELETE"], ("DELETE", "", None)),
        (vec!["-X", "PROPFIND"], ("PROPFIND", "", None)),
        (vec!["-d", ""], ("POST", "", Some(FORM))),
    ] {
        let before = server.requests().len();
        fetch(&[&arguments[..], &[&url]].concat()).assert_code(0);
        assert_eq!(told(&server.requests()[before]), arrived, "{arguments:?}");
    }
    let output = Dragnet::new()
        .args(["fetch", "-d", "@-", &url])
        .stdin_text("from=stdin")
        .run();
    output.assert_code(0);
    let requests = server.requests();
    assert_eq!(
        told(requests.last().expect("a request")),
        ("POST", "from=stdin", Some(FORM))
    );
    assert_eq!(requests[5].field("content-length"), Some("0"));
}

#[test]
fn an_archive_has_the_request_with_its_content() {
    let server = echo();
    let folder = tempfile::tempdir().expect("a folder");
    let archive = folder.path().join("x.warc.gz");
    let url = server.url("/");
    fetch(&[
        "-f",
        "warc",
        "-d",
        "a=1",
        "-o",
        &archive.display().to_string(),
        &url,
    ])
    .assert_code(0);
    let file = fs::File::open(&archive).expect("the archive");
    let mut text = String::new();
    MultiGzDecoder::new(file)
        .read_to_string(&mut text)
        .expect("text");
    let request = text
        .split("POST / HTTP/1.1\r\n")
        .nth(1)
        .expect("the request");
    let (head, rest) = request.split_once("\r\n\r\n").expect("its head");
    assert!(
        head.contains("content-length: 3") && head.contains(FORM),
        "{head}"
    );
    assert!(rest.starts_with("a=1\r\n\r\n"), "{rest}");
}

#[test]
fn a_list_is_asked_for_in_the_same_way_line_by_line() {
    let server = echo();
    let list: String = (0..20).map(|n| server.url(&format!("/{n}\n"))).collect();
    let output = Dragnet::new()
        .args(["fetch", "-f", "jsonl", "-d", "k=v"])
        .stdin_text(list)
        .run();
    output.assert_code(0);
    assert_eq!(output.json_lines().len(), 20);
    for request in server.requests() {
        assert_eq!(told(&request), ("POST", "k=v", Some(FORM)));
    }
}

#[test]
fn a_state_goes_on_with_the_same_request_and_does_not_hold_its_content() {
    let server = echo();
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| {
        Dragnet::new()
            .args(["fetch", "--state", "s.db", "-o", "o.jsonl"])
            .args(arguments)
            .arg(server.url("/"))
            .in_dir(folder.path())
            .run()
    };
    run(&["-d", "word=hunter2"]).assert_code(0);
    run(&["-d", "word=hunter2"]).assert_code(0);
    for other in [
        &["-d", "word=hunter2", "-X", "PUT"][..],
        &["-d", "x"],
        &["--range", "0-9"],
    ] {
        let output = run(other);
        output.assert_code(2);
        assert!(output.stderr.contains("request"), "{}", output.stderr);
        assert!(!output.stderr.contains("hunter2"), "{}", output.stderr);
    }
    assert_eq!(server.requests().len(), 1);
    for file in fs::read_dir(folder.path()).expect("the folder") {
        let bytes = fs::read(file.expect("a file").path()).expect("a file");
        let found = bytes.windows(7).any(|window| window == b"hunter2");
        assert!(!found, "what was sent is kept");
    }
}

/// RFC 9110, section 15.4, as browsers do it.
#[test]
fn a_redirect_keeps_the_method_with_the_content_or_drops_both() {
    let there = Server::builder()
        .on([127, 0, 0, 2])
        .prefix("/", |_| Response::text("x"))
        .start();
    let away = there.url("/end");
    let server = Server::builder()
        .route("/end", |_| Response::text("x"))
        .prefix("/to/", |request| {
            let code = request.path()[4..].parse().expect("a status");
            Response::redirect(code, "/end")
        })
        .route("/away", move |_| Response::redirect(307, &away))
        .start();
    for (code, method, kept) in [
        (301, "POST", false),
        (302, "POST", false),
        (303, "POST", false),
        (303, "PUT", false),
        (301, "PUT", true),
        (307, "POST", true),
        (308, "POST", true),
    ] {
        let before = server.requests().len();
        let url = server.url(&format!("/to/{code}"));
        fetch(&["-X", method, "-d", "a=1", &url]).assert_code(0);
        let end = &server.requests()[before + 1];
        let arrived = if kept {
            (method, "a=1", Some(FORM))
        } else {
            ("GET", "", None)
        };
        assert_eq!(told(end), arrived, "{code} {method}");
    }
    // Content that is sent on says what it is, and the user's own fields stay behind.
    fetch(&[
        "--private",
        "allow",
        "-d",
        "a=1",
        "-H",
        "X-Key: k",
        &server.url("/away"),
    ])
    .assert_code(0);
    let end = &there.requests()[0];
    assert_eq!(told(end), ("POST", "a=1", Some(FORM)));
    assert_eq!(end.field("x-key"), None);
}

#[test]
fn only_what_may_be_repeated_is_tried_again() {
    for (method, requests) in [("POST", 1), ("PATCH", 1), ("PUT", 2), ("DELETE", 2)] {
        let server = Server::pages([("/", Response::new(503))]);
        Dragnet::new()
            .args(["fetch", "--retries", "1", "-X", method, &server.url("/")])
            .run()
            .assert_code(1);
        assert_eq!(server.requests().len(), requests, "{method}");
    }
}

#[test]
fn a_range_is_asked_for_uncoded_and_other_bytes_are_refused() {
    let part = |range: &'static str| Response::new(206).field("content-range", range).body("cde");
    let server = Server::pages([
        ("/part", part("bytes 2-4/9")),
        ("/other", part("bytes 3-5/9")),
        ("/all", Response::text("abcdefghi")),
        ("/beyond", Response::new(416)),
    ]);
    let list = ["/part", "/other", "/all", "/beyond"].map(|path| server.url(path));
    let list: Vec<&str> = list.iter().map(String::as_str).collect();
    let output = fetch(&[&["--range", "2-4"], &list[..]].concat());
    output.assert_code(1);
    let of = |path: &str| {
        let url = server.url(path);
        let records = output.json_lines();
        records
            .into_iter()
            .find(|record| record["url"] == url)
            .expect("a record")
    };
    assert_eq!(
        (&of("/part")["status"], &of("/part")["size"]),
        (&json!(206), &json!(3))
    );
    assert_eq!(of("/other")["error"]["kind"], "protocol");
    assert_eq!(
        (&of("/all")["status"], &of("/all")["size"]),
        (&json!(200), &json!(9))
    );
    assert_eq!(of("/beyond")["status"], 416);
    for request in server.requests() {
        assert_eq!(request.field("range"), Some("bytes=2-4"));
        assert_eq!(request.field("accept-encoding"), Some("identity"));
    }
}

#[test]
fn logins_come_from_files_and_the_environment() {
    let server = echo();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let word = path("word", "open sesame\n");
    let both = path("both", "Aladdin:open sesame\n");
    let fields = path("fields", "# mine\nX-One: 1\n\nX-Two: env:TWO\n");
    let netrc = path(
        "netrc",
        "machine 127.0.0.1 login Aladdin password \"open sesame\"\n",
    );
    let sesame = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
    let at = |name: &str| format!("@{name}");
    let of = |name: &str, from: &str| format!("{name}:{from}");
    for (arguments, authorization) in [
        (vec!["-u".to_owned(), of("Aladdin", &at(&word))], sesame),
        (vec!["-u".to_owned(), of("Aladdin", "env:WORD")], sesame),
        (vec!["-u".to_owned(), at(&both)], sesame),
        (vec!["-u".to_owned(), "token:".to_owned()], "Basic dG9rZW46"),
        (
            vec!["--bearer".to_owned(), "env:TOKEN".to_owned()],
            "Bearer t.o-k/en=",
        ),
        (vec!["--netrc-file".to_owned(), netrc.clone()], sesame),
        (
            vec!["-H".to_owned(), "Authorization: env:TOKEN".to_owned()],
            "t.o-k/en=",
        ),
    ] {
        let before = server.requests().len();
        let output = Dragnet::new()
            .arg("fetch")
            .args(&arguments)
            .arg(server.url("/"))
            .env("WORD", "open sesame")
            .env("TOKEN", "t.o-k/en=")
            .run();
        output.assert_code(0);
        let requests = server.requests();
        assert_eq!(
            requests[before].field("authorization"),
            Some(authorization),
            "{arguments:?}"
        );
    }
    let before = server.requests().len();
    Dragnet::new()
        .args(["fetch", "-H", &at(&fields), &server.url("/")])
        .env("TWO", "2")
        .run()
        .assert_code(0);
    let request = &server.requests()[before];
    assert_eq!(
        (request.field("x-one"), request.field("x-two")),
        (Some("1"), Some("2"))
    );
}

/// The file that NETRC names, then ~/.netrc; what others may read is said, and a URL's own login comes first.
#[test]
fn netrc_is_looked_for_where_everyone_looks() {
    use std::os::unix::fs::PermissionsExt;
    let server = echo();
    let home = tempfile::tempdir().expect("a folder");
    let path = home.path().join(".netrc");
    fs::write(&path, "machine 127.0.0.1 login home password p").expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("own file");
    let other = home.path().join("other");
    fs::write(&other, "machine 127.0.0.1 login other password p").expect("a file");
    fs::set_permissions(&other, fs::Permissions::from_mode(0o644)).expect("own file");
    let run = |url: &str, netrc: Option<&Path>| {
        let run = Dragnet::new()
            .args(["fetch", "--netrc", url])
            .env("HOME", home.path());
        let run = match netrc {
            Some(netrc) => run.env("NETRC", netrc),
            None => run,
        };
        let output = run.run();
        output.assert_code(0);
        let last = server.requests().pop().expect("a request");
        let login = last.field("authorization").map(str::to_owned);
        (login.expect("a login"), output.stderr)
    };
    let url = server.url("/");
    let (login, said) = run(&url, None);
    assert_eq!(login, "Basic aG9tZTpw");
    assert!(!said.contains("others may read"), "{said}");
    let (login, said) = run(&url, Some(&other));
    assert_eq!(login, "Basic b3RoZXI6cA==");
    assert!(
        said.contains("others may read") && said.contains("chmod 600"),
        "{said}"
    );
    let (login, _) = run(&url.replace("http://", "http://u:w@"), None);
    assert_eq!(login, "Basic dTp3");
    // Nobody else is logged in at, and without the flag nobody is.
    let elsewhere = url.replace("127.0.0.1", "localhost");
    let output = Dragnet::new()
        .args(["fetch", "--netrc", "-4", &elsewhere])
        .env("HOME", home.path())
        .run();
    output.assert_code(0);
    Dragnet::new()
        .args(["fetch", &url])
        .env("HOME", home.path())
        .run()
        .assert_code(0);
    for request in &server.requests()[3..] {
        assert_eq!(request.field("authorization"), None);
    }
}

fn shop() -> Server {
    Server::builder()
        .route("/login", |_| {
            Response::redirect(302, "/basket")
                .field("set-cookie", "session=s1; Path=/; HttpOnly")
                .field("set-cookie", "lasting=l1; Path=/; Max-Age=1000")
                .field("set-cookie", "foreign=f; Domain=example.org")
        })
        .route("/basket", |_| Response::text("x"))
        .start()
}

#[test]
fn cookies_are_kept_with_a_jar_and_only_with_one() {
    let server = shop();
    let folder = tempfile::tempdir().expect("a folder");
    let jar = folder.path().join("jar.txt");
    fs::write(&jar, "127.0.0.1\tFALSE\t/\tFALSE\t0\told\to1\n").expect("a file");
    let path = jar.display().to_string();
    let run = |arguments: &[&str]| {
        fetch(arguments).assert_code(0);
        let last = server.requests().pop().expect("a request");
        last.field("cookie").map(str::to_owned)
    };
    assert_eq!(run(&[&server.url("/login")]), None);
    let login = server.url("/login");
    let cookies = run(&["--cookie-jar", &path, &login]);
    assert_eq!(cookies.as_deref(), Some("old=o1; session=s1; lasting=l1"));
    let text = fs::read_to_string(&jar).expect("the jar");
    assert!(text.starts_with("# Netscape HTTP Cookie File\n"), "{text}");
    assert!(
        text.contains("#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t0\tsession\ts1\n"),
        "{text}"
    );
    assert!(!text.contains("foreign"), "{text}");
    let folder = fs::read_dir(folder.path()).expect("the folder");
    assert_eq!(folder.count(), 1, "nothing is left beside it");

    // The next run goes on with them, together with what is given by hand.
    let basket = server.url("/basket");
    let cookies = run(&["--cookie-jar", &path, "-H", "Cookie: mine=m", &basket]);
    assert_eq!(
        cookies.as_deref(),
        Some("mine=m; old=o1; session=s1; lasting=l1")
    );
}

#[test]
fn an_interrupted_run_keeps_what_it_was_given() {
    let server = Server::builder()
        .page("/login", Response::text("x").field("set-cookie", "k=v"))
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let jar = folder.path().join("jar.txt");
    let mut running = Dragnet::new()
        .args(["fetch", "--cookie-jar"])
        .arg(&jar)
        .stdin_pipe()
        .spawn();
    running.write_line(&server.url("/login"));
    assert!(running.next_line().is_some());
    running.signal("INT");
    // The list is still open: its end must not be what ends the run.
    running.wait_for_stderr("interrupted");
    running.wait().assert_code(130);
    let text = fs::read_to_string(&jar).expect("the jar");
    assert!(text.contains("\tk\tv\n"), "{text}");
}

#[test]
fn what_is_wrong_with_a_secret_is_told_without_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).expect("a file");
    };
    file("netrc", "machine a\nhunter2 x");
    file("jar", "a\thunter2\n");
    file("fields", "hunter2\n");
    file("empty", "");
    for (arguments, words) in [
        (vec!["-u", "me:hunter2"], vec!["-u USER:@FILE"]),
        (vec!["-u", "hunter2"], vec!["-u USER:env:NAME"]),
        (
            vec!["-u", "me:env:NOWHERE"],
            vec!["-u", "the environment has no NOWHERE"],
        ),
        (
            vec!["-u", "me:@nowhere"],
            vec!["-u", "nowhere", "No such file"],
        ),
        (vec!["-u", "env:HUNTER"], vec!["user:password"]),
        (vec!["--bearer", "hunter2"], vec!["--bearer @FILE"]),
        (vec!["--bearer", "@empty"], vec!["no token"]),
        (vec!["-H", "hunter2"], vec!["Name: value"]),
        (vec!["-H", "@fields"], vec!["-H @fields", "Name: value"]),
        (vec!["-H", "X: env:NOWHERE"], vec!["X", "NOWHERE"]),
        (
            vec!["-H", "Authorization: hunter2", "--bearer", "env:HUNTER"],
            vec!["one of them"],
        ),
        (vec!["--netrc-file", "netrc"], vec!["netrc", "line 2"]),
        (vec!["--netrc"], vec![".netrc", "No such file"]),
        (vec!["--cookie-jar", "jar"], vec!["jar", "line 1"]),
        (
            vec!["--cookie-jar", "no/such/jar"],
            vec!["no/such/jar", "No such file"],
        ),
        (vec!["--proxy", "ftp://me:hunter2@p"], vec!["socks5h"]),
        (vec!["--proxy", "http://me:hunter2@["], vec!["not a URL"]),
        (vec!["--key", "k"], vec!["--cert"]),
        (vec!["--cert", "empty"], vec!["empty", "certificate"]),
        (vec!["-X", "A B"], vec!["--method", "GET"]),
        (vec!["--range", "9-1"], vec!["--range", "ends before"]),
        (vec!["-d", "@nowhere"], vec!["-d", "nowhere"]),
        (vec!["--rate", "0"], vec!["--rate"]),
    ] {
        let output = Dragnet::new()
            .arg("fetch")
            .args(&arguments)
            .arg("http://127.0.0.1:9/")
            .env("HUNTER", "hunter2")
            .in_dir(folder.path())
            .run();
        output.assert_code(2);
        for word in words {
            assert!(
                output.stderr.contains(word),
                "{arguments:?} {word}: {}",
                output.stderr
            );
        }
        assert!(
            !output.stderr.contains("hunter2"),
            "{arguments:?}: {}",
            output.stderr
        );
    }
    let output = Dragnet::new()
        .args(["fetch", "-d", "@-"])
        .stdin_text("http://127.0.0.1:9/")
        .run();
    output.assert_code(2);
    assert!(output.stderr.contains("--input"), "{}", output.stderr);
}
