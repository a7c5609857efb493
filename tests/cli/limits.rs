//! What one page may ask for: links, the length of a URL, ports, size.

use std::fmt::Write as _;

use crate::support::{Dragnet, Response, Server};

#[test]
fn links_beyond_the_limit_are_not_followed_and_the_record_says_so() {
    let mut page = String::new();
    for number in 0..100_001 {
        let _ = write!(page, "<a href=#a{number}></a>");
    }
    page.push_str("<a href=/never></a>");
    let server = Server::builder()
        .page("/", Response::html(page))
        .page("/robots.txt", Response::new(404))
        .start();
    let output = Dragnet::new()
        .args(["crawl", "-f", "jsonl"])
        .arg(server.url("/"))
        .run();
    output.assert_code(1);
    let records = output.json_lines();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["error"]["kind"], "too-large");
    assert_eq!(records[0]["status"], 200);
    let message = records[0]["error"]["message"].as_str().expect("a message");
    assert!(message.contains("100,000 links"), "{message}");
}

#[test]
fn a_url_too_long_for_any_server_is_never_asked_for() {
    let long = "x".repeat(70_000);
    let server = Server::builder()
        .page(
            "/",
            Response::html(format!("<a href=/{long}>x</a><a href=/moved>y</a>")),
        )
        .page("/moved", Response::redirect(302, &format!("/{long}")))
        .page("/robots.txt", Response::new(404))
        .start();
    let checked = Dragnet::new()
        .args(["check", "-f", "jsonl"])
        .arg(server.url("/"))
        .run();
    checked.assert_code(1);
    let kinds: Vec<_> = checked
        .json_lines()
        .iter()
        .filter(|record| record["outcome"] == "broken")
        .map(|record| record["error"]["kind"].as_str().expect("a kind").to_owned())
        .collect();
    assert_eq!(kinds.len(), 2, "{}", checked.stdout);
    assert!(kinds.contains(&"url".to_owned()) && kinds.contains(&"redirect".to_owned()));
    let crawled = Dragnet::new()
        .args(["crawl", "-f", "jsonl"])
        .arg(server.url("/"))
        .run();
    crawled.assert_code(1);
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.path().len() < 100)
    );
}

/// F14: a request must not be smuggled to a mail server by a page or by a redirect.
#[test]
fn no_page_and_no_redirect_leads_to_the_port_of_another_protocol() {
    let server = Server::builder()
        .page(
            "/",
            Response::html("<a href=http://127.0.0.1:25/>x</a><a href=/moved>y</a>"),
        )
        .page("/moved", Response::redirect(302, "http://127.0.0.1:6000/"))
        .page("/robots.txt", Response::new(404))
        .start();
    let output = Dragnet::new()
        .args(["crawl", "-f", "jsonl", "--scope", "any"])
        .arg(server.url("/"))
        .run();
    output.assert_code(1);
    let refused: Vec<_> = output
        .json_lines()
        .iter()
        .filter(|record| record["error"]["kind"] == "forbidden-address")
        .map(|record| {
            record["error"]["message"]
                .as_str()
                .expect("words")
                .to_owned()
        })
        .collect();
    assert_eq!(refused.len(), 2, "{}", output.stdout);
    assert!(
        refused
            .iter()
            .all(|message| message.contains("another protocol"))
    );
    // The user may name it: then nothing stands in the way but that nobody is there.
    let output = Dragnet::new()
        .args([
            "fetch",
            "-f",
            "jsonl",
            "--retries",
            "0",
            "http://127.0.0.1:6000/",
        ])
        .run();
    assert_eq!(output.json_lines()[0]["error"]["kind"], "connect");
}

/// A sitemap may have 50 MB (sitemaps.org), plain or packed; a page and any other XML may not, unless the user says so.
#[test]
fn a_sitemap_has_a_limit_of_its_own() {
    let padding: String = (0..11_000_u64)
        .map(|n| {
            format!(
                "<!--{:016x}{}-->",
                n.wrapping_mul(0x9E37_79B9_7F4A_7C15),
                "x".repeat(1000)
            )
        })
        .collect();
    let long = |root: &str| {
        format!("<{root}>{padding}<url><loc>/{root}/last</loc></url></{root}>").into_bytes()
    };
    let (list, other) = (long("urlset"), long("project"));
    let packed = gzip(&list);
    let server = Server::builder()
        .page("/plain.xml", Response::content("text/xml", list))
        .page(
            "/list.xml.gz",
            Response::content("application/gzip", packed.clone()),
        )
        .page(
            "/coded.xml",
            Response::content("text/xml", packed).field("content-encoding", "gzip"),
        )
        .page("/other.xml", Response::content("text/xml", other.clone()))
        .page("/page", Response::content("text/html", other))
        .page("/urlset/last", Response::html("found"))
        .page("/robots.txt", Response::new(404))
        .start();
    let crawl = |path: &str, flags: &[&str]| {
        let output = Dragnet::new()
            .args(["crawl", "-f", "jsonl"])
            .args(flags)
            .arg(server.url(path))
            .run();
        let records = output.json_lines();
        let kind = records[0]["error"]["kind"].as_str().unwrap_or("none");
        (kind.to_owned(), records.len())
    };
    for list in ["/plain.xml", "/list.xml.gz", "/coded.xml"] {
        assert_eq!(crawl(list, &[]), ("none".to_owned(), 2), "{list}");
    }
    for other in ["/other.xml", "/page"] {
        assert_eq!(crawl(other, &[]), ("too-large".to_owned(), 1), "{other}");
    }
    let said = ["--max-size", "10MiB"];
    assert_eq!(crawl("/plain.xml", &said), ("too-large".to_owned(), 1));
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut coder, content).expect("memory");
    coder.finish().expect("memory")
}
