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
//! | `cached` | links that earlier runs found good |
//! | `reading` | a document, read and parsed |
//! | `recursion` | which pages behind links are read too |
//! | `filter` | which links count |
//! | `anchors` | what can be linked to in a document |
//! | `fragments` | which fragments are looked up, and what of them a document lacks |
//! | `disk` | what is at a path that no input named |
//! | `locals` | the paths that are linked to, and what was found there |
//! | `moved` | what is made of links to what has moved for good |
//! | `names` | pages by name, for wikilinks |
//! | `sites` | the sites that inputs are part of |
//! | `remote` | a target on the network |
//! | `fix` | what is sure, written into the sources |
//! | `diff` | the same, shown |
//! | `suggest` | what a broken local link was meant to be |
//! | `elsewhere` | what a fragment of a page on the network was meant to be |
//! | `archive` | copies of what is gone |
//! | `source` | a document that links are found in |
//! | `baseline` | what an earlier run found broken |
//! | `changed` | what git says changed |
//! | `links` | from answers and files to verdicts |
//! | `ledger` | what is known of sources and targets, and which records are due |

mod anchors;
mod archive;
mod baseline;
mod batch;
mod cached;
mod changed;
mod diff;
mod disk;
mod elsewhere;
mod filter;
mod fix;
mod fragments;
mod ledger;
mod links;
mod locals;
mod locate;
mod moved;
mod names;
mod preprocess;
mod reading;
mod recursion;
mod redirects;
mod remap;
mod remote;
mod sites;
mod source;
mod suggest;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use url::Url;

use super::{Before, Error, Report, Setting, run};
use crate::frontier::{Memory, Options, PaceOf, Seeds, paced};
use crate::input::{self, Selection};
use crate::model::{Event, Target, key, without_secrets};
use crate::parser;
use crate::policy::budget::Budget;
use crate::policy::order::Order;
use crate::policy::politeness::Politeness;
use crate::policy::rules;
use batch::Batches;
use cached::Cached;
use disk::Serving;
use ledger::Ledger;
use links::{Links, Unread};
use sites::Sites;
use source::{Source, plain};
use suggest::Suggest;

pub use archive::Archive;
pub use baseline::Baseline;
pub use changed::Changed;
pub use fix::Fix;
pub use fragments::Fragments;
pub use moved::Moved;
pub use preprocess::Preprocess;
pub use recursion::Recursion;
pub use remap::Remap;

pub use crate::policy::rules::Rule;

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
    /// Which fragments are looked up.
    pub fragments: Fragments,
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
    /// What is made of links to what has moved for good.
    pub moved: Moved,
    /// Mail addresses are judged by how they are written.
    pub include_mail: bool,
    /// What an earlier run found broken, which does not make this one fail.
    pub baseline: Option<Baseline>,
    /// What changed: of other local documents only the links to that are judged.
    pub changed: Option<Changed>,
    /// Records of broken local links, and of fragments that a page on the network lacks, say what was likely meant.
    pub suggest: bool,
    /// What is done with links of which it is sure what they should say.
    pub fix: Option<Fix>,
    /// Asked for copies of what is broken.
    pub archive: Option<Archive>,
    /// Pages behind the links of the URL inputs are inputs too.
    pub recursion: Option<Recursion>,
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
    /// How an origin is asked where nothing is said.
    pub const POLITENESS: Politeness = Politeness {
        delay: None,
        public_delay: Duration::from_millis(20),
        // Links to a server in trouble hold the run up, each a few times: not for minutes.
        longest: Duration::from_millis(500),
        width: NonZeroUsize::MIN.saturating_add(7),
    };

    /// A check of `inputs` as the command line does it where nothing is said.
    #[must_use]
    pub fn new(inputs: Vec<Input>) -> Self {
        Self {
            inputs,
            selection: Selection::default(),
            base_url: None,
            root_dir: None,
            index_files: ["index.html", "index.htm", "."].map(str::to_owned).to_vec(),
            fallback_extensions: Vec::new(),
            remap: Vec::new(),
            fragments: Fragments::default(),
            exclude_fragment: Vec::new(),
            verbatim: false,
            wikilinks: false,
            offline: false,
            skip_missing: false,
            include: Vec::new(),
            exclude: Vec::new(),
            schemes: Vec::new(),
            exclude_private: false,
            require_https: false,
            moved: Moved::default(),
            include_mail: false,
            baseline: None,
            changed: None,
            suggest: false,
            fix: None,
            archive: None,
            recursion: None,
            fail_if_empty: false,
            dump: false,
            preprocess: None,
            pace: paced(Self::POLITENESS),
        }
    }

    /// Checks every link.
    ///
    /// # Errors
    /// When an input that the user named cannot be read, or an output cannot be written.
    pub async fn run(mut self, mut setting: Setting) -> Result<Report, Error> {
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
        let mut unread = Vec::new();
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
                    for file in self.files(path, &setting, &mut unread) {
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
        if sources.is_empty()
            && let Some(Unread { name, reason, .. }) = unread.pop()
        {
            return Err(Error::Input { name, reason });
        }
        let recursion = self.recursion.take();
        let recursion = recursion.as_ref();
        let options = Options {
            unique: false,
            robots: recursion.and_then(Recursion::robots),
            // The links of the deepest pages are judged.
            depth: recursion.and_then(|rule| rule.depth).map(|depth| depth + 1),
            order: Order::default(),
            budget: Budget::default(),
            gap: setting.limits.gap,
            pace: match recursion {
                Some(rule) => rule.pace(self.pace.clone()),
                None => self.pace.clone(),
            },
        };
        let frontier = Memory::new(options);
        let (cached, known) = Cached::new(setting.cache.take(), &setting.limits);
        let mut ledger = Ledger::new(sources, self.filter(), self.remap.clone().into(), known);
        if let Some(rule) = recursion {
            ledger = ledger.recursive(rule.clone());
        }
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
            cached,
            batches,
            unread: RefCell::new(unread),
            complaints: RefCell::new(Vec::new()),
            dump: self.dump,
            reading: Arc::new(Reading {
                options: parser::Options {
                    anchors: self.fragments.any(),
                    verbatim: self.verbatim,
                    wikilinks: self.wikilinks,
                    ..parser::Options::default()
                },
                serving: sites.serving,
                preprocess: self.preprocess.clone(),
                fixes: self.fix.is_some(),
                suggest: self.suggest.then(|| {
                    let folders = sites.known.into_keys().collect();
                    Suggest::below(folders, self.selection.clone())
                }),
            }),
            lost: RefCell::default(),
            stand_in: self.base_url.clone(),
            limits: setting.limits.clone(),
            captures: setting.captures(),
        };
        let seeds: Seeds<'_> = futures::stream::iter([seeds]).boxed_local();
        let reporter = setting.reporter.clone();
        let mut report = run(setting, &frontier, &work, seeds, Before::default()).await?;
        work.cached.close(&*reporter);
        if self.fail_if_empty && work.ledger.borrow().links() == 0 {
            let text = "no link was found, and --fail-if-empty was given";
            reporter.on(&Event::Warning(text));
            report.summary.failing = Some(report.summary.failing.unwrap_or(0).max(1));
        }
        for url in work.lost.borrow().iter() {
            let url = without_secrets(url);
            let text = format!(
                "an input leads out of scope to {url}, whose links were not checked: name that URL, or give --scope"
            );
            reporter.on(&Event::Warning(&text));
        }
        let moved = work.ledger.borrow().moved();
        if moved > 0 {
            let leads = if moved == 1 {
                "link leads"
            } else {
                "links lead"
            };
            let text =
                format!("{moved} {leads} to what has moved for good; their records say where");
            reporter.on(&Event::Warning(&text));
        }
        if !report.interrupted && report.spent.is_none() {
            let ledger = work.ledger.borrow();
            let mut told = Vec::new();
            // Where not every link was looked at, nobody knows what the others would have matched.
            if ledger.changed.is_none() {
                told.extend(self.unused());
            }
            let mut comments = work.complaints.into_inner();
            // Pages have their numbers by when they were found, and the lines of each are in order.
            comments.sort_by(|(one, _), (other, _)| ledger.compare(*one, *other));
            told.extend(comments.into_iter().map(|(_, told)| told));
            let whole = ledger.changed.is_none();
            told.extend(baseline::mended(
                ledger.baseline.as_ref(),
                ledger.names(),
                whole,
            ));
            for text in told {
                reporter.on(&Event::Warning(&text));
            }
        }
        if let Some(fix) = self.fix.take().filter(|_| !report.interrupted) {
            let drafts = work.ledger.borrow_mut().drafts();
            let options = work.reading.options.clone();
            let fixed = tokio::task::spawn_blocking(move || fix.apply(drafts, &options)).await;
            let unshown = |reason: String| Error::Input {
                name: "--dry-run".to_owned(),
                reason,
            };
            let fixed = fixed.map_err(|error| unshown(error.to_string()))?;
            let fixed = fixed.map_err(|error| unshown(error.to_string()))?;
            report.summary.fixed = fixed.links;
            if fixed.failing > 0 {
                let summary = &mut report.summary;
                let failing = summary.failing.unwrap_or(summary.broken - summary.known);
                summary.failing = Some(failing.saturating_sub(fixed.failing));
            }
            for left in &fixed.left {
                reporter.on(&Event::Warning(left));
            }
        }
        let unread = work.unread.into_inner();
        let mut failed = unread.iter().filter(|unread| unread.is_file);
        if let (Some(_), Some(first)) = (&self.preprocess, failed.next())
            && failed.count() + 1 == work.ledger.borrow().files()
        {
            // It is the command, and none of the files.
            return Err(Error::Input {
                name: first.name.clone(),
                reason: first.reason.clone(),
            });
        }
        let mut failed = None;
        for Unread {
            name,
            named,
            reason,
            ..
        } in unread
        {
            if named && !self.skip_missing && failed.is_none() {
                failed = Some(Error::Input { name, reason });
                continue;
            }
            let text = format!("{name} was not checked: {reason}");
            reporter.on(&Event::Warning(&text));
        }
        failed.map_or(Ok(report), Err)
    }

    /// The files of one input; what cannot be read is the end, a warning, or nothing.
    fn files(
        &self,
        path: &Path,
        setting: &Setting,
        missing: &mut Vec<Unread>,
    ) -> Vec<input::Found> {
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
                missing.push(Unread {
                    name: unread.path.display().to_string(),
                    named: true,
                    reason: unread.reason,
                    is_file: false,
                });
                continue;
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
        found
    }

    /// Which of the user's patterns were of no use.
    fn unused(&self) -> impl Iterator<Item = String> {
        let paths = &self.selection.exclude_path;
        let patterns = [&self.exclude, &self.include, &self.exclude_fragment, paths];
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
            moved: self.moved,
            dump: self.dump,
            suggest: self.suggest,
            archive: self.archive.clone(),
            exclude_fragment: self.exclude_fragment.clone(),
        }
    }
}

/// What reading needs, on whichever thread.
struct Reading {
    options: parser::Options,
    serving: Arc<Serving>,
    preprocess: Option<Preprocess>,
    /// Links may be written anew.
    fixes: bool,
    /// Where to look for what was meant, where that is asked for.
    suggest: Option<Suggest>,
}
