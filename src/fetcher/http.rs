//! How one request is sent, and how much of its answer is read.
//!
//! One send is one request on the wire: redirects, retries and proxies from the environment are off in
//! reqwest, and so is its decoding, which knows no limits. Every answer is bounded in time (`clock`), in size (after decoding), in ratio (a bomb is not read to its end) and in
//! its head.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use ::http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, RANGE, TRANSFER_ENCODING,
};
use ::http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use bytes::Bytes;
use futures::future::LocalBoxFuture;
use hyper_util::client::legacy::connect::HttpInfo;
use reqwest::tls::TlsInfo;
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, timeout};

use super::certificate;
use super::clock::{self, Seen};
use super::decode::Decoder;
use super::failure::{self, Phase};
use super::options::{FetcherError, Options, Protocol};
use super::route::{Route, Routes};
use super::timing::Call;
use super::wire::Wire;
use super::{FetchError, Fetcher, Receiver, Request, Want};
use crate::model::{Exchange, FailureKind, Naming, Timing};
use crate::policy::address::permitted;

/// Content that is read although nobody wants it, so that the connection can be kept.
const DRAINED: u64 = 64 << 10;
/// How long that may take: a new connection is cheaper than a slow end.
const DRAINING: Duration = Duration::from_millis(250);
/// From this size on, content may be at most [`RATIO`] times as long as what came over the wire.
const RATIO_FROM: u64 = 1 << 20;
const RATIO: u64 = 200;

/// Bytes of content for one of the 128 units that tokio gives a task at a time: after 64 KiB, which a parser takes half
/// a millisecond for, or 8 ms where a page is made to be slow, whatever else waits has its turn.
const TURN: usize = 512;
/// Content that is taken in one go; coded, a byte can stand for a thousand.
const STEP: usize = 16 << 10;
const CODED_STEP: usize = 512;

const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// The fetcher for `http` and `https`, on reqwest.
pub struct Http {
    options: Options,
    routes: Routes,
    wire: Wire,
    /// Where content is decoded into; one for all, because nothing awaits while it is in use.
    scratch: Cell<Vec<u8>>,
}

impl Default for Http {
    fn default() -> Self {
        let options = Options::default();
        Self::with(Routes::with(&options, Vec::new(), None), options)
    }
}

impl Http {
    /// A fetcher with `options`.
    ///
    /// # Errors
    ///
    /// When a file of certificates or keys is of no use.
    pub fn new(options: Options) -> Result<Self, FetcherError> {
        Ok(Self::with(Routes::new(&options)?, options))
    }

    fn with(routes: Routes, options: Options) -> Self {
        Self {
            routes,
            options,
            wire: Wire::default(),
            scratch: Cell::default(),
        }
    }

    /// One exchange. A block in a box and no `async fn`, whose arguments have their place twice: there can be ten thousand
    /// of these.
    fn fetch<'a>(
        &'a self,
        request: Request<'a>,
        receiver: &'a mut dyn Receiver,
    ) -> LocalBoxFuture<'a, Result<Box<Exchange>, FetchError>> {
        Box::pin(async move {
            let Route {
                client,
                found,
                naming,
                proxied,
                wide,
            } = self.routes.of(&request, &self.options).await?;
            let url = request.url;
            let asked = found.asked;
            let spent = asked.unwrap_or_default();
            // A proxy may be spoken to over TLS.
            let plain = !proxied && self.options.protocol != Protocol::Http2;
            let fields = self.wire.fields(&request.fields, url, plain);
            let (sent, expected) = send(&client.http, request, fields, naming);
            let call = Call::new(found, client.below);
            let seen = Seen::default();
            let (begun, sending) = moments(spent);
            let end = sending + self.options.timeout.saturating_sub(spent);
            let transfer = self.transfer(sent, &expected, receiver, &seen);
            let transfer = pin!(call.scope(transfer));
            let done = clock::within(&self.options, sending, end, &call, &seen, transfer).await;
            let mut exchange = done.and_then(|sent| sent).map_err(|error| {
                let marks = call.marks();
                // A kept connection may have come free while another was being opened.
                let own = marks.ready.and_then(|(_, local)| local);
                let answered = seen.head.get().is_some();
                let used = seen.local.get().filter(|_| !answered);
                let kept = used.is_some_and(|used| Some(used) != own);
                let opened = !kept && marks.ready.is_some() || answered;
                let mut error = FetchError {
                    // No connection was opened for this request, so it went out on a kept one.
                    stale: !opened && error.failure.kind == FailureKind::Reset,
                    unconnected: !kept && !opened && marks.connecting.is_some(),
                    // Before there is a head, only the head can be too large.
                    crowded: !wide && error.failure.kind == FailureKind::TooLarge && !answered,
                    ..error
                };
                if error.crowded {
                    self.routes.widen(url);
                }
                if proxied && error.failure.kind == FailureKind::Connect {
                    // Whose fault it is, the proxy seldom tells.
                    let message = format!("through the proxy: {}", error.failure.message);
                    error.failure.message = message.into();
                }
                error
            })?;
            exchange.timing = timing(&call, &seen, asked, begun, self.options.epoch);
            Ok(exchange)
        })
    }

    /// Waits for the answer to a request that was `sent`, and reads it as far as it is wanted.
    #[expect(
        clippy::manual_async_fn,
        reason = "the arguments of an async fn have their place twice, and all that are in flight hold this"
    )]
    fn transfer<'a>(
        &'a self,
        sent: impl Future<Output = reqwest::Result<reqwest::Response>> + 'a,
        expected: &'a Expected,
        receiver: &'a mut dyn Receiver,
        seen: &'a Seen,
    ) -> impl Future<Output = Result<Box<Exchange>, FetchError>> + 'a {
        async move {
            let response = sent.await.map_err(|error| {
                seen.local.set(failure::local_end(&error));
                failure::of_request(&error, Phase::Head, self.options.connect_timeout)
            })?;
            // In a box: of all that are in flight, most wait for their head.
            Box::pin(self.answer(response, expected, receiver, seen)).await
        }
    }

    /// Looks at a head, and reads the content as far as it is wanted.
    async fn answer(
        &self,
        mut response: reqwest::Response,
        expected: &Expected,
        receiver: &mut dyn Receiver,
        seen: &Seen,
    ) -> Result<Box<Exchange>, FetchError> {
        let remote = response.remote_addr();
        if let (Some(remote), Some(naming)) = (remote, expected.naming) {
            permitted(self.options.private, naming, remote.ip())?;
        }
        let ends = response.extensions().get::<HttpInfo>();
        seen.local.set(ends.map(HttpInfo::local_addr));
        seen.head.set(Some(Instant::now()));
        let shown = response.extensions().get::<TlsInfo>();
        let shown = shown.and_then(TlsInfo::peer_certificate);
        let certificate = shown.and_then(certificate::read).map(Box::new);
        framed(response.headers())?;
        let status = response.status();
        if let Some(range) = &expected.range
            && status == StatusCode::PARTIAL_CONTENT
        {
            ranged(range, response.headers())?;
        }
        let want = receiver.head(status, response.headers());
        let beginning = match want {
            Want::Beginning(most) => Some(most),
            Want::Allowed => Some(self.options.max_size),
            Want::Content | Want::Nothing => None,
        };
        let (size, cut) = match want {
            _ if expected.head_only => (None, false),
            Want::Nothing => {
                drain(&mut response).await;
                (None, false)
            }
            _ => {
                let read = self.read(&mut response, receiver, seen, beginning);
                let (size, cut) = read.await?;
                (Some(size), cut)
            }
        };
        Ok(Box::new(Exchange {
            status,
            version: response.version(),
            fields: std::mem::take(response.headers_mut()),
            size,
            cut,
            remote,
            cached: false,
            certificate,
            timing: Timing::default(),
        }))
    }

    /// Reads all the content, or its `beginning`; returns the size of what was read, and whether there is more.
    async fn read(
        &self,
        response: &mut reqwest::Response,
        receiver: &mut dyn Receiver,
        seen: &Seen,
        beginning: Option<u64>,
    ) -> Result<(u64, bool), FetchError> {
        let Options {
            max_size, max_list, ..
        } = self.options;
        let limit = |receiver: &dyn Receiver| {
            if beginning.is_some() {
                u64::MAX
            } else if receiver.is_list() {
                max_list.max(max_size)
            } else {
                max_size
            }
        };
        let mut decoder = Decoder::of(&response.headers().get_all(CONTENT_ENCODING))?;
        let length = response.content_length();
        // With that byte content of HTTP/1 has ended; a stream of HTTP/2 only once its end was read too.
        let last = length.filter(|_| response.version() <= Version::HTTP_11);
        // The announced length is only worth asking where it is that of the content itself.
        let announced = length.filter(|_| decoder.is_identity()).unwrap_or(0);
        let before = receiver.before();
        let announced = announced.saturating_add(before);
        let (mut size, mut taken, mut received) = (0_u64, 0_u64, 0_u64);
        loop {
            let most = limit(receiver);
            if announced > most {
                return Err(too_large(most));
            }
            put_away(receiver, seen, received).await;
            let (chunk, waited) = next(response).await;
            if waited {
                seen.end.set(None);
            }
            let chunk = chunk.map_err(|error| {
                failure::of_request(&error, Phase::Content, self.options.connect_timeout)
            })?;
            if let Some(chunk) = &chunk {
                received += chunk.len() as u64;
                seen.received(received, !waited);
            }
            // A coding's frame can go on for ever without a byte of content.
            if received > most.saturating_add(most / 64 + DRAINED) {
                return Err(too_large(most));
            }
            if let Some(chunk) = &chunk {
                receiver.coded(chunk);
            }
            let Some(chunk) = chunk else {
                decoder.finish()?;
                return Ok((before + size, false));
            };
            let step = if decoder.is_identity() {
                STEP
            } else {
                CODED_STEP
            };
            for part in chunk.chunks(step) {
                put_away(receiver, seen, received).await;
                let mut give = |piece: &[u8]| {
                    size += piece.len() as u64;
                    let all = before + size;
                    if all > max_size && all > limit(receiver) {
                        return Err(too_large(limit(receiver)));
                    }
                    if beginning.is_none() && size > RATIO_FROM && size / RATIO > received {
                        let message = format!(
                            "the content unpacks to more than {RATIO} times its coded length"
                        );
                        return Err(FetchError::lasting(FailureKind::TooLarge, message));
                    }
                    receiver.chunk(piece);
                    Ok(())
                };
                let mut given = 0;
                let mut scratch = self.scratch.take();
                let done = decoder.push(part, &mut scratch, &mut |piece| {
                    given += piece.len();
                    give(piece)
                });
                self.scratch.set(scratch);
                done?;
                // A server on the same machine always has the next chunk ready, and whoever takes it may parse it:
                // after so much of it, in all requests of the loop together, others have their turn.
                for _ in 0..=given / TURN {
                    consume_budget().await;
                }
                taken += given as u64;
                if beginning.is_some_and(|most| taken >= most) {
                    return Ok((taken, true));
                }
            }
            if last == Some(received) {
                decoder.finish()?;
                return Ok((before + size, false));
            }
            seen.size.set(size);
        }
    }
}

impl Fetcher for Http {
    fn send<'a>(
        &'a self,
        request: Request<'a>,
        receiver: &'a mut dyn Receiver,
    ) -> LocalBoxFuture<'a, Result<Box<Exchange>, FetchError>> {
        self.fetch(request, receiver)
    }
}

/// What the answer is measured by.
struct Expected {
    /// Who counts as having named the address that answers; `None` where that is not the target's.
    naming: Option<Naming>,
    head_only: bool,
    /// The bytes that were asked for, where not all were.
    range: Option<Box<HeaderValue>>,
}

/// The moment that was so long ago, and now.
fn moments(spent: Duration) -> (Instant, Instant) {
    let now = Instant::now();
    (now.checked_sub(spent).unwrap_or(now), now)
}

/// Gives the request to the library, which begins with it once it is waited for.
fn send(
    client: &reqwest::Client,
    request: Request<'_>,
    fields: HeaderMap,
    naming: Option<Naming>,
) -> (
    impl Future<Output = reqwest::Result<reqwest::Response>> + use<>,
    Expected,
) {
    let mut wire = reqwest::Request::new(request.method, request.url.clone());
    *wire.headers_mut() = fields;
    let expected = Expected {
        naming,
        head_only: *wire.method() == Method::HEAD,
        range: wire.headers().get(RANGE).cloned().map(Box::new),
    };
    if expected.range.is_some() {
        // A part of coded content cannot be decoded.
        wire.headers_mut().insert(ACCEPT_ENCODING, IDENTITY);
    }
    if let Some(content) = request.content.filter(|content| !content.is_empty()) {
        *wire.body_mut() = Some(content.into());
    } else if matches!(*wire.method(), Method::POST | Method::PUT | Method::PATCH) {
        // None is told as none where some is expected (RFC 9110, section 8.6).
        wire.headers_mut().insert(CONTENT_LENGTH, 0.into());
    }
    (client.execute(wire), expected)
}

/// The next chunk of content, and whether it had to be waited for.
async fn next(response: &mut reqwest::Response) -> (reqwest::Result<Option<Bytes>>, bool) {
    let mut chunk = pin!(response.chunk());
    let mut waited = false;
    let chunk = poll_fn(|context| {
        let polled = chunk.as_mut().poll(context);
        waited |= polled.is_pending();
        polled
    });
    (chunk.await, waited)
}

/// Waits while the receiver has its hands full, which is no silence of the server.
async fn put_away(receiver: &mut dyn Receiver, seen: &Seen, received: u64) {
    if let Some(room) = receiver.room() {
        seen.busy.set(true);
        room.await;
        seen.busy.set(false);
        seen.received(received, false);
    }
}

/// Reads what little is left, so that the connection can be kept; what goes wrong here harms nobody.
async fn drain(response: &mut reqwest::Response) {
    if response
        .content_length()
        .is_some_and(|length| length > DRAINED)
    {
        return;
    }
    let read = async {
        let mut read = 0;
        while let Ok(Some(chunk)) = response.chunk().await {
            read += chunk.len() as u64;
            if read > DRAINED {
                break;
            }
        }
    };
    let _ = timeout(DRAINING, read).await;
}

/// Puts the moments together. Phases only where the connection that answered is the one this request opened.
fn timing(
    call: &Call,
    seen: &Seen,
    asked: Option<Duration>,
    begun: Instant,
    epoch: Instant,
) -> Timing {
    // To the microsecond: what is finer says nothing and fills records.
    let milliseconds = |duration: Duration| (duration.as_secs_f64() * 1e6).round() / 1e3;
    let between = |from: Option<Instant>, to: Option<Instant>| Some(milliseconds(to? - from?));
    let marks = call.marks();
    let (ready, own) = marks.ready.unzip();
    let fresh = own.is_some_and(|own| own == seen.local.get());
    let phases = |value: Option<f64>| value.filter(|_| fresh);
    Timing {
        dns: phases(asked.map(milliseconds)),
        connect: phases(between(marks.connecting, marks.securing.or(ready))),
        tls: phases(between(marks.securing, ready)),
        ttfb: between(Some(begun), seen.head.get()),
        total: milliseconds(seen.end.get().unwrap_or_else(Instant::now) - begun),
        start: milliseconds(begun.saturating_duration_since(epoch)),
        reused: !fresh,
    }
}

/// Refuses a transfer coding that is not undone (RFC 9112, section 6.1): `chunked` is, and any other would be taken
/// for content. Twice `chunked` is once, as everybody reads it.
fn framed(fields: &HeaderMap) -> Result<(), FetchError> {
    let codings = fields.get_all(TRANSFER_ENCODING).iter();
    let unknown = codings
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .find(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"chunked"));
    match unknown {
        None => Ok(()),
        Some(coding) => {
            let coding = String::from_utf8_lossy(coding);
            let message = format!("the transfer coding {coding} is not known");
            Err(FetchError::lasting(FailureKind::Protocol, message))
        }
    }
}

/// Refuses other bytes than were asked for (RFC 9110, section 14.4). A server may send fewer, and it may send all of
/// them with 200.
fn ranged(asked: &HeaderValue, fields: &HeaderMap) -> Result<(), FetchError> {
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let first = asked
        .to_str()
        .ok()
        .and_then(|text| text.strip_prefix("bytes="))
        .filter(|text| !text.contains(','))
        .and_then(|text| number(text.split('-').next()?));
    let sent = fields
        .get(CONTENT_RANGE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.strip_prefix("bytes "))
        .and_then(|text| number(text.split('-').next()?));
    match (first, sent) {
        (Some(first), Some(sent)) if first != sent => {
            let message =
                format!("bytes from {first} on were asked for, and those from {sent} on came");
            Err(FetchError::lasting(FailureKind::Protocol, message))
        }
        _ => Ok(()),
    }
}

fn too_large(limit: u64) -> FetchError {
    FetchError::lasting(
        FailureKind::TooLarge,
        format!("more than {limit} bytes of content"),
    )
}
