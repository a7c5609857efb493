//! robots.txt by RFC 9309: where it is, that it cannot be had, how long it is waited for; and origins that ask to be left alone.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::support::{Dragnet, Output, Response, Server, full_backlog};

fn crawl(url: &str, flags: &[&str]) -> Output {
    Dragnet::new()
        .args(["crawl", "-f", "jsonl", url])
        .args(flags)
        .run()
}

/// Kind of failure, or status, by path.
fn ends(output: &Output) -> Vec<(String, String)> {
    let end = |record: &Value| {
        let url = record["url"].as_str().expect("a url");
        let path = url.splitn(4, '/').last().unwrap_or_default();
        let end = match record["error"]["kind"].as_str() {
            Some(kind) => kind.to_owned(),
            None => record["status"].to_string(),
        };
        (format!("/{path}"), end)
    };
    let mut ends: Vec<_> = output.json_lines().iter().map(end).collect();
    ends.sort();
    ends
}

fn end(path: &str, kind: &str) -> (String, String) {
    (path.to_owned(), kind.to_owned())
}

const SHUT: &str = "User-agent: *\nDisallow: /shut\n";

#[test]
fn rules_are_looked_for_where_redirects_lead_out_of_scope_too_for_five_hops() {
    let other = Server::builder()
        .on([127, 0, 0, 2])
        .page("/4", Response::redirect(302, "/5"))
        .page("/5", Response::text(SHUT))
        .start();
    let server = Server::builder()
        .page("/robots.txt", Response::redirect(301, "/x/2"))
        .page("/x/2", Response::redirect(302, "/x/3"))
        .page("/x/3", Response::redirect(307, "/x/4"))
        .page("/x/4", Response::redirect(308, &other.url("/4")))
        .page(
            "/docs/",
            Response::html("<a href=/shut>x</a><a href=a>y</a>"),
        )
        .page("/docs/a", Response::text("a"))
        .page("/shut", Response::text("s"))
        .start();
    let flags = ["--max-redirects", "0", "--private", "allow"];
    let expected = [
        end("/docs/", "200"),
        end("/docs/a", "200"),
        end("/shut", "robots"),
    ];
    let output = crawl(&server.url("/docs/"), &flags);
    assert_eq!(ends(&output), expected);
    let prefix = [&flags[..], &["--scope", "prefix", "--exclude", "robots"]].concat();
    let output = crawl(&server.url("/docs/"), &prefix);
    assert_eq!(ends(&output), expected[..2]);
    assert_eq!((server.count("/shut"), other.count("/5")), (0, 2));

    // One more, and there are none (section 2.3.1.2).
    let far = Server::builder()
        .page("/robots.txt", Response::redirect(302, "/1"))
        .route("/1", |_| Response::redirect(302, "/2"))
        .route("/2", |_| Response::redirect(302, "/3"))
        .route("/3", |_| Response::redirect(302, "/4"))
        .route("/4", |_| Response::redirect(302, "/5"))
        .route("/5", |_| Response::redirect(302, "/6"))
        .page("/6", Response::text(SHUT))
        .page("/shut", Response::text("s"))
        .start();
    assert_eq!(ends(&crawl(&far.url("/shut"), &[])), [end("/shut", "200")]);
    assert_eq!(far.count("/6"), 0);
}

#[test]
fn the_first_500_kib_count_whatever_max_size_says_and_the_rest_is_left() {
    let mut rules = SHUT.to_owned();
    rules.extend(std::iter::repeat_n("# a line of no use\n", 30 << 10));
    rules.push_str("Disallow: /beyond\n");
    assert!(rules.len() > 550 << 10);
    let server = Server::pages([
        ("/robots.txt", Response::text(rules)),
        (
            "/",
            Response::html("<a href=/shut>x</a><a href=/beyond>y</a>"),
        ),
        ("/beyond", Response::text("b")),
    ]);
    let output = crawl(&server.url("/"), &["--max-size", "1KiB"]);
    output.assert_code(0);
    let expected = [
        end("/", "200"),
        end("/beyond", "200"),
        end("/shut", "robots"),
    ];
    assert_eq!(ends(&output), expected);
}

#[test]
fn rules_that_cannot_be_had_are_asked_for_again_and_what_waits_is_visited_then() {
    let turn = AtomicU32::new(0);
    let server = Server::builder()
        .route("/robots.txt", move |_| {
            match turn.fetch_add(1, Ordering::Relaxed) {
                0..3 => Response::new(503),
                _ => Response::text(SHUT),
            }
        })
        .page("/", Response::html("<a href=/shut>x</a>"))
        .start();
    let output = crawl(&server.url("/"), &["--retries", "1"]);
    output.assert_code(0);
    assert_eq!(ends(&output), [end("/", "200"), end("/shut", "robots")]);
    assert_eq!(server.requests()[3].path(), "/robots.txt");
    let told = "robots.txt cannot be had (503 Service Unavailable); what waits for it waits for at most 300 s";
    assert_eq!(output.stderr.matches(told).count(), 1, "{}", output.stderr);
}

#[test]
fn rules_that_can_never_be_had_end_the_wait_with_max_wait() {
    let server = Server::pages([
        ("/robots.txt", Response::new(500)),
        ("/", Response::text("x")),
    ]);
    let output = crawl(&server.url("/"), &["--max-wait", "2s"]);
    assert_eq!(ends(&output), [end("/", "robots")]);
    assert_eq!(server.count("/"), 0);
    let tries = server.count("/robots.txt");
    assert!((2..=3).contains(&tries), "{tries} tries in 2 s");
}

#[test]
fn a_host_that_accepts_no_connection_is_broken_and_not_shut() {
    let silent = full_backlog();
    let output = crawl(
        &silent.url("/"),
        &["--connect-timeout", "300ms", "--retries", "0"],
    );
    output.assert_code(1);
    assert_eq!(ends(&output), [end("/", "timeout")]);
}

#[test]
fn a_crawl_that_could_visit_no_seed_has_failed() {
    let server = Server::builder()
        .page("/robots.txt", Response::text(SHUT))
        .page("/shut", Response::text("s"))
        .page("/", Response::html("<a href=/shut>x</a>"))
        .start();
    let output = crawl(&server.url("/shut"), &[]);
    output.assert_code(1);
    assert_eq!(ends(&output), [end("/shut", "robots")]);
    assert!(
        output.stderr.contains("no seed could be visited"),
        "{}",
        output.stderr
    );
    let output = crawl(&server.url("/"), &[&server.url("/shut")]);
    output.assert_code(0);
}

#[test]
fn an_origin_that_asks_for_more_rest_than_there_is_is_left_alone() {
    let server = Server::builder()
        .page("/robots.txt", Response::new(404))
        .page(
            "/",
            Response::html("<a href=/1>1</a><a href=/2>2</a><a href=/3>3</a>"),
        )
        .prefix("/", |_| Response::new(429).field("Retry-After", "3600"))
        .start();
    let output = crawl(&server.url("/"), &["--per-host", "1"]);
    let limited = |path| end(path, "rate-limited");
    let expected = [end("/", "200"), limited("/1"), limited("/2"), limited("/3")];
    assert_eq!(ends(&output), expected);
    assert_eq!(
        server.requests().len(),
        3,
        "robots.txt, the page, and one link"
    );
    // The same for a list, for a quota, and for a robots.txt.
    let spent = Response::text("x")
        .field("RateLimit-Remaining", "0")
        .field("RateLimit-Reset", "86400");
    let server = Server::pages([("/1", spent.clone()), ("/2", spent)]);
    let output = Dragnet::new()
        .args(["fetch", "-f", "jsonl", "--per-host", "1"])
        .args([server.url("/1"), server.url("/2")])
        .limit(Duration::from_secs(20))
        .run();
    assert_eq!(ends(&output), [end("/1", "200"), limited("/2")]);
    assert_eq!(server.count("/2"), 0);
    let server = Server::builder()
        .prefix("/", |_| Response::new(503).field("Retry-After", "3600"))
        .start();
    let output = crawl(&server.url("/"), &[]);
    assert_eq!(ends(&output), [limited("/")]);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_crawl_delay_that_is_not_kept_in_full_is_stated() {
    let server = Server::pages([
        (
            "/robots.txt",
            Response::text("User-agent: *\nCrawl-delay: 86400\n"),
        ),
        ("/", Response::text("x")),
    ]);
    let told = "Crawl-delay 86400 s, of which 30 s are kept";
    let output = crawl(&server.url("/"), &["--max-time", "300ms"]);
    assert!(output.stderr.contains(told), "{}", output.stderr);
    let output = crawl(&server.url("/"), &["--explain", &server.url("/")]);
    assert!(output.stdout.contains(told), "{}", output.stdout);
}

#[test]
fn a_rule_of_x_robots_tag_with_a_value_is_no_product_token() {
    let server = Server::pages([
        ("/robots.txt", Response::new(404)),
        (
            "/",
            Response::html("<a href=/a>a</a>").field("X-Robots-Tag", "max-snippet: 50, nofollow"),
        ),
        (
            "/other",
            Response::html("<a href=/b>b</a>").field("X-Robots-Tag", "otherbot: nofollow"),
        ),
        ("/b", Response::text("b")),
    ]);
    assert_eq!(ends(&crawl(&server.url("/"), &[])), [end("/", "200")]);
    let output = crawl(&server.url("/other"), &[]);
    assert_eq!(ends(&output), [end("/b", "200"), end("/other", "200")]);
}
