//! How requests get to a server: through proxies and sockets, and how many a second.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::thread;

use crate::support::{Dragnet, Output, ProxyServer, Response, Server, closed_port};

/// What no name server knows; proxies of the tests do.
const NAME: &str = "shop.dragnet.invalid";

fn fetch(arguments: &[&str]) -> Output {
    Dragnet::new()
        .args(["fetch", "-f", "jsonl", "--retries", "0"])
        .args(arguments)
        .run()
}

fn named(url: &str) -> String {
    url.replace("127.0.0.1", NAME)
}

#[test]
fn an_http_proxy_is_told_the_name_and_looks_it_up_itself() {
    let server = Server::pages([("/a", Response::text("x"))]);
    let proxy = ProxyServer::http();
    let url = named(&server.url("/a"));
    let output = fetch(&["--proxy", &format!("http://{}", proxy.address()), &url]);
    output.assert_code(0);
    let record = &output.json_lines()[0];
    assert_eq!(
        record["remote_addr"],
        proxy.address().to_string(),
        "who answered is the proxy"
    );
    let heard = proxy.heard();
    assert!(
        heard[0].starts_with(&format!("GET {url} HTTP/1.1\r\n")),
        "{heard:?}"
    );
    let host = format!("{NAME}:{}", server.address().port());
    assert_eq!(server.requests()[0].field("host"), Some(host.as_str()));
}

#[test]
fn a_socks_proxy_is_told_the_address_or_the_name() {
    let server = Server::pages([("/a", Response::text("x"))]);
    let port = server.address().port();
    let proxy = ProxyServer::socks(false);
    let here = server.url("/a").replace("127.0.0.1", "localhost");
    let through = |scheme: &str| format!("{scheme}://{}", proxy.address());
    fetch(&["-4", "--proxy", &through("socks5"), &here]).assert_code(0);
    fetch(&["--proxy", &through("socks5h"), &named(&server.url("/a"))]).assert_code(0);
    assert_eq!(
        proxy.heard(),
        [format!("127.0.0.1:{port}"), format!("{NAME}:{port}")]
    );
    assert_eq!(server.requests().len(), 2);
    // A name that nobody knows here is a failure of the look-up, where the look-up is here.
    let output = fetch(&["--proxy", &through("socks5"), &named(&server.url("/a"))]);
    output.assert_code(1);
    assert_eq!(output.json_lines()[0]["error"]["kind"], "dns");
}

#[test]
fn a_proxy_comes_from_the_environment_when_that_is_said() {
    let server = Server::pages([("/a", Response::text("x"))]);
    let proxy = ProxyServer::socks(true);
    let run = |arguments: &[&str]| {
        let run = Dragnet::new().args(["fetch"]).args(arguments);
        let through = format!("socks5h://me:p%40ss@{}", proxy.address());
        run.arg(server.url("/a")).env("ALL_PROXY", through).run()
    };
    run(&[]).assert_code(0);
    assert!(proxy.heard().is_empty(), "nobody asked for it");
    run(&["--proxy", "env:ALL_PROXY"]).assert_code(0);
    assert_eq!(proxy.heard()[0], "me:p@ss");
    let before = proxy.heard().len();
    for past in [
        "--no-proxy",
        "--no-proxy=127.0.0.0/8",
        "--no-proxy=example.org,127.0.0.1",
    ] {
        run(&["--proxy", "env:ALL_PROXY", past]).assert_code(0);
    }
    assert_eq!(proxy.heard().len(), before);
    run(&["--proxy", "env:ALL_PROXY", "--no-proxy=127.0.0.2"]).assert_code(0);
    assert!(proxy.heard().len() > before);
}

/// The proxy is at a private address, which is the user's own word; what it is asked for is not.
#[test]
fn the_address_rule_holds_through_a_proxy() {
    let server = Server::builder()
        .prefix("/", |_| Response::redirect(302, "http://127.0.0.2:8080/"))
        .start();
    let url = server.url("/");
    for scheme in ["http", "socks5", "socks5h"] {
        let proxy = if scheme == "http" {
            ProxyServer::http()
        } else {
            ProxyServer::socks(false)
        };
        let through = format!("{scheme}://{}", proxy.address());
        let denied = url.replace("127.0.0.1", "localhost");
        for (arguments, asked) in [
            (vec![&*url], 1),
            (vec!["--private", "deny", &url], 0),
            (vec!["--private", "deny", &denied], 0),
        ] {
            let before = proxy.heard().len();
            let output = fetch(&[&["--proxy", &through], &arguments[..]].concat());
            output.assert_code(1);
            let kind = &output.json_lines()[0]["error"]["kind"];
            assert_eq!(kind, "forbidden-address", "{scheme} {arguments:?}");
            assert_eq!(
                proxy.heard().len() - before,
                asked,
                "{scheme} {arguments:?}"
            );
        }
    }
}

#[test]
fn a_proxy_that_is_not_there_is_a_failure_to_connect() {
    let gone = closed_port();
    let port = gone.address().port();
    for scheme in ["http", "socks5", "socks5h"] {
        let through = format!("{scheme}://me:hunter2@127.0.0.1:{port}");
        for url in ["http://192.0.2.1/", "https://192.0.2.1/"] {
            let output = fetch(&["--private", "allow", "--proxy", &through, url]);
            output.assert_code(1);
            let record = &output.json_lines()[0];
            assert_eq!(record["error"]["kind"], "connect", "{record}");
            let message = record["error"]["message"].as_str();
            assert!(message.is_some_and(|message| message.starts_with("through the proxy: ")));
            assert!(!output.stdout.contains("hunter2") && !output.stderr.contains("hunter2"));
        }
    }
    let proxy = ProxyServer::socks(true);
    let output = fetch(&[
        "--proxy",
        &format!("socks5h://{}", proxy.address()),
        "http://a.invalid/",
    ]);
    let record = &output.json_lines()[0];
    assert_eq!(record["error"]["kind"], "connect", "{record}");
}

#[test]
fn a_unix_socket_takes_every_request_whatever_its_host() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).expect("a socket");
    let server = thread::spawn(move || {
        let mut heads = Vec::new();
        for stream in listener.incoming().flatten().take(2) {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            heads.push(head.join("\n"));
            let _ = (&stream)
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");
        }
        heads
    });
    let path = path.display().to_string();
    let urls = [format!("http://{NAME}/a"), "http://192.0.2.1/b".to_owned()];
    let output = fetch(&["-c", "1", "--unix-socket", &path, &urls[0], &urls[1]]);
    output.assert_code(0);
    let heads = server.join().expect("two requests");
    assert!(heads[0].starts_with("GET /a HTTP/1.1"), "{heads:?}");
    assert!(heads[0].contains(&format!("host: {NAME}")), "{heads:?}");
    assert!(heads[1].contains("host: 192.0.2.1"), "{heads:?}");
    let output = fetch(&["--unix-socket", "no/such/socket", &urls[0]]);
    output.assert_code(1);
    assert_eq!(output.json_lines()[0]["error"]["kind"], "connect");
}

/// Over four origins, each of which alone would be asked as fast as it answers; lines that need no request do not wait.
#[test]
fn a_rate_holds_over_all_origins() {
    let servers: Vec<_> = (1..=4)
        .map(|n| {
            let builder = Server::builder().on([127, 0, 0, n]);
            builder.prefix("/", |_| Response::text("x")).start()
        })
        .collect();
    let mut list: String = (0..5)
        .flat_map(|n| {
            servers
                .iter()
                .map(move |server| server.url(&format!("/{n}\n")))
        })
        .collect();
    list.push_str(&"no URL at all\n".repeat(3000));
    let output = Dragnet::new()
        .args(["fetch", "-f", "jsonl", "--rate", "25"])
        .stdin_text(list)
        .run();
    output.assert_code(1);
    let records = output.json_lines();
    assert_eq!(records.len(), 3020);
    // 40 ms each, by the clock of the sender: a machine that is busy makes them late, and nothing makes them early. At
    // this rate the lines without a request would take two minutes, which is more than a test has.
    let starts = records.iter().map(|record| &record["timing"]["start"]);
    let mut starts: Vec<f64> = starts.filter_map(serde_json::Value::as_f64).collect();
    starts.sort_by(f64::total_cmp);
    assert_eq!(starts.len(), 20);
    for (number, start) in (0..).zip(starts) {
        let due = f64::from(number) * 40.0;
        assert!(start >= due - 15.0, "number {number}: {start} ms");
    }
    for server in &servers {
        assert_eq!(server.requests().len(), 5);
    }
}

#[test]
fn a_flag_is_taken_back_by_its_twin_and_the_later_one_counts() {
    let server = Server::pages([("/", Response::text("x")), ("/404", Response::new(404))]);
    let url = server.url("/");
    let field = |arguments: &[&str]| {
        fetch(&[arguments, &[&url]].concat()).assert_code(0);
        let last = server.requests().pop().expect("a request");
        last.field("x-a").map(str::to_owned)
    };
    assert_eq!(field(&["-H", "X-A: 1", "--no-header"]), None);
    assert_eq!(
        field(&["-H", "X-A: 1", "--no-header", "-H", "X-A: 2"]).as_deref(),
        Some("2")
    );
    assert_eq!(
        field(&["--http1", "--no-http1", "--ipv6", "--no-ipv6", "-q", "-q"]),
        None
    );
    assert_eq!(field(&["--timeout", "1ms", "--timeout", "10s"]), None);
    assert_eq!(field(&["--timeout", "1ms", "--no-timeout"]), None);
    assert_eq!(field(&["-X", "DELETE", "--no-method"]), None);
    assert_eq!(
        server.requests().pop().map(|last| last.method).as_deref(),
        Some("GET")
    );
    // The twin of a flag that says no says yes, and each is taken by every job.
    for job in ["fetch", "crawl", "check"] {
        let output = Dragnet::new()
            .args([job, "--no-insecure", "--no-quiet", "--no-retries", &url])
            .run();
        output.assert_code(0);
    }
    Dragnet::new()
        .args(["crawl", "--no-traps", "--traps", &url])
        .run()
        .assert_code(0);
    let output = Dragnet::new().args(["fetch", "--help"]).run();
    assert!(!output.stdout.contains("--no-delay"), "{}", output.stdout);
}
