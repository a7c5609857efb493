//! Floor 1: pure decisions. No I/O, no clock of its own, no async: time and chance are passed in.
//!
//! | file | decides |
//! | --- | --- |
//! | [`accept`] | which status codes are good |
//! | [`address`] | which addresses may be contacted, given who named the host |
//! | [`budget`] | how much of a site is visited, and what is a trap |
//! | [`cookies`] | which cookies were set, and which are sent (RFC 6265) |
//! | [`fail_on`] | which records make a run fail |
//! | [`filter`] | which records are written |
//! | [`freshness`] | which answers may be stored, and what they are worth |
//! | [`headers`] | which fields and credentials go to which origin |
//! | [`login`] | whether a redirect led to where somebody is to log in |
//! | [`mail`] | how a mail address is written |
//! | [`media`] | which media types are wanted |
//! | [`netrc`] | who logs in where, by a file of that name |
//! | [`order`] | which URLs come first |
//! | [`pattern`] | patterns that users write, and where a mistake is |
//! | [`politeness`] | how fast and how wide an origin is asked |
//! | [`port`] | which ports a page may lead to |
//! | [`quota`] | until when a quota of requests is spent |
//! | [`redirect`] | where a redirect leads, and whether it may |
//! | [`resume`] | how a body that was cut goes on |
//! | [`retry`] | what is worth another try, and when |
//! | [`robots`] | what robots.txt allows (RFC 9309) |
//! | [`rules`] | what the user's patterns match, and which of them nothing |
//! | [`sameness`] | which spellings of a URL are one |
//! | [`scope`] | which URLs a crawl follows |
//! | [`segment`] | which file names the text of a URL gives |
//! | [`wall`] | whether a bot wall answered |

pub mod accept;
pub mod address;
pub mod budget;
pub mod cookies;
pub mod fail_on;
pub mod filter;
pub mod freshness;
pub mod headers;
pub mod login;
pub mod mail;
pub mod media;
pub mod netrc;
pub mod order;
pub mod pattern;
pub mod politeness;
pub mod port;
pub mod quota;
pub mod redirect;
pub mod resume;
pub mod retry;
pub mod robots;
pub mod rules;
pub mod sameness;
pub mod scope;
pub mod segment;
pub mod wall;
