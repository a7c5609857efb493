//! What a list costs as it grows: time and peak memory of `fetch` at 10^4, 10^5 and 10^6 lines of stdin, plain and with
//! each flag that has to remember something. `cargo bench --bench list -- 10000 10000000` takes other sizes.
//!
//! Fails where a run that promises constant memory needs more than 1.2 times what the shortest list needs. The producer
//! writes as fast as it is let; the server is a few threads of as little code as will do, in this process.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark talks"
)]

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Flags, and whether memory is promised to be constant.
const RUNS: &[(&[&str], bool)] = &[
    (&[], true),
    (&["--ordered"], true),
    (&["--match", "status=2xx"], true),
    (&["--state", "state.db"], true),
    (&["--state", "state.db", "--ordered"], true),
    (&["--unique"], false),
];

fn main() {
    let sizes: Vec<u64> = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .collect();
    let sizes = if sizes.is_empty() {
        vec![10_000, 100_000, 1_000_000]
    } else {
        sizes
    };
    let server = serve();
    println!(
        "| flags | lines | time, s | lines a second | peak memory, MiB | of the shortest | bytes a line more |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for (flags, constant) in RUNS {
        let mut shortest = None;
        for &size in &sizes {
            let folder = tempfile::tempdir().expect("a folder");
            let begun = Instant::now();
            let peak = fetch(folder.path(), flags, &server, size);
            let time = begun.elapsed().as_secs_f64();
            let (lines, least) = *shortest.get_or_insert((size, peak));
            let ratio = peak as f64 / least as f64;
            let more = (peak as f64 - least as f64) / (size - lines).max(1) as f64;
            println!(
                "| {} | {size} | {time:.1} | {:.0} | {:.1} | {ratio:.2} | {more:.1} |",
                flags.join(" "),
                size as f64 / time,
                peak as f64 / f64::from(1 << 20),
            );
            assert!(
                !constant || ratio <= 1.2,
                "memory grows with the list: {flags:?}"
            );
        }
    }
}

/// Runs to the end, and gives the peak of its memory in bytes.
fn fetch(folder: &Path, flags: &[&str], server: &str, size: u64) -> u64 {
    let mut run = Command::new(env!("CARGO_BIN_EXE_dragnet"))
        .args(["fetch", "-q", "-o", "out.jsonl", "--per-host", "64"])
        .args(flags)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut list = BufWriter::with_capacity(1 << 16, run.stdin.take().expect("a pipe"));
    let base = server.to_owned();
    let producer = std::thread::spawn(move || {
        for number in 0..size {
            if writeln!(list, "{base}/{number}").is_err() {
                return;
            }
        }
    });
    let mut peak = 0;
    loop {
        peak = peak.max(memory(&run));
        if let Some(status) = run.try_wait().expect("a child") {
            assert!(status.success(), "{status}");
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    producer.join().expect("it ends");
    let out = std::fs::File::open(folder.join("out.jsonl")).expect("the records");
    let records = BufReader::new(out).split(b'\n').count() as u64;
    assert_eq!(records, size, "one record a line");
    peak
}

/// Peak resident bytes of a process, 0 where it has gone or the system does not say.
fn memory(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
    let kib = status.unwrap_or_default().lines().find_map(|line| {
        let rest = line.strip_prefix("VmHWM:")?;
        rest.split_whitespace().next()?.parse::<u64>().ok()
    });
    kib.unwrap_or(0) * 1024
}

/// A server that says the same to everyone.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let base = format!("http://{}", listener.local_addr().expect("its address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    base
}

fn answer(mut stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut requests = BufReader::new(stream.try_clone().ok()?);
    let mut line = Vec::new();
    loop {
        line.clear();
        if requests.read_until(b'\n', &mut line).ok()? == 0 {
            return None;
        }
        if line == b"\r\n" {
            let answer =
                b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nshort";
            stream.write_all(answer).ok()?;
        }
    }
}
