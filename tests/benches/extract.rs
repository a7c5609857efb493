//! How fast links are found in real pages, by us and by four tokenizers that others wrote.
//!
//!     cargo bench --bench extract -- [--only=WORD] DIR…
//!
//! Reads every `.html` below each folder into memory and times five extractors over them in turn, by the time that the
//! thread worked, so that a machine's mood strikes all alike: scraper's tree, html5ever's tokenizer, html5gum with a
//! callback, `lol_html` with a bare selector, and ours in full, with positions, entities, `<noscript>` and, in the second
//! row, anchors. The first four only count links. Deliberately absent: a verdict; it prints what it measured.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark says what it measured, and stops where it cannot"
)]

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use dragnet::parser::{self, Options};

/// What the four count: the attributes that the figures of others are about.
const LINKS: &str = "a[href],link[href],area[href],img[src],script[src],iframe[src]";

/// Rounds, after one to warm up.
const ROUNDS: usize = 5;

/// A name, and how many links it finds in a page.
type Extractor = (&'static str, fn(&str) -> usize);

const EXTRACTORS: &[Extractor] = &[
    ("scraper, tree and select", tree),
    ("html5ever, tokenizer", html5ever),
    ("html5gum, callback", html5gum),
    ("lol_html, bare", lol),
    ("dragnet, for a crawl", ours),
    ("dragnet, with anchors", ours_with_anchors),
];

fn main() {
    let folders: Vec<_> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let only =
        std::env::args().find_map(|argument| Some(argument.strip_prefix("--only=")?.to_owned()));
    let extractors: Vec<_> = EXTRACTORS
        .iter()
        .filter(|(name, _)| {
            only.as_ref()
                .is_none_or(|only| name.contains(only.as_str()))
        })
        .collect();
    if folders.is_empty() {
        println!(
            "no pages: name folders of HTML; tests/benches/real-site.sh leaves three in target/real-site"
        );
        return;
    }
    let start = Instant::now();
    println!("| pages | extractor | MB/s min / median / max | links |");
    println!("| --- | --- | --- | --- |");
    for folder in folders {
        let mut pages = Vec::new();
        read(Path::new(&folder), &mut pages);
        let bytes: usize = pages.iter().map(String::len).sum();
        let mut times = vec![Vec::new(); extractors.len()];
        let mut links = vec![0; extractors.len()];
        for round in 0..=ROUNDS {
            for (number, (_, extract)) in extractors.iter().enumerate() {
                let begin = worked(start);
                links[number] = pages.iter().map(|page| extract(page)).sum();
                if round > 0 {
                    let time = worked(start).saturating_sub(begin);
                    times[number].push(bytes as f64 / 1e6 / time.as_secs_f64());
                }
            }
        }
        for (number, (name, _)) in extractors.iter().enumerate() {
            let speeds = &mut times[number];
            speeds.sort_by(f64::total_cmp);
            let (least, median, most) = (speeds[0], speeds[ROUNDS / 2], speeds[ROUNDS - 1]);
            let (count, megabytes) = (pages.len(), bytes / 1_000_000);
            println!(
                "| {folder}: {count}, {megabytes} MB | {name} | {least:.0} / **{median:.0}** / {most:.0} | {} |",
                links[number]
            );
        }
    }
}

/// How long this thread has worked (Linux says it, in nanoseconds); elsewhere, how late it is.
fn worked(begin: Instant) -> Duration {
    std::thread::yield_now();
    let counted = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let counted = counted.and_then(|text| text.split_whitespace().next()?.parse().ok());
    counted.map_or_else(|| begin.elapsed(), Duration::from_nanos)
}

fn read(folder: &Path, pages: &mut Vec<String>) {
    let entries = std::fs::read_dir(folder).expect("a folder that can be read");
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            read(&path, pages);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "html")
        {
            let bytes = std::fs::read(&path).expect("a page that can be read");
            pages.push(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}

fn tree(page: &str) -> usize {
    thread_local! {
        static SELECTOR: scraper::Selector = scraper::Selector::parse(LINKS).expect("a selector");
    }
    let document = scraper::Html::parse_document(page);
    SELECTOR.with(|selector| document.select(selector).count())
}

/// The attribute that counts on an element.
fn attribute(tag: &[u8]) -> Option<&'static str> {
    match tag {
        b"a" | b"link" | b"area" => Some("href"),
        b"img" | b"script" | b"iframe" => Some("src"),
        _ => None,
    }
}

struct Counter(Cell<usize>);

impl html5ever::tokenizer::TokenSink for Counter {
    type Handle = ();

    fn process_token(
        &self,
        token: html5ever::tokenizer::Token,
        _: u64,
    ) -> html5ever::tokenizer::TokenSinkResult<()> {
        use html5ever::tokenizer::states::{Rawtext, Rcdata, ScriptData};
        use html5ever::tokenizer::{TagKind, Token, TokenSinkResult};
        let Token::TagToken(tag) = token else {
            return TokenSinkResult::Continue;
        };
        if tag.kind != TagKind::StartTag {
            return TokenSinkResult::Continue;
        }
        if let Some(wanted) = attribute(tag.name.as_bytes())
            && tag
                .attrs
                .iter()
                .any(|attribute| &*attribute.name.local == wanted)
        {
            self.0.set(self.0.get() + 1);
        }
        match &*tag.name {
            "script" => TokenSinkResult::RawData(ScriptData),
            "style" | "xmp" | "iframe" | "noembed" | "noframes" => {
                TokenSinkResult::RawData(Rawtext)
            }
            "title" | "textarea" => TokenSinkResult::RawData(Rcdata),
            _ => TokenSinkResult::Continue,
        }
    }
}

fn html5ever(page: &str) -> usize {
    use html5ever::tendril::StrTendril;
    use html5ever::tokenizer::{BufferQueue, Tokenizer, TokenizerOpts};
    let queue = BufferQueue::default();
    queue.push_back(StrTendril::from_slice(page));
    let tokenizer = Tokenizer::new(Counter(Cell::new(0)), TokenizerOpts::default());
    let _ = tokenizer.feed(&queue);
    tokenizer.end();
    tokenizer.sink.0.get()
}

fn html5gum(page: &str) -> usize {
    use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
    let count = Rc::new(Cell::new(0));
    let counter = Rc::clone(&count);
    let mut wanted = None;
    let callback = move |event: CallbackEvent<'_>, _: html5gum::Span<()>| -> Option<()> {
        match event {
            CallbackEvent::OpenStartTag { name } => wanted = attribute(name),
            CallbackEvent::AttributeName { name }
                if wanted.is_some_and(|wanted| name == wanted.as_bytes()) =>
            {
                counter.set(counter.get() + 1);
                wanted = None;
            }
            _ => {}
        }
        None
    };
    let mut emitter = CallbackEmitter::new(callback);
    emitter.naively_switch_states(true);
    for _ in html5gum::Tokenizer::new_with_emitter(page.as_bytes(), emitter) {}
    count.get()
}

fn lol(page: &str) -> usize {
    use lol_html::{HtmlRewriter, Settings, element};
    let count = Cell::new(0);
    let settings = Settings::new().append_element_content_handler(element!(LINKS, |_| {
        count.set(count.get() + 1);
        Ok(())
    }));
    let mut rewriter = HtmlRewriter::new(settings, |_: &[u8]| {});
    rewriter
        .write(page.as_bytes())
        .expect("a page that the rewriter takes");
    rewriter.end().expect("a page that the rewriter takes");
    count.get()
}

fn ours(page: &str) -> usize {
    document(page, false)
}

fn ours_with_anchors(page: &str) -> usize {
    document(page, true)
}

fn document(page: &str, anchors: bool) -> usize {
    let format = parser::for_extension("html").expect("a parser for HTML");
    let mut parse = (format.open)(&Options {
        anchors,
        ..Options::default()
    });
    parse.write(page.as_bytes());
    parse.finish().links.len()
}
