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

/// Where in `text` stands what a CI runner takes for a command wherever that is in a line: `##[` (`ActionCommand.cs` of
/// actions/runner), `##vso[` (Azure Pipelines), `##teamcity[` and whatever else is written like that.
pub(super) fn command(text: &str) -> Option<usize> {
    let signs = memchr::memmem::find_iter(text.as_bytes(), b"##");
    let mut behind = signs.map(|at| (at, &text[at + 2..]));
    let begins = |rest: &str| {
        rest.trim_start_matches(|c: char| c.is_ascii_alphabetic())
            .starts_with('[')
    };
    let found = behind.find(|(_, rest)| begins(rest.trim_start_matches('#')));
    found.map(|(at, rest)| at + (rest.len() - rest.trim_start_matches('#').len()))
}

/// May a line that begins with `text` be a command? To a GitHub runner it is where that is `::`.
pub(super) fn begins_command(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with("::") || text.starts_with("##")
}

/// Is `text` printable ASCII without a sign of a command? Most text is, and nothing in it needs an escape.
fn is_plain(text: &[u8]) -> bool {
    // Not looked for but gathered, which a compiler turns into instructions for many bytes.
    text.iter().copied().fold(0, |odd, byte| odd | is_odd(byte)) == 0
}

/// The same, and without what JSON writes as an escape.
pub(super) fn is_bare(text: &[u8]) -> bool {
    let odd = |byte| is_odd(byte) | u8::from(byte == b'"') | u8::from(byte == b'\\');
    text.iter().copied().fold(0, |all, byte| all | odd(byte)) == 0
}

fn is_odd(byte: u8) -> u8 {
    u8::from(byte.wrapping_sub(b' ') > b'~' - b' ') | u8::from(byte == b'#')
}

/// `text` with every unsafe character written out as `\u{…}`, and so that no CI runner finds a command inside it.
#[must_use]
pub fn for_terminal(text: &str) -> Cow<'_, str> {
    if is_plain(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    if let Some(first) = command(text) {
        let mut out = String::with_capacity(text.len() + 16);
        let (mut rest, mut next) = (text, Some(first));
        while let Some(at) = next {
            // The second sign, so that the two do not meet.
            let (before, behind) = rest.split_at(at + 1);
            out.push_str(before);
            out.push_str("\\u{23}");
            rest = &behind[1..];
            next = command(rest);
        }
        out.push_str(rest);
        return Cow::Owned(for_terminal(&out).into_owned());
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
        assert_eq!(
            for_terminal("####vso[x] ##[y"),
            "###\\u{23}vso[x] #\\u{23}[y"
        );
        for text in ["# a", "## [a](b)", "a##", "##a1[", "#vso[x]", "##é["] {
            assert_eq!(for_terminal(text), text);
        }
    }
}
