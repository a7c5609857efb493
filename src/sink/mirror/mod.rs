//! `mirror`: a folder with the pages of a run, to be opened from disk: links between them lead from file to file, and
//! all others to the network.
//!
//! While a run goes on, pages are only put away: documents into the index as they were got, everything else into files
//! without a name. At its end, also at an early one, each page is given its name and documents are written with their links
//! changed. All of that can be done again from any point, so a kill in between costs nothing where there is a state to go
//! on with. Kept are good answers to GET. When a run visits again, what has changed is replaced, what the server says is
//! gone (404, 410) is removed, and what could not be had this time stays as it was.
//!
//! Without a state, a run replaces the mirror that an earlier one has left in the folder; with one, the documents as they
//! were got stay beside it, in `.dragnet`. A folder with anything else in it is not touched. Deliberately absent: what only
//! scripts load.
//!
//! | file | decides |
//! | --- | --- |
//! | `name` | which file a URL asks for, and how links lead from file to file |
//! | `index` | what is in the mirror, and who is given which file |
//! | `tree` | how files are written, and that all are below the folder |

mod index;
mod name;
mod tree;

use std::io::{self, Read};
use std::path::Path;

use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use url::Url;

use self::index::{Index, Kept};
use self::tree::Tree;
use super::{Capture, Captures, Format, Medium, Options, Original, Place, Relink, Standing};
use crate::model::{Summary, Visit, key};
use crate::policy::sameness::Sameness;

pub(super) const FORMAT: Format = Format {
    name: "mirror",
    about: "a folder of the pages with their links changed, to be opened from disk",
    extensions: &[],
    medium: Medium::Place(open),
    links: false,
    captures: Captures::DECODED,
};

/// Media types whose links are changed.
const DOCUMENTS: &[&str] = &["text/html", "application/xhtml+xml", "text/css"];

/// A document larger than this is kept like a picture, its links as they are: nobody reads such a page.
const LARGEST: u64 = 32 << 20;

/// Pages that are committed together where nothing goes on with them.
const TOGETHER: u32 = 1000;

struct Mirror {
    index: Index,
    tree: Tree,
    relink: Option<Relink>,
    sameness: Sameness,
    alone: bool,
    /// Pages since the last commit.
    uncommitted: u32,
}

fn open(path: &Path, options: &Options, standing: Standing) -> io::Result<Box<dyn Place>> {
    let alone = standing == Standing::Alone;
    let goes_on = matches!(standing, Standing::Resumed | Standing::Again);
    let file = path.join(tree::OWN).join("mirror.sqlite");
    if !file.is_file() {
        if goes_on {
            return Err(io::Error::other(
                "there is no mirror that the state could go on with; put it back, or start anew with --fresh",
            ));
        }
        if Tree::is_foreign(path)? {
            return Err(io::Error::other(
                "there is something in this folder, and it is no mirror; give another folder, or a new one",
            ));
        }
    }
    let mut tree = Tree::new(path, !alone)?;
    let index = Index::open(&file, !alone)?;
    if !goes_on {
        index.begin_anew()?;
        tree.clear()?;
    }
    Ok(Box::new(Mirror {
        index,
        tree,
        relink: options.relink,
        sameness: options.sameness.clone(),
        alone,
        uncommitted: 0,
    }))
}

impl Place for Mirror {
    fn capture(&mut self, capture: &mut Capture) -> io::Result<()> {
        let nothing = [
            StatusCode::NO_CONTENT,
            StatusCode::RESET_CONTENT,
            StatusCode::PARTIAL_CONTENT,
        ];
        let good = capture.status.is_success() && !nothing.contains(&capture.status);
        let Some(content) = capture.decoded.as_mut().filter(|_| good) else {
            return Ok(());
        };
        if capture.method != Method::GET {
            return Ok(());
        }
        let url = key(&capture.url);
        let Ok(target) = Url::parse(&url) else {
            return Ok(());
        };
        let field = capture.fields.get(CONTENT_TYPE);
        let field = field.and_then(|value| value.to_str().ok());
        let (essence, charset) = media_type(field.unwrap_or_default());
        let name = name::of(&target, &essence);
        let mark = name::mark(&url);
        if DOCUMENTS.contains(&essence.as_str()) && content.len() <= LARGEST {
            let mut original = Vec::new();
            content.read()?.read_to_end(&mut original)?;
            self.index
                .put(&url, &essence, charset.as_deref(), &name, Some(&original))?;
            self.tree.forget(&mark)?;
        } else {
            self.tree.keep(&mark, &mut content.read()?)?;
            self.index
                .put(&url, &essence, charset.as_deref(), &name, None)?;
        }
        self.uncommitted += 1;
        if self.alone && self.uncommitted >= TOGETHER {
            self.sync()?;
        }
        Ok(())
    }

    fn write(&mut self, visit: &Visit) -> io::Result<()> {
        let gone = matches!(visit.status, Some(404 | 410));
        if gone
            && visit.redirects.is_empty()
            && let Ok(url) = Url::parse(&visit.url)
        {
            self.index.forget(&key(&url))?;
        }
        if let Some(target) = &visit.final_url
            && let Ok(target) = Url::parse(target)
        {
            let target = key(&target);
            for hop in &visit.redirects {
                if let Ok(url) = Url::parse(&hop.url) {
                    self.index.redirect(&key(&url), &target)?;
                }
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.uncommitted = 0;
        self.tree.sync()?;
        self.index.commit()
    }

    fn finish(&mut self, _: &Summary) -> io::Result<()> {
        self.settle()?;
        self.tree.clear()?;
        if self.alone {
            self.index.forget_originals()?;
        }
        self.sync()
    }
}

impl Mirror {
    /// Gives each page its file. Every step can be done again, whenever the last attempt was cut off.
    fn settle(&mut self) -> io::Result<()> {
        let Self { index, tree, .. } = self;
        index.each(|page| {
            let lost = |path: &str| !tree.holds(path);
            let lost =
                page.path.as_deref().is_none_or(lost) && !tree.is_kept(&name::mark(&page.url));
            // Somebody has removed it; nothing shall lead there.
            if !page.document && lost {
                index.forget(&page.url)?;
            }
            Ok(())
        })?;
        index.give_names()?;
        index.each(|page| {
            let mark = name::mark(&page.url);
            if let Some(path) = page.path.filter(|path| *path != page.next)
                && !page.document
                && !tree.is_kept(&mark)
            {
                tree.displace(&path, &mark)?;
            }
            Ok(())
        })?;
        index.take_names()?;
        index.commit()?;
        index.stale(|path| tree.remove(path))?;
        index.each(|page| {
            if page.document {
                return Self::write_document(index, tree, self.relink, &self.sameness, &page);
            }
            tree.place(&name::mark(&page.url), &page.next)
        })
    }

    fn write_document(
        index: &Index,
        tree: &mut Tree,
        relink: Option<Relink>,
        sameness: &Sameness,
        page: &Kept,
    ) -> io::Result<()> {
        let (Ok(url), Some(content)) = (Url::parse(&page.url), index.original(&page.url)?) else {
            return Ok(());
        };
        let original = Original {
            url: &url,
            essence: &page.essence,
            charset: page.charset.as_deref(),
            content: &content,
        };
        // A link that could not be looked up leads to the network.
        let to = |url: &Url| {
            let path = index.find(&key(&sameness.apply(url.clone()))).ok()??;
            let Some(fragment) = url.fragment() else {
                return Some(name::way(&page.next, &path));
            };
            let way = if path == page.next {
                String::new()
            } else {
                name::way(&page.next, &path)
            };
            Some(format!("{way}#{fragment}"))
        };
        let new = relink.map(|relink| relink(&original, &to));
        tree.write(&page.next, new.as_deref().unwrap_or(&content))
    }
}

/// A media type in lower case and its `charset`.
fn media_type(field: &str) -> (String, Option<String>) {
    let mut parts = field.split(';');
    let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let charset = parts.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is = name.trim().eq_ignore_ascii_case("charset");
        is.then(|| value.trim().trim_matches('"').to_owned())
    });
    (essence, charset)
}
