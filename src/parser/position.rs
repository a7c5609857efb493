//! Byte offsets → text, lines and columns, for content that arrives in chunks.
//!
//! A tokenizer speaks of what it has read by offsets, a little behind what has arrived. A [`Window`] keeps that
//! stretch, and a [`Place`] counts its way through it, once and forward.

/// The stretch of the content that a tokenizer may still speak of.
#[derive(Debug)]
pub(super) struct Window {
    bytes: Vec<u8>,
    /// The offset in the content of the first of `bytes`.
    offset: usize,
    /// Nothing before this offset is asked about any more.
    passed: usize,
    /// How far behind the end of the content a question can reach.
    reach: usize,
}

/// What has been passed is dropped when there is this much of it, so that dropping costs less than reading.
const SPENT: usize = 64 << 10;

impl Window {
    /// `reach`: how many bytes behind the end of the content a question can reach.
    pub(super) fn new(reach: usize) -> Self {
        Self {
            bytes: Vec::new(),
            offset: 0,
            passed: 0,
            reach,
        }
    }

    /// More content has arrived. `place` is brought along where what it stands on is dropped.
    pub(super) fn extend(&mut self, text: &str, place: &mut Place) {
        let end = self.offset + self.bytes.len();
        let from = self.passed.max(end.saturating_sub(self.reach));
        let spent = from - self.offset;
        if spent > SPENT && spent > self.bytes.len() / 2 {
            place.at(from, self);
            self.bytes.drain(..spent);
            self.offset = from;
        }
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Questions about what is before `offset` are over.
    pub(super) fn pass(&mut self, offset: usize) {
        self.passed = self.passed.max(offset);
    }

    /// The bytes from one offset to another, as far as they are here.
    pub(super) fn bytes(&self, from: usize, to: usize) -> &[u8] {
        let last = self.bytes.len();
        let to = to.saturating_sub(self.offset).min(last);
        let from = from.saturating_sub(self.offset).min(to);
        &self.bytes[from..to]
    }

    /// The text from one offset to another; empty where it is not here or begins inside a character.
    pub(super) fn text(&self, from: usize, to: usize) -> &str {
        std::str::from_utf8(self.bytes(from, to)).unwrap_or_default()
    }

    /// All the text from `offset` on; empty when its beginning is gone.
    pub(super) fn rest(&self, offset: usize) -> &str {
        if offset < self.offset {
            return "";
        }
        self.text(offset, usize::MAX)
    }

    /// The text from `offset` up to the first byte that `ends` it.
    pub(super) fn word(&self, offset: usize, ends: impl Fn(u8) -> bool) -> &str {
        let rest = self.bytes(offset, usize::MAX);
        let length = rest.iter().position(|byte| ends(*byte));
        self.text(offset, offset + length.unwrap_or(rest.len()))
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
    pub(super) fn at(&mut self, offset: usize, window: &Window) -> (u32, u32) {
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
    fn columns_count_code_points_across_chunks() {
        let mut window = Window::new(1 << 20);
        let mut place = Place::from(1, 1);
        window.extend("ab\nü", &mut place);
        assert_eq!(place.at(1, &window), (1, 2));
        window.extend("日x\n\ny", &mut place);
        assert_eq!(place.at(8, &window), (2, 3));
        assert_eq!(place.at(11, &window), (4, 1));
        assert_eq!(place.at(5, &window), (4, 1), "what is past is past");
    }

    #[test]
    fn what_was_passed_is_dropped_and_still_counted() {
        let mut window = Window::new(SPENT);
        let mut place = Place::from(1, 1);
        let line = "é".repeat(49) + "\n";
        for number in 0..10_000_usize {
            window.extend(&line, &mut place);
            window.pass((number + 1) * line.len());
        }
        assert!(window.bytes.len() < 3 * SPENT, "{}", window.bytes.len());
        window.extend("éx", &mut place);
        let offset = 10_000 * line.len() + 2;
        assert_eq!(place.at(offset, &window), (10_001, 2));
        assert_eq!(window.text(offset, offset + 1), "x");
        assert_eq!(window.text(0, 4), "", "it is gone");
    }
}
