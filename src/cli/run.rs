//! From flags to a running job and from its end to an exit code: what the three subcommands share.

use std::collections::HashSet;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::ArgMatches;
use clap::parser::ValueSource;
use dragnet::cache::Cache;
use dragnet::frontier::PaceOf;
use dragnet::job::{Crawl, Error, Report, Setting, Spent, Stop, Wanted};
use dragnet::model::{Event, Origin, Reporter, Silent};
use dragnet::policy::fail_on::FailOn;
use dragnet::policy::filter::Filter;
use dragnet::policy::headers::Bound;
use dragnet::sink::{self, Format, Repository};
use url::Url;

use super::credentials;
use super::exit;
use super::options::{Defaults, Meant, NetworkOptions};
use super::outputs::{self, OutputOptions};
use super::process::Signals;
use super::progress::{Drawing, Progress, closing, repeated};

/// Everything that is needed to run a job.
pub(super) struct Run {
    meant: Meant,
    pairs: Vec<(&'static Format, Option<PathBuf>)>,
    sink: sink::Options,
    filter: Filter,
    save: Option<PathBuf>,
    cache: Option<Cache>,
    progress: Progress,
    quiet: bool,
    max_time: Option<Duration>,
    /// What is found is named, and not judged.
    names_only: bool,
}

impl Run {
    /// What the shared flags mean. `failures_only`: people are shown only what is not ok.
    pub(super) fn new(
        network: &NetworkOptions,
        output: &OutputOptions,
        matches: &ArgMatches,
        defaults: &Defaults,
        named: Option<HashSet<Origin>>,
        failures_only: bool,
    ) -> anyhow::Result<Self> {
        let pairs = output.pairs(matches)?;
        let sink = sink::Options {
            colour: coloured(&output.color, matches),
            failures_only,
            strict: network.is_strict(),
            template: output.template.clone(),
            repository: repository(),
            ..sink::Options::default()
        };
        let progress = Progress::new(&output.progress, output.quiet);
        Ok(Self {
            meant: network.meant(defaults, named)?,
            pairs,
            sink,
            filter: Filter::default(),
            save: None,
            cache: None,
            progress,
            quiet: output.quiet,
            max_time: network.max_time,
            names_only: false,
        })
    }

    /// Nothing is reported: stdout is for something else.
    pub(super) fn unreported(&mut self) {
        self.pairs.clear();
    }

    /// What is found is named, and not judged.
    pub(super) fn names_only(&mut self, names_only: bool) {
        self.names_only = names_only;
    }

    /// Where results go that are no records.
    pub(super) fn stdout(&self) -> Box<dyn Write + Send> {
        self.progress.stdout()
    }

    /// The pace of an origin.
    pub(super) fn pace(&self) -> PaceOf {
        Rc::clone(&self.meant.pace)
    }

    /// The longest that one URL can take: every try times out, and every wait is as long as is allowed.
    pub(super) fn patience(&self) -> Duration {
        let limits = &self.meant.limits;
        let tries = limits.retries.saturating_add(1);
        self.meant.timeout.saturating_mul(tries) + limits.max_wait
    }

    /// The fields that go out with every request.
    pub(super) fn fields(&self) -> &Bound {
        &self.meant.limits.fields
    }

    /// Logs in at GitHub with the token of the environment, where there is one.
    pub(super) fn log_in_at_github(&mut self) -> anyhow::Result<()> {
        let fields = &mut self.meant.limits.fields;
        *fields = credentials::at_github(std::mem::take(fields))?;
        Ok(())
    }

    /// What makes the run fail instead of a broken record.
    pub(super) fn fail_on(&mut self, fail_on: Option<FailOn>) {
        self.meant.limits.fail_on = fail_on;
    }

    /// Which records are written; what their conditions look at is wanted too.
    pub(super) fn filter(&mut self, filter: Filter) {
        self.filter = filter;
    }

    /// The folder that bodies are saved in.
    pub(super) fn save(&mut self, folder: Option<PathBuf>) {
        self.save = folder;
    }

    /// What earlier runs were answered.
    pub(super) fn cache(&mut self, cache: Option<Cache>) {
        self.cache = cache;
    }

    /// What the records shall hold of the content; the formats learn of it.
    pub(super) fn wanted(&mut self, mut wanted: Wanted) -> anyhow::Result<Wanted> {
        let template = self.sink.template.as_ref();
        let said = |name| template.is_some_and(|template| template.asks_for(name));
        wanted.title |= self.filter.asks_for("title") || said("title");
        wanted.links |= self.filter.asks_for("links") || said("links");
        wanted.hash |= self.filter.asks_for("sha256") || said("sha256");
        wanted.body |= said("body");
        wanted.text = self.filter.asks_for("body");
        let names = wanted.extraction.as_ref().map(|rules| rules.names());
        self.sink.fields = names.unwrap_or_default();
        self.sink.links = wanted.links;
        wanted.links |= self.pairs.iter().any(|(format, _)| format.links);
        let unknown = self
            .sink
            .template
            .as_ref()
            .map(|template| template.unknown(&self.sink.fields));
        if let Some(name) = unknown.unwrap_or_default().first() {
            bail!(
                "--template asks for {name}, and nothing has that name: give --select, --regex or --json-pointer"
            );
        }
        if let Some(name) = self.filter.unknown(&self.sink.fields).first() {
            bail!(
                "--match or --filter asks for {name}, and nothing has that name: give --select, --regex or --json-pointer"
            );
        }
        Ok(wanted)
    }

    /// Content in all after which the run ends.
    pub(super) fn max_bytes(&mut self, bytes: Option<u64>) {
        self.meant.limits.max_bytes = bytes;
    }

    /// The outputs, as a state remembers them.
    pub(super) fn outputs(&self) -> String {
        let name = |(format, path): &(&Format, Option<PathBuf>)| {
            format!(
                "{} {}",
                format.name,
                path.as_ref()
                    .map_or("-".to_owned(), |path| path.display().to_string())
            )
        };
        self.pairs.iter().map(name).collect::<Vec<_>>().join(", ")
    }
}

/// Prints what `job` would do with `url`, rule by rule; the exit code is 0 when it would visit it.
pub(super) async fn explain(run: Run, job: Crawl, url: Url) -> anyhow::Result<ExitCode> {
    let Run { meant, quiet, .. } = run;
    let stop = Stop::default();
    let setting = Setting {
        fetcher: meant.fetcher,
        reporter: Rc::new(Silent),
        outputs: Vec::new(),
        save: None,
        cache: None,
        filter: Filter::default(),
        limits: meant.limits,
        stop: stop.clone(),
    };
    let shown = url.to_string();
    let signals = Signals::default();
    let say = |_: &str| {};
    let job = Box::pin(job.explain(url, setting));
    let explanation = signals.watch(&stop, say, job).await?;
    let verdict = if explanation.visited {
        "visited"
    } else {
        "not visited"
    };
    let mut out = std::io::stdout();
    let mut tell = |line: &str| match writeln!(out, "{}", sink::for_terminal(line)) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    };
    if !quiet {
        for rule in &explanation.rules {
            tell(&format!("  {rule}")).context("cannot write to stdout")?;
        }
    }
    tell(&format!("{verdict}: {shown}")).context("cannot write to stdout")?;
    Ok(ExitCode::from(u8::from(!explanation.visited)))
}

/// Runs a job under the signals, says how it ended, and gives the exit code.
pub(super) async fn run_to_end<F>(
    run: Run,
    what: &str,
    job: impl FnOnce(Setting) -> F,
) -> anyhow::Result<ExitCode>
where
    F: Future<Output = Result<Report, Error>>,
{
    let Run {
        meant,
        pairs,
        sink,
        filter,
        save,
        cache,
        progress,
        quiet,
        max_time,
        names_only,
    } = run;
    let reporter = Rc::new(Drawing::new(progress.clone(), quiet));
    for warning in &meant.warnings {
        reporter.on(&Event::Warning(warning));
    }
    let jar = meant.jar;
    let stop = Stop::default();
    let setting = Setting {
        fetcher: meant.fetcher,
        reporter: reporter.clone(),
        outputs: outputs::open(&pairs, &sink, || progress.stdout()),
        save,
        cache,
        filter,
        limits: meant.limits,
        stop: stop.clone(),
    };
    let signals = Signals::default();
    let result = signals
        .watch(&stop, |text| reporter.say(text), async {
            let mut job = Box::pin(job(setting));
            let clock = async {
                match max_time {
                    Some(time) => tokio::time::sleep(time).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                result = &mut job => result,
                () = clock => {
                    stop.spend(Spent::Time);
                    job.await
                }
            }
        })
        .await;
    progress.clear();
    // Whatever the end was, what the servers set is kept; of two things that went wrong, the first is told.
    let written = jar.map_or(Ok(()), |jar| jar.write());
    let (report, code) = exit::code(result, &signals)?;
    written?;
    if let Some(report) = report.filter(|_| !quiet) {
        let before = if report.finished_before.is_some() {
            "nothing to do, this run had finished: "
        } else if report.interrupted {
            "interrupted: "
        } else {
            report.spent.map_or("", |spent| match spent {
                Spent::Time => "ended by --max-time: ",
                _ => "ended by --max-bytes: ",
            })
        };
        let lines = closing(&report.summary, what, names_only);
        let lines = lines
            .iter()
            .map(|line| sink::for_terminal(line).to_string());
        let repeated = report.summary.duplicates.as_ref().map(repeated);
        for (number, line) in lines.chain(repeated).enumerate() {
            let before = if number == 0 { before } else { "" };
            // stderr may be gone; the exit code says the rest.
            let _ = writeln!(std::io::stderr(), "dragnet: {before}{line}");
        }
    }
    Ok(code)
}

/// Where the files of a report are looked at, as a GitHub workflow says it of itself.
fn repository() -> Repository {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let browse = || {
        let (server, name) = (set("GITHUB_SERVER_URL")?, set("GITHUB_REPOSITORY")?);
        let url = format!("{server}/{name}/blob/{}/", set("GITHUB_SHA")?);
        Url::parse(&url).ok().map(String::from)
    };
    Repository {
        root: set("GITHUB_WORKSPACE").map(PathBuf::from),
        browse: browse(),
    }
}

/// Colours for stdout, by flag, by the conventions of the environment, and by what stdout is.
fn coloured(when: &str, matches: &ArgMatches) -> bool {
    // Elsewhere its twin takes a flag back; here everybody means this.
    let never = matches.try_get_one::<bool>("twin of color");
    if never.is_ok_and(|given| given == Some(&true)) {
        return false;
    }
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match when {
        "always" => true,
        "never" => false,
        _ if set("NO_COLOR") || std::env::var_os("TERM").is_some_and(|term| term == "dumb") => {
            false
        }
        _ => std::io::stdout().is_terminal() || set("FORCE_COLOR"),
    }
}

/// What was given for these flags, as it was given.
pub(super) fn said(matches: &ArgMatches, flags: &[&str]) -> String {
    let given = |flag: &&str| {
        let by_hand = matches.value_source(flag) == Some(ValueSource::CommandLine);
        let values = matches.get_raw(flag).filter(|_| by_hand)?;
        let values: Vec<_> = values.map(|value| value.to_string_lossy()).collect();
        Some(format!("{} {}", flag.replace('_', "-"), values.join(" ")))
    };
    let given: Vec<_> = flags.iter().filter_map(given).collect();
    given.join(", ")
}
