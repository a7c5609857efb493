//! A target while it waits: what may be there a million times over.

use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use crate::model::target::Naming;
use crate::model::{Failure, Secret, Seed, Target};

/// A target that waits for its turn, as small as it can be: parsed again when it is leased.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) id: u64,
    pub(super) url: Box<str>,
    pub(super) seed: Option<Box<Seed>>,
    pub(super) refusal: Option<Box<Failure>>,
    pub(super) referrer: Option<Arc<str>>,
    /// Rare, so in a box of their own: credentials, and a batch of local files.
    pub(super) rare: Option<Box<Rare>>,
    pub(super) depth: u32,
    pub(super) naming: Naming,
}

/// What few targets have.
#[derive(Debug)]
pub(super) struct Rare {
    authorization: Option<Secret>,
    files: Option<Arc<[PathBuf]>>,
}

impl Pending {
    pub(super) fn of(id: u64, target: Target) -> Self {
        let Target {
            url,
            seed,
            depth,
            referrer,
            naming,
            refusal,
            authorization,
            files,
        } = target;
        let rare = authorization.is_some() || files.is_some();
        let rare = rare.then(|| {
            Box::new(Rare {
                authorization,
                files,
            })
        });
        let url = String::from(url).into_boxed_str();
        Self {
            id,
            url,
            seed,
            refusal,
            referrer,
            rare,
            depth,
            naming,
        }
    }

    pub(super) fn target(self) -> Option<Target> {
        let Self {
            url,
            seed,
            refusal,
            referrer,
            rare,
            depth,
            naming,
            ..
        } = self;
        let (authorization, files) =
            rare.map_or((None, None), |rare| (rare.authorization, rare.files));
        // It was made from a parsed URL; whatever cannot be parsed again was not written by us.
        let url = Url::parse(&url).ok()?;
        Some(Target {
            url,
            seed,
            depth,
            referrer,
            naming,
            refusal,
            authorization,
            files,
        })
    }

    /// The bytes of its text.
    pub(super) fn bytes(&self) -> u64 {
        (self.url.len() + self.seed.as_ref().map_or(0, |seed| seed.input.len())) as u64
    }
}
