//! From a task and its end to the record of it; the same for every job.

use std::borrow::Cow;
use std::hash::Hasher;
use std::sync::Arc;
use std::time::SystemTime;

use http::Version;
use http::header::{ETAG, LAST_MODIFIED};
use siphasher::sip::SipHasher13;
use url::Url;

use super::content::Found;
use super::crawl::base_url;
use super::pipeline::End;
use crate::frontier::Task;
use crate::model::{
    Before as Stored, Change, Document, Exchange, Failure, FailureKind, Outcome, Target,
    Validators, Visit, key, without_secrets,
};
use crate::policy::accept::Accept;
use crate::policy::{login, retry, wall};

/// The record of `task`, judged by `accept`; what was asked for of the content moves into it. It is large, and made where it
/// stays.
pub(super) fn of(task: &Task, end: End, found: &mut Found, accept: &Accept) -> Arc<Visit> {
    let target = &task.target;
    // What was never a URL is shown as it was given, which is all there is to show.
    let url = match (&target.refusal, &target.seed) {
        (Some(_), Some(seed)) => Arc::clone(&seed.input),
        _ => shown(target),
    };
    let mut record = Arc::new(Visit::new(name(target), url, Outcome::Ok));
    let visit = Arc::make_mut(&mut record);
    if let Some(seed) = &target.seed {
        visit.input = Some(Arc::clone(&seed.input));
        visit.line = Some(seed.line).filter(|line| *line > 0);
        visit.place = seed.place;
    }
    visit.referrer.clone_from(&target.referrer);
    visit.redirects.clone_from(&task.hops);
    visit.attempts = task.attempts;
    let mut left = false;
    let (failure, exchange) = match end {
        End::Answer(exchange) => (refused(task, &exchange, found.wall, accept), Some(exchange)),
        End::Failure(failure, exchange) => (Some(failure), exchange),
        End::Left(reason, exchange) => {
            left = true;
            (
                Some(Failure::new(FailureKind::Redirect, reason)),
                Some(exchange),
            )
        }
    };
    let mut answered = None;
    if let Some(mut exchange) = exchange {
        visit.certificate = exchange.certificate.take();
        visit.cached = exchange.cached;
        visit.status = Some(exchange.status.as_u16());
        visit.final_url = Some(match &task.moved {
            Some(url) => without_secrets(url).into(),
            None => Arc::clone(&visit.url),
        });
        visit.content_type = found.essence.take().or_else(|| exchange.media_type());
        visit.size = exchange.size;
        visit.remote_addr = exchange.remote;
        visit.http_version = Some(version(exchange.version).into());
        visit.timing = Some(exchange.timing);
        answered = Some(exchange);
    }
    if let Some(document) = &found.document {
        visit.title.clone_from(&document.title);
        visit.charset = (!document.charset.is_empty()).then(|| document.charset.to_owned());
        visit.canonical = canonical(task.url(), document);
        visit.sketch = document.sketch.map(|bits| format!("{bits:032x}"));
    }
    visit.links = std::mem::take(&mut found.links);
    visit.fields = std::mem::take(&mut found.fields);
    let sha256 = found.sha256.take();
    if let Some(exchange) = &answered {
        let text = |name| exchange.field(name).map(str::to_owned);
        let (etag, last_modified) = (text(ETAG), text(LAST_MODIFIED));
        if etag.is_some() || last_modified.is_some() || sha256.is_some() {
            visit.validators = Some(Box::new(Validators {
                etag,
                last_modified,
                sha256: sha256.clone(),
            }));
        }
    }
    visit.sha256 = sha256.filter(|_| found.shown);
    visit.body = found.body.take();
    (visit.saved, visit.part) = found.saved.take().unzip();
    visit.unshown = found.text.take().map(String::into_boxed_str);
    if let Some(reason) = found.unread.take() {
        visit.fail(Failure::new(FailureKind::TooLarge, reason));
    }
    if let Some(failure) = failure {
        visit.fail(failure);
    }
    if left {
        // Recorded, not judged: what it leads to was not asked for.
        visit.outcome = Outcome::Excluded;
    }
    record
}

/// The record of a target that repeats another one, whose record this is; no request was sent for it.
pub(super) fn repeated(target: &Target, record: &Visit) -> Visit {
    let mut visit = record.clone();
    visit.id = name(target);
    visit.url = shown(target);
    if let Some(seed) = &target.seed {
        visit.input = Some(Arc::clone(&seed.input));
        visit.line = Some(seed.line);
        visit.place = seed.place;
    }
    visit.attempts = 0;
    visit
}

/// The URL of a target's record; the text that it was given as, where that is the same.
fn shown(target: &Target) -> Arc<str> {
    let text = without_secrets(&target.url);
    match &target.seed {
        Some(seed) if *seed.input == *text => Arc::clone(&seed.input),
        _ => text.into(),
    }
}

/// The name of a target's record: the one that its list gave it, or one that is the same in every run.
fn name(target: &Target) -> String {
    let seed = target.seed.as_deref();
    if let Some(given) = seed.and_then(|seed| seed.id.as_deref()) {
        return given.to_owned();
    }
    let page = match (&target.refusal, seed) {
        (Some(_), Some(seed)) => Cow::from(&*seed.input),
        _ => key(&target.url),
    };
    let line = seed.map_or(0, |seed| seed.line);
    id(&[&page, &line.to_string()])
}

/// The record of a target whose content is what it was: an answer of 304 (RFC 9110, section 15.4.5).
pub(super) fn unchanged(task: &Task, exchange: &Exchange, before: &Stored) -> Visit {
    let mut visit = before.record.clone();
    visit.cached = true;
    visit.change = Some(Change::Unchanged);
    visit.attempts = task.attempts;
    visit.timing = Some(exchange.timing);
    visit.remote_addr = exchange.remote;
    visit.certificate.clone_from(&exchange.certificate);
    visit.http_version = Some(version(exchange.version).into());
    // A server may send newer ones along.
    let newer = |name| exchange.field(name).map(str::to_owned);
    let kept = before.validators.clone();
    visit.validators = Some(Box::new(Validators {
        etag: newer(ETAG).or(kept.etag),
        last_modified: newer(LAST_MODIFIED).or(kept.last_modified),
        sha256: kept.sha256,
    }));
    visit
}

/// What became of a target since the run before; nothing is said where it could not be judged.
pub(super) fn change(before: Option<&Stored>, visit: &Visit) -> Option<Change> {
    let Some(before) = before else {
        return Some(Change::New);
    };
    let good = |outcome| outcome == Outcome::Ok;
    match (before.record.outcome, visit.outcome) {
        (_, Outcome::Unknown) => None,
        (was, is) if good(was) && is == Outcome::Broken => Some(Change::Gone),
        (was, is) => {
            let digest = visit
                .validators
                .as_ref()
                .and_then(|kept| kept.sha256.as_ref());
            let same = was == is
                && before.record.status == visit.status
                && before.record.final_url == visit.final_url
                && before.validators.sha256.as_ref() == digest;
            Some(if same {
                Change::Unchanged
            } else {
                Change::Changed
            })
        }
    }
}

/// What the page calls its own address, when that is another one.
fn canonical(url: &Url, document: &Document) -> Option<String> {
    let named = document.canonical.as_deref()?;
    let named = base_url(url, document).join(named).ok()?;
    (key(&named) != key(url)).then(|| without_secrets(&named).into_owned())
}

/// Why an answer is not good; `told` is the wall that its content shows.
fn refused(
    task: &Task,
    exchange: &Exchange,
    told: Option<&'static str>,
    accept: &Accept,
) -> Option<Failure> {
    let status = exchange.status;
    let good = accept.contains(status.as_u16());
    // What the user calls good is good whoever answers it; but a success can be that of a challenge.
    if good && !status.is_success() {
        return None;
    }
    if let Some(wall) = wall::behind(status, &exchange.fields, told) {
        let message = format!("a bot wall answered, and not the page: {wall}");
        return Some(Failure::new(FailureKind::Blocked, message));
    }
    if !task.hops.is_empty() && login::is_led_to(&task.target.url, task.url()) {
        let message = "leads to a login, and what is behind it was not seen";
        return Some(Failure::new(FailureKind::Blocked, message));
    }
    if good {
        return None;
    }
    let kind = if retry::is_limit(status, &exchange.fields, SystemTime::now()) {
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
    let number = hasher.finish();
    let digit = |at: usize| b"0123456789abcdef"[(number >> (60 - 4 * at) & 15) as usize];
    let digits: [u8; 16] = std::array::from_fn(digit);
    String::from_utf8_lossy(&digits).into_owned()
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
