//! What the lock file may hold: nothing older than the release that mended a fault we could be reached through, and
//! nothing that nobody keeps. `.ci/deny.toml` says the rest where cargo-deny is installed.

#![expect(clippy::expect_used, reason = "a test says what it expects by failing")]

/// The oldest version of each crate that has none of its published faults.
const FLOORS: &[(&str, [u64; 3])] = &[
    ("bytes", [1, 11, 1]),
    ("h2", [0, 4, 16]),
    ("idna", [1, 0, 0]),
    ("quick-xml", [0, 41, 0]),
    ("reqwest", [0, 13, 4]),
    ("ring", [0, 17, 12]),
    ("rustls", [0, 23, 18]),
    ("rustls-webpki", [0, 103, 13]),
    ("time", [0, 3, 47]),
    ("tokio", [1, 44, 2]),
    ("tracing-subscriber", [0, 3, 20]),
    ("url", [2, 5, 4]),
];

/// Unmaintained, or a second way to do what is done.
const UNWANTED: &[&str] = &[
    "atty",
    "bincode",
    "instant",
    "native-tls",
    "number_prefix",
    "openssl-sys",
    "paste",
    "proc-macro-error",
    "rustls-pemfile",
];

#[test]
fn the_lock_file_is_above_its_floors() {
    let lock = std::fs::read_to_string("Cargo.lock").expect("the lock file");
    let mut seen = 0;
    for package in lock.split("[[package]]").skip(1) {
        let field = |name: &str| {
            let line = package.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split('"').nth(1))
                .unwrap_or_default()
        };
        let (name, version) = (field("name = "), field("version = "));
        assert!(!UNWANTED.contains(&name), "{name} is unwanted");
        let source = field("source = ");
        assert!(
            source.is_empty() || source.starts_with("registry+"),
            "{name} comes from {source}"
        );
        let numbers: Vec<u64> = version
            .split(['.', '-', '+'])
            .take(3)
            .map(|number| number.parse().expect("a version"))
            .collect();
        if let Some((_, floor)) = FLOORS.iter().find(|(known, _)| *known == name) {
            seen += 1;
            assert!(
                numbers.as_slice() >= floor.as_slice(),
                "{name} {version} is below {floor:?}"
            );
        }
    }
    assert!(seen >= 8, "{seen}");
}
