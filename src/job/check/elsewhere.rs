//! What was meant by fragments of pages on the network: the nearest of the anchors that the page had when it was asked for.
//!
//! Nobody is asked for it again, so nothing is suggested where the verdict is remembered from an earlier run.

use std::collections::HashMap;

use super::anchors::Anchors;
use super::suggest::{self, COMPARED};
use crate::parser::fragment;

/// The answers of a run, each sought once.
pub(super) struct Elsewhere {
    /// By the number of the page, and the anchor that it lacks.
    known: HashMap<(usize, Box<str>), Option<Box<str>>>,
    left: usize,
    /// One was sought since that was last asked.
    sought: bool,
}

impl Elsewhere {
    pub(super) fn new() -> Self {
        Self {
            known: HashMap::new(),
            left: COMPARED,
            sought: false,
        }
    }

    /// The anchor that was meant by one that a page lacks.
    pub(super) fn meant(&mut self, number: usize, wanted: &str, anchors: &Anchors) -> Option<&str> {
        let names = anchors.names()?;
        let Self {
            known,
            left,
            sought,
        } = self;
        let seek = || {
            *sought = true;
            let names: Vec<_> = names.collect();
            let likely = suggest::anchor(&fragment::decoded(wanted), &names, left)?;
            Some(likely.meant.into())
        };
        let found = known.entry((number, wanted.into())).or_insert_with(seek);
        found.as_deref()
    }

    /// Was one sought since this was last asked? It takes some milliseconds where a page has very many.
    pub(super) fn has_sought(&mut self) -> bool {
        std::mem::take(&mut self.sought)
    }
}
