//! Floor 2: content → document. A parser is fed as the content arrives, never fails (bad input yields less,
//! with a reason) and never recurses without bound.
//!
//! To add one: `src/parser/NAME.rs` with `pub(super) const FORMAT: Format` and its `impl Parse`; here
//! `mod NAME;` and its row in [`PARSERS`]. Crawl, check and the tests of all parsers read the table.
//!
//! | file | parses |
//! | --- | --- |
//! | `html` | HTML: links, anchors, title, robots; on a tokenizer of our own |
//! | `css` | CSS: `url()` and `@import` |
//! | `jsonld` | JSON-LD: where the things are that it speaks of |
//! | `markdown` | CommonMark and GitHub's Markdown |
//! | `autolink` | URLs in it that stand as they are |
//! | `heading` | the anchors of its headings |
//! | `mdx` | Markdown with JSX in it |
//! | `rst` | reStructuredText |
//! | `asciidoc` | AsciiDoc |
//! | `sitemap` | sitemaps and feeds, in XML; with `unpack` (gzip as it arrives) |
//! | `seen` | which text of Markdown a reader sees |
//! | `text` | plain text: the URLs in it |
//! | `encoding` | bytes → text |
//! | [`extract`] | named values that the user asks for |
//! | `sketch` | the words of a document as 128 bits, for comparing |
//! | `position` | byte offsets → lines and columns |
//! | [`fragment`] | does a document have that anchor |
//! | [`directive`] | does it have that text |
//! | [`ignore`] | comments that say which links are not to be judged |
//! | [`relink`] | a document with its links changed |
//! | [`amend`] | some links of a document written anew |

pub mod amend;
mod asciidoc;
mod autolink;
mod css;
pub mod directive;
mod encoding;
pub mod extract;
#[cfg(test)]
mod fixtures;
pub mod fragment;
mod heading;
mod html;
pub mod ignore;
mod jsonld;
mod markdown;
mod mdx;
mod position;
pub mod relink;
mod rst;
mod seen;
mod sitemap;
mod sketch;
mod text;
mod unpack;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use url::Url;

use crate::model::Document;

/// What to look for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The `charset` parameter of the content's type, if the transport named one.
    pub charset: Option<String>,
    /// Links in code blocks and code spans of Markdown too.
    pub verbatim: bool,
    /// Names of pages in double brackets are links.
    pub wikilinks: bool,
    /// Keep the hashes of anchors.
    pub anchors: bool,
    /// Keep their names too.
    pub names: bool,
    /// Keep the text of links too.
    pub labels: bool,
    /// Make a sketch of the words.
    pub words: bool,
    /// Keep the text that a reader sees.
    pub text: bool,
    /// Look for comments that say which links are not to be judged.
    pub comments: bool,
}

/// Takes content chunk by chunk and gives what it found. It can be moved to another thread, because some
/// parsers do their work at the end.
pub trait Parse: Send {
    /// The next bytes of the content; chunks may be cut anywhere, also inside a character.
    fn write(&mut self, chunk: &[u8]);
    /// Bytes that are held, to be read at the end.
    fn held(&self) -> usize {
        0
    }
    /// May it be a list of URLs, as far as it has come? Such a list may be longer than a page.
    fn is_list(&self) -> bool {
        false
    }
    /// The end of the content.
    fn finish(self: Box<Self>) -> Document;
}

/// A row of the table.
#[derive(Debug)]
pub struct Format {
    /// For messages.
    pub name: &'static str,
    /// Media types, lower case, without parameters.
    pub media_types: &'static [&'static str],
    /// File extensions, lower case.
    pub extensions: &'static [&'static str],
    /// Begins a document, without a look at its comments.
    pub open: fn(&Options) -> Box<dyn Parse>,
}

impl Format {
    /// Begins a document, and looks for comments in it where `options` ask for these.
    #[must_use]
    pub fn begin(&'static self, options: &Options) -> Box<dyn Parse> {
        let parse = (self.open)(options);
        if options.comments {
            Box::new(ignore::Watched::new(parse, self))
        } else {
            parse
        }
    }
}

/// Every parser there is.
pub const PARSERS: &[Format] = &[
    html::FORMAT,
    markdown::FORMAT,
    mdx::FORMAT,
    rst::FORMAT,
    asciidoc::FORMAT,
    css::FORMAT,
    jsonld::FORMAT,
    sitemap::FORMAT,
    text::FORMAT,
];

/// The parser for content of that media type.
#[must_use]
pub fn for_media_type(essence: &str) -> Option<&'static Format> {
    PARSERS
        .iter()
        .find(|format| format.media_types.contains(&essence))
}

/// The parsers of a run: those of [`PARSERS`], and before them those that the library's user brings. Cheap to clone.
#[derive(Clone, Default)]
pub struct Parsers {
    own: Arc<HashMap<String, Arc<OpenOwn>>>,
}

/// Begins a document of the content at a URL.
type OpenOwn = dyn Fn(&Url, &Options) -> Box<dyn Parse> + Send + Sync;

impl Parsers {
    /// The same, and `open` for content of `media_type` (without parameters), also where there is a parser for it.
    ///
    /// Links may be relative: they are resolved against the document's `base` or its URL.
    #[must_use]
    pub fn with(
        mut self,
        media_type: &str,
        open: impl Fn(&Url, &Options) -> Box<dyn Parse> + Send + Sync + 'static,
    ) -> Self {
        Arc::make_mut(&mut self.own).insert(media_type.to_ascii_lowercase(), Arc::new(open));
        self
    }

    /// Begins a document of that media type, lower case, if there is a parser for it.
    #[must_use]
    pub fn open(&self, essence: &str, url: &Url, options: &Options) -> Option<Box<dyn Parse>> {
        match self.own.get(essence) {
            Some(open) => Some(open(url, options)),
            None => for_media_type(essence).map(|format| format.begin(options)),
        }
    }
}

impl fmt::Debug for Parsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.own.keys()).finish()
    }
}

/// The parser for files with that extension, lower case.
#[must_use]
pub fn for_extension(extension: &str) -> Option<&'static Format> {
    PARSERS
        .iter()
        .find(|format| format.extensions.contains(&extension))
}

/// The parser for the file at `path`, by its name; `.gz` behind another extension is a packed file of that kind.
#[must_use]
pub fn for_path(path: &Path) -> Option<&'static Format> {
    let extension = |path: &Path| Some(path.extension()?.to_string_lossy().to_ascii_lowercase());
    let last = extension(path)?;
    if last == "gz" {
        let inner = extension(Path::new(path.file_stem()?))?;
        let unpacks = |format: &&Format| format.media_types.contains(&"application/gzip");
        return for_extension(&inner).filter(unpacks);
    }
    for_extension(&last)
}

/// A `data:` URL holds what it names, maybe megabytes of it: its beginning is enough to say where it stands. Any
/// other reference is left as it is.
fn inline(reference: &str) -> &str {
    const SHOWN: usize = 64;
    let data = reference
        .get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"));
    if data && reference.len() > SHOWN {
        let end = (0..=SHOWN).rev().find(|at| reference.is_char_boundary(*at));
        &reference[..end.unwrap_or(0)]
    } else {
        reference
    }
}

/// What is found in `text` of that format, for the tests of parsers.
#[cfg(test)]
fn document(format: &Format, text: &str) -> Document {
    let mut parse = (format.open)(&Options {
        anchors: true,
        ..Options::default()
    });
    parse.write(text.as_bytes());
    parse.finish()
}

/// Its links alone, each with its line and column.
#[cfg(test)]
fn links(format: &Format, text: &str) -> Vec<(String, u32, u32)> {
    let document = document(format, text);
    let links = document.links.iter();
    let links = links.map(|link| (link.reference.to_owned(), link.line, link.column));
    links.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a parser found, in a form that can be compared.
    fn found(format: &Format, chunks: &[&[u8]]) -> String {
        let mut parse = (format.open)(&Options {
            anchors: true,
            names: true,
            text: true,
            ..Options::default()
        });
        for chunk in chunks {
            parse.write(chunk);
        }
        let document = parse.finish();
        let links: Vec<_> = document.links.iter().collect();
        format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            document.title,
            document.base,
            links,
            document.anchors,
            document.names,
            document.text,
            document.charset
        )
    }

    /// Bytes that look like documents often enough.
    fn content() -> impl Strategy<Value = Vec<u8>> {
        let pieces = prop_oneof![
            4 => prop::sample::select(vec![
                "<a href=\"x&amp;y\">", "<a href='é'>", "<a href=z ", "id=i>", "</a>", "\n", "<!--", "-->", "<script>", "</script>",
                "<style>@import 'a.css';", "url(b.png)", "</style>", "<noscript><img src=n.png>", "</noscript>", "<title>t",
                "</title>", "<base href=/b/>", "# head\n", "[l](u.md)", "<p>É&eacute;", "&am", "p; ", "<br>", "<template>", "</template>", "```\n", "http://h.test/x", "<meta charset=latin1>",
                "<img srcset='a 1x, b 2x'>", "/*", "*/", "<script type=application/ld+json>",
                "{\"url\":\"/u\",", "<iframe srcdoc=\"<a href='n'>&amp;", "ü", "日本", "\0", "<", ">", "\"", "'",
            ]).prop_map(|text| text.as_bytes().to_vec()),
            1 => proptest::collection::vec(any::<u8>(), 0..6),
        ];
        proptest::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat())
    }

    #[test]
    fn what_never_ends_costs_no_more_than_what_does() {
        let begins = [
            "{",
            "<a ",
            "`",
            "``",
            "<a b={",
            "<a b=\"",
            "{'",
            "\n{`",
            "<!--",
            "<></",
            "[",
            "[[",
            "[a#",
            "<<",
            "+++",
            "link:",
            "link:a[",
            "|",
            "_`",
            "http://",
            ".. _a: ",
            "`a <",
            "\\",
            "::\n",
            "((",
            "![",
            "image::a[link=",
            "[id=",
            "<iframe srcdoc='",
            "<iframe srcdoc='<iframe srcdoc=&#39;",
            "{\"url\":",
            "\"\\",
            "{<a b={",
            "{<a/>",
            "<h1>",
            "(www.a",
            "http://a/&b;",
            "&b;",
            "pass:[",
            "[[[",
        ];
        for format in PARSERS {
            for begin in begins {
                // Quadratic, each of these would take minutes.
                found(format, &[begin.repeat(30_000).as_bytes()]);
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_chunks_are_one_document(content in content(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..4)) {
            for format in PARSERS {
                let whole = found(format, &[&content]);
                let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(content.len() + 1)).collect();
                at.sort_unstable();
                at.insert(0, 0);
                at.push(content.len());
                let chunks: Vec<&[u8]> = at.windows(2).map(|pair| &content[pair[0]..pair[1]]).collect();
                prop_assert_eq!(found(format, &chunks), whole, "{}", format.name);
            }
        }
    }
}
