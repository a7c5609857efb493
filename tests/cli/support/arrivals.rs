//! What a test server saw: requests, connections, how many were in flight, and what went wrong.
//!
//! One ledger belongs to one listener, so to one origin. It is written on the server's thread and
//! read by the test, hence the lock; waiting uses a condition variable, never a sleep. A request is
//! entered once it is whole (head and body), and `order` follows the entries. Answers are not kept:
//! what was sent is known to the test that scripted it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One request, as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Place among all requests of this server, from 0.
    pub order: usize,
    /// When the request was whole.
    pub at: Instant,
    /// Which accepted connection carried it, from 0.
    pub connection: usize,
    /// The method, as sent.
    pub method: String,
    /// The request target, as sent: path and query.
    pub target: String,
    /// Field names in lower case and their values, in the order sent.
    pub fields: Vec<(String, String)>,
    /// The content; empty without a `Content-Length`.
    pub body: Vec<u8>,
    /// Whether the client allows another request on this connection.
    pub(super) keep_alive: bool,
}

impl Request {
    /// The target without its query.
    pub(crate) fn path(&self) -> &str {
        self.target
            .split_once('?')
            .map_or(&self.target, |(path, _)| path)
    }

    /// The query without its question mark, if the target has one.
    pub(crate) fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// The first value of the field; `name` in lower case.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    }
}

#[derive(Debug, Default)]
struct State {
    requests: Vec<Request>,
    connections: usize,
    open: usize,
    in_flight: usize,
    max_in_flight: usize,
    written: HashMap<String, u64>,
    failures: Vec<String>,
}

/// The ledger of one listener.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    state: Mutex<State>,
    changed: Condvar,
}

impl Arrivals {
    /// Every request so far, in order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.lock().requests.clone()
    }

    /// How many requests came for this path, whatever their query.
    pub(crate) fn count(&self, path: &str) -> usize {
        let state = self.lock();
        state
            .requests
            .iter()
            .filter(|request| request.path() == path)
            .count()
    }

    /// How many connections carried at least one request for this path.
    pub(crate) fn connections_to(&self, path: &str) -> usize {
        let state = self.lock();
        let mut connections: Vec<usize> = state
            .requests
            .iter()
            .filter(|request| request.path() == path)
            .map(|request| request.connection)
            .collect();
        connections.sort_unstable();
        connections.dedup();
        connections.len()
    }

    /// How many connections were accepted.
    pub(crate) fn connections(&self) -> usize {
        self.lock().connections
    }

    /// How many connections are open now.
    pub(crate) fn open_connections(&self) -> usize {
        self.lock().open
    }

    /// The most requests that were ever between their arrival and the end of their answer.
    ///
    /// Exact while the client waits for its answers. After a client's time-out the request it gave up
    /// may still be counted when its next one comes: nothing orders a close and a new connection.
    pub(crate) fn max_in_flight(&self) -> usize {
        self.lock().max_in_flight
    }

    /// How many bytes were handed to the kernel in answer to requests for this path.
    pub(crate) fn bytes_written(&self, path: &str) -> u64 {
        self.lock().written.get(path).copied().unwrap_or(0)
    }

    /// Blocks until `count` requests have come and returns all; fails the test after `limit`.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize, limit: Duration) -> Vec<Request> {
        let goal = format!("{count} requests");
        self.wait_until(&goal, limit, |state| state.requests.len() >= count);
        self.requests()
    }

    /// Blocks until every connection is closed; fails the test after `limit`.
    #[track_caller]
    pub(crate) fn wait_until_closed(&self, limit: Duration) {
        self.wait_until("no open connection", limit, |state| state.open == 0);
    }

    #[track_caller]
    fn wait_until(&self, goal: &str, limit: Duration, reached: impl Fn(&State) -> bool) {
        let state = self.lock();
        let (state, _) = self
            .changed
            .wait_timeout_while(state, limit, |state| !reached(state))
            .unwrap_or_else(PoisonError::into_inner);
        if reached(&state) {
            return;
        }
        let mut seen = format!(
            "waited {limit:?} for {goal}; {} requests on {} connections, {} open:",
            state.requests.len(),
            state.connections,
            state.open
        );
        for request in &state.requests {
            let _ = write!(
                seen,
                "\n  #{} {} {} (connection {})",
                request.order, request.method, request.target, request.connection
            );
        }
        // The lock goes first, so that the server can still be stopped while the test unwinds.
        drop(state);
        panic!("{seen}");
    }

    /// Enters a connection: its number, and a mark that it is open for as long as the mark lives.
    pub(super) fn connect(self: &Arc<Self>) -> (usize, Mark) {
        let mut state = self.lock();
        let number = state.connections;
        state.connections += 1;
        state.open += 1;
        drop(state);
        self.changed.notify_all();
        (number, Mark::new(self, |state| state.open -= 1))
    }

    /// Enters a request, which gets its order, and marks it as in flight for as long as the mark lives.
    pub(super) fn begin(self: &Arc<Self>, request: &mut Request) -> Mark {
        let mut state = self.lock();
        request.order = state.requests.len();
        state.requests.push(request.clone());
        state.in_flight += 1;
        state.max_in_flight = state.max_in_flight.max(state.in_flight);
        drop(state);
        self.changed.notify_all();
        Mark::new(self, |state| state.in_flight -= 1)
    }

    /// Adds to the bytes written in answer to requests for this path.
    pub(super) fn wrote(&self, path: &str, bytes: usize) {
        let bytes = bytes as u64;
        let mut state = self.lock();
        if let Some(total) = state.written.get_mut(path) {
            *total += bytes;
        } else {
            state.written.insert(path.to_owned(), bytes);
        }
    }

    /// Keeps something that must fail the test when the server is dropped.
    pub(super) fn fail(&self, why: String) {
        self.lock().failures.push(why);
    }

    pub(super) fn failures(&self) -> Vec<String> {
        self.lock().failures.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Undoes one entry when it is dropped, also when its connection's task is dropped half-way.
pub(super) struct Mark {
    arrivals: Arc<Arrivals>,
    undo: fn(&mut State),
}

impl Mark {
    fn new(arrivals: &Arc<Arrivals>, undo: fn(&mut State)) -> Self {
        Self {
            arrivals: Arc::clone(arrivals),
            undo,
        }
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        (self.undo)(&mut self.arrivals.lock());
        self.arrivals.changed.notify_all();
    }
}
