//! Which media types are wanted (RFC 9110, section 12.5.1, without weights): `text/html`, `image/*`.

use std::str::FromStr;

/// A list of media ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaTypes(Vec<String>);

impl MediaTypes {
    /// What any of these lists has.
    #[must_use]
    pub fn any_of(lists: impl IntoIterator<Item = Self>) -> Self {
        Self(lists.into_iter().flat_map(|list| list.0).collect())
    }

    /// Is the type among them? What has no type is: nobody knows what it is.
    #[must_use]
    pub fn contain(&self, essence: &str) -> bool {
        essence.is_empty()
            || self.0.iter().any(|range| match range.strip_suffix('*') {
                Some(begin) => essence.starts_with(begin),
                None => essence == range,
            })
    }
}

impl FromStr for MediaTypes {
    type Err = String;

    /// Ranges with commas between.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let range = |range: &str| {
            let range = range.trim().to_ascii_lowercase();
            let good = range.split_once('/').is_some_and(|(kind, sub)| {
                !kind.is_empty()
                    && !kind.contains('*')
                    && !sub.is_empty()
                    && !sub[1..].contains('*')
            });
            if good && range.is_ascii() {
                Ok(range)
            } else {
                Err(format!(
                    "{range:?} is no media type; they are written text/html,image/*"
                ))
            }
        };
        text.split(',')
            .map(range)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_their_types() {
        let types: MediaTypes = "text/html, Image/*".parse().expect("a list");
        for (essence, within) in [
            ("text/html", true),
            ("image/png", true),
            ("text/css", false),
            ("", true),
        ] {
            assert_eq!(types.contain(essence), within, "{essence}");
        }
        for wrong in ["", "html", "*/*", "text/", "a/b*c", "text/html,"] {
            assert!(wrong.parse::<MediaTypes>().is_err(), "{wrong}");
        }
    }
}
