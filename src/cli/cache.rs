//! `--cache`: what is remembered from run to run, and for how long.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use dragnet::cache::Cache;

use super::values;

/// Flags about the cache.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cache")]
pub(super) struct CacheOptions {
    /// Remember answers in this file [default: .dragnetcache], a database that all jobs and any number of runs at a
    /// time may share. fetch and crawl ask whether a page has changed (If-None-Match, If-Modified-Since) and make the record of what they
    /// remember if it has not (cached: true); check does not ask again for a link that was good. Nothing is remembered of what
    /// failed, nor of requests that say who asks: with a login, a cookie, --cert, or a field of -H other than Accept,
    /// Accept-Language and User-Agent
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = ".dragnetcache"
    )]
    cache: Option<PathBuf>,
    /// What is remembered counts for so long: check asks again for what is older, fetch and crawl for all of it instead of
    /// what has changed [default: check 1d, else 30d]
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    max_cache_age: Option<Duration>,
}

/// Where nothing is said, in all jobs but `check`.
pub(super) const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

impl CacheOptions {
    /// The cache that was asked for; `max_age` is the job's where nothing is said, and `identified` that requests can show a
    /// certificate.
    ///
    /// # Errors
    /// When the file cannot be one.
    pub(super) fn open(
        &self,
        max_age: Duration,
        identified: bool,
    ) -> anyhow::Result<Option<Cache>> {
        let Some(path) = &self.cache else {
            if self.max_cache_age.is_some() {
                anyhow::bail!("--max-cache-age is about a cache: give --cache");
            }
            return Ok(None);
        };
        let max_age = self.max_cache_age.unwrap_or(max_age);
        let cache = Cache::open(path, max_age)?;
        Ok(Some(cache.identified(identified)))
    }
}
