//! How fast `check` is at many hosts, and what a spent quota costs in each job.

use super::*;
use crate::input;

/// Checks the links of a text, and returns the summary.
async fn check(world: Rc<dyn Fetcher>, links: impl IntoIterator<Item = String>) -> Summary {
    let text: Vec<String> = links.into_iter().collect();
    let check = Check::new(vec![CheckInput::Text(
        "-".to_owned(),
        text.join("\n").into_bytes(),
    )]);
    let limits = Limits {
        max_wait: Duration::from_secs(60),
        ..Limits::default()
    };
    let setting = Setting {
        fetcher: world,
        limits,
        ..Setting::new(Vec::new())
    };
    check.run(setting).await.expect("it runs").summary
}

async fn fetch(world: Rc<dyn Fetcher>, urls: impl IntoIterator<Item = String>) -> Summary {
    let setting = Setting {
        fetcher: world,
        ..Setting::new(Vec::new())
    };
    let fetch = Fetch::new(urls);
    fetch.run(setting).await.expect("it runs").summary
}

/// The gaps between starts and the width hold at every host, and no host holds another up.
#[tokio::test(start_paused = true)]
async fn ten_thousand_links_to_many_hosts_take_seconds() {
    // Fifty to each of 200 hosts: one is slow, one is in trouble, one has 400 more.
    let world = World::new(|url, _| match url.host_str() {
        Some("h7.test") => Reply {
            latency: Duration::from_secs(2),
            ..page("")
        },
        Some("h8.test") => status(500),
        _ => page(""),
    });
    let links = (0..10_000).map(|n| format!("http://h{}.test/{n}", n % 200));
    let more = (0..400).map(|n| format!("http://h9.test/more/{n}"));
    let begun = Instant::now();
    let summary = check(world.clone(), links.chain(more)).await;
    assert_eq!((summary.ok, summary.broken), (10_350, 50), "{summary:?}");
    let last = |host: &str| {
        let sent = world.sent_to(host);
        sent.last().expect("some").0 - begun
    };
    let seconds = Duration::from_secs;
    // 64 in flight for 30 ms each is five seconds for all of them; the slow one can answer four in a second.
    for n in (0..200).filter(|n| !matches!(n, 7..=9)) {
        assert!(
            last(&format!("h{n}.test")) < seconds(10),
            "{n}: {:?}",
            last(&format!("h{n}.test"))
        );
    }
    assert!(last("h9.test") < seconds(20), "{:?}", last("h9.test"));
    assert!(last("h7.test") < seconds(30), "{:?}", last("h7.test"));
    // HEAD and GET in turn, each tried three times.
    assert!(last("h8.test") < seconds(170), "{:?}", last("h8.test"));
    let Politeness {
        public_delay,
        width,
        ..
    } = Check::POLITENESS;
    assert_eq!((public_delay, width.get()), (Duration::from_millis(20), 8));
    for n in 0..200 {
        let host = format!("h{n}.test");
        assert!(world.widest.borrow()[&host] <= 8, "{host}");
        let sent = world.sent_to(&host);
        for pair in sent.windows(2) {
            assert!(pair[1].0 - pair[0].0 >= public_delay, "{host}: {pair:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_spent_quota_rests_its_host_and_no_other_in_every_job() {
    const REST: Duration = Duration::from_secs(20);
    for job in ["fetch", "crawl", "check"] {
        let world = World::new(|url, _| {
            let spent = url.host_str() == Some("limited.test") && url.path() == "/0";
            let field = ("ratelimit", "\"minute\";r=0;t=20".to_owned());
            match url.path() {
                "/robots.txt" => status(404),
                "/" => {
                    page(links((0..40).map(|n| {
                        format!("http://{}.test/{n}", ["limited", "free"][n % 2])
                    })))
                }
                _ if spent => Reply {
                    fields: vec![field],
                    ..page("")
                },
                _ => page(""),
            }
        });
        let urls = (0..40).map(|n| format!("http://{}.test/{n}", ["limited", "free"][n % 2]));
        let summary = match job {
            "fetch" => fetch(world.clone(), urls).await,
            "crawl" => crawl(world.clone(), "http://start.test/", Crawl::POLITENESS).await,
            _ => check(world.clone(), urls).await,
        };
        assert_eq!(summary.records(), summary.ok, "{job}: {summary:?}");
        let limited = world.sent_to("limited.test");
        let first = limited
            .iter()
            .find(|(_, path)| path == "/0")
            .expect("it was asked for");
        let told = first.0 + Duration::from_millis(30);
        let during = limited
            .iter()
            .filter(|(at, _)| *at > told && *at < told + REST);
        assert_eq!(during.count(), 0, "{job}: {limited:?}");
        assert_eq!(
            limited
                .iter()
                .filter(|(_, path)| path != "/robots.txt")
                .count(),
            20,
            "{job}"
        );
        let others = world.sent_to("free.test");
        assert!(
            others.last().expect("some").0 < told + REST,
            "{job}: {others:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_comes_back_after_all_patience_is_not_waited_for() {
    let world = World::new(|_, _| Reply {
        fields: vec![
            ("x-ratelimit-remaining", "0".to_owned()),
            ("x-ratelimit-reset", "61".to_owned()),
        ],
        ..page("")
    });
    let begun = Instant::now();
    let summary = check(
        world.clone(),
        (0..40).map(|n| format!("http://limited.test/{n}")),
    )
    .await;
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    let sent = world.sent_to("limited.test").len() as u64;
    assert!((1..=8).contains(&sent), "{sent}");
    assert_eq!((summary.ok, summary.unknown), (sent, 40 - sent));
}

/// In scope as a crawl, outside as a check.
#[tokio::test(start_paused = true)]
async fn recursion_is_as_polite_as_a_crawl_where_it_crawls() {
    let world = World::new(|url, _| match (url.host_str(), url.path()) {
        (Some("site.test"), "/robots.txt") => page("User-agent: *\nDisallow: /shut\n"),
        (Some("slow.test"), "/robots.txt") => page("User-agent: *\nCrawl-delay: 2\n"),
        (_, "/robots.txt") => status(404),
        (Some("site.test"), "/") => {
            let own = (0..30).map(|n| format!("/{n}"));
            let others = (0..30).map(|n| format!("http://other.test/{n}"));
            page(links(own.chain(others).chain(["/shut".to_owned()])))
        }
        (Some("slow.test"), "/") => page(links((0..5).map(|n| format!("/{n}")))),
        _ => page(""),
    });
    let seeds = ["http://site.test/", "http://slow.test/"].map(str::to_owned);
    let targets = input::arguments(&seeds, "https");
    let scope = Scope::new(
        Reach::Host,
        targets.iter().map(|seed| &seed.url),
        vec![],
        vec![],
    );
    let check = Check {
        recursion: Some(Recursion {
            scope,
            depth: None,
            max_pages: None,
            robots: true,
            follow_nofollow: false,
            pace: paced(Crawl::POLITENESS),
        }),
        ..Check::new(
            targets
                .into_iter()
                .map(|seed| CheckInput::Url(Box::new(seed)))
                .collect(),
        )
    };
    let setting = Setting {
        fetcher: world.clone(),
        ..Setting::new(Vec::new())
    };
    let summary = check.run(setting).await.expect("it runs").summary;
    // Both inputs, and every link.
    assert_eq!(
        (summary.ok, summary.unknown),
        (2 + 60 + 5, 1),
        "{summary:?}"
    );
    assert_eq!(world.count("site.test", "/shut"), 0);
    assert_eq!(
        world.count("other.test", "/robots.txt"),
        0,
        "one link is not crawling"
    );
    for (host, delay) in [
        ("site.test", Crawl::POLITENESS.public_delay),
        ("slow.test", Duration::from_secs(2)),
        ("other.test", Check::POLITENESS.public_delay),
    ] {
        let mut sent = world.sent_to(host);
        // Before its rules are known they cannot be kept.
        sent.retain(|(_, path)| path != "/robots.txt");
        let gaps = sent.windows(2).map(|pair| pair[1].0 - pair[0].0);
        let least = gaps.min().expect("some");
        assert!(least >= delay && least < delay * 2, "{host}: {least:?}");
        assert!(world.widest.borrow()[host] <= 8, "{host}");
    }
    assert!(world.widest.borrow()["site.test"] <= 2);
}
