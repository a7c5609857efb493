//! Where it was measured.

use std::process::Command;
use std::sync::LazyLock;

use crate::peer::{self, PEERS};

/// Processors that this program may run on, asked once: a lane may have bound it to one of them since.
pub(crate) fn processors() -> &'static [usize] {
    static ALLOWED: LazyLock<Vec<usize>> = LazyLock::new(allowed);
    &ALLOWED
}

/// Whoever starts it may have kept it to some, which need not be the first.
#[cfg(target_os = "linux")]
fn allowed() -> Vec<usize> {
    use nix::sched::{CpuSet, sched_getaffinity};
    let set = sched_getaffinity(nix::unistd::Pid::from_raw(0)).unwrap_or_default();
    let all = 0..CpuSet::count();
    let allowed: Vec<usize> = all
        .filter(|number| set.is_set(*number).unwrap_or(false))
        .collect();
    if allowed.is_empty() { vec![0] } else { allowed }
}

#[cfg(not(target_os = "linux"))]
fn allowed() -> Vec<usize> {
    (0..std::thread::available_parallelism().map_or(1, usize::from)).collect()
}

pub(crate) fn client_processor() -> usize {
    processors()[0]
}

/// Another one where there is another.
pub(crate) fn server_processor() -> usize {
    processors().get(1).copied().unwrap_or(client_processor())
}

/// The machine and its system, in a line.
pub(crate) fn line() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let value = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?.to_owned();
        let (_, value) = line.split_once([':', '='])?;
        Some(value.trim().trim_matches('"').to_owned())
    };
    let model = value(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "a processor".into());
    let memory = value(&read("/proc/meminfo"), "MemTotal")
        .and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    let memory = memory.map_or_else(String::new, |kib| {
        format!(", {:.0} GiB", kib / f64::from(1 << 20))
    });
    let system = value(&read("/etc/os-release"), "PRETTY_NAME")
        .unwrap_or_else(|| std::env::consts::OS.into());
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{model}, {} processors{memory}, {system}, Linux {}",
        processors().len(),
        kernel.trim()
    )
}

/// The versions of all that took part.
pub(crate) fn versions() -> Vec<String> {
    let first = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Some(text.lines().next()?.to_owned())
    };
    let own = first(env!("CARGO_BIN_EXE_dragnet"), "--version");
    let compiler = first("rustc", "--version");
    let peers = PEERS
        .iter()
        .filter_map(|peer| Some(format!("{} {}", peer.name, peer::version(peer)?)));
    own.into_iter().chain(compiler).chain(peers).collect()
}

/// Today, as `YYYY-MM-DD`.
pub(crate) fn today() -> String {
    let now = jiff::Timestamp::now().to_string();
    now.split('T').next().unwrap_or_default().to_owned()
}
