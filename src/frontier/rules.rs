//! What is known of an origin's robots.txt, and the errand for it.

use std::rc::Rc;

use tokio::time::Instant;
use url::{Position, Url};

use super::{Errand, Task};
use crate::model::{Failure, FailureKind, Origin, Target};
use crate::policy::robots::Robots;

/// What is known of an origin's robots.txt.
pub(super) enum Rules {
    Unasked,
    /// A request for it is queued, leased or on its way through redirects.
    Asked,
    Known {
        answer: Known,
        until: Instant,
    },
}

/// What asking brought.
pub(super) enum Known {
    Robots(Rc<Robots>),
    Dead(Failure),
}

impl Known {
    /// Why `url` may not be asked for, if it may not.
    pub(super) fn forbids(&self, url: &Url) -> Option<Failure> {
        match self {
            Self::Dead(failure) => Some(failure.clone()),
            Self::Robots(robots) => {
                let path = &url[Position::BeforePath..Position::AfterQuery];
                let rule = robots.judge(path);
                (!rule.allowed).then(|| Failure::new(FailureKind::Robots, rule.reason()))
            }
        }
    }
}

/// The request for the robots.txt of a task's origin (RFC 9309, section 2.3).
pub(super) fn errand(task: &Task) -> Task {
    let mut url = task.url.clone();
    url.set_path("/robots.txt");
    url.set_query(None);
    let origin = Origin::of(&url);
    let mut target = Target::named(url);
    target.naming = task.naming;
    let mut errand = Task::of(task.id, target);
    errand.errand = Errand::Robots(origin);
    errand
}
