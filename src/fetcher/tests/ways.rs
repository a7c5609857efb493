//! Certificates of our own, and TLS through a proxy.

use std::path::PathBuf;

use tokio::io::copy_bidirectional;

use super::secure::{Authority, at};
use super::*;
use crate::model::Secret;

/// A proxy that opens tunnels to this machine, whatever the name, and keeps the heads of what it is asked.
async fn tunnels() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heads: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let heard = Arc::clone(&heard);
            tokio::spawn(async move {
                let head = read_head(&mut client).await?;
                let place = head.split(' ').nth(1)?.to_owned();
                heard.lock().unwrap().push(head);
                let (_, port) = place.rsplit_once(':')?;
                if !place.starts_with("secure.test") {
                    let refused = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
                    client.write_all(refused).await.ok()?;
                    return None;
                }
                let mut server = TcpStream::connect(("127.0.0.1", port.parse().ok()?))
                    .await
                    .ok()?;
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
                copy_bidirectional(&mut client, &mut server).await.ok()
            });
        }
    });
    (address, heads)
}

#[tokio::test]
async fn tls_goes_through_a_tunnel_and_the_password_ends_at_the_proxy() {
    let authority = Authority::new();
    let server = authority.server(&["secure.test"], |_| {}).await;
    let (proxy, heads) = tunnels().await;
    let through = Secret::new(format!("http://me:hunter2@{proxy}"));
    let http = fetcher(Options {
        proxy: Some(Proxy::new(&through, Bypass::default()).unwrap()),
        // Nobody is asked where it is.
        lookup: Some(names(&[])),
        ..authority.options()
    });
    let (_, content) = get(&http, &at("secure.test", server)).await.unwrap();
    assert_eq!(content, b"secure");
    let head = heads.lock().unwrap()[0].to_lowercase();
    let begin = format!("connect secure.test:{} http/1.1\r\n", server.port());
    assert!(head.starts_with(&begin), "{head}");
    assert!(
        head.contains("proxy-authorization: basic bwu6ahvudgvymg=="),
        "{head}"
    );

    let error = get(&http, &at("other.test", server)).await.unwrap_err();
    assert_eq!(error.failure.kind, FailureKind::Connect, "{error:?}");
    assert!(error.failure.message.contains("proxy"), "{error:?}");
}

#[tokio::test]
async fn our_certificate_is_shown_to_those_that_the_user_named() {
    let authority = Authority::new();
    let server = authority.wary().await;
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (certificate, key) = authority.certificate();
    let both = put("both.pem", &format!("{certificate}{key}"));
    let (certificate, key) = (put("certificate.pem", &certificate), put("key.pem", &key));
    let url = at("secure.test", server);
    for (certificate, key) in [(certificate.clone(), key), (both.clone(), both)] {
        let http = fetcher(Options {
            identity: Some(Identity { certificate, key }),
            ..authority.options()
        });
        assert_eq!(get(&http, &url).await.unwrap().1, b"secure");
        // The same place, reached in another way: neither the certificate nor the connection is there for it.
        let stranger = Request {
            named: false,
            ..request(&url)
        };
        let error = http
            .send(stranger, &mut Taker::default())
            .await
            .unwrap_err();
        assert_eq!(error.failure.kind, FailureKind::Tls, "{error:?}");
    }

    let other = put("other.pem", &authority.certificate().1);
    let nothing = put("nothing.pem", "");
    for (one, two, told) in [
        (&certificate, &other, "another certificate"),
        (&certificate, &nothing, "nothing.pem: there is no PEM key"),
        (&nothing, &other, "nothing.pem: there is no PEM certificate"),
        (&PathBuf::from("nowhere"), &other, "nowhere"),
    ] {
        let made = Http::new(Options {
            identity: Some(Identity {
                certificate: one.clone(),
                key: two.clone(),
            }),
            ..options()
        });
        let message = made.err().expect("a refusal").to_string();
        assert!(message.contains(told), "{message}");
    }
}
