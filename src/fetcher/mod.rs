//! Floor 2: one lease → one exchange. No loops, no retries, no redirects: those are decisions, and they
//! belong to `policy`; when a request may go out belongs to the frontier.
//!
//! Calling order: [`Http::new`] once, then [`Fetcher::send`] for each lease; the receiver hears `head` once
//! and then `chunk` as often as content comes. A send that is dropped is cancelled and leaves nothing behind.
//!
//! | file | decides |
//! | --- | --- |
//! | [`options`] | what can be set, and the defaults |
//! | `http` | how one request is sent and how much of the answer is read |
//! | `wire` | which fields go out with a request: its own, and those of the protocol |
//! | `route` | which way a request goes: address, proxy or socket, and the connections that may be used again |
//! | [`proxy`] | which proxy, and for whom |
//! | `clock` | how long an exchange and its parts may take |
//! | `decode` | how a content coding is undone, in bounded pieces |
//! | `resolver` | which addresses a name has, and which of them may be dialled |
//! | `tls` | whom we trust |
//! | `timing` | where the time of one request went |
//! | `certificate` | what is told of a server's certificate |
//! | `failure` | what an error of the libraries below is called |
//! | [`mod@file`] | how a local file is read without being led astray |

use std::borrow::Cow;
use std::sync::Arc;

use ::http::{HeaderMap, Method, StatusCode};
use bytes::Bytes;
use futures::future::LocalBoxFuture;
use url::Url;

use crate::model::target::Naming;
use crate::model::{Exchange, Failure, FailureKind};

mod certificate;
mod clock;
mod decode;
mod failure;
pub mod file;
mod http;
pub mod options;
pub mod proxy;
mod resolver;
mod route;
mod timing;
mod tls;
mod wire;

#[cfg(test)]
mod tests;

pub use self::http::Http;
pub use self::options::{Family, FetcherError, Identity, Lookup, Options, Protocol, Resolve};
pub use self::proxy::{Bypass, Proxy};
pub(crate) use self::wire::CODINGS;

/// Why a request brought no exchange, and what may be done about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", failure.message)]
pub struct FetchError {
    /// What the record says.
    pub failure: Failure,
    /// The same request may well succeed later: a cut, a reset, a time-out, a name server in trouble.
    pub transient: bool,
    /// It was our own limit of open descriptors: wait for others to end, and say nothing about the target.
    pub exhausted: bool,
    /// A kept connection was closed just as it was used again, before any answer: no word about the target.
    pub stale: bool,
    /// No connection came about, so it says as much about every other URL of the origin.
    pub unconnected: bool,
    /// The head had more fields than there was room for. There is more from now on: the same request may succeed at once.
    pub crowded: bool,
}

impl FetchError {
    /// Does it say nothing about the target?
    #[must_use]
    pub fn is_no_word(&self) -> bool {
        self.exhausted || self.stale || self.crowded
    }

    /// A failure that would only repeat itself.
    pub(crate) fn lasting(kind: FailureKind, message: impl Into<Cow<'static, str>>) -> Self {
        Failure::new(kind, message).into()
    }

    /// A failure that may pass.
    pub(crate) fn passing(kind: FailureKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            transient: true,
            ..Self::lasting(kind, message)
        }
    }
}

impl From<Failure> for FetchError {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            transient: false,
            exhausted: false,
            stale: false,
            unconnected: false,
            crowded: false,
        }
    }
}

/// One request, ready to be sent.
#[derive(Debug)]
pub struct Request<'a> {
    /// Without userinfo and fragment; `http` or `https`.
    pub url: &'a Url,
    /// GET, HEAD, …
    pub method: Method,
    /// Every field to send beside those that the protocol itself needs (Host, Accept-Encoding, framing).
    /// Whoever makes the request decided that each may go to this origin. Shared among those that have the same.
    pub fields: Arc<HeaderMap>,
    /// What is sent; its length is told by the protocol's own fields.
    pub content: Option<Bytes>,
    /// Who named the host: decides which addresses may be contacted.
    pub naming: Naming,
    /// The user named this very origin: what tells who he is may be shown to it, such as his certificate.
    pub named: bool,
    /// Not on a kept connection: the last try met one that was closed (RFC 9112, section 9.3.1).
    pub fresh: bool,
}

/// What a receiver wants of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// All of it, chunk by chunk, decoded; more than the limit of the fetcher is a failure.
    Content,
    /// The same, but what is past the limit is left where it is, and is no failure.
    Allowed,
    /// So many bytes of it, whatever the limit of the fetcher, and a few more; what follows is left where it is.
    Beginning(u64),
    /// Nothing: a little is drained so that the connection can be kept, no more.
    Nothing,
}

/// Takes a response as it arrives.
pub trait Receiver {
    /// The head is there; says whether the content is wanted.
    fn head(&mut self, status: StatusCode, fields: &HeaderMap) -> Want;
    /// The next bytes of content as they came, their coding not undone; only where [`head`](Self::head) wanted content.
    fn coded(&mut self, _bytes: &[u8]) {}
    /// The next bytes of content, after decoding. Never more in all than the limit of the fetcher, or than was wanted.
    fn chunk(&mut self, bytes: &[u8]);
    /// Content has come faster than it can be put away: completes when there is room for more.
    fn room(&mut self) -> Option<LocalBoxFuture<'_, ()>> {
        None
    }
    /// Bytes of the content that an earlier answer brought, where this one brings the rest: they count as much.
    fn before(&self) -> u64 {
        0
    }
    /// May the content be a list of URLs, as far as it has come? Such a list has a limit of its own.
    fn is_list(&self) -> bool {
        false
    }
}

/// Turns one request into one exchange, or says why there was none.
pub trait Fetcher {
    /// Sends `request` once; the content goes to `receiver`.
    ///
    /// # Errors
    ///
    /// When there is no complete answer that may be used. What had reached `receiver` is then worth nothing.
    fn send<'a>(
        &'a self,
        request: Request<'a>,
        receiver: &'a mut dyn Receiver,
    ) -> LocalBoxFuture<'a, Result<Box<Exchange>, FetchError>>;
}
