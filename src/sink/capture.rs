//! One request and its answer as they went over the wire, for formats that keep them.
//!
//! Content is held in memory up to a size and in a file without a name beyond it, so that a thousand answers that wait
//! to be written do not fill the memory. Credentials are not in here: whoever made the capture left them out.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Version};
use url::Url;

/// An exchange with its content.
#[derive(Debug)]
pub struct Capture {
    /// The target URI of the request, without userinfo.
    pub url: Url,
    /// How it was asked for.
    pub method: Method,
    /// The fields that were sent, those with credentials left out.
    pub request: HeaderMap,
    /// The content that was sent.
    pub sent: Option<Bytes>,
    /// When the answer was complete.
    pub at: SystemTime,
    /// Of the response.
    pub status: StatusCode,
    /// Of the response.
    pub version: Version,
    /// Of the response, as received.
    pub fields: HeaderMap,
    /// Who answered.
    pub remote: Option<SocketAddr>,
    /// The content as it came, its codings not undone; `None` where it was not read, or no output keeps it so.
    pub content: Option<Spool>,
    /// The content itself; `None` where it was not read, or no output keeps it so.
    pub decoded: Option<Spool>,
}

/// Which content of exchanges is kept, by a format or by all outputs of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Captures {
    /// As it came.
    pub coded: bool,
    /// With its codings undone, of good answers only.
    pub decoded: bool,
}

impl Captures {
    /// Exchanges are not kept.
    pub const NONE: Self = Self {
        coded: false,
        decoded: false,
    };
    /// As an archive keeps them.
    pub const CODED: Self = Self {
        coded: true,
        decoded: false,
    };
    /// For those who look at pages.
    pub const DECODED: Self = Self {
        coded: false,
        decoded: true,
    };

    /// Is any?
    #[must_use]
    pub fn any(self) -> bool {
        self.coded || self.decoded
    }

    /// What two outputs keep together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            coded: self.coded || other.coded,
            decoded: self.decoded || other.decoded,
        }
    }
}

/// Content that is held in memory until it is large.
#[derive(Debug, Default)]
pub struct Spool {
    held: Vec<u8>,
    file: Option<File>,
    length: u64,
    /// The disk failed: what is here is not all.
    failed: bool,
}

/// Held in memory, at most.
const HELD: usize = 256 << 10;

impl Spool {
    /// Takes more. A disk that fails costs this content, which is then not whole, and nothing else.
    pub fn push(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        if self.file.is_none() && self.held.len() + bytes.len() <= HELD {
            self.held.extend_from_slice(bytes);
        } else if !self.failed {
            self.failed = self.spill(bytes).is_err();
        }
    }

    fn spill(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            return file.write_all(bytes);
        }
        let mut file = tempfile::tempfile()?;
        file.write_all(&self.held)?;
        file.write_all(bytes)?;
        self.held = Vec::new();
        self.file = Some(file);
        Ok(())
    }

    /// Bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Is there nothing?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// From the beginning, as often as is asked for.
    ///
    /// # Errors
    /// What the system said, now or when it was put away.
    pub fn read(&mut self) -> io::Result<Box<dyn Read + '_>> {
        if self.failed {
            return Err(io::Error::other("content could not be put away on disk"));
        }
        Ok(match &mut self.file {
            Some(file) => {
                file.seek(SeekFrom::Start(0))?;
                Box::new(file)
            }
            None => Box::new(self.held.as_slice()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_out_however_large() {
        for pieces in [0, 1, 3, 40] {
            let mut spool = Spool::default();
            let mut all = Vec::new();
            for piece in 0..pieces {
                let bytes = vec![piece; 20 << 10];
                spool.push(&bytes);
                all.extend(bytes);
            }
            assert_eq!(spool.len(), all.len() as u64);
            for _ in 0..2 {
                let mut read = Vec::new();
                spool.read().unwrap().read_to_end(&mut read).unwrap();
                assert!(read == all, "{pieces}");
            }
        }
    }
}
