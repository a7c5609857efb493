//! Bytes → UTF-8 text, in the order of the HTML standard (section 13.2.3.2): byte order mark, what the
//! transport said, what the first 1,024 bytes say, and then a guess.
//!
//! UTF-8 goes through as it is, uncopied but where a chunk cuts a character or a byte is wrong; everything else is
//! transcoded as it arrives. Never UTF-7.

use encoding_rs::{Decoder, Encoding, UTF_8, WINDOWS_1252};

/// How far a declaration is looked for.
const PRESCAN: usize = 1024;

/// Can the content itself say in which encoding it is?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Declared {
    Nowhere,
    /// It cannot, and is UTF-8 by convention.
    ByConvention,
    /// By `meta charset`.
    InHtml,
    /// By `@charset`, as the first of its bytes (CSS Syntax, section 3.2).
    InCss,
}

/// Turns chunks of bytes into text.
pub(super) struct Text {
    charset: Option<String>,
    declared: Declared,
    /// What is looked at for a declaration.
    held: Vec<u8>,
    decoder: Option<Decoder>,
    /// It is UTF-8, and the decoder holds no half of a character.
    passes: bool,
    out: String,
}

impl Text {
    /// `charset`: what the transport said.
    pub(super) fn new(charset: Option<String>, declared: Declared) -> Self {
        Self {
            charset,
            declared,
            held: Vec::new(),
            decoder: None,
            passes: false,
            out: String::new(),
        }
    }

    /// The text of the next bytes, as far as it is known.
    pub(super) fn write<'a>(&'a mut self, chunk: &'a [u8]) -> &'a str {
        if self.decoder.is_some() {
            return self.read(chunk);
        }
        if self.held.is_empty() && chunk.len() >= PRESCAN {
            let chunk = self.begin(chunk);
            self.passes = self.is_utf_8();
            return self.read(chunk);
        }
        self.held.extend_from_slice(chunk);
        if self.held.len() < PRESCAN {
            return "";
        }
        self.read_held(false);
        &self.out
    }

    /// The rest, and the name of the encoding.
    pub(super) fn finish(&mut self) -> (&str, &'static str) {
        if self.decoder.is_none() {
            self.read_held(true);
        } else {
            self.out.clear();
            self.decode(&[], true);
        }
        let name = self
            .decoder
            .as_ref()
            .map_or(UTF_8.name(), |decoder| decoder.encoding().name());
        (&self.out, name)
    }

    /// Decides for an encoding, by the beginning of the content; what comes behind its mark, if that can be taken off.
    fn begin<'a>(&mut self, content: &'a [u8]) -> &'a [u8] {
        let (encoding, _) = of(content, self.charset.as_deref(), self.declared);
        if encoding == UTF_8 {
            self.decoder = Some(encoding.new_decoder_without_bom_handling());
            return content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        }
        self.decoder = Some(encoding.new_decoder());
        content
    }

    /// The text of what is held.
    fn read_held(&mut self, last: bool) {
        let held = std::mem::take(&mut self.held);
        let content = self.begin(&held);
        self.copy(content, last);
    }

    /// The text of the next bytes, without a copy where that can be.
    fn read<'a>(&'a mut self, chunk: &'a [u8]) -> &'a str {
        if self.passes
            && let Ok(text) = std::str::from_utf8(chunk)
        {
            return text;
        }
        self.copy(chunk, false);
        &self.out
    }

    fn copy(&mut self, chunk: &[u8], last: bool) {
        self.out.clear();
        self.decode(chunk, last);
        if let Some(last) = chunk.last() {
            self.passes = self.is_utf_8() && last.is_ascii();
        }
    }

    fn is_utf_8(&self) -> bool {
        let decoder = self.decoder.as_ref();
        decoder.is_some_and(|decoder| decoder.encoding() == UTF_8)
    }

    fn decode(&mut self, mut bytes: &[u8], last: bool) {
        let Some(decoder) = &mut self.decoder else {
            return;
        };
        loop {
            let room = decoder
                .max_utf8_buffer_length(bytes.len())
                .unwrap_or(bytes.len().saturating_mul(3) + 16);
            self.out.reserve(room);
            let (result, read, _) = decoder.decode_to_string(bytes, &mut self.out, last);
            bytes = &bytes[read..];
            if result == encoding_rs::CoderResult::InputEmpty {
                return;
            }
        }
    }
}

/// The encoding of content, by its beginning, and whether the content itself says so: whoever has nothing else reads it
/// in the same one then.
pub(super) fn of(
    content: &[u8],
    charset: Option<&str>,
    declared: Declared,
) -> (&'static Encoding, bool) {
    let head = &content[..content.len().min(PRESCAN)];
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return (encoding, true);
    }
    let own = match declared {
        Declared::Nowhere | Declared::ByConvention => None,
        Declared::InHtml => in_html(head),
        Declared::InCss => in_css(head),
    };
    // Text that could be read this far is none of these.
    let wide = |encoding| encoding == encoding_rs::UTF_16LE || encoding == encoding_rs::UTF_16BE;
    let own = own.map(|encoding| if wide(encoding) { UTF_8 } else { encoding });
    let said = charset.and_then(|label| Encoding::for_label(label.as_bytes()));
    if let Some(encoding) = said {
        return (encoding, own == Some(encoding));
    }
    if let Some(encoding) = own {
        return (encoding, true);
    }
    if matches!(declared, Declared::ByConvention | Declared::InCss) {
        return (UTF_8, true);
    }
    let guessed = match std::str::from_utf8(head) {
        Ok(_) => UTF_8,
        // Cut inside a character.
        Err(error) if error.error_len().is_none() => UTF_8,
        Err(_) => {
            let mut guess = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
            guess.feed(head, false);
            let encoding = guess.guess(None, chardetng::Utf8Detection::Deny);
            if encoding == UTF_8 {
                WINDOWS_1252
            } else {
                encoding
            }
        }
    };
    (guessed, false)
}

/// `<meta charset=…>` or its `http-equiv` form, found as browsers find it before there is a parser.
fn in_html(head: &[u8]) -> Option<&'static Encoding> {
    let lower = head.to_ascii_lowercase();
    let mut rest = lower.as_slice();
    while let Some(at) = memchr::memmem::find(rest, b"<meta") {
        let tag = &rest[at..];
        let end = memchr::memchr(b'>', tag).unwrap_or(tag.len());
        let inside = &tag[..end];
        if let Some(at) = memchr::memmem::find(inside, b"charset") {
            let value = inside[at + 7..].trim_ascii_start();
            if let Some(value) = value.strip_prefix(b"=") {
                let value = value.trim_ascii_start();
                let value = value
                    .strip_prefix(b"\"")
                    .or(value.strip_prefix(b"'"))
                    .unwrap_or(value);
                let end = value.iter().position(|byte| {
                    matches!(byte, b'"' | b'\'' | b';' | b'/') || byte.is_ascii_whitespace()
                });
                let label = &value[..end.unwrap_or(value.len())];
                if let Some(encoding) = Encoding::for_label(label) {
                    return Some(encoding);
                }
            }
        }
        rest = &tag[end..];
    }
    None
}

/// `@charset "…";`, byte for byte.
fn in_css(head: &[u8]) -> Option<&'static Encoding> {
    let label = head.strip_prefix(b"@charset \"")?;
    let end = memchr::memchr(b'"', label)?;
    let ended = label.get(end + 1) == Some(&b';');
    Encoding::for_label(&label[..end]).filter(|_| ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], charset: Option<&str>, step: usize) -> (String, &'static str) {
        let mut text = Text::new(charset.map(str::to_owned), Declared::InHtml);
        let mut all = String::new();
        for chunk in bytes.chunks(step) {
            all.push_str(text.write(chunk));
        }
        let (rest, name) = text.finish();
        all.push_str(rest);
        (all, name)
    }

    #[test]
    fn the_mark_then_the_transport_then_the_document_then_a_guess() {
        let latin = b"<meta charset=iso-8859-1>caf\xe9";
        let cases: [(&[u8], Option<&str>, &str, &str); 6] = [
            (b"\xef\xbb\xbfx", Some("latin1"), "x", "UTF-8"),
            (b"\xff\xfea\0b\0", None, "ab", "UTF-16LE"),
            (
                latin,
                None,
                "<meta charset=iso-8859-1>caf\u{e9}",
                "windows-1252",
            ),
            (
                latin,
                Some("utf-8"),
                "<meta charset=iso-8859-1>caf\u{fffd}",
                "UTF-8",
            ),
            ("größe".as_bytes(), None, "größe", "UTF-8"),
            (
                b"<meta charset=utf-16>x",
                None,
                "<meta charset=utf-16>x",
                "UTF-8",
            ),
        ];
        for (bytes, charset, text, name) in cases {
            for step in [1, 2, 3, 4096] {
                assert_eq!(
                    read(bytes, charset, step),
                    (text.to_owned(), name),
                    "{bytes:?} by {step}"
                );
            }
        }
        assert_eq!(read(b"caf\xe9 au lait", None, 99).0, "caf\u{e9} au lait");
    }
}
