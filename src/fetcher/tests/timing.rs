//! Where the time went, and over which connection.

use super::*;

#[tokio::test]
async fn phases_belong_to_the_connection_that_was_opened_for_the_request() {
    let server = Server::always(Reply::Keep(ok(b"hello"))).await;
    let lookup = Lookup::new(|_| {
        std::thread::sleep(Duration::from_millis(50));
        Ok(vec![[127, 0, 0, 1].into()])
    });
    let http = fetcher(Options {
        lookup: Some(lookup),
        ..options()
    });
    let url = server.named("slow.test");
    let fresh = get(&http, &url).await.unwrap().0.timing;
    assert!(!fresh.reused);
    assert!(fresh.dns.is_some_and(|dns| dns >= 50.0), "{fresh:?}");
    assert!(
        fresh.connect.is_some_and(|connect| connect < 50.0),
        "{fresh:?}"
    );
    assert_eq!(fresh.tls, None);
    assert!(
        fresh
            .ttfb
            .is_some_and(|ttfb| ttfb >= fresh.dns.unwrap() && ttfb <= fresh.total),
        "{fresh:?}"
    );

    tokio::time::sleep(Duration::from_millis(20)).await;
    let kept = get(&http, &url).await.unwrap().0.timing;
    assert!(
        kept.reused && kept.dns.is_none() && kept.connect.is_none(),
        "{kept:?}"
    );
    assert!(
        kept.start >= fresh.start + fresh.total + 15.0,
        "{fresh:?} {kept:?}"
    );
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn a_literal_address_is_not_looked_up_and_a_known_name_not_again() {
    let server = Server::always(Reply::Close(with("Connection: close\r\n", b"hello"))).await;
    let http = fetcher(Options {
        lookup: Some(names(&[("known.test", "127.0.0.1")])),
        ..options()
    });
    let timing = get(&http, &server.url()).await.unwrap().0.timing;
    assert!(timing.dns.is_none() && timing.connect.is_some() && !timing.reused);
    assert!(
        get(&http, &server.named("known.test"))
            .await
            .unwrap()
            .0
            .timing
            .dns
            .is_some()
    );
    let again = get(&http, &server.named("known.test"))
        .await
        .unwrap()
        .0
        .timing;
    assert!(
        again.dns.is_none() && again.connect.is_some() && !again.reused,
        "{again:?}"
    );
}

#[tokio::test]
async fn whoever_gets_a_connection_that_another_opened_says_so() {
    // Many at once over few connections: each answer is either fresh with a connect time or reused without.
    let server = Server::always(Reply::Keep(ok(b"hello"))).await;
    let http = fetcher(options());
    let url = server.url();
    let mut fresh = 0;
    for _ in 0..20 {
        let all = futures::future::join_all((0..5).map(|_| get(&http, &url))).await;
        for result in all {
            let timing = result.unwrap().0.timing;
            assert_eq!(timing.connect.is_some(), !timing.reused, "{timing:?}");
            fresh += usize::from(!timing.reused);
        }
    }
    assert!(
        fresh <= server.accepted() && fresh < 100,
        "{fresh} of {}",
        server.accepted()
    );
}

/// Needs its time to put things away.
struct Slow(Taker);

impl Receiver for Slow {
    fn head(&mut self, status: StatusCode, fields: &HeaderMap) -> Want {
        self.0.head(status, fields)
    }

    fn chunk(&mut self, bytes: &[u8]) {
        self.0.chunk(bytes);
    }

    fn room(&mut self) -> Option<LocalBoxFuture<'_, ()>> {
        Some(Box::pin(tokio::time::sleep(Duration::from_millis(20))))
    }
}

#[tokio::test]
async fn the_total_goes_to_the_end_of_the_content() {
    let server = Server::always(Reply::Keep(ok(&vec![b'x'; 100_000]))).await;
    let http = fetcher(options());
    let url = server.url();
    let mut slow = Slow(Taker::default());
    let exchange = http.send(request(&url), &mut slow).await.unwrap();
    assert_eq!(slow.0.content.len(), 100_000);
    // What came while the first of it was put away was not there with the head, though nobody waited for it.
    let timing = exchange.timing;
    assert!(timing.total >= timing.ttfb.unwrap() + 20.0, "{timing:?}");

    let server = Server::always(Reply::Keep(ok(b"hello"))).await;
    let timing = get(&http, &server.url()).await.unwrap().0.timing;
    assert_eq!(Some(timing.total), timing.ttfb, "all of it came at once");
}
