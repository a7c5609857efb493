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

/// An attribute's value, decoded, that knows where each part of it is written.
pub(in crate::parser) struct Decoded<'a> {
    pub(in crate::parser) text: Cow<'a, str>,
    /// Offsets in the text and in what is written, from each of which on both go alike.
    shifts: Vec<(usize, usize)>,
}

impl<'a> Decoded<'a> {
    pub(in crate::parser) fn of(written: &'a str) -> Self {
        let text = decoded(written);
        if matches!(text, Cow::Borrowed(_)) {
            let shifts = Vec::new();
            return Self { text, shifts };
        }
        let mut text = String::with_capacity(written.len());
        let mut shifts = Vec::new();
        let mut at = 0;
        while let Some(length) = memchr::memchr3(b'&', b'\r', b'\0', &written.as_bytes()[at..]) {
            text.push_str(&written[at..at + length]);
            at += length;
            let rest = &written[at..];
            let (meaning, length) = match rest.as_bytes().first() {
                Some(b'&') => entity(rest),
                Some(b'\r') => ("\n".into(), if rest.starts_with("\r\n") { 2 } else { 1 }),
                _ => ("\u{fffd}".into(), 1),
            };
            shifts.push((text.len(), at));
            text.push_str(&meaning);
            at += length;
            shifts.push((text.len(), at));
        }
        text.push_str(&written[at..]);
        let text = Cow::Owned(text);
        Self { text, shifts }
    }

    /// Where the text at `offset` is written.
    pub(in crate::parser) fn written(&self, offset: usize) -> usize {
        let next = self.shifts.partition_point(|(text, _)| *text <= offset);
        let shift = next.checked_sub(1).and_then(|last| self.shifts.get(last));
        shift.map_or(offset, |(text, written)| written + (offset - text))
    }
}

/// What the `&` that `rest` begins with stands for, and how much of `rest` that is.
fn entity(rest: &str) -> (Cow<'_, str>, usize) {
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'#';
    let length = 1 + rest.bytes().skip(1).take_while(name).count();
    // Whether a name without a semicolon is one depends on what follows.
    let next = rest[length..]
        .chars()
        .next()
        .filter(|next| !matches!(next, '&' | '\r' | '\0'));
    let written = &rest[..length + next.map_or(0, char::len_utf8)];
    let meaning = htmlize::unescape_attribute(written);
    if meaning == written {
        return (written.into(), written.len());
    }
    // What is literal behind it ends both; at least one character is what it stands for.
    let first = meaning.chars().next().map_or(0, char::len_utf8);
    let both = meaning[first..].chars().rev().zip(written.chars().rev());
    let same = both.take_while(|(meant, there)| meant == there);
    let after: usize = same.map(|(meant, _)| meant.len_utf8()).sum();
    let length = written.len() - after;
    (meaning[..meaning.len() - after].to_owned().into(), length)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_decoded_knows_where_it_is_written() {
        let written = "a&amp;b\r\nc&eacute;&copy=d&#x41;e&f&lt";
        let value = Decoded::of(written);
        assert_eq!(value.text, "a&b\ncé&copy=dAe&f<");
        for part in ["a", "b", "c", "d", "e", "f"] {
            let (meant, there) = (value.text.find(part), written.rfind(part));
            if part != "c" && part != "e" && part != "a" {
                assert_eq!(meant.map(|at| value.written(at)), there, "{part}");
            }
        }
        assert_eq!(
            value.written(value.text.find('A').unwrap_or_default()),
            written.find("&#x41;").unwrap_or_default()
        );
    }

    proptest! {
        #[test]
        fn it_is_decoded_as_a_whole(pieces in proptest::collection::vec(prop::sample::select(vec![
            "&", "amp", ";", "lt", "&lt;", "&copy", "=", "#", "x41", "65", "a", "é", "\r", "\n", "\0", "&semi;", "&NotEqualTilde;", "notin", "&not",
        ]), 0..12)) {
            let written = pieces.concat();
            let value = Decoded::of(&written);
            prop_assert_eq!(&value.text, &decoded(&written), "{:?}", written);
            for (at, _) in value.text.char_indices() {
                prop_assert!(written.is_char_boundary(value.written(at)), "{:?} {}", written, at);
            }
        }
    }
}
