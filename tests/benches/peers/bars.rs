//! The picture of all lanes that compare: a small chart each, ours in colour, floors light, peers grey.
//!
//! Bars that would leave the chart are broken off and say their figure. Follows the reader's preference for light or dark.

use std::fmt::Write as _;

use crate::lane::Table;
use crate::series::{By, Kind, Row};

const WIDTH: usize = 1000;
const COLUMNS: usize = 3;
const MARGIN: usize = 20;
const GAP: usize = 26;
const BAR: usize = 15;
const PITCH: usize = 21;
const NAMES: usize = 88;
const FIGURES: usize = 62;
/// A bar that is so many times ours leaves the chart.
const MOST: f64 = 4.0;

/// Colours, and the font; both pictures have them.
pub(crate) const STYLE: &str = "<style>\
text{font:12px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#24292f}\
.title{font-weight:600;font-size:13px}.sub{fill:#57606a;font-size:11px}.own{font-weight:600}\
.page{fill:#fff}.ours{fill:#0f766e}.floor{fill:#d0d7de}.peer{fill:#8c959f}.line{stroke:#d8dee4;fill:none}\
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.sub{fill:#9198a1}.page{fill:#0d1117}.ours{fill:#2dd4bf}\
.floor{fill:#30363d}.peer{fill:#6e7681}.line{stroke:#30363d}}</style>";

struct Chart {
    title: &'static str,
    unit: &'static str,
    lane: &'static str,
}

const CHARTS: &[Chart] = &[
    Chart {
        title: "A list, 64 in flight",
        unit: "µs of processor time a URL",
        lane: "fetch",
    },
    Chart {
        title: "10,000 in flight, a second each",
        unit: "seconds",
        lane: "flight-10k",
    },
    Chart {
        title: "1,000 in flight, a second each",
        unit: "seconds",
        lane: "flight-1k",
    },
    Chart {
        title: "Crawl: PostgreSQL's manual",
        unit: "seconds",
        lane: "crawl-pg",
    },
    Chart {
        title: "Crawl: Python's manual",
        unit: "seconds",
        lane: "crawl-py",
    },
    Chart {
        title: "Crawl: Rust's std",
        unit: "seconds",
        lane: "crawl-rs",
    },
    Chart {
        title: "Check on disk: PostgreSQL's manual",
        unit: "seconds",
        lane: "check-pg",
    },
    Chart {
        title: "Check on disk: Python's manual",
        unit: "seconds",
        lane: "check-py",
    },
    Chart {
        title: "Check on disk: Rust's std",
        unit: "seconds",
        lane: "check-rs",
    },
];

/// What stands in a chart: one processor, and nothing but the plain way.
fn shown(table: &Table) -> Vec<&Row> {
    let plain =
        |row: &&Row| !row.name.contains(", all processors") && !row.name.contains(", anchors too");
    let mut rows: Vec<&Row> = table.rows.iter().filter(plain).collect();
    rows.sort_by(|one, other| figure(one, table.by).total_cmp(&figure(other, table.by)));
    rows
}

fn figure(row: &Row, by: By) -> f64 {
    match by {
        By::Wall => row.median(|usage| usage.wall),
        By::Cpu => row.median(|usage| usage.cpu) * 1e6 / row.count,
    }
}

/// The picture, as SVG.
pub(crate) fn picture(tables: &[(String, Table)]) -> String {
    let found = CHARTS.iter().filter_map(|chart| {
        let (_, table) = tables.iter().find(|(name, _)| name == chart.lane)?;
        Some((chart, table))
    });
    let charts: Vec<(&Chart, &Table)> = found.collect();
    let wide = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) / COLUMNS;
    let mut body = String::new();
    let mut y = MARGIN;
    for row in charts.chunks(COLUMNS) {
        let most = row
            .iter()
            .map(|(_, table)| shown(table).len())
            .max()
            .unwrap_or(0);
        for (column, (chart, table)) in row.iter().enumerate() {
            let x = MARGIN + column * (wide + GAP);
            draw(&mut body, chart, table, x, y, wide);
        }
        y += 44 + most * PITCH + GAP;
    }
    let legend = [
        ("ours", "dragnet"),
        ("floor", "a bare loop, built the same"),
        ("peer", "another tool"),
    ];
    let mut x = MARGIN;
    for (class, text) in legend {
        let _ = write!(
            body,
            "<rect class='{class}' x='{x}' y='{}' width='12' height='12' rx='2'/>",
            y - 6
        );
        let _ = write!(
            body,
            "<text class='sub' x='{}' y='{}'>{text}</text>",
            x + 18,
            y + 4
        );
        x += 44 + text.len() * 6;
    }
    let height = y + MARGIN;
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{height}' viewBox='0 0 {WIDTH} {height}' role='img' \
         aria-label='What dragnet and its peers take; shorter is better'>{STYLE}<rect class='page' width='100%' height='100%' rx='8'/>{body}</svg>\n"
    )
}

fn draw(body: &mut String, chart: &Chart, table: &Table, x: usize, y: usize, wide: usize) {
    let rows = shown(table);
    let ours = rows
        .iter()
        .find(|row| row.kind == Kind::Ours)
        .map_or(1.0, |row| figure(row, table.by));
    let largest = rows
        .iter()
        .map(|row| figure(row, table.by))
        .fold(0.0, f64::max);
    let scale = largest.min(ours * MOST);
    let room = (wide - NAMES - FIGURES) as f64;
    let _ = write!(
        body,
        "<text class='title' x='{x}' y='{}'>{}</text>",
        y + 14,
        chart.title
    );
    let _ = write!(
        body,
        "<text class='sub' x='{x}' y='{}'>{}, less is better</text>",
        y + 30,
        chart.unit
    );
    for (place, row) in rows.iter().enumerate() {
        let top = y + 42 + place * PITCH;
        let value = figure(row, table.by);
        let long = (value / scale).min(1.0) * room;
        let class = match row.kind {
            Kind::Ours => "ours",
            Kind::Floor => "floor",
            Kind::Peer => "peer",
        };
        let weight = if row.kind == Kind::Ours {
            " class='own'"
        } else {
            ""
        };
        let name = row
            .name
            .replace(", a list, unparsed", "")
            .replace(", one URL", "");
        let left = x + NAMES;
        let base = top + 12;
        let _ = write!(
            body,
            "<text{weight} x='{}' y='{base}' text-anchor='end'>{name}</text>",
            left - 8
        );
        let _ = write!(
            body,
            "<rect class='{class}' x='{left}' y='{top}' width='{long:.1}' height='{BAR}' rx='2'/>"
        );
        let end = left as f64 + long;
        if value > scale * 1.001 {
            // Broken off: two slits near the end.
            for slit in [16.0, 10.0] {
                let from = end - slit;
                let _ = write!(
                    body,
                    "<path class='page' d='M{:.1} {}h3l4 -{h}h-3z'/>",
                    from - 4.0,
                    top + BAR + 1,
                    h = BAR + 2
                );
            }
        }
        let _ = write!(
            body,
            "<text{weight} x='{:.1}' y='{base}'>{}</text>",
            end + 6.0,
            short(value)
        );
    }
}

/// Three digits.
fn short(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value if value >= 1.0 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    }
}
