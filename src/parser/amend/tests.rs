//! Links written anew, in every place that a link has.

use std::path::Path;

use super::*;
use crate::parser::{for_extension, for_path};

fn amended(extension: &str, text: &str, changes: &[(&str, &str)]) -> String {
    let format = for_extension(extension).unwrap();
    let options = Options::default();
    let mut parse = (format.open)(&options);
    parse.write(text.as_bytes());
    let document = parse.finish();
    let amendments: Vec<_> = document
        .links
        .iter()
        .filter_map(|link| {
            let (_, new) = changes.iter().find(|(old, _)| *old == link.reference)?;
            Some(Amendment {
                line: link.line,
                column: link.column,
                reference: link.reference.to_owned(),
                new: (*new).to_owned(),
            })
        })
        .collect();
    edited(text, &edits(format, text, &options, &amendments))
}

#[test]
fn html_keeps_its_quotes_and_its_spelling() {
    for (before, old, new, after) in [
        (
            "<A  HREF = ' a.html ' class=x>",
            "a.html",
            "b.html",
            "<A  HREF = ' b.html ' class=x>",
        ),
        (
            "<a href=a.html>a.html</a>",
            "a.html",
            "b.html",
            "<a href=b.html>a.html</a>",
        ),
        ("<a href=a>", "a", "b c", "<a href=\"b c\">"),
        (
            "<a href='a?x&amp;y'>",
            "a?x&y",
            "b?x&y",
            "<a href='b?x&amp;y'>",
        ),
        ("<a href='a?x&y'>", "a?x&y", "b?x&y", "<a href='b?x&y'>"),
        (
            "<a href='a?x&copy'>",
            "a?x\u{a9}",
            "b?x&copy=1",
            "<a href='b?x&copy=1'>",
        ),
        (
            "<a href=\"a\">",
            "a",
            "b?\"&'",
            "<a href=\"b?&quot;&amp;'\">",
        ),
        ("<a href='a'>", "a", "b'c", "<a href='b&#39;c'>"),
        (
            "<img srcset='a.png 1x,b.png 2x' src=a.png>",
            "a.png",
            "c.png",
            "<img srcset='c.png 1x,b.png 2x' src=c.png>",
        ),
        (
            "<meta http-equiv=refresh content='0; url=a'>",
            "a",
            "b",
            "<meta http-equiv=refresh content='0; url=b'>",
        ),
        (
            "<p style=\"b:url(&quot;a.png&quot;)\">",
            "a.png",
            "c.png",
            "<p style=\"b:url(&quot;c.png&quot;)\">",
        ),
        (
            "<style>p{b:url( a.png )}</style>",
            "a.png",
            "c(1).png",
            "<style>p{b:url( c\\(1\\).png )}</style>",
        ),
        (
            "<script type=application/ld+json>{\"url\": \"http:\\/\\/a.test\\/\"}</script>",
            "http://a.test/",
            "http://b.test/",
            "<script type=application/ld+json>{\"url\": \"http://b.test/\"}</script>",
        ),
        (
            "<iframe srcdoc='<a href=a>&amp;<a href=&apos;a&apos;>'></iframe><a href=a>",
            "a",
            "b'&c",
            "<iframe srcdoc='<a href=\"b&#39;&amp;amp;c\">&amp;<a href=&apos;b&amp;#39;&amp;amp;c&apos;>'></iframe><a href=\"b'&amp;c\">",
        ),
        (
            "é<iframe srcdoc=\"é&amp;eacute;\r\n<img srcset=&quot;b 1x, a 2x&quot;><style>p{b:url(a)}</style>\">",
            "a",
            "c(1)",
            "é<iframe srcdoc=\"é&amp;eacute;\r\n<img srcset=&quot;b 1x, c(1) 2x&quot;><style>p{b:url(c\\(1\\))}</style>\">",
        ),
        // One in the other.
        (
            "<iframe srcdoc='<iframe srcdoc=\"<a href=&amp;quot;a?x&amp;amp;amp;y&amp;quot;>\">'>",
            "a?x&y",
            "b?\"'&z",
            "<iframe srcdoc='<iframe srcdoc=\"<a href=&amp;quot;b?&amp;amp;quot;&#39;&amp;amp;amp;z&amp;quot;>\">'>",
        ),
        // Its value ends where there is white space.
        (
            "<iframe srcdoc=&lt;a&#32;href=a&gt;>",
            "a",
            "b",
            "<iframe srcdoc=&lt;a&#32;href=b&gt;>",
        ),
        (
            "<iframe srcdoc=&lt;a&#32;href=a&gt;>",
            "a",
            "b c",
            "<iframe srcdoc=&lt;a&#32;href=a&gt;>",
        ),
        (
            "<iframe srcdoc='<base href=http://h.test/><a href=a>'>",
            "http://h.test/a",
            "b",
            "<iframe srcdoc='<base href=http://h.test/><a href=a>'>",
        ),
        (
            "é\r\n<a\r\nhref='a'>\r\n",
            "a",
            "b",
            "é\r\n<a\r\nhref='b'>\r\n",
        ),
    ] {
        assert_eq!(amended("html", before, &[(old, new)]), after, "{before}");
    }
}

#[test]
fn markdown_keeps_its_titles_and_its_definitions() {
    for (before, old, new, after) in [
        (
            "[a](a.md \"a.md\") a.md",
            "a.md",
            "b.md",
            "[a](b.md \"a.md\") a.md",
        ),
        ("![a]( a.png )", "a.png", "b.png", "![a]( b.png )"),
        ("[a](<a b.md>)", "a b.md", "c d.md", "[a](<c%20d.md>)"),
        ("[a](a.md)", "a.md", "b (1).md", "[a](b%20(1).md)"),
        ("[a](a.md)", "a.md", "b).md", "[a](b\\).md)"),
        (
            "[a](a\\_b.md?x&amp;y)",
            "a_b.md?x&y",
            "c.md?x&y",
            "[a](c.md?x&y)",
        ),
        ("[a](a.md)", "a.md", "b.md?x&lt;y", "[a](b.md?x&amp;lt;y)"),
        (
            "[one][x] [x] [x][]\n\n[x]:\n  a.md 'title'\n",
            "a.md",
            "b.md",
            "[one][x] [x] [x][]\n\n[x]:\n  b.md 'title'\n",
        ),
        (
            "> [x]\n>\n> [x]: <a.md>\r\n",
            "a.md",
            "b.md",
            "> [x]\n>\n> [x]: <b.md>\r\n",
        ),
        (
            "<http://a.test/> http://a.test/.",
            "http://a.test/",
            "http://b.test/",
            "<http://b.test/> http://b.test/.",
        ),
        (
            "`http://a.test/`",
            "http://a.test/",
            "http://b.test/",
            "`http://a.test/`",
        ),
        (
            "x <a\nhref='a.md'>y</a> [a](a.md)",
            "a.md",
            "b.md",
            "x <a\nhref='b.md'>y</a> [a](b.md)",
        ),
        (
            "<p>\n<img src=\"a.png\">\n</p>\n\n[![x](a.png)](c.md)",
            "a.png",
            "b.png",
            "<p>\n<img src=\"b.png\">\n</p>\n\n[![x](b.png)](c.md)",
        ),
        (
            "---\nx: http://a.test/\n---\n",
            "http://a.test/",
            "http://b.test/",
            "---\nx: http://b.test/\n---\n",
        ),
        (
            "| a |\n| - |\n| [x](a.md) |\n",
            "a.md",
            "b|c.md",
            "| a |\n| - |\n| [x](b%7Cc.md) |\n",
        ),
    ] {
        assert_eq!(amended("md", before, &[(old, new)]), after, "{before}");
    }
}

#[test]
fn only_the_link_that_was_named_is_changed() {
    let text = "[a](a.md) [a](a.md)";
    let amendment = Amendment {
        line: 1,
        column: 15,
        reference: "a.md".into(),
        new: "b.md".into(),
    };
    let format = for_extension("md").unwrap();
    let edits_of = |amendment: &Amendment| {
        edits(
            format,
            text,
            &Options::default(),
            std::slice::from_ref(amendment),
        )
    };
    let found = edits_of(&amendment);
    assert_eq!(edited(text, &found), "[a](a.md) [a](b.md)");
    assert_eq!(found[0].does, [0]);
    let other = Amendment {
        reference: "c.md".into(),
        ..amendment
    };
    assert_eq!(edits_of(&other), []);
}

/// Every link of every fixture, but where a `srcdoc` has a `base`: written anew, each means what it shall.
#[test]
fn every_link_of_the_fixtures_can_be_written_anew() {
    let mut done = 0;
    for folder in ["fixtures/html", "fixtures/markdown", "fixtures/site"] {
        for entry in std::fs::read_dir(folder).unwrap() {
            done += amend_all(&entry.unwrap().path());
        }
    }
    assert!(done > 200, "{done}");
}

fn amend_all(path: &Path) -> usize {
    let Ok(text) = std::fs::read_to_string(path) else {
        return 0;
    };
    let mark = &text[..text.len() - text.trim_start_matches('\u{feff}').len()];
    let text = &text[mark.len()..];
    let Some(format) = for_path(path).filter(|format| is_possible(format)) else {
        return 0;
    };
    if path.ends_with("data-urls.html") {
        return 0;
    }
    let options = Options::default();
    let read = |text: &str| {
        let mut parse = (format.open)(&options);
        parse.write(text.as_bytes());
        parse.finish()
    };
    let document = read(&format!("{mark}{text}"));
    let amendments: Vec<_> = document
        .links
        .iter()
        .enumerate()
        .map(|(number, link)| Amendment {
            line: link.line,
            column: link.column,
            reference: link.reference.to_owned(),
            new: match format.name {
                // Addresses stay, and links of one definition are one.
                _ if link.reference.starts_with("mailto:") => link.reference.to_owned(),
                _ if link.reference.starts_with("http://own.test/") => link.reference.to_owned(),
                "markdown" => "http://new.test/".to_owned(),
                _ => format!("http://new.test/{number}"),
            },
        })
        .collect();
    let edits = edits(format, text, &options, &amendments);
    let new = read(&format!("{mark}{}", edited(text, &edits)));
    let found: Vec<_> = new.links.iter().map(|link| link.reference).collect();
    let wanted: Vec<_> = amendments.iter().map(|amendment| &*amendment.new).collect();
    assert_eq!(found, wanted, "{}", path.display());
    amendments.len()
}
