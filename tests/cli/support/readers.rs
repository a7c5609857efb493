//! Readers that are not ours: Python and its modules, where they are there. `.ci/run` puts them there.

use std::process::Command;

/// Where modules from the Python Package Index are looked for.
pub(crate) const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/readers");

/// What a Python program prints; `None`, aloud, where Python or a module that it needs is not there.
pub(crate) fn python(needs: &str, program: &str, arguments: &[&str]) -> Option<String> {
    let run = |program: &str| {
        let mut python = Command::new("python3");
        python.env("PYTHONPATH", FOLDER).args(["-c", program]);
        python.args(arguments).output()
    };
    if !run(&format!("import {needs}")).is_ok_and(|output| output.status.success()) {
        println!("skipped: python3 has no {needs} (pip install --target target/readers {needs})");
        return None;
    }
    let output = run(program).expect("python runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}
