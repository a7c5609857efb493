//! The words of a document as 128 bits, of which two documents share the more the more they have in common: minwise
//! hashing with one permutation (Li, Owen and Zhang 2012), one bit of each value (Li and König 2010), empty places filled
//! from others (Shrivastava 2017).
//!
//! What counts is which pairs of neighbouring words there are, and not how often: pages of one template repeat its words
//! by the hundred, and are not alike for it. Where of all the pairs of two documents the share `s` is in both, a bit
//! differs by a chance of `(1 - s) / 2`. Words that begin with a digit are passed over: dates, prices and counters are what
//! differs between pages that are the same to a reader. A few words come to no sketch, because anything is like them. No word
//! is held. The hash is not keyed: a page that pretends to be another one only hides itself.

/// Fewer words than this say nothing about a page.
const FEW: u64 = 50;

/// Places, and bits of a sketch.
const PLACES: usize = 128;

/// No pair fell in that place.
const EMPTY: u64 = u64::MAX;

/// The words of text that arrives.
pub(super) struct Sketch {
    /// The least of the pairs that fell in each place.
    least: Vec<u64>,
    words: u64,
    /// The word before.
    last: u64,
    /// The word that has begun.
    word: u64,
    /// It begins with a digit.
    number: bool,
}

/// No word.
const NONE: u64 = 0;

impl Sketch {
    pub(super) fn new() -> Self {
        Self {
            least: vec![EMPTY; PLACES],
            words: 0,
            last: NONE,
            word: NONE,
            number: false,
        }
    }

    /// The next text; a word may go on in what follows.
    pub(super) fn write(&mut self, text: &str) {
        for c in text.chars() {
            if c.is_ascii() {
                let c = c.to_ascii_lowercase();
                self.letter(c, c.is_ascii_alphanumeric());
            } else if stands_alone(c) {
                self.end_word();
                self.letter(c, true);
                self.end_word();
            } else {
                for c in c.to_lowercase() {
                    self.letter(c, c.is_alphanumeric());
                }
            }
        }
    }

    fn letter(&mut self, c: char, belongs: bool) {
        if !belongs {
            self.end_word();
            return;
        }
        // FNV-1a, by characters.
        if self.word == NONE {
            self.number = c.is_numeric();
            self.word = 0xCBF2_9CE4_8422_2325;
        }
        let word = (self.word ^ u64::from(c)).wrapping_mul(0x0100_0000_01B3);
        self.word = word.max(1);
    }

    /// What follows does not belong to the word that has begun.
    pub(super) fn end_word(&mut self) {
        let word = std::mem::replace(&mut self.word, NONE);
        if word == NONE || self.number {
            return;
        }
        let before = std::mem::replace(&mut self.last, word);
        self.words += 1;
        if before != NONE {
            let pair = mixed(before.rotate_left(1) ^ mixed(word));
            let least = &mut self.least[place(pair)];
            *least = (pair >> 7).min(*least);
        }
    }

    /// The bits, unless there are too few words.
    pub(super) fn finish(mut self) -> Option<u128> {
        self.end_word();
        if self.words < FEW {
            return None;
        }
        let mut bits = 0;
        for at in 0..PLACES {
            let mut value = self.least[at];
            let mut tries = 0;
            while value == EMPTY {
                // At least one has a value.
                tries += 1;
                value = self.least[place(mixed((at as u64) << 32 | tries))];
            }
            bits |= u128::from(mixed(value) & 1) << at;
        }
        Some(bits)
    }
}

fn place(number: u64) -> usize {
    usize::from(number.to_le_bytes()[0]) % PLACES
}

/// Scripts without spaces between words: Thai and its neighbours, Chinese, Japanese.
fn stands_alone(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

/// Spreads a number over all its bits (the end of splitmix64).
fn mixed(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ number >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sketch(text: &str) -> Option<u128> {
        let mut sketch = Sketch::new();
        sketch.write(text);
        sketch.finish()
    }

    /// Words that are different for each seed.
    fn words(seed: u64, count: u64) -> Vec<String> {
        let word = |n| format!("w{:x}", mixed(seed * 1_000_003 + n) % 5000);
        (1..=count).map(word).collect()
    }

    fn distance(a: &[String], b: &[String]) -> u32 {
        let [a, b] = [a, b].map(|words| sketch(&words.join(" ")).unwrap());
        (a ^ b).count_ones()
    }

    #[test]
    fn the_more_words_are_the_same_the_more_bits_are() {
        let (mut near, mut tenth) = (0, 0);
        for seed in 1..=100 {
            let page = words(seed, 500);
            let with = |every: usize| {
                let mut page = page.clone();
                let changed = page.iter_mut().step_by(every);
                changed.for_each(|word| word.push('x'));
                page
            };
            near += distance(&page, &with(250));
            tenth += distance(&page, &with(20));
            let foreign = distance(&page, &words(seed + 100, 500));
            assert!((40..=88).contains(&foreign), "{foreign}");
        }
        // Of 500 pairs 4 are others, which is 1 of 64 bits at most; of a tenth, it is 12 of 128.
        assert!(near < 150, "{near} of 12,800 bits");
        assert!((800..1600).contains(&tenth), "{tenth}");
    }

    #[test]
    fn what_a_template_repeats_does_not_make_pages_alike() {
        let template = words(7, 40).join(" ");
        let page = |seed| format!("{} {}", words(seed, 100).join(" "), template.repeat(50));
        for seed in 10..30 {
            let [one, two] = [seed, seed + 50].map(|seed| sketch(&page(seed)).unwrap());
            let distance = (one ^ two).count_ones();
            assert!(distance > 20, "{distance}");
        }
    }

    #[test]
    fn case_numbers_punctuation_and_the_cut_do_not_matter() {
        let text = "Grüße an 17 Leute, „heute“ um 12:30 — 見よ道 and so on. ".repeat(10);
        let plain = sketch(&text);
        assert!(plain.is_some());
        let other = text.replace("17", "99").replace("12:30", "8:05");
        let other = other.to_uppercase().replace("SS", "ß");
        assert_eq!(sketch(&other), plain);
        let mut pieces = Sketch::new();
        for c in text.chars() {
            pieces.write(c.encode_utf8(&mut [0; 4]));
        }
        assert_eq!(pieces.finish(), plain);
    }

    #[test]
    fn a_few_words_come_to_nothing() {
        assert_eq!(sketch(&words(1, FEW - 1).join(" ")), None);
        assert!(sketch(&words(1, FEW).join(" ")).is_some());
        assert_eq!(sketch(&"1 2 3 ".repeat(1000)), None);
        assert!(sketch(&"見".repeat(60)).is_some());
    }
}
