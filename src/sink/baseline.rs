//! `baseline`: what is broken now, for `check --baseline` of a later run, so that only what breaks from then on fails.
//!
//! One JSON object a line, with the names of a record and no more of them than say which link is meant; sorted, and
//! without lines and columns, so that it can be kept beside the documents and its changes can be read.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use super::jsonl::escaped;
use super::{Captures, Format, Medium, Sink};
use crate::model::{Outcome, Summary, Visit};

pub(super) const FORMAT: Format = Format {
    name: "baseline",
    about: "what is broken now, for check --baseline",
    extensions: &["baseline"],
    medium: Medium::Document(|_| Box::new(Baseline::default())),
    links: false,
    captures: Captures::NONE,
};

#[derive(Default)]
struct Baseline {
    lines: BTreeSet<Vec<u8>>,
}

impl Sink for Baseline {
    fn takes_good(&self) -> bool {
        false
    }

    fn write(&mut self, visit: &Visit, _: &mut Vec<u8>) {
        if visit.outcome != Outcome::Broken {
            return;
        }
        let mut record = json!({});
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                record[name] = value;
            }
        };
        let source = visit
            .source
            .as_ref()
            .map(|source| match (&source.path, &source.url) {
                (Some(path), _) => json!({"path": path}),
                (None, url) => json!({"url": url}),
            });
        put("source", source);
        put("url", Some(json!(visit.url)));
        put("fragment", visit.fragment.as_ref().map(|part| json!(part)));
        put("outcome", Some(json!(visit.outcome)));
        let error = visit.error.as_ref();
        put(
            "error",
            error.map(|failure| json!({"kind": failure.kind, "message": failure.message})),
        );
        let mut line = Vec::new();
        // Strings and lists of these always serialise.
        if record.serialize(&mut escaped(&mut line)).is_ok() {
            self.lines.insert(line);
        }
    }

    fn finish(&mut self, _: &Summary, out: &mut Vec<u8>) {
        for line in &self.lines {
            out.extend_from_slice(line);
            out.push(b'\n');
        }
    }
}
