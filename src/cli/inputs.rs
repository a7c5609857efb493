//! What `check` reads, and how a local site is served: the flags about both, and from them the inputs.

use std::collections::HashSet;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use dragnet::input::{self, Selection};
use dragnet::job::{CheckInput as Input, Preprocess, Remap, Rule};
use dragnet::model::Origin;
use regex::Regex;
use url::Url;

/// Flags about inputs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Inputs")]
pub(super) struct InputOptions {
    /// Files, folders, globs, URLs; - or none: text on stdin
    #[arg(value_name = "INPUT", help_heading = "Arguments")]
    inputs: Vec<String>,
    /// Read more inputs from a file, one a line; lines that begin with # are none; - is stdin
    #[arg(long, value_name = "FILE")]
    files_from: Vec<PathBuf>,
    /// Globs match names whatever their case
    #[arg(long)]
    glob_ignore_case: bool,
    /// Below folders, only files with these extensions, such as md,html
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    extensions: Vec<String>,
    /// Leave out paths that match
    #[arg(long, value_name = "REGEX")]
    exclude_path: Vec<Regex>,
    /// Below folders, hidden files too
    #[arg(long)]
    hidden: bool,
    /// Below folders, files that .gitignore and its kin leave out too
    #[arg(long)]
    no_ignore: bool,
    /// Pass over inputs that cannot be read
    #[arg(long)]
    pub(super) skip_missing: bool,
    /// Exit 1 when no link was found at all
    #[arg(long)]
    pub(super) fail_if_empty: bool,
    /// Parse what this command says of each file instead of the file: it is run with the path as its last argument, without
    /// a shell, for 60s at most
    #[arg(long, value_name = "COMMAND")]
    pub(super) preprocess: Option<Preprocess>,
}

/// Flags about local sites.
#[derive(Debug, Args)]
#[command(next_help_heading = "Local sites")]
pub(super) struct SiteOptions {
    /// Stands in for the URL of local inputs: their relative links are looked for there
    #[arg(long, value_name = "URL")]
    pub(super) base_url: Option<Url>,
    /// Where links that begin with / start, for local inputs, and where a _redirects file is looked for [default: the
    /// folder that is the input]
    #[arg(long, value_name = "DIR")]
    pub(super) root_dir: Option<PathBuf>,
    /// What stands for a folder, in order; . is the folder itself, an empty list none
    #[arg(long, value_name = "LIST", default_value = "index.html,index.htm,.")]
    index_files: String,
    /// What may be missing at the end of a local link, in order: with html, about is served from about.html
    #[arg(long, value_name = "LIST", default_value = "")]
    fallback_extensions: String,
    #[arg(
        long,
        value_name = "PATTERN REPLACEMENT",
        help = "Put another URL in the place of those that match, once they are resolved, such as \
                '^https://example\\.org/(.*) file:///site/$1'; the first that matches counts"
    )]
    pub(super) remap: Vec<Remap>,
}

/// The inputs, and the origins of those that are URLs.
pub(super) struct Inputs {
    pub(super) inputs: Vec<Input>,
    pub(super) origins: HashSet<Origin>,
}

impl InputOptions {
    /// All inputs, in the order in which they were named.
    ///
    /// # Errors
    /// There is none, or a list of them cannot be read.
    pub(super) fn read(&self) -> anyhow::Result<Inputs> {
        let mut read = Inputs {
            inputs: Vec::new(),
            origins: HashSet::new(),
        };
        if self.inputs.is_empty() && self.files_from.is_empty() {
            let text = if std::io::stdin().is_terminal() {
                Vec::new()
            } else {
                stdin()?
            };
            if text.is_empty() {
                bail!("no INPUT: give files, folders, globs or URLs, or pipe text into it");
            }
            read.inputs.push(Input::Text("-".to_owned(), text));
        }
        for text in &self.inputs {
            if text == "-" {
                read.inputs.push(Input::Text("-".to_owned(), stdin()?));
            } else {
                // An argument stands in no line.
                read.add(text, 0, self.skip_missing)?;
            }
        }
        let stdins = self.inputs.iter().filter(|text| *text == "-").count();
        let lists = self
            .files_from
            .iter()
            .filter(|path| *path == Path::new("-"));
        if stdins + lists.count() > 1 {
            bail!("stdin is named twice with -, and can be read once");
        }
        for path in &self.files_from {
            let list = if path == Path::new("-") {
                stdin()?
            } else {
                let list = std::fs::read(path);
                list.with_context(|| format!("cannot read --files-from {}", path.display()))?
            };
            let list = String::from_utf8(list);
            let list = list.with_context(|| format!("--files-from {}", path.display()))?;
            let list = list.strip_prefix('\u{feff}').unwrap_or(&list);
            for (line, text) in (1..).zip(list.lines()) {
                let text = text.trim();
                if !text.is_empty() && !text.starts_with('#') {
                    read.add(text, line, self.skip_missing)?;
                }
            }
        }
        Ok(read)
    }

    /// What is left out below folders.
    pub(super) fn selection(&self) -> Selection {
        let bare = |name: &String| name.trim_start_matches('.').to_lowercase();
        Selection {
            hidden: self.hidden,
            no_ignore: self.no_ignore,
            extensions: self.extensions.iter().map(bare).collect(),
            exclude_path: rules("--exclude-path", &self.exclude_path),
            ignore_case: self.glob_ignore_case,
        }
    }
}

impl SiteOptions {
    /// The names that stand for a folder.
    pub(super) fn index_files(&self) -> Vec<String> {
        list(&self.index_files).map(str::to_owned).collect()
    }

    /// What may be missing at the end of a name, without dots.
    pub(super) fn fallback_extensions(&self) -> Vec<String> {
        let names = list(&self.fallback_extensions).map(|name| name.trim_start_matches('.'));
        names.map(str::to_owned).collect()
    }

    /// # Errors
    /// `--base-url` is of another scheme.
    pub(super) fn base_url(&self) -> anyhow::Result<Option<Url>> {
        match &self.base_url {
            Some(url) if !matches!(url.scheme(), "http" | "https") => {
                bail!("--base-url {url} is no http or https URL; a folder goes with --root-dir")
            }
            url => Ok(url.clone()),
        }
    }
}

impl Inputs {
    fn add(&mut self, text: &str, line: u64, skip_missing: bool) -> anyhow::Result<()> {
        self.inputs.push(
            if text.starts_with("http://") || text.starts_with("https://") {
                let target = input::seed(text, line, "https");
                self.origins.insert(Origin::of(&target.url));
                Input::Url(Box::new(target))
            } else {
                if !skip_missing
                    && !Path::new(text).exists()
                    && let Some(instead) = instead(text)
                {
                    bail!("there is no file {text}; {instead}");
                }
                Input::Path(PathBuf::from(text))
            },
        );
        Ok(())
    }
}

/// What to write for an input that is no path, in words; `None` where it looks like one.
fn instead(text: &str) -> Option<String> {
    if let Some((scheme, _)) = text.split_once("://") {
        let url = Url::parse(text).ok().filter(|_| scheme == "file");
        let path = url.and_then(|url| url.to_file_path().ok());
        return Some(match path {
            Some(path) => format!("a file is an input by its path: {}", path.display()),
            None => format!("only URLs of http and https are inputs, and not those of {scheme}"),
        });
    }
    let host = text.split(['/', ':', '?', '#']).next()?;
    let (name, last) = host.rsplit_once('.')?;
    let named =
        !name.is_empty() && last.len() > 1 && last.bytes().all(|byte| byte.is_ascii_alphabetic());
    // README.md is a file that is not there.
    let page = named && (host.len() < text.len() || host.starts_with("www."));
    page.then(|| format!("for a page, write https://{text}"))
}

/// Patterns by the flag that they were given for.
pub(super) fn rules(flag: &str, patterns: &[Regex]) -> Vec<Rule> {
    let rule = |pattern: &Regex| Rule::new(flag, pattern.clone());
    patterns.iter().map(rule).collect()
}

/// The parts of a list that commas separate.
fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

/// All of stdin; links are looked for in the whole of it.
fn stdin() -> anyhow::Result<Vec<u8>> {
    let mut stdin = std::io::stdin();
    if stdin.is_terminal() {
        bail!("- reads stdin, and stdin is a terminal: pipe something into it");
    }
    let mut text = Vec::new();
    stdin.read_to_end(&mut text).context("cannot read stdin")?;
    Ok(text)
}
