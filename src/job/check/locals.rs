//! Local targets: each once, and what was found there.
//!
//! A target that is a document which was read needs no look at the disk; for the others there is one each.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::anchors::Anchors;
use super::disk::{Found, Seen, Unseen};
use super::fragments::Wants;
use super::suggest::Likely;

/// Targets that are settled in one go: a few milliseconds.
const AT_ONCE: usize = 5000;

struct Local {
    path: Arc<Path>,
    /// It was written with a slash at its end.
    slash: bool,
    wants: Wants,
    found: Option<Found>,
    /// The file that is served there, where it has another name.
    served: Option<Box<Path>>,
    /// What was meant, if nothing is there.
    likely: Option<Box<Likely<PathBuf>>>,
}

impl Local {
    /// Was less found out than is wanted now?
    fn is_short(&self) -> bool {
        match &self.found {
            Some(Found::Other) => self.wants.content,
            Some(Found::Document(anchors)) => self.wants.text && !anchors.has_text(),
            _ => false,
        }
    }
}

/// All of them, by their numbers.
#[derive(Default)]
pub(super) struct Locals {
    all: Vec<Local>,
    /// By path: those without a slash, and those with one.
    index: [HashMap<Arc<Path>, usize>; 2],
    /// Those that nobody has begun to look for, and how many of all are not found yet.
    fresh: Vec<usize>,
    unfound: usize,
}

impl Locals {
    /// The number of a target, of which more may be asked for than whether it is there.
    pub(super) fn add(&mut self, path: PathBuf, slash: bool, wants: Wants) -> usize {
        let index = &mut self.index[usize::from(slash)];
        // Most links lead to what is known already, and then nothing is copied.
        let known = index.get(path.as_path()).copied();
        let number = known.unwrap_or(self.all.len());
        if known.is_none() {
            let path: Arc<Path> = path.into();
            index.insert(Arc::clone(&path), number);
            self.fresh.push(number);
            self.unfound += 1;
            self.all.push(Local {
                path,
                slash,
                wants: Wants::default(),
                found: None,
                served: None,
                likely: None,
            });
        }
        let local = &mut self.all[number];
        let before = local.wants;
        local.wants.add(wants);
        // Once more, for what is in it, or for its text.
        if local.wants != before && local.is_short() {
            local.found = None;
            self.fresh.push(number);
            self.unfound += 1;
        }
        number
    }

    /// The path of a target, and what is there, once that is known.
    pub(super) fn get(&self, number: usize) -> (&Path, Option<&Found>) {
        let local = &self.all[number];
        (&local.path, local.found.as_ref())
    }

    /// The anchors of the document at a path, where it is a target and one that was looked into.
    pub(super) fn anchors(&self, path: &Path, slash: bool) -> Option<&Anchors> {
        let number = self.index[usize::from(slash)].get(path)?;
        match &self.all.get(*number)?.found {
            Some(Found::Document(anchors)) => Some(anchors),
            _ => None,
        }
    }

    /// The file that is served for a target.
    pub(super) fn served(&self, number: usize) -> &Path {
        let local = &self.all[number];
        local.served.as_deref().unwrap_or(&local.path)
    }

    /// What was meant by a target that is not there.
    pub(super) fn likely(&self, number: usize) -> Option<&Likely<PathBuf>> {
        self.all[number].likely.as_deref()
    }

    /// Has every one been found, or found missing?
    pub(super) fn are_found(&self) -> bool {
        self.unfound == 0
    }

    /// The next of those that have to be looked for, `None` when there are no more; `read` knows the anchors of documents that were read.
    pub(super) fn unseen<'a>(
        &mut self,
        read: impl Fn(&Path) -> Option<&'a Arc<Anchors>>,
    ) -> Option<Vec<Unseen>> {
        if self.fresh.is_empty() {
            return None;
        }
        let mut unseen = Vec::new();
        let mut known = Vec::new();
        let rest = self.fresh.len().saturating_sub(AT_ONCE);
        for number in self.fresh.split_off(rest) {
            let local = &mut self.all[number];
            match read(&local.path).filter(|_| !local.slash && !local.wants.text) {
                Some(anchors) => {
                    local.found = Some(Found::Document(Arc::clone(anchors)));
                    self.unfound -= 1;
                    known.push(number);
                }
                None => unseen.push(Unseen {
                    number,
                    path: Arc::clone(&local.path),
                    slash: local.slash,
                    wants: local.wants,
                }),
            }
        }
        for number in known {
            self.lead_on(number);
        }
        Some(unseen)
    }

    /// Links to parts of a document that leads on at once mean those of the other one, which is looked into as well.
    fn lead_on(&mut self, number: usize) {
        let local = &self.all[number];
        if let (true, Some(Found::Document(anchors))) = (local.wants.content, &local.found)
            && let Some((path, slash)) = anchors.onward()
        {
            let wants = local.wants;
            self.add(path.to_owned(), slash, wants);
        }
    }

    /// What the look brought.
    pub(super) fn looked<'a>(
        &mut self,
        seen: Vec<Seen>,
        read: impl Fn(&Path) -> Option<&'a Arc<Anchors>>,
    ) {
        for Seen {
            number,
            served,
            anchors,
            likely,
        } in seen
        {
            let local = &mut self.all[number];
            local.likely = likely.map(Box::new);
            let other = served
                .as_ref()
                .ok()
                .filter(|served| served.as_path() != &*local.path);
            local.served = other.map(|other| other.as_path().into());
            let found = match served {
                Err(failure) => Found::Missing(Box::new(failure)),
                Ok(path) => match (read(&path), anchors) {
                    (_, Some(anchors)) if anchors.has_text() => Found::Document(anchors),
                    (Some(anchors), _) => Found::Document(Arc::clone(anchors)),
                    (None, Some(anchors)) => Found::Document(anchors),
                    (None, None) => Found::Other,
                },
            };
            self.all[number].found = Some(found);
            self.unfound -= 1;
            self.lead_on(number);
        }
    }
}
