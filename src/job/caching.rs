//! What the cache has to do with one request: the conditions that it is made under, the stored answer in the place of a 304,
//! and what is stored of a new one.
//!
//! A stored answer is given to whatever looks at content as if it had just come, so a record made of it holds what any other
//! does. Where it could not serve that (its content is not stored, or too large for that) the request is made without
//! conditions. Deliberately absent: what an earlier run of a state knew, which goes by its own record (`--recrawl`).

use http::StatusCode;
use http::header::{ETAG, LAST_MODIFIED};

use super::content::Content;
use super::exchange::{Sent, conditions};
use super::pipeline::Pipeline;
use crate::cache::{Cache, Stored};
use crate::frontier::Lease;
use crate::model::{Validators, key};
use crate::policy::freshness;

/// A request that the cache has to do with.
pub(super) struct Cached {
    url: String,
    variant: String,
    /// What the server is asked to compare with.
    stored: Option<Stored>,
}

impl Pipeline<'_> {
    /// What is stored for the request of `lease`; `asked` gets the conditions. Nothing where something is asked for by other
    /// conditions already, or where the request says who asks.
    pub(super) async fn recall(
        &self,
        cache: &Cache,
        lease: &Lease,
        content: &mut Content,
        asked: &mut http::HeaderMap,
    ) -> Option<Cached> {
        // An archive keeps what went over the wire, and a 304 is little of that.
        if !asked.is_empty() || self.writer.captures().coded {
            return None;
        }
        let task = &lease.task;
        let (mut fields, sent, named) = self.message(lease);
        self.add_cookies(task.url(), &mut fields);
        if sent.is_some() || named && cache.is_identified() {
            return None;
        }
        let variant = freshness::variant(&task.method, &fields)?;
        let url = key(task.url()).into_owned();
        content.keep();
        let stored = match cache.answer(&url, &variant).await {
            Some(stored) if content.is_served_by(&stored) || content.is_saved(&stored).await => {
                Some(stored)
            }
            _ => None,
        };
        if let Some(stored) = &stored {
            let text = |name| {
                let value = stored.fields.get(name)?;
                value.to_str().ok().map(str::to_owned)
            };
            let validators = Validators {
                etag: text(ETAG),
                last_modified: text(LAST_MODIFIED),
                sha256: None,
            };
            conditions(&validators, asked);
        }
        Some(Cached {
            url,
            variant,
            stored,
        })
    }
}

/// Puts the stored answer in the place of a 304, and stores what is new.
pub(super) async fn store(
    cache: &Cache,
    cached: Cached,
    content: &mut Content,
    sent: &mut Option<Sent>,
) {
    let Some(Ok(exchange)) = sent else {
        return;
    };
    let Cached {
        url,
        variant,
        stored,
    } = cached;
    match (exchange.status, stored) {
        (StatusCode::NOT_MODIFIED, Some(stored)) => {
            exchange.fields = freshness::updated(&stored.fields, &exchange.fields);
            content.give(&exchange.fields, &stored).await;
            exchange.status = StatusCode::OK;
            exchange.size = Some(stored.size);
            exchange.cached = true;
            cache.renew(url, variant, exchange.fields.clone()).await;
        }
        (status, _) => {
            // A size is that of content that came to its end.
            if let Some(size) = exchange.size
                && freshness::is_storable(status, &exchange.fields)
            {
                let stored = Stored {
                    url,
                    variant,
                    fields: freshness::stored(&exchange.fields),
                    size,
                    sha256: content.digest(),
                    content: content.kept(),
                };
                cache.keep(stored).await;
            }
        }
    }
}
