//! Links in HTML: in attributes, in `<style>` and in JSON-LD.

use std::ops::Range;

use super::Wanted;
use crate::parser::html::{Site, sites};
use crate::parser::relink::in_css;

/// Writes links anew in the HTML at `range`.
pub(super) fn amend(range: Range<usize>, wanted: &mut Wanted<'_>) {
    let text = wanted.text;
    sites(text, range, |written, reference, site| {
        let Some((number, new)) = wanted.find(written.start, reference) else {
            return;
        };
        let old = &text[written.clone()];
        let (written, new) = match site {
            Site::Attribute { value } => match attribute(text, &value, &written, old, new) {
                Some(new) => new,
                None => return,
            },
            Site::Css => (written, in_css(new)),
            Site::CssAttribute { value } => {
                match attribute(text, &value, &written, old, &in_css(new)) {
                    Some(new) => new,
                    None => return,
                }
            }
            Site::Json => (written, new.replace('\\', "\\\\").replace('"', "\\\"")),
        };
        wanted.put(written, new, number);
    });
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
    if before.ends_with('"') {
        return Some((written.clone(), new.replace('"', "&quot;")));
    }
    if before.ends_with('\'') {
        return Some((written.clone(), new.replace('\'', "&#39;")));
    }
    let plain = !new.contains(|c: char| {
        c.is_ascii_whitespace() || matches!(c, '"' | '\'' | '=' | '<' | '>' | '`')
    });
    if plain && !new.is_empty() && !value.is_empty() {
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
