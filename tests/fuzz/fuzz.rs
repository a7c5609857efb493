//! The fuzzer's entry: libFuzzer drives the target that `TARGET` names.

#![no_main]

mod targets;

use std::sync::LazyLock;

use targets::TARGETS;

static ATTACK: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("TARGET").unwrap_or_default();
    let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    let target = TARGETS.iter().find(|target| target.name == name);
    target
        .unwrap_or_else(|| panic!("TARGET is one of {}", names.join(", ")))
        .attack
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| { ATTACK(bytes) });
