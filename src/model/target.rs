//! What shall be visited, and who asked for it.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use url::Url;

use super::before::Before;
use super::failure::Failure;
use super::message::Message;
use super::secret::Secret;

/// A line of a list or an argument, as it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seed {
    /// The text as given, userinfo masked.
    pub input: Arc<str>,
    /// 1-based line in its list, or position among the arguments.
    pub line: u64,
    /// 1-based place among the seeds; lines that are none have no place.
    pub place: u64,
    /// The name that the list gave its record.
    pub id: Option<Box<str>>,
}

/// Where in a document a link stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The file, as reached from the input that named it; absent for a remote document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<Arc<str>>,
    /// The document's URL; absent for a local one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Arc<str>>,
    /// 1-based.
    pub line: u32,
    /// 1-based, in Unicode code points, of the link's first character as written.
    pub column: u32,
}

/// Who named a target's host; decides whether it may be at a private address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Naming {
    /// The user: an argument, a list, the configuration.
    User,
    /// A local file under check: it may name private hosts, but never link-local or metadata ones.
    File,
    /// A page or a redirect from the network.
    Page,
}

/// A resource to visit: target URI (RFC 9110, section 7.1), where it came from, and how far from a seed.
#[derive(Debug, Clone)]
pub struct Target {
    /// Without fragment. Userinfo was taken off where the target entered.
    pub url: Url,
    /// The list's line; `None` for what was discovered.
    pub seed: Option<Box<Seed>>,
    /// Hops from the nearest seed, which has depth 0.
    pub depth: u32,
    /// The page that the target was found on.
    pub referrer: Option<Arc<str>>,
    /// Who named the host: the rule of `--private` asks.
    pub naming: Naming,
    /// The input was no URL that can be asked for: the target is recorded with this, without a request.
    pub refusal: Option<Box<Failure>>,
    /// What the userinfo of the given URL stands for, as a field value; goes to the target's own origin
    /// and nowhere else, and is never stored.
    pub authorization: Option<Secret>,
    /// How it is asked for, where that is no plain GET. Its fields and content go to the target's own origin, and it
    /// is never stored.
    pub message: Option<Arc<Message>>,
    /// When it was changed last, as the sitemap that lists it says.
    pub lastmod: Option<Box<str>>,
    /// What an earlier run knew of it.
    pub before: Option<Box<Before>>,
    /// An earlier line had the same request: its record is kept under this number, and nothing is asked for.
    pub repeats: Option<u64>,
    /// Local files, read in one go; `url` is then only their common name.
    pub files: Option<Arc<[PathBuf]>>,
}

impl Target {
    /// A target that the user named himself: depth 0, no referrer.
    #[must_use]
    pub fn named(url: Url) -> Self {
        Self {
            url,
            seed: None,
            depth: 0,
            referrer: None,
            naming: Naming::User,
            refusal: None,
            authorization: None,
            message: None,
            lastmod: None,
            before: None,
            repeats: None,
            files: None,
        }
    }
}
