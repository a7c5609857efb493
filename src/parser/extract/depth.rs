//! How deep the elements of a page are nested, at most: an estimate from its tags alone.
//!
//! Building a tree looks through the open elements at many tags, so a page of a million open ones takes hours. Pages
//! that people write are some dozens deep; browsers stop at 512.

/// Elements that may be open at once.
pub(super) const LIMIT: usize = 4096;

/// Elements that end by themselves when the next one of their kind begins, or have no content: they do not nest
/// without others that are counted.
const SHALLOW: &[&str] = &[
    "area", "base", "br", "col", "dd", "dt", "embed", "hr", "img", "input", "li", "link", "meta",
    "option", "p", "param", "rb", "rp", "rt", "source", "td", "th", "tr", "track", "wbr",
];

/// May more elements than [`LIMIT`] be open at once? Comments and scripts are counted as if they were tags, which can
/// only make it more.
pub(super) fn beyond(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut open = 0_usize;
    for at in memchr::memchr_iter(b'<', bytes) {
        let rest = &bytes[at + 1..];
        match rest.first() {
            Some(b'/') => open = open.saturating_sub(usize::from(counts(&rest[1..]))),
            Some(first) if first.is_ascii_alphabetic() && counts(rest) => {
                open += 1;
                if open > LIMIT {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

fn counts(tag: &[u8]) -> bool {
    let end = tag
        .iter()
        .take(16)
        .position(|byte| !byte.is_ascii_alphanumeric())
        .unwrap_or(tag.len().min(16));
    let name = &tag[..end];
    !SHALLOW
        .iter()
        .any(|shallow| name.eq_ignore_ascii_case(shallow.as_bytes()))
}
