//! From a task and its end to the record of it; the same for every job.

use std::hash::Hasher;

use http::{StatusCode, Version};
use siphasher::sip::SipHasher13;

use super::pipeline::End;
use crate::frontier::Task;
use crate::model::{
    Document, Exchange, Failure, FailureKind, Outcome, Visit, key, without_secrets,
};
use crate::policy::accept::Accept;

/// The record of `task`, judged by `accept`.
pub(super) fn of(task: &Task, end: End, document: Option<&Document>, accept: &Accept) -> Visit {
    let target = &task.target;
    // What was never a URL is shown as it was given, which is all there is to show.
    let url = match (&target.refusal, &target.seed) {
        (Some(_), Some(seed)) => seed.input.clone(),
        _ => without_secrets(&target.url),
    };
    let line = target.seed.as_ref().map(|seed| seed.line);
    let name = if target.refusal.is_some() {
        url.clone()
    } else {
        key(&target.url)
    };
    let mut visit = Visit::new(
        id(&[&name, &line.unwrap_or(0).to_string()]),
        url,
        Outcome::Ok,
    );
    visit.input = target.seed.as_ref().map(|seed| seed.input.clone());
    visit.line = line;
    visit.referrer.clone_from(&target.referrer);
    visit.redirects.clone_from(&task.hops);
    visit.attempts = task.attempts;
    let mut left = false;
    let (failure, exchange) = match end {
        End::Answer(exchange) => (refused_status(&exchange, accept), Some(exchange)),
        End::Failure(failure, exchange) => (Some(failure), exchange),
        End::Left(reason, exchange) => {
            left = true;
            (
                Some(Failure::new(FailureKind::Redirect, reason)),
                Some(exchange),
            )
        }
    };
    if let Some(exchange) = exchange {
        visit.status = Some(exchange.status.as_u16());
        visit.final_url = Some(without_secrets(&task.url));
        visit.content_type = exchange.media_type();
        visit.size = exchange.size;
        visit.remote_addr = exchange.remote;
        visit.http_version = Some(version(exchange.version).to_owned());
        visit.timing = Some(exchange.timing);
    }
    if let Some(document) = document {
        visit.title.clone_from(&document.title);
        visit.charset = (!document.charset.is_empty()).then(|| document.charset.to_owned());
    }
    if let Some(failure) = failure {
        visit.fail(failure);
    }
    if left {
        // Recorded, not judged: what it leads to was not asked for.
        visit.outcome = Outcome::Excluded;
    }
    visit
}

fn refused_status(exchange: &Exchange, accept: &Accept) -> Option<Failure> {
    let status = exchange.status;
    if accept.contains(status.as_u16()) {
        return None;
    }
    let kind = if status == StatusCode::TOO_MANY_REQUESTS {
        // It would not say, whatever was tried.
        FailureKind::RateLimited
    } else {
        FailureKind::Status
    };
    let message = match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => format!("status {}", status.as_u16()),
    };
    Some(Failure::new(kind, message))
}

/// The name of a record: the same parts give the same name in every run.
pub(super) fn id(parts: &[&str]) -> String {
    let mut hasher = SipHasher13::new();
    for part in parts {
        hasher.write(part.as_bytes());
        hasher.write_u8(0);
    }
    format!("{:016x}", hasher.finish())
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}
