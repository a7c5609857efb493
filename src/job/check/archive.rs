//! Copies of what is gone, from an archive that says where it has them: the Wayback Machine's availability API, or one that
//! answers like it. What is asked is one more target of the run, with the pace of its own host.
//!
//! The archive is told the URLs that it is asked about. Those of private hosts are not.

use std::collections::HashMap;

use serde_json::Value;
use url::{Url, form_urlencoded};

use super::filter::is_private;
use crate::model::{FailureKind, Naming, Outcome, Target, Visit, key};

/// The URL that asks for a copy, up to where the URL of what is gone stands.
#[derive(Debug, Clone)]
pub struct Archive(String);

impl std::str::FromStr for Archive {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.fragment().is_none() => {
                Ok(Self(text.to_owned()))
            }
            Ok(_) => Err("the archive must be asked over http or https".to_owned()),
            Err(error) => Err(format!(
                "no URL: {error}; the Wayback Machine's is https://archive.org/wayback/available?url="
            )),
        }
    }
}

impl Archive {
    /// What has to be asked for a copy of `url`, for which there is that record.
    pub(super) fn query(&self, url: &Url, visit: &Visit) -> Option<Url> {
        let kind = visit.error.as_ref()?.kind;
        let told = !matches!(
            kind,
            FailureKind::ForbiddenAddress | FailureKind::Internal | FailureKind::Url
        );
        if visit.outcome != Outcome::Broken || !told || is_private(url) {
            return None;
        }
        let escaped: String = form_urlencoded::byte_serialize(url.as_str().as_bytes()).collect();
        Url::parse(&format!("{}{escaped}", self.0)).ok()
    }
}

/// The questions of a run.
#[derive(Default)]
pub(super) struct Questions {
    archive: Option<Archive>,
    /// Which target each is about.
    about: HashMap<String, usize>,
}

impl Questions {
    pub(super) fn to(archive: Option<Archive>) -> Self {
        Self {
            archive,
            about: HashMap::new(),
        }
    }

    /// What has to be asked about the target `number` at `url`, for which there is that record.
    pub(super) fn ask(&mut self, url: &Url, visit: &Visit, number: usize) -> Option<Target> {
        let question = self.archive.as_ref()?.query(url, visit)?;
        let new = self
            .about
            .insert(key(&question).into_owned(), number)
            .is_none();
        new.then(|| Target {
            // No page says it, and it is not told who asks.
            naming: Naming::File,
            ..Target::named(question)
        })
    }

    /// Which target the question at `url` is about.
    pub(super) fn about(&self, url: &Url) -> Option<usize> {
        self.about.get(&*key(url)).copied()
    }
}

/// Where the copy is, by what the archive has answered.
pub(super) fn copy(answer: &str) -> Option<String> {
    let answer: Value = serde_json::from_str(answer).ok()?;
    let closest = answer.pointer("/archived_snapshots/closest")?;
    let is_there = closest["available"].as_bool().unwrap_or(false);
    let good = closest["status"]
        .as_str()
        .is_none_or(|status| status.starts_with('2'));
    let url = Url::parse(closest["url"].as_str()?).ok()?;
    (is_there && good && matches!(url.scheme(), "http" | "https")).then(|| url.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Failure;

    #[test]
    fn an_archive_is_asked_for_what_is_broken_and_not_private() {
        let archive: Archive = "https://archive.test/available?url="
            .parse()
            .expect("an archive");
        let query = |url: &str, kind| {
            let mut visit = Visit::new(String::new(), url.into(), Outcome::Ok);
            visit.fail(Failure::new(kind, "x"));
            let url = url.parse().expect("a URL");
            archive.query(&url, &visit).map(String::from)
        };
        assert_eq!(
            query("http://h.test/a?b=c&d#", FailureKind::Status).as_deref(),
            Some("https://archive.test/available?url=http%3A%2F%2Fh.test%2Fa%3Fb%3Dc%26d%23")
        );
        assert_eq!(query("http://10.0.0.1/a", FailureKind::Status), None);
        assert_eq!(query("http://h.test/", FailureKind::Blocked), None);
        assert!("archive.test".parse::<Archive>().is_err());
        assert!("ftp://archive.test/".parse::<Archive>().is_err());
    }

    #[test]
    fn only_a_copy_that_is_there_counts() {
        let answer = |available, status: &str, url: &str| {
            format!(
                "{{\"archived_snapshots\":{{\"closest\":{{\"available\":{available},\"status\":\"{status}\",\"url\":\"{url}\"}}}}}}"
            )
        };
        let there = "http://web.archive.test/web/2020/http://h.test/";
        assert_eq!(copy(&answer(true, "200", there)).as_deref(), Some(there));
        assert_eq!(copy(&answer(false, "200", there)), None);
        assert_eq!(copy(&answer(true, "404", there)), None);
        assert_eq!(copy(&answer(true, "200", "javascript:x")), None);
        assert_eq!(copy("{\"archived_snapshots\":{}}"), None);
        assert_eq!(copy("<html>"), None);
    }
}
