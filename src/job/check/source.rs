//! A document that links are found in: what it is called, where it stands, and what of it is still open.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use ring::digest::Digest;
use url::Url;

use super::anchors::Anchors;
use super::fix::Draft;
use super::locate::{Site, Unnamed};
use super::reading::{Occurrence, Occurrences};
use crate::job::record;
use crate::model::{Failure, Limit, Outcome, Target, Visit, key, without_secrets};
use crate::parser::amend::Amendment;

/// One document.
pub(super) struct Source {
    /// As reached from its input; absent for a page on the network.
    pub(super) path: Option<PathBuf>,
    /// The input itself, not something below it.
    pub(super) named: bool,
    /// The path from the root of the disk, without `..`.
    pub(super) absolute: Option<Arc<Path>>,
    /// The input that it stands below.
    pub(super) folder: Option<Arc<Path>>,
    /// The site that it is part of.
    pub(super) site: Option<Arc<Site>>,
    pub(super) url: Option<Url>,
    /// Not an input, so it has no record of its own beside that of the link to it.
    pub(super) listed: bool,
    /// Links from an input to it.
    pub(super) depth: u32,
    pub(super) content: Option<Content>,
    /// Distinct targets on the network that it links to and that are open.
    pub(super) open: usize,
    pub(super) has_local: bool,
    /// What its file was, where links in it may be written anew, and which shall be.
    pub(super) digest: Option<Box<Digest>>,
    pub(super) amendments: Vec<(Amendment, bool)>,
    /// The record of an input that is itself a target.
    pub(super) own: Option<Box<Visit>>,
}

/// What was found in it, its places turned into entries of the ledger.
pub(super) struct Content {
    pub(super) links: Occurrences,
    pub(super) places: Vec<Entry>,
    pub(super) anchors: Arc<Anchors>,
}

impl Content {
    /// Is `link` one that is only named?
    pub(super) fn names(&self, link: Occurrence<'_>) -> bool {
        matches!(self.places.get(link.place), Some(Entry::Named(_)))
    }
}

/// Where a link leads, by the ledger's numbers. What is rare or large has a box: a site has millions of these.
pub(super) enum Entry {
    /// With its twin over https, where that is asked for.
    Remote(u32, Option<u32>),
    Local(usize),
    Excluded(Box<Url>),
    Scheme,
    /// It takes what a form sends.
    Sent,
    /// A mail address, and what is wrong with it.
    Mail(Option<Box<str>>),
    /// It is only named.
    Named(Box<Url>),
    Nowhere(Box<Failure>),
    Unnamed(Box<Unnamed>),
    Unread(Box<Limit>),
}

impl Source {
    /// A local document of `site`, maybe below the input `folder`; `named`: it is an input itself.
    pub(super) fn file(
        path: &Path,
        folder: Option<&Path>,
        site: Option<Arc<Site>>,
        named: bool,
    ) -> Self {
        let absolute = std::path::absolute(path)
            .ok()
            .map(|path| plain(&path).into());
        let folder: Option<Arc<Path>> = folder.map(|folder| plain(folder).into());
        Self {
            path: Some(path.to_owned()),
            named,
            absolute,
            site,
            folder,
            ..Self::empty()
        }
    }

    /// A page on the network that is an input and not asked for.
    pub(super) fn unasked(target: &Target) -> Self {
        let shown = without_secrets(&target.url);
        let mut own = Visit::new(record::id(&[&shown]), shown.into(), Outcome::Excluded);
        own.input = target.seed.as_ref().map(|seed| seed.input.clone());
        Self {
            own: Some(Box::new(own)),
            content: Some(Content {
                links: Occurrences::default(),
                places: Vec::new(),
                anchors: Arc::default(),
            }),
            ..Self::page(target)
        }
    }

    /// A sitemap that another lists.
    pub(super) fn listed(target: &Target) -> Self {
        Self {
            listed: true,
            ..Self::page(target)
        }
    }

    /// A page on the network that is an input.
    pub(super) fn page(target: &Target) -> Self {
        Self {
            url: Some(target.url.clone()),
            ..Self::empty()
        }
    }

    fn empty() -> Self {
        Self {
            path: None,
            named: false,
            absolute: None,
            folder: None,
            site: None,
            url: None,
            listed: false,
            depth: 0,
            content: None,
            open: 0,
            has_local: false,
            digest: None,
            amendments: Vec::new(),
            own: None,
        }
    }

    /// A link of it with that record shall be written anew, if `sure` what it should say.
    pub(super) fn amend(&mut self, link: Occurrence<'_>, visit: &Visit, sure: bool) {
        if let (true, Some(new), Some(_)) = (sure, &visit.suggestion, &self.digest) {
            let amendment = Amendment {
                line: link.line,
                column: link.column,
                reference: link.reference.to_string(),
                new: new.clone(),
            };
            let failing = visit.outcome == Outcome::Broken && !visit.known;
            self.amendments.push((amendment, failing));
        }
    }

    /// Its file, if links in it shall be written anew.
    pub(super) fn draft(&mut self) -> Option<Draft> {
        let (amendments, failing): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.amendments).into_iter().unzip();
        if amendments.is_empty() {
            return None;
        }
        Some(Draft {
            path: self.path.clone()?,
            digest: *self.digest.take()?,
            amendments,
            failing,
        })
    }

    /// The page key of an input on the network.
    pub(super) fn key(&self) -> Option<String> {
        self.url.as_ref().map(|url| key(url).into_owned())
    }
}

/// `path` without `.` and `..`, by its text alone: as a URL's path is read.
pub(super) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => _ = plain.pop(),
            other => plain.push(other),
        }
    }
    plain
}
