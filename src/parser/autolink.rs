//! URLs that GitHub links as they stand in Markdown (GFM, section 6.9): with `http` or `https`, or beginning with `www.`.
//!
//! Where they end is told as in plain `text`, and an entity at the end is not theirs. Deliberately absent: mail addresses.

use std::borrow::Cow;
use std::ops::Range;

use super::text;

/// The URLs in the text at `range` of `all`, in order: where they are written, and what they mean.
pub(super) fn find(all: &str, range: Range<usize>) -> Vec<(Range<usize>, Cow<'_, str>)> {
    let Some(words) = all.get(range.clone()) else {
        return Vec::new();
    };
    let mut found: Vec<_> = text::urls(words)
        .into_iter()
        .map(|(from, to)| {
            let to = from + without_entity(&words[from..], to - from);
            let written = range.start + from..range.start + to;
            (written, meant(&words[from..to]))
        })
        .collect();
    let urls = found.len();
    let mut end = 0;
    let begins = |at: &usize| words[*at..].starts_with("www.");
    for at in memchr::memchr_iter(b'w', words.as_bytes()).filter(begins) {
        let before = found[..urls].partition_point(|(url, _)| url.start <= range.start + at);
        let url = before.checked_sub(1).map(|before| &found[before].0);
        if at < end || url.is_some_and(|url| url.contains(&(range.start + at))) {
            continue;
        }
        let length = host(all, range.start + at, &words[at..]);
        if length > 0 {
            end = at + length;
            let url = format!("http://{}", meant(&words[at..end]));
            found.push((range.start + at..range.start + end, url.into()));
        }
    }
    if found.len() > urls {
        found.sort_by_key(|(written, _)| written.start);
    }
    found
}

/// What a URL means as it is written: in Markdown only a reference that has its semicolon stands for a character
/// (`CommonMark`, section 2.5), so that `&copy=1` is a parameter of a query.
fn meant(words: &str) -> Cow<'_, str> {
    if !words.contains(';') {
        return words.into();
    }
    let mut text = String::new();
    let mut rest = words;
    while let Some(at) = rest.find('&') {
        text += &rest[..at];
        rest = &rest[at..];
        let name = |c: char| c.is_ascii_alphanumeric() || c == '#';
        let end = 1 + rest[1..].find(|c| !name(c)).unwrap_or(rest.len() - 1);
        let end = if rest[end..].starts_with(';') {
            end + 1
        } else {
            end
        };
        let (reference, behind) = rest.split_at(end);
        let known = htmlize::unescape(reference);
        // What is no name as a whole is not looked into for a shorter one.
        let whole = reference.ends_with(';') && (known == ";" || !known.ends_with(';'));
        text += if whole { &known } else { reference };
        rest = behind;
    }
    text += rest;
    text.into()
}

/// How long the URL is with which `words` begin, at `at` of `all`; 0 where none does. What stands before it may be white
/// space or the delimiter of something, and its host must be one.
fn host(all: &str, at: usize, words: &str) -> usize {
    let before = all[..at].chars().next_back();
    if before.is_some_and(|c| !c.is_whitespace() && !matches!(c, '*' | '_' | '~' | '(')) {
        return 0;
    }
    let in_host = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let host = &words[..words.find(|c| !in_host(c)).unwrap_or(words.len())];
    let mut labels = host.trim_end_matches('.').rsplit('.');
    let mut last = [labels.next(), labels.next()].into_iter();
    let good = |label: Option<&str>| label.is_some_and(|label| !label.contains('_'));
    if host[4..].starts_with(char::is_alphanumeric) && last.all(good) {
        without_entity(words, text::extent(words))
    } else {
        0
    }
}

/// How much is left of the URL of that length when a reference to a character is taken off its end, whose semicolon is off
/// already.
fn without_entity(words: &str, mut length: usize) -> usize {
    while words[length..].starts_with(';') {
        let name = words[..length].trim_end_matches(|c: char| c.is_ascii_alphanumeric());
        if name.len() == length || !name.ends_with('&') {
            break;
        }
        length = text::kept(&name[..name.len() - 1]);
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_linked_as_github_does() {
        for (text, urls) in [
            ("http://h.test/ok&lt; end", vec!["http://h.test/ok"]),
            ("http://h.test/a?b=c&hl;", vec!["http://h.test/a?b=c"]),
            ("http://h.test/a?b&lt;&gt;.", vec!["http://h.test/a?b"]),
            ("http://h.test/a&amp;b;", vec!["http://h.test/a&b"]),
            ("http://h.test/a;", vec!["http://h.test/a"]),
            (
                "http://h.test/?a=1&section=2&copy=3 www.h.test/?x&lt=1",
                vec![
                    "http://h.test/?a=1&section=2&copy=3",
                    "http://www.h.test/?x&lt=1",
                ],
            ),
            (
                "http://h.test/?a;b&section;c&amp;copy=1&#50;x",
                vec!["http://h.test/?a;b&section;c&copy=12x"],
            ),
            ("www.h.test/x", vec!["http://www.h.test/x"]),
            (
                "(www.h.test/x&gt;), http://i.test",
                vec!["http://www.h.test/x", "http://i.test"],
            ),
            ("see www.h.test.", vec!["http://www.h.test"]),
            (
                "http://www.h.test/*www.i.test",
                vec!["http://www.h.test/*www.i.test"],
            ),
            ("xwww.h.test /www.h.test www. www..x", vec![]),
            ("www.a_b.test www.xxx.yyy._zzz", vec![]),
            ("www.a_b.h.test", vec!["http://www.a_b.h.test"]),
            ("www.é.test/é", vec!["http://www.é.test/é"]),
        ] {
            let found = find(text, 0..text.len());
            let found: Vec<_> = found.iter().map(|(_, url)| &**url).collect();
            assert_eq!(found, urls, "{text}");
        }
    }
}
