//! The real binary against our own servers on loopback.
//!
//! | file | what it holds the program to |
//! | --- | --- |
//! | `idea` | waiting at once: order and arrivals, never a stopwatch; ten thousand in flight |
//! | `fetch` | one record a line, whatever happens to it |
//! | `list` | what is written of a list, and in which order |
//! | `list_state` | a list goes on after any end |
//! | `requests` | method, content, logins, cookies |
//! | `ways` | proxies, sockets, pace |
//! | `crawl` | every page once, links in scope, robots, depth |
//! | `robots` | robots.txt: where it is, that it cannot be had, how long it is waited for |
//! | `content` | what a record holds of the content |
//! | `cache` | what is not asked for again |
//! | `certificate` | what a server showed of itself |
//! | `saved` | bodies in files of their own |
//! | `config` | `dragnet.toml` |
//! | `budget` | time, bytes, types, and which spellings are one |
//! | `check` | every link with its place and verdict |
//! | `ignored` | links that are not checked, and rules that match nothing |
//! | `baseline` | what was broken before |
//! | `changed` | what git says changed |
//! | `verdicts` | what could not be judged, and what has moved for good |
//! | `recursion` | `check --recursive`: every link of every page in scope |
//! | `local` | a site on disk, as its server would serve it |
//! | `fragments` | anchors and texts that links point at |
//! | `inputs` | what is read for links |
//! | `formats` | which formats are read, with places |
//! | `suggest` | what broken links were meant to be |
//! | `fix` | what is sure, written into the sources |
//! | `secrets` | fields and credentials stay with their origin; the address rule |
//! | `outputs` | formats, files, closed and full outputs |
//! | `ready` | the action, the hooks, the workflow of the README |
//! | `reports` | documents that other programs and people read |
//! | `places` | databases, archives and folders |
//! | `mirror` | the folder that can be opened from disk |
//! | `habits` | what people expect of a filter |
//! | `usage` | flags, messages and exit codes |
//! | `stop` | signals |
//! | `stall` | pages that are heavy |
//! | `state` | resuming, also after kill -9 |
//! | `recrawl` | what became of each page since the run before; order |
//! | `duplicates` | pages that repeat another one |
//! | `crash` | a kill at every write, a disk that is full or fails |
//! | `faults` | servers that misbehave, and what is tried again |
//! | `limits` | what one page may ask for |
//! | `matrix` | the fault matrix, row by row |

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests say what they expect by failing"
)]

mod support;

mod baseline;
mod budget;
mod cache;
mod certificate;
mod changed;
mod check;
mod config;
mod content;
mod crash;
mod crawl;
mod duplicates;
mod faults;
mod fetch;
mod fix;
mod formats;
mod fragments;
mod habits;
mod idea;
mod ignored;
mod inputs;
mod limits;
mod list;
mod list_state;
mod local;
mod matrix;
mod mirror;
mod outputs;
mod places;
mod ready;
mod recrawl;
mod recursion;
mod reports;
mod requests;
mod robots;
mod saved;
mod secrets;
mod stall;
mod state;
mod stop;
mod suggest;
mod usage;
mod verdicts;
mod ways;
