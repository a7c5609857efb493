//! `crawl --explain URL`: would it be visited, and which rule says so. Nothing but robots.txt is asked for.
//!
//! The rules are asked in the order in which a crawl asks them, until one keeps the URL out. What depends on the crawl
//! so far (depth, and how many pages there were before) cannot be known, and is not said.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use futures::StreamExt;
use futures::future::ready;
use tokio::time::Instant;
use url::{Position, Url};

use super::content::{Content, Found};
use super::crawl::{Crawl, Named};
use super::pipeline::{End, Judged, Judging, Over, Pipeline, Work};
use super::robots::too_slow;
use super::writer::Writer;
use super::{Error, Limits, Setting};
use crate::frontier::{
    Answer, Errand, Frontier, Memory, Options, Settlement, Step, Task, Written, leases,
    robots_everywhere,
};
use crate::model::{Summary, Target};
use crate::policy::budget::{Budget, trap};
use crate::policy::filter::Filter;
use crate::policy::order::Order;
use crate::sink::Standing;

/// Would a URL be visited?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// It would, if a page within `--depth` leads there.
    pub visited: bool,
    /// What each rule said, in their order; the last one decided.
    pub rules: Vec<String>,
}

impl Explanation {
    fn new(visited: bool, rules: Vec<String>) -> Self {
        Self { visited, rules }
    }
}

impl Crawl {
    /// Says whether this crawl would visit `url`, if it were found on a page.
    ///
    /// # Errors
    /// When the run cannot be set up; a robots.txt that cannot be had is an explanation.
    pub async fn explain(self, url: Url, setting: Setting) -> Result<Explanation, Error> {
        let mut rules = Vec::new();
        match self.scope.explain(&url) {
            Ok(rule) => rules.push(rule),
            Err(rule) => {
                rules.push(self.scope.refusal(&rule));
                return Ok(Explanation::new(false, rules));
            }
        }
        if self.budget.shapes {
            if let Some(cut) = trap(&url) {
                rules.push(cut.reason().to_owned());
                return Ok(Explanation::new(false, rules));
            }
            rules.push("no trap".to_owned());
        }
        if !self.robots {
            rules.push("robots.txt is not asked for (--ignore-robots)".to_owned());
            return Ok(Explanation::new(true, rules));
        }
        let naming = Named::by(&self.seeds).naming(&url);
        let (visited, rule) = robots_say(
            self,
            Target {
                naming,
                ..Target::named(url)
            },
            setting,
        )
        .await?;
        rules.push(rule);
        Ok(Explanation::new(visited, rules))
    }
}

/// What the robots.txt of a target's origin says of it.
async fn robots_say(
    crawl: Crawl,
    target: Target,
    setting: Setting,
) -> Result<(bool, String), Error> {
    let path = target.url[Position::BeforePath..Position::AfterQuery].to_owned();
    let frontier = Memory::new(Options {
        unique: true,
        robots: Some(robots_everywhere()),
        depth: None,
        order: Order::default(),
        budget: Budget::default(),
        gap: None,
        pace: crawl.pace,
    });
    let writer = Writer::open(
        Vec::new(),
        None,
        Filter::default(),
        None,
        &Written::default(),
        Standing::Alone,
    )?;
    // A person waits: a robots.txt that cannot be had now is the answer.
    let limits = Limits {
        retries: 0,
        ..setting.limits
    };
    let pipeline = Pipeline {
        frontier: &frontier,
        fetcher: &*setting.fetcher,
        writer: &writer,
        cache: None,
        reporter: &*setting.reporter,
        work: &Nothing,
        limits: &limits,
        stop: setting.stop.clone(),
        over: Over::default(),
        durable: false,
        summary: RefCell::new(Summary::default()),
        began: Instant::now(),
        measure: RefCell::default(),
        left: Cell::new(0),
    };
    let seeds = futures::stream::iter([vec![target]]).boxed_local();
    let mut stream = std::pin::pin!(leases(&frontier, seeds, setting.stop.draining()));
    while let Some(lease) = stream.next().await {
        let lease = lease?;
        if lease.task.errand == Errand::Visit {
            // What has no robots.txt to wait for is visited as it is.
            frontier.settle(
                lease,
                Settlement::from(Step::Done {
                    visits: Vec::new(),
                    found: Vec::new(),
                }),
            );
            return Ok((true, "nothing asks for a robots.txt there".to_owned()));
        }
        let asked = tokio::select! {
            asked = pipeline.rules(lease) => asked,
            () = setting.stop.deadline() => None,
        };
        let Some((lease, answer, _)) = asked else {
            continue;
        };
        let said = match &answer {
            Answer::Dead(failure) => (
                false,
                format!("{}: {}", failure.kind.name(), failure.message),
            ),
            Answer::Rules { rules, .. } => {
                let verdict = rules.judge(&path);
                let delay = rules.crawl_delay().filter(|delay| *delay > Duration::ZERO);
                let delay = delay.map(|delay| format!("Crawl-delay {} s", delay.as_secs_f64()));
                let delay = too_slow(rules).or(delay).map(|said| format!("; {said}"));
                (
                    verdict.allowed,
                    verdict.reason() + &delay.unwrap_or_default(),
                )
            }
        };
        frontier.settle(lease, Settlement::from(Step::Robots(answer)));
        return Ok(said);
    }
    Ok((
        false,
        "interrupted before robots.txt had answered".to_owned(),
    ))
}

/// Nothing is received and nothing judged here.
struct Nothing;

impl Work for Nothing {
    fn receive(&self, _: &Task) -> Content {
        Content::counted()
    }

    fn judge<'a>(&'a self, _: &'a Task, _: End, _: Found) -> Judging<'a> {
        Judging::Left(ready(Judged::default()))
    }
}
