//! Content codings and character encodings (F64 to F84).

use std::io::{Read, Write};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::{Row, with};
use crate::support::Script;

const PAGE: &[u8] = b"<title>A page</title><a href=x>x</a>";

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

/// So many MiB of nothing, coded by whatever `wrap` makes.
fn nothing(mebibytes: u64, mut into: impl Write) {
    let mut zeros = std::io::repeat(0).take(mebibytes << 20);
    std::io::copy(&mut zeros, &mut into).expect("memory takes everything");
    into.flush().expect("memory takes everything");
}

fn gzip_bomb() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    nothing(256, &mut encoder);
    encoder.finish().expect("memory takes everything")
}

fn br(content: &[u8]) -> Vec<u8> {
    let mut coded = Vec::new();
    let mut encoder = brotli::CompressorWriter::new(&mut coded, 4096, 5, 22);
    encoder.write_all(content).expect("memory takes everything");
    drop(encoder);
    coded
}

fn br_bomb() -> Vec<u8> {
    let mut coded = Vec::new();
    nothing(64, brotli::CompressorWriter::new(&mut coded, 4096, 5, 22));
    coded
}

fn zstd_bomb() -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).expect("an encoder");
    nothing(512, &mut encoder);
    encoder.finish().expect("memory takes everything")
}

fn coded(coding: &str, content: impl AsRef<[u8]>) -> Script {
    with(
        &format!("content-type: text/html\r\ncontent-encoding: {coding}\r\n"),
        content,
    )
}

fn page(charset: &str, content: impl AsRef<[u8]>) -> Script {
    with(&format!("content-type: text/html{charset}\r\n"), content)
}

pub(super) fn rows() -> Vec<Row> {
    let whole = gzip(PAGE);
    let mut bad_sum = whole.clone();
    let sum = bad_sum.len() - 8;
    bad_sum[sum] ^= 1;
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
    zlib.write_all(PAGE).expect("memory takes everything");
    let zlib = zlib.finish().expect("memory takes everything");
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::best());
    deflate.write_all(PAGE).expect("memory takes everything");
    let deflate = deflate.finish().expect("memory takes everything");
    let mut comment = flate2::GzBuilder::new()
        .comment(vec![b'c'; 64 << 10])
        .write(Vec::new(), Compression::best());
    comment.write_all(PAGE).expect("memory takes everything");
    let comment = comment.finish().expect("memory takes everything");
    // A zstd frame that asks for a window of 2 GiB: magic, descriptor, window byte (RFC 8878, 3.1.1.1.2).
    let window = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 21 << 3, 0x01, 0x00, 0x00];
    let mut layers = PAGE.to_vec();
    for _ in 0..10 {
        layers = gzip(&layers);
    }
    let titled = |record: &serde_json::Value| record["title"] == "A page";
    vec![
        Row::new("F64 a gzip bomb", coded("gzip", gzip_bomb()), "too-large"),
        Row::new("F65 a brotli bomb", coded("br", br_bomb()), "too-large"),
        Row::new("F66 a zstd bomb", coded("zstd", zstd_bomb()), "too-large"),
        Row::new(
            "F67 a zstd window of 2 GiB",
            coded("zstd", window),
            "decode",
        ),
        Row::new("F68 deflate in zlib", coded("deflate", zlib), "ok").also(titled),
        Row::new("F68 deflate alone", coded("deflate", deflate), "ok").also(titled),
        Row::new(
            "F69 a broken gzip header",
            coded("gzip", [&b"\x1f\x8b\x99"[..], &whole[3..]].concat()),
            "decode",
        ),
        Row::new(
            "F70 a broken deflate header",
            coded("deflate", b"\xff\xff\xff\xffnonsense"),
            "decode",
        ),
        Row::new(
            "F70 a broken brotli header",
            coded("br", b"\xff\xff\xff\xffnonsense"),
            "decode",
        ),
        Row::new(
            "F71 half a gzip",
            coded("gzip", &whole[..whole.len() / 2]),
            "truncated",
        ),
        Row::new(
            "F71 half a brotli",
            coded("br", &br(PAGE)[..20]),
            "truncated",
        ),
        Row::new("F72 a wrong checksum", coded("gzip", bad_sum), "decode"),
        Row::new("F73 a gzip comment of 64 KiB", coded("gzip", comment), "ok").also(titled),
        Row::new(
            "F74 two gzip members",
            coded("gzip", [&*whole, &*whole].concat()),
            "ok",
        )
        .also(|record| record["size"] == 2 * PAGE.len()),
        Row::new(
            "F75 rubbish after gzip",
            coded("gzip", [&*whole, b"rubbish"].concat()),
            "ok",
        )
        .also(titled),
        Row::new(
            "F76 two layers",
            coded("gzip, gzip", gzip(&whole)),
            "decode",
        ),
        Row::new(
            "F77 ten layers",
            coded(&["gzip"; 10].join(", "), layers),
            "decode",
        ),
        Row::new("F78 it only says gzip", coded("gzip", PAGE), "decode"),
        Row::new(
            "F79 gzip that does not say so",
            with("content-type: application/gzip\r\n", &whole),
            "ok",
        )
        .also(|record| record["title"].is_null()),
        Row::new("F80 an unknown coding", coded("foo", PAGE), "decode"),
        Row::new(
            "F81 says UTF-8, is Latin-1",
            page("; charset=utf-8", b"<title>caf\xe9</title>"),
            "ok",
        )
        .also(|record| record["title"] == "caf\u{fffd}" && record["charset"] == "UTF-8"),
        Row::new(
            "F82 an unknown charset",
            page("; charset=martian", PAGE),
            "ok",
        )
        .also(titled),
        Row::new(
            "F82 UTF-7",
            page("; charset=utf-7", b"<title>+ADw-</title>"),
            "ok",
        )
        .also(|record| record["title"] == "+ADw-"),
        Row::new(
            "F82 UTF-16 without a mark",
            page("; charset=utf-16le", b"<\0t\0i\0t\0l\0e\0>\0x\0"),
            "ok",
        )
        .also(|record| record["title"] == "x" && record["charset"] == "UTF-16LE"),
        Row::new(
            "F82 two marks",
            page("", b"\xef\xbb\xbf\xef\xbb\xbf<title>A page</title>"),
            "ok",
        )
        .also(titled),
        Row::new(
            "F83 meta against the field",
            page(
                "; charset=utf-8",
                "<meta charset=windows-1252><title>größe</title>",
            ),
            "ok",
        )
        .also(|record| record["title"] == "größe"),
        Row::new(
            "F83 meta too late",
            page(
                "",
                format!(
                    "{}<meta charset=windows-1252><title>größe</title>",
                    " ".repeat(1024)
                ),
            ),
            "ok",
        )
        .also(|record| record["title"] == "größe"),
        Row::new(
            "F84 NUL everywhere",
            page("", b"\0<ti\0tle>\0<title>A\0 page</title>\0<a href=\0>"),
            "ok",
        ),
    ]
}
