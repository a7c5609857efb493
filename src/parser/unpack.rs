//! gzip (RFC 1952) of one or more members, undone as it arrives, for content that is a packed file and no content coding.
//!
//! A kilobyte can stand for a megabyte, so one call unpacks no more than [`AT_ONCE`]: packed bytes that come faster wait
//! here for the next call or for the end, which may be on another thread. Nobody gets more than [`UNPACKED`] out of it.

use std::io::{self, BufRead, ErrorKind, Read};

use flate2::bufread::MultiGzDecoder;

use crate::model::Limit;

/// The first bytes of a member (section 2.3.1).
pub(super) const MAGIC: &[u8] = &[0x1F, 0x8B];

/// The most that it may unpack to: the limit of a sitemap (sitemaps.org).
const UNPACKED: u64 = 50 << 20;

/// The most that one call unpacks: a millisecond of parsing.
const AT_ONCE: usize = 256 << 10;

/// Bytes that are given at once.
const PIECE: usize = 32 << 10;

/// Undoes the packing.
pub(super) struct Unpack {
    decoder: MultiGzDecoder<Fed>,
    piece: Vec<u8>,
    left: u64,
    ended: bool,
    limited: Option<Limit>,
}

impl Unpack {
    pub(super) fn new() -> Self {
        Self {
            decoder: MultiGzDecoder::new(Fed::default()),
            piece: vec![0; PIECE],
            left: UNPACKED,
            ended: false,
            limited: None,
        }
    }

    /// More packed bytes have come; gives some of what they stand for.
    pub(super) fn write(&mut self, packed: &[u8], give: impl FnMut(&[u8])) {
        if !self.ended {
            self.decoder.get_mut().feed(packed);
            self.unpack(AT_ONCE, give);
        }
    }

    /// Gives the rest, and says why it is not all.
    pub(super) fn finish(&mut self, give: impl FnMut(&[u8])) -> Option<Limit> {
        self.decoder.get_mut().last = true;
        self.unpack(usize::MAX, give);
        self.limited
    }

    /// Packed bytes that wait.
    pub(super) fn held(&self) -> usize {
        self.decoder.get_ref().rest().len()
    }

    /// Nobody wants the rest.
    pub(super) fn stop(&mut self) {
        self.ended = true;
        *self.decoder.get_mut() = Fed::default();
    }

    fn unpack(&mut self, most: usize, mut give: impl FnMut(&[u8])) {
        let mut given = 0;
        while !self.ended && given < most {
            match self.decoder.read(&mut self.piece) {
                Ok(0) => self.stop(),
                Ok(length) if length as u64 > self.left => {
                    self.end(Limit::too_large("it unpacks to more than 50 MiB"));
                }
                Ok(length) => {
                    self.left -= length as u64;
                    given += length;
                    give(&self.piece[..length]);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.end(Limit::broken("its gzip is broken or ends too early")),
            }
        }
    }

    fn end(&mut self, limit: Limit) {
        self.limited = Some(limit);
        self.stop();
    }
}

/// What has come and was not taken yet: a reader that has nothing for now, until the last byte is there.
#[derive(Default)]
struct Fed {
    bytes: Vec<u8>,
    taken: usize,
    last: bool,
}

impl Fed {
    fn feed(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }
}

impl Read for Fed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Fed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.rest().is_empty() && !self.last {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(self.rest())
    }

    fn consume(&mut self, amount: usize) {
        self.taken += amount;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn packed(content: &[u8]) -> Vec<u8> {
        let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        coder.write_all(content).unwrap();
        coder.finish().unwrap()
    }

    /// What comes out, and why it is not all.
    fn unpacked(bytes: &[u8], chunk: usize) -> (Vec<u8>, Option<&'static str>) {
        let (mut unpack, mut out) = (Unpack::new(), Vec::new());
        for chunk in bytes.chunks(chunk) {
            unpack.write(chunk, |piece| out.extend_from_slice(piece));
        }
        let limit = unpack.finish(|piece| out.extend_from_slice(piece));
        (out, limit.map(|limit| limit.reason))
    }

    #[test]
    fn members_in_any_pieces_are_one_content() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        let (one, two) = text.split_at(77_777);
        let both = [packed(one), packed(two)].concat();
        for chunk in [1, 13, 4096, both.len()] {
            assert!(unpacked(&both, chunk) == (text.clone(), None), "by {chunk}");
        }
        let cut = unpacked(&both[..both.len() - 9], 100);
        assert!(text.starts_with(&cut.0) && cut.0.len() > 77_777);
        assert!(cut.1.is_some(), "it is not all");
        let rubbish = [packed(one), b"rubbish".to_vec()].concat();
        assert!(unpacked(&rubbish, 5).0 == one);
    }

    #[test]
    fn one_call_does_not_unpack_a_bomb_and_no_number_of_calls_beyond_the_limit() {
        let bomb = packed(&vec![b' '; 60 << 20]);
        let (mut unpack, mut given) = (Unpack::new(), 0);
        unpack.write(&bomb, |piece| given += piece.len());
        assert!(given <= AT_ONCE + PIECE, "{given}");
        assert!(unpack.held() > bomb.len() / 2);
        let (out, reason) = unpacked(&bomb, 1 << 20);
        assert!(out.len() <= 50 << 20);
        assert_eq!(reason, Some("it unpacks to more than 50 MiB"));
    }
}
