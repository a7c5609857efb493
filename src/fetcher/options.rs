//! What can be set about fetching, and the defaults.
//!
//! Everything here holds for all requests of one [`Http`](super::Http); what differs from request to request
//! stands in [`Request`](super::Request). Deliberately absent: cookies, which differ from request
//! to request.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::proxy::Proxy;
use crate::policy::address::Private;

/// Looks a host name up; runs on a thread that may block.
///
/// Errors are read as those of the system's resolver are: by their kind and text.
#[derive(Clone)]
pub struct Lookup(pub(super) Arc<LookUp>);

type LookUp = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

impl Lookup {
    /// Uses `look_up` instead of the system's resolver.
    pub fn new(look_up: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(look_up))
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lookup")
    }
}

/// Which kind of address is used (`-4`, `-6`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Family {
    /// Either, in the order of the system; the other is tried after 300 ms (RFC 8305).
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl Family {
    /// Is `address` of this family?
    pub(super) fn holds(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

/// Which versions of HTTP are spoken (`--http1`, `--http2`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// HTTP/2 where TLS agrees on it, else HTTP/1.1.
    #[default]
    Any,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only, also without TLS.
    Http2,
}

/// One `--resolve HOST:PORT:ADDRESS[,ADDRESS…]`: these addresses are used, and no name server is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolve {
    /// As in a URL, in lower case.
    pub host: String,
    /// The port it holds for.
    pub port: u16,
    /// In the order of preference.
    pub addresses: Vec<IpAddr>,
}

impl FromStr for Resolve {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = || format!("`{text}` is not of the form HOST:PORT:ADDRESS");
        let mut parts = text.splitn(3, ':');
        let (Some(host), Some(port), Some(addresses)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(wanted());
        };
        let host = url::Host::parse(host).map_err(|_| wanted())?;
        let url::Host::Domain(host) = host else {
            return Err(format!("`{text}` gives an address another address"));
        };
        let port = port.parse().map_err(|_| wanted())?;
        let addresses = addresses
            .split(',')
            .map(|address| {
                address
                    .trim_start_matches('[')
                    .trim_end_matches(']')
                    .parse()
            })
            .collect::<Result<_, _>>()
            .map_err(|_| format!("`{addresses}` in `{text}` is no IP address"))?;
        Ok(Self {
            host,
            port,
            addresses,
        })
    }
}

/// Who we are, for servers that ask: PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, followed by its chain.
    pub certificate: PathBuf,
    /// Its key, not encrypted; may be the same file.
    pub key: PathBuf,
}

/// What can be set. The defaults are those of the command line.
#[derive(Debug, Clone)]
pub struct Options {
    /// From the start of a request to the end of its content; waiting for a free resolver does not count.
    pub timeout: Duration,
    /// For the look-up of a name, and again for connecting, TLS included.
    pub connect_timeout: Duration,
    /// From a connection to the end of an answer's head, interim answers included.
    pub header_timeout: Duration,
    /// Content may stand still for so long.
    pub idle_timeout: Duration,
    /// Bytes a second, before decoding, that content must bring at least, on average over `idle_timeout`.
    pub min_rate: u64,
    /// Most bytes of content, after decoding.
    pub max_size: u64,
    /// The same where the receiver says that it is a list of URLs; no less than `max_size`.
    pub max_list: u64,
    /// The rule for addresses that are not public.
    pub private: Private,
    /// Names whose addresses are given. That names them: they count as named by the user.
    pub resolve: Vec<Resolve>,
    /// Everything but what it passes by goes through it.
    pub proxy: Option<Proxy>,
    /// Everything goes to this socket, whatever its host.
    pub unix_socket: Option<PathBuf>,
    /// Shown to named origins that ask for it.
    pub identity: Option<Identity>,
    /// Accept any certificate.
    pub insecure: bool,
    /// PEM file of further certificate authorities.
    pub authorities: Option<PathBuf>,
    /// Exchanges tell of the certificate that their server showed.
    pub certificate: bool,
    /// Versions of HTTP.
    pub protocol: Protocol,
    /// Kind of addresses.
    pub family: Family,
    /// Idle connections that are kept for each host.
    pub idle_per_host: usize,
    /// How long an idle connection is kept.
    pub keep_alive: Duration,
    /// Most fields in the head of an answer; its bytes are bounded by 400 KiB (HTTP/2: 64 KiB).
    pub max_fields: usize,
    /// What looks names up; `None` is the system.
    pub lookup: Option<Lookup>,
    /// When the run began: `timing.start` counts from here.
    pub epoch: Instant,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(20),
            idle_timeout: Duration::from_secs(15),
            min_rate: 128,
            max_size: 10 << 20,
            // What a sitemap may have by its protocol (sitemaps.org).
            max_list: 50 << 20,
            private: Private::Auto,
            resolve: Vec::new(),
            proxy: None,
            unix_socket: None,
            identity: None,
            insecure: false,
            authorities: None,
            certificate: false,
            protocol: Protocol::Any,
            family: Family::Any,
            idle_per_host: 64,
            keep_alive: Duration::from_secs(30),
            // hyper's own 100 turns away sites that browsers show; curl takes 5,000.
            max_fields: 256,
            lookup: None,
            epoch: Instant::now(),
        }
    }
}

/// Why no fetcher could be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetcherError {
    /// The file of certificate authorities cannot be read.
    #[error("read certificates from {}: {reason}", path.display())]
    Authorities {
        /// As given.
        path: PathBuf,
        /// In words.
        reason: String,
    },
    /// The certificate that we would show, or its key, is of no use.
    #[error("use the certificate or key in {}: {reason}", path.display())]
    Identity {
        /// As given.
        path: PathBuf,
        /// In words.
        reason: String,
    },
    /// TLS cannot be set up with these options.
    #[error("set up TLS")]
    Tls(#[source] rustls::Error),
}
