//! Does a document have the anchor that a fragment asks for? (HTML standard, section 7.4.6.4)

use crate::model::document::has_anchor;

/// The part of a URL's fragment that has to be looked up; `None` when there is nothing to look up: it is empty,
/// `top`, or only a directive such as a text fragment.
#[must_use]
pub fn anchor(fragment: &str) -> Option<&str> {
    let anchor = fragment.split(":~:").next().unwrap_or_default();
    (!anchor.is_empty() && !anchor.eq_ignore_ascii_case("top")).then_some(anchor)
}

/// Is `fragment`, as written in a URL, among the anchors? First as it is, then percent-decoded; and as GitHub and
/// its kin write the anchors of their users, with `user-content-` before it, which their script leaves out.
#[must_use]
pub fn matches(anchors: &[u64], ignore_case: bool, fragment: &str) -> bool {
    let there = |fragment: &str| {
        has_anchor(anchors, ignore_case, fragment)
            || has_anchor(anchors, ignore_case, &format!("user-content-{fragment}"))
    };
    there(fragment) || fragment.contains('%') && there(&decoded(fragment))
}

/// Percent-decoded, as UTF-8 without a byte order mark, what is none replaced.
pub(crate) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escape = text
            .get(at + 1..at + 3)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let (b'%', Some(value)) = (byte, escape) {
            out.push(value);
            at += 3;
        } else {
            out.push(byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::document::anchor_hash;

    #[test]
    fn a_fragment_is_tried_as_written_and_then_decoded() {
        let mut anchors: Vec<_> = ["größe", "a%20b", "Part"].map(anchor_hash).to_vec();
        anchors.sort_unstable();
        for (fragment, there) in [
            ("gr%C3%B6%C3%9Fe", true),
            ("größe", true),
            ("a%20b", true),
            ("a b", false),
            ("part", false),
            ("Part", true),
        ] {
            assert_eq!(matches(&anchors, false, fragment), there, "{fragment}");
        }
        let theirs = [anchor_hash("user-content-foo")];
        assert!(matches(&theirs, false, "foo") && !matches(&theirs, false, "bar"));
        let slugs = [anchor_hash("heading-one")];
        assert!(matches(&slugs, true, "Heading-One"));
    }

    #[test]
    fn some_fragments_ask_for_nothing() {
        for (fragment, asks) in [
            ("", None),
            ("top", None),
            ("TOP", None),
            (":~:text=x", None),
            ("a:~:text=x", Some("a")),
        ] {
            assert_eq!(anchor(fragment), asks, "{fragment}");
        }
    }
}
