//! A line of a list that carries its own request: `{"url": …, "method": …, "headers": {…}, "body": …, "id": …}`.
//!
//! Only `url` has to be there. `headers` has a text or a list of texts for each name, `body` is text, `id` (a text or a
//! number) becomes the name of the record; other keys are passed over, so that records of other tools can be piped in.
//! A mistake is named with its column. What the object holds beside its URL is shown nowhere: it can be secret.

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, de};

use super::{parsed, refused};
use crate::model::{Message, Nearby, Secret, Seed, Target, masked};
use crate::policy::headers::checked;

/// The longest line that is read as an object, in bytes: 1 MiB.
pub(super) const OBJECT_LIMIT: usize = 1 << 20;

/// Is the line an object?
pub(super) fn is_object(text: &[u8]) -> bool {
    text.trim_ascii_start().first() == Some(&b'{')
}

#[derive(Deserialize)]
struct Object {
    url: String,
    #[serde(default, deserialize_with = "method")]
    method: Option<Method>,
    #[serde(default)]
    headers: Fields,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    id: Option<Id>,
}

/// What can be told of an object that has a mistake.
#[derive(Deserialize, Default)]
struct Named {
    url: Option<String>,
    id: Option<Id>,
}

/// Fields that were checked.
#[derive(Default)]
struct Fields(HeaderMap);

#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Text(Box<str>),
    Number(serde_json::Number),
}

impl Id {
    fn text(self) -> Box<str> {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string().into(),
        }
    }
}

/// A field's value, or several.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a field's value is a text or a list of texts")]
enum Values {
    One(String),
    Many(Vec<String>),
}

fn method<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Method>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else {
        return Ok(None);
    };
    match Method::from_bytes(text.as_bytes()) {
        Ok(Method::CONNECT) => Err(D::Error::custom("CONNECT is for proxies")),
        Ok(method) => Ok(Some(method)),
        Err(_) => Err(D::Error::custom("the method is none that HTTP can carry")),
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Fields;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of fields")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Fields, E> {
                Ok(Fields::default())
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Fields, M::Error> {
                let mut all = HeaderMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    let values = match map.next_value()? {
                        Values::One(value) => vec![value],
                        Values::Many(values) => values,
                    };
                    let given = values
                        .into_iter()
                        .map(|value| (name.clone(), Secret::new(value)));
                    for (name, value) in &checked(given).map_err(M::Error::custom)? {
                        all.append(name, value.clone());
                    }
                }
                Ok(Fields(all))
            }
        }
        from.deserialize_any(Each)
    }
}

/// The target of an object; one that cannot be read becomes a target that carries why.
pub(super) fn object(nearby: &mut Nearby, text: &str, line: u64, default_scheme: &str) -> Target {
    match serde_json::from_str::<Object>(text) {
        Ok(object) => {
            let seed = Seed {
                input: masked(&object.url).into(),
                line,
                place: 0,
                id: object.id.map(Id::text),
            };
            let mut target = parsed(nearby, &object.url, seed, default_scheme);
            let message = Message {
                method: object.method,
                fields: object.headers.0,
                content: object.body.map(Bytes::from),
            };
            target.message = (message != Message::default()).then(|| message.into());
            target
        }
        Err(error) => {
            let named: Named = serde_json::from_str(text).unwrap_or_default();
            let seed = Seed {
                // The text may hold secrets, so only its URL is shown.
                input: named.url.map_or("{…}".into(), |url| masked(&url).into()),
                line,
                place: 0,
                id: named.id.map(Id::text),
            };
            refused(seed, mistake(text, &error))
        }
    }
}

/// What is wrong, with its column in characters; and its line, where the object has several.
fn mistake(text: &str, error: &serde_json::Error) -> String {
    let told = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let reason = told.strip_suffix(&place).unwrap_or(&told);
    let reason = without_values(reason);
    let lines = error.line().saturating_sub(1);
    let line = text.split('\n').nth(lines).unwrap_or_default();
    let before = line.as_bytes().get(..error.column()).unwrap_or_default();
    let column = String::from_utf8_lossy(before).chars().count();
    let place = match lines {
        0 => format!("column {column}"),
        more => format!("line {} of it, column {column}", more + 1),
    };
    format!("not an object that names a request: {place}: {reason}")
}

/// A text that was found where none belongs is quoted by the JSON reader, and may be a secret.
fn without_values(reason: &str) -> String {
    let quoted = reason.find('"').zip(reason.rfind('"'));
    match quoted {
        Some((first, last)) if first < last => {
            format!("{}\"…{}", &reason[..first], &reason[last..])
        }
        _ => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str, line: u64, default_scheme: &str) -> Target {
        super::object(&mut Nearby::default(), text, line, default_scheme)
    }

    #[test]
    fn an_object_carries_its_own_request() {
        let target = object(
            r#" {"url": "http://u:p@h.test/x#y", "method": "PUT", "body": "tide", "id": 17, "status": [200],
               "headers": {"X-Key": "hunter2", "Accept": ["a/b"], "Via": ["c", "d"]}}"#,
            3,
            "https",
        );
        assert!(target.refusal.is_none(), "{:?}", target.refusal);
        assert_eq!(target.url.as_str(), "http://h.test/x");
        assert!(target.authorization.is_some());
        let seed = target.seed.as_deref().expect("a seed");
        assert_eq!(&*seed.input, "http://***@h.test/x#y");
        assert_eq!(seed.id.as_deref(), Some("17"));
        let message = target.message.as_deref().expect("a message");
        assert_eq!(message.method, Some(Method::PUT));
        assert_eq!(message.content.as_deref(), Some(&b"tide"[..]));
        assert_eq!(message.fields["x-key"], "hunter2");
        assert_eq!(message.fields.get_all("via").iter().count(), 2);
        assert!(!format!("{target:?}").contains("hunter2"));
        let bare = object(r#"{"url":"h.test","headers":null,"id":null}"#, 1, "https");
        assert_eq!(bare.url.as_str(), "https://h.test/");
        assert!(bare.message.is_none());
    }

    #[test]
    fn a_mistake_is_named_with_its_column_and_nothing_secret_is_shown() {
        for (text, told, input) in [
            ("{", "column 1: EOF while parsing an object", "{…}"),
            (r#"{"url":"http://u:hunter2@h/" "#, "column 29: EOF", "{…}"),
            (r#"{"id":"a"}"#, "column 10: missing field `url`", "{…}"),
            (
                r#"{"url":5}"#,
                "column 8: invalid type: integer `5`, expected a string",
                "{…}",
            ),
            (
                r#"{"url":"http://u:hunter2@h/","method":"A B"}"#,
                "column 44: the method is none that HTTP can carry",
                "http://***@h/",
            ),
            (
                r#"{"url":"h","headers":{"ü":"hunter2"}}"#,
                "column 36: ü is no field that can be sent",
                "h",
            ),
            (
                r#"{"url":"h","headers":{"Host":"hunter2"}}"#,
                "column 39: Host is no field that can be sent: the protocol sets it",
                "h",
            ),
            (
                r#"{"url":"h","headers":{"X":{"hunter2":1}}}"#,
                "column 40: a field's value is a text or a list of texts",
                "h",
            ),
            (
                r#"{"url":"h","headers":"X: hunter2"}"#,
                "column 33: invalid type: string \"…\", expected an object of fields",
                "h",
            ),
            (
                "{\"url\":\n 7}",
                "line 2 of it, column 2: invalid type",
                "{…}",
            ),
            (r#"{"url":"h"} x"#, "column 13: trailing characters", "{…}"),
        ] {
            let target = object(text, 1, "https");
            let failure = target.refusal.as_deref().expect(text);
            let told = format!("not an object that names a request: {told}");
            assert!(
                failure.message.starts_with(&told),
                "{text}: {}",
                failure.message
            );
            assert_eq!(
                &*target.seed.as_deref().expect("a seed").input,
                input,
                "{text}"
            );
            assert!(!format!("{target:?}").contains("hunter2"), "{text}");
        }
        let named = object(r#"{"id":"a7","url":"h","body":1}"#, 1, "https");
        assert_eq!(named.seed.expect("a seed").id.as_deref(), Some("a7"));
        let deep = format!(r#"{{"url":"h","x":{}"#, "[".repeat(100_000));
        assert!(object(&deep, 1, "https").refusal.is_some());
    }
}
