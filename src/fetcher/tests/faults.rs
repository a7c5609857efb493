//! What goes wrong, and what it is called.

use super::*;

use FailureKind::{
    Connect, Decode, Dns, Protocol, Reset, Timeout, TooLarge, Truncated, Url as BadUrl,
};

/// A name, what the server does, and the failure's kind and whether it may pass.
type Row = (&'static str, Reply, Result<(), (FailureKind, bool)>);

#[expect(clippy::too_many_lines, reason = "a table")]
fn broken_answers() -> Vec<Row> {
    let text = |text: &str| text.replace('\n', "\r\n").into_bytes();
    let fields = |count: usize| {
        let fields: Vec<_> = (0..count).map(|n| format!("X-{n}: y\r\n")).collect();
        with(&fields.concat(), b"")
    };
    vec![
        ("closed at once", Reply::Close(vec![]), Err((Reset, true))),
        ("reset at once", Reply::Reset(vec![]), Err((Reset, true))),
        (
            "half a head",
            Reply::Close(text("HTTP/1.1 200 OK\nConte")),
            Err((Reset, true)),
        ),
        ("no reason", Reply::Close(text("HTTP/1.1 200\n\n")), Ok(())),
        (
            "bare LF",
            Reply::Close(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok".to_vec()),
            Ok(()),
        ),
        (
            "HTTP/0.9",
            Reply::Close(text("<p>hello</p>\n")),
            Err((Protocol, false)),
        ),
        (
            "another protocol",
            Reply::Close(text("SSH-2.0-OpenSSH_9\n")),
            Err((Protocol, false)),
        ),
        (
            "version",
            Reply::Close(text("HTTP/3.7 200 OK\n\n")),
            Err((Protocol, false)),
        ),
        (
            "status",
            Reply::Close(text("HTTP/1.1 -20 OK\n\n")),
            Err((Protocol, false)),
        ),
        (
            "no colon",
            Reply::Close(text("HTTP/1.1 200 OK\nnonsense\n\n")),
            Err((Protocol, false)),
        ),
        (
            "NUL",
            Reply::Close(text("HTTP/1.1 200 OK\nA: \0\n\n")),
            Err((Protocol, false)),
        ),
        (
            "bad length",
            Reply::Close(text("HTTP/1.1 200 OK\nContent-Length: 1e3\n\n")),
            Err((Protocol, false)),
        ),
        (
            "two lengths",
            Reply::Close(text(
                "HTTP/1.1 200 OK\nContent-Length: 1\nContent-Length: 2\n\nab",
            )),
            Err((Protocol, false)),
        ),
        ("101 fields", Reply::Keep(fields(101)), Ok(())),
        ("250 fields", Reply::Keep(fields(250)), Ok(())),
        (
            "300 fields",
            Reply::Keep(fields(300)),
            Err((TooLarge, false)),
        ),
        (
            "one long field",
            Reply::Keep(with(&format!("X: {}\r\n", "y".repeat(1 << 20)), b"")),
            Err((TooLarge, false)),
        ),
        (
            "short",
            Reply::Close(text("HTTP/1.1 200 OK\nContent-Length: 9\n\nhalf")),
            Err((Truncated, true)),
        ),
        (
            "reset in content",
            Reply::Reset(text("HTTP/1.1 200 OK\nContent-Length: 9\n\nhalf")),
            Err((Reset, true)),
        ),
        (
            "no length",
            Reply::Close(text("HTTP/1.1 200 OK\n\nto the end")),
            Ok(()),
        ),
        (
            "no last chunk",
            Reply::Close(text(
                "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n",
            )),
            Err((Truncated, true)),
        ),
        (
            "half a chunk",
            Reply::Close(text(
                "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhel",
            )),
            Err((Truncated, true)),
        ),
        (
            "bad chunk size",
            Reply::Keep(text(
                "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\nzz\nhello\n",
            )),
            Err((Protocol, false)),
        ),
        (
            "chunk size overflow",
            Reply::Keep(text(
                "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\nfffffffffffffffff\nhello\n",
            )),
            Err((Protocol, false)),
        ),
        (
            "unknown coding",
            Reply::Keep(with("Content-Encoding: foo\r\n", b"x")),
            Err((Decode, false)),
        ),
        (
            "two codings",
            Reply::Keep(with("Content-Encoding: gzip, gzip\r\n", b"x")),
            Err((Decode, false)),
        ),
        (
            "not gzip",
            Reply::Keep(with("Content-Encoding: gzip\r\n", b"<p>plain</p>")),
            Err((Decode, false)),
        ),
        (
            "half gzip",
            Reply::Keep(with("Content-Encoding: gzip\r\n", b"\x1f\x8b\x08")),
            Err((Truncated, true)),
        ),
        (
            "coded nothing",
            Reply::Keep(with("Content-Encoding: br\r\n", b"")),
            Ok(()),
        ),
        (
            "junk after",
            Reply::Keep([ok(b"fine"), b"junk".to_vec()].concat()),
            Ok(()),
        ),
    ]
}

#[tokio::test]
async fn a_broken_answer_has_the_name_of_its_fault() {
    for (name, reply, wanted) in broken_answers() {
        let server = Server::always(reply).await;
        let http = fetcher(options());
        let mut result = get(&http, &server.url()).await;
        if result.as_ref().is_err_and(|error| error.crowded) {
            result = get(&http, &server.url()).await;
        }
        let found = result
            .as_ref()
            .map(|_| ())
            .map_err(|error| (error.failure.kind, error.transient));
        assert_eq!(found, wanted, "{name}: {result:?}");
        if let Err(error) = result {
            let message = error.failure.message;
            assert!(
                !message.is_empty() && !message.ends_with('.'),
                "{name}: {message}"
            );
            assert!(!message.contains("127.0.0.1"), "{name}: {message}");
            assert!(!error.exhausted);
        }
    }
}

#[tokio::test]
async fn many_fields_have_room_from_the_second_request_to_their_origin_on() {
    let fields = |count: usize| {
        let fields: String = (0..count).map(|n| format!("X-{n}: y\r\n")).collect();
        Reply::Keep(with(&fields, b""))
    };
    let many = Server::always(fields(200)).await;
    let http = fetcher(options());
    let error = get(&http, &many.url()).await.unwrap_err();
    assert!(error.crowded && error.is_no_word(), "{error:?}");
    for _ in 0..2 {
        assert!(get(&http, &many.url()).await.is_ok(), "there is room now");
    }
    let other = Server::always(fields(200)).await;
    let error = get(&http, &other.url()).await.unwrap_err();
    assert!(error.crowded, "each origin is one of its own: {error:?}");

    // What must not be sent twice is sent with all the room that there is.
    let other = Server::always(fields(200)).await;
    let url = other.url();
    let post = Request {
        method: Method::POST,
        ..request(&url)
    };
    let answer = http.send(post, &mut Taker::default()).await;
    assert!(answer.is_ok(), "{answer:?}");

    let too_many = Server::always(fields(300)).await;
    for crowded in [true, false] {
        let error = get(&http, &too_many.url()).await.unwrap_err();
        assert_eq!((error.failure.kind, error.crowded), (TooLarge, crowded));
    }
}

#[tokio::test]
async fn nobody_listening_is_a_refusal_that_lasts() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    let error = get(&fetcher(options()), &url).await.unwrap_err();
    let wanted = FetchError {
        unconnected: true,
        ..FetchError::lasting(Connect, "connection refused")
    };
    assert_eq!(error, wanted);
}

#[tokio::test]
async fn endless_heads_end_at_the_limit_or_the_clock() {
    let fields = Server::always(Reply::Endless(
        b"HTTP/1.1 200 OK\r\n".to_vec(),
        b"X: y\r\n".repeat(99),
    ))
    .await;
    let error = get(&fetcher(options()), &fields.url()).await.unwrap_err();
    assert_eq!(error.failure.kind, TooLarge, "{error:?}");

    let interim = Server::always(Reply::Endless(
        vec![],
        b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(10),
    ))
    .await;
    let http = fetcher(Options {
        timeout: Duration::from_millis(500),
        ..options()
    });
    let error = get(&http, &interim.url()).await.unwrap_err();
    assert_eq!(error.failure.kind, Timeout);
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closed_is_no_fault() {
    // Every other request is answered and then its connection closed, without saying so before.
    let server = Server::always(Reply::Close(ok(b"hello"))).await;
    let http = fetcher(options());
    for _ in 0..20 {
        assert_eq!(get(&http, &server.url()).await.unwrap().1, b"hello");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_name_that_is_not_there_is_told_from_a_name_server_in_trouble() {
    let url = Url::parse("http://name.test/").unwrap();
    let table = [
        (
            "failed to lookup address information: Name or service not known",
            false,
            "no such name: name.test",
        ),
        (
            "failed to lookup address information: No address associated with hostname",
            false,
            "no such name: name.test",
        ),
        ("Name does not resolve", false, "no such name: name.test"),
        (
            "nodename nor servname provided, or not known",
            false,
            "no such name: name.test",
        ),
        (
            "failed to lookup address information: Temporary failure in name resolution",
            true,
            "the name server did not answer for name.test",
        ),
        (
            "Try again",
            true,
            "the name server did not answer for name.test",
        ),
        (
            "failed to lookup address information: Non-recoverable failure in name resolution",
            false,
            "looking name.test up failed: Non-recoverable failure in name resolution",
        ),
    ];
    for (text, transient, message) in table {
        let lookup = Lookup::new(move |_| Err(std::io::Error::other(text)));
        let http = fetcher(Options {
            lookup: Some(lookup),
            ..options()
        });
        let error = get(&http, &url).await.unwrap_err();
        assert_eq!(
            (error.failure.kind, error.transient),
            (Dns, transient),
            "{text}"
        );
        assert_eq!(error.failure.message, message);
    }
    let lookup = Lookup::new(|_| Ok(Vec::new()));
    let http = fetcher(Options {
        lookup: Some(lookup),
        ..options()
    });
    let error = get(&http, &url).await.unwrap_err();
    assert_eq!(error, FetchError::lasting(Dns, "name.test has no address"));
}

#[tokio::test]
async fn a_look_up_that_never_ends_ends_with_the_connect_clock() {
    let (release, hold) = std::sync::mpsc::channel::<()>();
    let hold = Mutex::new(hold);
    let lookup = Lookup::new(move |_| {
        let _ = hold.lock().unwrap().recv();
        Ok(Vec::new())
    });
    let connect_timeout = Duration::from_millis(200);
    let http = fetcher(Options {
        lookup: Some(lookup),
        connect_timeout,
        ..options()
    });
    let error = get(&http, &Url::parse("http://name.test/").unwrap())
        .await
        .unwrap_err();
    assert_eq!(
        error,
        FetchError::passing(Dns, "looking name.test up took longer than 200ms")
    );
    // The runtime waits for its blocking threads when it ends.
    drop(release);
}

#[tokio::test]
async fn our_own_limit_of_descriptors_is_nobodys_fault() {
    let lookup = Lookup::new(|_| Err(std::io::Error::from_raw_os_error(24)));
    let http = fetcher(Options {
        lookup: Some(lookup),
        ..options()
    });
    let error = get(&http, &Url::parse("http://name.test/").unwrap())
        .await
        .unwrap_err();
    assert!(error.exhausted && error.transient, "{error:?}");
}

#[tokio::test]
async fn a_url_that_no_request_can_be_made_of_is_a_failure_of_the_url() {
    let url = Url::parse(&format!("http://127.0.0.1:9/{}", "x".repeat(70_000))).unwrap();
    let error = get(&fetcher(options()), &url).await.unwrap_err();
    assert_eq!(
        (error.failure.kind, error.transient),
        (BadUrl, false),
        "{error:?}"
    );
    assert!(error.failure.message.len() < 200);
}

/// F10, F11: of many addresses one that answers is enough, and none costs no more than the time for connecting.
#[tokio::test]
async fn dead_addresses_beside_a_good_one_cost_nothing_and_two_thousand_dead_ones_end() {
    let server = Server::always(Reply::Keep(ok(b"hello"))).await;
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = dead.local_addr().unwrap().port();
    drop(dead);
    let lookup = Lookup::new(|name| {
        Ok(match name {
            "half.test" => vec![[0, 0, 0, 0, 0, 0, 0, 1].into(), [127, 0, 0, 1].into()],
            _ => (0..2000u16)
                .map(|n| {
                    let [high, low] = n.to_be_bytes();
                    std::net::Ipv4Addr::new(127, 1, high, low).into()
                })
                .collect(),
        })
    });
    let http = fetcher(Options {
        lookup: Some(lookup),
        ..options()
    });
    let answer = get(&http, &server.named("half.test")).await.unwrap();
    assert_eq!(answer.1, b"hello");
    let many = Url::parse(&format!("http://many.test:{closed}/")).unwrap();
    let error = get(&http, &many).await.unwrap_err();
    assert!(matches!(error.failure.kind, Connect | Timeout), "{error:?}");
}

/// F62: what follows an answer unasked is no answer to the next request.
#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_never_given_out() {
    let server = Server::new(|number| {
        let content = format!("answer {number}");
        let unasked = ok(b"unasked");
        Reply::Keep([ok(content.as_bytes()), unasked].concat())
    })
    .await;
    let http = fetcher(options());
    for number in 0..20 {
        let (_, content) = get(&http, &server.url()).await.unwrap();
        assert_eq!(content, format!("answer {number}").as_bytes());
    }
    assert_eq!(server.accepted(), 20, "no such connection is used again");
}

/// An answer cut after any of its bytes is never taken for a whole one.
#[tokio::test]
async fn an_answer_cut_anywhere_is_no_answer() {
    let text = b"the content, which is long enough to be cut in the middle";
    let gzip = {
        use std::io::Write;
        let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        coder.write_all(text).unwrap();
        coder.finish().unwrap()
    };
    let chunked = {
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        let (one, two) = text.split_at(20);
        let chunk =
            |part: &[u8]| [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat();
        [head, chunk(one), chunk(two), b"0\r\n\r\n".to_vec()].concat()
    };
    for whole in [ok(text), chunked, with("Content-Encoding: gzip\r\n", &gzip)] {
        let length = whole.len();
        let sent = whole.clone();
        let server = Server::new(move |number| Reply::Close(sent[..number].to_vec())).await;
        let http = fetcher(options());
        for cut in 0..=length {
            let answer = get(&http, &server.url()).await;
            let told = format!("{cut} of {length}: {answer:?}");
            assert_eq!(answer.is_ok(), cut == length, "{told}");
            assert!(
                answer.is_ok_and(|(_, content)| content == text) || cut < length,
                "{told}"
            );
        }
    }
}

/// A bit that has flipped on the way makes another answer or a failure with a name, and nothing worse.
#[tokio::test]
async fn an_answer_with_a_flipped_bit_ends() {
    let whole = with(
        "Content-Type: text/html\r\nX-Other: something\r\n",
        b"<p>content",
    );
    let bits = whole.len() * 8;
    let server = Server::new(move |bit| {
        let mut bent = whole.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        Reply::Close(bent)
    })
    .await;
    let http = fetcher(options());
    let mut failures = 0;
    for _ in 0..bits {
        if let Err(error) = get(&http, &server.url()).await {
            failures += 1;
            assert!(!error.failure.message.is_empty());
        }
    }
    assert!(failures > bits / 10 && failures < bits, "{failures}");
}
