//! Floor 2: content → document. A parser is fed as the content arrives, never fails (bad input yields less,
//! with a reason) and never recurses without bound.

use crate::model::Document;

/// What to look for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The `charset` parameter of the content's type, if the transport named one.
    pub charset: Option<String>,
    /// Count links in code, `pre`, `samp`, … and in code blocks too.
    pub verbatim: bool,
    /// Keep the hashes of anchors.
    pub anchors: bool,
}

/// Takes content chunk by chunk and gives what it found.
pub trait Parse {
    /// The next bytes of the content; chunks may be cut anywhere, also inside a character.
    fn write(&mut self, chunk: &[u8]);
    /// The end of the content.
    fn finish(self: Box<Self>) -> Document;
}
