//! Links written anew where they stand: everything else of a document stays as it is, byte for byte.
//!
//! A link is named by its place and its reference, as the parser has found it, so that only what was judged is changed. It
//! keeps the quotes and the spelling of its surroundings; one by reference is changed in its definition, once. Deliberately
//! absent: links that no reader of the source would look for there, as in JSX, and those of a `srcdoc` that has a `base`.

mod html;
mod markdown;

use std::collections::HashMap;
use std::ops::Range;

use super::position::Lines;
use super::{Format, Options};

/// A link that shall be written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amendment {
    /// 1-based.
    pub line: u32,
    /// 1-based, in code points.
    pub column: u32,
    /// As the document means it.
    pub reference: String,
    /// The same, of what it shall be.
    pub new: String,
}

/// A stretch of a text, and what shall stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// In bytes; edits do not overlap and are in order.
    pub written: Range<usize>,
    /// Instead of it.
    pub new: String,
    /// Which of the amendments that does.
    pub does: Vec<usize>,
}

/// Is there a way to write links anew in documents of that kind?
#[must_use]
pub fn is_possible(format: &Format) -> bool {
    matches!(format.name, "html" | "markdown")
}

/// The edits that make `amendments` of a document in that format. What cannot be done is left out.
#[must_use]
pub fn edits(
    format: &Format,
    text: &str,
    options: &Options,
    amendments: &[Amendment],
) -> Vec<Edit> {
    let mut wanted = Wanted::of(text, amendments);
    match format.name {
        "html" => html::amend(0..text.len(), &mut wanted),
        "markdown" => markdown::amend(options, &mut wanted),
        _ => {}
    }
    wanted.finish()
}

/// `text` with the edits made.
#[must_use]
pub fn edited(text: &str, edits: &[Edit]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for edit in edits {
        out.push_str(text.get(from..edit.written.start).unwrap_or_default());
        out.push_str(&edit.new);
        from = edit.written.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

/// What shall be written anew in a text, and what was done of it.
struct Wanted<'a> {
    text: &'a str,
    lines: Lines,
    amendments: &'a [Amendment],
    by_place: HashMap<(u32, u32), Vec<usize>>,
    edits: Vec<Edit>,
}

impl<'a> Wanted<'a> {
    fn of(text: &'a str, amendments: &'a [Amendment]) -> Self {
        let mut by_place: HashMap<_, Vec<usize>> = HashMap::new();
        for (number, amendment) in amendments.iter().enumerate() {
            let place = (amendment.line, amendment.column);
            by_place.entry(place).or_default().push(number);
        }
        Self {
            text,
            lines: Lines::new(text),
            amendments,
            by_place,
            edits: Vec::new(),
        }
    }

    /// What shall become of the link that stands at `offset` and means `reference`.
    fn find(&self, offset: usize, reference: &str) -> Option<(usize, &'a str)> {
        let numbers = self.by_place.get(&self.lines.at(offset, self.text))?;
        let mut numbers = numbers.iter().copied();
        let number = numbers.find(|number| self.amendments[*number].reference == reference)?;
        Some((number, self.amendments[number].new.as_str()))
    }

    /// Amendment `number` is done by writing `new` there.
    fn put(&mut self, written: Range<usize>, new: String, number: usize) {
        let does = vec![number];
        self.edits.push(Edit { written, new, does });
    }

    fn finish(mut self) -> Vec<Edit> {
        self.edits
            .sort_by_key(|edit| (edit.written.start, edit.written.end));
        let mut edits: Vec<Edit> = Vec::with_capacity(self.edits.len());
        for mut edit in self.edits {
            match edits.last_mut() {
                // A definition that several links use.
                Some(last) if last.written == edit.written && last.new == edit.new => {
                    last.does.append(&mut edit.does);
                }
                Some(last) if last.written.end > edit.written.start => {}
                _ => edits.push(edit),
            }
        }
        edits
    }
}

#[cfg(test)]
mod tests;
