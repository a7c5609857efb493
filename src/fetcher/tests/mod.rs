//! The fetcher against servers on the loopback interface that do one awkward thing each.

mod address;
mod clock;
mod content;
mod faults;
mod http2;
mod secure;
mod timing;
mod ways;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::http::{HeaderMap, Method, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::*;

/// What a server does after it has read the head of a request.
#[derive(Clone)]
enum Reply {
    /// Sends this and keeps the connection.
    Keep(Vec<u8>),
    /// Sends this and ends the connection in order.
    Close(Vec<u8>),
    /// Sends this and cuts the connection.
    Reset(Vec<u8>),
    /// Sends this and then nothing any more.
    Stall(Vec<u8>),
    /// Sends the first once and the second for ever.
    Endless(Vec<u8>, Vec<u8>),
}

/// A server on a free port of 127.0.0.1; it lives as long as the runtime.
struct Server {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
    closed: Arc<AtomicUsize>,
}

impl Server {
    /// Answers the n-th request, counted over all connections from 0, with `reply(n)`.
    async fn new(reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            accepted: Arc::default(),
            heads: Arc::default(),
            closed: Arc::default(),
        };
        let (accepted, heads) = (server.accepted.clone(), server.heads.clone());
        let (closed, reply) = (server.closed.clone(), Arc::new(reply));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::SeqCst);
                let (heads, closed, reply) = (heads.clone(), closed.clone(), reply.clone());
                tokio::spawn(async move {
                    converse(stream, &heads, &*reply).await;
                    closed.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        server
    }

    /// Always the same.
    async fn always(reply: Reply) -> Self {
        Self::new(move |_| reply.clone()).await
    }

    fn url(&self) -> Url {
        Url::parse(&format!("http://{}/", self.address)).unwrap()
    }

    /// The same place under a name.
    fn named(&self, name: &str) -> Url {
        Url::parse(&format!("http://{name}:{}/", self.address.port())).unwrap()
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

async fn converse(
    mut stream: TcpStream,
    heads: &Mutex<Vec<String>>,
    reply: &(dyn Fn(usize) -> Reply + Send + Sync),
) {
    while let Some(head) = read_head(&mut stream).await {
        let number = {
            let mut heads = heads.lock().unwrap();
            heads.push(head);
            heads.len() - 1
        };
        let reply = reply(number);
        let (Reply::Keep(bytes)
        | Reply::Close(bytes)
        | Reply::Reset(bytes)
        | Reply::Stall(bytes)
        | Reply::Endless(bytes, _)) = &reply;
        // The client may well have gone.
        let _ = stream.write_all(bytes).await;
        match reply {
            Reply::Keep(_) => {}
            Reply::Close(_) => {
                // Unread bytes would turn the end into a reset.
                let _ = stream.shutdown().await;
                let _ = stream.read_to_end(&mut Vec::new()).await;
                return;
            }
            Reply::Reset(_) => return stream.set_zero_linger().unwrap(),
            Reply::Stall(_) => {
                let _ = stream.read_to_end(&mut Vec::new()).await;
                return;
            }
            Reply::Endless(_, bytes) => while stream.write_all(&bytes).await.is_ok() {},
        }
    }
}

/// The next head on `stream`, or nothing at its end.
async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// An answer with `content` and its length.
fn ok(content: &[u8]) -> Vec<u8> {
    with("", content)
}

/// The same with further fields, each with its line end.
fn with(fields: &str, content: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{fields}\r\n",
        content.len()
    );
    [head.as_bytes(), content].concat()
}

/// Takes everything, or nothing.
#[derive(Default)]
struct Taker {
    refuses: bool,
    status: Option<StatusCode>,
    content: Vec<u8>,
}

impl Receiver for Taker {
    fn head(&mut self, status: StatusCode, _: &HeaderMap) -> Want {
        self.status = Some(status);
        if self.refuses {
            Want::Nothing
        } else {
            Want::Content
        }
    }

    fn chunk(&mut self, bytes: &[u8]) {
        self.content.extend_from_slice(bytes);
    }
}

fn request(url: &Url) -> Request<'_> {
    Request {
        url,
        method: Method::GET,
        fields: Arc::default(),
        content: None,
        naming: Naming::User,
        named: true,
        fresh: false,
    }
}

/// Clocks short enough for a test and long enough for a busy machine.
fn options() -> Options {
    Options {
        timeout: Duration::from_secs(20),
        ..Options::default()
    }
}

fn fetcher(options: Options) -> Http {
    Http::new(options).unwrap()
}

/// One GET; the exchange with its content.
async fn get(http: &Http, url: &Url) -> Result<(Exchange, Vec<u8>), FetchError> {
    let mut taker = Taker::default();
    let exchange = http.send(request(url), &mut taker).await?;
    assert_eq!(taker.status, Some(exchange.status));
    assert_eq!(
        exchange.size,
        Some(taker.content.len() as u64),
        "the size is that of what was given"
    );
    Ok((*exchange, taker.content))
}

/// A resolver that knows what `table` says: a name and its addresses in one string.
fn names(table: &'static [(&'static str, &'static str)]) -> Lookup {
    Lookup::new(move |name| {
        let row = table.iter().find(|row| row.0 == name);
        let row = row.ok_or_else(|| std::io::Error::other("Name or service not known"))?;
        Ok(row
            .1
            .split_whitespace()
            .map(|address| address.parse().unwrap())
            .collect())
    })
}
