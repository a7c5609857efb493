//! Reads `src/` and fails on an import that points up or sideways, so that the drawing in `lib.rs` stays true.
//!
//! It looks at text, not at types: `crate::module` wherever it stands, groups included. Comments and strings
//! are taken out first. Deliberately absent: exceptions.

#![expect(clippy::expect_used, reason = "a test says what it expects by failing")]

use std::fs;
use std::path::{Path, PathBuf};

/// Each module of the library and its floor.
const FLOORS: &[(&str, u8)] = &[
    ("model", 0),
    ("policy", 1),
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
    ("rusqlite", &["frontier"]),
    ("scraper", &["parser"]),
    ("lol_html", &["parser"]),
];

const PRINTS: &[&str] = &[
    "println!",
    "eprintln!",
    "print!",
    "eprint!",
    "dbg!",
    "std::io::stdout",
    "std::io::stderr",
];

/// Folders whose files are rows of a table in their `mod.rs`.
const TABLES: &[&str] = &["sink", "parser", "frontier", "fetcher", "policy", "input"];

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

/// A line without its comment and without what stands in its strings.
fn code(line: &str) -> String {
    let mut out = String::new();
    let mut string = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if string => _ = chars.next(),
            '"' => string = !string,
            '/' if !string && chars.peek() == Some(&'/') => break,
            _ if !string => out.push(c),
            _ => {}
        }
    }
    out
}

/// The modules that a piece of code reaches through `crate::`.
fn reached(code: &str) -> Vec<String> {
    let word = |text: &str| {
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => {
                let mut depth = 0;
                let mut part = String::new();
                for c in group.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => found.push(word(std::mem::take(&mut part).trim())),
                        _ => part.push(c),
                    }
                }
                found.push(word(part.trim()));
            }
            None => found.push(word(rest)),
        }
    }
    found
}

/// What is wrong with a piece of code that stands in `room`.
fn violations(room: &str, code: &str) -> Vec<String> {
    let floor = |name: &str| {
        FLOORS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, floor)| *floor)
    };
    let mut wrong = Vec::new();
    for name in reached(code) {
        let allowed = match (floor(room), floor(&name)) {
            _ if name == room => true,
            // The crate root names everything.
            (None, _) if room == "lib" => true,
            (Some(here), Some(there)) => there < here,
            _ => false,
        };
        if !allowed {
            wrong.push(format!("{room} must not reach {name}"));
        }
    }
    for (word, rooms) in KNOWN_TO {
        let used = code.contains(&format!("{word}::")) || code.contains(&format!("use {word};"));
        if used && !rooms.contains(&room) {
            wrong.push(format!("{room} must not know {word}"));
        }
    }
    if matches!(room, "model" | "policy") && code.contains("tokio::") {
        wrong.push(format!("{room} must not know tokio"));
    }
    if !matches!(room, "cli" | "main") {
        wrong.extend(
            PRINTS
                .iter()
                .filter(|print| code.contains(*print))
                .map(|print| format!("only cli prints, not {room}: {print}")),
        );
    }
    wrong
}

#[test]
fn imports_go_down_and_only_cli_knows_the_terminal() {
    let mut wrong = Vec::new();
    for source in sources() {
        // Statements may span lines; the checker looks at one `use` or line at a time.
        let mut pending = String::new();
        for (number, line) in (1..).zip(source.text.lines()) {
            pending.push_str(&code(line));
            if pending.trim_start().starts_with("use ") && !pending.contains(';') {
                continue;
            }
            for rule in violations(&source.room, &std::mem::take(&mut pending)) {
                wrong.push(format!("src/{}:{number}: {rule}", source.path.display()));
            }
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
    for (room, code, count) in [
        ("model", "use crate::policy::robots;", 1),
        ("frontier", "use crate::fetcher::Http;", 1),
        (
            "frontier",
            "use crate::{model::Url, sink::{Sink, Format}, policy};",
            1,
        ),
        ("parser", "let x = crate::job::run();", 1),
        ("sink", "println!()", 1),
        ("policy", "tokio::spawn(x)", 1),
        ("job", "use clap::Parser;", 1),
        ("cli", "use crate::job::Fetch;", 1),
        ("job", "use crate::{model, frontier::Lease, fetcher};", 0),
        ("cli", "use clap::Parser; println!()", 0),
        ("lib", "pub use crate::job;", 0),
    ] {
        assert_eq!(violations(room, code).len(), count, "{room}: {code}");
    }
    assert_eq!(code("a // use crate::job"), "a ");
    assert_eq!(
        code("f(\"crate::job // \\\" x\") + crate::y"),
        "f() + crate::y"
    );
}
