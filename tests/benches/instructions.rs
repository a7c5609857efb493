//! How many instructions the parser, the frontier, the URL key and a record take: a count that no other process on the machine can
//! change, so that it can be held.
//!
//!     cargo bench --profile counted --bench instructions --no-default-features               fails where one takes 2 % more than was accepted
//!     cargo bench --profile counted --bench instructions --no-default-features -- --accept   writes the counts of today down
//!
//! The same program runs under valgrind's callgrind for each piece of work, and once more for all that is prepared for it; the
//! difference counts.
//! Accepted counts stand in `results/instructions.tsv` for each compiler and processor: another compiler writes other
//! code, so its counts are told and not judged. Less than was accepted passes, and asks to be accepted.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark says what it measured, and stops where it cannot"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use dragnet::frontier::{Frontier, Memory, Next, Options, Step, paced};
use dragnet::model::{Naming, Target, Visit, fingerprint, key};
use dragnet::parser;
use dragnet::policy::budget::Budget;
use dragnet::policy::order::Order;
use dragnet::policy::politeness::Politeness;
use dragnet::sink::{self, Medium};
use futures::FutureExt;
use url::Url;

/// How much more is too much.
const TOLERANCE: f64 = 0.02;

/// A name, what it is counted for, and the work, so many times or only prepared; which says how many of those it did.
type Work = (&'static str, &'static str, fn(usize) -> usize);

const WORK: &[Work] = &[
    ("html", "byte", html),
    ("html-fixtures", "byte", html_fixtures),
    ("markdown", "byte", markdown),
    ("css", "byte", css),
    ("frontier", "URL", frontier),
    ("key", "URL", keys),
    ("jsonl", "record", records),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "work") {
        let wanted = arguments.get(at + 1).map(String::as_str);
        let work = WORK.iter().find(|(name, ..)| Some(*name) == wanted);
        let times = usize::from(arguments.last().is_some_and(|last| last == "once"));
        println!("{}", work.map_or(0, |(.., work)| work(times)));
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: valgrind is not installed (Debian: apt-get install valgrind)");
        // CI runs everything: there it is a fault.
        return ExitCode::from(u8::from(std::env::var_os("CI").is_some()));
    }
    let accepts = arguments.iter().any(|argument| argument == "--accept");
    let (place, file) = (place(), accepted_file());
    let mut accepted = read(&file);
    let (mut failed, mut less) = (false, false);
    println!(
        "{place}\n\n| work | instructions | each | accepted | |\n| --- | --- | --- | --- | --- |"
    );
    for (name, each, _) in WORK {
        let (prepared, _) = count(name, "never");
        let (all, units) = count(name, "once");
        let count = all - prepared;
        let before = accepted.get(&(place.clone(), (*name).to_owned())).copied();
        let change = before.map(|before| count as f64 / before as f64 - 1.0);
        failed |= change.is_some_and(|change| change > TOLERANCE);
        less |= change.is_some_and(|change| change < -TOLERANCE);
        let each = format!("{:.1} a {each}", count as f64 / units as f64);
        let before = before.map_or_else(|| "–".to_owned(), |before| before.to_string());
        let change = change.map_or_else(
            || "this compiler has none".to_owned(),
            |change| format!("{:+.2} %", change * 100.0),
        );
        println!("| {name} | {count} | {each} | {before} | {change} |");
        if accepts {
            accepted.insert((place.clone(), (*name).to_owned()), count);
        }
    }
    if accepts {
        fs::write(&file, written(&accepted)).expect("a file that can be written");
        println!("\nwritten: {}", file.display());
    } else if failed || less {
        let word = if failed {
            "more than was accepted"
        } else {
            "less than was accepted"
        };
        println!(
            "\n{word}; where it should be so: cargo bench --profile counted --bench instructions --no-default-features -- --accept"
        );
    }
    ExitCode::from(u8::from(failed && !accepts))
}

/// The instructions of one work with its process, done `once` or `never`, and how much it did.
fn count(name: &str, times: &str) -> (u64, u64) {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().expect("this program"))
        .args(["work", name, times])
        .output()
        .expect("valgrind runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said
        .split("Collected :")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next());
    let count = collected.and_then(|number| number.parse().ok());
    let units = String::from_utf8_lossy(&output.stdout).trim().parse().ok();
    count
        .zip(units)
        .unwrap_or_else(|| panic!("callgrind counts nothing:\n{said}"))
}

/// The compiler and the processor, which both decide which code runs.
fn place() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let compiler = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    #[cfg(target_arch = "x86_64")]
    let wide = if std::arch::is_x86_feature_detected!("avx2") {
        "avx2"
    } else {
        "sse2"
    };
    #[cfg(not(target_arch = "x86_64"))]
    let wide = "any";
    format!(
        "{}, {} {wide}",
        compiler.unwrap_or_else(|_| "a compiler".into()),
        std::env::consts::ARCH
    )
}

type Accepted = BTreeMap<(String, String), u64>;

fn accepted_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/benches/results/instructions.tsv")
}

fn read(file: &Path) -> Accepted {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = |line: &str| {
        let mut cells = line.split('\t');
        let (place, work, count) = (cells.next()?, cells.next()?, cells.next()?);
        Some(((place.to_owned(), work.to_owned()), count.parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

fn written(accepted: &Accepted) -> String {
    let mut text = "# compiler and processor\twork\tinstructions; cargo bench --profile counted --bench instructions --no-default-features -- --accept\n".to_owned();
    for ((place, work), count) in accepted {
        let _ = writeln!(text, "{place}\t{work}\t{count}");
    }
    text
}

/// Parses `text` so many times, in chunks as they come from a network.
fn parse(extension: &str, text: &[u8], times: usize) -> usize {
    let format = parser::for_extension(extension).expect("a parser");
    let options = parser::Options {
        anchors: true,
        ..parser::Options::default()
    };
    for _ in 0..times {
        let mut parse = (format.open)(&options);
        text.chunks(16 << 10).for_each(|chunk| parse.write(chunk));
        black_box(parse.finish());
    }
    text.len() * times
}

/// A page as a documentation generator writes it.
fn html(times: usize) -> usize {
    let mut page = "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>A manual</title>\
        <link rel=\"stylesheet\" href=\"../style.css?v=3\"><script src=\"search.js\" defer></script></head><body>\n"
        .to_owned();
    for number in 0..2_000 {
        let _ = write!(
            page,
            "<section id=\"part-{number}\"><h2>Part {number} &amp; more<a class=\"headerlink\" href=\"#part-{number}\" \
             title=\"Permalink\">¶</a></h2>\n<p>What <code class=\"xref\">name_{number}</code> does is told in \
             <a class=\"reference internal\" href=\"../library/part{}.html#name-{number}\"><span class=\"pre\">another\
             </span></a>, and <em>not</em> here. Less is &lt; and more is &gt;.</p>\n\
             <pre>  1 &lt; 2  <span class=\"n\">x</span></pre></section>\n",
            number % 97
        );
    }
    parse("html", (page + "</body></html>").as_bytes(), 10 * times)
}

fn html_fixtures(times: usize) -> usize {
    fixtures("html", 100 * times)
}

fn markdown(times: usize) -> usize {
    fixtures("markdown", 50 * times)
}

fn css(times: usize) -> usize {
    fixtures("css", 200 * times)
}

fn fixtures(folder: &str, times: usize) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(folder);
    let entries = fs::read_dir(folder).expect("a folder of fixtures");
    let mut paths: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    let parsed = paths.iter().filter_map(|path| {
        let extension = path.extension()?.to_str()?;
        parser::for_extension(extension)?;
        Some(parse(extension, &fs::read(path).ok()?, times))
    });
    parsed.sum()
}

fn url(number: usize) -> Url {
    let text = format!(
        "http://host{}.test/library/part{}/page-{number}.html?a=1&b=%7e{number}#name",
        number % 100,
        number % 7
    );
    Url::parse(&text).expect("a URL")
}

/// A crawl of a hundred hosts without the network: each page leads to ten others, nine of which are known.
fn frontier(times: usize) -> usize {
    const PAGES: usize = 20_000;
    const LINKS: usize = 10;
    let urls: Vec<Url> = (0..PAGES + LINKS).map(url).collect();
    let target = |number: usize| Target {
        naming: Naming::Page,
        ..Target::named(urls[number].clone())
    };
    let links: Vec<Vec<Target>> = (0..PAGES)
        .map(|page| (page + 1..=page + LINKS).map(target).collect())
        .collect();
    if times == 0 {
        return 0;
    }
    let frontier = Memory::new(Options {
        unique: true,
        robots: None,
        depth: None,
        order: Order::default(),
        budget: Budget::default(),
        pace: paced(Politeness {
            delay: None,
            public_delay: std::time::Duration::ZERO,
            longest: std::time::Duration::ZERO,
            width: NonZeroUsize::MAX,
        }),
        gap: None,
    });
    frontier.add(vec![target(0)]);
    let mut done = 0;
    for found in links {
        let Some(Ok(Next::Lease(lease))) = frontier.lease().now_or_never() else {
            break;
        };
        let visits = Vec::new();
        frontier.settle(lease, Step::Done { visits, found }.into());
        done += 1;
    }
    assert_eq!(done, PAGES, "there is always another page");
    done
}

fn keys(times: usize) -> usize {
    const URLS: usize = 50_000;
    let urls: Vec<Url> = (0..URLS).map(url).collect();
    for _ in 0..times {
        let sum = urls
            .iter()
            .fold(0, |sum, url| sum ^ fingerprint((1, 2), &key(url)));
        black_box(sum);
    }
    URLS
}

/// A record as most are.
fn records(times: usize) -> usize {
    const RECORDS: usize = 50_000;
    let visit: Visit = serde_json::from_str(
        r#"{"id":"079b2f7fa0d7f7ce","url":"http://host7.test/library/part3/page-42.html","input":"host7.test/library/part3/page-42.html",
        "line":42,"outcome":"ok","status":200,"final_url":"http://host7.test/library/part3/page-42.html","content_type":"text/html",
        "size":98765,"timing":{"ttfb":36.114,"total":36.212,"start":4647.635,"reused":true},"remote_addr":"192.0.2.7:80",
        "http_version":"HTTP/1.1","attempts":1}"#,
    )
    .expect("a record");
    let Medium::Bytes(open) = sink::named("jsonl").expect("a format").medium else {
        panic!("lines are bytes");
    };
    let mut sink = open(&sink::Options::default());
    let mut out = Vec::new();
    for _ in 0..RECORDS * times {
        out.clear();
        sink.write(&visit, &mut out);
        black_box(&out);
    }
    RECORDS
}
