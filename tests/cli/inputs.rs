//! What `check` reads: lists of inputs, globs, sitemaps, other types, and what a command makes of a file.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

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

/// `link outcome` of each record, in order.
fn told(output: &Output) -> Vec<String> {
    let lines = output.json_lines();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let record =
        |record: &Value| format!("{} {}", text(&record["input"]), text(&record["outcome"]));
    lines.iter().map(record).collect()
}

fn packed(text: &str) -> Vec<u8> {
    let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    coder.write_all(text.as_bytes()).expect("memory");
    coder.finish().expect("memory")
}

#[test]
fn a_list_of_inputs_comes_from_a_file_or_stdin() {
    let server = Server::pages([("/p", Response::html("<a href=/gone>"))]);
    let list = format!("# inputs\n\na.md\n  sub/*.md  \n{}\n", server.url("/p"));
    let site = folder(&[
        ("list.txt", &list),
        ("a.md", "[x](none1)"),
        ("sub/b.md", "[x](none2)"),
        ("c.md", "[x](none3)"),
    ]);
    let output = check(site.path(), &["c.md", "--files-from", "list.txt"]);
    output.assert_code(1);
    let url = server.url("/p");
    assert_eq!(
        told(&output),
        [
            "none3 broken",
            "none1 broken",
            "none2 broken",
            &format!("{url} ok"),
            "/gone broken"
        ]
    );
    let run = Dragnet::new().args(["check", "-f", "jsonl", "--files-from", "-"]);
    let output = run.stdin_text("a.md\n#c.md").in_dir(site.path()).run();
    assert_eq!(told(&output), ["none1 broken"]);
    let output = check(site.path(), &["--files-from", "missing.txt"]);
    output.assert_code(2);
    assert!(
        output.stderr.contains("--files-from missing.txt"),
        "{}",
        output.stderr
    );
    let run = Dragnet::new().args(["check", "-", "--files-from", "-"]);
    run.stdin_text("x").run().assert_code(2);
    let output = check(site.path(), &["SUB/*.MD", "--glob-ignore-case"]);
    assert_eq!(told(&output), ["none2 broken"]);
    check(site.path(), &["SUB/*.MD"]).assert_code(2);
}

#[test]
fn sitemaps_are_read_and_an_index_leads_to_its_sitemaps() {
    let server = Server::builder()
        .route("/index.xml", |request| {
            let host = request.field("host").unwrap_or_default().to_owned();
            Response::content(
                "application/xml",
                format!("<sitemapindex><sitemap><loc>http://{host}/a.xml</loc></sitemap>\n<sitemap><loc>http://{host}/b.xml.gz</loc></sitemap>\n<sitemap><loc>http://{host}/gone.xml</loc></sitemap></sitemapindex>"),
            )
        })
        .page("/a.xml", Response::content("text/xml", "<urlset><url><loc>/one</loc></url>\n<url><loc>/none</loc></url></urlset>"))
        .page("/b.xml.gz", Response::content("application/gzip", packed("<urlset><url><loc>/two</loc></url></urlset>")))
        .page("/one", Response::text("x"))
        .page("/two", Response::text("x"))
        .start();
    let base = server.url("");
    let here = folder(&[]);
    let output = check(here.path(), &[&server.url("/index.xml")]);
    output.assert_code(1);
    let index = [
        format!("{base}/index.xml ok"),
        format!("{base}/a.xml ok"),
        format!("{base}/b.xml.gz ok"),
        format!("{base}/gone.xml broken"),
    ];
    let mut all: Vec<&str> = index.iter().map(String::as_str).collect();
    all.extend(["/one ok", "/none broken", "/two ok"]);
    assert_eq!(told(&output), all);
    let records = output.json_lines();
    assert_eq!(records[5]["source"]["url"], format!("{base}/a.xml"));
    assert_eq!(
        (
            &records[5]["source"]["line"],
            &records[5]["source"]["column"]
        ),
        (&2.into(), &11.into())
    );
    for path in ["/index.xml", "/a.xml", "/b.xml.gz", "/gone.xml"] {
        assert_eq!(server.count(path), 1, "{path}");
    }
    let text = format!("<sitemapindex><sitemap><loc>{base}/a.xml</loc></sitemap></sitemapindex>");
    std::fs::write(here.path().join("local.xml"), text).expect("a file");
    let text = packed(&format!(
        "<urlset><url><loc>{base}/gone</loc></url></urlset>"
    ));
    std::fs::write(here.path().join("sub.xml.gz"), text).expect("a file");
    std::fs::write(here.path().join("other.gz"), packed("http://no.test/")).expect("a file");
    let output = check(here.path(), &["."]);
    assert_eq!(
        told(&output),
        [
            &*format!("{base}/a.xml ok"),
            &*format!("{base}/gone broken"),
            "/one ok",
            "/none broken"
        ]
    );
}

#[test]
fn a_url_is_parsed_as_its_type_says() {
    let server = Server::pages([
        ("/t", Response::text("see http://127.0.0.1:1/x.")),
        (
            "/c",
            Response::content("text/css; charset=utf-8", "a{background:url(none.png)}"),
        ),
        ("/m", Response::content("text/markdown", "[x](none)")),
        ("/readme.md", Response::text("[x](none2)")),
    ]);
    let here = folder(&[]);
    for (path, link) in [
        ("/t", "http://127.0.0.1:1/x"),
        ("/c", "none.png"),
        ("/m", "none"),
        ("/readme.md", "none2"),
    ] {
        let output = check(here.path(), &[&server.url(path), "--retries", "0"]);
        assert_eq!(told(&output)[1..], [format!("{link} broken")], "{path}");
    }
}

#[test]
fn what_no_reader_could_read_is_named_and_the_rest_is_checked() {
    let site = folder(&[("a.md", "[x](a.md)"), ("locked.md", "x")]);
    let made = Command::new("mkfifo")
        .arg(site.path().join("pipe.md"))
        .status();
    assert!(made.is_ok_and(|status| status.success()));
    for missing in ["pipe.md", "none.md", "none*.md"] {
        let output = check(site.path(), &[missing, "a.md"]);
        output.assert_code(2);
        assert!(output.stderr.contains(missing), "{}", output.stderr);
        assert_eq!(told(&output), ["a.md ok"], "{missing}");
    }
    let output = check(
        site.path(),
        &["pipe.md", "/dev/zero", "a.md", "--skip-missing"],
    );
    output.assert_code(0);
    assert_eq!(told(&output), ["a.md ok"]);
    let output = check(site.path(), &["."]);
    output.assert_code(0);
    let lock = std::os::unix::fs::PermissionsExt::from_mode(0o000);
    std::fs::set_permissions(site.path().join("locked.md"), lock).expect("permissions");
    if std::fs::read(site.path().join("locked.md")).is_ok() {
        println!("skipped: root reads every file");
        return;
    }
    let output = check(site.path(), &["."]);
    output.assert_code(0);
    assert!(
        output.stderr.contains("locked.md was not checked"),
        "{}",
        output.stderr
    );
    check(site.path(), &["locked.md"]).assert_code(2);
    check(site.path(), &["locked.md", "--skip-missing"]).assert_code(0);
}

#[test]
fn nothing_found_is_a_failure_where_it_was_said_so() {
    let server = Server::pages([("/", Response::html("no link"))]);
    let site = folder(&[("a.md", "no link"), ("b.md", "<tel:1>")]);
    check(site.path(), &["a.md"]).assert_code(0);
    let output = check(site.path(), &["a.md", &server.url("/"), "--fail-if-empty"]);
    output.assert_code(1);
    assert!(
        output.stderr.contains("no link was found"),
        "{}",
        output.stderr
    );
    check(site.path(), &["a.md", "b.md", "--fail-if-empty"]).assert_code(0);
}

#[test]
fn links_are_chosen_by_scheme_host_and_protocol() {
    let server = Server::pages([("/", Response::text("x"))]);
    let base = server.url("/");
    let page = format!(
        "[a]({base}) [b](none.md) [c](https://h.invalid/) [d](mailto:a@b.test) [e](mailto:nobody)"
    );
    let site = folder(&[("a.md", &page)]);
    let outcomes = |flags: &[&str]| {
        let output = check(
            site.path(),
            &[&["a.md", "--exclude", "h.invalid"], flags].concat(),
        );
        let outcome = |line: String| line.rsplit(' ').next().unwrap_or_default().to_owned();
        told(&output)
            .into_iter()
            .map(outcome)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(outcomes(&[]), "ok broken excluded excluded excluded");
    assert_eq!(
        outcomes(&["--scheme", "http"]),
        "ok excluded excluded excluded excluded"
    );
    assert_eq!(
        outcomes(&["--scheme", "https,file"]),
        "excluded broken excluded excluded excluded"
    );
    assert_eq!(
        outcomes(&["--include-mail"]),
        "ok broken excluded ok broken"
    );
    assert_eq!(
        outcomes(&["--exclude-private"]),
        "excluded broken excluded excluded excluded"
    );
    assert_eq!(
        outcomes(&["--exclude-private", "--include", "127"]),
        "ok broken excluded excluded excluded"
    );
    // There is no https on that port, so http is the best that there is.
    assert_eq!(
        outcomes(&[
            "--require-https",
            "--retries",
            "0",
            "--connect-timeout",
            "200ms"
        ]),
        "ok broken excluded excluded excluded"
    );
    check(site.path(), &["a.md", "--scheme", "gopher"]).assert_code(2);
}

#[test]
fn a_command_may_make_text_of_a_file() {
    let site = folder(&[
        ("a.md", "[x](none.md)"),
        ("b.odd", "[x](none2.md)"),
        ("reverse", "#!/bin/sh\nrev \"$1\"\n"),
    ]);
    let script = site.path().join("reverse");
    let runnable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, runnable).expect("permissions");
    std::fs::write(site.path().join("c.md"), ")dm.3enon(]x[").expect("a file");
    let output = check(site.path(), &["c.md", "--preprocess", "./reverse"]);
    output.assert_code(1);
    assert_eq!(told(&output), ["none3.md broken"]);
    let output = check(
        site.path(),
        &["a.md", "--preprocess", "ls --no-such-option"],
    );
    output.assert_code(2);
    assert!(
        output.stderr.contains("a.md") && output.stderr.contains("--preprocess ls failed"),
        "{}",
        output.stderr
    );
    std::fs::write(site.path().join("d.md"), "[x](a.md)").expect("a file");
    let output = check(site.path(), &[".", "--preprocess", "grep a.md"]);
    output.assert_code(0);
    assert_eq!(told(&output), ["a.md ok"]);
    assert!(
        output.stderr.contains("a.md was not checked"),
        "{}",
        output.stderr
    );
    // Where it makes nothing of any file, it is the command that is wrong.
    for (command, told) in [("no-such-command", "cannot be run"), ("false", "failed")] {
        for flags in [
            &[".", "--preprocess", command][..],
            &[".", "--skip-missing", "--preprocess", command],
        ] {
            let output = check(site.path(), flags);
            output.assert_code(2);
            assert!(output.stderr.contains(told), "{}", output.stderr);
        }
    }
}

#[test]
fn bytes_that_are_no_text_are_told_with_their_place() {
    let site = folder(&[("good.md", "é [x](good.md)")]);
    std::fs::write(site.path().join("bad.md"), b"a\nb\n\xe9 [x](good.md)").expect("a file");
    let latin = b"<meta charset=latin1><a href=good.md>\xe9</a>";
    std::fs::write(site.path().join("latin.html"), latin).expect("a file");
    let output = check(site.path(), &["."]);
    output.assert_code(0);
    assert_eq!(told(&output), ["good.md ok"; 3]);
    let warnings = output
        .stderr
        .lines()
        .filter(|line| line.contains("warning"));
    let warnings: Vec<_> = warnings.collect();
    assert_eq!(
        warnings,
        ["dragnet: warning: bad.md:3: bytes that are no UTF-8 are read as U+FFFD"]
    );
}

#[test]
fn a_glob_that_matches_nothing_is_a_mistake_whatever_stands_beside_it() {
    let site = folder(&[("a.md", "")]);
    std::os::unix::fs::symlink(".", site.path().join("loop")).expect("a link");
    let output = check(site.path(), &["nope*.md"]);
    output.assert_code(2);
    assert!(
        output.stderr.contains("nope*.md: no file matches it"),
        "{}",
        output.stderr
    );
    check(site.path(), &["a*.md"]).assert_code(0);
    check(site.path(), &["nope*.md", "--skip-missing"]).assert_code(0);
}

#[test]
fn an_input_that_is_no_path_is_told_how_to_be_written() {
    let site = folder(&[("a.md", "")]);
    let file = format!("file://{}/a.md", site.path().display());
    let path = format!("by its path: {}/a.md", site.path().display());
    for (input, told) in [
        ("www.x.org", "for a page, write https://www.x.org"),
        ("x.org/docs", "for a page, write https://x.org/docs"),
        (&file, &*path),
        ("ftp://x.org/", "only URLs of http and https"),
        ("b.md", "No such file"),
    ] {
        let output = check(site.path(), &[input]);
        output.assert_code(2);
        assert!(output.stderr.contains(told), "{}", output.stderr);
        assert_eq!(
            output.stderr.contains("https"),
            !told.contains("No such") && !told.contains("path"),
            "{}",
            output.stderr
        );
    }
}

#[test]
fn a_folder_that_nobody_may_read_is_told_once_and_passed_over_if_asked() {
    let site = folder(&[("dir/a.md", "[x](a.md)"), ("dir/shut/b.md", "")]);
    let lock = |name: &str, mode| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(site.path().join(name), mode).expect("permissions");
    };
    lock("dir/shut", 0o000);
    if std::fs::read_dir(site.path().join("dir/shut")).is_ok() {
        println!("skipped: whoever runs this may read everything");
        return;
    }
    let output = check(site.path(), &["dir"]);
    output.assert_code(0);
    assert!(
        output
            .stderr
            .contains("warning: dir/shut was not read: permission denied\n"),
        "{}",
        output.stderr
    );
    let output = check(site.path(), &["dir/shut", "dir/a.md"]);
    output.assert_code(2);
    assert_eq!(told(&output), ["a.md ok"], "the rest is checked");
    check(site.path(), &["dir/shut", "--skip-missing"]).assert_code(0);
    lock("dir/shut", 0o755);
}

#[test]
fn a_dump_says_what_it_is() {
    let site = folder(&[("a.md", "[x](b.md) [y](http://h.test/)")]);
    let output = check(site.path(), &["a.md", "--dump"]);
    output.assert_code(0);
    assert!(
        output
            .stderr
            .contains("2 links named, none checked; 0 requests"),
        "{}",
        output.stderr
    );
}

/// A server that speaks http and https at one port, and to whom every path is good.
fn both() -> std::net::SocketAddr {
    let certified =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = certified.signing_key.serialize_der();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certified.cert.der().clone()],
            key.try_into().expect("a key"),
        )
        .expect("a configuration");
    let config = Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let config = Arc::clone(&config);
            std::thread::spawn(move || {
                let mut first = [0];
                let _ = stream.peek(&mut first);
                if first == [0x16] {
                    let session = rustls::ServerConnection::new(config).expect("a session");
                    answer(rustls::StreamOwned::new(session, stream));
                } else {
                    answer(stream);
                }
            });
        }
    });
    address
}

fn answer(mut stream: impl std::io::Read + std::io::Write) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if !matches!(stream.read(&mut byte), Ok(1)) {
            return;
        }
        head.extend(byte);
    }
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let _ = stream.flush();
}

#[test]
fn a_link_over_http_is_broken_where_https_would_do() {
    let port = both().port();
    let page = format!("[a](http://localhost:{port}/x) [b](https://localhost:{port}/y)");
    let site = folder(&[("a.md", &page)]);
    let output = check(site.path(), &["a.md", "--insecure"]);
    output.assert_code(0);
    let output = check(site.path(), &["a.md", "--insecure", "--require-https"]);
    output.assert_code(1);
    let records = output.json_lines();
    assert_eq!(records[0]["error"]["kind"], "insecure");
    assert_eq!(records[1]["outcome"], "ok");
    // A certificate that nobody trusts is no better than none.
    check(
        site.path(),
        &["a.md", "--require-https", "--exclude", "^https"],
    )
    .assert_code(0);
}
