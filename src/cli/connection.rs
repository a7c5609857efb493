//! The flags that say how servers are reached: addresses, proxies, sockets, certificates, protocols.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use dragnet::fetcher::{self, Bypass, Family, Identity, Protocol, Proxy};
use dragnet::policy::address::Private;

use super::credentials::source;

/// Flags about connections.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct ConnectionOptions {
    /// Private, loopback and link-local addresses: auto allows those of hosts that you named
    #[arg(long, value_name = "RULE", value_parser = ["auto", "allow", "deny"])]
    private: Option<String>,
    /// Use this address for a host and port
    #[arg(long, value_name = "HOST:PORT:ADDRESS")]
    resolve: Vec<fetcher::Resolve>,
    /// Go through a proxy: http, https, socks5 (names are looked up here) or socks5h (there). env:NAME reads it from the
    /// environment and @FILE from a file, which is the place for one with a password
    #[arg(long, value_name = "URL", conflicts_with = "unix_socket")]
    proxy: Option<String>,
    /// Go straight to these hosts, and hosts below them, addresses and networks, such as example.org,10.0.0.0/8;
    /// without a list, to all
    #[arg(long, value_name = "LIST", num_args = 0..=1, require_equals = true, default_missing_value = "*")]
    no_proxy: Option<Bypass>,
    /// Send every request to this socket, whatever host it is for
    #[arg(long, value_name = "PATH")]
    unix_socket: Option<PathBuf>,
    /// Trust the certificate authorities in this PEM file too
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// Show this certificate (PEM, with its chain) to those hosts that you named and that ask for one
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// The key of --cert (PEM, without a password), where it stands in a file of its own
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Accept any certificate
    #[arg(long)]
    pub(super) insecure: bool,
    /// IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,
    /// IPv6 only
    #[arg(short = '6', long)]
    ipv6: bool,
    /// HTTP/1.1 only
    #[arg(long, conflicts_with = "http2")]
    http1: bool,
    /// HTTP/2 only, also without TLS
    #[arg(long)]
    http2: bool,
}

impl ConnectionOptions {
    /// Is a certificate shown to servers that ask for one?
    pub(super) fn is_identified(&self) -> bool {
        self.cert.is_some()
    }

    /// Writes what was said into `options`.
    pub(super) fn set(&self, options: &mut fetcher::Options) -> anyhow::Result<()> {
        options.private = match self.private.as_deref() {
            Some("allow") => Private::Allow,
            Some("deny") => Private::Deny,
            _ => Private::Auto,
        };
        options.resolve.clone_from(&self.resolve);
        options.proxy = self.proxy()?;
        if self.unix_socket.is_some() && cfg!(not(unix)) {
            bail!("--unix-socket: there are none on this system");
        }
        options.unix_socket.clone_from(&self.unix_socket);
        options.insecure = self.insecure;
        options.authorities.clone_from(&self.cacert);
        options.identity = self.cert.as_ref().map(|certificate| Identity {
            certificate: certificate.clone(),
            key: self.key.as_ref().unwrap_or(certificate).clone(),
        });
        options.family = match (self.ipv4, self.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        };
        options.protocol = match (self.http1, self.http2) {
            (true, _) => Protocol::Http1,
            (_, true) => Protocol::Http2,
            _ => Protocol::Any,
        };
        Ok(())
    }

    /// The proxy; a mistake in it is told without it, because it can hold a password.
    fn proxy(&self) -> anyhow::Result<Option<Proxy>> {
        let Some(text) = &self.proxy else {
            return Ok(None);
        };
        let read = if text.starts_with('@') || text.starts_with("env:") {
            source(text).context("--proxy")?
        } else {
            dragnet::model::Secret::new(text.as_str())
        };
        let bypass = self.no_proxy.clone().unwrap_or_default();
        let proxy = Proxy::new(&read, bypass).map_err(anyhow::Error::msg);
        proxy.context("--proxy").map(Some)
    }
}
