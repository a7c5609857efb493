//! One run of a program as a whole: how long it took, what it worked, and the most that it had in memory.
//!
//! The run's parent is a small process of this program's own, which lives for that run alone: the system counts what its
//! children cost, and so much of a parent's memory is counted to a child that it has to be small. Below some 5 MiB a peak
//! is that parent's.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::sys::time::TimeValLike;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// A run that takes longer has lost.
const LIMIT: Duration = Duration::from_secs(170);

/// What one run cost.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// Seconds from start to end.
    pub(crate) wall: f64,
    /// Seconds of processor time, the program's and the system's for it.
    pub(crate) cpu: f64,
    /// Bytes, resident at the peak.
    pub(crate) peak: f64,
    /// Its exit code; 128 and more where a signal ended it.
    pub(crate) code: i32,
}

/// A program with its arguments, and what it reads and writes.
pub(crate) struct Run {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// Where it runs.
    pub(crate) folder: PathBuf,
    pub(crate) input: Option<PathBuf>,
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl Run {
    pub(crate) fn new(program: impl Into<PathBuf>, folder: &Path) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            folder: folder.to_owned(),
            input: None,
            environment: Vec::new(),
        }
    }

    /// With the words of `line`, and then `last`, which may hold spaces.
    pub(crate) fn arguments(mut self, line: &str, last: &[&str]) -> Self {
        let words = line.split_whitespace().chain(last.iter().copied());
        self.arguments.extend(words.map(str::to_owned));
        self
    }

    pub(crate) fn input(mut self, path: PathBuf) -> Self {
        self.input = Some(path);
        self
    }

    /// Runs to the end on those processors.
    pub(crate) fn usage(&self, processors: &[usize]) -> Usage {
        let told = self.folder.join("usage.json");
        let named: Vec<String> = processors.iter().map(usize::to_string).collect();
        let own = std::env::current_exe().expect("this program");
        let input = match &self.input {
            Some(path) => Stdio::from(File::open(path).expect("what it reads")),
            None => Stdio::null(),
        };
        let output = File::create(self.folder.join("stdout.txt")).expect("a file");
        let errors = File::create(self.folder.join("stderr.txt")).expect("a file");
        let status = Command::new(own)
            .arg("measure")
            .arg(&told)
            .arg(named.join(","))
            .arg(&self.program)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .stdin(input)
            .stdout(output)
            .stderr(errors)
            .status()
            .expect("the run's parent");
        assert!(status.success(), "{} cannot be run", self.program.display());
        let text = std::fs::read_to_string(told).expect("what it cost");
        serde_json::from_str(&text).expect("what it cost")
    }
}

/// The parent of one run: where to tell, the processors, the program and its arguments.
pub(crate) fn measure(arguments: &[String]) {
    let [told, processors, program, arguments @ ..] = arguments else {
        panic!("measure FILE PROCESSORS PROGRAM ARGUMENTS…");
    };
    pin(&processors
        .split(',')
        .filter_map(|number| number.parse().ok())
        .collect::<Vec<_>>());
    let begun = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .spawn()
        .expect("a program that runs");
    let pid = Pid::from_raw(child.id().cast_signed());
    let (ended, end) = mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        if end.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = kill(pid, Signal::SIGKILL);
        }
    });
    let status = child.wait().expect("a child that ends");
    let wall = begun.elapsed();
    drop(ended);
    let _ = watch.join();
    let spent = getrusage(UsageWho::RUSAGE_CHILDREN).expect("what children cost");
    let seconds = |time: nix::sys::time::TimeVal| time.num_microseconds() as f64 / 1e6;
    let unit = if cfg!(target_os = "macos") {
        1.0
    } else {
        1024.0
    };
    let usage = Usage {
        wall: wall.as_secs_f64(),
        cpu: seconds(spent.user_time()) + seconds(spent.system_time()),
        peak: spent.max_rss() as f64 * unit,
        code: status.code().unwrap_or(128),
    };
    let text = serde_json::to_string(&usage).expect("numbers");
    std::fs::write(told, text).expect("a place to tell it");
}

/// Keeps this thread, and what it starts from now on, to those processors, where the system can do that.
pub(crate) fn pin(processors: &[usize]) {
    #[cfg(target_os = "linux")]
    {
        let mut set = nix::sched::CpuSet::new();
        let known = processors.iter().all(|number| set.set(*number).is_ok());
        if !known || nix::sched::sched_setaffinity(Pid::from_raw(0), &set).is_err() {
            println!("cannot be kept to the processors {processors:?}");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = processors;
}
