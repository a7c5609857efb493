//! The server: HTTP/1.1 on kept connections, one thread, as little code as will do, in a process of its own.
//!
//! `/u/N` is a page of a kibibyte, `/slow/N` the same after a second, `/count` how many requests there were, and all else a
//! file of the folder, which stays in memory once it was asked for. Deliberately absent: pipelining, and whatever no
//! contestant asks for.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{machine, usage};

const SLOW: Duration = Duration::from_secs(1);

/// A server that runs until it is dropped.
pub(crate) struct Server {
    child: Child,
    /// `127.0.0.1:PORT`
    pub(crate) address: String,
}

impl Server {
    /// Begins to serve `folder` on the processor for it.
    pub(crate) fn of(folder: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .arg("serve")
            .arg(folder)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a server");
        let mut address = String::new();
        let said = child.stdout.as_mut().expect("its word");
        BufReader::new(said)
            .read_line(&mut address)
            .expect("where it is");
        let address = address.trim().to_owned();
        Self { child, address }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Requests so far, without those for this.
    pub(crate) fn asked(&self) -> u64 {
        let mut stream = TcpStream::connect(&self.address).expect("the server");
        stream
            .write_all(b"GET /count HTTP/1.1\r\nConnection: close\r\n\r\n")
            .expect("the server");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("its answer");
        answer
            .rsplit('\n')
            .next()
            .and_then(|count| count.parse().ok())
            .expect("a number")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What there is to answer.
struct Site {
    folder: PathBuf,
    small: Rc<[u8]>,
    files: RefCell<HashMap<String, Rc<[u8]>>>,
    count: Cell<u64>,
}

/// The server itself.
pub(crate) fn serve(arguments: &[String]) {
    usage::pin(&[machine::server_processor()]);
    let site = Rc::new(Site {
        folder: arguments.first().expect("a folder").into(),
        small: answer("200 OK", "text/html", small().as_bytes()),
        files: RefCell::default(),
        count: Cell::new(0),
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    tokio::task::LocalSet::new().block_on(&runtime.expect("an event loop"), async move {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket
            .bind(([127, 0, 0, 1], 0).into())
            .expect("a free port");
        let listener = socket.listen(32_768).expect("a listener");
        println!("{}", listener.local_addr().expect("its address"));
        loop {
            if let Ok((stream, _)) = listener.accept().await {
                let site = Rc::clone(&site);
                tokio::task::spawn_local(async move { site.talk(stream).await });
            }
        }
    });
}

impl Site {
    async fn talk(&self, mut stream: tokio::net::TcpStream) -> Option<()> {
        stream.set_nodelay(true).ok()?;
        let mut request = Vec::with_capacity(1024);
        loop {
            request.clear();
            while !request.ends_with(b"\r\n\r\n") {
                if stream.read_buf(&mut request).await.ok()? == 0 {
                    return None;
                }
            }
            let mut words = request.split(|byte| *byte == b' ');
            let head_only = words.next() == Some(&b"HEAD"[..]);
            let target = words
                .next()
                .and_then(|target| std::str::from_utf8(target).ok())?;
            if target == "/count" {
                let count = self.count.get().to_string();
                stream
                    .write_all(&answer("200 OK", "text/plain", count.as_bytes()))
                    .await
                    .ok()?;
                return None;
            }
            self.count.set(self.count.get() + 1);
            if target.starts_with("/slow/") {
                tokio::time::sleep(SLOW).await;
            }
            let answer = if target.starts_with("/u/") || target.starts_with("/slow/") {
                Rc::clone(&self.small)
            } else {
                self.file(target)
            };
            let end = answer
                .windows(4)
                .position(|four| four == b"\r\n\r\n")
                .map_or(0, |at| at + 4);
            let sent = if head_only {
                &answer[..end]
            } else {
                &answer[..]
            };
            stream.write_all(sent).await.ok()?;
        }
    }

    fn file(&self, target: &str) -> Rc<[u8]> {
        let path = target.split(['?', '#']).next().unwrap_or_default();
        if let Some(kept) = self.files.borrow().get(path) {
            return Rc::clone(kept);
        }
        let name = unescaped(path.trim_start_matches('/'));
        let climbs = name.split('/').any(|step| step == "..");
        let content = (!climbs)
            .then(|| std::fs::read(self.folder.join(&name)).ok())
            .flatten();
        let made = match content {
            Some(content) => answer("200 OK", media_type(&name), &content),
            None => answer("404 Not Found", "text/plain", b"there is no such file\n"),
        };
        self.files
            .borrow_mut()
            .insert(path.to_owned(), Rc::clone(&made));
        made
    }
}

fn answer(status: &str, media_type: &str, content: &[u8]) -> Rc<[u8]> {
    let length = content.len();
    // That a connection is kept is said although it is the rule (RFC 9112, section 9.3): where it is not, wget2 opens one for
    // each request, and is measured at that.
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\nConnection: keep-alive\r\n\r\n"
    );
    [head.as_bytes(), content].concat().into()
}

/// A page of a kibibyte.
fn small() -> String {
    let links = (0..13).map(|number| {
        format!(
            "<p>Paragraph {number} of a small page, with <a href=\"/u/{number}\">a link</a>.</p>"
        )
    });
    let title = "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Small page</title></head>";
    format!("{title}<body>{}</body></html>", links.collect::<String>())
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html" | "htm") => "text/html",
        Some("css") => "text/css",
        Some("js") => "application/javascript",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("txt") => "text/plain",
        _ => "application/octet-stream",
    }
}

/// Percent-escapes undone.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        let digits = more
            .get(..2)
            .and_then(|pair| std::str::from_utf8(pair).ok());
        let escaped = digits
            .filter(|_| *first == b'%')
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &more[2..] } else { more };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
