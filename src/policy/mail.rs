//! Is a `mailto:` URL written so that mail could go there (RFC 6068, RFC 5321)?
//!
//! By its syntax alone. Deliberately absent: asking anybody, be it the DNS or the mail server; what they say of an
//! address is no proof that somebody reads what is sent there.

use url::{Host, form_urlencoded};

/// The longest local part and the longest address, in bytes (RFC 5321, section 4.5.3.1).
const LOCAL: usize = 64;
const ADDRESS: usize = 254;

/// What is wrong with the part of a `mailto:` URL behind the colon, if something is.
///
/// # Errors
/// The address that is none, and why.
pub fn check(path: &str, query: Option<&str>) -> Result<(), String> {
    let mut addresses: Vec<String> = split(path)
        .map(|address| decoded(address).ok_or_else(|| format!("{address} is not UTF-8")))
        .collect::<Result<_, _>>()?;
    let query = query.unwrap_or_default();
    for (name, value) in form_urlencoded::parse(query.replace('+', "%2B").as_bytes()) {
        if ["to", "cc", "bcc"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
        {
            addresses.extend(split(&value).map(str::to_owned));
        }
    }
    for address in &addresses {
        let reason = judged(address.trim());
        reason
            .map_err(|reason| format!("{} is no mail address: {reason}", address.escape_debug()))?;
    }
    if addresses.is_empty() && query.is_empty() {
        return Err("it names no mail address".to_owned());
    }
    Ok(())
}

/// Addresses that commas separate.
fn split(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').filter(|address| !address.trim().is_empty())
}

fn decoded(text: &str) -> Option<String> {
    // `+` is no space here.
    let pair = format!("={}", text.replace('+', "%2B").replace('&', "%26"));
    let (_, value) = form_urlencoded::parse(pair.as_bytes()).next()?;
    (!value.contains('\u{fffd}')).then(|| value.into_owned())
}

fn judged(address: &str) -> Result<(), &'static str> {
    let (local, domain) = address.rsplit_once('@').ok_or("it has no @")?;
    if local.is_empty() || domain.is_empty() {
        return Err("nothing stands on one side of the @");
    }
    if local.len() > LOCAL || address.len() > ADDRESS {
        return Err("it is too long");
    }
    let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
    let atom = |atom: &str| {
        let allowed =
            |c: char| c.is_alphanumeric() || !c.is_ascii() || "!#$%&'*+-/=?^_`{|}~".contains(c);
        !atom.is_empty() && atom.chars().all(allowed)
    };
    if !quoted && !local.split('.').all(atom) {
        return Err("what stands before the @ is no name");
    }
    if let Some(literal) = domain
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        let literal = literal.strip_prefix("IPv6:").unwrap_or(literal);
        let address = literal.parse::<std::net::IpAddr>();
        return address
            .map(|_| ())
            .map_err(|_| "what stands in the brackets is no address");
    }
    match Host::parse(domain) {
        Ok(Host::Domain(name)) if name.contains('.') && !name.split('.').any(str::is_empty) => {
            Ok(())
        }
        Ok(Host::Domain(_)) => Err("its domain has no dot"),
        _ => Err("what stands behind the @ is no domain"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_judged_by_how_it_is_written() {
        for (path, query, good) in [
            ("a@b.test", None, true),
            ("a+tag@b.test", None, true),
            ("a%2Btag@b.test,c@d.test", None, true),
            ("gr%C3%BC%C3%9Fe@b.test", None, true),
            ("%22a%20b%22@b.test", None, true),
            ("a@b%C3%BCcher.test", None, true),
            ("a@[192.0.2.1]", None, true),
            ("", Some("to=a@b.test&subject=x"), true),
            ("", Some("subject=x"), true),
            ("", None, false),
            ("a", None, false),
            ("a@", None, false),
            ("@b.test", None, false),
            ("a@localhost", None, false),
            ("a..b@b.test", None, false),
            ("a%20b@b.test", None, false),
            ("a@b..test", None, false),
            ("a@b.test", Some("cc=nobody"), false),
            ("a@b.test, c", None, false),
        ] {
            assert_eq!(check(path, query).is_ok(), good, "{path} {query:?}");
        }
    }
}
