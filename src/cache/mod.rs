//! Floor 2: what earlier runs were answered (`--cache`), in one `SQLite` file that any run and any job may go on with.
//!
//! There are two tables. `answers` has what is needed to ask whether a page has changed, and its content where something looks
//! into content, so that a record made after a 304 holds what a fresh one would. `verdicts` has the links that `check` found
//! good, with the anchors of their pages. Each entry has its own age, so a file is as good as ever whichever run it comes from.
//! What may be stored is for `policy::freshness` to say; what failed never is, because nobody asks for that.
//!
//! The file lives on a thread of its own: reads are answered there, and writes are one transaction a batch. A cache that cannot
//! be written any more costs requests and no results, so it ends nothing: what went wrong is told at the end.
//!
//! | file | decides |
//! | --- | --- |
//! | `store` | the tables, and which file is a cache |

mod store;

use std::collections::HashMap;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use http::HeaderMap;
use tokio::sync::{mpsc, oneshot};

use self::store::Store;

/// Content that is stored, at most; what is larger is asked for whole where somebody looks into it.
pub const LARGEST: usize = 512 << 10;

/// Wishes that may wait for the thread; each may have content with it.
const ROOM: usize = 64;

/// An answer as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The key of its URL.
    pub url: String,
    /// Which of the answers that the URL may have: `policy::freshness::variant`.
    pub variant: String,
    /// Without those of the connection.
    pub fields: HeaderMap,
    /// Bytes of content, decoded.
    pub size: u64,
    /// In hexadecimal, where it was known.
    pub sha256: Option<String>,
    /// Decoded, where somebody looked into it and it is not too large.
    pub content: Option<Vec<u8>>,
}

/// That a link is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// As JSON.
    pub record: Box<str>,
    /// The anchors of the page, packed by `check`; absent where they were not looked at.
    pub anchors: Option<Vec<u8>>,
}

/// What the thread is asked for.
enum Wish {
    Ask {
        url: String,
        variant: String,
        tell: oneshot::Sender<Option<Stored>>,
    },
    Keep(Box<Stored>),
    /// The server said that it is what it was.
    Renew {
        url: String,
        variant: String,
        fields: HeaderMap,
    },
    Judge {
        url: String,
        variant: String,
        verdict: Verdict,
    },
}

/// Why a file cannot be used as a cache.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot use the cache {path}: {reason}")]
pub struct CacheError {
    /// The file.
    path: String,
    /// What is wrong, and the way out.
    reason: String,
}

/// An open cache.
pub struct Cache {
    wishes: Option<mpsc::Sender<Wish>>,
    /// Gives back what went wrong.
    thread: Option<JoinHandle<Option<CacheError>>>,
    /// To read from before anything else is done.
    first: Option<Store>,
    /// Requests to origins that the user named show them a certificate of his.
    identified: bool,
    /// What verdicts depend on, beside the requests.
    circumstances: String,
}

impl Cache {
    /// Opens or makes the cache at `path`; what is older than `max_age` does not count.
    ///
    /// # Errors
    /// When the file is no cache, or one of a newer program: it is not touched then.
    pub fn open(path: &Path, max_age: Duration) -> Result<Self, CacheError> {
        let first = Store::open(path, max_age)?;
        let store = Store::open(path, max_age)?;
        let shown = path.display().to_string();
        let wrong = shown.clone();
        let (wishes, mut receiver) = mpsc::channel(ROOM);
        let thread = std::thread::Builder::new()
            .name("cache".into())
            .spawn(move || {
                serve(store, &mut receiver).err().map(|error| CacheError {
                    path: wrong,
                    reason: error.to_string(),
                })
            })
            .map_err(|error| CacheError {
                path: shown,
                reason: error.to_string(),
            })?;
        Ok(Self {
            wishes: Some(wishes),
            thread: Some(thread),
            first: Some(first),
            identified: false,
            circumstances: String::new(),
        })
    }

    /// Requests to origins that the user named show a certificate of his: the cache has nothing to do with them.
    #[must_use]
    pub fn identified(mut self, identified: bool) -> Self {
        self.identified = identified;
        self
    }

    /// Verdicts depend on this too: whom is trusted, where requests may go.
    #[must_use]
    pub fn under(mut self, circumstances: String) -> Self {
        self.circumstances = circumstances;
        self
    }

    /// What verdicts depend on, beside the requests.
    #[must_use]
    pub fn circumstances(&self) -> &str {
        &self.circumstances
    }

    /// Do requests to origins that the user named show who he is?
    #[must_use]
    pub fn is_identified(&self) -> bool {
        self.identified
    }

    /// Every verdict of a variant that counts, by the key of its URL. Blocks, so it is for the time before the first request.
    #[must_use]
    pub fn verdicts(&self, variant: &str) -> HashMap<String, Verdict> {
        let verdicts = self.first.as_ref().map(|store| store.verdicts(variant));
        // A file that is damaged there knows nothing.
        verdicts.and_then(Result::ok).unwrap_or_default()
    }

    /// The stored answer for a URL, if there is one that counts.
    pub async fn answer(&self, url: &str, variant: &str) -> Option<Stored> {
        let (tell, told) = oneshot::channel();
        self.wish(Wish::Ask {
            url: url.to_owned(),
            variant: variant.to_owned(),
            tell,
        })
        .await;
        told.await.ok().flatten()
    }

    /// Stores an answer.
    pub async fn keep(&self, stored: Stored) {
        self.wish(Wish::Keep(Box::new(stored))).await;
    }

    /// A stored answer is what it was, and has these fields now.
    pub async fn renew(&self, url: String, variant: String, fields: HeaderMap) {
        self.wish(Wish::Renew {
            url,
            variant,
            fields,
        })
        .await;
    }

    /// Stores that a link is good.
    pub async fn judge(&self, url: String, variant: String, verdict: Verdict) {
        self.wish(Wish::Judge {
            url,
            variant,
            verdict,
        })
        .await;
    }

    async fn wish(&self, wish: Wish) {
        if let Some(wishes) = &self.wishes {
            // Where the thread has ended, what went wrong is told at the end.
            let _ = wishes.send(wish).await;
        }
    }

    /// Writes what is left and closes the file. Blocks for as long as that takes.
    ///
    /// # Errors
    /// What went wrong first.
    pub fn close(mut self) -> Result<(), CacheError> {
        self.end().map_or(Ok(()), Err)
    }

    fn end(&mut self) -> Option<CacheError> {
        self.wishes = None;
        self.first = None;
        self.thread.take()?.join().ok().flatten()
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.end();
    }
}

/// The thread.
fn serve(mut store: Store, wishes: &mut mpsc::Receiver<Wish>) -> rusqlite::Result<()> {
    let mut batch = Vec::new();
    while wishes.blocking_recv_many(&mut batch, ROOM) > 0 {
        let mut writes = false;
        for wish in &mut batch {
            let Wish::Ask { url, variant, tell } = wish else {
                writes = true;
                continue;
            };
            let found = store.answer(url, variant)?;
            // A closed end is put in its place; nobody waits when the run has failed meanwhile.
            let tell = std::mem::replace(tell, oneshot::channel().0);
            let _ = tell.send(found);
        }
        if writes {
            store.write(&batch)?;
        }
        batch.clear();
    }
    store.prune()
}
