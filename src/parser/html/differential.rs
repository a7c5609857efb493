//! Our tags against those of html5ever's tokenizer, with its tree deciding what is text: of generated tag soup, of every
//! fixture, and of the inputs of html5lib's own tests where they are at hand.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::path::Path;

use html5ever::buffer_queue::BufferQueue;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{
    TagKind, Token, TokenSink, TokenSinkResult, Tokenizer as TheirTokenizer, TokenizerOpts,
};
use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts};
use proptest::prelude::*;
use scraper::HtmlTreeSink;

use super::name::{Attribute, Word};
use super::tokenizer::{Start, Take, Tokenizer};
use super::value::decoded;
use crate::parser::position::Window;

/// The attributes that both are asked for.
const ATTRIBUTES: &[(&str, Attribute)] = &[
    ("href", Attribute::Href),
    ("id", Attribute::Id),
    ("name", Attribute::Name),
    ("src", Attribute::Src),
    ("style", Attribute::Style),
    ("color", Attribute::Color),
    ("xlink:href", Attribute::XlinkHref),
    ("background", Attribute::Background),
    ("content", Attribute::Content),
];

/// Ours, as lines.
#[derive(Default)]
struct Ours(Vec<String>);

impl Take for Ours {
    fn start(&mut self, start: &Start<'_>) {
        let name = start.name().to_ascii_lowercase().replace('\0', "\u{fffd}");
        let mut line = format!("<{name}");
        for (name, attribute) in ATTRIBUTES {
            if let Some((value, _)) = start.value(*attribute) {
                write!(line, " {name}={:?}", decoded(value)).unwrap();
            }
        }
        self.0.push(line);
    }

    fn end(&mut self, _: Word) {
        self.0.push("</".to_owned());
    }

    fn text(&mut self, _: usize, _: usize, _: Window<'_>) {}
}

fn ours(text: &str) -> Vec<String> {
    read(text).0
}

/// Ours, and whether something had to be believed of them.
fn read(text: &str) -> (Vec<String>, bool) {
    let mut tokenizer = Tokenizer::new();
    let mut found = Ours::default();
    let window = Window { text, offset: 0 };
    let done = tokenizer.read(window, false, &mut found);
    let rest = Window {
        text: &text[done..],
        offset: done,
    };
    tokenizer.read(rest, true, &mut found);
    (found.0, tokenizer.believed())
}

/// The same of the text character by character: what is not done with stands before the next one.
fn by_character(text: &str) -> Vec<String> {
    let mut tokenizer = Tokenizer::new();
    let mut found = Ours::default();
    let (mut held, mut offset) = (String::new(), 0);
    for character in text.chars() {
        held.push(character);
        let window = Window {
            text: &held,
            offset,
        };
        let done = tokenizer.read(window, false, &mut found);
        held.drain(..done);
        offset += done;
    }
    let window = Window {
        text: &held,
        offset,
    };
    tokenizer.read(window, true, &mut found);
    found.0
}

/// Theirs: notes tags on their way to the tree.
struct Theirs<S> {
    tree: S,
    found: RefCell<Vec<String>>,
}

impl<S: TokenSink> TokenSink for Theirs<S> {
    type Handle = S::Handle;

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<S::Handle> {
        if let Token::TagToken(tag) = &token {
            let mut line = String::from("</");
            if tag.kind == TagKind::StartTag {
                line = format!("<{}", tag.name);
                for (name, _) in ATTRIBUTES {
                    let value = tag.attrs.iter().find(|one| *one.name.local == **name);
                    if let Some(value) = value {
                        write!(line, " {name}={:?}", &*value.value).unwrap();
                    }
                }
            }
            self.found.borrow_mut().push(line);
        }
        self.tree.process_token(token, line)
    }

    fn end(&self) {
        self.tree.end();
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        self.tree
            .adjusted_current_node_present_but_not_in_html_namespace()
    }
}

fn theirs(text: &str) -> Vec<String> {
    let options = TreeBuilderOpts {
        scripting_enabled: false,
        ..TreeBuilderOpts::default()
    };
    let tree = HtmlTreeSink::new(scraper::Html::new_document());
    let sink = Theirs {
        tree: TreeBuilder::new(tree, options),
        found: RefCell::default(),
    };
    let options = TokenizerOpts {
        discard_bom: false,
        ..TokenizerOpts::default()
    };
    let tokenizer = TheirTokenizer::new(sink, options);
    let queue = BufferQueue::default();
    queue.push_back(StrTendril::from_slice(text));
    while !queue.is_empty() {
        // It stops at the end of each script.
        let _ = tokenizer.feed(&queue);
    }
    tokenizer.end();
    tokenizer.sink.found.into_inner()
}

/// Pieces of markup in any order; what no tree has a say in.
fn soup() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        8 => prop::sample::select(vec![
            "<a href=x>", "<A HREF='y&amp;z'", "<a href", "<p id=\"i\nj\"", "<img/src=a/style=b>", "<x\0y id=\0>", "<b", "</b>",
            "</a href='q>'>", "</", "<", ">", "/", "=", "\"", "'", " ", "\n", "\r\n", "\r", "\t", "\u{c}", "\0", "é", "日本", "&",
            "&lt;", "&copy", "&copy=", "&#x41;", "&#0;", "id=k", " id=l ", " href = m ", " =href=n ", "background=o", "/>", "<br/>",
        ]),
        4 => prop::sample::select(vec![
            "<!--", "-->", "--!>", "--", "-", "!", "<!", "<!-", "<!>", "<!-->", "<!--->", "<!--!>", "<!--->-->", "<?", "?>",
            "<!DOCTYPE html>", "<!doctype x \"", "<![CDATA[", "]]>", "]", "</>", "</ x>", "</3>",
        ]),
        4 => prop::sample::select(vec![
            "<script>", "</script>", "<script", "</script", "</SCRIPT >", "<script/src=s>", "</scripts>", "<title>", "</title>",
            "</title", "<textarea>", "</textarea\n>", "<style>", "</style>", "<xmp>", "</xmp/>", "<iframe>", "</iframe>",
            "<noembed>", "</noembed>", "<noframes>", "</noframes>", "<noscript>", "</noscript>",
        ]),
        1 => Just("<plaintext>"),
    ];
    proptest::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat())
}

/// The same with SVG and `MathML`, and what may stand in them. (Not `annotation-xml`: of one that
/// holds HTML their tree knows nothing, and it does not count it among the special elements.)
fn foreign() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        4 => prop::sample::select(vec![
            "<svg>", "</svg>", "<svg/>", "<math>", "</math>", "<g>", "</g>", "<path/>", "<title>", "</title>", "<desc>", "</desc>",
            "<foreignObject>", "</foreignObject>", "<mi>", "</mi>", "<mtext>", "</mtext>", "<mglyph>", "<malignmark/>", "<font>", "<font color=c>",
        ]),
        4 => prop::sample::select(vec![
            "<style>", "</style>", "<style/>", "<script>", "</script>", "<script/>", "<textarea>", "</textarea>", "<xmp>", "</xmp>",
            "<![CDATA[", "]]>", "]", ">", "<a href=x>", "x",
        ]),
        2 => prop::sample::select(vec!["<p>", "</p>", "<b>", "<br>", "</br>", "<img src=y>", "<i>", "<ul>", "<li>", "</ul>", "<table>",
            "</table>", "<div>", "</div>", "</b>", "</i>", "</li>", "<dd>", "<dt>", "</dd>", "<h1>", "<h2>", "</h2>", "<button>",
            "</button>", "<span>", "</span>", "<nobr>", "<td>", "</a>", "<custom-x>", "</custom-x>"]),
    ];
    proptest::collection::vec(pieces, 0..30)
        .prop_map(|pieces| format!("<!DOCTYPE html><body>{}", pieces.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4 * ProptestConfig::default().cases, ..ProptestConfig::default() })]

    #[test]
    fn soup_has_the_tags_that_a_browser_sees(text in soup()) {
        prop_assert_eq!(ours(&text), theirs(&text));
        prop_assert_eq!(by_character(&text), ours(&text));
    }

    #[test]
    fn so_has_soup_with_svg_and_mathml(text in foreign()) {
        let (ours, believed) = read(&text);
        prop_assert_eq!(by_character(&text), ours.clone());
        if !believed {
            prop_assert_eq!(ours, theirs(&text));
        }
    }
}

#[test]
fn every_fixture_has_the_tags_that_a_browser_sees() {
    let mut seen = 0;
    for folder in ["fixtures/html", "fixtures/site"] {
        seen += compare(Path::new(folder));
    }
    assert!(seen > 40, "{seen}");
}

/// Every page below a folder.
fn compare(folder: &Path) -> usize {
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            seen += compare(&path);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "html")
        {
            let bytes = std::fs::read(&path).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert_eq!(ours(&text), theirs(&text), "{}", path.display());
            seen += 1;
        }
    }
    seen
}

/// The inputs of html5lib's tests of tokenizer and tree, from the folder that `HTML5LIB_TESTS` names.
#[test]
#[ignore = "needs HTML5LIB_TESTS=FOLDER: github.com/html5lib/html5lib-tests, or testdata in PyPI's html5lib"]
fn the_inputs_of_html5libs_tests_have_the_tags_that_a_browser_sees() {
    let folder = std::env::var_os("HTML5LIB_TESTS").unwrap();
    let folder = Path::new(&folder);
    let mut inputs = Vec::new();
    for entry in std::fs::read_dir(folder.join("tokenizer")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        if let Ok(file) = serde_json::from_slice::<serde_json::Value>(&bytes) {
            let tests = file["tests"].as_array().into_iter().flatten();
            inputs.extend(tests.filter_map(|test| Some(test["input"].as_str()?.to_owned())));
        }
    }
    for entry in std::fs::read_dir(folder.join("tree-construction")).unwrap() {
        let Ok(file) = std::fs::read_to_string(entry.unwrap().path()) else {
            continue;
        };
        for test in file.split("#data\n").skip(1) {
            let input = test.split("\n#errors").next().unwrap();
            inputs.push(input.to_owned());
        }
    }
    let mut other = Vec::new();
    for input in &inputs {
        let (ours, theirs) = (read(input).0, theirs(input));
        if ours != theirs {
            other.push(format!("{input:?}\n  {ours:?}\n  {theirs:?}"));
        }
    }
    assert!(inputs.len() > 1000, "{}", inputs.len());
    // A `plaintext` in a `frameset`.
    assert_eq!(other.len(), 3, "{}", other.join("\n"));
}
