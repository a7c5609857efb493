//! Edits as a unified diff, which `patch -p1` and `git apply` take.
//!
//! A diff has the text of files as it is, and nothing in it can be escaped. What would act on a terminal or on a CI runner
//! is not shown, with the changes beside it, and it is told how many these are. Names of files are quoted as git does it.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

use super::fix::MARK;
use crate::parser::amend::{Edit, edited};
use crate::sink::for_terminal;

/// Lines around a change that are shown.
const CONTEXT: usize = 3;

/// Lines of the old text, and what stands there in the new one.
struct Change {
    lines: Range<usize>,
    new: String,
    /// How many amendments that does.
    does: usize,
}

/// What `edits` make of `old`, the text of the file that is called `name`, and how many amendments are not shown.
pub(super) fn unified(name: &str, old: &str, edits: &[Edit]) -> (String, usize) {
    let lines: Vec<&str> = old.split_inclusive('\n').collect();
    let changes = changes(&lines, old, edits);
    let mut out = String::new();
    // Writing to a string does not fail.
    let mut hidden = 0;
    let mut grown = 0;
    let mut rest = changes.as_slice();
    while let Some(first) = rest.first() {
        let near = rest
            .windows(2)
            .take_while(|pair| pair[1].lines.start - pair[0].lines.end <= 2 * CONTEXT);
        let (hunk, after) = rest.split_at(near.count() + 1);
        rest = after;
        let last = hunk.last().unwrap_or(first);
        let from = first.lines.start.saturating_sub(CONTEXT);
        let to = lines.len().min(last.lines.end + CONTEXT);
        let mut body = String::new();
        let (mut at, mut count) = (from, 0);
        for change in hunk {
            put(&mut body, ' ', &lines[at..change.lines.start]);
            put(&mut body, '-', &lines[change.lines.clone()]);
            let new: Vec<_> = change.new.split_inclusive('\n').collect();
            put(&mut body, '+', &new);
            count += change.lines.start - at + new.len();
            at = change.lines.end;
        }
        put(&mut body, ' ', &lines[at..to]);
        count += to - at;
        if !body.lines().all(is_safe) {
            hidden += hunk.iter().map(|change| change.does).sum::<usize>();
            continue;
        }
        if out.is_empty() {
            let (old, new) = (quoted(&format!("a/{name}")), quoted(&format!("b/{name}")));
            let _ = write!(out, "--- {old}\n+++ {new}\n");
        }
        let begin = |from: usize, count: usize| if count == 0 { from } else { from + 1 };
        let new_from = from.saturating_add_signed(grown);
        let _ = writeln!(
            out,
            "@@ -{},{} +{},{count} @@",
            begin(from, to - from),
            to - from,
            begin(new_from, count)
        );
        out.push_str(&body);
        grown += count.cast_signed() - (to - from).cast_signed();
    }
    (out, hidden)
}

/// May a line of a diff be shown as it is? A byte order mark at its beginning does nothing.
fn is_safe(line: &str) -> bool {
    let marked = line.get(1..).is_some_and(|text| text.starts_with(MARK));
    let line = line.replacen(MARK, "", usize::from(marked));
    let whole = line.strip_suffix('\r').unwrap_or(&line);
    let mut parts = whole.split('\t');
    parts.all(|part| matches!(for_terminal(part), Cow::Borrowed(_)))
        && !line.trim_start().starts_with("::")
}

/// A name as git writes it where it cannot stand as it is.
fn quoted(name: &str) -> String {
    let odd = |c: char| matches!(c, '"' | '\\');
    if !name.contains(odd) && matches!(for_terminal(name), Cow::Borrowed(_)) {
        return name.to_owned();
    }
    let mut out = String::from('"');
    for byte in name.bytes() {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b' '..=b'~' if byte != b'#' => out.push(byte.into()),
            // Writing to a string does not fail.
            _ => _ = write!(out, "\\{byte:03o}"),
        }
    }
    out.push('"');
    out
}

/// The lines that change, in order; edits of one line are one change.
fn changes(lines: &[&str], old: &str, edits: &[Edit]) -> Vec<Change> {
    let mut starts = vec![0];
    for line in lines {
        starts.push(starts.last().copied().unwrap_or(0) + line.len());
    }
    let line = |offset: usize| {
        starts
            .partition_point(|start| *start <= offset)
            .saturating_sub(1)
    };
    let mut groups: Vec<(Range<usize>, Vec<Edit>)> = Vec::new();
    for edit in edits {
        let last = edit.written.end.saturating_sub(1).max(edit.written.start);
        let (from, to) = (line(edit.written.start), line(last) + 1);
        let to = to.min(lines.len()).max(from);
        match groups.last_mut() {
            Some((lines, edits)) if from < lines.end => {
                lines.end = lines.end.max(to);
                edits.push(edit.clone());
            }
            _ => groups.push((from..to, vec![edit.clone()])),
        }
    }
    let change = |(lines, mut edits): (Range<usize>, Vec<Edit>)| {
        let (from, to) = (starts[lines.start], starts[lines.end]);
        for edit in &mut edits {
            edit.written = edit.written.start - from..edit.written.end - from;
        }
        let new = edited(&old[from..to], &edits);
        let does = edits.iter().map(|edit| edit.does.len()).sum();
        Change { lines, new, does }
    };
    groups.into_iter().map(change).collect()
}

fn put(out: &mut String, mark: char, lines: &[&str]) {
    for line in lines {
        out.push(mark);
        out.push_str(line);
        if !line.ends_with('\n') {
            out.push_str("\n\\ No newline at end of file\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(old: &str, changes: &[(&str, &str)]) -> String {
        let edit = |(from, to): &(&str, &str)| {
            let at = old.find(from)?;
            Some(Edit {
                written: at..at + from.len(),
                new: (*to).to_owned(),
                does: vec![0],
            })
        };
        let edits: Vec<_> = changes.iter().filter_map(edit).collect();
        let (diff, hidden) = unified("d/x.md", old, &edits);
        if hidden > 0 {
            return format!("{hidden} hidden {diff}");
        }
        diff
    }

    #[test]
    fn changes_near_each_other_are_one_hunk() {
        let old: String = (1..=20).map(|line| format!("line {line}.\n")).collect();
        let new = diff(
            &old,
            &[
                ("line 2.", "two"),
                ("line 8.", "eight"),
                ("line 20.\n", "end"),
            ],
        );
        assert_eq!(
            new,
            "--- a/d/x.md\n+++ b/d/x.md\n@@ -1,11 +1,11 @@\n line 1.\n-line 2.\n+two\n line 3.\n line 4.\n line 5.\n line 6.\n line 7.\n\
             -line 8.\n+eight\n line 9.\n line 10.\n line 11.\n@@ -17,4 +17,4 @@\n line 17.\n line 18.\n line 19.\n-line 20.\n\
             +end\n\\ No newline at end of file\n"
        );
    }

    #[test]
    fn what_would_act_on_its_reader_is_not_shown() {
        let filling = "line\n".repeat(10);
        let far = format!("{filling}old\n");
        let shown = diff(&format!("x\n{far}"), &[("old", "new")]);
        for beside in [
            "::error::x",
            "  ::add-mask::x",
            "a ##[error]x",
            "##vso[x]",
            "\u{1b}[2J",
            "a\u{202e}b",
            "a\rb",
        ] {
            let text = format!("{beside}\n{far}");
            let both = diff(&text, &[("line", "LINE"), ("old", "new")]);
            assert_eq!(both, format!("1 hidden {shown}"), "{beside}");
            // Behind the mark of a line that changes nothing is the beginning of one.
            let changed = diff(&text, &[(beside, "x")]);
            let harmless = beside.trim_start().starts_with("::");
            assert_eq!(changed == "1 hidden ", !harmless, "{beside}");
        }
        for beside in ["a::b", "+::x", "\tx\r", "größe"] {
            let text = format!("{beside}\n{far}");
            assert!(
                diff(&text, &[("line", "LINE")]).contains("+LINE"),
                "{beside}"
            );
        }
        assert_eq!(quoted("a/x.md"), "a/x.md");
        assert_eq!(
            quoted("a/x\n::error::\"ü.md"),
            "\"a/x\\012::error::\\\"\\303\\274.md\""
        );
    }

    #[test]
    fn lines_may_go_and_one_may_have_no_end() {
        assert_eq!(
            diff("a\nb c\nd", &[("a\nb", "x"), ("d", "y")]),
            "--- a/d/x.md\n+++ b/d/x.md\n@@ -1,3 +1,2 @@\n-a\n-b c\n+x c\n-d\n\\ No newline at end of file\n+y\n\\ No newline at end of file\n"
        );
    }
}
