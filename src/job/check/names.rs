//! The pages of a site by name, for wikilinks: `[[Page]]`, `[[folder/Page]]`, `[[image.png]]`.
//!
//! A name is the end of a path, with or without its extension; case does not matter, and spaces, hyphens and underscores are
//! one, as wikis differ in them. Where several pages have a name, the one with the shortest path is meant.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Pages by every name that they can be called.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<String, PathBuf>);

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
}
