//! Text → tags (HTML standard, section 13.2.5), as it arrives.
//!
//! What a browser's tokenizer decides about tags is decided here, and what it decides about text only as far as tags
//! depend on it: comments, CDATA, and the elements whose content is no markup. The tree that a browser builds has a say
//! in the last two; of it only foreign content is followed. Deliberately absent: the few places where a tree
//! has no room for an element (a `title` in a `frameset`, or behind a `col` in a `template`), which make its content
//! markup again; and scripting, so a `noscript` holds markup like any other element.

use super::foreign::{Foreign, Space};
use super::name::{Attribute, Element, Word};
use super::tag::{Tag, ends_tag_name, find, plain_end};
use crate::parser::position::Window;

/// The largest tag, in bytes.
pub(super) const LARGEST_TAG: usize = 4 << 20;

/// Takes what was read. Offsets are those of the whole content.
pub(super) trait Take {
    fn start(&mut self, start: &Start<'_>);
    fn end(&mut self, word: Word);
    /// Text outside of tags; entities stand as they are written, and scripts are left out.
    fn text(&mut self, from: usize, to: usize, window: Window<'_>);
    /// Text of a script.
    #[inline]
    fn script(&mut self, _from: usize, _to: usize, _window: Window<'_>) {}
}

/// A start tag.
pub(super) struct Start<'a> {
    pub(super) element: Element,
    pub(super) space: Space,
    tag: &'a Tag,
    /// Where it begins.
    at: usize,
    pub(super) window: Window<'a>,
}

impl<'a> Start<'a> {
    /// Its name as written.
    pub(super) fn name(&self) -> &'a str {
        let (from, to) = self.tag.name();
        self.window.text(self.at + from, self.at + to)
    }

    /// The same, to be compared.
    pub(super) fn word(&self) -> Word {
        self.tag.word()
    }

    /// Has it none of the attributes that are looked at?
    #[inline]
    pub(super) fn is_bare(&self) -> bool {
        self.tag.is_bare()
    }

    /// Nothing comes between it and its end.
    pub(super) fn is_empty(&self) -> bool {
        !self.is_html() && self.tag.self_closing
    }

    /// Is it one of HTML's elements, and not of SVG or `MathML`?
    #[inline]
    pub(super) fn is_html(&self) -> bool {
        self.space == Space::Html
    }

    /// The value of an attribute as written, and its offset.
    #[inline]
    pub(super) fn value(&self, attribute: Attribute) -> Option<(&'a str, usize)> {
        let (from, to) = self.tag.value(attribute)?;
        Some((
            self.window.text(self.at + from, self.at + to),
            self.at + from,
        ))
    }
}

/// What the text is that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Markup,
    /// The tag that was begun.
    Tag,
    /// A comment whose text begins at that offset.
    Comment(usize),
    /// What is taken for a comment and ends at the first `>`.
    Bogus,
    Cdata,
    /// No markup, up to the end tag of that name.
    Raw(&'static str),
    Script(Script),
    /// No markup any more.
    Plain,
    /// A tag was too large.
    Full,
}

/// How much of a script is hidden, and the offset of the dashes that began to hide it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Open,
    /// In `<!--`.
    Escaped(usize),
    /// And in `<script` in there: its end tag is not the element's.
    Twice(usize),
}

/// The tokenizer.
#[derive(Debug)]
pub(super) struct Tokenizer {
    state: State,
    tag: Tag,
    foreign: Foreign,
    /// The tag ends an element whose content is no markup.
    raw: bool,
}

/// What a look at a few bytes says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Yes,
    No,
    /// More bytes must be seen.
    Short,
}

impl Tokenizer {
    pub(super) fn new() -> Self {
        Self {
            state: State::Markup,
            tag: Tag::new(),
            foreign: Foreign::default(),
            raw: false,
        }
    }

    /// Did what is open around foreign content matter, which is not known?
    #[cfg(test)]
    pub(super) fn believed(&self) -> bool {
        self.foreign.believed
    }

    /// A tag was too large, and nothing is read any more.
    pub(super) fn is_full(&self) -> bool {
        self.state == State::Full
    }

    /// Reads the text of `window`, which begins where the last one was left; how many of its bytes are done with. The
    /// rest must stand at the beginning of the next window, unless this is the `last`.
    pub(super) fn read(&mut self, window: Window<'_>, last: bool, take: &mut impl Take) -> usize {
        let bytes = window.text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let before = (at, self.state);
            at = match self.state {
                State::Markup => self.markup(window, at, last, take),
                State::Tag => {
                    let rest = &bytes[at..];
                    match self.tag.read(rest) {
                        Some(length) if length <= LARGEST_TAG => {
                            self.tag_is_read(window, at, take);
                            at + length
                        }
                        None if rest.len() <= LARGEST_TAG => return at,
                        _ => {
                            self.state = State::Full;
                            at
                        }
                    }
                }
                State::Comment(begin) => self.comment(window, at, begin),
                State::Bogus => match memchr::memchr(b'>', &bytes[at..]) {
                    Some(length) => {
                        self.state = State::Markup;
                        at + length + 1
                    }
                    None => bytes.len(),
                },
                State::Cdata => self.cdata(window, at, last, take),
                State::Raw(name) => self.raw(window, at, name, last, take),
                State::Script(script) => {
                    let end = self.script(window, at, script, last);
                    take.script(window.offset + at, window.offset + end, window);
                    end
                }
                State::Plain => {
                    take.text(window.offset + at, window.offset + bytes.len(), window);
                    bytes.len()
                }
                State::Full => bytes.len(),
            };
            if before == (at, self.state) {
                // Nothing can be said before more has arrived.
                break;
            }
        }
        at
    }

    fn markup(
        &mut self,
        window: Window<'_>,
        mut at: usize,
        last: bool,
        take: &mut impl Take,
    ) -> usize {
        let bytes = window.text.as_bytes();
        let mut from = at;
        loop {
            let Some(length) = find(b'<', &bytes[at..]) else {
                take.text(window.offset + from, window.offset + bytes.len(), window);
                return bytes.len();
            };
            at += length;
            let (state, next) = match bytes.get(at + 1) {
                Some(letter) if letter.is_ascii_alphabetic() => {
                    self.tag.begin(false);
                    (State::Tag, at)
                }
                Some(b'/') => match bytes.get(at + 2) {
                    Some(letter) if letter.is_ascii_alphabetic() => {
                        if let Some((word, length)) = plain_end(&bytes[at..]) {
                            take.text(window.offset + from, window.offset + at, window);
                            self.end(word, take);
                            at += length;
                            from = at;
                            continue;
                        }
                        self.tag.begin(true);
                        (State::Tag, at)
                    }
                    Some(b'>') => (State::Markup, at + 3),
                    Some(_) => (State::Bogus, at + 2),
                    None if !last => (State::Markup, at),
                    None => {
                        at += 1;
                        continue;
                    }
                },
                Some(b'!') => self.declaration(window, at, last),
                Some(b'?') => (State::Bogus, at + 1),
                None if !last => (State::Markup, at),
                _ => {
                    // It is text.
                    at += 1;
                    continue;
                }
            };
            take.text(window.offset + from, window.offset + at, window);
            self.state = state;
            if state != State::Markup || next == at {
                return next;
            }
            at = next;
            from = next;
        }
    }

    /// What begins with `<!` at `at`.
    fn declaration(&self, window: Window<'_>, at: usize, last: bool) -> (State, usize) {
        let bytes = window.text.as_bytes();
        let after = &bytes[at + 2..];
        let cdata = if self.foreign.is_here() {
            begins(after, "[CDATA[")
        } else {
            Look::No
        };
        match (begins(after, "--"), cdata) {
            // Its dashes may be those that end it.
            (Look::Yes, _) => (State::Comment(window.offset + at + 4), at + 2),
            (_, Look::Yes) => (State::Cdata, at + 9),
            (Look::Short, _) | (_, Look::Short) if !last => (State::Markup, at),
            _ => (State::Bogus, at + 2),
        }
    }

    /// A tag is read, which stands at `at`.
    #[inline]
    fn tag_is_read(&mut self, window: Window<'_>, at: usize, take: &mut impl Take) {
        self.state = State::Markup;
        let word = self.tag.word();
        if self.tag.end {
            if self.raw {
                self.raw = false;
                take.end(word);
            } else {
                self.end(word, take);
            }
            return;
        }
        let (from, to) = self.tag.name();
        let name = &window.text.as_bytes()[at + from..at + to];
        let element = Element::of(word, name);
        let state = inside(element);
        let mut space = Space::Html;
        if !self.foreign.is_far() || matches!(element, Element::Svg | Element::Math) {
            space = self
                .foreign
                .start(&self.tag, element, state == State::Markup);
        }
        let start = Start {
            element,
            space,
            tag: &self.tag,
            at: window.offset + at,
            window,
        };
        let html = space == Space::Html;
        if !html
            && let Some((encoding, _)) = start.value(Attribute::Encoding)
            && !self.tag.self_closing
            && ["text/html", "application/xhtml+xml"]
                .iter()
                .any(|html| encoding.eq_ignore_ascii_case(html))
        {
            self.foreign.annotates_html();
        }
        take.start(&start);
        if html {
            self.state = state;
        }
    }

    /// The end tag of an element whose content is markup.
    #[inline]
    fn end(&mut self, word: Word, take: &mut impl Take) {
        if !self.foreign.is_far() {
            self.foreign.end(word);
        }
        take.end(word);
    }

    /// A comment ends with `-->`, even with the dashes that begin it, and with `--!>`.
    fn comment(&mut self, window: Window<'_>, at: usize, begin: usize) -> usize {
        let bytes = window.text.as_bytes();
        for end in memchr::memchr_iter(b'>', &bytes[at..]).map(|end| at + end) {
            let before = &bytes[..end];
            let there = window.offset + end;
            if before.ends_with(b"--") && there >= begin
                || before.ends_with(b"--!") && there >= begin + 3
            {
                self.state = State::Markup;
                return end + 1;
            }
        }
        bytes.len() - ending(&bytes[at..], b"-!", 3)
    }

    fn cdata(&mut self, window: Window<'_>, at: usize, last: bool, take: &mut impl Take) -> usize {
        let bytes = window.text.as_bytes();
        let mut end = bytes.len();
        let mut next = end;
        for bracket in memchr::memchr_iter(b']', &bytes[at..]).map(|bracket| at + bracket) {
            match begins(&bytes[bracket..], "]]>") {
                Look::Yes => {
                    self.state = State::Markup;
                    (end, next) = (bracket, bracket + 3);
                    break;
                }
                Look::Short if !last => {
                    (end, next) = (bracket, bracket);
                    break;
                }
                _ => {}
            }
        }
        take.text(window.offset + at, window.offset + end, window);
        next
    }

    fn raw(
        &mut self,
        window: Window<'_>,
        at: usize,
        name: &'static str,
        last: bool,
        take: &mut impl Take,
    ) -> usize {
        let bytes = window.text.as_bytes();
        let mut end = bytes.len();
        for tag in memchr::memchr_iter(b'<', &bytes[at..]).map(|tag| at + tag) {
            match is_tag(&bytes[tag..], "</", name) {
                Look::Yes => {
                    self.end_raw();
                    end = tag;
                    break;
                }
                Look::Short if !last => {
                    end = tag;
                    break;
                }
                _ => {}
            }
        }
        take.text(window.offset + at, window.offset + end, window);
        end
    }

    fn script(&mut self, window: Window<'_>, at: usize, script: Script, last: bool) -> usize {
        let bytes = window.text.as_bytes();
        let (hidden, dashes) = match script {
            Script::Open => (false, 0),
            Script::Escaped(dashes) | Script::Twice(dashes) => (true, dashes),
        };
        let mut from = at;
        loop {
            let rest = &bytes[from..];
            let found = if hidden {
                memchr::memchr2(b'<', b'>', rest)
            } else {
                memchr::memchr(b'<', rest)
            };
            let Some(length) = found else {
                // Two dashes may be the beginning of an end.
                let kept = if hidden { 2 } else { 0 };
                return bytes.len() - ending(&bytes[at..], b"-", kept);
            };
            let here = from + length;
            let rest = &bytes[here..];
            if rest.starts_with(b">") {
                if bytes[..here].ends_with(b"--") && window.offset + here >= dashes + 2 {
                    self.state = State::Script(Script::Open);
                    return here + 1;
                }
                from = here + 1;
                continue;
            }
            let end = is_tag(rest, "</", "script");
            let other = match script {
                Script::Open => begins(rest, "<!--"),
                Script::Escaped(_) => is_tag(rest, "<", "script"),
                Script::Twice(_) => Look::No,
            };
            match (end, other, script) {
                (Look::Yes, _, Script::Open | Script::Escaped(_)) => {
                    self.end_raw();
                    return here;
                }
                (Look::Yes, _, Script::Twice(dashes)) => {
                    self.state = State::Script(Script::Escaped(dashes));
                    return here + 8;
                }
                (_, Look::Yes, Script::Open) => {
                    self.state = State::Script(Script::Escaped(window.offset + here + 2));
                    return here + 2;
                }
                (_, Look::Yes, Script::Escaped(dashes)) => {
                    self.state = State::Script(Script::Twice(dashes));
                    return here + 7;
                }
                (Look::Short, ..) | (_, Look::Short, _) if !last => {
                    // Dashes before it end nothing any more.
                    return here;
                }
                _ => from = here + 1,
            }
        }
    }

    fn end_raw(&mut self) {
        self.raw = true;
        self.tag.begin(true);
        self.state = State::Tag;
    }
}

/// What comes after the start tag of one of HTML's elements.
#[inline]
fn inside(element: Element) -> State {
    match element {
        Element::Title => State::Raw("title"),
        Element::Textarea => State::Raw("textarea"),
        Element::Style => State::Raw("style"),
        Element::Xmp => State::Raw("xmp"),
        Element::Iframe => State::Raw("iframe"),
        Element::Noembed => State::Raw("noembed"),
        Element::Noframes => State::Raw("noframes"),
        Element::Script => State::Script(Script::Open),
        Element::Plaintext => State::Plain,
        _ => State::Markup,
    }
}

/// How many of the last bytes, at most so many, are all among `these`.
fn ending(bytes: &[u8], these: &[u8], most: usize) -> usize {
    let last = bytes.iter().rev().take(most);
    last.take_while(|byte| these.contains(byte)).count()
}

/// Do the bytes begin with these, in this case?
fn begins(bytes: &[u8], word: &str) -> Look {
    let word = word.as_bytes();
    if bytes.starts_with(word) {
        Look::Yes
    } else if word.starts_with(bytes) {
        Look::Short
    } else {
        Look::No
    }
}

/// Do the bytes begin with `mark` and the whole of `name`, in any case?
fn is_tag(bytes: &[u8], mark: &str, name: &str) -> Look {
    let (mark, name) = (mark.as_bytes(), name.as_bytes());
    let Some(after) = bytes.strip_prefix(mark) else {
        return begins(bytes, std::str::from_utf8(mark).unwrap_or_default());
    };
    let length = after.len().min(name.len());
    if !after[..length].eq_ignore_ascii_case(&name[..length]) {
        return Look::No;
    }
    match after.get(name.len()) {
        Some(byte) if ends_tag_name(*byte) => Look::Yes,
        Some(_) => Look::No,
        None => Look::Short,
    }
}
