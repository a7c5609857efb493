//! What extracted text is made into: a number, a date, an absolute URL. What cannot be made into it is absent, never a
//! guess: a column of numbers holds numbers alone.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::fmt::{rfc2822, strtime};
use serde_json::{Number, Value};
use url::Url;

/// What a value shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Convert {
    /// Text, as it is.
    #[default]
    Text,
    /// The first number in it: `€ 1.299,50` is 1299.5.
    Number,
    /// A date (`2026-03-01`) or, where a time with an offset stands with it, a moment (RFC 3339, in UTC).
    Date,
    /// An absolute URL.
    Url,
}

impl Convert {
    /// The names in a configuration.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("text", Self::Text),
        ("number", Self::Number),
        ("date", Self::Date),
        ("url", Self::Url),
    ];

    /// `value` made into it, `base` being what references are relative to; what is not text stays as it is.
    #[must_use]
    pub fn apply(self, value: Value, base: &Url) -> Option<Value> {
        let Value::String(text) = &value else {
            return Some(value);
        };
        match self {
            Self::Text => Some(value),
            Self::Number => number(text).map(Value::Number),
            Self::Date => date(text).map(Value::String),
            Self::Url => base.join(text).ok().map(|url| Value::String(url.into())),
        }
    }
}

/// The first number in a text. Of `.` and `,` the last one is the decimal point where both stand; one alone is it too,
/// except a comma before exactly three digits, and whatever stands more than once.
fn number(text: &str) -> Option<Number> {
    let from = text.find(|c: char| c.is_ascii_digit())?;
    let negative = text[..from].trim_end().ends_with(['-', '\u{2212}']);
    let inside = |c: char| {
        c.is_ascii_digit() || matches!(c, '.' | ',' | '\'' | '\u{a0}' | '\u{202f}' | '\u{2019}')
    };
    let rest = &text[from..];
    let end = rest.find(|c| !inside(c)).unwrap_or(rest.len());
    let written = rest[..end].trim_end_matches(|c: char| !c.is_ascii_digit());
    let count = |c| written.matches(c).count();
    let point = match (count('.'), count(',')) {
        (0, 0) => None,
        (dots, commas) if dots > 0 && commas > 0 => written.rfind(['.', ',']),
        (1, 0) => written.find('.'),
        (0, 1) => written
            .find(',')
            .filter(|at| written.len() - at != 4 || *at > 3),
        _ => None,
    };
    let mut digits = String::from(if negative { "-" } else { "" });
    for (at, c) in written.char_indices() {
        if c.is_ascii_digit() {
            digits.push(c);
        } else if Some(at) == point {
            digits.push('.');
        }
    }
    if let Ok(whole) = digits.parse::<i64>() {
        return Some(whole.into());
    }
    Number::from_f64(digits.parse().ok()?)
}

/// How dates are spelt on pages, beside RFC 3339 and RFC 2822.
const SPELLINGS: &[&str] = &[
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d %B %Y",
    "%d %b %Y",
    "%B %d, %Y",
    "%b %d, %Y",
    "%A, %d %B %Y",
    "%A, %B %d, %Y",
    "%Y%m%d",
];

fn date(text: &str) -> Option<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment.to_string());
    }
    if let Ok(moment) = rfc2822::parse(&text) {
        return Some(moment.timestamp().to_string());
    }
    if let Ok(day) = text.parse::<Date>() {
        return Some(day.to_string());
    }
    SPELLINGS.iter().find_map(|spelling| {
        let day = strtime::parse(spelling, &text).ok()?.to_date().ok()?;
        Some(day.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_several_countries() {
        for (text, expected) in [
            ("12", "12"),
            ("€ 1.299,50", "1299.5"),
            ("$1,299.50 each", "1299.5"),
            ("1,299", "1299"),
            ("3,5", "3.5"),
            ("3.141", "3.141"),
            ("1.234.567", "1234567"),
            ("1'234", "1234"),
            ("-7 °C", "-7"),
            ("page 4 of 9", "4"),
            ("12.", "12"),
        ] {
            let found = number(text).map(|number| number.to_string());
            assert_eq!(found.as_deref(), Some(expected), "{text}");
        }
        assert_eq!(number("none"), None);
    }

    #[test]
    fn dates_as_pages_spell_them() {
        for (text, expected) in [
            ("2026-03-01", "2026-03-01"),
            ("2026-03-01T12:00:00+02:00", "2026-03-01T10:00:00Z"),
            ("Sun, 01 Mar 2026 10:00:00 GMT", "2026-03-01T10:00:00Z"),
            ("1 March 2026", "2026-03-01"),
            ("March 1,\n 2026", "2026-03-01"),
            ("01.03.2026", "2026-03-01"),
        ] {
            assert_eq!(date(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "soon", "2026-13-01", "31 February 2026"] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
