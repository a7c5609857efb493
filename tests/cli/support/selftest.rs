//! Tests of the test servers themselves, through plain sockets.
//!
//! A fault in the servers would show as a mystery in every other test, so what those lean on is
//! pinned here: framing, keep-alive, gates, resets, counts, and that dropping closes everything. No
//! test depends on speed; a limit only decides how soon a failing one says so.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv6Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use super::{Gate, RawServer, Response, Server, Step, closed_port, faults, full_backlog, has_ipv6};

/// How long a healthy exchange may take before its test fails.
const LIMIT: Duration = Duration::from_secs(20);

/// A connection that fails rather than hangs.
fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server listens");
    stream
        .set_read_timeout(Some(LIMIT))
        .expect("the limit is not zero");
    stream
}

fn send(stream: &mut TcpStream, request: &str) {
    stream
        .write_all(request.as_bytes())
        .expect("the server reads");
}

/// Reads one answer with a `Content-Length`: its head in lower case, and its content.
fn answer(stream: &mut TcpStream) -> (String, String) {
    let head = head(stream);
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |text| text.parse().expect("a length is a number"));
    let mut content = vec![0; length];
    stream.read_exact(&mut content).expect("content follows");
    (head, String::from_utf8(content).expect("tests send UTF-8"))
}

/// Reads up to the empty line, byte by byte so as to take nothing of what follows.
fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a head follows");
        head.extend(byte);
    }
    String::from_utf8(head)
        .expect("tests send UTF-8")
        .to_ascii_lowercase()
}

/// Sends one GET on a new connection and reads until the server ends it.
fn get(address: SocketAddr, path: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = connect(address);
    send(
        &mut stream,
        &format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"),
    );
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).map(|_| bytes)
}

fn get_text(address: SocketAddr, path: &str) -> String {
    String::from_utf8(get(address, path).expect("a clean end")).expect("tests send UTF-8")
}

#[test]
fn one_connection_carries_two_requests() {
    let server = Server::pages([
        ("/a", Response::text("first")),
        ("/b", Response::text("second")),
    ]);
    let mut stream = connect(server.address());
    send(&mut stream, "GET /a?q=1 HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(answer(&mut stream).1, "first");
    send(
        &mut stream,
        "POST /b HTTP/1.1\r\nhost: test\r\ncontent-length: 2\r\n\r\nhi",
    );
    assert_eq!(answer(&mut stream).1, "second");

    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(server.connections(), 1);
    assert_eq!(server.count("/a"), 1);
    assert_eq!(requests[0].target, "/a?q=1");
    assert_eq!(requests[0].query(), Some("q=1"));
    assert_eq!(requests[0].field("host"), Some("test"));
    assert_eq!(requests[1].method, "POST");
    assert_eq!(requests[1].body, b"hi");
    assert_eq!((requests[0].order, requests[1].order), (0, 1));
    assert!(requests[0].at <= requests[1].at);
    assert_eq!(server.max_in_flight(), 1);
}

#[test]
fn the_answer_to_head_has_no_content() {
    let server = Server::pages([("/", Response::text("five!"))]);
    let mut stream = connect(server.address());
    send(&mut stream, "HEAD / HTTP/1.1\r\nhost: test\r\n\r\n");
    let head = head(&mut stream);
    assert!(head.contains("content-length: 5\r\n"), "{head}");
    // Content would stand before this answer's head.
    send(&mut stream, "GET / HTTP/1.1\r\nhost: test\r\n\r\n");
    let (head, content) = answer(&mut stream);
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert_eq!(content, "five!");
}

#[test]
fn content_can_go_out_in_chunks() {
    let server = Server::pages([("/", Response::text("abcde").chunked(2))]);
    let text = get_text(server.address(), "/");
    assert!(
        text.ends_with("\r\n\r\n2\r\nab\r\n2\r\ncd\r\n1\r\ne\r\n0\r\n\r\n"),
        "{text}"
    );
    assert!(!text.contains("content-length"), "{text}");
}

#[test]
fn an_exact_route_comes_before_a_prefix_and_the_longest_prefix_wins() {
    let server = Server::builder()
        .prefix("/", |_| Response::text("any"))
        .prefix("/n/", |request| Response::text(request.path().to_owned()))
        .page("/n/1", Response::redirect(302, "/n/2"))
        .start();
    assert!(get_text(server.address(), "/x").ends_with("any"));
    assert!(get_text(server.address(), "/n/7?x").ends_with("/n/7"));
    assert!(get_text(server.address(), "/n/1").contains("location: /n/2\r\n"));
}

#[test]
fn a_gate_holds_answers_until_it_is_opened() {
    let gate = Gate::new();
    let server = Server::pages([("/", Response::text("through").gate(&gate))]);
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let address = server.address();
            thread::spawn(move || get_text(address, "/"))
        })
        .collect();
    gate.wait_for_arrivals(3);
    assert_eq!(server.max_in_flight(), 3);
    assert_eq!(server.bytes_written("/"), 0);
    gate.admit(1);
    gate.open();
    for client in clients {
        let text = client.join().expect("the client got its answer");
        assert!(text.ends_with("through"), "{text}");
    }
    assert_eq!(server.max_in_flight(), 3);
}

#[test]
fn a_client_that_leaves_is_no_longer_served() {
    let gate = Gate::new();
    let server = Server::pages([("/", Response::new(200).gate(&gate))]);
    let mut stream = connect(server.address());
    send(&mut stream, "GET / HTTP/1.1\r\nhost: test\r\n\r\n");
    gate.wait_for_arrivals(1);
    assert_eq!(server.open_connections(), 1);
    drop(stream);
    server.wait_until_closed(LIMIT);
}

#[test]
fn arrivals_are_in_order_and_can_be_waited_for() {
    let server = Server::builder()
        .prefix("/", |_| Response::new(204))
        .start();
    for path in ["/1", "/2", "/3"] {
        get(server.address(), path).expect("a clean end");
    }
    let requests = server.wait_for(3, LIMIT);
    let seen: Vec<_> = requests
        .iter()
        .map(|request| (request.order, request.connection, request.target.as_str()))
        .collect();
    assert_eq!(seen, [(0, 0, "/1"), (1, 1, "/2"), (2, 2, "/3")]);
    assert!(requests.is_sorted_by_key(|request| request.at));
}

#[test]
#[should_panic(expected = "for 2 requests; 1 requests on 1 connections")]
fn waiting_in_vain_says_what_came() {
    let server = Server::pages([("/", Response::new(200))]);
    get(server.address(), "/").expect("a clean end");
    server.wait_for(2, Duration::from_millis(1));
}

#[test]
fn dropping_closes_every_connection() {
    let gate = Gate::new();
    let server = Server::pages([("/", Response::new(200).gate(&gate))]);
    let mut held = connect(server.address());
    send(&mut held, "GET / HTTP/1.1\r\nhost: test\r\n\r\n");
    gate.wait_for_arrivals(1);
    drop(server);
    assert_eq!(held.read(&mut [0]).expect("a clean end"), 0);
}

#[test]
#[should_panic(expected = "the route of / panicked: on purpose")]
fn a_panic_in_a_route_fails_the_test() {
    let server = Server::builder()
        .route("/", |_| panic!("on purpose"))
        .start();
    assert!(get_text(server.address(), "/").starts_with("HTTP/1.1 500"));
}

#[test]
#[should_panic(expected = "the request line \"GET /\"")]
fn a_request_that_is_no_http_fails_the_test() {
    let server = Server::pages([]);
    let mut stream = connect(server.address());
    send(&mut stream, "GET /\r\n\r\n");
    assert_eq!(stream.read(&mut [0]).expect("a clean end"), 0);
}

#[test]
fn a_folder_is_served_as_a_site() {
    let root = tempfile::tempdir().expect("the temporary folder is writable");
    let folder = root.path().join("a folder");
    std::fs::create_dir(&folder).expect("a new folder is writable");
    std::fs::write(folder.join("index.html"), "<p>home").expect("a new folder is writable");
    std::fs::write(root.path().join("notes.md"), "# Notes").expect("a new folder is writable");
    let server = Server::files(root.path());

    let page = get_text(server.address(), "/a%20folder/");
    assert!(page.contains("content-type: text/html; charset=utf-8\r\n"));
    assert!(page.ends_with("<p>home"));
    let moved = get_text(server.address(), "/a%20folder");
    assert!(moved.starts_with("HTTP/1.1 301 "), "{moved}");
    assert!(moved.contains("location: /a%20folder/\r\n"), "{moved}");
    assert!(get_text(server.address(), "/notes.md").contains("text/markdown"));
    for path in ["/", "/missing.html", "/../notes.md", "/%2e%2e/notes.md"] {
        let text = get_text(server.address(), path);
        assert!(text.starts_with("HTTP/1.1 404 "), "{path}: {text}");
    }
}

#[test]
fn a_server_can_be_another_host_on_the_same_port() {
    let first = Server::pages([("/", Response::text("first"))]);
    let port = first.address().port();
    let second = Server::builder()
        .on([127, 0, 0, 2])
        .port(port)
        .page("/", Response::text("second"))
        .try_start();
    // Only Linux has the whole of 127.0.0.0/8, and the port may be taken there.
    if let Ok(second) = second {
        assert!(get_text(second.address(), "/").ends_with("second"));
        assert!(second.url("/x").starts_with("http://127.0.0.2:"));
    }
    if has_ipv6() {
        let third = Server::builder().on(Ipv6Addr::LOCALHOST).start();
        assert!(third.url("/").starts_with("http://[::1]:"));
        assert!(get_text(third.address(), "/").starts_with("HTTP/1.1 404 "));
    }
    assert!(get_text(first.address(), "/").ends_with("first"));
}

#[test]
fn a_reset_is_seen_as_a_reset_and_a_close_as_an_end() {
    let server = RawServer::builder()
        .path("/f/39", faults::truncated_length())
        .path("/f/57", faults::reset_mid_body())
        .start();
    let cut = get(server.address(), "/f/39").expect("a clean end");
    assert!(cut.ends_with(&[b'x'; 500]));

    let mut stream = connect(server.address());
    send(&mut stream, "GET /f/57 HTTP/1.1\r\nhost: test\r\n\r\n");
    let mut half = [0; 500];
    assert!(head(&mut stream).contains("content-length: 1000"));
    stream
        .read_exact(&mut half)
        .expect("half the content comes first");
    let error = stream.read(&mut [0]).expect_err("then the reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);

    assert_eq!(server.count("/f/39"), 1);
    assert_eq!(server.connections_to("/f/57"), 1);
    assert_eq!(server.bytes_written("/f/39"), cut.len() as u64);
}

#[test]
fn scripts_before_the_request_take_turns() {
    let server = RawServer::builder()
        .before_request([faults::reset_on_accept(), faults::close_on_accept(), vec![]])
        .otherwise(faults::answer("HTTP/1.1 204 \r\n\r\n"))
        .start();
    // The reset may be there before the connection is handed over.
    let error = TcpStream::connect(server.address())
        .and_then(|mut stream| stream.read(&mut [0]))
        .expect_err("a reset at once");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(get(server.address(), "/").expect("a clean end"), b"");
    let text = get_text(server.address(), "/");
    assert!(text.starts_with("HTTP/1.1 204"), "{text}");
    assert_eq!(server.connections(), 3);
    assert_eq!(server.count("/"), 1);
}

#[test]
fn an_endless_answer_ends_when_the_client_leaves_and_is_counted() {
    let server = RawServer::builder()
        .path("/f/54", faults::endless_body())
        .start();
    let mut stream = connect(server.address());
    send(&mut stream, "GET /f/54 HTTP/1.1\r\nhost: test\r\n\r\n");
    let mut megabyte = vec![0; 1_000_000];
    stream.read_exact(&mut megabyte).expect("it is endless");
    drop(stream);
    server.wait_until_closed(LIMIT);
    assert!(server.bytes_written("/f/54") >= 1_000_000);
}

#[test]
fn a_script_can_drip_wait_and_answer_another_request() {
    let gate = Gate::new();
    let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n";
    let script = vec![
        Step::send(ok),
        Step::Wait(gate.clone()),
        Step::Drip {
            bytes: "ok".into(),
            every: Duration::from_millis(1),
        },
        Step::Next,
    ];
    let server = RawServer::builder()
        .path("/drip", script)
        .in_turn("/f/61", faults::close_on_reuse())
        .start();
    let mut stream = connect(server.address());
    send(&mut stream, "GET /drip HTTP/1.1\r\nhost: test\r\n\r\n");
    gate.wait_for_arrivals(1);
    assert_eq!(server.bytes_written("/drip"), ok.len() as u64);
    gate.open();
    assert_eq!(answer(&mut stream).1, "ok");
    send(&mut stream, "GET /f/61 HTTP/1.1\r\nhost: test\r\n\r\n");
    assert_eq!(answer(&mut stream).1, "ok");
    send(&mut stream, "GET /f/61 HTTP/1.1\r\nhost: test\r\n\r\n");
    assert_eq!(stream.read(&mut [0]).expect("a clean end"), 0);
    assert!(get_text(server.address(), "/robots.txt").starts_with("HTTP/1.1 404"));
    assert_eq!(server.connections(), 2);
}

#[test]
fn nobody_answers_at_a_closed_port_or_behind_a_full_queue() {
    let closed = closed_port();
    let refused = TcpStream::connect(closed.address()).expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

    let full = full_backlog();
    let silent = TcpStream::connect_timeout(&full.address(), Duration::from_millis(20))
        .expect_err("nobody accepts");
    assert_eq!(silent.kind(), ErrorKind::TimedOut);
}
