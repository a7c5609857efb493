//! What the integration tests lean on: servers of our own on the loopback, and the real binary.
//!
//! | file | what it decides |
//! | --- | --- |
//! | `server` | a decent HTTP/1.1 server: routes and folders, over `response` and `files` |
//! | `raw` | a server that misbehaves by script; `faults` has the usual scripts |
//! | `secure` | a server over TLS, under any names |
//! | `proxy` | HTTP and SOCKS 5 proxies |
//! | `gate`, `arrivals` | what a test waits for, and what a server saw; no sleeping |
//! | `hostile` | pages that have cost parsers their time |
//! | `address` | addresses at which nobody answers |
//! | `wire`, `background` | one connection, and the thread behind a listener |
//! | `command`, `running` | a run of the binary, and what it printed |
//! | `readers` | Python, where it is there, to read what we wrote |
//! | `selftest` | that these can be relied on |
//!
//! Nothing here knows the program's flags, records or defaults: those are what the tests are about.

#![allow(
    dead_code,
    unused_imports,
    reason = "a toolbox: each test module takes what it needs, and some tools serve one platform"
)]

mod address;
mod arrivals;
mod background;
mod command;
pub(crate) mod faults;
mod files;
mod gate;
pub(crate) mod hostile;
mod proxy;
mod raw;
pub(crate) mod readers;
mod response;
mod running;
mod secure;
mod selftest;
mod server;
mod wire;

pub(crate) use address::{closed_port, full_backlog, has_ipv6};
pub(crate) use arrivals::{Arrivals, Request};
pub(crate) use command::{Dragnet, Output};
pub(crate) use gate::Gate;
pub(crate) use proxy::ProxyServer;
pub(crate) use raw::{RawServer, Script, Step};
pub(crate) use response::Response;
pub(crate) use running::Running;
pub(crate) use secure::SecureServer;
pub(crate) use server::Server;
