//! A target on the network: what is wanted of it, what was found there, and which sources wait for that.

use std::sync::Arc;

use url::Url;

use super::reading::Anchors;
use crate::model::Visit;

/// One target.
pub(super) struct Remote {
    pub(super) wants_content: bool,
    /// It was asked for a second time, for its content.
    pub(super) again: bool,
    pub(super) verdict: Option<Arc<Visit>>,
    pub(super) anchors: Option<Anchors>,
    pub(super) waiting: Vec<usize>,
}

impl Remote {
    /// A page that is read in any case.
    pub(super) fn page() -> Self {
        Self {
            wants_content: true,
            again: true,
            verdict: None,
            anchors: None,
            waiting: Vec::new(),
        }
    }
}

/// The same over https, of what is asked for over http.
pub(super) fn secure(url: &Url) -> Option<Url> {
    let mut twin = url.clone();
    (url.scheme() == "http" && twin.set_scheme("https").is_ok()).then_some(twin)
}
