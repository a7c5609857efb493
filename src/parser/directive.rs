//! Text directives: `#:~:text=[prefix-,]start[,end][,-suffix]`, a fragment that quotes the page (WICG, URL Fragment Text
//! Directives, sections 3.3 and 3.5).
//!
//! What is compared are base letters: case, accents, soft hyphens and the amount of white space do not count. A quotation
//! begins and ends between words, and each part of it stands within one block. Where a script parts no words by spaces (Han,
//! kana, Thai), words may end anywhere, as there is no dictionary here.

use std::ops::Range;

use icu_normalizer::DecomposingNormalizerBorrowed;

use super::fragment::decoded;

/// Stands between blocks in folded text.
pub(crate) const BLOCK: char = '\n';

/// What a fragment quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextDirective {
    prefix: Option<String>,
    start: String,
    end: Option<String>,
    suffix: Option<String>,
    written: String,
}

/// The text directives of a fragment, as written in a URL; what is none is passed over, as browsers do it.
pub fn directives(fragment: &str) -> impl Iterator<Item = TextDirective> {
    let directives = fragment.split_once(":~:").map(|(_, directives)| directives);
    directives
        .into_iter()
        .flat_map(|directives| directives.split('&'))
        .filter_map(|directive| TextDirective::parse(directive.strip_prefix("text=")?))
}

impl TextDirective {
    fn parse(written: &str) -> Option<Self> {
        let term = |term: &str| {
            let term = folded(&decoded(term));
            (!term.is_empty()).then_some(term)
        };
        let mut parts: Vec<&str> = written.split(',').collect();
        let mut prefix = None;
        if let Some(first) = parts.first().and_then(|part| part.strip_suffix('-')) {
            prefix = Some(term(first)?);
            parts.remove(0);
        }
        let mut suffix = None;
        if let Some(last) = parts.last().and_then(|part| part.strip_prefix('-')) {
            suffix = Some(term(last)?);
            parts.pop();
        }
        let (start, end) = match parts[..] {
            [start] => (term(start)?, None),
            [start, end] => (term(start)?, Some(term(end)?)),
            _ => return None,
        };
        Some(Self {
            prefix,
            start,
            end,
            suffix,
            written: decoded(written),
        })
    }

    /// As it is written, percent-decoded.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Does the text of a document, folded, have what is quoted?
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        let start_ends = self.end.is_some() || self.suffix.is_none();
        let mut from = 0;
        loop {
            let start = match &self.prefix {
                None => {
                    let Some(start) = find(text, &self.start, from, (true, start_ends)) else {
                        return false;
                    };
                    from = next(text, start.start);
                    Some(start.end)
                }
                Some(prefix) => {
                    let Some(prefix) = find(text, prefix, from, (true, false)) else {
                        return false;
                    };
                    from = next(text, prefix.start);
                    stands(text, &self.start, prefix.end, start_ends)
                }
            };
            let Some(start) = start else {
                continue;
            };
            match &self.end {
                None if self.suffix_follows(text, start) => return true,
                None => {}
                // What does not come behind this start comes behind no later one.
                Some(end) => return self.end_follows(end, text, start),
            }
        }
    }

    fn end_follows(&self, end: &str, text: &str, mut from: usize) -> bool {
        while let Some(found) = find(text, end, from, (true, self.suffix.is_none())) {
            if self.suffix_follows(text, found.end) {
                return true;
            }
            from = next(text, found.start);
        }
        false
    }

    fn suffix_follows(&self, text: &str, from: usize) -> bool {
        let suffix = self.suffix.as_ref();
        suffix.is_none_or(|suffix| stands(text, suffix, from, true).is_some())
    }
}

/// Where the `term` ends that stands at `from`, white space aside, and `ends` between words, if it does.
fn stands(text: &str, term: &str, from: usize, ends: bool) -> Option<usize> {
    let rest = text.get(from..)?.trim_start_matches([' ', BLOCK]);
    let end = text.len() - rest.len() + term.len();
    (rest.starts_with(term) && (!ends || is_between_words(text, end))).then_some(end)
}

/// The first `term` in `text` from `from` on, which begins and ends between words where that is asked for.
fn find(text: &str, term: &str, from: usize, (begins, ends): (bool, bool)) -> Option<Range<usize>> {
    let rest = text.get(from..)?;
    memchr::memmem::find_iter(rest.as_bytes(), term)
        .map(|at| from + at..from + at + term.len())
        .find(|found| {
            (!begins || is_between_words(text, found.start))
                && (!ends || is_between_words(text, found.end))
        })
}

/// Behind the character at `at`.
fn next(text: &str, at: usize) -> usize {
    at + text[at..].chars().next().map_or(1, char::len_utf8)
}

fn is_between_words(text: &str, at: usize) -> bool {
    let (before, after) = text.split_at(at);
    let of_word = |c: char| (c.is_alphanumeric() || c == '_') && !is_unspaced(c);
    let (before, after) = (before.chars().next_back(), after.chars().next());
    !(before.is_some_and(of_word) && after.is_some_and(of_word))
}

/// A letter of a script that does not part words by spaces.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// `text` as it is compared.
pub(crate) fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    fold(text, &mut out);
    out
}

/// Adds `text` to `out` as it is compared, as a part of one block: base letters in lower case, white space folded.
pub(crate) fn fold(text: &str, out: &mut String) {
    const NORMALIZER: DecomposingNormalizerBorrowed<'static> =
        DecomposingNormalizerBorrowed::new_nfd();
    let begin = out.len();
    let mut white = false;
    let mut put = |c: char| {
        if c.is_whitespace() {
            white = true;
            return;
        }
        let passed = matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}')
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}');
        if passed {
            return;
        }
        if std::mem::take(&mut white) && out.len() > begin {
            out.push(' ');
        }
        out.extend(c.to_lowercase());
    };
    if text.is_ascii() {
        text.chars().for_each(put);
    } else {
        NORMALIZER.normalize_iter(text.chars()).for_each(&mut put);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks, as a parser gives them.
    fn text(blocks: &[&str]) -> String {
        let blocks: Vec<_> = blocks.iter().map(|block| folded(block)).collect();
        blocks.join("\n")
    }

    #[test]
    fn what_is_quoted_is_found_as_browsers_find_it() {
        let text = text(&[
            "The quick  brown\nfox jumps.",
            "Über den Wolken: a soft\u{ad}hyphen, CAFÉ au lait",
            "日本語の文章です",
            "the end of the story",
        ]);
        for (fragment, there) in [
            (":~:text=quick%20brown%20fox", true),
            (":~:text=QUICK BROWN", true),
            (":~:text=uick", false),
            (":~:text=quic", false),
            (":~:text=quick,jumps", true),
            (":~:text=jumps,quick", false),
            (":~:text=The-,quick", true),
            (":~:text=The-,brown", false),
            (":~:text=Th-,e%20quick", true),
            (":~:text=he-,quick", false),
            (":~:text=quick,-brown", true),
            (":~:text=quick,-fox", false),
            (":~:text=qui,-ck", true),
            (":~:text=quick,brown,-fox", true),
            (":~:text=quick,end,-of", true),
            (":~:text=jumps.-,uber", true),
            (":~:text=fox%20jumps.%20uber", false),
            (":~:text=uber%20den%20wolken", true),
            (":~:text=softhyphen,cafe%CC%81%20au", true),
            (":~:text=%E6%9C%AC%E8%AA%9E", true),
            (":~:text=the,-end", true),
            ("anchor:~:text=story", true),
        ] {
            let mut found = directives(fragment).peekable();
            assert!(found.peek().is_some(), "{fragment}");
            assert_eq!(
                found.all(|directive| directive.is_in(&text)),
                there,
                "{fragment}"
            );
        }
    }

    #[test]
    fn what_is_no_directive_asks_for_nothing() {
        for (fragment, count) in [
            ("text=a", 0),
            (":~:text=", 0),
            (":~:text=a-,", 0),
            (":~:text=a,b,c", 0),
            (":~:text=-,a", 0),
            (":~:text=%20", 0),
            (":~:other=a", 0),
            (":~:text=a&text=b&x", 2),
            (":~:text=a%2Cb,-c", 1),
        ] {
            assert_eq!(directives(fragment).count(), count, "{fragment}");
        }
        let one = directives(":~:text=a%2Cb,-c").next();
        assert_eq!(one.as_ref().map(TextDirective::written), Some("a,b,-c"));
    }

    #[test]
    fn a_text_full_of_beginnings_is_searched_in_no_time() {
        let text = "a b ".repeat(100_000);
        for fragment in [":~:text=a,c", ":~:text=a-,b,-c", ":~:text=a,b,-c"] {
            assert!(
                directives(fragment).all(|directive| !directive.is_in(&text)),
                "{fragment}"
            );
        }
    }
}
