//! Whom we trust, and who we are: the system's certificate authorities, Mozilla's where the system has none, and those of
//! `--cacert`.
//!
//! The configuration is built here, with ring and without a process-wide provider, because a library must
//! not set one and a static binary must not need one. Loading the system's authorities reads hundreds of
//! files, so it happens on a thread of its own and only once an `https` URL is met. Deliberately absent:
//! revocation (no CRL is fetched, no OCSP asked), and versions before TLS 1.2.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientSessionMemoryCache, Resumption};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::options::{FetcherError, Identity, Protocol};
use super::timing::Sessions;

/// TLS sessions that are kept for resumption, over all hosts.
const SESSIONS: usize = 1024;

/// Reads the certificates of `--cacert`.
pub(super) fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, FetcherError> {
    let wrong = |reason: String| FetcherError::Authorities {
        path: path.to_owned(),
        reason,
    };
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(error.to_string()))?;
    if certificates.is_empty() {
        return Err(wrong("there is no PEM certificate in it".into()));
    }
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        store
            .add(certificate.clone())
            .map_err(|error| wrong(error.to_string()))?;
    }
    Ok(certificates)
}

/// A certificate with its chain, and its key.
#[derive(Debug)]
pub(super) struct Certified {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Clone for Certified {
    fn clone(&self) -> Self {
        Self {
            chain: self.chain.clone(),
            key: self.key.clone_key(),
        }
    }
}

/// Reads the files of `--cert` and `--key`, and finds out whether they belong together.
pub(super) fn read_identity(identity: &Identity) -> Result<Certified, FetcherError> {
    let wrong = |path: &Path, reason: String| FetcherError::Identity {
        path: path.to_owned(),
        reason,
    };
    let path = &identity.certificate;
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(path, error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong(path, "there is no PEM certificate in it".into()));
    }
    let path = &identity.key;
    let key = PrivateKeyDer::from_pem_file(path).map_err(|error| match error {
        pem::Error::NoItemsFound => wrong(
            path,
            "there is no PEM key in it that is not encrypted".into(),
        ),
        error => wrong(path, error.to_string()),
    })?;
    let certified = Certified { chain, key };
    let nobody = Some(RootCertStore::empty());
    config(nobody, Protocol::Any, Some(&certified)).map_err(|error| match error {
        Error::InconsistentKeys(_) => wrong(path, "it is the key of another certificate".into()),
        error => wrong(path, error.to_string()),
    })?;
    Ok(certified)
}

/// Everybody whom the system trusts (or Mozilla, where it names nobody), and `further`. Blocks.
pub(super) fn roots(further: &[CertificateDer<'static>]) -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    store.add_parsable_certificates(further.iter().cloned());
    store
}

/// The configuration for connections; without `roots` every certificate is accepted (`--insecure`), and `identity` is
/// shown to whoever asks.
pub(super) fn config(
    roots: Option<RootCertStore>,
    protocol: Protocol,
    identity: Option<&Certified>,
) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = match roots {
        Some(roots) => builder.with_root_certificates(roots),
        None => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(provider))),
    };
    let mut config = match identity.cloned() {
        Some(Certified { chain, key }) => builder.with_client_auth_cert(chain, key)?,
        None => builder.with_no_client_auth(),
    };
    config.resumption =
        Resumption::store(Arc::new(Sessions(ClientSessionMemoryCache::new(SESSIONS))));
    config.alpn_protocols = match protocol {
        Protocol::Any => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Protocol::Http1 => vec![b"http/1.1".to_vec()],
        Protocol::Http2 => vec![b"h2".to_vec()],
    };
    Ok(config)
}

/// Accepts every certificate, for `--insecure`; the handshake must still be signed with it.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
