//! Where the time of one request went, and on which connection it went out.
//!
//! reqwest tells neither. But it polls look-up, connect and handshake inside the request's own future until
//! another connection becomes free first, so a task-local value reaches the places where they happen: our
//! resolver, a layer around the connector, and the store of TLS sessions, which rustls asks at the very
//! start of a handshake. A connection that is finished later, for somebody else, is told from ours by its
//! local address. Deliberately absent: the way through a proxy, which has two of each.

use std::any::Any;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::client::legacy::connect::{Connection, HttpInfo};
use rustls::NamedGroup;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;
use tokio::time::{Instant, timeout};
use tower_layer::Layer;
use tower_service::Service;

use super::resolver::Found;

tokio::task_local! {
    static CALL: Arc<Call>;
}

/// What one request shares with the connector below it.
#[derive(Debug)]
pub(super) struct Call {
    /// Where the names on its way are.
    pub(super) found: Found,
    below: Arc<Below>,
    marks: Mutex<Marks>,
}

/// Moments of the connection that this request opened.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Marks {
    /// Connecting began.
    pub(super) connecting: Option<Instant>,
    /// The handshake of TLS began.
    pub(super) securing: Option<Instant>,
    /// The connection was ready, and this is its own end.
    pub(super) ready: Option<(Instant, Option<SocketAddr>)>,
}

impl Call {
    pub(super) fn new(found: Found, below: Arc<Below>) -> Arc<Self> {
        Arc::new(Self {
            found,
            below,
            marks: Mutex::default(),
        })
    }

    /// The call whose future is being polled.
    pub(super) fn current() -> Option<Arc<Self>> {
        CALL.try_with(Arc::clone).ok()
    }

    /// Runs `future` as this call.
    pub(super) fn scope<F: Future>(
        self: &Arc<Self>,
        future: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        CALL.scope(Arc::clone(self), future)
    }

    pub(super) fn marks(&self) -> Marks {
        *self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mark(&self, set: impl FnOnce(&mut Marks)) {
        set(&mut self.marks.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// What a client connects with, and the time that it may take where reqwest does not see to that.
#[derive(Debug)]
pub(super) struct Below {
    connector: OnceLock<Box<dyn Any + Send + Sync>>,
    limit: Option<Duration>,
}

impl Below {
    pub(super) fn within(limit: Option<Duration>) -> Arc<Self> {
        Arc::new(Self {
            connector: OnceLock::new(),
            limit,
        })
    }
}

/// The layer around reqwest's connector, which it puts aside.
#[derive(Clone)]
pub(super) struct Watch(pub(super) Arc<Below>);

impl<S: Send + Sync + 'static> Layer<S> for Watch {
    type Service = Watched<S>;

    fn layer(&self, connector: S) -> Watched<S> {
        // A client has one connector, and calls this once.
        let _ = self.0.connector.set(Box::new(connector));
        Watched(PhantomData)
    }
}

/// A connector that notes when it was called and when it was done.
///
/// It is called once a connection, and each request copies it six times into a box of its own. So it is empty, and its
/// boxes take no memory: the one below it is found through the call, which is there whenever a connection is begun.
pub(super) struct Watched<S>(PhantomData<fn() -> S>);

impl<S> Clone for Watched<S> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

type BoxError = Box<dyn Error + Send + Sync>;

impl<S, R> Service<R> for Watched<S>
where
    S: Service<R, Error = BoxError> + Clone + Send + Sync + 'static,
    S::Response: Connection,
    S::Future: Send,
    R: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        // That which is called is asked.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: R) -> Self::Future {
        let call = Call::current();
        Box::pin(async move {
            let below = call.as_ref().and_then(|call| {
                let connector = call.below.connector.get()?.downcast_ref();
                Some((call, S::clone(connector?)))
            });
            let Some((call, mut connector)) = below else {
                return Err("a connection was begun outside of a request".into());
            };
            call.mark(|marks| {
                *marks = Marks {
                    connecting: Some(Instant::now()),
                    ..Marks::default()
                }
            });
            poll_fn(|context| connector.poll_ready(context)).await?;
            let connecting = connector.call(request);
            let connection = match call.below.limit {
                Some(limit) => timeout(limit, connecting)
                    .await
                    .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??,
                None => connecting.await?,
            };
            let mut extras = http::Extensions::new();
            connection.connected().get_extras(&mut extras);
            let local = extras.get::<HttpInfo>().map(HttpInfo::local_addr);
            call.mark(|marks| marks.ready = Some((Instant::now(), local)));
            Ok(connection)
        })
    }
}

/// Keeps TLS sessions in memory, and notes when a handshake begins.
#[derive(Debug)]
pub(super) struct Sessions(pub(super) ClientSessionMemoryCache);

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, server: ServerName<'static>, group: NamedGroup) {
        self.0.set_kx_hint(server, group);
    }

    fn kx_hint(&self, server: &ServerName<'_>) -> Option<NamedGroup> {
        if let Some(call) = Call::current() {
            call.mark(|marks| marks.securing = Some(Instant::now()));
        }
        self.0.kx_hint(server)
    }

    fn set_tls12_session(&self, server: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.0.set_tls12_session(server, value);
    }

    fn tls12_session(&self, server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.tls12_session(server)
    }

    fn remove_tls12_session(&self, server: &ServerName<'static>) {
        self.0.remove_tls12_session(server);
    }

    fn insert_tls13_ticket(&self, server: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.0.insert_tls13_ticket(server, value);
    }

    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.take_tls13_ticket(server)
    }
}
