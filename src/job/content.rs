//! Content as it arrives, into the parser that its type asks for: no page is held in memory.

use http::{HeaderMap, StatusCode, header};

use super::pipeline::Content;
use crate::fetcher::{Receiver, Want};
use crate::model::Document;
use crate::parser::{self, Options, Parse};

/// Parses what can be parsed and reads the rest to its end, or leaves it.
pub(super) struct Parsed {
    options: Options,
    /// Content without a parser is read all the same, for its size.
    all: bool,
    parse: Option<Box<dyn Parse>>,
}

impl Parsed {
    /// `all`: read content also when there is no parser for it.
    pub(super) fn new(options: Options, all: bool) -> Self {
        Self {
            options,
            all,
            parse: None,
        }
    }
}

impl Receiver for Parsed {
    fn head(&mut self, status: StatusCode, fields: &HeaderMap) -> Want {
        if status.is_redirection() {
            return Want::Nothing;
        }
        let value = fields
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let mut parts = value.split(';');
        let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        self.options.charset = parts.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("charset")
                .then(|| value.trim().trim_matches('"').to_owned())
        });
        self.parse = if status.is_success() {
            parser::for_media_type(&essence).map(|format| (format.open)(&self.options))
        } else {
            None
        };
        if self.parse.is_some() || self.all {
            Want::Content
        } else {
            Want::Nothing
        }
    }

    fn chunk(&mut self, bytes: &[u8]) {
        if let Some(parse) = &mut self.parse {
            parse.write(bytes);
        }
    }
}

impl Content for Parsed {
    fn finish(self: Box<Self>) -> Option<Document> {
        self.parse.map(Parse::finish)
    }
}
