//! Byte offsets → lines and columns, for content that arrives in chunks.
//!
//! Questions come in the order of the document, a little behind what has arrived; what lies before the last
//! question is counted once and forgotten.

/// Content that may still be asked about, beyond which a tokenizer has given up on a tag anyway.
const WINDOW: usize = 1 << 20;

/// Counts lines and columns up to the last offset that was asked about.
#[derive(Debug)]
pub(super) struct Positions {
    window: Vec<u8>,
    /// The offset of the window's first byte; what `line` and `column` belong to.
    offset: usize,
    line: u32,
    column: u32,
}

impl Positions {
    /// Beginning at `line` and `column`.
    pub(super) fn from(line: u32, column: u32) -> Self {
        Self {
            window: Vec::new(),
            offset: 0,
            line,
            column,
        }
    }

    /// More content has arrived.
    pub(super) fn extend(&mut self, text: &[u8]) {
        if self.window.len() > WINDOW {
            self.at(self.offset + self.window.len() - WINDOW / 2);
        }
        self.window.extend_from_slice(text);
    }

    /// The 1-based line and column, in code points, of the byte at `offset`.
    pub(super) fn at(&mut self, offset: usize) -> (u32, u32) {
        let passed = offset.saturating_sub(self.offset).min(self.window.len());
        let (line, column) = count(&self.window[..passed], self.line, self.column);
        (self.line, self.column) = (line, column);
        self.offset += passed;
        self.window.drain(..passed);
        (line, column)
    }
}

/// The line and column after `text`.
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
        let mut positions = Positions::from(1, 1);
        positions.extend("ab\nü".as_bytes());
        assert_eq!(positions.at(1), (1, 2));
        positions.extend("日x\n\ny".as_bytes());
        assert_eq!(positions.at(8), (2, 3));
        assert_eq!(positions.at(11), (4, 1));
        assert_eq!(positions.at(5), (4, 1), "what is past is past");
    }
}
