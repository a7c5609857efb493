//! Which file a page is kept in: `host+port/folder/name.extension`, by its URL and its media type alone.
//!
//! A name says what its URL says as far as every file system can: escapes of letters and of spaces are undone, and what
//! some system cannot have in a name (control characters, `\`, `:`, a dot at the end, `con`) becomes `_`. So two URLs may
//! ask for one name. Which of them has it is for [`index`](super::index) to say; the other takes its spare, which has a
//! digest of its URL in it and is asked for by nobody else. No name is `..`, is empty, or has a slash in it.

use url::Url;

use crate::policy::segment::{self, escape, is_extension, written};

/// Bytes of all folders of a path together; some systems end near a thousand.
const DEEPEST: usize = 600;

/// Characters of a digest in a name: 80 bits.
const DIGEST: usize = 16;

/// The names of a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// What it asks for.
    pub(super) wish: String,
    /// The name is the one in the URL: it comes before those that were made to fit.
    pub(super) exact: bool,
    /// What it takes where another has that.
    pub(super) spare: String,
}

/// Extensions that a media type has; the first is given where a name has none of them.
const EXTENSIONS: &[(&str, &[&str])] = &[
    ("text/html", &["html", "htm", "xhtml"]),
    ("application/xhtml+xml", &["xhtml", "html", "htm"]),
    ("text/css", &["css"]),
    ("text/javascript", &["js", "mjs"]),
    ("application/javascript", &["js", "mjs"]),
    ("application/x-javascript", &["js", "mjs"]),
    ("application/json", &["json", "map"]),
    ("application/pdf", &["pdf"]),
    ("image/png", &["png"]),
    ("image/jpeg", &["jpg", "jpeg"]),
    ("image/gif", &["gif"]),
    ("image/webp", &["webp"]),
    ("image/avif", &["avif"]),
    ("image/svg+xml", &["svg"]),
    ("image/x-icon", &["ico"]),
    ("image/vnd.microsoft.icon", &["ico"]),
    ("font/woff2", &["woff2"]),
    ("font/woff", &["woff"]),
];

/// Text that may well be called after what it is: `Makefile.am`, `a.py`.
const TEXT: &str = "text/plain";

/// The names of the page at `url` with content of the type `essence`.
pub(super) fn of(url: &Url, essence: &str) -> Name {
    let host = segment::host(url);
    let path = url.path().strip_prefix('/').unwrap_or(url.path());
    let (folders, last) = path.rsplit_once('/').unwrap_or(("", path));
    let mut folder = host.clone();
    if !folders.is_empty() {
        for name in folders.split('/') {
            folder.push('/');
            folder.push_str(&segment(name));
        }
    }
    if folder.len() > DEEPEST {
        folder = format!("{host}/_");
    }
    let own = if last.is_empty() {
        "index".to_owned()
    } else {
        written(last)
    };
    let (mut stem, mut extension) = match own.rsplit_once('.') {
        Some((stem, extension)) if is_extension(extension) && !stem.is_empty() => {
            (stem.to_owned(), extension.to_owned())
        }
        _ => (own.clone(), String::new()),
    };
    let lower = extension.to_ascii_lowercase();
    let missing = missing(essence, &lower);
    if let Some(missing) = missing {
        if !extension.is_empty() {
            stem.clone_from(&own);
        }
        missing.clone_into(&mut extension);
    }
    if let Some(query) = url.query() {
        stem.push('@');
        stem.push_str(&written(query));
    }
    let stem = fit(stem);
    let dotted = if extension.is_empty() {
        String::new()
    } else {
        format!(".{extension}")
    };
    let file = format!("{stem}{dotted}");
    Name {
        exact: file == last,
        spare: format!("{folder}/{stem}~{}{dotted}", mark(url.as_str())),
        wish: format!("{folder}/{file}"),
    }
}

/// What names are compared by: a file system may take upper and lower case for one.
pub(super) fn fold(path: &str) -> String {
    path.to_lowercase()
}

/// The way from one file to another, as a relative reference that needs no escape in HTML, CSS or `srcset`.
pub(super) fn way(from: &str, to: &str) -> String {
    let folder = |path: &str| path.rfind('/').map_or(0, |at| at + 1);
    let shared = from
        .bytes()
        .zip(to.bytes())
        .take_while(|(from, to)| from == to)
        .count();
    let shared = folder(&from[..shared]);
    let mut way = "../".repeat(from[shared..].matches('/').count());
    for byte in to[shared..].bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            way.push(char::from(byte));
        } else {
            way.push_str(&escape(byte));
        }
    }
    way
}

/// The extension that a name needs beside the one that it has.
fn missing(essence: &str, extension: &str) -> Option<&'static str> {
    let is_pages = |name: &str| matches!(name, "html" | "htm" | "xhtml" | "xht" | "shtml");
    if essence == TEXT {
        // Nobody shall open as a page what was none.
        return (extension.is_empty() || is_pages(extension)).then_some("txt");
    }
    let (_, all) = EXTENSIONS.iter().find(|(known, _)| *known == essence)?;
    if all.contains(&extension) {
        return None;
    }
    all.first().copied()
}

/// A segment of a path as a name.
fn segment(text: &str) -> String {
    fit(written(text))
}

/// A name that every file system can have, and none that looks like a spare.
fn fit(name: String) -> String {
    let name = segment::fit(name);
    if name.split('.').any(ends_in_mark) {
        name.replace('~', "_")
    } else {
        name
    }
}

/// A digest as names have it.
pub(super) fn mark(text: &str) -> String {
    segment::digest(text.as_bytes(), DIGEST)
}

fn ends_in_mark(part: &str) -> bool {
    let mark =
        |end: &str| end.len() == DIGEST && end.bytes().all(|byte| byte.is_ascii_alphanumeric());
    part.rsplit_once('~').is_some_and(|(_, end)| mark(end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::segment::{escaped, is_device};

    fn wish(url: &str, essence: &str) -> String {
        of(&url.parse().expect("a URL"), essence).wish
    }

    #[test]
    fn a_name_says_what_its_url_and_type_say() {
        for (url, essence, name) in [
            ("https://h.test/", "text/html", "h.test/index.html"),
            (
                "http://h.test:8080/a/",
                "text/html",
                "h.test+8080/a/index.html",
            ),
            ("http://h.test/about", "text/html", "h.test/about.html"),
            ("http://h.test/about.HTM", "text/html", "h.test/about.HTM"),
            (
                "http://h.test/a.php?x=1&y=2",
                "text/html",
                "h.test/a.php@x=1&y=2.html",
            ),
            ("http://h.test/s.css?v=3", "text/css", "h.test/s@v=3.css"),
            (
                "http://h.test/?p=/a/b",
                "text/html",
                "h.test/index@p=_a_b.html",
            ),
            ("http://h.test/logo", "image/svg+xml", "h.test/logo.svg"),
            (
                "http://h.test/api/",
                "application/json",
                "h.test/api/index.json",
            ),
            (
                "http://h.test/x.tar.gz",
                "application/gzip",
                "h.test/x.tar.gz",
            ),
            (
                "http://h.test/page.html",
                "text/plain",
                "h.test/page.html.txt",
            ),
            ("http://h.test/a.py", "text/plain", "h.test/a.py"),
            (
                "http://h.test/caf%C3%A9/%20x",
                "text/html",
                "h.test/café/_x.html",
            ),
            (
                "http://h.test/a%2Fb%5Cc%00%E2%80%AE",
                "text/html",
                "h.test/a%2Fb%5Cc%00%E2%80%AE.html",
            ),
            (
                "http://h.test/con/nul.txt",
                "text/plain",
                "h.test/_con/_nul.txt",
            ),
            (
                "http://h.test/.dragnet/..../a//b",
                "image/png",
                "h.test/_dragnet/_.._/a/_/b.png",
            ),
            (
                "http://h.test/~me/a*b|c:d",
                "text/html",
                "h.test/~me/a_b_c_d.html",
            ),
            (
                "http://h.test/a~abcdefghijklmnop.png",
                "image/png",
                "h.test/a_abcdefghijklmnop.png",
            ),
            ("http://[::1]/", "text/html", "[__1]/index.html"),
        ] {
            assert_eq!(wish(url, essence), name, "{url}");
        }
    }

    #[test]
    fn the_way_between_two_files_needs_no_escape() {
        for (from, to, expected) in [
            ("h/a.html", "h/b.html", "b.html"),
            ("h/a/b/c.html", "h/d e/é.png", "../../d%20e/%C3%A9.png"),
            ("h/a/x.html", "h/ab/y.html", "../ab/y.html"),
            (
                "h+80/a.html",
                "g/a,b@c=%2F.html",
                "../g/a%2Cb%40c%3D%252F.html",
            ),
            ("h/a/b.html", "h/a/b.html", "b.html"),
        ] {
            assert_eq!(way(from, to), expected);
        }
    }

    fn urls() -> impl Strategy<Value = String> {
        let pieces = prop::sample::select(vec![
            "/",
            "..",
            ".",
            "%2e",
            "%2F",
            "%5c",
            "\\",
            "%00",
            "\0",
            "%0a",
            "a",
            "B",
            "~",
            "con",
            "nul.",
            " ",
            "%20",
            "?",
            "#",
            "@",
            ":",
            "*",
            "|",
            "é",
            "e\u{301}",
            "%C3",
            "%A9",
            "%E2%80%AE",
            "日本",
            "%",
            "0123456789abcdefghijklmnopqrstuvwxyz",
            ".html",
            ".css",
            "$(x)",
            "`",
            "'",
            "\"",
            "<",
            "{",
            "^",
        ]);
        proptest::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_name_leaves_its_folder_or_is_too_long(path in urls(), essence in prop::sample::select(vec!["text/html", "text/plain", "", "x/y"])) {
            let Ok(url) = Url::parse(&format!("http://h.test/{path}")) else {
                return Ok(());
            };
            let name = of(&url, essence);
            for path in [&name.wish, &name.spare] {
                prop_assert!(path.len() < 1000);
                let mut parts = path.split('/');
                prop_assert_eq!(parts.next(), Some("h.test"));
                for part in parts {
                    prop_assert!(!part.is_empty() && part.len() <= 255, "{}", path);
                    prop_assert!(!part.starts_with('.') && !part.ends_with(['.', ' ']), "{}", path);
                    prop_assert!(!part.contains(|c: char| c.is_control() || "<>:\"\\|?*".contains(c)), "{}", path);
                    prop_assert!(!is_device(part.split('.').next().unwrap_or_default()), "{}", path);
                }
            }
            prop_assert!(!name.wish.split(['/', '.']).any(ends_in_mark), "{}", name.wish);
            // The way back from a name is the name.
            let base = Url::parse("http://root.test/from/x.html").expect("a URL");
            let met = base.join(&way("from/x.html", &name.wish)).expect("a reference");
            let met: Vec<String> = met.path_segments().expect("segments").map(|segment| {
                String::from_utf8(escaped_all(segment)).expect("UTF-8")
            }).collect();
            prop_assert_eq!(met.join("/"), name.wish);
        }
    }

    fn escaped_all(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let bytes = escaped(rest);
            rest = &rest[(3 * bytes.len()).max(c.len_utf8() * usize::from(bytes.is_empty()))..];
            if bytes.is_empty() {
                out.push(c as u8);
            }
            out.extend(bytes);
        }
        out
    }
}
