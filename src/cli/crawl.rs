//! `dragnet crawl`: from the seeds, every link in scope.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::bail;
use clap::{ArgMatches, Args, ValueEnum};
use dragnet::frontier::Begin;
use dragnet::input;
use dragnet::job::{Crawl, State, Wanted};
use dragnet::model::{Origin, Target, masked};
use dragnet::policy::budget::{self, Budget};
use dragnet::policy::media::MediaTypes;
use dragnet::policy::order::{Order, Priority};
use dragnet::policy::sameness::Sameness;
use dragnet::policy::scope::Scope;
use futures::StreamExt;
use regex::Regex;

use super::cache::{CacheOptions, MONTH};
use super::content::{Content, ContentOptions};
use super::filter::FilterOptions;
use super::options::{Defaults, NetworkOptions};
use super::outputs::OutputOptions;
use super::run::{Run, explain, run_to_end, said};
use super::scope::ScopeName;
use super::values;

/// Flags of `crawl`.
#[derive(Debug, Args)]
pub(crate) struct CrawlOptions {
    /// Where to begin; - or none: one a line on stdin
    #[arg(value_name = "SEED")]
    seeds: Vec<String>,
    /// How far from the seeds: their hosts, registrable domains, folders, or anywhere
    #[arg(
        long,
        value_name = "REACH",
        default_value = "host",
        help_heading = "Scope"
    )]
    scope: ScopeName,
    /// Follow at most so many links in a row from a seed
    #[arg(long, value_name = "N", help_heading = "Scope")]
    depth: Option<u32>,
    /// Visit at most so many URLs
    #[arg(long, value_name = "N", help_heading = "Scope")]
    max_pages: Option<u64>,
    /// Visit at most so many URLs of one host
    #[arg(long, value_name = "N", help_heading = "Scope")]
    max_per_host: Option<u64>,
    /// Visit at most so many URLs that differ in their query alone
    #[arg(long, value_name = "N", default_value_t = budget::VARIANTS, help_heading = "Scope")]
    max_variants: u64,
    /// Visit URLs too whose path repeats a segment or never ends
    #[arg(long, help_heading = "Scope")]
    no_traps: bool,
    /// End after so much content
    #[arg(long, value_name = "SIZE", value_parser = values::size, help_heading = "Scope")]
    max_bytes: Option<u64>,
    /// Read only content of these types, such as text/html,image/*; of others there is a record and no more
    #[arg(long, value_name = "LIST", help_heading = "Scope")]
    content_type: Option<MediaTypes>,
    /// Follow only URLs of this scheme
    #[arg(long, value_name = "SCHEME", value_parser = ["http", "https"], help_heading = "Scope")]
    scheme: Option<String>,
    /// URLs whose parameters stand in another order are one
    #[arg(long, help_heading = "Sameness")]
    sort_query: bool,
    /// Leave out parameters that track visitors: utm_*, gclid, fbclid and their kin
    #[arg(long, help_heading = "Sameness")]
    strip_tracking: bool,
    /// Leave out parameters of this name, or of names that begin so: NAME*
    #[arg(long, value_name = "NAME", help_heading = "Sameness")]
    strip_parameter: Vec<String>,
    /// Do not follow URLs that match
    #[arg(long, value_name = "REGEX", help_heading = "Scope")]
    exclude: Vec<Regex>,
    /// Follow URLs that match even if --exclude matches too
    #[arg(long, value_name = "REGEX", help_heading = "Scope")]
    include: Vec<Regex>,
    /// Begin with this sitemap too, or without a URL with those that robots.txt names
    #[arg(long, value_name = "URL", num_args = 0..=1, require_equals = true, default_missing_value = "", help_heading = "Scope")]
    sitemap: Vec<String>,
    /// Say whether this crawl would visit URL, and which rule decides; visit nothing
    #[arg(
        long,
        value_name = "URL",
        conflicts_with = "state",
        help_heading = "Scope"
    )]
    explain: Option<String>,
    /// Do not ask for robots.txt
    #[arg(long, help_heading = "Scope")]
    ignore_robots: bool,
    /// Follow links that ask crawlers not to
    #[arg(long, help_heading = "Scope")]
    follow_nofollow: bool,
    /// Which URLs of a host come first: those found first, or those found last
    #[arg(
        long,
        value_name = "ORDER",
        default_value = "bfs",
        help_heading = "Scope"
    )]
    order: OrderName,
    /// URLs that match come earlier than others, or later with a negative number
    #[arg(long, value_name = "REGEX=N", help_heading = "Scope")]
    priority: Vec<Priority>,
    /// Keep the crawl in this file: the same command goes on after any end
    #[arg(long, value_name = "PATH", help_heading = "State")]
    state: Option<PathBuf>,
    /// Throw away what the state file holds
    #[arg(long, requires = "state", help_heading = "State")]
    fresh: bool,
    /// Visit everything that a finished state knows again, ask only for what has changed, and say what became of it
    #[arg(
        long,
        requires = "state",
        conflicts_with = "fresh",
        help_heading = "State"
    )]
    recrawl: bool,
    /// Say of each page which other one it repeats, all of it or nearly all of its words, and at the end which are
    /// repeated most
    #[arg(long, help_heading = "Content")]
    duplicates: bool,
    #[command(flatten)]
    content: ContentOptions,
    #[command(flatten)]
    cache: CacheOptions,
    #[command(flatten)]
    network: NetworkOptions,
    #[command(flatten)]
    output: OutputOptions,
    #[command(flatten)]
    filter: FilterOptions,
}

/// `--order`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum OrderName {
    /// Breadth first
    Bfs,
    /// Depth first
    Dfs,
}

/// Runs it.
///
/// # Errors
/// When the run cannot be done.
pub(super) async fn run(options: CrawlOptions, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let defaults = Defaults {
        politeness: Crawl::POLITENESS,
        max_wait: Duration::from_secs(300),
        saves: options.content.save_dir.is_some(),
        certificate: options.content.certificate,
    };
    if options.depth.is_some() && matches!(options.order, OrderName::Dfs) {
        bail!(
            "--depth goes level by level, so it cannot go with --order dfs: leave one of them out"
        );
    }
    let mut seeds = seeds(&options).await?;
    let good = || {
        seeds
            .iter()
            .filter(|seed| seed.refusal.is_none())
            .map(|seed| &seed.url)
    };
    let origins = good().map(Origin::of).collect();
    let mut run = Run::new(
        &options.network,
        &options.output,
        matches,
        &defaults,
        Some(origins),
        false,
    )?;
    run.filter(options.filter.filter());
    run.save(options.content.save_dir.clone());
    let Content { wanted, mut said } = options.content.read(matches)?;
    if options.duplicates {
        said.push_str(if said.is_empty() {
            "duplicates"
        } else {
            ", duplicates"
        });
    }
    let wanted = run.wanted(Wanted {
        duplicates: options.duplicates,
        types: options.content_type.clone().map(Arc::new),
        ..wanted
    })?;
    run.max_bytes(options.max_bytes);
    let scope = Scope::new(
        options.scope.reach(),
        good(),
        options.include.clone(),
        options.exclude.clone(),
    )
    .only(options.scheme.clone());
    let sameness = Sameness {
        sort_query: options.sort_query,
        strip_tracking: options.strip_tracking,
        strip: options.strip_parameter.clone(),
    };
    let state = options.state.clone().map(|path| State {
        path,
        begin: match (options.fresh, options.recrawl) {
            (true, _) => Begin::Fresh,
            (_, true) => Begin::Recrawl,
            _ => Begin::Resume,
        },
        command: command(&options, matches, &run, &seeds, &said),
    });
    let (from_robots, named): (Vec<_>, Vec<_>) =
        options.sitemap.iter().cloned().partition(String::is_empty);
    if !from_robots.is_empty() && options.ignore_robots {
        bail!(
            "--sitemap without a URL asks robots.txt, and --ignore-robots does not: give --sitemap=URL"
        );
    }
    let sitemaps = !from_robots.is_empty();
    seeds.extend(input::arguments(&named, "https"));
    let job = Crawl {
        scope,
        seeds,
        sitemaps,
        depth: options.depth,
        order: Order {
            depth_first: matches!(options.order, OrderName::Dfs),
            priorities: options.priority.clone(),
        },
        budget: Budget {
            pages: options.max_pages,
            per_host: options.max_per_host,
            variants: Some(options.max_variants),
            shapes: !options.no_traps,
        },
        robots: !options.ignore_robots,
        follow_nofollow: options.follow_nofollow,
        sameness,
        pace: run.pace(),
        wanted,
        state,
    };
    if let Some(text) = &options.explain {
        let target = input::arguments(std::slice::from_ref(text), "https").remove(0);
        if let Some(refusal) = target.refusal {
            bail!("--explain {}: {}", masked(text), refusal.message);
        }
        return explain(run, job, target.url).await;
    }
    let identified = options.network.is_identified();
    run.cache(options.cache.open(MONTH, identified)?);
    run_to_end(run, "URL", |setting| job.run(setting)).await
}

/// All of them, before the first request: the scope is made of them.
async fn seeds(options: &CrawlOptions) -> anyhow::Result<Vec<Target>> {
    let given = options.seeds.as_slice();
    if !given.is_empty() && given != ["-"] {
        return Ok(input::arguments(given, "https"));
    }
    let missing = "no SEED: give some as arguments, or one a line on stdin (- to type them)";
    if given.is_empty() && std::io::stdin().is_terminal() {
        bail!(missing);
    }
    let failed = Arc::new(Mutex::new(None));
    let tell = {
        let failed = Arc::clone(&failed);
        move |error| *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error)
    };
    let seeds: Vec<_> = input::lines(std::io::stdin(), b'\n', "https".to_owned(), tell)
        .collect()
        .await;
    let failure = failed.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(error) = failure {
        return Err(anyhow::Error::new(error).context("cannot read the seeds from stdin"));
    }
    let seeds: Vec<_> = seeds.into_iter().flatten().collect();
    if seeds.is_empty() {
        bail!(missing);
    }
    Ok(seeds)
}

/// What has to be the same for a state to go on: what decides which records there are, and where they go.
/// Width, pace, time-outs, retries and what is said on stderr may change.
fn command(
    options: &CrawlOptions,
    matches: &ArgMatches,
    run: &Run,
    seeds: &[Target],
    content: &str,
) -> Vec<(String, String)> {
    let inputs: Vec<_> = seeds
        .iter()
        .filter_map(|seed| seed.seed.as_ref())
        .map(|seed| &*seed.input)
        .collect();
    let patterns = |list: &[Regex]| list.iter().map(Regex::as_str).collect::<Vec<_>>().join(" ");
    let priorities: Vec<_> = options
        .priority
        .iter()
        .map(|priority| format!("{}={}", priority.pattern, priority.rank))
        .collect();
    let number =
        |number: Option<u64>| number.map_or("none".to_owned(), |number| number.to_string());
    [
        ("job", "crawl".to_owned()),
        ("seeds", inputs.join(" ")),
        ("scope", format!("{:?}", options.scope).to_lowercase()),
        ("depth", number(options.depth.map(u64::from))),
        ("include", patterns(&options.include)),
        ("exclude", patterns(&options.exclude)),
        ("order", format!("{:?}", options.order).to_lowercase()),
        ("priority", priorities.join(" ")),
        ("sitemap", options.sitemap.join(" ")),
        ("ignore-robots", options.ignore_robots.to_string()),
        ("follow-nofollow", options.follow_nofollow.to_string()),
        ("scheme", options.scheme.clone().unwrap_or_default()),
        (
            "sameness",
            said(
                matches,
                &["sort_query", "strip_tracking", "strip_parameter"],
            ),
        ),
        ("content-type", said(matches, &["content_type"])),
        ("content", content.to_owned()),
        ("conditions", said(matches, &["matches", "filters"])),
        ("fail-on", said(matches, &["strict"])),
        ("outputs", run.outputs()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}
