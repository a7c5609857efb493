//! The one path for text that people read: nothing from outside reaches a terminal as it came.

use std::borrow::Cow;
use std::fmt::Write;

/// May `c` do something to a terminal, or to the order of what stands beside it? C0, DEL and C1 controls,
/// line and paragraph separators, bidirectional controls, the byte order mark.
pub(super) fn is_unsafe(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// What a CI runner takes for the beginning of a command wherever it stands in a line (`ActionCommand.cs` of
/// actions/runner, Azure Pipelines).
pub(super) const COMMAND: &str = "##[";

/// Is `text` printable ASCII without a sign of a command? Most text is, and nothing in it needs an escape.
pub(super) fn is_plain(text: &[u8]) -> bool {
    // Not looked for but gathered, which a compiler turns into instructions for many bytes.
    let odd = |odd, byte: u8| {
        odd | u8::from(byte.wrapping_sub(b' ') > b'~' - b' ') | u8::from(byte == b'#')
    };
    text.iter().copied().fold(0, odd) == 0
}

/// `text` with every unsafe character written out as `\u{…}`, and so that no CI runner finds a command inside it.
#[must_use]
pub fn for_terminal(text: &str) -> Cow<'_, str> {
    if is_plain(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    if text.contains(COMMAND) {
        let text = text.replace(COMMAND, "#\\u{23}[");
        return Cow::Owned(for_terminal(&text).into_owned());
    }
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unsafe(c) {
            // Writing to a string does not fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_harmless_stays_as_it_is() {
        for text in ["", "plain", "größer 日本語 🙂", "a\\b"] {
            assert!(matches!(for_terminal(text), Cow::Borrowed(_)), "{text}");
        }
        assert_eq!(for_terminal("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(for_terminal("a###[x]\n"), "a##\\u{23}[x]\\u{a}");
    }
}
