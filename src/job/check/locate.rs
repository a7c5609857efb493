//! From a reference as it stands in a document to the place that it means.
//!
//! Local documents get a `file:` URL and resolve like any other (WHATWG URL, RFC 3986 section 5), with two
//! rules of their own: what begins with `/` starts at the root folder of the site, not of the disk, and
//! what begins with `//` names a host. Then the user's remaps are applied, and the site's `_redirects`: only for those is
//! it looked whether anything is there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use url::Url;

use super::disk::{self, Serving};
use super::names::Names;
use super::redirects::Redirects;
use super::remap::Remap;
use super::suggest::Likely;
use crate::model::{Failure, FailureKind, Limit, URL_LIMIT};
use crate::parser::fragment;
use crate::policy::mail;

/// Where a reference leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// `http` or `https`, without fragment and userinfo.
    Remote(Url),
    /// A path on this machine; true when it was written with a slash at its end.
    Local(PathBuf, bool),
    /// A scheme that is not judged.
    Excluded(String),
    /// It takes what a form sends, and no file is there.
    Sent,
    /// The document says that the link is not to be judged.
    Ignored,
    /// A mail address, and what is wrong with how it is written.
    Mail(Option<String>),
    /// Nowhere, and why.
    Nowhere(Failure),
    /// The name of a page, and none has it.
    Unnamed(Box<Unnamed>),
    /// No link at all: the document could not be read any further, and why.
    Unread(Limit),
}

/// The name of a page, which none has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Unnamed {
    pub(super) name: String,
    pub(super) failure: Failure,
    /// What was meant, where that is looked for.
    pub(super) likely: Option<Likely<String>>,
}

/// A folder that is deployed as a site.
#[derive(Debug)]
pub(super) struct Site {
    /// Absolute, without `..`.
    pub(super) folder: PathBuf,
    /// What leads elsewhere in it.
    pub(super) redirects: Redirects,
    /// How its paths are served.
    pub(super) serving: Arc<Serving>,
    /// The most redirects that are followed for one link.
    pub(super) hops: usize,
    /// Its pages by name, where wikilinks are looked up.
    pub(super) names: Option<Names>,
}

/// What a document's references are relative to, and where they lead then.
#[derive(Debug, Clone)]
pub(super) struct Base {
    url: Url,
    /// Where root-relative references of a local document start.
    root: Option<Url>,
    site: Option<Arc<Site>>,
    /// Where a local document stands, if that is spelt as in its URL.
    folder: Option<PathBuf>,
    /// A local document that a URL stands in for: the URL means the document.
    own: Option<(Url, PathBuf)>,
    /// Its own `base` element says something else, and nothing says where that is.
    lost: bool,
    remaps: Arc<[Remap]>,
}

/// Of a reference that begins with `/`.
const ROOTLESS: &str =
    "begins with / and nothing says where that is; give --root-dir or --base-url";

/// Of any other, where the document's `base` element begins so.
const BASELESS: &str = "the document's base begins with / and nothing says where that is; give --root-dir or --base-url";

impl Base {
    /// Of a document on the network.
    pub(super) fn remote(url: Url) -> Self {
        Self {
            url,
            root: None,
            site: None,
            folder: None,
            own: None,
            lost: false,
            remaps: Arc::default(),
        }
    }

    /// With what the user said of where URLs lead.
    pub(super) fn remapped(self, remaps: &Arc<[Remap]>) -> Self {
        let remaps = Arc::clone(remaps);
        Self { remaps, ..self }
    }

    /// Of the local document at `path`, for which `url` stands in; where that was given for a folder, the
    /// document's path below it is added.
    pub(super) fn standing_in(mut url: Url, path: &Path, folder: Option<&Path>) -> Self {
        let below = folder.and_then(|folder| path.strip_prefix(folder).ok());
        if let (Some(below), Ok(mut segments)) = (below, url.path_segments_mut()) {
            let names = below.iter().map(|name| name.to_string_lossy());
            segments.pop_if_empty().extend(names);
        }
        url.set_fragment(None);
        Self {
            own: Some((url.clone(), path.to_owned())),
            ..Self::remote(url)
        }
    }

    /// Of the local document at the absolute `path`, which is part of `site`.
    pub(super) fn local(path: &Path, site: Option<&Arc<Site>>) -> Option<Self> {
        let folder = path
            .parent()
            .filter(|folder| folder.to_str().is_some_and(is_plain));
        let base = Self {
            folder: folder.map(Path::to_owned),
            ..Self::remote(Url::from_file_path(path).ok()?)
        };
        Some(base.part_of(site))
    }

    /// Of a document that is part of `site`.
    pub(super) fn part_of(self, site: Option<&Arc<Site>>) -> Self {
        Self {
            root: site.and_then(|site| Url::from_directory_path(&site.folder).ok()),
            site: site.map(Arc::clone),
            ..self
        }
    }

    /// With a `base` element's `href` taken into account.
    pub(super) fn with(self, href: Option<&str>) -> Self {
        match href.map(|href| self.join(href)) {
            Some(Ok(url)) if !url.cannot_be_a_base() => Self {
                url,
                folder: None,
                ..self
            },
            Some(Err(reason)) if reason == ROOTLESS => Self {
                lost: true,
                folder: None,
                ..self
            },
            _ => self,
        }
    }

    /// The site that the document is part of.
    pub(super) fn site(&self) -> Option<Arc<Site>> {
        self.site.clone()
    }

    fn is_local(&self) -> bool {
        self.url.scheme() == "file"
    }

    fn join(&self, reference: &str) -> Result<Url, String> {
        let bare = reference.trim();
        let wrong = |error: url::ParseError| format!("not a URL: {error}");
        if self.is_local() && bare.starts_with(['/', '\\']) {
            if bare[1..].starts_with(['/', '\\']) {
                return Url::parse(&format!("https:{bare}")).map_err(wrong);
            }
            let root = self.root.as_ref().ok_or(ROOTLESS)?;
            return inside(root, bare).map_err(wrong);
        }
        if self.lost && Url::parse(bare) == Err(url::ParseError::RelativeUrlWithoutBase) {
            return Err(BASELESS.to_owned());
        }
        self.url.join(bare).map_err(wrong)
    }

    /// A reference parted behind its `#`, where what is before it says the place by itself and what is behind it is spelt
    /// as a URL spells it: of a page that is referred to by many of its parts, the place need not be found for each.
    pub(super) fn parted<'a>(&self, reference: &'a str) -> Option<(&'a str, &'a str)> {
        if self.is_led() || reference.len() > URL_LIMIT / 2 {
            return None;
        }
        let (page, fragment) = reference.split_at(reference.find('#')? + 1);
        (page.bytes().all(|byte| byte.is_ascii_graphic()) && is_spelt(fragment))
            .then_some((page, fragment))
    }

    /// May what a reference means as a URL lead elsewhere?
    fn is_led(&self) -> bool {
        let site = self.site.as_ref();
        !self.remaps.is_empty() || site.is_some_and(|site| site.redirects.has_rules())
    }

    /// The place that `reference` means, and its fragment as written.
    pub(super) fn locate(&self, reference: &str) -> (Place, Option<String>) {
        self.beside(reference)
            .unwrap_or_else(|| self.locate_url(reference))
    }

    /// The same for most references of most sites, whose text says the place without a URL being made of it: to a file, from
    /// where the document stands, with nothing escaped in it.
    fn beside(&self, reference: &str) -> Option<(Place, Option<String>)> {
        let folder = self.folder.as_ref().filter(|_| !self.is_led())?;
        let (path, fragment) = match reference.split_once('#') {
            Some((path, fragment)) => (path, Some(fragment)),
            None => (reference, None),
        };
        if !is_plain(path) || !fragment.is_none_or(is_spelt) {
            return None;
        }
        let mut place = String::with_capacity(folder.as_os_str().len() + 1 + path.len());
        place.push_str(folder.to_str()?.trim_end_matches('/'));
        let mut segments = path.split('/').peekable();
        while let Some(segment) = segments.next() {
            match segment {
                // A folder, which is shown with its slash; or nothing.
                "" => return None,
                "." | ".." if segments.peek().is_none() => return None,
                "." => {}
                ".." => place.truncate(place.rfind('/').unwrap_or(0)),
                name => {
                    place.push('/');
                    place.push_str(name);
                }
            }
        }
        Some((
            Place::Local(place.into(), false),
            fragment.map(str::to_owned),
        ))
    }

    fn locate_url(&self, reference: &str) -> (Place, Option<String>) {
        let nowhere = |reason| Place::Nowhere(Failure::new(FailureKind::Url, reason));
        let mut url = match self.join(reference) {
            Ok(url) => url,
            Err(reason) => return (nowhere(reason), None),
        };
        let mut foreign = !self.is_local();
        if let Some(text) = self
            .remaps
            .iter()
            .find_map(|remap| remap.apply(url.as_str()))
        {
            match Url::parse(&text) {
                // The user said so, and not the page.
                Ok(other) => (url, foreign) = (other, false),
                Err(error) => {
                    let reason = format!("--remap makes {text} of it, which is no URL: {error}");
                    return (nowhere(reason), None);
                }
            }
        }
        let fragment = url.fragment().map(str::to_owned);
        url.set_fragment(None);
        let place = self.place(url.clone(), foreign);
        match place {
            Place::Local(path, slash) => self.lead(url, path, slash, fragment),
            place => (place, fragment),
        }
    }

    /// The place of a form's `action`. A file is looked up like any other; who else answers there is not asked, and where the
    /// form does not ask with GET (`query`), that may be anybody.
    pub(super) fn sent(&self, reference: &str, query: bool) -> (Place, Option<String>) {
        let (place, fragment) = self.locate(reference);
        let there = |path: &Path, slash| match &self.site {
            Some(site) => disk::serve(path, slash, &site.serving).is_ok(),
            None => path.exists(),
        };
        let rootless = |reason: &str| matches!(reason, ROOTLESS | BASELESS);
        let sent = match &place {
            Place::Remote(_) => true,
            Place::Local(path, slash) => !query && !there(path, *slash),
            Place::Nowhere(failure) => !query && rootless(&failure.message),
            _ => false,
        };
        if sent {
            (Place::Sent, None)
        } else {
            (place, fragment)
        }
    }

    /// The place of the page that a wikilink names, and the anchor in it.
    pub(super) fn named(&self, reference: &str) -> (Place, Option<String>) {
        let (name, fragment) = fragment::wikilink(reference);
        if name.trim().is_empty() {
            return (self.locate("").0, fragment);
        }
        let names = self
            .site
            .as_ref()
            .and_then(|site| Some((site, site.names.as_ref()?)));
        let place = match names {
            Some((site, names)) => {
                let found = names.find(name);
                let place = found.map(|path| Place::Local(path.to_owned(), false));
                place.unwrap_or_else(|| {
                    let folder = site.folder.display();
                    let reason = format!("no page below {folder} has that name");
                    Place::Unnamed(Box::new(Unnamed {
                        name: name.to_owned(),
                        failure: Failure::new(FailureKind::File, reason),
                        likely: None,
                    }))
                })
            }
            None => Place::Nowhere(Failure::new(
                FailureKind::Url,
                "the name of a page, and nothing says where pages are; give --root-dir",
            )),
        };
        (place, fragment)
    }

    /// What `url` is; `foreign`: a page on the network says it.
    fn place(&self, mut url: Url, foreign: bool) -> Place {
        let nowhere = |reason: String| Place::Nowhere(Failure::new(FailureKind::Url, reason));
        let length = url.as_str().len();
        if length > URL_LIMIT && matches!(url.scheme(), "http" | "https") {
            return nowhere(format!(
                "a URL of {length} bytes; at most {URL_LIMIT} are asked for"
            ));
        }
        match url.scheme() {
            "http" | "https" => {
                // A page cannot make us log in somewhere; nor is what it says there shown.
                let _ = url.set_username("");
                let _ = url.set_password(None);
                match &self.own {
                    Some((own, path)) if *own == url => Place::Local(path.clone(), false),
                    _ => Place::Remote(url),
                }
            }
            "file" if foreign => {
                nowhere("a page on the network cannot point at a file of this machine".to_owned())
            }
            // An escaped slash is part of a name, and no file can have that name.
            "file" if url.path().to_ascii_lowercase().contains("%2f") => {
                nowhere("no name of a file can hold %2F".to_owned())
            }
            "file" => match url.to_file_path() {
                Ok(path) => Place::Local(path, url.path().ends_with('/')),
                Err(()) => nowhere("not a path on this machine".to_owned()),
            },
            "mailto" => Place::Mail(mail::check(url.path(), url.query()).err()),
            scheme => Place::Excluded(scheme.to_owned()),
        }
    }

    /// Where a path of the site leads by its `_redirects`.
    fn lead(
        &self,
        mut url: Url,
        mut path: PathBuf,
        mut slash: bool,
        mut fragment: Option<String>,
    ) -> (Place, Option<String>) {
        let site = self.site.as_ref().filter(|site| site.redirects.has_rules());
        let (Some(site), Some(root)) = (site, &self.root) else {
            return (Place::Local(path, slash), fragment);
        };
        let failed = |kind, reason| Place::Nowhere(Failure::new(kind, reason));
        let mut hops = 0;
        let mut by = None;
        loop {
            let there = || disk::serve(&path, slash, &site.serving);
            let below = url.path().strip_prefix(root.path());
            let lead = below.and_then(|below| {
                let path = format!("/{below}");
                site.redirects.lead(&path, url.query(), || there().is_ok())
            });
            let Some(lead) = lead.filter(|_| by.as_ref().is_none_or(|(_, last)| !last)) else {
                // Where nothing leads, the disk is not asked here.
                let lost = by.and_then(|(by, _)| Some((by, there().err()?)));
                let place = if let Some((by, failure)) = lost {
                    let reason =
                        format!("{}, to which {by} leads: {}", url.path(), failure.message);
                    failed(failure.kind, reason)
                } else {
                    Place::Local(path, slash)
                };
                return (place, fragment);
            };
            if lead.status >= 400 {
                let reason = format!("{} answers {} here", lead.by, lead.status);
                return (failed(FailureKind::Status, reason), fragment);
            }
            hops += 1;
            if hops > site.hops {
                let reason = format!("more than {} redirects, the last by {}", site.hops, lead.by);
                return (failed(FailureKind::TooManyRedirects, reason), fragment);
            }
            let own = lead.to.starts_with('/');
            let target = if own {
                inside(root, &lead.to)
            } else {
                Url::parse(&lead.to)
            };
            let mut target = match target {
                Ok(target) => target,
                Err(error) => {
                    let reason = format!("{} leads to {}: {error}", lead.by, lead.to);
                    return (failed(FailureKind::Redirect, reason), fragment);
                }
            };
            // A redirect without a fragment keeps the one that there was (RFC 9110, section 10.2.2).
            fragment = target.fragment().map(str::to_owned).or(fragment);
            target.set_fragment(None);
            match self.place(target.clone(), !own) {
                Place::Local(next, slashed) => (path, slash) = (next, slashed),
                place => return (place, fragment),
            }
            url = target;
            // A rewrite (200) is no redirect: what it names is served, or nothing.
            by = Some((lead.by, lead.status == 200));
        }
    }
}

/// Is `path` the same in a URL as in a file's name?
fn is_plain(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/+,".contains(&byte);
    path.bytes().all(plain)
}

/// Is `fragment` spelt as in a URL?
fn is_spelt(fragment: &str) -> bool {
    let spelt = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@/?#".contains(&byte);
    fragment.bytes().all(spelt)
}

/// What a reference that begins with `/` means in the site below `root`: as on a server, `..` does not lead out of it.
fn inside(root: &Url, reference: &str) -> Result<Url, url::ParseError> {
    let site = Url::parse("http://site/")?.join(reference)?;
    root.join(&format!(".{}", &site[url::Position::BeforePath..]))
}

#[cfg(test)]
#[path = "locate_tests.rs"]
mod tests;
