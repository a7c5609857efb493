//! An answer of the decent server: status, fields, content, and when it is given.
//!
//! Framing is derived, never stated: `Content-Length`, or chunks of a given size; no content for
//! HEAD, 1xx, 204 and 304 (RFC 9112 section 6.3). Wrong framing belongs to the raw server. No `Date`,
//! no `Server`: answers are the same bytes each time.

use std::time::Duration;

use bytes::Bytes;

use super::gate::Gate;

/// What a route answers.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    status: u16,
    fields: Vec<(String, String)>,
    body: Bytes,
    chunk_size: Option<usize>,
    delay: Duration,
    gate: Option<Gate>,
    close: bool,
}

impl Response {
    /// An answer with this status code, without content.
    pub(crate) fn new(status: u16) -> Self {
        Self {
            status,
            fields: Vec::new(),
            body: Bytes::new(),
            chunk_size: None,
            delay: Duration::ZERO,
            gate: None,
            close: false,
        }
    }

    /// 200 with this content and media type.
    pub(crate) fn content(media_type: &str, body: impl Into<Bytes>) -> Self {
        Self::new(200).field("content-type", media_type).body(body)
    }

    /// 200 with an HTML page in UTF-8.
    pub(crate) fn html(page: impl Into<Bytes>) -> Self {
        Self::content("text/html; charset=utf-8", page)
    }

    /// 200 with plain text in UTF-8.
    pub(crate) fn text(text: impl Into<Bytes>) -> Self {
        Self::content("text/plain; charset=utf-8", text)
    }

    /// A redirect with this status code to `location`, as written.
    pub(crate) fn redirect(status: u16, location: &str) -> Self {
        Self::new(status).field("location", location)
    }

    /// Adds a field; a repeated name is sent twice.
    #[must_use]
    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the status code.
    #[must_use]
    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Sets the content.
    #[must_use]
    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends the content in chunks of this many bytes, without a `Content-Length`.
    #[must_use]
    pub(crate) fn chunked(mut self, size: usize) -> Self {
        assert!(size > 0, "an empty chunk would end the content");
        self.chunk_size = Some(size);
        self
    }

    /// Waits this long before the first byte of the answer.
    #[must_use]
    pub(crate) fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Waits at the gate, after any delay, before the first byte of the answer.
    #[must_use]
    pub(crate) fn gate(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    /// Closes the connection after the answer, and says so.
    #[must_use]
    pub(crate) fn close(mut self) -> Self {
        self.close = true;
        self
    }

    pub(super) fn closes(&self) -> bool {
        self.close
    }

    /// Resolves when the answer may be given.
    pub(super) async fn ready(&self) {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        if let Some(gate) = &self.gate {
            gate.pass().await;
        }
    }

    /// The answer's bytes, for a request with this method.
    pub(super) fn encode(&self, method: &str) -> Vec<u8> {
        let bare = self.status < 200 || self.status == 204 || self.status == 304;
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        let mut line = |name: &str, value: &str| {
            head.push_str(name);
            head.push_str(": ");
            head.push_str(value);
            head.push_str("\r\n");
        };
        for (name, value) in &self.fields {
            line(name, value);
        }
        if self.close {
            line("connection", "close");
        }
        if !bare {
            if self.chunk_size.is_some() {
                line("transfer-encoding", "chunked");
            } else {
                line("content-length", &self.body.len().to_string());
            }
        }
        head.push_str("\r\n");

        let mut bytes = head.into_bytes();
        if bare || method == "HEAD" {
            return bytes;
        }
        let Some(size) = self.chunk_size else {
            bytes.extend_from_slice(&self.body);
            return bytes;
        };
        for chunk in self.body.chunks(size) {
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        bytes
    }
}

/// The usual reason phrases; for the rest, none, which RFC 9112 section 4 allows.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        410 => "Gone",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "",
    }
}
