//! What a crawl with `--state` costs as it grows: time and memory at 10^4, 10^5 and 10^6 URLs of an endless site, and how
//! soon a state of that size that was killed asks for its next page. `cargo bench --bench million -- 10000 100000` takes
//! other sizes.
//!
//! The site has ten links a page, so for most of the run nine in ten of the URLs that are seen wait. The server is a few
//! threads of as little code as will do; it runs in this process, whose memory is not counted.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark talks"
)]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

fn main() {
    let sizes: Vec<u64> = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .collect();
    let sizes = if sizes.is_empty() {
        vec![10_000, 100_000, 1_000_000]
    } else {
        sizes
    };
    println!(
        "| URLs | time, s | µs a URL | peak memory, MiB | bytes a URL more | killed at 9/10: first request again, s | state, MiB |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let mut last: Option<(u64, u64)> = None;
    for size in sizes {
        let served = Arc::new(AtomicU64::new(0));
        let seed = serve(&served);
        let folder = tempfile::tempdir().expect("a folder");
        let begun = Instant::now();
        let mut first = crawl(folder.path(), &seed, size);
        let killed = size / 10 * 9;
        let mut peak = 0;
        while served.load(Ordering::Relaxed) < killed {
            peak = peak.max(memory(&first));
            assert!(
                first.try_wait().expect("a child").is_none(),
                "it ended early"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        first.kill().expect("it runs");
        first.wait().expect("it ends");
        let before = begun.elapsed();
        let asked = served.load(Ordering::Relaxed);
        let again = Instant::now();
        let mut second = crawl(folder.path(), &seed, size);
        while served.load(Ordering::Relaxed) == asked {
            std::thread::sleep(Duration::from_millis(1));
        }
        let resumed = again.elapsed();
        loop {
            peak = peak.max(memory(&second));
            if let Some(status) = second.try_wait().expect("a child") {
                assert!(status.success(), "{status}");
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let time = before + again.elapsed();
        let state = std::fs::metadata(folder.path().join("state.db")).map_or(0, |file| file.len());
        let more = last.map_or("–".to_owned(), |(urls, bytes)| {
            format!("{:.0}", (peak as f64 - bytes as f64) / (size - urls) as f64)
        });
        println!(
            "| {size} | {:.1} | {:.0} | {:.1} | {more} | {:.2} | {:.0} |",
            time.as_secs_f64(),
            time.as_secs_f64() * 1e6 / size as f64,
            peak as f64 / f64::from(1 << 20),
            resumed.as_secs_f64(),
            state as f64 / f64::from(1 << 20),
        );
        last = Some((size, peak));
    }
}

fn crawl(folder: &Path, seed: &str, size: u64) -> Child {
    Command::new(env!("CARGO_BIN_EXE_dragnet"))
        .args([
            "crawl",
            "--state",
            "state.db",
            "--delay",
            "0",
            "--per-host",
            "64",
        ])
        .args([
            "-q",
            "-o",
            "out.jsonl",
            "--max-pages",
            &size.to_string(),
            seed,
        ])
        .current_dir(folder)
        .stdout(Stdio::null())
        .spawn()
        .expect("the program runs")
}

/// Resident bytes of a process, 0 where it has gone or the system does not say.
fn memory(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
    let kib = status.unwrap_or_default().lines().find_map(|line| {
        let rest = line.strip_prefix("VmHWM:")?;
        rest.split_whitespace().next()?.parse::<u64>().ok()
    });
    kib.unwrap_or(0) * 1024
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
