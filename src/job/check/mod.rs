//! `check`: every link of every input gets a verdict.
//!
//! Each distinct target is asked for once, however many links point to it; there is a record for each link,
//! with its place. Local files are leased in batches and read on plain threads; links between them are
//! settled against what was read, and one look at the disk for each path outside. A source's records leave
//! together, sources in the order of the inputs.
//!
//! | file | holds |
//! | --- | --- |
//! | `locate` | from a reference to the place it means |
//! | `redirects` | a site's `_redirects` |
//! | `remap` | what stands in the place of URLs that match a pattern |
//! | `preprocess` | a command that makes text of a file |
//! | `batch` | leases of files |
//! | `reading` | a document, read and parsed |
//! | `filter` | which links count |
//! | `rules` | the patterns that say so, and which of them matched nothing |
//! | `disk` | what is at a path that no input named |
//! | `locals` | the paths that are linked to, and what was found there |
//! | `names` | pages by name, for wikilinks |
//! | `sites` | the sites that inputs are part of |
//! | `remote` | a target on the network |
//! | `source` | a document that links are found in |
//! | `baseline` | what an earlier run found broken |
//! | `changed` | what git says changed |
//! | `ledger` | what is known of sources and targets, and which records are due |

mod baseline;
mod batch;
mod changed;
mod disk;
mod filter;
mod ledger;
mod locals;
mod locate;
mod names;
mod preprocess;
mod reading;
mod redirects;
mod remap;
mod remote;
mod rules;
mod sites;
mod source;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::StreamExt;
use futures::future::LocalBoxFuture;
use http::{Method, StatusCode};
use url::Url;

use super::content::{Content, Found, Wanted, apart, internal};
use super::pipeline::{Due, End, Judged, Work};
use super::{Before, Error, Limits, Report, Setting, record, run};
use crate::frontier::{Memory, Options, PaceOf, Seeds, Task};
use crate::input::{self, Selection};
use crate::model::{Event, Naming, Outcome, Target, key};
use crate::parser;
use crate::parser::ignore::Ignored;
use crate::policy::budget::Budget;
use crate::policy::order::Order;
use crate::sink::Captures;
use batch::Batches;
use disk::Serving;
use ledger::Ledger;
use locate::Base;
use reading::Page;
use sites::Sites;
use source::{Source, plain};

pub use baseline::Baseline;
pub use changed::Changed;
pub use preprocess::Preprocess;
pub use remap::Remap;
pub use rules::Rule;

/// A page with more links than this is looked through on a thread of its own.
const MANY: usize = 2000;

/// Records that are made at once: half a millisecond.
const AT_ONCE: usize = 200;

/// Links that are only counted cost so much less than a record.
const CHEAPER: usize = 20;

/// Something to look for links in.
#[derive(Debug, Clone)]
pub enum Input {
    /// A file, a folder or a glob.
    Path(PathBuf),
    /// A page.
    Url(Box<Target>),
    /// Text, by a name for messages.
    Text(String, Vec<u8>),
}

/// Which links count, and what their references are relative to.
pub struct Check {
    /// What to look for links in, in the order of the records.
    pub inputs: Vec<Input>,
    /// What is left out below folders.
    pub selection: Selection,
    /// Stands in for each local input's own URL.
    pub base_url: Option<Url>,
    /// Where root-relative links of local inputs start.
    pub root_dir: Option<PathBuf>,
    /// What stands for a folder, in order.
    pub index_files: Vec<String>,
    /// What is added to the name of a local path that is not there, in order.
    pub fallback_extensions: Vec<String>,
    /// What stands in the place of URLs; the first that matches counts.
    pub remap: Vec<Remap>,
    /// Look fragments up.
    pub fragments: bool,
    /// Fragments of URLs that match one of these are not looked up.
    pub exclude_fragment: Vec<Rule>,
    /// Links in code and other verbatim text too.
    pub verbatim: bool,
    /// Names of pages in double brackets are links too.
    pub wikilinks: bool,
    /// Remote links are excluded.
    pub offline: bool,
    /// Inputs that cannot be read are passed over.
    pub skip_missing: bool,
    /// URLs that match one of these are checked even if `exclude` matches too.
    pub include: Vec<Rule>,
    /// URLs that match one of these are excluded.
    pub exclude: Vec<Rule>,
    /// Only links of these schemes count; empty: all.
    pub schemes: Vec<String>,
    /// URLs whose host is a private address or `localhost` are excluded.
    pub exclude_private: bool,
    /// Links over http are broken where https would do.
    pub require_https: bool,
    /// Mail addresses are judged by how they are written.
    pub include_mail: bool,
    /// What an earlier run found broken, which does not make this one fail.
    pub baseline: Option<Baseline>,
    /// What changed: of other local documents only the links to that are judged.
    pub changed: Option<Changed>,
    /// No link at all makes the run fail.
    pub fail_if_empty: bool,
    /// Links are named, and none is checked.
    pub dump: bool,
    /// Makes text of each file before it is parsed.
    pub preprocess: Option<Preprocess>,
    /// The pace of an origin.
    pub pace: PaceOf,
}

impl Check {
    /// Checks every link.
    ///
    /// # Errors
    /// When an input that the user named cannot be read, or an output cannot be written.
    pub async fn run(mut self, setting: Setting) -> Result<Report, Error> {
        let root = match &self.root_dir {
            Some(root) => {
                let absolute = std::path::absolute(root);
                let wrong = |reason: String| Error::Input {
                    name: root.display().to_string(),
                    reason,
                };
                let root = absolute.map_err(|error| wrong(error.to_string()))?;
                if !root.is_dir() {
                    return Err(wrong("--root-dir is not a folder".to_owned()));
                }
                Some(root)
            }
            None => None,
        };
        let mut sources = Vec::new();
        let mut seeds = Vec::new();
        let mut batches = Batches::new();
        let mut texts = Vec::new();
        let mut named = HashSet::new();
        let mut files = HashSet::new();
        let mut sites = Sites {
            given: root.as_deref().map(plain),
            serving: Arc::new(Serving {
                index_files: self.index_files.clone(),
                extensions: self.fallback_extensions.clone(),
            }),
            hops: setting.limits.max_redirects,
            names: self.wikilinks.then(|| Selection {
                extensions: Vec::new(),
                ..self.selection.clone()
            }),
            known: HashMap::new(),
        };
        for input in &self.inputs {
            match input {
                Input::Path(path) => {
                    let begin = sources.len();
                    for file in self.files(path, &setting)? {
                        // What is below two inputs, or named twice, is read once.
                        if files.insert(std::path::absolute(&file.path).unwrap_or_default()) {
                            let folder = file.root.as_deref();
                            let named = file.path == *path;
                            let site = sites.of(folder, &setting);
                            sources.push(Source::file(&file.path, folder, site, named));
                        }
                    }
                    seeds.extend(batches.lease(&sources, begin));
                }
                // The same page named twice is one input.
                Input::Url(target) if !named.insert(key(&target.url)) => {}
                Input::Url(target) if self.offline => sources.push(Source::unasked(target)),
                Input::Url(target) => {
                    sources.push(Source::page(target));
                    seeds.push((**target).clone());
                }
                Input::Text(name, content) => {
                    texts.push((sources.len(), content.clone()));
                    let named = Path::new(name);
                    sources.push(Source::file(named, None, sites.of(None, &setting), false));
                }
            }
        }
        let options = Options {
            unique: false,
            robots: None,
            depth: None,
            order: Order::default(),
            budget: Budget::default(),
            gap: setting.limits.gap,
            pace: self.pace.clone(),
        };
        let frontier = Memory::new(options);
        let mut ledger = Ledger::new(sources, self.filter(), self.remap.clone().into());
        ledger.baseline = self.baseline.take();
        let changed = self.changed.take();
        if let Some(changed) = &changed {
            let files = match changed.len() {
                1 => "1 file".to_owned(),
                count => format!("{count} files"),
            };
            let text = format!(
                "{files} changed; of other documents only links to these, and to what is gone, are checked"
            );
            setting.reporter.on(&Event::Note(&text));
        }
        ledger.changed = changed.map(|changed| (changed, Arc::clone(&sites.serving)));
        ledger.counts_good = !setting.takes_good();
        for (number, content) in texts {
            let stand_in = self.base_url.as_ref();
            seeds.extend(ledger.text(number, &content, stand_in, self.verbatim));
        }
        let work = Links {
            ledger: RefCell::new(ledger),
            batches,
            unread: RefCell::new(Vec::new()),
            complaints: RefCell::new(Vec::new()),
            dump: self.dump,
            reading: Arc::new(Reading {
                options: parser::Options {
                    anchors: self.fragments,
                    verbatim: self.verbatim,
                    wikilinks: self.wikilinks,
                    ..parser::Options::default()
                },
                serving: sites.serving,
                preprocess: self.preprocess.clone(),
            }),
            stand_in: self.base_url.clone(),
            limits: setting.limits.clone(),
            captures: setting.captures(),
        };
        let seeds: Seeds<'_> = futures::stream::iter([seeds]).boxed_local();
        let reporter = setting.reporter.clone();
        let mut report = run(setting, &frontier, &work, seeds, Before::default()).await?;
        if self.fail_if_empty && work.ledger.borrow().links() == 0 {
            let text = "no link was found, and --fail-if-empty was given";
            reporter.on(&Event::Warning(text));
            report.summary.failing = Some(report.summary.failing.unwrap_or(0).max(1));
        }
        if !report.interrupted && report.spent.is_none() {
            let ledger = work.ledger.borrow();
            let mut told = Vec::new();
            // Where not every link was looked at, nobody knows what the others would have matched.
            if ledger.changed.is_none() {
                told.extend(self.unused());
            }
            let mut comments = work.complaints.into_inner();
            comments.sort();
            told.extend(comments.into_iter().map(|(_, told)| told));
            told.extend(baseline::mended(ledger.baseline.as_ref(), ledger.names()));
            for text in told {
                reporter.on(&Event::Warning(&text));
            }
        }
        for Unread {
            name,
            named,
            reason,
        } in work.unread.into_inner()
        {
            if named && !self.skip_missing {
                return Err(Error::Input { name, reason });
            }
            let text = format!("{name} was not checked: {reason}");
            reporter.on(&Event::Warning(&text));
        }
        Ok(report)
    }

    /// The files of one input; what cannot be read is the end, a warning, or nothing.
    fn files(&self, path: &Path, setting: &Setting) -> Result<Vec<input::Found>, Error> {
        let has_parser = |path: &Path| parser::for_path(path).is_some();
        let (mut found, unread) = input::walk(path, &self.selection, has_parser);
        if found.is_empty() && unread.is_empty() {
            let text = format!(
                "no document was found in {}: folders that are linked are not entered, and for others there are --extensions, \
                 --hidden and --no-ignore",
                path.display()
            );
            setting.reporter.on(&Event::Warning(&text));
        }
        for unread in unread {
            if unread.named && !self.skip_missing {
                return Err(Error::Input {
                    name: unread.path.display().to_string(),
                    reason: unread.reason,
                });
            }
            let text = format!("{} was not read: {}", unread.path.display(), unread.reason);
            setting.reporter.on(&Event::Warning(&text));
        }
        for file in &mut found {
            // Positions in the site are compared as absolute paths, whatever the input was called.
            file.root = file
                .root
                .take()
                .and_then(|root| std::path::absolute(root).ok());
        }
        Ok(found)
    }

    /// Which of the user's patterns were of no use.
    fn unused(&self) -> impl Iterator<Item = String> {
        let patterns = [&self.exclude, &self.include, &self.exclude_fragment];
        let patterns = patterns.into_iter().flat_map(|rules| rules::unused(rules));
        patterns.chain(self.remap.iter().filter_map(Remap::unused))
    }

    fn filter(&self) -> filter::Filter {
        filter::Filter {
            fragments: self.fragments,
            offline: self.offline,
            include: self.include.clone(),
            exclude: self.exclude.clone(),
            schemes: self.schemes.clone(),
            exclude_private: self.exclude_private,
            require_https: self.require_https,
            mail: self.include_mail,
            dump: self.dump,
            exclude_fragment: self.exclude_fragment.clone(),
        }
    }
}

/// What reading needs, on whichever thread.
struct Reading {
    options: parser::Options,
    serving: Arc<Serving>,
    preprocess: Option<Preprocess>,
}

/// A file that was found and could not be read.
struct Unread {
    name: String,
    /// The user named it himself.
    named: bool,
    reason: String,
}

/// The verdicts of `check`.
struct Links {
    ledger: RefCell<Ledger>,
    batches: Batches,
    unread: RefCell<Vec<Unread>>,
    /// What there is to say of comments, by the number of the source.
    complaints: RefCell<Vec<(usize, String)>>,
    /// Links are only named: an input whose links cannot be known is one that could not be read.
    dump: bool,
    reading: Arc<Reading>,
    captures: Captures,
    /// `--base-url`.
    stand_in: Option<Url>,
    limits: Limits,
}

impl Work for Links {
    fn method(&self, task: &Task) -> Method {
        let ledger = self.ledger.borrow();
        let url = &task.target.url;
        let wanted = ledger.page_at(url).is_some() || ledger.wants_content(url);
        if wanted { Method::GET } else { Method::HEAD }
    }

    fn instead(&self, task: &Task, status: Option<StatusCode>) -> Option<Method> {
        if task.method != Method::HEAD {
            return None;
        }
        match status {
            // A link to an anchor was met while the HEAD was under way.
            Some(status) if self.limits.accept.contains(status.as_u16()) => self
                .ledger
                .borrow()
                .wants_content(&task.target.url)
                .then_some(Method::GET),
            // These speak of us, not of the method.
            Some(StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) => None,
            // Many servers answer a HEAD wrongly and a GET well.
            _ => Some(Method::GET),
        }
    }

    fn receive(&self, task: &Task) -> Content {
        let wanted = Wanted {
            captures: self.captures,
            ..Wanted::default()
        };
        let content = Content::parsed(self.reading.options.clone(), false, wanted);
        let url = &task.target.url;
        if self.ledger.borrow().page_at(url).is_some() {
            return content.of_name(url);
        }
        content
    }

    fn judge<'a>(
        &'a self,
        task: &'a Task,
        end: End,
        mut found: Found,
    ) -> LocalBoxFuture<'a, Judged> {
        Box::pin(async move {
            let mut visit = record::of(task, end, &mut found, &self.limits.accept);
            let url = &task.target.url;
            if let Some(document) = &mut found.document {
                let anchors = reading::Anchors::of(document);
                self.ledger.borrow_mut().anchors(url, anchors);
            }
            let page = self.ledger.borrow().page_at(url);
            let source = page.filter(|_| task.target.seed.is_some());
            let links = match found.document {
                Some(document) if source.is_some() && visit.outcome == Outcome::Ok => {
                    let much = document.links.len() > MANY;
                    let base = self.ledger.borrow().remote_base(&task.url);
                    let page = apart(much, move || {
                        reading::page(document, base, &mut Ignored::default())
                    })
                    .await;
                    if page.is_none() {
                        visit.fail(internal());
                    }
                    page.unwrap_or_default()
                }
                _ => Page::default(),
            };
            if self.dump && source.is_some() && visit.outcome != Outcome::Ok {
                let failure = visit
                    .error
                    .as_ref()
                    .map(|failure| failure.message.to_string());
                self.unread.borrow_mut().push(Unread {
                    name: visit.url.clone(),
                    named: true,
                    reason: failure.unwrap_or_default(),
                });
            }
            let found = {
                let mut ledger = self.ledger.borrow_mut();
                ledger.decided(url, &visit, task.method == Method::GET);
                match source {
                    Some(number) => ledger.page(number, links, &task.url, task.naming, visit),
                    None => Vec::new(),
                }
            };
            if source.is_some() {
                self.look().await;
            }
            Judged {
                records: Vec::new(),
                found,
            }
        })
    }

    fn files<'a>(&'a self, task: &'a Task) -> LocalBoxFuture<'a, Judged> {
        Box::pin(async move {
            let Some(range) = self.batches.of(&task.target) else {
                return Judged::default();
            };
            let files: Vec<_> = range
                .clone()
                .map(|source| self.ledger.borrow().file(source, self.stand_in.as_ref()))
                .collect();
            let reading = Arc::clone(&self.reading);
            // Never closed, so this cannot fail.
            let turn = self.batches.threads.acquire().await;
            let pages = tokio::task::spawn_blocking(move || {
                let read = |(path, base): (Arc<Path>, Option<Base>)| {
                    // A parser that panics costs its file, and not the others of the batch.
                    let read = || reading::read(&path, base, &reading);
                    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Page::failed())
                };
                files.into_iter().map(read).collect::<Vec<_>>()
            });
            // Fails only when the runtime is going down.
            let mut pages = pages.await.unwrap_or_default();
            drop(turn);
            pages.resize_with(range.len(), Page::failed);
            let mut found = Vec::new();
            {
                let mut ledger = self.ledger.borrow_mut();
                for (source, page) in range.zip(pages) {
                    if let Some(failure) = &page.unread {
                        self.unread.borrow_mut().push(Unread {
                            name: ledger.name(source),
                            named: ledger.is_named(source),
                            reason: failure.message.to_string(),
                        });
                    }
                    for (line, told) in &page.complaints {
                        let told = format!("{}:{line}: {told}", ledger.name(source));
                        self.complaints.borrow_mut().push((source, told));
                    }
                    found.extend(ledger.read(source, page, Naming::File));
                }
            }
            self.look().await;
            Judged {
                records: Vec::new(),
                found,
            }
        })
    }

    fn is_due(&self) -> bool {
        self.ledger.borrow().is_due()
    }

    fn due(&self) -> Due {
        self.ledger.borrow_mut().due(AT_ONCE, AT_ONCE * CHEAPER)
    }

    fn end(&self) {
        self.ledger.borrow_mut().end();
    }
}

impl Links {
    /// Once every file has been read: a look at the disk for what is linked to and was not looked for.
    async fn look(&self) {
        loop {
            let Some(paths) = self.ledger.borrow_mut().unseen() else {
                return;
            };
            let reading = Arc::clone(&self.reading);
            let looked = tokio::task::spawn_blocking(move || {
                disk::look(paths, &reading.serving, &reading.options)
            });
            let looked = looked.await.unwrap_or_default();
            self.ledger.borrow_mut().looked(looked);
        }
    }
}
