//! Links to what has moved for good: what they should say instead, and what is made of them (`--redirects`).
//!
//! Only a permanent redirect says that a link is out of date (RFC 9110, sections 15.4.2 and 15.4.9). What redirects for
//! the moment is right as it is, and so is everything behind it: the suggestion ends where the first such redirect begins.

use crate::model::{Failure, FailureKind, Outcome, Visit};
use crate::policy::redirect;

/// What is made of links to what has moved for good.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Moved {
    /// Nothing: they lead where they should.
    #[default]
    Allow,
    /// They are good, and their records say what they should say instead.
    Warn,
    /// They are broken, and their records say so too.
    Error,
}

impl Moved {
    /// May there be something to say of links to a target with that record?
    pub(super) fn may_speak_of(self, visit: &Visit) -> bool {
        self != Self::Allow && !visit.redirects.is_empty()
    }

    /// Puts it into the record of a link with this fragment. `editable`: what the link should say can be written in its
    /// place, which is not so where the user put another URL there.
    pub(super) fn judge(
        self,
        visit: &mut Visit,
        fragment: Option<&str>,
        editable: impl Fn() -> bool,
    ) {
        if self == Self::Allow || visit.outcome != Outcome::Ok {
            return;
        }
        let Some(instead) = instead(visit, fragment) else {
            return;
        };
        if self == Self::Error {
            let status = visit.redirects.first().map_or(301, |hop| hop.status);
            let message = format!("moved for good ({status})");
            visit.fail(Failure::new(FailureKind::Redirect, message));
        }
        visit.suggestion = Some(instead).filter(|_| editable());
    }
}

/// What a link should say whose target, with this record, has moved for good.
pub(super) fn instead(visit: &Visit, fragment: Option<&str>) -> Option<String> {
    let (url, own) = redirect::moved_to(&visit.redirects, visit.final_url.as_deref()?)?;
    let fragment = own.or(fragment).filter(|fragment| !fragment.is_empty());
    let fragment = fragment.map_or(String::new(), |fragment| format!("#{fragment}"));
    Some(format!("{url}{fragment}"))
}
