//! What one answer, or its absence, leads to: another request, a hop, or the end of the target.
//!
//! The rules are those of `policy`; nothing here knows which job it is for. Deliberately absent: when the next request goes
//! out, which is the frontier's to say.

use std::time::{Duration, SystemTime};

use http::{HeaderValue, Method, StatusCode};
use tokio::time::Instant;

use super::exchange::Sent;
use super::pipeline::{End, Pipeline};
use crate::fetcher::FetchError;
use crate::frontier::{Errand, Step, Task};
use crate::model::{Exchange, Failure, FailureKind, Hop, without_secrets};
use crate::policy::redirect::{self, Redirect};
use crate::policy::retry::{self, Retry};
use crate::policy::wall;

/// Hops that are followed to a robots.txt.
const ROBOTS_HOPS: usize = 5;

/// What an answer leads to.
pub(super) enum Decision {
    Step(Step),
    /// Again after so long, and not counted as a try: the fault was not the server's.
    Unsent(Duration),
    End(End),
}

impl Decision {
    pub(super) fn again(method: Method, wait: Duration) -> Self {
        Self::Step(Step::Again { method, wait })
    }
}

impl Pipeline<'_> {
    /// What follows from an answer or its absence; nothing here knows which job it is for.
    pub(super) fn decide(&self, task: &Task, sent: Sent) -> Decision {
        let chance = jitter(task);
        let max_wait = self.until(task).map_or(self.limits.max_wait, |end| {
            let left = end.saturating_duration_since(Instant::now());
            self.limits.max_wait.min(task.waited + left)
        });
        // Everything that waits at an origin waits for its rules: they are worth all the patience there is.
        let robots = matches!(task.errand, Errand::Robots(_));
        let retries = match self.limits.retries {
            0 => 0,
            _ if robots => u32::MAX,
            retries => retries,
        };
        let rule = |retries, transient, status, asked| {
            retry::decide(&retry::Attempt {
                method: &task.method,
                tries: task.tries,
                retries,
                transient,
                status,
                retry_after: asked,
                waited: task.waited,
                max_wait,
                chance,
            })
        };
        let exchange = match sent {
            Err(error) if error.exhausted => return Decision::Unsent(Duration::from_millis(100)),
            Err(error) if error.stale && task.method.is_idempotent() && task.unsent == 0 => {
                return Decision::Unsent(Duration::ZERO);
            }
            Err(error) if error.crowded => return Decision::Unsent(Duration::ZERO),
            Err(error) => {
                // A server that chokes on a method cuts the connection, or does not answer at all. Where no connection came
                // about, the method is not to blame.
                let choked = matches!(
                    error.failure.kind,
                    FailureKind::Reset | FailureKind::Protocol | FailureKind::Timeout
                ) && !is_dead(&error);
                if choked && let Some(method) = self.work.instead(task, None) {
                    return Decision::again(method, Duration::ZERO);
                }
                // Where nobody accepts a connection, nobody waits for rules.
                let retries = if is_dead(&error) {
                    self.limits.retries
                } else {
                    retries
                };
                return match rule(retries, error.transient, None, None) {
                    Retry::After(wait) => Decision::again(task.method.clone(), wait),
                    Retry::GiveUp | Retry::TooPatient(_) => {
                        Decision::End(End::Failure(error.failure, None))
                    }
                };
            }
            Ok(exchange) => exchange,
        };
        if exchange.status == StatusCode::NOT_MODIFIED && task.target.before.is_some() {
            return Decision::End(End::Answer(exchange));
        }
        let accepted = self.limits.accept.contains(exchange.status.as_u16());
        if exchange.status.is_redirection() {
            return self.follow(task, exchange, accepted);
        }
        // A wall does not fall by asking again. What the user calls good is good whoever answers it.
        let is_walled = || {
            let judged = !accepted || exchange.status.is_success();
            judged && wall::behind(exchange.status, &exchange.fields, None).is_some()
        };
        if let Some(method) = self.work.instead(task, Some(exchange.status))
            && !is_walled()
        {
            return Decision::again(method, Duration::ZERO);
        }
        if accepted || is_walled() {
            return Decision::End(End::Answer(exchange));
        }
        let now = SystemTime::now();
        let asked = retry::asked(exchange.status, &exchange.fields, now);
        let status = if retry::is_limit(exchange.status, &exchange.fields, now) {
            StatusCode::TOO_MANY_REQUESTS
        } else {
            exchange.status
        };
        match rule(retries, false, Some(status), asked) {
            Retry::After(wait) => return Decision::again(task.method.clone(), wait),
            Retry::TooPatient(wait) => {
                let failure = too_long(wait);
                return Decision::End(End::Failure(failure, Some(exchange)));
            }
            Retry::GiveUp => {}
        }
        Decision::End(End::Answer(exchange))
    }

    /// A redirect's next hop, if there is one and it may be followed; `accepted`: the status is good as it is.
    fn follow(&self, task: &Task, exchange: Box<Exchange>, accepted: bool) -> Decision {
        // Where the rules are is no matter of what is crawled: five hops to anywhere (RFC 9309, section 2.3.1.2).
        let robots = matches!(task.errand, Errand::Robots(_));
        let most = if robots {
            ROBOTS_HOPS
        } else {
            self.limits.max_redirects
        };
        let locations = exchange.fields.get_all(http::header::LOCATION);
        let locations: Vec<&[u8]> = locations.iter().map(HeaderValue::as_bytes).collect();
        match redirect::follow(
            exchange.status,
            &locations,
            task.url(),
            &task.method,
            &task.hops,
            most,
        ) {
            Redirect::No => Decision::End(End::Answer(exchange)),
            Redirect::Failed(_) if accepted => Decision::End(End::Answer(exchange)),
            Redirect::Failed(failure) => Decision::End(End::Failure(failure, Some(exchange))),
            Redirect::To {
                url,
                method,
                fragment,
            } => {
                if !robots && let Some(reason) = self.work.leaves(task, &url) {
                    return Decision::End(End::Left(reason, exchange));
                }
                let naming = self.work.naming(task, &url);
                let hop = Hop {
                    url: without_secrets(task.url()).into_owned(),
                    status: exchange.status.as_u16(),
                    fragment,
                };
                Decision::Step(Step::Hop {
                    hop,
                    url,
                    method,
                    naming,
                })
            }
        }
    }
}

/// Did no connection come about, for a reason that every URL of the origin shares?
pub(super) fn is_dead(error: &FetchError) -> bool {
    let refused = matches!(
        error.failure.kind,
        FailureKind::Dns | FailureKind::Connect | FailureKind::Tls
    );
    refused || error.unconnected
}

/// Why nothing is asked for that would have to wait for `rest`.
pub(super) fn too_long(rest: Duration) -> Failure {
    let seconds = rest.as_secs();
    let message =
        format!("the server asks to wait {seconds} s, longer than --max-wait allows in all");
    Failure::new(FailureKind::RateLimited, message)
}

/// A number from 0 to 1 that differs between targets, so that retries do not march in step.
fn jitter(task: &Task) -> f64 {
    let mixed = (task.id ^ u64::from(task.attempts) << 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    f64::from((mixed >> 40) as u32) / f64::from(1u32 << 24)
}
