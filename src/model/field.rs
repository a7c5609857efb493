//! The fields of a record by name, nested ones flattened: for formats that have columns or that the user words, and
//! for conditions on records.

use std::borrow::Cow;

use serde_json::Value;

use super::visit::Visit;

/// A field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// In tables: `timing_ttfb`. A template may write `timing.ttfb` as well.
    pub name: Cow<'static, str>,
    /// What its values are.
    pub kind: Kind,
    /// Where it stands in the record's JSON (RFC 6901).
    pointer: Cow<'static, str>,
}

/// What the values of a field are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text, or a list that is shown as text.
    Text,
    /// A number without a unit.
    Number,
    /// A number of bytes.
    Bytes,
    /// A length of time in milliseconds.
    Milliseconds,
    /// True, or absent.
    Flag,
}

const fn field(name: &'static str, pointer: &'static str) -> Field {
    of(name, pointer, Kind::Text)
}

const fn of(name: &'static str, pointer: &'static str, kind: Kind) -> Field {
    Field {
        name: Cow::Borrowed(name),
        kind,
        pointer: Cow::Borrowed(pointer),
    }
}

/// The column of a value that the user named.
#[must_use]
pub fn extracted(name: &str) -> Field {
    Field {
        name: format!("fields_{name}").into(),
        kind: Kind::Text,
        pointer: format!("/fields/{name}").into(),
    }
}

/// The columns of a table: every field, and the values that the user named.
#[must_use]
pub fn columns(extracted_names: &[String]) -> Vec<Field> {
    let named = extracted_names.iter().map(|name| extracted(name));
    FIELDS.iter().cloned().chain(named).collect()
}

/// Every field, in the order of the columns; the same for every job, so that columns never shift.
pub const FIELDS: &[Field] = &[
    field("id", "/id"),
    field("url", "/url"),
    field("input", "/input"),
    of("line", "/line", Kind::Number),
    field("source_path", "/source/path"),
    field("source_url", "/source/url"),
    of("source_line", "/source/line", Kind::Number),
    of("source_column", "/source/column", Kind::Number),
    field("fragment", "/fragment"),
    field("outcome", "/outcome"),
    of("status", "/status", Kind::Number),
    field("final_url", "/final_url"),
    field("redirects", "/redirects"),
    field("error_kind", "/error/kind"),
    field("error_message", "/error/message"),
    of("known", "/known", Kind::Flag),
    field("suggestion", "/suggestion"),
    of("depth", "/depth", Kind::Number),
    field("referrer", "/referrer"),
    field("content_type", "/content_type"),
    field("charset", "/charset"),
    of("size", "/size", Kind::Bytes),
    field("title", "/title"),
    field("canonical", "/canonical"),
    field("robots", "/robots"),
    field("lastmod", "/lastmod"),
    field("change", "/change"),
    of("cached", "/cached", Kind::Flag),
    field("sha256", "/sha256"),
    field("sketch", "/sketch"),
    field("duplicate_of", "/duplicate/of"),
    field("duplicate_kind", "/duplicate/kind"),
    field("duplicate_similarity", "/duplicate/similarity"),
    field("body", "/body"),
    field("saved", "/saved"),
    field("links", "/links"),
    of("timing_dns", "/timing/dns", Kind::Milliseconds),
    of("timing_connect", "/timing/connect", Kind::Milliseconds),
    of("timing_tls", "/timing/tls", Kind::Milliseconds),
    of("timing_ttfb", "/timing/ttfb", Kind::Milliseconds),
    of("timing_total", "/timing/total", Kind::Milliseconds),
    of("timing_start", "/timing/start", Kind::Milliseconds),
    of("timing_reused", "/timing/reused", Kind::Flag),
    field("remote_addr", "/remote_addr"),
    field("certificate_not_after", "/certificate/not_after"),
    field("certificate_subject", "/certificate/subject"),
    field("certificate_issuer", "/certificate/issuer"),
    field("http_version", "/http_version"),
    of("attempts", "/attempts", Kind::Number),
];

/// The field of that name, dotted or flattened; whether somebody gave a value the name behind `fields.` is not asked.
#[must_use]
pub fn named(name: &str) -> Option<Field> {
    let same = |field: &&Field| {
        field.name == name
            || field
                .pointer
                .get(1..)
                .is_some_and(|path| path.replace('/', ".") == name)
    };
    let own = || {
        let name = name.strip_prefix("fields")?.strip_prefix(['.', '_'])?;
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        (!name.is_empty() && name.chars().all(good)).then(|| extracted(name))
    };
    FIELDS.iter().find(same).cloned().or_else(own)
}

/// A record whose fields are asked for by name.
#[derive(Debug)]
pub struct Record(Value);

impl Record {
    /// The fields of `visit`.
    #[must_use]
    pub fn of(visit: &Visit) -> Self {
        // A record is strings, numbers and lists of these, which always serialise.
        Self(serde_json::to_value(visit).unwrap_or_default())
    }

    /// The value of a field, if it has one.
    #[must_use]
    pub fn value(&self, field: &Field) -> Option<&Value> {
        self.0.pointer(&field.pointer)
    }

    /// The text of a field, empty where it has no value. Hops are `301 URL`, one after the other; links are their URLs;
    /// any other list is JSON.
    #[must_use]
    pub fn text(&self, field: &Field) -> Cow<'_, str> {
        match self.0.pointer(&field.pointer) {
            None | Some(Value::Null) => Cow::Borrowed(""),
            Some(Value::String(text)) => Cow::Borrowed(text),
            Some(Value::Array(items)) if matches!(&*field.name, "redirects" | "links") => {
                let item = |item: &Value| {
                    let url = item["url"].as_str().unwrap_or_default();
                    match &item["status"] {
                        Value::Null => url.to_owned(),
                        status => format!("{status} {url}"),
                    }
                };
                Cow::Owned(items.iter().map(item).collect::<Vec<_>>().join(" "))
            }
            Some(other) => Cow::Owned(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        Certificate, Duplicate, DuplicateKind, Failure, FailureKind, Hop, Outcome, Source, Timing,
    };

    /// Every field of a full record has a name here, so that none is forgotten in tables.
    #[test]
    fn every_field_of_a_record_has_a_name() {
        let mut visit = Visit::new("0".into(), "http://h.test/".into(), Outcome::Broken);
        let text = || Some("x".to_owned());
        (visit.input, visit.final_url) = (Some("x".into()), Some("x".into()));
        visit.fragment = text();
        (visit.content_type, visit.charset, visit.title) = (text(), text(), text());
        (visit.canonical, visit.robots, visit.lastmod) = (text(), text(), text());
        (visit.sha256, visit.body, visit.saved) = (text(), text(), text());
        (visit.sketch, visit.suggestion) = (text(), text());
        visit.duplicate = Some(Box::new(Duplicate {
            of: "x".into(),
            kind: DuplicateKind::Near,
            similarity: Some(0.98),
        }));
        visit.links = Some(Vec::new());
        visit.change = Some(crate::model::Change::New);
        (visit.cached, visit.known) = (true, true);
        visit.http_version = text().map(Into::into);
        visit.certificate = Some(Box::new(Certificate {
            not_after: "x".into(),
            subject: "x".into(),
            issuer: "x".into(),
        }));
        visit.line = Some(1);
        visit.status = Some(200);
        visit.depth = Some(1);
        visit.referrer = Some("x".into());
        visit.size = Some(1);
        visit.attempts = 1;
        visit.remote_addr = Some(([127, 0, 0, 1], 80).into());
        visit.error = Some(Failure::new(FailureKind::Status, "x"));
        visit.redirects = vec![Hop {
            url: "x".into(),
            status: 301,
            fragment: None,
        }];
        visit.source = Some(Source {
            path: Some("x".into()),
            url: Some("x".into()),
            line: 1,
            column: 1,
        });
        visit.timing = Some(Timing {
            dns: Some(1.0),
            connect: Some(1.0),
            tls: Some(1.0),
            ttfb: Some(1.0),
            reused: true,
            ..Timing::default()
        });
        let Record(Value::Object(object)) = Record::of(&visit) else {
            panic!("an object");
        };
        let mut names = Vec::new();
        for (name, value) in &object {
            match value {
                Value::Object(inner) => {
                    names.extend(inner.keys().map(|key| format!("{name}.{key}")));
                }
                _ => names.push(name.clone()),
            }
        }
        for name in &names {
            assert!(named(name).is_some(), "{name} has no column");
        }
        assert_eq!(names.len(), FIELDS.len());
        assert!(
            FIELDS
                .iter()
                .all(|field| named(&field.name).is_some_and(|found| found.name == field.name))
        );
    }
}
