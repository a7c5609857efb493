//! Politeness as the sender sees it: a crawl of made-up hosts on tokio's paused clock, each request with its moment.

mod pace;

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use http::{HeaderMap, StatusCode, Version};
use url::Url;

use super::*;
use crate::fetcher::{FetchError, Receiver, Request, Want};
use crate::frontier::paced;
use crate::model::{Exchange, Timing};
use crate::policy::politeness::Politeness;
use crate::policy::scope::{Reach, Scope};

/// What a host answers to the `n`th request for a URL, from 1.
struct Reply {
    status: u16,
    fields: Vec<(&'static str, String)>,
    content: String,
    latency: Duration,
}

fn page(content: impl Into<String>) -> Reply {
    Reply {
        status: 200,
        fields: vec![("content-type", "text/html".to_owned())],
        content: content.into(),
        latency: Duration::from_millis(30),
    }
}

fn status(status: u16) -> Reply {
    Reply {
        status,
        fields: Vec::new(),
        ..page("")
    }
}

/// Hosts that answer as `answer` says, and every request that was sent to them.
struct World<A> {
    answer: A,
    sent: RefCell<Vec<(Instant, Url)>>,
    turns: RefCell<HashMap<Url, u32>>,
    in_flight: RefCell<HashMap<String, usize>>,
    widest: RefCell<HashMap<String, usize>>,
}

impl<A: Fn(&Url, u32) -> Reply> World<A> {
    fn new(answer: A) -> Rc<Self> {
        Rc::new(Self {
            answer,
            sent: RefCell::default(),
            turns: RefCell::default(),
            in_flight: RefCell::default(),
            widest: RefCell::default(),
        })
    }

    /// When each request to `host` was sent, and for which path.
    fn sent_to(&self, host: &str) -> Vec<(Instant, String)> {
        let sent = self.sent.borrow();
        let ours = sent.iter().filter(|(_, url)| url.host_str() == Some(host));
        ours.map(|(at, url)| (*at, url.path().to_owned())).collect()
    }

    fn count(&self, host: &str, path: &str) -> usize {
        let sent = self.sent_to(host);
        sent.iter().filter(|(_, asked)| asked == path).count()
    }
}

impl<A: Fn(&Url, u32) -> Reply> Fetcher for World<A> {
    fn send<'a>(
        &'a self,
        request: Request<'a>,
        receiver: &'a mut dyn Receiver,
    ) -> LocalBoxFuture<'a, Result<Box<Exchange>, FetchError>> {
        async move {
            let url = request.url.clone();
            let host = url.host_str().unwrap_or_default().to_owned();
            self.sent.borrow_mut().push((Instant::now(), url.clone()));
            let turn = {
                let mut turns = self.turns.borrow_mut();
                let turn = turns.entry(url.clone()).or_default();
                *turn += 1;
                *turn
            };
            {
                let mut in_flight = self.in_flight.borrow_mut();
                let now = in_flight.entry(host.clone()).or_default();
                *now += 1;
                let mut widest = self.widest.borrow_mut();
                let most = widest.entry(host.clone()).or_default();
                *most = (*most).max(*now);
            }
            let reply = (self.answer)(&url, turn);
            tokio::time::sleep(reply.latency).await;
            *self.in_flight.borrow_mut().entry(host).or_default() -= 1;
            let mut fields = HeaderMap::new();
            for (name, value) in reply.fields {
                fields.insert(name, value.parse().expect("a value"));
            }
            let status = StatusCode::from_u16(reply.status).expect("a status");
            if receiver.head(status, &fields) != Want::Nothing {
                receiver.chunk(reply.content.as_bytes());
            }
            Ok(Box::new(Exchange {
                cut: false,
                cached: false,
                certificate: None,
                status,
                version: Version::HTTP_11,
                fields,
                size: Some(reply.content.len() as u64),
                remote: None,
                timing: Timing {
                    total: reply.latency.as_secs_f64() * 1e3,
                    ttfb: Some(reply.latency.as_secs_f64() * 1e3),
                    ..Timing::default()
                },
            }))
        }
        .boxed_local()
    }
}

/// Crawls from `seed` to anywhere, and returns the summary.
async fn crawl(world: Rc<dyn Fetcher>, seed: &str, politeness: Politeness) -> Summary {
    let crawl = Crawl {
        scope: Scope::new(Reach::Any, [], vec![], vec![]),
        pace: paced(politeness),
        ..Crawl::new([seed])
    };
    let setting = Setting {
        save: None,
        cache: None,
        fetcher: world,
        ..Setting::new(Vec::new())
    };
    crawl.run(setting).await.expect("it runs").summary
}

fn links(urls: impl IntoIterator<Item = String>) -> String {
    let links = urls.into_iter().map(|url| format!("<a href={url}>x</a>"));
    links.collect()
}

#[tokio::test(start_paused = true)]
async fn no_gap_is_below_the_delay_whatever_the_requests_are_for() {
    let delay = Crawl::POLITENESS.public_delay;
    let world = World::new(|url, turn| match (url.host_str(), url.path(), turn) {
        (Some("a.test"), "/robots.txt", 1 | 2) => status(503),
        (Some("b.test"), "/robots.txt", _) => Reply {
            fields: vec![("location", "http://a.test/rules".to_owned())],
            ..status(301)
        },
        (_, "/robots.txt" | "/rules", _) => page("User-agent: *\nDisallow: /shut"),
        (Some("a.test"), "/", _) => {
            let own = (0..20).map(|n| format!("/{n}"));
            let slow = (0..6).map(|n| format!("http://slow.test/{n}"));
            let rest = ["/busy", "/moved", "/shut"].map(str::to_owned);
            page(links(own.chain(slow).chain(rest)))
        }
        (_, "/busy", 1) => Reply {
            fields: vec![("retry-after", "7".to_owned())],
            ..status(503)
        },
        (_, "/moved", _) => Reply {
            fields: vec![("location", "http://b.test/there".to_owned())],
            ..status(302)
        },
        (Some("slow.test"), _, _) => Reply {
            latency: Duration::from_secs(60),
            ..page("")
        },
        _ => page(""),
    });
    let summary = crawl(world.clone(), "http://a.test/", Crawl::POLITENESS).await;
    // The seed, 20 pages, 6 slow ones, /busy, /moved and where it leads; /shut is not asked for.
    assert_eq!((summary.ok, summary.unknown), (30, 1), "{summary:?}");
    for host in ["a.test", "b.test", "slow.test"] {
        let sent = world.sent_to(host);
        for pair in sent.windows(2) {
            let gap = pair[1].0 - pair[0].0;
            assert!(gap >= delay, "{host}: {gap:?} between {pair:?}");
        }
        assert!(
            world.widest.borrow()[host] <= Crawl::POLITENESS.width.get(),
            "{host}"
        );
    }
    assert_eq!(
        world.count("a.test", "/robots.txt"),
        3,
        "asked for until it is there"
    );
    assert_eq!(
        world.count("a.test", "/rules"),
        1,
        "a redirect of rules goes by the clock of where it leads"
    );
    assert_eq!(world.count("a.test", "/shut"), 0);
    // Retry-After rests the whole origin.
    let sent = world.sent_to("a.test");
    let busy = sent
        .iter()
        .position(|(_, path)| path == "/busy")
        .expect("it was asked for");
    let answered = sent[busy].0 + Duration::from_millis(30);
    let after = sent[busy + 1..].iter().find(|(at, _)| *at > answered);
    assert!(after.expect("and again").0 >= answered + Duration::from_secs(7));
    // A host that takes minutes holds nobody back: the other is done before its second pair begins.
    let slow = world.sent_to("slow.test");
    let last = sent.last().expect("some").0;
    assert!(slow[3].0 > last, "{:?} {last:?}", slow[3]);
}

#[tokio::test(start_paused = true)]
async fn a_crawl_delay_holds_from_the_request_on_that_it_was_learnt_by() {
    for latency in [1, 170, 3000].map(Duration::from_millis) {
        let world = World::new(move |url, _| match url.path() {
            "/robots.txt" => Reply {
                latency,
                ..page("User-agent: *\nCrawl-delay: 2\n")
            },
            "/" => page(links((0..3).map(|n| format!("/{n}")))),
            _ => page(""),
        });
        crawl(world.clone(), "http://a.test/", Crawl::POLITENESS).await;
        let sent = world.sent_to("a.test");
        assert_eq!(sent.len(), 5);
        for pair in sent.windows(2) {
            let gap = pair[1].0 - pair[0].0;
            assert!(gap >= Duration::from_secs(2), "{gap:?} between {pair:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_of_ones_own_is_asked_as_widely_as_is_said() {
    let world = World::new(|url, _| match url.path() {
        "/robots.txt" => status(404),
        "/" => page(links((0..100).map(|n| format!("/{n}")))),
        _ => page(""),
    });
    let politeness = Politeness {
        delay: Some(Duration::ZERO),
        width: NonZeroUsize::new(16).expect("some"),
        ..Crawl::POLITENESS
    };
    let begun = Instant::now();
    crawl(world.clone(), "http://own.test/", politeness).await;
    assert_eq!(world.widest.borrow()["own.test"], 16);
    // robots.txt, the page, and seven rounds of sixteen.
    assert!(
        begun.elapsed() < Duration::from_millis(9 * 30 + 50),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn rules_are_waited_for_as_long_as_a_url_may_wait_and_then_asked_for_now_and_then() {
    let world = World::new(|url, _| match url.path() {
        "/robots.txt" => status(500),
        _ => page(""),
    });
    let begun = Instant::now();
    let summary = crawl(world.clone(), "http://a.test/", Crawl::POLITENESS).await;
    assert_eq!(summary.unknown, 1);
    let waited = begun.elapsed();
    let most = Limits::default().max_wait + Duration::from_secs(1);
    assert!(
        waited > Duration::from_secs(60) && waited < most,
        "{waited:?}"
    );
    let tries = world.count("a.test", "/robots.txt");
    assert!((7..=11).contains(&tries), "{tries}");
}
