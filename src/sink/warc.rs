//! `warc`: WARC/1.1 (ISO 28500:2017), a gzip member a record: `warcinfo`, then a `request` and a `response` or a `revisit`
//! for every exchange, redirects, retries and robots.txt included.
//!
//! Blocks are as the exchange was, with what HTTP libraries undo left out: chunks are joined, so `Transfer-Encoding` is
//! dropped; codings stay. Where content was not read, the record says `WARC-Truncated`. Content that was archived before
//! in this run is a `revisit` (profile identical-payload-digest), and so is an answer of 304 (server-not-modified).
//! Credentials are in no record. Absent: CDX, which every tool makes from the archive.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Read, Write};

use data_encoding::BASE32;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::StatusCode;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use jiff::Timestamp;
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use ring::rand::{SecureRandom, SystemRandom};
use url::Position;

use super::{Capture, Captures, Format, Medium, Options, Sink, Spool};
use crate::model::{Visit, without_secrets};

pub(super) const FORMAT: Format = Format {
    name: "warc",
    about: "a web archive: every exchange as it was (WARC/1.1, gzip)",
    extensions: &["warc.gz", "warc"],
    medium: Medium::Bytes(open),
    links: false,
    captures: Captures::CODED,
};

/// Payloads that are remembered, to write the next of the same as a revisit.
const REMEMBERED: usize = 100_000;

const IDENTICAL: &str = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest";
const NOT_MODIFIED: &str = "http://netpreserve.org/warc/1.1/revisit/server-not-modified";

struct Warc {
    random: SystemRandom,
    /// By their digest: where and when they were archived.
    payloads: HashMap<[u8; 20], (String, String)>,
    /// The id of the `warcinfo` that all others belong to.
    info: String,
}

fn open(_: &Options) -> Box<dyn Sink> {
    Box::new(Warc {
        random: SystemRandom::new(),
        payloads: HashMap::new(),
        info: String::new(),
    })
}

/// A record but for its block.
struct Head<'a> {
    kind: &'a str,
    id: &'a str,
    date: &'a str,
    content_type: &'a str,
    /// Further fields, each a name and a value without line ends.
    fields: Vec<(&'a str, String)>,
}

impl Sink for Warc {
    fn begin(&mut self, out: &mut Vec<u8>) {
        self.info = self.id();
        let date = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let block = concat!(
            "software: dragnet/",
            env!("CARGO_PKG_VERSION"),
            " ",
            env!("CARGO_PKG_HOMEPAGE"),
            "\r\nformat: WARC File Format 1.1\r\n",
            "conformsTo: http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/\r\n"
        );
        let head = Head {
            kind: "warcinfo",
            id: &self.info,
            date: &date,
            content_type: "application/warc-fields",
            fields: Vec::new(),
        };
        // Writing to memory does not fail.
        let _ = record(&head, block.as_bytes(), None, out);
    }

    /// Records of visits are not part of an archive.
    fn write(&mut self, _: &Visit, _: &mut Vec<u8>) {}

    fn capture(&mut self, capture: &mut Capture, out: &mut Vec<u8>) -> io::Result<()> {
        let begin = out.len();
        let written = self.exchange(capture, out);
        if written.is_err() {
            // Half a record would end the archive for most readers.
            out.truncate(begin);
        }
        written
    }
}

impl Warc {
    fn exchange(&mut self, capture: &mut Capture, out: &mut Vec<u8>) -> io::Result<()> {
        let date = date(capture);
        let url = without_secrets(&capture.url).into_owned();
        let (request, response) = (self.id(), self.id());
        let mut payload = None;
        if let Some(content) = &mut capture.content {
            payload = Some(digest(&[], Some(content))?);
        }
        let not_modified = capture.status == StatusCode::NOT_MODIFIED;
        let known = payload
            .filter(|_| capture.content.as_ref().is_some_and(|all| !all.is_empty()))
            .and_then(|payload| self.payloads.get(&payload).cloned());
        let revisit = not_modified || known.is_some();
        let mut fields = self.common(&url, capture);
        fields.push(("WARC-Concurrent-To", request.clone()));
        if let Some(payload) = payload.filter(|_| !not_modified) {
            fields.push(("WARC-Payload-Digest", shown(&payload)));
        }
        match &known {
            _ if not_modified => fields.push(("WARC-Profile", NOT_MODIFIED.to_owned())),
            Some((first, when)) => {
                fields.push(("WARC-Profile", IDENTICAL.to_owned()));
                fields.push(("WARC-Refers-To-Target-URI", first.clone()));
                fields.push(("WARC-Refers-To-Date", when.clone()));
            }
            None if capture.content.is_none() => {
                fields.push(("WARC-Truncated", "unspecified".to_owned()));
            }
            None => {}
        }
        let head = Head {
            kind: if revisit { "revisit" } else { "response" },
            id: &response,
            date: &date,
            content_type: "application/http;msgtype=response",
            fields,
        };
        let block = response_head(capture);
        let content = capture.content.as_mut().filter(|_| !revisit);
        record(&head, &block, content, out)?;

        let mut fields = self.common(&url, capture);
        fields.push(("WARC-Concurrent-To", response.clone()));
        let head = Head {
            kind: "request",
            id: &request,
            date: &date,
            content_type: "application/http;msgtype=request",
            fields,
        };
        let mut block = request_head(capture);
        block.extend_from_slice(capture.sent.as_deref().unwrap_or_default());
        record(&head, &block, None, out)?;
        if let Some(payload) = payload.filter(|_| !revisit)
            && self.payloads.len() < REMEMBERED
        {
            self.payloads.insert(payload, (url, date));
        }
        Ok(())
    }

    fn common(&self, url: &str, capture: &Capture) -> Vec<(&'static str, String)> {
        // A URL is ASCII without white space by now.
        let mut fields = vec![("WARC-Target-URI", url.to_owned())];
        if let Some(remote) = capture.remote {
            fields.push(("WARC-IP-Address", remote.ip().to_string()));
        }
        if !self.info.is_empty() {
            fields.push(("WARC-Warcinfo-ID", self.info.clone()));
        }
        fields
    }

    /// A version 4 UUID (RFC 9562, section 5.4).
    fn id(&self) -> String {
        let mut bytes = [0_u8; 16];
        // Fails only where the system has no random numbers, and then nothing that uses TLS runs either.
        let _ = self.random.fill(&mut bytes);
        bytes[6] = bytes[6] & 0x0F | 0x40;
        bytes[8] = bytes[8] & 0x3F | 0x80;
        let mut id = String::from("<urn:uuid:");
        for (position, byte) in bytes.iter().enumerate() {
            if matches!(position, 4 | 6 | 8 | 10) {
                id.push('-');
            }
            let _ = write!(id, "{byte:02x}");
        }
        id.push('>');
        id
    }
}

/// When the exchange was, to the second, as most tools compare dates.
fn date(capture: &Capture) -> String {
    let at = Timestamp::try_from(capture.at).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Appends one record as a gzip member; its block is `block` and what is in `content`.
fn record(
    head: &Head<'_>,
    block: &[u8],
    mut content: Option<&mut Spool>,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let length = block.len() as u64 + content.as_deref().map_or(0, Spool::len);
    let digest = digest(block, content.as_deref_mut())?;
    let mut text = format!(
        "WARC/1.1\r\nWARC-Type: {}\r\nWARC-Record-ID: {}\r\nWARC-Date: {}\r\n",
        head.kind, head.id, head.date
    );
    for (name, value) in &head.fields {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    let _ = write!(
        text,
        "WARC-Block-Digest: {}\r\nContent-Type: {}\r\nContent-Length: {length}\r\n\r\n",
        shown(&digest),
        head.content_type
    );
    let mut member = GzEncoder::new(out, Compression::default());
    member.write_all(text.as_bytes())?;
    member.write_all(block)?;
    if let Some(content) = content {
        io::copy(&mut content.read()?, &mut member)?;
    }
    member.write_all(b"\r\n\r\n")?;
    member.finish()?;
    Ok(())
}

/// SHA-1, which is what archives compare by.
fn digest(block: &[u8], content: Option<&mut Spool>) -> io::Result<[u8; 20]> {
    let mut digest = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    digest.update(block);
    if let Some(content) = content {
        let mut content = content.read()?;
        let mut buffer = [0_u8; 16 << 10];
        loop {
            let read = content.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            digest.update(&buffer[..read]);
        }
    }
    let mut sum = [0; 20];
    sum.copy_from_slice(digest.finish().as_ref());
    Ok(sum)
}

fn shown(digest: &[u8; 20]) -> String {
    format!("sha1:{}", BASE32.encode(digest))
}

/// The head of the response in the form of HTTP/1.1, which is the one that archives have.
fn response_head(capture: &Capture) -> Vec<u8> {
    let status = capture.status;
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    for (name, value) in &capture.fields {
        let joined = name == TRANSFER_ENCODING;
        // A length that is not that of what follows would cut it for a reader.
        let wrong = name == CONTENT_LENGTH && capture.content.is_none();
        if !joined && !wrong {
            field(&mut head, name.as_str(), value.as_bytes());
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

fn request_head(capture: &Capture) -> Vec<u8> {
    let url = &capture.url;
    let target = &url[Position::BeforePath..Position::AfterQuery];
    let mut head = format!("{} {target} HTTP/1.1\r\n", capture.method).into_bytes();
    if !capture.request.contains_key(HOST) {
        let host = &url[Position::BeforeHost..Position::AfterPort];
        field(&mut head, "host", host.as_bytes());
    }
    if let Some(sent) = capture.sent.as_ref().filter(|sent| !sent.is_empty()) {
        let length = sent.len().to_string();
        field(&mut head, CONTENT_LENGTH.as_str(), length.as_bytes());
    }
    for (name, value) in &capture.request {
        if !value.is_sensitive() {
            field(&mut head, name.as_str(), value.as_bytes());
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

fn field(head: &mut Vec<u8>, name: &str, value: &[u8]) {
    head.extend_from_slice(name.as_bytes());
    head.extend_from_slice(b": ");
    head.extend_from_slice(value);
    head.extend_from_slice(b"\r\n");
}
