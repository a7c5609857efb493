//! `crawl`: from the seeds, every link in scope, each page once.
//!
//! robots.txt binds it (RFC 9309), and so do `nofollow` in meta robots, X-Robots-Tag and `rel`. A redirect's
//! record ends at its last hop; where that is in scope, it is a page of its own too. What a page shows
//! (images, style sheets, scripts) is visited like what it links to: a crawl says which links are broken.

use std::cell::RefCell;
use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use http::StatusCode;
use url::Url;

use super::content::{Content, Found, Wanted, apart, internal};
use super::duplicates::Duplicates;
use super::pipeline::{End, Judged, Judging, Work};
use super::{Before, Error, Limits, Output, Report, Setting, record, run};
use crate::frontier::{
    Begin, Memory, Options, PaceOf, Seeds, Sqlite, Task, paced, robots_everywhere,
};
use crate::input;
use crate::model::{
    self, Document, Exchange, LinkKind, Naming, Origin, Summary, Target, URL_LIMIT, Visit,
    without_secrets,
};
use crate::parser;
use crate::policy::budget::{Budget, VARIANTS};
use crate::policy::order::Order;
use crate::policy::politeness::Politeness;
use crate::policy::port;
use crate::policy::sameness::Sameness;
use crate::policy::scope::{Reach, Scope};

/// A crawl.
pub struct Crawl {
    /// Where it begins; those that are no URL are recorded as such.
    pub seeds: Vec<Target>,
    /// What is followed.
    pub scope: Scope,
    /// Hops from a seed, at most.
    pub depth: Option<u32>,
    /// What is visited first.
    pub order: Order,
    /// How much is visited, at most.
    pub budget: Budget,
    /// Ask for robots.txt and obey it.
    pub robots: bool,
    /// Visit the sitemaps that a robots.txt names, and what they list.
    pub sitemaps: bool,
    /// Follow links that ask crawlers not to.
    pub follow_nofollow: bool,
    /// Which spellings of a URL are one.
    pub sameness: Sameness,
    /// The pace of an origin.
    pub pace: PaceOf,
    /// What the records shall hold of the content.
    pub wanted: Wanted,
    /// Where to keep the crawl, so that the same command resumes it.
    pub state: Option<State>,
}

/// A durable run.
#[derive(Debug, Clone)]
pub struct State {
    /// The `SQLite` file.
    pub path: PathBuf,
    /// Where it stands, or anew.
    pub begin: Begin,
    /// What must be the same for the run to go on: names and values.
    pub command: Vec<(String, String)>,
}

impl Crawl {
    /// How an origin is asked where nothing is said.
    pub const POLITENESS: Politeness = Politeness {
        delay: None,
        public_delay: Duration::from_millis(200),
        longest: Duration::from_secs(10),
        width: NonZeroUsize::MIN.saturating_add(1),
    };

    /// A crawl of the hosts of `seeds` as the command line does it where nothing is said: polite, obeying robots.txt, without
    /// an end but that of the sites.
    #[must_use]
    pub fn new(seeds: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let seeds: Vec<_> = seeds
            .into_iter()
            .map(|seed| seed.as_ref().to_owned())
            .collect();
        let seeds = input::arguments(&seeds, "https");
        let good = seeds.iter().filter(|seed| seed.refusal.is_none());
        Self {
            scope: Scope::new(Reach::Host, good.map(|seed| &seed.url), vec![], vec![]),
            seeds,
            depth: None,
            order: Order::default(),
            budget: Budget {
                variants: Some(VARIANTS),
                shapes: true,
                ..Budget::default()
            },
            robots: true,
            sitemaps: false,
            follow_nofollow: false,
            sameness: Sameness::default(),
            pace: paced(Self::POLITENESS),
            wanted: Wanted::default(),
            state: None,
        }
    }

    /// Crawls.
    ///
    /// # Errors
    /// When the state or an output cannot be used or written; what was committed stays.
    pub async fn run(self, mut setting: Setting) -> Result<Report, Error> {
        for output in &mut setting.outputs {
            if let Output::Place { options, .. } = output {
                options.sameness = self.sameness.clone();
            }
        }
        let options = Options {
            unique: true,
            robots: self.robots.then(robots_everywhere),
            depth: self.depth,
            order: self.order,
            budget: self.budget,
            gap: setting.limits.gap,
            pace: self.pace,
        };
        let named = Named::by(&self.seeds);
        let follow = Arc::new(Follow {
            scope: self.scope,
            nofollow: self.follow_nofollow,
            sameness: self.sameness,
            named,
        });
        let captures = setting.captures();
        let wants_duplicates = self.wanted.duplicates;
        let work = |compared, durable, duplicates: Option<Duplicates>| Site {
            follow,
            sitemaps: self.sitemaps,
            compared,
            duplicates: duplicates.map(RefCell::new),
            wanted: Wanted {
                // What a later run compares by.
                digest: durable,
                captures,
                ..self.wanted
            },
            limits: setting.limits.clone(),
        };
        let seeds: Seeds<'_> = futures::stream::iter([self.seeds]).boxed_local();
        let Some(state) = self.state else {
            let frontier = Memory::new(options);
            let duplicates = wants_duplicates.then(Duplicates::new);
            let work = work(false, false, duplicates);
            return run(setting, &frontier, &work, seeds, Before::default()).await;
        };
        let (frontier, begun) = Sqlite::open(&state.path, state.begin, &state.command, options)?;
        let load = || Duplicates::load(&state.path);
        let duplicates = wants_duplicates.then(load).transpose()?;
        if let Some(code) = begun.finished {
            return Ok(Report {
                summary: Summary {
                    duplicates: duplicates.map(|duplicates| duplicates.counted()),
                    ..begun.summary
                },
                interrupted: false,
                spent: None,
                finished_before: Some(code),
            });
        }
        let before = Before {
            durable: true,
            again: begun.again,
            written: begun.written,
            summary: begun.summary,
            order: None,
        };
        let work = work(begun.again, true, duplicates);
        run(setting, &frontier, &work, seeds, before).await
    }
}

/// A page with more links than this is looked through on a thread of its own.
const MANY: usize = 2000;

/// The verdicts of `crawl`.
struct Site {
    follow: Arc<Follow>,
    sitemaps: bool,
    /// An earlier run is compared with.
    compared: bool,
    /// Pages are compared with each other.
    duplicates: Option<RefCell<Duplicates>>,
    wanted: Wanted,
    limits: Limits,
}

/// What the user named, and by that allowed.
pub(super) struct Named {
    /// Hosts of the seeds.
    hosts: HashSet<String>,
    origins: HashSet<Origin>,
}

impl Named {
    pub(super) fn by(seeds: &[Target]) -> Self {
        let hosts = seeds.iter().filter_map(|seed| seed.url.host_str());
        Self {
            hosts: hosts.map(str::to_owned).collect(),
            origins: seeds.iter().map(|seed| Origin::of(&seed.url)).collect(),
        }
    }

    pub(super) fn naming(&self, url: &Url) -> Naming {
        let named = url.host_str().is_some_and(|host| self.hosts.contains(host));
        // A host was named with a port: one of another protocol has to be named itself.
        let named = named && (!port::is_bad(url) || self.origins.contains(&Origin::of(url)));
        if named { Naming::User } else { Naming::Page }
    }
}

/// What is followed, on whichever thread.
struct Follow {
    scope: Scope,
    /// Links too that ask not to be followed.
    nofollow: bool,
    sameness: Sameness,
    named: Named,
}

impl Work for Site {
    fn receive(&self, _: &Task) -> Content {
        Content::parsed(parser::Options::default(), true, self.wanted.clone())
    }

    fn lives_on_its_seeds(&self) -> bool {
        true
    }

    /// A sitemap may stand on another host than what it lists; that is judged when it is found in it.
    fn sitemaps(&self, task: &Task, lines: &[String]) -> Vec<Target> {
        let urls = lines.iter().filter(|_| self.sitemaps);
        urls.filter_map(|line| resolve(task.url(), line))
            .map(|url| Target {
                depth: 0,
                ..self.follow.target(url, task.url(), 0)
            })
            .collect()
    }

    fn leaves(&self, _: &Task, url: &Url) -> Option<String> {
        let reason = self.follow.scope.judge(url).err()?;
        Some(format!(
            "redirects out of scope to {} ({reason})",
            without_secrets(url)
        ))
    }

    fn naming(&self, _: &Task, url: &Url) -> Naming {
        self.follow.named.naming(url)
    }

    fn duplicates(&self) -> Option<model::Duplicates> {
        let duplicates = self.duplicates.as_ref()?;
        Some(duplicates.borrow().counted())
    }

    fn judge<'a>(&'a self, task: &'a Task, end: End, mut read: Found) -> Judging<'a> {
        Judging::Right(Box::pin(async move {
            let depth = task.target.depth;
            let mut found = Vec::new();
            let mut failed = false;
            if task.hops.is_empty() {
                if let (Some(document), End::Answer(exchange)) = (&mut read.document, &end)
                    && (self.follow.nofollow
                        || !tag_says(exchange, &self.limits.product_token, "nofollow"))
                {
                    let much = document.links.len() > MANY;
                    let (follow, url) = (Arc::clone(&self.follow), task.url().clone());
                    // The record asks for no more of the document than this.
                    let rest = Document {
                        title: document.title.take(),
                        base: document.base.clone(),
                        canonical: document.canonical.clone(),
                        nofollow: document.nofollow,
                        noindex: document.noindex,
                        sketch: document.sketch,
                        charset: document.charset,
                        limited: document.limit(),
                        ..Document::default()
                    };
                    let page = std::mem::replace(&mut **document, rest);
                    let links = apart(much, move || follow.links(&url, depth, &page)).await;
                    failed = links.is_none();
                    found = links.unwrap_or_default();
                }
            } else if matches!(end, End::Answer(_)) {
                let mut target = self.follow.target(task.url().clone(), task.url(), depth);
                // As near to the seed as the page that leads there: it is no further click away.
                target.depth = depth;
                found.push(target);
            }
            let before = task.target.before.as_deref();
            if let (Some(before), End::Answer(exchange)) = (before, &end)
                && exchange.status == StatusCode::NOT_MODIFIED
            {
                let mut visit = record::unchanged(task, exchange, before);
                self.compare(&mut visit);
                return Judged {
                    records: vec![Arc::new(visit)],
                    found,
                };
            }
            let robots = facts(&end, read.document.as_deref(), &self.limits.product_token);
            let mut record = record::of(task, end, &mut read, &self.limits.accept);
            let visit = Arc::make_mut(&mut record);
            visit.robots = robots;
            visit.depth = Some(depth);
            visit.lastmod = task.target.lastmod.as_deref().map(str::to_owned);
            if failed {
                visit.fail(internal());
            } else if let Some(limit) = read.document.as_deref().and_then(Document::limit) {
                visit.fail(limit.failure());
            }
            self.compare(visit);
            if self.compared {
                visit.change = record::change(before, visit);
            }
            Judged {
                records: vec![record],
                found,
            }
        }))
    }
}

impl Site {
    /// Says in the record which page it repeats.
    fn compare(&self, visit: &mut Visit) {
        if let Some(duplicates) = &self.duplicates {
            duplicates.borrow_mut().mark(visit);
        }
    }
}

impl Follow {
    /// What the page at `from`, which is `depth` links away from a seed, leads to.
    fn target(&self, url: Url, from: &Url, depth: u32) -> Target {
        let mut target = Target::named(self.sameness.apply(url));
        target.naming = self.named.naming(&target.url);
        target.depth = depth + 1;
        target.referrer = Some(Arc::from(without_secrets(from)));
        target
    }

    /// The links of a page that are in scope, each once.
    fn links(&self, from: &Url, depth: u32, document: &Document) -> Vec<Target> {
        let mut found = Vec::new();
        if document.nofollow && !self.nofollow {
            return found;
        }
        let base = base_url(from, document);
        let referrer: Arc<str> = without_secrets(from).into();
        // An href that stands on the page a hundred times is resolved once.
        let mut met: HashSet<&str> = HashSet::new();
        for (link, note) in document.links.noted() {
            let followed = !matches!(
                link.kind,
                LinkKind::Form | LinkKind::Query | LinkKind::Metadata
            );
            if !followed || link.nofollow && !self.nofollow {
                continue;
            }
            let reference = link.reference.split('#').next().unwrap_or_default();
            if reference.is_empty() || !met.insert(reference) {
                continue;
            }
            let Some(url) = resolve(&base, reference) else {
                continue;
            };
            let url = self.sameness.apply(url);
            if self.scope.judge(&url).is_err() {
                continue;
            }
            let mut target = Target::named(url);
            target.naming = self.named.naming(&target.url);
            target.depth = depth + 1;
            target.referrer = Some(Arc::clone(&referrer));
            target.lastmod = note
                .filter(|_| link.kind == LinkKind::Listed)
                .map(Into::into);
            found.push(target);
        }
        found
    }
}

/// What a document's references are relative to: its first `base`, itself relative to its URL.
pub(super) fn base_url(url: &Url, document: &Document) -> Url {
    document
        .base
        .as_deref()
        .and_then(|base| url.join(base).ok())
        .unwrap_or_else(|| url.clone())
}

/// An absolute URL without fragment and userinfo; `None` when it is none, not one that is fetched, or too long.
pub(super) fn resolve(base: &Url, reference: &str) -> Option<Url> {
    let mut url = base.join(reference).ok()?;
    if !matches!(url.scheme(), "http" | "https") || url.as_str().len() > URL_LIMIT {
        return None;
    }
    url.set_fragment(None);
    // A page cannot make us log in somewhere.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(url)
}

/// What a page asks of crawlers, as its record says it.
fn facts(end: &End, document: Option<&Document>, token: &str) -> Option<String> {
    let End::Answer(exchange) = end else {
        return None;
    };
    let meta = |of: fn(&Document) -> bool| document.is_some_and(of);
    let said = [
        ("noindex", meta(|document| document.noindex)),
        ("nofollow", meta(|document| document.nofollow)),
    ];
    let said = said
        .into_iter()
        .filter(|(rule, meta)| *meta || tag_says(exchange, token, rule))
        .map(|(rule, _)| rule);
    let said: Vec<_> = said.collect();
    (!said.is_empty()).then(|| said.join(","))
}

/// Does X-Robots-Tag say `rule`, for everyone or for this product token? `none` says all of them.
pub(super) fn tag_says(exchange: &Exchange, token: &str, rule: &str) -> bool {
    exchange
        .fields
        .get_all("x-robots-tag")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| {
            // A colon stands behind a product token, and behind the name of a rule that has a value.
            let is_rule = |name: &str| {
                let name = name.trim().to_ascii_lowercase();
                name.starts_with("max-") || name == "unavailable_after"
            };
            let (names, rules) = match value.split_once(':') {
                Some((name, rules)) if !name.contains(',') && !is_rule(name) => {
                    (Some(name.trim()), rules)
                }
                _ => (None, value),
            };
            let for_us = names.is_none_or(|name| name.eq_ignore_ascii_case(token));
            let says = |said: &str| {
                let said = said.trim();
                said.eq_ignore_ascii_case(rule) || said.eq_ignore_ascii_case("none")
            };
            for_us && rules.split(',').any(says)
        })
}
