//! The floors: what a list of URLs costs with nothing around the library, built as the program is.
//!
//! `floor WAY WIDTH < LIST` asks for every URL and reads every answer to its end: no records, no clocks, no seen-set.
//! Whatever the program takes beyond the same way is the price of what it does.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The ways there are, least first.
pub(crate) const WAYS: &[&str] = &["raw TCP", "hyper-util", "bare reqwest"];

pub(crate) fn run(arguments: &[String]) {
    let [way, width] = arguments else {
        panic!("floor WAY WIDTH");
    };
    let width: usize = width.parse().expect("a number");
    let urls: Vec<String> = std::io::stdin().lines().map_while(Result::ok).collect();
    let (all, runtime) = (
        urls.len(),
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build(),
    );
    let good = runtime.expect("an event loop").block_on(async {
        match way.as_str() {
            "raw TCP" => raw(urls, width).await,
            "hyper-util" => hyper_util(urls, width).await,
            "bare reqwest" => reqwest(urls, width).await,
            _ => panic!("the ways are {WAYS:?}"),
        }
    });
    assert_eq!(good, all, "every answer is good");
}

async fn sum(counts: impl Stream<Item = usize>) -> usize {
    counts.fold(0, async |sum, count| sum + count).await
}

async fn reqwest(urls: Vec<String>, width: usize) -> usize {
    // Nothing here is encrypted; the library wants to know all the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let roots = rustls::RootCertStore::empty();
    let tls = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .pool_max_idle_per_host(usize::MAX)
        .no_proxy()
        .build()
        .expect("a client");
    let ask = |url: String| {
        let client = client.clone();
        async move {
            let answer = client.get(url).send().await.expect("an answer");
            let good = answer.status().is_success();
            answer.bytes().await.expect("its content");
            usize::from(good)
        }
    };
    sum(stream::iter(urls).map(ask).buffer_unordered(width)).await
}

async fn hyper_util(urls: Vec<String>, width: usize) -> usize {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let mut builder = Client::builder(TokioExecutor::new());
    let client: Client<_, Empty<Bytes>> =
        builder.pool_max_idle_per_host(usize::MAX).build(connector);
    let ask = |url: String| {
        let client = client.clone();
        async move {
            let answer = client
                .get(url.parse().expect("a URL"))
                .await
                .expect("an answer");
            let good = answer.status().is_success();
            answer.into_body().collect().await.expect("its content");
            usize::from(good)
        }
    };
    sum(stream::iter(urls).map(ask).buffer_unordered(width)).await
}

/// As many connections as may be in flight; each takes the next URL when it has its answer.
async fn raw(urls: Vec<String>, width: usize) -> usize {
    let host = urls
        .first()
        .and_then(|url| url.split('/').nth(2))
        .expect("a URL")
        .to_owned();
    let urls = Rc::new(RefCell::new(urls.into_iter()));
    let talk = |_| {
        let (urls, host) = (Rc::clone(&urls), host.clone());
        async move {
            let mut stream = tokio::net::TcpStream::connect(&host)
                .await
                .expect("a connection");
            stream.set_nodelay(true).expect("an option");
            let (mut good, mut answer) = (0, Vec::with_capacity(4096));
            loop {
                let Some(url) = urls.borrow_mut().next() else {
                    return good;
                };
                let path = &url["http://".len() + host.len()..];
                let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\naccept: */*\r\n\r\n");
                stream
                    .write_all(request.as_bytes())
                    .await
                    .expect("a request that leaves");
                answer.clear();
                let mut whole = usize::MAX;
                while answer.len() < whole {
                    let read = stream.read_buf(&mut answer).await.expect("an answer");
                    assert_ne!(read, 0, "the answer is whole");
                    if whole == usize::MAX {
                        whole = length(&answer).unwrap_or(usize::MAX);
                    }
                }
                good += usize::from(answer.starts_with(b"HTTP/1.1 200"));
            }
        }
    };
    sum(stream::iter(0..width).map(talk).buffer_unordered(width)).await
}

/// Of an answer with its content, once its head is there.
fn length(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let fields = std::str::from_utf8(&answer[..head]).ok()?;
    let length = fields
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))?;
    Some(head + 4 + length.parse::<usize>().ok()?)
}
