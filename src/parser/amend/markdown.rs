//! Links in Markdown: destinations, definitions, URLs as they are, and the HTML in it.

use std::borrow::Cow;
use std::ops::Range;

use pulldown_cmark::{Event, LinkType, Parser, Tag, TagEnd};

use super::Wanted;
use super::html;
use crate::parser::markdown::{destination, extensions, front_matter};
use crate::parser::{Options, autolink, text};

/// How a reference is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// A URL as it is, or between angle brackets.
    Url,
    /// A destination between angle brackets.
    Angle,
    Plain,
    /// The name of a page.
    Name,
}

/// Writes links anew in all of the text.
pub(super) fn amend(options: &Options, wanted: &mut Wanted<'_>) {
    let all = wanted.text;
    let body = front_matter(all);
    let mut start = 0;
    for line in all[..body].split_inclusive('\n') {
        if !line.trim_start().starts_with('#') {
            bare(start..start + line.len(), true, wanted);
        }
        start += line.len();
    }
    let mut events = Parser::new_ext(&all[body..], extensions(options)).into_offset_iter();
    let (mut code, mut links) = (false, 0u32);
    let (mut words, mut markup): (Option<Range<usize>>, Option<Range<usize>>) = (None, None);
    while let Some((event, range)) = events.next() {
        let range = body + range.start..body + range.end;
        let is_markup = matches!(event, Event::Html(_) | Event::InlineHtml(_));
        if let Some(markup) = markup.take_if(|markup| !is_markup || markup.end != range.start) {
            html::amend(markup, wanted);
        }
        let is_text = matches!(event, Event::Text(_)) && !code && links == 0;
        if let Some(words) = words.take_if(|words| !is_text || words.end != range.start) {
            bare(words, false, wanted);
        }
        match event {
            Event::Start(Tag::Link {
                link_type,
                dest_url,
                id,
                ..
            }) => {
                links += 1;
                link(
                    link_type,
                    &dest_url,
                    range,
                    || span(&events, &id, body),
                    wanted,
                );
            }
            Event::End(TagEnd::Link) => links -= 1,
            Event::Start(Tag::Image {
                link_type,
                dest_url,
                id,
                ..
            }) => {
                link(
                    link_type,
                    &dest_url,
                    range,
                    || span(&events, &id, body),
                    wanted,
                );
            }
            Event::Start(Tag::CodeBlock(_)) => code = true,
            Event::End(TagEnd::CodeBlock) => code = false,
            Event::Text(_) if is_text => {
                words.get_or_insert(range.clone()).end = range.end;
            }
            Event::Text(_) if code && options.verbatim => bare(range, true, wanted),
            Event::Code(_) if options.verbatim => bare(range, true, wanted),
            Event::Html(_) | Event::InlineHtml(_) => {
                markup.get_or_insert(range.clone()).end = range.end;
            }
            _ => {}
        }
    }
    if let Some(words) = words {
        bare(words, false, wanted);
    }
    if let Some(markup) = markup {
        html::amend(markup, wanted);
    }
}

/// Where the definition with that label stands.
fn span(events: &pulldown_cmark::OffsetIter<'_>, label: &str, body: usize) -> Option<Range<usize>> {
    let span = events.reference_definitions().get(label)?.span.clone();
    Some(body + span.start..body + span.end)
}

fn link(
    kind: LinkType,
    url: &str,
    range: Range<usize>,
    definition: impl Fn() -> Option<Range<usize>>,
    wanted: &mut Wanted<'_>,
) {
    let all = wanted.text;
    let at = range.start + destination(kind, url, &all[range.clone()]);
    let found = match kind {
        LinkType::Inline => wanted
            .find(at, url)
            .and_then(|new| Some((new, written(all, at, range.end)?))),
        LinkType::Autolink => {
            let end = range.end - usize::from(all[range.clone()].ends_with('>'));
            wanted.find(at, url).map(|new| (new, (at..end, Style::Url)))
        }
        LinkType::WikiLink { .. } => wanted.find(at, url).and_then(|new| {
            let end = at + url.len();
            (all.get(at..end)? == url).then_some((new, (at..end, Style::Name)))
        }),
        LinkType::Reference | LinkType::Collapsed | LinkType::Shortcut => {
            wanted.find(at, url).and_then(|new| {
                let span = definition()?;
                let label = label_end(&all[span.clone()])?;
                let rest = &all[span.start + label..span.end];
                let at = span.end - rest.trim_start_matches([' ', '\t', '\n', '\r', '<']).len();
                Some((new, written(all, at, span.end)?))
            })
        }
        _ => None,
    };
    if let Some(((number, new), (written, style))) = found
        && meant(&all[written.clone()], style) == url
        && let Some(new) = spelt(new, style)
    {
        wanted.put(written, new, number);
    }
}

/// Behind the colon that ends a definition's label.
fn label_end(definition: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in definition.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ']' => return definition[at + 1..].starts_with(':').then_some(at + 2),
            _ => {}
        }
    }
    None
}

/// The destination whose text begins at `at` (`CommonMark`, section 6.3).
fn written(all: &str, at: usize, end: usize) -> Option<(Range<usize>, Style)> {
    let angle = all.get(..at)?.ends_with('<');
    let (mut depth, mut escaped) = (0u32, false);
    let text = all.get(at..end)?;
    let mut length = text.len();
    for (here, c) in text.char_indices() {
        let ends = match c {
            _ if std::mem::take(&mut escaped) => false,
            '\\' => {
                escaped = true;
                false
            }
            '>' => angle,
            _ if angle => false,
            '(' => {
                depth += 1;
                false
            }
            ')' if depth > 0 => {
                depth -= 1;
                false
            }
            ')' => true,
            c => c.is_ascii_whitespace() || c.is_ascii_control(),
        };
        if ends {
            length = here;
            break;
        }
    }
    let style = if angle { Style::Angle } else { Style::Plain };
    Some((at..at + length, style))
}

/// What is written, as it is meant: escapes and entities undone.
fn meant(written: &str, style: Style) -> Cow<'_, str> {
    if matches!(style, Style::Url | Style::Name) || !written.contains(['\\', '&']) {
        return written.into();
    }
    let mut out = String::new();
    let mut rest = written;
    while let Some(at) = rest.find('\\') {
        let after = rest[at + 1..]
            .chars()
            .next()
            .filter(char::is_ascii_punctuation);
        out.push_str(&htmlize::unescape(&rest[..at]));
        out.push(after.unwrap_or('\\'));
        rest = &rest[at + 1 + usize::from(after.is_some())..];
    }
    out.push_str(&htmlize::unescape(rest));
    out.into()
}

/// A reference as it is written in that style, if it can be.
fn spelt(new: &str, style: Style) -> Option<String> {
    let escaped = |c: char| match c {
        ' ' => "%20".into(),
        '<' => "%3C".into(),
        '>' => "%3E".into(),
        '|' => "%7C".into(),
        '\\' => "%5C".into(),
        c => Cow::Owned(c.to_string()),
    };
    if new.is_empty() || new.contains(char::is_control) {
        return None;
    }
    match style {
        Style::Url => {
            (new.contains("://") && !new.contains([' ', '<', '>'])).then(|| new.to_owned())
        }
        Style::Name => (!new.contains(['[', ']', '|', '#', '^'])).then(|| new.to_owned()),
        Style::Angle | Style::Plain => {
            let mut out: String = new.chars().map(escaped).collect();
            if htmlize::unescape(&*out) != out {
                out = out.replace('&', "&amp;");
            }
            let level = |depth: i32, c| match c {
                '(' => depth + 1,
                ')' if depth == 0 => i32::MIN / 2,
                ')' => depth - 1,
                _ => depth,
            };
            if style == Style::Plain && out.chars().fold(0, level) != 0 {
                out = out.replace('(', "\\(").replace(')', "\\)");
            }
            Some(out)
        }
    }
}

/// URLs that stand as they are; in verbatim text entities are none.
fn bare(range: Range<usize>, verbatim: bool, wanted: &mut Wanted<'_>) {
    let all = wanted.text;
    let found = if verbatim {
        let words = &all[range.clone()];
        let there = |(from, to)| (range.start + from..range.start + to, words[from..to].into());
        text::urls(words).into_iter().map(there).collect()
    } else {
        autolink::find(all, range)
    };
    for (written, url) in found {
        if let Some((number, new)) = wanted.find(written.start, &url)
            && let Some(new) = spelt(new, Style::Url)
        {
            let new = if verbatim || url.ends_with(&all[written.clone()]) {
                new
            } else {
                new.replace('&', "&amp;")
            };
            wanted.put(written, new, number);
        }
    }
}
