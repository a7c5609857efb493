//! `template`: one line a record, worded by the user: `{status} {url} {timing.ttfb}`.
//!
//! A name in braces is a field, empty where it has no value; `{{` and `}}` are braces, `\t`, `\n` and `\\` what they are
//! in most languages. A record ends with a newline. Where a value would make a command for a CI runner of its line, an
//! apostrophe stands before it: only the user may word one. Absent: conditions and formats of numbers.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::escape::{begins_command, command};
use super::{Captures, Format, Medium, Sink, for_terminal};
use crate::model::Visit;
use crate::model::field::{FIELDS, Field, Record, extracted, named};

pub(super) const FORMAT: Format = Format {
    name: "template",
    about: "one line a record, as --template words it",
    extensions: &[],
    medium: Medium::Bytes(|options| Box::new(options.template.clone().unwrap_or_default())),
    links: false,
    captures: Captures::NONE,
};

/// A template that can be filled in.
#[derive(Clone)]
pub struct Template(Vec<Piece>);

/// Names of commands are shorter.
const NAME: usize = 40;

#[derive(Clone)]
enum Piece {
    Text(String),
    Field(Field),
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => f.write_str(text)?,
                Piece::Field(field) => write!(f, "{{{}}}", field.name)?,
            }
        }
        Ok(())
    }
}

impl Default for Template {
    /// What can be said of any record.
    fn default() -> Self {
        let field = |name| named(name).map(Piece::Field);
        let space = || Some(Piece::Text(" ".to_owned()));
        let pieces = [
            field("outcome"),
            space(),
            field("status"),
            space(),
            field("url"),
        ];
        Self(pieces.into_iter().flatten().collect())
    }
}

impl FromStr for Template {
    type Err = String;

    /// # Errors
    /// The mistake, with its column in characters from 1.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text.char_indices().peekable();
        let column = |at: usize| text[..at].chars().count() + 1;
        while let Some((at, c)) = rest.next() {
            let next = rest.peek().map(|(_, c)| *c);
            match (c, next) {
                ('{', Some('{')) | ('}', Some('}')) => {
                    literal.push(c);
                    rest.next();
                }
                ('{', _) => {
                    let from = at + 1;
                    let Some(length) = text[from..].find('}') else {
                        return Err(format!("column {}: the brace is not closed", column(at)));
                    };
                    let name = &text[from..from + length];
                    let Some(field) = named(name) else {
                        let names: Vec<_> = FIELDS.iter().map(|field| &*field.name).collect();
                        return Err(format!(
                            "column {}: there is no field {name}; there are {}",
                            column(from),
                            names.join(", ")
                        ));
                    };
                    if !literal.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut literal)));
                    }
                    pieces.push(Piece::Field(field));
                    while rest.next_if(|(at, _)| *at <= from + length).is_some() {}
                }
                ('}', _) => {
                    return Err(format!(
                        "column {}: a brace that nothing opened; a brace itself is written }}}}",
                        column(at)
                    ));
                }
                ('\\', Some(escaped @ ('t' | 'n' | '\\'))) => {
                    literal.push(match escaped {
                        't' => '\t',
                        'n' => '\n',
                        _ => '\\',
                    });
                    rest.next();
                }
                _ => literal.push(c),
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(Self(pieces))
    }
}

impl Template {
    /// Does it say the field of that name?
    #[must_use]
    pub fn asks_for(&self, name: &str) -> bool {
        let said = |piece: &Piece| matches!(piece, Piece::Field(field) if field.name == name);
        self.0.iter().any(said)
    }

    /// The values under `fields.` that it asks for and that are not among `names`.
    #[must_use]
    pub fn unknown(&self, names: &[String]) -> Vec<String> {
        let known: Vec<_> = names.iter().map(|name| extracted(name)).collect();
        let asked = self.0.iter().filter_map(|piece| match piece {
            Piece::Field(field) if !FIELDS.contains(field) && !known.contains(field) => {
                Some(field.name.replacen('_', ".", 1))
            }
            _ => None,
        });
        asked.collect()
    }
}

impl Sink for Template {
    fn write(&mut self, visit: &Visit, out: &mut Vec<u8>) {
        let record = Record::of(visit);
        let mut all = String::new();
        for piece in &self.0 {
            let (text, foreign) = match piece {
                Piece::Text(text) => (Cow::Borrowed(&**text), false),
                Piece::Field(field) => {
                    let text = for_terminal(&record.text(field)).into_owned();
                    (Cow::Owned(text), true)
                }
            };
            let line = all.rsplit('\n').next().unwrap_or_default();
            if foreign && begins(line, &text) || continues(line, &text) {
                all.push('\'');
            }
            all.push_str(&text);
        }
        out.extend_from_slice(all.as_bytes());
        out.push(b'\n');
    }
}

/// Does `line` begin with a command only because of the `text` behind it?
fn begins(line: &str, text: &str) -> bool {
    !begins_command(line) && begins_command(&format!("{line}{text}"))
}

/// Is there a command in `line` that ends in the `text` behind it?
fn continues(line: &str, text: &str) -> bool {
    let mut end: Vec<char> = line.chars().rev().take(NAME).collect();
    end.reverse();
    let seam: String = end.into_iter().chain(text.chars().take(NAME)).collect();
    line.contains('#')
        && command(&seam).is_some()
        && command(line).is_none()
        && command(text).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Outcome, Timing};
    use crate::sink::tests::hostile;

    fn filled(template: &str, visit: &Visit) -> String {
        let mut out = Vec::new();
        template.parse::<Template>().unwrap().write(visit, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn fields_are_filled_in_and_the_rest_is_as_worded() {
        let mut visit = Visit::new("0".into(), "http://h.test/".into(), Outcome::Ok);
        visit.status = Some(200);
        visit.timing = Some(Timing {
            ttfb: Some(1.5),
            ..Timing::default()
        });
        for (template, line) in [
            ("{status} {url}", "200 http://h.test/\n"),
            ("{timing.ttfb}\\t{timing_ttfb}", "1.5\t1.5\n"),
            ("{{{status}}} {title}|", "{200} |\n"),
            ("ü{outcome}\\\\n", "üok\\n\n"),
            ("", "\n"),
        ] {
            assert_eq!(filled(template, &visit), line, "{template}");
        }
    }

    #[test]
    fn a_mistake_is_named_with_its_column() {
        for (template, told) in [
            (
                "{url} {stat}",
                "column 8: there is no field stat; there are id, url",
            ),
            ("ü {url", "column 3: the brace is not closed"),
            ("a}b", "column 2: a brace that nothing opened"),
        ] {
            let error = template.parse::<Template>().unwrap_err();
            assert!(error.starts_with(told), "{error}");
        }
    }

    #[test]
    fn what_comes_from_outside_begins_no_command() {
        assert_eq!(filled("{title}", &hostile("::error::x")), "'::error::x\n");
        assert_eq!(filled("::notice::{title}", &hostile("x")), "::notice::x\n");
        // Nor behind a value that is empty, in a line that begins later, or in two pieces.
        let error = hostile("::error::x");
        for (template, visit, line) in [
            ("{status}{title}", &error, "'::error::x\n"),
            ("a\\n {title}", &error, "a\n '::error::x\n"),
            ("a {title}", &error, "a ::error::x\n"),
            ("{status}::notice::{title}", &hostile("x"), "::notice::x\n"),
            ("{title}{title}", &hostile(":"), ":':\n"),
            ("##{title}", &hostile("[error]x"), "##'[error]x\n"),
            ("{title}{title}", &hostile("#"), "#'#\n"),
            ("{title}so[x]", &hostile("x##v"), "x##v'so[x]\n"),
            ("{title}[{title}]", &hostile("#"), "#[#]\n"),
        ] {
            assert_eq!(filled(template, visit), line, "{template}");
        }
    }
}
