//! Tables, in Markdown; and everything that was measured, kept from one call to the next.
//!
//! Each lane is kept under `target/peers`, so that a report has them all, whenever each was run. `peers.md` and the pictures
//! are written beside them, and with `--publish` to `tests/benches/results`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::lane::{LANES, Lane, Table, flight};
use crate::series::{By, Kind, Row, Spread};
use crate::{bars, curves, machine, peer};

fn kept(name: &str) -> PathBuf {
    peer::target().join("peers").join(format!("{name}.json"))
}

/// Keeps what a lane came to.
pub(crate) fn keep(name: &str, table: &Table) {
    let path = kept(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, serde_json::to_string(table).expect("numbers")).expect("a file");
}

/// Writes the report of all lanes that there are.
pub(crate) fn write(published: bool) {
    let read = |(name, _): &Lane| {
        let text = std::fs::read_to_string(kept(name)).ok()?;
        Some((
            (*name).to_owned(),
            serde_json::from_str::<Table>(&text).ok()?,
        ))
    };
    let tables: Vec<(String, Table)> = LANES.iter().filter_map(read).collect();
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/benches/results");
    let folders = [
        Some(peer::target().join("peers")),
        published.then_some(results),
    ];
    for folder in folders.into_iter().flatten() {
        std::fs::create_dir_all(&folder).expect("a folder");
        let write =
            |name: &str, text: String| std::fs::write(folder.join(name), text).expect("a file");
        write("peers.md", report(&tables));
        write("peers.svg", bars::picture(&tables));
        write("growth.svg", curves::picture(&tables));
        println!("\nwritten: {}", folder.join("peers.md").display());
    }
}

fn report(tables: &[(String, Table)]) -> String {
    let mut text = "# Beside its peers\n\n".to_owned();
    let _ = writeln!(
        text,
        "Written by `cargo bench --bench peers -- --publish`.\n\n{}. {}.\n",
        machine::line(),
        machine::versions().join(", ")
    );
    text += "Whole processes, start included, over loopback and plain HTTP. Clients on the first processor and the server on the second, \
        contestants in turn, round by round. Figures are medians, in brackets the least and the most; a ratio is that of two runs of \
        the same round. Below 5 MiB a peak is that of the process that measures.\n";
    for missing in peer::missing() {
        let _ = writeln!(text, "\nSkipped: {missing}.");
    }
    text += "\n![What the program and its peers take](peers.svg)\n\n![Time and memory against size](growth.svg)\n\n## Goals\n\n";
    text += "| what | reached | goal | |\n| --- | --- | --- | --- |\n";
    for goal in tables.iter().flat_map(|(_, table)| &table.goals) {
        let limit = format!(
            "{} {} {}",
            if goal.at_most { "at most" } else { "at least" },
            goal.limit,
            goal.unit
        );
        let verdict = if goal.is_reached() {
            "yes"
        } else {
            "**not yet**"
        };
        let _ = writeln!(
            text,
            "| {} | {:.2} {} | {limit} | {verdict} |",
            goal.text, goal.figure, goal.unit
        );
    }
    for (name, lane) in tables {
        let quick = if lane.quick { ", quick" } else { "" };
        let _ = write!(
            text,
            "\n## {}\n\n{} (`{name}`, {}{quick})\n\n{}",
            lane.title,
            lane.about,
            lane.on,
            table(lane)
        );
    }
    text
}

/// A column: its head, and what stands in it for a row.
type Column<'a> = (String, Box<dyn Fn(&Row) -> String + 'a>);

/// A lane's figures.
pub(crate) fn table(table: &Table) -> String {
    let columns = columns(table);
    let heads: Vec<&str> = columns.iter().map(|(head, _)| head.as_str()).collect();
    let mut text = line(&heads) + &line(&vec!["---"; heads.len()]);
    for row in &table.rows {
        let cells: Vec<String> = columns.iter().map(|(_, cell)| cell(row)).collect();
        text += &line(&cells);
    }
    text
}

/// The columns that a lane has figures for.
fn columns(table: &Table) -> Vec<Column<'_>> {
    let rows = &table.rows;
    let each = &table.each;
    let has = |what: fn(&Row) -> bool| rows.iter().any(what);
    let mut columns: Vec<Column<'_>> = vec![
        (String::new(), Box::new(name)),
        (
            "time, s".into(),
            Box::new(|row| spread(row.by(By::Wall), 3)),
        ),
    ];
    let works = has(|row| row.median(|usage| usage.cpu) > 0.0);
    if works {
        let rate = |row: &Row| format!("{:.0}", row.count / row.median(|usage| usage.wall));
        let work = |row: &Row| format!("{:.1}", row.median(|usage| usage.cpu) * 1e6 / row.count);
        let peak =
            |row: &Row| format!("{:.1}", row.median(|usage| usage.peak) / f64::from(1 << 20));
        columns.push((format!("{each}s a second"), Box::new(rate)));
        columns.push(("CPU, s".into(), Box::new(|row| spread(row.by(By::Cpu), 3))));
        columns.push((format!("CPU, µs a {each}"), Box::new(work)));
        columns.push(("peak, MiB".into(), Box::new(peak)));
    }
    let number = |figure: Option<f64>| figure.map_or("–".into(), |figure| format!("{figure:.1}"));
    if has(|row| row.alone.is_some()) {
        columns.push((
            format!("KiB a {each}"),
            Box::new(move |row| number(flight::kib_each(row))),
        ));
    }
    if has(|row| row.asked.is_some()) {
        let asked = |row: &Row| row.asked.map_or("–".into(), |asked| asked.to_string());
        columns.push(("requests".into(), Box::new(asked)));
    }
    let ours = rows.iter().find(|row| row.kind == Kind::Ours);
    if let Some(ours) = ours.filter(|_| has(|row| row.kind != Kind::Ours)) {
        let over = |by| move |row: &Row| spread(row.over(ours, by), 2);
        columns.push(("time, of dragnet's".into(), Box::new(over(By::Wall))));
        if works {
            columns.push(("CPU, of dragnet's".into(), Box::new(over(By::Cpu))));
        }
    }
    columns
}

fn name(row: &Row) -> String {
    match row.kind {
        Kind::Ours => format!("**{}**", row.name),
        _ => row.name.clone(),
    }
}

/// The median, and the least and the most where they are told apart.
fn spread(spread: Option<Spread>, digits: usize) -> String {
    let Some(spread) = spread else {
        return "–".into();
    };
    let [least, median, most] =
        [spread.least, spread.median, spread.most].map(|figure| format!("{figure:.digits$}"));
    if least == most {
        median
    } else {
        format!("{median} ({least}–{most})")
    }
}

fn line<S: AsRef<str>>(cells: &[S]) -> String {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    format!("| {} |\n", cells.join(" | "))
}
