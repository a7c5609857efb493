//! Scripts for the usual faults; each names its row of the fault matrix.
//!
//! They send the least that shows the fault. Clocks are parameters, so that a test can set its own
//! time-outs just below; sizes are those of the matrix. A fault that takes a decent answer (codings,
//! charsets, redirects, odd status codes) is a route of the decent server instead. "For ever" is a
//! drip of a mebibyte, which no test outlives, or a repetition until the client leaves.

use std::time::Duration;

use bytes::Bytes;

use super::raw::{Script, Step};

/// F03: accepts, then resets at once; goes with `before_request`.
pub(crate) fn reset_on_accept() -> Script {
    vec![Step::Reset]
}

/// F04: accepts, then closes before any byte; goes with `before_request`.
pub(crate) fn close_on_accept() -> Script {
    vec![Step::Close]
}

/// F05: reads the request and never answers.
pub(crate) fn no_answer() -> Script {
    vec![Step::Hold]
}

/// F15: a status line that ends after the code; otherwise good.
pub(crate) fn status_without_reason() -> Script {
    answer("HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok")
}

/// F17: a status code that is no number.
pub(crate) fn garbage_status_line() -> Script {
    answer("HTTP/1.1 -123 Nonsense\r\ncontent-length: 2\r\n\r\nok")
}

/// F18: content without status line or head, as in HTTP/0.9.
pub(crate) fn no_status_line() -> Script {
    answer("<html><title>HTTP/0.9</title></html>\n")
}

/// F19: a version that there never was.
pub(crate) fn unknown_version() -> Script {
    answer("HTTP/3.7 200 OK\r\ncontent-length: 2\r\n\r\nok")
}

/// F20: lines end with LF alone; otherwise good.
pub(crate) fn bare_line_feeds() -> Script {
    answer("HTTP/1.1 200 OK\ncontent-length: 2\n\nok")
}

/// F21: a field line without a colon.
pub(crate) fn field_without_colon() -> Script {
    answer("HTTP/1.1 200 OK\r\nno colon here\r\ncontent-length: 2\r\n\r\nok")
}

/// F22: a NUL in a field value.
pub(crate) fn nul_in_field() -> Script {
    answer("HTTP/1.1 200 OK\r\nx-nul: a\0b\r\ncontent-length: 2\r\n\r\nok")
}

/// F24: a field value folded over two lines.
pub(crate) fn folded_field() -> Script {
    answer("HTTP/1.1 200 OK\r\nx-fold: a\r\n b\r\ncontent-length: 2\r\n\r\nok")
}

/// F25: white space between a field name and its colon.
pub(crate) fn space_before_colon() -> Script {
    answer("HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\nok")
}

/// F26: this many field lines; the matrix has 101.
pub(crate) fn many_headers(count: usize) -> Script {
    let fields = "x-many: y\r\n".repeat(count.saturating_sub(1));
    answer(format!(
        "HTTP/1.1 200 OK\r\n{fields}content-length: 2\r\n\r\nok"
    ))
}

/// F27: field lines until the client leaves.
pub(crate) fn endless_headers() -> Script {
    vec![
        Step::send("HTTP/1.1 200 OK\r\n"),
        forever("x-endless: y\r\n"),
    ]
}

/// F28: one field line of 10 MiB.
pub(crate) fn huge_header() -> Script {
    vec![
        Step::send("HTTP/1.1 200 OK\r\nx-huge: "),
        Step::Repeat {
            bytes: block(),
            times: Some(10 * 64),
        },
        Step::send("\r\ncontent-length: 2\r\n\r\nok"),
    ]
}

/// F29: a head that arrives byte by byte for ever; the matrix has 200 ms.
pub(crate) fn slow_headers(every: Duration) -> Script {
    vec![
        Step::send("HTTP/1.1 200 OK\r\nx-slow: "),
        endless_drip(every),
    ]
}

/// F30: interim responses until the client leaves.
pub(crate) fn endless_interim() -> Script {
    vec![forever("HTTP/1.1 103 Early Hints\r\n\r\n")]
}

/// F39: 1000 bytes promised, 500 sent, then the end.
pub(crate) fn truncated_length() -> Script {
    vec![half_of_a_thousand(), Step::Close]
}

/// F40: 10 bytes promised, 500 sent; the connection is left open to see whether it is used again.
pub(crate) fn surplus_body() -> Script {
    let body = "x".repeat(500);
    vec![
        Step::send(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{body}"
        )),
        Step::Next,
    ]
}

/// F41: a `Content-Length` of this text, over a body of two bytes.
pub(crate) fn bad_length(value: &str) -> Script {
    answer(format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {value}\r\n\r\nok"
    ))
}

/// F43: two lengths that differ.
pub(crate) fn two_content_lengths() -> Script {
    answer("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok!")
}

/// F44: a length and chunks at once; the chunks are right.
pub(crate) fn length_and_chunks() -> Script {
    answer(
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n\
         2\r\nok\r\n0\r\n\r\n",
    )
}

/// F48: a chunk size that is no number.
pub(crate) fn bad_chunk_size() -> Script {
    chunks("2\r\nok\r\nzz\r\nmore\r\n0\r\n\r\n")
}

/// F49: a chunk size past 64 bits.
pub(crate) fn overflowing_chunk_size() -> Script {
    chunks("FFFFFFFFFFFFFFFFF\r\nok\r\n0\r\n\r\n")
}

/// F51: whole chunks, and the end without the last one.
pub(crate) fn missing_last_chunk() -> Script {
    chunks("2\r\nok\r\n")
}

/// F53: chunks of one byte, as fast as they go, until the client leaves.
pub(crate) fn endless_chunks() -> Script {
    vec![Step::send(CHUNKED), forever("1\r\nx\r\n")]
}

/// F54: a body without length, until the client leaves.
pub(crate) fn endless_body() -> Script {
    vec![
        Step::send("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"),
        Step::Repeat {
            bytes: block(),
            times: None,
        },
    ]
}

/// F55: a body that arrives byte by byte for ever; the matrix has 300 ms.
pub(crate) fn slow_drip(every: Duration) -> Script {
    vec![
        Step::send("HTTP/1.1 200 OK\r\ncontent-length: 1048576\r\n\r\n"),
        endless_drip(every),
    ]
}

/// F56: half the body, then silence.
pub(crate) fn half_then_silence() -> Script {
    vec![half_of_a_thousand(), Step::Hold]
}

/// F57: half the body, then a reset.
pub(crate) fn reset_mid_body() -> Script {
    vec![half_of_a_thousand(), Step::Reset]
}

/// F58: a true body of this many MiB with its length; the matrix has 100.
pub(crate) fn large_body(mebibytes: u64) -> Script {
    let length = mebibytes << 20;
    vec![
        Step::send(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n"
        )),
        Step::Repeat {
            bytes: block(),
            times: Some(mebibytes * 64),
        },
        Step::Next,
    ]
}

/// F60: a good answer with another one behind it that nobody asked for.
pub(crate) fn junk_after_answer() -> Script {
    vec![
        Step::send(
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok\
             HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\njunk",
        ),
        Step::Next,
    ]
}

/// F61: a good answer, then the end as soon as the connection is used again, then good answers; goes
/// with `in_turn`.
pub(crate) fn close_on_reuse() -> [Script; 3] {
    let good = || Step::send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    [
        vec![good(), Step::Next],
        vec![Step::Close],
        vec![good(), Step::Next],
    ]
}

/// These bytes as the whole answer, then the end: the base of the cut sweep and the bit flips.
pub(crate) fn answer(bytes: impl Into<Bytes>) -> Script {
    vec![Step::send(bytes), Step::Close]
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

fn chunks(body: &str) -> Script {
    answer(format!("{CHUNKED}{body}"))
}

fn half_of_a_thousand() -> Step {
    let half = "x".repeat(500);
    Step::send(format!(
        "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{half}"
    ))
}

/// 16 KiB of letters; 64 of them are a mebibyte.
fn block() -> Bytes {
    Bytes::from_static(&[b'x'; 16 * 1024])
}

/// The text until the client leaves, many at a time so that it is fast.
fn forever(text: &str) -> Step {
    Step::Repeat {
        bytes: text.repeat(1024).into(),
        times: None,
    }
}

fn endless_drip(every: Duration) -> Step {
    Step::Drip {
        bytes: vec![b'x'; 1 << 20].into(),
        every,
    }
}
