//! `--preprocess`: a command that makes text of a file, which is parsed in the place of the file.
//!
//! The command is split at white space and gets the path as its last argument; no shell looks at either. It has no stdin,
//! its time and what it may say are bounded, and when it fails the file counts as one that could not be read.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::model::{Failure, FailureKind};

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preprocess {
    program: String,
    arguments: Vec<String>,
    time: Duration,
}

/// What one file may take.
const TIME: Duration = Duration::from_secs(60);

/// What is read of stderr, for the message.
const COMPLAINT: u64 = 64 << 10;

impl FromStr for Preprocess {
    type Err = String;

    /// # Errors
    /// It is empty.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split_whitespace().map(str::to_owned);
        Ok(Self {
            program: words.next().ok_or("a command is missing")?,
            arguments: words.collect(),
            time: TIME,
        })
    }
}

impl Preprocess {
    /// What the command says of the file at `path`, if it has at most `max` bytes.
    pub(super) fn run(&self, path: &Path, max: u64) -> Result<Vec<u8>, Failure> {
        let failed = |reason: String| {
            let program = &self.program;
            Failure::new(
                FailureKind::File,
                format!("--preprocess {program} {reason}"),
            )
        };
        // A FIFO would make most programs wait for ever.
        match std::fs::metadata(path) {
            Ok(kind) if kind.is_file() => {}
            Ok(_) => return Err(Failure::new(FailureKind::File, "it is no regular file")),
            Err(error) => return Err(Failure::new(FailureKind::File, error.to_string())),
        }
        // What begins with a dash would be an option.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .arg(path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.map_err(|error| failed(format!("cannot be run: {error}")))?;
        let result = self.listen(&mut child, max);
        if result.is_err() {
            // It may have ended by itself.
            let _ = child.kill();
        }
        let status = child.wait();
        let (content, complaint) = result.map_err(failed)?;
        match status {
            Ok(status) if status.success() => Ok(content),
            Ok(status) => {
                let complaint = String::from_utf8_lossy(&complaint);
                let first = complaint.lines().next().unwrap_or_default();
                let colon = if first.is_empty() { "" } else { ": " };
                Err(failed(format!("failed ({status}){colon}{first}")))
            }
            Err(error) => Err(failed(format!("was lost: {error}"))),
        }
    }

    /// All of its stdout and the beginning of its stderr, read at once so that neither is ever full.
    fn listen(&self, child: &mut Child, max: u64) -> Result<(Vec<u8>, Vec<u8>), String> {
        let end = Instant::now() + self.time;
        let content = reader(child.stdout.take(), max + 1);
        let complaint = reader(child.stderr.take(), COMPLAINT);
        let rest = || end.saturating_duration_since(Instant::now());
        let late = |_| format!("took longer than {} s", self.time.as_secs());
        let content = content.recv_timeout(rest()).map_err(late)?;
        if content.len() as u64 > max {
            return Err(format!("said more than {max} bytes"));
        }
        let complaint = complaint.recv_timeout(rest()).map_err(late)?;
        // It may have closed its outputs and go on.
        loop {
            match child.try_wait() {
                Ok(None) if rest().is_zero() => return Err(late(mpsc::RecvTimeoutError::Timeout)),
                Ok(None) => thread::sleep(Duration::from_millis(1)),
                _ => return Ok((content, complaint)),
            }
        }
    }
}

/// Reads to the end, at most `max` bytes, on a thread of its own.
fn reader(pipe: Option<impl Read + Send + 'static>, max: u64) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    let read = move || {
        let mut content = Vec::new();
        if let Some(pipe) = pipe {
            let mut pipe = pipe.take(max);
            // What was read before a fault is what there is.
            let _ = pipe.read_to_end(&mut content);
            let _ = sender.send(content);
            // The rest is thrown away; a full pipe would stop the command.
            let _ = std::io::copy(&mut pipe.into_inner(), &mut std::io::sink());
        } else {
            let _ = sender.send(content);
        }
    };
    // Without a thread nothing is received, and the command runs out of its time.
    let _ = thread::Builder::new().name("preprocess".into()).spawn(read);
    receiver
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn command(text: &str, seconds: u64) -> Preprocess {
        let time = Duration::from_secs(seconds);
        let command: Preprocess = text.parse().expect("a command");
        Preprocess { time, ..command }
    }

    #[test]
    fn what_a_command_says_stands_for_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("-a b;c.txt");
        std::fs::write(&path, "words").expect("a file");
        assert_eq!(command("cat", 60).run(&path, 5), Ok(b"words".to_vec()));
        for (text, seconds, max, told) in [
            ("cat", 60, 4, "more than 4 bytes"),
            ("grep nothing", 60, 9, "failed (exit status: 1)"),
            ("ls --no-such-option", 60, 9, "ption"),
            ("/no/such/program", 60, 9, "cannot be run"),
            ("tail -f", 0, 9, "took longer than 0 s"),
        ] {
            let failure = command(text, seconds).run(&path, max).expect_err(text);
            assert!(failure.message.contains(told), "{}", failure.message);
        }
        let folder = command("cat", 60)
            .run(folder.path(), 5)
            .expect_err("a folder");
        assert_eq!(folder.message, "it is no regular file");
        assert!(" ".parse::<Preprocess>().is_err());
    }
}
