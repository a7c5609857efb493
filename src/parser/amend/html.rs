//! Links in HTML: in attributes, in `<style>` and in JSON-LD, also of a document that is an attribute.

use std::ops::Range;

use super::Wanted;
use crate::parser::html::{DEEPEST, Decoded, Site, sites};
use crate::parser::relink::in_css;

/// Which amendment, and what the link shall be: of what stands at an offset and means that.
type Find<'f> = dyn Fn(usize, &str) -> Option<(usize, String)> + 'f;

/// Takes a stretch of the text, and what amendment by number puts there.
type Put<'f> = dyn FnMut(Range<usize>, String, usize) + 'f;

/// Writes links anew in the HTML at `range`.
pub(super) fn amend(range: Range<usize>, wanted: &mut Wanted<'_>) {
    let text = wanted.text;
    let mut done = Vec::new();
    let find = |offset: usize, reference: &str| {
        let (number, new) = wanted.find(offset, reference)?;
        Some((number, new.to_owned()))
    };
    let mut put = |written, new, number| done.push((written, new, number));
    amend_at(0, text, range, &find, &mut put);
    for (written, new, number) in done {
        wanted.put(written, new, number);
    }
}

fn amend_at(depth: u8, text: &str, range: Range<usize>, find: &Find<'_>, put: &mut Put<'_>) {
    sites(text, range, |written, reference, site| {
        if let Site::Document = site {
            if depth < DEEPEST {
                embedded(depth + 1, text, &written, find, put);
            }
            return;
        }
        let Some((number, new)) = find(written.start, reference) else {
            return;
        };
        let old = &text[written.clone()];
        let changed = match site {
            Site::Attribute { value } => attribute(text, &value, &written, old, &new),
            Site::Css => Some((written, in_css(&new))),
            Site::CssAttribute { value } => attribute(text, &value, &written, old, &in_css(&new)),
            Site::Json => Some((written, new.replace('\\', "\\\\").replace('"', "\\\""))),
            Site::Document => None,
        };
        if let Some((written, new)) = changed {
            put(written, new, number);
        }
    });
}

/// Writes links anew in the document that is the value of an attribute: as they stand in it, and that as it stands in the
/// attribute. What would not be read there as it is meant is left as it is.
fn embedded(depth: u8, text: &str, value: &Range<usize>, find: &Find<'_>, put: &mut Put<'_>) {
    let (Some(before), Some(whole)) = (text.get(..value.start), text.get(value.clone())) else {
        return;
    };
    let document = Decoded::of(whole);
    let inside =
        |offset: usize, reference: &str| find(value.start + document.written(offset), reference);
    let mut outside = |meant: Range<usize>, new: String, number: usize| {
        let written = document.written(meant.start)..document.written(meant.end);
        let Some(escaped) = fitting(before, new.replace('&', "&amp;")) else {
            return;
        };
        let replaced = |text: &str, range: &Range<usize>, new: &str| {
            let (before, after) = (text.get(..range.start)?, text.get(range.end..)?);
            Some([before, new, after].concat())
        };
        let wanted = replaced(&document.text, &meant, &new);
        let there = replaced(whole, &written, &escaped);
        if wanted.is_some() && there.map(|there| Decoded::of(&there).text.into_owned()) == wanted {
            let written = value.start + written.start..value.start + written.end;
            put(written, escaped, number);
        }
    };
    let all = 0..document.text.len();
    amend_at(depth, &document.text, all, &inside, &mut outside);
}

/// `text`, its ampersands escaped, so that it does not end the value that begins behind `before`, if it can stand there.
fn fitting(before: &str, text: String) -> Option<String> {
    if before.ends_with('"') {
        return Some(text.replace('"', "&quot;"));
    }
    if before.ends_with('\'') {
        return Some(text.replace('\'', "&#39;"));
    }
    let ends = |c: char| c.is_ascii_whitespace() || matches!(c, '"' | '\'' | '=' | '<' | '>' | '`');
    (!text.is_empty() && !text.contains(ends)).then_some(text)
}

/// What stands in the place of the part `written` of an attribute's `value`, in the quotes that are around it.
fn attribute(
    text: &str,
    value: &Range<usize>,
    written: &Range<usize>,
    old: &str,
    new: &str,
) -> Option<(Range<usize>, String)> {
    // An ampersand that needs no escape is given one where others have it, or where nothing says how they are written.
    let bare =
        old.contains('&') && !old.contains("&amp;") && htmlize::unescape_attribute(new) == new;
    let new = if bare {
        new.to_owned()
    } else {
        new.replace('&', "&amp;")
    };
    let before = text.get(..value.start)?;
    // Where there is but a name, nothing can stand.
    let place = !value.is_empty() || before.ends_with(['"', '\'']);
    if let Some(new) = fitting(before, new.clone()).filter(|_| place) {
        return Some((written.clone(), new));
    }
    // Of a part of a value without quotes, the rest would have to be looked at too.
    (value == written && !value.is_empty()).then(|| {
        (
            written.clone(),
            format!("\"{}\"", new.replace('"', "&quot;")),
        )
    })
}
