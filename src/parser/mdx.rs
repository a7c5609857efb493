//! MDX: Markdown with JSX, JavaScript expressions and modules in it.
//!
//! A pass before Markdown takes out what is none: `import` and `export`, expressions in braces, and tags, whose URLs and
//! `id` are kept, and so are the files that are imported. Lines lose their indentation, since it means nothing here and
//! code in Markdown. Only strings are values; what an expression computes is not known. Deliberately absent: imports of
//! packages and of scripts, whose files a bundler finds under other names too.

use std::borrow::Cow;

use super::encoding::{Declared, Text};
use super::html::candidates;
use super::markdown::{self, Source};
use super::{Format, Options, Parse};
use crate::model::{Document, LinkKind};

pub(super) const FORMAT: Format = Format {
    name: "mdx",
    media_types: &["text/mdx"],
    extensions: &["mdx"],
    open: |options| {
        Box::new(Mdx {
            text: Text::new(options.charset.clone(), Declared::ByConvention),
            all: String::new(),
            options: options.clone(),
        })
    },
};

struct Mdx {
    text: Text,
    all: String,
    options: Options,
}

impl Parse for Mdx {
    fn write(&mut self, chunk: &[u8]) {
        let text = self.text.write(chunk);
        self.all.push_str(text);
    }

    fn held(&self) -> usize {
        self.all.len()
    }

    fn finish(mut self: Box<Self>) -> Document {
        let (rest, charset) = self.text.finish();
        self.all.push_str(rest);
        let source = prepared(&self.all);
        markdown::read(&source, &self.options, charset)
    }
}

/// The longest tag or expression; what is longer is text.
const LONGEST: usize = 64 << 10;

/// Expressions in tags in expressions: deeper ones are not looked into.
const DEEPEST: u8 = 8;

/// The extensions of files that are imported by their whole name.
const FILES: &[&str] = &[
    "avif", "css", "csv", "gif", "html", "ico", "jpeg", "jpg", "json", "less", "md", "mdx", "mp3",
    "mp4", "pdf", "png", "sass", "scss", "svg", "toml", "txt", "webm", "webp", "yaml", "yml",
];

/// `all` as Markdown, with what the tags in it refer to.
fn prepared(all: &str) -> Source<'_> {
    let begin = markdown::front_matter(all);
    let mut pass = Pass {
        all,
        out: all.as_bytes().to_vec(),
        unclosed: 0,
        depth: 0,
        source: Source::of(all),
    };
    let bare = pass.read(begin);
    let Pass {
        out, mut source, ..
    } = pass;
    // Only whole characters were replaced.
    let out = String::from_utf8(out).unwrap_or_default();
    let mut text = String::with_capacity(out.len());
    let mut start = 0;
    let mut removed = 0;
    for (line, strips) in out.split_inclusive('\n').zip(bare) {
        let content = if strips {
            line.trim_start_matches([' ', '\t'])
        } else {
            line
        };
        removed += line.len() - content.len();
        source.shifts.push((text.len(), removed));
        text.push_str(content);
        start += line.len();
    }
    debug_assert_eq!(start, out.len());
    source.text = Cow::Owned(text);
    source
}

struct Pass<'a> {
    all: &'a str,
    out: Vec<u8>,
    /// Tags and expressions before this offset were looked for, and do not end.
    unclosed: usize,
    /// How many expressions there are around what is read.
    depth: u8,
    source: Source<'a>,
}

impl Pass<'_> {
    /// Goes through the lines from `begin` on; for each of all lines, may its indentation go?
    fn read(&mut self, begin: usize) -> Vec<bool> {
        let all = self.all;
        let mut bare = Vec::new();
        let mut fence: Option<&str> = None;
        let mut blank = true;
        let mut module = false;
        let mut start = 0;
        // Where the tag, expression or code ends that went on beyond its line.
        let mut at = begin;
        for line in all.split_inclusive('\n') {
            let end = start + line.len();
            let content = line.trim();
            if start < begin {
                bare.push(false);
            } else if let Some(open) = fence {
                let closes =
                    content.starts_with(open) && content.trim_start_matches(&open[..1]).is_empty();
                bare.push(closes);
                if closes {
                    fence = None;
                }
                at = at.max(end);
            } else if at <= start && fenced(content).is_some() {
                bare.push(true);
                fence = fenced(content);
                at = end;
            } else {
                bare.push(true);
                let begins = at <= start && line.starts_with(['i', 'e']) && is_module(line);
                module = !content.is_empty() && (module || blank && begins);
                if module {
                    self.inside(start.max(at), end);
                    self.blank(start, end);
                    at = at.max(end);
                } else {
                    at = self.line(at.max(start), end);
                }
            }
            blank = content.is_empty() || module || start < begin;
            start = end;
        }
        bare
    }

    /// Takes tags and expressions out from `at` to `end`; gives where it stopped, which may be further on.
    fn line(&mut self, mut at: usize, end: usize) -> usize {
        let bytes = self.all.as_bytes();
        while at < end {
            match bytes[at] {
                b'\\' => at += 2,
                b'`' => at = self.code(at),
                b'{' if is_identifier(&self.all[at..]) => at += 1,
                b'{' if at >= self.unclosed => {
                    let close = self.closed(at, expression(self.all, at));
                    if let Some(close) = close {
                        self.inside(at + 1, close - 1);
                        self.blank(at, close);
                    }
                    at = close.unwrap_or(at + 1);
                }
                b'<' if at >= self.unclosed => {
                    let close = self.tag(at);
                    if let Some(close) = close {
                        self.blank(at, close);
                    }
                    at = close.unwrap_or(at + 1);
                }
                _ => at += 1,
            }
        }
        at
    }

    /// Takes what the JavaScript from `at` to `end` refers to: by tags in it, and as modules.
    fn inside(&mut self, mut at: usize, end: usize) {
        if self.depth == DEEPEST {
            return;
        }
        self.depth += 1;
        let bytes = self.all.as_bytes();
        while at < end {
            at = match bytes[at] {
                b'/' if bytes[at..end].starts_with(b"/*") => {
                    let comment = memchr::memmem::find(&bytes[at + 2..end], b"*/");
                    comment.map_or(end, |length| at + length + 4)
                }
                b'/' if bytes[at..end].starts_with(b"//") && !bytes[..at].ends_with(b":") => {
                    at + memchr::memchr(b'\n', &bytes[at..end]).unwrap_or(end - at)
                }
                quote @ (b'"' | b'\'' | b'`') => {
                    let rest = &bytes[at + 1..end];
                    let line = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                    let within = if quote == b'`' { rest } else { &rest[..line] };
                    match memchr::memchr(quote, within) {
                        Some(length) => {
                            self.module(at + 1, at + 1 + length);
                            at + length + 2
                        }
                        None => at + 1,
                    }
                }
                b'<' if at >= self.unclosed => self.tag(at).unwrap_or(at + 1),
                _ => at + 1,
            };
        }
        self.depth -= 1;
    }

    /// Takes the string from `at` to `end`, where that is a file that a module imports.
    fn module(&mut self, at: usize, end: usize) {
        let path = &self.all[at..end];
        let before = self.all[..at - 1].trim_end_matches([' ', '\t', '(']);
        let word = before.rsplit(|c: char| !c.is_alphanumeric()).next();
        let imports = matches!(word, Some("import" | "from" | "require"));
        let name = path.split(['?', '#']).next().unwrap_or_default();
        let extension = name.rsplit_once('.').map(|(_, extension)| extension);
        let kept = extension.is_some_and(|extension| FILES.contains(&extension));
        if imports && kept && path.starts_with("./") | path.starts_with("../") {
            let links = &mut self.source.links;
            links.push((path.to_owned(), at, LinkKind::Frame));
        }
    }

    /// The end of a code span that begins at `at`, or of the backquotes when there is none.
    fn code(&self, at: usize) -> usize {
        let bytes = self.all.as_bytes();
        let bytes = &bytes[at..bytes.len().min(at + LONGEST)];
        let run = |from: usize| {
            bytes[from..]
                .iter()
                .take_while(|byte| **byte == b'`')
                .count()
        };
        let ticks = run(0);
        let mut from = ticks;
        while let Some(next) = memchr::memchr2(b'`', b'\n', &bytes[from..]) {
            let found = from + next;
            if bytes[found] == b'\n' {
                // A blank line ends the paragraph.
                if bytes.get(found + 1) == Some(&b'\n') {
                    break;
                }
                from = found + 1;
                continue;
            }
            let length = run(found);
            if length == ticks {
                return at + found + length;
            }
            from = found + length;
        }
        at + ticks
    }

    /// The end of the tag that begins at `at`, whose references are taken.
    fn tag(&mut self, at: usize) -> Option<usize> {
        let all = self.all;
        let bytes = all.as_bytes();
        let is_name = |byte: &u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'-' | b'_' | b'$')
        };
        let name_end = |from: usize| {
            from + bytes[from..]
                .iter()
                .take_while(|byte| is_name(byte))
                .count()
        };
        let closing = bytes.get(at + 1) == Some(&b'/');
        let name_at = at + 1 + usize::from(closing);
        let mut from = name_end(name_at);
        let name = &all[name_at..from];
        if name.is_empty() && bytes.get(from) != Some(&b'>')
            || name.starts_with(|c: char| !c.is_ascii_alphabetic())
        {
            return None;
        }
        // `http://` in angle brackets is no tag, and no MDX either.
        if name.ends_with(':') {
            return None;
        }
        let mut found = Vec::new();
        let mut expressions = Vec::new();
        loop {
            from += bytes[from..]
                .iter()
                .take_while(|byte| byte.is_ascii_whitespace() || **byte == b'/')
                .count();
            if from - at > LONGEST {
                return None;
            }
            match bytes.get(from)? {
                b'>' => break,
                b'{' => {
                    let end = self.closed(at, expression(all, from))?;
                    expressions.push((from + 1, end - 1));
                    from = end;
                }
                byte if is_name(byte) => {
                    let end = name_end(from);
                    let attribute = &all[from..end];
                    from = end;
                    let white = bytes[from..]
                        .iter()
                        .take_while(|byte| byte.is_ascii_whitespace())
                        .count();
                    if bytes.get(from + white) != Some(&b'=') {
                        continue;
                    }
                    from += white + 1;
                    from += bytes[from..]
                        .iter()
                        .take_while(|byte| byte.is_ascii_whitespace())
                        .count();
                    let (value, value_at) = match bytes.get(from)? {
                        quote @ (b'"' | b'\'') => {
                            let limit = bytes.len().min(from + LONGEST);
                            let rest = bytes.get(from + 1..limit).unwrap_or_default();
                            let length = self.closed(at, memchr::memchr(*quote, rest))?;
                            let value = &all[from + 1..from + 1 + length];
                            let value_at = from + 1;
                            from = value_at + length + 1;
                            (Some(htmlize::unescape_attribute(value)), value_at)
                        }
                        b'{' => {
                            let end = self.closed(at, expression(all, from))?;
                            let inner = &all[from + 1..end - 1];
                            let value_at = from + 2 + inner.len() - inner.trim_start().len();
                            let value = string(inner).map(Cow::Borrowed);
                            if value.is_none() {
                                expressions.push((from + 1, end - 1));
                            }
                            from = end;
                            (value, value_at)
                        }
                        _ => return None,
                    };
                    found.extend(value.map(|value| (attribute, value, value_at)));
                }
                _ => return None,
            }
        }
        for (attribute, value, value_at) in found {
            self.attribute(name, attribute, value, value_at);
        }
        for (from, to) in expressions {
            self.inside(from, to);
        }
        let mut end = from + 1;
        if !closing && matches!(name, "script" | "style") && !all[..from].ends_with('/') {
            let close = format!("</{name}");
            let inner = all[end..].find(&close).unwrap_or(all.len() - end);
            end += inner;
        }
        Some(end)
    }

    /// Takes what an attribute of that element refers to. React spells HTML's names with capitals in them.
    fn attribute(&mut self, element: &str, attribute: &str, value: Cow<'_, str>, at: usize) {
        let attribute = attribute.to_ascii_lowercase();
        let kind = match (&*attribute, element) {
            ("href" | "xlinkhref" | "xlink:href", "link" | "image" | "use") => LinkKind::Relation,
            ("href" | "xlinkhref" | "xlink:href", _) | ("to", "Link" | "NavLink") => {
                LinkKind::Anchor
            }
            ("src" | "poster" | "srcset" | "imagesrcset", _) | ("data", "object") => {
                LinkKind::Media
            }
            ("cite", "blockquote" | "q" | "ins" | "del") => LinkKind::Metadata,
            ("action", "form") | ("formaction", "button" | "input") => LinkKind::Form,
            ("id", _) | ("name", "a") => {
                self.source.ids.push(value.into_owned());
                return;
            }
            _ => return,
        };
        let mut take = |url: &str, from: usize| {
            let lead = url.len() - url.trim_start().len();
            let link = (url.trim().to_owned(), at + from + lead, kind);
            self.source.links.push(link);
        };
        if attribute.ends_with("srcset") {
            for (url, from) in candidates(&value) {
                take(url, from);
            }
        } else {
            take(&value, 0);
        }
    }

    /// What does not end in the tag at `at` is not looked for again at once, or a page of such tags would take for ever.
    fn closed<T>(&mut self, at: usize, end: Option<T>) -> Option<T> {
        if end.is_none() {
            self.unclosed = at + LONGEST;
        }
        end
    }

    /// Puts spaces in the place of what is there; line ends stay.
    fn blank(&mut self, from: usize, to: usize) {
        for byte in &mut self.out[from..to] {
            if !matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
    }
}

/// Does a line end with a heading's own identifier there? MDX has none, but Docusaurus does.
fn is_identifier(rest: &str) -> bool {
    let line = rest.lines().next().unwrap_or_default().trim_end();
    let name = line
        .strip_prefix("{#")
        .and_then(|line| line.strip_suffix('}'));
    name.is_some_and(|name| !name.is_empty() && !name.contains([' ', '\t', '{', '}']))
}

/// What opens a block of code.
fn fenced(line: &str) -> Option<&str> {
    let first = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = line.len() - line.trim_start_matches(first).len();
    let language = &line[length..];
    (length >= 3 && !(first == '`' && language.contains('`'))).then(|| &line[..length])
}

/// Does a module's statement begin there?
fn is_module(line: &str) -> bool {
    let word = line.split(|c: char| !c.is_ascii_alphabetic()).next();
    let rest = line.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    matches!(word, Some("import" | "export")) && rest.starts_with([' ', '{', '\t', '*', '"', '\''])
}

/// The end of the expression whose brace opens at `at`; strings and comments in it may hold braces.
fn expression(all: &str, at: usize) -> Option<usize> {
    let bytes = all.as_bytes();
    let limit = bytes.len().min(at + LONGEST);
    let mut depth = 0_usize;
    let mut from = at;
    while from < limit {
        match bytes[from] {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(from + 1);
                }
            }
            b'/' if bytes.get(from + 1) == Some(&b'*') => {
                let length = memchr::memmem::find(&bytes[from + 2..limit], b"*/")?;
                from += length + 3;
            }
            quote @ (b'"' | b'\'' | b'`') => {
                // One that does not end on its line is an apostrophe in a text.
                let rest = &bytes[from + 1..limit];
                let line = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                let within = if quote == b'`' { rest } else { &rest[..line] };
                if let Some(length) = memchr::memchr(quote, within) {
                    from += length + 1;
                }
            }
            _ => {}
        }
        from += 1;
    }
    None
}

/// The string that an expression is, if it is nothing else.
fn string(expression: &str) -> Option<&str> {
    let text = expression.trim();
    let quote = text
        .chars()
        .next()
        .filter(|c| matches!(c, '"' | '\'' | '`'))?;
    let inner = text[1..].strip_suffix(quote)?;
    (!inner.contains(quote) && !inner.contains("${")).then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parser::{document, links};

    #[test]
    fn tags_and_the_markdown_in_them_have_links() {
        for (text, found) in [
            (
                "<Card href=\"a.html\" icon={<Icon src='b.svg' />}>\n    [c](d.md)\n</Card>\n",
                vec![("a.html", 1, 13), ("b.svg", 1, 38), ("d.md", 2, 9)],
            ),
            (
                "<Img\n  src={\"e.png\"}\n  alt={`x`}\n/>\n",
                vec![("e.png", 2, 9)],
            ),
            (
                "<a href={`f.html`}>é</a> <a href={`${x}/g`}>\n",
                vec![("f.html", 1, 11)],
            ),
            ("<Link to='h'>x</Link>\n", vec![("h", 1, 11)]),
            (
                "<Tabs>\n  <Tab>\n\n        1. [i](j.md)\n\n        ```js\n        http://no.test/\n        ```\n        [k](l.md)\n  </Tab>\n</Tabs>\n",
                vec![("j.md", 4, 16), ("l.md", 9, 13)],
            ),
            (
                "import x from 'http://no.test/'\nexport const y = 'http://no.test/'\n\n[m](n.md)\n",
                vec![("n.md", 4, 5)],
            ),
            (
                "{/* [no](no.md) don't */} [o](p.md)\n",
                vec![("p.md", 1, 31)],
            ),
            (
                "`<A href=\"no\">` 2 < 3 {unclosed [q](r.md)\n",
                vec![("r.md", 1, 37)],
            ),
            ("---\nx: y\n---\n<B href=\"s\"/>\n", vec![("s", 4, 10)]),
            (
                "<img srcSet=\"t.png 1x, u.png 2x\"/>\n<object data='v'/> <form action='w'/>\n",
                vec![
                    ("t.png", 1, 14),
                    ("u.png", 1, 24),
                    ("v", 2, 15),
                    ("w", 2, 34),
                ],
            ),
            (
                "{show && <a href=\"x.md\">{1 < 2 && <b/>}</a>} {/* <a href='no'/> */}\n",
                vec![("x.md", 1, 19)],
            ),
            (
                "import Y from \"./y.mdx\"\nimport './z.css'\nimport {\n  a\n} from '../b.json'\n// import c from './no.md'\n\
                 import Table from './Table'\nimport p from 'package.css'\nexport const note = \"from './no.md'\"\n",
                vec![("./y.mdx", 1, 16), ("./z.css", 2, 9), ("../b.json", 5, 9)],
            ),
            (
                "<img src={require('./c.png').default} />\n",
                vec![("./c.png", 1, 20)],
            ),
        ] {
            let found: Vec<_> = found
                .into_iter()
                .map(|(url, line, column)| (url.to_owned(), line, column))
                .collect();
            assert_eq!(links(&FORMAT, text), found, "{text}");
        }
    }

    #[test]
    fn headings_and_ids_are_anchors() {
        let found = document(
            &FORMAT,
            "# One {/* x */}\n\n<Step id=\"Two\">\n    ## Three\n</Step>\n\n## Four {#own}\n",
        );
        for anchor in ["one", "two", "three", "four", "own"] {
            assert!(found.has_anchor(anchor), "{anchor}");
        }
    }
}
