//! The folder that can be opened from disk: read back by a reader that is not ours, whatever the site and the moment.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use regex::Regex;
use scraper::{Html, Selector};
use url::Url;

use crate::support::{Dragnet, Gate, Request, Response, Server};

/// Every file below `folder`, by its path there; what a mirror keeps for itself is left out.
fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(root).expect("below");
            if name == Path::new(".dragnet") {
                continue;
            }
            let kind = fs::symlink_metadata(&path).expect("it is there");
            if kind.is_dir() {
                walk(root, &path, found);
            } else {
                let name = name.to_str().expect("UTF-8").to_owned();
                found.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(folder, folder, &mut found);
    found
}

/// Every link of the pages below `folder` that stays on this machine: the page, and the file that it means.
fn local_links(folder: &Path) -> Vec<(String, PathBuf)> {
    let pattern =
        Regex::new(r#"url\(\s*['"]?([^'")]*)|@import\s+['"]([^'"]*)"#).expect("a pattern");
    let css = |text: &str| -> Vec<String> {
        let found = pattern.captures_iter(text);
        found
            .filter_map(|found| found.get(1).or(found.get(2)))
            .map(|found| found.as_str().trim().to_owned())
            .collect()
    };
    let mut links = Vec::new();
    for (name, content) in tree(folder) {
        let own = Url::from_file_path(folder.join(&name)).expect("an absolute path");
        let text = String::from_utf8_lossy(&content);
        let mut references: Vec<String> = Vec::new();
        let (_, extension) = name.rsplit_once('.').unwrap_or_default();
        let extension = extension.to_lowercase();
        if extension == "html" || extension == "htm" {
            let page = Html::parse_document(&text);
            let all = Selector::parse("*").expect("a selector");
            for element in page.select(&all) {
                for (attribute, value) in element.value().attrs() {
                    match attribute {
                        "href" | "src" | "poster" | "data" | "background" => {
                            references.push(value.to_owned());
                        }
                        "srcset" => {
                            let candidates = value.split(", ");
                            let urls = candidates.filter_map(|one| one.split_whitespace().next());
                            references.extend(urls.map(str::to_owned));
                        }
                        "style" => references.extend(css(value)),
                        "content" => {
                            let url = value.split_once("url=").map(|(_, url)| url.to_owned());
                            references.extend(url);
                        }
                        _ => {}
                    }
                }
                if element.value().name() == "style" {
                    references.extend(css(&element.text().collect::<String>()));
                }
            }
        } else if extension == "css" {
            references.extend(css(&text));
        }
        for reference in references {
            let Ok(url) = own.join(&reference) else {
                continue;
            };
            if url.scheme() == "file" {
                assert!(
                    url.host().is_none() && !reference.starts_with('/'),
                    "{name}: {reference} is no relative link"
                );
                links.push((name.clone(), url.to_file_path().expect("a path")));
            }
        }
    }
    links
}

/// Each local link of the mirror in `folder` leads to a file in it; how many there are.
#[track_caller]
fn assert_whole(folder: &Path) -> usize {
    let links = local_links(folder);
    for (page, file) in &links {
        assert!(
            file.starts_with(folder) && file.is_file(),
            "{page} leads to {}",
            file.display()
        );
    }
    links.len()
}

fn text<'a>(files: &'a BTreeMap<String, Vec<u8>>, name: &str) -> std::borrow::Cow<'a, str> {
    let content = files
        .get(name)
        .unwrap_or_else(|| panic!("no {name}, only {:?}", files.keys()));
    String::from_utf8_lossy(content)
}

fn crawl(folder: &Path, url: &str) -> Dragnet {
    Dragnet::new()
        .args(["crawl", "-q", "-f", "mirror", "-o", "out", url])
        .in_dir(folder)
}

/// The folder of a server in its mirror.
fn host(server: &Server) -> String {
    server.address().to_string().replace(':', "+")
}

/// A site with one of everything.
fn awkward() -> Server {
    let large: Vec<u8> = (0..400_000_u32).flat_map(u32::to_le_bytes).collect();
    Server::builder()
        .page("/", Response::html(concat!(
            "<!DOCTYPE html><title>Home</title><link rel=stylesheet href=/style.css?v=1 integrity=sha256-x crossorigin>",
            "<a href=/about>about</a> <a href=about.html#team>team</a> <a href='/dir/'>dir</a> <a href=/dir>file</a>",
            "<a href='/moved#own'>moved</a> <a href='/?q=1&amp;p=/x'>query</a>",
            "<a href=/About>other case</a> <a href=/gone>gone</a> <a href=https://elsewhere.test/x>out</a>",
            "<a href='caf%C3%A9 au lait'>café</a> <a href=/based>based</a> <a href=/latin>latin</a> <a href=#here id=here>here</a>",
            "<img src=/pic srcset='/pic 1x, /pic?big 2x'><video poster=/pic></video><object data=/large.bin></object>",
            "<p style='background:url(/pic)'></p><style>@import '/style.css?v=1'; p{background:url(\"/pic\")}</style>",
            "<noscript><img src=/pic></noscript><form action=/search><input></form>",
            "<meta http-equiv=refresh content='900; url=/about'>",
        )))
        .route("/style.css", |_| Response::content("text/css", "@import url(sub/more.css); a{b:url('pic')}"))
        .page("/sub/more.css", Response::content("text/css", "a{b:url(../pic)}"))
        .page("/about", Response::html("<a href=/>home</a> about"))
        .page("/about.html", Response::html("<a id=team href=about>about.html</a>"))
        .page("/About", Response::html("<a href=/about>About</a>"))
        .page("/dir/", Response::html("<a href=..>up</a> <a href=page>page</a>"))
        .page("/dir", Response::content("application/x-thing", "a file where a folder has to be"))
        .page("/dir/page", Response::html("<a href=./>dir</a>"))
        .page("/moved", Response::redirect(301, "/about"))
        .page("/caf%C3%A9%20au%20lait", Response::html("<a href=/>home</a>"))
        .page("/based", Response::html("<a href=page>page</a><base href=/dir/><a href='#x'>x</a>"))
        .page("/latin", Response::content("text/html", &b"<meta charset=latin1><a href=/>caf\xe9</a>"[..]))
        .page("/pic", Response::content("image/png", "a picture"))
        .page("/search", Response::html("never asked for"))
        .page("/large.bin", Response::content("application/octet-stream", large))
        .start()
}

#[test]
fn a_site_can_be_opened_from_disk() {
    let server = awkward();
    let folder = tempfile::tempdir().expect("a folder");
    crawl(folder.path(), &server.url("/")).run().assert_code(1);
    let out = folder.path().join("out");
    assert!(assert_whole(&out) > 35);
    let files = tree(&out);
    let host = host(&server);
    let page = |name: &str| text(&files, &format!("{host}/{name}"));

    let home = page("index.html");
    for part in [
        "rel=stylesheet href=\"style%40v%3D1.css\">",
        "<a href=about.html#team>team</a>",
        "<a href='dir/index.html'>dir</a>",
        "<a href='index%40q%3D1%26p%3D_x.html'>query</a>",
        "<a href='caf%C3%A9%20au%20lait.html'>café</a>",
        "<a href=https://elsewhere.test/x>out</a>",
        "<a href=#here id=here>here</a>",
        "<img src=\"pic.png\" srcset='pic.png 1x, pic%40big.png 2x'>",
        "<p style='background:url(pic.png)'>",
        "<style>@import 'style%40v%3D1.css'; p{background:url(\"pic.png\")}</style>",
        "<noscript><img src=\"pic.png\"></noscript>",
    ] {
        assert!(home.contains(part), "{part} is not in {home}");
    }
    let absolute = |path: &str| format!("\"{}\"", server.url(path));
    assert!(home.contains(&format!("<a href={}>gone</a>", absolute("/gone"))));
    assert!(home.contains(&format!("<form action={}>", absolute("/search"))));
    assert_eq!(
        page("about.html"),
        "<a id=team href=\"about~X.html\">about.html</a>"
            .replace("about~X", &spare(&files, "about~"))
    );
    let about = spare(&files, "about~");
    assert!(
        home.contains(&format!("<a href=\"{about}.html\">about</a>")),
        "{home}"
    );
    assert!(
        home.contains(&format!("<a href='{about}.html#own'>moved</a>")),
        "{home}"
    );
    // On a file system that takes both for one, neither would cost the other.
    let lower: BTreeSet<String> = files.keys().map(|name| name.to_lowercase()).collect();
    assert_eq!(lower.len(), files.len());
    assert_eq!(
        page(&spare(&files, "dir~")),
        "a file where a folder has to be"
    );
    assert_eq!(
        page("based.html"),
        "<a href=\"dir/page.html\">page</a><base><a href='dir/index.html#x'>x</a>"
    );
    let latin = &files[&format!("{host}/latin.html")];
    assert_eq!(
        latin,
        b"<meta charset=latin1><a href=\"index.html\">caf\xe9</a>"
    );
    assert_eq!(
        page("style@v=1.css"),
        "@import url(sub/more.css); a{b:url('pic.png')}"
    );
    assert_eq!(page("sub/more.css"), "a{b:url(../pic.png)}");
    assert_eq!(files[&format!("{host}/large.bin")].len(), 1_600_000);
    assert!(
        !files.keys().any(|name| name.contains("search")
            || name.contains("gone")
            || name.contains("robots"))
    );

    let check = Dragnet::new()
        .args(["check", "--offline", "--fragments", "none", "out"])
        .in_dir(folder.path())
        .run();
    check.assert_code(0);
}

/// The name that begins like this, without the extension of pages.
fn spare(files: &BTreeMap<String, Vec<u8>>, begin: &str) -> String {
    let last = |name: &String| name.rsplit('/').next().unwrap_or_default().to_owned();
    let mut names = files.keys().map(last);
    let name = names.find(|name| name.starts_with(begin));
    let name = name.unwrap_or_else(|| panic!("no {begin} in {:?}", files.keys()));
    name.trim_end_matches(".html").to_owned()
}

#[test]
fn no_url_of_a_hostile_site_leaves_the_folder_or_costs_another_its_file() {
    let long = "x".repeat(3000);
    let deep = "d/".repeat(2000);
    let paths: Vec<String> = [
        "..%2f..%2f..%2fescaped",
        "%2e%2e/%2e%2e/up",
        "..%5c..%5cwindows",
        "a\\..\\..\\b",
        "%00nul",
        "c%0d%0aline",
        "...",
        "..%00/x",
        ".dragnet/mirror.sqlite",
        "%2edragnet/part",
        "con",
        "aux.html",
        "nul.",
        "lpt1.txt",
        "trailing.",
        "trailing%20",
        "~root",
        "C:/x",
        "file:///etc/passwd",
        "//etc/passwd",
        "a*b",
        "a|b",
        "a:b",
        "a_b",
        "a?b",
        "A_B",
        "%E2%80%AEgpj.html",
        "%ff%fe",
        "$(touch%20x)",
        "-rf",
        "index.html",
        "",
        "?",
        "./x//y/",
        "x/_/y/",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain([
        long.clone(),
        format!("{long}y"),
        deep.clone(),
        format!("{deep}z"),
    ])
    .collect();
    let home: String = paths
        .iter()
        .map(|path| format!("<a href=\"/{path}\">x</a>"))
        .collect();
    let server = Server::builder()
        .page("/robots.txt", Response::new(404))
        .prefix("/", move |request| {
            if request.path() == "/" && request.query().is_none() {
                return Response::html(home.clone());
            }
            Response::html(format!("<p>{}", request.target.replace('&', "&amp;")))
        })
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let output = Dragnet::new()
        .args([
            "crawl",
            "-q",
            "--no-traps",
            "-f",
            "mirror",
            "-o",
            "a/b/out",
            "-o",
            "r.jsonl",
            &server.url("/"),
        ])
        .in_dir(folder.path())
        .run();
    output.assert_code(0);
    let beside: BTreeSet<String> = tree(folder.path())
        .into_keys()
        .filter(|name| !name.starts_with("a/b/out/"))
        .collect();
    assert_eq!(beside, BTreeSet::from(["r.jsonl".to_owned()]));
    let out = folder.path().join("a/b/out");
    let records = fs::read_to_string(folder.path().join("r.jsonl")).expect("records");
    let files = tree(&out);
    assert_eq!(files.len(), records.lines().count(), "{:?}", files.keys());
    let contents: BTreeSet<&Vec<u8>> = files.values().collect();
    assert_eq!(contents.len(), files.len(), "each has its own");
    for name in files.keys() {
        let mut parts = Path::new(name).components();
        assert!(parts.all(|part| matches!(part, Component::Normal(_))));
        assert!(name.starts_with(&host(&server)), "{name}");
    }
    // Three slashes lead to another host.
    assert_eq!(assert_whole(&out), paths.len() - 1);
}

#[cfg(unix)]
#[test]
fn a_planted_link_is_not_followed() {
    use std::os::unix::fs::symlink;
    let server = Server::pages([
        (
            "/",
            Response::html("<a href=/a/b>x</a><a href=/a/pic>x</a><a href=/c>x</a>"),
        ),
        ("/a/b", Response::html("b")),
        ("/a/pic", Response::content("image/png", "p")),
        ("/c", Response::html("c")),
    ]);
    let folder = tempfile::tempdir().expect("a folder");
    let outside = folder.path().join("outside");
    fs::create_dir(&outside).expect("a folder");
    fs::write(outside.join("precious"), "mine").expect("a file");
    let out = folder.path().join("out");
    let run = || crawl(folder.path(), &server.url("/")).run();
    run().assert_code(0);

    // A file that is a link is replaced itself.
    let page = out.join(host(&server)).join("c.html");
    fs::remove_file(&page).expect("the page");
    symlink(outside.join("precious"), &page).expect("a link");
    run().assert_code(0);
    assert_eq!(fs::read(&page).expect("the page"), b"c");

    // A folder that is one is not entered.
    fs::remove_dir_all(out.join(host(&server)).join("a")).expect("the folder");
    symlink(&outside, out.join(host(&server)).join("a")).expect("a link");
    let output = run();
    output.assert_code(2);
    assert!(
        output.stderr.contains("/a is a symbolic link"),
        "{}",
        output.stderr
    );
    fs::remove_dir_all(&out).expect("the mirror");
    fs::create_dir(&out).expect("a folder");
    symlink(&outside, out.join(".dragnet")).expect("a link");
    let output = run();
    output.assert_code(2);
    assert!(
        output.stderr.contains(".dragnet is a symbolic link"),
        "{}",
        output.stderr
    );
    let left = tree(&outside);
    assert_eq!(left.len(), 1, "{:?}", left.keys());
    assert_eq!(left["precious"], b"mine");
}

/// Pages 1 to `count`, a picture and a style sheet for each, and a redirect to each.
fn numbered(count: u32) -> Server {
    Server::builder()
        .page("/robots.txt", Response::new(404))
        .prefix("/", move |request| {
            let path = request.path().trim_start_matches('/').to_owned();
            let (kind, number) = path.split_once('/').unwrap_or(("page", &path));
            let number: u32 = number.parse().unwrap_or(1);
            let wait = Duration::from_millis(1);
            match kind {
                "pic" => Response::content("image/png", format!("picture {number}")).delay(wait),
                "css" => {
                    Response::content("text/css", format!("a{{b:url(/pic/{number})}}")).delay(wait)
                }
                "to" => Response::redirect(302, &format!("/{number}")),
                _ => {
                    let links: String = [2 * number, 2 * number + 1, number / 2]
                        .iter()
                        .filter(|link| (1..=count).contains(*link))
                        .map(|link| format!("<a href=/to/{link}>x</a>"))
                        .collect();
                    Response::html(format!(
                        "<link rel=stylesheet href=/css/{number}><img src=pic/{number}>{links}"
                    ))
                    .delay(wait)
                }
            }
        })
        .start()
}

#[test]
fn kills_at_any_moment_end_in_the_tree_of_an_undisturbed_run() {
    let server = numbered(60);
    let folder = tempfile::tempdir().expect("a folder");
    let run = |out: &str, state: &str| {
        Dragnet::new()
            .args([
                "crawl",
                "-q",
                "--per-host",
                "4",
                "--state",
                state,
                "-f",
                "mirror",
                "-o",
                out,
                &server.url("/1"),
            ])
            .in_dir(folder.path())
    };
    run("calm", "calm.db").run().assert_code(0);
    let calm = tree(&folder.path().join("calm"));
    let asked = server.requests().len();
    assert_eq!(calm.len(), 180);
    for kill in [3, 30, 90, 170, 235] {
        let mut running = run("out", "s.db").spawn();
        // A run asks at least for what is left.
        server.wait_for(server.requests().len() + kill / 4, Duration::from_secs(60));
        running.kill9();
    }
    assert!(server.requests().len() < 3 * asked);
    run("out", "s.db").run().assert_code(0);
    let out = folder.path().join("out");
    assert_same(&tree(&out), &calm);
    assert!(assert_whole(&out) > 290);
    let waiting = fs::read_dir(out.join(".dragnet/new")).expect("a folder");
    assert_eq!(waiting.count(), 0);
}

#[test]
fn a_kill_at_every_step_of_the_tree_is_made_good() {
    if !crate::crash::can_trace() {
        return;
    }
    let server = numbered(3);
    let folder = tempfile::tempdir().expect("a folder");
    let run = |program: Dragnet, out: &str| {
        program
            .args([
                "crawl",
                "-q",
                "--state",
                &format!("{out}.db"),
                "-f",
                "mirror",
                "-o",
                out,
                &server.url("/1"),
            ])
            .in_dir(folder.path())
            .run()
    };
    run(Dragnet::new(), "calm").assert_code(0);
    let calm = tree(&folder.path().join("calm"));
    assert_eq!(calm.len(), 9);
    let mut kills = 0;
    for call in 1.. {
        let fault = format!("inject=/^(rename|unlink|rmdir|mkdir)(at2?)?$:signal=KILL:when={call}");
        let traced = Dragnet::under("strace", &["-f", "-qq", "-o", "/dev/null", "-e", &fault]);
        let out = format!("out{call}");
        if run(traced, &out).code == Some(0) {
            break;
        }
        kills += 1;
        run(Dragnet::new(), &out).assert_code(0);
        assert_same(&tree(&folder.path().join(&out)), &calm);
    }
    println!("{kills} kills, one at each call");
    assert!(kills > 15, "{kills} kills");
}

#[track_caller]
fn assert_same(one: &BTreeMap<String, Vec<u8>>, other: &BTreeMap<String, Vec<u8>>) {
    assert!(
        one.keys().eq(other.keys()),
        "{:?}\n{:?}",
        one.keys(),
        other.keys()
    );
    for (name, content) in one {
        assert_eq!(
            String::from_utf8_lossy(content),
            String::from_utf8_lossy(&other[name]),
            "{name}"
        );
    }
}

#[test]
fn an_interrupted_mirror_can_be_opened_and_gone_on_with() {
    let gate = Gate::new();
    let server = {
        let gate = gate.clone();
        Server::builder()
            .page(
                "/",
                Response::html("<a href=/a>a</a><a href=/late>late</a>"),
            )
            .page(
                "/a",
                Response::html("<a href=/>home</a><a href=/later>later</a>"),
            )
            .page("/later", Response::html("<a href=/late>late</a>"))
            .route("/late", move |_| {
                Response::html("<a href=/>home</a>").gate(&gate)
            })
            .start()
    };
    let folder = tempfile::tempdir().expect("a folder");
    let run = || crawl(folder.path(), &server.url("/")).args(["--state", "s.db"]);
    let first = run().args(["--per-host", "1"]).spawn();
    gate.wait_for_arrivals(1);
    first.signal("INT");
    first.signal("INT");
    let _ = first.wait();
    // The second signal took it at once; the third time it is let go.
    let mut second = Dragnet::new()
        .args(["crawl", "-f", "mirror", "-o", "out", "--state", "s.db"])
        .arg(server.url("/"))
        .in_dir(folder.path())
        .spawn();
    gate.wait_for_arrivals(2);
    second.signal("INT");
    second.wait_for_stderr("ending");
    gate.open();
    second.wait().assert_code(130);
    let out = folder.path().join("out");
    let files = tree(&out);
    assert!(text(&files, &format!("{}/a.html", host(&server))).contains("href=\"index.html\""));
    assert_whole(&out);
    run().run().assert_code(0);
    let files = tree(&out);
    assert_eq!(files.len(), 4);
    assert_eq!(
        text(&files, &format!("{}/index.html", host(&server))),
        "<a href=\"a.html\">a</a><a href=\"late.html\">late</a>"
    );
    assert_whole(&out);
}

#[test]
fn a_second_visit_replaces_removes_and_links_anew() {
    let turn = Arc::new(AtomicUsize::new(0));
    let by_turn = |answers: fn(usize, &Request) -> Response| {
        let turn = Arc::clone(&turn);
        move |request: &Request| answers(turn.load(Ordering::SeqCst), request)
    };
    let server = Server::builder()
        .route("/", by_turn(|_, request| {
            if request.field("if-none-match") == Some("\"1\"") {
                return Response::new(304).field("ETag", "\"1\"");
            }
            Response::html("<a href=/lost>lost</a><a href=/late>late</a><a href=/ill>ill</a><a href=/changed>c</a><img src=/pic>")
                .field("ETag", "\"1\"")
        }))
        .route("/lost", by_turn(|turn, _| if turn == 0 { Response::html("lost") } else { Response::new(410) }))
        .route("/late", by_turn(|turn, _| if turn == 0 { Response::new(404) } else { Response::html("late") }))
        .route("/ill", by_turn(|turn, _| if turn == 0 { Response::html("ill") } else { Response::new(500) }))
        .route("/changed", by_turn(|turn, _| {
            if turn == 0 { Response::html("page") } else { Response::content("image/gif", "gif") }
        }))
        .route("/pic", by_turn(|turn, request| {
            if request.field("if-none-match").is_some() && turn == 1 {
                return Response::new(304).field("ETag", "\"p\"");
            }
            Response::content("image/png", format!("picture {turn}")).field("ETag", "\"p\"")
        }))
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let run = |more: &[&str]| {
        crawl(folder.path(), &server.url("/"))
            .args(["--state", "s.db", "--retries", "0"])
            .args(more)
            .run()
    };
    let out = folder.path().join("out");
    let names = || -> Vec<String> {
        let host = host(&server);
        tree(&out)
            .into_keys()
            .map(|name| name.replace(&format!("{host}/"), ""))
            .collect()
    };
    run(&[]).assert_code(1);
    assert_eq!(
        names(),
        [
            "changed.html",
            "ill.html",
            "index.html",
            "lost.html",
            "pic.png"
        ]
    );
    turn.store(1, Ordering::SeqCst);
    run(&["--recrawl"]).assert_code(1);
    assert_eq!(
        names(),
        [
            "changed.gif",
            "ill.html",
            "index.html",
            "late.html",
            "pic.png"
        ]
    );
    let files = tree(&out);
    let name = |name: &str| format!("{}/{name}", host(&server));
    assert_eq!(
        text(&files, &name("index.html")),
        format!(
            "<a href=\"{}\">lost</a><a href=\"late.html\">late</a><a href=\"ill.html\">ill</a><a href=\"changed.gif\">c</a><img src=\"pic.png\">",
            server.url("/lost")
        )
    );
    assert_eq!(text(&files, &name("pic.png")), "picture 0");
    assert_whole(&out);
    turn.store(2, Ordering::SeqCst);
    run(&["--recrawl"]).assert_code(1);
    assert_eq!(text(&tree(&out), &name("pic.png")), "picture 2");

    // What the state knows has to be there.
    fs::remove_dir_all(&out).expect("the mirror");
    let output = run(&["--recrawl"]);
    output.assert_code(2);
    assert!(
        output
            .stderr
            .contains("no mirror that the state could go on with"),
        "{}",
        output.stderr
    );
    run(&["--fresh"]).assert_code(1);
    assert_eq!(text(&tree(&out), &name("pic.png")), "picture 2");
}

#[test]
fn only_a_mirror_is_replaced() {
    let turn = Arc::new(AtomicUsize::new(0));
    let server = {
        let turn = Arc::clone(&turn);
        Server::builder()
            .route("/", move |_| match turn.load(Ordering::SeqCst) {
                0 => Response::html("<a href=/old/page>old</a>"),
                _ => Response::html("<a href=/new>new</a>"),
            })
            .page("/old/page", Response::html("old"))
            .page("/new", Response::html("new"))
            .start()
    };
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    fs::create_dir(&out).expect("a folder");
    fs::write(out.join("thesis.txt"), "mine").expect("a file");
    // A folder, or what shall be one, needs no -f.
    let run = |out: &str| {
        Dragnet::new()
            .args(["crawl", "-q", "-o", out, &server.url("/")])
            .in_dir(folder.path())
            .run()
    };
    let output = run("out");
    output.assert_code(2);
    assert!(
        output.stderr.contains("it is no mirror"),
        "{}",
        output.stderr
    );
    assert!(server.requests().is_empty(), "before any request");
    assert_eq!(tree(&out).len(), 1);

    run("new/").assert_code(0);
    let new = folder.path().join("new");
    assert!(tree(&new).contains_key(&format!("{}/old/page.html", host(&server))));
    fs::write(new.join("notes.txt"), "mine").expect("a file");
    turn.store(1, Ordering::SeqCst);
    run("new").assert_code(0);
    let names: Vec<String> = tree(&new).into_keys().collect();
    let host = host(&server);
    assert_eq!(
        names,
        [
            format!("{host}/index.html"),
            format!("{host}/new.html"),
            "notes.txt".to_owned()
        ]
    );
    assert!(
        !new.join(&host).join("old").exists(),
        "nor are empty folders left"
    );
}

#[test]
fn a_list_makes_a_mirror_and_a_check_does_not() {
    let server = awkward();
    let folder = tempfile::tempdir().expect("a folder");
    Dragnet::new()
        .args(["fetch", "-q", "-f", "mirror", "-o", "out"])
        .args([
            server.url("/"),
            server.url("/moved"),
            server.url("/pic"),
            server.url("/gone"),
        ])
        .in_dir(folder.path())
        .run()
        .assert_code(1);
    let out = folder.path().join("out");
    assert_eq!(tree(&out).len(), 3);
    assert!(assert_whole(&out) > 5);
    let output = Dragnet::new()
        .args(["check", "-f", "mirror", "-o", "other", &server.url("/")])
        .in_dir(folder.path())
        .run();
    output.assert_code(2);
    assert!(output.stderr.contains("-f mirror"), "{}", output.stderr);
    let output = Dragnet::new()
        .args(["crawl", "-f", "mirror", &server.url("/")])
        .run();
    output.assert_code(2);
    assert!(output.stderr.contains("needs a path"), "{}", output.stderr);
}
