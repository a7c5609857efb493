//! dragnet: a concurrent HTTP fetcher, crawler and link checker.

pub mod fetcher;
pub mod model;
pub mod parser;
pub mod policy;
