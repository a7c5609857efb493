//! A target on its way to and from where it waits.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use crate::model::target::Naming;
use crate::model::{Before, Failure, Message, Nearby, Secret, Seed, Target};

/// A target that waits for its turn.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) id: u64,
    pub(super) url: Address,
    pub(super) seed: Option<Box<Seed>>,
    pub(super) refusal: Option<Box<Failure>>,
    pub(super) referrer: Option<Arc<str>>,
    /// Rare, so in a box of their own.
    pub(super) rare: Option<Box<Rare>>,
    pub(super) depth: u32,
    pub(super) naming: Naming,
}

/// Where a target is; its text, whichever it is.
#[derive(Debug)]
pub(super) enum Address {
    /// To be parsed again when the target is leased: a million of these can wait.
    Text(Box<str>),
    /// As it came: a list is not read on while ten thousand of its targets wait.
    Parsed(Url),
}

impl Deref for Address {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Parsed(url) => url.as_str(),
        }
    }
}

/// What few targets have.
#[derive(Debug, Default)]
pub(super) struct Rare {
    unwritten: Unwritten,
    lastmod: Option<Box<str>>,
    before: Option<Box<Before>>,
    repeats: Option<u64>,
    files: Option<Arc<[PathBuf]>>,
}

/// What no store keeps: it can hold secrets.
#[derive(Debug, Default, Clone)]
pub(super) struct Unwritten {
    pub(super) authorization: Option<Secret>,
    pub(super) message: Option<Arc<Message>>,
}

impl Rare {
    fn is_some(&self) -> bool {
        self.unwritten.authorization.is_some()
            || self.unwritten.message.is_some()
            || self.lastmod.is_some()
            || self.before.is_some()
            || self.repeats.is_some()
            || self.files.is_some()
    }
}

impl Pending {
    /// What a store keeps of the rare.
    pub(super) fn lastmod(&self) -> Option<&str> {
        self.rare.as_ref()?.lastmod.as_deref()
    }

    /// What no store keeps, if there is any of it.
    pub(super) fn unwritten(&self) -> Option<&Unwritten> {
        let unwritten = &self.rare.as_ref()?.unwritten;
        let any = unwritten.authorization.is_some() || unwritten.message.is_some();
        any.then_some(unwritten)
    }

    /// Gives it what a store has kept for it.
    pub(super) fn with(mut self, lastmod: Option<Box<str>>, before: Option<Box<Before>>) -> Self {
        let rare = Rare {
            lastmod,
            before,
            ..Rare::default()
        };
        self.rare = rare.is_some().then(|| Box::new(rare));
        self
    }

    pub(super) fn of(id: u64, target: Target) -> Self {
        let Target {
            url,
            seed,
            depth,
            referrer,
            naming,
            refusal,
            authorization,
            message,
            lastmod,
            before,
            repeats,
            files,
        } = target;
        let rare = Rare {
            unwritten: Unwritten {
                authorization,
                message,
            },
            lastmod,
            before,
            repeats,
            files,
        };
        let rare = rare.is_some().then(|| Box::new(rare));
        // What a page leads to can have a seed too, which is no line then.
        let url = if seed.as_ref().is_some_and(|seed| seed.line > 0) {
            Address::Parsed(url)
        } else {
            Address::Text(String::from(url).into())
        };
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

    /// As it came; `nearby` parses what is text.
    pub(super) fn target(self, nearby: &mut Nearby) -> Option<Target> {
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
        let Rare {
            unwritten:
                Unwritten {
                    authorization,
                    message,
                },
            lastmod,
            before,
            repeats,
            files,
        } = rare.map(|rare| *rare).unwrap_or_default();
        let url = match url {
            Address::Parsed(url) => url,
            // It was made from a parsed URL; whatever cannot be parsed again was not written by us.
            Address::Text(text) => nearby.parse(&text).ok()?,
        };
        Some(Target {
            url,
            seed,
            depth,
            referrer,
            naming,
            refusal,
            authorization,
            message,
            lastmod,
            before,
            repeats,
            files,
        })
    }

    /// The bytes of its text, and of what is sent with it.
    pub(super) fn bytes(&self) -> u64 {
        let input = self.seed.as_ref().map_or(0, |seed| seed.input.len());
        let message = self.rare.as_ref().map_or(0, |rare| {
            let message = rare.unwritten.message.as_deref();
            message.map_or(0, Message::bytes)
        });
        (self.url.len() + input + message) as u64
    }
}
