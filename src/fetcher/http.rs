//! How one request is sent, and how much of its answer is read.
//!
//! One send is one request on the wire: redirects, retries and proxies from the environment are off in
//! reqwest, and so is its decoding, which knows no limits. Every answer is bounded in time (`clock`), in size (after decoding), in ratio (a bomb is not read to its end) and in
//! its head.
//!
//! **What was checked is what is dialled**: addresses are judged before a connection is opened, literal ones
//! here, because hyper never asks a resolver about them, and names in `resolver`. Each
//! [`Naming`] has a client, and so a pool, of its own: a page must not ride on a connection that the user's
//! own word opened.

use std::cell::{Cell, OnceCell};
use std::net::IpAddr;
use std::time::Duration;

use ::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};
use ::http::{HeaderMap, HeaderValue, Method};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use hyper_util::client::legacy::connect::HttpInfo;
use rustls::pki_types::CertificateDer;
use tokio::sync::OnceCell as AsyncOnceCell;
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, timeout};
use url::Host;

use super::clock::{self, Seen};
use super::decode::Decoder;
use super::failure::{self, Phase};
use super::options::{FetcherError, Options, Protocol};
use super::resolver::{Found, Given, Resolver};
use super::timing::{Call, Watch};
use super::{FetchError, Fetcher, Receiver, Request, Want, tls};
use crate::model::{Exchange, FailureKind, Naming, Timing};
use crate::policy::address::permitted;
use crate::policy::port;

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

/// The codings that [`Decoder`] undoes.
pub(crate) const CODINGS: HeaderValue = HeaderValue::from_static("gzip, br, zstd, deflate");

/// By [`Naming`]; each second one keeps no connections, and so has none that a server may have closed.
type Clients = [OnceCell<reqwest::Client>; 6];

/// The fetcher for `http` and `https`, on reqwest.
pub struct Http {
    options: Options,
    resolver: Resolver,
    authorities: Vec<CertificateDer<'static>>,
    /// Plain clients: they trust nobody, so they are made in no time.
    plain: Clients,
    /// The configuration with everybody we trust, once an `https` URL was met.
    trust: AsyncOnceCell<rustls::ClientConfig>,
    secure: Clients,
    /// Where content is decoded into; one for all, because nothing awaits while it is in use.
    scratch: Cell<Vec<u8>>,
}

impl Default for Http {
    fn default() -> Self {
        Self::with(Options::default(), Vec::new())
    }
}

impl Http {
    /// A fetcher with `options`.
    ///
    /// # Errors
    ///
    /// When the file of certificate authorities is of no use.
    pub fn new(options: Options) -> Result<Self, FetcherError> {
        let authorities = match &options.authorities {
            Some(path) => tls::read_authorities(path)?,
            None => Vec::new(),
        };
        Ok(Self::with(options, authorities))
    }

    fn with(options: Options, authorities: Vec<CertificateDer<'static>>) -> Self {
        let resolver = Resolver::new(
            options.lookup.clone(),
            options.resolve.clone(),
            options.family,
            options.private,
            options.connect_timeout,
        );
        Self {
            options,
            resolver,
            authorities,
            plain: Default::default(),
            trust: AsyncOnceCell::new(),
            secure: Default::default(),
            scratch: Cell::default(),
        }
    }

    /// Where the request may go, who counts as having named it, and how long finding out took.
    async fn place(&self, request: &Request<'_>) -> Result<(Found, Naming), FetchError> {
        port::permitted(request.naming, request.url)?;
        let literal = |address: IpAddr| {
            if !self.options.family.holds(address) {
                let message = format!("{address} is not of the only family that may be used");
                return Err(FetchError::lasting(FailureKind::Connect, message));
            }
            permitted(self.options.private, request.naming, address)?;
            Ok((Found::literal(), request.naming))
        };
        match request.url.host() {
            Some(Host::Ipv4(address)) => literal(address.into()),
            Some(Host::Ipv6(address)) => literal(address.into()),
            Some(Host::Domain(name)) => {
                let port = request.url.port_or_known_default().unwrap_or_default();
                let naming = match self.resolver.given(name, port) {
                    Some(_) => Naming::User,
                    None => request.naming,
                };
                Ok((self.resolver.resolve(name, port, naming).await?, naming))
            }
            None => Err(FetchError::lasting(FailureKind::Url, "the URL has no host")),
        }
    }

    /// The client for `naming`, with TLS or without; `fresh`: with a connection of its own for each request.
    async fn client(
        &self,
        secure: bool,
        naming: Naming,
        fresh: bool,
    ) -> Result<&reqwest::Client, FetchError> {
        let cells = if secure { &self.secure } else { &self.plain };
        let cell = &cells[2 * naming as usize + usize::from(fresh)];
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let config = if secure {
            self.trust
                .get_or_try_init(|| self.load_trust())
                .await?
                .clone()
        } else {
            tls::config(Some(rustls::RootCertStore::empty()), self.options.protocol)
                .map_err(|e| unable(&e))?
        };
        let client = self.build(config, fresh).map_err(|error| unable(&error))?;
        Ok(cell.get_or_init(|| client))
    }

    async fn load_trust(&self) -> Result<rustls::ClientConfig, FetchError> {
        let roots = if self.options.insecure {
            None
        } else {
            let further = self.authorities.clone();
            let loading = tokio::task::spawn_blocking(move || tls::roots(&further));
            Some(loading.await.map_err(|error| unable(&error))?)
        };
        tls::config(roots, self.options.protocol).map_err(|error| unable(&error))
    }

    fn build(&self, config: rustls::ClientConfig, fresh: bool) -> reqwest::Result<reqwest::Client> {
        let options = &self.options;
        let idle = if fresh { 0 } else { options.idle_per_host };
        let builder = reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            .dns_resolver(Given)
            .connector_layer(Watch)
            .connect_timeout(options.connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .tcp_nodelay(true)
            .pool_max_idle_per_host(idle)
            .pool_idle_timeout(options.keep_alive)
            .http1_max_headers(options.max_fields)
            .http2_max_header_list_size(64 << 10);
        match options.protocol {
            Protocol::Any => builder,
            Protocol::Http1 => builder.http1_only(),
            Protocol::Http2 => builder.http2_prior_knowledge(),
        }
        .build()
    }

    async fn fetch(
        &self,
        request: Request<'_>,
        receiver: &mut dyn Receiver,
    ) -> Result<Exchange, FetchError> {
        let (found, naming) = self.place(&request).await?;
        let spent = found.asked.unwrap_or_default();
        let now = Instant::now();
        let begun = now.checked_sub(spent).unwrap_or(now);
        let secure = request.url.scheme() == "https";
        let client = self.client(secure, naming, request.fresh).await?;

        let call = Call::new(found.addresses);
        let seen = Seen::default();
        let left = self.options.timeout.saturating_sub(spent);
        let transfer = self.transfer(client, request, naming, receiver, &seen);
        let done = clock::within(&self.options, left, &call, &seen, call.scope(transfer)).await;
        let mut exchange = done.and_then(|sent| sent).map_err(|error| {
            let marks = call.marks();
            let opened = marks.ready.is_some() || seen.head.get().is_some();
            FetchError {
                // No connection was opened for this request, so it went out on a kept one.
                stale: !opened && error.failure.kind == FailureKind::Reset,
                unconnected: !opened && marks.connecting.is_some(),
                ..error
            }
        })?;
        exchange.timing = timing(&call, &seen, found.asked, begun, self.options.epoch);
        Ok(exchange)
    }

    /// Sends, and reads the answer as far as it is wanted.
    async fn transfer(
        &self,
        client: &reqwest::Client,
        request: Request<'_>,
        naming: Naming,
        receiver: &mut dyn Receiver,
        seen: &Seen,
    ) -> Result<Exchange, FetchError> {
        let connect_timeout = self.options.connect_timeout;
        let head_only = request.method == Method::HEAD;
        let mut wire = reqwest::Request::new(request.method, request.url.clone());
        *wire.headers_mut() = request.fields;
        wire.headers_mut().entry(ACCEPT_ENCODING).or_insert(CODINGS);
        if let Some(content) = request.content {
            *wire.body_mut() = Some(content.into());
        } else if matches!(*wire.method(), Method::POST | Method::PUT | Method::PATCH) {
            // None is told as none where some is expected (RFC 9110, section 8.6).
            wire.headers_mut().insert(CONTENT_LENGTH, 0.into());
        }
        let mut response = client
            .execute(wire)
            .await
            .map_err(|error| failure::of_request(&error, Phase::Head, connect_timeout))?;

        let remote = response.remote_addr();
        if let Some(remote) = remote {
            permitted(self.options.private, naming, remote.ip())?;
        }
        let local = response
            .extensions()
            .get::<HttpInfo>()
            .map(HttpInfo::local_addr);
        seen.head.set(Some((Instant::now(), local)));
        framed(response.headers())?;
        let status = response.status();
        let want = receiver.head(status, response.headers());
        let size = match want {
            _ if head_only => None,
            Want::Content => Some(self.read(&mut response, receiver, seen, None).await?),
            Want::Beginning(most) => {
                Some(self.read(&mut response, receiver, seen, Some(most)).await?)
            }
            Want::Nothing => {
                drain(&mut response).await;
                None
            }
        };
        Ok(Exchange {
            status,
            version: response.version(),
            fields: std::mem::take(response.headers_mut()),
            size,
            remote,
            timing: Timing::default(),
        })
    }

    /// Reads all the content, or its `beginning`; returns the size of what was read.
    async fn read(
        &self,
        response: &mut reqwest::Response,
        receiver: &mut dyn Receiver,
        seen: &Seen,
        beginning: Option<u64>,
    ) -> Result<u64, FetchError> {
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
        // The announced length is only worth asking where it is that of the content itself.
        let announced = response.content_length();
        let announced = announced.filter(|_| decoder.is_identity()).unwrap_or(0);
        let (mut size, mut taken, mut received) = (0_u64, 0_u64, 0_u64);
        loop {
            let most = limit(receiver);
            if announced > most {
                return Err(too_large(most));
            }
            let chunk = response.chunk().await;
            let chunk = chunk.map_err(|error| {
                failure::of_request(&error, Phase::Content, self.options.connect_timeout)
            })?;
            received += chunk.as_ref().map_or(0, Bytes::len) as u64;
            seen.received(received);
            // A coding's frame can go on for ever without a byte of content.
            if received > most.saturating_add(most / 64 + DRAINED) {
                return Err(too_large(most));
            }
            if let Some(chunk) = &chunk {
                receiver.coded(chunk);
            }
            let mut give = |piece: &[u8]| {
                size += piece.len() as u64;
                if size > max_size && size > limit(receiver) {
                    return Err(too_large(limit(receiver)));
                }
                if size > RATIO_FROM && size / RATIO > received {
                    let message =
                        format!("the content unpacks to more than {RATIO} times its coded length");
                    return Err(FetchError::lasting(FailureKind::TooLarge, message));
                }
                receiver.chunk(piece);
                Ok(())
            };
            let Some(chunk) = chunk else {
                decoder.finish()?;
                return Ok(size);
            };
            let step = if decoder.is_identity() {
                STEP
            } else {
                CODED_STEP
            };
            for part in chunk.chunks(step) {
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
                    return Ok(taken);
                }
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
    ) -> LocalBoxFuture<'a, Result<Exchange, FetchError>> {
        self.fetch(request, receiver).boxed_local()
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
    let (head, local) = seen.head.get().unzip();
    let (ready, own) = marks.ready.unzip();
    let fresh = ready.is_some() && own == local;
    let phases = |value: Option<f64>| value.filter(|_| fresh);
    Timing {
        dns: phases(asked.map(milliseconds)),
        connect: phases(between(marks.connecting, marks.securing.or(ready))),
        tls: phases(between(marks.securing, ready)),
        ttfb: between(Some(begun), head),
        total: milliseconds(begun.elapsed()),
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

fn too_large(limit: u64) -> FetchError {
    FetchError::lasting(
        FailureKind::TooLarge,
        format!("more than {limit} bytes of content"),
    )
}

fn unable(error: &dyn std::error::Error) -> FetchError {
    FetchError::lasting(FailureKind::Tls, format!("TLS cannot be set up: {error}"))
}
