//! The rule of `--private`, where connections are made.

use std::sync::atomic::AtomicBool;

use super::*;
use crate::policy::address::Private;

async fn attempt(http: &Http, url: &Url, naming: Naming) -> Result<Box<Exchange>, FailureKind> {
    let request = Request {
        naming,
        fresh: false,
        ..request(url)
    };
    http.send(request, &mut Taker::default())
        .await
        .map_err(|error| {
            assert!(!error.transient, "a rule does not pass");
            error.failure.kind
        })
}

#[tokio::test]
async fn a_page_leads_to_no_private_address_in_whatever_spelling() {
    let server = Server::always(Reply::Keep(ok(b"secret"))).await;
    let lookup = Some(names(&[
        ("inside.test", "127.0.0.1"),
        ("localhost", "127.0.0.1 ::1"),
    ]));
    let http = fetcher(Options {
        lookup,
        ..options()
    });
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "127.1",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "inside.test",
        "localhost",
        "LOCALHOST",
    ] {
        let found = attempt(&http, &server.named(host), Naming::Page).await;
        assert_eq!(found.err(), Some(FailureKind::ForbiddenAddress), "{host}");
    }
    assert_eq!(server.accepted(), 0, "not even a connection was opened");
    for naming in [Naming::User, Naming::File] {
        for host in ["127.0.0.1", "127.1", "inside.test"] {
            assert!(
                attempt(&http, &server.named(host), naming).await.is_ok(),
                "{host} {naming:?}"
            );
        }
    }
}

#[tokio::test]
async fn the_switch_opens_and_closes_what_it_says() {
    let server = Server::always(Reply::Keep(ok(b"inside"))).await;
    let open = fetcher(Options {
        private: Private::Allow,
        ..options()
    });
    assert!(attempt(&open, &server.url(), Naming::Page).await.is_ok());
    let metadata = Url::parse("http://169.254.169.254/latest/meta-data/").unwrap();
    for naming in [Naming::File, Naming::Page] {
        let found = attempt(&open, &metadata, naming).await;
        assert_eq!(found.err(), Some(FailureKind::ForbiddenAddress));
    }
    let shut = fetcher(Options {
        private: Private::Deny,
        ..options()
    });
    let found = attempt(&shut, &server.url(), Naming::User).await;
    assert_eq!(found.err(), Some(FailureKind::ForbiddenAddress));
}

#[tokio::test]
async fn of_a_mixed_answer_only_what_is_permitted_is_dialled() {
    let server = Server::always(Reply::Keep(ok(b"inside"))).await;
    // 192.0.2.1 stands for a public address here; nothing may be dialled but the second one.
    let lookup = Some(names(&[(
        "mixed.test",
        "169.254.169.254 127.0.0.1 224.0.0.1",
    )]));
    let http = fetcher(Options {
        lookup,
        ..options()
    });
    let exchange = attempt(&http, &server.named("mixed.test"), Naming::File)
        .await
        .unwrap();
    assert_eq!(exchange.remote, Some(server.address));
    let found = attempt(&http, &server.named("mixed.test"), Naming::Page).await;
    assert_eq!(found.err(), Some(FailureKind::ForbiddenAddress));
}

#[tokio::test]
async fn a_name_that_changes_its_mind_gains_nothing() {
    let server = Server::always(Reply::Keep(ok(b"secret"))).await;
    // Whatever it answers next, what was judged is kept for a minute (the resolver's own tests go past it).
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let lookup = Lookup::new(move |_| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        Ok(vec![
            if first {
                [192, 0, 2, 1]
            } else {
                [127, 0, 0, 1]
            }
            .into(),
        ])
    });
    let http = fetcher(Options {
        lookup: Some(lookup),
        ..options()
    });
    for _ in 0..5 {
        let found = attempt(&http, &server.named("rebind.test"), Naming::Page).await;
        assert_eq!(found.err(), Some(FailureKind::ForbiddenAddress));
    }
    assert_eq!(
        (server.accepted(), asked.load(Ordering::SeqCst)),
        (0, 1),
        "an answer is kept"
    );
}

#[tokio::test]
async fn a_page_does_not_ride_on_a_connection_that_the_user_opened() {
    let server = Server::always(Reply::Keep(ok(b"inside"))).await;
    // The address counts as private all the time; the user's word opens it, a page's never, idle or not.
    let http = fetcher(options());
    assert!(attempt(&http, &server.url(), Naming::User).await.is_ok());
    assert!(attempt(&http, &server.url(), Naming::Page).await.is_err());
    assert!(attempt(&http, &server.url(), Naming::File).await.is_ok());
    assert!(attempt(&http, &server.url(), Naming::User).await.is_ok());
    assert_eq!(
        server.accepted(),
        2,
        "one connection for the user, one for the file"
    );
    assert_eq!(server.heads.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_given_address_is_used_and_no_name_server_asked() {
    let server = Server::always(Reply::Keep(ok(b"given"))).await;
    let asked = Arc::new(AtomicBool::new(false));
    let seen = asked.clone();
    let lookup = Lookup::new(move |_| {
        seen.store(true, Ordering::SeqCst);
        Err(std::io::Error::other("Name or service not known"))
    });
    let given = format!("Given.TEST:{}:127.0.0.1", server.address.port())
        .parse()
        .unwrap();
    let http = fetcher(Options {
        lookup: Some(lookup),
        resolve: vec![given],
        ..options()
    });
    for naming in [Naming::User, Naming::Page] {
        assert!(
            attempt(&http, &server.named("given.test"), naming)
                .await
                .is_ok(),
            "{naming:?}"
        );
    }
    assert!(!asked.load(Ordering::SeqCst));
    assert!(
        server.heads.lock().unwrap()[0]
            .to_lowercase()
            .contains("host: given.test:")
    );
    // For another port the name is looked up as ever.
    let other = Url::parse("http://given.test:9/").unwrap();
    assert_eq!(
        attempt(&http, &other, Naming::User).await.err(),
        Some(FailureKind::Dns)
    );
}

#[tokio::test]
async fn the_family_of_addresses_can_be_chosen() {
    let server = Server::always(Reply::Keep(ok(b"four"))).await;
    let table = &[("both.test", "::1 127.0.0.1"), ("six.test", "::1")];
    let four = fetcher(Options {
        lookup: Some(names(table)),
        family: Family::V4,
        ..options()
    });
    assert!(
        attempt(&four, &server.named("both.test"), Naming::User)
            .await
            .is_ok()
    );
    assert_eq!(
        attempt(&four, &server.named("six.test"), Naming::User)
            .await
            .err(),
        Some(FailureKind::Dns)
    );
    assert_eq!(
        attempt(&four, &server.named("[::1]"), Naming::User)
            .await
            .err(),
        Some(FailureKind::Connect)
    );
    let six = fetcher(Options {
        lookup: Some(names(table)),
        family: Family::V6,
        ..options()
    });
    assert_eq!(
        attempt(&six, &server.url(), Naming::User).await.err(),
        Some(FailureKind::Connect)
    );
}

#[test]
fn an_override_is_read_or_explained() {
    let read: Resolve = "Example.ORG:443:[2001:db8::1],192.0.2.1".parse().unwrap();
    assert_eq!(
        (&*read.host, read.port, read.addresses.len()),
        ("example.org", 443, 2)
    );
    for wrong in [
        "",
        "a.test",
        "a.test:80",
        "a.test:x:1.2.3.4",
        "a.test:80:nowhere",
        "127.0.0.1:80:10.0.0.1",
        "a.test:80:",
    ] {
        let message = wrong.parse::<Resolve>().unwrap_err();
        assert!(message.contains(wrong), "{message}");
    }
}
