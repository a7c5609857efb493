//! The names of elements and attributes that mean something here, told apart while they are read.
//!
//! A name is taken in as one number, eight letters at a time where they are letters, so that most names, which mean
//! nothing, cost a comparison or two and are never looked at again.

/// A name in lower case: its letters as a number, and how many there are. Names of up to eight letters are equal when
/// these are; of longer ones that is all but certain, and is looked at again where it matters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Word {
    letters: u64,
    length: usize,
}

/// A number of eight times that byte.
#[inline]
pub(super) const fn each(byte: u8) -> u64 {
    byte as u64 * 0x0101_0101_0101_0101
}

impl Word {
    /// The next letter.
    #[inline]
    pub(super) const fn push(&mut self, letter: u8) {
        self.letters ^= (letter.to_ascii_lowercase() as u64) << (8 * (self.length % 8));
        self.length += 1;
    }

    /// Takes in the letters of ASCII with which `bytes` begin, if none was taken in before and there are eight bytes to
    /// look at; how many they are. What follows them is the caller's to look at.
    #[inline]
    pub(super) fn push_letters(&mut self, bytes: &[u8]) -> usize {
        let Some(eight) = bytes.first_chunk::<8>() else {
            return 0;
        };
        if self.length > 0 {
            return 0;
        }
        let eight = u64::from_le_bytes(*eight);
        let low = (eight | each(0x20)) & each(0x7f);
        // The high bit of each byte: at least `a`, beyond `z`, and no ASCII.
        let from_a = low + each(0x80 - b'a');
        let past_z = low + each(0x7f - b'z');
        let others = !(from_a & !past_z & !eight) & each(0x80);
        let count = others.trailing_zeros() / 8;
        let kept = u64::MAX.checked_shr(64 - 8 * count).unwrap_or_default();
        self.letters = low & kept;
        self.length = count as usize;
        self.length
    }

    pub(super) const fn of(name: &str) -> Self {
        let mut word = Self {
            letters: 0,
            length: 0,
        };
        let mut at = 0;
        while at < name.len() {
            word.push(name.as_bytes()[at]);
            at += 1;
        }
        word
    }

    pub(super) const fn len(self) -> usize {
        self.length
    }
}

/// Is it one of these words? At compile time they become numbers.
macro_rules! is_one {
    ($word:expr, $($name:literal)+) => {{
        const WORDS: &[$crate::parser::html::name::Word] = &[$($crate::parser::html::name::Word::of($name)),+];
        WORDS.contains(&$word)
    }};
}
pub(super) use is_one;

/// An enumeration of names, and the way to it from a word and from the name that it was read from.
macro_rules! names {
    ($(#[$about:meta])* $kind:ident else $other:ident: $($variant:ident $name:literal)+) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum $kind {
            $($variant,)+
            /// Any other.
            $other,
        }

        impl $kind {
            /// What `word` stands for, which was read from `name`.
            #[expect(non_upper_case_globals, reason = "named as the variants that they lead to")]
            #[inline]
            pub(super) fn of(word: Word, name: &[u8]) -> Self {
                $(const $variant: Word = Word::of($name);)+
                let (found, text) = match word {
                    $($variant => (Self::$variant, $name),)+
                    _ => return Self::$other,
                };
                if word.len() > 8 && !name.eq_ignore_ascii_case(text.as_bytes()) {
                    return Self::$other;
                }
                found
            }
        }
    };
}

names! {
    /// Elements that refer to something, or whose content is not markup.
    Element else Other:
    A "a" Area "area" Audio "audio" Base "base" Blockquote "blockquote" Body "body" Button "button" Del "del"
    Embed "embed" Form "form" Frame "frame" Iframe "iframe" Image "image" Img "img" Input "input" Ins "ins"
    Link "link" Math "math" Meta "meta" Noembed "noembed" Noframes "noframes" Object "object" Plaintext "plaintext"
    Q "q" ReactApp "react-app" Script "script" Source "source" Style "style" Svg "svg" Table "table" Td "td" Textarea "textarea"
    Th "th" Title "title" Track "track" Video "video" Xmp "xmp"
}

names! {
    /// Attributes that are looked at.
    Attribute else Other:
    Action "action" Background "background" Cite "cite" Color "color" Content "content" CrossOrigin "crossorigin" Data "data"
    Encoding "encoding" Face "face" FormAction "formaction" Href "href" HttpEquiv "http-equiv" Id "id"
    ImageSrcset "imagesrcset" Integrity "integrity" LongDesc "longdesc" Method "method" Name "name" Ping "ping" Poster "poster"
    Property "property" Rel "rel" Size "size" Src "src" Srcdoc "srcdoc" Srcset "srcset" Style "style" Type "type"
    XlinkHref "xlink:href"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_taken_in_eight_at_a_time_as_one_at_a_time() {
        for (text, count) in [
            ("Table href", 5),
            ("plaintext", 8),
            ("foreignObject", 8),
            ("h1 class=x", 1),
            ("@[`{aaaa", 0),
            ("azAZ@aaa", 4),
            ("b\u{e9}aaaaaa", 1),
            ("short", 0),
        ] {
            let mut word = Word::default();
            assert_eq!(word.push_letters(text.as_bytes()), count, "{text}");
            assert_eq!(word, Word::of(&text[..count]), "{text}");
        }
    }

    #[test]
    fn only_the_name_itself_is_meant() {
        let element = |name: &str| Element::of(Word::of(name), name.as_bytes());
        assert_eq!(element("BlockQuote"), Element::Blockquote);
        assert_eq!(element("a"), Element::A);
        for other in ["", "\0a", "a\0", "aa", "b", "blockquota", "\u{212a}"] {
            assert_eq!(element(other), Element::Other, "{other:?}");
        }
        // Letters eight places apart that cancel out.
        let twin = "tlockquobe";
        assert_eq!(Word::of(twin), Word::of("blockquote"));
        assert_eq!(element(twin), Element::Other);
        let attribute = |name: &str| Attribute::of(Word::of(name), name.as_bytes());
        assert_eq!(attribute("XLINK:HREF"), Attribute::XlinkHref);
        assert_eq!(attribute("class"), Attribute::Other);
    }
}
