//! Local targets: each once, and what was found there.
//!
//! A target that is a document which was read needs no look at the disk; for the others there is one each.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::disk::{Found, Seen, Unseen};
use super::reading::Anchors;

struct Local {
    path: PathBuf,
    /// It was written with a slash at its end.
    slash: bool,
    wants_anchors: bool,
    found: Option<Found>,
}

/// All of them, by their numbers.
#[derive(Default)]
pub(super) struct Locals {
    all: Vec<Local>,
    index: HashMap<(PathBuf, bool), usize>,
    /// Those that nobody has begun to look for, and how many of all are not found yet.
    fresh: Vec<usize>,
    unfound: usize,
}

impl Locals {
    /// The number of a target; `wants`: what can be linked to in it is asked for.
    pub(super) fn add(&mut self, path: PathBuf, slash: bool, wants: bool) -> usize {
        let next = self.all.len();
        let number = *self.index.entry((path.clone(), slash)).or_insert(next);
        if number == next {
            self.fresh.push(number);
            self.unfound += 1;
            self.all.push(Local {
                path,
                slash,
                wants_anchors: false,
                found: None,
            });
        }
        let local = &mut self.all[number];
        if wants && !local.wants_anchors {
            local.wants_anchors = true;
            // Only that it is there was asked; once more, for what is in it.
            if local
                .found
                .take_if(|found| matches!(found, Found::Other))
                .is_some()
            {
                self.fresh.push(number);
                self.unfound += 1;
            }
        }
        number
    }

    /// The path of a target, and what is there, once that is known.
    pub(super) fn get(&self, number: usize) -> (&Path, Option<&Found>) {
        let local = &self.all[number];
        (&local.path, local.found.as_ref())
    }

    /// Has every one been found, or found missing?
    pub(super) fn are_found(&self) -> bool {
        self.unfound == 0
    }

    /// Those that have to be looked for; `read` knows the anchors of documents that were read.
    pub(super) fn unseen<'a>(
        &mut self,
        read: impl Fn(&Path) -> Option<&'a Anchors>,
    ) -> Option<Vec<Unseen>> {
        if self.fresh.is_empty() {
            return None;
        }
        let mut unseen = Vec::new();
        for number in std::mem::take(&mut self.fresh) {
            let local = &mut self.all[number];
            match read(&local.path).filter(|_| !local.slash) {
                Some(anchors) => {
                    local.found = Some(Found::Document(anchors.clone()));
                    self.unfound -= 1;
                }
                None => unseen.push(Unseen {
                    number,
                    path: local.path.clone(),
                    slash: local.slash,
                    wants_anchors: local.wants_anchors,
                }),
            }
        }
        Some(unseen)
    }

    /// What the look brought.
    pub(super) fn looked<'a>(
        &mut self,
        seen: Vec<Seen>,
        read: impl Fn(&Path) -> Option<&'a Anchors>,
    ) {
        for Seen {
            number,
            served,
            anchors,
        } in seen
        {
            let found = match served {
                Err(failure) => Found::Missing(failure),
                Ok(path) => match (read(&path), anchors) {
                    (Some(anchors), _) => Found::Document(anchors.clone()),
                    (None, Some(anchors)) => Found::Document(anchors),
                    (None, None) => Found::Other,
                },
            };
            self.all[number].found = Some(found);
            self.unfound -= 1;
        }
    }
}
