//! What is attacked with bytes that nobody chose: everything that reads what came from outside.
//!
//! To add one: a row in [`TARGETS`], with a function that takes any bytes and asserts what must hold for all of
//! them. The replay (`cargo test --test fuzz`) and the fuzzer (`tests/fuzz/run NAME`) read the table.

use std::fmt::Write as _;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use dragnet::frontier::{Begin, Frontier, Options as FrontierOptions, Sqlite};
use dragnet::model::{Failure, FailureKind, Outcome, Summary, Visit, key, without_secrets};
use dragnet::parser::amend::{self, Amendment};
use dragnet::policy::budget::Budget;
use dragnet::policy::order::Order;
use dragnet::policy::politeness::Pace;
use dragnet::policy::quota;
use dragnet::policy::redirect::{self, Redirect};
use dragnet::policy::retry::retry_after;
use dragnet::policy::robots::Robots;
use dragnet::{input, parser, sink};
use futures::StreamExt;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use url::Url;

/// One thing that reads foreign bytes.
pub(crate) struct Target {
    /// What `tests/fuzz/run` calls it.
    pub(crate) name: &'static str,
    /// Folders and files whose contents it begins with.
    pub(crate) seeds: &'static [&'static str],
    /// Panics when something does not hold.
    pub(crate) attack: fn(&[u8]),
}

/// Every target there is.
pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "html",
        seeds: &["fixtures/html", "fixtures/site"],
        attack: |bytes| document("html", bytes),
    },
    Target {
        name: "css",
        seeds: &["fixtures/css"],
        attack: |bytes| document("css", bytes),
    },
    Target {
        name: "jsonld",
        seeds: &["fixtures/jsonld"],
        attack: |bytes| document("jsonld", bytes),
    },
    Target {
        name: "markdown",
        seeds: &["fixtures/markdown"],
        attack: |bytes| document("md", bytes),
    },
    Target {
        name: "mdx",
        seeds: &["fixtures/mdx", "fixtures/markdown"],
        attack: |bytes| document("mdx", bytes),
    },
    Target {
        name: "rst",
        seeds: &["fixtures/rst"],
        attack: |bytes| document("rst", bytes),
    },
    Target {
        name: "asciidoc",
        seeds: &["fixtures/asciidoc"],
        attack: |bytes| document("adoc", bytes),
    },
    Target {
        name: "sitemap",
        seeds: &["fixtures/sitemap"],
        attack: |bytes| document("xml", bytes),
    },
    Target {
        name: "text",
        seeds: &["fixtures/markdown", "fixtures/urls"],
        attack: |bytes| document("txt", bytes),
    },
    Target {
        name: "robots",
        seeds: &["fixtures/robots"],
        attack: robots,
    },
    Target {
        name: "fields",
        seeds: &["tests/fuzz/corpus/fields"],
        attack: fields,
    },
    Target {
        name: "location",
        seeds: &["tests/fuzz/corpus/location"],
        attack: location,
    },
    Target {
        name: "lines",
        seeds: &["fixtures/urls"],
        attack: lines,
    },
    Target {
        name: "record",
        seeds: &["tests/fuzz/corpus/record"],
        attack: record,
    },
    Target {
        name: "state",
        seeds: &["tests/fuzz/corpus/state"],
        attack: state,
    },
];

/// Any bytes, in any pieces, are one document; what it says of itself is possible.
fn document(extension: &str, bytes: &[u8]) {
    let format = parser::for_extension(extension).expect("a parser for it");
    let read = |pieces: &[&[u8]]| {
        let mut parse = (format.open)(&parser::Options {
            anchors: true,
            ..parser::Options::default()
        });
        for piece in pieces {
            parse.write(piece);
        }
        parse.finish()
    };
    let whole = read(&[bytes]);
    let ends = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r'));
    let lines = 1 + ends.count();
    // Of a packed sitemap the places are those of what it unpacks to.
    let packed = bytes.starts_with(b"\x1f\x8b");
    for link in whole.links.iter().filter(|_| !packed) {
        assert!(link.line >= 1 && link.line as usize <= lines, "{link:?}");
        assert!(
            link.column >= 1 && link.column as usize <= bytes.len() + 1,
            "{link:?}"
        );
    }
    // Links take room, so there are never more of them than bytes.
    assert!(packed || whole.links.len() <= bytes.len());
    if let Ok(text) = std::str::from_utf8(bytes) {
        amended(format, text, &whole);
    }
    let shown = |document: &dragnet::model::Document| {
        let mut text = format!("{:?} {:?} ", document.title, document.base);
        for link in document.links.iter() {
            let _ = write!(text, "{link:?} ");
        }
        let _ = write!(text, "{:?}", document.anchors);
        text
    };
    for at in [1, bytes.len() / 3, bytes.len() / 2] {
        let (one, two) = bytes.split_at(at.min(bytes.len()));
        assert_eq!(shown(&read(&[one, two])), shown(&whole), "cut at {at}");
    }
}

/// The links of a document can be written anew, each once and none inside another.
fn amended(format: &parser::Format, text: &str, document: &dragnet::model::Document) {
    let links = document.links.iter();
    let amendments: Vec<_> = links
        .map(|link| Amendment {
            line: link.line,
            column: link.column,
            reference: link.reference.to_owned(),
            new: "a b&<>()\"'|\\".to_owned(),
        })
        .collect();
    let edits = amend::edits(format, text, &parser::Options::default(), &amendments);
    for pair in edits.windows(2) {
        assert!(pair[0].written.end <= pair[1].written.start, "{pair:?}");
    }
    let grown: usize = edits.iter().map(|edit| edit.new.len()).sum();
    let gone: usize = edits.iter().map(|edit| edit.written.len()).sum();
    let new = amend::edited(text, &edits);
    assert_eq!(new.len(), text.len() + grown - gone);
}

/// Any bytes are a robots.txt, and what they say does not depend on how often they are asked.
fn robots(bytes: &[u8]) {
    let robots = Robots::parse(bytes, "dragnet");
    let text = String::from_utf8_lossy(bytes);
    for path in text
        .split_whitespace()
        .take(50)
        .chain(["/", "/robots.txt", "/a?b"])
    {
        let (one, two) = (robots.judge(path), robots.judge(path));
        assert_eq!(one.allowed, two.allowed);
        assert!(!one.reason().is_empty());
    }
    assert!(
        robots.judge("/robots.txt").allowed,
        "RFC 9309, section 2.2.2"
    );
    assert!(
        robots
            .crawl_delay()
            .is_none_or(|delay| delay < Duration::MAX)
    );
}

/// Field values that say when to come back: whatever they say is a time.
fn fields(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else {
        return;
    };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let mut fields = HeaderMap::new();
    fields.insert("retry-after", value.clone());
    for name in ["ratelimit", "ratelimit-reset", "x-ratelimit-reset"] {
        fields.insert(name, value.clone());
    }
    for name in ["ratelimit-remaining", "x-ratelimit-remaining"] {
        fields.insert(name, HeaderValue::from_static("0"));
    }
    for wait in [retry_after(&fields, now), quota::spent(&fields, now)] {
        let _ = tokio::time::Instant::now() + wait.unwrap_or_default();
    }
}

/// A redirect leads to http or https, never with credentials, or nowhere.
fn location(bytes: &[u8]) {
    let current = Url::parse("https://user.test/a/b?c").expect("a URL");
    for status in [StatusCode::FOUND, StatusCode::PERMANENT_REDIRECT] {
        match redirect::follow(status, &[bytes], &current, &Method::GET, &[], 10) {
            Redirect::To { url, .. } => {
                assert!(matches!(url.scheme(), "http" | "https"), "{url}");
                assert!(url.username().is_empty() && url.password().is_none());
                assert!(url.fragment().is_none());
                assert!(!url.as_str().contains(|c: char| c.is_control()), "{url}");
            }
            Redirect::No => panic!("{status} is a redirect"),
            Redirect::Failed(failure) => assert!(!failure.message.is_empty()),
        }
    }
}

/// Every line that says something is one target; its URL is in normal form or it carries why it is none.
fn lines(bytes: &[u8]) {
    let list = input::lines(
        std::io::Cursor::new(bytes.to_vec()),
        b'\n',
        "https".to_owned(),
        |error| panic!("{error}"),
    );
    let targets: Vec<_> = futures::executor::block_on(list.collect::<Vec<_>>());
    let mut before = 0;
    for target in targets.into_iter().flatten() {
        let seed = target.seed.as_ref().expect("a line has a seed");
        assert!(seed.line > before, "in order, one a line");
        before = seed.line;
        if target.refusal.is_some() {
            continue;
        }
        let url = &target.url;
        assert!(url.username().is_empty() && url.password().is_none());
        assert_eq!(without_secrets(url), url.as_str());
        let once = key(url);
        let again = Url::parse(&once).unwrap_or_else(|error| panic!("{once}: {error}"));
        assert_eq!(key(&again), once, "a normal form is its own");
    }
    assert!(before <= bytes.split(|byte| *byte == b'\n').count() as u64);
}

/// A record of any text is read back as it was, and is one line that says nothing to a terminal or a runner.
fn record(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut visit = Visit::new("0".to_owned(), text.as_str().into(), Outcome::Broken);
    visit.input = Some(text.as_str().into());
    visit.final_url = Some(text.as_str().into());
    visit.title = Some(text.clone());
    visit.error = Some(Failure::new(FailureKind::Status, text.clone()));
    for format in sink::FORMATS {
        let mut out = Vec::new();
        if let sink::Medium::Document(open) = format.medium {
            let mut report = open(&sink::Options::default());
            report.write(&visit, &mut out);
            report.finish(&Summary::default(), &mut out);
            let written = String::from_utf8(out).expect("every format is UTF-8");
            assert!(!written.contains(|c: char| c.is_control() && c != '\n'));
            let commands = written
                .lines()
                .filter(|line| line.trim_start().starts_with("::"));
            assert_eq!(commands.count(), usize::from(format.name == "github"));
            continue;
        }
        let sink::Medium::Bytes(open) = format.medium else {
            continue;
        };
        if format.captures.any() {
            continue;
        }
        open(&sink::Options::default()).write(&visit, &mut out);
        let written = String::from_utf8(out).expect("every format is UTF-8");
        let line = written.strip_suffix('\n').expect("a whole line");
        let ours = |c| format.name == "tsv" && c == '\t';
        assert!(
            !line.contains(|c: char| c.is_control() && !ours(c)),
            "{line:?}"
        );
        let begins = line.trim_start();
        assert!(!begins.starts_with("::") && !begins.starts_with("##"));
        if format.name == "jsonl" {
            let read: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert_eq!(read["title"].as_str(), Some(text.as_str()));
        }
    }
}

/// Any file is a state that opens, or is refused in words.
fn state(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.db");
    std::fs::write(&path, bytes).expect("a file");
    match open_state(&path) {
        Ok(store) => drop(store),
        Err(reason) => assert!(reason.contains("state.db"), "{reason}"),
    }
}

/// Opens the state at `path` as a crawl would.
fn open_state(path: &Path) -> Result<impl Frontier, String> {
    let pace = Pace {
        delay: Duration::ZERO,
        width: std::num::NonZeroUsize::MIN,
        adaptive: None,
    };
    let options = FrontierOptions {
        gap: None,
        unique: true,
        robots: None,
        depth: None,
        order: Order::default(),
        budget: Budget::default(),
        pace: Rc::new(move |_, _, _| pace),
    };
    let command = [("job".to_owned(), "crawl".to_owned())];
    Sqlite::open(path, Begin::Resume, &command, options)
        .map(|(store, _)| store)
        .map_err(|error| error.to_string())
}
