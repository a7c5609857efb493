//! Which ports a page may lead to.
//!
//! A crafted URL makes an HTTP request say things to a mail or chat server. Browsers refuse those ports, and so does
//! everything that a page or a file leads to; the user may name any.

use url::Url;

use crate::model::{Failure, FailureKind, Naming};

/// Ports of other protocols, whose servers a request must not be smuggled to (Fetch, section 2.9, "bad port").
#[rustfmt::skip]
const BAD_PORTS: &[u16] = &[
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110,
    111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532,
    540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061,
    6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

/// Is the port of `url` one of another protocol?
#[must_use]
pub fn is_bad(url: &Url) -> bool {
    url.port().is_some_and(|port| BAD_PORTS.contains(&port))
}

/// May the port of `url` be contacted, when `naming` says who named it? The user may name any.
///
/// # Errors
///
/// `forbidden-address`, with the port and the way out.
pub fn permitted(naming: Naming, url: &Url) -> Result<(), Failure> {
    if naming == Naming::User || !is_bad(url) {
        return Ok(());
    }
    let port = url.port().unwrap_or_default();
    Err(Failure::new(
        FailureKind::ForbiddenAddress,
        format!(
            "port {port} belongs to another protocol: a page may not lead there; name the URL yourself"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_user_names_the_port_of_another_protocol() {
        let url = |text: &str| Url::parse(text).expect("a URL");
        let mail = url("http://h.test:25/");
        assert!(permitted(Naming::User, &mail).is_ok());
        for naming in [Naming::File, Naming::Page] {
            let failure = permitted(naming, &mail).expect_err("a mail server");
            assert_eq!(failure.kind, FailureKind::ForbiddenAddress);
            assert!(failure.message.contains("25"), "{}", failure.message);
            for good in [
                "http://h.test/",
                "http://h.test:8080/",
                "https://h.test:6001/",
            ] {
                assert!(permitted(naming, &url(good)).is_ok(), "{good}");
            }
        }
    }
}
