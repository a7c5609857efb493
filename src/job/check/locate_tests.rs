//! Where references of local documents and of pages on the network lead.

use super::*;

fn base() -> Base {
    let site = Site {
        folder: "/site".into(),
        redirects: Redirects::default(),
        serving: Arc::default(),
        hops: 10,
        names: None,
    };
    Base::local(Path::new("/site/guide/page.html"), Some(&Arc::new(site))).expect("absolute paths")
}

#[test]
fn a_reference_that_is_parted_means_the_same() {
    let bases = [
        base(),
        Base::remote(Url::parse("http://h.test/a/b?c").expect("a URL")),
    ];
    for base in bases {
        for reference in [
            "#",
            "#x",
            "a.html#x",
            "a.html#",
            "?q#x:y/z?%20#w",
            "/top#x",
            "//h.test#x",
            "http://h.test/p#x",
            "mailto:a@h.test#x",
            "javascript:#x",
            "http://#x",
            "http://[::1#x",
            "sub/#x",
            "..%2Fy#x",
            "\\a#x",
        ] {
            let (page, fragment) = base.parted(reference).expect(reference);
            let (place, whole) = base.locate(reference);
            let (same, part) = base.locate(page);
            assert_eq!(same, place, "{reference}");
            // No URL has no fragment either.
            assert_eq!(whole, part.map(|_| fragment.to_owned()), "{reference}");
        }
        for reference in ["a.html", "a #x", "é#x", "a#é", "a# x", "a#`", "a#\"x\""] {
            assert_eq!(base.parted(reference), None, "{reference}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn a_place_that_its_text_says_is_that_of_its_url(reference in "(\\.{0,2}/|[a-z.]{0,3}/?|~|%2e|#[a-z?%.#]{0,3}| |é|:|\\?){0,6}") {
        let lone = Base::local(Path::new("/p.html"), None).expect("an absolute path");
        for base in [base(), lone] {
            if let Some((place, fragment)) = base.beside(&reference) {
                let (by_url, as_url) = base.locate_url(&reference);
                let text = |place: &Place| format!("{place:?}");
                proptest::prop_assert_eq!(text(&place), text(&by_url));
                proptest::prop_assert_eq!(fragment, as_url);
            }
        }
    }
}

#[test]
fn a_local_document_resolves_within_its_site() {
    for (reference, path) in [
        ("other.html", "/site/guide/other.html"),
        ("../a%20b.html?x=1", "/site/a b.html"),
        ("/top.html", "/site/top.html"),
        ("", "/site/guide/page.html"),
        ("#part", "/site/guide/page.html"),
        ("?q", "/site/guide/page.html"),
    ] {
        assert_eq!(
            base().locate(reference).0,
            Place::Local(path.into(), false),
            "{reference}"
        );
    }
    assert_eq!(
        base().locate("sub/").0,
        Place::Local("/site/guide/sub/".into(), true)
    );
    assert_eq!(base().locate("x.html#a%20b").1.as_deref(), Some("a%20b"));
}

#[test]
fn hosts_schemes_and_nonsense_are_told_apart() {
    let remote = |text: &str| Place::Remote(Url::parse(text).expect("a URL"));
    assert_eq!(
        base().locate("http://u:p@h.test/x#y").0,
        remote("http://h.test/x")
    );
    assert_eq!(base().locate("//h.test/x").0, remote("https://h.test/x"));
    assert_eq!(base().locate("tel:1").0, Place::Excluded("tel".to_owned()));
    assert_eq!(base().locate("mailto:a@b.test").0, Place::Mail(None));
    for nonsense in ["http://", "//////", "http://[::1", "https://a b/"] {
        assert!(
            matches!(base().locate(nonsense).0, Place::Nowhere(_)),
            "{nonsense}"
        );
    }
    let lone = Base::local(Path::new("/x/lone.md"), None).expect("an absolute path");
    assert!(
        matches!(lone.locate("/a").0, Place::Nowhere(failure) if failure.message.contains("--root-dir"))
    );
    let page = Base::remote(Url::parse("http://h.test/a/").expect("a URL"));
    assert!(matches!(
        page.locate("file:///etc/passwd").0,
        Place::Nowhere(_)
    ));
}

#[test]
fn no_root_relative_reference_leaves_the_site() {
    for (reference, path) in [
        ("/../outside.html", "/site/outside.html"),
        ("/%2e%2e/outside.html", "/site/outside.html"),
        ("/../../../etc/passwd", "/site/etc/passwd"),
        ("/a:b?c#d", "/site/a:b"),
    ] {
        let place = Place::Local(path.into(), false);
        assert_eq!(base().locate(reference).0, place, "{reference}");
    }
    for reference in ["/..%2foutside.html", "..%2Foutside.html"] {
        assert!(
            matches!(base().locate(reference).0, Place::Nowhere(_)),
            "{reference}"
        );
    }
}

#[test]
fn a_url_stands_in_for_a_document_or_for_its_folder() {
    let url = |text: &str| Url::parse(text).expect("a URL");
    let (path, folder) = (Path::new("/w/d/s/q r.html"), Some(Path::new("/w/d")));
    for address in ["http://h.test/x/", "http://h.test/x"] {
        let base = Base::standing_in(url(address), path, folder);
        let remote = |text| Place::Remote(url(text));
        assert_eq!(base.locate("z").0, remote("http://h.test/x/s/z"));
        assert_eq!(base.locate("/z").0, remote("http://h.test/z"));
        let own = Place::Local(path.to_owned(), false);
        assert_eq!(base.locate("#here").0, own);
        assert_eq!(base.locate("q%20r.html").0, own);
    }
    let lone = Base::standing_in(url("http://h.test/x"), path, None);
    assert_eq!(lone.locate("z").0, Place::Remote(url("http://h.test/z")));
}

#[test]
fn a_base_element_that_leads_nowhere_takes_what_is_relative_along() {
    let lone = Base::local(Path::new("/x/lone.html"), None).expect("an absolute path");
    let lone = lone.with(Some("/"));
    for reference in ["ok", "sub/ok.html", "#part", "/ok"] {
        assert!(
            matches!(lone.locate(reference).0, Place::Nowhere(failure) if failure.message.contains("--root-dir")),
            "{reference}"
        );
    }
    let remote = Place::Remote(Url::parse("http://h.test/x").expect("a URL"));
    assert_eq!(lone.locate("http://h.test/x").0, remote);
}

#[test]
fn a_base_element_moves_what_is_relative() {
    let moved = base().with(Some("/elsewhere/"));
    assert_eq!(
        moved.locate("x.html").0,
        Place::Local("/site/elsewhere/x.html".into(), false)
    );
    let away = base().with(Some("https://h.test/d/"));
    assert_eq!(
        away.locate("x").0,
        Place::Remote(Url::parse("https://h.test/d/x").expect("a URL"))
    );
}
