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
