//! A listener on its own thread with its own runtime, for as long as its owner lives.
//!
//! The thread keeps the server apart from the test: a test may block, and a stalled test never
//! delays an answer. One current-thread runtime holds ten thousand connections without a thread
//! each. Dropping stops the runtime, which closes every socket, and joins the thread; what went wrong
//! on it then fails the test, unless the test is failing already.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;

use super::arrivals::Arrivals;
use super::wire::Wire;

/// Room for ten thousand connections that come at once, where the kernel allows as many.
const BACKLOG: u32 = 32_768;

/// A running listener.
#[derive(Debug)]
pub(super) struct Background {
    address: SocketAddr,
    arrivals: Arc<Arrivals>,
    /// Dropped to stop the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    /// Binds, and runs `serve` for every accepted connection.
    ///
    /// `send_buffer` is the size in bytes of each connection's send buffer, `None` for the kernel's own.
    pub(super) fn start<S, F>(
        address: SocketAddr,
        send_buffer: Option<u32>,
        arrivals: Arc<Arrivals>,
        serve: S,
    ) -> io::Result<Self>
    where
        S: Fn(Wire) -> F + Send + 'static,
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let (bound, binding) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let ledger = Arc::clone(&arrivals);
        let thread = thread::Builder::new()
            .name("test server".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime needs two descriptors");
                runtime.block_on(async {
                    let listener = match listen(address, send_buffer) {
                        Ok(listener) => listener,
                        Err(error) => {
                            let _ = bound.send(Err(error));
                            return;
                        }
                    };
                    let _ = bound.send(listener.local_addr());
                    tokio::select! {
                        () = accept(&listener, &ledger, serve) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        let address = binding
            .recv()
            .expect("the thread reports before it does anything else")?;
        Ok(Self {
            address,
            arrivals,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.stop.take());
        let joined = self.thread.take().map_or(Ok(()), JoinHandle::join);
        if thread::panicking() {
            return;
        }
        assert!(joined.is_ok(), "the test server's thread panicked");
        let failures = self.arrivals.failures();
        assert!(
            failures.is_empty(),
            "the test server at {} failed:\n  {}",
            self.address,
            failures.join("\n  ")
        );
    }
}

fn listen(address: SocketAddr, send_buffer: Option<u32>) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A test may stop a server and start another on the same port.
    socket.set_reuseaddr(true)?;
    if let Some(bytes) = send_buffer {
        // Accepted connections inherit it.
        socket.set_send_buffer_size(bytes)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn accept<S, F>(listener: &TcpListener, arrivals: &Arc<Arrivals>, serve: S)
where
    S: Fn(Wire) -> F,
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // A client that gave up while it stood in the queue.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(error) => {
                arrivals.fail(format!("accept: {error}"));
                // Out of descriptors: some must be given back before another try makes sense.
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        // Small packets at scripted moments are the point of some tests.
        let _ = stream.set_nodelay(true);
        let (number, mark) = arrivals.connect();
        let conversation = serve(Wire::new(stream, number));
        let arrivals = Arc::clone(arrivals);
        tokio::spawn(async move {
            let ended = conversation.await;
            drop(mark);
            // Anything else is a client that left, which is its right.
            if let Err(error) = ended
                && error.kind() == io::ErrorKind::InvalidData
            {
                arrivals.fail(format!("connection {number}: {error}"));
            }
        });
    }
}
