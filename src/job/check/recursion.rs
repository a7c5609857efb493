//! `--recursive`: which of the links of a page lead to pages that are read too.
//!
//! As in a crawl: from the URL inputs, within a scope, so many links deep, and no page behind a link that asks not to be
//! followed. What is beyond, by scope, depth, budget or because it looks like a trap, is judged like any other link and not
//! read, so that a trap ends where its first links are.

use std::collections::HashMap;
use std::rc::Rc;

use url::{Position, Url};

use crate::frontier::{PaceOf, RobotsFor};
use crate::model::{Link, LinkKind};
use crate::policy::budget::{VARIANTS, trap};
use crate::policy::scope::Scope;

/// How the pages behind links are found.
#[derive(Clone)]
pub struct Recursion {
    /// Around the URL inputs: what is read for links.
    pub scope: Scope,
    /// Links in a row from an input, at most; what the last pages link to is judged.
    pub depth: Option<u32>,
    /// Pages that are read, at most, inputs included.
    pub max_pages: Option<u64>,
    /// Ask for robots.txt in the scope, and obey it.
    pub robots: bool,
    /// Read what is behind links too that ask crawlers not to follow them.
    pub follow_nofollow: bool,
    /// The pace of an origin in the scope.
    pub pace: PaceOf,
}

impl Recursion {
    /// Where robots.txt is asked for.
    pub(super) fn robots(&self) -> Option<RobotsFor> {
        let scope = self.scope.clone();
        self.robots
            .then(|| Rc::new(move |url: &Url| scope.judge(url).is_ok()) as RobotsFor)
    }

    /// The pace in the scope, and that of `others` outside.
    pub(super) fn pace(&self, others: PaceOf) -> PaceOf {
        let (scope, own) = (self.scope.clone(), Rc::clone(&self.pace));
        Rc::new(move |url, naming, crawl_delay| {
            let inside = scope.judge(url).is_ok();
            let pace = if inside { &own } else { &others };
            pace(url, naming, crawl_delay)
        })
    }
}

/// Which links of a document lead on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Follow {
    /// None.
    No,
    /// Those that do not ask crawlers not to follow them.
    Asked,
    /// All.
    All,
}

impl Follow {
    /// May there be a document behind `link` that is read too? Style sheets are: they have links as well.
    pub(super) fn takes(self, link: &Link<'_>) -> bool {
        let document =
            link.kind.leads_to_pages() || matches!(link.kind, LinkKind::Style | LinkKind::Relation);
        let asked = self == Self::All || self == Self::Asked && !link.nofollow;
        document && asked
    }
}

/// How far it has come.
pub(super) struct Spread {
    rule: Recursion,
    /// Pages that were taken.
    pages: u64,
    /// The same by path, of URLs that have a query.
    variants: HashMap<Box<str>, u64>,
}

impl Spread {
    /// From that many inputs.
    pub(super) fn new(rule: Recursion, inputs: u64) -> Self {
        Self {
            rule,
            pages: inputs,
            variants: HashMap::new(),
        }
    }

    /// Is the page at `url` read, which is `depth` links away from an input? It counts then.
    pub(super) fn takes(&mut self, url: &Url, depth: u32) -> bool {
        let Recursion {
            scope,
            depth: deepest,
            max_pages,
            ..
        } = &self.rule;
        if scope.judge(url).is_err()
            || deepest.is_some_and(|deepest| depth > deepest)
            || max_pages.is_some_and(|most| self.pages >= most)
            || trap(url).is_some()
        {
            return false;
        }
        if url.query().is_some() {
            let path = Box::from(&url[..Position::AfterPath]);
            let count = self.variants.entry(path).or_default();
            if *count >= VARIANTS {
                return false;
            }
            *count += 1;
        }
        self.pages += 1;
        true
    }

    /// Which links of the page at `url` lead on; `refused`: it asks that none does.
    pub(super) fn follow(&self, url: &Url, refused: bool) -> Follow {
        match (self.rule.scope.judge(url), self.rule.follow_nofollow) {
            (Err(_), _) => Follow::No,
            (Ok(()), true) => Follow::All,
            (Ok(()), false) if refused => Follow::No,
            (Ok(()), false) => Follow::Asked,
        }
    }
}
