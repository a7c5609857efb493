//! The flags that say what is sent: method, content, range. Only `fetch` has them: a crawl asks for pages and a check
//! for links, and neither is a reason to change anything on a server.

use std::io::{IsTerminal, Read};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use dragnet::model::Message;
use dragnet::policy::headers::Bound;
use http::header::{CONTENT_TYPE, RANGE};
use http::{HeaderMap, HeaderValue, Method};

/// Flags about what is sent.
#[derive(Debug, Args)]
#[command(next_help_heading = "Request")]
pub(super) struct RequestOptions {
    /// The method, such as HEAD, PUT or DELETE [default: GET, with -d POST]
    #[arg(short = 'X', long, value_name = "METHOD", value_parser = method)]
    method: Option<Method>,
    /// Send this as content, to every URL: a text, @FILE for what is in a file, or @- for what comes on stdin. Several are
    /// joined by &. It is a form (application/x-www-form-urlencoded) unless -H says otherwise
    #[arg(short, long, value_name = "TEXT|@FILE")]
    data: Vec<String>,
    /// Ask for these bytes of the content alone, by the first and the last: 0-499, 500-, or -500 for the last 500
    #[arg(long, value_name = "BYTES", value_parser = range, allow_hyphen_values = true)]
    range: Option<HeaderValue>,
}

impl RequestOptions {
    /// What they mean; `fields` are those that go out with every request, and `listed` says that the list is on stdin.
    pub(super) fn message(
        &self,
        fields: &Bound,
        listed: bool,
    ) -> anyhow::Result<Option<Arc<Message>>> {
        let mut message = Message {
            method: self.method.clone(),
            fields: HeaderMap::new(),
            content: None,
        };
        if !self.data.is_empty() {
            let mut parts = Vec::new();
            for text in &self.data {
                parts.push(content(text, listed)?);
            }
            message.content = Some(parts.join(&b'&').into());
            if !fields.names(&CONTENT_TYPE) {
                let form = HeaderValue::from_static("application/x-www-form-urlencoded");
                message.fields.insert(CONTENT_TYPE, form);
            }
        }
        if let Some(range) = &self.range {
            message.fields.insert(RANGE, range.clone());
        }
        Ok((message != Message::default()).then(|| Arc::new(message)))
    }
}

/// What `-d` names, read once.
fn content(text: &str, listed: bool) -> anyhow::Result<Vec<u8>> {
    let Some(path) = text.strip_prefix('@') else {
        return Ok(text.as_bytes().to_vec());
    };
    if path != "-" {
        return std::fs::read(path).with_context(|| format!("-d: cannot read {path}"));
    }
    if listed {
        bail!(
            "-d @- and the list both want stdin: give the list with --input, or the content in a file"
        );
    }
    let mut stdin = std::io::stdin();
    if stdin.is_terminal() {
        bail!("-d @- reads stdin, and that is a terminal: pipe something into it");
    }
    let mut content = Vec::new();
    stdin
        .read_to_end(&mut content)
        .context("-d: cannot read stdin")?;
    Ok(content)
}

/// A method; those that everyone knows may be written small.
fn method(text: &str) -> Result<Method, String> {
    const KNOWN: [Method; 7] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
        Method::PATCH,
    ];
    if let Some(known) = KNOWN
        .iter()
        .find(|known| known.as_str().eq_ignore_ascii_case(text))
    {
        return Ok(known.clone());
    }
    match Method::from_bytes(text.as_bytes()) {
        Ok(Method::CONNECT) => Err("CONNECT is for proxies: give --proxy".to_owned()),
        Ok(method) => Ok(method),
        Err(_) => Err("not a method; methods are words such as GET, HEAD, POST".to_owned()),
    }
}

/// The value of a Range field for one range (RFC 9110, section 14.1.2).
fn range(text: &str) -> Result<HeaderValue, String> {
    let wrong = || "not a range; ranges are written 0-499, 500- or -500".to_owned();
    let (first, last) = text.split_once('-').ok_or_else(wrong)?;
    let number = |text: &str| match text {
        "" => Ok(None),
        text if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.parse::<u64>().map(Some).map_err(|_| wrong())
        }
        _ => Err(wrong()),
    };
    match (number(first)?, number(last)?) {
        (None, None | Some(0)) => Err(wrong()),
        (Some(first), Some(last)) if first > last => {
            Err(format!("the range ends before it begins: {first}-{last}"))
        }
        _ => HeaderValue::from_str(&format!("bytes={text}")).map_err(|_| wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_one_range() {
        for good in ["0-0", "0-499", "500-", "-500"] {
            let field = HeaderValue::from_str(&format!("bytes={good}"));
            assert_eq!(range(good).ok(), field.ok(), "{good}");
        }
        for bad in [
            "",
            "-",
            "-0",
            "5",
            "9-1",
            "0-1,3-4",
            "a-b",
            "--1",
            "0-99999999999999999999999",
        ] {
            assert!(range(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_method_is_a_word() {
        assert_eq!(method("get"), Ok(Method::GET));
        assert_eq!(
            method("PROPFIND").map(|method| method.to_string()),
            Ok("PROPFIND".to_owned())
        );
        for bad in ["", "A B", "CONNECT"] {
            assert!(method(bad).is_err(), "{bad}");
        }
    }
}
