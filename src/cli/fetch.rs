//! `dragnet fetch`: a list of URLs, one record a line.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{ArgMatches, Args};
use dragnet::frontier::Begin;
use dragnet::input;
use dragnet::job::{Fetch, State, Wanted};
use dragnet::model::Message;
use dragnet::policy::fail_on::FailOn;
use futures::StreamExt;

use super::cache::{CacheOptions, MONTH};
use super::content::{Content, ContentOptions};
use super::filter::FilterOptions;
use super::options::{Defaults, NetworkOptions};
use super::outputs::OutputOptions;
use super::request::RequestOptions;
use super::run::{Run, run_to_end, said};

/// Flags of `fetch`.
#[derive(Debug, Args)]
pub(crate) struct FetchOptions {
    /// URLs; without any, or with -, one a line is read from stdin
    #[arg(value_name = "URL")]
    urls: Vec<String>,
    /// Read the list from a file; - is stdin
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "urls",
        help_heading = "List"
    )]
    input: Option<PathBuf>,
    /// Entries of the list end with NUL instead of a newline
    #[arg(short = '0', long, help_heading = "List")]
    null: bool,
    /// The scheme of entries that have none
    #[arg(long, value_name = "SCHEME", default_value = "https", value_parser = ["http", "https"], help_heading = "List")]
    default_scheme: String,
    /// Records in the order of the list, at most 10,000 lines ahead; a line that gets no answer holds the others up for
    /// (1 + --retries) x --timeout + --max-wait at most
    #[arg(long, help_heading = "List")]
    ordered: bool,
    /// Ask once for lines that are the same page, and answer each of them; at most 64 bytes of memory for each page,
    /// and its record in a temporary file. A run that goes on with a --state asks for it once more
    #[arg(long, help_heading = "List")]
    unique: bool,
    /// Keep in this file which lines are done: the same command goes on after any end, if it is given the same list
    #[arg(long, value_name = "PATH", help_heading = "State")]
    state: Option<PathBuf>,
    /// Throw away what the state file holds
    #[arg(long, requires = "state", help_heading = "State")]
    fresh: bool,
    /// What makes the exit code 1: 404, 4xx, 500..=599, error, broken, unknown, or never [default: broken]
    #[arg(long, value_name = "LIST", help_heading = "Limits")]
    fail_on: Option<FailOn>,
    /// Put the title into the record
    #[arg(long, help_heading = "Content")]
    title: bool,
    #[command(flatten)]
    request: RequestOptions,
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

/// Runs it.
///
/// # Errors
/// When the run cannot be done.
pub(super) async fn run(options: FetchOptions, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let defaults = Defaults {
        politeness: Fetch::POLITENESS,
        max_wait: Duration::from_secs(300),
        saves: options.content.save_dir.is_some(),
        certificate: options.content.certificate,
    };
    let mut run = Run::new(
        &options.network,
        &options.output,
        matches,
        &defaults,
        None,
        false,
    )?;
    run.filter(options.filter.filter());
    run.save(options.content.save_dir.clone());
    let Content { wanted, said } = options.content.read(matches)?;
    let wanted = run.wanted(Wanted {
        title: options.title,
        ..wanted
    })?;
    let stdin = options.urls.is_empty() || options.urls == ["-"];
    let file = options
        .input
        .as_ref()
        .filter(|path| path.as_os_str() != "-");
    let listed = stdin && file.is_none();
    let message = options.request.message(run.fields(), listed)?;
    let state = options.state.clone().map(|path| State {
        path,
        begin: if options.fresh {
            Begin::Fresh
        } else {
            Begin::Resume
        },
        command: command(matches, &run, said, message.as_deref()),
    });
    run.fail_on(options.fail_on.clone());
    let failed = Failed::default();
    let seeds = if let Some(path) = file {
        let file =
            File::open(path).with_context(|| format!("cannot read the list {}", path.display()))?;
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            bail!("cannot read the list {}: it is a folder", path.display());
        }
        list(file, &options, &failed)
    } else if stdin {
        let asked = !options.urls.is_empty() || options.input.is_some();
        if !asked && std::io::stdin().is_terminal() {
            bail!(
                "no URLs: give some as arguments, with --input FILE, or one a line on stdin (- to type them)"
            );
        }
        list(std::io::stdin(), &options, &failed)
    } else {
        let targets = input::arguments(&options.urls, &options.default_scheme);
        futures::stream::iter([targets]).boxed_local()
    };
    let job = Fetch {
        seeds,
        pace: run.pace(),
        wanted,
        message,
        unique: options.unique,
        ordered: options.ordered.then(|| run.patience()),
        state,
        cut: Arc::clone(&failed.cut),
    };
    let identified = options.network.is_identified();
    run.cache(options.cache.open(MONTH, identified)?);
    let code = run_to_end(run, "URL", |setting| job.run(setting)).await?;
    match failed.reason() {
        // What was read before has its records; the list as a whole could not be done.
        Some(error) => Err(anyhow::Error::new(error).context("cannot read the list to its end")),
        None => Ok(code),
    }
}

/// What has to be the same for a state to go on, beside the list itself.
fn command(
    matches: &ArgMatches,
    run: &Run,
    content: String,
    message: Option<&Message>,
) -> Vec<(String, String)> {
    // What is sent can be a secret, and a state has none: it knows how much it was.
    let sent = message.and_then(|message| message.content.as_ref());
    let sent = sent.map_or(String::new(), |sent| {
        format!("data of {} bytes", sent.len())
    });
    let flags = |flags: &[&str]| said(matches, flags);
    [
        ("job", "fetch".to_owned()),
        (
            "list",
            flags(&["null", "default_scheme", "ordered", "unique"]),
        ),
        (
            "content",
            [content, flags(&["title"])].join(" ").trim().to_owned(),
        ),
        (
            "request",
            [flags(&["method", "range"]), sent]
                .join(" ")
                .trim()
                .to_owned(),
        ),
        ("conditions", flags(&["matches", "filters"])),
        ("fail-on", flags(&["fail_on", "strict"])),
        ("outputs", run.outputs()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// Why the list could not be read to its end, told by the thread that reads it.
#[derive(Default)]
struct Failed {
    cut: Arc<AtomicBool>,
    reason: Arc<Mutex<Option<std::io::Error>>>,
}

impl Failed {
    fn reason(&self) -> Option<std::io::Error> {
        let mut reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        reason.take()
    }
}

fn list(
    reader: impl Read + Send + 'static,
    options: &FetchOptions,
    failed: &Failed,
) -> dragnet::frontier::Seeds<'static> {
    let separator = if options.null { 0 } else { b'\n' };
    let (cut, reason) = (Arc::clone(&failed.cut), Arc::clone(&failed.reason));
    let tell = move |error| {
        *reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        cut.store(true, Ordering::Release);
    };
    input::lines(reader, separator, options.default_scheme.clone(), tell).boxed_local()
}
