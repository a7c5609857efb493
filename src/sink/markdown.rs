//! `markdown`: a report for people, such as the summary of a CI job or an issue that is kept up to date.
//!
//! What is not good stands in one table for each document, with its place, the reason and what helps. Text from outside
//! stands in code, where nothing in it is markup, a link, a mention or an image. A job summary may have 1 MiB
//! (GitHub); a report that would be longer ends before that and says what it leaves out.

use std::fmt::Write;

use super::escape::for_terminal;
use super::findings::{Finding, Findings, Origin, Repository, Verdict, reference};
use super::{Captures, Format, Medium, Options, Sink};
use crate::model::{Summary, Visit};

pub(super) const FORMAT: Format = Format {
    name: "markdown",
    about: "a report for people, such as a job summary",
    extensions: &["md", "markdown"],
    medium: Medium::Document(open),
    links: false,
    captures: Captures::NONE,
};

/// Bytes of a step's summary on GitHub: 1 MiB, less what says that something was left out.
const ROOM: usize = (1 << 20) - 1024;

/// More rows than fit into that.
const MOST: usize = 20_000;

/// Longer text from outside is cut, in characters.
const LONGEST: usize = 160;

struct Markdown {
    findings: Findings,
    repository: Repository,
}

fn open(options: &Options) -> Box<dyn Sink> {
    Box::new(Markdown {
        findings: Findings::new(MOST, options),
        repository: options.repository.clone(),
    })
}

impl Sink for Markdown {
    fn write(&mut self, visit: &Visit, _: &mut Vec<u8>) {
        self.findings.add(visit);
    }

    fn finish(&mut self, _: &Summary, out: &mut Vec<u8>) {
        out.extend_from_slice(self.report(ROOM).as_bytes());
    }
}

impl Markdown {
    /// All of it, or as much as `room` holds.
    fn report(&self, room: usize) -> String {
        let findings = &self.findings;
        let mut out = self.head();
        let mut shown = 0;
        let mut before: Option<&Finding> = None;
        for finding in findings.iter() {
            let mut row = String::new();
            let same_verdict = before.is_some_and(|before| before.verdict == finding.verdict);
            if !same_verdict {
                row.push_str(match finding.verdict {
                    Verdict::Broken => "\n## Broken\n",
                    Verdict::Unknown if findings.strict => {
                        "\n## Not judged\n\nNobody knows whether these are good, and with --strict they make the run fail.\n"
                    }
                    Verdict::Unknown => {
                        "\n## Not judged\n\nNobody knows whether these are good.\n"
                    }
                    Verdict::Moved => {
                        "\n## Moved\n\nThese are good, and what they lead to has moved for good.\n"
                    }
                    Verdict::Known => {
                        "\n## Broken before\n\nThe baseline has these; they do not make a run fail.\n"
                    }
                });
            }
            if !same_verdict || before.is_none_or(|before| before.origin != finding.origin) {
                self.heading(&mut row, &finding.origin);
            }
            self.row(&mut row, finding);
            if out.len() + row.len() > room {
                break;
            }
            out.push_str(&row);
            shown += 1;
            before = Some(finding);
        }
        let counts = findings.counts;
        let all = counts.broken + counts.unknown + counts.moved + counts.known;
        if shown < all {
            let _ = write!(
                out,
                "\n**{} more are not shown**: this report ends where a job summary is full (1 MiB). `-f jsonl` has no such end.\n",
                all - shown
            );
        }
        out
    }

    /// How it went, in a heading and a table.
    fn head(&self) -> String {
        let findings = &self.findings;
        let counts = findings.counts;
        let all = counts.all();
        let noun = |count| findings.noun(count);
        let title = match (counts.broken, counts.unknown) {
            _ if all == 0 => "Nothing was found to check".to_owned(),
            (0, 0) => format!("No broken {}", noun(0)),
            (0, unknown) => {
                format!("No broken {}, {unknown} not judged", noun(0))
            }
            (broken, 0) => format!("{broken} broken {}", noun(broken)),
            (broken, unknown) => format!("{broken} broken {}, {unknown} not judged", noun(broken)),
        };
        let mut columns = vec![("good", counts.ok)];
        if counts.moved > 0 {
            columns.push(("moved", counts.moved));
        }
        columns.push(("broken", counts.broken));
        if counts.known > 0 {
            columns.push(("broken before", counts.known));
        }
        columns.extend([
            ("not judged", counts.unknown),
            ("excluded", counts.excluded),
            ("all", all),
        ]);
        let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let names = columns.iter().map(|(name, _)| (*name).to_owned());
        let numbers = columns.iter().map(|(_, number)| number.to_string());
        format!(
            "# {title}\n\n{}{}{}",
            row(names.collect()),
            row(vec!["---:".to_owned(); columns.len()]),
            row(numbers.collect())
        )
    }

    fn heading(&self, out: &mut String, origin: &Origin) {
        let name = match origin {
            Origin::Input => "Inputs".to_owned(),
            Origin::File(name) | Origin::Page(name) => code(name),
        };
        let _ = write!(
            out,
            "\n### {name}\n\n| place | {} | why | what helps |\n| ---: | --- | --- | --- |\n",
            self.findings.noun(1)
        );
    }

    fn row(&self, out: &mut String, finding: &Finding) {
        let place = match (finding.line, finding.column) {
            (0, _) => String::new(),
            (line, 0) => line.to_string(),
            (line, column) => format!("{line}:{column}"),
        };
        let place = match self.browsed(finding) {
            Some(url) => format!("[{place}]({url})"),
            None => place,
        };
        let reason = match finding.reason.as_str() {
            "" => finding.kind.to_owned(),
            reason if is_plain(reason) => reason.to_owned(),
            reason => code(reason),
        };
        let _ = writeln!(
            out,
            "| {place} | {} | {reason} | {} |",
            code(&finding.link),
            finding.help(code)
        );
    }

    /// Where the line of a local document can be looked at.
    fn browsed(&self, finding: &Finding) -> Option<String> {
        let Origin::File(path) = &finding.origin else {
            return None;
        };
        let browse = self.repository.browse.as_deref()?;
        let path = self.repository.below(path)?;
        // Without `plain` the page of a Markdown file has no lines.
        Some(format!(
            "{browse}{}?plain=1#L{}",
            reference(&path),
            finding.line
        ))
    }
}

/// Words that mean nothing to Markdown, nor to what finds links, mentions, numbers of issues and emoji in it.
fn is_plain(text: &str) -> bool {
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let next = rest.peek();
        let plain = match c {
            '#' => next.is_some_and(char::is_ascii_alphabetic),
            ':' => next.is_none_or(|next| *next == ' '),
            _ => c.is_ascii_alphanumeric() || " ,.;'()-".contains(c),
        };
        if !plain {
            return false;
        }
    }
    !text.contains("www.") && text.len() <= LONGEST
}

/// Text from outside as code in a cell.
fn code(text: &str) -> String {
    let text = for_terminal(text);
    let mut shown: String = text.chars().take(LONGEST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    if shown.trim().is_empty() {
        return "(empty)".to_owned();
    }
    if !shown.contains(['`', '|']) {
        return format!("`{shown}`");
    }
    // Neither can stand in a code span of a table whatever is before it.
    let mut out = String::from("<code>");
    for c in shown.chars() {
        if c.is_ascii_alphanumeric() && c != 'w' || c == ' ' || !c.is_ascii() {
            out.push(c);
        } else {
            let _ = write!(out, "&#{};", u32::from(c));
        }
    }
    out.push_str("</code>");
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::{PAYLOADS, broken_link, hostile};
    use super::*;
    use crate::model::{Failure, FailureKind, Outcome};

    fn report(visits: &[Visit], options: &Options) -> String {
        let mut sink = open(options);
        let mut out = Vec::new();
        for visit in visits {
            sink.write(visit, &mut out);
        }
        assert!(out.is_empty(), "nothing before the end");
        sink.finish(&Summary::default(), &mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_table_for_each_document_says_where_why_and_what_helps() {
        let mut limited = broken_link("b.md", 1, "http://h.test/");
        limited.fail(Failure::new(
            FailureKind::RateLimited,
            "429 Too Many Requests",
        ));
        let mut meant = broken_link("b.md", 9, "nome.md");
        meant.suggestion = Some("none.md".to_owned());
        let visits = [
            limited,
            broken_link("b.md", 9, "none.md"),
            broken_link("a.md", 3, "x|y.md"),
            meant,
            Visit::new("1".into(), "http://h.test/".into(), Outcome::Ok),
        ];
        let options = Options {
            repository: Repository {
                root: None,
                browse: Some("https://forge.test/o/r/blob/abc/".to_owned()),
            },
            ..Options::default()
        };
        let text = report(&visits, &options);
        assert!(
            text.starts_with("# 3 broken links, 1 not judged\n"),
            "{text}"
        );
        assert!(text.contains("| 1 | 3 | 1 | 0 | 5 |"), "{text}");
        let parts = [
            "## Broken",
            "### `a.md`",
            "| [3:7](https://forge.test/o/r/blob/abc/a.md?plain=1#L3) | <code>x&#124;y&#46;md</code> | no such file | Correct",
            "### `b.md`",
            "| `nome.md` | no such file | Write `none.md` instead. |",
            "| `none.md` | no such file | Correct",
            "## Not judged",
            "| `http://h.test/` | 429 Too Many Requests | The server wants",
        ];
        let mut rest = text.as_str();
        for part in parts {
            let at = rest
                .find(part)
                .unwrap_or_else(|| panic!("{part} in {text}"));
            rest = &rest[at..];
        }
    }

    #[test]
    fn words_of_ours_are_shown_as_words() {
        for (text, plain) in [
            ("nothing in the document has the anchor #lamp", true),
            ("not a URL: empty host", true),
            ("like #12", false),
            (":tada:", false),
            ("see www.h.test", false),
            ("http://h.test/", false),
            ("@all", false),
        ] {
            assert_eq!(is_plain(text), plain, "{text}");
        }
    }

    #[test]
    fn a_report_ends_before_a_summary_is_full_and_says_so() {
        let visits: Vec<_> = (1..=30_000)
            .map(|line| broken_link("a.md", line, &format!("no/such/{line}.md")))
            .collect();
        let text = report(&visits, &Options::default());
        assert!(text.len() <= 1 << 20, "{}", text.len());
        assert!(text.len() > 1_000_000, "{}", text.len());
        let shown = text.matches("no/such/").count();
        let told = format!("**{} more are not shown**", 30_000 - shown);
        assert!(text.contains(&told), "{told}");
    }

    #[test]
    fn nothing_from_outside_is_markup() {
        for payload in PAYLOADS {
            let text = report(&[hostile(payload)], &Options::default());
            let cells = text.lines().last().expect("a row");
            assert_eq!(cells.matches('|').count(), 5, "{payload:?}: {cells}");
            let mut bare = cells.to_owned();
            while let (Some(from), true) = (bare.find('`'), true) {
                let to = from + 1 + bare[from + 1..].find('`').expect("code ends");
                bare.replace_range(from..=to, "");
            }
            for markup in ["![", "](", "<script", "://", "@", "\u{1b}"] {
                assert!(!bare.contains(markup), "{payload:?}: {cells}");
            }
        }
    }
}
