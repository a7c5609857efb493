//! Floor 4: the command line. The only place that knows clap, indicatif, colours, signals and exit codes,
//! and the only one that prints.
//!
//! | file | holds |
//! | --- | --- |
//! | `options` | the flags that the jobs share, and what they mean |
//! | `credentials` | who asks: fields, logins, cookies, and where secrets are read from |
//! | `connection` | how servers are reached |
//! | `request` | method, content and range, for `fetch` |
//! | `fetch`, `crawl`, `check` | one subcommand each: its flags, and from them the job |
//! | `generate` | the manual, and completions for shells |
//! | `inputs` | what `check` reads, and how a local site is served |
//! | `scope` | how far from where it begins |
//! | `run` | from flags to a running job, from its end to an exit code |
//! | `cache` | what is remembered from run to run |
//! | `content` | what a record shall hold of the content |
//! | `filter` | which records are written |
//! | `ignore` | `.dragnetignore` |
//! | `config` | `dragnet.toml` |
//! | `outputs` | `-f` and `-o`: which record goes where in which format |
//! | `values` | durations, sizes and other values with units |
//! | `progress` | the reporter that draws |
//! | `exit` | the table of exit codes, and how a run's end maps to it |
//! | `process` | signals and the descriptor limit |

mod cache;
mod check;
mod config;
mod connection;
mod content;
mod crawl;
mod credentials;
mod exit;
mod fetch;
mod filter;
mod generate;
mod ignore;
mod inputs;
mod options;
mod outputs;
mod process;
mod progress;
mod request;
mod run;
mod scope;
mod values;

use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

pub(crate) use exit::fail;

/// Fetch URL lists, crawl sites and check links: one event loop that waits on thousands of servers at once.
#[derive(Debug, Parser)]
#[command(
    name = "dragnet",
    version,
    propagate_version = true,
    subcommand_required = true
)]
#[command(after_help = "Results go to stdout, everything else to stderr.\n\
    Every flag has a twin that takes it back, --no-delay for --delay; the later one counts.\n\
    Exit: 0 all is good, 1 something is broken, 2 the run could not be done, 130 interrupted (143 on SIGTERM).\n\
    \n\
    Examples:\n  \
    dragnet check docs/ README.md               every link in files and folders\n  \
    dragnet crawl https://example.org/          a site, politely\n  \
    printf '%s\\n' URL URL | dragnet fetch -f jsonl   a list, one record a line")]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fetch the URLs of a list: arguments, --input FILE, or one a line on stdin
    Fetch(Box<fetch::FetchOptions>),
    /// Crawl from the seeds, following links in scope and obeying robots.txt
    Crawl(Box<crawl::CrawlOptions>),
    /// Check every link of files, folders, globs, URLs, or of text on stdin (-)
    Check(Box<check::CheckOptions>),
    /// Print the manual (man) or completions for a shell
    Generate(generate::GenerateOptions),
}

/// Parses the arguments; what is wrong with them is said, with exit 2.
pub(crate) fn parse() -> (Command, ArgMatches) {
    // It is one program, whatever it is told to do: --version says nothing else.
    let job = |command: clap::Command| with_twins(command).display_name("dragnet");
    let matches = Cli::command().mut_subcommands(job).get_matches();
    match Cli::from_arg_matches(&matches) {
        Ok(cli) => (cli.command, matches),
        Err(error) => error.exit(),
    }
}

/// Gives every flag its twin, which takes back what was said before it: `--no-delay`, and `--traps` for `--no-traps`. Of
/// two that speak of the same, the later one counts.
fn with_twins(command: clap::Command) -> clap::Command {
    let flags = command.get_arguments().filter_map(|flag| {
        let long = flag.get_long()?;
        Some((flag.get_id().clone(), long.to_owned()))
    });
    let flags: Vec<_> = flags.collect();
    let mut command = command.args_override_self(true);
    for (id, long) in &flags {
        let twin = match long.strip_prefix("no-") {
            Some(positive) => positive.to_owned(),
            None => format!("no-{long}"),
        };
        if flags.iter().all(|(_, other)| *other != twin) {
            command = command.arg(
                Arg::new(format!("twin of {long}"))
                    .long(twin)
                    .hide(true)
                    .action(ArgAction::SetTrue)
                    .overrides_with(id),
            );
        }
    }
    command
}

/// Runs what was asked for.
///
/// # Errors
/// When the run cannot be done: exit 2.
pub(crate) async fn run(command: Command, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    std::panic::set_hook(Box::new(own_fault));
    let matches = matches.subcommand().map_or(matches, |(_, matches)| matches);
    match command {
        Command::Fetch(options) => fetch::run(*options, matches).await,
        Command::Crawl(options) => Box::pin(crawl::run(*options, matches)).await,
        Command::Check(options) => Box::pin(check::run(*options, matches)).await,
        Command::Generate(options) => generate::run(options, Cli::command()),
    }
}

/// What a person reads when the program is at fault; the record of the page says `internal`, and the run goes on.
#[expect(clippy::print_stderr, reason = "the reporter may be what is at fault")]
fn own_fault(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let payload = panic.payload();
    let reason = payload.downcast_ref::<&str>().copied();
    let reason = reason.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let reason = reason.unwrap_or("no reason given");
    let place = place.unwrap_or_default();
    eprintln!("dragnet: a fault of this program, please report it: {place}: {reason}");
}
