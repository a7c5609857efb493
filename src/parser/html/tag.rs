//! One tag, from `<` to `>`, read as far as it has arrived (HTML standard, sections 13.2.5.6 to 13.2.5.40).
//!
//! What is read is never read again: the rest of a tag that was cut goes on where it stopped. Of the attributes only
//! those are kept that mean something, as places in the tag; of several with one name the first.

use super::name::{Attribute, Word, each};

/// A tag that is read, or was read.
#[derive(Debug)]
pub(super) struct Tag {
    step: Step,
    /// What was read of it, in bytes from its `<`.
    at: usize,
    /// It ends an element.
    pub(super) end: bool,
    /// `/` stands before its `>`.
    pub(super) self_closing: bool,
    word: Word,
    name: (usize, usize),
    /// The attribute that is read.
    attribute: Word,
    attribute_at: (usize, usize),
    value_from: usize,
    /// Where the values stand of the attributes that it has.
    values: [(usize, usize); Attribute::Other as usize],
    has: u32,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Name,
    /// An attribute, or the end.
    Between,
    /// After a `/`.
    Slash,
    Attribute,
    /// After an attribute's name and white space, maybe its `=`.
    Equals,
    Value,
    Quoted(u8),
    Unquoted,
}

impl Tag {
    pub(super) fn new() -> Self {
        Self {
            step: Step::Name,
            at: 0,
            end: false,
            self_closing: false,
            word: Word::default(),
            name: (0, 0),
            attribute: Word::default(),
            attribute_at: (0, 0),
            value_from: 0,
            values: [(0, 0); Attribute::Other as usize],
            has: 0,
        }
    }

    /// Another tag begins, whose name stands behind `<` or `</`.
    #[inline]
    pub(super) fn begin(&mut self, end: bool) {
        let at = if end { 2 } else { 1 };
        self.step = Step::Name;
        self.at = at;
        self.end = end;
        self.self_closing = false;
        self.word = Word::default();
        self.name = (at, at);
        self.has = 0;
    }

    /// Its name.
    #[inline]
    pub(super) fn word(&self) -> Word {
        self.word
    }

    /// Where its name stands in it.
    #[inline]
    pub(super) fn name(&self) -> (usize, usize) {
        self.name
    }

    /// Has it none of the attributes that are looked at?
    #[inline]
    pub(super) fn is_bare(&self) -> bool {
        self.has == 0
    }

    /// Where the value of an attribute stands in it.
    #[inline]
    pub(super) fn value(&self, attribute: Attribute) -> Option<(usize, usize)> {
        if self.has & 1 << attribute as u32 == 0 {
            return None;
        }
        self.values.get(attribute as usize).copied()
    }

    /// Reads on in `bytes`, which begin with the tag's `<`: how long it is, once its `>` is there.
    #[inline]
    pub(super) fn read(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = self.at;
        let mut step = self.step;
        let whole = loop {
            let Some(&byte) = bytes.get(at) else {
                break None;
            };
            match step {
                Step::Name => {
                    let mut word = self.word;
                    at += word.push_letters(&bytes[at..]);
                    while let Some(&byte) = bytes.get(at)
                        && !ends_tag_name(byte)
                    {
                        word.push(byte);
                        at += 1;
                    }
                    self.word = word;
                    self.name.1 = at;
                    if at < bytes.len() {
                        step = Step::Between;
                    }
                }
                Step::Between => match byte {
                    b'>' => break Some(at + 1),
                    b' ' | b'\t' | b'\n' | b'\x0c' | b'\r' => at += 1,
                    b'/' => {
                        at += 1;
                        step = Step::Slash;
                    }
                    _ => {
                        self.attribute = Word::default();
                        self.attribute_at = (at, at);
                        if byte == b'=' {
                            // As the first of a name it is a letter.
                            self.attribute.push(byte);
                            at += 1;
                        }
                        step = Step::Attribute;
                    }
                },
                Step::Slash => {
                    if byte == b'>' {
                        self.self_closing = true;
                        break Some(at + 1);
                    }
                    step = Step::Between;
                }
                Step::Attribute => {
                    let mut word = self.attribute;
                    at += word.push_letters(&bytes[at..]);
                    while let Some(&byte) = bytes.get(at)
                        && !ends_attribute_name(byte)
                    {
                        word.push(byte);
                        at += 1;
                    }
                    self.attribute = word;
                    self.attribute_at.1 = at;
                    match bytes.get(at) {
                        Some(b'=') => {
                            at += 1;
                            step = Step::Value;
                        }
                        Some(_) => step = Step::Equals,
                        None => {}
                    }
                }
                Step::Equals => match byte {
                    b' ' | b'\t' | b'\n' | b'\x0c' | b'\r' => at += 1,
                    b'=' => {
                        at += 1;
                        step = Step::Value;
                    }
                    _ => {
                        let end = self.attribute_at.1;
                        self.keep(bytes, end, end);
                        step = Step::Between;
                    }
                },
                Step::Value => match byte {
                    b' ' | b'\t' | b'\n' | b'\x0c' | b'\r' => at += 1,
                    b'"' | b'\'' => {
                        at += 1;
                        self.value_from = at;
                        step = Step::Quoted(byte);
                    }
                    b'>' => {
                        self.keep(bytes, at, at);
                        break Some(at + 1);
                    }
                    _ => {
                        self.value_from = at;
                        step = Step::Unquoted;
                    }
                },
                Step::Quoted(quote) => match find(quote, &bytes[at..]) {
                    Some(length) => {
                        at += length;
                        self.keep(bytes, self.value_from, at);
                        at += 1;
                        step = Step::Between;
                    }
                    None => at = bytes.len(),
                },
                Step::Unquoted => {
                    while let Some(&byte) = bytes.get(at)
                        && !ends_unquoted(byte)
                    {
                        at += 1;
                    }
                    if at < bytes.len() {
                        self.keep(bytes, self.value_from, at);
                        step = Step::Between;
                    }
                }
            }
        };
        self.at = at;
        self.step = step;
        whole
    }

    /// The attribute that was read has its value there.
    #[inline]
    fn keep(&mut self, bytes: &[u8], from: usize, to: usize) {
        let (name_from, name_to) = self.attribute_at;
        let attribute = Attribute::of(self.attribute, &bytes[name_from..name_to]);
        let bit = 1_u32.checked_shl(attribute as u32).unwrap_or_default();
        if let Some(value) = self.values.get_mut(attribute as usize)
            && self.has & bit == 0
        {
            *value = (from, to);
            self.has |= bit;
        }
    }
}

/// An end tag that has arrived whole and is nothing but its name, as most are: the name, and how long the tag is.
#[inline]
pub(super) fn plain_end(bytes: &[u8]) -> Option<(Word, usize)> {
    let mut word = Word::default();
    let count = word.push_letters(bytes.get(2..)?);
    (bytes.get(2 + count) == Some(&b'>')).then_some((word, count + 3))
}

/// Where the first `byte` stands. Most often it is near, and a search through more has a price before it begins.
#[inline]
pub(super) fn find(byte: u8, bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    for begin in [0, 8] {
        let Some((eight, more)) = rest.split_first_chunk::<8>() else {
            break;
        };
        let other = u64::from_le_bytes(*eight) ^ each(byte);
        // The lowest of its high bits is that of the first byte that is zero.
        let zero = other.wrapping_sub(each(1)) & !other & each(0x80);
        if zero != 0 {
            return Some(begin + zero.trailing_zeros() as usize / 8);
        }
        rest = more;
    }
    memchr::memchr(byte, rest).map(|at| bytes.len() - rest.len() + at)
}

#[inline]
fn ends_unquoted(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\x0c' | b'\r' | b'>')
}

#[inline]
pub(super) fn ends_tag_name(byte: u8) -> bool {
    ends_unquoted(byte) || byte == b'/'
}

#[inline]
fn ends_attribute_name(byte: u8) -> bool {
    ends_tag_name(byte) || byte == b'='
}
