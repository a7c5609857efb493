//! What a sitemap lists, how little of it is held meanwhile, and what hostile ones come to.

use std::io::Write as _;

use super::*;
use crate::model::FailureKind;

/// Parses `content` by chunks; also the most that was held.
fn read(content: &[u8], chunk: usize) -> (Document, usize) {
    let mut parse = (FORMAT.open)(&crate::parser::Options::default());
    let mut most = 0;
    for piece in content.chunks(chunk) {
        parse.write(piece);
        most = most.max(parse.held());
    }
    (parse.finish(), most)
}

fn found(content: &[u8], chunk: usize) -> Vec<String> {
    let links = read(content, chunk).0.links;
    links.iter().map(|link| link.reference.to_owned()).collect()
}

/// Why not all of it was read.
fn limit(content: &[u8]) -> Option<(FailureKind, &'static str)> {
    let limit = |chunk| read(content, chunk).0.limit();
    assert_eq!(limit(4096), limit(usize::MAX));
    limit(4096).map(|limit| (limit.kind, limit.reason))
}

fn packed(content: &[u8]) -> Vec<u8> {
    let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    coder.write_all(content).unwrap();
    coder.finish().unwrap()
}

/// A sitemap of so many URLs, each in more than a hundred bytes.
fn sitemap(urls: usize) -> String {
    let urls: String = (0..urls)
        .map(|n| {
            format!(
                "<url>\n  <loc>http://h.test/{n}?a=1&amp;b={n}</loc>\n  <lastmod>2026-01-02</lastmod>\n  <priority>0.8</priority>\n</url>\n"
            )
        })
        .collect();
    format!("\u{feff}<?xml version='1.0'?>\n<urlset xmlns='x'>\n{urls}</urlset>\n")
}

#[test]
fn no_copy_of_a_long_sitemap_is_held() {
    let content = sitemap(50_000);
    let bytes = content.as_bytes();
    for (bytes, room) in [(bytes.to_vec(), 1 << 10), (packed(bytes), 1 << 10)] {
        let (document, most) = read(&bytes, 1 << 10);
        assert_eq!(document.links.len(), 50_000);
        assert_eq!(document.limit(), None);
        assert!(most <= 4 * room, "{most} bytes of {}", bytes.len());
        let last = document.links.noted().last().unwrap();
        assert_eq!(last.0.reference, "http://h.test/49999?a=1&b=49999");
        assert_eq!(
            (last.0.line, last.0.column, last.1),
            (249_999, 8, Some("2026-01-02"))
        );
    }
}

#[test]
fn a_legal_sitemap_with_translations_is_not_cut() {
    let url: String = (0..9)
        .map(|n| format!("<x:link rel='alternate' hreflang='l{n}' href='/{n}'/>"))
        .collect();
    let content = format!(
        "<urlset>{}</urlset>",
        format!("<url><loc>/a</loc>{url}</url>").repeat(50_000)
    );
    let (document, _) = read(content.as_bytes(), 1 << 16);
    assert_eq!((document.links.len(), document.limit()), (500_000, None));
    let content = content.replace("</urlset>", "<url><loc>/b</loc></url></urlset>");
    let limit = read(content.as_bytes(), 1 << 16).0.limit().unwrap();
    assert_eq!(limit.reason, "it has more than 500,000 links");
}

#[test]
fn a_packed_text_sitemap_is_read_and_other_archives_are_not() {
    let text = "\n https://h.test/a \r\nhttps://h.test/b\nHTTP://h.test/c";
    for chunk in [1, 7, 100] {
        let (document, _) = read(&packed(text.as_bytes()), chunk);
        let links: Vec<_> = document.links.iter().collect();
        assert_eq!(links.len(), 3);
        assert_eq!(
            (links[0].kind, links[0].line, links[0].column),
            (LinkKind::Listed, 2, 2)
        );
    }
    let readme = "readme.txt\0\0\0 http://h.test/\n".repeat(100);
    assert!(found(&packed(readme.as_bytes()), 100).is_empty());
    assert_eq!(limit(&packed(readme.as_bytes())), None);
}

#[test]
fn it_is_known_early_that_something_is_no_list() {
    for (begin, list) in [
        ("<urlset>", true),
        ("<?xml version='1.0'?><feed>", true),
        ("<project><a>", false),
        ("{\"a\": 1}", false),
    ] {
        let content = format!("{begin}{}", "<b>x</b>".repeat(1000));
        for content in [content.clone().into_bytes(), packed(content.as_bytes())] {
            let mut parse = (FORMAT.open)(&crate::parser::Options::default());
            assert!(parse.is_list(), "nobody knows yet");
            parse.write(&content);
            assert_eq!(parse.is_list(), list, "{begin}");
        }
    }
}

#[test]
fn hostile_markup_yields_less_and_says_why() {
    let broken = Some((
        FailureKind::Decode,
        "its markup is broken or ends too early",
    ));
    let large = Some((FailureKind::TooLarge, "a tag or a comment is too large"));
    let url = "<url><loc>http://h.test/a</loc></url>";
    let deep = "<a>".repeat(100_000);
    let deeper = Some((
        FailureKind::TooLarge,
        "its elements are nested deeper than 4,096",
    ));
    let attributes = " a='1'".repeat(400_000);
    let comment = "x".repeat(2 << 20);
    let entities: String = (0..1000)
        .map(|n| format!("<!ENTITY e{n} '&e{};&e{};'>", n + 1, n + 1))
        .collect();
    for (content, limited, links) in [
        (format!("<urlset>{url}<url"), broken, 1),
        (format!("<urlset>{url}<!x>{url}</urlset>"), broken, 1),
        (format!("<urlset>{url}{deep}"), deeper, 1),
        (format!("<urlset>{url}<url{attributes}>{url}"), large, 1),
        (format!("<urlset>{url}<!--{comment}-->{url}"), large, 1),
        (format!("<urlset>{url}<!--{comment}"), large, 1),
        (
            format!(
                "<!DOCTYPE urlset [{entities}]><urlset><url><loc>&e0;</loc></url>{url}</urlset>"
            ),
            None,
            1,
        ),
        (
            format!("<urlset>{url}<url><loc>http://h.test/?a&b=1&c</loc></url></urlset>"),
            None,
            2,
        ),
        (
            format!("<urlset>{url}</url></b></a>{url}</urlset> junk <"),
            None,
            2,
        ),
        (format!("<project>{url}<"), None, 0),
    ] {
        let shown: String = content.chars().take(60).collect();
        assert_eq!(limit(content.as_bytes()), limited, "{shown}");
        let (document, most) = read(content.as_bytes(), 4096);
        assert_eq!(document.links.len(), links, "{shown}");
        assert!(most <= MARKUP + 4096, "{shown}: {most} bytes are held");
    }
    // A text that never ends is not held either; its beginning shows that it is no URL for anybody.
    let endless = format!(
        "<urlset><url><loc>http://h.test/{}</loc></url></urlset>",
        "x".repeat(1 << 20)
    );
    let (document, most) = read(endless.as_bytes(), 4096);
    assert_eq!(document.links.iter().next().unwrap().reference.len(), VALUE);
    assert!(most < VALUE + 8192, "{most}");
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
    let cut = &cut[..cut.len() / 2];
    let some = found(cut, 1 << 20).len();
    assert!((1..500).contains(&some), "{some}");
    let broken = "its gzip is broken or ends too early";
    assert_eq!(limit(cut), Some((FailureKind::Decode, broken)));
    // One that came to its end before the cut is whole.
    let whole = packed(sitemap.as_bytes());
    assert_eq!(limit(&whole[..whole.len() - 4]), None);

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
    let (document, _) = read(&bomb, 1 << 20);
    assert!(document.links.is_empty());
    let reason = "it unpacks to more than 50 MiB";
    assert_eq!(document.limit(), Some(Limit::too_large(reason)));
}
