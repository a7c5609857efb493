//! A decent HTTP/1.1 server: routes are closures, and a folder can be served as a site.
//!
//! It decides which route answers: an exact path first, then the longest prefix, then the folder,
//! then 404. Everything that a well-behaved server does is right here (keep-alive, HEAD, framing);
//! what no decent server sends belongs to the raw server. A route that panics, and a request that is
//! no HTTP, fail the test when the server is dropped. Absent: TLS, HTTP/2, compression.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::arrivals::{Arrivals, Request};
use super::background::Background;
use super::files;
use super::response::Response;
use super::wire::Wire;

type Route = Box<dyn Fn(&Request) -> Response + Send + Sync>;

/// A running server; stopped when dropped. What it saw is read through [`Arrivals`].
#[derive(Debug)]
pub(crate) struct Server {
    background: Background,
}

impl Server {
    /// A server to be given routes, on 127.0.0.1 and a free port unless told otherwise.
    pub(crate) fn builder() -> Builder {
        Builder {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            routes: Routes::default(),
        }
    }

    /// A running server with these pages and no others.
    pub(crate) fn pages<'a>(pages: impl IntoIterator<Item = (&'a str, Response)>) -> Self {
        pages
            .into_iter()
            .fold(Self::builder(), |builder, (path, response)| {
                builder.page(path, response)
            })
            .start()
    }

    /// A running server of the site in this folder.
    pub(crate) fn files(root: impl AsRef<Path>) -> Self {
        Self::builder().files(root).start()
    }

    /// The address it listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.background.address()
    }

    /// The URL of a path (which begins with a slash) on this server.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }
}

impl Deref for Server {
    type Target = Arrivals;

    fn deref(&self) -> &Arrivals {
        self.background.arrivals()
    }
}

/// Routes and an address, before the start.
pub(crate) struct Builder {
    address: SocketAddr,
    routes: Routes,
}

impl Builder {
    /// Listens on this address: `[127, 0, 0, 2]` is another host, `Ipv6Addr::LOCALHOST` another family.
    #[must_use]
    pub(crate) fn on(mut self, address: impl Into<IpAddr>) -> Self {
        self.address.set_ip(address.into());
        self
    }

    /// Listens on this port; 0, the default, is any free one.
    #[must_use]
    pub(crate) fn port(mut self, port: u16) -> Self {
        self.address.set_port(port);
        self
    }

    /// Answers this path, whatever the query, by the closure.
    #[must_use]
    pub(crate) fn route(
        mut self,
        path: &str,
        answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Self {
        self.routes.exact.insert(path.to_owned(), Box::new(answer));
        self
    }

    /// Answers this path always the same way.
    #[must_use]
    pub(crate) fn page(self, path: &str, response: Response) -> Self {
        self.route(path, move |_| response.clone())
    }

    /// Answers every path that begins like this by the closure; the longest prefix wins.
    #[must_use]
    pub(crate) fn prefix(
        mut self,
        prefix: &str,
        answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Self {
        self.routes
            .prefixes
            .push((prefix.to_owned(), Box::new(answer)));
        self
    }

    /// Answers what no route takes from this folder.
    #[must_use]
    pub(crate) fn files(mut self, root: impl AsRef<Path>) -> Self {
        self.routes.root = Some(root.as_ref().to_owned());
        self
    }

    /// Starts the server, or fails the test.
    pub(crate) fn start(self) -> Server {
        let address = self.address;
        self.try_start()
            .unwrap_or_else(|error| panic!("no test server on {address}: {error}"))
    }

    /// Starts the server where the address may be missing on this machine, or the port taken.
    pub(crate) fn try_start(self) -> io::Result<Server> {
        let arrivals = Arc::new(Arrivals::default());
        let ledger = Arc::clone(&arrivals);
        let routes = Arc::new(self.routes);
        let background = Background::start(self.address, None, arrivals, move |wire| {
            converse(wire, Arc::clone(&routes), Arc::clone(&ledger))
        })?;
        Ok(Server { background })
    }
}

#[derive(Default)]
struct Routes {
    exact: HashMap<String, Route>,
    prefixes: Vec<(String, Route)>,
    root: Option<PathBuf>,
}

impl Routes {
    fn answer(&self, request: &Request) -> Response {
        let path = request.path();
        let route = self.exact.get(path).or_else(|| {
            self.prefixes
                .iter()
                .filter(|(prefix, _)| path.starts_with(prefix))
                .max_by_key(|(prefix, _)| prefix.len())
                .map(|(_, route)| route)
        });
        match (route, &self.root) {
            (Some(route), _) => route(request),
            (None, Some(root)) => files::answer(root, path),
            (None, None) => Response::new(404),
        }
    }
}

async fn converse(mut wire: Wire, routes: Arc<Routes>, arrivals: Arc<Arrivals>) -> io::Result<()> {
    while let Some(mut request) = wire.request().await? {
        let in_flight = arrivals.begin(&mut request);
        let answer = catch_unwind(AssertUnwindSafe(|| routes.answer(&request)));
        let response = answer.unwrap_or_else(|cause| {
            let message = cause
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| cause.downcast_ref::<&str>().copied())
                .unwrap_or("no message");
            arrivals.fail(format!(
                "the route of {} panicked: {message}",
                request.target
            ));
            Response::new(500).close()
        });
        tokio::select! {
            () = response.ready() => {}
            () = wire.left() => return Ok(()),
        }
        let bytes = response.encode(&request.method);
        wire.write_all(&bytes).await?;
        arrivals.wrote(request.path(), bytes.len());
        // Before anything else runs on this thread: the client may already have the last byte, and
        // its next request must not meet this one.
        drop(in_flight);
        if response.closes() || !request.keep_alive {
            return wire.close().await;
        }
    }
    Ok(())
}
