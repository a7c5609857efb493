//! Whether a redirect leads to where somebody is to log in, so that what was asked for could not be judged.
//!
//! Either the last URL is a message of a protocol that asks for a login (`OAuth` 2.0 and `OpenID` Connect: RFC 6749, section
//! 4.1.1; SAML 2.0 bindings, section 3.4.4; CAS 3.0, section 2.1.1), or its path or host is named for logging in **and** a
//! parameter says where to return to. A path that is merely called `login` is no mark, but for the one that Devise gives
//! every Rails site without a parameter. What was asked for as a login page itself is not judged by this.

use url::Url;

/// Segments of paths at which people log in, in lower case without `-`, `_` and an extension.
const NAMES: &[&str] = &[
    "auth",
    "authenticate",
    "authorize",
    "authwall",
    "dologin",
    "login",
    "logon",
    "oauth",
    "oauth2",
    "openid",
    "saml",
    "saml2",
    "servicelogin",
    "signin",
    "signon",
    "sso",
    "userlogin",
    "v3signin",
    "wplogin",
];

/// First labels of hosts at which people log in.
const HOSTS: &[&str] = &["accounts", "auth", "idp", "login", "signin", "sso"];

/// Parameters that say where to return to, in lower case without `-` and `_`: those of Django (`next`), ASP.NET
/// (`ReturnUrl`), `WordPress` (`redirect_to`), Drupal (`destination`), `MediaWiki` (`returnto`), Confluence and Jira
/// (`os_destination`), Jenkins (`from`), Google and Atlassian (`continue`), `LinkedIn` (`sessionRedirect`), Salesforce
/// (`startURL`), WS-Federation (`wreply`, `wctx`) and their kin.
const RETURNS: &[&str] = &[
    "back",
    "backurl",
    "callback",
    "camefrom",
    "continue",
    "dest",
    "destination",
    "from",
    "fromuri",
    "goto",
    "next",
    "origin",
    "osdestination",
    "redirect",
    "redirectto",
    "redirecturi",
    "redirecturl",
    "referer",
    "relaystate",
    "return",
    "returnpath",
    "returnto",
    "returnuri",
    "returnurl",
    "ru",
    "rurl",
    "service",
    "sessionredirect",
    "starturl",
    "target",
    "targeturl",
    "url",
    "wctx",
    "wreply",
];

/// Did the redirects from `asked` end where somebody is to log in, at `last`?
#[must_use]
pub fn is_led_to(asked: &Url, last: &Url) -> bool {
    !is_named(asked) && is_asked_for(last)
}

/// Does the URL ask for a login, with the way back?
fn is_asked_for(url: &Url) -> bool {
    // Devise: lib/devise/failure_app.rs keeps the way back in the session.
    if url.path().trim_end_matches('/').ends_with("/users/sign_in") {
        return true;
    }
    let names: Vec<String> = url.query_pairs().map(|(name, _)| plain(&name)).collect();
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    if has("samlrequest") || has("responsetype") && has("clientid") {
        return true;
    }
    let returns = names.iter().any(|name| RETURNS.contains(&name.as_str()));
    returns && (is_named(url) || is_login_host(url))
}

/// Is one of the last two segments of the path named for logging in? `/accounts/login/`, `/wp-login.php`,
/// `/index.php/Special:UserLogin`, `/oauth2/v2.0/authorize`.
fn is_named(url: &Url) -> bool {
    let segments = url.path().rsplit('/').filter(|part| !part.is_empty());
    segments.take(2).any(|segment| {
        let segment = segment.rsplit([':', '=']).next().unwrap_or(segment);
        let stem = segment.split('.').next().unwrap_or(segment);
        NAMES.contains(&plain(stem).as_str())
    })
}

fn is_login_host(url: &Url) -> bool {
    let label = url.domain().and_then(|host| host.split('.').next());
    label.is_some_and(|label| HOSTS.contains(&label))
}

/// In lower case without `-` and `_`.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| !matches!(c, '-' | '_'));
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn led(from: &str, to: &str) -> bool {
        let url = |text: &str| text.parse().expect("a URL");
        is_led_to(&url(from), &url(to))
    }

    #[test]
    fn the_login_pages_of_what_people_use_are_known() {
        for to in [
            "https://github.com/login?return_to=https%3A%2F%2Fgithub.com%2Fsettings",
            "https://site.test/accounts/login/?next=/report/",
            "https://site.test/Account/Login?ReturnUrl=%2Freport",
            "https://site.test/wp-login.php?redirect_to=https%3A%2F%2Fsite.test%2Freport&reauth=1",
            "https://site.test/user/login?destination=/report",
            "https://wiki.test/index.php/Special:UserLogin?returnto=Report",
            "https://wiki.test/login.action?os_destination=%2Freport",
            "https://jenkins.test/login?from=%2Freport",
            "https://gitlab.test/users/sign_in",
            "https://accounts.google.com/v3/signin/identifier?continue=https%3A%2F%2Fdocs.google.com%2Fx&ifkv=a",
            "https://accounts.google.com/ServiceLogin?continue=https://docs.google.com/x",
            "https://login.microsoftonline.com/common/oauth2/v2.0/authorize?client_id=a&response_type=code",
            "https://id.atlassian.com/login?continue=https%3A%2F%2Fx.atlassian.net",
            "https://idp.test/idp/profile/SAML2/Redirect/SSO?SAMLRequest=fZ&RelayState=x",
            "https://cas.test/cas/login?service=https%3A%2F%2Fsite.test%2Freport",
            "https://sso.test/realms/x/protocol/openid-connect/auth?client_id=a&response_type=code&redirect_uri=x",
            "https://www.linkedin.com/authwall?trk=a&sessionRedirect=https%3A%2F%2Fwww.linkedin.com%2Fin%2Fx",
        ] {
            assert!(led("https://site.test/report", to), "{to}");
        }
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        for (from, to) in [
            // The page about logging in, or moved.
            ("http://site.test/a", "https://site.test/docs/login"),
            (
                "http://site.test/a",
                "https://site.test/blog/login-pages?from=feed",
            ),
            (
                "http://site.test/a",
                "https://site.test/articles/next?next=2",
            ),
            ("http://site.test/a", "https://site.test/?return=1"),
            ("http://site.test/a", "https://author.test/x?from=y"),
            ("http://site.test/a", "https://site.test/b?url=x"),
            // It was asked for as it is.
            (
                "http://site.test/login?next=/",
                "https://site.test/login?next=/",
            ),
            ("http://site.test/a", "https://site.test/sessions?from=2024"),
            (
                "https://site.test/oauth/authorize?x",
                "https://site.test/login?return_to=x",
            ),
        ] {
            assert!(!led(from, to), "{from} {to}");
        }
    }
}
