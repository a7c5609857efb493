//! `-f` and `-o`: which records go where, in which format.
//!
//! They pair in the order in which they stand: an `-o` takes the `-f` before it, or else the format that its
//! extension names; an `-f` that no `-o` takes is for stdout. All files are opened before the first request.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{ArgMatches, Args};
use dragnet::job::{Destination, Output};
use dragnet::sink::{self, Format, Medium};

/// Output flags.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputOptions {
    /// Format of the records, for the -o that follows or for stdout
    #[arg(short, long, value_name = "NAME", value_parser = formats())]
    pub(super) format: Vec<String>,
    /// Write records to a file instead of stdout, in the format before it or the one that its extension names
    #[arg(short, long, value_name = "PATH")]
    pub(super) output: Vec<PathBuf>,
    /// How -f template words a record: '{status} {url} {timing.ttfb}'; without -f, it is for stdout
    #[arg(long, value_name = "TEXT")]
    pub(super) template: Option<sink::Template>,
    /// Say nothing but results and errors
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// Draw the progress on stderr
    #[arg(long, value_name = "WHEN", default_value = "auto", value_parser = ["auto", "always", "never"])]
    pub(super) progress: String,
    /// Use colours
    #[arg(long, value_name = "WHEN", default_value = "auto", value_parser = ["auto", "always", "never"])]
    pub(super) color: String,
}

fn formats() -> Vec<clap::builder::PossibleValue> {
    sink::FORMATS
        .iter()
        .map(|format| clap::builder::PossibleValue::new(format.name).help(format.about))
        .collect()
}

impl OutputOptions {
    /// Formats and their places, `None` for stdout; stdout gets `text` when nothing else was said.
    pub(super) fn pairs(
        &self,
        matches: &ArgMatches,
    ) -> anyhow::Result<Vec<(&'static Format, Option<PathBuf>)>> {
        let indices = |id| matches.indices_of(id).into_iter().flatten();
        let formats = indices("format")
            .zip(&self.format)
            .map(|(at, name)| (at, Some(name), None));
        let paths = indices("output")
            .zip(&self.output)
            .map(|(at, path)| (at, None, Some(path)));
        let mut said: Vec<_> = formats.chain(paths).collect();
        said.sort_by_key(|(at, ..)| *at);
        let mut pairs = Vec::new();
        let mut waiting: Option<&'static Format> = None;
        for (_, name, path) in said {
            if let Some(name) = name {
                let format = sink::named(name).map_err(anyhow::Error::msg)?;
                if let Some(before) = waiting.replace(format) {
                    pairs.push((before, None));
                }
            } else if let Some(path) = path {
                let guess = || {
                    if path.as_os_str() == "-" {
                        return sink::named("text").ok();
                    }
                    // What is a folder, or shall be one, is for the one format that is a tree.
                    if path.as_os_str().as_encoded_bytes().ends_with(b"/") || path.is_dir() {
                        return sink::named("mirror").ok();
                    }
                    path.file_name()
                        .and_then(|name| sink::for_file(&name.to_string_lossy()))
                };
                let format = waiting.take().or_else(guess).with_context(|| {
                    let names: Vec<_> = sink::FORMATS.iter().map(|format| format.name).collect();
                    format!(
                        "no format for -o {}: put -f before it ({})",
                        path.display(),
                        names.join(", ")
                    )
                })?;
                let to_stdout = path.as_os_str() == "-";
                pairs.push((format, (!to_stdout).then(|| path.clone())));
            }
        }
        pairs.extend(waiting.map(|format| (format, None)));
        let worded = |(format, _): &(&Format, _)| format.name == "template";
        if self.template.is_none() && pairs.iter().any(worded) {
            bail!("-f template needs --template, such as --template '{{status}} {{url}}'");
        }
        if self.template.is_some() && !pairs.iter().any(worded) {
            pairs.push((sink::named("template").map_err(anyhow::Error::msg)?, None));
        }
        if pairs.is_empty() {
            pairs.push((sink::named("text").map_err(anyhow::Error::msg)?, None));
        }
        for (format, path) in &pairs {
            if path.is_none() && matches!(format.medium, Medium::Place(_)) {
                bail!("-f {} needs a path: give it -o PATH", format.name);
            }
        }
        if pairs.iter().filter(|(_, path)| path.is_none()).count() > 1 {
            bail!("two formats for stdout; give one of them a file with -o");
        }
        Ok(pairs)
    }
}

/// Opens the outputs; `stdout` is where the one without a path writes.
pub(super) fn open(
    pairs: &[(&'static Format, Option<PathBuf>)],
    options: &sink::Options,
    mut stdout: impl FnMut() -> Box<dyn Write + Send>,
) -> Vec<Output> {
    pairs
        .iter()
        .map(|(format, path)| {
            // Colours are for terminals, and a file is none.
            let options = sink::Options {
                colour: options.colour && path.is_none(),
                ..options.clone()
            };
            match (format.medium, path) {
                (Medium::Bytes(sink) | Medium::Document(sink), path) => Output::Bytes {
                    sink: sink(&options),
                    destination: match path {
                        Some(path) => Destination::File(path.clone()),
                        None => Destination::Stream(stdout()),
                    },
                    captures: format.captures,
                    document: matches!(format.medium, Medium::Document(_)),
                },
                (Medium::Place(open), path) => Output::Place {
                    // `pairs` has refused those without one.
                    path: path.clone().unwrap_or_default(),
                    open,
                    options,
                    captures: format.captures,
                },
            }
        })
        .collect()
}
