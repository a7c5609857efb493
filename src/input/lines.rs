//! Lists: one URL a line, read on a thread of their own.
//!
//! A read of stdin can wait for ever, and must neither stop the event loop nor the end of the run: the thread
//! is never joined. It sends what it has as soon as it has it, and waits when the frontier is full. Blank
//! lines and lines that begin with `#` are no seeds but count; a byte order mark and a CR are taken off. A line that
//! begins with `{` is an object with a request of its own.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use futures::StreamExt;
use tokio::sync::mpsc;

use super::object::{OBJECT_LIMIT, is_object, object};
use super::{LINE_LIMIT, refused, seed, seed_near};
use crate::model::{Nearby, Seed, Target, masked};

/// Batches that may wait between the thread and the frontier.
const BATCHES: usize = 4;

/// The most lines in a batch.
const BATCH: usize = 512;

/// The seeds that stand in `reader`, one a line (`separator` is `\n`, or NUL), in batches.
///
/// `failed` hears of a read that failed; the list ends there.
pub fn lines(
    reader: impl Read + Send + 'static,
    separator: u8,
    default_scheme: String,
    failed: impl FnOnce(io::Error) + Send + 'static,
) -> impl futures::Stream<Item = Vec<Target>> {
    let (batches, mut receiver) = mpsc::channel(BATCHES);
    let thread = std::thread::Builder::new()
        .name("input".into())
        .spawn(move || {
            let mut reader = BufReader::with_capacity(LINE_LIMIT, reader);
            if let Err(error) = read(&mut reader, separator, &default_scheme, &batches) {
                failed(error);
            }
        });
    // Without a thread there is no list; the channel closes at once, and that is all that can be said here.
    drop(thread);
    futures::stream::poll_fn(move |context| receiver.poll_recv(context)).fuse()
}

/// The seeds that are arguments.
#[must_use]
pub fn arguments(texts: &[String], default_scheme: &str) -> Vec<Target> {
    (1..)
        .zip(texts)
        .map(|(line, text)| placed(seed(text, line, default_scheme), line))
        .collect()
}

/// Gives a seed its place among all.
fn placed(mut target: Target, place: u64) -> Target {
    if let Some(seed) = &mut target.seed {
        seed.place = place;
    }
    target
}

fn read(
    reader: &mut impl BufRead,
    separator: u8,
    default_scheme: &str,
    batches: &mpsc::Sender<Vec<Target>>,
) -> io::Result<()> {
    let mut number = 0;
    let mut place = 0;
    let mut line = Line::default();
    let mut next = |line: &mut Line, number| {
        let target = line.take(number, default_scheme)?;
        place += 1;
        Some(placed(target, place))
    };
    loop {
        let available = match reader.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if available.is_empty() {
            number += 1;
            if let Some(target) = next(&mut line, number) {
                let _ = batches.blocking_send(vec![target]);
            }
            return Ok(());
        }
        let read = available.len();
        let mut batch = Vec::new();
        let mut rest = available;
        while let Some(end) = memchr::memchr(separator, rest) {
            line.extend(&rest[..end]);
            rest = &rest[end + 1..];
            number += 1;
            batch.extend(next(&mut line, number));
            if batch.len() == BATCH && batches.blocking_send(std::mem::take(&mut batch)).is_err() {
                return Ok(());
            }
        }
        line.extend(rest);
        // Nobody takes them any more: the run is over.
        if !batch.is_empty() && batches.blocking_send(batch).is_err() {
            return Ok(());
        }
        reader.consume(read);
    }
}

/// A line as it is gathered; what is too long for any URL is counted and not kept.
#[derive(Default)]
struct Line {
    bytes: Vec<u8>,
    length: usize,
    nearby: Nearby,
}

impl Line {
    fn extend(&mut self, bytes: &[u8]) {
        self.length += bytes.len();
        let room = self.limit(bytes).saturating_sub(self.bytes.len());
        self.bytes
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// The most that is kept of the line, which begins with what there is, or else with `bytes`.
    fn limit(&self, bytes: &[u8]) -> usize {
        let begin = if self.bytes.is_empty() {
            bytes
        } else {
            &self.bytes
        };
        let begin = begin.strip_prefix("\u{feff}".as_bytes()).unwrap_or(begin);
        if is_object(begin) {
            OBJECT_LIMIT
        } else {
            LINE_LIMIT
        }
    }

    fn take(&mut self, number: u64, default_scheme: &str) -> Option<Target> {
        let length = std::mem::take(&mut self.length);
        let limit = self.limit(&[]);
        let read = std::str::from_utf8(&self.bytes);
        let is_damaged = read.is_err();
        let text = read.map_or_else(|_| String::from_utf8_lossy(&self.bytes), Cow::Borrowed);
        let text = if number == 1 {
            text.strip_prefix('\u{feff}').unwrap_or(&text)
        } else {
            &text
        };
        let text = text.strip_suffix('\r').unwrap_or(text);
        let own = is_object(text.as_bytes());
        // What an object holds may be secret.
        let shown = |text: &str| {
            if own {
                Arc::from("{…}")
            } else {
                Arc::from(masked(text))
            }
        };
        let target = if length > limit {
            let beginning: String = text.chars().take(200).collect();
            let input = Seed {
                input: format!("{}…", shown(&beginning)).into(),
                line: number,
                place: 0,
                id: None,
            };
            let reason = format!("the line is {length} bytes long; at most {limit} are read");
            Some(refused(input, reason))
        } else if text.trim().is_empty() || text.starts_with('#') {
            None
        } else if is_damaged {
            let input = Seed {
                input: shown(text),
                line: number,
                place: 0,
                id: None,
            };
            Some(refused(
                input,
                "not a URL: the line is not UTF-8".to_owned(),
            ))
        } else if own {
            Some(object(&mut self.nearby, text, number, default_scheme))
        } else {
            Some(seed_near(&mut self.nearby, text, number, default_scheme))
        };
        self.bytes.clear();
        target
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::url::key;

    fn all(text: &'static [u8], separator: u8) -> Vec<Target> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let stream = lines(text, separator, "https".to_owned(), |error| {
            panic!("{error}")
        });
        runtime
            .block_on(stream.collect::<Vec<_>>())
            .into_iter()
            .flatten()
            .collect()
    }

    fn told(targets: &[Target]) -> Vec<(u64, &str)> {
        targets
            .iter()
            .map(|target| {
                let seed = target.seed.as_ref().expect("a seed");
                (
                    seed.line,
                    if target.refusal.is_some() {
                        &*seed.input
                    } else {
                        target.url.as_str()
                    },
                )
            })
            .collect()
    }

    #[test]
    fn blank_lines_and_comments_count_and_are_no_seeds() {
        let targets = all(
            b"\xef\xbb\xbfhttp://a.test/\r\n\n# note\n  \nhttp://b.test/",
            b'\n',
        );
        assert_eq!(
            told(&targets),
            [(1, "http://a.test/"), (5, "http://b.test/")]
        );
        let targets = all(b"http://a.test/\0http://b.test/\0", 0);
        assert_eq!(
            told(&targets),
            [(1, "http://a.test/"), (2, "http://b.test/")]
        );
    }

    #[test]
    fn a_line_of_any_bytes_or_length_is_a_seed_with_a_record() {
        let targets = all(b"http://\xff\xfe/\nhttp://a.test/\n", b'\n');
        assert!(targets[0].refusal.is_some() && targets[1].refusal.is_none());
        let long: &'static [u8] = Vec::leak(
            [
                b"http://a.test/".to_vec(),
                vec![b'x'; 1 << 20],
                b"\nhttp://b.test/".to_vec(),
            ]
            .concat(),
        );
        let targets = all(long, b'\n');
        assert!(
            targets[0]
                .refusal
                .as_ref()
                .is_some_and(|failure| failure.message.contains("bytes long"))
        );
        assert_eq!(targets[1].url.as_str(), "http://b.test/");
        assert!(
            targets[0]
                .seed
                .as_ref()
                .is_some_and(|seed| seed.input.len() < 1000)
        );
    }

    /// The seeds of a file under `fixtures/urls`.
    fn fixture(name: &str, separator: u8) -> Vec<Target> {
        let content = std::fs::read(format!("fixtures/urls/{name}.txt")).expect("a fixture");
        all(Vec::leak(content), separator)
    }

    #[test]
    fn each_fixture_is_read_as_it_says() {
        let lines = |targets: &[Target], usable: bool| -> Vec<u64> {
            targets
                .iter()
                .filter(|target| target.refusal.is_none() == usable)
                .filter_map(|target| Some(target.seed.as_ref()?.line))
                .collect()
        };
        for (name, usable, refused) in [
            ("clean", vec![2, 3, 4, 5, 6], vec![]),
            ("empty", vec![], vec![]),
            ("messy", vec![3, 6, 7, 9, 10, 12], vec![11]),
            ("no-final-newline", vec![2, 3], vec![]),
            ("repeated", vec![2, 3, 4, 5, 6], vec![]),
            (
                "unusable",
                vec![4, 8, 14],
                vec![2, 3, 5, 6, 7, 9, 10, 11, 12, 13],
            ),
        ] {
            let targets = fixture(name, b'\n');
            assert_eq!(lines(&targets, true), usable, "{name}");
            assert_eq!(lines(&targets, false), refused, "{name}");
        }
        let targets = fixture("repeated", b'\n');
        let keys: std::collections::HashSet<_> =
            targets.iter().map(|target| key(&target.url)).collect();
        assert_eq!(keys.len(), 1, "one page: {keys:?}");
        assert_eq!(fixture("bad-bytes", b'\n').len(), 7);
        assert_eq!(fixture("long-line", b'\n').len(), 3);
        assert_eq!(
            told(&fixture("nul-separated", 0)),
            [
                (2, "http://harbour.test/first"),
                (3, "http://harbour.test/second")
            ]
        );
    }
}
