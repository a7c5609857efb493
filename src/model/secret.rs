//! Values that are never shown: credentials, and the fields that users bind to an origin.
//!
//! A [`Secret`] has no way out through `Debug`, `Display` or serde; whoever needs the value calls
//! [`Secret::reveal`], so every place that can leak is found by searching for that one word.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr;

/// Text that `Debug` and `Display` show as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text in; only [`Secret::reveal`] gives it back.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the wire and for nothing else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Schemes whose `@` stands in an address and not behind a password.
const ADDRESSES: [&str; 6] = ["mailto:", "xmpp:", "sip:", "sips:", "acct:", "im:"];

/// `text` with whatever could be userinfo masked, also where it is no URL.
///
/// Masks from the scheme's `//` (or from the start, without one) to the last `@` before the path, as the
/// URL standard reads an authority, so that a mistyped URL does not show the password in it either.
#[must_use]
pub fn masked(text: &str) -> Cow<'_, str> {
    if memchr(b'@', text.as_bytes()).is_none() {
        return text.into();
    }
    let start = text.find("//").map_or(0, |at| at + 2);
    let end = text[start..]
        .find(['/', '\\', '?', '#'])
        .map_or(text.len(), |at| start + at);
    // An address of mail or chat is no login.
    if start == 0 && ADDRESSES.iter().any(|scheme| text.starts_with(scheme)) {
        return text.into();
    }
    match text[start..end].rfind('@') {
        // Without `//`, only `user:password@…` is taken for userinfo: an e-mail address stays readable.
        Some(at) if start > 0 || text[..at].contains(':') => {
            format!("{}***{}", &text[..start], &text[start + at..]).into()
        }
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
        assert_eq!(secret.reveal(), "hunter2");
    }

    #[test]
    fn userinfo_is_masked_also_where_the_text_is_no_url() {
        for (given, shown) in [
            ("http://u:p@h/x", "http://***@h/x"),
            ("http://u:p@[::bad/x", "http://***@[::bad/x"),
            ("http://h/x@y", "http://h/x@y"),
            ("u:p@h", "***@h"),
            ("http://a@b@c/", "http://***@c/"),
            ("someone@example.org", "someone@example.org"),
            ("//u:p@h", "//***@h"),
            ("mailto:a@h", "mailto:a@h"),
        ] {
            assert_eq!(masked(given), shown);
        }
    }
}
