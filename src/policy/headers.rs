//! Which fields go to which origin.
//!
//! A field that the user gave with `-H` is bound, when it is given, to the origins that he named: scheme, host
//! and port. It goes nowhere else, whatever redirects (RFC 9110, section 15.4; not only the names that
//! libraries know as sensitive). For links that local files name, nobody named their targets: only fields that say nothing about the
//! user go there.

use std::collections::HashSet;
use std::sync::Arc;

use data_encoding::BASE64;
use http::HeaderMap;
use http::header::{
    ACCEPT, ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION,
    CONTENT_TYPE, HeaderName, HeaderValue, RANGE, USER_AGENT,
};

use super::netrc::Netrc;
use crate::model::message::replace;
use crate::model::{Naming, Origin, Secret};

/// The name that we give ourselves where no other is given.
pub const AGENT: &str = concat!(
    "dragnet/",
    env!("CARGO_PKG_VERSION"),
    " (+",
    env!("CARGO_PKG_HOMEPAGE"),
    ")"
);

/// Fields and the origins that they may go to.
#[derive(Debug, Clone)]
pub struct Bound {
    /// For everyone: Accept, User-Agent.
    open: Arc<HeaderMap>,
    /// For the named ones, the open fields included.
    whole: Arc<HeaderMap>,
    /// For the named ones that it knows, where `whole` does not log in.
    logins: Netrc,
    /// A login for origins that nobody has to name: a token that is meant for them and no others.
    token: Option<(HashSet<Origin>, HeaderValue)>,
    /// `None`: whatever the user named, as the lines of a list are, each with its own origin.
    origins: Option<HashSet<Origin>>,
}

/// Fields that say nothing about the user: they may go to everyone.
pub const OPEN: [HeaderName; 8] = [
    ACCEPT,
    ACCEPT_LANGUAGE,
    USER_AGENT,
    RANGE,
    CONTENT_TYPE,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_LOCATION,
];

/// A field that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is no field that can be sent: {reason}")]
pub struct FieldError {
    name: String,
    reason: &'static str,
}

impl Default for Bound {
    /// [`AGENT`] for everyone.
    fn default() -> Self {
        let mut open = HeaderMap::new();
        open.insert(ACCEPT, HeaderValue::from_static("*/*"));
        open.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let open = Arc::new(open);
        Self {
            whole: Arc::clone(&open),
            logins: Netrc::default(),
            token: None,
            open,
            origins: None,
        }
    }
}

impl Bound {
    /// `agent` for everyone; `fields` for `origins`, or for every target that the user named.
    ///
    /// # Errors
    /// When a name or value is none that HTTP can carry, or is one that only the protocol may set.
    pub fn new(
        agent: &str,
        fields: impl IntoIterator<Item = (String, Secret)>,
        origins: Option<HashSet<Origin>>,
    ) -> Result<Self, FieldError> {
        let mut open = Arc::unwrap_or_clone(Self::default().open);
        open.insert(USER_AGENT, value("User-Agent", agent)?);
        let given = checked(fields)?;
        for name in OPEN {
            if let Some(value) = given.get(&name) {
                open.insert(name, value.clone());
            }
        }
        let mut whole = open.clone();
        replace(&mut whole, &given);
        Ok(Self {
            open: Arc::new(open),
            whole: Arc::new(whole),
            logins: Netrc::default(),
            token: None,
            origins,
        })
    }

    /// What goes to everybody.
    #[must_use]
    pub fn open(&self) -> &HeaderMap {
        &self.open
    }

    /// Logs in where `logins` says how, and no field does.
    #[must_use]
    pub fn with_logins(self, logins: Netrc) -> Self {
        Self { logins, ..self }
    }

    /// Logs in with a token (RFC 6750) at `origins`, whoever named them, where nothing else does.
    ///
    /// # Errors
    /// When it is none that a field can carry.
    pub fn with_token(
        self,
        token: &str,
        origins: impl IntoIterator<Item = Origin>,
    ) -> Result<Self, FieldError> {
        let mut value = value("Authorization", &format!("Bearer {token}"))?;
        value.set_sensitive(true);
        let token = Some((origins.into_iter().collect(), value));
        Ok(Self { token, ..self })
    }

    /// The token for `origin`, if there is one for it.
    #[must_use]
    pub fn token_for(&self, origin: &Origin) -> Option<&HeaderValue> {
        let (origins, value) = self.token.as_ref()?;
        origins.contains(origin).then_some(value)
    }

    /// Is there a field of that name for those whom the user named?
    #[must_use]
    pub fn names(&self, name: &HeaderName) -> bool {
        self.whole.contains_key(name)
    }

    /// Is `origin` one that the user named? `naming` named its host, and `own` says that it is that of the target itself,
    /// and not one that a redirect led to.
    #[must_use]
    pub fn is_named(&self, origin: &Origin, own: bool, naming: Naming) -> bool {
        match &self.origins {
            Some(origins) => origins.contains(origin),
            None => own && naming == Naming::User,
        }
    }

    /// What goes to `origin`, by whether it [is named](Self::is_named); the same for most, and so the same map.
    #[must_use]
    pub fn fields_for(&self, origin: &Origin, named: bool) -> Arc<HeaderMap> {
        if !named {
            return Arc::clone(&self.open);
        }
        let mut fields = Arc::clone(&self.whole);
        if !self.logins.is_empty()
            && !fields.contains_key(AUTHORIZATION)
            && let Some(login) = self.logins.at(origin.host())
        {
            Arc::make_mut(&mut fields).insert(AUTHORIZATION, login.clone());
        }
        fields
    }
}

/// Fields that a user gave, ready to be sent; all but the harmless ones are marked as not to be shown.
///
/// # Errors
/// When a name or value is none that HTTP can carry, or is one that only the protocol may set.
pub fn checked(
    fields: impl IntoIterator<Item = (String, Secret)>,
) -> Result<HeaderMap, FieldError> {
    let mut checked = HeaderMap::new();
    for (name, text) in fields {
        let wrong = |reason| FieldError {
            name: name.clone(),
            reason,
        };
        let field =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("not a field name"))?;
        if matches!(
            field.as_str(),
            "host" | "content-length" | "transfer-encoding" | "connection" | "accept-encoding"
        ) {
            return Err(wrong("the protocol sets it"));
        }
        let mut value = value(&name, text.reveal())?;
        if OPEN.contains(&field) {
            checked.insert(field, value);
        } else {
            value.set_sensitive(true);
            checked.append(field, value);
        }
    }
    Ok(checked)
}

fn value(name: &str, text: &str) -> Result<HeaderValue, FieldError> {
    let wrong = FieldError {
        name: name.to_owned(),
        reason: "its value has characters that a field cannot carry",
    };
    HeaderValue::from_str(text).map_err(|_| wrong)
}

/// The value of Authorization for a user and password (RFC 7617).
#[must_use]
pub fn basic(user: &str, password: &str) -> Secret {
    basic_of(user.as_bytes(), password.as_bytes())
}

/// The same for those of a URL, with its escapes undone.
#[must_use]
pub fn userinfo(user: &str, password: &str) -> Secret {
    basic_of(&decoded(user), &decoded(password))
}

fn basic_of(user: &[u8], password: &[u8]) -> Secret {
    let text = [user, b":", password].concat();
    Secret::new(format!("Basic {}", BASE64.encode(&text)))
}

fn decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escape = text
            .get(at + 1..at + 3)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let (b'%', Some(value)) = (byte, escape) {
            out.push(value);
            at += 3;
        } else {
            out.push(byte);
            at += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::of(&text.parse().expect("a URL"))
    }

    #[test]
    fn a_field_goes_to_its_origins_and_nowhere_else() {
        let fields = [
            ("X-Key".to_owned(), Secret::new("canary")),
            ("Accept".to_owned(), Secret::new("text/html")),
        ];
        let named = HashSet::from([origin("https://a.test/")]);
        let bound = Bound::new("me/1", fields, Some(named)).expect("good fields");
        assert!(!format!("{bound:?}").contains("canary"));
        let sent = |text, naming| {
            let origin = origin(text);
            bound.fields_for(&origin, bound.is_named(&origin, true, naming))
        };
        assert_eq!(sent("https://a.test/x", Naming::User)["x-key"], "canary");
        for (other, naming) in [
            ("http://a.test/", Naming::User),
            ("https://a.test:8443/", Naming::User),
            ("https://b.test/", Naming::Page),
        ] {
            let fields = sent(other, naming);
            assert!(!fields.contains_key("x-key"), "{other}");
            assert_eq!(fields["accept"], "text/html");
        }
    }

    #[test]
    fn a_token_goes_to_its_origins_alone_and_is_not_shown() {
        let bound = Bound::default().with_token("canary", [origin("https://github.com")]);
        let bound = bound.expect("a token");
        assert!(!format!("{bound:?}").contains("canary"));
        let value = bound.token_for(&origin("https://github.com:443/a/b"));
        assert_eq!(value.expect("the token"), "Bearer canary");
        for other in [
            "http://github.com/",
            "https://github.com:8443/",
            "https://api.github.com/",
            "https://github.com.evil.test/",
            "https://evil.test/github.com",
        ] {
            assert_eq!(bound.token_for(&origin(other)), None, "{other}");
        }
        assert!(Bound::default().with_token("a\nb", []).is_err());
    }

    #[test]
    fn a_list_names_every_target_and_a_redirect_names_none() {
        let bound = Bound::new("me/1", [("X-Key".to_owned(), Secret::new("canary"))], None)
            .expect("good fields");
        let origin = origin("http://a.test");
        for (own, naming, named) in [
            (true, Naming::User, true),
            (false, Naming::User, false),
            (true, Naming::Page, false),
            (true, Naming::File, false),
        ] {
            assert_eq!(bound.is_named(&origin, own, naming), named, "{naming:?}");
            let fields = bound.fields_for(&origin, named);
            assert_eq!(fields.contains_key("x-key"), named);
        }
    }

    #[test]
    fn what_the_protocol_sets_is_refused() {
        for (name, text) in [
            ("Host", "x"),
            ("Content-Length", "1"),
            ("a b", "x"),
            ("X", "a\r\nY: z"),
        ] {
            assert!(
                Bound::new("me/1", [(name.to_owned(), Secret::new(text))], None).is_err(),
                "{name}"
            );
        }
    }

    #[test]
    fn basic_credentials_are_encoded() {
        assert_eq!(basic("a", "%41").reveal(), "Basic YTolNDE=");
        for (user, password, value) in [
            (
                "Aladdin",
                "open%20sesame",
                "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            ),
            ("u", "", "Basic dTo="),
            ("a", "b", "Basic YTpi"),
            ("%C3%A9", "x", "Basic w6k6eA=="),
        ] {
            assert_eq!(userinfo(user, password).reveal(), value);
        }
    }
}
