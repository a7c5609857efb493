//! A run of the binary that is still going on: feed it, read it line by line, signal it, end it.
//!
//! Each stream is drained by a thread of its own from the start, so that the child never blocks on
//! the test. Every wait has the run's limit, after which the child is killed and the test fails with
//! what was printed. Signals go through the shell's `kill`, because the standard library sends only
//! SIGKILL. Dropping kills what still runs.

use std::io::{ErrorKind, Read, Write as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::command::{Input, Output, printed};

/// How often the child is asked whether it has ended; there is no waiting with a limit without it.
const POLL: Duration = Duration::from_millis(2);

/// A started run.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Arc<Capture>,
    stderr: Arc<Capture>,
    /// How much of standard output [`Running::next_line`] has given out.
    given: usize,
    limit: Duration,
    /// Shown in messages: which run was it.
    line: String,
    _folders: TempDir,
}

impl Running {
    #[track_caller]
    pub(super) fn start(
        mut command: Command,
        input: Input,
        own_stdout: bool,
        limit: Duration,
        folders: TempDir,
    ) -> Self {
        match input {
            Input::Empty => _ = command.stdin(Stdio::null()),
            Input::Text(_) | Input::Test => _ = command.stdin(Stdio::piped()),
            Input::Own => {}
        }
        if !own_stdout {
            command.stdout(Stdio::piped());
        }
        command.stderr(Stdio::piped());
        let line = format!("{command:?}");
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        // The command keeps its own copy of a pipe that was given away, and a pipe ends only when the
        // last copy is closed.
        drop(command);

        let mut stdin = child.stdin.take();
        if let Input::Text(text) = input
            && let Some(mut pipe) = stdin.take()
        {
            // The child may end without reading everything; that is for the test to judge.
            thread::spawn(move || pipe.write_all(&text));
        }
        let stdout = Capture::of(child.stdout.take());
        let stderr = Capture::of(child.stderr.take());
        Self {
            child,
            stdin,
            stdout,
            stderr,
            given: 0,
            limit,
            line,
            _folders: folders,
        }
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line of standard output without its line end, or `None` at its end.
    #[track_caller]
    pub(crate) fn next_line(&mut self) -> Option<String> {
        let given = self.given;
        let line = self.stdout.wait(self.limit, |state| {
            let rest = &state.bytes[given..];
            match rest.iter().position(|&byte| byte == b'\n') {
                Some(end) => Some(Some(rest[..=end].to_vec())),
                None if !state.ended => None,
                None if rest.is_empty() => Some(None),
                None => Some(Some(rest.to_vec())),
            }
        });
        let Some(line) = line else {
            self.give_up("no line of standard output");
        };
        let line = line?;
        self.given += line.len();
        let text = String::from_utf8_lossy(&line);
        Some(text.trim_end_matches(['\n', '\r']).to_owned())
    }

    /// Blocks until standard error contains this text, and returns all of it so far.
    #[track_caller]
    pub(crate) fn wait_for_stderr(&mut self, text: &str) -> String {
        let found = self.stderr.wait(self.limit, |state| {
            let seen = String::from_utf8_lossy(&state.bytes);
            if seen.contains(text) {
                Some(Some(seen.into_owned()))
            } else {
                state.ended.then_some(None)
            }
        });
        match found.flatten() {
            Some(seen) => seen,
            None => self.give_up(&format!("no {text:?} on standard error")),
        }
    }

    /// Writes a line to standard input; needs `stdin_pipe`.
    #[track_caller]
    pub(crate) fn write_line(&mut self, line: &str) {
        let stdin = self
            .stdin
            .as_mut()
            .expect("standard input is a pipe and open");
        if let Err(error) = stdin.write_all(format!("{line}\n").as_bytes()) {
            self.give_up(&format!("writing {line:?} to standard input: {error}"));
        }
    }

    /// Ends standard input.
    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Hands standard input over, for a test that feeds it from a thread; needs `stdin_pipe`.
    pub(crate) fn take_stdin(&mut self) -> ChildStdin {
        self.stdin
            .take()
            .expect("standard input is a pipe and open")
    }

    /// Sends a signal by its name without `SIG`: `INT`, `TERM`, `STOP`, `CONT`.
    #[track_caller]
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -s {name} {}", self.pid());
        let status = Command::new("/bin/sh").args(["-c", &kill]).status();
        assert!(
            status.as_ref().is_ok_and(ExitStatus::success),
            "{kill}: {status:?}"
        );
    }

    /// Kills the child as a power cut would.
    pub(crate) fn kill9(&mut self) {
        self.child
            .kill()
            .expect("a child that was not waited for can be killed");
    }

    /// Whether the child has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends standard input, waits for the end of the run and returns what it left behind.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Output {
        self.stdin = None;
        let deadline = Instant::now() + self.limit;
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if Instant::now() < deadline => thread::sleep(POLL),
                Ok(None) => self.give_up("the run has not ended"),
                Err(error) => self.give_up(&format!("waiting failed: {error}")),
            }
        };
        let ended = |state: &State| state.ended.then(|| state.bytes.clone());
        let (Some(stdout), Some(stderr)) = (
            self.stdout.wait(self.limit, ended),
            self.stderr.wait(self.limit, ended),
        ) else {
            self.give_up("the run has ended, and something else keeps its output open");
        };
        Output {
            code: status.code(),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            stdout_bytes: stdout,
            status,
        }
    }

    /// Kills the child and fails the test with everything printed so far.
    #[track_caller]
    fn give_up(&mut self, why: &str) -> ! {
        let _ = self.child.kill();
        let _ = self.child.wait();
        panic!(
            "{why} (limit {:?}): {}\n{}",
            self.limit,
            self.line,
            printed(&self.stdout.text(), &self.stderr.text())
        );
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both are no-ops for a child that was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One stream of the child, drained as it comes.
#[derive(Debug, Default)]
struct Capture {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    ended: bool,
}

impl Capture {
    /// Drains the pipe on a thread; without a pipe there is nothing, and it has ended.
    fn of(pipe: Option<impl Read + Send + 'static>) -> Arc<Self> {
        let capture = Arc::new(Self::default());
        let Some(mut pipe) = pipe else {
            capture.lock().ended = true;
            return capture;
        };
        let filled = Arc::clone(&capture);
        thread::spawn(move || {
            let mut piece = [0; 8192];
            loop {
                let read = pipe.read(&mut piece);
                let mut state = capture.lock();
                match read {
                    Ok(0) => state.ended = true,
                    Ok(count) => state.bytes.extend_from_slice(&piece[..count]),
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    Err(_) => state.ended = true,
                }
                let ended = state.ended;
                drop(state);
                capture.changed.notify_all();
                if ended {
                    return;
                }
            }
        });
        filled
    }

    /// Blocks until `look` finds something, or `None` after the limit.
    fn wait<T>(&self, limit: Duration, look: impl Fn(&State) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + limit;
        let mut state = self.lock();
        loop {
            if let Some(found) = look(&state) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            (state, _) = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock().bytes).into_owned()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
