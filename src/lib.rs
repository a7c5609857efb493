//! dragnet: a concurrent HTTP fetcher, crawler and link checker. One thread waits on thousands of servers at
//! once.
//!
//! ```text
//!  seeds            leases                 exchanges              visits
//!  stdin ─┐      ┌──────────┐   ┌──────────────────────────┐   ┌────────┐   ┌───────┐
//!  args  ─┼────▶ │ frontier │──▶│ buffer_unordered(N) pool │──▶│ parser │──▶│ sinks │──▶ stdout, files
//!  files ─┘      └──────────┘   │ of reqwest futures       │   └────────┘   └───────┘
//!                     ▲         └──────────────────────────┘        │            │
//!                     └──────────── links in scope, retries ────────┘            ▼
//!                                                                         progress reporter ──▶ stderr
//! ```
//!
//! The modules stand in the order of the pipeline, on floors: imports go down only, and siblings on a floor
//! never import each other.
//!
//! | floor | modules | |
//! | --- | --- | --- |
//! | 0 | [`model`] | plain values |
//! | 1 | [`policy`] | pure decisions |
//! | 2 | [`input`], [`frontier`], [`fetcher`], [`parser`], [`sink`] | the stages |
//! | 3 | [`job`] | the one loop, and the three jobs on it |
//!
//! Invariants: **politeness cannot be bypassed**, there is no request without a lease; **one lease is one
//! request**; **a parser never fails**; **a stage never imports a stage**; **no secret is shown**; the library
//! never prints.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    expect(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests say what they expect by failing"
    )
)]

pub mod fetcher;
pub mod frontier;
pub mod input;
pub mod job;
pub mod model;
pub mod parser;
pub mod policy;
pub mod sink;
