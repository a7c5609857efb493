//! Floor 2: visits → bytes. One file for each format, and its row in [`FORMATS`].
//!
//! A sink only appends bytes to a buffer: where they go, when they are flushed, and how far they are committed
//! is the writer's business. It is called for every record, in order, from one thread; `finish` comes once,
//! and not at all when the run dies. **Nothing in a record is trusted**: each format escapes by its own
//! rules, and what people read goes through [`for_terminal`].
//!
//! To add one: `src/sink/NAME.rs` with `pub(super) const FORMAT: Format` and its `impl Sink`; here `mod NAME;`
//! and the row. `--format`, its help, the guess from an extension and the tests of all formats read the table.

mod advice;
mod baseline;
mod bodies;
mod capture;
mod escape;
mod findings;
mod github;
mod jsonl;
mod junit;
mod markdown;
mod mirror;
mod sarif;
mod sqlite;
mod table;
mod template;
mod text;
mod warc;

use std::io;
use std::path::Path;

use url::Url;

use crate::model::{Summary, Visit};
use crate::policy::sameness::Sameness;

pub use bodies::{Begun, Bodies, name as body_name};
pub use capture::{Capture, Captures, Spool};
pub use escape::for_terminal;
pub use findings::Repository;
pub use template::Template;

/// Turns records into bytes.
pub trait Sink: Send {
    /// Appends what comes before the first record of a new output; not called when a run goes on with one.
    fn begin(&mut self, _out: &mut Vec<u8>) {}

    /// Appends the record of `visit` to `out`.
    fn write(&mut self, visit: &Visit, out: &mut Vec<u8>);

    /// Is anything written of records that nothing is wrong with, `ok` or `excluded`? Where no output has use for them,
    /// `check` only counts them.
    fn takes_good(&self) -> bool {
        true
    }

    /// Appends an exchange; only for a format whose [`Format::captures`] says so. Comes before the record of the visit that
    /// it was for.
    ///
    /// # Errors
    /// When the content that was put away cannot be read; nothing is appended then.
    fn capture(&mut self, _capture: &mut Capture, _out: &mut Vec<u8>) -> io::Result<()> {
        Ok(())
    }

    /// Appends what comes after the last record. Formats of records alone have nothing there.
    fn finish(&mut self, _summary: &Summary, _out: &mut Vec<u8>) {}
}

/// A place of a format's own: a database, a folder. Unlike a [`Sink`] it writes by itself, so it says what goes wrong.
///
/// A run that goes on may write records again that it had written: a place puts each where it was.
pub trait Place: Send {
    /// Takes an exchange; only for a format whose [`Format::captures`] says so. Comes before the record of the visit that it
    /// was for.
    ///
    /// # Errors
    /// What the system said.
    fn capture(&mut self, _capture: &mut Capture) -> io::Result<()> {
        Ok(())
    }

    /// Writes the record of `visit`.
    ///
    /// # Errors
    /// What the system said.
    fn write(&mut self, visit: &Visit) -> io::Result<()>;

    /// Puts everything written so far where neither kill nor power cut takes it back.
    ///
    /// # Errors
    /// What the system said.
    fn sync(&mut self) -> io::Result<()>;

    /// The end of the run, with nothing left to do afterwards. A kill in between has this done again.
    ///
    /// # Errors
    /// What the system said.
    fn finish(&mut self, _summary: &Summary) -> io::Result<()> {
        self.sync()
    }
}

/// What a run goes on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing, and nothing will go on with it.
    Alone,
    /// Nothing; a later run of its state may go on with it.
    First,
    /// What an earlier run of its state had committed.
    Resumed,
    /// A finished run of its state, whose targets are visited again.
    Again,
}

/// Makes a place at a path, or goes on with what is there.
pub type OpenPlace = fn(&Path, &Options, Standing) -> io::Result<Box<dyn Place>>;

/// A document as it was got.
#[derive(Debug, Clone, Copy)]
pub struct Original<'a> {
    /// Where it was got.
    pub url: &'a Url,
    /// Its media type, lower case, without parameters.
    pub essence: &'a str,
    /// The `charset` parameter of its type, if the transport named one.
    pub charset: Option<&'a str>,
    /// Its content, decoded.
    pub content: &'a [u8],
}

/// The content of a document with its links changed to what the function makes of their URLs; those of which it makes
/// nothing lead to where they led. Sinks do not know the parser: `job` lends this.
pub type Relink = fn(&Original<'_>, to: &dyn Fn(&Url) -> Option<String>) -> Vec<u8>;

/// How a format is written.
#[derive(Debug, Clone, Copy)]
pub enum Medium {
    /// As bytes, to a stream or a file.
    Bytes(fn(&Options) -> Box<dyn Sink>),
    /// As one document, which its sink appends when it finishes. A file is replaced by it whole, or stays as it was.
    Document(fn(&Options) -> Box<dyn Sink>),
    /// To a place of its own, never to a stream.
    Place(OpenPlace),
}

/// How records shall look.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Use colours.
    pub colour: bool,
    /// For people: only what is not `ok`.
    pub failures_only: bool,
    /// What could not be judged makes the run fail too.
    pub strict: bool,
    /// Names of what is taken out of content, in the order of their columns.
    pub fields: Vec<String>,
    /// Records name what their page links to.
    pub links: bool,
    /// How `template` words a record.
    pub template: Option<Template>,
    /// How links are changed; the jobs see to it.
    pub relink: Option<Relink>,
    /// Which spellings of a URL are one; the jobs see to it.
    pub sameness: Sameness,
    /// Where the files of a report are found by its readers.
    pub repository: Repository,
}

/// A row of the table.
#[derive(Debug)]
pub struct Format {
    /// What `--format` calls it.
    pub name: &'static str,
    /// One line for `--help`.
    pub about: &'static str,
    /// Extensions that mean it, lower case.
    pub extensions: &'static [&'static str],
    /// How it is written.
    pub medium: Medium,
    /// It is of little use without the links of each page.
    pub links: bool,
    /// What it takes of exchanges, beside records.
    pub captures: Captures,
}

/// Every format there is.
pub const FORMATS: &[Format] = &[
    text::FORMAT,
    jsonl::FORMAT,
    table::CSV,
    table::TSV,
    sqlite::FORMAT,
    warc::FORMAT,
    mirror::FORMAT,
    markdown::FORMAT,
    junit::FORMAT,
    sarif::FORMAT,
    github::FORMAT,
    baseline::FORMAT,
    template::FORMAT,
];

fn other(error: rusqlite::Error) -> io::Error {
    io::Error::other(error.to_string())
}

/// The format of that name.
///
/// # Errors
/// What names there are.
pub fn named(name: &str) -> Result<&'static Format, String> {
    FORMATS
        .iter()
        .find(|format| format.name == name)
        .ok_or_else(|| {
            let names: Vec<_> = FORMATS.iter().map(|format| format.name).collect();
            format!("there is no format {name}; there are {}", names.join(", "))
        })
}

/// The format that files of that name have, by the longest extension that is known.
#[must_use]
pub fn for_file(name: &str) -> Option<&'static Format> {
    let name = name.to_ascii_lowercase();
    let known = FORMATS
        .iter()
        .flat_map(|format| format.extensions.iter().map(move |end| (format, *end)));
    known
        .filter(|(_, end)| {
            name.strip_suffix(end)
                .is_some_and(|stem| stem.ends_with('.'))
        })
        .max_by_key(|(_, end)| end.len())
        .map(|(format, _)| format)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Duplicate, DuplicateKind, Failure, FailureKind, Outcome, Source};

    /// What attacks whoever reads the output: a terminal, a CI runner, a reader of lines.
    pub(super) const PAYLOADS: &[&str] = &[
        "\u{1b}[2J",
        "\u{1b}]0;title\u{7}",
        "\u{1b}]8;;http://x\u{1b}\\",
        "\u{1b}]52;c;AAAA\u{7}",
        "\u{9b}31m",
        "\r::error::x",
        "\n::add-mask::x",
        "\n##[error]x",
        "\n##vso[task.setvariable]x",
        "\n##teamcity[x]",
        "::set-output name=x::y",
        "::stop-commands::x",
        "a\nb",
        "a\rb",
        "a\r\nb",
        "a\u{85}b",
        "a\u{2028}b",
        "a\u{2029}b",
        "\u{202e}gpj.exe",
        "\u{2066}x\u{2069}",
        "\u{200f}",
        "\u{61c}",
        "\0",
        "\u{8}\u{8}",
        "\u{7f}",
        "\u{feff}x",
        "=1+1",
        "+1",
        "-1",
        "@x",
        "\t=1",
        "\"quoted\"",
        "'",
        "a,b;c\td",
        "</script><script>",
        "`code`",
        "![x](http://y)",
        "javascript:alert(1)",
        "%0a::error::x",
        "x ##[error]y",
        "x ##vso[task.setvariable]y",
        "####[x",
        "\u{a0}::error::x",
        "\u{1f600}\u{301}",
    ];

    pub(super) fn hostile(payload: &str) -> Visit {
        // A list may say what its records are called.
        let mut visit = Visit::new(payload.to_owned(), payload.into(), Outcome::Broken);
        visit.input = Some(payload.into());
        visit.title = Some(payload.to_owned());
        visit.final_url = Some(payload.into());
        visit.fragment = Some(payload.to_owned());
        visit.suggestion = Some(payload.to_owned());
        visit.source = Some(Source {
            path: Some(payload.into()),
            url: None,
            line: 1,
            column: 1,
        });
        visit.error = Some(Failure::new(FailureKind::Status, payload.to_owned()));
        visit.duplicate = Some(Box::new(Duplicate {
            of: payload.to_owned(),
            kind: DuplicateKind::Exact,
            similarity: None,
        }));
        visit
    }

    /// A link to a file that is not there.
    pub(super) fn broken_link(path: &str, line: u32, link: &str) -> Visit {
        let mut visit = Visit::new("1".into(), link.into(), Outcome::Broken);
        visit.input = Some(link.into());
        visit.source = Some(Source {
            path: Some(path.into()),
            url: None,
            line,
            column: 7,
        });
        visit.fail(Failure::new(FailureKind::File, "no such file"));
        visit
    }

    #[test]
    fn no_document_speaks_to_its_reader() {
        for format in FORMATS {
            let Medium::Document(open) = format.medium else {
                continue;
            };
            for payload in PAYLOADS {
                let mut sink = open(&Options::default());
                let mut out = Vec::new();
                sink.write(&hostile(payload), &mut out);
                assert!(
                    out.is_empty(),
                    "{}: a document comes at the end",
                    format.name
                );
                sink.finish(&Summary::default(), &mut out);
                let text = String::from_utf8(out).expect("every format is UTF-8");
                let told = format!("{} {payload:?}: {text:?}", format.name);
                let unsafe_one = |c| c != '\n' && escape::is_unsafe(c);
                assert!(!text.chars().any(unsafe_one), "{told}");
                assert!(escape::command(&text).is_none(), "{told}");
                let commands = text
                    .lines()
                    .filter(|line| line.trim_start().starts_with("::"));
                assert_eq!(
                    commands.count(),
                    usize::from(format.name == "github"),
                    "{told}"
                );
            }
        }
    }

    #[test]
    fn no_format_lets_a_record_leave_its_line_or_speak_to_its_reader() {
        for format in FORMATS {
            for colour in [false, true] {
                for payload in PAYLOADS {
                    let Medium::Bytes(open) = format.medium else {
                        continue;
                    };
                    if format.captures.any() {
                        // Not for reading, and records of visits are no part of it.
                        continue;
                    }
                    let mut sink = open(&Options {
                        colour,
                        ..Options::default()
                    });
                    let mut out = Vec::new();
                    sink.write(&hostile(payload), &mut out);
                    let text = String::from_utf8(out).expect("every format is UTF-8");
                    let told = format!("{} {payload:?}: {text:?}", format.name);
                    assert_eq!(text.matches('\n').count(), 1, "{told}");
                    let line = text.strip_suffix('\n').expect("the line ends");
                    // What colours add is ours; nothing else may be left.
                    let bare = [
                        "\u{1b}[31m",
                        "\u{1b}[32m",
                        "\u{1b}[33m",
                        "\u{1b}[2m",
                        "\u{1b}[1m",
                        "\u{1b}[0m",
                    ]
                    .iter()
                    .fold(line.to_owned(), |line, ours| {
                        if colour { line.replace(ours, "") } else { line }
                    });
                    // And so is what stands between cells.
                    let ours = |c| format.name == "tsv" && c == '\t';
                    assert!(
                        !bare.chars().any(|c| escape::is_unsafe(c) && !ours(c)),
                        "{told}"
                    );
                    assert!(
                        !bare.trim_start().starts_with("::")
                            && !bare.trim_start().starts_with("##"),
                        "{told}"
                    );
                    assert!(escape::command(&bare).is_none(), "{told}");
                }
            }
        }
    }

    #[test]
    fn every_format_is_found_by_its_name_and_extensions() {
        for format in FORMATS {
            assert!(named(format.name).is_ok());
            for extension in format.extensions {
                assert_eq!(
                    for_file(&format!("x.{}", extension.to_uppercase())).map(|found| found.name),
                    Some(format.name)
                );
            }
        }
        assert!(named("jso").is_err_and(|error| error.contains("jsonl")));
    }
}
