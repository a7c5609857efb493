//! From a reference as it stands in a document to the place that it means.
//!
//! Local documents get a `file:` URL and resolve like any other (WHATWG URL, RFC 3986 section 5), with two
//! rules of their own: what begins with `/` starts at the root folder of the site, not of the disk, and
//! what begins with `//` names a host. Deliberately absent: looking whether anything is there.

use std::path::{Path, PathBuf};

use url::Url;

use crate::model::{Limit, URL_LIMIT};

/// Where a reference leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// `http` or `https`, without fragment and userinfo.
    Remote(Url),
    /// A path on this machine; true when it was written with a slash at its end.
    Local(PathBuf, bool),
    /// A scheme that is not judged.
    Excluded(String),
    /// Nowhere.
    Nowhere(String),
    /// No link at all: the document could not be read any further, and why.
    Unread(Limit),
}

/// What a document's references are relative to.
#[derive(Debug, Clone)]
pub(super) struct Base {
    url: Url,
    /// Where root-relative references of a local document start.
    root: Option<Url>,
    /// A local document that a URL stands in for: the URL means the document.
    own: Option<(Url, PathBuf)>,
}

impl Base {
    /// Of a document on the network.
    pub(super) fn remote(url: Url) -> Self {
        Self {
            url,
            root: None,
            own: None,
        }
    }

    /// Of the local document at `path`, for which `url` stands in; where that was given for a folder, the
    /// document's path below it is added.
    pub(super) fn standing_in(mut url: Url, path: &Path, folder: Option<&Path>) -> Self {
        let below = folder.and_then(|folder| path.strip_prefix(folder).ok());
        if let (Some(below), Ok(mut segments)) = (below, url.path_segments_mut()) {
            let names = below.iter().map(|name| name.to_string_lossy());
            segments.pop_if_empty().extend(names);
        }
        url.set_fragment(None);
        Self {
            own: Some((url.clone(), path.to_owned())),
            url,
            root: None,
        }
    }

    /// Of a local document; `root` is the site's folder. Both absolute.
    pub(super) fn local(path: &Path, root: Option<&Path>) -> Option<Self> {
        let root = root.and_then(|root| Url::from_directory_path(root).ok());
        Some(Self {
            url: Url::from_file_path(path).ok()?,
            root,
            own: None,
        })
    }

    /// With a `base` element's `href` taken into account.
    pub(super) fn with(self, href: Option<&str>) -> Self {
        match href.map(|href| self.join(href)) {
            Some(Ok(url)) if !url.cannot_be_a_base() => Self { url, ..self },
            _ => self,
        }
    }

    fn is_local(&self) -> bool {
        self.url.scheme() == "file"
    }

    fn join(&self, reference: &str) -> Result<Url, String> {
        let bare = reference.trim();
        let wrong = |error: url::ParseError| format!("not a URL: {error}");
        if self.is_local() && bare.starts_with(['/', '\\']) {
            if bare[1..].starts_with(['/', '\\']) {
                return Url::parse(&format!("https:{bare}")).map_err(wrong);
            }
            let root = self.root.as_ref().ok_or(
                "begins with / and nothing says where that is; give --root-dir or --base-url",
            )?;
            // As on a server, .. does not lead out of the site.
            let inside = Url::parse("http://site/").and_then(|site| site.join(bare));
            let inside = inside.map_err(wrong)?;
            let inside = &inside[url::Position::BeforePath..];
            return root.join(&format!(".{inside}")).map_err(wrong);
        }
        self.url.join(bare).map_err(wrong)
    }

    /// The place that `reference` means, and its fragment as written.
    pub(super) fn locate(&self, reference: &str) -> (Place, Option<String>) {
        let mut url = match self.join(reference) {
            Ok(url) => url,
            Err(reason) => return (Place::Nowhere(reason), None),
        };
        let length = url.as_str().len();
        if length > URL_LIMIT && matches!(url.scheme(), "http" | "https") {
            let reason = format!("a URL of {length} bytes; at most {URL_LIMIT} are asked for");
            return (Place::Nowhere(reason), None);
        }
        let fragment = url.fragment().map(str::to_owned);
        url.set_fragment(None);
        let place = match url.scheme() {
            "http" | "https" => {
                // A page cannot make us log in somewhere; nor is what it says there shown.
                let _ = url.set_username("");
                let _ = url.set_password(None);
                match &self.own {
                    Some((own, path)) if *own == url => Place::Local(path.clone(), false),
                    _ => Place::Remote(url),
                }
            }
            "file" if !self.is_local() => Place::Nowhere(
                "a page on the network cannot point at a file of this machine".to_owned(),
            ),
            // An escaped slash is part of a name, and no file can have that name.
            "file" if url.path().to_ascii_lowercase().contains("%2f") => {
                Place::Nowhere("no name of a file can hold %2F".to_owned())
            }
            "file" => match url.to_file_path() {
                Ok(path) => Place::Local(path, url.path().ends_with('/')),
                Err(()) => Place::Nowhere("not a path on this machine".to_owned()),
            },
            scheme => Place::Excluded(scheme.to_owned()),
        };
        (place, fragment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Base {
        Base::local(Path::new("/site/guide/page.html"), Some(Path::new("/site")))
            .expect("absolute paths")
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
        assert_eq!(
            base().locate("mailto:a@b.test").0,
            Place::Excluded("mailto".to_owned())
        );
        for nonsense in ["http://", "//////", "http://[::1", "https://a b/"] {
            assert!(
                matches!(base().locate(nonsense).0, Place::Nowhere(_)),
                "{nonsense}"
            );
        }
        let lone = Base::local(Path::new("/x/lone.md"), None).expect("an absolute path");
        assert!(
            matches!(lone.locate("/a").0, Place::Nowhere(reason) if reason.contains("--root-dir"))
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
}
