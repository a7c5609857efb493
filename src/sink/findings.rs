//! What a report is made of: the records that are not good, or that should say something else, in an order that is the same
//! in every run, and how many records there were.
//!
//! A report is for people who mend things, so of good records only their number is kept; and of the others no more
//! than its readers take, the first ones by their order. How many were left out is counted, for the report to say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::{Options, advice};
use crate::model::{FailureKind, Outcome, Visit};

/// Where the files of a report are found by readers elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Repository {
    /// The folder that paths are told from; absent: the working directory.
    pub root: Option<PathBuf>,
    /// A URL to put such a path behind, with a slash at its end.
    pub browse: Option<String>,
}

impl Repository {
    /// `path` as it stands below the root, with slashes; `None` where it is elsewhere.
    pub(super) fn below(&self, path: &str) -> Option<String> {
        let here = std::env::current_dir().unwrap_or_default();
        let root = self.root.as_deref().unwrap_or(&here);
        let mut plain = PathBuf::new();
        for component in here.join(path).components() {
            match component {
                Component::CurDir => {}
                Component::ParentDir => _ = plain.pop(),
                other => plain.push(other),
            }
        }
        let below = plain.strip_prefix(root).ok()?;
        let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        (!parts.is_empty()).then(|| parts.join("/"))
    }
}

/// What a link stands in, or a record came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// A list, the arguments: the input itself.
    Input,
    /// A local document, by its path.
    File(Arc<str>),
    /// A page, by its URL.
    Page(Arc<str>),
}

/// What was said of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Broken,
    Unknown,
    /// It is good, and has moved for good.
    Moved,
    /// An earlier run knew it already.
    Known,
}

/// A record that somebody has to look at. They sort by verdict, and then by place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    pub(super) origin: Origin,
    /// 1-based; 0: not known.
    pub(super) line: u64,
    /// The same.
    pub(super) column: u32,
    /// As it is written there.
    pub(super) link: String,
    /// What was asked for, with the fragment.
    pub(super) target: String,
    /// The stable name of what is wrong.
    pub(super) kind: &'static str,
    /// The same in words.
    pub(super) reason: String,
    /// What could be written instead.
    pub(super) suggestion: Option<String>,
    /// What helps.
    help: &'static str,
}

impl Finding {
    fn of(visit: &Visit, verdict: Verdict) -> Self {
        let (origin, line, column) = match &visit.source {
            Some(source) => {
                let origin = match (&source.path, &source.url) {
                    (Some(path), _) => Origin::File(Arc::clone(path)),
                    (None, Some(url)) => Origin::Page(Arc::clone(url)),
                    (None, None) => Origin::Input,
                };
                (origin, u64::from(source.line), source.column)
            }
            None => match &visit.referrer {
                Some(page) => (Origin::Page(Arc::clone(page)), 0, 0),
                None => (Origin::Input, visit.line.unwrap_or(0), 0),
            },
        };
        let mut target = visit.url.to_string();
        if let Some(fragment) = &visit.fragment {
            target.push('#');
            target.push_str(fragment);
        }
        let failure = visit.error.as_ref();
        // As where moving is a failure.
        let redirect = (verdict == Verdict::Moved).then_some(FailureKind::Redirect);
        let kind = failure.map(|failure| failure.kind).or(redirect);
        let moved = redirect.and_then(|_| visit.redirects.first());
        let moved = moved.map_or(String::new(), |hop| {
            format!("moved for good ({})", hop.status)
        });
        Self {
            verdict,
            origin,
            line,
            column,
            link: visit.input.as_ref().unwrap_or(&visit.url).to_string(),
            target,
            kind: kind.map_or(visit.outcome.name(), FailureKind::name),
            reason: failure.map_or(moved, |failure| failure.message.to_string()),
            suggestion: visit.suggestion.clone(),
            help: kind.map_or("", |kind| advice::on(kind, visit.status)),
        }
    }

    /// What helps, in a sentence; `quoted` makes text from outside fit to be shown.
    pub(super) fn help(&self, quoted: impl Fn(&str) -> String) -> String {
        match &self.suggestion {
            Some(instead) => format!("Write {} instead.", quoted(instead)),
            None => self.help.to_owned(),
        }
    }

    /// What helps against all of its kind.
    pub(super) fn advice(&self) -> &'static str {
        self.help
    }

    /// `path:line:column`, as far as it is known; empty for what came from nowhere.
    pub(super) fn place(&self) -> String {
        let (line, column) = (self.line, self.column);
        match &self.origin {
            Origin::Input if line == 0 => String::new(),
            Origin::Input => format!("line {line}"),
            Origin::File(name) | Origin::Page(name) if line == 0 => name.to_string(),
            Origin::File(name) | Origin::Page(name) => format!("{name}:{line}:{column}"),
        }
    }
}

/// How many records there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Without those that have moved.
    pub(super) ok: u64,
    pub(super) moved: u64,
    /// Without those that are known.
    pub(super) broken: u64,
    pub(super) known: u64,
    pub(super) unknown: u64,
    pub(super) excluded: u64,
}

impl Counts {
    pub(super) fn all(self) -> u64 {
        self.ok + self.moved + self.broken + self.known + self.unknown + self.excluded
    }

    fn add(&mut self, visit: &Visit) {
        *match visit.outcome {
            _ if visit.known => &mut self.known,
            Outcome::Ok if visit.suggestion.is_some() => &mut self.moved,
            Outcome::Ok => &mut self.ok,
            Outcome::Broken => &mut self.broken,
            Outcome::Unknown => &mut self.unknown,
            Outcome::Excluded => &mut self.excluded,
        } += 1;
    }
}

/// Takes the records of a run in.
#[derive(Debug)]
pub(super) struct Findings {
    most: usize,
    /// What could not be judged makes the run fail too.
    pub(super) strict: bool,
    kept: BTreeSet<Finding>,
    pub(super) counts: Counts,
    /// The same for each document that links stand in.
    pub(super) documents: BTreeMap<Origin, Counts>,
    /// Findings that are not kept.
    pub(super) left_out: u64,
}

impl Findings {
    /// Of which `most` are kept.
    pub(super) fn new(most: usize, options: &Options) -> Self {
        Self {
            most,
            strict: options.strict,
            kept: BTreeSet::new(),
            counts: Counts::default(),
            documents: BTreeMap::new(),
            left_out: 0,
        }
    }

    pub(super) fn add(&mut self, visit: &Visit) {
        self.counts.add(visit);
        if let Some(source) = &visit.source {
            let origin = match (&source.path, &source.url) {
                (Some(path), _) => Origin::File(Arc::clone(path)),
                (None, Some(url)) => Origin::Page(Arc::clone(url)),
                (None, None) => Origin::Input,
            };
            self.documents.entry(origin).or_default().add(visit);
        }
        let verdict = match visit.outcome {
            _ if visit.known => Verdict::Known,
            Outcome::Broken => Verdict::Broken,
            Outcome::Unknown => Verdict::Unknown,
            Outcome::Ok if visit.suggestion.is_some() => Verdict::Moved,
            Outcome::Ok | Outcome::Excluded => return,
        };
        self.kept.insert(Finding::of(visit, verdict));
        if self.kept.len() > self.most {
            self.kept.pop_last();
            self.left_out += 1;
        }
    }

    /// Does it make the run fail?
    pub(super) fn fails(&self, finding: &Finding) -> bool {
        match finding.verdict {
            Verdict::Broken => true,
            Verdict::Unknown => self.strict,
            Verdict::Moved | Verdict::Known => false,
        }
    }

    /// Those that are kept, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.kept.iter()
    }

    /// What the records are called: links where they stand in documents.
    pub(super) fn noun(&self, count: u64) -> &'static str {
        match (self.documents.is_empty(), count) {
            (false, 1) => "link",
            (false, _) => "links",
            (true, 1) => "URL",
            (true, _) => "URLs",
        }
    }
}

/// A path as a relative reference: every part percent-encoded (RFC 3986, section 3.3).
pub(super) fn reference(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(byte.into());
            }
            other => {
                // Writing to a string does not fail.
                let _ = write!(out, "%{other:02X}");
            }
        }
    }
    out
}

/// Does `path` begin at the root of the disk?
pub(super) fn is_absolute(path: &str) -> bool {
    Path::new(path).is_absolute()
}

#[cfg(test)]
mod tests {
    use super::super::tests::broken_link;
    use super::*;

    #[test]
    fn whatever_the_order_of_the_records_the_same_ones_are_kept() {
        let visits: Vec<_> = (0..50_u32)
            .map(|number| broken_link(&format!("p{}.md", number % 7), number + 1, "x"))
            .collect();
        let kept = |visits: &mut dyn Iterator<Item = &Visit>| {
            let mut findings = Findings::new(10, &Options::default());
            visits.for_each(|visit| findings.add(visit));
            assert_eq!(findings.left_out, 40);
            findings.iter().cloned().collect::<Vec<_>>()
        };
        let forwards = kept(&mut visits.iter());
        assert_eq!(forwards.len(), 10);
        assert_eq!(kept(&mut visits.iter().rev()), forwards);
        assert!(forwards[0].place().starts_with("p0.md:1:"));
    }

    #[test]
    fn a_path_is_told_from_the_root_of_its_repository() {
        let here = std::env::current_dir().expect("a folder");
        let above = Repository {
            root: here.parent().map(Path::to_owned),
            browse: None,
        };
        let name = here.file_name().expect("a name").to_string_lossy();
        assert_eq!(above.below("a/../b.md"), Some(format!("{name}/b.md")));
        assert_eq!(
            Repository::default().below("./b.md").as_deref(),
            Some("b.md")
        );
        assert_eq!(Repository::default().below("/elsewhere/b.md"), None);
        assert_eq!(reference("a b/ü#.md"), "a%20b/%C3%BC%23.md");
    }
}
