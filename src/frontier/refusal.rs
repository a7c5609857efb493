//! States that must not be gone on with: another command's, one in use, and files that are no state.

use super::conformance::options;
use super::*;

#[test]
fn a_state_begun_by_another_command_is_refused_with_the_difference() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.db");
    let command = |seed: &str| [("seeds".to_owned(), seed.to_owned())];
    drop(Sqlite::open(&path, Begin::Resume, &command("a"), options(None)).expect("a new state"));
    let Err(error) = Sqlite::open(&path, Begin::Resume, &command("b"), options(None)) else {
        panic!("other seeds were taken");
    };
    assert!(error.to_string().contains("seeds a (now b)"), "{error}");
    drop(
        Sqlite::open(&path, Begin::Fresh, &command("b"), options(None)).expect("fresh starts anew"),
    );
}

#[test]
fn a_state_in_use_is_refused_and_a_foreign_file_is_not_touched() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.db");
    let (first, _) = Sqlite::open(&path, Begin::Resume, &[], options(None)).expect("a new state");
    let Err(error) = Sqlite::open(&path, Begin::Resume, &[], options(None)) else {
        panic!("two at once")
    };
    assert!(error.to_string().contains("another process"), "{error}");
    drop(first);
    let text = folder.path().join("notes.txt");
    std::fs::write(
        &text,
        "these are notes, and long enough to be more than a header".repeat(40),
    )
    .expect("a file");
    let before = std::fs::read(&text).expect("the notes");
    assert!(Sqlite::open(&text, Begin::Resume, &[], options(None)).is_err());
    assert_eq!(std::fs::read(&text).expect("the notes"), before);
}
