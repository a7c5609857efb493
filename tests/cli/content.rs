//! What a record holds of the content: extraction, links, digests, text.

use serde_json::json;

use crate::support::{Dragnet, Response, Server};

const SHOP: &str = "<html><head><title>Chairs</title><link rel=canonical href=/chairs></head><body>\
    <h2 class=name>Arm &amp; chair</h2><a href=/next rel=nofollow>the <b>next</b></a><a href='mailto:a@b.test'>mail</a></body></html>";

fn shop() -> Server {
    Server::pages([
        ("/1", Response::html(SHOP)),
        ("/2", Response::html("<p>nothing here")),
        (
            "/3",
            Response::content("application/json", r#"{"user":{"name":"Ada"}}"#),
        ),
        ("/4", Response::new(404).body("<h2 class=name>gone</h2>")),
    ])
}

#[test]
fn what_is_selected_stands_in_every_format_and_columns_never_shift() {
    let server = shop();
    let folder = tempfile::tempdir().expect("a folder");
    let output = Dragnet::new()
        .args([
            "fetch",
            "--select",
            "name=.name",
            "--select",
            "hrefs=a@href[]",
        ])
        .args([
            "--json-pointer",
            "user=/user/name",
            "--regex",
            r"word=<p>(\w+)",
        ])
        .args([
            "-o",
            "a.jsonl",
            "-o",
            "a.csv",
            "--template",
            "{status}|{fields.name}|{fields_user}|{fields.word}",
        ])
        .args(["/1", "/2", "/3", "/4"].map(|path| server.url(path)))
        .args(["-c", "1", "--fail-on", "never"])
        .in_dir(folder.path())
        .run();
    output.assert_code(0);
    assert_eq!(
        output.lines(),
        ["200|Arm & chair||", "200|||nothing", "200||Ada|", "404|||"]
    );
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("a file");
    let jsonl = read("a.jsonl");
    let fields: Vec<serde_json::Value> = jsonl
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).expect("JSON")["fields"].clone()
        })
        .collect();
    assert_eq!(
        fields,
        [
            json!({"name": "Arm & chair", "hrefs": ["/next", "mailto:a@b.test"]}),
            json!({"hrefs": [], "word": "nothing"}),
            json!({"hrefs": [], "user": "Ada"}),
            json!(null),
        ]
    );
    let table = read("a.csv");
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let names = rows.headers().expect("a header").clone();
    let last: Vec<_> = names.iter().rev().take(4).collect();
    assert_eq!(
        last,
        ["fields_word", "fields_user", "fields_hrefs", "fields_name"]
    );
    let cells: Vec<_> = rows.records().map(|row| row.expect("a row")).collect();
    assert_eq!(cells.len(), 4);
    assert_eq!(&cells[0][names.len() - 3], r#"["/next","mailto:a@b.test"]"#);
    assert_eq!(&cells[3][names.len() - 4], "");
}

#[test]
fn title_links_digest_and_text_are_there_when_asked_for() {
    let server = shop();
    let output = Dragnet::new()
        .args([
            "fetch", "-f", "jsonl", "--title", "--links", "--hash", "--body",
        ])
        .arg(server.url("/1"))
        .run();
    output.assert_code(0);
    let record = &output.json_lines()[0];
    assert_eq!(record["title"], "Chairs");
    assert_eq!(record["canonical"], server.url("/chairs"));
    assert_eq!(record["body"], SHOP);
    let digest = ring::digest::digest(&ring::digest::SHA256, SHOP.as_bytes());
    let digest: String = digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(record["sha256"], digest);
    assert_eq!(
        record["links"],
        json!([
            {"url": server.url("/chairs"), "kind": "relation"},
            {"url": server.url("/next"), "kind": "anchor", "text": "the next", "nofollow": true},
            {"url": "mailto:a@b.test", "kind": "anchor", "text": "mail"},
        ])
    );
    let output = Dragnet::new()
        .args(["fetch", "-f", "jsonl", &server.url("/1")])
        .run();
    let record = &output.json_lines()[0];
    for name in ["title", "links", "sha256", "body", "fields", "canonical"] {
        assert!(record.get(name).is_none(), "{name} was not asked for");
    }
}

#[test]
fn a_crawl_extracts_on_its_way_and_says_what_pages_ask_of_robots() {
    let server = Server::pages([
        (
            "/",
            Response::html("<h1>Home</h1><a href=/shy>x</a><a href=/quiet>x</a>"),
        ),
        (
            "/shy",
            Response::html("<meta name=robots content=noindex><h1>Shy</h1>"),
        ),
        (
            "/quiet",
            Response::html("<h1>Quiet</h1><a href=/none>x</a>").field("X-Robots-Tag", "none"),
        ),
    ]);
    let output = Dragnet::new()
        .args([
            "crawl",
            "-f",
            "jsonl",
            "--select",
            "head=h1",
            &server.url("/"),
        ])
        .run();
    output.assert_code(0);
    let mut found: Vec<_> = output
        .json_lines()
        .iter()
        .map(|record| (record["fields"]["head"].clone(), record["robots"].clone()))
        .collect();
    found.sort_by_key(|(head, _)| head.to_string());
    assert_eq!(
        found,
        [
            (json!("Home"), json!(null)),
            (json!("Quiet"), json!("noindex,nofollow")),
            (json!("Shy"), json!("noindex")),
        ]
    );
}

#[test]
fn a_bad_selector_pattern_pointer_or_name_is_exit_2_before_any_request() {
    let server = shop();
    for (arguments, told) in [
        (
            ["--select", "a=div >> p"],
            "column 7: this is no CSS selector from here on: >> p",
        ),
        (["--regex", "a=("], "column 3, in the pattern"),
        (
            ["--json-pointer", "a=b"],
            "column 3: a JSON pointer begins with /",
        ),
        (["--template", "{fields.x}"], "--template asks for fields.x"),
    ] {
        let output = Dragnet::new()
            .arg("fetch")
            .args(arguments)
            .arg(server.url("/1"))
            .run();
        output.assert_code(2);
        assert!(output.stderr.contains(told), "{}", output.stderr);
    }
    let output = Dragnet::new()
        .args([
            "fetch",
            "--select",
            "a=b",
            "--regex",
            "a=c",
            &server.url("/1"),
        ])
        .run();
    output.assert_code(2);
    assert!(
        output.stderr.contains("the name a is given twice"),
        "{}",
        output.stderr
    );
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn the_date_that_a_sitemap_gives_stands_in_the_record() {
    let server = Server::builder()
        .route("/sitemap.xml", |request| {
            let host = request.field("host").unwrap_or_default();
            Response::content(
                "application/xml",
                format!(
                    "<urlset><url><loc>http://{host}/a</loc><lastmod>2026-01-02</lastmod></url><url><loc>http://{host}/b</loc></url></urlset>"
                ),
            )
        })
        .page("/a", Response::html("a"))
        .page("/b", Response::html("b"))
        .page("/", Response::html("home"))
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let sitemap = format!("--sitemap={}", server.url("/sitemap.xml"));
    let output = Dragnet::new()
        .args([
            "crawl",
            "-f",
            "jsonl",
            "--state",
            "s.db",
            &sitemap,
            &server.url("/"),
        ])
        .in_dir(folder.path())
        .run();
    output.assert_code(0);
    let records = output.json_lines();
    let date = |path: &str| {
        let record = records
            .iter()
            .find(|record| record["url"] == server.url(path));
        record.expect("a record")["lastmod"].clone()
    };
    assert_eq!((date("/a"), date("/b")), (json!("2026-01-02"), json!(null)));
}
