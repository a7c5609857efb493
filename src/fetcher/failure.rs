//! What an error of the libraries below is called in a record, and whether it may pass.
//!
//! reqwest wraps hyper-util, which wraps hyper, which wraps h2, rustls and the system; only the whole chain of
//! sources tells what happened. It is read from the outside in, and the most telling link decides. Messages
//! are ours or the innermost cause's: none of them holds the URL, so no userinfo can be in them.

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ::http::Extensions;
use hyper_util::client::legacy::connect::HttpInfo;
use rustls::CertificateError;

use super::FetchError;
use crate::model::FailureKind;

/// What the request was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Name known, no head yet.
    Head,
    /// Content is arriving.
    Content,
}

/// `error` and its causes, outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(
        Some(error),
        |&error: &&'a (dyn Error + 'static)| match error.downcast_ref::<io::Error>() {
            // The source of an io::Error is that of the error inside it: the one inside would be skipped.
            Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        },
    )
}

/// The first cause that is a `T`.
fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    causes(error).find_map(<dyn Error>::downcast_ref)
}

/// Our end of the connection that a request failed on, where the error knows it.
pub(super) fn local_end(error: &reqwest::Error) -> Option<SocketAddr> {
    let error: &hyper_util::client::legacy::Error = cause(error)?;
    let mut extensions = Extensions::new();
    error.connect_info()?.get_extras(&mut extensions);
    extensions.get().map(HttpInfo::local_addr)
}

/// Is it our own limit of open files (EMFILE, ENFILE, and what Windows calls it)?
fn descriptors_exhausted(error: &io::Error) -> bool {
    let codes: &[i32] = if cfg!(windows) { &[10_024] } else { &[23, 24] };
    error
        .raw_os_error()
        .is_some_and(|code| codes.contains(&code))
}

fn exhausted(error: &io::Error) -> FetchError {
    FetchError {
        exhausted: true,
        ..FetchError::passing(FailureKind::Connect, text_of(error))
    }
}

/// A sentence of a library as a fragment of ours.
fn text_of(error: &(dyn Error + 'static)) -> String {
    let text = error.to_string();
    let text = text
        .split(" (os error ")
        .next()
        .unwrap_or_default()
        .trim_end_matches('.');
    let mut letters = text.chars();
    match letters.next() {
        // `TLS`, `HTTP` and the like keep their capitals.
        Some(first) if !letters.as_str().starts_with(char::is_uppercase) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

/// A name that could not be looked up.
pub(super) fn of_lookup(name: &str, error: &io::Error) -> FetchError {
    if descriptors_exhausted(error) {
        return exhausted(error);
    }
    // The standard library keeps getaddrinfo's code to itself and shows its text: glibc, then musl, then
    // Darwin and the BSDs; Windows has numbers.
    let text = error.to_string().to_lowercase();
    let any = |texts: &[&str]| texts.iter().any(|part| text.contains(part));
    if error.raw_os_error() == Some(11_002)
        || matches!(
            error.kind(),
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock
        )
        || any(&["temporary failure", "try again"])
    {
        FetchError::passing(
            FailureKind::Dns,
            format!("the name server did not answer for {name}"),
        )
    } else if matches!(error.raw_os_error(), Some(11_001 | 11_004))
        || error.kind() == io::ErrorKind::NotFound
        || any(&[
            "not known",
            "does not resolve",
            "no address",
            "no usable address",
            "nodename nor servname",
        ])
    {
        FetchError::lasting(FailureKind::Dns, format!("no such name: {name}"))
    } else {
        let cause = text_of(error);
        let cause = cause
            .strip_prefix("failed to lookup address information: ")
            .unwrap_or(&cause);
        FetchError::lasting(
            FailureKind::Dns,
            format!("looking {name} up failed: {cause}"),
        )
    }
}

/// An error of reqwest.
pub(super) fn of_request(
    error: &reqwest::Error,
    phase: Phase,
    connect_timeout: Duration,
) -> FetchError {
    if error.is_builder() {
        let cause = error.source().map(text_of).unwrap_or_default();
        return FetchError::lasting(
            FailureKind::Url,
            format!("no request can be made of this URL: {cause}"),
        );
    }
    if let Some(error) = cause::<rustls::Error>(error) {
        return of_tls(error);
    }
    if let Some(error) = cause::<h2::Error>(error) {
        return of_h2(error, phase);
    }
    // hyper-rustls wraps one in another: the inner one knows the kind.
    let system = causes(error)
        .filter_map(<dyn Error>::downcast_ref::<io::Error>)
        .last();
    if let Some(found) = system.filter(|found| descriptors_exhausted(found)) {
        return exhausted(found);
    }
    if error.is_connect() {
        return match system {
            Some(system) => of_connect(system, connect_timeout),
            None if error.is_timeout() => connect_timed_out(connect_timeout),
            None => FetchError::lasting(FailureKind::Connect, innermost(error)),
        };
    }
    let hyper = cause::<hyper::Error>(error);
    // The method that tells it is only there for servers.
    if hyper
        .is_some_and(|error| error.is_parse() && error.to_string() == "message head is too large")
    {
        return FetchError::lasting(FailureKind::TooLarge, "the head of the answer is too large");
    }
    if let Some(system) = system {
        return of_stream(system, phase);
    }
    match hyper {
        Some(hyper)
            if hyper.is_incomplete_message() || hyper.is_canceled() || hyper.is_closed() =>
        {
            let message = match phase {
                Phase::Head => "the connection was closed before an answer",
                Phase::Content => "the connection was closed before the end of the content",
            };
            FetchError::passing(FailureKind::Reset, message)
        }
        _ => FetchError::lasting(
            FailureKind::Protocol,
            format!("the answer is no HTTP: {}", innermost(error)),
        ),
    }
}

/// The last of the causes, in words.
fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map(text_of).unwrap_or_default()
}

/// The connection did not come about.
fn of_connect(error: &io::Error, connect_timeout: Duration) -> FetchError {
    use io::ErrorKind::{
        AddrNotAvailable, ConnectionAborted, ConnectionReset, OutOfMemory, TimedOut, UnexpectedEof,
    };
    match error.kind() {
        // Ours (that of `Watch`, or hyper-util's, a share of it for each address) or the system's, which can be shorter.
        TimedOut => connect_timed_out(connect_timeout),
        ConnectionReset | ConnectionAborted => FetchError::passing(
            FailureKind::Reset,
            "the connection was reset while it was being opened",
        ),
        UnexpectedEof => FetchError::passing(
            FailureKind::Tls,
            "the connection was closed in the middle of the handshake",
        ),
        // No local port is free, or no memory: our side of it, and it passes.
        AddrNotAvailable | OutOfMemory => FetchError::passing(FailureKind::Connect, text_of(error)),
        _ => FetchError::lasting(FailureKind::Connect, text_of(error)),
    }
}

fn connect_timed_out(limit: Duration) -> FetchError {
    FetchError::passing(
        FailureKind::Timeout,
        format!("connecting took longer than {limit:?}"),
    )
}

/// The connection broke, or what came over it is not what it should be.
fn of_stream(error: &io::Error, phase: Phase) -> FetchError {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, InvalidData, InvalidInput, TimedOut,
        UnexpectedEof,
    };
    match (error.kind(), phase) {
        (UnexpectedEof, Phase::Content) => FetchError::passing(
            FailureKind::Truncated,
            "the content ended before its announced end",
        ),
        (UnexpectedEof, Phase::Head) => FetchError::passing(
            FailureKind::Reset,
            "the connection was closed before an answer",
        ),
        (ConnectionReset | ConnectionAborted | BrokenPipe, _) => {
            FetchError::passing(FailureKind::Reset, "the connection was reset")
        }
        // Unacknowledged data, or a keep-alive that nobody answered.
        (TimedOut, _) => FetchError::passing(FailureKind::Timeout, "the connection went dead"),
        (InvalidData | InvalidInput, _) => FetchError::lasting(
            FailureKind::Protocol,
            format!("the answer is no HTTP: {}", text_of(error)),
        ),
        _ => FetchError::passing(FailureKind::Reset, text_of(error)),
    }
}

fn of_h2(error: &h2::Error, phase: Phase) -> FetchError {
    if let Some(error) = error.get_io() {
        return of_stream(error, phase);
    }
    let reason = error.reason();
    let passes = error.is_go_away()
        || matches!(
            reason,
            Some(h2::Reason::REFUSED_STREAM | h2::Reason::CANCEL | h2::Reason::INTERNAL_ERROR)
        );
    let message = match reason {
        Some(reason) => format!("HTTP/2: {}", reason.description()),
        None => format!("HTTP/2: {}", text_of(error)),
    };
    if passes && error.is_remote() {
        FetchError::passing(FailureKind::Reset, message)
    } else {
        FetchError::lasting(FailureKind::Protocol, message)
    }
}

fn of_tls(error: &rustls::Error) -> FetchError {
    use rustls::Error::{
        AlertReceived, InvalidCertificate, InvalidMessage, NoCertificatesPresented,
    };
    let message = match error {
        InvalidCertificate(error) => of_certificate(error),
        AlertReceived(alert) => format!("the server ended TLS with the alert {alert:?}"),
        InvalidMessage(_) => "the server does not speak TLS here".into(),
        NoCertificatesPresented => "the server showed no certificate".into(),
        error => text_of(error),
    };
    FetchError::lasting(FailureKind::Tls, message)
}

fn of_certificate(error: &CertificateError) -> String {
    use CertificateError as E;
    match error {
        E::Expired | E::ExpiredContext { .. } => "the certificate has expired".into(),
        E::NotValidYet | E::NotValidYetContext { .. } => "the certificate is not valid yet".into(),
        E::NotValidForName => "the certificate is for another name".into(),
        E::NotValidForNameContext { presented, .. } => {
            let mut message = String::from("the certificate is for another name");
            // A certificate can hold thousands.
            for (at, name) in presented.iter().take(4).enumerate() {
                let _ = write!(message, "{}{name}", if at == 0 { ": " } else { ", " });
            }
            message
        }
        E::UnknownIssuer => {
            "the certificate's issuer is unknown: self-signed, or an authority that is not trusted"
                .into()
        }
        E::Revoked => "the certificate has been revoked".into(),
        E::BadEncoding => "the certificate cannot be read".into(),
        E::BadSignature => "the certificate's signature is wrong".into(),
        error => format!("the certificate is not good: {error}"),
    }
}
