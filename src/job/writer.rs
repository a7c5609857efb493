//! Outputs, on a thread of their own.
//!
//! A pipe that nobody reads and a disk that is slow must not stop the event loop, so every record goes
//! through a bounded channel to the one thread that owns the outputs. A pool future first waits for room
//! ([`Writer::reserve`]), then hands over without waiting ([`Room::send`]): that moment is the acceptance,
//! and whoever settles the lease in the same breath has made record and settlement one event.
//!
//! [`Writer::barrier`] asks for everything accepted so far to be on its medium and for the length of each
//! output then: what a durable frontier commits. On resume an output is cut back to that length. Appended
//! formats write as they go, at the end of each batch, so a reader sees a record when there is one.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::model::{Summary, Visit};
use crate::sink::{self, Capture, Medium, OpenPlace, Place, Sink};

/// Records that may wait for the thread.
const ROOM: usize = 1024;

/// Exchanges that may: each holds up to a quarter of a mebibyte.
const CAPTURES: usize = 64;

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
        /// It takes exchanges too.
        captures: bool,
    },
    /// Records to a place of the format's own.
    Place {
        /// Where.
        path: PathBuf,
        /// Makes it.
        open: OpenPlace,
        /// How records shall look.
        options: sink::Options,
    },
}

impl Output {
    /// `sink` to `stream`: a pipe, a terminal, memory; [`io::sink`] for a sink that keeps records itself.
    pub fn stream(sink: impl Sink + 'static, stream: impl Write + Send + 'static) -> Self {
        Self::Bytes {
            sink: Box::new(sink),
            destination: Destination::Stream(Box::new(stream)),
            captures: false,
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
            Medium::Bytes(open) => Self::Bytes {
                sink: open(&options),
                destination: Destination::File(path),
                captures: format.captures,
            },
            Medium::Place(open) => Self::Place {
                path,
                open,
                options,
            },
        })
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
    /// The reader of stdout went away: the quiet end of a pipe.
    #[error("the reader of the output has gone")]
    Closed,
}

enum Message {
    Records(Vec<Arc<Visit>>),
    /// An exchange, and its share of what may wait.
    Captured(Box<Capture>, OwnedSemaphorePermit),
    Barrier(oneshot::Sender<Vec<u64>>),
    Finish(Box<Summary>),
}

/// An output at work.
enum Open {
    Bytes(Bytes),
    Place { name: String, place: Box<dyn Place> },
}

/// An output of bytes.
struct Bytes {
    name: String,
    sink: Box<dyn Sink>,
    to: Opened,
    length: u64,
    buffer: Vec<u8>,
}

enum Opened {
    Stream(Box<dyn Write + Send>),
    File(File),
}

impl Open {
    fn new(output: Output, committed: Option<u64>) -> Result<Self, OutputError> {
        match output {
            Output::Bytes {
                sink, destination, ..
            } => Bytes::new(sink, destination, committed).map(Self::Bytes),
            Output::Place {
                path,
                open,
                options,
            } => {
                let name = path.display().to_string();
                let place = open(&path, &options, committed.is_some());
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
    fn begin(&mut self) -> Result<(), OutputError> {
        if let Self::Bytes(bytes) = self {
            bytes.cut()?;
            if bytes.length == 0 {
                bytes.sink.begin(&mut bytes.buffer);
            }
        }
        Ok(())
    }

    fn write(&mut self, visit: &Visit) -> Result<(), OutputError> {
        match self {
            Self::Bytes(bytes) => bytes.sink.write(visit, &mut bytes.buffer),
            Self::Place { name, place } => place
                .write(visit)
                .map_err(|error| write_error(name, &error))?,
        }
        Ok(())
    }

    fn capture(&mut self, capture: &mut Capture) -> Result<(), OutputError> {
        let Self::Bytes(bytes) = self else {
            return Ok(());
        };
        let taken = bytes.sink.capture(capture, &mut bytes.buffer);
        taken.map_err(|error| write_error(&bytes.name, &error))?;
        // Content is large: it does not wait for the end of a batch.
        if bytes.buffer.len() > 1 << 20 {
            bytes.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        match self {
            Self::Bytes(bytes) => bytes.flush(),
            Self::Place { .. } => Ok(()),
        }
    }

    fn sync(&mut self) -> Result<(), OutputError> {
        match self {
            Self::Bytes(bytes) => {
                bytes.flush()?;
                bytes.sync()
            }
            Self::Place { name, place } => place.sync().map_err(|error| write_error(name, &error)),
        }
    }

    fn finish(&mut self, summary: &Summary) -> Result<(), OutputError> {
        match self {
            Self::Bytes(bytes) => {
                bytes.sink.finish(summary, &mut bytes.buffer);
                bytes.flush()
            }
            Self::Place { name, place } => place
                .finish(summary)
                .map_err(|error| write_error(name, &error)),
        }
    }

    /// What is committed of it; a place needs no length.
    fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.length,
            Self::Place { .. } => 0,
        }
    }
}

fn write_error(name: &str, error: &io::Error) -> OutputError {
    OutputError::Write {
        name: name.to_owned(),
        reason: error.to_string(),
    }
}

/// The way to the writing thread.
pub(super) struct Writer {
    messages: mpsc::Sender<Message>,
    failure: Arc<Mutex<Option<OutputError>>>,
    /// Some output takes exchanges.
    captures: bool,
    /// Exchanges that may wait for the thread.
    waiting: Arc<Semaphore>,
    thread: Option<JoinHandle<()>>,
}

/// Room for one hand-over.
pub(super) struct Room<'a>(mpsc::Permit<'a, Message>);

impl Room<'_> {
    /// Hands the records over, together and in order; they are accepted when this returns.
    pub(super) fn send(self, records: Vec<Arc<Visit>>) {
        self.0.send(Message::Records(records));
    }
}

impl Writer {
    /// Opens every output and starts the thread. `lengths` are the committed ones of a run that goes on;
    /// empty for a new one, whose files are emptied.
    ///
    /// # Errors
    /// When an output cannot be opened, or is shorter than its committed length. Nothing is changed then
    /// in the outputs after it.
    pub(super) fn open(outputs: Vec<Output>, lengths: &[u64]) -> Result<Self, OutputError> {
        let captures = outputs
            .iter()
            .any(|output| matches!(output, Output::Bytes { captures: true, .. }));
        let mut open = Vec::with_capacity(outputs.len());
        for (position, output) in outputs.into_iter().enumerate() {
            open.push(Open::new(output, lengths.get(position).copied())?);
        }
        for output in &mut open {
            output.begin()?;
        }
        let (messages, mut receiver) = mpsc::channel(ROOM);
        let failure = Arc::new(Mutex::new(None));
        let theirs = Arc::clone(&failure);
        let thread = std::thread::Builder::new()
            .name("output".into())
            .spawn(move || {
                // Stored before the channel closes with the receiver's end: whoever sees it closed finds why.
                if let Err(error) = write_all(open, &mut receiver) {
                    *theirs.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
            })
            .map_err(|error| OutputError::Open {
                name: "thread".into(),
                reason: error.to_string(),
            })?;
        Ok(Self {
            messages,
            failure,
            captures,
            waiting: Arc::new(Semaphore::new(CAPTURES)),
            thread: Some(thread),
        })
    }

    /// Waits for room.
    ///
    /// # Errors
    /// What ended the outputs, if something did.
    pub(super) async fn reserve(&self) -> Result<Room<'_>, OutputError> {
        self.messages
            .reserve()
            .await
            .map(Room)
            .map_err(|_| self.failure())
    }

    /// Does some output take exchanges?
    #[must_use]
    pub(super) fn captures(&self) -> bool {
        self.captures
    }

    /// Hands an exchange over, once there is room.
    ///
    /// # Errors
    /// What ended the outputs, if something did.
    pub(super) async fn capture(&self, capture: Capture) -> Result<(), OutputError> {
        // Never closed, so this cannot fail.
        let Ok(share) = Arc::clone(&self.waiting).acquire_owned().await else {
            return Err(self.failure());
        };
        let room = self.reserve().await?;
        room.0.send(Message::Captured(Box::new(capture), share));
        Ok(())
    }

    /// Asks for everything accepted so far to be made durable; `None` when there is no room to ask now.
    pub(super) fn barrier(&self) -> Option<oneshot::Receiver<Vec<u64>>> {
        let room = self.messages.try_reserve().ok()?;
        let (lengths, answer) = oneshot::channel();
        room.send(Message::Barrier(lengths));
        Some(answer)
    }

    /// The same, waiting for room.
    ///
    /// # Errors
    /// What ended the outputs, if something did.
    pub(super) async fn last_barrier(&self) -> Result<oneshot::Receiver<Vec<u64>>, OutputError> {
        let room = self.messages.reserve().await.map_err(|_| self.failure())?;
        let (lengths, answer) = oneshot::channel();
        room.send(Message::Barrier(lengths));
        Ok(answer)
    }

    /// Is the thread still at work? `false` once an output has failed or its reader has gone.
    #[must_use]
    pub(super) fn is_open(&self) -> bool {
        !self.messages.is_closed()
    }

    /// Waits until an output fails or its reader goes.
    pub(super) async fn closed(&self) {
        self.messages.closed().await;
    }

    /// Ends the outputs and waits for the thread, at most as long as the readers take.
    ///
    /// # Errors
    /// What went wrong, if something did.
    pub(super) async fn finish(mut self, summary: &Summary) -> Result<(), OutputError> {
        if let Ok(room) = self.messages.reserve().await {
            room.send(Message::Finish(Box::new(summary.clone())));
        }
        self.messages.closed().await;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        match self
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// What ended the thread.
    #[must_use]
    pub(super) fn failure(&self) -> OutputError {
        let ended = || OutputError::Write {
            name: "the outputs".into(),
            reason: "their thread has ended".into(),
        };
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .unwrap_or_else(ended)
    }
}

/// The thread: batches of messages, one write for each output and batch.
fn write_all(
    mut outputs: Vec<Open>,
    messages: &mut mpsc::Receiver<Message>,
) -> Result<(), OutputError> {
    let mut batch = Vec::with_capacity(256);
    loop {
        if messages.blocking_recv_many(&mut batch, 256) == 0 {
            return Ok(());
        }
        for message in batch.drain(..) {
            match message {
                Message::Records(records) => {
                    for output in &mut outputs {
                        for visit in &records {
                            output.write(visit)?;
                        }
                    }
                }
                Message::Captured(mut capture, _share) => {
                    for output in &mut outputs {
                        output.capture(&mut capture)?;
                    }
                }
                Message::Barrier(lengths) => {
                    for output in &mut outputs {
                        output.sync()?;
                    }
                    // Nobody waits when the run has failed meanwhile.
                    let _ = lengths.send(outputs.iter().map(Open::length).collect());
                }
                Message::Finish(summary) => {
                    for output in &mut outputs {
                        output.finish(&summary)?;
                    }
                    return Ok(());
                }
            }
        }
        for output in &mut outputs {
            output.flush()?;
        }
    }
}

impl Bytes {
    fn new(
        sink: Box<dyn Sink>,
        destination: Destination,
        committed: Option<u64>,
    ) -> Result<Self, OutputError> {
        let (name, to, length) = match destination {
            Destination::Stream(stream) => ("stdout".to_owned(), Opened::Stream(stream), 0),
            Destination::File(path) => {
                let name = path.display().to_string();
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
                let committed = committed.unwrap_or(0);
                if found.is_file() && found.len() < committed {
                    return Err(OutputError::Short {
                        name,
                        length: found.len(),
                        committed,
                    });
                }
                (name, Opened::File(file), committed)
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
        let Opened::File(file) = &mut self.to else {
            return Ok(());
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
        let Opened::File(file) = &self.to else {
            return Ok(());
        };
        match file.sync_data() {
            // A device or a pipe has nothing to sync.
            Err(error) if error.kind() != io::ErrorKind::InvalidInput => Err(OutputError::Write {
                name: self.name.clone(),
                reason: error.to_string(),
            }),
            _ => Ok(()),
        }
    }
}
