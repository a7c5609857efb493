//! Floor 2: one lease → one exchange. No loops, no retries, no redirects: those are decisions, and they
//! belong to `policy`; when a request may go out belongs to the frontier.

use futures::future::LocalBoxFuture;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use crate::model::target::Naming;
use crate::model::{Exchange, Failure};

/// One request, ready to be sent.
#[derive(Debug)]
pub struct Request<'a> {
    /// Without userinfo and fragment; `http` or `https`.
    pub url: &'a Url,
    /// GET, HEAD, …
    pub method: Method,
    /// Every field to send beside those that the protocol itself needs (Host, Accept-Encoding, framing).
    /// Whoever makes the request decided that each may go to this origin.
    pub fields: HeaderMap,
    /// Who named the host: decides which addresses may be contacted.
    pub naming: Naming,
}

/// What a receiver wants of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// All of it, chunk by chunk, decoded.
    Content,
    /// Nothing: a little is drained so that the connection can be kept, no more.
    Nothing,
}

/// Takes a response as it arrives.
pub trait Receiver {
    /// The head is there; says whether the content is wanted.
    fn head(&mut self, status: StatusCode, fields: &HeaderMap) -> Want;
    /// The next bytes of content, after decoding. Never more in all than the limit of the fetcher.
    fn chunk(&mut self, bytes: &[u8]);
}

/// Turns one request into one exchange, or says why there was none.
pub trait Fetcher {
    /// Sends `request` once; the content goes to `receiver`.
    fn send<'a>(
        &'a self,
        request: Request<'a>,
        receiver: &'a mut dyn Receiver,
    ) -> LocalBoxFuture<'a, Result<Exchange, Failure>>;
}
