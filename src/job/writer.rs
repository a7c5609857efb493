//! Outputs, on a thread of their own.
//!
//! A pipe that nobody reads and a disk that is slow must not stop the event loop, so every record goes
//! through a bounded channel to the one thread that owns the outputs. A pool future first waits for room
//! ([`Writer::reserve`]), then hands over without waiting ([`Room::send`]): that moment is the acceptance,
//! and whoever settles the lease in the same breath has made record and settlement one event.
//!
//! [`Writer::barrier`] asks for everything accepted so far to be on its medium and for the length of each
//! output then: what a durable frontier commits. Records that a condition keeps out end here, on this thread: a
//! pattern that looks through bodies takes its time from nobody.

use std::cell::Cell;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, mpsc, oneshot};

use super::captures;
use super::kept::Kept;
use super::order::{Order, Passed};
use super::output::{Open, Output, OutputError};
use super::saving::Told;
use super::spent::{Returning, Spent};
use crate::frontier::Written;
use crate::model::{Summary, Visit};
use crate::policy::filter::Filter;
use crate::sink::{Bodies, Capture, Captures, Standing};

/// Messages that may wait for the thread, and records: one message may have some hundred of them.
const ROOM: usize = 1024;

/// What the thread takes at once.
const BATCH: usize = 256;

/// When there is no more, the thread rests so long. Meanwhile the loop need not wake it for each record, which would cost as much
/// as writing it; the first record of a run does not wait, and whoever waits for an answer wakes it.
const REST: Duration = Duration::from_millis(5);

/// Exchanges and pieces of bodies that may: each holds up to a quarter of a mebibyte.
const LARGE: usize = 64;

enum Message {
    /// Records, the number under which the first is kept, if it is, and their share of what may wait.
    Records(Vec<Arc<Visit>>, Option<u64>, usize),
    /// A record that is kept.
    Recall(u64, oneshot::Sender<Option<Visit>>),
    /// An exchange, and its share of what may wait.
    Captured(Box<Capture>, OwnedSemaphorePermit),
    /// What became of a body, and its share of what may wait.
    Body(Told, OwnedSemaphorePermit),
    Barrier(oneshot::Sender<Written>),
    /// The end, and the way back for the summary and for what a later run would go on with.
    Finish(Box<Summary>, oneshot::Sender<(Box<Summary>, Written)>),
}

/// The way to the writing thread.
pub(super) struct Writer {
    messages: mpsc::Sender<Message>,
    spent: Spent,
    failure: Arc<Mutex<Option<OutputError>>>,
    /// What the outputs take of exchanges.
    captures: Captures,
    /// The folder of bodies, where they are saved.
    save: Option<PathBuf>,
    /// The number of the next one.
    next: Cell<u64>,
    /// Exchanges and pieces of bodies that may wait for the thread.
    waiting: Arc<Semaphore>,
    /// Records that may.
    records: Arc<Semaphore>,
    thread: Option<JoinHandle<()>>,
}

/// Room for one hand-over.
pub(super) struct Room<'a> {
    message: mpsc::Permit<'a, Message>,
    spent: &'a Spent,
    records: &'a Semaphore,
    /// There is room for a record at least.
    share: SemaphorePermit<'a>,
}

impl Room<'_> {
    /// Hands the records over, together and in order; they are accepted when this returns.
    /// `keep`: the number under which the first of them can be had again.
    pub(super) fn send(mut self, records: Vec<Arc<Visit>>, keep: Option<u64>) {
        // Where there is too little room for all of them, the next ones wait until there is some again.
        let more = records.len().saturating_sub(1);
        let more = more.min(self.records.available_permits());
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        if let Ok(more) = self.records.try_acquire_many(more) {
            self.share.merge(more);
        }
        let number = records.len();
        let share = self.share.num_permits();
        // The thread gives it back, with those of all that it takes at once.
        self.share.forget();
        self.message.send(Message::Records(records, keep, share));
        self.spent.let_go(number);
    }
}

/// The way of bodies to the thread.
#[derive(Clone)]
pub(super) struct Way {
    messages: mpsc::Sender<Message>,
    waiting: Arc<Semaphore>,
    folder: PathBuf,
}

impl Way {
    /// Tells it, once there is room; where the outputs have failed, nobody asks any more.
    pub(super) async fn tell(&self, told: Told) {
        if let Ok(share) = Arc::clone(&self.waiting).acquire_owned().await {
            let _ = self.messages.send(Message::Body(told, share)).await;
        }
    }

    /// The file of the body of that name.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Writer {
    /// Opens every output and starts the thread, which writes what passes `filter`, in the order of the seeds if there
    /// is an `order`. `before` is what an earlier run has committed; without lengths it is a new one, whose files are
    /// emptied. `standing` says the same to a place.
    ///
    /// # Errors
    /// When an output cannot be opened, or is shorter than its committed length. Nothing is changed then
    /// in the outputs after it.
    pub(super) fn open(
        outputs: Vec<Output>,
        save: Option<PathBuf>,
        filter: Filter,
        order: Option<Arc<Passed>>,
        before: &Written,
        standing: Standing,
    ) -> Result<Self, OutputError> {
        let captures = captures(&outputs);
        let mut open = Vec::with_capacity(outputs.len());
        for (position, output) in outputs.into_iter().enumerate() {
            let committed = before.lengths.get(position).copied();
            open.push(Open::new(output, committed, standing)?);
        }
        let lasting = standing != Standing::Alone;
        let bodies = save.as_deref().map(|folder| {
            let opened = Bodies::open(folder, lasting);
            opened.map_err(|error| OutputError::save(folder, &error))
        });
        let bodies = bodies.transpose()?;
        for output in &mut open {
            output.begin()?;
        }
        let (messages, mut receiver) = mpsc::channel(ROOM);
        let spent = Spent::default();
        let desk = Desk {
            outputs: open,
            spent: spent.returning(),
            filter,
            filtered: before.filtered,
            order: order.map(|passed| Order::new(passed, before.through.unwrap_or(0))),
            kept: None,
            bodies: bodies.zip(save.clone()),
            lasting,
        };
        let failure = Arc::new(Mutex::new(None));
        let theirs = Arc::clone(&failure);
        let records = Arc::new(Semaphore::new(ROOM));
        let room = Closing(Arc::clone(&records));
        let thread = std::thread::Builder::new()
            .name("output".into())
            .spawn(move || {
                // Stored before the channel and the room close with this: whoever sees them closed finds why.
                let room = room;
                if let Err(error) = desk.write_all(&mut receiver, &room.0) {
                    *theirs.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
            })
            .map_err(|error| OutputError::Open {
                name: "thread".into(),
                reason: error.to_string(),
            })?;
        Ok(Self {
            messages,
            spent,
            failure,
            captures,
            save,
            next: Cell::new(0),
            waiting: Arc::new(Semaphore::new(LARGE)),
            records,
            thread: Some(thread),
        })
    }

    /// Waits for room.
    ///
    /// # Errors
    /// What ended the outputs, if something did.
    pub(super) async fn reserve(&self) -> Result<Room<'_>, OutputError> {
        if let Ok(share) = self.records.try_acquire()
            && let Ok(message) = self.messages.try_reserve()
        {
            return Ok(Room {
                message,
                spent: &self.spent,
                records: &self.records,
                share,
            });
        }
        // In a box: most find room at once.
        Box::pin(self.wait_for_room()).await
    }

    async fn wait_for_room(&self) -> Result<Room<'_>, OutputError> {
        self.wake();
        let share = self.records.acquire().await;
        let message = self.messages.reserve().await;
        match (message, share) {
            (Ok(message), Ok(share)) => Ok(Room {
                message,
                spent: &self.spent,
                records: &self.records,
                share,
            }),
            _ => Err(self.failure()),
        }
    }

    /// The way for a body, and its number, where bodies are saved.
    pub(super) fn way(&self) -> Option<(Way, u64)> {
        let folder = self.save.clone()?;
        let id = self.next.replace(self.next.get() + 1);
        let way = Way {
            messages: self.messages.clone(),
            waiting: Arc::clone(&self.waiting),
            folder,
        };
        Some((way, id))
    }

    /// What the outputs take of exchanges.
    #[must_use]
    pub(super) fn captures(&self) -> Captures {
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
        room.message
            .send(Message::Captured(Box::new(capture), share));
        Ok(())
    }

    /// The record that was kept under `number`; it was sent before.
    ///
    /// # Errors
    /// What ended the outputs, if something did.
    pub(super) async fn recall(&self, number: u64) -> Result<Option<Visit>, OutputError> {
        let (tell, record) = oneshot::channel();
        let room = self.reserve().await?;
        room.message.send(Message::Recall(number, tell));
        self.wake();
        record.await.map_err(|_| self.failure())
    }

    /// Asks for everything accepted so far to be made durable; `None` when there is no room to ask now.
    pub(super) fn barrier(&self) -> Option<oneshot::Receiver<Written>> {
        let room = self.messages.try_reserve().ok()?;
        let (written, answer) = oneshot::channel();
        room.send(Message::Barrier(written));
        self.wake();
        Some(answer)
    }

    /// Ends the rest of the thread.
    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
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

    /// Ends the outputs and waits for the thread, at most as long as the readers take. Gives the summary back with what
    /// was kept out, and what a later run would go on with: what is put behind the last record is not in that.
    ///
    /// # Errors
    /// What went wrong, if something did.
    pub(super) async fn finish(
        mut self,
        summary: Summary,
    ) -> Result<(Summary, Written), OutputError> {
        let (done, finished) = oneshot::channel();
        if let Ok(room) = self.messages.reserve().await {
            room.send(Message::Finish(Box::new(summary), done));
            self.wake();
        }
        self.messages.closed().await;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        match finished.await {
            Ok((summary, written)) => Ok((*summary, written)),
            Err(_) => Err(self.failure()),
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

/// Room for records, which ends with the thread, however that ends: nobody may wait for it any more.
struct Closing(Arc<Semaphore>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// What the thread works with.
struct Desk {
    outputs: Vec<Open>,
    spent: Returning,
    filter: Filter,
    /// Records that it kept out.
    filtered: u64,
    order: Option<Order>,
    kept: Option<Kept>,
    /// Bodies, and the name of their folder.
    bodies: Option<(Bodies, PathBuf)>,
    /// A state goes on with what is written.
    lasting: bool,
}

impl Desk {
    /// The thread: batches of messages, one write for each output and batch.
    fn write_all(
        mut self,
        messages: &mut mpsc::Receiver<Message>,
        room: &Semaphore,
    ) -> Result<(), OutputError> {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let mut freed = 0;
            let taken = messages.blocking_recv_many(&mut batch, BATCH);
            if taken == 0 {
                return Ok(());
            }
            for message in batch.drain(..) {
                match message {
                    Message::Records(records, keep, share) => {
                        freed += share;
                        if let (Some(number), Some(first)) = (keep, records.first()) {
                            self.keep(number, first).map_err(|error| aside(&error))?;
                        }
                        self.write(records)?;
                    }
                    Message::Recall(number, tell) => {
                        let kept = self.kept.as_mut().map(|kept| kept.get(number));
                        let record = kept.transpose().map_err(|error| aside(&error))?;
                        let _ = tell.send(record.flatten());
                    }
                    Message::Captured(mut capture, _share) => {
                        for output in &mut self.outputs {
                            output.capture(&mut capture)?;
                        }
                    }
                    Message::Body(told, _share) => self.keep_body(|bodies| told.to(bodies))?,
                    Message::Barrier(written) => {
                        self.keep_body(Bodies::sync)?;
                        for output in &mut self.outputs {
                            output.sync()?;
                        }
                        // Nobody waits when the run has failed meanwhile.
                        let _ = written.send(self.written());
                    }
                    Message::Finish(mut summary, done) => {
                        for output in &mut self.outputs {
                            output.flush()?;
                        }
                        let written = self.written();
                        self.pass_on(true)?;
                        summary.filtered = self.filtered;
                        for output in &mut self.outputs {
                            output.finish(&summary)?;
                            if self.lasting {
                                output.sync()?;
                            }
                        }
                        if self.lasting {
                            self.keep_body(Bodies::sync)?;
                        }
                        let _ = done.send((summary, written));
                        return Ok(());
                    }
                }
            }
            for output in &mut self.outputs {
                output.flush()?;
            }
            self.spent.give_back();
            room.add_permits(freed);
            if taken < BATCH {
                std::thread::park_timeout(REST);
            }
        }
    }

    /// How far the outputs are.
    fn written(&self) -> Written {
        Written {
            lengths: self.outputs.iter().map(Open::length).collect(),
            filtered: self.filtered,
            through: self.order.as_ref().map(Order::through),
        }
    }

    fn keep(&mut self, number: u64, visit: &Visit) -> io::Result<()> {
        let kept = match &mut self.kept {
            Some(kept) => kept,
            none => none.insert(Kept::new()?),
        };
        kept.put(number, visit)
    }

    /// Does something with the bodies, where they are kept.
    fn keep_body(
        &mut self,
        keep: impl FnOnce(&mut Bodies) -> io::Result<()>,
    ) -> Result<(), OutputError> {
        match &mut self.bodies {
            Some((bodies, folder)) => {
                keep(bodies).map_err(|error| OutputError::save(folder, &error))
            }
            None => Ok(()),
        }
    }

    fn write(&mut self, records: Vec<Arc<Visit>>) -> Result<(), OutputError> {
        for visit in records {
            let place = visit.place;
            let passes = self.filter.passes(&visit);
            self.filtered += u64::from(!passes);
            if let Some(part) = visit.part {
                self.keep_body(|bodies| {
                    if passes {
                        bodies.place(part)
                    } else {
                        bodies.forget(part)
                    }
                })?;
            }
            let visit = passes.then_some(visit);
            if let Some(order) = &mut self.order {
                order.put(place, visit).map_err(|error| aside(&error))?;
            } else if let Some(visit) = visit {
                self.put(visit)?;
            }
        }
        self.pass_on(false)
    }

    /// Writes the records whose turn it is; `all`: no more will come.
    fn pass_on(&mut self, all: bool) -> Result<(), OutputError> {
        while let Some(order) = &mut self.order {
            let Some(visit) = order.take(all).map_err(|error| aside(&error))? else {
                order.tell();
                break;
            };
            self.put(visit)?;
        }
        Ok(())
    }

    fn put(&mut self, visit: Arc<Visit>) -> Result<(), OutputError> {
        for output in &mut self.outputs {
            output.write(&visit)?;
        }
        self.spent.take(visit);
        Ok(())
    }
}

/// What went wrong with a file for records that wait.
fn aside(error: &io::Error) -> OutputError {
    OutputError::Write {
        name: "a temporary file".to_owned(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use futures::FutureExt;

    use super::super::output::Destination;
    use super::*;
    use crate::model::Outcome;
    use crate::sink::{self, Medium};

    /// A stream that nobody reads until the sender has gone, and that fails then or does not.
    struct Stuck(Receiver<()>, bool);

    impl io::Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            if self.1 {
                return Err(io::Error::other("no more"));
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// One that writes to such a stream.
    fn writer(stream: Stuck) -> Writer {
        let Medium::Bytes(open) = sink::named("jsonl").expect("a format").medium else {
            panic!("lines are bytes");
        };
        let output = Output::Bytes {
            sink: open(&sink::Options::default()),
            destination: Destination::Stream(Box::new(stream)),
            captures: Captures::NONE,
            document: false,
        };
        let (filter, before) = (Filter::default(), Written::default());
        let writer = Writer::open(vec![output], None, filter, None, &before, Standing::Alone);
        writer.expect("an output")
    }

    #[tokio::test]
    async fn whoever_waits_for_room_hears_of_the_end_of_the_outputs() {
        let (held, stuck) = channel();
        let writer = writer(Stuck(stuck, true));
        let visit = Arc::new(Visit::new(String::new(), "x".into(), Outcome::Ok));
        while let Some(room) = writer.reserve().now_or_never() {
            room.expect("room").send(vec![Arc::clone(&visit)], None);
        }
        let (waited, ()) = futures::join!(writer.reserve(), async { drop(held) });
        assert!(waited.is_err(), "the output has failed");
    }

    #[tokio::test]
    async fn what_waits_for_a_slow_reader_is_bounded_by_records_and_not_by_messages() {
        let (held, stuck) = channel();
        let writer = writer(Stuck(stuck, false));
        let visit = Arc::new(Visit::new(String::new(), "x".into(), Outcome::Ok));
        let mut sent = 0;
        // The thread may have some already: at most as many as may wait for it.
        while let Some(room) = writer.reserve().now_or_never() {
            let records = vec![Arc::clone(&visit); 200];
            room.expect("room").send(records, None);
            sent += 200;
            assert!(sent < 4 * ROOM, "{sent} records wait");
        }
        assert!(sent >= ROOM, "{sent} records had no room");
        drop(held);
        writer.finish(Summary::default()).await.expect("an end");
    }
}
