//! What an earlier run of the same crawl knew of a target: enough to ask whether it has changed.

use serde::{Deserialize, Serialize};

use super::visit::Visit;

/// The validators of an answer (RFC 9110, section 8.8) and the digest of its content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validators {
    /// The `ETag` field, as it was sent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub etag: Option<String>,
    /// The `Last-Modified` field, as it was sent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_modified: Option<String>,
    /// SHA-256 of the content, in lower-case hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha256: Option<String>,
}

/// An earlier visit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Before {
    /// What it is compared by.
    #[serde(flatten)]
    pub validators: Validators,
    /// Its record.
    pub record: Visit,
}

/// What became of a target since the run before (`crawl --recrawl`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It was not known.
    New,
    /// It is another content, or another answer.
    Changed,
    /// It is what it was.
    Unchanged,
    /// It was good and is broken now.
    Gone,
}

impl Change {
    /// As it stands in a record.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Gone => "gone",
        }
    }
}
