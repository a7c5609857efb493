//! Runs the real binary: arguments, a clean environment, standard input, and its output.
//!
//! A run sees nothing of the developer's machine: the environment is empty but for `PATH` and
//! `TMPDIR`, `HOME` and the working folder are new and empty. A run that hangs is killed and fails
//! the test with what it printed. The running process is in `running.rs`.

use std::env;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::running::Running;

/// How long a run may take; only a hanging one comes near.
const LIMIT: Duration = Duration::from_secs(60);

/// A run in preparation.
#[derive(Debug)]
pub(crate) struct Dragnet {
    command: Command,
    input: Input,
    /// Whether standard output was given away, and so cannot be captured.
    own_stdout: bool,
    limit: Duration,
    folders: TempDir,
}

/// Where standard input comes from.
#[derive(Debug)]
pub(super) enum Input {
    /// An end of file at once.
    Empty,
    /// This text, then an end of file.
    Text(Vec<u8>),
    /// The test, through [`Running::write_line`].
    Test,
    /// Whatever the command was given.
    Own,
}

impl Dragnet {
    /// The program under test, without arguments, in an empty world.
    pub(crate) fn new() -> Self {
        Self::of(Command::new(env!("CARGO_BIN_EXE_dragnet")))
    }

    /// The same with that many descriptors and no way to more.
    pub(crate) fn with_descriptors(limit: u32) -> Self {
        Self::with_limit(&format!("-n {limit}"))
    }

    /// The same with files of at most that many blocks of 512 bytes.
    pub(crate) fn with_file_size(blocks: u32) -> Self {
        Self::with_limit(&format!("-f {blocks}"))
    }

    /// The limit is set by the shell that becomes the program.
    fn with_limit(limit: &str) -> Self {
        let become_it = format!("ulimit {limit} && exec \"$0\" \"$@\"");
        Self::under("/bin/sh", &["-c", &become_it])
    }

    /// The program as the last argument of another one.
    pub(crate) fn under(program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).arg(env!("CARGO_BIN_EXE_dragnet"));
        Self::of(command)
    }

    fn of(mut command: Command) -> Self {
        let folders = tempfile::tempdir().expect("the temporary folder is writable");
        let home = folders.path().join("home");
        let work = folders.path().join("work");
        for folder in [&home, &work] {
            std::fs::create_dir(folder).expect("a new temporary folder is writable");
        }
        command.env_clear().env("HOME", home).current_dir(work);
        for name in ["PATH", "TMPDIR"] {
            if let Some(value) = env::var_os(name) {
                command.env(name, value);
            }
        }
        Self {
            command,
            input: Input::Empty,
            own_stdout: false,
            limit: LIMIT,
            folders,
        }
    }

    /// Adds one argument.
    #[must_use]
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs in this folder instead of a new empty one.
    #[must_use]
    pub(crate) fn in_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Feeds this to standard input, then closes it.
    #[must_use]
    pub(crate) fn stdin_text(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.input = Input::Text(text.into());
        self
    }

    /// Leaves standard input open for the test to write to; only [`Dragnet::spawn`] makes use of it.
    #[must_use]
    pub(crate) fn stdin_pipe(mut self) -> Self {
        self.input = Input::Test;
        self
    }

    /// Gives standard input away: a file, or the reading end of a pipe.
    #[must_use]
    pub(crate) fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.input = Input::Own;
        self.command.stdin(stdin);
        self
    }

    /// Gives standard output away: a file, `/dev/full`, or a pipe whose reader is slow or gone.
    #[must_use]
    pub(crate) fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.command.stdout(stdout);
        self.own_stdout = true;
        self
    }

    /// Replaces the limit of 60 seconds after which the run is killed and the test fails.
    #[must_use]
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs to the end.
    #[track_caller]
    pub(crate) fn run(self) -> Output {
        self.spawn().wait()
    }

    /// Starts, and lets the test go on.
    #[track_caller]
    pub(crate) fn spawn(self) -> Running {
        Running::start(
            self.command,
            self.input,
            self.own_stdout,
            self.limit,
            self.folders,
        )
    }
}

/// What a run left behind.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    /// The exit code, or `None` if a signal ended the run.
    pub code: Option<i32>,
    /// Standard output as text; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// Standard error as text, likewise.
    pub stderr: String,
    /// Standard output as it came.
    pub stdout_bytes: Vec<u8>,
    /// How it ended in full, the signal included.
    pub status: ExitStatus,
}

impl Output {
    /// Fails the test, showing everything printed, unless the run ended with this exit code.
    #[track_caller]
    pub(crate) fn assert_code(&self, code: i32) -> &Self {
        assert!(
            self.code == Some(code),
            "expected exit code {code}, got: {}\n{}",
            self.status,
            self.printed()
        );
        self
    }

    /// The lines of standard output.
    pub(crate) fn lines(&self) -> Vec<&str> {
        self.stdout.lines().collect()
    }

    /// Standard output as one JSON value a line; fails the test at the first line that is none.
    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let mut values = Vec::new();
        for (number, line) in self.stdout.lines().enumerate() {
            match serde_json::from_str(line) {
                Ok(value) => values.push(value),
                Err(error) => panic!(
                    "line {} is no JSON ({error}): {line:?}\n{}",
                    number + 1,
                    self.printed()
                ),
            }
        }
        values
    }

    fn printed(&self) -> String {
        printed(&self.stdout, &self.stderr)
    }
}

/// Both streams, for the message of a failing test.
pub(super) fn printed(stdout: &str, stderr: &str) -> String {
    let mut text = String::new();
    for (name, content) in [("stdout", stdout), ("stderr", stderr)] {
        let _ = writeln!(text, "--- {name} ({} bytes)\n{content}", content.len());
    }
    text
}
