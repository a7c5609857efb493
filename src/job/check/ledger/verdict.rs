//! The verdict on each link, once its target is known, and the records that say it.

use std::sync::Arc;

use url::Url;

use super::Ledger;
use crate::job::check::anchors::Anchors;
use crate::job::check::baseline;
use crate::job::check::disk::Found;
use crate::job::check::reading::{Occurrence, Occurrences};
use crate::job::check::source::{Content, Entry};
use crate::job::check::suggest::{self, Likely};
use crate::job::pipeline::Due;
use crate::job::record;
use crate::model::{self, Failure, FailureKind, Outcome, Visit, masked, without_secrets};
use crate::parser::fragment;
use crate::policy::redirect;

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
        let mut good = [(Outcome::Ok, 0), (Outcome::Excluded, 0)];
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
            if self.counts_good
                && let Some(outcome) = self.is_good(&content, link)
            {
                let count = good.iter_mut().find(|(known, _)| *known == outcome);
                if let Some((_, count)) = count {
                    *count += 1;
                }
                continue;
            }
            let mut visit = self.verdict(&content, link);
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
            visit.input = Some(masked(link.reference));
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
        due.passed
            .extend(good.into_iter().filter(|(_, count)| *count > 0));
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

    /// The verdict on a link that nothing is wrong with, where that is seen without making a record of it.
    fn is_good(&self, content: &Content, link: Occurrence<'_>) -> Option<Outcome> {
        match content.places.get(link.place)? {
            // A baseline may have it, which then says nothing of its being mended.
            Entry::Excluded(_) if self.baseline.is_some() => None,
            Entry::Scheme | Entry::Sent | Entry::Excluded(_) => Some(Outcome::Excluded),
            Entry::Local(number) => {
                let (path, found) = self.locals.get(*number);
                let anchors = match found? {
                    Found::Document(anchors) => Some(&**anchors),
                    Found::Other => None,
                    Found::Missing(_) => return None,
                };
                let sought = self.filter.looked_up(|| self.shown(path), link.fragment);
                let lacks = anchors.is_some_and(|anchors| sought.missing(anchors).is_some());
                (!lacks).then_some(Outcome::Ok)
            }
            _ => None,
        }
    }

    fn verdict(&self, content: &Content, link: Occurrence<'_>) -> Visit {
        let shown = || masked(link.reference);
        let with = |url, outcome| Visit::new(String::new(), url, outcome);
        let failed = |url, failure| {
            let mut visit = with(url, Outcome::Broken);
            visit.fail(failure);
            visit
        };
        match content.places.get(link.place) {
            None => failed(
                shown(),
                Failure::new(FailureKind::Internal, "the link has no place"),
            ),
            Some(Entry::Scheme) => with(shown(), Outcome::Excluded),
            Some(Entry::Sent) => failed(
                shown(),
                Failure::new(
                    FailureKind::Form,
                    "takes what a form sends, and is not asked for",
                ),
            ),
            Some(Entry::Excluded(url)) => {
                let local = url.to_file_path().ok();
                let local = local.filter(|_| url.scheme() == "file");
                let shown = local.map_or_else(|| url.to_string(), |path| self.shown(&path));
                with(shown, Outcome::Excluded)
            }
            Some(Entry::Named(url)) => {
                let fragment = link.fragment;
                let fragment = fragment.map_or(String::new(), |fragment| format!("#{fragment}"));
                with(
                    format!("{}{fragment}", without_secrets(url)),
                    Outcome::Excluded,
                )
            }
            Some(Entry::Unread(limit)) => failed(String::new(), limit.failure()),
            Some(Entry::Mail(None)) => with(shown(), Outcome::Ok),
            Some(Entry::Mail(Some(wrong))) => {
                failed(shown(), Failure::new(FailureKind::Url, wrong.to_string()))
            }
            Some(Entry::Nowhere(failure)) => failed(shown(), (**failure).clone()),
            Some(Entry::Unnamed(unnamed)) => failed(shown(), unnamed.failure.clone()),
            Some(Entry::Local(number)) => {
                let (path, found) = self.locals.get(*number);
                let url = self.shown(path);
                match found {
                    None => failed(url, self.left()),
                    Some(Found::Missing(failure)) => failed(url, (**failure).clone()),
                    Some(Found::Other) => with(url, Outcome::Ok),
                    Some(Found::Document(anchors)) => {
                        let visit = with(url, Outcome::Ok);
                        self.with_fragment(visit, link, Some(anchors))
                    }
                }
            }
            Some(Entry::Remote(number, twin)) => {
                let remote = &self.remotes[*number];
                let Some(verdict) = &remote.verdict else {
                    return failed(shown(), self.left());
                };
                let mut visit = (**verdict).clone();
                if visit.outcome == Outcome::Ok {
                    let twin = twin.and_then(|twin| self.remotes[twin].verdict.as_ref());
                    if twin.is_some_and(|twin| twin.outcome == Outcome::Ok) {
                        let reason = "it is asked for over http, and https would do";
                        visit.fail(Failure::new(FailureKind::Insecure, reason));
                        return visit;
                    }
                    let anchors = remote.anchors.as_ref();
                    let mut visit = match redirect::fragment(&visit.redirects) {
                        Some(named) => {
                            let named = named.to_owned();
                            self.led_to(visit, link, &named, anchors)
                        }
                        None => self.with_fragment(visit, link, anchors),
                    };
                    let editable = || self.is_meant(link.reference);
                    self.filter.moved.judge(&mut visit, link.fragment, editable);
                    visit
                } else {
                    visit
                }
            }
        }
    }

    /// Does the reference itself mean what was asked for, and no `--remap` of it?
    fn is_meant(&self, reference: &str) -> bool {
        let remapped = |url: Url| {
            let mut remaps = self.remaps.iter();
            remaps.any(|remap| remap.apply(url.as_str()).is_some())
        };
        self.remaps.is_empty() || Url::parse(reference).is_ok_and(|url| !remapped(url))
    }

    /// Content that is no document takes any fragment.
    fn with_fragment(
        &self,
        mut visit: Visit,
        link: Occurrence<'_>,
        anchors: Option<&Anchors>,
    ) -> Visit {
        if let Some(anchors) = anchors {
            let sought = self.filter.looked_up(|| visit.url.clone(), link.fragment);
            let onward = anchors.onward();
            let onward = onward.and_then(|(path, slash)| self.locals.anchors(path, slash));
            sought.judge(&mut visit, anchors, onward);
        }
        visit
    }

    /// The same where a redirect has put its own fragment in the place of the link's.
    fn led_to(
        &self,
        visit: Visit,
        link: Occurrence<'_>,
        named: &str,
        anchors: Option<&Anchors>,
    ) -> Visit {
        let link = Occurrence {
            fragment: link.fragment.map(|_| named),
            ..link
        };
        let mut visit = self.with_fragment(visit, link, anchors);
        if let Some(failure) = &mut visit.error {
            failure.message = format!("{}, to which a redirect leads", failure.message).into();
        }
        visit
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
                let remote = &self.remotes[*number];
                let mut meant = remote.copy.clone();
                if let (Some(anchors), Some(fragment)) = (&remote.anchors, link.fragment)
                    && let Some(anchor) = fragment::anchor(fragment)
                    && kind == Some(FailureKind::Fragment)
                    && !anchors.hold(anchor)
                    && !remote.names_fragment()
                {
                    let near = self.elsewhere.meant(*number, anchor, anchors);
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
