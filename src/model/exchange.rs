//! What one request brought back (RFC 9110, section 3.4).

use std::net::SocketAddr;

use http::{HeaderMap, StatusCode, Version};
use serde::{Deserialize, Serialize};

use super::certificate::Certificate;

/// A hop that redirected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// The URL that answered, without userinfo.
    pub url: String,
    /// Its status code, 3xx.
    pub status: u16,
    /// The fragment of its `Location`, which then stands in the place of any before it (RFC 9110, section 10.2.2).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fragment: Option<String>,
}

/// Where the time of the last request went, in milliseconds.
///
/// A phase that did not happen on this connection is absent: a kept connection has neither look-up nor
/// handshake, and says `reused`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// Name look-up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns: Option<f64>,
    /// TCP handshake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect: Option<f64>,
    /// TLS handshake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<f64>,
    /// From the start of the request to the answer's head.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttfb: Option<f64>,
    /// From the start of the request to the end of the content.
    pub total: f64,
    /// When the request began, since the run did.
    pub start: f64,
    /// The request went out on a connection that an earlier one had opened.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub reused: bool,
}

/// The answer to one request; its content went to whoever asked for it, chunk by chunk.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Status code of the final response; 1xx never gets here.
    pub status: StatusCode,
    /// Protocol version of the response.
    pub version: Version,
    /// Response fields, as received.
    pub fields: HeaderMap,
    /// Bytes of content after decoding, where it was read: not for a HEAD, nor where nobody wanted it.
    pub size: Option<u64>,
    /// There is more content than was read.
    pub cut: bool,
    /// Who answered.
    pub remote: Option<SocketAddr>,
    /// The server said that it is what a cache has, and that stands here.
    pub cached: bool,
    /// What the server showed of itself, where that was asked for and TLS was spoken.
    pub certificate: Option<Box<Certificate>>,
    /// Where the time went.
    pub timing: Timing,
}

impl Exchange {
    /// The value of a field as text; `None` when absent or not ASCII.
    #[must_use]
    pub fn field(&self, name: http::HeaderName) -> Option<&str> {
        self.fields.get(name)?.to_str().ok()
    }

    /// The media type of the content in lower case, without parameters.
    #[must_use]
    pub fn media_type(&self) -> Option<String> {
        let value = self.field(http::header::CONTENT_TYPE)?;
        let essence = value.split(';').next().unwrap_or_default().trim();
        (!essence.is_empty()).then(|| essence.to_ascii_lowercase())
    }

    /// The `charset` parameter of the content type, as sent.
    #[must_use]
    pub fn charset(&self) -> Option<&str> {
        let value = self.field(http::header::CONTENT_TYPE)?;
        value.split(';').skip(1).find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("charset")
                .then(|| value.trim().trim_matches('"'))
        })
    }
}
