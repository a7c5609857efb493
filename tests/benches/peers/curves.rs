//! The picture of growth: processor time and memory against size, from a thousand URLs to a million.
//!
//! Both axes of time are logarithmic, so that what grows in proportion is a straight line beside the dashed one.

use std::fmt::Write as _;

use crate::bars::STYLE;
use crate::lane::Table;

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 330.0;
const TOP: f64 = 62.0;
const BOTTOM: f64 = 286.0;
/// The height of a line of text.
const LINE: f64 = 14.0;
/// Left and right edge of both charts.
const CHARTS: [(f64, f64); 2] = [(70.0, 400.0), (520.0, 850.0)];

const MORE: &str = "<style>.c0{stroke:#0f766e;fill:#0f766e}.c1{stroke:#b45309;fill:#b45309}.c2{stroke:#6d28d9;fill:#6d28d9}\
.curve{fill:none;stroke-width:2}text.c0,text.c1,text.c2{stroke:none}.guide{stroke:#8c959f;stroke-dasharray:3 4;fill:none}\
@media (prefers-color-scheme:dark){.c0{stroke:#2dd4bf;fill:#2dd4bf}.c1{stroke:#fbbf24;fill:#fbbf24}.c2{stroke:#c4b5fd;fill:#c4b5fd}}</style>";

const CURVES: &[(&str, &str)] = &[
    ("growth-list", "a list"),
    ("growth-crawl", "a crawl"),
    ("growth-state", "with --state"),
];

/// A size, the seconds of processor time it takes and the MiB that it needs.
type Point = [f64; 3];

fn points(table: &Table) -> Vec<Point> {
    let point = |row: &crate::series::Row| {
        let size: f64 = row.name.replace(',', "").parse().unwrap_or(row.count);
        [
            size,
            row.median(|usage| usage.cpu),
            row.median(|usage| usage.peak) / f64::from(1 << 20),
        ]
    };
    table.rows.iter().map(point).collect()
}

/// The picture, as SVG.
pub(crate) fn picture(tables: &[(String, Table)]) -> String {
    let found = CURVES
        .iter()
        .enumerate()
        .filter_map(|(number, (lane, title))| {
            let (_, table) = tables.iter().find(|(name, _)| name == lane)?;
            Some((number, *title, points(table)))
        });
    let curves: Vec<(usize, &str, Vec<Point>)> = found.collect();
    let all = || curves.iter().flat_map(|(_, _, points)| points);
    let most = |at: usize| all().map(|point| point[at]).fold(0.0, f64::max);
    let mut body = String::new();
    let sizes = (3.0, most(0).max(1e4).log10());
    let across = |(left, right): (f64, f64), size: f64| {
        left + (size.log10() - sizes.0) / (sizes.1 - sizes.0) * (right - left)
    };

    // Time: powers of ten, from the one below the least.
    let least = all()
        .map(|point| point[1])
        .fold(f64::MAX, f64::min)
        .max(1e-3);
    let times = (least.log10().floor(), most(1).max(1e-2).log10().ceil());
    let time = |seconds: f64| {
        BOTTOM - (seconds.max(1e-3).log10() - times.0) / (times.1 - times.0) * (BOTTOM - TOP)
    };
    // Memory: from nothing.
    let step = if most(2) > 60.0 { 20.0 } else { 10.0 };
    let memories = (most(2) / step).ceil().max(1.0) * step;
    let memory = |mib: f64| BOTTOM - mib / memories * (BOTTOM - TOP);

    let height = |at: usize, point: &Point| {
        if at == 1 {
            time(point[1])
        } else {
            memory(point[2])
        }
    };

    let titles = [
        (
            "Processor time against size",
            "seconds, both axes logarithmic; dashed: in proportion",
        ),
        ("Peak memory against size", "MiB; sizes logarithmic"),
    ];
    for ((left, right), (title, about)) in CHARTS.into_iter().zip(titles) {
        let _ = write!(
            body,
            "<text class='title' x='{}' y='28'>{title}</text><text class='sub' x='{}' y='44'>{about}</text>",
            left - 50.0,
            left - 50.0
        );
        let mut size = 1e3;
        while size <= most(0) * 1.01 {
            let x = across((left, right), size);
            let _ = write!(
                body,
                "<path class='line' d='M{x:.1} {TOP}V{BOTTOM}'/><text class='sub' x='{x:.1}' y='{}' text-anchor='middle'>{}</text>",
                BOTTOM + 18.0,
                named(size)
            );
            size *= 10.0;
        }
        let _ = write!(
            body,
            "<text class='sub' x='{:.1}' y='{}' text-anchor='middle'>URLs</text>",
            f64::midpoint(left, right),
            BOTTOM + 34.0
        );
    }
    let mut level = times.0;
    while level <= times.1 {
        rule(
            &mut body,
            CHARTS[0],
            time(10_f64.powf(level)),
            &format!("{}", 10_f64.powf(level)),
        );
        level += 1.0;
    }
    let mut level = 0.0;
    while level <= memories {
        rule(&mut body, CHARTS[1], memory(level), &format!("{level:.0}"));
        level += step;
    }
    for (number, _, points) in &curves {
        for (chart, at) in [(CHARTS[0], 1), (CHARTS[1], 2)] {
            let place = |point: &Point| (across(chart, point[0]), height(at, point));
            let places: Vec<(f64, f64)> = points.iter().map(place).collect();
            let line: Vec<String> = places
                .iter()
                .map(|(x, y)| format!("{x:.1},{y:.1}"))
                .collect();
            let _ = write!(
                body,
                "<polyline class='curve c{number}' points='{}'/>",
                line.join(" ")
            );
            for (x, y) in &places {
                let _ = write!(
                    body,
                    "<circle class='c{number}' cx='{x:.1}' cy='{y:.1}' r='3'/>"
                );
            }
        }
        if let (Some(first), Some(last)) = (points.first(), points.last()) {
            // What the largest takes, and its share for the smallest.
            let share = last[1] / last[0] * first[0];
            let (from, to) = (across(CHARTS[0], first[0]), across(CHARTS[0], last[0]));
            let _ = write!(
                body,
                "<path class='guide' d='M{from:.1} {:.1}L{to:.1} {:.1}'/>",
                time(share),
                time(last[1])
            );
        }
    }
    for (chart, at, unit) in [(CHARTS[0], 1, "s"), (CHARTS[1], 2, "MiB")] {
        let ends = curves.iter().filter_map(|(number, title, points)| {
            let point = points.last()?;
            Some((height(at, point), number, title, point))
        });
        let mut ends: Vec<_> = ends.collect();
        ends.sort_by(|one, other| one.0.total_cmp(&other.0));
        // Lines that end close together would have their names on top of each other.
        let mut free = f64::MIN;
        for (y, number, title, point) in ends {
            let y = y.max(free);
            free = y + LINE;
            let _ = write!(
                body,
                "<text class='c{number}' x='{:.1}' y='{:.1}'>{title}, {:.0} {unit}</text>",
                across(chart, point[0]) + 8.0,
                y + 4.0,
                point[at]
            );
        }
    }
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{HEIGHT}' viewBox='0 0 {WIDTH} {HEIGHT}' role='img' \
         aria-label='Time and memory against size'>{STYLE}{MORE}<rect class='page' width='100%' height='100%' rx='8'/>{body}</svg>\n"
    )
}

fn rule(body: &mut String, (left, right): (f64, f64), y: f64, text: &str) {
    let _ = write!(
        body,
        "<path class='line' d='M{left} {y:.1}H{right}'/><text class='sub' x='{:.1}' y='{:.1}' text-anchor='end'>{text}</text>",
        left - 8.0,
        y + 4.0
    );
}

fn named(size: f64) -> String {
    match size {
        size if size >= 1e6 => format!("{:.0} M", size / 1e6),
        size => format!("{:.0} k", size / 1e3),
    }
}
