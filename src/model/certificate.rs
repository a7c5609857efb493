//! The certificate that a server showed (RFC 5280), as far as records tell of it.

use serde::{Deserialize, Serialize};

/// The server's own one, not those that vouch for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// It is good until then: RFC 3339, in UTC.
    pub not_after: String,
    /// Whom it names, as RFC 4514 writes it; many name nobody here, but in their alternative names.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub subject: String,
    /// Who vouches for it.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub issuer: String,
}
