//! Links changed in place, of each kind and in each encoding.

use proptest::prelude::*;

use super::*;

/// What becomes of a page at `http://h.test/d/p` where `/in/…` is in the mirror, as `MOVED/…`.
fn moved(essence: &str, charset: Option<&str>, content: &[u8]) -> Vec<u8> {
    let url = Url::parse("http://h.test/d/p").expect("a URL");
    let page = Page {
        url: &url,
        essence,
        charset,
        content,
    };
    relink(&page, &|url| {
        let rest = url.as_str().strip_prefix("http://h.test/in/")?;
        Some(format!("MOVED/{rest}"))
    })
}

fn html(content: &str) -> String {
    String::from_utf8(moved("text/html", None, content.as_bytes())).expect("UTF-8")
}

#[test]
fn every_kind_of_link_is_changed_and_nothing_else_is() {
    for (before, after) in [
        (
            "<!DOCTYPE html><A  HREF = '/in/a#f&amp;g' class=x>t</A >",
            "<!DOCTYPE html><A  HREF = 'MOVED/a#f&amp;g' class=x>t</A >",
        ),
        (
            "<a href=/out?a=1&amp;b=2>",
            "<a href=\"http://h.test/out?a=1&amp;b=2\">",
        ),
        ("<a href=//g.test/x>", "<a href=\"http://g.test/x\">"),
        ("<a href=///g.test/x>", "<a href=\"http://g.test/x\">"),
        (
            "<img srcset='/in/1 1x, rel 2x,/in/3  3x' src=/in/4>",
            "<img srcset='MOVED/1 1x, http://h.test/d/rel 2x,MOVED/3  3x' src=\"MOVED/4\">",
        ),
        (
            "<p style=\"background:url('/in/a') , url(/out(1))\">",
            "<p style=\"background:url('MOVED/a') , url(/out(1))\">",
        ),
        (
            "<p style='background:url(&quot;/out/a?b&amp;c&quot;)'>",
            "<p style='background:url(\"http://h.test/out/a?b&amp;c\")'>",
        ),
        (
            "<style>@import \"/in/a\";p{b:url( /out/b'c )}</style>",
            "<style>@import \"MOVED/a\";p{b:url( /out/b'c )}</style>",
        ),
        (
            "<style>p{b:url('/out/b\\'c')}</style>",
            "<style>p{b:url('http://h.test/out/b\\'c')}</style>",
        ),
        (
            "<noscript><img src=/in/n></noscript>",
            "<noscript><img src=\"MOVED/n\"></noscript>",
        ),
        (
            "<meta http-equiv=refresh content=\"0; url='/in/r'\">",
            "<meta http-equiv=refresh content=\"0; url='MOVED/r'\">",
        ),
        (
            "<video poster=/in/p><source src=/in/s></video><object data=/in/o></object>",
            "<video poster=\"MOVED/p\"><source src=\"MOVED/s\"></video><object data=\"MOVED/o\"></object>",
        ),
        (
            "<iframe srcdoc=\"<a href='/in/a'>x</a><a href='#f'>y</a><img src=&quot;rel&quot;>\"></iframe>",
            "<iframe srcdoc=\"<a href='MOVED/a'>x</a><a href='#f'>y</a><img src=&quot;http://h.test/d/rel&quot;>\"></iframe>",
        ),
        (
            "<iframe srcdoc='<base href=/in/b/><a href=c?d&amp;amp;e>'></iframe>",
            "<iframe srcdoc='<base><a href=\"MOVED/b/c?d&amp;amp;e\">'></iframe>",
        ),
        (
            "<svg><use xlink:href='/in/i#x'/></svg>",
            "<svg><use xlink:href='MOVED/i#x'/></svg>",
        ),
    ] {
        assert_eq!(html(before), after, "{before}");
    }
}

#[test]
fn what_leads_nowhere_else_stays_as_it_is_written() {
    for same in [
        "<a href='#top'>x</a><a href=''>y</a><a href=\"#\">",
        "<a href='mailto:a@b.test'><img src=\"data:image/gif;base64,R0lG\"><a href='javascript:x()'>",
        "<a href='HTTP://OUT.test:80/%7Ea'>",
        "<a href='http://[bad'>",
        "<script>x = '<a href=/in/a>'</script><!-- <a href=/in/b> --><textarea><a href=/in/c></textarea>",
        "<meta charset=utf-8><p id='ü' title=\"/in/a\">&nbsp;&copy</p ><br/ >",
    ] {
        assert_eq!(html(same), same);
    }
}

#[test]
fn forms_and_metadata_stay_on_the_network() {
    for (before, after) in [
        (
            "<form action=/in/search>",
            "<form action=\"http://h.test/in/search\">",
        ),
        (
            "<link rel=canonical href=/in/a>",
            "<link rel=canonical href=\"http://h.test/in/a\">",
        ),
        (
            "<meta property=og:image content=/in/i>",
            "<meta property=og:image content=\"http://h.test/in/i\">",
        ),
    ] {
        assert_eq!(html(before), after, "{before}");
    }
}

#[test]
fn what_would_stop_a_moved_page_goes() {
    assert_eq!(
        html(
            "<a href=early><base target=_top href=/in/b/><a href=late><a href='#f'><base href=/other/>"
        ),
        "<a href=\"MOVED/b/early\"><base target=_top><a href=\"MOVED/b/late\"><a href='MOVED/b/#f'><base>"
    );
    assert_eq!(
        html("<meta http-equiv=Content-Security-Policy content=\"default-src 'self'\"><p>"),
        "<meta http-equiv=\"\" content=\"default-src 'self'\"><p>"
    );
    assert_eq!(
        html("<script integrity=sha256-x crossorigin src=/in/a></script>"),
        "<script src=\"MOVED/a\"></script>"
    );
    let foreign = "<script integrity=sha256-x crossorigin src=\"https://cdn.test/a\"></script>";
    assert_eq!(html(foreign), foreign);
}

#[test]
fn bytes_stay_and_what_only_the_transport_knew_is_written_down() {
    let latin = b"<meta charset=latin1><a href=/in/\xe9>caf\xe9</a>";
    let expected = b"<meta charset=latin1><a href=\"MOVED/%C3%A9\">caf\xe9</a>";
    assert_eq!(moved("text/html", None, latin), expected);
    assert_eq!(moved("text/html", Some("iso-8859-1"), latin), expected);
    assert_eq!(
        moved("text/html", Some("latin1"), b"caf\xe9<a href=/in/a>"),
        "\u{feff}café<a href=\"MOVED/a\">".as_bytes()
    );
    assert_eq!(
        moved("text/html", Some("utf-8"), "é".as_bytes()),
        "\u{feff}é".as_bytes()
    );
    assert_eq!(moved("text/html", Some("utf-8"), b"plain"), b"plain");
    let wide: Vec<u8> = "\u{feff}<a href=/in/é>"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(
        moved("text/html", None, &wide),
        "\u{feff}<a href=\"MOVED/%C3%A9\">".as_bytes()
    );
    // Shift JIS has bytes that look like ASCII inside characters.
    let (japanese, _, _) =
        encoding_rs::SHIFT_JIS.encode("<meta charset=shift_jis><p title='表ソ'>表<a href=/in/a>");
    let new = moved("text/html", None, &japanese);
    let (back, _) = encoding_rs::SHIFT_JIS.decode_without_bom_handling(&new);
    assert_eq!(
        back,
        "<meta charset=shift_jis><p title='表ソ'>表<a href=\"MOVED/a\">"
    );
}

#[test]
fn style_sheets_are_relative_to_themselves() {
    let css =
        |text: &str| String::from_utf8(moved("text/css", None, text.as_bytes())).expect("UTF-8");
    assert_eq!(
        css("@import url(/in/a.css);/* url(/in/no) */p{b:url(img/x.png)}"),
        "@import url(MOVED/a.css);/* url(/in/no) */p{b:url(http://h.test/d/img/x.png)}"
    );
    assert_eq!(
        css("p{c:\"url(/in/a)\";d:url(#m)}"),
        "p{c:\"url(/in/a)\";d:url(#m)}"
    );
    assert_eq!(moved("text/css", None, b"p{a:'\xff'}"), b"p{a:'\xff'}");
    assert_eq!(moved("image/png", None, b"url(/in/a)"), b"url(/in/a)");
}

#[test]
fn nothing_is_lost_however_many_elements_are_open() {
    let mut page = "<li><a href=/in/a>x".repeat(40_000);
    page.push_str("<noscript>".repeat(20_000).as_str());
    let new = html(&page);
    assert_eq!(new.matches("MOVED/a").count(), 40_000);
    assert!(new.ends_with("<noscript>"));
}

/// The URLs that a page at that address leads to, as the parser finds them.
fn led_to(url: &Url, content: &[u8]) -> Vec<String> {
    let format = crate::parser::for_media_type("text/html").expect("HTML");
    let mut parse = (format.open)(&crate::parser::Options::default());
    parse.write(content);
    let document = parse.finish();
    let base = document.base.and_then(|base| url.join(&base).ok());
    let base = base.filter(|base| !base.cannot_be_a_base());
    let base = base.as_ref().unwrap_or(url);
    let links = document.links.iter();
    links
        .filter_map(|link| base.join(link.reference).ok())
        .map(|url| url.to_string())
        .collect()
}

proptest! {
    #[test]
    fn a_page_that_goes_elsewhere_leads_where_it_led(pieces in proptest::collection::vec(prop::sample::select(vec![
        "<a href=", "<a href='", "<img src=\"", "<img srcset='", "<p style=\"b:url(", "<style>@import '", "<style>p{b:url(", ")}</style>",
        "<meta http-equiv=refresh content='0;url=", "<form action=", "<base href=", "<svg><use href='", "'", "\"", ">", " ", ")", ",", ", ", " 1x",
        "x", "/x", "//g.test/x", "../", "?a=1&b", "?a=1&amp;b", "#f", "&quot;", "&#39;", "&#x20;", "\\", "(", "é", "%20", "\n", "\t",
        "http://out.test/", "mailto:x", "data:,x", "<noscript>", "</noscript>", "<!--", "-->", "<title>", "</title>", "<script>", "</script>", "/>", "=",
    ]), 0..24)) {
        let page = pieces.concat();
        let here = Url::parse("http://h.test/d/p").expect("a URL");
        let there = Url::parse("http://elsewhere.test/deep/in/it").expect("a URL");
        let new = moved("text/html", Some("utf-8"), format!("<meta charset=utf-8>{page}").as_bytes());
        let before = led_to(&here, page.as_bytes());
        let after = led_to(&there, &new);
        // What points into its own page does so wherever that is.
        let own = |url: &String| url.split('#').next().is_some_and(|url| url == here.as_str() || url == there.as_str());
        let foreign = |urls: Vec<String>| urls.into_iter().filter(|url| !own(url)).collect::<Vec<_>>();
        prop_assert_eq!(foreign(before), foreign(after), "{}\n{}", page, String::from_utf8_lossy(&new));
    }
}
