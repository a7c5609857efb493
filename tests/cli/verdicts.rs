//! What could not be judged is `unknown`, with its reason; what has moved for good is said.

use std::time::Duration;

use serde_json::Value;

use crate::support::{Dragnet, Gate, Output, Response, Server};

/// What is checked, as text with links on its standard input.
fn check(server: &Server, paths: &[&str], flags: &[&str]) -> Output {
    let links: Vec<_> = paths.iter().map(|path| server.url(path)).collect();
    Dragnet::new()
        .args(["check", "-", "-f", "jsonl"])
        .args(flags)
        .stdin_text(links.join(" "))
        .limit(Duration::from_secs(30))
        .run()
}

/// Path, verdict and kind of each record.
fn verdicts(output: &Output) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let path = |record: &Value| {
        let url = text(&record["url"]);
        let path = url.splitn(4, '/').nth(3).unwrap_or_default();
        format!("/{path}")
    };
    let records = output.json_lines();
    let mut verdicts: Vec<_> = records
        .iter()
        .map(|record| {
            let kind = text(&record["error"]["kind"]);
            (path(record), text(&record["outcome"]), kind)
        })
        .collect();
    verdicts.sort();
    verdicts
}

fn verdict(path: &str, outcome: &str, kind: &str) -> (String, String, String) {
    (path.to_owned(), outcome.to_owned(), kind.to_owned())
}

const WALLS: &[&str] = &["/999", "/aws", "/challenge", "/script", "/slow"];

fn walls() -> Server {
    let page = "<title>Just a moment...</title><script>window._cf_chl_opt={}</script>";
    let long = format!("{page}{}", "z".repeat(100_000));
    Server::builder()
        .page("/999", Response::new(999))
        .page(
            "/aws",
            Response::new(202).field("x-amzn-waf-action", "challenge"),
        )
        .page(
            "/challenge",
            Response::new(403).field("cf-mitigated", "challenge"),
        )
        .page("/script", Response::html(long).status(403))
        .page(
            "/slow",
            Response::new(503).field("CF-Mitigated", "Challenge"),
        )
        .page("/shut", Response::html("<h1>Forbidden</h1>").status(403))
        .page("/fine", Response::text("x"))
        .start()
}

#[test]
fn a_bot_wall_is_unknown_and_a_refusal_broken_in_every_job() {
    let expected: Vec<_> = ["/999", "/aws", "/challenge", "/script"]
        .iter()
        .map(|path| verdict(path, "unknown", "blocked"))
        .chain([
            verdict("/shut", "broken", "status"),
            verdict("/slow", "unknown", "blocked"),
        ])
        .collect();
    let server = walls();
    let output = check(&server, &[WALLS, &["/shut"]].concat(), &[]);
    output.assert_code(1);
    assert_eq!(verdicts(&output), expected);
    // Neither by another method nor later: a wall is not asked twice. Where only the content says so, it takes a GET.
    for (path, count) in [("/999", 1), ("/challenge", 1), ("/slow", 1), ("/script", 2)] {
        assert_eq!(server.count(path), count, "{path}");
    }
    let script = &output.json_lines()[3];
    assert!(
        script["size"].is_null(),
        "nobody knows how long it is: {script}"
    );
    assert!(
        server.bytes_written("/script") > 0
            && script["error"]["message"]
                .to_string()
                .contains("Cloudflare"),
        "{script}"
    );
    for job in ["fetch", "crawl"] {
        let server = walls();
        let urls = WALLS.iter().chain(&["/shut"]).map(|path| server.url(path));
        let output = Dragnet::new().args([job, "-f", "jsonl"]).args(urls).run();
        output.assert_code(1);
        assert_eq!(verdicts(&output), expected, "{job}");
    }
}

#[test]
fn a_challenge_that_comes_with_200_is_met_by_its_cookie_without_a_second_request() {
    let cookie = "techaro.lol-anubis-cookie-verification=0190; Path=/; Max-Age=1800";
    let page = Response::html("<title>Making sure you're not a bot!</title>");
    let server = Server::pages([("/", page.field("set-cookie", cookie))]);
    let output = check(&server, &["/"], &[]);
    output.assert_code(0);
    assert_eq!(verdicts(&output), [verdict("/", "unknown", "blocked")]);
    assert_eq!(server.count("/"), 1);
}

#[test]
fn what_the_user_accepts_is_good_whoever_answers() {
    let server = walls();
    let output = check(
        &server,
        &["/challenge", "/999"],
        &["--accept", "200..=299,403,999"],
    );
    output.assert_code(0);
    assert!(
        verdicts(&output)
            .iter()
            .all(|(_, outcome, _)| outcome == "ok")
    );
}

#[test]
fn strict_makes_what_could_not_be_judged_fail_in_every_job() {
    let server = walls();
    check(&server, WALLS, &[]).assert_code(0);
    check(&server, WALLS, &["--strict"]).assert_code(1);
    check(&server, WALLS, &["--strict", "--no-strict"]).assert_code(0);
    for job in ["fetch", "crawl"] {
        let run = |flags: &[&str]| {
            Dragnet::new()
                .args([job, "-q", &server.url("/fine"), &server.url("/999")])
                .args(flags)
                .run()
        };
        run(&[]).assert_code(0);
        run(&["--strict"]).assert_code(1);
    }
    // Beside what --fail-on names.
    let fetch = |path: &str, flags: &[&str]| {
        Dragnet::new()
            .args(["fetch", "-q", &server.url(path)])
            .args(flags)
            .run()
    };
    fetch("/shut", &["--fail-on", "404"]).assert_code(0);
    fetch("/shut", &["--fail-on", "404", "--strict"]).assert_code(0);
    fetch("/aws", &["--fail-on", "404", "--strict"]).assert_code(1);
    // A finished run ends as it ended.
    let folder = tempfile::tempdir().expect("a folder");
    for _ in 0..2 {
        Dragnet::new()
            .args(["crawl", "-q", "--strict", "--state", "s.db"])
            .args([server.url("/fine"), server.url("/999")])
            .in_dir(folder.path())
            .run()
            .assert_code(1);
    }
}

#[test]
fn a_limit_that_outlasts_patience_is_unknown() {
    let hour = "3600";
    let server = Server::builder()
        .page("/later", Response::new(503).field("Retry-After", hour))
        .start();
    let output = check(&server, &["/later"], &[]);
    output.assert_code(0);
    assert_eq!(
        verdicts(&output),
        [verdict("/later", "unknown", "rate-limited")]
    );
    assert_eq!(server.requests().len(), 1);
    // GitHub says it with 403.
    let limit = Response::new(403)
        .field("X-RateLimit-Remaining", "0")
        .field("X-RateLimit-Reset", "99999999999");
    let server = Server::pages([("/a", limit), ("/b", Response::text("x"))]);
    let output = check(&server, &["/a", "/b"], &["--per-host", "1"]);
    output.assert_code(0);
    let limited = |path| verdict(path, "unknown", "rate-limited");
    assert_eq!(verdicts(&output), [limited("/a"), limited("/b")]);
    assert_eq!(server.requests().len(), 1, "the whole host is left alone");
}

#[test]
fn a_redirect_to_a_login_is_unknown_and_a_link_to_one_is_not() {
    let server = Server::pages([
        (
            "/private",
            Response::redirect(302, "/accounts/login/?next=/private"),
        ),
        ("/accounts/login/", Response::html("<form>")),
        ("/old", Response::redirect(302, "/docs/login")),
        ("/docs/login", Response::html("how to log in")),
    ]);
    let paths = ["/accounts/login/?next=/", "/old", "/private"];
    let output = check(&server, &paths, &[]);
    output.assert_code(0);
    let expected = [
        verdict("/accounts/login/?next=/", "ok", ""),
        verdict("/old", "ok", ""),
        verdict("/private", "unknown", "blocked"),
    ];
    assert_eq!(verdicts(&output), expected);
    check(&server, &paths, &["--strict"]).assert_code(1);
}

#[test]
fn what_max_time_did_not_reach_is_unknown_and_says_so() {
    let server = Server::builder()
        .page("/slow", Response::text("x").delay(Duration::from_secs(20)))
        .page("/next", Response::text("x"))
        .start();
    let flags = ["--max-time", "500ms", "-c", "1"];
    let output = check(&server, &["/slow", "/next"], &flags);
    output.assert_code(0);
    let expected = ["/next", "/slow"].map(|path| verdict(path, "unknown", "interrupted"));
    assert_eq!(verdicts(&output), expected);
    for record in output.json_lines() {
        assert!(
            record["error"]["message"]
                .to_string()
                .contains("--max-time"),
            "{record}"
        );
    }
    check(&server, &["/slow"], &["--max-time", "500ms", "--strict"]).assert_code(1);
}

/// Its links may be anything.
#[cfg(unix)]
#[test]
fn a_file_that_max_time_did_not_reach_is_unknown() {
    let folder = tempfile::tempdir().expect("a folder");
    for number in 0..40 {
        std::fs::write(folder.path().join(format!("{number:02}.md")), "[x](00.md)")
            .expect("a file");
    }
    std::fs::write(folder.path().join("slow.sh"), "sleep 0.05; cat \"$1\"").expect("a file");
    let output = Dragnet::new()
        .args([
            "check",
            ".",
            "-f",
            "jsonl",
            "--max-time",
            "300ms",
            "-c",
            "1",
        ])
        .args(["--preprocess", "sh slow.sh"])
        .in_dir(folder.path())
        .run();
    output.assert_code(0);
    let records = output.json_lines();
    assert_eq!(
        records.len(),
        40,
        "32 links, and 8 files of the second lease"
    );
    let unread = records.iter().filter(|record| record["source"].is_null());
    let unread: Vec<_> = unread.collect();
    assert_eq!(unread.len(), 8);
    for record in unread {
        assert_eq!(record["error"]["kind"], "interrupted", "{record}");
    }
}

fn moving() -> Server {
    Server::pages([
        ("/for-good", Response::redirect(301, "/new")),
        ("/twice", Response::redirect(308, "/for-good")),
        ("/for-now", Response::redirect(302, "/new")),
        ("/mixed", Response::redirect(301, "/for-now")),
        ("/lost", Response::redirect(301, "/none")),
        ("/new", Response::html("<p id=here>")),
    ])
}

#[test]
fn what_moved_for_good_is_allowed_told_or_broken() {
    let server = moving();
    let paths = ["/for-good#here", "/twice", "/for-now", "/mixed", "/new"];
    let output = check(&server, &paths, &[]);
    output.assert_code(0);
    assert!(!output.stdout.contains("suggestion") && !output.stderr.contains("moved"));

    let suggestions = |output: &Output| -> Vec<(String, String)> {
        let records = output.json_lines();
        let told = |record: &Value| {
            let text = |name: &str| record[name].as_str().map(str::to_owned);
            Some((text("input")?, text("suggestion")?))
        };
        records.iter().filter_map(told).collect()
    };
    let expected = [
        ("/for-good#here", "/new#here"),
        ("/twice", "/new"),
        ("/mixed", "/for-now"),
    ];
    let expected = expected.map(|(from, to)| (server.url(from), server.url(to)));
    let output = check(&server, &paths, &["--redirects", "warn"]);
    output.assert_code(0);
    assert_eq!(suggestions(&output), expected);
    assert!(
        output
            .stderr
            .contains("3 links lead to what has moved for good"),
        "{}",
        output.stderr
    );

    let output = check(&server, &paths, &["--redirects", "error"]);
    output.assert_code(1);
    assert_eq!(suggestions(&output), expected);
    let broken: Vec<_> = verdicts(&output)
        .into_iter()
        .filter(|(_, outcome, _)| outcome != "ok")
        .collect();
    let expected =
        ["/for-good", "/mixed", "/twice"].map(|path| verdict(path, "broken", "redirect"));
    assert_eq!(broken, expected);

    // What it leads to is not there: that is what is wrong with it.
    let output = check(&server, &["/lost"], &["--redirects", "error"]);
    assert_eq!(verdicts(&output), [verdict("/lost", "broken", "status")]);
    assert!(suggestions(&output).is_empty());
}

#[test]
fn text_shows_what_a_link_should_say() {
    let server = moving();
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = (server.url("/for-good"), server.url("/new"));
    std::fs::write(folder.path().join("a.md"), format!("[x]({from})")).expect("a file");
    let run = |flags: &[&str]| {
        Dragnet::new()
            .args(["check", "a.md"])
            .args(flags)
            .in_dir(folder.path())
            .run()
            .stdout
    };
    assert_eq!(run(&[]), "");
    assert_eq!(
        run(&["--redirects", "warn"]),
        format!("a.md:1:5: ok 200 {from} -> {to} (suggested: {to})\n")
    );
    assert_eq!(
        run(&["--redirects", "error"]),
        format!(
            "a.md:1:5: broken redirect 200 {from} -> {to}: moved for good (301) (suggested: {to})\n"
        )
    );
    // The link says something else than what was asked for, so no edit of it is known.
    let remap = format!("{from} {}", server.url("/twice"));
    assert_eq!(run(&["--redirects", "warn", "--remap", &remap]), "");
}

#[test]
fn a_head_that_is_never_answered_is_followed_by_a_get() {
    let never = Gate::new();
    let shut = never.clone();
    let server = Server::builder()
        .route("/hangs", move |request| match request.method.as_str() {
            "HEAD" => Response::text("x").gate(&shut),
            _ => Response::text("x"),
        })
        .page("/dead", Response::text("x").gate(&never))
        .start();
    let output = check(
        &server,
        &["/hangs", "/dead"],
        &["--header-timeout", "2s", "--retries", "1"],
    );
    output.assert_code(1);
    assert_eq!(
        verdicts(&output),
        [
            verdict("/dead", "broken", "timeout"),
            verdict("/hangs", "ok", "")
        ]
    );
    // The HEAD was the first of the tries.
    assert_eq!((server.count("/hangs"), server.count("/dead")), (2, 2));
}
