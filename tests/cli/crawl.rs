//! `crawl`: every page once, links in scope, robots, depth.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Dragnet, RawServer, Response, Server, closed_port, faults};

fn visited(records: &[Value], server: &Server) -> BTreeSet<String> {
    let base = server.url("");
    let paths = records
        .iter()
        .map(|record| record["url"].as_str().expect("a url").replace(&base, ""));
    let set: BTreeSet<_> = paths.collect();
    assert_eq!(set.len(), records.len(), "nothing twice");
    set
}

fn set(paths: &[&str]) -> BTreeSet<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

fn page(links: &[&str]) -> Response {
    let links: String = links
        .iter()
        .map(|link| format!("<a href=\"{link}\">x</a>\n"))
        .collect();
    Response::html(format!("<title>Page</title>{links}"))
}

#[test]
fn every_page_in_scope_is_visited_once_however_it_is_spelt() {
    let server = Server::pages([
        (
            "/",
            page(&[
                "a",
                "./b?",
                "http://elsewhere.test/",
                "#top",
                "mailto:x@y.test",
                "/%61",
            ]),
        ),
        (
            "/a",
            page(&["/", "b?x=1&amp;y=2", "/A", "#part", "a#other"]),
        ),
        (
            "/b",
            Response::html(
                "<base href='/deep/er/'><a href=c><img src='../i.png'><form action=/never>",
            ),
        ),
        ("/A", Response::text("another page")),
        ("/deep/er/c", page(&["gone"])),
        (
            "/deep/i.png",
            Response::content("image/png", "not parsed: <a href=/never>"),
        ),
    ]);
    let output = Dragnet::new()
        .args(["crawl", "-f", "jsonl", &server.url("/")])
        .run();
    output.assert_code(1);
    let records = output.json_lines();
    let expected = [
        "/",
        "/a",
        "/b?",
        "/b?x=1&y=2",
        "/A",
        "/deep/er/c",
        "/deep/i.png",
        "/deep/er/gone",
    ];
    assert_eq!(visited(&records, &server), set(&expected));
    assert_eq!(server.count("/never"), 0);
    assert_eq!(server.count("/a"), 1);
    let gone = records
        .iter()
        .find(|record| record["outcome"] == "broken")
        .expect("a broken link");
    assert_eq!(gone["referrer"], server.url("/deep/er/c"));
    assert_eq!(gone["depth"], 3);
    assert_eq!(records[0]["title"], "Page");
}

#[test]
fn a_redirect_ends_in_its_own_record_and_its_target_has_one_too() {
    let server = Server::pages([
        ("/", page(&["/moved", "/out"])),
        ("/moved", Response::redirect(301, "/new/home")),
        ("/new/home", page(&["next"])),
        ("/new/next", page(&[])),
        ("/out", Response::redirect(302, "http://elsewhere.test/")),
    ]);
    let output = Dragnet::new()
        .args(["crawl", "-f", "jsonl", &server.url("/")])
        .run();
    output.assert_code(0);
    let records = output.json_lines();
    assert_eq!(
        visited(&records, &server),
        set(&["/", "/moved", "/new/home", "/new/next", "/out"])
    );
    let of = |path: &str| {
        records
            .iter()
            .find(|record| record["url"] == server.url(path))
            .expect("a record")
    };
    assert_eq!(of("/moved")["final_url"], server.url("/new/home"));
    assert_eq!(of("/out")["outcome"], "excluded");
    assert_eq!(of("/out")["status"], 302);
    assert!(server.count("/new/home") <= 2, "at most one request more");
}

#[test]
fn robots_txt_is_asked_for_first_and_obeyed_with_its_line() {
    let server = Server::pages([
        (
            "/robots.txt",
            Response::text("User-agent: *\nDisallow: /shut\nAllow: /shut/not\n"),
        ),
        ("/", page(&["/shut", "/shut/not", "/open"])),
        ("/shut/not", page(&[])),
        ("/open", page(&[])),
    ]);
    let output = Dragnet::new()
        .args(["crawl", "-f", "jsonl", &server.url("/")])
        .run();
    output.assert_code(0);
    let records = output.json_lines();
    assert_eq!(server.requests()[0].path(), "/robots.txt");
    assert_eq!(server.count("/shut"), 0);
    let shut = records
        .iter()
        .find(|record| record["url"] == server.url("/shut"))
        .expect("a record all the same");
    assert_eq!(
        (shut["outcome"].as_str(), shut["error"]["kind"].as_str()),
        (Some("unknown"), Some("robots"))
    );
    assert_eq!(
        shut["error"]["message"],
        "robots.txt line 2: Disallow: /shut"
    );
    let output = Dragnet::new()
        .args(["crawl", "--ignore-robots", &server.url("/")])
        .run();
    output.assert_code(1);
    assert_eq!(server.count("/shut"), 1);
    assert_eq!(
        server.count("/robots.txt"),
        1,
        "not asked for when it is ignored"
    );
}

#[test]
fn a_redirect_into_what_robots_txt_shuts_is_not_followed() {
    let other = Server::builder()
        .on([127, 0, 0, 2])
        .page(
            "/robots.txt",
            Response::text("User-agent: *\nDisallow: /\n"),
        )
        .page("/x", page(&[]))
        .start();
    let server = Server::pages([
        (
            "/robots.txt",
            Response::text("User-agent: *\nDisallow: /shut\n"),
        ),
        ("/", page(&["/in", "/out"])),
        ("/in", Response::redirect(302, "/shut")),
        ("/out", Response::redirect(302, &other.url("/x"))),
        ("/shut", page(&[])),
    ]);
    let output = Dragnet::new()
        .args([
            "crawl",
            "-f",
            "jsonl",
            "--scope",
            "any",
            "--private",
            "allow",
        ])
        .arg(server.url("/"))
        .run();
    output.assert_code(0);
    let shut: Vec<_> = output
        .json_lines()
        .into_iter()
        .filter(|record| record["error"]["kind"] == "robots")
        .collect();
    assert_eq!(shut.len(), 2, "{}", output.stdout);
    assert_eq!((server.count("/shut"), other.count("/x")), (0, 0));
}

#[test]
fn a_host_whose_robots_txt_cannot_be_had_is_not_crawled() {
    let server = Server::pages([("/robots.txt", Response::new(503)), ("/", page(&["/a"]))]);
    let output = Dragnet::new()
        .args(["crawl", "-f", "jsonl", "--retries", "0", &server.url("/")])
        .run();
    output.assert_code(1);
    assert_eq!(output.json_lines()[0]["error"]["kind"], "robots");
    assert_eq!(server.count("/"), 0);
    let cut = RawServer::builder()
        .path("/robots.txt", faults::truncated_length())
        .start();
    let output = Dragnet::new()
        .args(["crawl", "-f", "jsonl", "--retries", "0", &cut.url("/")])
        .run();
    assert_eq!(
        output.json_lines()[0]["error"]["kind"],
        "robots",
        "half a file allows nothing"
    );
    assert_eq!(cut.count("/"), 0);
}

#[test]
fn an_unreachable_seed_is_a_record_and_exit_1() {
    let closed = closed_port();
    let output = Dragnet::new()
        .args(["crawl", "-f", "jsonl", &closed.url("/"), "no such thing"])
        .run();
    output.assert_code(1);
    let mut kinds: Vec<_> = output
        .json_lines()
        .iter()
        .map(|record| record["error"]["kind"].to_string())
        .collect();
    kinds.sort();
    assert_eq!(kinds, ["\"connect\"", "\"url\""]);
}

#[test]
fn links_that_ask_not_to_be_followed_are_not() {
    let server = Server::pages([
        (
            "/",
            Response::html("<a rel='nofollow' href=/a><a href=/b><a href=/c>"),
        ),
        (
            "/b",
            Response::html("<meta name=robots content=nofollow><a href=/d>"),
        ),
        (
            "/c",
            Response::html("<a href=/e>").field("X-Robots-Tag", "nofollow"),
        ),
    ]);
    let crawl = |flags: &[&str]| {
        let output = Dragnet::new()
            .args(["crawl", "-f", "jsonl"])
            .args(flags)
            .arg(server.url("/"))
            .run();
        visited(&output.json_lines(), &server)
    };
    assert_eq!(crawl(&[]), set(&["/", "/b", "/c"]));
    assert_eq!(
        crawl(&["--follow-nofollow"]),
        set(&["/", "/a", "/b", "/c", "/d", "/e"])
    );
}

#[test]
fn depth_counts_by_the_shortest_way_and_scope_draws_the_line() {
    // `/far` is found at depth 3 first by a quick chain and at depth 1 by a page that is slow to come.
    let server = Server::builder()
        .page("/", page(&["/one", "/slow"]))
        .page("/one", page(&["/two"]))
        .page("/two", page(&["/three"]))
        .page(
            "/slow",
            page(&["/three"]).delay(std::time::Duration::from_millis(300)),
        )
        .page("/three", page(&["/four"]))
        .page("/four", page(&["/five"]))
        .start();
    let crawl = |flags: &[&str]| {
        let output = Dragnet::new()
            .args(["crawl", "-f", "jsonl", "--per-host", "8"])
            .args(flags)
            .arg(server.url("/"))
            .run();
        output.json_lines()
    };
    let records = crawl(&["--depth", "3"]);
    assert_eq!(
        visited(&records, &server),
        set(&["/", "/one", "/two", "/slow", "/three", "/four"])
    );
    let of = |path: &str| {
        records
            .iter()
            .find(|record| record["url"] == server.url(path))
            .expect("a record")
    };
    assert_eq!(
        of("/three")["depth"],
        2,
        "by the shortest way, though that was slower"
    );
    assert_eq!(visited(&crawl(&["--depth", "0"]), &server), set(&["/"]));
    assert_eq!(crawl(&["--max-pages", "3"]).len(), 3);
    let without = crawl(&["--exclude", "/two|/slow"]);
    assert_eq!(visited(&without, &server), set(&["/", "/one"]));
}

#[test]
fn prefix_and_host_keep_to_their_side() {
    let server = Server::pages([
        ("/docs/", page(&["a", "/other", "http://127.0.0.2:1/docs/"])),
        ("/docs/a", page(&[])),
        ("/other", page(&[])),
    ]);
    let crawl = |scope: &str| {
        let output = Dragnet::new()
            .args([
                "crawl",
                "-f",
                "jsonl",
                "--scope",
                scope,
                &server.url("/docs/"),
            ])
            .run();
        output.assert_code(0);
        visited(&output.json_lines(), &server)
    };
    assert_eq!(crawl("prefix"), set(&["/docs/", "/docs/a"]));
    assert_eq!(crawl("host"), set(&["/docs/", "/docs/a", "/other"]));
}

#[test]
fn seeds_come_from_stdin_too() {
    let server = Server::pages([("/a", page(&["/b"])), ("/b", page(&[])), ("/c", page(&[]))]);
    let list = format!(
        "# seeds\n{}\n\nnot a url\n{}\n",
        server.url("/a"),
        server.url("/c")
    );
    for dash in [&["-"][..], &[]] {
        let output = Dragnet::new()
            .args(["crawl", "-f", "jsonl"])
            .args(dash)
            .stdin_text(list.clone())
            .run();
        output.assert_code(1);
        let mut records = output.json_lines();
        records.retain(|record| record["error"]["kind"] != "url");
        assert_eq!(visited(&records, &server), set(&["/a", "/b", "/c"]));
    }
}

#[test]
fn a_trap_ends_by_itself_and_what_is_cut_is_counted_and_shown() {
    let server = Server::builder()
        .page("/robots.txt", Response::new(404))
        .page("/", page(&["/loop/", "/calendar?day=1", "/deep/1/"]))
        // A relative link that adds its own folder at each click.
        .prefix("/loop/", |_| page(&["loop/"]))
        .prefix("/calendar", |request| {
            let day: u32 = request
                .target
                .rsplit('=')
                .next()
                .expect("a day")
                .parse()
                .expect("a number");
            page(&[&format!("/calendar?day={}", day + 1)])
        })
        .prefix("/deep/", |request| {
            page(&[&format!("{}/", request.path().len())])
        })
        .start();
    let crawl = |flags: &[&str]| {
        Dragnet::new()
            .args(["crawl", "-f", "jsonl"])
            .args(flags)
            .arg(server.url("/"))
            .run()
    };
    let output = crawl(&["--max-variants", "7"]);
    output.assert_code(0);
    let count = |part: &str| {
        let records = output.json_lines();
        let url = |record: &Value| record["url"].as_str().expect("a url").contains(part);
        records.iter().filter(|record| url(record)).count()
    };
    assert_eq!(
        (count("/loop/"), count("/calendar"), count("/deep/")),
        (3, 7, 29)
    );
    for told in [
        "1 past --max-variants",
        "1 repeat a path segment",
        "1 are too many folders deep",
    ] {
        assert!(output.stderr.contains(told), "{told}: {}", output.stderr);
    }
    let few = crawl(&["--max-pages", "5", "--no-traps"]);
    assert_eq!(few.json_lines().len(), 5);
    assert!(few.stderr.contains("past --max-pages"), "{}", few.stderr);
    let few = crawl(&["--max-per-host", "9", "--no-traps"]);
    assert_eq!(few.json_lines().len(), 9);
    assert!(few.stderr.contains("past --max-per-host"), "{}", few.stderr);
}

#[test]
fn a_crawl_that_goes_on_counts_what_it_had_visited() {
    let server = Server::builder()
        .page("/robots.txt", Response::new(404))
        .prefix("/", |request| {
            let day = request
                .target
                .rsplit('=')
                .next()
                .and_then(|day| day.parse().ok());
            page(&[&format!("/?day={}", day.unwrap_or(0) + 1)])
        })
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let crawl = || {
        Dragnet::new()
            .args([
                "crawl",
                "--state",
                "state.db",
                "--max-variants",
                "200",
                "--delay",
                "5ms",
            ])
            .arg(server.url("/"))
            .in_dir(folder.path())
    };
    let run = crawl().spawn();
    server.wait_for(100, std::time::Duration::from_secs(20));
    run.signal("INT");
    run.wait().assert_code(130);
    let output = crawl().run();
    output.assert_code(0);
    assert!(output.stderr.contains("201 URLs"), "{}", output.stderr);
}

#[test]
fn explain_names_the_rule_that_decides_and_visits_nothing() {
    let server = Server::pages([
        (
            "/robots.txt",
            Response::text("User-agent: *\nDisallow: /shut\nAllow: /shut/not\nCrawl-delay: 2\n"),
        ),
        ("/", page(&["/shut"])),
    ]);
    let seed = server.url("/");
    let explain = |url: &str, flags: &[&str]| {
        Dragnet::new()
            .args(["crawl", &seed, "--exclude", "\\.zip$", "--explain", url])
            .args(flags)
            .run()
    };
    for (path, code, told) in [
        (
            "/shut?x",
            1,
            "robots.txt line 2: Disallow: /shut; Crawl-delay 2 s",
        ),
        ("/shut/not", 0, "robots.txt line 3: Allow: /shut/not"),
        ("/open", 0, "no rule of robots.txt matches"),
        ("/a.zip", 1, "exclude \\.zip$"),
        ("/a/b/a/b/a/b/a/b", 1, "repeat a path segment"),
    ] {
        let output = explain(&server.url(path), &[]);
        output.assert_code(code);
        assert!(output.stdout.contains(told), "{told}: {}", output.stdout);
        let verdict = if code == 0 {
            "visited: "
        } else {
            "not visited: "
        };
        assert_eq!(
            output.lines().last().copied(),
            Some(&*format!("{verdict}{}", server.url(path)))
        );
    }
    let output = explain("http://other.test/", &[]);
    output.assert_code(1);
    let told = format!("scope host: only {}", server.address());
    assert!(output.stdout.contains(&told), "{}", output.stdout);
    explain(&server.url("/shut"), &["--ignore-robots"]).assert_code(0);
    explain("mailto:x@y.test", &[]).assert_code(2);
    assert_eq!(
        server.count("/shut") + server.count("/"),
        0,
        "nothing is visited"
    );
}

#[test]
fn sitemaps_lead_to_pages_that_no_page_links_to() {
    let list = |paths: &[&str], base: &str| {
        let urls: String = paths
            .iter()
            .map(|path| format!("<url><loc>{base}{path}</loc></url>"))
            .collect();
        format!("<urlset>{urls}</urlset>")
    };
    let address = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let base = |address: &std::sync::OnceLock<String>| address.get().expect("it runs").clone();
    let (one, two, three) = (address.clone(), address.clone(), address.clone());
    let server = Server::builder()
        .route("/robots.txt", move |_| {
            Response::text(format!(
                "Sitemap: {}/index.xml\nUser-agent: *\nDisallow: /shut\n",
                base(&one)
            ))
        })
        .route("/index.xml", move |_| {
            let index = format!(
                "<sitemapindex><sitemap><loc>{}/list.xml</loc></sitemap></sitemapindex>",
                base(&two)
            );
            Response::content("application/xml", index)
        })
        .route("/list.xml", move |_| {
            let paths = ["/a", "/shut", "/a?x=1&amp;y=2"];
            let text = list(&paths, &base(&three)) + "";
            let text = text.replace(
                "</urlset>",
                "<url><loc>http://elsewhere.test/</loc></url></urlset>",
            );
            Response::content("text/xml; charset=utf-8", text)
        })
        .page("/", page(&[]))
        .prefix("/a", |_| page(&[]))
        .start();
    address.set(server.url("")).expect("once");
    let crawl = |flags: &[&str]| {
        Dragnet::new()
            .args(["crawl", "-f", "jsonl", &server.url("/")])
            .args(flags)
            .run()
    };
    let output = crawl(&["--sitemap"]);
    output.assert_code(0);
    let expected = set(&["/", "/index.xml", "/list.xml", "/a", "/a?x=1&y=2", "/shut"]);
    assert_eq!(visited(&output.json_lines(), &server), expected);
    assert_eq!(server.count("/shut"), 0);
    let named = crawl(&[&format!("--sitemap={}", server.url("/list.xml"))]);
    assert_eq!(visited(&named.json_lines(), &server).len(), 5);
    let without = crawl(&[]);
    assert_eq!(visited(&without.json_lines(), &server), set(&["/"]));
    crawl(&["--sitemap", "--ignore-robots"]).assert_code(2);
}
