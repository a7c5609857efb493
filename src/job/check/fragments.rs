//! Which fragments are looked up, and what of them a document lacks.

use super::anchors::Anchors;
use crate::model::{Failure, FailureKind, Outcome};
use crate::parser::directive::{TextDirective, directives};
use crate::parser::fragment;

/// Which fragments are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragments {
    /// Names of places in a document.
    pub anchors: bool,
    /// What is quoted of its text (`#:~:text=…`).
    pub texts: bool,
}

impl Default for Fragments {
    fn default() -> Self {
        Self {
            anchors: true,
            texts: false,
        }
    }
}

impl Fragments {
    /// None at all.
    pub const NONE: Self = Self {
        anchors: false,
        texts: false,
    };

    /// Is any?
    #[must_use]
    pub fn any(self) -> bool {
        self != Self::NONE
    }

    /// What has to be looked up of a fragment.
    pub(super) fn of(self, fragment: &str) -> Sought<'_> {
        Sought {
            anchor: fragment::anchor(fragment).filter(|_| self.anchors),
            texts: if self.texts {
                directives(fragment).collect()
            } else {
                Vec::new()
            },
        }
    }
}

/// What has to be looked up in a document.
#[derive(Debug, Default)]
pub(super) struct Sought<'a> {
    anchor: Option<&'a str>,
    texts: Vec<TextDirective>,
}

impl<'a> Sought<'a> {
    /// Is there anything?
    pub(super) fn is_nothing(&self) -> bool {
        self.anchor.is_none() && self.texts.is_empty()
    }

    /// What must be known of the document for it.
    pub(super) fn wants(&self) -> Wants {
        Wants {
            content: !self.is_nothing(),
            text: !self.texts.is_empty(),
        }
    }

    /// The anchor that a document with these `anchors` lacks.
    pub(super) fn lacks(&self, anchors: &Anchors) -> Option<&'a str> {
        self.anchor.filter(|anchor| !anchors.hold(anchor))
    }

    /// What a document with these `anchors` lacks of it, in words.
    fn missing(&self, anchors: &Anchors) -> Option<String> {
        if let Some(anchor) = self.lacks(anchors) {
            return Some(format!("nothing in the document has the anchor #{anchor}"));
        }
        let missing = self.texts.iter().find(|text| !anchors.quote(text))?;
        let written = missing.written();
        Some(format!("nothing in the document reads \"{written}\""))
    }

    /// The verdict on a link to a document with these `anchors` that lacks something of it; `onward`: those of the one that it
    /// leads on to, where they are known.
    pub(super) fn judge(
        &self,
        anchors: &Anchors,
        onward: Option<&Anchors>,
    ) -> Option<(Outcome, Failure)> {
        let missing = self.missing(anchors)?;
        let (mut message, anchors) = match onward {
            None => (missing, anchors),
            Some(next) => {
                let missing = self.missing(next)?;
                (format!("{missing}, nor in the one before it"), next)
            }
        };
        let mut outcome = Outcome::Broken;
        if let Some(doubt) = anchors.doubt(self.lacks(anchors)) {
            message.push_str(", but ");
            message.push_str(doubt);
            outcome = Outcome::Unknown;
        }
        Some((outcome, Failure::new(FailureKind::Fragment, message)))
    }
}

/// What must be known of a target beyond whether it is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wants {
    /// What it says.
    pub(super) content: bool,
    /// Its text too.
    pub(super) text: bool,
}

impl Wants {
    pub(super) fn add(&mut self, other: Self) {
        self.content |= other.content;
        self.text |= other.text;
    }
}
