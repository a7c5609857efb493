//! Floor 0: the plain values that travel through the pipeline.
//!
//! Words come from RFC 9110 (target, exchange, field, content, status code), RFC 6454 (origin), the
//! WHATWG URL standard (scheme, host, path, query, fragment) and the crawler literature (seed, frontier,
//! lease, scope, depth). Deliberately absent: I/O, async, and any type of a library that does I/O. A stage
//! may change how it works without a change here; a change here is a change of the contract.
//!
//! | file | holds |
//! | --- | --- |
//! | [`url`] | [`Origin`], [`key`]: what counts as the same place |
//! | [`target`] | [`Target`], [`Seed`], [`Source`]: what shall be visited, and who asked |
//! | [`message`] | [`Message`]: what a request is beyond a GET |
//! | [`exchange`] | [`Exchange`], [`Hop`], [`Timing`]: what one request brought back |
//! | [`certificate`] | [`Certificate`]: what a server showed of itself |
//! | [`document`] | [`Document`], [`Link`]: what a parser found in content |
//! | [`ignored`] | [`Ignored`]: which of its links are not to be judged |
//! | [`failure`] | [`Outcome`], [`Failure`]: a verdict and its reason |
//! | [`visit`] | [`Visit`], [`Outlink`], [`Summary`]: the record |
//! | [`field`] | [`Field`](field::Field): a record's fields by name |
//! | [`before`] | [`Before`], [`Change`]: what an earlier run knew |
//! | [`duplicate`] | [`Duplicate`], [`Duplicates`]: pages that repeat another one |
//! | [`event`] | [`Event`], [`Reporter`]: what is said while a run goes on |
//! | [`quantity`] | numbers with units, as people write them |
//! | [`secret`] | [`Secret`]: a value that is never shown |

pub mod before;
pub mod certificate;
pub mod document;
pub mod duplicate;
pub mod event;
pub mod exchange;
pub mod failure;
pub mod field;
pub mod ignored;
pub mod message;
pub mod quantity;
pub mod secret;
pub mod target;
pub mod url;
pub mod visit;

pub use before::{Before, Change, Validators};
pub use certificate::Certificate;
pub use document::{Document, Limit, Link, LinkKind, Links};
pub use duplicate::{Duplicate, DuplicateKind, Duplicates};
pub use event::{Event, Reporter, Silent};
pub use exchange::{Exchange, Hop, Timing};
pub use failure::{Failure, FailureKind, Outcome};
pub use ignored::Ignored;
pub use message::Message;
pub use secret::{Secret, masked};
pub use target::{Naming, Seed, Source, Target};
pub use url::{Nearby, Origin, URL_LIMIT, fingerprint, key, without_secrets};
pub use visit::{Outlink, Summary, Visit};
