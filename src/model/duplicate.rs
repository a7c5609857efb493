//! Pages that repeat another one (`crawl --duplicates`).

use serde::{Deserialize, Serialize};

/// What a page repeats.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Duplicate {
    /// The URL of the page that came first.
    pub of: String,
    /// How much of it.
    pub kind: DuplicateKind,
    /// Where it is near: which share of all pairs of neighbouring words is in both, as their sketches tell.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub similarity: Option<f64>,
}

/// How much of a page another one repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DuplicateKind {
    /// Every byte of its content.
    Exact,
    /// Nearly all of its words.
    Near,
}

/// How often pages of a run repeat another one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Duplicates {
    /// Pages that repeat all of another one.
    pub exact: u64,
    /// Pages that repeat nearly all of another one.
    pub near: u64,
    /// Pages that are repeated.
    pub groups: u64,
    /// A few of them, the most repeated first: their URLs, and how often.
    pub most: Vec<(String, u64)>,
}
