//! Where the links of a document are not to be judged, because a comment in it says so.

use std::ops::Range;

/// The comments of a document that say which of its links are not to be judged.
#[derive(Debug, Clone, Default)]
pub struct Ignored {
    rules: Vec<Rule>,
    /// What is wrong with a comment, and in which line.
    wrong: Vec<(u32, String)>,
}

/// A comment, and what it covers.
#[derive(Debug, Clone)]
struct Rule {
    /// The line that it stands in.
    line: u32,
    word: String,
    covers: Range<(u32, u32)>,
    used: bool,
}

impl Ignored {
    /// Takes a comment in: `word` in `line` covers the links from one line and column to another, the end excluded.
    pub fn cover(&mut self, line: u32, word: &str, covers: Range<(u32, u32)>) {
        self.rules.push(Rule {
            line,
            word: word.to_owned(),
            covers,
            used: false,
        });
    }

    /// Something is wrong with `word` in `line`.
    pub fn wrong(&mut self, line: u32, word: &str, what: &str) {
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
