// What the examples in `src/lib.rs` are run with: a server, a runtime, and a stream that can be looked into. Included by
// them, because hidden lines of three examples would be three copies; it is no test by itself.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Serves these pages (path, media type, content) and 404 for anything else; returns the origin.
pub fn serve(pages: &[(&'static str, &'static str, &'static str)]) -> std::io::Result<String> {
    let pages: HashMap<_, _> = pages
        .iter()
        .map(|(path, media, content)| (*path, (*media, *content)))
        .collect();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let origin = format!("http://{}", listener.local_addr()?);
    let answer = move |mut stream: TcpStream| -> Option<()> {
        let mut head = BufReader::new(stream.try_clone().ok()?).lines();
        let line = head.next()?.ok()?;
        while !head.next()?.ok()?.is_empty() {}
        let page = pages.get(line.split(' ').nth(1)?);
        let status = if page.is_some() { "200 OK" } else { "404 Not Found" };
        let (media, content) = page.copied().unwrap_or(("text/plain", ""));
        let length = content.len();
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{content}"
        )
        .ok()
    };
    std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| _ = answer(stream)));
    Ok(origin)
}

/// Waits for `work` on a runtime of one thread.
pub fn run<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().expect("a runtime").block_on(work)
}

/// A stream into memory.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("nobody panicked")).into_owned()
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panicked").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
