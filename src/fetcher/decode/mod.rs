//! How a content coding is undone (RFC 9110, section 8.4): as the content arrives, in pieces of at most
//! [`PIECE`] bytes, so that whoever counts them can stop a bomb before it goes off.
//!
//! Exactly one layer of gzip, deflate, br or zstd; more layers, or any other coding, are `decode`. `deflate`
//! is zlib, as the RFC says, or bare deflate, as many servers mean. What follows the end of the coded stream
//! is ignored, as browsers do; a coded stream without its end is `truncated`. Memory is bounded by the
//! coding's window: 32 KiB for gzip and deflate, 16 MiB for br, 8 MiB for zstd (RFC 9659).
//!
//! `gzip` is a file of its own, for its members and checksums (RFC 1952).

mod gzip;

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status};
use http::HeaderValue;
use http::header::GetAll;
use zstd::stream::raw::{DParameter, Decoder as ZstdStream, Operation};

use self::gzip::Gzip;
use super::FetchError;
use crate::model::FailureKind;

/// Most bytes that are handed on at once.
const PIECE: usize = 32 << 10;
/// log2 of the largest window of zstd that a receiver must support, and so the largest that is taken.
const ZSTD_WINDOW: u32 = 23;

/// Takes decoded bytes; an error stops the decoding.
pub(super) type Give<'a> = dyn FnMut(&[u8]) -> Result<(), FetchError> + 'a;

/// What one step of a [`Coding`] did.
pub(super) struct Step {
    /// Coded bytes that it took.
    pub(super) read: usize,
    /// Decoded bytes that it made.
    pub(super) written: usize,
    /// Whatever comes after this is no longer content.
    pub(super) ended: bool,
}

/// One content coding, being undone.
pub(super) trait Coding {
    /// Its name, for messages.
    fn name(&self) -> &'static str;

    /// Decodes from `input` to `output`; takes and makes what it can.
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, String>;

    /// May the content end here?
    fn may_end(&self) -> bool;
}

/// Undoes the coding of one content.
pub(super) struct Decoder {
    /// `None` is identity.
    coding: Option<Box<dyn Coding>>,
    begun: bool,
    ended: bool,
}

impl Decoder {
    /// A decoder for content with these `Content-Encoding` fields.
    pub(super) fn of(fields: &GetAll<'_, HeaderValue>) -> Result<Self, FetchError> {
        let mut coding = None;
        for value in fields {
            let text = value
                .to_str()
                .map_err(|_| unknown("a name that is no text"))?;
            for name in text.split(',').map(str::trim) {
                if name.is_empty() || name.eq_ignore_ascii_case("identity") {
                    continue;
                }
                let found = of_name(name).ok_or_else(|| unknown(name))?;
                if coding.replace(found).is_some() {
                    return Err(decode("the content is coded more than once".into()));
                }
            }
        }
        Ok(Self {
            coding,
            begun: false,
            ended: false,
        })
    }

    /// Is there nothing to undo?
    pub(super) fn is_identity(&self) -> bool {
        self.coding.is_none()
    }

    /// Decodes `input` and gives what comes of it.
    pub(super) fn push(
        &mut self,
        mut input: &[u8],
        scratch: &mut Vec<u8>,
        give: &mut Give<'_>,
    ) -> Result<(), FetchError> {
        let Some(coding) = &mut self.coding else {
            return give(input);
        };
        if input.is_empty() {
            return Ok(());
        }
        self.begun = true;
        scratch.resize(PIECE, 0);
        while !self.ended {
            let step = coding.step(input, scratch).map_err(|reason| {
                decode(format!(
                    "the content is not the {} that it is said to be: {reason}",
                    coding.name()
                ))
            })?;
            input = &input[step.read..];
            self.ended = step.ended;
            if step.written > 0 {
                give(&scratch[..step.written])?;
            }
            // A full buffer may have left something inside; otherwise there is more only if there is input.
            let stuck = step.read == 0 && step.written == 0;
            if stuck || (input.is_empty() && step.written < PIECE) {
                break;
            }
        }
        Ok(())
    }

    /// The content has ended; was that its end?
    pub(super) fn finish(&mut self) -> Result<(), FetchError> {
        match &self.coding {
            Some(coding) if self.begun && !self.ended && !coding.may_end() => {
                let message = format!(
                    "the content ended in the middle of its {} coding",
                    coding.name()
                );
                Err(FetchError::passing(FailureKind::Truncated, message))
            }
            // No byte at all is what servers send where there is nothing to code.
            _ => Ok(()),
        }
    }
}

fn of_name(name: &str) -> Option<Box<dyn Coding>> {
    Some(match name.to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => Box::new(Gzip::default()),
        "deflate" => Box::new(Deflate::default()),
        "br" => Box::new(Brotli::new()),
        "zstd" => Box::new(Zstd {
            stream: None,
            complete: false,
            frames: 0,
        }),
        _ => return None,
    })
}

fn unknown(name: &str) -> FetchError {
    let name: String = name.chars().take(40).collect();
    decode(format!(
        "the content is coded in a way that is not known here: {name}"
    ))
}

fn decode(message: String) -> FetchError {
    FetchError::lasting(FailureKind::Decode, message)
}

/// zlib (RFC 1950), or deflate (RFC 1951) without it.
#[derive(Default)]
struct Deflate {
    stream: Option<Decompress>,
    /// The first byte, while the second is not there: only both tell which of the two it is.
    first: Option<u8>,
}

impl Coding for Deflate {
    fn name(&self) -> &'static str {
        "deflate"
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, String> {
        if let Some(stream) = &mut self.stream {
            return inflate(stream, input, output);
        }
        let (first, second, held) = match (self.first, input) {
            (Some(first), [second, ..]) => (first, *second, true),
            (None, [first, second, ..]) => (*first, *second, false),
            (None, [first]) => {
                self.first = Some(*first);
                return Ok(Step {
                    read: 1,
                    written: 0,
                    ended: false,
                });
            }
            (_, []) => {
                return Ok(Step {
                    read: 0,
                    written: 0,
                    ended: false,
                });
            }
        };
        let zlib =
            first & 0x0f == 8 && first >> 4 <= 7 && u16::from_be_bytes([first, second]) % 31 == 0;
        let stream = self.stream.insert(Decompress::new(zlib));
        let before = if held {
            inflate(stream, &[first], output)?.written
        } else {
            0
        };
        let step = inflate(stream, input, &mut output[before..])?;
        Ok(Step {
            written: before + step.written,
            ..step
        })
    }

    fn may_end(&self) -> bool {
        false
    }
}

/// One step of `stream`.
pub(super) fn inflate(
    stream: &mut Decompress,
    input: &[u8],
    output: &mut [u8],
) -> Result<Step, String> {
    let (read, written) = (stream.total_in(), stream.total_out());
    let status = stream
        .decompress(input, output, FlushDecompress::None)
        .map_err(|error| error.to_string())?;
    // Both are at most the length of a buffer.
    let progress = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(usize::MAX);
    Ok(Step {
        read: progress(stream.total_in(), read),
        written: progress(stream.total_out(), written),
        ended: status == Status::StreamEnd,
    })
}

struct Brotli(Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>);

impl Brotli {
    fn new() -> Self {
        // Strict: without the "large window" extension, with which a few bytes can ask for a gigabyte.
        let state = BrotliState::new_strict(
            StandardAlloc::default(),
            StandardAlloc::default(),
            StandardAlloc::default(),
        );
        Self(Box::new(state))
    }
}

impl Coding for Brotli {
    fn name(&self) -> &'static str {
        "br"
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, String> {
        let (mut available, mut room, mut read, mut written, mut total) =
            (input.len(), output.len(), 0, 0, 0);
        let result = BrotliDecompressStream(
            &mut available,
            &mut read,
            input,
            &mut room,
            &mut written,
            output,
            &mut total,
            &mut self.0,
        );
        match result {
            BrotliResult::ResultFailure => Err("its data are broken".into()),
            result => Ok(Step {
                read,
                written,
                ended: matches!(result, BrotliResult::ResultSuccess),
            }),
        }
    }

    fn may_end(&self) -> bool {
        false
    }
}

struct Zstd {
    stream: Option<ZstdStream<'static>>,
    /// At the end of a frame.
    complete: bool,
    /// Frames that were complete.
    frames: u64,
}

impl Coding for Zstd {
    fn name(&self) -> &'static str {
        "zstd"
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, String> {
        if self.complete && input.is_empty() {
            return Ok(Step {
                read: 0,
                written: 0,
                ended: false,
            });
        }
        let stream = match &mut self.stream {
            Some(stream) => stream,
            empty => {
                let mut stream = ZstdStream::new().map_err(|error| error.to_string())?;
                let window = DParameter::WindowLogMax(ZSTD_WINDOW);
                stream
                    .set_parameter(window)
                    .map_err(|error| error.to_string())?;
                empty.insert(stream)
            }
        };
        match stream.run_on_buffers(input, output) {
            Ok(status) => {
                self.complete = status.remaining == 0;
                self.frames += u64::from(self.complete);
                Ok(Step {
                    read: status.bytes_read,
                    written: status.bytes_written,
                    ended: false,
                })
            }
            // Not another frame, so what comes here is no longer content.
            Err(_) if self.complete && self.frames > 0 => Ok(Step {
                read: input.len(),
                written: 0,
                ended: true,
            }),
            Err(error) => Err(error.to_string()),
        }
    }

    fn may_end(&self) -> bool {
        self.complete
    }
}

#[cfg(test)]
mod tests;
