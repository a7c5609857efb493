//! Three documentation sets that nobody here wrote, from Debian's packages; `real-site.sh` crawls the same.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::peer;

/// A set of pages.
pub(crate) struct Set {
    /// Short, as in the names of lanes.
    pub(crate) name: &'static str,
    /// For people.
    pub(crate) title: &'static str,
    package: &'static str,
    /// Where its pages are in the package.
    folder: &'static str,
    /// The folder of it that is crawled and checked.
    part: &'static str,
}

pub(crate) const SETS: &[Set] = &[
    Set {
        name: "pg",
        title: "PostgreSQL 15",
        package: "postgresql-doc-15",
        folder: "usr/share/doc/postgresql-doc-15/html",
        part: "",
    },
    Set {
        name: "py",
        title: "Python 3.11",
        package: "python3.11-doc",
        folder: "usr/share/doc/python3.11/html",
        part: "",
    },
    Set {
        name: "rs",
        title: "Rust's std",
        package: "rust-doc",
        folder: "usr/share/doc/rust-doc/html",
        part: "std",
    },
];

impl Set {
    pub(crate) fn of(name: &str) -> &'static Self {
        SETS.iter()
            .find(|set| set.name == name)
            .expect("a set of that name")
    }

    /// Its pages on disk, unpacked once.
    pub(crate) fn folder(&self) -> PathBuf {
        let cache = peer::target().join("real-site");
        let unpacked = cache.join(self.name);
        if !unpacked.is_dir() {
            self.unpack(&cache, &unpacked);
        }
        unpacked.join(self.folder)
    }

    /// The folder of it that is crawled and checked, alone: a copy where it is a part of more.
    pub(crate) fn alone(&self, work: &Path) -> PathBuf {
        let whole = self.folder();
        if self.part.is_empty() {
            return whole;
        }
        let copy = work.join(self.part);
        if !copy.is_dir() {
            let status = Command::new("cp")
                .arg("-r")
                .arg(whole.join(self.part))
                .arg(&copy)
                .status();
            assert!(
                status.is_ok_and(|status| status.success()),
                "{} cannot be copied",
                self.part
            );
        }
        copy
    }

    /// Where a crawl begins, on a server of [`Set::folder`]'s parent.
    pub(crate) fn start(&self) -> String {
        match self.part {
            "" => "/index.html".to_owned(),
            part => format!("/{part}/index.html"),
        }
    }

    fn unpack(&self, cache: &Path, to: &Path) {
        std::fs::create_dir_all(cache).expect("a folder for pages");
        let run = |line: &str| {
            let status = Command::new("sh")
                .args(["-c", line])
                .current_dir(cache)
                .status();
            status.is_ok_and(|status| status.success())
        };
        let name = self.package;
        // A fresh machine has no package lists yet.
        let get = format!(
            "apt-get download {name} || {{ apt-get update -qq && apt-get download {name}; }}"
        );
        assert!(
            run(&get),
            "{name} cannot be had: it is a package of Debian 12"
        );
        let into = to.with_extension("tmp");
        assert!(
            run(&format!(
                "dpkg -x {name}_*.deb {} && rm {name}_*.deb",
                into.display()
            )),
            "{name} cannot be unpacked"
        );
        std::fs::rename(into, to).expect("a folder that is new");
    }
}
