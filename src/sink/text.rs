//! `text`: one line a record, for people.
//!
//! A link of a document begins with its place as compilers write it, `path:line:column:`, which editors and
//! terminals turn into a jump; a URL of a list begins with its verdict. No line can begin with what a CI
//! runner takes for a command.

use std::fmt::Write;

use super::escape::for_terminal;
use super::{Captures, Format, Medium, Options, Sink};
use crate::model::{DuplicateKind, Outcome, Visit};

pub(super) const FORMAT: Format = Format {
    name: "text",
    about: "one line a record, for people (the default)",
    extensions: &["txt"],
    medium: Medium::Bytes(open),
    links: false,
    captures: Captures::NONE,
};

struct Text {
    options: Options,
}

fn open(options: &Options) -> Box<dyn Sink> {
    Box::new(Text {
        options: options.clone(),
    })
}

impl Sink for Text {
    fn takes_good(&self) -> bool {
        !self.options.failures_only
    }

    fn write(&mut self, visit: &Visit, out: &mut Vec<u8>) {
        let good = matches!(visit.outcome, Outcome::Ok | Outcome::Excluded);
        if self.options.failures_only && good && visit.suggestion.is_none() {
            return;
        }
        // Writing to a string does not fail.
        let mut line = String::new();
        let verdict = self.verdict(visit);
        match &visit.source {
            Some(source) => {
                let document = source
                    .path
                    .as_deref()
                    .or(source.url.as_deref())
                    .unwrap_or_default();
                let document = for_terminal(document);
                // A path may begin with what a runner takes for a command.
                let here = if document.starts_with(|c: char| ":#".contains(c) || c.is_whitespace())
                {
                    "./"
                } else {
                    ""
                };
                let place = format!("{here}{document}:{}:{}:", source.line, source.column);
                let _ = write!(line, "{} {verdict}", self.paint("1", &place));
            }
            None => line.push_str(&verdict),
        }
        let shown = match &visit.source {
            Some(_) => visit.input.as_deref().unwrap_or(&visit.url),
            None => &visit.url,
        };
        let _ = write!(line, " {}", for_terminal(shown));
        let moved = visit
            .final_url
            .as_deref()
            .filter(|_| !visit.redirects.is_empty());
        if let Some(url) = moved {
            let _ = write!(line, "{} {}", self.paint("2", " ->"), for_terminal(url));
        }
        if let Some(failure) = &visit.error {
            // The status stands in front already.
            if visit.source.is_some() || visit.status.is_none() || failure.kind.name() != "status" {
                let _ = write!(line, ": {}", for_terminal(&failure.message));
            }
        }
        if visit.known {
            let _ = write!(line, " {}", self.paint("2", "(known)"));
        }
        if let Some(suggestion) = &visit.suggestion {
            let instead = format!("(suggested: {})", for_terminal(suggestion));
            let _ = write!(line, " {}", self.paint("2", &instead));
        }
        if let Some(referrer) = visit
            .referrer
            .as_deref()
            .filter(|_| visit.outcome != Outcome::Ok)
        {
            let _ = write!(
                line,
                " {}",
                self.paint("2", &format!("(linked from {})", for_terminal(referrer)))
            );
        }
        if let Some(duplicate) = &visit.duplicate {
            let same = match duplicate.kind {
                DuplicateKind::Exact => "same as",
                DuplicateKind::Near => "nearly the same as",
            };
            let of = format!("({same} {})", for_terminal(&duplicate.of));
            let _ = write!(line, " {}", self.paint("2", &of));
        }
        line.push('\n');
        for (name, value) in &visit.fields {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            let _ = writeln!(line, "  {}: {}", self.paint("2", name), for_terminal(&text));
        }
        out.extend_from_slice(line.as_bytes());
    }
}

impl Text {
    fn verdict(&self, visit: &Visit) -> String {
        let mut words = visit.outcome.name().to_owned();
        if let Some(failure) = &visit.error
            && (visit.status.is_none() || failure.kind.name() != "status")
        {
            let _ = write!(words, " {}", failure.kind.name());
        }
        if let Some(status) = visit.status {
            let _ = write!(words, " {status}");
        }
        let colour = match visit.outcome {
            Outcome::Ok => "32",
            Outcome::Broken => "31",
            Outcome::Unknown if self.options.strict => "31",
            Outcome::Unknown => "33",
            Outcome::Excluded => "2",
        };
        self.paint(colour, &words)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.options.colour {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Duplicate, Failure, FailureKind, Hop, Source};

    fn line(visit: &Visit, options: Options) -> String {
        let mut out = Vec::new();
        open(&options).write(visit, &mut out);
        String::from_utf8(out).expect("text")
    }

    fn broken_link() -> Visit {
        let mut visit = Visit::new("1".into(), "docs/none.md".into(), Outcome::Ok);
        visit.input = Some("none.md".into());
        visit.source = Some(Source {
            path: Some("docs/a.md".into()),
            url: None,
            line: 3,
            column: 7,
        });
        visit.fail(Failure::new(FailureKind::File, "no such file"));
        visit
    }

    #[test]
    fn a_link_begins_with_its_place_and_a_url_with_its_verdict() {
        assert_eq!(
            line(&broken_link(), Options::default()),
            "docs/a.md:3:7: broken file none.md: no such file\n"
        );
        let mut moved = Visit::new("1".into(), "http://a.test/".into(), Outcome::Ok);
        moved.status = Some(200);
        moved.redirects = vec![Hop {
            url: "http://a.test/".into(),
            status: 301,
            fragment: None,
        }];
        moved.final_url = Some("http://a.test/b".into());
        assert_eq!(
            line(&moved, Options::default()),
            "ok 200 http://a.test/ -> http://a.test/b\n"
        );
        let mut gone = Visit::new("1".into(), "http://a.test/".into(), Outcome::Ok);
        gone.status = Some(404);
        gone.fail(Failure::new(FailureKind::Status, "404 Not Found"));
        assert_eq!(
            line(&gone, Options::default()),
            "broken 404 http://a.test/\n"
        );
        let mut copy = Visit::new("1".into(), "http://a.test/c".into(), Outcome::Ok);
        copy.duplicate = Some(Box::new(Duplicate {
            of: "http://a.test/".into(),
            kind: DuplicateKind::Near,
            similarity: Some(0.98),
        }));
        assert_eq!(
            line(&copy, Options::default()),
            "ok http://a.test/c (nearly the same as http://a.test/)\n"
        );
    }

    #[test]
    fn a_suggestion_stands_behind_the_reason_and_is_shown_for_good_links_too() {
        let mut visit = broken_link();
        visit.suggestion = Some("nine.md#a".into());
        assert_eq!(
            line(&visit, Options::default()),
            "docs/a.md:3:7: broken file none.md: no such file (suggested: nine.md#a)\n"
        );
        let mut moved = Visit::new("1".into(), "http://a.test/".into(), Outcome::Ok);
        moved.suggestion = Some("http://b.test/".into());
        let failures = Options {
            failures_only: true,
            ..Options::default()
        };
        assert_eq!(
            line(&moved, failures),
            "ok http://a.test/ (suggested: http://b.test/)\n"
        );
    }

    #[test]
    fn only_failures_are_shown_where_only_those_are_asked_for() {
        let options = Options {
            failures_only: true,
            ..Options::default()
        };
        assert!(!line(&broken_link(), options.clone()).is_empty());
        let good = Visit::new("1".into(), "x".into(), Outcome::Ok);
        assert!(line(&good, options).is_empty());
    }

    #[test]
    fn colours_are_used_only_when_asked_for() {
        let coloured = line(
            &broken_link(),
            Options {
                colour: true,
                failures_only: false,
                ..Options::default()
            },
        );
        assert!(
            coloured.contains("\u{1b}[31mbroken file\u{1b}[0m"),
            "{coloured:?}"
        );
        assert!(!line(&broken_link(), Options::default()).contains('\u{1b}'));
    }
}
