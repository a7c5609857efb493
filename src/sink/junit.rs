//! `junit`: the XML that CI systems show as test results.
//!
//! One suite for each document that links stand in, and one for the records that stand in none. What is broken is
//! a failure, and so is what could not be judged where that makes the run fail; elsewhere that is skipped, as is what has moved
//! for good or was broken before, each with its reason. Good links are one test case together, so that a good document is seen
//! too. What XML 1.0 forbids (section 2.2) is written out or left out. There are no times: two runs that find the same are the
//! same report.

use std::collections::BTreeMap;
use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::escape::for_terminal;
use super::findings::{Counts, Finding, Findings, Origin, Verdict};
use super::{Captures, Format, Medium, Options, Sink};
use crate::model::{Summary, Visit};

pub(super) const FORMAT: Format = Format {
    name: "junit",
    about: "test results in XML, as CI systems show them",
    extensions: &["xml"],
    medium: Medium::Document(open),
    links: false,
    captures: Captures::NONE,
};

/// More test cases make the pages of CI systems unusable.
const MOST: usize = 100_000;

struct Junit {
    findings: Findings,
}

fn open(options: &Options) -> Box<dyn Sink> {
    Box::new(Junit {
        findings: Findings::new(MOST, options),
    })
}

impl Sink for Junit {
    fn write(&mut self, visit: &Visit, _: &mut Vec<u8>) {
        self.findings.add(visit);
    }

    fn finish(&mut self, _: &Summary, out: &mut Vec<u8>) {
        // Writing to memory does not fail.
        let _ = self.suites(&mut Writer::new_with_indent(out, b' ', 2));
    }
}

/// The test cases of one suite.
#[derive(Default)]
struct Suite<'a> {
    counts: Counts,
    findings: Vec<&'a Finding>,
}

impl Suite<'_> {
    fn failures(&self, all: &Findings) -> usize {
        let fails = |finding: &&&Finding| all.fails(finding);
        self.findings.iter().filter(fails).count()
    }

    /// Test cases: one for the good records, and one for each finding.
    fn tests(&self) -> usize {
        self.findings.len() + usize::from(self.counts.ok > 0)
    }
}

impl Junit {
    fn suites(&self, xml: &mut Writer<&mut Vec<u8>>) -> io::Result<()> {
        let findings = &self.findings;
        let mut suites: BTreeMap<&Origin, Suite<'_>> = BTreeMap::new();
        let mut others = findings.counts;
        for (origin, counts) in &findings.documents {
            suites.entry(origin).or_default().counts = *counts;
            others.ok -= counts.ok;
            others.moved -= counts.moved;
            others.broken -= counts.broken;
            others.known -= counts.known;
            others.unknown -= counts.unknown;
            others.excluded -= counts.excluded;
        }
        for finding in findings.iter() {
            let document = findings.documents.contains_key(&finding.origin);
            let suite = if document {
                &finding.origin
            } else {
                &Origin::Input
            };
            suites.entry(suite).or_default().findings.push(finding);
        }
        if others.all() > 0 {
            suites.entry(&Origin::Input).or_default().counts = others;
        }
        let tests: usize = suites.values().map(Suite::tests).sum();
        let failures: usize = suites.values().map(|suite| suite.failures(findings)).sum();
        let shown: usize = suites.values().map(|suite| suite.findings.len()).sum();
        xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        xml.create_element("testsuites")
            .with_attributes([
                ("name", "dragnet"),
                ("tests", &*tests.to_string()),
                ("failures", &failures.to_string()),
                ("errors", "0"),
                ("skipped", &(shown - failures).to_string()),
            ])
            .write_inner_content(|xml| {
                if findings.left_out > 0 {
                    let text = format!(
                        " {} more are not in this report, which ends at {MOST}. ",
                        findings.left_out
                    );
                    xml.write_event(Event::Comment(BytesText::new(&text)))?;
                }
                suites
                    .iter()
                    .try_for_each(|(origin, suite)| self.suite(xml, origin, suite))
            })?;
        xml.get_mut().push(b'\n');
        Ok(())
    }

    fn suite(
        &self,
        xml: &mut Writer<&mut Vec<u8>>,
        origin: &Origin,
        suite: &Suite<'_>,
    ) -> io::Result<()> {
        let name = match origin {
            Origin::Input => "dragnet".to_owned(),
            Origin::File(name) | Origin::Page(name) => legal(name),
        };
        let failures = suite.failures(&self.findings);
        xml.create_element("testsuite")
            .with_attributes([
                ("name", &*name),
                ("tests", &suite.tests().to_string()),
                ("failures", &failures.to_string()),
                ("errors", "0"),
                ("skipped", &(suite.findings.len() - failures).to_string()),
            ])
            .write_inner_content(|xml| {
                let counts = suite.counts;
                let noun = |count| self.findings.noun(count);
                if counts.all() > 0 {
                    let number = counts.all().to_string();
                    let excluded = counts.excluded.to_string();
                    xml.create_element("properties")
                        .write_inner_content(|xml| {
                            property(xml, noun(2), &number)?;
                            property(xml, "excluded", &excluded)
                        })?;
                }
                for finding in &suite.findings {
                    case(xml, &name, finding, self.findings.fails(finding))?;
                }
                if counts.ok > 0 {
                    let good = format!("{} good {}", counts.ok, noun(counts.ok));
                    xml.create_element("testcase")
                        .with_attributes([("name", &*good), ("classname", &name)])
                        .write_empty()?;
                }
                Ok(())
            })?;
        Ok(())
    }
}

fn case(
    xml: &mut Writer<&mut Vec<u8>>,
    suite: &str,
    finding: &Finding,
    fails: bool,
) -> io::Result<()> {
    let link = legal(&finding.link);
    let name = match (finding.line, finding.column) {
        (0, _) => link.clone(),
        (line, 0) => format!("{line} {link}"),
        (line, column) => format!("{line}:{column} {link}"),
    };
    let reason = legal(&finding.reason);
    let known = match finding.verdict {
        Verdict::Known => "known: ",
        Verdict::Broken | Verdict::Unknown | Verdict::Moved => "",
    };
    let words = format!("{known}{} {link}: {reason}", finding.kind);
    let text = format!(
        "at {}\nto {}\n{}\n{}",
        legal(&finding.place()),
        legal(&finding.target),
        words,
        finding.help(legal)
    );
    let mut case = xml
        .create_element("testcase")
        .with_attributes([("name", &*name), ("classname", suite)]);
    let line = finding.line.to_string();
    if let Origin::File(path) = &finding.origin {
        case = case.with_attributes([("file", &*legal(path)), ("line", &line)]);
    }
    case.write_inner_content(|xml| {
        let told = if fails {
            xml.create_element("failure")
                .with_attributes([("message", &*words), ("type", finding.kind)])
        } else {
            xml.create_element("skipped")
                .with_attribute(("message", &*words))
        };
        told.write_text_content(BytesText::new(&text))?;
        Ok(())
    })?;
    Ok(())
}

fn property(xml: &mut Writer<&mut Vec<u8>>, name: &str, value: &str) -> io::Result<()> {
    let property = xml.create_element("property");
    property
        .with_attributes([("name", name), ("value", value)])
        .write_empty()?;
    Ok(())
}

/// What XML may hold: controls are written out, and what is no character at all is left out.
fn legal(text: &str) -> String {
    let text = for_terminal(text);
    text.chars()
        .filter(|c| !matches!(c, '\u{fffe}' | '\u{ffff}'))
        .collect()
}

#[cfg(test)]
mod tests {
    use quick_xml::Reader;

    use super::super::tests::{PAYLOADS, broken_link, hostile};
    use super::*;
    use crate::model::{Failure, FailureKind, Outcome};

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
    fn each_document_is_a_suite_and_each_finding_a_case() {
        let mut shy = broken_link("b.md", 2, "http://h.test/");
        shy.fail(Failure::new(FailureKind::Robots, "robots.txt forbids it"));
        let mut good = broken_link("b.md", 1, "a.md");
        (good.outcome, good.error) = (Outcome::Ok, None);
        let mut listed = broken_link("x", 1, "y");
        (listed.source, listed.line) = (None, Some(4));
        let text = report(&[good, shy, broken_link("a.md", 3, "<none>.md"), listed]);
        for part in [
            r#"<testsuites name="dragnet" tests="4" failures="2" errors="0" skipped="1">"#,
            r#"<testsuite name="dragnet" tests="1" failures="1" errors="0" skipped="0">"#,
            r#"<testcase name="4 y" classname="dragnet">"#,
            r#"<testsuite name="a.md" tests="1" failures="1" errors="0" skipped="0">"#,
            r#"<testcase name="3:7 &lt;none&gt;.md" classname="a.md" file="a.md" line="3">"#,
            r#"<failure message="file &lt;none&gt;.md: no such file" type="file">at a.md:3:7"#,
            r#"<testsuite name="b.md" tests="2" failures="0" errors="0" skipped="1">"#,
            r#"<skipped message="robots http://h.test/: robots.txt forbids it">"#,
            r#"<testcase name="1 good link" classname="b.md"/>"#,
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn whatever_stands_in_a_record_it_is_well_formed_xml_1_0() {
        let payloads = PAYLOADS.iter().copied();
        for payload in payloads.chain(["\u{ffff}\u{fffe}", "]]>", "--"]) {
            let text = report(&[hostile(payload)]);
            let forbidden = |c: char| {
                c < ' ' && !matches!(c, '\n' | '\t') || matches!(c, '\u{fffe}'..='\u{ffff}')
            };
            assert!(!text.chars().any(forbidden), "{payload:?}: {text:?}");
            let mut reader = Reader::from_str(&text);
            loop {
                match reader.read_event().expect("well-formed") {
                    Event::Eof => break,
                    Event::Start(start) | Event::Empty(start) => {
                        for attribute in start.attributes() {
                            attribute.expect("an attribute");
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}
