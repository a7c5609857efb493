//! What is told of the certificate that a server showed. Whether it is to be believed was decided when the connection was made;
//! here it is only read, and one that cannot be read is not told of.

use jiff::Timestamp;
use x509_parser::parse_x509_certificate;

use crate::model::Certificate;

/// Reads a certificate as it was sent (DER).
pub(super) fn read(sent: &[u8]) -> Option<Certificate> {
    let (_, certificate) = parse_x509_certificate(sent).ok()?;
    let end = certificate.validity().not_after.timestamp();
    Some(Certificate {
        not_after: Timestamp::from_second(end).ok()?.to_string(),
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn a_certificate_tells_its_end_and_its_names_and_anything_else_nothing() {
        let mut params = CertificateParams::new(vec!["h.test".to_owned()]).expect("a name");
        params.not_after = date_time_ymd(2060, 2, 29);
        params
            .distinguished_name
            .push(DnType::CommonName, "A, \"B\" \u{1b}[31m");
        let key = KeyPair::generate().expect("a key");
        let made = params.self_signed(&key).expect("a certificate");
        let read_back = read(made.der()).expect("it is one");
        assert_eq!(read_back.not_after, "2060-02-29T00:00:00Z");
        assert!(read_back.subject.starts_with("CN="), "{read_back:?}");
        for end in 0..made.der().len() {
            assert_eq!(read(&made.der()[..end]), None);
        }
        let mut broken = made.der().to_vec();
        for at in 0..broken.len() {
            broken[at] ^= 0xff;
            // Whatever it says, it is read without harm.
            let _ = read(&broken);
            broken[at] ^= 0xff;
        }
    }
}
