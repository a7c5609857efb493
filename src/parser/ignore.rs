//! Comments in a document that say which of its links are not to be judged.
//!
//! | comment | covers |
//! | --- | --- |
//! | `dragnet-ignore`, alone on its line | the next line that is not blank, with the rest of a tag or link that begins in it |
//! | `dragnet-ignore`, beside other text | its own line |
//! | `dragnet-ignore-start` … `dragnet-ignore-end` | what is between them; without the second, the rest of the document |
//!
//! What follows the word is for people. The words of markdown-link-check mean the same here:
//! `markdown-link-check-disable`, `-enable`, `-disable-line`, `-disable-next-line`. A comment is what the format takes
//! for one: in Markdown none inside code, and in MDX braces too. Places are lines and columns, as links have them.

use std::ops::Range;

use memchr::memmem;
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

use super::position::Lines;
use super::{Format, markdown};

/// With these every word begins.
const OURS: &str = "dragnet-ignore";
const THEIRS: &str = "markdown-link-check-";

/// A link that is written over more lines than this is not covered to its end.
const LINES: usize = 20;

/// Where links are not to be judged.
#[derive(Debug, Default)]
pub struct Ignored {
    rules: Vec<Rule>,
    /// What is wrong with a comment, and in which line.
    wrong: Vec<(u32, String)>,
}

/// A comment, and what it covers.
#[derive(Debug)]
struct Rule {
    /// The line that it stands in.
    line: u32,
    word: String,
    /// Line and column, the end excluded.
    covers: Range<(u32, u32)>,
    used: bool,
}

/// What a word asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// The next line, or its own.
    Near,
    Line,
    Next,
    Start,
    End,
}

/// A comment in the text.
struct Comment {
    whole: Range<usize>,
    word: String,
    meaning: Option<Meaning>,
}

impl Ignored {
    /// The comments of a document of that format.
    #[must_use]
    pub fn of(content: &[u8], format: &Format) -> Self {
        let has = |word: &str| memmem::find(content, word.as_bytes()).is_some();
        if !has(OURS) && !has(THEIRS) {
            return Self::default();
        }
        let text = String::from_utf8_lossy(content);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let mut comments = comments(text, format);
        comments.sort_by_key(|comment| comment.whole.start);
        Self::read(text, &comments)
    }

    fn read(text: &str, comments: &[Comment]) -> Self {
        let lines = Lines::new(text);
        let mut ignored = Self::default();
        let mut open: Option<(&Comment, u32)> = None;
        for comment in comments {
            let (line, _) = lines.at(comment.whole.start, text);
            let mut cover = |covers: Range<usize>| {
                let from = lines.at(covers.start, text);
                ignored.rules.push(Rule {
                    line,
                    word: comment.word.clone(),
                    covers: from..lines.at(covers.end, text),
                    used: false,
                });
            };
            let own = line_of(text, comment.whole.clone());
            let meaning = match comment.meaning {
                Some(Meaning::Near) if is_alone(text, comment, &own) => Some(Meaning::Next),
                Some(Meaning::Near) => Some(Meaning::Line),
                meaning => meaning,
            };
            match meaning {
                Some(Meaning::Line) => cover(own),
                Some(Meaning::Next) => cover(comment.whole.end..next(text, comment.whole.end)),
                Some(Meaning::Start) if open.is_none() => open = Some((comment, line)),
                Some(Meaning::End) => match open.take() {
                    Some((start, begun)) => {
                        let from = lines.at(start.whole.end, text);
                        ignored.rules.push(Rule {
                            line: begun,
                            word: start.word.clone(),
                            covers: from..lines.at(comment.whole.start, text),
                            used: false,
                        });
                    }
                    None => ignored.wrong(line, &comment.word, "ends nothing"),
                },
                // What is within another one is covered already.
                Some(Meaning::Start | Meaning::Near) => {}
                None => ignored.wrong(line, &comment.word, "is no word that means anything"),
            }
        }
        if let Some((start, line)) = open {
            let from = lines.at(start.whole.end, text);
            ignored.rules.push(Rule {
                line,
                word: start.word.clone(),
                covers: from..(u32::MAX, u32::MAX),
                used: false,
            });
            ignored.wrong(
                line,
                &start.word,
                "has no end: everything below it is ignored",
            );
        }
        ignored
    }

    fn wrong(&mut self, line: u32, word: &str, what: &str) {
        self.wrong.push((line, format!("{word} {what}")));
    }

    /// Is a link at that place not to be judged?
    pub fn covers(&mut self, line: u32, column: u32) -> bool {
        let mut covered = false;
        for rule in &mut self.rules {
            if rule.covers.contains(&(line, column)) {
                rule.used = true;
                covered = true;
            }
        }
        covered
    }

    /// Are there no comments?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.wrong.is_empty()
    }

    /// What there is to say of the comments once all links were asked for: lines, and words to put behind the line.
    #[must_use]
    pub fn complaints(self) -> Vec<(u32, String)> {
        let unused = self.rules.into_iter().filter(|rule| !rule.used);
        let unused = unused.map(|rule| (rule.line, format!("{} covers no link", rule.word)));
        let mut all: Vec<_> = self.wrong.into_iter().chain(unused).collect();
        all.sort();
        all
    }
}

/// The comments of `text` that say anything to us.
fn comments(text: &str, format: &Format) -> Vec<Comment> {
    match format.name {
        "markdown" => {
            let code = code(text, true);
            enclosed(text, "<!--", "-->", &code)
        }
        "mdx" => {
            let code = code(text, false);
            let mut all = enclosed(text, "{/*", "*/}", &code);
            all.extend(enclosed(text, "<!--", "-->", &code));
            all
        }
        "css" => enclosed(text, "/*", "*/", &[]),
        "rst" => lines(text, ".. "),
        "asciidoc" => lines(text, "//"),
        _ => enclosed(text, "<!--", "-->", &[]),
    }
}

/// Comments between two marks, unless they begin in one of the sorted ranges of `code`.
fn enclosed(text: &str, open: &str, close: &str, code: &[Range<usize>]) -> Vec<Comment> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find(open) {
        let begin = from + at;
        let inner = begin + open.len();
        let Some(length) = text[inner..].find(close) else {
            break;
        };
        let end = inner + length + close.len();
        from = end;
        let place = code.partition_point(|range| range.end <= begin);
        if let Some(range) = code.get(place).filter(|range| range.start <= begin) {
            from = range.end;
            continue;
        }
        found.extend(comment(begin..end, &text[inner..inner + length]));
    }
    found
}

/// Comments that are lines with a mark at their beginning.
fn lines(text: &str, mark: &str) -> Vec<Comment> {
    let mut found = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let begin = at + (line.len() - line.trim_start().len());
        let end = at + line.trim_end().len();
        at += line.len();
        if let Some(inner) = line.trim().strip_prefix(mark) {
            found.extend(comment(begin..end, inner));
        }
    }
    found
}

/// What a comment says, if it says anything to us.
fn comment(whole: Range<usize>, inner: &str) -> Option<Comment> {
    let inner = inner.trim_start();
    let length = inner
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .unwrap_or(inner.len());
    let word = &inner[..length];
    if !word.starts_with(OURS) && !word.starts_with(THEIRS) {
        return None;
    }
    let meaning = match word {
        "dragnet-ignore" => Some(Meaning::Near),
        "dragnet-ignore-start" | "markdown-link-check-disable" => Some(Meaning::Start),
        "dragnet-ignore-end" | "markdown-link-check-enable" => Some(Meaning::End),
        "markdown-link-check-disable-line" => Some(Meaning::Line),
        "markdown-link-check-disable-next-line" => Some(Meaning::Next),
        _ => None,
    };
    Some(Comment {
        whole,
        word: word.to_owned(),
        meaning,
    })
}

/// Where `text` is code, sorted. In MDX, `indented` text is none.
fn code(text: &str, indented: bool) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let begin = markdown::front_matter(text);
    let mut skipped = false;
    for (event, range) in
        Parser::new_ext(&text[begin..], pulldown_cmark::Options::empty()).into_offset_iter()
    {
        let range = range.start + begin..range.end + begin;
        match event {
            Event::Code(_) if !skipped => found.push(range),
            Event::Start(Tag::CodeBlock(kind)) => {
                skipped = matches!(kind, CodeBlockKind::Indented) && !indented;
                if !skipped {
                    found.push(range);
                }
            }
            Event::End(TagEnd::CodeBlock) => skipped = false,
            _ => {}
        }
    }
    found.sort_by_key(|range| range.start);
    found
}

/// The lines that `range` stands in, without the end of the last.
fn line_of(text: &str, range: Range<usize>) -> Range<usize> {
    let from = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
    let to = text[range.end..]
        .find('\n')
        .map_or(text.len(), |at| range.end + at);
    from..to
}

/// Is there nothing else in its line? Marks of a quotation are nothing.
fn is_alone(text: &str, comment: &Comment, line: &Range<usize>) -> bool {
    let before = &text[line.start..comment.whole.start];
    let behind = &text[comment.whole.end..line.end];
    let blank = |c: char| c.is_whitespace() || c == '>';
    before.chars().all(blank) && behind.trim().is_empty()
}

/// The end of the next line from `from` that is not blank, and of what begins in it and does not end.
fn next(text: &str, from: usize) -> usize {
    let mut at = from;
    let mut taken = 0;
    let mut open = Open::default();
    // The rest of the comment's own line comes first, and is blank.
    for line in text[from..].split_inclusive('\n') {
        at += line.len();
        let blank = line.trim_matches(|c: char| c.is_whitespace() || c == '>');
        if blank.is_empty() && taken == 0 {
            continue;
        }
        taken += 1;
        open.pass(line);
        if blank.is_empty() || !open.is_any() || taken == LINES {
            break;
        }
    }
    at
}

/// A tag or the text of a link that has begun.
#[derive(Default)]
struct Open {
    tag: bool,
    /// Inside a value of the tag.
    quote: Option<char>,
    brackets: u32,
}

impl Open {
    fn pass(&mut self, line: &str) {
        let mut before = ' ';
        for (at, c) in line.char_indices() {
            match (self.tag, self.quote) {
                (true, Some(quote)) => self.quote = self.quote.filter(|_| c != quote),
                (true, None) if c == '>' => self.tag = false,
                (true, None) if before == '=' && matches!(c, '"' | '\'') => self.quote = Some(c),
                (true, None) => {}
                (false, _) => match c {
                    '<' => {
                        let next = line[at + 1..].chars().next();
                        self.tag = next.is_some_and(|c| c.is_ascii_alphabetic());
                    }
                    '[' => self.brackets += 1,
                    ']' => self.brackets = self.brackets.saturating_sub(1),
                    _ => {}
                },
            }
            before = c;
        }
    }

    fn is_any(&self) -> bool {
        self.tag || self.brackets > 0
    }
}

#[cfg(test)]
mod tests {
    use super::super::for_extension;
    use super::*;

    /// The lines of `text` whose first character is covered, and the complaints.
    fn covered(extension: &str, text: &str) -> (Vec<u32>, Vec<String>) {
        let format = for_extension(extension).expect("a format");
        let mut ignored = Ignored::of(text.as_bytes(), format);
        let count = u32::try_from(text.lines().count()).expect("few lines");
        let lines = (1..=count)
            .filter(|line| ignored.covers(*line, 1))
            .collect();
        let complaints = ignored.complaints().into_iter();
        let complaints = complaints.map(|(line, told)| format!("{line}: {told}"));
        (lines, complaints.collect())
    }

    #[test]
    fn a_comment_covers_the_next_line_or_its_own_or_what_is_between_two() {
        let none: [&str; 0] = [];
        for (extension, text, lines) in [
            ("md", "a\n<!-- dragnet-ignore -->\nb\nc\n", vec![3]),
            (
                "md",
                "a\n\n<!-- dragnet-ignore: why -->\n\nb\n\nc\n",
                vec![4, 5],
            ),
            ("md", "a\nb <!-- dragnet-ignore -->\nc\n", vec![2]),
            ("md", "> <!--dragnet-ignore-->\n> b\n> c\n", vec![2]),
            ("md", "<!-- dragnet-ignore -->\n[a\nb](c)\nd\n", vec![2, 3]),
            (
                "md",
                "a\n<!-- dragnet-ignore-start -->\nb\n\nc\n<!-- dragnet-ignore-end -->\nd\n",
                vec![3, 4, 5],
            ),
            (
                "md",
                "<!-- markdown-link-check-disable -->\nb\n<!-- markdown-link-check-enable-->\n<!-- markdown-link-check-disable-next-line -->\nc\nd\n",
                vec![2, 5],
            ),
            (
                "html",
                "<!-- dragnet-ignore -->\n<a\n title='>'\n href=x>y</a>\n<a href=z>",
                vec![2, 3, 4],
            ),
            ("mdx", "{/* dragnet-ignore */}\n    b\nc\n", vec![2]),
            ("css", "/* dragnet-ignore */\nb\nc\n", vec![2]),
            ("rst", ".. dragnet-ignore\n\nb\n\nc\n", vec![2, 3]),
            (
                "adoc",
                "// dragnet-ignore-start\nb\n// dragnet-ignore-end\nc\n",
                vec![2],
            ),
        ] {
            let (found, complaints) = covered(extension, text);
            assert_eq!(found, lines, "{extension}: {text}");
            assert_eq!(complaints, none, "{text}");
        }
    }

    #[test]
    fn what_is_code_is_no_comment() {
        for text in [
            "```html\n<!-- dragnet-ignore-start -->\n```\nb\n",
            "    <!-- dragnet-ignore-start -->\n\nb\n",
            "`<!-- dragnet-ignore -->`\nb\n",
            "a dragnet-ignore b\nc\n",
        ] {
            assert_eq!(covered("md", text), (vec![], vec![]), "{text}");
        }
    }

    #[test]
    fn a_comment_that_does_nothing_is_told_of() {
        let text = "<!-- dragnet-ignore-end -->\n<!-- dragnet-ignore-next -->\nx\n<!-- dragnet-ignore -->\n";
        let (_, complaints) = covered("md", text);
        let expected = [
            "1: dragnet-ignore-end ends nothing",
            "2: dragnet-ignore-next is no word that means anything",
            "4: dragnet-ignore covers no link",
        ];
        assert_eq!(complaints, expected);
        let (lines, complaints) = covered("html", "a\n<!-- dragnet-ignore-start -->\nb\nc");
        assert_eq!(lines, [3, 4]);
        assert_eq!(
            complaints,
            ["2: dragnet-ignore-start has no end: everything below it is ignored"]
        );
    }
}
