//! Reads `src/` and fails on an import that points up or sideways, so that the drawing in `lib.rs` stays true.
//!
//! It looks at text, not at types: paths from `crate::`, groups included, and from `super::` where they come
//! out at the top of the crate. Comments and strings are taken out first. Deliberately absent: exceptions.

#![expect(clippy::expect_used, reason = "a test says what it expects by failing")]

use std::fs;
use std::path::{Path, PathBuf};

/// Each module of the library and its floor.
const FLOORS: &[(&str, u8)] = &[
    ("model", 0),
    ("policy", 1),
    ("cache", 2),
    ("input", 2),
    ("frontier", 2),
    ("fetcher", 2),
    ("parser", 2),
    ("sink", 2),
    ("job", 3),
];

/// Words that only some floors may know.
const KNOWN_TO: &[(&str, &[&str])] = &[
    ("clap", &["cli", "main"]),
    ("indicatif", &["cli", "main"]),
    ("anyhow", &["cli", "main"]),
    ("reqwest", &["fetcher"]),
    (
        "tokio",
        &[
            "cache", "input", "frontier", "fetcher", "parser", "sink", "job", "cli", "main",
        ],
    ),
    ("rusqlite", &["cache", "frontier", "sink"]),
    ("scraper", &["parser"]),
];

const PRINTS: &[&str] = &["println", "eprintln", "print", "eprint", "dbg"];

/// Folders whose files are rows of a table in their `mod.rs`.
const TABLES: &[&str] = &[
    "cache", "sink", "parser", "frontier", "fetcher", "policy", "input",
];

struct Source {
    path: PathBuf,
    /// `model`, `cli`, `main`, `lib`, …
    room: String,
    text: String,
}

fn sources() -> Vec<Source> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("src is there") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let below = path.strip_prefix(&root).expect("below src").to_owned();
            let first = below.iter().next().expect("a name").to_string_lossy();
            let room = first.trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(&path).expect("a source");
            Source {
                path: below,
                room,
                text,
            }
        })
        .collect()
}

/// Code without comments and without what stands in strings and character literals; lines stay lines.
fn code(text: &str) -> String {
    let text: Vec<char> = text.chars().collect();
    let at = |index: usize| text.get(index).copied().unwrap_or_default();
    let mut out = String::new();
    let mut here = 0;
    while here < text.len() {
        let begin = here;
        // `r"`, `r#"`: how many hashes; a raw identifier (`r#type`) has no quote behind them.
        let hashes = text[here + 1..].iter().take_while(|c| **c == '#').count();
        let word = here > 0 && (at(here - 1).is_alphanumeric() && at(here - 1) != 'b');
        match at(here) {
            '/' if at(here + 1) == '/' => {
                while here < text.len() && at(here) != '\n' {
                    here += 1;
                }
            }
            '/' if at(here + 1) == '*' => {
                let mut depth = 0;
                loop {
                    match (at(here), at(here + 1)) {
                        ('/', '*') => (depth, here) = (depth + 1, here + 2),
                        ('*', '/') => (depth, here) = (depth - 1, here + 2),
                        _ => here += 1,
                    }
                    if depth == 0 || here >= text.len() {
                        break;
                    }
                }
            }
            'r' if !word && at(here + 1 + hashes) == '"' => {
                here += 2 + hashes;
                let closed = |from: usize| {
                    at(from) == '"' && (1..=hashes).all(|next| at(from + next) == '#')
                };
                while here < text.len() && !closed(here) {
                    here += 1;
                }
                here += 1 + hashes;
            }
            '"' => {
                here += 1;
                while here < text.len() && at(here) != '"' {
                    here += if at(here) == '\\' { 2 } else { 1 };
                }
                here += 1;
            }
            '\'' if at(here + 1) == '\\' => {
                here += 3;
                while here < text.len() && at(here) != '\'' {
                    here += 1;
                }
                here += 1;
            }
            // Anything else behind a quote is a lifetime.
            '\'' if at(here + 2) == '\'' => here += 3,
            other => {
                out.push(other);
                here += 1;
                continue;
            }
        }
        let passed = text.get(begin..here.min(text.len())).unwrap_or_default();
        out.extend(passed.iter().filter(|passed| **passed == '\n'));
    }
    out
}

/// Names, `::` and other signs, each with its 1-based line.
fn tokens(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(code.lines()) {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let name = |c: char| c.is_alphanumeric() || c == '_';
            let length = match first {
                _ if name(first) => rest.find(|c| !name(c)).unwrap_or(rest.len()),
                ':' if rest.starts_with("::") => 2,
                _ => first.len_utf8(),
            };
            found.push((number, &rest[..length]));
            rest = rest[length..].trim_start();
        }
    }
    found
}

/// The modules that a file reaches: paths from `crate`, and those from `super` that come out at the top.
/// `depth` is how far below the top the file's own module is.
fn reached(tokens: &[(usize, &str)], depth: usize) -> Vec<(usize, String)> {
    let token = |at: usize| tokens.get(at).map_or("", |(_, token)| token);
    let mut found = Vec::new();
    // One entry for each open brace: does it belong to `mod name {`?
    let mut braces: Vec<bool> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let mut below = depth + braces.iter().filter(|module| **module).count();
        match token(at) {
            "{" => braces.push(at >= 2 && token(at - 2) == "mod"),
            "}" => _ = braces.pop(),
            "crate" => below = 0,
            "super" if token(at + 1) == "::" => {
                below = below.saturating_sub(1);
                while token(at + 1) == "::" && token(at + 2) == "super" {
                    below = below.saturating_sub(1);
                    at += 2;
                }
            }
            _ => {}
        }
        let path = matches!(token(at), "crate" | "super") && below == 0;
        if path && token(at + 1) == "::" && token(at + 2) == "{" {
            let mut open = 0;
            let mut first = true;
            for (line, token) in &tokens[at + 3..] {
                match *token {
                    "}" if open == 0 => break,
                    "{" => open += 1,
                    "}" => open -= 1,
                    "," if open == 0 => first = true,
                    name if first => {
                        found.push((*line, name.to_owned()));
                        first = false;
                    }
                    _ => {}
                }
            }
        } else if path && token(at + 1) == "::" {
            found.push((tokens[at].0, token(at + 2).to_owned()));
        } else if path && token(at + 1) == "as" {
            found.push((tokens[at].0, "everything".to_owned()));
        }
        at += 1;
    }
    found
}

/// How far below the top of the crate the module of a file is; `x_tests.rs` is the tests module of `x.rs`.
fn depth(path: &Path) -> usize {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let folders = path.iter().count() - 1;
    match &*stem {
        "mod" | "lib" | "main" => folders,
        _ => folders + 1 + usize::from(stem.ends_with("_tests")),
    }
}

/// What is wrong with the text of a file of `room`, and on which line.
fn violations(room: &str, path: &Path, text: &str) -> Vec<(usize, String)> {
    let floor = |name: &str| {
        FLOORS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, floor)| *floor)
    };
    let code = code(text);
    let tokens = tokens(&code);
    let mut wrong = Vec::new();
    for (line, name) in reached(&tokens, depth(path)) {
        let allowed = match (floor(room), floor(&name)) {
            _ if name == room => true,
            // The crate root names everything.
            (None, _) if room == "lib" => true,
            (Some(here), Some(there)) => there < here,
            _ => false,
        };
        if !allowed {
            wrong.push((line, format!("{room} must not reach {name}")));
        }
    }
    for (at, (line, name)) in tokens.iter().enumerate() {
        // A crate's name begins a path, or stands in a `use`.
        let next = tokens.get(at + 1).map_or("", |(_, token)| token);
        let before = if at == 0 { "" } else { tokens[at - 1].1 };
        let named = before != "::" && next == "::"
            || matches!(before, "use" | "{" | ",") && matches!(next, ";" | "," | "}" | "as");
        let known = KNOWN_TO.iter().find(|(word, _)| word == name);
        if named && known.is_some_and(|(_, rooms)| !rooms.contains(&room)) {
            wrong.push((*line, format!("{room} must not know {name}")));
        }
        let prints = PRINTS.contains(name) && next == "!"
            || matches!(*name, "stdout" | "stderr") && next == "(" && before != ".";
        if prints && !matches!(room, "cli" | "main") {
            wrong.push((*line, format!("only cli prints, not {room}: {name}")));
        }
    }
    wrong
}

#[test]
fn imports_go_down_and_only_cli_knows_the_terminal() {
    let mut wrong = Vec::new();
    for Source { path, room, text } in sources() {
        for (line, rule) in violations(&room, &path, &text) {
            wrong.push(format!("src/{}:{line}: {rule}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_opens_with_what_it_decides_and_is_short_enough_to_read() {
    for Source { path, text, .. } in sources() {
        assert!(
            text.starts_with("//!"),
            "src/{} opens without //!",
            path.display()
        );
        let lines = text.lines().count();
        let limit = if path == Path::new("main.rs") {
            40
        } else {
            600
        };
        assert!(
            lines <= limit,
            "src/{}: {lines} lines, at most {limit}",
            path.display()
        );
        let stem = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        assert!(
            ![
                "util", "utils", "helper", "helpers", "common", "misc", "data", "info"
            ]
            .contains(&stem.as_str()),
            "{stem}"
        );
    }
}

#[test]
fn every_file_is_named_in_the_table_of_its_folder() {
    for Source { path, .. } in sources() {
        let mut parts = path.iter().map(|part| part.to_string_lossy().into_owned());
        let (Some(folder), Some(file), None) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        if !TABLES.contains(&folder.as_str()) || file == "mod.rs" || file.ends_with("_tests.rs") {
            continue;
        }
        let table = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src")
            .join(&folder)
            .join("mod.rs");
        let table = fs::read_to_string(table).expect("a mod.rs");
        let module = format!("mod {};", file.trim_end_matches(".rs"));
        assert!(
            table.contains(&module),
            "src/{folder}/mod.rs does not name {file}"
        );
    }
}

#[test]
fn the_checker_finds_what_it_looks_for() {
    for (room, file, text, count) in [
        ("model", "mod.rs", "use crate::policy::robots;", 1),
        ("frontier", "memory.rs", "use crate::fetcher::Http;", 1),
        (
            "frontier",
            "mod.rs",
            "use crate::{model::{Url, key}, sink::{Sink, Format}, policy};",
            1,
        ),
        ("parser", "html.rs", "let x = crate::job::run();", 1),
        ("sink", "mod.rs", "use super::fetcher::Http;", 1),
        ("sink", "text.rs", "use super::super::fetcher::Http;", 1),
        (
            "sink",
            "text.rs",
            "mod tests { use super::super::super::fetcher; }",
            1,
        ),
        (
            "sink",
            "text.rs",
            "pub use crate::{\n    model::Url,\n    fetcher::Http,\n};",
            1,
        ),
        (
            "sink",
            "text.rs",
            "const Q: char = '\"'; use crate::job;",
            1,
        ),
        (
            "sink",
            "text.rs",
            "const R: &str = r\"\\\"; use crate::job;",
            1,
        ),
        ("sink", "text.rs", "use crate as top;", 1),
        ("sink", "text.rs", "println!()", 1),
        ("sink", "text.rs", "let out = stdout();", 1),
        ("sink", "text.rs", "let out = io::stdout();", 1),
        ("job", "mod.rs", "child.stdout(Stdio::piped())", 0),
        ("policy", "retry.rs", "tokio::spawn(x)", 1),
        ("model", "url.rs", "use {std::fmt, tokio};", 1),
        ("job", "mod.rs", "use clap::Parser;", 1),
        ("cli", "check.rs", "use crate::job::Fetch;", 1),
        (
            "job",
            "mod.rs",
            "use crate::{model, frontier::Lease, fetcher};",
            0,
        ),
        (
            "cli",
            "check.rs",
            "use clap::Parser; println!(); use super::run::Run;",
            0,
        ),
        (
            "sink",
            "text.rs",
            "use super::Format; mod tests { use super::super::tests::hostile; }",
            0,
        ),
        (
            "fetcher",
            "decode_tests.rs",
            "use super::super::FetchError;",
            0,
        ),
        (
            "sink",
            "text.rs",
            "/* use crate::job; /* */ println!() */ // crate::job",
            0,
        ),
        (
            "sink",
            "text.rs",
            "const S: &str = \"\n crate::job \\\" println!\"; fn f<'a>(x: &'a str) {}",
            0,
        ),
        (
            "sink",
            "text.rs",
            "const S: &[u8] = br#\"crate::job \" println!\"#;",
            0,
        ),
        ("sink", "text.rs", "pub(crate) fn f() { $crate::x() }", 1),
    ] {
        let found = violations(room, &Path::new(room).join(file), text);
        assert_eq!(found.len(), count, "{room}: {text}: {found:?}");
    }
    let (line, _) = violations(
        "sink",
        Path::new("sink/text.rs"),
        "/*\n\"*/\nuse crate::job;",
    )[0];
    assert_eq!(line, 3);
    assert_eq!(code("a 'b' \"c\\\"d\" r#\"e\"# f // g"), "a    f ");
}
