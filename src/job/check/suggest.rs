//! What a broken local link was likely meant to be: the nearest file, the nearest anchor of the file that is there, or the
//! page with the nearest name.
//!
//! A suggestion is *sure* when nothing else could be meant: only those are written into a source by `--fix`. Names that
//! differ in their digits are never near: `chapter-2` is no mistake for `chapter-3`. Deliberately absent: anything that would
//! have to be asked of a server.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use strsim::osa_distance;

use super::disk::{self, Found};
use super::filter::Filter;
use super::locals::Locals;
use super::locate::{Place, Site};
use super::reading::Occurrence;
use super::source::{Content, Entry};
use crate::input::{self, Selection};
use crate::parser;

/// Names that are compared letter by letter in a run; beyond it, nothing is suggested any more.
pub(super) const COMPARED: usize = 20_000_000;

/// What may be meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Likely<T> {
    pub(super) meant: T,
    /// Nothing else can be.
    pub(super) sure: bool,
}

/// A fragment that a document lacks.
pub(super) struct Lost {
    /// The number of the local target.
    pub(super) number: usize,
    /// The document.
    pub(super) path: PathBuf,
    /// As written in a URL.
    pub(super) fragment: Box<str>,
}

/// Where suggestions are looked for.
pub(super) struct Suggest {
    /// The folders that inputs stand below.
    folders: Vec<PathBuf>,
    selection: Selection,
    known: Mutex<HashMap<PathBuf, Arc<Files>>>,
    left: Mutex<usize>,
}

impl Suggest {
    pub(super) fn below(mut folders: Vec<PathBuf>, selection: Selection) -> Self {
        folders.sort_by_key(|folder| Reverse(folder.as_os_str().len()));
        Self {
            folders,
            selection,
            known: Mutex::default(),
            left: Mutex::new(COMPARED),
        }
    }

    /// The file that was meant by a path at which nothing is.
    pub(super) fn file(&self, missing: &Path) -> Option<Likely<PathBuf>> {
        let around = self
            .folders
            .iter()
            .find(|folder| missing.starts_with(folder));
        let files = match around {
            Some(folder) => self.files(folder, true),
            None => self.files(missing.parent()?, false),
        };
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        files.likely(missing, &mut left)
    }

    /// The files below a folder, or in it.
    fn files(&self, folder: &Path, below: bool) -> Arc<Files> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(files) = known.get(folder) {
            return Arc::clone(files);
        }
        let paths: Vec<_> = if below {
            let selection = Selection {
                extensions: Vec::new(),
                ..self.selection.clone()
            };
            let (found, _) = input::walk(folder, &selection, |_| true);
            found.into_iter().map(|file| file.path).collect()
        } else {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let mut paths: Vec<_> = entries
                .map(|entry| entry.path())
                .filter(|path| path.is_file())
                .collect();
            paths.sort();
            paths
        };
        let files = Arc::new(Files::of(paths));
        known.insert(folder.to_owned(), Arc::clone(&files));
        files
    }

    /// Looks for the pages of `site` that were meant by names among `places` that none of them has.
    pub(super) fn pages(&self, site: &Site, places: &mut [Place]) {
        let Some(names) = &site.names else {
            return;
        };
        for place in places {
            if let Place::Unnamed(unnamed) = place {
                let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
                unnamed.likely = names.near(&unnamed.name, &mut left);
            }
        }
    }

    /// The anchors that were meant by fragments that are not there.
    pub(super) fn anchors(
        &self,
        lost: Vec<Lost>,
        options: &parser::Options,
    ) -> Vec<(usize, Box<str>, Likely<String>)> {
        let mut names: HashMap<PathBuf, Vec<Box<str>>> = HashMap::new();
        let mut found = Vec::new();
        for Lost {
            number,
            path,
            fragment,
        } in lost
        {
            let names = names
                .entry(path)
                .or_insert_with_key(|path| disk::names(path, options).unwrap_or_default());
            let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
            let wanted = parser::fragment::decoded(&fragment);
            if let Some(Likely { meant, sure }) = anchor(&wanted, names, &mut left) {
                let meant = meant.to_owned();
                found.push((number, fragment, Likely { meant, sure }));
            }
        }
        found
    }
}

/// What was meant by fragments, by the number of the local target that lacks them.
pub(super) type Meant = HashMap<(usize, Box<str>), Likely<String>>;

/// The fragments of links in `contents` that local targets lack, each once and none that is known.
pub(super) fn lost<'a>(
    contents: impl Iterator<Item = &'a Content>,
    locals: &Locals,
    filter: &Filter,
    known: &Meant,
    shown: impl Fn(&Path) -> String,
) -> Vec<Lost> {
    let mut met = HashSet::new();
    let mut lost = Vec::new();
    let links = contents.flat_map(|content| content.links.iter().map(move |link| (content, link)));
    for (content, link) in links {
        let (Some(Entry::Local(number)), Some(fragment)) =
            (content.places.get(link.place), link.fragment)
        else {
            continue;
        };
        let (path, found) = locals.get(*number);
        let Some(Found::Document(anchors)) = found else {
            continue;
        };
        let sought = filter.looked_up(|| shown(path), Some(fragment));
        if let Some(anchor) = sought.lacks(anchors)
            && met.insert((*number, anchor))
            && !known.contains_key(&(*number, Box::from(anchor)))
        {
            lost.push(Lost {
                number: *number,
                path: locals.served(*number).to_owned(),
                fragment: anchor.into(),
            });
        }
    }
    lost
}

/// What could stand in the place of a link that leads to a local target which is not there, or lacks its fragment.
pub(super) fn instead(
    link: Occurrence<'_>,
    number: usize,
    locals: &Locals,
    meant: &Meant,
) -> Option<Likely<String>> {
    let (path, found) = locals.get(number);
    if let Some(Found::Document(_)) = found {
        let fragment = link.fragment?;
        let anchor = parser::fragment::anchor(fragment)?;
        let Likely { meant, sure } = meant.get(&(number, Box::from(anchor)))?;
        return Some(Likely {
            meant: with_fragment(link.reference, meant),
            sure: *sure && anchor == fragment,
        });
    }
    let Likely { meant, sure } = locals.likely(number)?;
    let meant = rewritten(link.reference, path, meant)?;
    Some(Likely { meant, sure: *sure })
}

/// The anchor that is nearest to `wanted`.
pub(super) fn anchor<'a>(
    wanted: &str,
    names: &'a [impl AsRef<str>],
    left: &mut usize,
) -> Option<Likely<&'a str>> {
    *left = left.checked_sub(names.len())?;
    let names = || names.iter().map(AsRef::as_ref);
    let plain = |name: &str| name.to_lowercase().replace(['_', ' ', '.'], "-");
    let same = plain(wanted);
    let same: Vec<&str> = names().filter(|name| plain(name) == same).collect();
    if let Some(first) = same.first() {
        return Some(Likely {
            meant: *first,
            sure: same.iter().all(|other| other == first),
        });
    }
    let near = nearest(wanted, names(), left);
    near.or_else(|| {
        // A heading that became longer, or shorter.
        let longer = |long: &str, short: &str| {
            short.len() >= 4
                && long
                    .strip_prefix(short)
                    .is_some_and(|rest| rest.starts_with('-'))
        };
        let meant = names().find(|name| longer(name, wanted) || longer(wanted, name))?;
        Some(Likely { meant, sure: false })
    })
}

/// The name that differs least from `wanted`, if it differs little.
pub(super) fn nearest<'a>(
    wanted: &str,
    names: impl Iterator<Item = &'a str>,
    left: &mut usize,
) -> Option<Likely<&'a str>> {
    let wanted = wanted.to_lowercase();
    let length = wanted.chars().count();
    let most = (length / 4).clamp(1, 3);
    let digits = |name: &str| {
        name.chars()
            .filter(char::is_ascii_digit)
            .collect::<String>()
    };
    let mut best: Option<(usize, &str, bool)> = None;
    for name in names {
        if name.len().abs_diff(wanted.len()) > 4 * most {
            continue;
        }
        *left = left.checked_sub(1)?;
        let distance = osa_distance(&wanted, &name.to_lowercase());
        if distance > most || digits(name) != digits(&wanted) {
            continue;
        }
        match &mut best {
            Some((least, meant, alone)) if *least == distance => *alone &= *meant == name,
            Some((least, ..)) if *least < distance => {}
            _ => best = Some((distance, name, true)),
        }
    }
    let (distance, meant, alone) = best?;
    let sure = alone && distance <= 2 && length >= 5;
    Some(Likely { meant, sure })
}

/// Files by their names, in lower case.
#[derive(Debug, Default)]
struct Files {
    names: HashMap<String, Vec<PathBuf>>,
    stems: HashMap<String, Vec<PathBuf>>,
    folders: HashMap<PathBuf, Vec<String>>,
}

impl Files {
    fn of(paths: Vec<PathBuf>) -> Self {
        let mut files = Self::default();
        for path in paths {
            let (Some(name), Some(stem)) = (lower(path.file_name()), lower(path.file_stem()))
            else {
                continue;
            };
            if let (Some(folder), Some(name)) = (
                path.parent(),
                path.file_name().and_then(|name| name.to_str()),
            ) {
                files
                    .folders
                    .entry(folder.to_owned())
                    .or_default()
                    .push(name.to_owned());
            }
            files.stems.entry(stem).or_default().push(path.clone());
            files.names.entry(name).or_default().push(path);
        }
        files
    }

    fn likely(&self, missing: &Path, left: &mut usize) -> Option<Likely<PathBuf>> {
        let folder = missing.parent()?;
        let name = lower(missing.file_name())?;
        let one_of = |paths: Vec<&PathBuf>, sure: bool| {
            let nearest = paths
                .iter()
                .max_by_key(|path| (shared(path, missing), Reverse(path.as_os_str().len())))?;
            Some(Likely {
                meant: (*nearest).clone(),
                sure: sure && paths.len() == 1,
            })
        };
        let named = self.names.get(&name).map(Vec::as_slice).unwrap_or_default();
        let whole = missing.to_str()?.to_lowercase();
        let same = |path: &&PathBuf| {
            path.to_str()
                .is_some_and(|path| path.to_lowercase() == whole)
        };
        let case = one_of(named.iter().filter(same).collect(), true);
        let document = |path: &Path| parser::for_path(path).is_some();
        let bare = missing.extension().is_none();
        let stem = lower(missing.file_stem())?;
        let stemmed = self.stems.get(&stem).map(Vec::as_slice).unwrap_or_default();
        let kin = |path: &&PathBuf| bare || document(path) == document(missing);
        let beside = stemmed
            .iter()
            .filter(|path| path.parent() == Some(folder))
            .filter(kin);
        // Many folders have one of these.
        let common = matches!(&*stem, "index" | "readme");
        case.or_else(|| one_of(beside.collect(), !bare))
            .or_else(|| one_of(named.iter().collect(), !common))
            .or_else(|| {
                let names = self.folders.get(folder)?;
                let near = nearest(&name, names.iter().map(String::as_str), left)?;
                Some(Likely {
                    meant: folder.join(near.meant),
                    sure: near.sure,
                })
            })
            .or_else(|| {
                one_of(
                    stemmed.iter().filter(kin).filter(|_| !common).collect(),
                    false,
                )
            })
    }
}

fn lower(name: Option<&std::ffi::OsStr>) -> Option<String> {
    Some(name?.to_str()?.to_lowercase())
}

/// How many folders two paths have in common.
fn shared(one: &Path, other: &Path) -> usize {
    one.components()
        .zip(other.components())
        .take_while(|(one, other)| one == other)
        .count()
}

/// `reference`, which means the path `missing`, so that it means `meant`: in its own style, with its query and fragment.
/// `None` where it does not name that path itself.
fn rewritten(reference: &str, missing: &Path, meant: &Path) -> Option<String> {
    let end = reference.find(['?', '#']).unwrap_or(reference.len());
    let (path, rest) = reference.split_at(end);
    let bare = path.trim_end_matches('/');
    let (lead, name) = bare.split_at(bare.rfind('/').map_or(0, |at| at + 1));
    if Some(parser::fragment::decoded(name).as_str()) != missing.file_name()?.to_str() {
        return None;
    }
    // What cannot be gone up from: the root of a site, or of a host.
    let root = match lead.find("://") {
        Some(scheme) => scheme + 3 + lead[scheme + 3..].find('/')? + 1,
        None => lead.len() - lead.trim_start_matches('/').len(),
    };
    let mut names: Vec<String> = lead[root..]
        .split_terminator('/')
        .map(str::to_owned)
        .collect();
    let from = missing.parent()?;
    let common = shared(from, meant);
    for _ in from.components().skip(common) {
        while names.last().is_some_and(|last| last == ".") {
            names.pop();
        }
        match names.last() {
            Some(last) if last != ".." => _ = names.pop(),
            None if root > 0 => return None,
            _ => names.push("..".to_owned()),
        }
    }
    for component in meant.components().skip(common) {
        let Component::Normal(name) = component else {
            return None;
        };
        names.push(escaped(name.to_str()?));
    }
    Some(format!("{}{}{rest}", &lead[..root], names.join("/")))
}

/// `reference` with another fragment.
pub(super) fn with_fragment(reference: &str, anchor: &str) -> String {
    let page = reference.split('#').next().unwrap_or_default();
    format!("{page}#{}", escaped(anchor))
}

/// A name as it stands in a URL; letters of other scripts stay as they are.
fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '\0'..=' '
            | '"'
            | '#'
            | '%'
            | '<'
            | '>'
            | '?'
            | '['
            | '\\'
            | ']'
            | '^'
            | '`'
            | '{'
            | '|'
            | '}'
            | '\x7f' => {
                // Writing to a string does not fail.
                let _ = write!(out, "%{:02X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likely(missing: &str) -> Option<(String, bool)> {
        let files = [
            "/s/guide/intro.md",
            "/s/guide/Setup.md",
            "/s/guide/index.md",
            "/s/api/index.md",
            "/s/api/reference.html",
            "/s/api/chapter-1.md",
            "/s/img/logo.png",
            "/s/old/both.md",
            "/s/new/both.md",
        ];
        let files = Files::of(files.map(PathBuf::from).to_vec());
        let found = files.likely(Path::new(missing), &mut 1000)?;
        Some((
            found.meant.to_str().unwrap_or_default().to_owned(),
            found.sure,
        ))
    }

    #[test]
    fn the_likely_file_is_the_nearest_and_sure_where_it_is_the_only_one() {
        for (missing, meant) in [
            ("/s/guide/setup.md", Some(("/s/guide/Setup.md", true))),
            ("/s/Guide/intro.md", Some(("/s/guide/intro.md", true))),
            ("/s/api/reference.md", Some(("/s/api/reference.html", true))),
            ("/s/api/reference", Some(("/s/api/reference.html", false))),
            ("/s/img/logo.md", None),
            ("/s/logo.png", Some(("/s/img/logo.png", true))),
            ("/s/new/deep/both.md", Some(("/s/new/both.md", false))),
            ("/s/other/index.md", Some(("/s/api/index.md", false))),
            ("/s/guide/intor.md", Some(("/s/guide/intro.md", true))),
            ("/s/api/chapter-2.md", None),
            ("/s/guide/unlike.md", None),
        ] {
            let meant = meant.map(|(path, sure)| (path.to_owned(), sure));
            assert_eq!(likely(missing), meant, "{missing}");
        }
    }

    #[test]
    fn the_likely_anchor_is_the_nearest() {
        let names = ["getting-started", "install-guide", "step-1", "step_two"];
        for (wanted, meant) in [
            ("Getting_Started", Some(("getting-started", true))),
            ("geting-started", Some(("getting-started", true))),
            ("install", Some(("install-guide", false))),
            ("step-2", None),
            ("step two", Some(("step_two", true))),
            ("nothing-like-it", None),
        ] {
            let found = anchor(wanted, &names, &mut 1000);
            assert_eq!(
                found.map(|found| (found.meant, found.sure)),
                meant,
                "{wanted}"
            );
        }
        assert_eq!(
            anchor("geting-started", &names, &mut 0),
            None,
            "enough was compared"
        );
    }

    #[test]
    fn a_reference_keeps_its_style() {
        for (reference, missing, meant, new) in [
            ("a.md", "/s/d/a.md", "/s/d/b.md", Some("b.md")),
            ("./a.md#x", "/s/d/a.md", "/s/d/b c.md", Some("./b%20c.md#x")),
            ("./a.md", "/s/d/a.md", "/s/e/a.md", Some("../e/a.md")),
            (
                "../e/a.md?q",
                "/s/e/a.md",
                "/s/d/f/a.md",
                Some("../d/f/a.md?q"),
            ),
            ("/d/a.md", "/s/d/a.md", "/s/e/a.md", Some("/e/a.md")),
            ("/a.md", "/s/a.md", "/t/a.md", None),
            ("sub/", "/s/d/sub", "/s/d/sub.md", Some("sub.md")),
            (
                "gr%C3%B6%C3%9Fe.md",
                "/s/größe.md",
                "/s/Größe.md",
                Some("Größe.md"),
            ),
            ("elsewhere", "/s/d/a.md", "/s/d/b.md", None),
            (
                "https://h.test/d/a.md",
                "/s/d/a.md",
                "/s/e/a.md",
                Some("https://h.test/e/a.md"),
            ),
        ] {
            let found = rewritten(reference, Path::new(missing), Path::new(meant));
            assert_eq!(found.as_deref(), new, "{reference}");
        }
        assert_eq!(with_fragment("a.md?q#old", "new one"), "a.md?q#new%20one");
        assert_eq!(with_fragment("#old", "new"), "#new");
    }
}
