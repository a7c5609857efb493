//! Local targets: each once, and what was found there.
//!
//! A target that is a document which was read needs no look at the disk; for the others there is one each.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Found, Seen, Unseen};
use super::reading::Anchors;

/// Targets that are settled in one go: a few milliseconds.
const AT_ONCE: usize = 5000;

struct Local {
    path: Arc<Path>,
    /// It was written with a slash at its end.
    slash: bool,
    wants_anchors: bool,
    found: Option<Found>,
}

/// All of them, by their numbers.
#[derive(Default)]
pub(super) struct Locals {
    all: Vec<Local>,
    /// By path and slash.
    index: HashMap<(Arc<Path>, bool), usize>,
    /// Those that nobody has begun to look for, and how many of all are not found yet.
    fresh: Vec<usize>,
    unfound: usize,
}

impl Locals {
    /// The number of a target; `wants`: what can be linked to in it is asked for.
    pub(super) fn add(&mut self, path: PathBuf, slash: bool, wants: bool) -> usize {
        let next = self.all.len();
        let path: Arc<Path> = path.into();
        let number = *self.index.entry((Arc::clone(&path), slash)).or_insert(next);
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

    /// The next of those that have to be looked for, `None` when there are no more; `read` knows the anchors of documents that were read.
    pub(super) fn unseen<'a>(
        &mut self,
        read: impl Fn(&Path) -> Option<&'a Arc<Anchors>>,
    ) -> Option<Vec<Unseen>> {
        if self.fresh.is_empty() {
            return None;
        }
        let mut unseen = Vec::new();
        let rest = self.fresh.len().saturating_sub(AT_ONCE);
        for number in self.fresh.split_off(rest) {
            let local = &mut self.all[number];
            match read(&local.path).filter(|_| !local.slash) {
                Some(anchors) => {
                    local.found = Some(Found::Document(Arc::clone(anchors)));
                    self.unfound -= 1;
                }
                None => unseen.push(Unseen {
                    number,
                    path: Arc::clone(&local.path),
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
        read: impl Fn(&Path) -> Option<&'a Arc<Anchors>>,
    ) {
        for Seen {
            number,
            served,
            anchors,
        } in seen
        {
            let found = match served {
                Err(failure) => Found::Missing(Box::new(failure)),
                Ok(path) => match (read(&path), anchors) {
                    (Some(anchors), _) => Found::Document(Arc::clone(anchors)),
                    (None, Some(anchors)) => Found::Document(anchors),
                    (None, None) => Found::Other,
                },
            };
            self.all[number].found = Some(found);
            self.unfound -= 1;
        }
    }
}
