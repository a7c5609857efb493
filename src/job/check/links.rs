//! From answers and files to verdicts: the work that is particular to `check`.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use futures::future::LocalBoxFuture;
use http::{Method, StatusCode};
use url::Url;

use super::anchors::Anchors;
use super::batch::Batches;
use super::cached::Cached;
use super::ledger::Ledger;
use super::locate::Base;
use super::reading::{self, Page};
use super::{Reading, archive, disk};
use crate::frontier::Task;
use crate::job::content::{Content, Found, Wanted, apart, internal};
use crate::job::crawl::tag_says;
use crate::job::pipeline::{Due, End, Judged, Judging, Work};
use crate::job::{Limits, record};
use crate::model::{Failure, Naming, Outcome};
use crate::parser;
use crate::sink::Captures;

/// A page with more links than this is looked through on a thread of its own.
const MANY: usize = 2000;

/// Records that are made at once: half a millisecond.
const AT_ONCE: usize = 200;

/// Links that are only counted cost so much less than a record.
const CHEAPER: usize = 20;

/// A file that was found and could not be read.
pub(super) struct Unread {
    pub(super) name: String,
    /// The user named it himself.
    pub(super) named: bool,
    pub(super) reason: String,
    /// It is no page of a server.
    pub(super) is_file: bool,
}

/// The verdicts of `check`.
pub(super) struct Links {
    pub(super) ledger: RefCell<Ledger>,
    pub(super) cached: Cached,
    pub(super) batches: Batches,
    pub(super) unread: RefCell<Vec<Unread>>,
    /// What there is to say of comments, by the number of the source.
    pub(super) complaints: RefCell<Vec<(usize, String)>>,
    /// Links are only named: an input whose links cannot be known is one that could not be read.
    pub(super) dump: bool,
    pub(super) reading: Arc<Reading>,
    pub(super) captures: Captures,
    /// Where inputs led that is out of the scope that they make.
    pub(super) lost: RefCell<Vec<Url>>,
    /// `--base-url`.
    pub(super) stand_in: Option<Url>,
    pub(super) limits: Limits,
}

impl Work for Links {
    fn method(&self, task: &Task) -> Method {
        let ledger = self.ledger.borrow();
        let url = &task.target.url;
        let wanted = ledger.page_at(url).is_some() || ledger.wants_content(url);
        if wanted { Method::GET } else { Method::HEAD }
    }

    fn instead(&self, task: &Task, status: Option<StatusCode>) -> Option<Method> {
        if task.method != Method::HEAD {
            return None;
        }
        match status {
            // A link to an anchor was met while the HEAD was under way.
            Some(status) if self.limits.accept.contains(status.as_u16()) => self
                .ledger
                .borrow()
                .wants_content(&task.target.url)
                .then_some(Method::GET),
            // These speak of us, not of the method.
            Some(StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) => None,
            // Many servers answer a HEAD wrongly and a GET well.
            _ => Some(Method::GET),
        }
    }

    fn receive(&self, task: &Task) -> Content {
        let wanted = Wanted {
            captures: self.captures,
            ..Wanted::default()
        };
        let url = &task.target.url;
        let ledger = self.ledger.borrow();
        if ledger.is_question(url) {
            return Content::wanted(Wanted {
                text: true,
                ..wanted
            });
        }
        let options = parser::Options {
            text: ledger.keeps_text(url, task.method == Method::GET),
            // Nobody is asked again for what was meant by a fragment.
            names: self.reading.suggest.is_some(),
            // What is asked for as a link's target may turn out to be a page that is read.
            comments: true,
            ..self.reading.options.clone()
        };
        let content = Content::parsed(options, false, wanted);
        if ledger.page_at(url).is_some() {
            return content.of_name(url);
        }
        // That it is there says its head.
        content.within_the_limit()
    }

    fn judge<'a>(&'a self, task: &'a Task, end: End, mut found: Found) -> Judging<'a> {
        Judging::Right(Box::pin(async move {
            let token = &self.limits.product_token;
            let refused =
                matches!(&end, End::Answer(exchange) if tag_says(exchange, token, "nofollow"));
            let record = record::of(task, end, &mut found, &self.limits.accept);
            let mut visit = Arc::unwrap_or_clone(record);
            let url = &task.target.url;
            if self.ledger.borrow().is_question(url) {
                let good = visit.outcome == Outcome::Ok;
                let answer = visit.unshown.as_deref().filter(|_| good);
                let copy = answer.and_then(archive::copy);
                self.ledger.borrow_mut().answered(url, copy);
                return Judged::default();
            }
            let mut packed = None;
            if task.method == Method::GET
                && let Some(document) = &mut found.document
            {
                let anchors = Anchors::of(document);
                packed = self.reading.options.anchors.then(|| anchors.pack());
                self.ledger.borrow_mut().anchors(url, anchors);
            }
            self.cached.keep(task, &visit, packed, &self.limits).await;
            let seed = task.target.seed.is_some();
            let source = self.ledger.borrow().read_as(url, seed);
            let depth = |number| self.ledger.borrow().depth(number);
            let depth = source.map_or(0, depth);
            // What a redirect leads to is a page of its own, as in a crawl.
            let good = visit.outcome == Outcome::Ok;
            let led = good && source.is_some() && !task.hops.is_empty();
            let led = led && self.ledger.borrow().is_recursive();
            let links = match found.document {
                Some(document) if source.is_some() && good && !led => {
                    let much = document.links.len() > MANY;
                    let base = self.ledger.borrow().remote_base(task.url());
                    let refused = refused || document.nofollow;
                    let follow = self.ledger.borrow().follow(task.url(), refused);
                    let read = move || reading::page(*document, base, follow);
                    let page = apart(much, read).await;
                    if page.is_none() {
                        visit.fail(internal());
                    }
                    let page = page.unwrap_or_default();
                    Page { depth, ..page }
                }
                _ => Page::default(),
            };
            if self.dump && source.is_some() && visit.outcome != Outcome::Ok {
                let failure = visit
                    .error
                    .as_ref()
                    .map(|failure| failure.message.to_string());
                let ledger = self.ledger.borrow();
                let found = source.is_some_and(|number| ledger.is_listed(number));
                self.unread.borrow_mut().push(Unread {
                    name: visit.url.to_string(),
                    named: !(ledger.is_recursive() && found),
                    reason: failure.unwrap_or_default(),
                    is_file: false,
                });
            }
            let found = {
                let mut ledger = self.ledger.borrow_mut();
                if let Some(number) = source {
                    self.complain(number, &ledger.name(number), &links);
                }
                let question = ledger.decided(url, &visit, task.method == Method::GET);
                let mut found = match source {
                    Some(number) => ledger.page(number, links, task.url(), task.naming, visit),
                    None => Vec::new(),
                };
                found.extend(question);
                if led {
                    found.extend(ledger.found(task.url(), depth, task.naming));
                    let lost = ledger.page_at(task.url()).is_none();
                    if lost && source.is_some_and(|number| !ledger.is_listed(number)) {
                        self.lost.borrow_mut().push(task.url().clone());
                    }
                }
                found
            };
            if source.is_some() {
                self.look().await;
            }
            Judged {
                records: Vec::new(),
                found,
            }
        }))
    }

    fn files<'a>(&'a self, task: &'a Task) -> LocalBoxFuture<'a, Judged> {
        Box::pin(async move {
            let Some(range) = self.batches.of(&task.target) else {
                return Judged::default();
            };
            let files: Vec<_> = range
                .clone()
                .map(|source| self.ledger.borrow().file(source, self.stand_in.as_ref()))
                .collect();
            let reading = Arc::clone(&self.reading);
            // Never closed, so this cannot fail.
            let turn = self.batches.threads.acquire().await;
            let pages = tokio::task::spawn_blocking(move || {
                let read = |(path, base): (Arc<Path>, Option<Base>)| {
                    // A parser that panics costs its file, and not the others of the batch.
                    let read = || reading::read(&path, base, &reading);
                    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Page::failed())
                };
                files.into_iter().map(read).collect::<Vec<_>>()
            });
            // Fails only when the runtime is going down.
            let mut pages = pages.await.unwrap_or_default();
            drop(turn);
            pages.resize_with(range.len(), Page::failed);
            let mut found = Vec::new();
            {
                let mut ledger = self.ledger.borrow_mut();
                for (source, page) in range.zip(pages) {
                    if let Some(failure) = &page.unread {
                        self.unread.borrow_mut().push(Unread {
                            name: ledger.name(source),
                            named: ledger.is_named(source),
                            reason: failure.message.to_string(),
                            is_file: true,
                        });
                    }
                    self.complain(source, &ledger.name(source), &page);
                    found.extend(ledger.read(source, page, Naming::File));
                }
            }
            self.look().await;
            Judged {
                records: Vec::new(),
                found,
            }
        })
    }

    fn targets(&self) -> Option<(u64, u64)> {
        Some(self.ledger.borrow().targets())
    }

    fn is_due(&self) -> bool {
        self.ledger.borrow().is_due()
    }

    fn due(&self) -> Due {
        self.ledger.borrow_mut().due(AT_ONCE, AT_ONCE * CHEAPER)
    }

    fn end(&self, left: Failure) {
        self.ledger.borrow_mut().end(left);
    }
}

impl Links {
    /// Takes in what there is to say of the comments of a source.
    fn complain(&self, source: usize, name: &str, page: &Page) {
        let told = page.complaints.iter();
        let told = told.map(|(line, told)| (source, format!("{name}:{line}: {told}")));
        self.complaints.borrow_mut().extend(told);
    }

    /// Once every file has been read: a look at the disk for what is linked to and was not looked for.
    async fn look(&self) {
        loop {
            let Some(paths) = self.ledger.borrow_mut().unseen() else {
                return;
            };
            let mut looked = Vec::new();
            // All of them may be documents that were read.
            if !paths.is_empty() {
                let reading = Arc::clone(&self.reading);
                let look = tokio::task::spawn_blocking(move || {
                    let suggest = reading.suggest.as_ref();
                    disk::look(paths, &reading.serving, &reading.options, suggest)
                });
                looked = look.await.unwrap_or_default();
            }
            let lost = {
                let mut ledger = self.ledger.borrow_mut();
                ledger.looked(looked);
                ledger.lost()
            };
            let mut meant = None;
            if self.reading.suggest.is_some() && !lost.is_empty() {
                let reading = Arc::clone(&self.reading);
                let looked = tokio::task::spawn_blocking(move || {
                    let suggest = reading.suggest.as_ref();
                    suggest.map(|suggest| suggest.anchors(lost, &reading.options))
                });
                meant = looked.await.ok().flatten();
            }
            self.ledger.borrow_mut().meant(meant.unwrap_or_default());
        }
    }
}
