//! `dragnet.toml`, found in the working directory or named by `--config`: the `[[extract]]` tables.
//!
//! A key that is not known is refused, with its line. Deliberately absent: anything that says where requests go or
//! where results are written. A file that was found may be somebody's pull request.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use dragnet::parser::extract::{Convert, Rule};
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

/// What is looked for where `--config` names nothing.
const FOUND: &str = "dragnet.toml";

/// All that a file says.
#[derive(Debug, Default)]
pub(super) struct Config {
    /// In the file's order.
    pub(super) rules: Vec<Rule>,
    /// The same as a state remembers it.
    pub(super) said: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    extract: Vec<Extract>,
}

/// One table: fields, and the pages that have them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Extract {
    /// A pattern of URLs; absent: all pages.
    pages: Option<String>,
    fields: Fields,
}

/// Named fields in the file's order, which is that of a table's columns.
struct Fields(Vec<(String, Field)>);

/// A selector as `--select` has it, or a table that says more.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Field {
    css: Option<String>,
    regex: Option<String>,
    json_pointer: Option<String>,
    attribute: Option<String>,
    #[serde(default)]
    all: bool,
    #[serde(rename = "as")]
    convert: Option<Kind>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Text,
    Number,
    Date,
    Url,
}

impl Config {
    /// Reads `named`, else what is found here; nothing found says nothing.
    ///
    /// # Errors
    /// What is wrong, with the file and the line.
    pub(super) fn read(named: Option<&Path>) -> anyhow::Result<Self> {
        let path = named.map_or_else(|| PathBuf::from(FOUND), Path::to_owned);
        let text = match std::fs::read_to_string(&path) {
            Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            text => text.with_context(|| format!("cannot read {}", path.display()))?,
        };
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let file: File = toml::from_str(text).map_err(|error| placed(text, &error))?;
        let mut config = Self::default();
        for (number, table) in (1..).zip(file.extract) {
            let at = |name: &str| format!("[[extract]] {number}, {name}");
            let pages = table
                .pages
                .as_deref()
                .map(pattern)
                .transpose()
                .with_context(|| at("pages"))?;
            for (name, field) in table.fields.0 {
                let mut rule = field
                    .rule(&name)
                    .map_err(anyhow::Error::msg)
                    .with_context(|| at(&name))?;
                config.said.push(format!(
                    "{} {}",
                    table.pages.as_deref().unwrap_or("*"),
                    field.said(&name)
                ));
                rule.pages.clone_from(&pages);
                config.rules.push(rule);
            }
        }
        Ok(config)
    }
}

/// A mistake in one line, with its place.
fn placed(text: &str, error: &toml::de::Error) -> anyhow::Error {
    let before = error.span().and_then(|span| text.get(..span.start));
    let message = error.message().trim_end().replace('\n', ", ");
    match before {
        Some(before) => {
            let line = before.matches('\n').count() + 1;
            let column = before
                .rsplit('\n')
                .next()
                .unwrap_or_default()
                .chars()
                .count()
                + 1;
            anyhow!("line {line}, column {column}: {message}")
        }
        None => anyhow!("{message}"),
    }
}

fn pattern(text: &str) -> anyhow::Result<Regex> {
    RegexBuilder::new(text)
        .size_limit(1 << 20)
        .build()
        .map_err(anyhow::Error::new)
}

/// What makes a rule of its spelling as a flag has it.
type ReadRule = fn(&str) -> Result<Rule, String>;

impl Field {
    /// # Errors
    /// The mistake; its column is in what the message names.
    fn rule(&self, name: &str) -> Result<Rule, String> {
        let (text, parse): (_, ReadRule) = match (&self.css, &self.regex, &self.json_pointer) {
            (Some(css), None, None) => {
                let attribute = self.attribute.as_ref().map(|name| format!("@{name}"));
                (
                    format!("{name}={css}{}", attribute.unwrap_or_default()),
                    Rule::select,
                )
            }
            (None, ..) if self.attribute.is_some() => {
                return Err("attribute goes with css alone".to_owned());
            }
            (None, Some(pattern), None) => (format!("{name}={pattern}"), Rule::regex),
            (None, None, Some(pointer)) => (format!("{name}={pointer}"), Rule::json_pointer),
            _ => return Err("give one of css, regex and json_pointer".to_owned()),
        };
        let mut rule = parse(&text).map_err(|error| format!("in {text:?}, {error}"))?;
        let convert = match self.convert {
            None | Some(Kind::Text) => Convert::Text,
            Some(Kind::Number) => Convert::Number,
            Some(Kind::Date) => Convert::Date,
            Some(Kind::Url) => Convert::Url,
        };
        rule.all |= self.all;
        rule.convert = convert;
        Ok(rule)
    }

    fn said(&self, name: &str) -> String {
        let kind = match self.convert {
            None | Some(Kind::Text) => "text",
            Some(Kind::Number) => "number",
            Some(Kind::Date) => "date",
            Some(Kind::Url) => "url",
        };
        let found = [
            ("css", &self.css),
            ("attribute", &self.attribute),
            ("regex", &self.regex),
            ("json_pointer", &self.json_pointer),
        ];
        let found = found
            .into_iter()
            .filter_map(|(key, value)| Some(format!("{key} {}", value.as_ref()?)));
        let all = if self.all { " all" } else { "" };
        format!(
            "{name}={}{all} as {kind}",
            found.collect::<Vec<_>>().join(" ")
        )
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a table of fields, as in fields.title = \"h1\"")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Fields, M::Error> {
                let mut fields = Vec::new();
                while let Some((name, OneField(field))) = map.next_entry()? {
                    fields.push((name, field));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// A field in either spelling.
struct OneField(Field);

impl<'de> Deserialize<'de> for OneField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = OneField;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(
                    "a selector, as in \"h1\", or a table, as in { css = \"h1\", all = true }",
                )
            }

            fn visit_str<E>(self, css: &str) -> Result<OneField, E> {
                Ok(OneField(Field {
                    css: Some(css.to_owned()),
                    ..Field::default()
                }))
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<OneField, M::Error> {
                Field::deserialize(MapAccessDeserializer::new(map)).map(OneField)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests say what they expect by failing")]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_named_with_its_place() {
        for (text, told) in [
            ("[[extract]]\nfields.a = 'h1'\nwidth = 3\n", "line 3"),
            (
                "[[extract]]\nfields.a = { css = 'p', al = true }\n",
                "unknown field `al`",
            ),
            ("[[extract]]\nfields.a = 3\n", "a selector, as in"),
            ("[[extract]]\npages = '/'\n", "missing field `fields`"),
            (
                "[[extract]]\nfields.a = { all = true }\n",
                "[[extract]] 1, a: give one of css, regex",
            ),
            (
                "[[extract]]\nfields.a = { regex = 'x', css = 'y' }\n",
                "give one of css, regex",
            ),
            (
                "[[extract]]\nfields.a = { regex = 'x', attribute = 'y' }\n",
                "attribute goes with css alone",
            ),
            (
                "[[extract]]\nfields.a = 'p >> q'\n",
                "in \"a=p >> q\", column 5",
            ),
            (
                "[[extract]]\nfields.a = 'p'\n[[extract]]\npages = '('\nfields.b = 'p'\n",
                "[[extract]] 2, pages: ",
            ),
            (
                "[[extract]]\nfields.a = { css = 'p', as = 'money' }\n",
                "unknown variant `money`",
            ),
            ("proxy = 'http://localhost:1'\n", "unknown field `proxy`"),
        ] {
            let error = format!("{:#}", Config::parse(text).expect_err(told));
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn fields_stand_in_the_order_of_the_file() {
        let text = "[[extract]]\nfields.z = 'a@href[]'\nfields.b = { css = 'p', as = 'number' }\nfields.a = 'h1'\n";
        let config = Config::parse(text).expect("a configuration");
        let names: Vec<_> = config.rules.iter().map(|rule| rule.name.as_str()).collect();
        assert_eq!(names, ["z", "b", "a"]);
        assert_eq!(
            (config.rules[0].all, config.rules[1].convert),
            (true, Convert::Number)
        );
        assert_eq!(config.said[1], "* b=css p as number");
    }
}
