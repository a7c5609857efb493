//! What comes over the wire when all is well, and how much of it is taken.

use std::io::Write;

use super::*;

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_request_says_what_it_must_and_nothing_else() {
    let server = Server::always(Reply::Keep(ok(b"hello"))).await;
    let http = fetcher(options());
    let url = server.url().join("/path?query=%20").unwrap();
    let mut request = request(&url);
    Arc::make_mut(&mut request.fields).insert("user-agent", "dragnet/0".parse().unwrap());
    let exchange = http.send(request, &mut Taker::default()).await.unwrap();
    assert_eq!(
        (exchange.status, exchange.version),
        (StatusCode::OK, ::http::Version::HTTP_11)
    );
    assert_eq!(
        (exchange.size, exchange.remote),
        (Some(5), Some(server.address))
    );
    assert_eq!(exchange.fields["content-length"], "5");

    let head = server.heads.lock().unwrap()[0].to_lowercase();
    let mut lines: Vec<_> = head.trim_end().split("\r\n").collect();
    lines.sort_unstable();
    let host = format!("host: {}", server.address);
    let mut wanted = vec![
        "get /path?query=%20 http/1.1",
        "user-agent: dragnet/0",
        "accept-encoding: gzip, br, zstd, deflate",
        "accept: */*",
        &host,
    ];
    wanted.sort_unstable();
    assert_eq!(lines, wanted);
}

#[tokio::test]
async fn coded_content_is_given_decoded_and_counted_decoded() {
    let text = b"some text that repeats itself, ".repeat(5000);
    let reply = with("Content-Encoding: gzip\r\n", &gzip(&text));
    let server = Server::always(Reply::Keep(reply)).await;
    let (exchange, content) = get(&fetcher(options()), &server.url()).await.unwrap();
    assert!(content == text);
    assert_eq!(
        exchange.fields["content-encoding"], "gzip",
        "fields are as they were received"
    );
}

#[tokio::test]
async fn the_limit_is_exact_and_an_announced_excess_is_not_even_read() {
    let http = fetcher(Options {
        max_size: 100_000,
        ..options()
    });
    let fits = Server::always(Reply::Keep(ok(&vec![b'x'; 100_000]))).await;
    assert_eq!(get(&http, &fits.url()).await.unwrap().1.len(), 100_000);

    let open = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 100_001]].concat();
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n".to_vec();
    let coded = with("Content-Encoding: gzip\r\n", &gzip(&vec![0; 100_001]));
    for reply in [Reply::Close(open), Reply::Stall(head), Reply::Keep(coded)] {
        let server = Server::always(reply).await;
        let error = get(&http, &server.url()).await.unwrap_err();
        assert_eq!(error.failure.kind, FailureKind::TooLarge);
        assert_eq!(error.failure.message, "more than 100000 bytes of content");
        assert!(!error.transient);
    }
}

#[tokio::test]
async fn what_has_no_end_is_left_at_the_limit() {
    let http = fetcher(Options {
        max_size: 1 << 20,
        ..options()
    });
    for fields in ["", "Content-Encoding: gzip\r\n"] {
        // To gzip this is a member's header with a comment that never ends.
        let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n").into_bytes();
        let first = [&head[..], b"\x1f\x8b\x08\x10\0\0\0\0\0\0"].concat();
        let server = Server::always(Reply::Endless(first, vec![b'x'; 64 << 10])).await;
        let error = get(&http, &server.url()).await.unwrap_err();
        assert_eq!(
            error.failure.kind,
            FailureKind::TooLarge,
            "{}",
            error.failure.message
        );
    }
}

#[tokio::test]
async fn a_bomb_is_not_read_to_its_end() {
    let reply = with("Content-Encoding: gzip\r\n", &gzip(&vec![0; 100 << 20]));
    let server = Server::always(Reply::Keep(reply)).await;
    let http = fetcher(Options {
        max_size: 1 << 30,
        ..options()
    });
    let mut taker = Taker::default();
    let error = http
        .send(request(&server.url()), &mut taker)
        .await
        .unwrap_err();
    assert_eq!(error.failure.kind, FailureKind::TooLarge);
    assert!(
        taker.content.len() < 25 << 20,
        "{} bytes were decoded",
        taker.content.len()
    );
}

#[tokio::test]
async fn what_is_not_wanted_is_drained_when_that_is_cheap() {
    let chunked =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_vec();
    // Two requests each: the second shows by its connection whether the first one's content was drained.
    for (reply, connections) in [
        (Reply::Keep(ok(b"small")), 1),
        (Reply::Keep(chunked), 1),
        (
            Reply::Keep(with("Content-Encoding: gzip\r\n", b"not gzip at all")),
            1,
        ),
        (Reply::Keep(ok(&vec![b'x'; 3 << 20])), 2),
        (
            Reply::Stall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".to_vec()),
            2,
        ),
        (
            Reply::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 9999]),
            2,
        ),
    ] {
        let server = Server::always(reply).await;
        let http = fetcher(options());
        for _ in 0..2 {
            let mut taker = Taker {
                refuses: true,
                ..Taker::default()
            };
            let exchange = http.send(request(&server.url()), &mut taker).await.unwrap();
            assert_eq!((exchange.size, taker.content.len()), (None, 0));
            assert!(exchange.timing.total < 5000.0, "{:?}", exchange.timing);
        }
        assert_eq!(server.accepted(), connections);
    }
}

#[tokio::test]
async fn a_head_request_has_no_content_whatever_its_answer_says() {
    let head =
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nContent-Encoding: gzip\r\n\r\n".to_vec();
    let server = Server::always(Reply::Keep(head)).await;
    let http = fetcher(options());
    let url = server.url();
    for _ in 0..2 {
        let request = Request {
            method: Method::HEAD,
            ..request(&url)
        };
        let exchange = http.send(request, &mut Taker::default()).await.unwrap();
        assert_eq!(
            (exchange.size, &exchange.fields["content-length"]),
            (None, &"1000".parse().unwrap())
        );
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn redirects_and_interim_answers_are_not_acted_upon() {
    let redirect = b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n".to_vec();
    let server = Server::always(Reply::Keep(redirect)).await;
    let (exchange, _) = get(&fetcher(options()), &server.url()).await.unwrap();
    assert_eq!(
        (exchange.status, exchange.fields["location"].as_bytes()),
        (StatusCode::FOUND, &b"/other"[..])
    );
    assert_eq!(
        server.heads.lock().unwrap().len(),
        1,
        "one send is one request"
    );

    let early = [
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".to_vec(),
        ok(b"then this"),
    ]
    .concat();
    let server = Server::always(Reply::Keep(early)).await;
    let (exchange, content) = get(&fetcher(options()), &server.url()).await.unwrap();
    assert_eq!(
        (exchange.status, &content[..]),
        (StatusCode::OK, &b"then this"[..])
    );
}

#[tokio::test]
async fn a_dropped_request_takes_its_connection_with_it() {
    let server = Server::always(Reply::Stall(Vec::new())).await;
    let http = fetcher(options());
    let url = server.url();
    let mut taker = Taker::default();
    let sent = http.send(request(&url), &mut taker);
    assert!(
        tokio::time::timeout(Duration::from_millis(200), sent)
            .await
            .is_err()
    );
    for _ in 0..100 {
        if server.closed.load(Ordering::SeqCst) == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the server still waits for the dropped request");
}

#[tokio::test]
async fn content_is_sent_with_its_length_and_none_of_it_is_told_as_none() {
    for (method, content, told) in [
        (Method::POST, Some("a=1"), Some("3")),
        (Method::PATCH, None, Some("0")),
        (Method::DELETE, None, None),
    ] {
        let server = Server::always(Reply::Close(ok(b""))).await;
        let url = server.url();
        let request = Request {
            method: method.clone(),
            content: content.map(Into::into),
            ..request(&url)
        };
        let http = fetcher(options());
        let sent = http.send(request, &mut Taker::default()).await;
        assert!(sent.is_ok());
        let head = server.heads.lock().unwrap()[0].to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        assert_eq!(length, told, "{method}: {head}");
    }
}
