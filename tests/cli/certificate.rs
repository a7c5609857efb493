//! `--certificate`: what a record tells of the certificate that its server showed.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, Stream};
use serde_json::{Value, json};

use crate::support::{Dragnet, Response, Server};

/// A server over TLS that answers everything with `ok`; its authority's certificate is written to `authority`.
fn secure(authority: &Path) -> u16 {
    let mut params = CertificateParams::new(vec![]).expect("no names");
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(DnType::CommonName, "An authority");
    let key = KeyPair::generate().expect("a key");
    let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
    std::fs::write(authority, issuer.pem()).expect("a file");
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address");
    params.not_after = date_time_ymd(2049, 12, 31);
    params
        .distinguished_name
        .push(DnType::CommonName, "A server");
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, &issuer).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
        )
        .expect("they belong together");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let config = Arc::clone(&config);
            std::thread::spawn(move || {
                let mut stream = stream;
                let mut connection = ServerConnection::new(config).expect("a connection");
                let mut tls = Stream::new(&mut connection, &mut stream);
                let mut head = [0; 4096];
                // One request is one read here; the client may leave at any time.
                while tls.read(&mut head).is_ok_and(|read| read > 0) {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                    if tls.write_all(answer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

#[test]
fn a_record_tells_of_the_certificate_on_new_and_on_kept_connections_and_only_where_it_is_asked_for()
{
    let folder = tempfile::tempdir().expect("a folder");
    let port = secure(&folder.path().join("authority.pem"));
    let plain = Server::pages([("/", Response::text("ok"))]);
    let urls = [
        format!("https://127.0.0.1:{port}/1"),
        format!("https://127.0.0.1:{port}/2"),
        plain.url("/"),
    ];
    let fetch = |flags: &[&str]| {
        Dragnet::new()
            .args(["fetch", "--ordered", "-c", "1", "--cacert", "authority.pem"])
            .args(flags)
            .args(&urls)
            .in_dir(folder.path())
            .run()
    };
    let output = fetch(&["--certificate", "-o", "a.csv", "-f", "jsonl"]);
    output.assert_code(0);
    let records = output.json_lines();
    let expected = json!({
        "not_after": "2049-12-31T00:00:00Z",
        "subject": "CN=A server",
        "issuer": "CN=An authority",
    });
    assert_eq!(records[0]["certificate"], expected);
    assert_eq!(records[1]["certificate"], expected, "{}", records[1]);
    assert_eq!(records[1]["timing"]["reused"], true, "{}", records[1]);
    assert_eq!(
        records[2]["certificate"],
        Value::Null,
        "there is none without TLS"
    );
    let table = std::fs::read_to_string(folder.path().join("a.csv")).expect("a table");
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let names = rows.headers().expect("a header").clone();
    let at = names
        .iter()
        .position(|name| name == "certificate_not_after");
    let row = rows.records().next().expect("a row").expect("a row");
    assert_eq!(&row[at.expect("a column")], "2049-12-31T00:00:00Z");
    let template = [
        "--certificate",
        "-f",
        "template",
        "--template",
        "{certificate.not_after}",
    ];
    assert!(fetch(&template).stdout.contains("2049-12-31T00:00:00Z\n"));
    for record in fetch(&["-f", "jsonl"]).json_lines() {
        assert_eq!(record["certificate"], Value::Null);
    }
}
