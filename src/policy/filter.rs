//! Which records are written: `--match 'status=2xx'`, `--filter 'size>10KiB'`.
//!
//! A condition is a field of the record, an operator and a value: `=` one of a list (the whole text, for fields that
//! hold text), `~` a pattern that is found in it, `<`, `<=`, `>` and `>=` for numbers, sizes and times. What a field
//! that has no value is compared with does not hold, but `title=` does. Deliberately absent: `and`, `or` and brackets;
//! a list, a pattern and several flags say as much.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::str::FromStr;

use regex::Regex;

use super::media::MediaTypes;
use super::pattern::pattern;
use crate::model::field::{FIELDS, Field, Kind, Record, extracted, named};
use crate::model::{Outcome, Visit, quantity};

/// A condition on a record.
#[derive(Debug, Clone)]
pub struct Condition {
    field: Field,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    /// One of these, in full.
    Text(Vec<String>),
    /// One of these ranges, both ends included.
    Numbers(Vec<(f64, f64)>),
    Media(MediaTypes),
    Pattern(Regex),
    Compare(Operator, f64),
    Flag(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    Found,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The longer ones first: `<=` is not `<`.
const OPERATORS: &[(&str, Operator)] = &[
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("=", Operator::Equal),
    ("~", Operator::Found),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

/// Which records are written: those for which every `--match` holds and no `--filter` does.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    matches: Vec<Condition>,
    filters: Vec<Condition>,
}

/// A record, and its fields by name once they are asked for.
struct Looked<'a> {
    visit: &'a Visit,
    record: OnceCell<Record>,
}

impl Filter {
    /// Of the conditions that must hold, and of those that must not.
    #[must_use]
    pub fn new(matches: Vec<Condition>, filters: Vec<Condition>) -> Self {
        Self { matches, filters }
    }

    /// Is every record written?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.matches.is_empty() && self.filters.is_empty()
    }

    /// Is this record written?
    #[must_use]
    pub fn passes(&self, visit: &Visit) -> bool {
        let looked = Looked {
            visit,
            record: OnceCell::new(),
        };
        self.matches
            .iter()
            .all(|condition| condition.holds(&looked))
            && !self
                .filters
                .iter()
                .any(|condition| condition.holds(&looked))
    }

    /// Does some condition look at that field?
    #[must_use]
    pub fn asks_for(&self, name: &str) -> bool {
        self.conditions()
            .any(|condition| condition.field.name == name)
    }

    /// The values under `fields.` that are asked for and not among `names`.
    #[must_use]
    pub fn unknown(&self, names: &[String]) -> Vec<String> {
        let known: Vec<_> = names.iter().map(|name| extracted(name)).collect();
        self.conditions()
            .map(|condition| &condition.field)
            .filter(|field| !FIELDS.contains(field) && !known.contains(field))
            .map(|field| field.name.replacen('_', ".", 1))
            .collect()
    }

    fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.matches.iter().chain(&self.filters)
    }
}

impl Condition {
    fn holds(&self, looked: &Looked<'_>) -> bool {
        match &self.test {
            Test::Text(list) => list.iter().any(|text| *text == *looked.text(&self.field)),
            Test::Pattern(pattern) => pattern.is_match(&looked.text(&self.field)),
            Test::Media(types) => {
                let text = looked.text(&self.field);
                // A list takes what has no type, because nobody knows what it is; a condition needs to know.
                !text.is_empty() && types.contain(&text)
            }
            Test::Flag(wanted) => looked.text(&self.field).is_empty() != *wanted,
            Test::Numbers(ranges) => looked.number(&self.field).is_some_and(|number| {
                let within = |&(first, last): &(f64, f64)| (first..=last).contains(&number);
                ranges.iter().any(within)
            }),
            Test::Compare(operator, bound) => {
                looked
                    .number(&self.field)
                    .is_some_and(|number| match operator {
                        Operator::Less => number < *bound,
                        Operator::LessOrEqual => number <= *bound,
                        Operator::Greater => number > *bound,
                        _ => number >= *bound,
                    })
            }
        }
    }
}

impl Looked<'_> {
    fn record(&self) -> &Record {
        self.record.get_or_init(|| Record::of(self.visit))
    }

    /// The text of a field; the usual ones without taking the whole record apart.
    fn text(&self, field: &Field) -> Cow<'_, str> {
        let visit = self.visit;
        match &*field.name {
            "url" => Cow::Borrowed(&visit.url),
            "outcome" => Cow::Borrowed(visit.outcome.name()),
            "title" => Cow::Borrowed(visit.title.as_deref().unwrap_or_default()),
            "content_type" => Cow::Borrowed(visit.content_type.as_deref().unwrap_or_default()),
            "body" => {
                let unshown = visit.unshown.as_deref();
                Cow::Borrowed(visit.body.as_deref().or(unshown).unwrap_or_default())
            }
            "input" => Cow::Borrowed(visit.input.as_deref().unwrap_or_default()),
            _ => self.record().text(field),
        }
    }

    fn number(&self, field: &Field) -> Option<f64> {
        match &*field.name {
            "status" => self.visit.status.map(f64::from),
            "size" => self.visit.size.map(|size| size as f64),
            _ => self.record().value(field)?.as_f64(),
        }
    }
}

impl FromStr for Condition {
    type Err = String;

    /// # Errors
    /// The mistake, with its column in characters from 1.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let in_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        let end = text.find(|c| !in_name(c)).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        // Short forms that people write.
        let full = match name {
            "type" => "content_type",
            "error" => "error_kind",
            other => other,
        };
        let Some(field) = named(full) else {
            let names: Vec<_> = FIELDS.iter().map(|field| &*field.name).collect();
            return Err(format!(
                "column 1: there is no field {name:?}; there are type, error, {}",
                names.join(", ")
            ));
        };
        let space = rest.len() - rest.trim_start().len();
        let rest = rest.trim_start();
        let column = |bytes: usize| text[..bytes].chars().count() + 1;
        let found = OPERATORS
            .iter()
            .find_map(|(sign, operator)| Some((*operator, sign.len(), rest.strip_prefix(sign)?)));
        let Some((operator, length, value)) = found else {
            return Err(format!(
                "column {}: an operator is missing; there are =, ~, <, <=, > and >=",
                column(end + space)
            ));
        };
        let at = Place(column(end + space + length));
        let test = match (operator, field.kind) {
            (Operator::Found, Kind::Text) => {
                Test::Pattern(pattern(value, column(end + space + length) - 1)?)
            }
            (Operator::Equal, Kind::Text) => text_test(&field, value, at)?,
            (Operator::Equal, Kind::Flag) => match value.trim() {
                "true" => Test::Flag(true),
                "false" => Test::Flag(false),
                _ => return Err(at.wrong("it is true or false")),
            },
            (Operator::Found, _) => {
                return Err(format!(
                    "column {}: ~ looks into text, and {name} is none",
                    column(end + space)
                ));
            }
            (_, Kind::Text | Kind::Flag) => {
                return Err(format!(
                    "column {}: {name} is no number: use = or ~",
                    column(end + space)
                ));
            }
            (Operator::Equal, kind) => Test::Numbers(at.list(value, |part, at| {
                if &*field.name == "status" {
                    status(part, at)
                } else {
                    number(part, kind, at).map(|number| (number, number))
                }
            })?),
            (operator, kind) => Test::Compare(operator, number(value.trim(), kind, at)?),
        };
        Ok(Self { field, test })
    }
}

/// A place in a condition: its column.
#[derive(Clone, Copy)]
struct Place(usize);

impl Place {
    fn wrong(self, reason: impl std::fmt::Display) -> String {
        format!("column {}: {reason}", self.0)
    }

    /// The parts of a list with commas, each with its place.
    fn list<T>(
        self,
        text: &str,
        read: impl Fn(&str, Self) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let mut at = self.0;
        let part = |part: &str| {
            let lead = part.chars().take_while(|c| c.is_whitespace()).count();
            let here = Self(at + lead);
            at += part.chars().count() + 1;
            read(part.trim(), here)
        };
        text.split(',').map(part).collect()
    }
}

/// `=` for a field that holds text. Lists are for fields that take few values; an address or a title may hold a comma.
fn text_test(field: &Field, value: &str, at: Place) -> Result<Test, String> {
    match &*field.name {
        "content_type" if !value.trim().is_empty() => {
            let ranges: Vec<MediaTypes> = at.list(value, |part, at| {
                part.parse().map_err(|reason: String| at.wrong(reason))
            })?;
            Ok(Test::Media(MediaTypes::any_of(ranges)))
        }
        "outcome" => {
            let all = [
                Outcome::Ok,
                Outcome::Broken,
                Outcome::Unknown,
                Outcome::Excluded,
            ];
            let names = at.list(value, |part, at| {
                let known = all.iter().any(|outcome| outcome.name() == part);
                known.then(|| part.to_owned()).ok_or_else(|| {
                    at.wrong(format!(
                        "{part:?} is no outcome; there are ok, broken, unknown and excluded"
                    ))
                })
            })?;
            Ok(Test::Text(names))
        }
        "error_kind" | "charset" | "http_version" | "change" | "robots" => {
            Ok(Test::Text(at.list(value, |part, _| Ok(part.to_owned()))?))
        }
        _ => Ok(Test::Text(vec![value.to_owned()])),
    }
}

/// `200`, `2xx`, `200..=299`.
fn status(part: &str, at: Place) -> Result<(f64, f64), String> {
    let wrong = || {
        at.wrong(format!(
            "{part:?} is no status; accepted are 200, 2xx, 200..=299"
        ))
    };
    let code = |text: &str| match text.parse::<u16>() {
        Ok(code) if (100..=999).contains(&code) => Ok(f64::from(code)),
        _ => Err(wrong()),
    };
    if let Some(class) = part.strip_suffix("xx") {
        let first = code(&format!("{class}00"))?;
        return Ok((first, first + 99.0));
    }
    match part.split_once("..=") {
        Some((first, last)) => {
            let (first, last) = (code(first)?, code(last)?);
            (first <= last).then_some((first, last)).ok_or_else(wrong)
        }
        None => code(part).map(|code| (code, code)),
    }
}

fn number(part: &str, kind: Kind, at: Place) -> Result<f64, String> {
    let wrong = |reason: String| at.wrong(format!("{part:?}: {reason}"));
    match kind {
        // Nothing is nothing in every unit.
        _ if part == "0" => Ok(0.0),
        Kind::Bytes => quantity::size(part).map(|size| size as f64).map_err(wrong),
        Kind::Milliseconds => quantity::duration(part)
            .map(|time| time.as_secs_f64() * 1000.0)
            .map_err(wrong),
        _ => match part.parse::<u64>() {
            Ok(number) => Ok(number as f64),
            Err(_) => Err(at.wrong(format!("{part:?} is no number"))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Failure, FailureKind, Timing};

    fn page() -> Visit {
        let mut visit = Visit::new("7".into(), "http://h.test/a,b".into(), Outcome::Ok);
        visit.status = Some(200);
        visit.content_type = Some("text/html".into());
        visit.size = Some(20_000);
        visit.title = Some("Harbour log".into());
        visit.unshown = Some("tide at noon".into());
        visit.attempts = 2;
        visit.line = Some(3);
        visit.timing = Some(Timing {
            total: 250.0,
            reused: true,
            ..Timing::default()
        });
        visit.fields.insert("price".into(), "12".into());
        visit
    }

    #[test]
    fn a_condition_holds_or_does_not() {
        let page = page();
        let mut dead = Visit::new("8".into(), "http://i.test/".into(), Outcome::Ok);
        dead.fail(Failure::new(FailureKind::Dns, "no such host"));
        for (text, of_page, of_dead) in [
            ("status=200,301", true, false),
            ("status=2xx", true, false),
            ("status=301..=399, 200", true, false),
            ("status>=400", false, false),
            ("type=text/html", true, false),
            ("type=image/*,text/*", true, false),
            ("content_type=", false, true),
            ("size>10KiB", true, false),
            ("size<=10KiB", false, false),
            ("size>0", true, false),
            ("outcome=ok", true, false),
            ("outcome=broken,unknown", false, true),
            ("error=dns,tls", false, true),
            ("error.message~host$", false, true),
            ("body~noon|midnight", true, false),
            ("title~(?i)harbour", true, false),
            ("title=Harbour log", true, false),
            ("title=", false, true),
            ("url=http://h.test/a,b", true, false),
            ("url~^http://i", false, true),
            ("timing.total>200ms", true, false),
            ("timing_total < 0.2s", false, false),
            ("timing.reused=true", true, false),
            ("timing.reused=false", false, true),
            ("cached=false", true, true),
            ("attempts=1,2", true, false),
            ("line>2", true, false),
            ("fields.price=12", true, false),
        ] {
            let condition: Condition = text.parse().expect(text);
            let filter = Filter::new(vec![condition.clone()], Vec::new());
            assert_eq!(filter.passes(&page), of_page, "{text}");
            assert_eq!(filter.passes(&dead), of_dead, "{text}");
            let opposite = Filter::new(Vec::new(), vec![condition]);
            assert_eq!(opposite.passes(&page), !of_page, "not {text}");
        }
    }

    #[test]
    fn all_that_must_hold_must_hold() {
        let read = |texts: &[&str]| texts.iter().map(|text| text.parse().expect(text)).collect();
        let passes = |matches: &[&str], filters: &[&str]| {
            Filter::new(read(matches), read(filters)).passes(&page())
        };
        assert!(passes(&[], &[]));
        assert!(passes(&["status=2xx", "size>1KB"], &["title~tide"]));
        assert!(!passes(&["status=2xx", "size>1MB"], &[]));
        assert!(!passes(&["status=2xx"], &["title~tide", "title~log"]));
        let filter = Filter::new(read(&["fields.price=1", "body~x"]), read(&["fields.age=1"]));
        assert_eq!(filter.unknown(&["price".to_owned()]), ["fields.age"]);
        assert!(filter.asks_for("body") && !filter.asks_for("title"));
    }

    #[test]
    fn a_mistake_is_named_with_its_column() {
        for (text, told) in [
            ("", "column 1: there is no field \"\"; there are type"),
            (
                "stat=200",
                "column 1: there is no field \"stat\"; there are type",
            ),
            ("status", "column 7: an operator is missing"),
            ("status !200", "column 8: an operator is missing"),
            ("status=200,2x", "column 12: \"2x\" is no status"),
            ("status=300..=200", "column 8: "),
            ("status~2", "column 7: ~ looks into text"),
            ("type=html", "column 6: \"html\" is no media type"),
            ("size>10", "column 6: \"10\": a unit is missing"),
            ("size>", "column 6: "),
            ("outcome=ok, fine", "column 13: \"fine\" is no outcome"),
            ("title>5", "column 6: title is no number"),
            ("title~a(b", "column 8, in the pattern: unclosed group"),
            ("cached=maybe", "column 8: it is true or false"),
            ("timing.total>5", "column 14: \"5\": a unit is missing"),
            ("line>x", "column 6: \"x\" is no number"),
        ] {
            let error = text.parse::<Condition>().expect_err(text);
            assert!(error.starts_with(told), "{text}: {error}");
        }
    }
}
