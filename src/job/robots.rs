//! The errand for a robots.txt: what its answer means for the origin (RFC 9309, section 2.3.1).

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use super::exchange::felt;
use super::pipeline::{Decision, End, Pipeline};
use crate::fetcher::{Receiver, Want};
use crate::frontier::{Answer, Lease, Step};
use crate::model::FailureKind;
use crate::policy::robots::Robots;
use crate::sink::Spool;

impl Pipeline<'_> {
    /// Asks for a robots.txt and settles with what it says.
    pub(super) async fn robots(&self, lease: Lease) {
        if let Some((lease, answer)) = self.rules(lease).await {
            if let Answer::Rules { rules, .. } = &answer {
                let found = self.work.sitemaps(&lease.task, rules.sitemaps());
                if !found.is_empty() {
                    self.frontier.add(found);
                }
            }
            self.settle(lease, Step::Robots(answer), None);
        }
    }

    /// Asks for a robots.txt; what its answer means, or nothing when the lease was settled for another request or the
    /// run ends.
    pub(super) async fn rules(&self, mut lease: Lease) -> Option<(Lease, Answer)> {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        // A server that is down now may be up soon: its rules are asked for again then.
        const SOON: Duration = Duration::from_secs(5 * 60);
        let allow_all = || Answer::Rules {
            rules: Robots::allow_all(),
            valid: DAY,
        };
        let mut content = Buffer::default();
        // The run ends; the targets that wait for these rules are abandoned with it.
        let sent = self.send(&lease, &mut content).await?;
        lease.felt = felt(&sent);
        if let Ok(exchange) = &sent {
            // Rules that are cut are still what was obeyed; an archive of them is whole or says that it is not.
            let captured = content
                .captured
                .take()
                .filter(|spool| spool.len() <= CAPTURED);
            // An output that fails ends the run by itself.
            let _ = self.capture(&lease, exchange, captured).await;
        }
        let answer = match self.decide(&lease.task, sent) {
            Decision::Step(Step::Hop { .. }, _) if lease.task.hops.len() >= 5 => allow_all(),
            Decision::Step(step, rest) => {
                self.settle(lease, step, rest);
                return None;
            }
            Decision::Unsent(wait) => {
                self.again(lease, wait);
                return None;
            }
            Decision::End(End::Answer(exchange) | End::Left(_, exchange)) => {
                let token = self.limits.product_token.as_str();
                let rules = Robots::from_response(exchange.status, &content.bytes, token);
                let valid = if rules.is_unreachable() { SOON } else { DAY };
                Answer::Rules { rules, valid }
            }
            Decision::End(End::Failure(failure, _)) => match failure.kind {
                FailureKind::Dns | FailureKind::Connect | FailureKind::Tls => Answer::Dead(failure),
                // Nothing there may be asked for, robots.txt or not.
                FailureKind::ForbiddenAddress if lease.task.hops.is_empty() => {
                    Answer::Dead(failure)
                }
                FailureKind::TooManyRedirects | FailureKind::Redirect => allow_all(),
                _ => Answer::Rules {
                    rules: Robots::unreachable(&failure.message),
                    valid: SOON,
                },
            },
        };
        Some((lease, answer))
    }
}

/// Takes a robots.txt: 500 KiB of it (RFC 9309, section 2.5), and lets the rest go by.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    /// As it came.
    captured: Option<Spool>,
}

/// Bytes of a robots.txt that are kept for an archive: beyond, nobody obeys it.
const CAPTURED: u64 = 600 << 10;

impl Receiver for Buffer {
    fn head(&mut self, status: StatusCode, _: &HeaderMap) -> Want {
        if status.is_success() {
            self.captured = Some(Spool::default());
            Want::Content
        } else {
            Want::Nothing
        }
    }

    fn coded(&mut self, bytes: &[u8]) {
        if let Some(captured) = &mut self.captured
            && captured.len() <= CAPTURED
        {
            captured.push(bytes);
        }
    }

    fn chunk(&mut self, bytes: &[u8]) {
        let room = (500 * 1024usize).saturating_sub(self.bytes.len());
        self.bytes
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}
