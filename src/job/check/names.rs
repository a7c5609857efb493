//! The pages of a site by name, for wikilinks: `[[Page]]`, `[[folder/Page]]`, `[[image.png]]`.
//!
//! A name is the end of a path, with or without its extension; case does not matter, and spaces, hyphens and underscores are
//! one, as wikis differ in them. Where several pages have a name, the one with the shortest path is meant.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::suggest::{self, Likely};

/// Pages by every name that they can be called.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<String, PathBuf>);

impl Names {
    /// Of the files at `paths` below `folder`; `extensions` may be left out.
    pub(super) fn of(
        folder: &Path,
        paths: impl IntoIterator<Item = PathBuf>,
        extensions: &[String],
    ) -> Self {
        let mut names = Self::default();
        for path in paths {
            let below = path.strip_prefix(folder).unwrap_or(&path).to_owned();
            let whole = plain(&below.to_string_lossy());
            let extension = path
                .extension()
                .map(|extension| extension.to_string_lossy());
            let bare = extension.as_ref().filter(|extension| {
                extensions
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(extension))
            });
            let bare = bare.and_then(|extension| whole.get(..whole.len() - extension.len() - 1));
            for name in [Some(whole.as_str()), bare].into_iter().flatten() {
                let ends = name.match_indices('/').map(|(at, _)| &name[at + 1..]);
                for name in std::iter::once(name).chain(ends) {
                    names.add(name, &path);
                }
            }
        }
        names
    }

    fn add(&mut self, name: &str, path: &Path) {
        match self.0.get_mut(name) {
            Some(known) if known.as_os_str().len() <= path.as_os_str().len() => {}
            Some(known) => path.clone_into(known),
            None => _ = self.0.insert(name.to_owned(), path.to_owned()),
        }
    }

    /// The page of that name.
    pub(super) fn find(&self, name: &str) -> Option<&Path> {
        let name = plain(name.trim());
        self.0
            .get(name.trim_start_matches('/'))
            .map(PathBuf::as_path)
    }

    /// The name, as it is written, of the page that was likely meant by one that no page has; `left` is how many names may
    /// still be compared.
    pub(super) fn near(&self, name: &str, left: &mut usize) -> Option<Likely<String>> {
        let wanted = plain(name.trim());
        let wanted = wanted.trim_start_matches('/');
        let near = suggest::nearest(wanted, self.0.keys().map(String::as_str), left);
        let (known, sure) = match near {
            Some(near) => (near.meant, near.sure),
            // It is in another folder, or there are several.
            None => (wanted.rsplit_once('/')?.1, false),
        };
        let path = self.0.get(known)?;
        let mut parts: Vec<_> = path
            .iter()
            .rev()
            .take(known.matches('/').count() + 1)
            .map(|part| part.to_string_lossy())
            .collect();
        parts.reverse();
        let mut meant = parts.join("/");
        if plain(&meant) != known {
            let extension = path.extension()?.len() + 1;
            meant.truncate(meant.len().saturating_sub(extension));
        }
        Some(Likely { meant, sure })
    }
}

/// A name as names are compared.
fn plain(name: &str) -> String {
    let one = |c: char| match c {
        ' ' | '_' => '-',
        '\\' => '/',
        c => c,
    };
    name.to_lowercase().chars().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_every_name_that_its_path_ends_with() {
        let paths = [
            "/w/a/Home Page.md",
            "/w/b/c/Home Page.md",
            "/w/b/img.png",
            "/w/x.tar.md",
        ];
        let names = Names::of(
            Path::new("/w"),
            paths.map(PathBuf::from),
            &["md".to_owned()],
        );
        for (name, path) in [
            ("home-page", Some("/w/a/Home Page.md")),
            ("Home Page.md", Some("/w/a/Home Page.md")),
            ("c/Home_Page", Some("/w/b/c/Home Page.md")),
            ("/a/home page", Some("/w/a/Home Page.md")),
            ("img.png", Some("/w/b/img.png")),
            ("img", None),
            ("x.tar", Some("/w/x.tar.md")),
            ("page", None),
        ] {
            assert_eq!(names.find(name), path.map(Path::new), "{name}");
        }
    }

    #[test]
    fn a_name_that_no_page_has_is_likely_the_nearest_one() {
        let paths = [
            "/w/a/Getting Started.md",
            "/w/b/Größe.md",
            "/w/Chapter 1.md",
            "/w/img/logo.png",
            "/w/c/one.md",
            "/w/d/ones.md",
        ];
        let names = Names::of(
            Path::new("/w"),
            paths.map(PathBuf::from),
            &["md".to_owned()],
        );
        for (name, meant) in [
            ("Geting Started", Some(("Getting Started", true))),
            ("getting_startd.md", Some(("Getting Started.md", true))),
            ("a/geting-started", Some(("a/Getting Started", true))),
            ("other/logo.png", Some(("logo.png", false))),
            ("grösse", None),
            ("Grööße", Some(("Größe", true))),
            ("ine", Some(("one", false))),
            ("Chapter 2", None),
            ("nothing like it", None),
        ] {
            let found = names.near(name, &mut 1000);
            let found = found.as_ref().map(|found| (&*found.meant, found.sure));
            assert_eq!(found, meant, "{name}");
        }
        assert_eq!(names.near("Geting Started", &mut 0), None);
    }
}
