//! The sites that inputs are part of: how their paths are served, what their `_redirects` says, which files have a name.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::Serving;
use super::locate::Site;
use super::names::Names;
use super::reading;
use super::redirects::Redirects;
use super::source::plain;
use crate::input::{self, Selection};
use crate::job::Setting;
use crate::model::Event;

/// The sites that inputs are part of, each read once.
pub(super) struct Sites {
    /// What the user said to be the site of all local inputs.
    pub(super) given: Option<PathBuf>,
    pub(super) serving: Arc<Serving>,
    pub(super) hops: usize,
    /// Which files have a name, where wikilinks are looked up.
    pub(super) names: Option<Selection>,
    pub(super) known: HashMap<PathBuf, Arc<Site>>,
}

impl Sites {
    /// The site of a document below the input `folder`.
    pub(super) fn of(&mut self, folder: Option<&Path>, setting: &Setting) -> Option<Arc<Site>> {
        let folder = self.given.clone().or_else(|| folder.map(plain))?;
        if let Some(site) = self.known.get(&folder) {
            return Some(Arc::clone(site));
        }
        let file = folder.join("_redirects");
        let text = crate::fetcher::file::read(&file, reading::LARGEST);
        let text = text.unwrap_or_default();
        let here = std::env::current_dir().unwrap_or_default();
        let shown = file.strip_prefix(here).unwrap_or(&file).display();
        let (redirects, wrong) =
            Redirects::parse(&shown.to_string(), &String::from_utf8_lossy(&text));
        for wrong in wrong {
            setting.reporter.on(&Event::Warning(&wrong));
        }
        let site = Arc::new(Site {
            folder: folder.clone(),
            redirects,
            serving: Arc::clone(&self.serving),
            hops: self.hops,
            names: self.names.as_ref().map(|selection| {
                let (found, _) = input::walk(&folder, selection, |_| true);
                let paths = found.into_iter().map(|file| file.path);
                let extensions = &self.serving.extensions;
                let known = ["md".to_owned()];
                let extensions = if extensions.is_empty() {
                    &known
                } else {
                    extensions.as_slice()
                };
                Names::of(&folder, paths, extensions)
            }),
        });
        self.known.insert(folder, Arc::clone(&site));
        Some(site)
    }
}
