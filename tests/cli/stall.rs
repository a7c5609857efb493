//! Pages that are heavy: they are read, they end, and the pages beside them are read too. How long the loop stands
//! still for them is measured by `cargo bench --bench stall`, because a test must not hold a watch.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::support::{Dragnet, Response, Server, hostile};

#[test]
fn hostile_pages_hold_nobody_up() {
    let mut index = String::new();
    let mut server = Server::builder().page("/robots.txt", Response::new(404));
    for (name, page) in hostile::pages() {
        let _ = write!(index, "<a href=/{name}>{name}</a>");
        server = server.page(&format!("/{name}"), Response::html(page));
    }
    for number in 0..50 {
        let _ = write!(index, "<a href=/small/{number}>x</a>");
        let page = format!("<title>{number}</title>");
        server = server.page(&format!("/small/{number}"), Response::html(page));
    }
    let server = server.page("/", Response::html(index)).start();
    let output = Dragnet::new()
        .args(["crawl", "-f", "jsonl", "--per-host", "16"])
        .arg(server.url("/"))
        .run();
    let records: BTreeMap<String, serde_json::Value> = output
        .json_lines()
        .into_iter()
        .map(|record| (record["url"].as_str().expect("a url").to_owned(), record))
        .collect();
    for (name, page) in hostile::pages() {
        let record = &records[&server.url(&format!("/{name}"))];
        assert_eq!(record["status"], 200, "{record}");
        assert_eq!(record["size"], page.len(), "{record}");
        // Read to its end, or with the reason why not.
        let kind = record["error"]["kind"].as_str().unwrap_or("ok");
        assert!(matches!(kind, "ok" | "too-large"), "{record}");
    }
    for number in 0..50 {
        let record = &records[&server.url(&format!("/small/{number}"))];
        assert_eq!(record["title"], number.to_string());
    }
    assert!(output.stderr.contains("longest stall"), "{}", output.stderr);
}
