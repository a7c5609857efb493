//! RFC 9309, sentence by sentence, and every awkward file under `fixtures/robots`.

use proptest::prelude::*;

use super::*;

fn allowed(text: &str, path: &str) -> bool {
    Robots::parse(text.as_bytes(), "dragnet")
        .judge(path)
        .allowed
}

#[test]
fn the_longest_match_wins_and_allow_wins_a_tie() {
    let text = "User-Agent: *\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif\n";
    assert!(allowed(text, "/example/page/"));
    assert!(!allowed(text, "/example/page/disallowed.gif"));
    assert!(allowed("User-agent: *\nDisallow: /p\nAllow: /p\n", "/p"));
    assert!(allowed("User-agent: *\nDisallow: /x/\n", "/"));
}

#[test]
fn special_characters_mean_what_the_rfc_says() {
    for (rule, path, hit) in [
        ("/fish", "/fish.html", true),
        ("/fish", "/catfish", false),
        ("/fish", "/Fish", false),
        ("/fish/", "/fish", false),
        ("/fish*", "/fishheads", true),
        ("/*.php", "/folder/any.php.file.html", true),
        ("/*.php$", "/filename.php?parameters", false),
        ("/*.php$", "/filename.php", true),
        ("/fish*.php", "/fishheads/catfish.php?x", true),
        ("/a$b", "/a$b", true),
        ("/$", "/", true),
        ("/$", "/x", false),
        ("*", "/anything", true),
    ] {
        assert_eq!(
            !allowed(&format!("User-agent: *\nDisallow: {rule}"), path),
            hit,
            "{rule} {path}"
        );
    }
}

#[test]
fn escapes_are_compared_as_section_2_2_2_has_it() {
    for (rule, path) in [
        ("/foo/bar?baz=quz", "/foo/bar?baz=quz"),
        (
            "/foo/bar?baz=https://foo.bar",
            "/foo/bar?baz=https%3A%2F%2Ffoo.bar",
        ),
        (
            "/foo/bar?baz=https%3a%2F%2Ffoo.bar",
            "/foo/bar?baz=https://foo.bar",
        ),
        ("/*baz=https%3A%2F%2F", "/foo?baz=https%3A%2F%2Ffoo.bar"),
        ("/*/feed", "/x?to=/feed"),
        ("/?q='a'", "/?q=%27a%27"),
        ("/a{b}|\"c\"", "/a%7Bb%7D|%22c%22"),
        ("/foo/bar/ツ", "/foo/bar/%E3%83%84"),
        ("/foo/bar/%E3%83%84", "/foo/bar/%e3%83%84"),
        ("/foo/bar/%62%61%7A", "/foo/bar/baz"),
        ("/foo/bar/baz", "/foo/bar/%62%61%7a"),
    ] {
        assert!(
            !allowed(&format!("User-agent: *\nDisallow: {rule}"), path),
            "{rule} {path}"
        );
    }
    assert!(
        allowed("User-agent: *\nDisallow: /a/b", "/a%2Fb"),
        "a reserved character stays as it is"
    );
}

#[test]
fn groups_for_one_token_are_merged_and_the_star_is_for_those_without() {
    let text = "User-agent: other\nUser-agent: DragNet/2.0\nDisallow: /a\n\nUser-agent: *\nDisallow: /\n\n\
                User-agent: dragnet\nCrawl-delay: 2.5\nDisallow: /b\nUnknown: x\nDisallow: /c\n\
                Sitemap: http://a.test/s.xml\n";
    for (path, open) in [("/a", false), ("/b", false), ("/c", false), ("/d", true)] {
        assert_eq!(allowed(text, path), open, "{path}");
    }
    let robots = Robots::parse(text.as_bytes(), "dragnet");
    assert_eq!(robots.crawl_delay(), Some(Duration::from_millis(2500)));
    assert_eq!(robots.sitemaps(), ["http://a.test/s.xml"]);
    assert!(
        !Robots::parse(text.as_bytes(), "someone")
            .judge("/d")
            .allowed
    );
    assert!(
        allowed("User-agent: dragnet-images\nDisallow: /\n", "/x"),
        "another product"
    );
}

#[test]
fn odd_files_are_read_all_the_same() {
    assert!(!allowed(
        "\u{feff}user-agent:*\rDISALLOW : /x # why\r\n",
        "/x"
    ));
    assert!(allowed("Disallow: /x\n", "/x"), "a rule of no group");
    assert!(allowed("User-agent: *\nDisallow:\n", "/x"));
    assert!(allowed("<html><body>404: not found</body></html>", "/x"));
    assert!(allowed("User-agent: *\nDisallow: /\n", "/robots.txt"));
    let mut long = b"User-agent: *\nDisallow: /first\n".to_vec();
    long.resize(LIMIT, b'#');
    long.extend(b"\nDisallow: /beyond\n");
    let robots = Robots::parse(&long, "dragnet");
    assert!(!robots.judge("/first").allowed && robots.judge("/beyond").allowed);
}

#[test]
fn the_status_decides_before_the_content() {
    let content = b"User-agent: *\nDisallow: /x";
    let judge = |code| {
        let status = StatusCode::from_u16(code).expect("a status");
        let robots = Robots::from_response(status, content, "dragnet");
        (robots.judge("/x").allowed, robots.judge("/y").allowed)
    };
    assert_eq!(judge(200), (false, true));
    for code in [301, 401, 403, 404, 410] {
        assert_eq!(judge(code), (true, true), "{code}");
    }
    for code in [429, 500, 503] {
        assert_eq!(judge(code), (false, false), "{code}");
    }
}

#[test]
fn the_reason_names_the_line() {
    let verdict = Robots::parse(b"# hello\nUser-agent: *\nDisallow: /x\n", "dragnet").judge("/x/y");
    assert_eq!(verdict.reason(), "robots.txt line 3: Disallow: /x");
}

#[test]
fn many_stars_do_not_take_long() {
    let path = "a".repeat(60_000);
    // The second takes a step for each byte of the pattern at each byte of the path, if it is taken back.
    for pattern in [
        format!("{}b", "*a".repeat(30)),
        format!("*{}b", "a".repeat(16_000)),
        format!("{}b*b", "*a".repeat(8_000)),
    ] {
        let robots = format!(
            "User-agent: *\n{}",
            format!("Disallow: {pattern}\n").repeat(30)
        );
        let begun = std::time::Instant::now();
        assert!(allowed(&robots, &path));
        // A tenth of a second, or many minutes if it is not linear.
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{:?}",
            begun.elapsed()
        );
    }
}

#[test]
fn a_crawl_delay_ends_no_group_and_is_never_too_large_to_count() {
    let text = "User-agent: dragnet\nCrawl-delay: 1e30\nUser-agent: other\nDisallow: /x\n";
    assert!(!allowed(text, "/x"), "2.2.4: it is no rule of the group");
    let delay = Robots::parse(text.as_bytes(), "dragnet").crawl_delay();
    assert!(
        delay.is_some_and(|delay| delay > Duration::from_secs(3600)),
        "{delay:?}"
    );
}

#[test]
fn each_fixture_is_read_as_it_says() {
    let cases: &[(&str, &str, &[&str], &[&str])] = &[
        ("bom", "dragnet", &["/"], &["/private/x"]),
        ("cr", "dragnet", &["/private/open/"], &["/private/"]),
        (
            "crlf",
            "dragnet",
            &["/private/x"],
            &["/private", "/secret/"],
        ),
        ("empty", "dragnet", &["/"], &[]),
        ("empty-disallow", "dragnet", &["/"], &[]),
        ("html", "dragnet", &["/"], &[]),
        ("invalid-utf-8", "dragnet", &["/"], &["/private/"]),
        (
            "lines-between",
            "foobot",
            &["/before-any-group", "/baz-only"],
            &["/both", "/both-too"],
        ),
        ("lines-between", "bazbot", &["/both"], &["/baz-only"]),
        (
            "longest-match",
            "foobot",
            &["/example/page/", "/tie"],
            &["/example/page/disallowed.gif"],
        ),
        (
            "merged-groups",
            "ExampleBot",
            &["/for-others"],
            &["/foo", "/bar", "/baz"],
        ),
        ("merged-groups", "dragnet", &["/foo"], &["/for-others"]),
        ("no-final-newline", "dragnet", &["/"], &["/private/"]),
        ("no-group-for-us", "dragnet", &["/"], &[]),
        ("nul-bytes", "dragnet", &["/"], &["/private/"]),
        (
            "percent-encoding",
            "dragnet",
            &["/a/b", "/stars"],
            &[
                "/foo/bar/baz",
                "/letter/%E3%83%84",
                "/escape/ツ",
                "/lower/%E3%83%84",
                "/a%2Fb",
                "/star*",
                "/dollar$",
            ],
        ),
        (
            "product-tokens",
            "dragnet",
            &["/for-a-shorter-name", "/for-a-longer-name"],
            &["/for-dragnet"],
        ),
        (
            "simple",
            "foobot",
            &["/example/page.html", "/example/allowed.gif"],
            &["/", "/example/other"],
        ),
        ("simple", "barbot", &["/a.gif"], &["/example/page.html"]),
        ("simple", "quxbot", &["/example/", "/a.gif"], &[]),
        (
            "simple",
            "dragnet",
            &["/publications/"],
            &["/example/", "/a.gif"],
        ),
        (
            "special-characters",
            "dragnet",
            &["/exactly-not", "/any/thing"],
            &[
                "/exactly",
                "/any/x/thing",
                "/any/x/y/end",
                "/price$list",
                "/trailing",
                "/two-stars",
            ],
        ),
        ("stars", "dragnet", &["/"], &["/private/"]),
        (
            "white-space",
            "dragnet",
            &["/private/open/"],
            &["/private/"],
        ),
    ];
    for (name, token, open, closed) in cases {
        let content = std::fs::read(format!("fixtures/robots/{name}.txt")).expect("a fixture");
        let robots = Robots::parse(&content, token);
        for (paths, allowed) in [(open, true), (closed, false)] {
            for path in *paths {
                assert_eq!(robots.judge(path).allowed, allowed, "{name} {token} {path}");
            }
        }
    }
    let delays = std::fs::read("fixtures/robots/crawl-delay.txt").expect("a fixture");
    for (token, seconds) in [
        ("slow", Some(5.0)),
        ("fraction", Some(0.5)),
        ("long", Some(86_400.0)),
        ("nonsense", None),
    ] {
        let delay = Robots::parse(&delays, token).crawl_delay();
        assert_eq!(delay.map(|delay| delay.as_secs_f64()), seconds, "{token}");
    }
}

/// Every way to spread the path over the stars: what the rule means, without a thought for time.
fn naive(pattern: &[u8], path: &[u8], whole: bool) -> bool {
    match pattern.split_first() {
        None => !whole || path.is_empty(),
        Some((b'*', rest)) => (0..=path.len()).any(|skip| naive(rest, &path[skip..], whole)),
        Some((byte, rest)) => path.first() == Some(byte) && naive(rest, &path[1..], whole),
    }
}

proptest! {
    #[test]
    fn matching_agrees_with_trying_everything(pattern in "[ab*]{0,7}[$]?", path in "[ab]{0,9}") {
        let (bare, whole) = match pattern.strip_suffix('$') {
            Some(bare) => (bare, true),
            None => (pattern.as_str(), false),
        };
        prop_assert_eq!(matches(pattern.as_bytes(), path.as_bytes()), naive(bare.as_bytes(), path.as_bytes(), whole));
    }

    #[test]
    fn any_bytes_are_a_robots_txt(content in proptest::collection::vec(any::<u8>(), 0..400), path in "/.{0,40}") {
        let _ = Robots::parse(&content, "dragnet").judge(&path);
    }
}
