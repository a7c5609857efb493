//! What is a link in HTML and what is none, with its place; and what a parser must survive.

use super::tokenizer::LARGEST_TAG;
use super::*;

fn document(text: &str) -> Document {
    let mut parse = Box::new(Html::new(&Options {
        anchors: true,
        ..Options::default()
    }));
    parse.write(text.as_bytes());
    parse.finish()
}

fn links(text: &str) -> Vec<(String, u32, u32)> {
    document(text)
        .links
        .iter()
        .map(|link| (link.reference.to_owned(), link.line, link.column))
        .collect()
}

fn references(text: &str) -> Vec<String> {
    links(text)
        .into_iter()
        .map(|(reference, ..)| reference)
        .collect()
}

#[test]
fn a_link_has_the_place_where_it_is_written() {
    assert_eq!(
        links("<p>ü <a href=\"x.html\">x</a>"),
        [("x.html".into(), 1, 15)]
    );
    assert_eq!(links("<a\n  class=c\n  href=' y '>"), [("y".into(), 3, 10)]);
    assert_eq!(
        links("<img srcset='a.png 1x, b.png 2x' src=c.png>"),
        [
            ("a.png".into(), 1, 14),
            ("b.png".into(), 1, 24),
            ("c.png".into(), 1, 38)
        ]
    );
}

#[test]
fn entities_are_decoded_by_the_rules_for_attributes() {
    assert_eq!(
        references("<a href='?a=1&amp;b=2&copy=3&#x2F;&lt;'><a href=\"a\nb\">"),
        ["?a=1&b=2&copy=3/<", "ab"]
    );
}

#[test]
fn what_is_not_a_link_is_none() {
    let text = "<!-- <a href=1> --><script>'<a href=2>'</script><textarea><a href=3></textarea>\
                <title><a href=4></title><style>a{}</style><link rel=preconnect href=5>";
    assert_eq!(references(text), Vec::<String>::new());
}

#[test]
fn every_element_that_refers_is_known() {
    let text = "<area href=a><link rel='x StyleSheet' href=b><iframe src=c></iframe><object data=d><video poster=e src=f>\
                <form action=g><q cite=h><meta http-equiv=Refresh content='0; url=i'><meta property=og:image content=j>\
                <svg><use xlink:href=k /></svg><x-card src=l><body background=m><div style='background: url(n)'>";
    assert_eq!(references(text).concat(), "abcdefghijklmn");
}

#[test]
fn links_in_noscript_and_style_count_with_their_places() {
    assert_eq!(
        links("<noscript>\n<img src=a&amp;b></noscript><a href=c>"),
        [("a&b".into(), 2, 10), ("c".into(), 2, 37)]
    );
    assert_eq!(
        links("<style>\n@import 'x.css'; b{background:url( y.png )}</style>"),
        [("x.css".into(), 2, 10), ("y.png".into(), 2, 36)]
    );
}

#[test]
fn the_first_base_title_and_attribute_count() {
    let found = document(
        "<base href=/a/><base href=/b/><title> Two\n words &amp; more</title><svg><title>no</title></svg><a href=x href=y>",
    );
    assert_eq!(found.base.as_deref(), Some("/a/"));
    assert_eq!(found.title.as_deref(), Some("Two words & more"));
    assert_eq!(
        found
            .links
            .iter()
            .next()
            .map(|link| link.reference.to_owned())
            .as_deref(),
        Some("x")
    );
    assert_eq!(
        document("<svg><title>no</title></svg><title>yes</title>")
            .title
            .as_deref(),
        Some("yes")
    );
}

#[test]
fn robots_and_nofollow_are_heard() {
    let found = document(
        "<meta name=Robots content='NoIndex, nofollow'><a rel='noopener NOFOLLOW' href=x><a href=y>",
    );
    assert!(found.nofollow && found.noindex);
    assert_eq!(
        found
            .links
            .iter()
            .map(|link| link.nofollow)
            .collect::<Vec<_>>(),
        [true, false]
    );
}

#[test]
fn ids_and_names_are_anchors() {
    let found =
        document("<p id=one><a name='tw&ouml;'><p name=no><noscript><p id=three></noscript>");
    for (anchor, there) in [
        ("one", true),
        ("twö", true),
        ("no", false),
        ("three", true),
        ("One", false),
    ] {
        assert_eq!(found.has_anchor(anchor), there, "{anchor}");
    }
}

#[test]
fn elements_that_nobody_closes_cost_no_link() {
    let items = 90_000;
    let list: String = (0..items)
        .map(|item| format!("<li id=i{item}><a href=\"#i{item}\">x</a>\n"))
        .collect();
    let text = format!("<ul>{list}</ul><style>b{{c:url(d)}}</style><a href=last>");
    let mut parse = Box::new(Html::new(&Options {
        anchors: true,
        ..Options::default()
    }));
    for chunk in text.as_bytes().chunks(10_007) {
        parse.write(chunk);
    }
    let found = parse.finish();
    assert_eq!((found.links.len(), found.anchors.len()), (items + 2, items));
    let last = found
        .links
        .iter()
        .last()
        .map(|link| (link.line, link.column));
    assert_eq!(last, Some((90_001, 40)));
    assert_eq!(found.limited, None);
}

#[test]
fn what_stands_in_svg_and_mathml_follows_its_rules() {
    let annotation = |encoding| {
        format!(
            "<math><annotation-xml encoding={encoding}><style><a href=x></style></annotation-xml></math><a href=y>"
        )
    };
    assert_eq!(references(&annotation("Text/HTML")), ["y"]);
    assert_eq!(references(&annotation("other")), ["x", "y"]);
    let text = "<svg><style>@import 'a.css';<![CDATA[b{c:url(d.png)}\n e{f:url(g.png)}]]></style><style/><a href=h></svg>";
    assert_eq!(
        links(text),
        [
            ("a.css".into(), 1, 22),
            ("d.png".into(), 1, 46),
            ("g.png".into(), 2, 10),
            ("h".into(), 2, 44)
        ]
    );
}

#[test]
fn hostile_markup_is_read_in_one_pass() {
    // What would be looked at again for each of these bytes would not end in the time of a test.
    let many = 300_000;
    for text in [
        "<".repeat(many),
        format!("<!--{}", "--".repeat(many)),
        format!("<!--{}", "<!--".repeat(many)),
        format!("<a title='{}", "x>".repeat(many)),
        format!("<a {}", "id=x ".repeat(many / 2)),
        format!("<svg>{}", "<g>".repeat(many)),
        format!("<svg>{}", "<g></x>".repeat(many / 4)),
        format!("<script>{}", "<!--<script".repeat(many / 4)),
        format!("<title>{}", "</titl".repeat(many / 4)),
        format!("<svg><![CDATA[{}", "]]".repeat(many)),
    ] {
        let mut parse = Box::new(Html::new(&Options::default()));
        let mut held = 0;
        for chunk in text.as_bytes().chunks(1021) {
            parse.write(chunk);
            held = held.max(parse.tags.held.len());
        }
        let tag = text.starts_with("<a ");
        assert!(tag || held < 2048, "{held} bytes of {}", &text[..20]);
        assert!(parse.finish().links.is_empty());
    }
}

#[test]
fn a_tag_beyond_measure_ends_the_document_and_says_so() {
    let text = format!(
        "<a href=x><a title='{}'><a href=y>",
        "z".repeat(2 * LARGEST_TAG)
    );
    let mut parse = Box::new(Html::new(&Options::default()));
    for chunk in text.as_bytes().chunks(64 * 1024) {
        parse.write(chunk);
    }
    let found = parse.finish();
    assert!(found.limited.is_some());
    assert_eq!(found.links.len(), 1);
}

#[test]
fn the_text_of_a_link_is_kept_where_it_is_asked_for() {
    let text = "<link rel='Canonical' href=' /c?a&amp;b '><a href=1> one\n&amp; <b>two</b></a> out <a name=x>no link</a>\
                <a href=2><img src=i alt=x></a><a href=3>three";
    let options = Options {
        labels: true,
        ..Options::default()
    };
    let mut parse = Box::new(Html::new(&options));
    for piece in text.as_bytes().chunks(7) {
        parse.write(piece);
    }
    let document = parse.finish();
    let noted: Vec<_> = document
        .links
        .noted()
        .map(|(link, text)| (link.reference, text))
        .collect();
    assert_eq!(
        noted,
        [
            ("/c?a&b", None),
            ("1", Some("one & two")),
            ("2", None),
            ("i", None),
            ("3", Some("three"))
        ]
    );
    assert_eq!(document.canonical.as_deref(), Some("/c?a&b"));
    assert_eq!(document_notes(text), 0, "not otherwise");
}

fn document_notes(text: &str) -> usize {
    let document = document(text);
    let noted = document.links.noted();
    noted.filter(|(_, text)| text.is_some()).count()
}

#[test]
fn the_words_of_a_page_are_those_that_are_there_to_be_read() {
    let sketch = |text: &str, chunk: usize| {
        let mut parse = Box::new(Html::new(&Options {
            words: true,
            ..Options::default()
        }));
        for chunk in text.as_bytes().chunks(chunk) {
            parse.write(chunk);
        }
        parse.finish().sketch
    };
    let words: Vec<String> = (b'a'..=b'z')
        .flat_map(|letter| (1..9).map(move |times| char::from(letter).to_string().repeat(times)))
        .collect();
    let bare = sketch(&format!("<p>{}", words.join(" ")), 100);
    assert!(bare.is_some());
    let beside = words.join(" ").to_uppercase().replace('A', "b");
    let full = format!(
        "<!doctype html><title>{beside}</title><style>{beside}</style><script>{beside}</script><nav><p>{beside}</nav>\
         <header>{beside}</header><a href=x><b>{beside}</b></a>{}<!-- {beside} --> <p>{}</p><footer>{beside}</footer>",
        words[..50].join(" "),
        words[50..].join("<br>\n"),
    );
    for chunk in [1, 7, 100, 1 << 20] {
        assert_eq!(sketch(&full, chunk), bare, "by {chunk}");
    }
    assert_ne!(sketch(&format!("<p>{beside}"), 100), bare);
}

#[test]
fn noscripts_in_each_other_cost_neither_stack_nor_time() {
    let document = document(&"<noscript><a href=x>".repeat(50_000));
    assert_eq!(document.links.len(), 50_000);
}
