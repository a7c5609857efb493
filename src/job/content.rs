//! Content as it arrives, into the parser that its type asks for: no page is held in memory for its links.
//!
//! What was asked for beyond that (`Wanted`) may need all of the content; then it is held until its end and no longer.
//! What a parser does at the end, and what a page with very many links asks for, is done on a thread of its own
//! when it is much: the loop must not stand still for one page. A parser that panics is a fault of ours; it costs
//! its page, which is then a record of kind `internal`, and nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use futures::FutureExt;
use futures::future::{Either, LocalBoxFuture, ready};
use http::{HeaderMap, StatusCode, header};
use ring::digest;
use serde_json::{Map, Value};
use url::Url;

use super::crawl::base_url;
use super::pipeline::End;
use super::saving::{self, Saving};
use crate::cache::{LARGEST, Stored};
use crate::fetcher::{Receiver, Want};
use crate::model::{Document, Failure, FailureKind, Limit, Outlink, without_secrets};
use crate::parser::extract::{Extraction, Page, text_of};
use crate::parser::{self, Format, Options, Parse, Parsers};
use crate::policy::media::MediaTypes;
use crate::policy::wall::{self, Look};
use crate::sink::{Captures, Spool};

/// Bytes that are parsed at once on the loop: a quarter of a millisecond of the slowest parser.
const MUCH: usize = 64 << 10;

/// Bytes of which a tree is built at once on the loop, which takes ten times as long.
const MUCH_OF_A_TREE: usize = 4 << 10;

/// What a record shall hold of the content, beyond what every record does.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Named values.
    pub extraction: Option<Arc<Extraction>>,
    /// The title, also where nothing else needs a parser.
    pub title: bool,
    /// What it links to.
    pub links: bool,
    /// Its SHA-256.
    pub hash: bool,
    /// The same, for a later run to compare with, and not for the record.
    pub digest: bool,
    /// A sketch of its words and its SHA-256, to find pages that are the same or nearly so.
    pub duplicates: bool,
    /// The content itself, as text.
    pub body: bool,
    /// The same for conditions on records, and not for the record.
    pub text: bool,
    /// The content for outputs that take exchanges; the jobs see to it.
    pub captures: Captures,
    /// Content of other types is not read.
    pub types: Option<Arc<MediaTypes>>,
    /// What reads it.
    pub parsers: Parsers,
}

/// What was found in content.
#[derive(Default)]
pub(super) struct Found {
    /// In a box, since most content is not parsed.
    pub(super) document: Option<Box<Document>>,
    /// For the record.
    pub(super) links: Option<Vec<Outlink>>,
    pub(super) fields: Map<String, Value>,
    /// Where it was asked for, for the record or to compare with.
    pub(super) sha256: Option<String>,
    /// It is for the record.
    pub(super) shown: bool,
    pub(super) body: Option<String>,
    /// The same, where it is not for the record.
    pub(super) text: Option<String>,
    /// The file that it was saved in, and the number of its part.
    pub(super) saved: Option<(String, u64)>,
    /// Why something that was asked for is not there.
    pub(super) unread: Option<String>,
    /// The bot wall that shows itself in the first bytes of the content.
    pub(super) wall: Option<&'static str>,
    /// Its media type, where the head was looked at and named one.
    pub(super) essence: Option<String>,
}

/// What takes the content of an answer. There is one for each request in flight, so what few of them need stands in a box.
pub(super) struct Content {
    wanted: Wanted,
    /// Where it comes from, where somebody parses it.
    url: Option<Box<Url>>,
    /// How it is parsed, where it is.
    options: Option<Options>,
    /// Content that nobody looks into is read all the same, for its size.
    all: bool,
    /// What plain text is, by its name.
    text: Option<&'static Format>,
    parse: Option<Box<dyn Parse>>,
    panicked: bool,
    essence: String,
    charset: Option<String>,
    hash: Option<Box<digest::Context>>,
    held: Option<Vec<u8>>,
    /// Into the beginning of what was read: no more than that is read where nobody else wants it.
    look: Option<Look>,
    /// No more than that was read.
    is_cut: bool,
    /// What is past the limit of the fetcher is left.
    may_be_cut: bool,
    /// For the formats that keep exchanges.
    captured: Option<Box<Captured>>,
    /// For a file of its own.
    saving: Option<Box<Saving>>,
    /// It is to be stored, where somebody looks at it.
    keep: bool,
    kept: Option<Vec<u8>>,
    /// Its digest, where it is known without the content.
    known: Option<String>,
}

/// The content of an exchange, for the formats that keep it.
#[derive(Default)]
pub(super) struct Captured {
    pub(super) coded: Option<Spool>,
    pub(super) decoded: Option<Spool>,
}

impl Content {
    /// Nobody looks into it: it is read to its end, so that size and truncation are known.
    pub(super) fn counted() -> Self {
        Self::of(None, true, Wanted::default())
    }

    /// What is asked for is taken out of it, and the rest is counted.
    pub(super) fn wanted(wanted: Wanted) -> Self {
        let parsed = wanted.title || wanted.links;
        let options = parsed.then(Options::default);
        Self::of(options, true, wanted)
    }

    /// It is parsed, if there is a parser for it. `all`: read content also when there is none.
    pub(super) fn parsed(options: Options, all: bool, wanted: Wanted) -> Self {
        Self::of(Some(options), all, wanted)
    }

    /// Servers call many a format plain text: `README.md` is Markdown all the same.
    pub(super) fn of_name(mut self, url: &Url) -> Self {
        let format = parser::for_path(Path::new(url.path()));
        self.text = format.filter(|format| format.name != "html");
        self
    }

    /// Of a page that is larger than the limit of the fetcher, what is within counts; nothing is stored or kept of it.
    pub(super) fn within_the_limit(mut self) -> Self {
        self.may_be_cut = true;
        self
    }

    fn of(options: Option<Options>, all: bool, wanted: Wanted) -> Self {
        let options = options.map(|options| Options {
            labels: wanted.links,
            words: wanted.duplicates,
            ..options
        });
        Self {
            wanted,
            url: None,
            options,
            all,
            text: None,
            parse: None,
            panicked: false,
            essence: String::new(),
            charset: None,
            hash: None,
            held: None,
            look: None,
            is_cut: false,
            may_be_cut: false,
            captured: None,
            saving: None,
            keep: false,
            kept: None,
            known: None,
        }
    }
}

impl Content {
    /// Says where it comes from; without that it is not parsed.
    pub(super) fn comes_from(&mut self, url: &Url) {
        if self.options.is_some() {
            self.url = Some(Box::new(url.clone()));
        }
    }

    /// The content as far as it is to be kept and was read. Where that was `cut`, it is not what the server sent.
    pub(super) fn captured(&mut self, cut: bool) -> Captured {
        let captured = self.captured.take().filter(|_| !cut);
        captured.map(|captured| *captured).unwrap_or_default()
    }

    /// It is saved as well.
    pub(super) fn save(&mut self, saving: Saving) {
        self.saving = Some(Box::new(saving));
    }

    pub(super) fn saving(&mut self) -> Option<&mut Saving> {
        self.saving.as_deref_mut()
    }

    /// Does anybody but the file look at it?
    fn is_read(&self) -> bool {
        self.is_looked_into() || self.hash.is_some()
    }

    /// Does anybody need the content itself, and not only its digest?
    fn is_looked_into(&self) -> bool {
        let captured = self.captured.as_ref();
        let decoded = captured.is_some_and(|captured| captured.decoded.is_some());
        self.parse.is_some() || self.held.is_some() || decoded
    }

    /// It is to be stored.
    pub(super) fn keep(&mut self) {
        self.keep = true;
        // A later run knows its file by it.
        self.wanted.digest |= self.saving.is_some();
    }

    /// Would an answer that is stored do for everything that is asked of it?
    pub(super) fn is_served_by(&mut self, stored: &Stored) -> bool {
        let want = self.head(StatusCode::OK, &stored.fields);
        let saved = self.saving.as_deref().is_some_and(Saving::is_taken);
        let needed = want == Want::Content && (self.is_looked_into() || saved);
        let digest = self.hash.is_none() || stored.sha256.is_some();
        stored.content.is_some() || !needed && digest
    }

    /// Does only the file need the content, and is that there, as it was stored? Asked after
    /// [`is_served_by`](Self::is_served_by).
    pub(super) async fn is_saved(&self, stored: &Stored) -> bool {
        let saving = self.saving.as_ref().filter(|saving| saving.is_taken());
        let (Some(saving), Some(digest), false) = (saving, &stored.sha256, self.is_looked_into())
        else {
            return false;
        };
        let (path, size, digest) = (saving.path().to_owned(), stored.size, digest.clone());
        let same = tokio::task::spawn_blocking(move || saving::is_same(&path, size, &digest));
        same.await.unwrap_or(false)
    }

    /// Takes a stored answer as if it came.
    pub(super) async fn give(&mut self, fields: &HeaderMap, stored: &Stored) {
        self.keep = false;
        let want = self.head(StatusCode::OK, fields);
        let Some(content) = stored.content.as_deref().filter(|_| want == Want::Content) else {
            self.known = self.hash.take().and_then(|_| stored.sha256.clone());
            if let Some(saving) = &mut self.saving {
                saving.stays();
            }
            return;
        };
        for piece in content.chunks(MUCH) {
            if let Some(room) = self.room() {
                room.await;
            }
            self.chunk(piece);
            tokio::task::yield_now().await;
        }
    }

    /// The digest of what has come, where it is made.
    pub(super) fn digest(&self) -> Option<String> {
        let hash = self.hash.as_deref()?.clone();
        Some(HEXLOWER.encode(hash.finish().as_ref()))
    }

    /// The content, where it is to be stored.
    pub(super) fn kept(&mut self) -> Option<Vec<u8>> {
        self.kept.take()
    }

    /// Has it come, and has nobody looked to its end?
    pub(super) fn is_unread(&self) -> bool {
        self.parse.is_some() || self.held.is_some()
    }

    /// What there is to say of it without a look into it, and the end that it makes.
    pub(super) fn close(&mut self, end: End) -> (End, Found) {
        let mut found = Found {
            wall: self.look.take().and_then(|look| look.told()),
            ..Found::default()
        };
        let End::Answer(mut exchange) = end else {
            // What had come before the failure is worth nothing.
            return (end, found);
        };
        found.saved = self.saving.take().and_then(|saving| saving.saved());
        if self.panicked {
            return (End::Failure(internal(), Some(exchange)), found);
        }
        if self.is_cut || exchange.cut {
            // Nobody knows how much there is.
            exchange.size = None;
        }
        found.shown = self.wanted.hash;
        // Who goes on with the content asks for it too.
        let essence = if self.is_unread() {
            self.essence.clone()
        } else {
            std::mem::take(&mut self.essence)
        };
        found.essence = Some(essence).filter(|essence| !essence.is_empty());
        let hash = self.hash.take();
        found.sha256 = hash
            .map(|hash| HEXLOWER.encode(hash.finish().as_ref()))
            .or_else(|| self.known.take());
        (End::Answer(exchange), found)
    }

    /// Gives the beginning, which is there already, to whoever looks at the content.
    async fn replay(&mut self, path: PathBuf, length: u64) {
        let mut at = 0;
        while at < length {
            let (path, most) = (path.clone(), (length - at).min(MUCH as u64));
            let read = tokio::task::spawn_blocking(move || saving::part(&path, at, most)).await;
            let Ok(Ok(bytes)) = read else {
                if let Some(saving) = &mut self.saving {
                    saving.lose();
                }
                return;
            };
            self.take(&bytes);
            at += bytes.len() as u64;
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        // The parser is not used again after a panic, so it does not matter what it left behind.
        if let Some(parse) = &mut self.parse
            && catch_unwind(AssertUnwindSafe(|| parse.write(bytes))).is_err()
        {
            self.parse = None;
            self.panicked = true;
        }
        if let Some(captured) = &mut self.captured
            && let Some(decoded) = &mut captured.decoded
        {
            decoded.push(bytes);
        }
        if let Some(hash) = &mut self.hash {
            hash.update(bytes);
        }
        if let Some(held) = &mut self.held {
            held.extend_from_slice(bytes);
        }
        if let Some(kept) = &mut self.kept {
            if kept.len() + bytes.len() > LARGEST {
                self.kept = None;
            } else {
                kept.extend_from_slice(bytes);
            }
        }
    }

    fn wants(&mut self, status: StatusCode, fields: &HeaderMap) -> Want {
        // What stands beside a redirect is for those who cannot follow it.
        if status.is_redirection() {
            self.essence.clear();
            return Want::Nothing;
        }
        let value = fields
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let mut parts = value.split(';');
        self.essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let unwanted = |types: &Arc<MediaTypes>| !types.contain(&self.essence);
        if self.wanted.types.as_ref().is_some_and(unwanted) {
            return Want::Nothing;
        }
        self.charset = parts.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("charset")
                .then(|| value.trim().trim_matches('"').to_owned())
        });
        if let (Some(options), Some(url)) = (&mut self.options, &self.url)
            && status.is_success()
        {
            options.charset.clone_from(&self.charset);
            let text = self.text.filter(|_| self.essence == "text/plain");
            let named = text.and_then(|format| format.media_types.first().copied());
            let essence = named.unwrap_or(&self.essence);
            let open = || self.wanted.parsers.open(essence, url, options);
            let opened = catch_unwind(AssertUnwindSafe(open));
            self.panicked = opened.is_err();
            self.parse = opened.unwrap_or_default();
        }
        if self.wanted.hash || self.wanted.digest || self.wanted.duplicates {
            self.hash = Some(Box::new(digest::Context::new(&digest::SHA256)));
        }
        let extracted = self.wanted.extraction.is_some() && status.is_success();
        let held = self.wanted.body || self.wanted.text || extracted;
        self.held = held.then(Vec::new);
        if self.parse.is_some() || self.all || held || self.hash.is_some() {
            if self.may_be_cut {
                Want::Allowed
            } else {
                Want::Content
            }
        } else if wall::may_stand_in(status) {
            Want::Beginning(wall::BEGINNING as u64)
        } else {
            Want::Nothing
        }
    }
}

impl Receiver for Content {
    fn head(&mut self, status: StatusCode, fields: &HeaderMap) -> Want {
        let saving = self.saving.as_mut();
        let rest = saving.is_some_and(|saving| saving.head(status, fields));
        let whole = self.saving.as_ref().filter(|_| rest);
        let whole = whole.map(|saving| saving.whole(fields));
        let status = if rest { StatusCode::OK } else { status };
        let want = self.wants(status, whole.as_ref().unwrap_or(fields));
        if let Some(saving) = self.saving.as_mut().filter(|_| want != Want::Content) {
            saving.refuse();
        }
        self.look = Some(Look::at(status));
        self.is_cut = matches!(want, Want::Beginning(_));
        // A retry begins anew.
        let captures = self.wanted.captures;
        let decoded = captures.decoded && status.is_success();
        let whole = matches!(want, Want::Content | Want::Allowed);
        let kept = (captures.coded || decoded) && whole;
        self.captured = kept.then(|| {
            Box::new(Captured {
                coded: captures.coded.then(Spool::default),
                decoded: decoded.then(Spool::default),
            })
        });
        let saved = self.saving.as_deref().is_some_and(Saving::is_taken);
        let needed = want == Want::Content && (self.is_looked_into() || saved);
        self.kept = (self.keep && needed).then(Vec::new);
        want
    }

    fn coded(&mut self, bytes: &[u8]) {
        if let Some(captured) = &mut self.captured
            && let Some(coded) = &mut captured.coded
        {
            coded.push(bytes);
        }
    }

    fn chunk(&mut self, bytes: &[u8]) {
        if let Some(look) = &mut self.look {
            look.take(bytes);
        }
        self.take(bytes);
        if let Some(saving) = &mut self.saving {
            saving.push(bytes);
        }
    }

    fn room(&mut self) -> Option<LocalBoxFuture<'_, ()>> {
        let unread = self.saving.as_mut()?.unread();
        match unread {
            Some((path, length)) if self.is_read() => Some(Box::pin(self.replay(path, length))),
            _ => self.saving.as_mut()?.room(),
        }
    }

    fn before(&self) -> u64 {
        self.saving.as_deref().map_or(0, Saving::before)
    }

    fn is_list(&self) -> bool {
        self.parse.as_ref().is_some_and(|parse| parse.is_list())
    }
}

/// What was found in the content at `url`, and the end that it makes: a parser that panicked has read nothing.
pub(super) async fn read(mut content: Content, url: &Url, end: End) -> (End, Found) {
    let (end, mut found) = content.close(end);
    let End::Answer(exchange) = end else {
        return (end, found);
    };
    let Content {
        wanted,
        parse,
        essence,
        charset,
        held,
        ..
    } = content;
    if let Some(parse) = parse {
        let much = parse.held() > MUCH;
        let Some(mut document) = apart(much, move || parse.finish()).await else {
            return (End::Failure(internal(), Some(exchange)), found);
        };
        if exchange.cut {
            const LARGE: Limit = Limit::too_large("the page is larger than --max-size");
            document.limited.get_or_insert(LARGE);
        }
        found.fields = std::mem::take(&mut document.fields);
        if wanted.links {
            let url = url.clone();
            let much = document.links.len() > 1000;
            let listed = apart(much, move || {
                let links = outlinks(&url, &document);
                (document, links)
            });
            let Some((back, links)) = listed.await else {
                return (End::Failure(internal(), Some(exchange)), found);
            };
            document = back;
            found.links = Some(links);
        }
        found.document = Some(Box::new(document));
    }
    if let Some(content) = held {
        let extraction = wanted.extraction.filter(|rules| !rules.skips(url));
        let much = extraction.is_some() && content.len() > MUCH_OF_A_TREE || content.len() > MUCH;
        let url = url.clone();
        let read = move || {
            let page = Page {
                url: &url,
                essence: &essence,
                charset: charset.as_deref(),
                content: &content,
            };
            let fields = extraction.map(|extraction| extraction.read(&page));
            let body = (wanted.body || wanted.text).then(|| text_of(&page).0);
            (fields, body)
        };
        let Some((fields, body)) = apart(much, read).await else {
            return (End::Failure(internal(), Some(exchange)), found);
        };
        match fields {
            Some(Ok(fields)) => found.fields.extend(fields),
            Some(Err(reason)) => found.unread = Some(reason),
            None => {}
        }
        if wanted.body {
            found.body = body;
        } else {
            found.text = body;
        }
    }
    (End::Answer(exchange), found)
}

/// The links of a page as its record names them.
fn outlinks(url: &Url, document: &Document) -> Vec<Outlink> {
    let base = base_url(url, document);
    let links = document.links.noted();
    links
        .map(|(link, text)| Outlink {
            url: base.join(link.reference).map_or_else(
                |_| link.reference.to_owned(),
                |url| without_secrets(&url).into_owned(),
            ),
            kind: link.kind,
            text: text.map(str::to_owned),
            nofollow: link.nofollow,
        })
        .collect()
}

/// Does `work` here or, when it is `much`, on a thread; `None` when it panicked.
pub(super) fn apart<T: Send + 'static>(
    much: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = Option<T>> {
    if much {
        Either::Left(tokio::task::spawn_blocking(work).map(Result::ok))
    } else {
        Either::Right(ready(catch_unwind(AssertUnwindSafe(work)).ok()))
    }
}

/// A fault of our own.
pub(super) fn internal() -> Failure {
    Failure::new(
        FailureKind::Internal,
        "its parser failed, which is a fault of this program; please report it with the page",
    )
}

#[cfg(test)]
#[path = "content_tests.rs"]
mod tests;
