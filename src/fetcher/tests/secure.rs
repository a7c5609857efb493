//! Whom we trust, and what a bad certificate is called.

use std::path::PathBuf;

use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

use super::*;

/// A certificate authority that nobody knows, in a file.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// Removed with it.
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self::of(params)
    }

    fn of(params: CertificateParams) -> Self {
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("authority.pem");
        std::fs::write(&path, issuer.pem()).unwrap();
        Self {
            issuer,
            _folder: folder,
            path,
        }
    }

    /// A TLS server for `names`, with a certificate from here that `change` has changed.
    pub(super) async fn server(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> SocketAddr {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let config = self.config(&params, None);
        serve(config, ok(b"secure")).await
    }

    /// What a server with a certificate from here needs; it may ask the other side for one as well.
    fn config(
        &self,
        params: &CertificateParams,
        asks: Option<Arc<dyn rustls::server::danger::ClientCertVerifier>>,
    ) -> rustls::ServerConfig {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match asks {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config
    }

    /// A certificate and its key, as PEM.
    pub(super) fn certificate(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["client".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// A TLS server for `secure.test` that talks to nobody without a certificate from here.
    pub(super) async fn wary(&self) -> SocketAddr {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let asks =
            rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .unwrap();
        let params = CertificateParams::new(vec!["secure.test".to_owned()]).unwrap();
        serve(self.config(&params, Some(asks)), ok(b"secure")).await
    }

    pub(super) fn options(&self) -> Options {
        let lookup = Some(names(&[
            ("secure.test", "127.0.0.1"),
            ("other.test", "127.0.0.1"),
        ]));
        Options {
            authorities: Some(self.path.clone()),
            lookup,
            ..options()
        }
    }
}

/// Answers each request with `answer` and then, if that has no length, cuts the connection below TLS.
async fn serve(config: rustls::ServerConfig, answer: Vec<u8>) -> SocketAddr {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let whole = answer.windows(15).any(|part| part == b"Content-Length:");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, answer) = (acceptor.clone(), answer.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                while read_head(&mut stream).await.is_some() {
                    let _ = stream.write_all(&answer).await;
                    let _ = stream.flush().await;
                    if !whole {
                        let _ = stream.get_mut().0.shutdown().await;
                    }
                }
            });
        }
    });
    address
}

/// Says this to whoever comes, whatever they say.
async fn says(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(bytes).await;
        }
    });
    address
}

pub(super) fn at(name: &str, address: SocketAddr) -> Url {
    Url::parse(&format!("https://{name}:{}/", address.port())).unwrap()
}

#[tokio::test]
async fn a_given_authority_is_trusted_and_the_handshake_has_its_time() {
    let authority = Authority::new();
    let address = authority
        .server(&["secure.test", "127.0.0.1"], |_| {})
        .await;
    let http = fetcher(authority.options());
    for name in ["secure.test", "127.0.0.1"] {
        let (exchange, content) = get(&http, &at(name, address)).await.unwrap();
        assert_eq!(
            (&content[..], exchange.version),
            (&b"secure"[..], ::http::Version::HTTP_11)
        );
        let timing = exchange.timing;
        assert!(
            timing.tls.is_some_and(|tls| tls > 0.0) && timing.connect.is_some(),
            "{timing:?}"
        );
        let parts = timing.dns.unwrap_or_default() + timing.connect.unwrap() + timing.tls.unwrap();
        assert!(timing.ttfb.is_some_and(|ttfb| ttfb >= parts), "{timing:?}");
        let kept = get(&http, &at(name, address)).await.unwrap().0.timing;
        assert!(kept.reused && kept.tls.is_none(), "{kept:?}");
    }
}

#[tokio::test]
async fn a_bad_certificate_is_a_failure_of_tls_that_says_what_is_wrong() {
    let authority = Authority::new();
    let expired =
        |params: &mut CertificateParams| params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    let future =
        |params: &mut CertificateParams| params.not_before = rcgen::date_time_ymd(3001, 1, 1);
    let past = authority.server(&["secure.test"], expired).await;
    let not_yet = authority.server(&["secure.test"], future).await;
    let good = authority.server(&["secure.test"], |_| {}).await;
    let trusting = fetcher(authority.options());
    let stranger = fetcher(Options {
        authorities: None,
        ..authority.options()
    });
    let insecure = fetcher(Options {
        insecure: true,
        authorities: None,
        ..authority.options()
    });
    for (http, name, address, wanted) in [
        (&trusting, "secure.test", past, "expired"),
        (&trusting, "secure.test", not_yet, "not valid yet"),
        (&trusting, "other.test", good, "another name"),
        (&trusting, "127.0.0.1", good, "another name"),
        (&stranger, "secure.test", good, "issuer is unknown"),
    ] {
        let error = get(http, &at(name, address)).await.unwrap_err();
        assert_eq!(
            (error.failure.kind, error.transient),
            (FailureKind::Tls, false),
            "{error:?}"
        );
        assert!(
            error.failure.message.contains(wanted),
            "{} for {wanted}",
            error.failure.message
        );
        assert!(
            get(&insecure, &at(name, address)).await.is_ok(),
            "--insecure accepts: {wanted}"
        );
    }
}

#[tokio::test]
async fn what_does_not_speak_tls_is_a_failure_of_tls() {
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = plain.local_addr().unwrap();
    let answers: [&'static [u8]; 2] = [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""];
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = plain.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer).await;
        }
    });
    let http = fetcher(Options {
        insecure: true,
        ..options()
    });
    for (wanted, transient) in [
        ("does not speak TLS", false),
        ("in the middle of the handshake", true),
    ] {
        let error = get(&http, &at("127.0.0.1", address)).await.unwrap_err();
        assert_eq!(
            (error.failure.kind, error.transient),
            (FailureKind::Tls, transient),
            "{error:?}"
        );
        assert!(
            error.failure.message.contains(wanted),
            "{}",
            error.failure.message
        );
    }
}

#[tokio::test]
async fn a_handshake_that_stalls_ends_with_the_connect_clock() {
    let server = Server::always(Reply::Stall(vec![])).await;
    let connect_timeout = Duration::from_millis(200);
    // Of several addresses each has its share of the time, and the library sees to that.
    let several = Resolve {
        host: "several.test".to_owned(),
        port: server.address.port(),
        addresses: vec![server.address.ip(), "127.0.0.2".parse().unwrap()],
    };
    let http = fetcher(Options {
        insecure: true,
        connect_timeout,
        resolve: vec![several],
        ..options()
    });
    let wanted = FetchError {
        unconnected: true,
        ..FetchError::passing(FailureKind::Timeout, "connecting took longer than 200ms")
    };
    for host in ["127.0.0.1", "several.test"] {
        let error = get(&http, &at(host, server.address)).await.unwrap_err();
        assert_eq!(error, wanted, "{host}");
    }
}

/// F106: a certificate that its authority had no right to give.
#[tokio::test]
async fn an_authority_is_held_to_its_own_constraints() {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.name_constraints = Some(rcgen::NameConstraints {
        permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName("other.test".into())],
        excluded_subtrees: vec![],
    });
    let authority = Authority::of(params);
    let address = authority.server(&["secure.test"], |_| {}).await;
    let http = fetcher(authority.options());
    let error = get(&http, &at("secure.test", address)).await.unwrap_err();
    assert_eq!(error.failure.kind, FailureKind::Tls, "{error:?}");
    let address = authority.server(&["other.test"], |_| {}).await;
    assert!(get(&http, &at("other.test", address)).await.is_ok());
}

/// F111: without a `close_notify`, content that only the end of the connection ends may have been cut.
#[tokio::test]
async fn an_end_that_tls_does_not_vouch_for_is_a_cut() {
    let authority = Authority::new();
    let params = CertificateParams::new(vec!["secure.test".to_owned()]).unwrap();
    let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf".to_vec();
    let address = serve(authority.config(&params, None), answer).await;
    let http = fetcher(authority.options());
    let error = get(&http, &at("secure.test", address)).await.unwrap_err();
    assert_eq!(error.failure.kind, FailureKind::Truncated, "{error:?}");
}

/// F108, F110, F112, F113: alerts, certificates of thousands of names, and servers that ask for ours.
#[tokio::test]
async fn handshakes_that_fail_end_with_their_reason_and_large_ones_are_borne() {
    // A fatal alert: protocol_version.
    let old = says(b"\x15\x03\x01\x00\x02\x02\x46").await;
    let http = fetcher(Options {
        insecure: true,
        ..options()
    });
    let error = get(&http, &at("127.0.0.1", old)).await.unwrap_err();
    assert_eq!(error.failure.kind, FailureKind::Tls, "{error:?}");

    let authority = Authority::new();
    let mut names: Vec<String> = (0..2500).map(|n| format!("name-{n}.test")).collect();
    names.push("secure.test".into());
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let address = authority.server(&names, |_| {}).await;
    let http = fetcher(authority.options());
    match get(&http, &at("secure.test", address)).await {
        Ok((_, content)) => assert_eq!(content, b"secure"),
        Err(error) => assert_eq!(error.failure.kind, FailureKind::Tls, "{error:?}"),
    }

    let address = authority.wary().await;
    let error = get(&http, &at("secure.test", address)).await.unwrap_err();
    assert_eq!(error.failure.kind, FailureKind::Tls, "{error:?}");
}

#[test]
fn a_file_without_authorities_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for content in [None, Some(""), Some("no PEM"), Some(broken)] {
        let path = folder.path().join("authorities.pem");
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let made = Http::new(Options {
            authorities: Some(path.clone()),
            ..options()
        });
        let message = made.err().expect("a refusal").to_string();
        assert!(message.contains("authorities.pem: "), "{message}");
    }
}
