//! What the text of a URL is as the name of a file: a name that every file system can have, and that leads nowhere.
//!
//! Escapes of letters and of spaces are undone, and what some system cannot have in a name (control characters, `\`, `:`, a
//! dot at the end, `con`) becomes `_`. No name is `..`, is empty, or has a slash in it. Two texts may have one name: whoever
//! needs them told apart puts a [`digest`] to it.

use data_encoding::BASE32_NOPAD;
use ring::digest::SHA256;
use url::Url;

/// Bytes of a name, at most; every file system has room for that, and for what is put to it.
const LONGEST: usize = 150;

/// A name that every file system can have.
#[must_use]
pub fn fit(mut name: String) -> String {
    cut(&mut name, LONGEST);
    if name.ends_with(['.', ' ']) {
        name.pop();
        name.push('_');
    }
    if name.starts_with(['.', ' ']) {
        name.replace_range(..1, "_");
    }
    let device = name.split('.').next().unwrap_or_default();
    if name.is_empty() || is_device(device.trim_end()) {
        name.insert(0, '_');
    }
    name
}

/// Text of a URL with escapes of letters and of spaces undone, and without what a name cannot have.
#[must_use]
pub fn written(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let bytes = escaped(rest);
        if bytes.is_empty() {
            let safe = c.is_ascii_graphic() && !"<>:\"/\\|?*".contains(c);
            out.push(if safe { c } else { '_' });
            rest = &rest[c.len_utf8()..];
            continue;
        }
        rest = &rest[3 * bytes.len()..];
        for chunk in bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                if c == ' ' || !c.is_ascii() && c.is_alphanumeric() {
                    out.push(c);
                } else {
                    let mut buffer = [0; 4];
                    out.extend(c.encode_utf8(&mut buffer).bytes().map(escape));
                }
            }
            out.extend(chunk.invalid().iter().map(|byte| escape(*byte)));
        }
    }
    out
}

/// The folder of a host: its name, and the port where it is not that of the scheme.
#[must_use]
pub fn host(url: &Url) -> String {
    let host = fit(written(url.host_str().unwrap_or_default()));
    match url.port() {
        Some(port) => format!("{host}+{port}"),
        None => host,
    }
}

/// Is that what stands behind a dot to say what a file is?
#[must_use]
pub fn is_extension(text: &str) -> bool {
    (1..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// So many characters of a digest, for names that nothing else has: 5 bits each.
#[must_use]
pub fn digest(bytes: &[u8], characters: usize) -> String {
    let digest = ring::digest::digest(&SHA256, bytes);
    let mut text = BASE32_NOPAD.encode(digest.as_ref()).to_ascii_lowercase();
    text.truncate(characters);
    text
}

/// A byte as a URL escapes it.
#[must_use]
pub fn escape(byte: u8) -> String {
    format!("%{byte:02X}")
}

/// A name that Windows keeps for a device, whatever its extension.
pub(crate) fn is_device(stem: &str) -> bool {
    let lower = stem.to_ascii_lowercase();
    let numbered = ["com", "lpt"]
        .iter()
        .filter_map(|name| lower.strip_prefix(name))
        .any(|number| number.len() == 1 && number.bytes().all(|digit| digit.is_ascii_digit()));
    numbered || matches!(lower.as_str(), "con" | "prn" | "aux" | "nul")
}

/// The bytes of the escapes that `text` begins with.
pub(crate) fn escaped(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let digit = |at: usize| {
        bytes
            .get(at)
            .and_then(|byte| char::from(*byte).to_digit(16))
    };
    let mut found = Vec::new();
    let mut at = 0;
    while bytes.get(at) == Some(&b'%')
        && let (Some(high), Some(low)) = (digit(at + 1), digit(at + 2))
        && let Ok(byte) = u8::try_from(high * 16 + low)
    {
        found.push(byte);
        at += 3;
    }
    found
}

/// Cuts a name to a length, between characters.
fn cut(name: &mut String, most: usize) {
    if name.len() > most {
        let end = (0..=most).rev().find(|at| name.is_char_boundary(*at));
        name.truncate(end.unwrap_or(0));
    }
}
