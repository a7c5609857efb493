//! Every fuzz target over every seed, and over each seed cut and changed in ways that are the same each time.
//!
//! What the fuzzer (`tests/fuzz/run`) found is a file in `tests/fuzz/corpus/NAME/` and is tried here for ever.
//! `SEEDS=DIR cargo test --test fuzz` writes the seeds to DIR, which is where the fuzzer begins.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what it expects by failing"
)]

mod targets;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use targets::{TARGETS, Target};

/// Variants of a seed that are tried.
const VARIANTS: usize = 24;

/// Files below `path`, or itself.
fn files(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder that can be read") {
            files(&entry.expect("an entry").path(), found);
        }
    } else if path.is_file() {
        found.push(path.to_owned());
    }
}

/// The seeds of a target, and what was found before.
fn seeds(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for folder in target.seeds {
        assert!(Path::new(folder).exists(), "{folder}");
        files(Path::new(folder), &mut found);
    }
    files(
        &Path::new("tests/fuzz/corpus").join(target.name),
        &mut found,
    );
    found.sort();
    found.dedup();
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).expect("a file that can be read");
        (path, bytes)
    };
    found.into_iter().map(read).collect()
}

/// The seed itself, and cut, bent and doubled by a generator that always says the same.
fn variants(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let mut random = 0x9E37_79B9_7F4A_7C15_u64 ^ bytes.len() as u64;
    let mut below = move |limit: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % (limit as u64).max(1)).unwrap_or(0)
    };
    (0..=VARIANTS).map(move |number| {
        let mut bytes = bytes.to_vec();
        if number == 0 || bytes.is_empty() {
            return bytes;
        }
        let at = below(bytes.len());
        match number % 5 {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << below(8),
            2 => bytes[at] = [0, b'<', b'"', b'\n', b'\\', 0xFF, b'(', b'%'][below(8)],
            3 => drop(bytes.drain(..at)),
            _ => {
                let end = at + below(bytes.len() - at);
                let piece = bytes[at..end].to_vec();
                let _ = bytes.splice(at..at, piece);
            }
        }
        bytes
    })
}

#[test]
fn nothing_that_reads_foreign_bytes_is_broken_by_them() {
    if let Some(folder) = std::env::var_os("SEEDS") {
        for target in TARGETS {
            let folder = Path::new(&folder).join(target.name);
            fs::create_dir_all(&folder).expect("a folder for the seeds");
            for (number, (_, bytes)) in seeds(target).into_iter().enumerate() {
                fs::write(folder.join(format!("seed-{number}")), bytes).expect("a seed");
            }
        }
        return;
    }
    for target in TARGETS {
        let mut tried = 0;
        for (path, bytes) in seeds(target) {
            for (number, variant) in variants(&bytes).enumerate() {
                tried += 1;
                let attack = AssertUnwindSafe(|| (target.attack)(&variant));
                assert!(
                    catch_unwind(attack).is_ok(),
                    "{}: variant {number} of {}: {:?}",
                    target.name,
                    path.display(),
                    String::from_utf8_lossy(&variant)
                );
            }
        }
        assert!(tried > VARIANTS, "{} has seeds", target.name);
    }
}
