//! The errand for a robots.txt: what its answer means for the origin (RFC 9309, section 2.3.1).

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use super::content::Captured;
use super::decision::{Decision, is_dead};
use super::exchange::{asked_to_rest, felt};
use super::pipeline::{End, Pipeline};
use crate::fetcher::{Receiver, Want};
use crate::frontier::{Answer, Lease, Step};
use crate::model::{Event, Failure, FailureKind, without_secrets};
use crate::policy::politeness::CRAWL_DELAY_LIMIT;
use crate::policy::robots::{LIMIT, Robots};
use crate::sink::Spool;

/// A server that is down now may be up soon: its rules are asked for again then.
const SOON: Duration = Duration::from_secs(5 * 60);

/// What it means that a robots.txt cannot be had.
pub(super) fn missing(failure: &Failure) -> Answer {
    Answer::Rules {
        rules: Robots::unreachable(&failure.message),
        valid: SOON,
    }
}

/// What is said of a Crawl-delay that is not kept in full.
pub(super) fn too_slow(rules: &Robots) -> Option<String> {
    let asked = rules
        .crawl_delay()
        .filter(|asked| *asked > CRAWL_DELAY_LIMIT)?;
    Some(format!(
        "Crawl-delay {} s, of which {} s are kept",
        asked.as_secs_f64(),
        CRAWL_DELAY_LIMIT.as_secs()
    ))
}

impl Pipeline<'_> {
    /// Asks for a robots.txt and settles with what it says.
    pub(super) async fn robots(&self, lease: Lease) {
        if let Some((lease, answer, rest)) = self.rules(lease).await {
            if let Answer::Rules { rules, .. } = &answer {
                if let Some(told) = too_slow(rules) {
                    let url = without_secrets(&lease.task.target.url);
                    self.reporter.on(&Event::Warning(&format!("{url}: {told}")));
                }
                let found = self.work.sitemaps(&lease.task, rules.sitemaps());
                if !found.is_empty() {
                    self.frontier.add(found);
                }
            }
            self.settle(lease, Step::Robots(answer), rest);
        }
    }

    /// Asks for a robots.txt; what its answer means, or nothing when the lease was settled for another request or the
    /// run ends; and how long it asks to be left alone.
    pub(super) async fn rules(
        &self,
        mut lease: Lease,
    ) -> Option<(Lease, Answer, Option<Duration>)> {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let allow_all = || Answer::Rules {
            rules: Robots::allow_all(),
            valid: DAY,
        };
        let mut content = Buffer::default();
        let request = self.request(&lease, &HeaderMap::new(), &mut content);
        // The run ends; the targets that wait for these rules are abandoned with it.
        let sent = self.send(&lease, request).await?;
        lease.felt = felt(&sent);
        if let Ok(exchange) = &sent {
            // Rules that are cut are still what was obeyed; an archive of them is whole or says that it is not.
            let whole = content.bytes.len() < LIMIT;
            let captured = content.captured.take().filter(|_| whole);
            // An output that fails ends the run by itself.
            let captured = Captured {
                coded: captured,
                decoded: None,
            };
            let _ = self.capture(&lease, exchange, captured).await;
        }
        // Nothing there can be asked for, robots.txt or not; behind a redirect it is only the rules that are missing.
        let first = lease.task.hops.is_empty();
        let rest = sent.as_deref().ok().and_then(asked_to_rest);
        let why = match &sent {
            Ok(exchange) => exchange.status.to_string(),
            Err(error) => error.failure.message.to_string(),
        };
        let dead = first && sent.as_ref().is_err_and(is_dead);
        let answer = match self.decide(&lease.task, sent) {
            Decision::Step(step) => {
                // Said once, when it is no short hiccup any more.
                if lease.task.tries == self.limits.retries + 1
                    && let Step::Again { .. } = step
                {
                    let told = format!(
                        "{} cannot be had ({why}); what waits for it waits for at most {} s (--max-wait)",
                        without_secrets(&lease.task.target.url),
                        self.limits.max_wait.as_secs()
                    );
                    self.reporter.on(&Event::Warning(&told));
                }
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
                _ if dead => Answer::Dead(failure),
                FailureKind::ForbiddenAddress if first => Answer::Dead(failure),
                FailureKind::TooManyRedirects | FailureKind::Redirect => allow_all(),
                _ => missing(&failure),
            },
        };
        Some((lease, answer, rest))
    }
}

/// Takes a robots.txt: 500 KiB of it (RFC 9309, section 2.5), whatever `--max-size` says, and lets the rest go by.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    /// As it came.
    captured: Option<Spool>,
}

impl Receiver for Buffer {
    fn head(&mut self, status: StatusCode, _: &HeaderMap) -> Want {
        if status.is_success() {
            self.captured = Some(Spool::default());
            Want::Beginning(LIMIT as u64)
        } else {
            Want::Nothing
        }
    }

    fn coded(&mut self, bytes: &[u8]) {
        if let Some(captured) = &mut self.captured {
            captured.push(bytes);
        }
    }

    fn chunk(&mut self, bytes: &[u8]) {
        let room = LIMIT.saturating_sub(self.bytes.len());
        self.bytes
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}
