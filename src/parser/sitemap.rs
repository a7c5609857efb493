//! XML whose elements are links: sitemaps and their indexes (sitemaps.org), RSS and Atom. Gzip is undone here, because
//! `sitemap.xml.gz` is a file of that kind and no content coding.
//!
//! Any other XML is no list of links, and yields none. Entities of a DTD are never expanded and nothing it names is
//! loaded. What stands behind a fault of the markup is not read. Absent: `changefreq` and `priority`, which nobody heeds.

use std::io::Read as _;

use quick_xml::Reader;
use quick_xml::escape::{resolve_predefined_entity, unescape};
use quick_xml::events::{BytesStart, Event};

use super::encoding::{Declared, Text};
use super::position::count;
use super::{Format, Parse};
use crate::model::{Document, Link, LinkKind};

pub(super) const FORMAT: Format = Format {
    name: "sitemap",
    media_types: &[
        "application/xml",
        "text/xml",
        "application/rss+xml",
        "application/atom+xml",
        "application/gzip",
        "application/x-gzip",
    ],
    extensions: &["xml", "rss", "atom"],
    open: |options| {
        Box::new(Sitemap {
            charset: options.charset.clone(),
            all: Vec::new(),
            other: false,
        })
    },
};

/// The most that a gzip member may unpack to: the limit of a sitemap, 50 MB.
const UNPACKED: u64 = 50 << 20;

/// The first bytes of gzip (RFC 1952, section 2.3.1).
const GZIP: &[u8] = &[0x1F, 0x8B];

struct Sitemap {
    charset: Option<String>,
    all: Vec<u8>,
    /// An archive that is no XML is not held.
    other: bool,
}

impl Parse for Sitemap {
    fn write(&mut self, chunk: &[u8]) {
        if self.other {
            return;
        }
        let unknown = self.all.len() < SNIFFED;
        self.all.extend_from_slice(chunk);
        if unknown && self.all.len() >= SNIFFED {
            let begin = beginning(&self.all);
            if !begin.is_some_and(|begin| begin.trim_ascii_start().starts_with(b"<")) {
                self.other = true;
                self.all = Vec::new();
            }
        }
    }

    fn held(&self) -> usize {
        // A kilobyte of gzip can be a megabyte of text.
        let packed = self.all.starts_with(GZIP);
        self.all.len().saturating_mul(if packed { 100 } else { 1 })
    }

    fn finish(self: Box<Self>) -> Document {
        let mut unpacked = Vec::new();
        let bytes = if self.all.starts_with(GZIP) {
            let decoder = flate2::read::MultiGzDecoder::new(self.all.as_slice());
            // What was unpacked before a fault or the limit is read all the same.
            let _ = decoder.take(UNPACKED).read_to_end(&mut unpacked);
            &unpacked
        } else {
            &self.all
        };
        let mut text = Text::new(self.charset, Declared::ByConvention);
        let mut all = text.write(bytes).to_owned();
        let (rest, charset) = text.finish();
        all.push_str(rest);
        let mut document = Document {
            charset,
            ..Document::default()
        };
        read(&all, &mut document);
        document
    }
}

/// Bytes after which it is known whether this is XML.
const SNIFFED: usize = 1024;

/// The first bytes of the text, without a byte order mark.
fn beginning(all: &[u8]) -> Option<Vec<u8>> {
    let mut begin = all.to_vec();
    if all.starts_with(GZIP) {
        begin = vec![0; 64];
        let length = flate2::read::MultiGzDecoder::new(all)
            .read(&mut begin)
            .ok()?;
        begin.truncate(length);
    }
    // UTF-16 is text too, and its first characters have a zero byte.
    begin.retain(|byte| !matches!(byte, 0 | 0xEF | 0xBB | 0xBF | 0xFE | 0xFF));
    Some(begin)
}

/// An element, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tag {
    /// `urlset`, `sitemapindex`.
    Sitemap,
    /// `rss`, `feed`, `RDF`.
    Feed,
    /// `url`, `sitemap`: one that is listed.
    Entry,
    /// When it was changed last.
    Lastmod,
    /// A URL as its text: `loc`, and `link` in RSS.
    Url(LinkKind),
    Other,
}

fn read(all: &str, document: &mut Document) {
    let mut reader = Reader::from_str(all);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    let mut place = Place::default();
    let mut root = None;
    let mut open: Vec<Tag> = Vec::new();
    // The text of the innermost element, and where it begins.
    let mut value = String::new();
    let mut unknown = false;
    let mut begins = 0;
    // Of the entry that is open: its link, and its date, in whichever order they stand.
    let mut entry: (Option<usize>, String) = (None, String::new());
    loop {
        let before = position(&reader);
        let event = match reader.read_event() {
            Ok(Event::Eof) | Err(_) => return,
            Ok(event) => event,
        };
        match event {
            Event::Start(element) => {
                let tag = tag(&element, root);
                root = root.or(Some(tag));
                if root == Some(Tag::Other) {
                    return;
                }
                attributes(&element, before, all, &mut place, document);
                if tag == Tag::Entry {
                    entry = (None, String::new());
                }
                open.push(tag);
                value.clear();
                unknown = false;
                begins = position(&reader);
            }
            Event::Empty(element) if root.is_some() => {
                attributes(&element, before, all, &mut place, document);
            }
            Event::Text(text) => value.push_str(&text),
            Event::CData(text) => {
                if value.trim().is_empty() {
                    begins = before + "<![CDATA[".len();
                }
                value.push_str(&text);
            }
            Event::GeneralRef(name) => match name.resolve_char_ref() {
                Ok(Some(c)) => value.push(c),
                _ => match resolve_predefined_entity(&name) {
                    Some(text) => value.push_str(text),
                    // Its declaration was not read, so nobody knows which URL is meant.
                    None => unknown = true,
                },
            },
            Event::End(_) => {
                match open.pop() {
                    Some(Tag::Url(kind)) if !unknown => {
                        let lead = value.len() - value.trim_start().len();
                        if kind == LinkKind::Listed {
                            entry.0 = Some(document.links.len());
                        }
                        push(value.trim(), kind, begins + lead, all, &mut place, document);
                    }
                    Some(Tag::Lastmod) => entry.1 = value.trim().chars().take(40).collect(),
                    Some(Tag::Entry) => {
                        if let (Some(position), date) = &entry
                            && !date.is_empty()
                        {
                            document.links.note(*position, date);
                        }
                    }
                    _ => {}
                }
                value.clear();
                unknown = false;
            }
            _ => {}
        }
    }
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

/// What `element` is in a document whose first element is `root`.
fn tag(element: &BytesStart<'_>, root: Option<Tag>) -> Tag {
    let name = element.local_name();
    match (root, name.as_ref()) {
        (None, "urlset" | "sitemapindex") => Tag::Sitemap,
        (None, "rss" | "feed" | "RDF") => Tag::Feed,
        (Some(Tag::Sitemap), "loc") => match element.name().prefix() {
            Some(prefix) if prefix.as_ref() == "image" => Tag::Url(LinkKind::Media),
            _ => Tag::Url(LinkKind::Listed),
        },
        (Some(Tag::Sitemap), "url" | "sitemap") => Tag::Entry,
        (Some(Tag::Sitemap), "lastmod") => Tag::Lastmod,
        (Some(Tag::Sitemap), "content_loc" | "player_loc" | "thumbnail_loc") => {
            Tag::Url(LinkKind::Media)
        }
        (Some(Tag::Feed), "link" | "comments") => Tag::Url(LinkKind::Anchor),
        _ => Tag::Other,
    }
}

/// URLs that are attributes: `link href`, `enclosure url`, `content url`.
fn attributes(
    element: &BytesStart<'_>,
    from: usize,
    all: &str,
    place: &mut Place,
    document: &mut Document,
) {
    let (wanted, mut kind): (&str, _) = match element.local_name().as_ref() {
        "link" => ("href", LinkKind::Anchor),
        "enclosure" | "content" | "thumbnail" => ("url", LinkKind::Media),
        _ => return,
    };
    let mut reference = None;
    // Without the check for doubles, which is quadratic.
    for attribute in element.attributes().with_checks(false).flatten() {
        let text = unescape(&attribute.value).unwrap_or_default().into_owned();
        match attribute.key.as_ref() {
            "rel" if !text.trim().is_empty() && text.trim() != "alternate" => {
                kind = LinkKind::Relation;
            }
            key if key == wanted => reference = Some(text),
            _ => {}
        }
    }
    if let Some(reference) = reference {
        push(reference.trim(), kind, from, all, place, document);
    }
}

fn push(
    reference: &str,
    kind: LinkKind,
    offset: usize,
    all: &str,
    place: &mut Place,
    document: &mut Document,
) {
    if reference.is_empty() {
        return;
    }
    let (line, column) = place.at(offset.min(all.len()), all);
    document.links.push(Link {
        reference,
        kind,
        nofollow: false,
        line,
        column,
    });
}

/// Lines and columns, counted once from the beginning to the end.
struct Place {
    offset: usize,
    line: u32,
    column: u32,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            offset: 0,
            line: 1,
            column: 1,
        }
    }
}

impl Place {
    fn at(&mut self, offset: usize, all: &str) -> (u32, u32) {
        if offset > self.offset {
            let passed = &all.as_bytes()[self.offset..offset];
            (self.line, self.column) = count(passed, self.line, self.column);
            self.offset = offset;
        }
        (self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn found(content: &[u8], chunk: usize) -> Vec<String> {
        let mut parse = (FORMAT.open)(&crate::parser::Options::default());
        for piece in content.chunks(chunk) {
            parse.write(piece);
        }
        let links = parse.finish().links;
        links.iter().map(|link| link.reference.to_owned()).collect()
    }

    fn packed(content: &[u8]) -> Vec<u8> {
        let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        coder.write_all(content).unwrap();
        coder.finish().unwrap()
    }

    #[test]
    fn each_entry_keeps_its_date_and_no_other() {
        let text = "<urlset><url><lastmod> 2026-01-02 </lastmod><loc>http://h.test/a</loc></url>\
            <url><loc>http://h.test/b</loc></url><url><loc>http://h.test/c</loc><lastmod>2026-03-04T05:06:07Z</lastmod></url></urlset>";
        let mut parse = (FORMAT.open)(&crate::parser::Options::default());
        parse.write(text.as_bytes());
        let links = parse.finish().links;
        let dates: Vec<_> = links.noted().map(|(_, date)| date).collect();
        assert_eq!(
            dates,
            [Some("2026-01-02"), None, Some("2026-03-04T05:06:07Z")]
        );
    }

    #[test]
    fn a_packed_sitemap_is_one_and_another_archive_is_not_held() {
        let urls: String = (0..500)
            .map(|n| format!("<url><loc>http://h.test/{n}</loc></url>"))
            .collect();
        let sitemap = format!("\u{feff}<urlset>{urls}</urlset>");
        for chunk in [1, 100, 1 << 20] {
            assert_eq!(found(sitemap.as_bytes(), chunk).len(), 500);
            assert_eq!(found(&packed(sitemap.as_bytes()), chunk).len(), 500);
        }
        // What is left of a cut archive is read.
        let cut = packed(sitemap.as_bytes());
        let some = found(&cut[..cut.len() / 2], 1 << 20).len();
        assert!((1..500).contains(&some), "{some}");

        let mut parse = (FORMAT.open)(&crate::parser::Options::default());
        let mut random = 1_u64;
        let noise: Vec<u8> = (0..100_000)
            .map(|_| {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                random.to_be_bytes()[0]
            })
            .collect();
        for piece in packed(&noise).chunks(4096) {
            parse.write(piece);
            assert!(parse.held() <= 100 * 4096, "an archive is not held");
        }
        assert!(parse.finish().links.is_empty());
    }

    #[test]
    fn a_bomb_unpacks_to_its_limit_and_no_further() {
        let zeros = packed(&vec![b' '; 60 << 20]);
        let bomb = [
            packed(b"<urlset>"),
            zeros,
            packed(b"<url><loc>/x</loc></url>"),
        ]
        .concat();
        assert!(found(&bomb, 1 << 20).is_empty());
    }
}
