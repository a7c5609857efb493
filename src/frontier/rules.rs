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
    let mut url = task.url().clone();
    url.set_path("/robots.txt");
    url.set_query(None);
    let origin = Origin::of(&url);
    let mut target = Target::named(url);
    target.naming = task.naming;
    let mut errand = Task::of(task.id, target);
    errand.errand = Errand::Robots(origin);
    errand
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;
    use crate::frontier::{Answer, Frontier, Lease, Memory, Next, Options, Settlement, Step};

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    async fn lease(frontier: &Memory) -> Lease {
        loop {
            match frontier.lease().await {
                Ok(Next::Lease(lease)) => return lease,
                Ok(Next::At(due)) => tokio::time::sleep_until(due).await,
                other => panic!("no lease: {other:?}"),
            }
        }
    }

    fn add(frontier: &Memory, path: &str) {
        let url = format!("http://a.test{path}").parse().expect("a URL");
        frontier.add(vec![Target::named(url)]);
    }

    fn done() -> Settlement {
        Settlement::from(Step::Done {
            visits: Vec::new(),
            found: Vec::new(),
        })
    }

    fn rules(text: &str) -> Settlement {
        Settlement::from(Step::Robots(Answer::Rules {
            rules: Robots::parse(text.as_bytes(), "dragnet"),
            valid: DAY,
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn rules_are_kept_for_a_day_and_asked_for_again_then() {
        let frontier = Memory::new(Options {
            robots: Some(crate::frontier::robots_everywhere()),
            ..crate::frontier::conformance::options(None)
        });
        add(&frontier, "/a");
        let errand = lease(&frontier).await;
        assert_ne!(errand.task.errand, Errand::Visit);
        frontier.settle(errand, rules("User-agent: *\nDisallow: /first"));
        let visit = lease(&frontier).await;
        assert_eq!(visit.task.errand, Errand::Visit);
        frontier.settle(visit, done());
        advance(DAY.saturating_sub(Duration::from_secs(60))).await;
        add(&frontier, "/first");
        let kept = lease(&frontier).await;
        assert!(kept.refusal.is_some(), "{kept:?}");
        frontier.settle(kept, done());
        advance(Duration::from_secs(60)).await;
        add(&frontier, "/first/b");
        let errand = lease(&frontier).await;
        assert_ne!(errand.task.errand, Errand::Visit, "{errand:?}");
        frontier.settle(errand, rules("User-agent: *\nDisallow: /second"));
        let visit = lease(&frontier).await;
        assert!(
            visit.refusal.is_none() && visit.task.url().path() == "/first/b",
            "{visit:?}"
        );
        frontier.settle(visit, done());
    }
}
