//! What is known of sources and targets, and which records are due.
//!
//! A target stands here once, with the sources that wait for it; a source's records are due when none of
//! its targets is open any more, and leave in the order of the inputs. Local links wait until every file has
//! been read: what they point at may be the last one.
//!
//! | file | holds |
//! | --- | --- |
//! | `spread` | pages that are found behind links |
//! | `settled` | links that need not be kept until their records are due |
//! | `targets` | targets on the network, and who waits for them |
//! | `verdict` | the verdict on a link, and its record |

mod settled;
mod spread;
mod targets;
mod verdict;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use url::Url;

use super::archive::Questions;
use super::baseline::Baseline;
use super::cached::Known;
use super::changed::Changed;
use super::disk::{Seen, Serving, Unseen};
use super::elsewhere::Elsewhere;
use super::filter::Filter;
use super::fix::Draft;
use super::fragments::Wants;
use super::locals::Locals;
use super::locate::{Base, Place};
use super::reading::{self, Page};
use super::recursion::Spread;
use super::remap::Remap;
use super::remote::{Remote, secure};
use super::source::{Content, Entry, Source};
use super::suggest::{self, Likely, Lost, Meant};
use crate::job::pipeline::{Due, Passed};
use crate::job::record;
use crate::model::{Failure, FailureKind, Naming, Outcome, Target, Visit, without_secrets};
use crate::policy::port;

/// Sources and targets.
pub(super) struct Ledger {
    sources: Vec<Source>,
    files: HashMap<Arc<Path>, usize>,
    unread: usize,
    remotes: Vec<Remote>,
    /// How many of them have their verdict.
    judged: usize,
    remote_index: HashMap<String, usize>,
    locals: Locals,
    questions: Questions,
    /// What was meant by fragments that local targets lack.
    meant: Meant,
    /// The same of targets on the network.
    elsewhere: Elsewhere,
    /// How many looks at the disk are under way.
    looking: usize,
    /// Where pages are found behind links, and how far that has come.
    spread: Option<Spread>,
    /// The order of the sources, where it is not that of their numbers.
    order: Option<Vec<usize>>,
    /// The place of the source whose records are next, and how many of its links have theirs.
    next: usize,
    written: usize,
    /// The run is over, and why what is left was not judged.
    ended: Option<Failure>,
    /// Sources of which all targets are known, and what was counted of such ones.
    ripe: Vec<usize>,
    settled: Vec<(Passed, u64)>,
    /// The source that is looked at next for such links.
    round: usize,
    filter: Filter,
    remaps: Arc<[Remap]>,
    /// What earlier runs found good.
    known: Known,
    here: PathBuf,
    /// Links that were met in documents.
    links: usize,
    /// Links that were written with a suggestion to follow a permanent redirect.
    moved: usize,
    pub(super) baseline: Option<Baseline>,
    /// What changed, and how it is served.
    pub(super) changed: Option<(Changed, Arc<Serving>)>,
    /// No output has use for links that nothing is wrong with: they are counted.
    pub(super) counts_good: bool,
}

impl Ledger {
    pub(super) fn new(
        sources: Vec<Source>,
        filter: Filter,
        remaps: Arc<[Remap]>,
        known: Known,
    ) -> Self {
        let files: HashMap<_, _> = sources
            .iter()
            .enumerate()
            .filter_map(|(number, source)| Some((source.absolute.clone()?, number)))
            .collect();
        let unread = sources
            .iter()
            .filter(|source| source.path.is_some())
            .count();
        let here = std::env::current_dir().unwrap_or_default();
        // An input on the network is a target like any other, and read in any case: links to it wait for that.
        let pages = sources.iter().enumerate();
        let pages = pages.filter_map(|(number, source)| Some((source.key()?, number)));
        let (keys, pages): (Vec<_>, Vec<_>) = pages.unzip();
        Self {
            sources,
            files,
            unread,
            remotes: pages.into_iter().map(Remote::page).collect(),
            judged: 0,
            remote_index: keys.into_iter().zip(0..).collect(),
            locals: Locals::default(),
            questions: Questions::to(filter.archive.clone()),
            meant: Meant::new(),
            elsewhere: Elsewhere::new(),
            looking: 0,
            spread: None,
            order: None,
            next: 0,
            written: 0,
            ended: None,
            ripe: Vec::new(),
            settled: Vec::new(),
            round: 0,
            filter,
            remaps,
            known,
            here,
            links: 0,
            moved: 0,
            baseline: None,
            changed: None,
            counts_good: false,
        }
    }

    /// What the sources are called whose links were all looked at.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let whole = |source: &Source| match (&self.changed, &source.absolute) {
            (Some((changed, _)), Some(path)) => changed.has(path),
            _ => true,
        };
        let numbers = (0..self.sources.len()).filter(move |number| whole(&self.sources[*number]));
        numbers.map(|number| self.name(number))
    }

    /// How many links lead to what has moved for good, where that was asked for.
    pub(super) fn moved(&self) -> usize {
        self.moved
    }

    /// Of the targets on the network, how many have their verdict, and how many there are.
    pub(super) fn targets(&self) -> (u64, u64) {
        (self.judged as u64, self.remotes.len() as u64)
    }

    /// How many of the sources are files.
    pub(super) fn files(&self) -> usize {
        self.files.len()
    }

    /// How many links were met.
    pub(super) fn links(&self) -> usize {
        self.links
    }

    /// Where a file is, and what its references are relative to; `stand_in` is the URL that the user gave for it.
    pub(super) fn file(&self, number: usize, stand_in: Option<&Url>) -> (Arc<Path>, Option<Base>) {
        let source = &self.sources[number];
        let path = source
            .absolute
            .clone()
            .unwrap_or_else(|| Path::new("").into());
        let base = match stand_in {
            Some(url) => {
                let base = Base::standing_in(url.clone(), &path, source.folder.as_deref());
                // What --remap leads back to this machine is served as the site is.
                Some(base.part_of(source.site.as_ref()))
            }
            None => Base::local(&path, source.site.as_ref()),
        };
        (path, base.map(|base| base.remapped(&self.remaps)))
    }

    /// What the references of a page on the network are relative to.
    pub(super) fn remote_base(&self, url: &Url) -> Base {
        Base::remote(url.clone()).remapped(&self.remaps)
    }

    /// Is the source an input itself?
    pub(super) fn is_named(&self, number: usize) -> bool {
        self.sources[number].named
    }

    /// What a source is called.
    pub(super) fn name(&self, number: usize) -> String {
        let source = &self.sources[number];
        match (&source.path, &source.url) {
            (Some(path), _) => path.display().to_string(),
            (None, Some(url)) => without_secrets(url).into_owned(),
            (None, None) => String::new(),
        }
    }

    /// Takes text in that has no file; returns the targets that are new.
    pub(super) fn text(
        &mut self,
        number: usize,
        content: &[u8],
        stand_in: Option<&Url>,
        verbatim: bool,
    ) -> Vec<Target> {
        let base = self.file(number, stand_in).1;
        let page = base.map(|base| reading::text(content, base, verbatim));
        self.read(number, page.unwrap_or_default(), Naming::File)
    }

    /// Takes in what was found in a document; returns the targets that are new.
    pub(super) fn read(&mut self, number: usize, page: Page, naming: Naming) -> Vec<Target> {
        let source = &self.sources[number];
        let mut page = page;
        if source.path.is_some() {
            self.unread -= 1;
            if let (Some((changed, serving)), Some(path)) = (&self.changed, &source.absolute)
                && !changed.has(path)
            {
                changed.narrow(&mut page, serving);
            }
        }
        let Page {
            places,
            occurrences,
            anchors,
            sitemaps,
            follow,
            depth,
            digest,
            ..
        } = page;
        self.sources[number].digest = digest.map(Box::new);
        self.links += occurrences.len();
        let mut wants = vec![Wants::default(); places.len()];
        for link in occurrences.iter().filter(|link| link.fragment.is_some()) {
            let url = || match &places[link.place] {
                Place::Remote(url) => url.to_string(),
                Place::Local(path, _) => self.shown(path),
                _ => String::new(),
            };
            let sought = self.filter.looked_up(url, link.fragment);
            wants[link.place].add(sought.wants());
        }
        let mut found = Vec::new();
        for place in sitemaps {
            if let Some(Place::Remote(url)) = places.get(place)
                && !self.filter.keeps_out(url)
            {
                found.extend(self.document(url, depth + 1, naming));
            }
        }
        for place in follow {
            if let Some(Place::Remote(url)) = places.get(place)
                && !self.filter.keeps_out(url)
            {
                found.extend(self.found(url, depth + 1, naming));
            }
        }
        let mut open = 0;
        let mut has_local = false;
        let mut entries = Vec::with_capacity(places.len());
        for (place, wants) in places.into_iter().zip(wants) {
            entries.push(match place {
                Place::Remote(url) if self.filter.keeps_out(&url) => Entry::Excluded(Box::new(url)),
                Place::Remote(url) if self.filter.dump => Entry::Named(Box::new(url)),
                Place::Remote(url) => {
                    let twin = self.filter.require_https.then(|| secure(&url)).flatten();
                    let mut ask = |url: &Url, wants| {
                        let (remote, target) = self.remote(url, wants, naming);
                        if self.remotes[remote].is_open() {
                            open += 1;
                            self.remotes[remote].waiting.push(number);
                        }
                        found.extend(target);
                        // More than four billion do not fit into memory.
                        u32::try_from(remote).unwrap_or(u32::MAX)
                    };
                    let remote = ask(&url, wants);
                    Entry::Remote(remote, twin.map(|twin| ask(&twin, Wants::default())))
                }
                Place::Local(path, slash) => self.named(&path).unwrap_or_else(|| {
                    has_local = true;
                    Entry::Local(self.locals.add(path, slash, wants))
                }),
                Place::Excluded(_) | Place::Ignored => Entry::Scheme,
                Place::Sent => Entry::Sent,
                Place::Mail(_) if self.filter.keeps_out_mail() => Entry::Scheme,
                Place::Mail(wrong) => Entry::Mail(wrong.map(Into::into)),
                Place::Nowhere(reason) => Entry::Nowhere(Box::new(reason)),
                Place::Unnamed(unnamed) => Entry::Unnamed(unnamed),
                Place::Unread(limit) => Entry::Unread(Box::new(limit)),
            });
        }
        let source = &mut self.sources[number];
        source.open = open;
        source.has_local = has_local;
        source.content = Some(Content {
            links: occurrences,
            places: entries,
            anchors,
        });
        if open == 0 {
            self.ripe.push(number);
        }
        self.settle();
        found
    }

    /// The entry of a local target that is not looked for.
    fn named(&self, path: &Path) -> Option<Entry> {
        if self.filter.has_all_files() {
            return None;
        }
        let url = Box::new(Url::from_file_path(path).ok()?);
        if self.filter.keeps_out_file(&url, &self.shown(path)) {
            return Some(Entry::Excluded(url));
        }
        self.filter.dump.then_some(Entry::Named(url))
    }

    /// An input on the network was visited; returns the targets that are new.
    pub(super) fn page(
        &mut self,
        number: usize,
        page: Page,
        url: &Url,
        naming: Naming,
        own: Visit,
    ) -> Vec<Target> {
        let source = &mut self.sources[number];
        source.own = (!source.listed && !self.filter.dump).then(|| Box::new(own));
        let depth = page.depth + 1;
        let mut found = self.read(number, page, naming);
        for target in &mut found {
            target.depth = depth;
            let same = target.url.host() == url.host();
            let other = target.url.port() != url.port();
            if !same || other && port::is_bad(&target.url) {
                target.naming = Naming::Page;
            }
        }
        found
    }

    /// Once every file has been read, the paths that have to be looked for on the disk; each only once.
    pub(super) fn unseen(&mut self) -> Option<Vec<Unseen>> {
        if self.unread > 0 {
            return None;
        }
        let (files, sources) = (&self.files, &self.sources);
        let read = |path: &Path| {
            let source = files.get(path).map(|&source| &sources[source]);
            source.and_then(|source| source.content.as_ref().map(|content| &content.anchors))
        };
        let unseen = self.locals.unseen(read)?;
        self.looking += 1;
        Some(unseen)
    }

    /// What the look brought.
    pub(super) fn looked(&mut self, seen: Vec<Seen>) {
        let (files, sources) = (&self.files, &self.sources);
        let read = |path: &Path| {
            let source = files.get(path).map(|&source| &sources[source]);
            source.and_then(|source| source.content.as_ref().map(|content| &content.anchors))
        };
        self.locals.looked(seen, read);
    }

    /// The fragments that local targets lack, once all of these are known.
    pub(super) fn lost(&self) -> Vec<Lost> {
        if !self.filter.suggest || !self.locals.are_found() {
            return Vec::new();
        }
        let contents = self.sources[self.next..].iter();
        let contents = contents.filter_map(|source| source.content.as_ref());
        let shown = |path: &Path| self.shown(path);
        suggest::lost(contents, &self.locals, &self.filter, &self.meant, shown)
    }

    /// A look has ended: what was meant by the fragments that local targets lack.
    pub(super) fn meant(&mut self, meant: Vec<(usize, Box<str>, Likely<String>)>) {
        self.looking -= 1;
        let meant = meant.into_iter();
        self.meant
            .extend(meant.map(|(number, fragment, likely)| ((number, fragment), likely)));
    }

    /// The files in which links shall be written anew.
    pub(super) fn drafts(&mut self) -> Vec<Draft> {
        self.sources.iter_mut().filter_map(Source::draft).collect()
    }

    /// Is there a record that nothing stands in the way of any more?
    pub(super) fn is_due(&self) -> bool {
        if self.is_recursive() && self.ended.is_none() {
            // Which document is the first is known at the end.
            return false;
        }
        let source = self.at(self.next).map(|number| &self.sources[number]);
        source.is_some_and(|source| {
            let looked = self.unread == 0 && self.locals.are_found() && self.looking == 0;
            let looked = !source.has_local || looked;
            self.ended.is_some() || source.content.is_some() && source.open == 0 && looked
        })
    }

    /// The next of those records, about `most` of them, from at most about `links` links.
    pub(super) fn due(&mut self, most: usize, links: usize) -> Due {
        let mut due = Due {
            passed: std::mem::take(&mut self.settled),
            ..Due::default()
        };
        let mut left = links;
        while due.records.len() < most && left > 0 && self.is_due() {
            left = left.saturating_sub(1 + self.write(most, left, &mut due));
        }
        due
    }

    /// Nothing more will come: what is left is due as it is.
    pub(super) fn end(&mut self, left: Failure) {
        // A document that nobody read has a record too: its links may be anything.
        for source in &mut self.sources {
            if let (Some(path), None, false) = (&source.path, &source.content, self.filter.dump) {
                let shown = path.display().to_string();
                let mut own = Visit::new(record::id(&[&shown]), shown.into(), Outcome::Unknown);
                own.fail(left.clone());
                source.own = Some(Box::new(own));
            }
        }
        // Nor does the first verdict hold for those who waited for the second.
        for remote in self.remotes.iter_mut().filter(|remote| remote.coming) {
            remote.verdict = None;
        }
        self.ended = Some(left);
        if self.is_recursive() {
            self.sort();
        }
    }

    /// Why what is left was not judged.
    fn left(&self) -> Failure {
        let ended = self.ended.clone();
        ended.unwrap_or(Failure::new(FailureKind::Internal, "nobody asked for it"))
    }

    /// A path as records have it: from the working directory, if it is below.
    fn shown(&self, path: &Path) -> String {
        let below = path.strip_prefix(&self.here).unwrap_or(path);
        let below = if below.as_os_str().is_empty() {
            Path::new(".")
        } else {
            below
        };
        below.display().to_string()
    }
}
