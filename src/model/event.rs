//! What is said while a run goes on: events, never results.

use super::visit::{Summary, Visit};

/// One thing worth telling a person.
#[derive(Debug)]
pub enum Event<'a> {
    /// A record was accepted for output.
    Visited(&'a Visit),
    /// How the run stands; sent several times a second, also while nothing ends.
    Tick(&'a Summary),
    /// Something that the user should know and that is no result.
    Warning(&'a str),
    /// What the run is about to do, where that is not plain.
    Note(&'a str),
    /// Work waits although there is room for it: the width and the gap of single origins hold it back.
    HeldBack,
}

/// Receives events. Called on the event loop: it must not block.
pub trait Reporter {
    /// Takes note of `event`.
    fn on(&self, event: &Event<'_>);
}

/// The reporter that says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn on(&self, _: &Event<'_>) {}
}
