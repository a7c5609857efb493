//! Status lines and fields (F03 to F38).

use std::time::Duration;

use super::{Row, raw, with};
use crate::support::{Step, faults};

pub(super) fn rows() -> Vec<Row> {
    let status = |line: &str| raw(format!("{line}\r\ncontent-length: 2\r\n\r\nok"));
    let field = |line: &str| {
        raw(format!(
            "HTTP/1.1 200 OK\r\n{line}\r\ncontent-length: 2\r\n\r\nok"
        ))
    };
    let long = "v".repeat(1 << 20);
    vec![
        Row::new("F03 reset at once", vec![Step::Reset], "reset"),
        Row::new("F04 closed before any byte", vec![Step::Close], "reset"),
        Row::new("F05 no answer", faults::no_answer(), "timeout"),
        Row::url(
            "F12 a label is too long",
            format!("http://{}.test/", "a".repeat(64)),
            "dns",
        ),
        Row::url(
            "F12 a name is too long",
            format!("http://{}test/", "a.".repeat(130)),
            "dns",
        ),
        Row::url("F13 port beyond the last", "http://127.0.0.1:65536/", "url"),
        Row::url("F13 port 0", "http://127.0.0.1:0/", "connect"),
        Row::new("F15 no reason", faults::status_without_reason(), "ok"),
        Row::new("F16 status 999", status("HTTP/1.1 999 x"), "blocked")
            .also(|record| record["status"] == 999),
        Row::new(
            "F17 negative status",
            faults::garbage_status_line(),
            "protocol",
        ),
        Row::new("F17 one digit", status("HTTP/1.1 1 x"), "protocol"),
        Row::new(
            "F17 a hundred digits",
            status(&format!("HTTP/1.1 {} x", "2".repeat(100))),
            "protocol",
        ),
        Row::new("F18 no status line", faults::no_status_line(), "protocol"),
        Row::new("F19 version 3.7", faults::unknown_version(), "protocol"),
        Row::new("F19 HTTQ", status("HTTQ/1.1 200 OK"), "protocol"),
        Row::new("F20 bare line feeds", faults::bare_line_feeds(), "ok"),
        Row::new("F21 no colon", faults::field_without_colon(), "protocol"),
        Row::new("F22 NUL in a value", faults::nul_in_field(), "protocol"),
        Row::new("F23 bare CR in a value", field("x-cr: a\rb"), "protocol"),
        Row::new("F24 folded line", faults::folded_field(), "protocol"),
        Row::new(
            "F25 space before the colon",
            faults::space_before_colon(),
            "protocol",
        ),
        Row::new("F26 101 fields", faults::many_headers(101), "ok"),
        Row::new("F26 257 fields", faults::many_headers(257), "too-large"),
        Row::new("F27 endless fields", faults::endless_headers(), "too-large"),
        Row::new("F28 a field of 10 MiB", faults::huge_header(), "too-large"),
        Row::new(
            "F29 a byte now and then",
            faults::slow_headers(Duration::from_millis(200)),
            "timeout",
        ),
        Row::new(
            "F30 endless interim answers",
            faults::endless_interim(),
            "timeout",
        ),
        Row::new(
            "F31 204 with content",
            raw("HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\nok"),
            "ok",
        ),
        Row::new(
            "F31 304 with a length",
            raw("HTTP/1.1 304 Not Modified\r\ncontent-length: 1000\r\n\r\n"),
            "status",
        ),
        Row::new(
            "F35 Latin-1 in a field",
            raw(b"HTTP/1.1 200 OK\r\nx-name: caf\xe9\r\ncontent-length: 2\r\n\r\nok".to_vec()),
            "ok",
        ),
        Row::new("F36 no type", with("", "<title>t</title>"), "ok")
            .also(|record| record["content_type"].is_null()),
        Row::new(
            "F36 a type that lies",
            with("content-type: image/png\r\n", "<title>t</title>"),
            "ok",
        )
        .also(|record| record["title"].is_null()),
        Row::new(
            "F36 a type of 1 MiB",
            field(&format!("content-type: {long}")),
            "too-large",
        ),
        Row::new(
            "F37 a Refresh field",
            with("refresh: 0; url=/x\r\n", "ok"),
            "ok",
        )
        .also(|record| record["redirects"].is_null()),
        Row::new(
            "F38 a cookie of 100 KiB",
            field(&format!("set-cookie: a={}", &long[..100 << 10])),
            "ok",
        ),
        Row::new(
            "F38 10000 cookies",
            field(&"set-cookie: a=b\r\n".repeat(9_999)),
            "too-large",
        ),
    ]
}
