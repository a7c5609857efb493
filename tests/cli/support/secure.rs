//! A server over TLS under any names, with a certificate that `--cacert` can be told to trust.
//!
//! A thread a connection, one request each; the head of every request is kept for the test. Absent: HTTP/2, content.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tempfile::TempDir;

/// A running server; its thread ends with the test.
#[derive(Debug)]
pub(crate) struct SecureServer {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    certificate: PathBuf,
    _folder: TempDir,
}

impl SecureServer {
    /// Answers as `answer` makes the status line and fields of the head of a request.
    pub(crate) fn start(
        names: &[&str],
        answer: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> Self {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let certified = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        let certificate = folder.path().join("certificate.pem");
        std::fs::write(&certificate, certified.cert.pem()).expect("a file");
        let key = certified.signing_key.serialize_der();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![certified.cert.der().clone()],
                key.try_into().expect("a key"),
            )
            .expect("a configuration");
        let (config, answer) = (Arc::new(config), Arc::new(answer));
        let heads = Arc::new(Mutex::default());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let ledger = Arc::clone(&heads);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, answer) = (Arc::clone(&config), Arc::clone(&answer));
                let ledger = Arc::clone(&ledger);
                thread::spawn(move || {
                    let session = rustls::ServerConnection::new(config).expect("a session");
                    converse(rustls::StreamOwned::new(session, stream), &*answer, &ledger);
                });
            }
        });
        Self {
            address,
            heads,
            certificate,
            _folder: folder,
        }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The file that says whom to trust.
    pub(crate) fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// The heads of all requests, in the order in which they came.
    pub(crate) fn heads(&self) -> Vec<String> {
        let heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        heads.clone()
    }
}

fn converse(
    mut stream: rustls::StreamOwned<rustls::ServerConnection, TcpStream>,
    answer: &dyn Fn(&str) -> String,
    heads: &Mutex<Vec<String>>,
) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if !matches!(stream.read(&mut byte), Ok(1)) {
            return;
        }
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let answer = answer(&head);
    let mut kept = heads.lock().unwrap_or_else(PoisonError::into_inner);
    kept.push(head);
    drop(kept);
    let end = "Content-Length: 0\r\nConnection: close\r\n\r\n";
    let _ = write!(stream, "HTTP/1.1 {answer}\r\n{end}");
    stream.conn.send_close_notify();
    let _ = stream.flush();
}
