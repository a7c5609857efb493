//! Floor 1: pure decisions. No I/O, no clock of its own, no async.
//!
//! | file | decides |
//! | --- | --- |
//! | [`address`] | which addresses may be contacted, given who named the host |

pub mod address;
