//! A site of so many pages with fifty links each, nearly all to one another, and what `check --recursive` of it costs.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::site::{memory, spent};

/// Links of a page.
pub(crate) const LINKS: u64 = 50;

/// Those of them that every page has.
const COMMON: u64 = 8;

/// What one check cost.
pub(crate) struct Check {
    pub(crate) wall: Duration,
    pub(crate) ours: Duration,
    pub(crate) peak: u64,
}

/// A check of a site of so many pages by `program`, in the format that is said.
pub(crate) fn check(pages: u64, mut program: Command, format: &str) -> Check {
    let seed = serve(pages);
    let (_, child) = spent();
    let begun = Instant::now();
    let mut checked = program
        .args(["check", "--recursive", "--delay", "0", "--per-host", "64"])
        .args(["-q", "-f", format, &seed])
        .stdout(Stdio::null())
        .spawn()
        .expect("the program runs");
    let mut peak = 0;
    loop {
        peak = peak.max(memory(&checked));
        if let Some(status) = checked.try_wait().expect("a child") {
            // Four links in a thousand lead to an anchor that is not there.
            assert_eq!(status.code(), Some(1), "{status}");
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let wall = begun.elapsed();
    let (_, child_after) = spent();
    Check {
        wall,
        ours: child_after.saturating_sub(child),
        peak,
    }
}

fn serve(pages: u64) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream, pages));
        }
    });
    format!("http://{address}{}", path(0))
}

fn path(page: u64) -> String {
    format!("/handbook/section-{}/chapter-{page}.html", page % 97)
}

fn answer(mut stream: TcpStream, pages: u64) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut requests = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    loop {
        line.clear();
        if requests.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let number = line
            .split_once("/chapter-")
            .and_then(|(_, rest)| rest.split_once(".html"))
            .and_then(|(number, _)| number.parse::<u64>().ok());
        while line.trim() != "" {
            line.clear();
            requests.read_line(&mut line).ok()?;
        }
        let page = number.map(|number| page(number, pages));
        let status = if page.is_some() {
            "200 OK"
        } else {
            "404 Not Found"
        };
        let page = page.unwrap_or_default();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\r\n",
            page.len()
        );
        stream.write_all((head + &page).as_bytes()).ok()?;
    }
}

/// The common pages, the next one, and others all over the site; every third by one of its parts.
fn page(number: u64, pages: u64) -> String {
    let mut page = format!("<!doctype html><title>Chapter {number} of the handbook</title>\n");
    for link in 0..LINKS {
        let to = match link {
            link if link < COMMON => link,
            COMMON => number + 1,
            // Linear, with a step for each link.
            link => number * (2 * link + 1) + link * link * 7919,
        };
        let to = path(to % pages);
        let _ = match link % 3 {
            0 => writeln!(page, "<p id=part-{link}><a href=\"{to}#part-{link}\">x</a>"),
            _ => writeln!(page, "<a href=\"{to}\">x</a>"),
        };
    }
    if number.is_multiple_of(5) {
        let _ = writeln!(page, "<a href=\"#none\">x</a>");
    }
    page
}
