//! Text of a document as it is meant.

use std::borrow::Cow;

use crate::parser::inline;

/// An attribute's value: entities decoded, NUL replaced and line ends made one, as every tokenizer of HTML does it.
pub(super) fn decoded(written: &str) -> Cow<'_, str> {
    if !written
        .bytes()
        .any(|byte| matches!(byte, b'&' | b'\0' | b'\r'))
    {
        return Cow::Borrowed(written);
    }
    // Before entities are decoded: what they stand for is left as it is.
    let written = written.replace('\0', "\u{fffd}").replace("\r\n", "\n");
    let written = written.replace('\r', "\n");
    Cow::Owned(htmlize::unescape_attribute(written).into_owned())
}

/// A reference as it is meant: decoded, and line ends dropped as every reader of URLs does it, so that none
/// reaches a record.
pub(super) fn meant(written: &str) -> Cow<'_, str> {
    let written = inline(written);
    if !written.bytes().any(|byte| byte == b'&' || byte < b' ') {
        return Cow::Borrowed(written);
    }
    let reference = decoded(written);
    if reference.contains(['\n', '\r', '\t', '\0']) {
        let reference = reference.replace(['\n', '\r', '\t'], "");
        Cow::Owned(reference.replace('\0', "\u{fffd}"))
    } else {
        reference
    }
}

/// Text between tags: entities decoded, white space folded, at most so many characters.
pub(super) fn folded(text: &str, most: usize) -> String {
    let text = htmlize::unescape(text);
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").chars().take(most).collect()
}

/// HTML's white space.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches(is_space)
}
