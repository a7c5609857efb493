//! Every awkward document under `fixtures/` against what it says of itself.
//!
//! `fixtures/parsed.txt` holds what a person accepted; a difference is printed, and `ACCEPT=1 cargo test --lib fixtures` writes the
//! file anew, to be read before it is committed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::*;
use crate::model::Link;

const EXPECTED: &str = "fixtures/parsed.txt";

/// The documents, sorted.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in [
        "asciidoc", "css", "html", "jsonld", "markdown", "mdx", "rst", "sitemap",
    ] {
        let folder = Path::new("fixtures").join(folder);
        for entry in std::fs::read_dir(folder).unwrap() {
            found.push(entry.unwrap().path());
        }
    }
    found.sort();
    found
}

fn parsed(path: &Path) -> Document {
    let extension = path.extension().unwrap().to_str().unwrap();
    let options = Options {
        anchors: true,
        ..Options::default()
    };
    let mut parse = (for_extension(extension).unwrap().open)(&options);
    parse.write(&std::fs::read(path).unwrap());
    parse.finish()
}

fn described(path: &Path) -> String {
    let document = parsed(path);
    let mut out = String::new();
    let name = path.strip_prefix("fixtures").unwrap().display();
    writeln!(out, "{name}: {}", document.charset).unwrap();
    if let Some(title) = &document.title {
        writeln!(out, "  title {title}").unwrap();
    }
    if let Some(base) = &document.base {
        writeln!(out, "  base {base}").unwrap();
    }
    if document.nofollow || document.noindex {
        let (nofollow, noindex) = (document.nofollow, document.noindex);
        writeln!(out, "  nofollow {nofollow}, noindex {noindex}").unwrap();
    }
    for link in document.links.iter() {
        let Link {
            reference,
            kind,
            nofollow,
            line,
            column,
        } = link;
        let nofollow = if nofollow { " nofollow" } else { "" };
        writeln!(out, "  {line}:{column} {kind:?} {reference}{nofollow}").unwrap();
    }
    if !document.anchors.is_empty() {
        writeln!(out, "  anchors {}", document.anchors.len()).unwrap();
    }
    out
}

#[test]
fn each_fixture_is_read_as_it_says() {
    let found: String = documents().iter().map(|path| described(path)).collect();
    if std::env::var_os("ACCEPT").is_some() {
        std::fs::write(EXPECTED, found).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(EXPECTED).unwrap();
    let differs = found.lines().zip(expected.lines()).find(|(a, b)| a != b);
    assert_eq!(differs, None, "found, expected");
    assert_eq!(found.lines().count(), expected.lines().count());
}

#[test]
fn each_fixture_has_the_anchors_that_it_names() {
    let mut asked = 0;
    for path in documents() {
        let bytes = std::fs::read(&path).unwrap();
        let mut text = encoding::Text::new(None, encoding::Declared::InHtml);
        let mut all = text.write(&bytes).to_owned();
        all.push_str(text.finish().0);
        let Some((_, list)) = all.split_once("Anchors: ") else {
            continue;
        };
        let end = list.find([':', '>']).unwrap_or(list.len());
        let list = list[..end].rsplit_once('.').map_or("", |(list, _)| list);
        let document = parsed(&path);
        let names: Vec<_> = list.split(", ").collect();
        for name in &names {
            assert!(document.has_anchor(name), "{}: {name}", path.display());
        }
        assert_eq!(names.len(), document.anchors.len(), "{}", path.display());
        asked += names.len();
    }
    assert!(asked > 30, "{asked}");
}
