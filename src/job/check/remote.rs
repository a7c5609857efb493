//! A target on the network: what is wanted of it, what was found there, and which sources wait for that.

use std::sync::Arc;

use url::Url;

use super::anchors::Anchors;
use super::fragments::Wants;
use crate::model::{Outcome, Visit};
use crate::policy::redirect;

/// One target.
#[derive(Default)]
pub(super) struct Remote {
    pub(super) wants: Wants,
    /// It takes no further request: it was asked twice.
    pub(super) twice: bool,
    /// It was asked for a second time, for its content.
    pub(super) again: bool,
    pub(super) verdict: Option<Arc<Visit>>,
    /// It is on its way for the second time. For those who were not waiting for that, the first verdict holds.
    pub(super) coming: bool,
    /// An archive is asked for a copy of it, and where it has one.
    pub(super) asking: bool,
    pub(super) copy: Option<String>,
    pub(super) anchors: Option<Anchors>,
    pub(super) waiting: Vec<usize>,
    /// The source that it is.
    pub(super) page: Option<usize>,
}

impl Remote {
    /// A page that is read in any case, as that source.
    pub(super) fn page(source: usize) -> Self {
        Self {
            page: Some(source),
            wants: Wants {
                content: true,
                text: false,
            },
            again: true,
            ..Self::default()
        }
    }

    /// Is something about it still to come?
    pub(super) fn is_open(&self) -> bool {
        self.is_awaited() || self.asking
    }

    /// Is an answer still to come?
    pub(super) fn is_awaited(&self) -> bool {
        self.verdict.is_none() || self.coming
    }

    /// Will it not be asked for again, whatever links there may be to it? `texts`: its text may be wanted.
    pub(super) fn is_settled(&self, texts: bool) -> bool {
        let has_text = self.anchors.as_ref().is_none_or(Anchors::has_text);
        let content = self.anchors.is_some() || self.again;
        !self.is_open() && content && (!texts || has_text || self.twice)
    }

    /// More is wanted of a target that is known; does it have to be asked for once more?
    pub(super) fn lacks(&mut self, wants: Wants) -> bool {
        self.wants.add(wants);
        let good = |visit: &Arc<Visit>| visit.outcome == Outcome::Ok;
        let content = self.anchors.is_some() || self.again;
        let textless = |anchors: &Anchors| !anchors.has_text();
        let textless = wants.text && self.anchors.as_ref().is_some_and(textless);
        let lacks = wants.content && !content || textless && !self.twice;
        if !lacks || self.coming || !self.verdict.as_ref().is_some_and(good) {
            return false;
        }
        self.twice = true;
        self.again = true;
        self.coming = true;
        true
    }

    /// Does a redirect on the way to it name a fragment?
    pub(super) fn names_fragment(&self) -> bool {
        let hops = self.verdict.as_ref().map(|visit| &*visit.redirects);
        hops.is_some_and(|hops| redirect::fragment(hops).is_some())
    }

    /// Is its text kept from this request? Where a link quotes it, and where it cannot be asked for again.
    pub(super) fn keeps_text(&self, with_content: bool) -> bool {
        self.wants.text || self.twice || with_content && !self.wants.content
    }

    /// The verdict, from a request for its content or not.
    pub(super) fn decided(&mut self, visit: &Visit, with_content: bool) {
        // Where only a HEAD was wanted, that went before.
        self.twice |= with_content && !self.wants.content;
        self.again |= with_content;
        self.coming = false;
        self.verdict = Some(Arc::new(visit.clone()));
    }
}

/// The same over https, of what is asked for over http.
pub(super) fn secure(url: &Url) -> Option<Url> {
    let mut twin = url.clone();
    (url.scheme() == "http" && twin.set_scheme("https").is_ok()).then_some(twin)
}
