//! `dragnet check`: every link of every input gets a verdict.

use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{ArgMatches, Args};
use dragnet::input::{self, Selection};
use dragnet::job::{Check, CheckInput as Input};
use dragnet::model::Origin;
use regex::Regex;
use url::Url;

use super::options::{Defaults, NetworkOptions};
use super::outputs::OutputOptions;
use super::run::{Run, run_to_end};

/// Flags of `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckOptions {
    /// Files, folders, globs, URLs; - or none: text on stdin
    #[arg(value_name = "INPUT")]
    inputs: Vec<String>,
    /// Stands in for the URL of local inputs: their relative links are looked for there
    #[arg(long, value_name = "URL", help_heading = "Local sites")]
    base_url: Option<Url>,
    /// Where links that begin with / start, for local inputs [default: the folder that is the input]
    #[arg(long, value_name = "DIR", help_heading = "Local sites")]
    root_dir: Option<PathBuf>,
    /// What stands for a folder, in order; . is the folder itself, an empty list none
    #[arg(
        long,
        value_name = "LIST",
        default_value = "index.html,index.htm,.",
        help_heading = "Local sites"
    )]
    index_files: String,
    /// Look up the fragments of links
    #[arg(long, value_name = "WHICH", default_value = "anchor", value_parser = ["none", "anchor"], help_heading = "Links")]
    fragments: String,
    /// Look for links in code and other verbatim text too
    #[arg(long, help_heading = "Links")]
    include_verbatim: bool,
    /// Do not check URLs that match
    #[arg(long, value_name = "REGEX", help_heading = "Links")]
    exclude: Vec<Regex>,
    /// Check URLs that match even if --exclude matches too
    #[arg(long, value_name = "REGEX", help_heading = "Links")]
    include: Vec<Regex>,
    /// Ask nobody: links to the network are excluded
    #[arg(long, help_heading = "Links")]
    offline: bool,
    /// Below folders, only files with these extensions, such as md,html
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        help_heading = "Inputs"
    )]
    extensions: Vec<String>,
    /// Leave out paths that match
    #[arg(long, value_name = "REGEX", help_heading = "Inputs")]
    exclude_path: Vec<Regex>,
    /// Below folders, hidden files too
    #[arg(long, help_heading = "Inputs")]
    hidden: bool,
    /// Below folders, files that .gitignore and its kin leave out too
    #[arg(long, help_heading = "Inputs")]
    no_ignore: bool,
    /// Pass over inputs that cannot be read
    #[arg(long, help_heading = "Inputs")]
    skip_missing: bool,
    /// Show every link, and not only what is not ok
    #[arg(short, long, help_heading = "Output")]
    verbose: bool,
    #[command(flatten)]
    network: NetworkOptions,
    #[command(flatten)]
    output: OutputOptions,
}

/// Runs it.
///
/// # Errors
/// When the run cannot be done.
pub(super) async fn run(options: CheckOptions, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let defaults = Defaults {
        per_host: 8,
        delay: Duration::from_millis(20),
        max_wait: Duration::from_secs(60),
    };
    let mut inputs = Vec::new();
    let mut origins = std::collections::HashSet::new();
    if options.inputs.is_empty() {
        let text = if std::io::stdin().is_terminal() {
            Vec::new()
        } else {
            stdin()?
        };
        if text.is_empty() {
            bail!("no INPUT: give files, folders, globs or URLs, or pipe text into it");
        }
        inputs.push(Input::Text("-".to_owned(), text));
    }
    for (line, text) in (1..).zip(&options.inputs) {
        inputs.push(if text == "-" {
            Input::Text("-".to_owned(), stdin()?)
        } else if text.starts_with("http://") || text.starts_with("https://") {
            let target = input::seed(text, line, "https");
            origins.insert(Origin::of(&target.url));
            Input::Url(Box::new(target))
        } else {
            Input::Path(PathBuf::from(text))
        });
    }
    if let Some(url) = options
        .base_url
        .as_ref()
        .filter(|url| !matches!(url.scheme(), "http" | "https"))
    {
        bail!("--base-url {url} is no http or https URL; a folder goes with --root-dir");
    }
    let run = Run::new(
        &options.network,
        &options.output,
        matches,
        &defaults,
        Some(origins),
        !options.verbose,
    )?;
    let job = Check {
        inputs,
        selection: Selection {
            hidden: options.hidden,
            no_ignore: options.no_ignore,
            extensions: options
                .extensions
                .iter()
                .map(|name| name.trim_start_matches('.').to_lowercase())
                .collect(),
            exclude_path: options.exclude_path.clone(),
        },
        base_url: options.base_url.clone(),
        root_dir: options.root_dir.clone(),
        index_files: options
            .index_files
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
        fragments: options.fragments == "anchor",
        verbatim: options.include_verbatim,
        offline: options.offline,
        skip_missing: options.skip_missing,
        include: options.include.clone(),
        exclude: options.exclude.clone(),
        pace: run.pace(),
    };
    run_to_end(run, "link", |setting| job.run(setting)).await
}

/// All of stdin; links are looked for in the whole of it.
fn stdin() -> anyhow::Result<Vec<u8>> {
    let mut stdin = std::io::stdin();
    if stdin.is_terminal() {
        bail!("- reads text from stdin, and stdin is a terminal: pipe something into it");
    }
    let mut text = Vec::new();
    stdin.read_to_end(&mut text).context("cannot read stdin")?;
    Ok(text)
}
