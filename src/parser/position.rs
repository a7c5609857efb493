//! Byte offsets → text, lines and columns, for content that arrives in chunks.
//!
//! A tokenizer speaks of what it reads by offsets in the whole content, of which it has a [`Window`] before it; a [`Place`]
//! counts its way through, once and forward.

use std::cell::Cell;

/// A stretch of the content.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window<'a> {
    pub(super) text: &'a str,
    /// Where it begins in the content.
    pub(super) offset: usize,
}

impl<'a> Window<'a> {
    /// The bytes from one offset to another, as far as they are here.
    fn bytes(self, from: usize, to: usize) -> &'a [u8] {
        let last = self.text.len();
        let to = to.saturating_sub(self.offset).min(last);
        let from = from.saturating_sub(self.offset).min(to);
        &self.text.as_bytes()[from..to]
    }

    /// The text from one offset to another; empty where it is not here or begins inside a character.
    #[inline]
    pub(super) fn text(self, from: usize, to: usize) -> &'a str {
        let range = from
            .checked_sub(self.offset)
            .zip(to.checked_sub(self.offset));
        range
            .and_then(|(from, to)| self.text.get(from..to))
            .unwrap_or_default()
    }
}

/// The lines of a text that is all here. Asked for in ascending order, it counts each character once.
#[derive(Debug)]
pub(super) struct Lines {
    starts: Vec<usize>,
    /// The last answer: an offset, with its line and column.
    last: Cell<(usize, u32, u32)>,
}

impl Lines {
    pub(super) fn new(all: &str) -> Self {
        let ends = memchr::memchr_iter(b'\n', all.as_bytes());
        Self {
            starts: std::iter::once(0).chain(ends.map(|at| at + 1)).collect(),
            last: Cell::new((0, 1, 1)),
        }
    }

    /// The 1-based line and column, in code points, of the byte at `offset` of that same text.
    pub(super) fn at(&self, offset: usize, all: &str) -> (u32, u32) {
        let offset = offset.min(all.len());
        let number = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(number - 1).copied().unwrap_or(0);
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let (from, line, column) = match self.last.get() {
            (from, line, column) if line == number && from <= offset => (from, line, column),
            _ => (start, number, 1),
        };
        let (_, column) = count(&all.as_bytes()[from..offset], line, column);
        self.last.set((offset, number, column));
        (number, column)
    }
}

/// A line and a column, and the offset that they belong to.
#[derive(Debug)]
pub(super) struct Place {
    offset: usize,
    line: u32,
    column: u32,
}

impl Place {
    /// The content begins at `line` and `column`.
    pub(super) fn from(line: u32, column: u32) -> Self {
        Self {
            offset: 0,
            line,
            column,
        }
    }

    /// The 1-based line and column, in code points, of the byte at `offset`; what is past is past.
    pub(super) fn at(&mut self, offset: usize, window: Window<'_>) -> (u32, u32) {
        if offset > self.offset {
            let passed = window.bytes(self.offset, offset);
            (self.line, self.column) = count(passed, self.line, self.column);
            self.offset = offset;
        }
        (self.line, self.column)
    }
}

/// The line and column after `text`. A line ends at LF, as editors and compilers count them.
pub(super) fn count(text: &[u8], line: u32, column: u32) -> (u32, u32) {
    let points = |text: &[u8]| {
        let points = text.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        u32::try_from(points).unwrap_or(u32::MAX)
    };
    match memchr::memrchr(b'\n', text) {
        Some(last) => {
            let lines = memchr::memchr_iter(b'\n', text).count();
            let lines = u32::try_from(lines).unwrap_or(u32::MAX);
            (
                line.saturating_add(lines),
                points(&text[last + 1..]).saturating_add(1),
            )
        }
        None => (line, column.saturating_add(points(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_answer_in_any_order() {
        let text = "aé\nb\u{1f600}c\n";
        let lines = Lines::new(text);
        for (offset, place) in [
            (0, (1, 1)),
            (3, (1, 3)),
            (4, (2, 1)),
            (9, (2, 3)),
            (5, (2, 2)),
            (1, (1, 2)),
            (99, (3, 1)),
        ] {
            assert_eq!(lines.at(offset, text), place, "{offset}");
        }
    }

    #[test]
    fn columns_count_code_points_across_windows() {
        let mut place = Place::from(1, 1);
        let first = Window {
            text: "ab\nü",
            offset: 0,
        };
        assert_eq!(place.at(1, first), (1, 2));
        place.at(5, first);
        let second = Window {
            text: "日x\n\ny",
            offset: 5,
        };
        assert_eq!(place.at(8, second), (2, 3));
        assert_eq!(place.at(11, second), (4, 1));
        assert_eq!(place.at(5, second), (4, 1), "what is past is past");
        assert_eq!(second.text(8, 9), "x");
        assert_eq!(second.text(6, 9), "", "inside a character");
        assert_eq!(second.text(0, 9), "", "it is gone");
    }
}
