//! Bodies on their way from the loop to the thread that keeps them (`--save-dir`).
//!
//! Content is gathered in pieces and handed over when there is room; until then the server is not read on. Small bodies are
//! handed over at their end, in one message. A body that an earlier run or an earlier try has begun goes on where it was, if
//! the server still has the same; whatever else is asked of the content (a digest, a title) is then read from the part
//! first. With the rest the whole is there, so its record is that of a whole answer (RFC 9110, section 15.3.7.3).
//!
//! Saved are good answers; what becomes of a body is told in the order of the records, and it gets its name with its record.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use futures::future::LocalBoxFuture;
use http::header::{CONTENT_TYPE, RANGE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::sync::oneshot;

use super::Error;
use super::content::Content;
use super::exchange::Sent;
use super::pipeline::Pipeline;
use super::writer::Way;
use crate::fetcher::FetchError;
use crate::frontier::Lease;
use crate::model::{FailureKind, without_secrets};
use crate::policy::accept::Accept;
use crate::policy::resume::{self, Came, Incomplete};
use crate::sink::{Begun, Bodies, body_name};

/// Bytes that are handed over together.
const PIECE: usize = 64 << 10;

/// What the thread is told of a body.
pub(super) enum Told {
    /// Is there a part of it that could go on?
    Begun(u64, String, oneshot::Sender<Option<Begun>>),
    /// More of it.
    Piece(u64, Option<Start>, Vec<u8>),
    /// It was cut.
    Left(u64),
    /// What is there of it is of no use.
    Useless(u64),
}

/// How a body begins.
pub(super) enum Start {
    /// Behind the first bytes of the part.
    Rest(u64),
    /// With its first byte.
    Whole(String, Option<Incomplete>),
}

impl Told {
    /// Does what is told.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn to(self, bodies: &mut Bodies) -> io::Result<()> {
        match self {
            Self::Begun(id, name, tell) => {
                // Nobody waits when the run has failed meanwhile.
                let _ = tell.send(bodies.begun(id, &name)?);
                Ok(())
            }
            Self::Piece(id, start, bytes) => {
                match start {
                    Some(Start::Rest(first)) => bodies.go_on(id, first)?,
                    Some(Start::Whole(name, incomplete)) => {
                        bodies.begin(id, &name, incomplete.as_ref())?;
                    }
                    None => {}
                }
                bodies.write(id, &bytes)
            }
            Self::Left(id) => bodies.leave(id),
            Self::Useless(id) => bodies.forget(id),
        }
    }
}

/// One body.
pub(super) struct Saving {
    id: u64,
    /// Relative to the folder.
    name: String,
    /// Where it will be.
    path: PathBuf,
    way: Way,
    accept: Accept,
    /// Where the content comes from.
    url: String,
    /// The answer could be one that goes on, if it is cut.
    whole: bool,
    begun: Option<Begun>,
    stage: Stage,
    start: Option<Start>,
    held: Vec<u8>,
    length: u64,
    total: Option<u64>,
    /// The beginning has to be read for whoever else looks at the content.
    unread: bool,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// No head yet, or one that is not saved.
    Nothing,
    Taking,
    /// The part cannot go on.
    Useless,
    /// All of it has been told.
    Whole,
    /// An earlier run has saved the same.
    There,
}

impl Saving {
    /// The head is there; are the bytes that follow the rest of those that are there?
    pub(super) fn head(&mut self, status: StatusCode, fields: &HeaderMap) -> bool {
        self.held.clear();
        self.stage = Stage::Nothing;
        if let Some(begun) = &self.begun {
            match resume::came(begun.first, &begun.incomplete, status, fields) {
                Came::Rest(total) => {
                    self.start = Some(Start::Rest(begun.first));
                    (self.length, self.total) = (begun.first, total);
                    (self.stage, self.unread) = (Stage::Taking, true);
                    return true;
                }
                Came::Nothing => {
                    self.stage = Stage::Useless;
                    return false;
                }
                Came::Other => {}
            }
        }
        let content = match status {
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED => false,
            // Nobody asked for a part.
            StatusCode::PARTIAL_CONTENT => !self.whole,
            _ => true,
        };
        if content && self.accept.contains(status.as_u16()) {
            let incomplete = Incomplete::of(&self.url, status, fields).filter(|_| self.whole);
            self.start = Some(Start::Whole(self.name.clone(), incomplete));
            (self.length, self.total) = (0, None);
            self.stage = Stage::Taking;
        }
        false
    }

    /// The fields of the whole, where these came with the rest of it.
    pub(super) fn whole(&self, fields: &HeaderMap) -> HeaderMap {
        let mut fields = fields.clone();
        let begun = self.begun.as_ref();
        let kept = begun.and_then(|begun| begun.incomplete.content_type.as_deref());
        if let Some(Ok(kept)) = kept.map(HeaderValue::from_str) {
            fields.entry(CONTENT_TYPE).or_insert(kept);
        }
        fields
    }

    /// Will it be kept?
    pub(super) fn is_taken(&self) -> bool {
        self.stage == Stage::Taking
    }

    /// Where it will be, or is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What stands there is what the server has.
    pub(super) fn stays(&mut self) {
        if self.stage == Stage::Taking {
            self.stage = Stage::There;
        }
    }

    /// Nobody wants the content.
    pub(super) fn refuse(&mut self) {
        if self.stage == Stage::Taking {
            self.stage = Stage::Nothing;
        }
    }

    /// The next bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.stage == Stage::Taking {
            self.held.extend_from_slice(bytes);
            self.length += bytes.len() as u64;
        }
    }

    /// Bytes that are there already, where the rest comes.
    pub(super) fn before(&self) -> u64 {
        match self.start {
            Some(Start::Rest(first)) => first,
            _ => 0,
        }
    }

    /// The part whose bytes come before those of the answer, once.
    pub(super) fn unread(&mut self) -> Option<(PathBuf, u64)> {
        let begun = self.begun.as_ref().filter(|_| self.unread)?;
        self.unread = false;
        Some((begun.path.clone(), begun.first))
    }

    /// The part cannot be read.
    pub(super) fn lose(&mut self) {
        self.stage = Stage::Useless;
    }

    /// Hands over what is held, when that is enough.
    pub(super) fn room(&mut self) -> Option<LocalBoxFuture<'_, ()>> {
        let much = self.stage == Stage::Taking && self.held.len() >= PIECE;
        much.then(|| -> LocalBoxFuture<'_, ()> {
            Box::pin(async {
                let piece = self.piece();
                self.way.tell(piece).await;
            })
        })
    }

    /// Leaves what has come.
    async fn leave(&mut self) {
        if self.stage == Stage::Taking {
            let last = self.piece();
            self.way.tell(last).await;
        }
        self.way.tell(Told::Left(self.id)).await;
    }

    /// Were other bytes sent than the rest that was asked for?
    fn is_astray(&self, error: &FetchError) -> bool {
        let headless = self.begun.is_some() && self.stage == Stage::Nothing;
        headless && error.failure.kind == FailureKind::Protocol
    }

    fn piece(&mut self) -> Told {
        Told::Piece(self.id, self.start.take(), std::mem::take(&mut self.held))
    }

    /// The name in the record and the number of the part, if all of it is there.
    pub(super) fn saved(self) -> Option<(String, u64)> {
        let saved = matches!(self.stage, Stage::Whole | Stage::There);
        saved.then(|| (self.path.to_string_lossy().into_owned(), self.id))
    }
}

/// Reads the bytes of a part that begin at `from`, at most so many.
pub(super) fn part(path: &Path, from: u64, most: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    if bytes.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

/// Has the file at `path` so many bytes with that digest, in hexadecimal?
pub(super) fn is_same(path: &Path, size: u64, digest: &str) -> bool {
    let Ok(mut file) = File::open(path) else {
        return false;
    };
    if !file.metadata().is_ok_and(|there| there.len() == size) {
        return false;
    }
    let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return HEXLOWER.encode(hash.finish().as_ref()) == digest,
            Ok(read) => hash.update(&piece[..read]),
            Err(_) => return false,
        }
    }
}

/// What became of the body of an answer.
pub(super) enum Put {
    /// Nothing is to be done about it.
    Away,
    /// The part that was gone on with is of no use, and with it the answer.
    Useless,
}

impl Pipeline<'_> {
    /// Makes ready to save the content of the answer to the request of `lease`, as the body of that number; the fields that
    /// ask for the rest of what is there.
    pub(super) async fn save(
        &self,
        way: Way,
        id: u64,
        lease: &Lease,
        content: &mut Content,
    ) -> Result<HeaderMap, Error> {
        let mut fields = HeaderMap::new();
        let task = &lease.task;
        let message = self.work.message(task);
        let name = body_name(&task.target.url, message.as_deref());
        let (own, sent, _) = self.message(lease);
        let whole = task.method == Method::GET && sent.is_none() && !own.contains_key(RANGE);
        let url = without_secrets(task.url()).into_owned();
        let mut begun = None;
        if whole {
            let (tell, told) = oneshot::channel();
            way.tell(Told::Begun(id, name.clone(), tell)).await;
            begun = told.await.map_err(|_| self.writer.failure())?;
        }
        if let Some(part) = begun.take_if(|part| part.incomplete.url != url) {
            // It came from elsewhere: perhaps from where this request will be redirected to.
            drop(part);
            way.tell(Told::Left(id)).await;
        }
        if let Some(part) = &begun {
            resume::conditions(part.first, &part.incomplete, &mut fields);
        }
        content.save(Saving {
            id,
            path: way.path(&name),
            name,
            way,
            accept: self.limits.accept.clone(),
            url,
            whole,
            begun,
            stage: Stage::Nothing,
            start: None,
            held: Vec::new(),
            length: 0,
            total: None,
            unread: false,
        });
        Ok(fields)
    }
}

/// Tells the end of a body, and what it means for the answer.
pub(super) async fn put_away(saving: &mut Saving, sent: &mut Option<Sent>) -> Put {
    let exchange = match sent {
        // Without content to an end there is nothing to be saved.
        Some(Ok(exchange)) if exchange.size.is_some() => exchange,
        Some(Err(error)) if saving.is_astray(error) => {
            saving.way.tell(Told::Useless(saving.id)).await;
            return Put::Useless;
        }
        // It would end like that again: too large, or not what it is said to be.
        Some(Err(error)) if saving.is_taken() && !error.transient => {
            saving.way.tell(Told::Useless(saving.id)).await;
            return Put::Away;
        }
        _ => {
            saving.leave().await;
            return Put::Away;
        }
    };
    match saving.stage {
        Stage::Useless => {
            saving.way.tell(Told::Useless(saving.id)).await;
            return Put::Useless;
        }
        Stage::Taking => {}
        Stage::There => return Put::Away,
        Stage::Nothing | Stage::Whole => {
            saving.leave().await;
            return Put::Away;
        }
    }
    let rest = saving.begun.is_some() && exchange.status == StatusCode::PARTIAL_CONTENT;
    if let Some(total) = saving.total.filter(|total| *total != saving.length) {
        let message = format!("{} bytes of {total} came", saving.length);
        saving.leave().await;
        *sent = Some(Err(FetchError::passing(FailureKind::Truncated, message)));
        return Put::Away;
    }
    let last = saving.piece();
    saving.way.tell(last).await;
    saving.stage = Stage::Whole;
    if rest {
        exchange.status = StatusCode::OK;
        exchange.fields = saving.whole(&exchange.fields);
    }
    Put::Away
}
