//! The verdict on a target, and the reason for it.
//!
//! Both are values that stand in records. Errors are for runs that cannot go on, and are elsewhere.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The verdict on a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It is there.
    Ok,
    /// It is not there, or does not work.
    Broken,
    /// It could not be judged: robots, a rate limit, the time budget, an interruption.
    Unknown,
    /// It was not asked for: a scheme or a rule keeps it out.
    Excluded,
}

impl Outcome {
    /// The name in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Broken => "broken",
            Self::Unknown => "unknown",
            Self::Excluded => "excluded",
        }
    }
}

/// Why a target is not `ok`, by a stable name. Names are added, never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The text is no URL that could be asked for.
    Url,
    /// The name could not be looked up.
    Dns,
    /// No connection.
    Connect,
    /// The TLS handshake or the certificate.
    Tls,
    /// A time-out, of whichever clock.
    Timeout,
    /// The connection was cut.
    Reset,
    /// The content ended before its announced length.
    Truncated,
    /// The answer was not HTTP, or broke its rules.
    Protocol,
    /// The content coding could not be undone.
    Decode,
    /// More content, or a larger head, than is allowed.
    TooLarge,
    /// The chain of redirects was too long or a loop.
    TooManyRedirects,
    /// The redirect led nowhere, or where redirects must not lead.
    Redirect,
    /// The status code is not among the good ones.
    Status,
    /// The document is there, the anchor in it is not.
    Fragment,
    /// The local file is not there or cannot be read.
    File,
    /// robots.txt forbids it, or could not be had.
    Robots,
    /// The server answered, and would not say.
    Blocked,
    /// The server asked for more patience than there was.
    RateLimited,
    /// The address is one that this link must not reach.
    ForbiddenAddress,
    /// It is asked for over http, and https would do (`check --require-https`).
    Insecure,
    /// It takes what a form sends, and is not asked for: that may do something.
    Form,
    /// The run ended first.
    Interrupted,
    /// A fault of our own, caught.
    Internal,
}

impl FailureKind {
    /// The name in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Truncated => "truncated",
            Self::Protocol => "protocol",
            Self::Decode => "decode",
            Self::TooLarge => "too-large",
            Self::TooManyRedirects => "too-many-redirects",
            Self::Redirect => "redirect",
            Self::Status => "status",
            Self::Fragment => "fragment",
            Self::File => "file",
            Self::Robots => "robots",
            Self::Blocked => "blocked",
            Self::RateLimited => "rate-limited",
            Self::ForbiddenAddress => "forbidden-address",
            Self::Insecure => "insecure",
            Self::Form => "form",
            Self::Interrupted => "interrupted",
            Self::Internal => "internal",
        }
    }

    /// The verdict that goes with this failure unless a job says otherwise.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Robots | Self::Blocked | Self::RateLimited | Self::Interrupted => {
                Outcome::Unknown
            }
            Self::Form => Outcome::Excluded,
            _ => Outcome::Broken,
        }
    }
}

/// What went wrong: a stable name, and words for a person.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Failure {
    /// The stable name.
    pub kind: FailureKind,
    /// A lower-case fragment without a full stop; no secret, no control character of the server's choice
    /// is taken out here: escaping is the formats' work.
    pub message: Cow<'static, str>,
}

impl Failure {
    /// A failure of `kind`, in words.
    pub fn new(kind: FailureKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}
