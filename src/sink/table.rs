//! `csv` (RFC 4180) and `tsv`: a line of names, then one line a record, with the same columns for every job.
//!
//! A spreadsheet takes what begins with `=`, `+`, `-` or `@` for a formula, so such a cell begins with an apostrophe. What
//! could end a line or act on a terminal is written as an escape: a record is one line for every reader. A line of which a CI
//! runner would take the first cell for a command is quoted, which a reader of tables takes back; `tsv` has no quotes, and
//! an apostrophe there too.

use std::borrow::Cow;

use csv::{QuoteStyle, Terminator, Writer, WriterBuilder};

use super::escape::begins_command;
use super::{Captures, Format, Medium, Sink, for_terminal};
use crate::model::Visit;
use crate::model::field::{Field, Record, columns};

pub(super) const CSV: Format = Format {
    name: "csv",
    about: "a table for spreadsheets: a line of names, then one line a record",
    extensions: &["csv"],
    medium: Medium::Bytes(|options| {
        Box::new(Table {
            columns: columns(&options.fields),
            delimiter: b',',
            quotes: QuoteStyle::Necessary,
        })
    }),
    links: false,
    captures: Captures::NONE,
};

pub(super) const TSV: Format = Format {
    name: "tsv",
    about: "the same with tabs and without quotes, for cut and awk",
    extensions: &["tsv", "tab"],
    medium: Medium::Bytes(|options| {
        Box::new(Table {
            columns: columns(&options.fields),
            delimiter: b'\t',
            quotes: QuoteStyle::Never,
        })
    }),
    links: false,
    captures: Captures::NONE,
};

struct Table {
    columns: Vec<Field>,
    delimiter: u8,
    quotes: QuoteStyle,
}

impl Table {
    fn line<'a>(&self, cells: impl Iterator<Item = Cow<'a, str>>, out: &mut Vec<u8>) {
        let mut cells = cells.peekable();
        let mut quotes = self.quotes;
        if let Some(first) = cells.peek_mut().filter(|first| begins_command(first)) {
            match quotes {
                QuoteStyle::Never => first.to_mut().insert(0, '\''),
                _ => quotes = QuoteStyle::Always,
            }
        }
        let mut writer: Writer<&mut Vec<u8>> = WriterBuilder::new()
            .delimiter(self.delimiter)
            .quote_style(quotes)
            .terminator(Terminator::Any(b'\n'))
            .from_writer(out);
        // Writing to memory does not fail, and there is one line, so no line has another number of cells.
        let _ = writer.write_record(cells.map(Cow::into_owned));
        let _ = writer.flush();
    }
}

impl Sink for Table {
    fn begin(&mut self, out: &mut Vec<u8>) {
        let names = self.columns.iter().map(|field| Cow::Borrowed(&*field.name));
        self.line(names, out);
    }

    fn write(&mut self, visit: &Visit, out: &mut Vec<u8>) {
        let record = Record::of(visit);
        let cells = self.columns.iter().map(|field| cell(record.text(field)));
        self.line(cells, out);
    }
}

fn cell(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        return Cow::Owned(format!("'{}", for_terminal(&text)));
    }
    match for_terminal(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(escaped) => Cow::Owned(escaped),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::Options;
    use crate::sink::tests::{PAYLOADS, hostile};

    #[test]
    fn whatever_a_cell_holds_the_columns_stay_where_they_are() {
        for (format, delimiter) in [(CSV, b','), (TSV, b'\t')] {
            for payload in PAYLOADS {
                let Medium::Bytes(open) = format.medium else {
                    panic!("a table is bytes");
                };
                let mut sink = open(&Options::default());
                let mut out = Vec::new();
                sink.begin(&mut out);
                sink.write(&hostile(payload), &mut out);
                let mut reader = csv::ReaderBuilder::new()
                    .delimiter(delimiter)
                    .quoting(delimiter == b',')
                    .from_reader(out.as_slice());
                let names = reader.headers().unwrap().clone();
                let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
                assert_eq!(rows.len(), 1, "{payload:?}");
                let title = names.iter().position(|name| name == "title").unwrap();
                let found = &rows[0][title];
                assert!(!found.starts_with(['=', '+', '-', '@']), "{found}");
                assert_eq!(
                    found.trim_start_matches('\''),
                    for_terminal(payload).trim_start_matches('\'')
                );
                assert_eq!(&rows[0][9], "broken");
                let id = if delimiter == b',' {
                    &rows[0][0]
                } else {
                    rows[0][0].trim_start_matches('\'')
                };
                assert_eq!(
                    id.trim_start_matches('\''),
                    for_terminal(payload).trim_start_matches('\'')
                );
            }
        }
    }
}
