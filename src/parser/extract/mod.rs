//! Named values out of content, chosen by the user: CSS selectors, regular expressions, JSON pointers.
//!
//! A selector needs the tree, which nothing else here builds: it is made by `scraper` when one is asked for, and only
//! of content that does not nest without end, because building such a tree takes quadratic time. A value that is not
//! there is absent, and a list of none is empty, so whoever makes columns of them finds them where they belong.
//! Absent: scripts are not run, and nothing is asked for beyond the content itself.
//!
//! | file | holds |
//! | --- | --- |
//! | `rule` | how `--select`, `--regex` and `--json-pointer` are written |
//! | `convert` | text → number, date, URL |
//! | `depth` | how deep the elements of a page are nested |

mod convert;
mod depth;
mod rule;

use regex::Regex;
use scraper::{ElementRef, Html, Selector};
use serde_json::{Map, Value};
use url::Url;

use super::encoding::{Declared, Text};

pub use convert::Convert;

/// What shall be taken out of content, in the order of the columns.
#[derive(Debug, Clone, Default)]
pub struct Extraction {
    rules: Vec<Rule>,
}

/// One named value.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The column's name: a letter, then letters, digits, `_` and `-`.
    pub name: String,
    way: Way,
    /// Every match, as a list; else the first.
    pub all: bool,
    /// What it shall be.
    pub convert: Convert,
    /// Only of URLs that match.
    pub pages: Option<Regex>,
}

/// How a value is found.
#[derive(Debug, Clone)]
enum Way {
    /// The text of an element, or one of its attributes.
    Css {
        selector: Selector,
        attribute: Option<String>,
    },
    /// The first group, or the whole match where there is none.
    Regex(Regex),
    /// RFC 6901.
    Pointer(String),
}

/// Content that values are taken out of.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// Where it was found; relative URLs in it are relative to that, or to its first `base`.
    pub url: &'a Url,
    /// Media type, lower case.
    pub essence: &'a str,
    /// The `charset` that the transport named.
    pub charset: Option<&'a str>,
    /// All of it.
    pub content: &'a [u8],
}

/// The content of a page as text, and the encoding that it was read in.
#[must_use]
pub fn text_of(page: &Page<'_>) -> (String, &'static str) {
    let declared = match page.essence {
        "text/html" | "application/xhtml+xml" => Declared::InHtml,
        "text/css" => Declared::InCss,
        "text/plain" => Declared::Nowhere,
        _ => Declared::ByConvention,
    };
    let mut text = Text::new(page.charset.map(str::to_owned), declared);
    let mut all = text.write(page.content).to_owned();
    let (rest, charset) = text.finish();
    all.push_str(rest);
    (all, charset)
}

impl Extraction {
    /// With these rules.
    ///
    /// # Errors
    /// Two of them have one name, and nothing tells by the URL which is meant.
    pub fn new(rules: Vec<Rule>) -> Result<Self, String> {
        for (position, rule) in rules.iter().enumerate() {
            let same = |other: &Rule| other.name == rule.name && other.pages.is_none();
            if rule.pages.is_none() && rules[..position].iter().any(same) {
                return Err(format!("the name {} is given twice", rule.name));
            }
        }
        Ok(Self { rules })
    }

    /// The names, each once, in their order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for rule in &self.rules {
            if !names.contains(&rule.name) {
                names.push(rule.name.clone());
            }
        }
        names
    }

    /// Is there nothing to be taken out of the page at `url`?
    #[must_use]
    pub fn skips(&self, url: &Url) -> bool {
        !self.rules.iter().any(|rule| rule.takes(url))
    }

    /// What the page holds.
    ///
    /// # Errors
    /// Why nothing could be looked for.
    pub fn read(&self, page: &Page<'_>) -> Result<Map<String, Value>, String> {
        let rules: Vec<&Rule> = self
            .rules
            .iter()
            .filter(|rule| rule.takes(page.url))
            .collect();
        let mut found = Map::new();
        if rules.is_empty() {
            return Ok(found);
        }
        let (text, _) = text_of(page);
        let tree = if rules.iter().any(|rule| matches!(rule.way, Way::Css { .. })) {
            if depth::beyond(&text) {
                return Err(format!(
                    "its elements are nested deeper than {}",
                    depth::LIMIT
                ));
            }
            Some(Html::parse_document(&text))
        } else {
            None
        };
        let base = tree.as_ref().and_then(|tree| base(tree, page.url));
        let base = base.as_ref().unwrap_or(page.url);
        let json = if rules.iter().any(|rule| matches!(rule.way, Way::Pointer(_))) {
            serde_json::from_str::<Value>(&text).ok()
        } else {
            None
        };
        for rule in rules {
            let mut values = match &rule.way {
                Way::Css {
                    selector,
                    attribute,
                } => tree.as_ref().map_or_else(Vec::new, |tree| {
                    let elements = tree.select(selector);
                    rule.first_or_all(
                        elements.filter_map(|element| value(element, attribute.as_deref())),
                    )
                }),
                Way::Regex(pattern) => {
                    let matches = pattern.captures_iter(&text).filter_map(|found| {
                        let group = found.iter().skip(1).flatten().next();
                        let text = group.or_else(|| found.get(0))?.as_str();
                        Some(Value::String(text.to_owned()))
                    });
                    rule.first_or_all(matches)
                }
                Way::Pointer(pointer) => {
                    match json.as_ref().and_then(|json| json.pointer(pointer)) {
                        Some(Value::Array(items)) if rule.all => items.clone(),
                        Some(value) => vec![value.clone()],
                        None => Vec::new(),
                    }
                }
            };
            values = values
                .into_iter()
                .filter_map(|value| rule.convert.apply(value, base))
                .collect();
            if rule.all {
                found.insert(rule.name.clone(), Value::Array(values));
            } else if let Some(first) = values.into_iter().next() {
                // The first rule that has a value for this page wins.
                found.entry(rule.name.clone()).or_insert(first);
            }
        }
        Ok(found)
    }
}

impl Rule {
    fn takes(&self, url: &Url) -> bool {
        self.pages
            .as_ref()
            .is_none_or(|pages| pages.is_match(url.as_str()))
    }

    fn first_or_all(&self, values: impl Iterator<Item = Value>) -> Vec<Value> {
        // Matches beyond this are no use to anyone, and each costs memory.
        const MOST: usize = 100_000;
        values.take(if self.all { MOST } else { 1 }).collect()
    }
}

/// The text of an element, white space folded, or an attribute; an element without that attribute is no match.
fn value(element: ElementRef<'_>, attribute: Option<&str>) -> Option<Value> {
    let text = if let Some(name) = attribute {
        element.attr(name)?.trim().to_owned()
    } else {
        let text: String = element.text().collect();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    Some(Value::String(text))
}

/// What the references of a page are relative to.
fn base(tree: &Html, url: &Url) -> Option<Url> {
    let element = tree.select(&Selector::parse("base[href]").ok()?).next()?;
    url.join(element.attr("href")?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<!doctype html><html><head><base href='/shop/'><title> A  page </title></head><body>\
        <h1>Chair &amp; <b>table</b></h1><p class=price>€ 1.299,50</p><time datetime=2026-03-01>1 March 2026</time>\
        <a href=a.html>one</a><a href='b.html?x=1&amp;y=2'>two</a><a>none</a></body></html>";

    fn read(rules: Vec<Rule>, essence: &str, content: &str) -> Value {
        let url = "http://h.test/x/y".parse().expect("a URL");
        let extraction = Extraction::new(rules).expect("rules");
        let page = Page {
            url: &url,
            essence,
            charset: None,
            content: content.as_bytes(),
        };
        Value::Object(extraction.read(&page).expect("values"))
    }

    fn select(text: &str) -> Rule {
        Rule::select(text).expect("a rule")
    }

    #[test]
    fn selectors_take_text_attributes_and_all_matches() {
        let found = read(
            vec![
                select("title=title"),
                select("head=h1"),
                select("links=a@href[]"),
                select("words=a[]"),
                select("none=table td"),
                select("nones=table td[]"),
            ],
            "text/html",
            PAGE,
        );
        let expected = serde_json::json!({
            "title": "A page", "head": "Chair & table",
            "links": ["a.html", "b.html?x=1&y=2"], "words": ["one", "two", "none"], "nones": [],
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn values_are_converted_and_what_is_none_is_absent() {
        let converted = |text, convert| Rule {
            convert,
            ..select(text)
        };
        let found = read(
            vec![
                converted("price=.price", Convert::Number),
                converted("no_number=h1", Convert::Number),
                converted("day=time@datetime", Convert::Date),
                converted("spelt=time", Convert::Date),
                converted("links=a@href[]", Convert::Url),
            ],
            "text/html",
            PAGE,
        );
        let expected = serde_json::json!({
            "price": 1299.5, "day": "2026-03-01", "spelt": "2026-03-01",
            "links": ["http://h.test/shop/a.html", "http://h.test/shop/b.html?x=1&y=2"],
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn patterns_and_pointers_read_what_is_no_html() {
        let json = r#"{"a":{"b/c":[1,2,{"d":"x"}]},"n":null}"#;
        let found = read(
            vec![
                Rule::regex(r#"word="d":"(\w+)""#).expect("a rule"),
                Rule::regex(r"digits=\d[]").expect("a rule"),
                Rule::json_pointer("first=/a/b~1c/0").expect("a rule"),
                Rule::json_pointer("all=/a/b~1c[]").expect("a rule"),
                Rule::json_pointer("none=/a/x").expect("a rule"),
            ],
            "application/json",
            json,
        );
        let expected = serde_json::json!({
            "word": "x", "digits": ["1", "2"], "first": 1, "all": [1, 2, {"d": "x"}],
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn a_rule_may_be_for_some_pages_only() {
        let for_pages = |text, pages: &str| Rule {
            pages: Some(Regex::new(pages).expect("a pattern")),
            ..select(text)
        };
        let rules = vec![
            for_pages("head=h1", "/blog/"),
            for_pages("head=title", "/x/"),
        ];
        let extraction = Extraction::new(rules.clone()).expect("rules");
        assert_eq!(extraction.names(), ["head"]);
        assert!(extraction.skips(&"http://h.test/other".parse().expect("a URL")));
        assert_eq!(
            read(rules, "text/html", PAGE),
            serde_json::json!({"head": "A page"})
        );
    }

    #[test]
    fn a_page_that_nests_without_end_is_refused() {
        let url: Url = "http://h.test/".parse().expect("a URL");
        let extraction = Extraction::new(vec![select("x=h1")]).expect("rules");
        let read = |content: &str| {
            extraction.read(&Page {
                url: &url,
                essence: "text/html",
                charset: None,
                content: content.as_bytes(),
            })
        };
        assert!(read(&"<div>".repeat(1_000_000)).is_err());
        assert!(read(&"<li>x".repeat(20_000)).is_ok());
        assert!(read(&"<p>x<br>".repeat(20_000)).is_ok());
    }
}
