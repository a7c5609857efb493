//! How rules are written: `name=CSS`, `name=CSS@attribute`, `name=PATTERN`, `name=/pointer`; `[]` at the end takes
//! every match. A mistake is named with its column, counted in characters from 1.

use scraper::Selector;

use super::{Convert, Rule, Way};
use crate::policy::pattern::pattern;

impl Rule {
    /// `name=CSS`, `name=CSS@attribute`.
    ///
    /// # Errors
    /// The mistake, with its column.
    pub fn select(text: &str) -> Result<Self, String> {
        let Parts {
            name,
            what,
            at,
            all,
        } = Parts::of(text, "CSS")?;
        let (css, attribute) = match what.rsplit_once('@') {
            Some((css, attribute)) if is_attribute(attribute) => (css, Some(attribute)),
            _ => (what, None),
        };
        if css.trim().is_empty() {
            return Err(format!(
                "column {}: a selector is missing, as in title=h1",
                at + 1
            ));
        }
        let selector = Selector::parse(css).map_err(|_| {
            let good = longest_good(css);
            let column = at + css[..good].chars().count() + 1;
            format!(
                "column {column}: this is no CSS selector from here on: {}",
                &css[good..]
            )
        })?;
        let attribute = attribute.map(str::to_owned);
        Ok(Self::new(
            name,
            Way::Css {
                selector,
                attribute,
            },
            all,
        ))
    }

    /// `name=PATTERN`.
    ///
    /// # Errors
    /// The mistake, with its place.
    pub fn regex(text: &str) -> Result<Self, String> {
        let Parts {
            name,
            what,
            at,
            all,
        } = Parts::of(text, "PATTERN")?;
        let pattern = pattern(what, at)?;
        Ok(Self::new(name, Way::Regex(pattern), all))
    }

    /// `name=/pointer` (RFC 6901).
    ///
    /// # Errors
    /// The mistake, with its column.
    pub fn json_pointer(text: &str) -> Result<Self, String> {
        let Parts {
            name,
            what,
            at,
            all,
        } = Parts::of(text, "/POINTER")?;
        if !what.is_empty() && !what.starts_with('/') {
            return Err(format!(
                "column {}: a JSON pointer begins with /, as in name=/user/name",
                at + 1
            ));
        }
        let tildes = what.char_indices().filter(|(_, c)| *c == '~');
        for (place, _) in tildes {
            if !what[place + 1..].starts_with(['0', '1']) {
                let column = at + what[..place].chars().count() + 1;
                return Err(format!(
                    "column {column}: ~ is written ~0 in a JSON pointer, and / in a name ~1"
                ));
            }
        }
        Ok(Self::new(name, Way::Pointer(what.to_owned()), all))
    }

    fn new(name: &str, way: Way, all: bool) -> Self {
        Self {
            name: name.to_owned(),
            way,
            all,
            convert: Convert::Text,
            pages: None,
        }
    }
}

/// A rule's text taken apart.
struct Parts<'a> {
    name: &'a str,
    what: &'a str,
    /// Characters before `what`.
    at: usize,
    all: bool,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str, form: &str) -> Result<Self, String> {
        let (name, what) = text
            .split_once('=')
            .ok_or_else(|| format!("it is written name={form}"))?;
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            || !name.chars().all(good)
        {
            return Err(format!(
                "column 1: {name:?} is no name: letters, digits, _ and -, the first a letter (it is written name={form})"
            ));
        }
        let (what, all) = match what.strip_suffix("[]") {
            Some(what) => (what, true),
            None => (what, false),
        };
        let at = name.chars().count() + 1;
        Ok(Self {
            name,
            what,
            at,
            all,
        })
    }
}

fn is_attribute(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '.');
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(good)
}

/// Bytes of the longest beginning that is a selector by itself, without the white space behind it.
fn longest_good(css: &str) -> usize {
    let ends = css.char_indices().map(|(at, _)| at).rev();
    let good = ends
        .filter(|end| Selector::parse(css[..*end].trim_end()).is_ok())
        .find(|end| !css[..*end].trim_end().is_empty());
    good.map_or(0, |end| {
        let rest = &css[end..];
        end + rest.len() - rest.trim_start().len()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_named_with_its_column() {
        for (result, told) in [
            (Rule::select("title"), "it is written name=CSS"),
            (Rule::select("1=h1"), "column 1: \"1\" is no name"),
            (Rule::select("a="), "column 3: a selector is missing"),
            (Rule::select("a=@href"), "column 3: a selector is missing"),
            (
                Rule::select("a=div >> p"),
                "column 7: this is no CSS selector from here on: >> p",
            ),
            (
                Rule::select("ab=p:nope(1)"),
                "column 5: this is no CSS selector from here on: :nope(1)",
            ),
            (
                Rule::regex("a=(b"),
                "column 3, in the pattern: unclosed group",
            ),
            (
                Rule::json_pointer("a=b"),
                "column 3: a JSON pointer begins with /",
            ),
            (Rule::json_pointer("a=/b~2"), "column 5: ~ is written ~0"),
        ] {
            let error = result.expect_err(told);
            assert!(error.starts_with(told), "{error}");
        }
    }

    #[test]
    fn an_at_sign_in_a_value_is_no_attribute() {
        let rule = Rule::select("mail=a[href=\"x@y\"]").expect("a rule");
        assert!(matches!(
            rule.way,
            Way::Css {
                attribute: None,
                ..
            }
        ));
        let rule = Rule::select("mail=a[href=\"x@y\"]@data-x[]").expect("a rule");
        assert!(
            rule.all
                && matches!(rule.way, Way::Css { attribute: Some(name), .. } if name == "data-x")
        );
    }
}
