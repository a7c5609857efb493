//! gzip (RFC 1952): the frame around deflate, read as it arrives.
//!
//! flate2 has readers and writers for it, but none that stops at the end of a member and tells what follows:
//! another member belongs to the content, anything else is rubbish, which servers do send. The check sum and
//! the length are verified; name, comment, extra field and the header's own check sum are skipped.

use flate2::{Crc, Decompress};

use super::{Coding, Step, inflate};

const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;
const HEADER_SUM: u8 = 2;
const RESERVED: u8 = 0xe0;

/// What the next byte is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// One of the ten bytes that every header has.
    Fixed(u8),
    ExtraLength {
        low: Option<u8>,
    },
    Extra {
        left: u16,
    },
    Name,
    Comment,
    HeaderSum {
        left: u8,
    },
    Data,
    /// The check sum and the length, least significant byte first.
    Trailer {
        at: u8,
    },
}

/// A gzip stream of one or more members.
pub(super) struct Gzip {
    at: At,
    flags: u8,
    trailer: u64,
    members: u64,
    sum: Crc,
    data: Decompress,
}

impl Default for Gzip {
    fn default() -> Self {
        Self {
            at: At::Fixed(0),
            flags: 0,
            trailer: 0,
            members: 0,
            sum: Crc::new(),
            data: Decompress::new(false),
        }
    }
}

impl Gzip {
    /// Goes on to the first of the optional parts from `part` on that this header has.
    fn after(&mut self, part: u8) {
        // In the order of the header, not of the bits.
        let parts = [
            (EXTRA, At::ExtraLength { low: None }),
            (NAME, At::Name),
            (COMMENT, At::Comment),
            (HEADER_SUM, At::HeaderSum { left: 2 }),
        ];
        let rest = parts
            .iter()
            .skip_while(|(flag, _)| part != 0 && *flag != part)
            .skip(usize::from(part != 0));
        self.at = rest
            .clone()
            .find(|(flag, _)| self.flags & flag != 0)
            .map_or(At::Data, |(_, at)| *at);
        if self.at == At::Data {
            self.sum.reset();
            self.data.reset(false);
        }
    }

    /// Takes one byte of the frame; `false`: it does not belong to the content any more.
    fn frame(&mut self, byte: u8) -> Result<bool, String> {
        match self.at {
            At::Fixed(at) => {
                match (at, byte) {
                    (0, 0x1f) | (1, 0x8b) | (2, 8) | (4..=9, _) => {}
                    (3, flags) if flags & RESERVED == 0 => self.flags = flags,
                    _ if self.members > 0 => return Ok(false),
                    (0 | 1, _) => return Err("it does not begin like it".into()),
                    _ => return Err("its header is broken".into()),
                }
                if at == 9 {
                    self.after(0);
                } else {
                    self.at = At::Fixed(at + 1);
                }
            }
            At::ExtraLength { low: None } => self.at = At::ExtraLength { low: Some(byte) },
            At::ExtraLength { low: Some(low) } => match u16::from_le_bytes([low, byte]) {
                0 => self.after(EXTRA),
                left => self.at = At::Extra { left },
            },
            At::Extra { left: 1 } => self.after(EXTRA),
            At::Extra { left } => self.at = At::Extra { left: left - 1 },
            At::Name if byte == 0 => self.after(NAME),
            At::Comment if byte == 0 => self.after(COMMENT),
            At::HeaderSum { left: 1 } => self.after(HEADER_SUM),
            At::HeaderSum { left } => self.at = At::HeaderSum { left: left - 1 },
            At::Trailer { at } => {
                self.trailer |= u64::from(byte) << (8 * at);
                if at < 7 {
                    self.at = At::Trailer { at: at + 1 };
                } else {
                    let wanted = u64::from(self.sum.amount()) << 32 | u64::from(self.sum.sum());
                    if self.trailer != wanted {
                        return Err("its check sum is wrong".into());
                    }
                    self.members += 1;
                    self.at = At::Fixed(0);
                }
            }
            At::Name | At::Comment | At::Data => {}
        }
        Ok(true)
    }
}

impl Coding for Gzip {
    fn name(&self) -> &'static str {
        "gzip"
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, String> {
        let mut read = 0;
        while self.at != At::Data {
            let Some(byte) = input.get(read) else {
                return Ok(Step {
                    read,
                    written: 0,
                    ended: false,
                });
            };
            read += 1;
            if !self.frame(*byte)? {
                return Ok(Step {
                    read,
                    written: 0,
                    ended: true,
                });
            }
        }
        let step = inflate(&mut self.data, &input[read..], output)?;
        self.sum.update(&output[..step.written]);
        if step.ended {
            self.trailer = 0;
            self.at = At::Trailer { at: 0 };
        }
        Ok(Step {
            read: read + step.read,
            written: step.written,
            ended: false,
        })
    }

    fn may_end(&self) -> bool {
        // Between members, or in what only looked like the beginning of one.
        self.members > 0 && matches!(self.at, At::Fixed(0..=2))
    }
}
