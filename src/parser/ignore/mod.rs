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
//!
//! | file | decides |
//! | --- | --- |
//! | `arriving` | which comments content has that comes piece by piece |

mod arriving;

use std::ops::Range;

use memchr::memmem;
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

use super::position::{Lines, count};
use super::{Format, markdown};
use crate::model::Ignored;

pub(super) use arriving::Watched;

/// With these every word begins.
const OURS: &str = "dragnet-ignore";
const THEIRS: &str = "markdown-link-check-";

/// A link that is written over more lines than this is not covered to its end.
const LINES: usize = 20;

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

/// Where in a document a text begins.
#[derive(Debug, Clone, Copy)]
struct Begin {
    line: u32,
    column: u32,
    /// Nothing but white space and marks of quotations stands before it in its line.
    blank: bool,
}

impl Default for Begin {
    fn default() -> Self {
        Self {
            line: 1,
            column: 1,
            blank: true,
        }
    }
}

impl Begin {
    /// It begins behind `text` now.
    fn pass(&mut self, text: &[u8]) {
        let first = (self.line, self.column) == (1, 1);
        let bare = text.strip_prefix("\u{feff}".as_bytes()).filter(|_| first);
        let text = bare.unwrap_or(text);
        (self.line, self.column) = count(text, self.line, self.column);
        let start = memchr::memrchr(b'\n', text).map(|end| end + 1);
        let last = &text[start.unwrap_or(0)..];
        let blank = |byte: &u8| is_blank(char::from(*byte));
        self.blank = (self.blank || start.is_some()) && last.iter().all(blank);
    }

    /// A line and column of the text, in the document.
    fn place(self, (line, column): (u32, u32)) -> (u32, u32) {
        let before = if line == 1 { self.column - 1 } else { 0 };
        let line = line.saturating_add(self.line - 1);
        (line, column.saturating_add(before))
    }
}

/// White space, and marks of quotations.
fn is_blank(c: char) -> bool {
    c.is_ascii_whitespace() || c == '>'
}

/// The comments of a document of that format, if it has any.
#[must_use]
pub fn of(content: &[u8], format: &Format) -> Option<Ignored> {
    let has = |word: &str| memmem::find(content, word.as_bytes()).is_some();
    let any = has(OURS) || has(THEIRS);
    any.then(|| read(content, Begin::default(), format))?
}

/// The same of the end of a document, from `begin` on.
fn read(content: &[u8], begin: Begin, format: &Format) -> Option<Ignored> {
    let text = String::from_utf8_lossy(content);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut comments = comments(text, format);
    comments.sort_by_key(|comment| comment.whole.start);
    (!comments.is_empty()).then(|| meant(text, begin, &comments))
}

/// What the comments of a text cover.
fn meant(text: &str, begin: Begin, comments: &[Comment]) -> Ignored {
    let lines = Lines::new(text);
    let at = |offset: usize| begin.place(lines.at(offset, text));
    let mut ignored = Ignored::default();
    let mut open: Option<(&Comment, u32)> = None;
    for comment in comments {
        let Comment {
            whole,
            word,
            meaning,
        } = comment;
        let (line, _) = at(whole.start);
        let own = line_of(text, whole.clone());
        let meaning = match meaning {
            Some(Meaning::Near) if is_alone(text, begin, comment, &own) => Some(Meaning::Next),
            Some(Meaning::Near) => Some(Meaning::Line),
            meaning => *meaning,
        };
        match meaning {
            // Of a line that the text begins in, what is before belongs to it.
            Some(Meaning::Line) => {
                ignored.cover(line, word, (at(own.start).0, 1)..at(own.end));
            }
            Some(Meaning::Next) => {
                ignored.cover(line, word, at(whole.end)..at(next(text, whole.end)));
            }
            Some(Meaning::Start) if open.is_none() => open = Some((comment, line)),
            Some(Meaning::End) => match open.take() {
                Some((start, begun)) => {
                    ignored.cover(begun, &start.word, at(start.whole.end)..at(whole.start));
                }
                None => ignored.wrong(line, word, "ends nothing"),
            },
            // What is within another one is covered already.
            Some(Meaning::Start | Meaning::Near) => {}
            None => ignored.wrong(line, word, "is no word that means anything"),
        }
    }
    if let Some((start, line)) = open {
        let covers = at(start.whole.end)..(u32::MAX, u32::MAX);
        ignored.cover(line, &start.word, covers);
        let what = "has no end: everything below it is ignored";
        ignored.wrong(line, &start.word, what);
    }
    ignored
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

/// Are the comments of that format found as it arrives? The others need the whole of it, or have other marks.
fn is_streamed(format: &Format) -> bool {
    matches!(format.name, "html" | "sitemap" | "text")
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
fn is_alone(text: &str, begin: Begin, comment: &Comment, line: &Range<usize>) -> bool {
    let before = &text[line.start..comment.whole.start];
    let behind = &text[comment.whole.end..line.end];
    let blank = before.chars().all(is_blank) && (line.start > 0 || begin.blank);
    blank && behind.trim().is_empty()
}

/// The end of the next line from `from` that is not blank, and of what begins in it and does not end.
fn next(text: &str, from: usize) -> usize {
    let mut at = from;
    let mut taken = 0;
    let mut open = Open::default();
    // The rest of the comment's own line comes first, and is blank.
    for line in text[from..].split_inclusive('\n') {
        at += line.len();
        let blank = line.trim_matches(is_blank);
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
        let mut ignored = of(text.as_bytes(), format).unwrap_or_default();
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
