//! Proxies: HTTP (forwarding and tunnels) and SOCKS 5, each of which knows every name to be this machine.
//!
//! They decide nothing: whoever asks for a place is connected with its port on 127.0.0.1, and what was said on the way is
//! kept for the test. A thread a connection is enough for them. Absent: every other method of logging in.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// A running proxy; its thread ends with the test.
#[derive(Debug)]
pub(crate) struct ProxyServer {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

type Heard = Mutex<Vec<String>>;

impl ProxyServer {
    /// Forwards requests and opens tunnels; keeps the heads of what it is asked.
    pub(crate) fn http() -> Self {
        Self::start(forward)
    }

    /// Keeps `USER:PASSWORD` (where that is said) and then the place that it is asked for. `login`: it insists on one.
    pub(crate) fn socks(login: bool) -> Self {
        Self::start(move |client, heard| socks(client, heard, login))
    }

    /// Opens tunnels that all end at `address`, whatever is asked for, and nothing else.
    pub(crate) fn tunnels_to(address: SocketAddr) -> Self {
        Self::start(move |mut client, heard| {
            let head = head(&mut client)?;
            let is_tunnel = head.starts_with("CONNECT ");
            note(heard, head);
            if !is_tunnel {
                return client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
            }
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            splice(client, TcpStream::connect(address)?)
        })
    }

    fn start(serve: impl Fn(TcpStream, &Heard) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let heard = Arc::new(Heard::default());
        let (serve, ledger) = (Arc::new(serve), Arc::clone(&heard));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (serve, ledger) = (Arc::clone(&serve), Arc::clone(&ledger));
                thread::spawn(move || serve(client, &ledger));
            }
        });
        Self { address, heard }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was said to it, in order.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn note(heard: &Heard, text: String) {
    let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    heard.push(text);
}

fn head(client: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn forward(mut client: TcpStream, heard: &Heard) -> io::Result<()> {
    let head = head(&mut client)?;
    note(heard, head.clone());
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let place = target.trim_start_matches("http://");
    let (place, path) = place.split_once('/').unwrap_or((place, ""));
    let port = place.rsplit(':').next().and_then(|port| port.parse().ok());
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port.unwrap_or(80)))?;
    if method == "CONNECT" {
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
        return splice(client, server);
    }
    write!(server, "{method} /{path} HTTP/1.1\r\nConnection: close\r\n")?;
    let fields = head.lines().skip(1).filter(|line| !line.is_empty());
    for line in fields.filter(|line| !line.to_lowercase().starts_with("proxy-")) {
        write!(server, "{line}\r\n")?;
    }
    server.write_all(b"\r\n")?;
    io::copy(&mut server, &mut client)?;
    client.shutdown(Shutdown::Both)
}

/// RFC 1928 and, for the login, RFC 1929.
fn socks(mut client: TcpStream, heard: &Heard, login: bool) -> io::Result<()> {
    let [_, count] = bytes(&mut client)?;
    let mut methods = vec![0; count.into()];
    client.read_exact(&mut methods)?;
    let method = if login { 2 } else { 0 };
    if !methods.contains(&method) {
        return client.write_all(&[5, 0xff]);
    }
    client.write_all(&[5, method])?;
    if login {
        let [_] = bytes(&mut client)?;
        let (user, password) = (text(&mut client)?, text(&mut client)?);
        note(heard, format!("{user}:{password}"));
        client.write_all(&[1, 0])?;
    }
    let [_, _, _, kind] = bytes(&mut client)?;
    let host = match kind {
        1 => Ipv4Addr::from(bytes::<4>(&mut client)?).to_string(),
        3 => text(&mut client)?,
        _ => return client.write_all(&[5, 8, 0, 1, 0, 0, 0, 0, 0, 0]),
    };
    let port = u16::from_be_bytes(bytes(&mut client)?);
    note(heard, format!("{host}:{port}"));
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0])?;
    splice(client, server)
}

fn bytes<const N: usize>(client: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn text(client: &mut TcpStream) -> io::Result<String> {
    let [length] = bytes(client)?;
    let mut text = vec![0; length.into()];
    client.read_exact(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn splice(client: TcpStream, server: TcpStream) -> io::Result<()> {
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        to.shutdown(Shutdown::Write)
    });
    let (mut from, mut to) = (server, client);
    io::copy(&mut from, &mut to)?;
    to.shutdown(Shutdown::Write)
}
