//! An endless site of ten links a page, and what a crawl of so many pages of it costs.
//!
//! With a state it is killed at nine tenths and goes on. The server is a few threads of as little code as will do.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What one crawl cost.
pub(crate) struct Run {
    /// Pages that were asked for, those of the last commit before the kill twice.
    pub(crate) pages: u64,
    /// URLs that are known at the end, cut ones included: of those, a hundred thousand are remembered.
    pub(crate) seen: u64,
    pub(crate) wall: Duration,
    pub(crate) ours: Duration,
    pub(crate) servers: Duration,
    pub(crate) peak: u64,
    pub(crate) resumed: Option<Duration>,
    pub(crate) state: u64,
}

impl Run {
    pub(crate) fn rate(&self) -> f64 {
        self.pages as f64 / self.wall.as_secs_f64()
    }
}

/// A crawl of so many pages by `program`; one that is `durable` is killed at nine tenths, and goes on.
pub(crate) fn run(size: u64, durable: bool, program: fn() -> Command) -> Run {
    let served = Arc::new(AtomicU64::new(0));
    let seed = serve(&served);
    let folder = tempfile::tempdir().expect("a folder");
    let (server, child) = spent();
    let begun = Instant::now();
    let mut peak = 0;
    let mut crawled = crawl(program(), folder.path(), &seed, size, durable);
    let mut resumed = None;
    if durable {
        let killed = size / 10 * 9;
        while served.load(Ordering::Relaxed) < killed {
            peak = peak.max(memory(&crawled));
            assert!(
                crawled.try_wait().expect("a child").is_none(),
                "it ended early"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        peak = peak.max(memory(&crawled));
        crawled.kill().expect("it runs");
        crawled.wait().expect("it ends");
        let asked = served.load(Ordering::Relaxed);
        let again = Instant::now();
        crawled = crawl(program(), folder.path(), &seed, size, durable);
        while served.load(Ordering::Relaxed) == asked {
            std::thread::sleep(Duration::from_millis(1));
        }
        resumed = Some(again.elapsed());
    }
    loop {
        peak = peak.max(memory(&crawled));
        if let Some(status) = crawled.try_wait().expect("a child") {
            assert!(status.success(), "{status}");
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let wall = begun.elapsed();
    let (server_after, child_after) = spent();
    let state = folder.path().join("state.db");
    Run {
        pages: served.load(Ordering::Relaxed),
        seen: if durable {
            seen(&state)
        } else {
            size + (size * 9).min(100_000)
        },
        wall,
        ours: child_after.saturating_sub(child),
        servers: server_after.saturating_sub(server),
        peak,
        resumed,
        state: std::fs::metadata(&state).map_or(0, |file| file.len()),
    }
}

fn crawl(mut program: Command, folder: &Path, seed: &str, size: u64, durable: bool) -> Child {
    program
        .arg("crawl")
        .args(if durable {
            &["--state", "state.db"][..]
        } else {
            &[]
        })
        .args(["--delay", "0", "--per-host", "64", "-q", "-o", "out.jsonl"])
        .args(["--max-pages", &size.to_string(), seed])
        .current_dir(folder)
        .stdout(Stdio::null())
        .spawn()
        .expect("the program runs")
}

/// URLs that a state knows.
fn seen(state: &Path) -> u64 {
    let state = rusqlite::Connection::open(state).expect("a state");
    let known = "SELECT (SELECT count(*) FROM targets) + (SELECT count(*) FROM cut)";
    let known = state.query_row(known, [], |row| row.get::<_, i64>(0));
    known.expect("a number").unsigned_abs()
}

/// The most that a process has had in memory, in bytes; 0 where it has gone.
pub(crate) fn memory(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
    let kib = status.unwrap_or_default().lines().find_map(|line| {
        let rest = line.strip_prefix("VmHWM:")?;
        rest.split_whitespace().next()?.parse::<u64>().ok()
    });
    kib.unwrap_or(0) * 1024
}

/// Processor time of this process, and of its children that have ended.
pub(crate) fn spent() -> (Duration, Duration) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let (_, fields) = stat.rsplit_once(')').unwrap_or_default();
    let ticks: Vec<u64> = fields
        .split_whitespace()
        .skip(11)
        .take(4)
        .filter_map(|field| field.parse().ok())
        .collect();
    // The unit that Linux shows to programs is a hundredth of a second on every architecture.
    let time = |at: usize| {
        let both = ticks.get(at..at + 2).unwrap_or_default();
        Duration::from_millis(both.iter().sum::<u64>() * 10)
    };
    (time(0), time(2))
}

/// The endless site: page n links to ten further ones.
fn serve(served: &Arc<AtomicU64>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let seed = format!("http://{}/1", listener.local_addr().expect("its address"));
    let served = Arc::clone(served);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let served = Arc::clone(&served);
            std::thread::spawn(move || answer(stream, &served));
        }
    });
    seed
}

fn answer(mut stream: TcpStream, served: &AtomicU64) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut requests = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    let mut page = String::new();
    loop {
        line.clear();
        if requests.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let number: Option<u64> = line
            .split(' ')
            .nth(1)
            .and_then(|path| path.trim_start_matches('/').parse().ok());
        while line.trim() != "" {
            line.clear();
            requests.read_line(&mut line).ok()?;
        }
        page.clear();
        if let Some(number) = number {
            served.fetch_add(1, Ordering::Relaxed);
            for link in 0..10 {
                let _ = write!(
                    page,
                    "<a href=/{}>x</a>",
                    (number * 10 + link) % 1_000_000_007
                );
            }
        }
        let status = if number.is_some() {
            "200 OK"
        } else {
            "404 Not Found"
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n",
            page.len()
        );
        stream.write_all((head + &page).as_bytes()).ok()?;
    }
}
