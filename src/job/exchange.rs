//! Around one exchange: the conditions that it is made under, what it made felt, and the copy that an archive keeps.

use std::time::{Duration, SystemTime};

use http::header::{ACCEPT_ENCODING, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue};

use super::Error;
use super::pipeline::Pipeline;
use crate::fetcher::{CODINGS, FetchError};
use crate::frontier::Lease;
use crate::model::{Exchange, FailureKind, Validators};
use crate::policy::politeness::Felt;
use crate::sink::{Capture, Spool};

impl Pipeline<'_> {
    /// Hands an exchange over to the formats that keep it.
    pub(super) async fn capture(
        &self,
        lease: &Lease,
        exchange: &Exchange,
        content: Option<Spool>,
    ) -> Result<(), Error> {
        if !self.writer.captures() {
            return Ok(());
        }
        let Lease { task, origin, .. } = lease;
        let mut request = self.limits.fields.fields_for(origin, task.naming);
        request.insert(ACCEPT_ENCODING, CODINGS);
        let capture = Capture {
            url: task.url.clone(),
            method: task.method.clone(),
            request,
            at: SystemTime::now(),
            status: exchange.status,
            version: exchange.version,
            fields: exchange.fields.clone(),
            remote: exchange.remote,
            content,
        };
        Ok(self.writer.capture(capture).await?)
    }
}

/// What a request made felt.
pub(super) fn felt(sent: &Result<Exchange, FetchError>) -> Option<Felt> {
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
