//! Around one exchange: what is sent and under which conditions, what it made felt, and the copy that an archive keeps.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::future::{Either, LocalBoxFuture, select};
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION,
    CONTENT_TYPE, COOKIE, IF_MODIFIED_SINCE, IF_NONE_MATCH, SET_COOKIE,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::content::Captured;
use super::pipeline::Pipeline;
use super::{Error, Spent};
use crate::fetcher::{CODINGS, FetchError, Receiver, Request};
use crate::frontier::{Errand, Lease};
use crate::model::message::replace;
use crate::model::{Exchange, FailureKind, Origin, Validators};
use crate::policy::headers::OPEN;
use crate::policy::politeness::Felt;
use crate::policy::retry;
use crate::sink::Capture;

/// The fields that say what content is (RFC 9110, section 8.3 to 8.7).
const DESCRIBING: [HeaderName; 4] = [
    CONTENT_TYPE,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_LOCATION,
];

/// What a request brought.
pub(super) type Sent = Result<Box<Exchange>, FetchError>;

impl Pipeline<'_> {
    /// The fields that go out with the request of a lease, its content, and whether it goes where the user said who he is.
    pub(super) fn message(&self, lease: &Lease) -> (Arc<HeaderMap>, Option<Bytes>, bool) {
        let Lease { task, origin, .. } = lease;
        let own = task.hops.is_empty() || *origin == Origin::of(&task.target.url);
        let bound = &self.limits.fields;
        let named = bound.is_named(origin, own, task.naming);
        let mut fields = bound.fields_for(origin, named);
        if task.errand != Errand::Visit {
            return (fields, None, named);
        }
        if own
            && !fields.contains_key(AUTHORIZATION)
            && let Some(token) = bound.token_for(origin)
        {
            Arc::make_mut(&mut fields).insert(AUTHORIZATION, token.clone());
        }
        if own
            && let Some(secret) = &task.target.authorization
            && let Ok(mut value) = HeaderValue::from_str(secret.reveal())
        {
            value.set_sensitive(true);
            Arc::make_mut(&mut fields).insert(AUTHORIZATION, value);
        }
        let Some(message) = self.work.message(task) else {
            return (fields, None, named);
        };
        let changed = Arc::make_mut(&mut fields);
        if own {
            replace(changed, &message.fields);
        } else {
            for name in OPEN {
                if let Some(value) = message.fields.get(&name) {
                    changed.insert(name, value.clone());
                }
            }
        }
        if task.bare {
            // What was content is none any more.
            for name in DESCRIBING {
                changed.remove(name);
            }
            return (fields, None, named);
        }
        (fields, message.content.clone(), named)
    }

    /// The request that was leased, with the fields that it is `asked` by beside its own; it is to be [sent](Self::send).
    pub(super) fn request<'a>(
        &'a self,
        lease: &'a Lease,
        asked: &HeaderMap,
        receiver: &'a mut dyn Receiver,
    ) -> LocalBoxFuture<'a, Result<Box<Exchange>, FetchError>> {
        let task = &lease.task;
        let (mut fields, content, named) = self.message(lease);
        self.add_cookies(task.url(), &mut fields);
        if !asked.is_empty() {
            replace(Arc::make_mut(&mut fields), asked);
        }
        let request = Request {
            url: task.url(),
            method: task.method.clone(),
            fields,
            content,
            naming: task.naming,
            named,
            fresh: task.unsent > 0,
        };
        let mut summary = self.summary.borrow_mut();
        summary.requests += 1;
        summary.in_flight += 1;
        self.fetcher.send(request, receiver)
    }

    /// Sends it; `None` when the end of the run came first.
    #[expect(
        clippy::manual_async_fn,
        reason = "the arguments of an async fn have their place twice, and all that are in flight hold this"
    )]
    pub(super) fn send<'a>(
        &'a self,
        lease: &'a Lease,
        request: LocalBoxFuture<'a, Sent>,
    ) -> impl Future<Output = Option<Sent>> + 'a {
        async move {
            let sent = match select(request, pin!(self.over.come())).await {
                Either::Left((sent, _)) => Some(sent),
                Either::Right(((), _)) => None,
            };
            let took = match &sent {
                Some(Ok(exchange)) => {
                    Duration::try_from_secs_f64(exchange.timing.total / 1e3).unwrap_or_default()
                }
                _ => lease.since.elapsed(),
            };
            self.take_down(lease, sent.as_ref(), took);
            sent
        }
    }

    /// What a request has taken and brought.
    fn take_down(&self, lease: &Lease, sent: Option<&Sent>, took: Duration) {
        // What was not sent, and what was not waited for, has no time.
        if sent.is_some_and(|sent| !sent.as_ref().is_err_and(FetchError::is_no_word)) {
            self.measure.borrow_mut().note(&lease.origin, took);
        }
        let mut summary = self.summary.borrow_mut();
        summary.in_flight -= 1;
        if let Some(Ok(exchange)) = sent {
            self.keep_cookies(lease.task.url(), exchange);
            summary.bytes += exchange.size.unwrap_or(0);
            if self
                .limits
                .max_bytes
                .is_some_and(|most| summary.bytes >= most)
            {
                self.stop.spend(Spent::Bytes);
            }
        }
    }

    /// The cookies for `url`, behind those that the user gave by hand (RFC 6265, section 5.4: one field).
    pub(super) fn add_cookies(&self, url: &Url, fields: &mut Arc<HeaderMap>) {
        let Some(jar) = &self.limits.cookies else {
            return;
        };
        let Some(kept) = jar.borrow().field(url, SystemTime::now()) else {
            return;
        };
        let mut value = kept.reveal().as_bytes().to_vec();
        if let Some(given) = fields.get(COOKIE) {
            value = [given.as_bytes(), b"; ", &value].concat();
        }
        if let Ok(mut value) = HeaderValue::from_maybe_shared(Bytes::from(value)) {
            value.set_sensitive(true);
            Arc::make_mut(fields).insert(COOKIE, value);
        }
    }

    /// Takes in what an answer from `url` sets.
    pub(super) fn keep_cookies(&self, url: &Url, exchange: &Exchange) {
        if let Some(jar) = &self.limits.cookies {
            let mut jar = jar.borrow_mut();
            for set in exchange.fields.get_all(SET_COOKIE) {
                jar.take(url, set.as_bytes(), SystemTime::now());
            }
        }
    }

    /// Hands an exchange over to the formats that keep it.
    pub(super) async fn capture(
        &self,
        lease: &Lease,
        exchange: &Exchange,
        content: Captured,
    ) -> Result<(), Error> {
        let task = &lease.task;
        let (request, sent, _) = self.message(lease);
        let mut request = Arc::unwrap_or_clone(request);
        request.insert(ACCEPT_ENCODING, CODINGS);
        let capture = Capture {
            url: task.url().clone(),
            method: task.method.clone(),
            request,
            sent,
            at: SystemTime::now(),
            status: exchange.status,
            version: exchange.version,
            fields: exchange.fields.clone(),
            remote: exchange.remote,
            content: content.coded,
            decoded: content.decoded,
        };
        Ok(self.writer.capture(capture).await?)
    }
}

/// What a request made felt.
pub(super) fn felt(sent: &Sent) -> Option<Felt> {
    match sent {
        Ok(exchange) if matches!(exchange.status.as_u16(), 429 | 500..=599) => Some(Felt::Strain),
        Ok(exchange) => {
            let milliseconds = exchange.timing.ttfb?;
            Duration::try_from_secs_f64(milliseconds / 1000.0)
                .ok()
                .map(Felt::Answer)
        }
        // What went wrong before a connection says nothing about how busy a server is.
        Err(error) if error.exhausted || error.stale => None,
        Err(error) => matches!(
            error.failure.kind,
            FailureKind::Timeout | FailureKind::Reset | FailureKind::Truncated
        )
        .then_some(Felt::Strain),
    }
}

/// How long an answer asks to leave its origin alone: Retry-After of a server that has too much to do, or a spent quota.
pub(super) fn asked_to_rest(exchange: &Exchange) -> Option<Duration> {
    let Exchange { status, fields, .. } = exchange;
    if !retry::may_rest(fields) {
        return None;
    }
    retry::rest(*status, fields, SystemTime::now())
}

/// Asks for content only if it is not what it was (RFC 9110, section 13.1); a validator that is no field value is
/// left out.
pub(super) fn conditions(validators: &Validators, fields: &mut HeaderMap) {
    let pairs = [
        (IF_NONE_MATCH, &validators.etag),
        (IF_MODIFIED_SINCE, &validators.last_modified),
    ];
    for (name, value) in pairs {
        if let Some(Ok(value)) = value.as_deref().map(HeaderValue::from_str) {
            fields.insert(name, value);
        }
    }
}
