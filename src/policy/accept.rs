//! Which status codes are good: `--accept '200..=299,403'`.

use std::fmt;
use std::str::FromStr;

/// A set of status codes; the default is `200..=299`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accept(Vec<(u16, u16)>);

impl Default for Accept {
    fn default() -> Self {
        Self(vec![(200, 299)])
    }
}

impl Accept {
    /// Is `status` good?
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        self.0
            .iter()
            .any(|&(first, last)| (first..=last).contains(&status))
    }
}

impl FromStr for Accept {
    type Err = String;

    /// `code`, `a..b` (without b), `a..=b`, `a..`, `..b`, `..=b`, and lists of these with commas.
    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(|part| range(part.trim()))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl fmt::Display for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (first, last)) in self.0.iter().enumerate() {
            let comma = if number > 0 { "," } else { "" };
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}..={last}")?;
            }
        }
        Ok(())
    }
}

fn range(part: &str) -> Result<(u16, u16), String> {
    let wrong = || {
        format!(
            "'{part}' is no range of status codes; accepted are 200, 200..=299, 200..300, 400.. and lists with commas"
        )
    };
    let code = |text: &str| match text.parse::<u16>() {
        Ok(code) if (100..=999).contains(&code) => Ok(code),
        _ => Err(wrong()),
    };
    let Some((first, last)) = part.split_once("..") else {
        let code = code(part)?;
        return Ok((code, code));
    };
    let first = if first.is_empty() { 100 } else { code(first)? };
    let last = match last.strip_prefix('=') {
        Some(last) => code(last)?,
        None if last.is_empty() => 999,
        None => code(last)?.checked_sub(1).ok_or_else(wrong)?,
    };
    if first > last {
        Err(wrong())
    } else {
        Ok((first, last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_rust_writes_them() {
        let accept: Accept = "200..=204, 301,400..,..102".parse().expect("a list");
        for (status, good) in [
            (200, true),
            (204, true),
            (205, false),
            (301, true),
            (999, true),
            (101, true),
            (102, false),
        ] {
            assert_eq!(accept.contains(status), good, "{status}");
        }
        assert_eq!(accept.to_string().parse(), Ok(accept));
    }

    #[test]
    fn a_bad_range_is_named() {
        for bad in [
            "", "20", "2000", "300..200", "200..200", "2xx", "200,,300", "-1",
        ] {
            let error = bad.parse::<Accept>().expect_err(bad);
            assert!(error.contains("accepted are"), "{error}");
        }
    }
}
