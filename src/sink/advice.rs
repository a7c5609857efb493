//! What helps against each kind of failure: one sentence for whoever has to mend it.

use crate::model::FailureKind;

/// What helps where a record failed with `kind`, the answer having had that status.
pub(super) fn on(kind: FailureKind, status: Option<u16>) -> &'static str {
    match kind {
        FailureKind::Url => {
            "Write a whole URL; where links begin with a slash, say where the site is (--root-dir, --base-url)."
        }
        FailureKind::Dns => "Correct the host name, or link to where the page is now.",
        FailureKind::Connect => "Correct the address, or link to where the page is now.",
        FailureKind::Tls => {
            "The certificate does not hold: correct the host name, or tell the owner."
        }
        FailureKind::Timeout => "Try again, or give the server more time (--timeout).",
        FailureKind::Reset | FailureKind::Truncated | FailureKind::Protocol => {
            "Try again; if it stays, the server is at fault."
        }
        FailureKind::Decode => "The content cannot be read: tell the owner.",
        FailureKind::TooLarge => "Allow for more (--max-size), or leave it out (--exclude).",
        FailureKind::TooManyRedirects => "Link to where the redirects should end.",
        FailureKind::Redirect => "Link to where the page is now.",
        FailureKind::Status => match status {
            Some(401 | 403 | 407) => {
                "Say who asks (-u, -H), call the code good (--accept), or leave the link out (--exclude)."
            }
            Some(404 | 410) => {
                "Link to where the page is now or to an archived copy, or take the link out."
            }
            Some(500..) => "The server is at fault: try again later.",
            _ => "Open it in a browser: correct the link, or call the code good (--accept).",
        },
        FailureKind::Fragment => "Correct what follows the #.",
        FailureKind::File => "Correct the path, or add the file.",
        FailureKind::Robots => "Look yourself: robots.txt keeps programs out.",
        FailureKind::Blocked => {
            "Look yourself, or leave the link out (--exclude): the server does not answer programs."
        }
        FailureKind::RateLimited => "The server wants to be asked less often: try again later.",
        FailureKind::ForbiddenAddress => {
            "It leads to a private address: name the host yourself if that is meant (--private)."
        }
        FailureKind::Insecure => "Write https instead of http.",
        FailureKind::Form => "Nothing is wrong: where a form is sent is not asked for.",
        FailureKind::Interrupted => "The run ended first: run it again.",
        FailureKind::Internal => "This is a fault of dragnet's own: please report it.",
    }
}
