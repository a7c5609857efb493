//! Whether markup stands in SVG or `MathML`, which have other rules for what follows: CDATA is text there, and no element
//! has content that is not markup (HTML standard, sections 13.2.6 and 13.2.6.5).
//!
//! Elements are followed from the outermost `svg` or `math` on and not outside: most pages have none of them, and
//! pay nothing. Deliberately absent, since it needs the whole tree: whether an element stands open around the
//! outermost `svg` that an end tag inside of it asks for (it is believed to), and what the adoption agency moves.

use super::name::{Attribute, Element, Word, is_one};
use super::tag::Tag;

/// Elements that are followed; deeper ones are believed to end at once, so that no page makes us look through many.
const DEEPEST: usize = 128;

/// Whose element it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    Html,
    Svg,
    Math,
}

/// An open element.
#[derive(Debug, Clone, Copy)]
struct Open {
    word: Word,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Html,
    Svg,
    Math,
    /// SVG in which HTML may stand, or an `annotation-xml` of HTML.
    Island,
    /// `MathML` that holds words, and HTML among them.
    Words,
}

/// The elements that are open from the outermost `svg` or `math` on.
#[derive(Debug, Default)]
pub(super) struct Foreign {
    open: Vec<Open>,
    /// Something had to be believed.
    #[cfg(test)]
    pub(super) believed: bool,
}

impl Foreign {
    /// Is CDATA text here?
    #[inline]
    pub(super) fn is_here(&self) -> bool {
        self.open.last().is_some_and(|open| open.kind != Kind::Html)
    }

    /// Is there nothing to follow?
    #[inline]
    pub(super) fn is_far(&self) -> bool {
        self.open.is_empty()
    }

    /// A start tag; whose element does it begin?
    pub(super) fn start(&mut self, tag: &Tag, element: Element, markup: bool) -> Space {
        let word = tag.word();
        if self.takes(word, element) {
            if !breaks_out(tag) {
                return self.start_foreign(tag, word);
            }
            self.break_out();
        }
        let (kind, space) = match element {
            Element::Svg => (Kind::Svg, Space::Svg),
            Element::Math => (Kind::Math, Space::Math),
            _ => {
                if !self.is_far() && !self.ignores(word) {
                    self.start_html(word, markup);
                }
                return Space::Html;
            }
        };
        if !tag.self_closing {
            self.push(word, kind);
        }
        space
    }

    /// Do the rules for foreign content apply to that start tag?
    fn takes(&self, word: Word, element: Element) -> bool {
        match self.open.last().map(|open| open.kind) {
            None | Some(Kind::Html | Kind::Island) => false,
            Some(Kind::Svg) => true,
            Some(Kind::Math) => {
                let annotation = self.open.last().map(|open| open.word);
                element != Element::Svg || annotation != Some(Word::of("annotation-xml"))
            }
            Some(Kind::Words) => is_one!(word, "mglyph" "malignmark"),
        }
    }

    fn start_foreign(&mut self, tag: &Tag, word: Word) -> Space {
        let svg = self.open.last().is_some_and(|open| open.kind == Kind::Svg);
        let space = if svg { Space::Svg } else { Space::Math };
        if tag.self_closing {
            return space;
        }
        let kind = if svg && is_one!(word, "foreignobject" "desc" "title") {
            Kind::Island
        } else if svg {
            Kind::Svg
        } else if is_one!(word, "mi" "mo" "mn" "ms" "mtext") {
            Kind::Words
        } else {
            Kind::Math
        };
        self.push(word, kind);
        space
    }

    /// The `annotation-xml` that was opened last holds HTML.
    pub(super) fn annotates_html(&mut self) {
        if let Some(open) = self.open.last_mut()
            && open.kind == Kind::Math
            && open.word == Word::of("annotation-xml")
        {
            open.kind = Kind::Island;
        }
    }

    /// Does that start tag open nothing here?
    fn ignores(&self, word: Word) -> bool {
        let table = Word::of("table");
        is_one!(word, "html" "head" "body" "frameset" "frame")
            || is_one!(word, "caption" "col" "colgroup" "tbody" "td" "tfoot" "th" "thead" "tr")
                && !self.open.iter().any(|open| open.word == table)
    }

    fn start_html(&mut self, word: Word, markup: bool) {
        if closes_p(word) {
            self.close_within(Word::of("p"), is_button_scope);
        }
        if is_one!(word, "h1" "h2" "h3" "h4" "h5" "h6")
            && self.open.last().is_some_and(|open| {
                open.kind == Kind::Html && is_one!(open.word, "h1" "h2" "h3" "h4" "h5" "h6")
            })
        {
            self.open.pop();
        }
        let siblings: &[Word] = if word == Word::of("li") {
            &[Word::of("li")]
        } else if is_one!(word, "dd" "dt") {
            &[Word::of("dd"), Word::of("dt")]
        } else {
            &[]
        };
        if !siblings.is_empty() {
            self.close_sibling(siblings);
            self.close_within(Word::of("p"), is_button_scope);
        }
        if is_one!(word, "a" "nobr") {
            self.end_formatting(word);
        }
        if word == Word::of("button") {
            self.close_within(word, is_scope);
        }
        if markup && !is_void(word) {
            self.push(word, Kind::Html);
        }
    }

    /// An `li` ends the one before it, a `dd` or `dt` too, unless something special stands between.
    fn close_sibling(&mut self, siblings: &[Word]) {
        for at in (0..self.open.len()).rev() {
            let open = self.open[at];
            if open.kind == Kind::Html && siblings.contains(&open.word) {
                self.open.truncate(at);
                return;
            }
            let passes = open.kind == Kind::Html && is_one!(open.word, "address" "div" "p");
            if is_special(open) && !passes {
                return;
            }
        }
    }

    /// An end tag.
    pub(super) fn end(&mut self, word: Word) {
        if self.is_here() {
            if is_one!(word, "p" "br") {
                self.break_out();
            } else {
                for at in (0..self.open.len()).rev() {
                    if at + 1 < self.open.len() && self.open[at].kind == Kind::Html {
                        return self.end_html(word);
                    }
                    if self.open[at].word == word {
                        self.open.truncate(at);
                        return;
                    }
                }
            }
        }
        self.end_html(word);
    }

    fn end_html(&mut self, word: Word) {
        if is_one!(word, "body" "html" "br") {
            return;
        }
        if is_formatting(word) && self.end_formatting(word) {
            return;
        }
        let stops: fn(Open) -> bool = if word == Word::of("p") {
            is_button_scope
        } else if word == Word::of("li") {
            is_list_scope
        } else if is_block(word) {
            is_scope
        } else {
            is_special
        };
        if !self.close_within(word, stops) {
            self.end_around(word);
        }
    }

    /// Ends the innermost formatting element of that name, from under what is special and cannot be ended with it; is
    /// there one?
    fn end_formatting(&mut self, word: Word) -> bool {
        let found = self
            .open
            .iter()
            .rposition(|open| open.kind == Kind::Html && open.word == word);
        let Some(at) = found else {
            return false;
        };
        let above = &self.open[at + 1..];
        if !above.iter().any(|open| is_scope(*open)) {
            if above.iter().any(|open| is_special(*open)) {
                self.open.remove(at);
            } else {
                self.open.truncate(at);
            }
        }
        true
    }

    /// Ends the innermost element of that name, unless one that `stops` it stands between; did either happen?
    fn close_within(&mut self, word: Word, stops: fn(Open) -> bool) -> bool {
        for at in (0..self.open.len()).rev() {
            let open = self.open[at];
            if open.kind == Kind::Html && open.word == word {
                self.open.truncate(at);
                return true;
            }
            if stops(open) {
                return true;
            }
        }
        false
    }

    /// The end of something around the outermost `svg`: that it is open is believed of what HTML knows.
    fn end_around(&mut self, word: Word) {
        #[cfg(test)]
        {
            self.believed = true;
        }
        if is_block(word) || is_formatting(word) || is_one!(word, "p" "li" "span") {
            self.open.clear();
        }
    }

    /// An element that cannot stand in foreign content ends it.
    fn break_out(&mut self) {
        while let Some(open) = self.open.last()
            && matches!(open.kind, Kind::Svg | Kind::Math)
        {
            self.open.pop();
        }
    }

    fn push(&mut self, word: Word, kind: Kind) {
        if self.open.len() < DEEPEST {
            self.open.push(Open { word, kind });
        }
    }
}

/// Does that start tag end foreign content?
fn breaks_out(tag: &Tag) -> bool {
    let font = [Attribute::Color, Attribute::Face, Attribute::Size];
    is_one!(
        tag.word(),
        "b" "big" "blockquote" "body" "br" "center" "code" "dd" "div" "dl" "dt" "em" "embed" "h1" "h2" "h3" "h4" "h5"
        "h6" "head" "hr" "i" "img" "li" "listing" "menu" "meta" "nobr" "ol" "p" "pre" "ruby" "s" "small" "span"
        "strong" "strike" "sub" "sup" "table" "tt" "u" "ul" "var"
    ) || tag.word() == Word::of("font") && font.iter().any(|name| tag.value(*name).is_some())
}

fn is_void(word: Word) -> bool {
    is_one!(
        word,
        "area" "base" "basefont" "bgsound" "br" "col" "embed" "hr" "image" "img" "input" "keygen" "link" "meta"
        "param" "source" "track" "wbr"
    )
}

fn closes_p(word: Word) -> bool {
    is_one!(
        word,
        "address" "article" "aside" "blockquote" "center" "details" "dialog" "dir" "div" "dl" "fieldset" "figcaption"
        "figure" "footer" "form" "h1" "h2" "h3" "h4" "h5" "h6" "header" "hgroup" "hr" "listing" "main" "menu" "nav"
        "ol" "p" "pre" "search" "section" "summary" "table" "ul" "xmp"
    )
}

/// Elements whose end tag looks for them through others, as far as their scope reaches.
fn is_block(word: Word) -> bool {
    is_one!(
        word,
        "address" "applet" "article" "aside" "blockquote" "button" "center" "dd" "details" "dialog" "dir" "div" "dl"
        "dt" "fieldset" "figcaption" "figure" "footer" "form" "h1" "h2" "h3" "h4" "h5" "h6" "header" "hgroup"
        "listing" "main" "marquee" "menu" "nav" "object" "ol" "pre" "search" "section" "summary" "table" "tbody" "td"
        "template" "tfoot" "th" "thead" "tr" "ul"
    )
}

fn is_formatting(word: Word) -> bool {
    is_one!(
        word,
        "a" "b" "big" "code" "em" "font" "i" "nobr" "s" "small" "strike" "strong" "tt" "u"
    )
}

fn is_scope(open: Open) -> bool {
    match open.kind {
        Kind::Html => is_one!(
            open.word,
            "applet" "caption" "html" "table" "td" "th" "marquee" "object" "select" "template"
        ),
        Kind::Island | Kind::Words => true,
        Kind::Svg => false,
        Kind::Math => open.word == Word::of("annotation-xml"),
    }
}

fn is_button_scope(open: Open) -> bool {
    is_scope(open) || open.kind == Kind::Html && open.word == Word::of("button")
}

fn is_list_scope(open: Open) -> bool {
    is_scope(open) || open.kind == Kind::Html && is_one!(open.word, "ol" "ul")
}

fn is_special(open: Open) -> bool {
    match open.kind {
        Kind::Html => is_one!(
            open.word,
            "address" "applet" "article" "aside" "blockquote" "button" "caption" "center" "colgroup" "dd" "details"
            "dir" "div" "dl" "dt" "fieldset" "figcaption" "figure" "footer" "form" "h1" "h2" "h3" "h4" "h5" "h6"
            "header" "hgroup" "li" "listing" "main" "marquee" "menu" "nav" "noscript" "object" "ol" "p" "pre"
            "section" "select" "summary" "table" "tbody" "td" "template" "tfoot" "th" "thead" "tr" "ul"
        ),
        Kind::Island | Kind::Words => true,
        Kind::Svg => false,
        Kind::Math => open.word == Word::of("annotation-xml"),
    }
}
