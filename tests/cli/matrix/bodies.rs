//! Where content ends (F39 to F63).

use std::time::Duration;

use super::{Row, raw, with};
use crate::support::{Script, Step, faults};

/// A chunked answer with these field lines and this coded content.
fn chunked(fields: &str, content: &str) -> Script {
    raw(format!("HTTP/1.1 200 OK\r\n{fields}\r\n{content}"))
}

const CHUNKED: &str = "transfer-encoding: chunked\r\n";

pub(super) fn rows() -> Vec<Row> {
    let length = faults::bad_length;
    let extension = format!("2;{}\r\nok\r\n0\r\n\r\n", "e".repeat(1 << 20));
    let trailers = format!("2\r\nok\r\n0\r\n{}\r\n", "x-t: y\r\n".repeat(10_000));
    vec![
        Row::new(
            "F39 half the length",
            faults::truncated_length(),
            "truncated",
        ),
        Row::new("F40 more than the length", faults::surplus_body(), "ok")
            .also(|record| record["size"] == 10),
        Row::new("F41 length -1", length("-1"), "protocol"),
        Row::new("F41 length abc", length("abc"), "protocol"),
        Row::new("F41 length 1e3", length("1e3"), "protocol"),
        Row::new(
            "F41 length 10^30",
            length("1000000000000000000000000000000"),
            "protocol",
        ),
        Row::new(
            "F42 two lengths, the same",
            with("content-length: 2\r\n", "ok"),
            "ok",
        ),
        Row::new("F43 two lengths", faults::two_content_lengths(), "protocol"),
        Row::new("F44 length and chunks", faults::length_and_chunks(), "ok")
            .also(|record| record["size"] == 2),
        Row::new(
            "F45 chunked, identity",
            chunked(
                "transfer-encoding: chunked, identity\r\n",
                "2\r\nok\r\n0\r\n\r\n",
            ),
            "protocol",
        ),
        Row::new(
            "F45 chunked, gzip",
            chunked(
                "transfer-encoding: chunked, gzip\r\n",
                "2\r\nok\r\n0\r\n\r\n",
            ),
            "protocol",
        ),
        Row::new(
            "F46 chunked twice",
            chunked(&CHUNKED.repeat(2), "2\r\nok\r\n0\r\n\r\n"),
            "ok",
        )
        .also(|record| record["size"] == 2),
        Row::new(
            "F47 xchunked",
            chunked("transfer-encoding: xchunked\r\n", "2\r\nok\r\n0\r\n\r\n"),
            "protocol",
        ),
        Row::new("F48 size zz", faults::bad_chunk_size(), "protocol"),
        Row::new(
            "F49 size beyond all",
            faults::overflowing_chunk_size(),
            "protocol",
        ),
        Row::new(
            "F50 an extension of 1 MiB",
            chunked(CHUNKED, &extension),
            "protocol",
        ),
        Row::new(
            "F51 no last chunk",
            faults::missing_last_chunk(),
            "truncated",
        ),
        Row::new(
            "F52 10000 trailers",
            chunked(CHUNKED, &trailers),
            "protocol",
        ),
        Row::new(
            "F53 endless chunks",
            vec![
                Step::send(format!("HTTP/1.1 200 OK\r\n{CHUNKED}\r\n")),
                Step::Repeat {
                    bytes: format!("400\r\n{}\r\n", "x".repeat(1024)).into(),
                    times: None,
                },
            ],
            "too-large",
        ),
        Row::new("F54 endless content", faults::endless_body(), "too-large"),
        Row::new(
            "F55 a byte now and then",
            faults::slow_drip(Duration::from_millis(300)),
            "timeout",
        ),
        Row::new(
            "F56 half, then silence",
            faults::half_then_silence(),
            "timeout",
        ),
        Row::new("F57 reset half way", faults::reset_mid_body(), "reset"),
        Row::new("F58 100 MiB", faults::large_body(100), "too-large"),
        Row::new("F59 exactly the limit", with("", vec![b'x'; 1 << 20]), "ok")
            .also(|record| record["size"] == 1 << 20),
        Row::new(
            "F59 one byte more",
            with("", vec![b'x'; (1 << 20) + 1]),
            "too-large",
        ),
        Row::new(
            "F59 one byte more, unannounced",
            vec![
                Step::send("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"),
                Step::send(vec![b'x'; (1 << 20) + 1]),
                Step::Close,
            ],
            "too-large",
        ),
        Row::new(
            "F60 junk after the answer",
            faults::junk_after_answer(),
            "ok",
        ),
        Row::new("F63 empty", with("", ""), "ok").also(|record| record["size"] == 0),
    ]
}
