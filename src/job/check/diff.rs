//! Edits as a unified diff, which `patch -p1` and `git apply` take.

use std::fmt::Write as _;
use std::ops::Range;

use crate::parser::amend::{Edit, edited};

/// Lines around a change that are shown.
const CONTEXT: usize = 3;

/// Lines of the old text, and what stands there in the new one.
struct Change {
    lines: Range<usize>,
    new: String,
}

/// What `edits` make of `old`, the text of the file that is called `name`.
pub(super) fn unified(name: &str, old: &str, edits: &[Edit]) -> String {
    let lines: Vec<&str> = old.split_inclusive('\n').collect();
    let changes = changes(&lines, old, edits);
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write!(out, "--- a/{name}\n+++ b/{name}\n");
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
        Change { lines, new }
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
                does: Vec::new(),
            })
        };
        let edits: Vec<_> = changes.iter().filter_map(edit).collect();
        unified("d/x.md", old, &edits)
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
    fn lines_may_go_and_one_may_have_no_end() {
        assert_eq!(
            diff("a\nb c\nd", &[("a\nb", "x"), ("d", "y")]),
            "--- a/d/x.md\n+++ b/d/x.md\n@@ -1,3 +1,2 @@\n-a\n-b c\n+x c\n-d\n\\ No newline at end of file\n+y\n\\ No newline at end of file\n"
        );
    }
}
