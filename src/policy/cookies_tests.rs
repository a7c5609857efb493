//! The jar against what RFC 6265 and its readers in browsers say.

use super::*;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// 9 September 2001.
const NOW: u64 = 1_000_000_000;

fn url(text: &str) -> Url {
    text.parse().expect("a URL")
}

/// What `to` is sent after `from` has set this.
fn sent(from: &str, set: &str, to: &str) -> Option<String> {
    let mut jar = Jar::default();
    jar.take(&url(from), set.as_bytes(), at(NOW));
    field(&jar, to)
}

fn field(jar: &Jar, to: &str) -> Option<String> {
    let field = jar.field(&url(to), at(NOW + 1));
    field.map(|field| field.reveal().to_owned())
}

#[test]
fn a_cookie_goes_where_it_belongs_and_nowhere_else() {
    for (from, set, to, goes) in [
        ("http://a.test/", "k=v", "http://a.test/x", true),
        ("http://a.test/", "k=v", "http://a.test:81/", true),
        ("http://a.test/", "k=v", "http://b.test/", false),
        ("http://a.test/", "k=v", "http://x.a.test/", false),
        (
            "http://x.a.test/",
            "k=v; Domain=a.test",
            "http://y.a.test/",
            true,
        ),
        (
            "http://x.a.test/",
            "k=v; Domain=.A.test",
            "http://a.test/",
            true,
        ),
        (
            "http://x.a.test/",
            "k=v; Domain=a.test",
            "http://ba.test/",
            false,
        ),
        (
            "http://a.test/",
            "k=v; Domain=x.a.test",
            "http://x.a.test/",
            false,
        ),
        (
            "http://a.test/",
            "k=v; Domain=b.test",
            "http://b.test/",
            false,
        ),
        // Public suffixes: nobody's, but a host that is one may keep its own.
        (
            "http://a.co.uk/",
            "k=v; Domain=co.uk",
            "http://b.co.uk/",
            false,
        ),
        (
            "http://a.github.io/",
            "k=v; Domain=github.io",
            "http://b.github.io/",
            false,
        ),
        (
            "http://github.io/",
            "k=v; Domain=github.io",
            "http://github.io/",
            true,
        ),
        (
            "http://github.io/",
            "k=v; Domain=github.io",
            "http://a.github.io/",
            false,
        ),
        ("http://localhost/", "k=v", "http://localhost/", true),
        // Addresses have no domains above them.
        (
            "http://127.0.0.1/",
            "k=v; Domain=0.0.1",
            "http://127.0.0.1/",
            false,
        ),
        (
            "http://127.0.0.1/",
            "k=v; Domain=127.0.0.1",
            "http://127.0.0.1/",
            true,
        ),
        ("http://[::1]/", "k=v", "http://[::1]/", true),
        ("http://a.test/x/y", "k=v", "http://a.test/x/z", true),
        ("http://a.test/x/y", "k=v", "http://a.test/z", false),
        ("http://a.test/", "k=v; Path=/x", "http://a.test/x", true),
        ("http://a.test/", "k=v; Path=/x", "http://a.test/xy", false),
        (
            "http://a.test/x/y",
            "k=v; Path=relative",
            "http://a.test/x/",
            true,
        ),
        ("https://a.test/", "k=v; Secure", "http://a.test/", false),
        ("https://a.test/", "k=v; Secure", "https://a.test/", true),
        ("http://a.test/", "k=v; Secure", "https://a.test/", false),
        (
            "https://a.test/",
            "__Host-k=v; Secure; Path=/",
            "https://a.test/",
            true,
        ),
        (
            "https://a.test/",
            "__Host-k=v; Secure",
            "https://a.test/",
            false,
        ),
        (
            "https://x.a.test/",
            "__host-k=v; Secure; Path=/; Domain=a.test",
            "https://a.test/",
            false,
        ),
        ("https://a.test/", "__Secure-k=v", "https://a.test/", false),
        ("http://a.test/", "k=v; Max-Age=10", "http://a.test/", true),
        ("http://a.test/", "k=v; Max-Age=0", "http://a.test/", false),
        ("http://a.test/", "k=v; Max-Age=-5", "http://a.test/", false),
        (
            "http://a.test/",
            "k=v; Expires=Sun, 09 Sep 2001 01:46:41 GMT",
            "http://a.test/",
            false,
        ),
        (
            "http://a.test/",
            "k=v; Expires=Sunday, 09-Sep-01 01:46:50 GMT",
            "http://a.test/",
            true,
        ),
        (
            "http://a.test/",
            "k=v; Expires=Thu Jan  1 00:00:00 1960",
            "http://a.test/",
            false,
        ),
        (
            "http://a.test/",
            "k=v; Expires=soon",
            "http://a.test/",
            true,
        ),
        (
            "http://a.test/",
            "k=v; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            "http://a.test/",
            true,
        ),
        ("http://a.test/", "k=\u{1}v", "http://a.test/", false),
        ("http://a.test/", "", "http://a.test/", false),
    ] {
        let answer = sent(from, set, to);
        assert_eq!(answer.is_some(), goes, "{from} {set:?} {to}: {answer:?}");
    }
}

#[test]
fn the_order_is_that_of_paths_and_then_of_age_and_one_name_is_one_cookie() {
    let mut jar = Jar::default();
    let from = url("http://a.test/x/y");
    for set in [
        "a=1; Path=/",
        "b=2",
        "c=3; Path=/x",
        "a=4; Path=/",
        "=5; Path=/",
    ] {
        jar.take(&from, set.as_bytes(), at(NOW));
    }
    assert_eq!(
        field(&jar, "http://a.test/x/y").as_deref(),
        Some("b=2; c=3; a=4; 5")
    );
    jar.take(&from, b"b=; Max-Age=0", at(NOW));
    assert_eq!(
        field(&jar, "http://a.test/x/").as_deref(),
        Some("c=3; a=4; 5")
    );
}

#[test]
fn nobody_without_tls_replaces_a_secure_cookie() {
    let mut jar = Jar::default();
    jar.take(&url("https://a.test/"), b"k=good; Secure", at(NOW));
    jar.take(&url("http://a.test/"), b"k=evil", at(NOW));
    assert_eq!(field(&jar, "https://a.test/").as_deref(), Some("k=good"));
}

#[test]
fn a_file_is_read_as_it_is_written() {
    let text = "# Netscape HTTP Cookie File\n\
        .a.test\tTRUE\t/\tFALSE\t2000000000\tk\tv\n\
        #HttpOnly_a.test\tFALSE\t/x\tTRUE\t0\ts\tw=1\n";
    let jar = Jar::parse(text, at(NOW)).expect("a jar");
    assert_eq!(jar.text(at(NOW)), text);
    assert_eq!(
        field(&jar, "https://a.test/x").as_deref(),
        Some("s=w=1; k=v")
    );
    assert_eq!(field(&jar, "http://b.a.test/x").as_deref(), Some("k=v"));
    assert_eq!(jar.text(at(2_000_000_001)).lines().count(), 2, "over");
    for (text, told) in [
        ("\na.test\tFALSE\t/\tFALSE\t0\thunter2", "line 2"),
        ("a.test\tFALSE\t/\tFALSE\tx\tk\thunter2", "line 1"),
    ] {
        let error = Jar::parse(text, at(NOW)).expect_err(text);
        assert!(
            error.starts_with(told) && !error.contains("hunter2"),
            "{error}"
        );
    }
    assert!(!format!("{jar:?}").contains("w=1"));
}

#[test]
fn what_a_server_can_make_us_keep_is_bounded() {
    let mut jar = Jar::default();
    let from = url("http://a.test/");
    for number in 0..1000 {
        jar.take(&from, format!("k{number}=v").as_bytes(), at(NOW));
    }
    let kept = field(&jar, "http://a.test/").expect("cookies");
    assert_eq!(kept.split("; ").count(), PER_DOMAIN);
    assert!(kept.ends_with("k999=v"));
    let long = format!("k={}", "v".repeat(LONGEST));
    assert_eq!(sent("http://a.test/", &long, "http://a.test/"), None);
}
