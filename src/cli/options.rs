//! The flags that the jobs share, and what they mean: same flag, same meaning, in all three.
//!
//! Two steps. What was said is an `Option`, so that "unset" can be told from a default; what is meant is made
//! in one place, where each job brings its own defaults.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use dragnet::fetcher::{self, Http};
use dragnet::frontier::{PaceOf, paced};
use dragnet::job::Limits;
use dragnet::model::Origin;
use dragnet::policy::accept::Accept;
use dragnet::policy::politeness::Politeness;
use dragnet::policy::robots::product_token;

use super::connection::ConnectionOptions;
use super::credentials::{CredentialOptions, Credentials, JarFile};
use super::{process, values};

/// Flags about requests.
#[derive(Debug, Args)]
pub(super) struct NetworkOptions {
    /// Requests in flight, in all [default: 64]
    #[arg(short, long, value_name = "N", help_heading = "Pace")]
    concurrency: Option<NonZeroUsize>,
    /// Requests in flight to one origin [default: fetch 16, crawl 2, check 8]
    #[arg(long, value_name = "N", help_heading = "Pace")]
    per_host: Option<NonZeroUsize>,
    /// Least time between two requests to one origin [default: fetch 0, crawl 200ms, check 20ms; 0 to a
    /// loopback or private host that you named]
    #[arg(long, value_name = "DURATION", value_parser = values::duration, help_heading = "Pace")]
    delay: Option<Duration>,
    /// Requests a second, in all; 0.5 is one every two seconds
    #[arg(long, value_name = "N", value_parser = values::rate, help_heading = "Pace")]
    rate: Option<Duration>,
    /// Time for a whole exchange [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = values::duration, help_heading = "Limits")]
    timeout: Option<Duration>,
    /// Time for look-up and connection [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = values::duration, help_heading = "Limits")]
    connect_timeout: Option<Duration>,
    /// Time for the head of an answer, once connected [default: 20s]
    #[arg(long, value_name = "DURATION", value_parser = values::duration, help_heading = "Limits")]
    header_timeout: Option<Duration>,
    /// Time that content may stand still [default: 15s]
    #[arg(long, value_name = "DURATION", value_parser = values::duration, help_heading = "Limits")]
    idle_timeout: Option<Duration>,
    /// Content that has to come each second, on average over --idle-timeout [default: 128B]
    #[arg(long, value_name = "SIZE", value_parser = values::size, help_heading = "Limits")]
    min_rate: Option<u64>,
    /// Most content of one answer, after decompression [default: 10MiB, and 50MiB for a sitemap or a feed]
    #[arg(long, value_name = "SIZE", value_parser = values::size, help_heading = "Limits")]
    max_size: Option<u64>,
    /// Redirects that are followed [default: 10]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    max_redirects: Option<usize>,
    /// Further tries for what may pass: cuts, time-outs, 408, 429, 5xx [default: 2]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    retries: Option<u32>,
    /// What one URL may wait in all for retries and Retry-After [default: check 60s, else 5m]
    #[arg(long, value_name = "DURATION", value_parser = values::duration, help_heading = "Limits")]
    max_wait: Option<Duration>,
    /// End the run after so long, whatever is left
    #[arg(long, value_name = "DURATION", value_parser = values::duration, help_heading = "Limits")]
    pub(super) max_time: Option<Duration>,
    /// Status codes that are good, such as 200..=299,403 [default: 200..=299]
    #[arg(long, value_name = "RANGES", help_heading = "Limits")]
    accept: Option<Accept>,
    /// Exit 1 also where something could not be judged (unknown): a bot wall, a login, a rate limit, robots.txt, the end of
    /// --max-time
    #[arg(long, help_heading = "Limits")]
    strict: bool,
    #[command(flatten)]
    credentials: CredentialOptions,
    #[command(flatten)]
    connection: ConnectionOptions,
}

/// What differs between the jobs where nothing was said.
pub(super) struct Defaults {
    pub(super) politeness: Politeness,
    pub(super) max_wait: Duration,
    /// Each answer may take a file beside its connection.
    pub(super) saves: bool,
    /// The certificates of servers are looked at.
    pub(super) certificate: bool,
}

/// What the shared flags mean.
pub(super) struct Meant {
    pub(super) fetcher: Rc<Http>,
    pub(super) limits: Limits,
    pub(super) pace: PaceOf,
    /// For a whole exchange.
    pub(super) timeout: Duration,
    /// To be written back at the end.
    pub(super) jar: Option<JarFile>,
    /// To be said once the reporter is there.
    pub(super) warnings: Vec<String>,
}

impl NetworkOptions {
    /// Is a certificate shown to servers that ask for one?
    pub(super) fn is_identified(&self) -> bool {
        self.connection.is_identified()
    }

    /// The pace of an origin: what was said, completed by what is usual.
    pub(super) fn pace(&self, usual: &Politeness) -> PaceOf {
        paced(Politeness {
            delay: self.delay,
            width: self.per_host.unwrap_or(usual.width),
            ..*usual
        })
    }

    /// Does a server need no certificate to be taken for what it says?
    pub(super) fn trusts_anyone(&self) -> bool {
        self.connection.insecure
    }

    /// Does what could not be judged make the run fail too?
    pub(super) fn is_strict(&self) -> bool {
        self.strict
    }

    /// What was said, completed by a job's defaults; `named` are the origins that the `-H` fields may go to
    /// (`None`: every target is one that the user named).
    pub(super) fn meant(
        &self,
        defaults: &Defaults,
        named: Option<HashSet<Origin>>,
    ) -> anyhow::Result<Meant> {
        let asked = self
            .concurrency
            .unwrap_or(dragnet::job::default_concurrency());
        let (concurrency, warning) = process::width(asked, if defaults.saves { 2 } else { 1 });
        let Credentials {
            fields,
            jar,
            warning: netrc,
        } = self.credentials.read(named)?;
        let mut options = fetcher::Options::default();
        self.connection.set(&mut options)?;
        options.certificate = defaults.certificate;
        options.timeout = self.timeout.unwrap_or(options.timeout);
        options.connect_timeout = self.connect_timeout.unwrap_or(options.connect_timeout);
        options.header_timeout = self.header_timeout.unwrap_or(options.header_timeout);
        options.idle_timeout = self.idle_timeout.unwrap_or(options.idle_timeout);
        options.min_rate = self.min_rate.unwrap_or(options.min_rate);
        options.max_size = self.max_size.unwrap_or(options.max_size);
        options.max_list = self.max_size.unwrap_or(options.max_list);
        let limits = Limits {
            concurrency,
            retries: self.retries.unwrap_or(2),
            max_redirects: self.max_redirects.unwrap_or(10),
            max_wait: self.max_wait.unwrap_or(defaults.max_wait),
            gap: self.rate,
            accept: self.accept.clone().unwrap_or_default(),
            strict: self.strict,
            fields,
            cookies: jar.as_ref().map(|file| Rc::clone(&file.jar)),
            product_token: product_token(self.credentials.agent()).to_owned(),
            ..Limits::default()
        };
        let timeout = options.timeout;
        let fetcher = Rc::new(Http::new(options).context("cannot set up the connection")?);
        Ok(Meant {
            fetcher,
            limits,
            pace: self.pace(&defaults.politeness),
            timeout,
            jar,
            warnings: warning.into_iter().chain(netrc).collect(),
        })
    }
}
