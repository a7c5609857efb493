//! `github`: the commands that a GitHub runner turns into annotations at file and line.
//!
//! A runner takes `::` at the beginning of a line and `##[` anywhere in it for a command, and reads properties up to a
//! colon or a comma; what comes from outside is escaped so that it can be none of these (`ActionCommand.cs` of
//! actions/runner). A step shows ten annotations of each type: what comes after them is a plain line of the log.

use std::fmt::Write;

use super::escape::for_terminal;
use super::findings::{Finding, Findings, Origin, Repository, Verdict};
use super::{Captures, Format, Medium, Options, Sink};
use crate::model::{Summary, Visit};

pub(super) const FORMAT: Format = Format {
    name: "github",
    about: "annotations for a GitHub workflow",
    extensions: &[],
    medium: Medium::Document(open),
    links: false,
    captures: Captures::NONE,
};

/// Types of annotations.
const ERROR: &str = "error";
const WARNING: &str = "warning";

/// Annotations of each type that a step shows.
const SHOWN: usize = 10;

/// Lines that a log takes.
const MOST: usize = 10_000;

struct Github {
    findings: Findings,
    repository: Repository,
}

fn open(options: &Options) -> Box<dyn Sink> {
    Box::new(Github {
        findings: Findings::new(MOST, options),
        repository: options.repository.clone(),
    })
}

impl Sink for Github {
    fn takes_good(&self) -> bool {
        false
    }

    fn write(&mut self, visit: &Visit, _: &mut Vec<u8>) {
        self.findings.add(visit);
    }

    fn finish(&mut self, _: &Summary, out: &mut Vec<u8>) {
        let mut text = String::new();
        let mut more = 0;
        for command in [ERROR, WARNING] {
            let all = self.findings.iter();
            let all = all.filter(|found| self.command(found) == Some(command));
            for (number, finding) in all.enumerate() {
                if number < SHOWN {
                    self.annotation(&mut text, command, finding);
                } else {
                    more += 1;
                    line(&mut text, finding);
                }
            }
        }
        // Nobody is to look at these now.
        let known = self
            .findings
            .iter()
            .filter(|found| found.verdict == Verdict::Known);
        known.for_each(|finding| line(&mut text, finding));
        if more > 0 || self.findings.left_out > 0 {
            // A type of its own, which has room.
            let _ = write!(
                text,
                "::notice title=dragnet::{} more have no annotation: GitHub shows {SHOWN} of each type for a step. ",
                more + self.findings.left_out
            );
            text.push_str(if self.findings.left_out == 0 {
                "They stand in the log of this step.\n"
            } else {
                "The first of them stand in the log of this step; -f jsonl has all.\n"
            });
        }
        out.extend_from_slice(text.as_bytes());
    }
}

impl Github {
    /// The type of its annotation, if it has one.
    fn command(&self, finding: &Finding) -> Option<&'static str> {
        match finding.verdict {
            _ if self.findings.fails(finding) => Some(ERROR),
            Verdict::Known => None,
            Verdict::Broken | Verdict::Unknown | Verdict::Moved => Some(WARNING),
        }
    }

    fn annotation(&self, out: &mut String, command: &str, finding: &Finding) {
        let title = title(finding);
        let _ = write!(out, "::{command} ");
        let mut words = words(finding);
        if let Origin::File(path) = &finding.origin {
            let below = self.repository.below(path);
            let path = property(below.as_deref().unwrap_or(path));
            let (line, column) = (finding.line, finding.column);
            let _ = write!(out, "file={path},line={line},col={column},");
        } else {
            let place = finding.place();
            if !place.is_empty() {
                words = format!("{}: {words}", for_terminal(&place));
            }
        }
        let _ = writeln!(
            out,
            "title={title} ({})::{} {}",
            finding.kind,
            data(&words),
            data(&finding.help(|text| for_terminal(text).into_owned()))
        );
    }
}

fn title(finding: &Finding) -> &'static str {
    match finding.verdict {
        Verdict::Broken => "broken",
        Verdict::Unknown => "not judged",
        Verdict::Moved => "moved",
        Verdict::Known => "known",
    }
}

/// The link, and what is wrong with it.
fn words(finding: &Finding) -> String {
    let link = for_terminal(&finding.link);
    if finding.reason.is_empty() {
        return format!("{link}.");
    }
    format!("{link}: {}.", for_terminal(&finding.reason))
}

/// A line that no runner takes for a command.
fn line(out: &mut String, finding: &Finding) {
    let verdict = title(finding);
    let place = finding.place();
    let place = for_terminal(&place);
    let place = if place.is_empty() {
        String::new()
    } else {
        format!("at {place}: ")
    };
    let _ = writeln!(
        out,
        "{verdict} ({}) {place}{}",
        finding.kind,
        words(finding)
    );
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(&for_terminal(text))
        .replace(':', "%3A")
        .replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{PAYLOADS, broken_link, hostile};
    use super::*;
    use crate::model::{Failure, FailureKind};

    fn report(visits: &[Visit]) -> String {
        let mut sink = open(&Options::default());
        let mut out = Vec::new();
        for visit in visits {
            sink.write(visit, &mut out);
        }
        sink.finish(&Summary::default(), &mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_finding_is_an_annotation_at_its_file_and_line() {
        let mut shy = broken_link("b.md", 2, "http://h.test/100%");
        shy.fail(Failure::new(FailureKind::Robots, "robots.txt forbids it"));
        let mut page = broken_link("a", 3, "none");
        if let Some(source) = &mut page.source {
            (source.path, source.url) = (None, Some("http://h.test/".into()));
        }
        let text = report(&[shy, broken_link("a,b:c.md", 3, "none.md"), page]);
        let lines: Vec<_> = text.lines().collect();
        assert!(
            lines[0].starts_with(
                "::error file=a%2Cb%3Ac.md,line=3,col=7,title=broken (file)::none.md: no such file. Correct"
            ),
            "{text}"
        );
        assert!(
            lines[1].starts_with(
                "::error title=broken (file)::http://h.test/:3:7: none: no such file."
            ),
            "{text}"
        );
        assert!(
            lines[2].starts_with(
                "::warning file=b.md,line=2,col=7,title=not judged (robots)::http://h.test/100%25:"
            ),
            "{text}"
        );
    }

    #[test]
    fn ten_are_annotations_and_the_others_stand_in_the_log() {
        let visits: Vec<_> = (1..=25)
            .map(|line| broken_link("a.md", line, "x"))
            .collect();
        let text = report(&visits);
        assert_eq!(text.matches("::error ").count(), 10);
        assert_eq!(text.matches("\nbroken (file) at a.md:").count(), 15);
        assert!(text.contains("::notice title=dragnet::15 more have no annotation"));
    }

    /// What `ActionCommand.cs` takes a line for: the command, its properties, its data.
    fn command(line: &str) -> Option<(&str, Vec<&str>)> {
        if let Some(rest) = line.trim_start().strip_prefix("::") {
            let (head, _) = rest.split_once("::")?;
            let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
            return Some((name, properties.split(',').collect()));
        }
        line.find("##[").map(|at| (&line[at..], Vec::new()))
    }

    #[test]
    fn nothing_from_outside_is_a_command() {
        let more = ["x ##[add-mask]y", "a,title=b", "a::b", "\u{a0}::error::x"];
        for payload in PAYLOADS.iter().chain(&more) {
            let visits: Vec<_> = (0..11).map(|_| hostile(payload)).collect();
            for number in [1, 11] {
                let mut visits = visits[..number].to_vec();
                for (line, visit) in (1..).zip(&mut visits) {
                    if let Some(source) = &mut visit.source {
                        source.line = line;
                    }
                }
                let text = report(&visits);
                let commands: Vec<_> = text.lines().filter_map(command).collect();
                let errors = number.min(10);
                assert_eq!(commands.len(), errors + usize::from(number > 10), "{text}");
                for (name, properties) in &commands[..errors] {
                    assert_eq!(
                        (*name, properties.len()),
                        ("error", 4),
                        "{payload:?}: {text}"
                    );
                }
                let lines = text.lines().count();
                assert_eq!(
                    lines,
                    number + usize::from(number > 10),
                    "{payload:?}: {text}"
                );
            }
        }
    }
}
