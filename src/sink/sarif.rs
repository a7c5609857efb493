//! `sarif`: the format of code scanning (SARIF 2.1.0, OASIS).
//!
//! A rule is a kind of failure, by its stable name. Paths are told from the root of the repository, which SARIF calls
//! `%SRCROOT%` here; columns count code points, as everywhere else in dragnet. The fingerprint of a result is made of the
//! document, the link and the kind, and not of the line, so that it stays the same when text above it changes.

use std::collections::BTreeMap;
use std::hash::Hasher;

use serde::Serialize;
use serde_json::{Value, json};
use siphasher::sip::SipHasher13;

use super::escape::for_terminal;
use super::findings::{Finding, Findings, Origin, Repository, Verdict, is_absolute, reference};
use super::jsonl::escaped;
use super::{Captures, Format, Medium, Options, Sink};
use crate::model::{Summary, Visit};

pub(super) const FORMAT: Format = Format {
    name: "sarif",
    about: "results for code scanning, SARIF 2.1.0",
    extensions: &["sarif", "sarif.json"],
    medium: Medium::Document(open),
    links: false,
    captures: Captures::NONE,
};

/// Results that GitHub takes in one run.
const MOST: usize = 25_000;

struct Sarif {
    findings: Findings,
    repository: Repository,
}

fn open(options: &Options) -> Box<dyn Sink> {
    Box::new(Sarif {
        findings: Findings::new(MOST, options),
        repository: options.repository.clone(),
    })
}

impl Sink for Sarif {
    fn takes_good(&self) -> bool {
        false
    }

    fn write(&mut self, visit: &Visit, _: &mut Vec<u8>) {
        self.findings.add(visit);
    }

    fn finish(&mut self, _: &Summary, out: &mut Vec<u8>) {
        let mut rules: BTreeMap<&str, &str> = BTreeMap::new();
        for finding in self.findings.iter() {
            rules.entry(finding.kind).or_insert(finding.advice());
        }
        let Some((head, foot)) = self.log(&rules) else {
            return;
        };
        out.extend_from_slice(head.as_bytes());
        let mut met = BTreeMap::new();
        for (number, finding) in self.findings.iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            let rule = rules.keys().position(|kind| *kind == finding.kind);
            let result = self.result(finding, rule.unwrap_or(0), &mut met);
            // Strings, numbers and lists of these always serialise.
            let _ = result.serialize(&mut escaped(out));
        }
        out.extend_from_slice(foot.as_bytes());
        out.push(b'\n');
    }
}

impl Sarif {
    /// What stands before the results, and what behind them: one by one they take little memory.
    fn log(&self, rules: &BTreeMap<&str, &str>) -> Option<(String, &'static str)> {
        const FOOT: &str = "]}]}";
        let rules: Vec<_> = rules
            .iter()
            .map(|(kind, help)| {
                json!({
                    "id": kind,
                    "shortDescription": {"text": format!("A link fails: {kind}")},
                    "help": {"text": help},
                })
            })
            .collect();
        let mut invocation = json!({"executionSuccessful": true});
        if self.findings.left_out > 0 {
            let text = format!(
                "{} more are not in this report, which ends at {MOST}, as code scanning takes no more",
                self.findings.left_out
            );
            invocation["toolExecutionNotifications"] =
                json!([{"level": "warning", "message": {"text": text}}]);
        }
        let log = json!({
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{
                "tool": {"driver": {
                    "name": "dragnet",
                    "version": env!("CARGO_PKG_VERSION"),
                    "informationUri": env!("CARGO_PKG_HOMEPAGE"),
                    "rules": rules,
                }},
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The root of the repository."}}},
                "invocations": [invocation],
                "results": [],
            }],
        });
        let mut text = Vec::new();
        log.serialize(&mut escaped(&mut text)).ok()?;
        let text = String::from_utf8(text).ok()?;
        Some((text.strip_suffix(FOOT)?.to_owned(), FOOT))
    }

    fn result(&self, finding: &Finding, rule: usize, met: &mut BTreeMap<u64, u32>) -> Value {
        let text = |text: &str| for_terminal(text).into_owned();
        let mut words = text(&finding.link);
        if !finding.reason.is_empty() {
            words.push_str(": ");
            words.push_str(&text(&finding.reason));
        }
        let document = self.document(finding);
        let mut hasher = SipHasher13::new();
        for part in [&*document.1, &finding.link, &finding.target, finding.kind] {
            hasher.write(part.as_bytes());
            hasher.write_u8(0);
        }
        let fingerprint = hasher.finish();
        let number = met.entry(fingerprint).or_default();
        *number += 1;
        let mut place = json!({"artifactLocation": document.0});
        if finding.line > 0 && finding.column > 0 {
            place["region"] = json!({"startLine": finding.line, "startColumn": finding.column});
        }
        let level = match finding.verdict {
            _ if self.findings.fails(finding) => "error",
            Verdict::Known => "note",
            Verdict::Broken | Verdict::Unknown | Verdict::Moved => "warning",
        };
        let mut result = json!({
            "ruleId": finding.kind,
            "ruleIndex": rule,
            "level": level,
            "message": {"text": format!("{words}. {}", finding.help(text))},
            "locations": [{"physicalLocation": place}],
            "partialFingerprints": {"link/v1": format!("{fingerprint:016x}:{number}")},
        });
        // Where there is no baseline, nothing is new (section 3.27.24).
        if self.findings.counts.known > 0 {
            let known = finding.verdict == Verdict::Known;
            result["baselineState"] = json!(if known { "unchanged" } else { "new" });
        }
        result
    }

    /// Where a finding stands, and the same in one text.
    fn document(&self, finding: &Finding) -> (Value, String) {
        let relative = |uri: String| (json!({"uri": uri, "uriBaseId": "%SRCROOT%"}), uri);
        let absolute = |uri: String| (json!({"uri": uri}), uri);
        match &finding.origin {
            Origin::File(path) => match self.repository.below(path) {
                Some(path) => relative(reference(&path)),
                None if is_absolute(path) => absolute(format!("file://{}", reference(path))),
                None => relative(reference(path)),
            },
            Origin::Page(url) => absolute(uri(url)),
            Origin::Input => absolute(uri(&finding.target)),
        }
    }
}

/// What is a URL stays one; whatever else was given is a relative reference, which is at least one that can be read.
fn uri(text: &str) -> String {
    match url::Url::parse(text) {
        Ok(url) => url.into(),
        Err(_) => reference(text),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{PAYLOADS, broken_link, hostile};
    use super::*;

    fn report(visits: &[Visit]) -> Value {
        let mut sink = open(&Options::default());
        let mut out = Vec::new();
        for visit in visits {
            sink.write(visit, &mut out);
        }
        sink.finish(&Summary::default(), &mut out);
        serde_json::from_slice(&out).expect("JSON")
    }

    #[test]
    fn a_result_stands_at_its_place_and_is_known_again_when_it_moves() {
        let before = report(&[
            broken_link("a b.md", 3, "none.md"),
            broken_link("a b.md", 4, "none.md"),
        ]);
        let run = &before["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"][0]["id"], "file");
        let result = &run["results"][0];
        assert_eq!(result["ruleId"], "file");
        assert_eq!(result["level"], "error");
        assert_eq!(
            result["locations"][0]["physicalLocation"],
            json!({
                "artifactLocation": {"uri": "a%20b.md", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 3, "startColumn": 7},
            })
        );
        let after = report(&[broken_link("a b.md", 30, "none.md")]);
        let print = |log: &Value, at: usize| {
            let result = &log["runs"][0]["results"][at];
            result["partialFingerprints"]["link/v1"].clone()
        };
        assert_eq!(print(&before, 0), print(&after, 0));
        assert_ne!(print(&before, 0), print(&before, 1));
    }

    #[test]
    fn every_uri_is_one_whatever_was_given() {
        for payload in PAYLOADS {
            let mut listed = hostile(payload);
            listed.source = None;
            for visit in [hostile(payload), listed] {
                let log = report(&[visit]);
                let location = &log["runs"][0]["results"][0]["locations"][0];
                let uri = location["physicalLocation"]["artifactLocation"]["uri"].as_str();
                let uri = uri.expect("a URI");
                let good = |c: char| c.is_ascii_graphic() && !"<>\"{}|\\^`".contains(c);
                assert!(uri.chars().all(good), "{payload:?}: {uri}");
            }
        }
    }
}
