//! `dragnet.toml`: named values for the pages of a pattern.

use serde_json::json;

use crate::support::{Dragnet, Response, Server};

const CONFIG: &str = r#"
[[extract]]
pages = '/chairs/\d+$'
fields.name = "h1"
fields.price = { css = ".price", as = "number" }
fields.since = { css = "time", attribute = "datetime", as = "date" }
fields.images = { css = "img", attribute = "src", as = "url", all = true }

[[extract]]
pages = '/about'
fields.name = "h2"
fields.phone = { regex = '\+[0-9 ]+' }
"#;

fn shop() -> Server {
    let chair = "<h1>Arm chair</h1><p class=price>EUR 1.299,50</p><time datetime=2026-03-01>spring</time>\
        <img src=a.png><img src=/b.png>";
    Server::pages([
        (
            "/",
            Response::html("<h1>Shop</h1><a href=/chairs/1>x</a><a href=/about>x</a>"),
        ),
        ("/chairs/1", Response::html(chair)),
        (
            "/about",
            Response::html("<h1>no</h1><h2>About</h2>Call +49 30 1234!"),
        ),
        (
            "/chairs/a.png",
            Response::new(200).field("content-type", "image/png"),
        ),
        (
            "/b.png",
            Response::new(200).field("content-type", "image/png"),
        ),
    ])
}

#[test]
fn a_small_scraper_needs_no_code() {
    let server = shop();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("dragnet.toml"), CONFIG).expect("a file");
    let run = |args: &[&str]| {
        Dragnet::new()
            .arg("crawl")
            .args(args)
            .arg(server.url("/"))
            .in_dir(folder.path())
            .run()
    };
    let output = run(&["-f", "jsonl"]);
    output.assert_code(0);
    let records = output.json_lines();
    let fields = |path: &str| {
        let url = server.url(path);
        records
            .iter()
            .find(|record| record["url"] == url)
            .expect("a record")["fields"]
            .clone()
    };
    assert_eq!(
        fields("/chairs/1"),
        json!({
            "name": "Arm chair", "price": 1299.5, "since": "2026-03-01",
            "images": [server.url("/chairs/a.png"), server.url("/b.png")],
        })
    );
    assert_eq!(
        fields("/about"),
        json!({"name": "About", "phone": "+49 30 1234"})
    );
    assert_eq!(fields("/"), json!(null));

    // A flag takes the name; what the file says of others stays.
    let output = run(&["-f", "jsonl", "--select", "name=h1"]);
    let records = output.json_lines();
    let about = records
        .iter()
        .find(|record| record["url"] == server.url("/about"))
        .expect("a record");
    assert_eq!(
        about["fields"],
        json!({"phone": "+49 30 1234", "name": "no"})
    );

    // The columns of a table are those of the file, for every page.
    let output = run(&["-o", "out.csv"]);
    output.assert_code(0);
    let table = std::fs::read_to_string(folder.path().join("out.csv")).expect("a table");
    let heads = table.lines().next().expect("a head");
    assert!(
        heads.ends_with("fields_name,fields_price,fields_since,fields_images,fields_phone"),
        "{heads}"
    );
}

#[test]
fn a_state_does_not_go_on_with_other_values() {
    let server = shop();
    let folder = tempfile::tempdir().expect("a folder");
    let run = |config: &str| {
        std::fs::write(folder.path().join("dragnet.toml"), config).expect("a file");
        Dragnet::new()
            .args([
                "crawl",
                "--state",
                "s.db",
                "-o",
                "out.jsonl",
                "--max-pages",
                "1",
            ])
            .arg(server.url("/"))
            .in_dir(folder.path())
            .run()
    };
    run(CONFIG).assert_code(0);
    run(CONFIG).assert_code(0);
    let output = run(&CONFIG.replace("h2", "h3"));
    output.assert_code(2);
    assert!(output.stderr.contains("content"), "{}", output.stderr);
}

#[test]
fn a_mistake_ends_the_run_before_the_first_request_and_names_its_line() {
    let server = shop();
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |name: &str, args: &[&str], told: &str| {
        let output = Dragnet::new()
            .args(["fetch"])
            .args(args)
            .arg(server.url("/"))
            .in_dir(folder.path())
            .run();
        output.assert_code(2);
        assert!(
            output.stderr.contains(name) && output.stderr.contains(told),
            "{}",
            output.stderr
        );
    };
    refused("other.toml", &["--config", "other.toml"], "cannot read");
    std::fs::write(
        folder.path().join("dragnet.toml"),
        "[[extract]]\nfields.a = 'h1'\n\nprivate = 'allow'\n",
    )
    .expect("a file");
    refused(
        "dragnet.toml",
        &[],
        "line 4, column 1: unknown field `private`",
    );
    std::fs::write(
        folder.path().join("dragnet.toml"),
        "[[extract]]\nfields.a = 'p >> q'\n",
    )
    .expect("a file");
    refused("dragnet.toml", &[], "[[extract]] 1, a: ");
    assert_eq!(server.requests().len(), 0);

    // What is named takes the place of what is found.
    std::fs::write(
        folder.path().join("other.toml"),
        "[[extract]]\nfields.head = 'h1'\n",
    )
    .expect("a file");
    let output = Dragnet::new()
        .args(["fetch", "-f", "jsonl", "--config", "other.toml"])
        .arg(server.url("/"))
        .in_dir(folder.path())
        .run();
    output.assert_code(0);
    assert_eq!(output.json_lines()[0]["fields"], json!({"head": "Shop"}));
}
