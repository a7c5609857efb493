//! Targets on the network: each is asked for once, or once more where more is wanted of it, and who waits for it.

use std::sync::Arc;

use url::Url;

use super::Ledger;
use crate::job::check::anchors::Anchors;
use crate::job::check::fragments::Wants;
use crate::job::check::remote::Remote;
use crate::job::check::source::Source;
use crate::model::{Naming, Seed, Target, Visit, key, without_secrets};

impl Ledger {
    /// A document that another one lists, so many links away from an input, is read like one; the target, unless it is one
    /// already or is asked for anyhow.
    pub(super) fn document(&mut self, url: &Url, depth: u32, naming: Naming) -> Option<Target> {
        let name = key(url);
        let next = self.remotes.len();
        let number = self.remote_index.get(&*name).copied().unwrap_or(next);
        let new = number == next;
        if !new && self.remotes[number].page.is_some() {
            return None;
        }
        let target = Target {
            depth,
            naming,
            seed: Some(Box::new(Seed {
                input: without_secrets(url).into(),
                line: 0,
                place: 0,
                id: None,
            })),
            ..Target::named(url.clone())
        };
        let source = self.sources.len();
        if new {
            self.remotes.push(Remote::page(source));
            self.remote_index.insert(name.into_owned(), number);
        }
        let remote = &mut self.remotes[number];
        let awaited = !new && remote.is_awaited();
        remote.wants.content = true;
        remote.again = true;
        remote.coming = !new;
        self.judged -= usize::from(!new && !awaited);
        remote.page = Some(source);
        self.sources.push(Source {
            depth,
            ..Source::listed(&target)
        });
        (!awaited).then_some(target)
    }

    /// The entry of a target on the network, and the target itself when it has to be asked for.
    pub(super) fn remote(
        &mut self,
        url: &Url,
        wants: Wants,
        naming: Naming,
    ) -> (usize, Option<Target>) {
        let target = || Target {
            naming,
            ..Target::named(url.clone())
        };
        let name = key(url);
        if let Some(&number) = self.remote_index.get(&*name) {
            // Once more, for what is in it, or for its text.
            let again = self.remotes[number].lacks(wants);
            self.judged -= usize::from(again);
            return (number, again.then(target));
        }
        let number = self.remotes.len();
        // What a page says is not remembered.
        let known = (!wants.text).then(|| self.known.take(&name, wants.content));
        let (verdict, anchors) = known.flatten().unzip();
        let open = verdict.is_none();
        self.judged += usize::from(!open);
        self.remotes.push(Remote {
            wants,
            verdict: verdict.map(Arc::new),
            anchors: anchors.flatten(),
            ..Remote::default()
        });
        self.remote_index.insert(name.into_owned(), number);
        (number, open.then(target))
    }

    /// The source that is the page at `url`.
    pub(in crate::job::check) fn page_at(&self, url: &Url) -> Option<usize> {
        let number = *self.remote_index.get(&*key(url))?;
        self.remotes[number].page
    }

    /// Is what the target says asked for, and not only whether it is there?
    pub(in crate::job::check) fn wants_content(&self, url: &Url) -> bool {
        self.remote_index
            .get(&*key(url))
            .is_some_and(|&number| self.remotes[number].wants.content)
            || self.is_question(url)
    }

    /// Is the text of the target kept from this request?
    pub(in crate::job::check) fn keeps_text(&self, url: &Url, with_content: bool) -> bool {
        let number = self.remote_index.get(&*key(url));
        let keeps = |&number: &usize| self.remotes[number].keeps_text(with_content);
        self.filter.fragments.texts && number.is_some_and(keeps)
    }

    /// The anchors of a target that was parsed.
    pub(in crate::job::check) fn anchors(&mut self, url: &Url, anchors: Anchors) {
        if let Some(&number) = self.remote_index.get(&*key(url)) {
            self.remotes[number].anchors = Some(anchors);
        }
    }

    /// The verdict on a target; sources that waited for it wait no more, unless an archive has to be asked first.
    pub(in crate::job::check) fn decided(
        &mut self,
        url: &Url,
        visit: &Visit,
        with_content: bool,
    ) -> Option<Target> {
        let number = *self.remote_index.get(&*key(url))?;
        let remote = &mut self.remotes[number];
        self.judged += usize::from(remote.is_awaited());
        remote.decided(visit, with_content);
        if !remote.waiting.is_empty()
            && let Some(question) = self.questions.ask(url, visit, number)
        {
            remote.asking = true;
            return Some(question);
        }
        self.release(number);
        None
    }

    fn release(&mut self, number: usize) {
        for source in std::mem::take(&mut self.remotes[number].waiting) {
            self.sources[source].open -= 1;
            if self.sources[source].open == 0 {
                self.ripe.push(source);
            }
        }
        self.settle();
    }

    /// Is that URL a question to the archive?
    pub(in crate::job::check) fn is_question(&self, url: &Url) -> bool {
        self.questions.about(url).is_some()
    }

    /// What the archive has answered to a question: where the copy is.
    pub(in crate::job::check) fn answered(&mut self, url: &Url, copy: Option<String>) {
        if let Some(number) = self.questions.about(url) {
            self.remotes[number].asking = false;
            self.remotes[number].copy = copy;
            self.release(number);
        }
    }
}
