//! Each coding, whole and in single bytes; ends, rubbish, lies and bombs.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use super::super::FetchError;
use super::{Decoder, PIECE};
use crate::model::FailureKind;

/// `text()` and 20 MiB of zeros, as the reference encoder makes them (quality 11, window 22).
const BR_TEXT: &str = "1bed02001c09368e72ab1a3ba78343d200dbe919166f0da2603697687200742abf2ccd28f0028f61ff6e921c8f\
    a84bc6bc83d0ea3197d119194c169b8b9b8797ef01b3df81d3e5f6f2f6f19503";
const BR_ZEROS: &str =
    "cbffff3ff82700e2b14020f7fe8fffff7ff04f00c4611180eefd5ffeffffe09f0088c30200ddfb1f";

fn text() -> Vec<u8> {
    (0..20)
        .flat_map(|n| format!("line {n} of a text that repeats itself\n").into_bytes())
        .collect()
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn raw(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(content, 3).unwrap()
}

fn decoder(names: &[&str]) -> Result<Decoder, FetchError> {
    let mut fields = HeaderMap::new();
    for name in names {
        fields.append(CONTENT_ENCODING, name.parse().unwrap());
    }
    Decoder::of(&fields.get_all(CONTENT_ENCODING))
}

/// Decodes `coded`, handed over in parts of `part` bytes.
fn decoded(name: &str, coded: &[u8], part: usize) -> Result<Vec<u8>, FetchError> {
    let mut decoder = decoder(&[name])?;
    let mut out = Vec::new();
    let mut scratch = Vec::new();
    for part in coded.chunks(part) {
        decoder.push(part, &mut scratch, &mut |piece| {
            assert!(piece.len() <= PIECE.max(part.len()), "pieces are bounded");
            out.extend_from_slice(piece);
            Ok(())
        })?;
    }
    decoder.finish()?;
    Ok(out)
}

/// The name of each coding with something coded in it.
fn every_coding(content: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("gzip", gzip(content)),
        ("X-GZip", gzip(content)),
        ("deflate", zlib(content)),
        ("deflate", raw(content)),
        ("zstd", zstd(content)),
    ]
}

fn kind(result: Result<Vec<u8>, FetchError>) -> FailureKind {
    result.expect_err("a failure").failure.kind
}

#[test]
fn every_coding_is_undone_however_it_arrives() {
    let mut cases = every_coding(&text());
    cases.extend([("br", hex(BR_TEXT)), ("identity", text()), ("", text())]);
    for (name, coded) in cases {
        for part in [1, 2, 3, 7, 64, coded.len()] {
            assert_eq!(
                decoded(name, &coded, part).as_ref(),
                Ok(&text()),
                "{name}, {part} at a time"
            );
        }
    }
}

#[test]
fn content_larger_than_a_piece_comes_out_whole() {
    let large: Vec<u8> = (0..3_000_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    for (name, coded) in every_coding(&large) {
        for part in [1000, 16 << 10, coded.len()] {
            assert!(
                decoded(name, &coded, part).is_ok_and(|out| out == large),
                "{name} by {part}"
            );
        }
    }
    assert!(decoded("br", &hex(BR_ZEROS), 40).is_ok_and(|out| out.len() == 20 << 20));
}

#[test]
fn a_coded_content_without_its_end_is_truncated_and_an_empty_one_is_empty() {
    let mut cases = every_coding(&text());
    cases.push(("br", hex(BR_TEXT)));
    for (name, coded) in cases {
        for length in 1..coded.len() {
            let result = decoded(name, &coded[..length], length);
            assert_eq!(
                kind(result),
                FailureKind::Truncated,
                "{name} cut after {length}"
            );
        }
        assert_eq!(decoded(name, &[], 1), Ok(Vec::new()), "{name}");
    }
}

#[test]
fn what_follows_the_end_is_ignored_but_further_members_count() {
    for (name, mut coded) in every_coding(&text()) {
        coded.extend(b"rubbish that no coding begins with");
        for part in [1, 5, coded.len()] {
            if name != "zstd" || part > 4 {
                assert_eq!(decoded(name, &coded, part), Ok(text()), "{name} by {part}");
            }
        }
    }
    for (name, mut coded) in [("gzip", gzip(&text())), ("zstd", zstd(&text()))] {
        let again = coded.clone();
        coded.extend(&again);
        for part in [1, coded.len()] {
            assert_eq!(
                decoded(name, &coded, part),
                Ok([text(), text()].concat()),
                "{name} by {part}"
            );
        }
    }
    for tail in [&[0x1f][..], &[0x1f, 0x8b], &[0x1f, 0x8b, 7, 1], &[0; 512]] {
        let coded = [&gzip(&text())[..], tail].concat();
        assert_eq!(decoded("gzip", &coded, 1), Ok(text()), "gzip and {tail:x?}");
    }
}

#[test]
fn what_is_not_as_it_is_called_is_a_failure_to_decode() {
    for name in ["gzip", "br", "zstd"] {
        assert_eq!(
            kind(decoded(name, b"<!doctype html><p>not coded at all</p>", 64)),
            FailureKind::Decode
        );
    }
    assert_eq!(
        kind(decoded("deflate", b"\xff\xff<p>not coded at all</p>", 64)),
        FailureKind::Decode
    );
    let mut wrong_sum = gzip(&text());
    let at = wrong_sum.len() - 8;
    wrong_sum[at] ^= 1;
    assert_eq!(kind(decoded("gzip", &wrong_sum, 64)), FailureKind::Decode);
    let mut wrong_length = gzip(&text());
    let at = wrong_length.len() - 1;
    wrong_length[at] ^= 1;
    assert_eq!(
        kind(decoded("gzip", &wrong_length, 64)),
        FailureKind::Decode
    );
    // A zstd frame with a window of 2 GiB: magic, descriptor, window byte (RFC 8878, 3.1.1.1.2).
    let giant = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00];
    assert_eq!(kind(decoded("zstd", &giant, 64)), FailureKind::Decode);
}

#[test]
fn exactly_one_layer_of_a_known_coding_is_undone() {
    for names in [
        &["gzip, gzip"][..],
        &["gzip", "br"],
        &["foo"],
        &["compress"],
        &["gzip;q=1"],
    ] {
        assert_eq!(
            decoder(names).err().map(|error| error.failure.kind),
            Some(FailureKind::Decode),
            "{names:?}"
        );
    }
    for names in [
        &["gzip, identity"][..],
        &["", "gzip"],
        &["GZIP"],
        &[" , gzip ,"],
    ] {
        assert!(
            decoder(names).is_ok_and(|decoder| !decoder.is_identity()),
            "{names:?}"
        );
    }
    assert!(decoder(&[]).is_ok_and(|decoder| decoder.is_identity()));
}

#[test]
fn every_part_of_a_gzip_header_is_skipped() {
    let body = gzip(&text());
    let extra = vec![b'x'; 700];
    let comment = vec![b'c'; 64 << 10];
    let mut encoder = flate2::GzBuilder::new()
        .extra(extra)
        .filename("name.html")
        .comment(comment)
        .write(Vec::new(), Compression::best());
    encoder.write_all(&text()).unwrap();
    let full = encoder.finish().unwrap();
    for part in [1, 100, full.len()] {
        assert_eq!(decoded("gzip", &full, part), Ok(text()));
    }
    // With a check sum of the header, and an extra field of no length.
    let mut summed = body[..10].to_vec();
    summed[3] = 2 | 4;
    summed.extend([0, 0, 0xab, 0xcd]);
    summed.extend(&body[10..]);
    assert_eq!(decoded("gzip", &summed, 1), Ok(text()));
    summed[3] |= 0x80;
    assert_eq!(kind(decoded("gzip", &summed, 1)), FailureKind::Decode);
}

#[test]
fn a_bomb_stops_where_the_taker_says_so() {
    let zeros = vec![0; 64 << 20];
    let mut cases = every_coding(&zeros);
    cases.push(("br", hex(BR_ZEROS)));
    for (name, coded) in cases {
        let (mut taken, mut scratch) = (0, Vec::new());
        let result = decoder(&[name])
            .unwrap()
            .push(&coded, &mut scratch, &mut |piece| {
                taken += piece.len();
                if taken > 1 << 20 {
                    return Err(FetchError::lasting(FailureKind::TooLarge, "enough"));
                }
                Ok(())
            });
        assert_eq!(result.expect_err(name).failure.kind, FailureKind::TooLarge);
        assert!(
            taken <= (1 << 20) + PIECE && scratch.len() <= PIECE,
            "{name}: {taken}"
        );
    }
}
