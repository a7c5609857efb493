//! dragnet: a concurrent HTTP fetcher, crawler and link checker. One thread waits on thousands of servers at
//! once.
//!
//! ```text
//!  seeds            leases                 exchanges              visits
//!  stdin ─┐      ┌──────────┐   ┌──────────────────────────┐   ┌────────┐   ┌───────┐
//!  args  ─┼────▶ │ frontier │──▶│ buffer_unordered(N) pool │──▶│ parser │──▶│ sinks │──▶ stdout, files
//!  files ─┘      └──────────┘   │ of reqwest futures       │   └────────┘   └───────┘
//!                     ▲         └──────────────────────────┘        │            │
//!                     └──────────── links in scope, retries ────────┘            ▼
//!                                                                         progress reporter ──▶ stderr
//! ```
//!
//! The modules stand in the order of the pipeline, on floors: imports go down only, and siblings on a floor
//! never import each other.
//!
//! | floor | modules | |
//! | --- | --- | --- |
//! | 0 | [`model`] | plain values |
//! | 1 | [`policy`] | pure decisions |
//! | 2 | [`input`], [`frontier`], [`cache`], [`fetcher`], [`parser`], [`sink`] | the stages |
//! | 3 | [`job`] | the one loop, and the three jobs on it |
//!
//! # Three examples
//!
//! One thread is enough for any of them: a `tokio` runtime of flavour `current_thread`.
//!
//! A list, fetched into a file; its extension names the format, and every line has its record, failures included:
//!
//! ```
//! use std::path::Path;
//!
//! use dragnet::job::{Error, Fetch, Output, Report, Setting};
//!
//! async fn fetch(urls: &[String], to: &Path) -> Result<Report, Error> {
//!     let setting = Setting::new(vec![Output::file(to)?]);
//!     Fetch::new(urls).run(setting).await
//! }
//! # mod site { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/site.rs")); }
//! # use site::{Memory, run, serve};
//! # let folder = tempfile::tempdir()?;
//! # let site = serve(&[("/a", "text/html", "<title>A</title>")])?;
//! # let urls = [format!("{site}/a"), format!("{site}/none")];
//! # let report = run(fetch(&urls, &folder.path().join("records.jsonl")))?;
//! # assert_eq!((report.summary.ok, report.summary.broken), (1, 1));
//! # assert_eq!(std::fs::read_to_string(folder.path().join("records.jsonl"))?.lines().count(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A crawl with a [`Sink`](sink::Sink) of one's own. Records come one by one, from one thread; what is appended to `out`
//! goes to the stream:
//!
//! ```
//! use std::io;
//!
//! use dragnet::job::{Crawl, Error, Limits, Output, Report, Setting};
//! use dragnet::model::Visit;
//! use dragnet::policy::scope::{Reach, Scope};
//! use dragnet::sink::Sink;
//!
//! /// The titles of a site, one a line.
//! struct Titles;
//!
//! impl Sink for Titles {
//!     fn write(&mut self, visit: &Visit, out: &mut Vec<u8>) {
//!         let title = visit.title.as_deref().unwrap_or("no title");
//!         out.extend(format!("{title:?} {}\n", visit.url).bytes());
//!     }
//! }
//!
//! async fn titles(site: &str, to: impl io::Write + Send + 'static) -> Result<Report, Error> {
//!     let crawl = Crawl::new([site]);
//!     let below = crawl.seeds.iter().map(|seed| &seed.url);
//!     let scope = Scope::new(Reach::Prefix, below, vec![], vec![]);
//!     let setting = Setting {
//!         limits: Limits { retries: 5, ..Limits::default() },
//!         ..Setting::new(vec![Output::stream(Titles, to)])
//!     };
//!     Crawl { scope, depth: Some(9), ..crawl }.run(setting).await
//! }
//! # mod site { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/site.rs")); }
//! # use site::{Memory, run, serve};
//! # let site = serve(&[
//! #     ("/docs/", "text/html", "<title>Docs</title><a href=a>a</a><a href=/out>out</a>"),
//! #     ("/docs/a", "text/html", "<title>A</title>"),
//! # ])?;
//! # let written = Memory::default();
//! # let report = run(titles(&format!("{site}/docs/"), written.clone()))?;
//! # assert_eq!(report.summary.ok, 2);
//! # assert_eq!(written.text(), format!("\"Docs\" {site}/docs/\n\"A\" {site}/docs/a\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A parser of one's own, for a media type that has none here: its links are followed, its fields stand in the record.
//!
//! ```
//! use std::path::Path;
//!
//! use dragnet::job::{Crawl, Error, Output, Report, Setting, Wanted};
//! use dragnet::model::{Document, Link};
//! use dragnet::parser::{Parse, Parsers};
//!
//! /// A catalogue: the name of a thing and where it is described, with a tab between, a line each.
//! #[derive(Default)]
//! struct Catalogue(Vec<u8>);
//!
//! impl Parse for Catalogue {
//!     fn write(&mut self, chunk: &[u8]) {
//!         self.0.extend(chunk);
//!     }
//!
//!     fn finish(self: Box<Self>) -> Document {
//!         let mut document = Document::default();
//!         for line in String::from_utf8_lossy(&self.0).lines() {
//!             if let Some((name, url)) = line.split_once('\t') {
//!                 document.links.push(Link::to(url));
//!                 document.fields.insert(name.to_owned(), url.into());
//!             }
//!         }
//!         document
//!     }
//! }
//!
//! async fn crawl(site: &str, to: &Path) -> Result<Report, Error> {
//!     let parsers = Parsers::default()
//!         .with("application/vnd.catalogue", |_url, _options| Box::new(Catalogue::default()));
//!     let wanted = Wanted { parsers, ..Wanted::default() };
//!     let setting = Setting::new(vec![Output::file(to)?]);
//!     Crawl { wanted, ..Crawl::new([site]) }.run(setting).await
//! }
//! # mod site { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/site.rs")); }
//! # use site::{Memory, run, serve};
//! # let folder = tempfile::tempdir()?;
//! # let site = serve(&[
//! #     ("/", "application/vnd.catalogue; v=1", "bell\tthings/bell\n"),
//! #     ("/things/bell", "text/html", "<title>A bell</title>"),
//! # ])?;
//! # let report = run(crawl(&site, &folder.path().join("pages.jsonl")))?;
//! # assert_eq!(report.summary.ok, 2);
//! # let records = std::fs::read_to_string(folder.path().join("pages.jsonl"))?;
//! # assert!(records.contains(r#""fields":{"bell":"things/bell"}"#), "{records}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Invariants: **politeness cannot be bypassed**, there is no request without a lease; **one lease is one
//! request**; **a parser never fails**; **a stage never imports a stage**; **no secret is shown**; the library
//! never prints.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    expect(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests say what they expect by failing"
    )
)]

pub mod cache;
pub mod fetcher;
pub mod frontier;
pub mod input;
pub mod job;
pub mod model;
pub mod parser;
pub mod policy;
pub mod sink;
