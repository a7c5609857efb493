//! The errand for a robots.txt: what its answer means for the origin (RFC 9309, section 2.3.1).

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use super::pipeline::{Decision, End, Pipeline};
use crate::fetcher::{Receiver, Want};
use crate::frontier::{Answer, Lease, Step};
use crate::model::FailureKind;
use crate::policy::robots::Robots;

impl Pipeline<'_> {
    /// Asks for a robots.txt and settles with what it says (RFC 9309, section 2.3.1).
    pub(super) async fn robots(&self, lease: Lease) {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        // A server that is down now may be up soon: its rules are asked for again then.
        const SOON: Duration = Duration::from_secs(5 * 60);
        let mut content = Buffer::default();
        let Some(sent) = self.send(&lease, &mut content).await else {
            // The run ends; the targets that wait for these rules are abandoned with it.
            return;
        };
        let exchange = match self.decide(&lease.task, sent) {
            Decision::Step(Step::Hop { .. }, _) if lease.task.hops.len() >= 5 => {
                let rules = Robots::allow_all();
                return self.settle(
                    lease,
                    Step::Robots(Answer::Rules { rules, valid: DAY }),
                    None,
                );
            }
            Decision::Step(step, rest) => return self.settle(lease, step, rest),
            Decision::Unsent(wait) => return self.again(lease, wait),
            Decision::End(End::Answer(exchange) | End::Left(_, exchange)) => exchange,
            Decision::End(End::Failure(failure, _)) => {
                let answer = match failure.kind {
                    FailureKind::Dns | FailureKind::Connect | FailureKind::Tls => {
                        Answer::Dead(failure)
                    }
                    // Nothing there may be asked for, robots.txt or not.
                    FailureKind::ForbiddenAddress if lease.task.hops.is_empty() => {
                        Answer::Dead(failure)
                    }
                    FailureKind::TooManyRedirects | FailureKind::Redirect => Answer::Rules {
                        rules: Robots::allow_all(),
                        valid: DAY,
                    },
                    _ => {
                        let rules = Robots::unreachable(&failure.message);
                        Answer::Rules { rules, valid: SOON }
                    }
                };
                return self.settle(lease, Step::Robots(answer), None);
            }
        };
        let token = self.limits.product_token.as_str();
        let rules = Robots::from_response(exchange.status, &content.bytes, token);
        let valid = if rules.is_unreachable() { SOON } else { DAY };
        self.settle(lease, Step::Robots(Answer::Rules { rules, valid }), None);
    }
}

/// Takes a robots.txt: 500 KiB of it (RFC 9309, section 2.5), and lets the rest go by.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
}

impl Receiver for Buffer {
    fn head(&mut self, status: StatusCode, _: &HeaderMap) -> Want {
        if status.is_success() {
            Want::Content
        } else {
            Want::Nothing
        }
    }

    fn chunk(&mut self, bytes: &[u8]) {
        let room = (500 * 1024usize).saturating_sub(self.bytes.len());
        self.bytes
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}
