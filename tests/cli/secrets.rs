//! Fields and credentials stay with their origin, and pages cannot send us to private addresses.

use std::path::Path;

use crate::support::{Dragnet, ProxyServer, Response, SecureServer, Server};

const CANARY: &str = "canary-5f2c";

#[test]
fn a_field_of_the_user_goes_to_its_origin_and_follows_no_redirect_out() {
    let other = Server::builder()
        .on([127, 0, 0, 2])
        .page("/there", Response::text("x"))
        .start();
    let server = Server::pages([
        ("/here", Response::redirect(302, "/still")),
        ("/still", Response::redirect(302, &other.url("/there"))),
    ]);
    let output = Dragnet::new()
        .args(["fetch", "-f", "jsonl", "--private", "allow"])
        .args([
            "-H",
            &format!("X-Key: {CANARY}"),
            "-H",
            &format!("Authorization: Bearer {CANARY}"),
        ])
        .args([
            "-H",
            &format!("Cookie: a={CANARY}"),
            "-H",
            "Accept-Language: eo",
        ])
        .arg(server.url("/here"))
        .run();
    output.assert_code(0);
    for request in server.requests() {
        assert_eq!(request.field("x-key"), Some(CANARY), "{}", request.path());
    }
    let foreign = &other.requests()[0];
    assert!(!format!("{foreign:?}").contains(CANARY), "{foreign:?}");
    assert_eq!(
        foreign.field("accept-language"),
        Some("eo"),
        "what says nothing secret may go"
    );
    assert!(!output.stdout.contains(CANARY) && !output.stderr.contains(CANARY));
}

#[test]
fn userinfo_logs_in_at_its_origin_and_is_shown_nowhere() {
    let other = Server::builder()
        .on([127, 0, 0, 2])
        .page("/there", Response::text("x"))
        .start();
    let server = Server::pages([("/in", Response::redirect(302, &other.url("/there")))]);
    let with = server
        .url("/in")
        .replace("http://", &format!("http://user:{CANARY}@"));
    let bad = format!("http://user:{CANARY}@[/");
    let output = Dragnet::new()
        .args(["fetch", "-f", "jsonl", "--private", "allow"])
        .stdin_text(format!("{with}\n{bad}\n"))
        .run();
    let field = server.requests()[0]
        .field("authorization")
        .map(str::to_owned);
    assert!(field.is_some_and(|field| field.starts_with("Basic ")));
    assert_eq!(other.requests()[0].field("authorization"), None);
    assert!(
        !output.stdout.contains(CANARY) && !output.stderr.contains(CANARY),
        "{}",
        output.stdout
    );
    assert!(
        output.stdout.contains("***@"),
        "masked, not dropped: {}",
        output.stdout
    );
}

#[test]
fn a_crawl_sends_fields_to_its_seeds_and_a_page_cannot_log_us_in_elsewhere() {
    let server = Server::builder()
        .route("/", |_| Response::html("<a href=/a>"))
        .page("/a", Response::text("x"))
        .start();
    let state = tempfile::tempdir().expect("a folder");
    let path = state.path().join("state.db");
    let output = Dragnet::new()
        .args([
            "crawl",
            "-f",
            "jsonl",
            "-H",
            &format!("X-Key: {CANARY}"),
            "--state",
        ])
        .arg(&path)
        .arg(
            server
                .url("/")
                .replace("http://", &format!("http://user:{CANARY}@")),
        )
        .run();
    output.assert_code(0);
    assert_eq!(server.count("/a"), 1);
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.field("x-key") == Some(CANARY))
    );
    assert!(!output.stdout.contains(CANARY));
    for file in std::fs::read_dir(state.path()).expect("the folder") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("a file");
        assert!(
            !bytes
                .windows(CANARY.len())
                .any(|window| window == CANARY.as_bytes()),
            "a secret in the state"
        );
    }
}

/// Fails the test where anything below `folder` holds the canary, however it is coded; `but` may.
fn assert_clean(folder: &Path, but: &[&str]) {
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("a file").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if but.contains(&&*name) {
            continue;
        }
        let mut bytes = std::fs::read(&path).expect("a file");
        if name.ends_with(".gz") {
            let mut plain = Vec::new();
            let read = &mut flate2::read::MultiGzDecoder::new(&bytes[..]);
            std::io::Read::read_to_end(read, &mut plain).expect("gzip");
            bytes = plain;
        }
        for canary in [CANARY, CODED] {
            let found = bytes
                .windows(canary.len())
                .any(|window| window == canary.as_bytes());
            assert!(!found, "{canary} in {}", path.display());
        }
    }
}

/// `canary-5f2c` in Basic, behind `u:` and one letter that fills the group.
const CODED: &str = "Y2FuYXJ5LTVmMm";

/// Each way to say who one is, on its own: it reaches the origin that was named, and nothing else.
#[test]
fn logins_cookies_and_content_go_to_their_origin_and_into_no_output() {
    let other = Server::builder()
        .on([127, 0, 0, 2])
        .prefix("/", |_| Response::html("<a href=/there>x</a>"))
        .start();
    let away = other.url("/there");
    let server = Server::builder()
        .route("/", |_| {
            Response::html("<a href=/away>x</a><a href=/set>y</a>")
        })
        .route("/away", move |_| Response::redirect(303, &away))
        .route("/set", |_| Response::text("x").field("x-kept", "yes"))
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, text: String| {
        std::fs::write(folder.path().join(name), text).expect("a file");
    };
    put(
        "netrc",
        format!("machine 127.0.0.1 login uu password {CANARY}"),
    );
    put(
        "jar",
        format!("127.0.0.1\tFALSE\t/\tFALSE\t0\tk\t{CANARY}\n"),
    );
    put("word", CANARY.to_owned());
    let ways: [(&[&str], &str); 6] = [
        (&["-u", "uu:@word"], "authorization"),
        (&["-u", "uu:env:WORD"], "authorization"),
        (&["--bearer", "env:WORD"], "authorization"),
        (&["--netrc-file", "netrc"], "authorization"),
        (&["--cookie-jar", "jar"], "cookie"),
        (&["-H", "X-Key: env:WORD"], "x-key"),
    ];
    let outputs = [
        "-o",
        "o.jsonl",
        "-o",
        "o.csv",
        "-o",
        "o.warc.gz",
        "-o",
        "o.sqlite",
        "-f",
        "text",
    ];
    for (number, (way, field)) in ways.iter().enumerate() {
        for job in ["fetch", "crawl", "check"] {
            let before = server.requests().len();
            let mut run = Dragnet::new()
                .arg(job)
                .args(*way)
                .args(if job == "check" {
                    &outputs[8..]
                } else {
                    &outputs[..]
                })
                .args(["--private", "allow", "--progress", "always"])
                .env("WORD", CANARY)
                .in_dir(folder.path());
            let state = format!("state-{number}.db");
            run = match job {
                "fetch" => run.args([server.url("/away"), server.url("/")]),
                "crawl" => run.args(["--scope", "any", "--state", &state, &server.url("/")]),
                _ => run.arg(server.url("/")),
            };
            let output = run.run();
            let said = format!("{} {}", output.stdout, output.stderr);
            assert!(output.code == Some(0), "{job} {way:?}: {said}");
            assert!(
                !said.contains(CANARY) && !said.contains(CODED),
                "{job} {way:?}: {said}"
            );
            let sent = server.requests();
            assert!(
                sent[before..]
                    .iter()
                    .any(|request| request.field(field).is_some()),
                "{job} {way:?}"
            );
            assert_clean(folder.path(), &["netrc", "jar", "word"]);
            for output in ["o.jsonl", "o.csv", "o.warc.gz", "o.sqlite"] {
                let _ = std::fs::remove_file(folder.path().join(output));
            }
        }
    }
    let foreign = other.requests();
    assert!(!foreign.is_empty());
    for request in foreign {
        for field in ["authorization", "cookie", "x-key"] {
            assert_eq!(request.field(field), None, "{request:?}");
        }
    }

    // What is sent as content is in the archive of it, and in no record.
    let before = other.requests().len();
    let output = Dragnet::new()
        .args([
            "fetch",
            "-d",
            "@word",
            "-f",
            "jsonl",
            "-o",
            "o.sqlite",
            "--private",
            "allow",
        ])
        .arg(server.url("/away"))
        .in_dir(folder.path())
        .run();
    output.assert_code(0);
    assert!(!output.stdout.contains(CANARY) && !output.stderr.contains(CANARY));
    assert_clean(folder.path(), &["netrc", "jar", "word"]);
    let arrived = &other.requests()[before];
    assert_eq!((arrived.method.as_str(), arrived.body.len()), ("GET", 0));
}

/// The same host by another scheme or port is another origin: somebody else may listen there.
#[test]
fn nothing_secret_follows_a_redirect_to_another_port() {
    let other = Server::pages([("/there", Response::text("x"))]);
    let server = Server::pages([("/in", Response::redirect(302, &other.url("/there")))]);
    let folder = tempfile::tempdir().expect("a folder");
    let netrc = folder.path().join("netrc");
    std::fs::write(
        &netrc,
        format!("machine 127.0.0.1 login u password {CANARY}"),
    )
    .expect("a file");
    let key = format!("X-Key: {CANARY}");
    Dragnet::new()
        .args(["fetch", "-H", &key, "--netrc-file"])
        .arg(&netrc)
        .arg(server.url("/in"))
        .run()
        .assert_code(0);
    let here = &server.requests()[0];
    assert!(here.field("x-key").is_some() && here.field("authorization").is_some());
    let there = &other.requests()[0];
    assert_eq!(
        (there.field("x-key"), there.field("authorization")),
        (None, None)
    );
}

/// A proxy's password is for the proxy: no server sees it, whichever way the request goes.
#[test]
fn a_proxys_password_ends_at_the_proxy() {
    let server = Server::pages([("/", Response::text("x"))]);
    let folder = tempfile::tempdir().expect("a folder");
    for scheme in ["http", "socks5", "socks5h"] {
        let proxy = if scheme == "http" {
            ProxyServer::http()
        } else {
            ProxyServer::socks(true)
        };
        let output = Dragnet::new()
            .args([
                "fetch",
                "-o",
                "o.warc.gz",
                "-o",
                "o.jsonl",
                "--template",
                "{status} {remote_addr}",
            ])
            .args(["--proxy", "env:THROUGH", &server.url("/")])
            .env(
                "THROUGH",
                format!("{scheme}://u:{CANARY}@{}", proxy.address()),
            )
            .in_dir(folder.path())
            .run();
        output.assert_code(0);
        assert!(!output.stdout.contains(CANARY) && !output.stderr.contains(CANARY));
        assert_clean(folder.path(), &[]);
        let heard = proxy.heard().concat().to_lowercase();
        assert!(
            heard.contains(CANARY) || heard.contains("proxy-authorization: basic"),
            "{heard}"
        );
    }
    for request in server.requests() {
        let whole = format!("{request:?}").to_lowercase();
        assert!(
            !whole.contains(CANARY) && !whole.contains("proxy-"),
            "{whole}"
        );
    }
}

/// Whatever the environment holds is not ours to send, and a proxy in it is not used.
#[test]
fn the_environment_reaches_no_request_and_no_output() {
    let proxy = Server::builder()
        .on([127, 0, 0, 2])
        .prefix("/", |_| Response::text("proxied"))
        .start();
    let server = Server::pages([
        ("/", Response::html("<a href=/a>")),
        ("/a", Response::text("x")),
    ]);
    let through = proxy
        .url("")
        .replace("http://", &format!("http://user:{CANARY}@"));
    let folder = tempfile::tempdir().expect("a folder");
    for job in ["fetch", "crawl", "check"] {
        let mut run = Dragnet::new()
            .args([job, "-f", "text", "-o", "out.txt", "-f", "jsonl"])
            .arg(server.url("/"))
            .in_dir(folder.path());
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
            run = run.env(name, &through);
        }
        for name in ["GITHUB_TOKEN", "AUTHORIZATION", "COOKIE"] {
            run = run.env(name, CANARY);
        }
        let output = run.env("RUST_LOG", "trace").run();
        output.assert_code(0);
        let written = std::fs::read_to_string(folder.path().join("out.txt")).expect("an output");
        for text in [&output.stdout, &output.stderr, &written] {
            assert!(!text.contains(CANARY), "{job}: {text}");
        }
    }
    assert!(proxy.requests().is_empty(), "{:?}", proxy.requests());
    for request in server.requests() {
        assert!(!format!("{request:?}").contains(CANARY), "{request:?}");
    }
}

/// `GITHUB_TOKEN` is for GitHub: over https, at its own names and port, and not for where a redirect leads.
#[test]
fn the_token_for_github_goes_there_and_nowhere_else() {
    let names = [
        "github.com",
        "api.github.com",
        "gist.github.com",
        "other.test",
    ];
    let server = SecureServer::start(&names, |head| match head.split(' ').nth(1) {
        Some("/away") => "302 Found\r\nLocation: https://other.test/there".to_owned(),
        Some("/downgraded") => "302 Found\r\nLocation: http://github.com/plain".to_owned(),
        Some("/within") => "302 Found\r\nLocation: /still".to_owned(),
        Some("/to-github") => "302 Found\r\nLocation: https://github.com/from-elsewhere".to_owned(),
        _ => "200 OK".to_owned(),
    });
    let proxy = ProxyServer::tunnels_to(server.address());
    let links = "https://github.com/a https://api.github.com/b https://github.com/away https://github.com/downgraded \
        https://github.com/within https://other.test/to-github https://other.test/c https://gist.github.com/d \
        https://github.com:8443/e http://github.com/f";
    let check = |flags: &[&str]| {
        Dragnet::new()
            .args(["check", "-", "-f", "jsonl", "--retries", "0"])
            .arg("--proxy")
            .arg(format!("http://{}", proxy.address()))
            .arg("--cacert")
            .arg(server.certificate())
            .args(flags)
            .env("GITHUB_TOKEN", CANARY)
            .stdin_text(links)
            .run()
    };
    let output = check(&[]);
    let (mut trusted, mut others) = (Vec::new(), Vec::new());
    for head in server.heads() {
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let field = format!("authorization: Bearer {CANARY}\r\n").to_lowercase();
        if head.to_lowercase().contains(&field) {
            trusted.push(path);
        } else {
            assert!(!head.contains(CANARY), "{head}");
            others.push(path);
        }
    }
    trusted.sort();
    others.sort();
    let expected = ["/a", "/away", "/b", "/downgraded", "/still", "/within"];
    assert_eq!(trusted, expected, "{}", output.stdout);
    let expected = ["/c", "/d", "/e", "/from-elsewhere", "/there", "/to-github"];
    assert_eq!(others, expected, "{}", output.stdout);
    let heard = proxy.heard().concat();
    assert!(heard.contains("/plain") && heard.contains("/f"), "{heard}");
    assert!(!heard.contains(CANARY), "{heard}");
    assert!(!output.stdout.contains(CANARY) && !output.stderr.contains(CANARY));
    // Whoever answers without a certificate may be anyone.
    let before = server.heads().len();
    check(&["--insecure"]);
    let heads = server.heads().split_off(before);
    assert!(heads.len() > 5 && !heads.concat().contains(CANARY));
    // What is no token is not sent, and not shown either.
    let output = Dragnet::new()
        .args(["check", "-"])
        .env("GITHUB_TOKEN", format!("{CANARY} x"))
        .stdin_text("https://github.com/a")
        .run();
    output.assert_code(2);
    assert!(output.stderr.contains("GITHUB_TOKEN") && !output.stderr.contains(CANARY));
}

/// The tripwire listens at another loopback address, which a page or a redirect must not lead to.
#[test]
fn no_page_and_no_redirect_leads_to_a_private_address_that_the_user_did_not_name() {
    let tripwire = Server::builder()
        .on([127, 0, 0, 2])
        .prefix("/", |_| Response::text("secret"))
        .start();
    let port = tripwire.address().port();
    let spellings: Vec<_> = [
        "127.0.0.2",
        "2130706434",
        "0x7f000002",
        "0177.0.0.2",
        "127.2",
        "0x7f.0.2",
        "127.0.0.2.",
        "[::ffff:127.0.0.2]",
        "[::ffff:7f00:2]",
        "１２７.0.0.2",
        "①②⑦.0.0.2",
        "[64:ff9b::7f00:2]",
        "0",
        "[::]",
        "169.254.169.254",
        "100.64.0.1",
        "10.0.0.1",
        "[fe80::1]",
        "[fd00:ec2::254]",
    ]
    .iter()
    .map(|host| format!("http://{host}:{port}/"))
    .collect();
    let links: String = spellings
        .iter()
        .map(|url| format!("<a href=\"{url}\">"))
        .collect();
    let server = Server::builder()
        .page("/", Response::html(links))
        .route("/go", {
            let spellings = spellings.clone();
            move |request| {
                let number: usize = request
                    .query()
                    .and_then(|query| query.parse().ok())
                    .unwrap_or(0);
                Response::redirect(302, &spellings[number])
            }
        })
        .start();
    let output = Dragnet::new()
        .args([
            "crawl",
            "-f",
            "jsonl",
            "--scope",
            "any",
            "--ignore-robots",
            "--delay",
            "0",
            &server.url("/"),
        ])
        .run();
    let records = output.json_lines();
    let forbidden = records
        .iter()
        .filter(|record| record["error"]["kind"] == "forbidden-address")
        .count();
    assert_eq!(forbidden, records.len() - 1, "{}", output.stdout);
    assert_eq!(records.len(), 11, "spellings of one address are one page");
    let list: String = (0..spellings.len())
        .map(|number| server.url(&format!("/go?{number}\n")))
        .collect();
    let output = Dragnet::new()
        .args(["fetch", "-f", "jsonl"])
        .stdin_text(list)
        .run();
    output.assert_code(1);
    for record in output.json_lines() {
        assert_eq!(record["error"]["kind"], "forbidden-address", "{record}");
        assert_eq!(
            record["redirects"].as_array().map(Vec::len),
            Some(1),
            "the hop is told: {record}"
        );
    }
    assert_eq!(tripwire.connections(), 0, "somebody was led there");
    // Named by the user it is his own server, and --private deny takes that back.
    Dragnet::new()
        .args(["fetch", &tripwire.url("/")])
        .run()
        .assert_code(0);
    Dragnet::new()
        .args(["fetch", "--private", "deny", &tripwire.url("/")])
        .run()
        .assert_code(1);
    assert_eq!(tripwire.connections(), 1);
}
