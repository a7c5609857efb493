//! The verdict on each link, once its target is known, and the records that say it.

use std::path::Path;
use std::sync::Arc;

use url::Url;

use super::Ledger;
use crate::job::check::anchors::Anchors;
use crate::job::check::baseline;
use crate::job::check::disk::Found;
use crate::job::check::reading::{Occurrence, Occurrences};
use crate::job::check::source::{Content, Entry};
use crate::job::check::suggest::{self, Likely};
use crate::job::pipeline::{Due, Passed};
use crate::job::record;
use crate::model::{self, Failure, FailureKind, Outcome, Visit, masked, without_secrets};
use crate::parser::fragment;
use crate::policy::redirect;

/// What is to be said of a link, before a record is made of it.
pub(super) struct Verdict<'a> {
    about: About<'a>,
    outcome: Outcome,
    /// What is wrong, beyond what the record of its target says.
    failure: Option<Failure>,
}

/// What a record is about.
#[derive(Clone, Copy)]
enum About<'a> {
    /// The reference as it is written.
    Reference,
    /// No link at all.
    Nothing,
    /// A target on this machine.
    Path(&'a Path),
    /// What is not looked for.
    Excluded(&'a Url),
    /// What is only named.
    Named(&'a Url),
    /// A target on the network, and its own record.
    Visited(&'a Visit),
}

impl<'a> Verdict<'a> {
    fn of(about: About<'a>, outcome: Outcome) -> Self {
        Self {
            about,
            outcome,
            failure: None,
        }
    }

    fn failed(about: About<'a>, failure: Failure) -> Self {
        Self {
            about,
            outcome: failure.kind.outcome(),
            failure: Some(failure),
        }
    }
}

impl Ledger {
    /// The records of the next source, as far as there is room for.
    pub(super) fn write(&mut self, most: usize, left: usize, due: &mut Due) -> usize {
        let Some(number) = self.at(self.next) else {
            return 0;
        };
        let name = self.name(number);
        let source = &mut self.sources[number];
        let own = source.own.take().map(|own| *own);
        let mut marked = |visit| baseline::marked(self.baseline.as_mut(), visit);
        due.records.extend(own.map(&mut marked));
        let Some(content) = source.content.take() else {
            self.next += 1;
            return 0;
        };
        let path = source
            .path
            .as_ref()
            .map(|path| Arc::from(path.display().to_string()));
        let url = source
            .url
            .as_ref()
            .map(|url| Arc::from(without_secrets(url)));
        let mut end = self.written;
        let mut enough = false;
        for link in content.links.part(self.written..content.links.len()) {
            if due.records.len() >= most || end - self.written == left {
                break;
            }
            end += 1;
            if self.filter.dump && !content.names(link) {
                continue;
            }
            let verdict = self.verdict(&content, link);
            if self.counts_good
                && let Some(passed) = self.passed(&verdict)
            {
                passed.add_to(&mut due.passed);
                continue;
            }
            let mut visit = self.record(link, verdict);
            // What has moved for good says itself where it is.
            let told = visit.suggestion.is_some();
            self.moved += usize::from(told);
            // One that is relative to a base on the network would lose that.
            let mut sure = told && Url::parse(link.reference).is_ok();
            if visit.outcome == Outcome::Broken && !told {
                let kind = visit.error.as_ref().map(|failure| failure.kind);
                let likely = self.suggestion(&content, link, kind);
                sure = likely.as_ref().is_some_and(|likely| likely.sure);
                visit.suggestion = likely.map(|likely| likely.meant);
            }
            visit.input = Some(masked(link.reference).into());
            visit.line = None;
            visit.id = record::id(&[
                &name,
                &link.line.to_string(),
                &link.column.to_string(),
                link.reference,
            ]);
            visit.source = Some(model::Source {
                path: path.clone(),
                url: url.clone(),
                line: link.line,
                column: link.column,
            });
            visit.fragment = link.fragment.map(str::to_owned);
            let visit = baseline::marked(self.baseline.as_mut(), visit);
            self.sources[number].amend(link, &visit, sure);
            due.records.push(visit);
            if self.elsewhere.has_sought() {
                // That is enough for one turn of the loop.
                enough = true;
                break;
            }
        }
        let looked = if enough { left } else { end - self.written };
        self.written = end;
        let complete = end == content.links.len();
        self.sources[number].content = Some(if complete {
            self.next += 1;
            self.written = 0;
            // Kept: others may link to what is in it, and are written later.
            Content {
                links: Occurrences::default(),
                places: Vec::new(),
                anchors: content.anchors,
            }
        } else {
            content
        });
        looked
    }

    /// What is counted of a link, where no output has use for its record.
    pub(super) fn passed(&self, verdict: &Verdict<'_>) -> Option<Passed> {
        let (status, cached) = match verdict.about {
            // It is only named, and that is what there is a record for.
            About::Named(_) => return None,
            // A baseline may have it, which then says nothing of its being mended.
            About::Excluded(_) if self.baseline.is_some() => return None,
            About::Visited(visit) if self.filter.moved.may_speak_of(visit) => return None,
            About::Visited(visit) => (visit.status, visit.cached),
            _ => (None, false),
        };
        let outcome = verdict.outcome;
        let good = matches!(outcome, Outcome::Ok | Outcome::Excluded);
        good.then_some(Passed {
            outcome,
            status,
            cached,
        })
    }

    pub(super) fn verdict<'a>(&'a self, content: &'a Content, link: Occurrence<'_>) -> Verdict<'a> {
        use About::{Excluded, Named, Nothing, Path, Reference, Visited};
        match content.places.get(link.place) {
            None => Verdict::failed(
                Reference,
                Failure::new(FailureKind::Internal, "the link has no place"),
            ),
            Some(Entry::Scheme) => Verdict::of(Reference, Outcome::Excluded),
            Some(Entry::Sent) => {
                let reason = "takes what a form sends, and is not asked for";
                Verdict::failed(Reference, Failure::new(FailureKind::Form, reason))
            }
            Some(Entry::Excluded(url)) => Verdict::of(Excluded(url), Outcome::Excluded),
            Some(Entry::Named(url)) => Verdict::of(Named(url), Outcome::Excluded),
            Some(Entry::Unread(limit)) => Verdict::failed(Nothing, limit.failure()),
            Some(Entry::Mail(None)) => Verdict::of(Reference, Outcome::Ok),
            Some(Entry::Mail(Some(wrong))) => {
                Verdict::failed(Reference, Failure::new(FailureKind::Url, wrong.to_string()))
            }
            Some(Entry::Nowhere(failure)) => Verdict::failed(Reference, (**failure).clone()),
            Some(Entry::Unnamed(unnamed)) => Verdict::failed(Reference, unnamed.failure.clone()),
            Some(Entry::Local(number)) => {
                let (path, found) = self.locals.get(*number);
                match found {
                    None => Verdict::failed(Path(path), self.left()),
                    Some(Found::Missing(failure)) => {
                        Verdict::failed(Path(path), (**failure).clone())
                    }
                    Some(Found::Other) => Verdict::of(Path(path), Outcome::Ok),
                    Some(Found::Document(anchors)) => {
                        let shown = || self.shown(path);
                        self.in_document(Path(path), anchors, link.fragment, shown)
                    }
                }
            }
            Some(Entry::Remote(number, twin)) => {
                let remote = &self.remotes[*number as usize];
                let Some(visit) = remote.verdict.as_deref() else {
                    return Verdict::failed(Reference, self.left());
                };
                let twin = twin.map(|twin| &self.remotes[twin as usize]);
                let twin = twin.and_then(|twin| twin.verdict.as_ref());
                let good = visit.outcome == Outcome::Ok;
                if good && twin.is_some_and(|twin| twin.outcome == Outcome::Ok) {
                    let reason = "it is asked for over http, and https would do";
                    let failure = Failure::new(FailureKind::Insecure, reason);
                    return Verdict::failed(Visited(visit), failure);
                }
                match &remote.anchors {
                    Some(anchors) if good => {
                        // A redirect may put its own in the place of the link's.
                        let named = redirect::fragment(&visit.redirects);
                        let sought = link.fragment.map(|own| named.unwrap_or(own));
                        let url = || visit.url.to_string();
                        let mut verdict = self.in_document(Visited(visit), anchors, sought, url);
                        if let (Some(failure), Some(_)) = (&mut verdict.failure, named) {
                            let led = format!("{}, to which a redirect leads", failure.message);
                            failure.message = led.into();
                        }
                        verdict
                    }
                    // Content that is no document takes any fragment.
                    _ => Verdict::of(Visited(visit), visit.outcome),
                }
            }
        }
    }

    /// The verdict on a part of a good document.
    fn in_document<'a>(
        &self,
        about: About<'a>,
        anchors: &Anchors,
        fragment: Option<&str>,
        url: impl Fn() -> String,
    ) -> Verdict<'a> {
        let sought = self.filter.looked_up(url, fragment);
        let onward = anchors.onward();
        let onward = onward.and_then(|(path, slash)| self.locals.anchors(path, slash));
        let (outcome, failure) = sought.judge(anchors, onward).unzip();
        Verdict {
            about,
            outcome: outcome.unwrap_or(Outcome::Ok),
            failure,
        }
    }

    /// The record that says it.
    fn record(&self, link: Occurrence<'_>, verdict: Verdict<'_>) -> Visit {
        let Verdict {
            about,
            outcome,
            failure,
        } = verdict;
        let with = |url: Arc<str>| Visit::new(String::new(), url, outcome);
        let mut visit = match about {
            About::Reference => with(masked(link.reference).into()),
            About::Nothing => with("".into()),
            About::Path(path) => with(self.shown(path).into()),
            About::Excluded(url) => {
                let local = url.to_file_path().ok();
                let local = local.filter(|_| url.scheme() == "file");
                let shown = local.map_or_else(|| url.to_string(), |path| self.shown(&path));
                with(shown.into())
            }
            About::Named(url) => {
                let fragment = link.fragment;
                let fragment = fragment.map_or(String::new(), |fragment| format!("#{fragment}"));
                with(format!("{}{fragment}", without_secrets(url)).into())
            }
            About::Visited(visit) => visit.clone(),
        };
        if let Some(failure) = failure {
            visit.fail(failure);
            visit.outcome = outcome;
        }
        if let About::Visited(_) = about {
            let editable = || self.is_meant(link.reference);
            let moved = self.filter.moved;
            moved.judge(&mut visit, link.fragment, editable);
        }
        visit
    }

    /// Does the reference itself mean what was asked for, and no `--remap` of it?
    fn is_meant(&self, reference: &str) -> bool {
        let remapped = |url: Url| {
            let mut remaps = self.remaps.iter();
            remaps.any(|remap| remap.apply(url.as_str()).is_some())
        };
        self.remaps.is_empty() || Url::parse(reference).is_ok_and(|url| !remapped(url))
    }

    /// What could stand in the place of a link that is broken like that, and whether nothing else could.
    fn suggestion(
        &mut self,
        content: &Content,
        link: Occurrence<'_>,
        kind: Option<FailureKind>,
    ) -> Option<Likely<String>> {
        match content.places.get(link.place)? {
            Entry::Remote(number, _) => {
                let number = *number as usize;
                let remote = &self.remotes[number];
                let mut meant = remote.copy.clone();
                if let (Some(anchors), Some(fragment)) = (&remote.anchors, link.fragment)
                    && let Some(anchor) = fragment::anchor(fragment)
                    && kind == Some(FailureKind::Fragment)
                    && !anchors.hold(anchor)
                    && !remote.names_fragment()
                {
                    let near = self.elsewhere.meant(number, anchor, anchors);
                    meant = near.map(|near| suggest::with_fragment(link.reference, near));
                }
                let meant = meant?;
                Some(Likely { meant, sure: false })
            }
            Entry::Unnamed(unnamed) => {
                let Likely { meant, sure } = unnamed.likely.clone()?;
                let heading = link.reference.find('#').map(|at| &link.reference[at..]);
                Some(Likely {
                    meant: meant + heading.unwrap_or_default(),
                    sure: sure && heading.is_none(),
                })
            }
            Entry::Local(number) => suggest::instead(link, *number, &self.locals, &self.meant),
            _ => None,
        }
    }
}
