//! HTTP/2 without TLS, as `--http2` speaks it.

use ::http::Response;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};

use super::*;

/// Answers each stream of each connection with `answer`, which is given its number.
async fn server(answer: impl Fn(SendResponse<Bytes>, usize) + Send + Sync + 'static) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                let mut number = 0;
                let mut kept: Vec<::http::Request<RecvStream>> = Vec::new();
                while let Some(Ok((request, respond))) = connection.accept().await {
                    kept.push(request);
                    answer(respond, number);
                    number += 1;
                }
            });
        }
    });
    url
}

fn http2() -> Http {
    fetcher(Options {
        protocol: Protocol::Http2,
        ..options()
    })
}

#[tokio::test]
async fn one_connection_serves_many_requests_at_once() {
    let url = server(|mut respond, number| {
        let mut stream = respond.send_response(Response::new(()), false).unwrap();
        stream
            .send_data(Bytes::from(vec![b'x'; 1000 + number]), true)
            .unwrap();
    })
    .await;
    let http = http2();
    let (first, _) = get(&http, &url).await.unwrap();
    assert_eq!(
        (first.version, first.size),
        (::http::Version::HTTP_2, Some(1000))
    );
    assert!(
        !first.timing.reused && first.timing.connect.is_some(),
        "{:?}",
        first.timing
    );
    for result in futures::future::join_all((0..20).map(|_| get(&http, &url))).await {
        let timing = result.unwrap().0.timing;
        assert!(timing.reused && timing.connect.is_none(), "{timing:?}");
    }
}

#[tokio::test]
async fn what_the_other_side_resets_has_the_name_of_its_reason() {
    for (reason, kind, transient) in [
        (Reason::REFUSED_STREAM, FailureKind::Reset, true),
        (Reason::CANCEL, FailureKind::Reset, true),
        (Reason::INTERNAL_ERROR, FailureKind::Reset, true),
        (Reason::PROTOCOL_ERROR, FailureKind::Protocol, false),
    ] {
        for head_first in [false, true] {
            let url = server(move |mut respond, _| {
                if head_first {
                    let mut stream = respond.send_response(Response::new(()), false).unwrap();
                    stream
                        .send_data(Bytes::from_static(b"half"), false)
                        .unwrap();
                    stream.send_reset(reason);
                } else {
                    respond.send_reset(reason);
                }
            })
            .await;
            let error = get(&http2(), &url).await.unwrap_err();
            assert_eq!(
                (error.failure.kind, error.transient),
                (kind, transient),
                "{reason:?} {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn content_that_is_not_as_long_as_announced_breaks_the_protocol() {
    let url = server(|mut respond, _| {
        let head = Response::builder()
            .header("content-length", "9")
            .body(())
            .unwrap();
        let mut stream = respond.send_response(head, false).unwrap();
        stream.send_data(Bytes::from_static(b"half"), true).unwrap();
    })
    .await;
    let error = get(&http2(), &url).await.unwrap_err();
    assert_eq!(error.failure.kind, FailureKind::Protocol, "{error:?}");
}

#[tokio::test]
async fn what_speaks_no_http2_breaks_the_protocol() {
    let server = Server::always(Reply::Close(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(),
    ))
    .await;
    let error = get(&http2(), &server.url()).await.unwrap_err();
    assert_eq!(error.failure.kind, FailureKind::Protocol, "{error:?}");
}

/// A frame (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// F114 to F121: what is said in frames, by a server that never stops or stops too early.
#[tokio::test]
async fn floods_and_silences_in_frames_end_and_have_their_kinds() {
    let settings = || frame(SETTINGS, 0, 0, &[]);
    // `:status: 200`, the eighth entry of the static table.
    let head = || frame(HEADERS, END_HEADERS, 1, &[0x88]);
    let begun = || [settings(), head()].concat();
    let promise = frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2, 0x82]);
    let field = b"\x00\x01x\xFF\x80\x01".to_vec();
    for (name, reply, kinds) in [
        (
            "F114 GOAWAY before the answer",
            Reply::Close([settings(), frame(GOAWAY, 0, 0, &[0; 8])].concat()),
            &[FailureKind::Reset][..],
        ),
        (
            "F116 endless CONTINUATION",
            Reply::Endless(
                [settings(), frame(HEADERS, 0, 1, &[0x88])].concat(),
                frame(CONTINUATION, 0, 1, &field.repeat(100)),
            ),
            &[FailureKind::Protocol, FailureKind::TooLarge],
        ),
        (
            "F117 endless empty DATA",
            Reply::Endless(begun(), frame(DATA, 0, 1, &[])),
            &[FailureKind::Protocol, FailureKind::Timeout],
        ),
        (
            "F118 endless SETTINGS",
            Reply::Endless(settings(), settings()),
            &[FailureKind::Protocol, FailureKind::Timeout],
        ),
        (
            "F118 endless PING",
            Reply::Endless(settings(), frame(PING, 0, 0, &[7; 8])),
            &[FailureKind::Protocol, FailureKind::Timeout],
        ),
        (
            "F119 DATA never sent",
            Reply::Stall(begun()),
            &[FailureKind::Timeout],
        ),
        (
            "F121 a push that nobody allowed",
            Reply::Stall([settings(), promise].concat()),
            &[FailureKind::Protocol],
        ),
    ] {
        let server = Server::always(reply).await;
        let http = fetcher(Options {
            protocol: Protocol::Http2,
            header_timeout: Duration::from_millis(300),
            idle_timeout: Duration::from_millis(300),
            ..options()
        });
        let error = get(&http, &server.url()).await.unwrap_err();
        assert!(kinds.contains(&error.failure.kind), "{name}: {error:?}");
    }
}
