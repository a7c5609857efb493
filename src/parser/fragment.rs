//! Does a document have the anchor that a fragment asks for? (HTML standard, section 7.4.6.4)

use super::heading::slug;
use crate::model::document::has_anchor;

/// The part of a URL's fragment that has to be looked up; `None` when there is nothing to look up: it is empty,
/// `top`, or only a directive such as a text fragment.
#[must_use]
pub fn anchor(fragment: &str) -> Option<&str> {
    let anchor = fragment.split(":~:").next().unwrap_or_default();
    (!anchor.is_empty() && !anchor.eq_ignore_ascii_case("top")).then_some(anchor)
}

/// What GitHub writes before the anchors of its users.
const THEIRS: &str = "user-content-";

/// Does `fragment` mean lines of the source, as GitHub shows it for `reference`: `a.md?plain=1#L10-L20`?
#[must_use]
pub fn is_lines(reference: &str, fragment: &str) -> bool {
    let page = reference.split('#').next().unwrap_or_default();
    let query = page.split_once('?').map(|(_, query)| query);
    let is_plain = |query: &str| query.split('&').any(|part| part == "plain=1");
    // Others write the letter once.
    let twice = fragment.split('-').all(|end| end.starts_with('L'));
    twice && is_line(fragment) && query.is_some_and(is_plain)
}

/// Is `fragment`, as written in a URL, among the anchors? First as it is, then percent-decoded; and as GitHub and
/// its kin write the anchors of their users, with `user-content-` before it, which their script leaves out and links to
/// Markdown may have.
#[must_use]
pub fn matches(anchors: &[u64], ignore_case: bool, fragment: &str) -> bool {
    let there = |fragment: &str| {
        has_anchor(anchors, ignore_case, fragment)
            || has_anchor(anchors, ignore_case, &format!("{THEIRS}{fragment}"))
            || ignore_case
                && fragment
                    .strip_prefix(THEIRS)
                    .is_some_and(|fragment| has_anchor(anchors, ignore_case, fragment))
    };
    there(fragment)
        || fragment.contains('%') && there(&decoded(fragment))
        || range(fragment).is_some_and(|(first, last)| there(first) && there(&last))
}

/// The ends of a range of lines, as pages of sources take them: `2-4`, `L2-L4`, and `L2-4` for the same.
fn range(fragment: &str) -> Option<(&str, String)> {
    let (first, last) = fragment.split_once('-')?;
    let number = |end: &str| {
        end.trim_start_matches(|c: char| c.is_ascii_alphabetic())
            .len()
    };
    let word = &first[..first.len() - number(first)];
    let last = last.strip_prefix(word).unwrap_or(last);
    let digits = |end: &str| !end.is_empty() && end.bytes().all(|byte| byte.is_ascii_digit());
    let both = digits(&first[word.len()..]) && digits(last);
    both.then(|| (first, format!("{word}{last}")))
}

/// Does the fragment name a line, or a range of lines, as forges write it (`L2`, `L2-L4`, `L2C1-L4C9`)?
#[must_use]
pub fn is_line(fragment: &str) -> bool {
    let end = |end: &str| {
        let place = end.strip_prefix('L').unwrap_or(end);
        let (line, column) = place.split_once('C').unwrap_or((place, "0"));
        let number =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        number(line) && number(column)
    };
    fragment.starts_with('L') && fragment.split('-').count() <= 2 && fragment.split('-').all(end)
}

/// Is it of a kind that only scripts make, so that a page which runs some may have it: a route of an application
/// (`/a`, `!/a`), a line of a source, or a comment that is loaded when it is asked for?
#[must_use]
pub fn is_made_by_scripts(fragment: &str) -> bool {
    // GitHub's and GitLab's; the last is that of a file in a comparison.
    const LOADED: [(&str, u32, usize); 6] = [
        ("issuecomment-", 10, 1),
        ("discussion_r", 10, 1),
        ("discussioncomment-", 10, 1),
        ("pullrequestreview-", 10, 1),
        ("note_", 10, 1),
        ("diff-", 16, 32),
    ];
    let loaded = |&(prefix, radix, least): &(&str, u32, usize)| {
        let id = fragment.strip_prefix(prefix);
        id.is_some_and(|id| id.chars().take_while(|c| c.is_digit(radix)).count() >= least)
    };
    fragment.starts_with(['/', '!']) || is_line(fragment) || LOADED.iter().any(loaded)
}

/// What a wikilink names: a page, and the anchor of one of its headings, which it gives by its text. Paragraphs (`#^id`)
/// have no anchor that can be known.
#[must_use]
pub fn wikilink(reference: &str) -> (&str, Option<String>) {
    let Some((page, heading)) = reference.split_once('#') else {
        return (reference, None);
    };
    let heading = heading.rsplit('#').next().unwrap_or_default();
    let anchor = (!heading.starts_with('^')).then(|| slug(heading));
    (page, anchor)
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
        assert!(matches(&slugs, true, "user-content-heading-one"));
        assert!(!matches(&slugs, false, "user-content-heading-one"));
    }

    #[test]
    fn lines_of_a_source_are_no_anchors() {
        for (reference, lines) in [
            ("a.md?plain=1#L10", true),
            ("a.md?x&plain=1#L10-L20", true),
            ("a.md?plain=1#L1C2-L3C4", true),
            ("a.md?plain=1#L", false),
            ("a.md?plain=1#L1-2", false),
            ("a.md?plain=1#List", false),
            ("a.md?plain=0#L10", false),
            ("a.md#L10", false),
            ("#L10?plain=1", false),
        ] {
            let fragment = reference.split_once('#').expect("a fragment").1;
            assert_eq!(is_lines(reference, fragment), lines, "{reference}");
        }
    }

    #[test]
    fn a_range_is_there_when_both_its_ends_are() {
        let mut anchors: Vec<_> = ["2", "4", "L2", "L4", "a-2"].map(anchor_hash).to_vec();
        anchors.sort_unstable();
        for (fragment, there) in [
            ("2-4", true),
            ("2-5", false),
            ("L2-L4", true),
            ("L2-4", true),
            ("L2-L5", false),
            ("2-L4", false),
            ("a-2", true),
            ("2-", false),
            ("-4", false),
            ("é2-é4", false),
            ("-", false),
        ] {
            assert_eq!(matches(&anchors, false, fragment), there, "{fragment}");
        }
    }

    #[test]
    fn some_kinds_of_anchors_are_made_by_scripts_alone() {
        for (fragment, made) in [
            ("/route", true),
            ("!/route", true),
            ("L10", true),
            ("L10-L20", true),
            ("L10C1-L20C3", true),
            ("issuecomment-1234", true),
            ("diff-0123456789abcdef0123456789abcdefR12", true),
            ("List", false),
            ("L", false),
            ("L1-L2-L3", false),
            ("issuecomment-", false),
            ("note_that", false),
            ("install", false),
            ("diff-files", false),
        ] {
            assert_eq!(is_made_by_scripts(fragment), made, "{fragment}");
        }
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
