//! `jsonl`: one JSON object a record, one record a line. The names are those of [`Visit`]'s fields.
//!
//! Beyond what JSON asks for, everything that could act on a terminal or a CI runner or end a line for some reader is
//! written as an escape, so that `cat` is as safe as a parser.

use std::io::{self, Write};
use std::net::SocketAddr;

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, Serializer};

use super::escape::{command, is_bare, is_unsafe};
use super::{Captures, Format, Medium, Options, Sink};
use crate::model::{Timing, Visit};

pub(super) const FORMAT: Format = Format {
    name: "jsonl",
    about: "one JSON object a line",
    extensions: &["jsonl", "ndjson"],
    medium: Medium::Bytes(open),
    links: false,
    captures: Captures::NONE,
};

struct Jsonl {
    links: bool,
}

fn open(options: &Options) -> Box<dyn Sink> {
    Box::new(Jsonl {
        links: options.links,
    })
}

impl Sink for Jsonl {
    fn write(&mut self, visit: &Visit, out: &mut Vec<u8>) {
        record(visit, self.links, out);
        out.push(b'\n');
    }
}

/// What stands before the value of a member that is not the first.
macro_rules! name {
    ($name:literal) => {
        concat!(",\"", $name, "\":").as_bytes()
    };
}

/// The same bytes as through `Visit`'s derived serialiser and [`escaped`], in a fifth of the time: names are known to need no
/// escape, and most strings are seen not to need one many bytes at once.
fn record(visit: &Visit, with_links: bool, out: &mut Vec<u8>) {
    // One by one, so that a new field is not forgotten here.
    let Visit {
        id,
        url,
        input,
        line,
        source,
        fragment,
        outcome,
        status,
        final_url,
        redirects,
        error,
        known,
        suggestion,
        depth,
        referrer,
        content_type,
        charset,
        size,
        title,
        canonical,
        robots,
        lastmod,
        links,
        fields,
        sha256,
        sketch,
        duplicate,
        body,
        unshown: _,
        saved,
        part: _,
        change,
        cached,
        place: _,
        validators: _,
        timing,
        remote_addr,
        certificate,
        http_version,
        attempts,
    } = visit;
    out.extend(b"{\"id\":");
    text(out, id);
    out.extend(name!("url"));
    let begin = out.len();
    text(out, url);
    // Most targets are written as they were given, and lead nowhere else.
    let shown = begin..out.len();
    let addresses = |out: &mut Vec<u8>, name: &[u8], value: Option<&str>| {
        if value == Some(url) {
            out.extend(name);
            out.extend_from_within(shown.clone());
        } else {
            texts(out, name, value);
        }
    };
    addresses(out, name!("input"), input.as_deref());
    values(out, name!("line"), line.as_ref());
    values(out, name!("source"), source.as_ref());
    texts(out, name!("fragment"), fragment.as_deref());
    out.extend(name!("outcome"));
    text(out, outcome.name());
    values(out, name!("status"), status.as_ref());
    addresses(out, name!("final_url"), final_url.as_deref());
    values(
        out,
        name!("redirects"),
        some(redirects, redirects.is_empty()),
    );
    values(out, name!("error"), error.as_ref());
    values(out, name!("known"), some(known, !known));
    texts(out, name!("suggestion"), suggestion.as_deref());
    values(out, name!("depth"), depth.as_ref());
    texts(out, name!("referrer"), referrer.as_deref());
    texts(out, name!("content_type"), content_type.as_deref());
    texts(out, name!("charset"), charset.as_deref());
    values(out, name!("size"), size.as_ref());
    texts(out, name!("title"), title.as_deref());
    texts(out, name!("canonical"), canonical.as_deref());
    texts(out, name!("robots"), robots.as_deref());
    texts(out, name!("lastmod"), lastmod.as_deref());
    // Another output may have asked for them.
    values(out, name!("links"), links.as_ref().filter(|_| with_links));
    values(out, name!("fields"), some(fields, fields.is_empty()));
    texts(out, name!("sha256"), sha256.as_deref());
    texts(out, name!("sketch"), sketch.as_deref());
    values(out, name!("duplicate"), duplicate.as_ref());
    texts(out, name!("body"), body.as_deref());
    texts(out, name!("saved"), saved.as_deref());
    values(out, name!("change"), change.as_ref());
    values(out, name!("cached"), some(cached, !cached));
    if let Some(timing) = timing {
        out.extend(name!("timing"));
        times(out, timing);
    }
    if let Some(address) = remote_addr {
        out.extend(name!("remote_addr"));
        place(out, *address);
    }
    values(out, name!("certificate"), certificate.as_ref());
    texts(out, name!("http_version"), http_version.as_deref());
    values(out, name!("attempts"), some(attempts, *attempts == 0));
    out.push(b'}');
}

fn some<T>(value: &T, absent: bool) -> Option<&T> {
    (!absent).then_some(value)
}

fn texts(out: &mut Vec<u8>, name: &[u8], value: Option<&str>) {
    if let Some(value) = value {
        out.extend(name);
        text(out, value);
    }
}

fn values(out: &mut Vec<u8>, name: &[u8], value: Option<&impl Serialize>) {
    if let Some(given) = value {
        out.extend(name);
        self::value(out, given);
    }
}

fn value(out: &mut Vec<u8>, value: &impl Serialize) {
    // A record is strings, numbers, and lists and objects of these, which always serialise.
    let _ = value.serialize(&mut escaped(out));
}

fn text(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    if is_bare(bytes) {
        out.push(b'"');
        out.extend(bytes);
        out.push(b'"');
    } else {
        value(out, &text);
    }
}

fn times(out: &mut Vec<u8>, timing: &Timing) {
    let Timing {
        dns,
        connect,
        tls,
        ttfb,
        total,
        start,
        reused,
    } = timing;
    let begin = out.len();
    values(out, name!("dns"), dns.as_ref());
    values(out, name!("connect"), connect.as_ref());
    values(out, name!("tls"), tls.as_ref());
    values(out, name!("ttfb"), ttfb.as_ref());
    values(out, name!("total"), Some(total));
    values(out, name!("start"), Some(start));
    values(out, name!("reused"), some(reused, !reused));
    // In place of the first comma.
    out[begin] = b'{';
    out.push(b'}');
}

fn place(out: &mut Vec<u8>, address: SocketAddr) {
    out.push(b'"');
    match address {
        SocketAddr::V4(address) => {
            for (at, part) in address.ip().octets().iter().enumerate() {
                if at > 0 {
                    out.push(b'.');
                }
                value(out, part);
            }
            out.push(b':');
            value(out, &address.port());
        }
        // Writing to memory does not fail.
        SocketAddr::V6(address) => _ = write!(out, "{address}"),
    }
    out.push(b'"');
}

/// Writes JSON so that it is safe to be shown.
pub(super) fn escaped(out: &mut Vec<u8>) -> Serializer<&mut Vec<u8>, Escaping> {
    Serializer::with_formatter(out, Escaping)
}

pub(super) struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = command(rest) {
            // The second sign, so that the two do not meet.
            let (before, behind) = rest.split_at(at + 1);
            safe(writer, before)?;
            writer.write_all(b"\\u0023")?;
            rest = &behind[1..];
        }
        safe(writer, rest)
    }

    fn write_char_escape<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        let text: &[u8] = match escape {
            CharEscape::Quote => b"\\\"",
            CharEscape::ReverseSolidus => b"\\\\",
            CharEscape::Solidus => b"/",
            CharEscape::Backspace => b"\\b",
            CharEscape::FormFeed => b"\\f",
            CharEscape::LineFeed => b"\\n",
            CharEscape::CarriageReturn => b"\\r",
            CharEscape::Tab => b"\\t",
            CharEscape::AsciiControl(byte) => return write!(writer, "\\u{byte:04x}"),
        };
        writer.write_all(text)
    }
}

/// What acts on a terminal is written as an escape.
fn safe<W: ?Sized + Write>(writer: &mut W, mut rest: &str) -> io::Result<()> {
    while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_unsafe(*c)) {
        writer.write_all(&rest.as_bytes()[..at])?;
        write!(writer, "\\u{:04x}", u32::from(c))?;
        rest = &rest[at + c.len_utf8()..];
    }
    writer.write_all(rest.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{PAYLOADS, hostile};
    use super::*;

    #[test]
    fn what_is_read_back_is_what_was_written() {
        for payload in PAYLOADS {
            let visit = hostile(payload);
            let mut out = Vec::new();
            Jsonl { links: true }.write(&visit, &mut out);
            let read: Visit = serde_json::from_slice(&out).expect("a JSON object");
            assert_eq!(read, visit);
        }
    }

    /// A record of which every field has a value.
    fn full(payload: &str) -> Visit {
        let json = serde_json::json!({
            "id": payload, "url": payload, "input": payload, "line": 7, "fragment": payload, "outcome": "broken",
            "source": {"path": payload, "url": payload, "line": 3, "column": 9}, "status": 404, "final_url": payload,
            "redirects": [{"url": payload, "status": 301, "fragment": payload}],
            "error": {"kind": "too-large", "message": payload}, "known": true, "suggestion": payload, "depth": 4,
            "referrer": payload, "content_type": payload, "charset": payload, "size": 1_u64 << 60, "title": payload,
            "canonical": payload, "robots": payload, "lastmod": payload, "fields": {payload: [payload, 1.5, null]},
            "links": [{"url": payload, "kind": "anchor", "text": payload, "nofollow": true}],
            "sha256": payload, "sketch": payload, "duplicate": {"of": payload, "kind": "near", "similarity": 0.9}, "body": payload,
            "saved": payload, "change": "new", "cached": true,
            "timing": {"dns": 0.1, "connect": 1e-7, "tls": 2.0, "ttfb": 3.25, "total": 1e21, "start": 0.0, "reused": true},
            "certificate": {"not_after": payload, "subject": payload, "issuer": payload},
            "remote_addr": "255.10.0.7:65535", "http_version": payload, "attempts": 4,
        });
        serde_json::from_value(json).expect("a record")
    }

    #[test]
    fn it_is_what_the_derived_serialiser_writes() {
        let mut visits: Vec<Visit> = PAYLOADS.iter().map(|payload| full(payload)).collect();
        let mut sixth = full("plain");
        sixth.remote_addr = "[fe80::1%3]:80".parse().ok();
        sixth.timing = Some(Timing::default());
        visits.push(sixth);
        let mut moved = full("http://h.test/");
        moved.input = Some("h.test/\u{202e}##[x]".into());
        moved.final_url = Some("http://h.test/a".into());
        visits.push(moved);
        visits.push(hostile("x"));
        visits.push(Visit::new(
            String::new(),
            "u".into(),
            crate::model::Outcome::Ok,
        ));
        for visit in visits {
            for with_links in [true, false] {
                let mut out = Vec::new();
                record(&visit, with_links, &mut out);
                let mut derived = visit.clone();
                derived.links = derived.links.filter(|_| with_links);
                let mut expected = Vec::new();
                derived
                    .serialize(&mut escaped(&mut expected))
                    .expect("JSON");
                let [out, expected] =
                    [out, expected].map(|json| String::from_utf8(json).expect("UTF-8"));
                assert_eq!(out, expected);
            }
        }
    }

    #[test]
    fn a_value_may_have_any_number_of_commands() {
        let mut visit = hostile("x");
        visit.title = Some("##[x".repeat(100_000));
        let mut out = Vec::new();
        Jsonl { links: true }.write(&visit, &mut out);
        let read: Visit = serde_json::from_slice(&out).expect("a JSON object");
        assert_eq!(read, visit);
        assert!(!String::from_utf8_lossy(&out).contains("##["));
    }

    #[test]
    fn a_field_without_a_value_is_absent() {
        let mut out = Vec::new();
        let visit = Visit::new(
            "7".into(),
            "http://a.test/".into(),
            crate::model::Outcome::Ok,
        );
        Jsonl { links: true }.write(&visit, &mut out);
        assert_eq!(
            out,
            b"{\"id\":\"7\",\"url\":\"http://a.test/\",\"outcome\":\"ok\"}\n"
        );
    }
}
