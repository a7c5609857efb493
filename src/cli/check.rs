//! `dragnet check`: every link of every input gets a verdict.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::{ArgMatches, Args, ValueEnum};
use dragnet::job::{Archive, Baseline, Changed, Check, CheckInput, Crawl, Fix, Fragments, Moved};
use regex::Regex;

use super::cache::CacheOptions;
use super::ignore;
use super::inputs::{InputOptions, SiteOptions, rules};
use super::options::{Defaults, NetworkOptions};
use super::outputs::OutputOptions;
use super::run::{Run, run_to_end, said};
use super::scope::RecursionOptions;

/// Flags of `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckOptions {
    #[command(flatten)]
    input: InputOptions,
    #[command(flatten)]
    site: SiteOptions,
    #[command(flatten)]
    recursion: RecursionOptions,
    /// Look up the fragments of links: anchors, text (#:~:text=…), or both
    #[arg(long, value_name = "WHICH", default_value = "anchor", value_parser = ["none", "anchor", "text", "all"], help_heading = "Links")]
    fragments: String,
    /// Do not look up the fragments of URLs that match, as they stand before and after the #
    #[arg(long, value_name = "REGEX", help_heading = "Links")]
    exclude_fragment: Vec<Regex>,
    /// Look for links in code and other verbatim text too
    #[arg(long, help_heading = "Links")]
    include_verbatim: bool,
    /// Names of pages in double brackets are links: they are looked up below --root-dir or the folder that is the input,
    /// with --fallback-extensions [default: md]
    #[arg(long, help_heading = "Links")]
    wikilinks: bool,
    /// Do not check URLs that match; a .dragnetignore in the working directory or in a folder that is an input holds
    /// more such patterns, one a line
    #[arg(long, value_name = "REGEX", help_heading = "Links")]
    exclude: Vec<Regex>,
    /// Check URLs that match even if --exclude or --exclude-private match too
    #[arg(long, value_name = "REGEX", help_heading = "Links")]
    include: Vec<Regex>,
    /// Do not check URLs whose host is localhost or a private, loopback or link-local address; names are not looked up
    #[arg(long, help_heading = "Links")]
    exclude_private: bool,
    /// Check only links of these schemes: http, https, file (local links), mailto
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = ["http", "https", "file", "mailto"], help_heading = "Links")]
    scheme: Vec<String>,
    /// Links over http are broken where the same URL is good over https, which is asked for too
    #[arg(long, help_heading = "Links")]
    require_https: bool,
    /// What to make of links to what has moved for good, by a redirect of 301 or 308: nothing, a warning with the URL that
    /// they should say, or broken
    #[arg(
        long,
        value_name = "VERDICT",
        default_value = "allow",
        help_heading = "Links"
    )]
    redirects: RedirectsName,
    /// Judge mail addresses too, by how they are written: no mail server is asked
    #[arg(long, help_heading = "Links")]
    include_mail: bool,
    /// Say of a broken link what was likely meant: the nearest file, the page with the nearest name (--wikilinks), or the
    /// nearest anchor of the file or page that is there
    #[arg(long, help_heading = "Links")]
    suggest: bool,
    /// Write what is sure into the sources that are HTML or Markdown: where nothing else can be meant by a broken local link, and
    /// where a permanent redirect leads. What was fixed is broken in its record and no reason to fail
    #[arg(long, conflicts_with_all = ["dump", "preprocess"], help_heading = "Links")]
    fix: bool,
    /// With --fix, write nothing: show the changes as a diff on stdout, and records only where -o says
    #[arg(long, requires = "fix", help_heading = "Links")]
    dry_run: bool,
    #[arg(
        long,
        value_name = "URL",
        requires = "suggest",
        help_heading = "Links",
        help = "With --suggest, ask an archive for a copy of what is broken on the network: the URL to which that of the link is \
                added, such as https://archive.org/wayback/available?url=. It is told these URLs, those of private hosts excepted"
    )]
    archive: Option<Archive>,
    /// Ask nobody: links to the network are excluded
    #[arg(long, help_heading = "Links")]
    offline: bool,
    /// What is broken here too does not fail: the file is what an earlier run wrote with -o FILE.baseline, or its jsonl; a
    /// link is known by its document, target and fragment, and links that are mended are named
    #[arg(long, value_name = "FILE", help_heading = "Links")]
    baseline: Option<PathBuf>,
    /// Check what changed in git since this revision, or since the branch left it: every link of the files that changed,
    /// and in others the links to files that changed or are gone
    #[arg(long, value_name = "REV", help_heading = "Inputs")]
    changed_since: Option<String>,
    /// Print the links that would be checked, one a line, with -v their places; check none
    #[arg(long, help_heading = "Output")]
    dump: bool,
    /// Show every link, and not only what is not ok
    #[arg(short, long, help_heading = "Output")]
    verbose: bool,
    #[command(flatten)]
    cache: CacheOptions,
    #[command(flatten)]
    network: NetworkOptions,
    #[command(flatten)]
    output: OutputOptions,
}

/// For so long a link that was good is not asked for again, where nothing is said.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Flags that change what is good, beside those that change a request.
const CIRCUMSTANCES: &[&str] = &[
    "private",
    "insecure",
    "cacert",
    "proxy",
    "no_proxy",
    "unix_socket",
    "resolve",
];

/// `--redirects`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum RedirectsName {
    /// Good, and nothing is said
    Allow,
    /// Good, with a warning
    Warn,
    /// Broken
    Error,
}

/// How `--dump` words a link, and how with `-v`.
const DUMPED: &str = "{url}";
const DUMPED_WITH_PLACE: &str = "{url} {source_path}{source_url}:{source_line}:{source_column}";

/// Runs it.
///
/// # Errors
/// When the run cannot be done.
pub(super) async fn run(options: CheckOptions, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let defaults = Defaults {
        politeness: Check::POLITENESS,
        max_wait: Duration::from_secs(60),
        saves: false,
        certificate: false,
    };
    for (format, _) in options.output.pairs(matches)? {
        if format.captures.decoded {
            bail!(
                "check asks for no more of a page than it needs, so there is no -f {} of it: crawl and fetch make one",
                format.name
            );
        }
    }
    let inputs = options.input.read()?;
    let base_url = options.site.base_url()?;
    let mut exclude = rules("--exclude", &options.exclude);
    exclude.extend(ignore::rules(&inputs.inputs)?);
    let mut output = options.output;
    if options.dump
        && output.template.is_none()
        && output.format.is_empty()
        && output.output.is_empty()
    {
        let words = if options.verbose {
            DUMPED_WITH_PLACE
        } else {
            DUMPED
        };
        output.template = Some(words.parse().map_err(anyhow::Error::msg)?);
    }
    if options.dump && options.offline && !inputs.origins.is_empty() {
        bail!("--offline asks for no URL input, so --dump cannot know its links");
    }
    let changed = options.changed_since.as_deref().map(|revision| {
        let other = inputs.inputs.iter().find_map(|input| match input {
            CheckInput::Path(_) => None,
            CheckInput::Url(target) => Some(target.url.as_str()),
            CheckInput::Text(name, _) => Some(name.as_str()),
        });
        if let Some(name) = other {
            bail!("--changed-since is about files in git, and the input {name} is none");
        }
        Changed::since(revision).map_err(anyhow::Error::msg)
    });
    let changed = changed.transpose()?;
    let baseline = options.baseline.as_deref().map(Baseline::read).transpose();
    let reported =
        !output.format.is_empty() || !output.output.is_empty() || output.template.is_some();
    let to_stdout = |pairs: Vec<(_, Option<_>)>| pairs.iter().any(|(_, path)| path.is_none());
    if options.dry_run && reported && to_stdout(output.pairs(matches)?) {
        bail!("--dry-run shows a diff on stdout: give the records a file with -o");
    }
    let mut run = Run::new(
        &options.network,
        &output,
        matches,
        &defaults,
        Some(inputs.origins),
        !options.verbose,
    )?;
    if options.dry_run && !reported {
        run.unreported();
    }
    let fix = options.fix.then(|| {
        if options.dry_run {
            Fix::Show(run.stdout())
        } else {
            Fix::Write
        }
    });
    let identified = options.network.is_identified();
    let cache = options.cache.open(DAY, identified)?;
    run.cache(cache.map(|cache| cache.under(said(matches, CIRCUMSTANCES))));
    let inside = options.network.pace(&Crawl::POLITENESS);
    let recursion = options.recursion.recursion(&inputs.inputs, &inside)?;
    if recursion.is_some() && options.offline {
        bail!("--recursive asks for pages, and --offline for none: leave one of them out");
    }
    if !options.network.trusts_anyone() {
        run.log_in_at_github()?;
    }
    let job = Check {
        inputs: inputs.inputs,
        selection: options.input.selection(),
        base_url,
        root_dir: options.site.root_dir.clone(),
        index_files: options.site.index_files(),
        fallback_extensions: options.site.fallback_extensions(),
        remap: options.site.remap.clone(),
        fragments: Fragments {
            anchors: matches!(&*options.fragments, "anchor" | "all"),
            texts: matches!(&*options.fragments, "text" | "all"),
        },
        exclude_fragment: rules("--exclude-fragment", &options.exclude_fragment),
        verbatim: options.include_verbatim,
        wikilinks: options.wikilinks,
        offline: options.offline,
        skip_missing: options.input.skip_missing,
        include: rules("--include", &options.include),
        exclude,
        schemes: options.scheme.clone(),
        exclude_private: options.exclude_private,
        require_https: options.require_https,
        moved: match options.redirects {
            // Whoever asks for suggestions asks for these too.
            RedirectsName::Allow if options.suggest || options.fix => Moved::Warn,
            RedirectsName::Allow => Moved::Allow,
            RedirectsName::Warn => Moved::Warn,
            RedirectsName::Error => Moved::Error,
        },
        include_mail: options.include_mail,
        recursion,
        baseline: baseline.map_err(anyhow::Error::msg)?,
        changed,
        suggest: options.suggest || options.fix,
        fix,
        archive: options.archive.clone(),
        fail_if_empty: options.input.fail_if_empty,
        dump: options.dump,
        preprocess: options.input.preprocess.clone(),
        pace: run.pace(),
    };
    run.names_only(options.dump);
    run_to_end(run, "link", |setting| job.run(setting)).await
}
