//! Links that earlier runs found good (`--cache`): they are not asked for again while that counts.
//!
//! Everything that counts is read before the first request, so that a link which is known takes no turn of its host: ten thousand
//! of them cost no time. What was not good is not stored, and is asked for in every run. A fragment can be looked up where
//! the anchors of the page are stored with it; otherwise the page is asked for. Stored is only what everybody is told:
//! neither links to origins that are told who asks, nor what depends on flags that are not the same.

use std::collections::HashMap;
use std::fmt::Write as _;

use http::Method;

use super::anchors::Anchors;
use crate::cache::{Cache, Verdict};
use crate::frontier::Task;
use crate::job::Limits;
use crate::model::{Event, Origin, Outcome, Reporter, Visit, key};
use crate::policy::{freshness, segment};

/// The cache, as far as it takes in verdicts.
#[derive(Default)]
pub(super) struct Cached {
    cache: Option<Cache>,
    /// How requests to everybody look.
    plain: Option<String>,
    /// That, and what else a verdict depends on.
    variant: String,
}

/// The links that are known to be good, by the keys of their URLs.
#[derive(Default)]
pub(super) struct Known(HashMap<String, Verdict>);

impl Known {
    /// The verdict on the target of that key, and the anchors of its page where they are known; they are where `anchors`
    /// are needed.
    pub(super) fn take(&mut self, key: &str, anchors: bool) -> Option<(Visit, Option<Anchors>)> {
        if anchors && self.0.get(key)?.anchors.is_none() {
            return None;
        }
        let Verdict { record, anchors } = self.0.remove(key)?;
        // What cannot be read back is not known.
        let visit: Visit = serde_json::from_str(&record).ok()?;
        let anchors = match anchors {
            Some(packed) => Some(Anchors::unpack(&packed)?),
            None => None,
        };
        Some((visit, anchors))
    }
}

impl Cached {
    /// Reads what is known. Blocks, so it is for the time before the first request.
    pub(super) fn new(cache: Option<Cache>, limits: &Limits) -> (Self, Known) {
        let Some(cache) = cache else {
            return Default::default();
        };
        let plain = freshness::variant(&Method::GET, limits.fields.open());
        let mut said = plain.clone().unwrap_or_default();
        // A string takes what is written to it.
        let _ = write!(
            said,
            " {} {} {}",
            limits.accept,
            limits.max_redirects,
            cache.circumstances()
        );
        let variant = segment::digest(said.as_bytes(), 16);
        let known = Known(cache.verdicts(&variant));
        let cached = Self {
            cache: Some(cache),
            plain,
            variant,
        };
        (cached, known)
    }

    /// Stores that a target is good.
    pub(super) async fn keep(
        &self,
        task: &Task,
        visit: &Visit,
        anchors: Option<Vec<u8>>,
        limits: &Limits,
    ) {
        let Some(cache) = &self.cache else {
            return;
        };
        // Each hop may have been told who asks.
        let plain = |url: &url::Url, own| {
            let origin = Origin::of(url);
            let named = limits.fields.is_named(&origin, own, task.naming);
            let fields = limits.fields.fields_for(&origin, named);
            let shown = named && cache.is_identified();
            !shown && freshness::variant(&Method::GET, &fields) == self.plain
        };
        let hops = || task.hops.iter().filter_map(|hop| hop.url.parse().ok());
        let good = visit.outcome == Outcome::Ok && visit.error.is_none();
        let secret = task.target.authorization.is_some() || limits.cookies.is_some();
        if !good
            || secret
            || !plain(task.url(), task.hops.is_empty())
            || !hops().all(|url| plain(&url, true))
        {
            return;
        }
        let mut record = visit.clone();
        record.cached = true;
        // No request will have been made.
        record.attempts = 0;
        (record.timing, record.remote_addr, record.http_version) = (None, None, None);
        let Ok(record) = serde_json::to_string(&record) else {
            return;
        };
        let verdict = Verdict {
            record: record.into(),
            anchors,
        };
        cache
            .judge(
                key(&task.target.url).into_owned(),
                self.variant.clone(),
                verdict,
            )
            .await;
    }

    /// Writes what is left.
    pub(super) fn close(self, reporter: &dyn Reporter) {
        if let Some(Err(error)) = self.cache.map(Cache::close) {
            reporter.on(&Event::Warning(&error.to_string()));
        }
    }
}
