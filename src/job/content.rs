//! Content as it arrives, into the parser that its type asks for: no page is held in memory for its links.
//!
//! What was asked for beyond that (`Wanted`) may need all of the content; then it is held until its end and no longer.
//! What a parser does at the end, and what a page with very many links asks for, is done on a thread of its own
//! when it is much: the loop must not stand still for one page. A parser that panics is a fault of ours; it costs
//! its page, which is then a record of kind `internal`, and nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use http::{HeaderMap, StatusCode, header};
use ring::digest;
use serde_json::{Map, Value};
use url::Url;

use super::crawl::base_url;
use super::pipeline::End;
use crate::fetcher::{Receiver, Want};
use crate::model::{Document, Failure, FailureKind, Outlink, without_secrets};
use crate::parser::extract::{Extraction, Page, text_of};
use crate::parser::{self, Format, Options, Parse, Parsers};
use crate::policy::media::MediaTypes;
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
    pub(super) document: Option<Document>,
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
    /// Why something that was asked for is not there.
    pub(super) unread: Option<String>,
}

/// What takes the content of an answer.
pub(super) struct Content {
    wanted: Wanted,
    /// Where it comes from.
    url: Option<Url>,
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
    hash: Option<digest::Context>,
    held: Option<Vec<u8>>,
    /// For the formats that keep exchanges.
    captured: Captured,
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
            captured: Captured::default(),
        }
    }
}

impl Content {
    /// Says where it comes from; without that it is not parsed.
    pub(super) fn comes_from(&mut self, url: &Url) {
        self.url = Some(url.clone());
    }

    /// The content as far as it is to be kept and was read.
    pub(super) fn captured(&mut self) -> Captured {
        std::mem::take(&mut self.captured)
    }

    fn wants(&mut self, status: StatusCode, fields: &HeaderMap) -> Want {
        // What stands beside a redirect is for those who cannot follow it.
        if status.is_redirection() {
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
            self.hash = Some(digest::Context::new(&digest::SHA256));
        }
        let extracted = self.wanted.extraction.is_some() && status.is_success();
        let held = self.wanted.body || self.wanted.text || extracted;
        self.held = held.then(Vec::new);
        if self.parse.is_some() || self.all || held || self.hash.is_some() {
            Want::Content
        } else {
            Want::Nothing
        }
    }
}

impl Receiver for Content {
    fn head(&mut self, status: StatusCode, fields: &HeaderMap) -> Want {
        let want = self.wants(status, fields);
        // A retry begins anew.
        let captures = self.wanted.captures;
        let kept = |kept: bool| (kept && want == Want::Content).then(Spool::default);
        self.captured = Captured {
            coded: kept(captures.coded),
            decoded: kept(captures.decoded && status.is_success()),
        };
        want
    }

    fn coded(&mut self, bytes: &[u8]) {
        if let Some(captured) = &mut self.captured.coded {
            captured.push(bytes);
        }
    }

    fn chunk(&mut self, bytes: &[u8]) {
        // The parser is not used again after a panic, so it does not matter what it left behind.
        if let Some(parse) = &mut self.parse
            && catch_unwind(AssertUnwindSafe(|| parse.write(bytes))).is_err()
        {
            self.parse = None;
            self.panicked = true;
        }
        if let Some(captured) = &mut self.captured.decoded {
            captured.push(bytes);
        }
        if let Some(hash) = &mut self.hash {
            hash.update(bytes);
        }
        if let Some(held) = &mut self.held {
            held.extend_from_slice(bytes);
        }
    }

    fn is_list(&self) -> bool {
        self.parse.as_ref().is_some_and(|parse| parse.is_list())
    }
}

/// What was found in the content at `url`, and the end that it makes: a parser that panicked has read nothing.
pub(super) async fn read(content: Content, url: &Url, end: End) -> (End, Found) {
    let mut found = Found::default();
    let Content {
        wanted,
        parse,
        panicked,
        essence,
        charset,
        hash,
        held,
        ..
    } = content;
    let End::Answer(exchange) = end else {
        // What had come before the failure is worth nothing.
        return (end, found);
    };
    if panicked {
        return (End::Failure(internal(), Some(exchange)), found);
    }
    found.shown = wanted.hash;
    found.sha256 = hash.map(|hash| hexadecimal(hash.finish().as_ref()));
    if let Some(parse) = parse {
        let much = parse.held() > MUCH;
        let Some(mut document) = apart(much, move || parse.finish()).await else {
            return (End::Failure(internal(), Some(exchange)), found);
        };
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
        found.document = Some(document);
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
            url: base
                .join(link.reference)
                .map_or_else(|_| link.reference.to_owned(), |url| without_secrets(&url)),
            kind: link.kind,
            text: text.map(str::to_owned),
            nofollow: link.nofollow,
        })
        .collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Does `work` here or, when it is `much`, on a thread; `None` when it panicked.
pub(super) async fn apart<T: Send + 'static>(
    much: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    if much {
        tokio::task::spawn_blocking(work).await.ok()
    } else {
        catch_unwind(AssertUnwindSafe(work)).ok()
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
mod tests {
    use http::Version;

    use super::*;
    use crate::model::{Exchange, Timing};

    /// Panics at the first byte, or at the end.
    struct Panics {
        at_once: bool,
        held: usize,
    }

    impl Parse for Panics {
        fn write(&mut self, _: &[u8]) {
            assert!(!self.at_once, "injected");
        }

        fn held(&self) -> usize {
            self.held
        }

        fn finish(self: Box<Self>) -> Document {
            panic!("injected")
        }
    }

    #[tokio::test]
    async fn so_does_one_that_panics_before_it_reads() {
        let parsers = Parsers::default().with("text/Odd", |_, _| panic!("injected"));
        let wanted = Wanted {
            parsers,
            ..Wanted::default()
        };
        let mut content = Content::parsed(Options::default(), true, wanted);
        content.comes_from(&"http://h.test/".parse().expect("a URL"));
        let mut fields = HeaderMap::new();
        fields.insert(
            header::CONTENT_TYPE,
            "Text/ODD; x=y".parse().expect("a value"),
        );
        assert_eq!(content.head(StatusCode::OK, &fields), Want::Content);
        assert!(content.panicked, "it was asked for, and before any of ours");
    }

    #[tokio::test]
    async fn a_parser_that_panics_makes_one_internal_failure() {
        for (at_once, held) in [(true, 0), (false, 0), (false, MUCH + 1)] {
            let mut content = Content {
                parse: Some(Box::new(Panics { at_once, held })),
                ..Content::parsed(Options::default(), true, Wanted::default())
            };
            content.chunk(b"x");
            content.chunk(b"y");
            let exchange = Exchange {
                status: StatusCode::OK,
                version: Version::HTTP_11,
                fields: HeaderMap::new(),
                size: Some(2),
                remote: None,
                timing: Timing::default(),
            };
            let url = "http://h.test/".parse().expect("a URL");
            let (end, found) = read(content, &url, End::Answer(Box::new(exchange))).await;
            let End::Failure(failure, Some(exchange)) = end else {
                panic!("no failure");
            };
            assert_eq!(failure.kind, FailureKind::Internal);
            assert_eq!(exchange.size, Some(2), "what was learnt stays");
            assert!(found.document.is_none());
        }
    }
}
