//! Which way a request goes: to an address, through the proxy, or to a socket; and over which connections.
//!
//! **What was checked is what is dialled**: addresses are judged before a connection is opened, literal ones here,
//! because hyper never asks a resolver about them, and names in `resolver`. A proxy that is told a name looks it up
//! itself: then only the literal can be judged, or with `--private deny` what we find for the name ourselves.
//!
//! Each [`Way`] has a client, and so a pool, of its own: a page must not ride on a connection that the user's own word
//! opened, nor a stranger on one that has shown his certificate.
//!
//! Room for many fields costs every answer, and few servers need it: a [`Way`] is narrow until a head does not fit. Then
//! its origin's is wide, and the request is made again; one that must not be made twice goes the wide way at once.

use std::cell::RefCell;
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::OnceCell;
use url::{Host, Url};

use super::options::{FetcherError, Options, Protocol};
use super::resolver::{Found, Given, Resolver};
use super::timing::{Below, Watch};
use super::{FetchError, Proxy, Request, tls};
use crate::model::{FailureKind, Naming, Origin};
use crate::policy::address::{Private, permitted};
use crate::policy::port;

/// Fields of a head that hyper has room for on its stack.
const FEW: usize = 100;

/// What the connections that two requests may share have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way {
    secure: bool,
    naming: Naming,
    /// Through the proxy.
    proxied: bool,
    /// Our certificate is shown.
    identified: bool,
    /// Keeps no connections, and so has none that a server may have closed.
    fresh: bool,
    /// Has room for all the fields that a head may have.
    wide: bool,
    /// There are addresses to share the time for connecting. A name that gains one opens new connections.
    several: bool,
}

/// What sends the requests that go one way.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) http: reqwest::Client,
    pub(super) below: Arc<Below>,
}

/// The way of one request.
pub(super) struct Route {
    pub(super) client: Client,
    /// Where the names on this way are.
    pub(super) found: Found,
    /// Who counts as having named the address that answers; `None` where that is not the target's.
    pub(super) naming: Option<Naming>,
    /// It is a proxy that answers.
    pub(super) proxied: bool,
    /// There is room for all the fields that a head may have.
    pub(super) wide: bool,
}

/// Finds the way for each request.
pub(super) struct Routes {
    resolver: Resolver,
    authorities: Vec<CertificateDer<'static>>,
    identity: Option<tls::Certified>,
    /// Everybody we trust, once an `https` URL was met; plain clients trust nobody, so they are made in no time.
    roots: OnceCell<Option<RootCertStore>>,
    /// A handful at most, which are found sooner one by one than by a hash.
    clients: RefCell<Vec<(Way, Client)>>,
    /// Origins whose heads have many fields.
    wide: RefCell<HashSet<Origin>>,
}

impl Routes {
    pub(super) fn new(options: &Options) -> Result<Self, FetcherError> {
        let authorities = match &options.authorities {
            Some(path) => tls::read_authorities(path)?,
            None => Vec::new(),
        };
        let identity = options.identity.as_ref().map(tls::read_identity);
        Ok(Self::with(options, authorities, identity.transpose()?))
    }

    pub(super) fn with(
        options: &Options,
        authorities: Vec<CertificateDer<'static>>,
        identity: Option<tls::Certified>,
    ) -> Self {
        Self {
            resolver: Resolver::new(
                options.lookup.clone(),
                options.resolve.clone(),
                options.family,
                options.private,
                options.connect_timeout,
            ),
            authorities,
            identity,
            roots: OnceCell::new(),
            clients: RefCell::default(),
            wide: RefCell::default(),
        }
    }

    /// From now on there is room for many fields at the origin of `url`.
    pub(super) fn widen(&self, url: &Url) {
        self.wide.borrow_mut().insert(Origin::of(url));
    }

    fn is_wide(&self, request: &Request<'_>) -> bool {
        let wide = self.wide.borrow();
        !request.method.is_safe() || !wide.is_empty() && wide.contains(&Origin::of(request.url))
    }

    /// The way of `request`, if it may go.
    pub(super) async fn of(
        &self,
        request: &Request<'_>,
        options: &Options,
    ) -> Result<Route, FetchError> {
        port::permitted(request.naming, request.url)?;
        let proxy = options.proxy.as_ref();
        let proxy = proxy.filter(|proxy| proxy.takes(request.url));
        let (found, naming) = if options.unix_socket.is_some() {
            (Found::default(), request.naming)
        } else if let Some(proxy) = proxy {
            self.behind(proxy, request, options).await?
        } else {
            self.direct(request, options).await?
        };
        let secure = request.url.scheme() == "https";
        let way = Way {
            secure,
            naming,
            proxied: proxy.is_some(),
            identified: secure && request.named && self.identity.is_some(),
            fresh: request.fresh,
            wide: self.is_wide(request),
            several: proxy.is_some() || found.addresses.len() > 1,
        };
        let elsewhere = way.proxied || options.unix_socket.is_some();
        Ok(Route {
            client: self.client(way, options).await?,
            found,
            naming: (!elsewhere).then_some(naming),
            proxied: way.proxied,
            wide: way.wide,
        })
    }

    /// Where the target is, who counts as having named it, and how long finding out took.
    async fn direct(
        &self,
        request: &Request<'_>,
        options: &Options,
    ) -> Result<(Found, Naming), FetchError> {
        let literal = |address: IpAddr| {
            if !options.family.holds(address) {
                let message = format!("{address} is not of the only family that may be used");
                return Err(FetchError::lasting(FailureKind::Connect, message));
            }
            permitted(options.private, request.naming, address)?;
            Ok((Found::default(), request.naming))
        };
        match request.url.host() {
            Some(Host::Ipv4(address)) => literal(address.into()),
            Some(Host::Ipv6(address)) => literal(address.into()),
            Some(Host::Domain(name)) => self.look_up(name, request).await,
            None => Err(FetchError::lasting(FailureKind::Url, "the URL has no host")),
        }
    }

    async fn look_up(
        &self,
        name: &str,
        request: &Request<'_>,
    ) -> Result<(Found, Naming), FetchError> {
        let port = request.url.port_or_known_default().unwrap_or_default();
        let naming = match self.resolver.given(name, port) {
            Some(_) => Naming::User,
            None => request.naming,
        };
        Ok((self.resolver.resolve(name, port, naming).await?, naming))
    }

    /// Where the proxy is, and the target as far as it is looked up here.
    async fn behind(
        &self,
        proxy: &Proxy,
        request: &Request<'_>,
        options: &Options,
    ) -> Result<(Found, Naming), FetchError> {
        let strict = options.private == Private::Deny;
        let (mut found, naming) = match request.url.host() {
            Some(Host::Ipv4(address)) => {
                permitted(options.private, request.naming, address.into())?;
                (Found::default(), request.naming)
            }
            Some(Host::Ipv6(address)) => {
                permitted(options.private, request.naming, address.into())?;
                (Found::default(), request.naming)
            }
            Some(Host::Domain(name)) if strict || proxy.takes_addresses() => {
                self.look_up(name, request).await?
            }
            _ => (Found::default(), request.naming),
        };
        if !proxy.takes_addresses() {
            // What the proxy finds for the name can be any of its addresses.
            if let Some(refusal) = found.refusal {
                return Err((*refusal).into());
            }
        }
        let (host, port) = proxy.place();
        if host.parse::<IpAddr>().is_err() {
            let own = self.resolver.resolve_own(&host, port).await?;
            let asked = [found.asked, own.asked];
            found.asked = asked.into_iter().flatten().reduce(|one, other| one + other);
            found.proxy = Some(Box::new((host, own.addresses)));
        }
        Ok((found, naming))
    }

    /// The client for a way, made when the first request goes it.
    async fn client(&self, way: Way, options: &Options) -> Result<Client, FetchError> {
        let known = || {
            let clients = self.clients.borrow();
            let known = clients.iter().find(|(known, _)| *known == way);
            known.map(|(_, client)| client.clone())
        };
        if let Some(client) = known() {
            return Ok(client);
        }
        let proxy = options.proxy.as_ref().filter(|_| way.proxied);
        let roots = if way.secure || proxy.is_some_and(Proxy::is_secure) {
            let load = || self.load(options.insecure);
            self.roots.get_or_try_init(load).await?.clone()
        } else {
            Some(RootCertStore::empty())
        };
        let identity = self.identity.as_ref().filter(|_| way.identified);
        let config =
            tls::config(roots, options.protocol, identity).map_err(|error| unable(&error))?;
        let client = build(config, way, options).map_err(|error| unable(&error))?;
        // Another request may have made one meanwhile; one pool is enough.
        if let Some(client) = known() {
            return Ok(client);
        }
        self.clients.borrow_mut().push((way, client.clone()));
        Ok(client)
    }

    /// Everybody we trust; nobody in particular where every certificate is accepted.
    async fn load(&self, insecure: bool) -> Result<Option<RootCertStore>, FetchError> {
        if insecure {
            return Ok(None);
        }
        let further = self.authorities.clone();
        let loading = tokio::task::spawn_blocking(move || tls::roots(&further));
        loading.await.map(Some).map_err(|error| unable(&error))
    }
}

fn build(config: ClientConfig, way: Way, options: &Options) -> reqwest::Result<Client> {
    let below = Below::within((!way.several).then_some(options.connect_timeout));
    let idle = if way.fresh { 0 } else { options.idle_per_host };
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(config)
        .dns_resolver(Given)
        .connector_layer(Watch(Arc::clone(&below)))
        .tls_info(options.certificate)
        .redirect(reqwest::redirect::Policy::none())
        // Without the number a copy of each request would be kept all the same.
        .retry(reqwest::retry::never().max_retries_per_request(0))
        .referer(false)
        .no_proxy()
        .tcp_nodelay(true)
        .pool_max_idle_per_host(idle)
        .pool_idle_timeout(options.keep_alive)
        .http2_max_header_list_size(64 << 10);
    if way.several {
        // The library parts the time among the addresses. That is one more layer, which each request copies several times.
        builder = builder.connect_timeout(options.connect_timeout);
    }
    if way.wide {
        builder = builder.http1_max_headers(options.max_fields.max(FEW));
    }
    if let Some(proxy) = options.proxy.as_ref().filter(|_| way.proxied) {
        builder = builder.proxy(reqwest::Proxy::all(proxy.url().clone())?);
    }
    #[cfg(unix)]
    if let Some(path) = &options.unix_socket {
        builder = builder.unix_socket(path.as_path());
    }
    let builder = match options.protocol {
        Protocol::Any => builder,
        Protocol::Http1 => builder.http1_only(),
        Protocol::Http2 => builder.http2_prior_knowledge(),
    };
    let http = builder.build()?;
    Ok(Client { http, below })
}

fn unable(error: &dyn std::error::Error) -> FetchError {
    FetchError::lasting(FailureKind::Tls, format!("TLS cannot be set up: {error}"))
}
