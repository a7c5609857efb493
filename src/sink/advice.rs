//! What helps against each kind of failure: one sentence for whoever has to mend it.

use crate::model::FailureKind;

/// What helps where a record failed with `kind`, the answer having had that status.
pub(super) fn on(kind: FailureKind, status: Option<u16>) -> &'static str {
    match kind {
        FailureKind::Url => {
            "Write a whole URL; for links that begin with a slash, say where the site is (--root-dir, --base-url)."
        }
        FailureKind::Dns => {
            "Nobody has that host name any more: correct it, or link to where the page is now."
        }
        FailureKind::Connect => {
            "Nobody answers at that address: correct it, or link to where the page is now."
        }
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
                "The server asks who you are: say it (-u, -H), call the code good (--accept), or leave the link out (--exclude)."
            }
            Some(404 | 410) => {
                "The page is gone: link to where it is now or to an archived copy, or take the link out."
            }
            Some(500..) => "The server is at fault: try again later.",
            _ => "Open it in a browser: correct the link, or call the code good (--accept).",
        },
        FailureKind::Fragment => {
            "The page is there, the place in it is not: correct what follows the #."
        }
        FailureKind::File => {
            "Correct the path, which is told from the document it stands in, or add the file."
        }
        FailureKind::Robots => "robots.txt keeps it from being asked for: look yourself.",
        FailureKind::Blocked => {
            "The server does not answer programs: look yourself, or leave the link out (--exclude)."
        }
        FailureKind::RateLimited => "The server wants to be asked less often: try again later.",
        FailureKind::ForbiddenAddress => {
            "It leads to a private address: name the host yourself if that is meant (--private)."
        }
        FailureKind::Insecure => "Write https instead of http.",
        FailureKind::Interrupted => "The run ended first: run it again.",
        FailureKind::Internal => "This is a fault of dragnet's own: please report it.",
    }
}
