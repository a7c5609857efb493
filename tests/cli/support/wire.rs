//! One accepted connection: reads whole requests from it, and notices when the client leaves.
//!
//! Strict on purpose: these servers have one client, ours, and whatever it sends that is no HTTP/1
//! request (RFC 9112) fails the test. Absent: chunked request content, `Expect`, TLS. Bytes that
//! come early stay in the buffer, so that pipelined requests are seen and not lost.

use std::io;
use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::arrivals::Request;

/// A request head larger than this is a mistake of the client under test.
const LARGEST_HEAD: usize = 1 << 20;

/// The server's end of a connection.
pub(super) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    connection: usize,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, connection: usize) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
            connection,
        }
    }

    /// The next request, or `None` when the client left between requests or in the midst of one.
    pub(super) async fn request(&mut self) -> io::Result<Option<Request>> {
        let end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end;
            }
            if self.buffer.len() > LARGEST_HEAD {
                return Err(malformed("a request head without end"));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        };
        let mut request = parse(&self.buffer[..end], self.connection)?;
        self.buffer.drain(..end + 4);

        if request.field("transfer-encoding").is_some() {
            return Err(malformed("request content must have a Content-Length here"));
        }
        let length = match request.field("content-length") {
            None => 0,
            Some(text) => text
                .parse()
                .map_err(|_| malformed(&format!("a Content-Length of {text:?}")))?,
        };
        while self.buffer.len() < length {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
        request.body = self.buffer.drain(..length).collect();
        request.at = Instant::now();
        Ok(Some(request))
    }

    /// Resolves once the client has closed or reset its side; dropping the future loses nothing.
    pub(super) async fn left(&mut self) {
        while !matches!(self.stream.read_buf(&mut self.buffer).await, Ok(0) | Err(_)) {}
    }

    /// Writes some of the bytes; how many is what the kernel took at once.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes).await
    }

    /// Writes all of the bytes.
    pub(super) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Ends with FIN and waits for the client to leave.
    ///
    /// Closing at once would let the kernel answer late bytes of the client with a reset, and a test
    /// could not tell a clean end from a broken one.
    pub(super) async fn close(mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        self.left().await;
        Ok(())
    }

    /// Ends with RST, whatever is still under way.
    pub(super) fn reset(self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }
}

/// The error that fails the test, unlike a connection that merely broke.
fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn parse(head: &[u8], connection: usize) -> io::Result<Request> {
    let text = std::str::from_utf8(head).map_err(|_| malformed("a request head not in UTF-8"))?;
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let words: Vec<&str> = first.split(' ').collect();
    let &[method, target, version @ ("HTTP/1.1" | "HTTP/1.0")] = words.as_slice() else {
        return Err(malformed(&format!("the request line {first:?}")));
    };
    let mut fields = Vec::new();
    for line in lines {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| malformed(&format!("the field line {line:?}")))?;
        fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request {
        order: 0,
        at: Instant::now(),
        connection,
        method: method.to_owned(),
        target: target.to_owned(),
        fields,
        body: Vec::new(),
        keep_alive: version == "HTTP/1.1",
    };
    if let Some(wish) = request.field("connection") {
        request.keep_alive = !wish.eq_ignore_ascii_case("close")
            && (request.keep_alive || wish.eq_ignore_ascii_case("keep-alive"));
    }
    Ok(request)
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes
        .windows(pattern.len())
        .position(|window| window == pattern)
}
