//! A server that misbehaves at the byte level, by script.
//!
//! A script is chosen by the request's path, so that one listener holds a whole fault matrix; what
//! happens before a request is read (row F03, F04) belongs to the listener itself. Nothing here
//! knows HTTP but the reading of requests: what a script sends goes out as it stands. A script that
//! ends without saying how ends with [`Step::Close`]. A path without a script is answered 404,
//! because clients ask for robots.txt.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::{ControlFlow, Deref};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::arrivals::Arrivals;
use super::background::Background;
use super::gate::Gate;
use super::wire::Wire;

/// Send buffer of each connection in bytes: small, so that [`Arrivals::bytes_written`] stays near to
/// what the client took, give or take its own receive buffer.
const SEND_BUFFER: u32 = 16 * 1024;

const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";

/// One act of a script.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Writes the bytes.
    Send(Bytes),
    /// Writes the bytes one by one, with this pause before each.
    Drip { bytes: Bytes, every: Duration },
    /// Writes the bytes again and again: so many times, or until the client leaves.
    Repeat { bytes: Bytes, times: Option<u64> },
    /// Says nothing for a while.
    Pause(Duration),
    /// Says nothing until the test opens the gate.
    Wait(Gate),
    /// Reads the next request on this connection and plays the script of its path; ends this script.
    /// A client's `Connection: close` makes no difference.
    Next,
    /// Says nothing until the client leaves; ends the script.
    Hold,
    /// Closes with FIN; ends the script.
    Close,
    /// Closes with RST; ends the script.
    Reset,
}

impl Step {
    /// A [`Step::Send`] from text or bytes.
    pub(crate) fn send(bytes: impl Into<Bytes>) -> Self {
        Self::Send(bytes.into())
    }
}

/// What a connection plays, in order.
pub(crate) type Script = Vec<Step>;

/// A running misbehaving server; stopped when dropped. What it saw is read through [`Arrivals`].
#[derive(Debug)]
pub(crate) struct RawServer {
    background: Background,
}

impl RawServer {
    /// A server to be given scripts, on 127.0.0.1 and a free port unless told otherwise.
    pub(crate) fn builder() -> RawBuilder {
        RawBuilder {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            scripts: Scripts::default(),
        }
    }

    /// The address it listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.background.address()
    }

    /// The URL of a path (which begins with a slash) on this server.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }
}

impl Deref for RawServer {
    type Target = Arrivals;

    fn deref(&self) -> &Arrivals {
        self.background.arrivals()
    }
}

/// Scripts and an address, before the start.
pub(crate) struct RawBuilder {
    address: SocketAddr,
    scripts: Scripts,
}

impl RawBuilder {
    /// Listens on this address.
    #[must_use]
    pub(crate) fn on(mut self, address: impl Into<IpAddr>) -> Self {
        self.address.set_ip(address.into());
        self
    }

    /// Plays this script for every request of this path.
    #[must_use]
    pub(crate) fn path(self, path: &str, script: impl Into<Script>) -> Self {
        self.in_turn(path, [script])
    }

    /// Plays these scripts for the first, second, … request of this path, and the last ever after.
    #[must_use]
    pub(crate) fn in_turn<S: Into<Script>>(
        mut self,
        path: &str,
        scripts: impl IntoIterator<Item = S>,
    ) -> Self {
        let turns = Turns::new(scripts);
        self.scripts.by_path.insert(path.to_owned(), turns);
        self
    }

    /// Plays this script for every path that has none of its own.
    #[must_use]
    pub(crate) fn otherwise(mut self, script: impl Into<Script>) -> Self {
        self.scripts.otherwise = Some(Turns::new([script]));
        self
    }

    /// Plays these scripts on the first, second, … connection before its request is read, and the last
    /// ever after. A script that does not end the connection lets its request be read.
    #[must_use]
    pub(crate) fn before_request<S: Into<Script>>(
        mut self,
        scripts: impl IntoIterator<Item = S>,
    ) -> Self {
        self.scripts.before_request = Some(Turns::new(scripts));
        self
    }

    /// Starts the server, or fails the test.
    pub(crate) fn start(self) -> RawServer {
        let arrivals = Arc::new(Arrivals::default());
        let ledger = Arc::clone(&arrivals);
        let scripts = Arc::new(self.scripts);
        let background =
            Background::start(self.address, Some(SEND_BUFFER), arrivals, move |wire| {
                converse(wire, Arc::clone(&scripts), Arc::clone(&ledger))
            })
            .unwrap_or_else(|error| panic!("no test server on {}: {error}", self.address));
        RawServer { background }
    }
}

/// Scripts that take turns; the last one stays.
struct Turns {
    scripts: Vec<Script>,
    played: AtomicUsize,
}

impl Turns {
    fn new<S: Into<Script>>(scripts: impl IntoIterator<Item = S>) -> Self {
        let scripts: Vec<Script> = scripts.into_iter().map(Into::into).collect();
        assert!(!scripts.is_empty(), "a path needs a script");
        Self {
            scripts,
            played: AtomicUsize::new(0),
        }
    }

    fn next(&self) -> &Script {
        let turn = self.played.fetch_add(1, Ordering::Relaxed);
        &self.scripts[turn.min(self.scripts.len() - 1)]
    }
}

#[derive(Default)]
struct Scripts {
    before_request: Option<Turns>,
    by_path: HashMap<String, Turns>,
    otherwise: Option<Turns>,
}

async fn converse(
    mut wire: Wire,
    scripts: Arc<Scripts>,
    arrivals: Arc<Arrivals>,
) -> io::Result<()> {
    if let Some(turns) = &scripts.before_request {
        for step in turns.next() {
            let Some(same) = play(wire, step, "", &arrivals).await?.continue_value() else {
                return Ok(());
            };
            wire = same;
        }
    }
    'requests: while let Some(mut request) = wire.request().await? {
        let mut in_flight = Some(arrivals.begin(&mut request));
        let path = request.path();
        let Some(turns) = scripts.by_path.get(path).or(scripts.otherwise.as_ref()) else {
            send(&mut wire, NOT_FOUND, path, &arrivals).await?;
            if request.keep_alive {
                continue;
            }
            drop(in_flight);
            return wire.close().await;
        };
        for step in turns.next() {
            match step {
                Step::Next => continue 'requests,
                // The answer is over here; the client may take its time to notice.
                Step::Close | Step::Reset => in_flight = None,
                _ => {}
            }
            let Some(same) = play(wire, step, path, &arrivals).await?.continue_value() else {
                return Ok(());
            };
            wire = same;
        }
        drop(in_flight);
        return wire.close().await;
    }
    Ok(())
}

/// Plays one step; gives the connection back if it goes on.
async fn play(
    mut wire: Wire,
    step: &Step,
    path: &str,
    arrivals: &Arrivals,
) -> io::Result<ControlFlow<(), Wire>> {
    match step {
        Step::Send(bytes) => send(&mut wire, bytes, path, arrivals).await?,
        Step::Drip { bytes, every } => {
            for byte in bytes.chunks(1) {
                if left_during(&mut wire, tokio::time::sleep(*every)).await {
                    return Ok(ControlFlow::Break(()));
                }
                send(&mut wire, byte, path, arrivals).await?;
            }
        }
        Step::Repeat { bytes, times } => {
            let mut played = 0;
            while times.is_none_or(|times| played < times) {
                send(&mut wire, bytes, path, arrivals).await?;
                played += 1;
            }
        }
        Step::Pause(duration) => {
            if left_during(&mut wire, tokio::time::sleep(*duration)).await {
                return Ok(ControlFlow::Break(()));
            }
        }
        Step::Wait(gate) => {
            if left_during(&mut wire, gate.pass()).await {
                return Ok(ControlFlow::Break(()));
            }
        }
        Step::Next => {}
        Step::Hold => {
            wire.left().await;
            return Ok(ControlFlow::Break(()));
        }
        Step::Close => {
            wire.close().await?;
            return Ok(ControlFlow::Break(()));
        }
        Step::Reset => {
            wire.reset()?;
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(wire))
}

/// Writes everything, counted piece by piece: an endless answer is cut somewhere in the middle.
async fn send(
    wire: &mut Wire,
    mut bytes: &[u8],
    path: &str,
    arrivals: &Arrivals,
) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = wire.write(bytes).await?;
        arrivals.wrote(path, written);
        bytes = &bytes[written..];
    }
    Ok(())
}

/// Whether the client left before the pause was over.
async fn left_during(wire: &mut Wire, pause: impl Future<Output = ()>) -> bool {
    tokio::select! {
        () = pause => false,
        () = wire.left() => true,
    }
}
