//! `jsonl`: one JSON object a record, one record a line. The names are those of [`Visit`]'s fields.
//!
//! Beyond what JSON asks for, everything that could act on a terminal or a CI runner or end a line for some reader is
//! written as an escape, so that `cat` is as safe as a parser.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, Serializer};

use super::escape::{command, is_plain, is_unsafe};
use super::{Captures, Format, Medium, Options, Sink};
use crate::model::Visit;

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
        // Another output asked for them.
        let bare;
        let visit = if visit.links.is_some() && !self.links {
            bare = Visit {
                links: None,
                ..visit.clone()
            };
            &bare
        } else {
            visit
        };
        let begin = out.len();
        // Most records have nothing to escape, and that is seen of all of one in less time than of its parts.
        let plain =
            visit.serialize(&mut Serializer::new(&mut *out)).is_ok() && is_plain(&out[begin..]);
        if !plain {
            out.truncate(begin);
        }
        if !plain && visit.serialize(&mut escaped(out)).is_err() {
            // A record is strings, numbers and lists of these, which always serialise.
            out.truncate(begin);
            return;
        }
        out.push(b'\n');
    }
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
