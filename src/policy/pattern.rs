//! Patterns that users write, with the column of a mistake in them.

use regex::{Regex, RegexBuilder};

/// Compiles `text`, which stands behind `before` characters of something longer.
///
/// # Errors
/// The mistake, with its column in characters from 1.
pub fn pattern(text: &str, before: usize) -> Result<Regex, String> {
    let built = RegexBuilder::new(text).size_limit(1 << 20).build();
    built.map_err(|error| {
        let (at, reason) = match regex_syntax::parse(text) {
            Err(regex_syntax::Error::Parse(error)) => {
                (error.span().start.offset, error.kind().to_string())
            }
            Err(regex_syntax::Error::Translate(error)) => {
                (error.span().start.offset, error.kind().to_string())
            }
            // Nothing is wrong with how it is written: it is too large.
            _ => (0, error.to_string()),
        };
        let column = before + text.get(..at).unwrap_or_default().chars().count() + 1;
        format!("column {column}, in the pattern: {reason}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_named_with_its_column() {
        for (text, told) in [
            ("(a", "column 4, in the pattern: unclosed group"),
            ("ü[b", "column 5, in the pattern: unclosed character class"),
            (
                r"\p{Nope}",
                "column 4, in the pattern: Unicode property not found",
            ),
            ("x{9999}{9999}", "column 4, in the pattern: "),
        ] {
            let error = pattern(text, 3).expect_err(text);
            assert!(error.starts_with(told), "{error}");
        }
        assert!(pattern("^a|b$", 3).is_ok());
    }
}
