//! One output: a format, and the stream, file or place that its records go to. Used from the writing thread alone.
//!
//! On resume a file is cut back to its committed length. Appended formats are written at the end of each batch, so a
//! reader sees a record when there is one. A document is written beside its file, which it replaces when it is whole.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use url::Url;

use super::document::{self, Document};
use crate::model::{Summary, Visit};
use crate::parser;
use crate::parser::extract::Page;
use crate::sink::{self, Capture, Captures, Medium, OpenPlace, Original, Place, Sink, Standing};

/// Where an output goes.
pub enum Destination {
    /// A stream that cannot be cut back: a pipe, a terminal.
    Stream(Box<dyn Write + Send>),
    /// A file of that name.
    File(PathBuf),
}

/// One format to one place.
pub enum Output {
    /// Records as bytes.
    Bytes {
        /// Turns records into bytes.
        sink: Box<dyn Sink>,
        /// Takes them.
        destination: Destination,
        /// What it takes of exchanges.
        captures: Captures,
        /// All of it is made at the end: a file is replaced as a whole.
        document: bool,
    },
    /// Records to a place of the format's own.
    Place {
        /// Where.
        path: PathBuf,
        /// Makes it.
        open: OpenPlace,
        /// How records shall look.
        options: sink::Options,
        /// What it takes of exchanges.
        captures: Captures,
    },
}

impl Output {
    /// `sink` to `stream`: a pipe, a terminal, memory; [`io::sink`] for a sink that keeps records itself.
    pub fn stream(sink: impl Sink + 'static, stream: impl Write + Send + 'static) -> Self {
        Self::Bytes {
            sink: Box::new(sink),
            destination: Destination::Stream(Box::new(stream)),
            captures: Captures::NONE,
            document: false,
        }
    }

    /// The file at `path`, in the format that its extension names.
    ///
    /// # Errors
    /// When no format has that extension.
    pub fn file(path: impl Into<PathBuf>) -> Result<Self, OutputError> {
        let path = path.into();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let Some(format) = sink::for_file(&name) else {
            return Err(OutputError::Open {
                name: path.display().to_string(),
                reason: "no format has that extension".to_owned(),
            });
        };
        let options = sink::Options {
            links: format.links,
            ..sink::Options::default()
        };
        Ok(match format.medium {
            Medium::Bytes(open) | Medium::Document(open) => Self::Bytes {
                sink: open(&options),
                destination: Destination::File(path),
                captures: format.captures,
                document: matches!(format.medium, Medium::Document(_)),
            },
            Medium::Place(open) => Self::Place {
                path,
                open,
                options,
                captures: format.captures,
            },
        })
    }

    /// Has it use for records that nothing is wrong with?
    pub(super) fn takes_good(&self) -> bool {
        match self {
            Self::Bytes { sink, .. } => sink.takes_good(),
            Self::Place { .. } => true,
        }
    }

    /// What it takes of exchanges.
    pub(super) fn captures(&self) -> Captures {
        match self {
            Self::Bytes { captures, .. } | Self::Place { captures, .. } => *captures,
        }
    }
}

/// Why an output failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// It could not be opened.
    #[error("cannot open the output {name}: {reason}")]
    Open {
        /// The file.
        name: String,
        /// What the system said.
        reason: String,
    },
    /// It could not be written.
    #[error(
        "cannot write to {name}: {reason}; what was written before is complete up to its last line"
    )]
    Write {
        /// The file, or `stdout`.
        name: String,
        /// What the system said.
        reason: String,
    },
    /// It is not what the state says was written.
    #[error(
        "the output {name} is shorter ({length} bytes) than what the state has committed to it ({committed}); put the file back, or start anew with --fresh"
    )]
    Short {
        /// The file.
        name: String,
        /// Its length.
        length: u64,
        /// What it should be at least.
        committed: u64,
    },
    /// A body could not be saved.
    #[error("cannot save bodies in {folder}: {reason}; those that have their names are complete")]
    Save {
        /// The folder.
        folder: String,
        /// What the system said.
        reason: String,
    },
    /// The reader of stdout went away: the quiet end of a pipe.
    #[error("the reader of the output has gone")]
    Closed,
}

impl OutputError {
    /// What went wrong with the bodies in `folder`.
    pub(super) fn save(folder: &Path, error: &io::Error) -> Self {
        Self::Save {
            folder: folder.display().to_string(),
            reason: error.to_string(),
        }
    }
}

/// An output at work.
pub(super) enum Open {
    Bytes(Bytes),
    Place { name: String, place: Box<dyn Place> },
}

/// What is made of records, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Each is written as it comes.
    Records,
    /// A document, at the end.
    Document,
    /// The same, and a state goes on with it.
    LastingDocument,
}

impl Way {
    fn of(document: bool, lasting: bool) -> Self {
        match (document, lasting) {
            (false, _) => Self::Records,
            (true, false) => Self::Document,
            (true, true) => Self::LastingDocument,
        }
    }
}

/// An output of bytes.
pub(super) struct Bytes {
    name: String,
    sink: Box<dyn Sink>,
    to: Opened,
    length: u64,
    buffer: Vec<u8>,
}

enum Opened {
    Stream(Box<dyn Write + Send>),
    File(File),
    /// What a document will replace.
    Document(Document),
}

impl Open {
    pub(super) fn new(
        output: Output,
        committed: Option<u64>,
        standing: Standing,
    ) -> Result<Self, OutputError> {
        match output {
            Output::Bytes {
                sink,
                destination,
                document,
                ..
            } => {
                let lasting = standing != Standing::Alone;
                let way = Way::of(document, lasting);
                Bytes::new(sink, destination, committed, way).map(Self::Bytes)
            }
            Output::Place {
                path,
                open,
                mut options,
                ..
            } => {
                let name = path.display().to_string();
                options.relink = Some(relink);
                let place = open(&path, &options, standing);
                match place {
                    Ok(place) => Ok(Self::Place { name, place }),
                    Err(error) => Err(OutputError::Open {
                        name,
                        reason: error.to_string(),
                    }),
                }
            }
        }
    }

    /// Makes it ready for the first record.
    pub(super) fn begin(&mut self) -> Result<(), OutputError> {
        if let Self::Bytes(bytes) = self {
            bytes.cut()?;
            if bytes.length == 0 {
                bytes.sink.begin(&mut bytes.buffer);
            }
        }
        Ok(())
    }

    pub(super) fn write(&mut self, visit: &Visit) -> Result<(), OutputError> {
        match self {
            Self::Bytes(bytes) => {
                bytes.sink.write(visit, &mut bytes.buffer);
                if let Opened::Document(document) = &bytes.to {
                    document.note(visit, &mut bytes.buffer);
                }
            }
            Self::Place { name, place } => place
                .write(visit)
                .map_err(|error| write_error(name, &error))?,
        }
        Ok(())
    }

    pub(super) fn capture(&mut self, capture: &mut Capture) -> Result<(), OutputError> {
        let bytes = match self {
            Self::Bytes(bytes) => bytes,
            Self::Place { name, place } => {
                return place
                    .capture(capture)
                    .map_err(|error| write_error(name, &error));
            }
        };
        let taken = bytes.sink.capture(capture, &mut bytes.buffer);
        taken.map_err(|error| write_error(&bytes.name, &error))?;
        // Content is large: it does not wait for the end of a batch.
        if bytes.buffer.len() > 1 << 20 {
            bytes.flush()?;
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<(), OutputError> {
        match self {
            Self::Bytes(bytes) => bytes.flush(),
            Self::Place { .. } => Ok(()),
        }
    }

    pub(super) fn sync(&mut self) -> Result<(), OutputError> {
        match self {
            Self::Bytes(bytes) => {
                bytes.flush()?;
                bytes.sync()
            }
            Self::Place { name, place } => place.sync().map_err(|error| write_error(name, &error)),
        }
    }

    pub(super) fn finish(&mut self, summary: &Summary) -> Result<(), OutputError> {
        match self {
            Self::Bytes(bytes) => {
                if matches!(bytes.to, Opened::Document(_)) {
                    bytes.flush()?;
                }
                bytes.sink.finish(summary, &mut bytes.buffer);
                let Opened::Document(document) = &bytes.to else {
                    return bytes.flush();
                };
                let replaced = document.replace(&bytes.buffer);
                bytes.buffer.clear();
                replaced.map_err(|error| write_error(&bytes.name, &error))
            }
            Self::Place { name, place } => place
                .finish(summary)
                .map_err(|error| write_error(name, &error)),
        }
    }

    /// What is committed of it; a place needs no length.
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.length,
            Self::Place { .. } => 0,
        }
    }
}

/// What a sink cannot do without the parser.
fn relink(original: &Original<'_>, to: &dyn Fn(&Url) -> Option<String>) -> Vec<u8> {
    let page = Page {
        url: original.url,
        essence: original.essence,
        charset: original.charset,
        content: original.content,
    };
    parser::relink::relink(&page, to)
}

fn write_error(name: &str, error: &io::Error) -> OutputError {
    OutputError::Write {
        name: name.to_owned(),
        reason: error.to_string(),
    }
}

impl Destination {
    fn name(&self) -> String {
        match self {
            Self::Stream(_) => "stdout".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

impl Bytes {
    fn new(
        sink: Box<dyn Sink>,
        destination: Destination,
        committed: Option<u64>,
        way: Way,
    ) -> Result<Self, OutputError> {
        let name = destination.name();
        let committed = committed.unwrap_or(0);
        let open = |reason: String| OutputError::Open {
            name: name.clone(),
            reason,
        };
        let (to, length) = match destination {
            Destination::File(path) if way != Way::Records && document::is_file(&path) => {
                let document = Document::new(&path, way == Way::LastingDocument);
                let document = document.map_err(|error| open(error.to_string()))?;
                document.holds(committed)?;
                (Opened::Document(document), committed)
            }
            _ if way == Way::LastingDocument => {
                return Err(open(
                    "a report that goes on with a state needs a file: give it -o PATH".to_owned(),
                ));
            }
            Destination::Stream(stream) => (Opened::Stream(stream), 0),
            Destination::File(path) => {
                let wrong = |error: io::Error| OutputError::Open {
                    name: name.clone(),
                    reason: error.to_string(),
                };
                // Cut only after every output has been opened: a bad one must not cost a good one.
                let file = File::options()
                    .create(true)
                    .truncate(false)
                    .write(true)
                    .open(&path)
                    .map_err(wrong)?;
                let found = file.metadata().map_err(wrong)?;
                if found.is_file() && found.len() < committed {
                    return Err(OutputError::Short {
                        name,
                        length: found.len(),
                        committed,
                    });
                }
                (Opened::File(file), committed)
            }
        };
        Ok(Self {
            name,
            sink,
            to,
            length,
            buffer: Vec::new(),
        })
    }

    /// Cuts a file to what is committed. A device or a named pipe has no length to cut.
    fn cut(&mut self) -> Result<(), OutputError> {
        let file = match &mut self.to {
            Opened::Stream(_) => return Ok(()),
            Opened::File(file) => file,
            Opened::Document(document) => {
                let sink = &mut self.sink;
                let read = document.read_back(self.length, |visit| {
                    // It appends nothing before the end.
                    sink.write(visit, &mut Vec::new());
                });
                return read.map_err(|error| OutputError::Open {
                    name: self.name.clone(),
                    reason: error.to_string(),
                });
            }
        };
        let cut = |file: &mut File, length| -> io::Result<()> {
            if file.metadata()?.is_file() {
                file.set_len(length)?;
                file.seek(SeekFrom::Start(length))?;
            }
            Ok(())
        };
        cut(file, self.length).map_err(|error| OutputError::Open {
            name: self.name.clone(),
            reason: error.to_string(),
        })
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let result = match &mut self.to {
            Opened::Stream(stream) => stream.write_all(&self.buffer).and_then(|()| stream.flush()),
            Opened::File(file) => file.write_all(&self.buffer),
            Opened::Document(document) => document.put(&self.buffer),
        };
        result.map_err(|error| match (&self.to, error.kind()) {
            (Opened::Stream(_), io::ErrorKind::BrokenPipe) => OutputError::Closed,
            _ => OutputError::Write {
                name: self.name.clone(),
                reason: error.to_string(),
            },
        })?;
        self.length += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn sync(&mut self) -> Result<(), OutputError> {
        let synced = match &self.to {
            Opened::Stream(_) => return Ok(()),
            Opened::File(file) => file.sync_data(),
            Opened::Document(document) => document.sync(),
        };
        match synced {
            // A device or a pipe has nothing to sync.
            Err(error) if error.kind() != io::ErrorKind::InvalidInput => Err(OutputError::Write {
                name: self.name.clone(),
                reason: error.to_string(),
            }),
            _ => Ok(()),
        }
    }
}
