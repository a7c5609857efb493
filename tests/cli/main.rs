//! The real binary against our own servers on loopback.

mod support;
