//! Where redirects lead (F85 to F100).

use serde_json::Value;

use super::{Row, raw, with};
use crate::support::{Script, Step};

/// A redirect to `location`, as written.
fn to(location: impl AsRef<[u8]>) -> Script {
    let head = b"HTTP/1.1 302 Found\r\nlocation: ";
    let rest = b"\r\ncontent-length: 0\r\n\r\n";
    raw([head, location.as_ref(), rest].concat())
}

/// A redirect status with these field lines.
fn status(status: u16, fields: &str) -> Script {
    raw(format!(
        "HTTP/1.1 {status} Redirect\r\n{fields}content-length: 0\r\n\r\n"
    ))
}

/// Where the rows' redirects lead.
pub(super) fn places() -> Vec<(String, Script)> {
    let mut places = vec![
        ("/good".to_owned(), with("", "ok")),
        ("/b".to_owned(), to("/F86-two-places")),
        ("/caf%C3%A9%20x".to_owned(), with("", "ok")),
        ("/ab".to_owned(), with("", "ok")),
    ];
    // /hop/N is N hops away from the end.
    for hop in 0..31 {
        let script = if hop == 0 {
            with("", "ok")
        } else {
            to(format!("/hop/{}", hop - 1))
        };
        places.push((format!("/hop/{hop}"), script));
    }
    places
}

/// How many redirects were followed. Not `attempts`: a kept connection that closes meanwhile costs one that is no hop.
fn hops(record: &Value) -> usize {
    record["redirects"].as_array().map_or(0, Vec::len)
}

pub(super) fn rows() -> Vec<Row> {
    let long = "v".repeat(1 << 20);
    let mut rows = vec![
        Row::url("F85 ten hops", "BASE/hop/10", "ok").also(|record| hops(record) == 10),
        Row::url("F85 eleven hops", "BASE/hop/11", "too-many-redirects"),
        Row::new("F86 itself", to("/F86-itself"), "too-many-redirects")
            .also(|record| hops(record) == 0),
        Row::new("F86 two places", to("/b"), "too-many-redirects").also(|record| hops(record) == 1),
        // There is no cookie that could make the second answer another one.
        Row::new(
            "F87 itself with a cookie",
            status(
                302,
                "location: /F87-itself-with-a-cookie\r\nset-cookie: seen=1\r\n",
            ),
            "too-many-redirects",
        ),
        Row::url(
            "F88 a new place each time",
            "BASE/hop/30",
            "too-many-redirects",
        )
        .also(|record| hops(record) == 10),
        Row::new("F89 no Location", status(301, ""), "redirect"),
        Row::new("F91 bytes beyond ASCII", to("/caf\u{e9} x"), "ok").also(|record| {
            record["final_url"]
                .as_str()
                .is_some_and(|url| url.ends_with("/caf%C3%A9%20x"))
        }),
        Row::new("F91 a tab in it", to("/a\tb"), "ok").also(|record| {
            record["final_url"]
                .as_str()
                .is_some_and(|url| url.ends_with("/ab"))
        }),
        Row::new(
            "F92 two Locations",
            status(302, "location: /good\r\nlocation: /b\r\n"),
            "redirect",
        ),
        Row::new("F93 a Location of 1 MiB", to(long), "too-large"),
        Row::new(
            "F99 an endless page with it",
            vec![
                Step::send("HTTP/1.1 302 Found\r\nlocation: /good\r\nconnection: close\r\n\r\n"),
                Step::Repeat {
                    bytes: vec![b'x'; 16 << 10].into(),
                    times: None,
                },
            ],
            "ok",
        ),
    ];
    for (name, location) in [
        ("F90 an empty Location", ""),
        ("F90 a scheme alone", "http://"),
        ("F90 half a literal", "http://["),
        ("F90 two slashes", "//"),
        ("F90 four slashes", "////"),
        ("F94 ftp", "ftp://127.0.0.1/x"),
        ("F94 file", "file:///etc/passwd"),
        ("F94 data", "data:text/plain,x"),
        ("F94 javascript", "javascript:alert(1)"),
        ("F94 mailto", "mailto:a@b.test"),
    ] {
        rows.push(Row::new(name, to(location), "redirect"));
    }
    for (name, code) in [
        ("F100 300", 300),
        ("F100 304", 304),
        ("F100 305", 305),
        ("F100 306", 306),
        ("F100 399", 399),
    ] {
        rows.push(
            Row::new(name, status(code, "location: /good\r\n"), "status")
                .also(|record| record["redirects"].is_null()),
        );
    }
    rows
}
