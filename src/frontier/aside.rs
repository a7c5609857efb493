//! What waits because its folder has had its share of a limited number of pages.
//!
//! A share is no wall: when nothing else is left, what waits here goes after all, the second share of every folder
//! before the third of any. Deliberately absent: the disk. A store that keeps targets keeps these too.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::BuildHasherDefault;

use url::Url;

use super::intake::AsIs;
use crate::model::{Target, fingerprint};
use crate::policy::budget::{Share, folders};

/// So many wait at most. Beyond, targets go in the order in which they are found.
const MOST: usize = 10_000;

/// The targets that wait, by how many shares their folder has had.
pub(super) struct Aside {
    share: Share,
    secret: (u64, u64),
    /// Pages of a folder or a branch, those that wait included.
    counts: HashMap<u64, u64, BuildHasherDefault<AsIs>>,
    waiting: BTreeMap<u64, VecDeque<Target>>,
    len: usize,
}

impl Aside {
    pub(super) fn new(share: Share, secret: (u64, u64)) -> Self {
        Self {
            share,
            secret,
            counts: HashMap::default(),
            waiting: BTreeMap::new(),
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Counts a page that is in.
    pub(super) fn count(&mut self, url: &Url) {
        let (folder, branch) = self.names(url);
        *self.counts.entry(folder).or_default() += 1;
        if let Some(branch) = branch {
            *self.counts.entry(branch).or_default() += 1;
        }
    }

    /// Keeps `target` back when its folder has had its share. A page beyond the share of its folder counts for that
    /// alone, so that a folder of thousands does not use up what its branch has.
    pub(super) fn keep(&mut self, target: &Target) -> bool {
        if self.len >= MOST {
            return false;
        }
        let (folder, branch) = self.names(&target.url);
        let limits = [
            (Some(folder), self.share.folder),
            (branch, self.share.branch),
        ];
        for (name, share) in limits {
            let Some(name) = name else { continue };
            let count = self.counts.entry(name).or_default();
            if *count >= share {
                let shares = *count / share;
                *count += 1;
                self.waiting
                    .entry(shares)
                    .or_default()
                    .push_back(target.clone());
                self.len += 1;
                return true;
            }
        }
        false
    }

    /// Those whose turn it is, when nothing else is left.
    pub(super) fn take(&mut self) -> Vec<Target> {
        let Some(mut first) = self.waiting.first_entry() else {
            return Vec::new();
        };
        let queue = first.get_mut();
        let some = queue.len().min(self.share.batch);
        let taken: Vec<Target> = queue.drain(..some).collect();
        if queue.is_empty() {
            first.remove();
        }
        self.len -= taken.len();
        taken
    }

    /// Names of the folder and the branch of `url`; a folder of the root has one for each of its two roles.
    fn names(&self, url: &Url) -> (u64, Option<u64>) {
        let (folder, branch) = folders(url);
        let other = (self.secret.0, !self.secret.1);
        (
            fingerprint(self.secret, folder),
            branch.map(|branch| fingerprint(other, branch)),
        )
    }
}
