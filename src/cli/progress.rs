//! The reporter that draws: one status line on stderr, ticked from the event loop.
//!
//! Only where stderr is a terminal (or `--progress always`), never through data, and without the thread that
//! indicatif would start for ticking by itself. Deliberately absent: a bar for each request.

use std::cell::Cell;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use dragnet::model::visit::HostTime;
use dragnet::model::{Duplicates, Event, Reporter, Summary};
use dragnet::sink::for_terminal;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::values::{brief, readable};

/// How often the line is drawn anew.
const REDRAW: Duration = Duration::from_millis(150);

/// Where nothing can be drawn over, a line is said so often.
const PLAIN: Duration = Duration::from_secs(5);

/// What is drawn, if anything is.
#[derive(Clone)]
pub(super) enum Progress {
    /// Nothing.
    Silent,
    /// A line that is drawn over itself.
    Line(ProgressBar),
    /// A plain line now and then.
    Plain,
}

impl Progress {
    /// By `--progress` and by what stderr is.
    pub(super) fn new(when: &str, quiet: bool) -> Self {
        let terminal = io::stderr().is_terminal();
        match when {
            "never" => Self::Silent,
            "auto" if quiet || !terminal => Self::Silent,
            _ if !terminal => Self::Plain,
            _ => {
                let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
                if bar.is_hidden() {
                    // indicatif draws nothing where NO_COLOR is set or TERM is dumb.
                    return Self::Plain;
                }
                let style = ProgressStyle::with_template("{spinner} {wide_msg}");
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
                Self::Line(bar)
            }
        }
    }

    /// A stdout that lets the line step aside while it writes, where both are one terminal.
    pub(super) fn stdout(&self) -> Box<dyn Write + Send> {
        match self {
            Self::Line(bar) if io::stdout().is_terminal() => Box::new(Beside(bar.clone())),
            _ => Box::new(io::stdout()),
        }
    }

    /// Takes the line away.
    pub(super) fn clear(&self) {
        if let Self::Line(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// Writes to stdout while the line is away.
struct Beside(ProgressBar);

impl Write for Beside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stdout().write(bytes))
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.suspend(|| {
            io::stdout().write_all(bytes)?;
            io::stdout().flush()
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

/// Draws what it hears.
pub(super) struct Drawing {
    pub(super) progress: Progress,
    quiet: bool,
    drawn: Cell<Option<Instant>>,
}

impl Drawing {
    pub(super) fn new(progress: Progress, quiet: bool) -> Self {
        Self {
            progress,
            quiet,
            drawn: Cell::new(None),
        }
    }

    /// A line of its own on stderr, unless nothing but errors is wanted.
    pub(super) fn say(&self, text: &str) {
        if self.quiet {
            return;
        }
        // stderr may be gone; then there is nobody to tell.
        let say = || _ = writeln!(io::stderr(), "dragnet: {}", for_terminal(text));
        match &self.progress {
            Progress::Line(bar) => bar.suspend(say),
            _ => say(),
        }
    }

    fn tick(&self, summary: &Summary) {
        let every = match &self.progress {
            Progress::Silent => return,
            Progress::Line(_) => REDRAW,
            Progress::Plain => PLAIN,
        };
        let now = Instant::now();
        match self.drawn.get() {
            Some(drawn) if now - drawn < every => return,
            // The first plain line comes after its time has passed, not at once.
            None if matches!(self.progress, Progress::Plain) => return self.drawn.set(Some(now)),
            _ => self.drawn.set(Some(now)),
        }
        let line = status(summary);
        match &self.progress {
            Progress::Line(bar) => {
                bar.set_message(line);
                bar.tick();
            }
            Progress::Plain => _ = writeln!(io::stderr(), "dragnet: {line}"),
            Progress::Silent => {}
        }
    }
}

impl Reporter for Drawing {
    fn on(&self, event: &Event<'_>) {
        match event {
            Event::Tick(summary) => self.tick(summary),
            Event::Warning(text) => self.say(&format!("warning: {text}")),
            Event::Note(text) => self.say(text),
            Event::HeldBack => {
                self.say("held back by --per-host and --delay; raise them for servers of your own");
            }
            Event::Visited(_) => {}
        }
    }
}

/// How the run stands, in one line.
fn status(summary: &Summary) -> String {
    let seconds = summary.elapsed.as_secs_f64().max(0.001);
    // Records can wait for the last of many targets.
    let targets = summary.targets.filter(|(_, all)| *all > 0);
    let targets = targets.map(|(known, all)| format!(" ({known} of {all} URLs judged)"));
    let mut line = format!(
        "{} done{}, {} in flight, {} waiting, {:.0}/s, {}, {seconds:.0} s",
        summary.records(),
        targets.unwrap_or_default(),
        summary.in_flight,
        summary.pending,
        summary.requests as f64 / seconds,
        readable(summary.bytes),
    );
    if summary.broken > 0 {
        let _ = write!(line, ", {} broken", summary.broken);
    }
    line
}

/// Requests from which on their times are worth a line.
const MANY: u64 = 20;

/// The last words of a run, for stderr: a line, and two more where there were many requests.
/// `names_only`: nothing was judged.
pub(super) fn closing(summary: &Summary, what: &str, names_only: bool) -> Vec<String> {
    let mut lines = vec![counts(summary, what, names_only)];
    let Some(times) = summary.times.filter(|_| summary.requests >= MANY) else {
        return lines;
    };
    let rate = summary.requests as f64 / summary.elapsed.as_secs_f64().max(0.001);
    let mut line = format!(
        "{rate:.0} requests a second; half of them took up to {}, 90 % up to {}, 99 % up to {}",
        brief(times.half),
        brief(times.most),
        brief(times.nearly_all)
    );
    let mut statuses = summary.statuses.clone();
    statuses.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let shown: Vec<_> = statuses
        .iter()
        .take(STATUSES)
        .map(|(status, count)| format!("{status} {count}"))
        .collect();
    if !shown.is_empty() {
        let more = if statuses.len() > STATUSES {
            ", …"
        } else {
            ""
        };
        let _ = write!(line, "; status {}{more}", shown.join(", "));
    }
    lines.push(line);
    if summary.slowest.len() > 1 {
        let host = |host: &HostTime| {
            let plural = if host.requests == 1 { "" } else { "s" };
            let origin = host.origin.as_str();
            let usual = match origin.split(':').next() {
                Some("https") => ":443",
                _ => ":80",
            };
            format!(
                "{} {} ({} request{plural})",
                origin.strip_suffix(usual).unwrap_or(origin),
                brief(host.mean),
                host.requests
            )
        };
        let hosts: Vec<_> = summary.slowest.iter().map(host).collect();
        lines.push(format!("slowest on average: {}", hosts.join(", ")));
    }
    lines
}

/// Status codes that are shown, the most frequent ones.
const STATUSES: usize = 6;

/// What there was, by verdict and reason.
fn counts(summary: &Summary, what: &str, names_only: bool) -> String {
    let records = summary.records();
    let plural = if records == 1 { "" } else { "s" };
    let mut line = if names_only {
        format!("{records} {what}{plural} named, none checked")
    } else {
        format!("{records} {what}{plural}: {} ok", summary.ok)
    };
    let excluded = if names_only { 0 } else { summary.excluded };
    for (count, name) in [
        (summary.broken, "broken"),
        (summary.unknown, "unknown"),
        (excluded, "excluded"),
    ] {
        if count > 0 {
            let _ = write!(line, ", {count} {name}");
        }
        if name == "broken" && summary.known > 0 {
            let _ = write!(line, " ({} of them before)", summary.known);
        }
    }
    let kinds: Vec<_> = summary
        .failures
        .iter()
        .map(|(kind, count)| format!("{} {count}", kind.name()))
        .collect();
    if !kinds.is_empty() {
        let _ = write!(line, " ({})", kinds.join(", "));
    }
    if !summary.changes.is_empty() {
        let changes = summary.changes.iter();
        let changes: Vec<_> = changes
            .map(|(change, count)| format!("{count} {}", change.name()))
            .collect();
        let _ = write!(line, "; since the run before: {}", changes.join(", "));
    }
    if summary.cached > 0 && summary.changes.is_empty() {
        let _ = write!(line, "; {} from the cache", summary.cached);
    }
    if summary.fixed > 0 {
        let _ = write!(line, "; {} fixed", summary.fixed);
    }
    if summary.filtered > 0 {
        let _ = write!(line, "; {} not written", summary.filtered);
    }
    let seconds = summary.elapsed.as_secs_f64();
    let _ = write!(
        line,
        "; {} request{}, {}",
        summary.requests,
        if summary.requests == 1 { "" } else { "s" },
        readable(summary.bytes)
    );
    let _ = write!(
        line,
        ", {seconds:.1} s, longest stall {} ms",
        summary.longest_stall.as_millis()
    );
    if !summary.cuts.is_empty() {
        let cuts = summary.cuts.iter();
        let cuts: Vec<_> = cuts
            .map(|(reason, count)| format!("{count} {reason}"))
            .collect();
        let _ = write!(line, "; found and not visited: {}", cuts.join(", "));
    }
    line
}

/// Which pages repeat another one, for stderr as it is: a line, and one for each of those that are repeated most.
pub(super) fn repeated(duplicates: &Duplicates) -> String {
    let Duplicates {
        exact,
        near,
        groups,
        most,
    } = duplicates;
    if *groups == 0 {
        return "no page repeats another".to_owned();
    }
    let (pages, others) = (exact + near, *groups);
    let verb = if pages == 1 {
        "page repeats"
    } else {
        "pages repeat"
    };
    let which = if others == 1 {
        "another".to_owned()
    } else {
        format!("one of {others} others")
    };
    let mut text =
        format!("{pages} {verb} {which}: {exact} all of it, {near} nearly all of its words");
    for (url, times) in most {
        let times = format!("{times}\u{d7}");
        let _ = write!(text, "\n{times:>9}  {}", for_terminal(url));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_told_before_there_is_a_record() {
        let mut summary = Summary::default();
        assert!(status(&summary).starts_with("0 done, "));
        summary.targets = Some((4, 6));
        assert!(status(&summary).starts_with("0 done (4 of 6 URLs judged), "));
        summary.excluded = 7;
        assert!(
            counts(&summary, "link", true).starts_with("7 links named, none checked; 0 requests")
        );
    }
}
