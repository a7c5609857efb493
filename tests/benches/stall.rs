//! How long the event loop stands still while twelve hostile pages of a mebibyte are crawled beside small ones, in five
//! runs. Fails above 50 ms in the median.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark talks"
)]

#[path = "../cli/support/hostile.rs"]
mod hostile;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, ExitCode};
use std::sync::Arc;

/// The most that one page may cost all the others.
const LIMIT: u64 = 50;

fn main() -> ExitCode {
    let seed = serve();
    let mut stalls: Vec<u64> = (0..5).map(|_| stall(&seed)).collect();
    stalls.sort_unstable();
    println!(
        "longest stall with twelve hostile pages, ms in five runs: {stalls:?} (at most {LIMIT} in the median)"
    );
    if stalls[2] > LIMIT {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// What the summary of one crawl says.
fn stall(seed: &str) -> u64 {
    let output = Command::new(env!("CARGO_BIN_EXE_dragnet"))
        .args([
            "crawl",
            "--delay",
            "0",
            "--per-host",
            "16",
            "-f",
            "jsonl",
            "-o",
            "/dev/null",
            seed,
        ])
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let (_, stall) = said.rsplit_once("longest stall ").expect("a summary");
    stall
        .split_whitespace()
        .next()
        .and_then(|number| number.parse().ok())
        .expect("a number of milliseconds")
}

/// A server of as little code as will do, for the life of this process; its index page is returned.
fn serve() -> String {
    let mut pages: Vec<(String, String)> = hostile::pages()
        .into_iter()
        .map(|(name, page)| (format!("/{name}"), page))
        .collect();
    pages.extend((0..200).map(|number| {
        (
            format!("/small/{number}"),
            format!("<a href=/>{number}</a>"),
        )
    }));
    let links: String = pages
        .iter()
        .map(|(path, _)| format!("<a href={path}>x</a>"))
        .collect();
    pages.push(("/".to_owned(), links));
    let pages = Arc::new(pages);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let seed = format!("http://{}/", listener.local_addr().expect("its address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let pages = Arc::clone(&pages);
            std::thread::spawn(move || {
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                while let Some(request) = lines.next() {
                    while lines.next().is_some_and(|line| !line.is_empty()) {}
                    let path = request.split(' ').nth(1).unwrap_or_default();
                    let page = pages.iter().find(|(known, _)| known == path);
                    let (status, page) =
                        page.map_or(("404 Not Found", ""), |(_, page)| ("200 OK", page));
                    let head = format!(
                        "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n",
                        page.len()
                    );
                    let mut stream = &stream;
                    if stream
                        .write_all(head.as_bytes())
                        .and_then(|()| stream.write_all(page.as_bytes()))
                        .is_err()
                    {
                        return;
                    }
                }
            });
        }
    });
    seed
}
