//! Addresses at which nobody answers, each in its own way, and whether IPv6 is there at all.
//!
//! Both kinds hold their port for as long as they live. A port that was merely free a moment ago may
//! belong to another test's server by the time it is used.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use tokio::net::TcpSocket;

/// A loopback address that refuses connections (row F01 of the fault matrix).
#[derive(Debug)]
pub(crate) struct ClosedPort {
    /// Bound and never listening: the kernel answers with a reset and gives the port to nobody else.
    _socket: TcpSocket,
    address: SocketAddr,
}

/// Takes a port on 127.0.0.1 on which nothing listens.
pub(crate) fn closed_port() -> ClosedPort {
    let take = || -> io::Result<ClosedPort> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = socket.local_addr()?;
        Ok(ClosedPort {
            _socket: socket,
            address,
        })
    };
    take().expect("the loopback has a free port")
}

impl ClosedPort {
    /// The address that refuses.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path (which begins with a slash) at that address.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// A loopback address that neither accepts nor refuses (row F02 of the fault matrix).
#[derive(Debug)]
pub(crate) struct FullBacklog {
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
    address: SocketAddr,
}

/// Opens a listener on 127.0.0.1 that accepts nothing and fills its queue; SYNs are then dropped.
///
/// That the queue is full shows only in silence, so this takes 50 ms of waiting.
pub(crate) fn full_backlog() -> FullBacklog {
    let listen = || -> io::Result<TcpListener> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        let _context = runtime.enter();
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        // The standard library has no say in the length of the queue; this one is the shortest.
        socket.listen(1)?.into_std()
    };
    let listener = listen().expect("the loopback has a free port");
    let address = listener.local_addr().expect("a listener has an address");
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(50)) {
        waiting.push(stream);
    }
    FullBacklog {
        _listener: listener,
        _waiting: waiting,
        address,
    }
}

impl FullBacklog {
    /// The address that stays silent.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path (which begins with a slash) at that address.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// Whether this machine has `[::1]`; many containers have not.
pub(crate) fn has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}
