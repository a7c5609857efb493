//! What a request is beyond a GET of its target: method, fields and content (RFC 9110, section 6).
//!
//! Only where the user said so, for a whole list or in one of its lines. It belongs to the target's own origin, and
//! is never stored.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method};

/// What the user said of a request.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// GET unless it is said, or POST where there is content.
    pub method: Option<Method>,
    /// In place of those of the same name that go to every target; checked by `policy::headers`.
    pub fields: HeaderMap,
    /// What is sent.
    pub content: Option<Bytes>,
}

impl Message {
    /// How the target is asked for.
    #[must_use]
    pub fn method(&self) -> Method {
        match (&self.method, &self.content) {
            (Some(method), _) => method.clone(),
            (None, Some(_)) => Method::POST,
            (None, None) => Method::GET,
        }
    }

    /// About the bytes that it holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let fields = self.fields.iter();
        let fields: usize = fields
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        fields + self.content.as_ref().map_or(0, Bytes::len)
    }

    /// This, and where it says nothing `common`. Method and content belong together: whoever gives one of them takes
    /// neither of the other.
    #[must_use]
    pub fn over(&self, common: &Self) -> Self {
        let mut whole = if self.method.is_some() || self.content.is_some() {
            Self {
                method: self.method.clone(),
                fields: HeaderMap::new(),
                content: self.content.clone(),
            }
        } else {
            common.clone()
        };
        replace(&mut whole.fields, &self.fields);
        whole
    }
}

/// Puts `own` into `fields`, in place of whatever had the same names.
pub fn replace(fields: &mut HeaderMap, own: &HeaderMap) {
    for name in own.keys() {
        fields.remove(name);
    }
    for (name, value) in own {
        fields.append(name, value.clone());
    }
}

/// Content can hold a secret as well as a field can.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("method", &self.method)
            .field("fields", &self.fields.keys().collect::<Vec<_>>())
            .field("content", &self.content.as_ref().map(Bytes::len))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use http::header::{ACCEPT, CONTENT_TYPE};

    use super::*;

    fn message(method: Option<Method>, fields: &[(http::HeaderName, &'static str)]) -> Message {
        let fields = fields.iter().map(|(name, value)| {
            let value = http::HeaderValue::from_static(value);
            (name.clone(), value)
        });
        Message {
            method,
            fields: fields.collect(),
            content: None,
        }
    }

    #[test]
    fn a_line_that_says_how_takes_nothing_of_the_rest_and_one_that_adds_fields_does() {
        let common = Message {
            content: Some(Bytes::from_static(b"a=1")),
            ..message(None, &[(CONTENT_TYPE, "text/plain")])
        };
        assert_eq!(common.method(), Method::POST);
        let own = message(Some(Method::DELETE), &[]).over(&common);
        assert_eq!(own, message(Some(Method::DELETE), &[]));
        let own = message(None, &[(ACCEPT, "a/b")]).over(&common);
        assert_eq!(own.method(), Method::POST);
        assert_eq!(own.content, common.content);
        assert_eq!(own.fields.len(), 2);
        let own = message(None, &[(CONTENT_TYPE, "c/d")]).over(&common);
        assert_eq!(own.fields[CONTENT_TYPE], "c/d");
        assert!(!format!("{common:?}").contains("a=1"));
    }
}
