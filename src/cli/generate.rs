//! `dragnet generate`: the manual and the completions of shells, made from the flags themselves, so that they never tell of
//! others.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;

/// Arguments of `generate`.
#[derive(Debug, Args)]
pub(crate) struct GenerateOptions {
    /// What is printed on stdout
    #[arg(value_name = "WHAT")]
    what: What,
}

/// What can be made.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// The manual: dragnet generate man > dragnet.1
    Man,
    /// Completions: source <(dragnet generate bash)
    Bash,
    /// Completions: source <(dragnet generate zsh)
    Zsh,
    /// Completions: dragnet generate fish | source
    Fish,
    /// Completions: dragnet generate powershell | Out-String | Invoke-Expression
    Powershell,
}

/// Prints it.
///
/// # Errors
/// When stdout cannot be written.
pub(super) fn run(options: GenerateOptions, command: clap::Command) -> anyhow::Result<ExitCode> {
    let text = match options.what {
        What::Man => manual(command)?,
        What::Bash => completions(Shell::Bash, command),
        What::Zsh => completions(Shell::Zsh, command),
        What::Fish => completions(Shell::Fish, command),
        What::Powershell => completions(Shell::PowerShell, command),
    };
    match std::io::stdout().write_all(&text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to stdout")
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn completions(shell: Shell, mut command: clap::Command) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, "dragnet", &mut text);
    text
}

/// One page for the program, with a part for each of its jobs.
fn manual(mut command: clap::Command) -> anyhow::Result<Vec<u8>> {
    // Gives the jobs their full names.
    command.build();
    let mut text = Vec::new();
    Man::new(command.clone()).render(&mut text)?;
    for job in command.get_subcommands() {
        if matches!(job.get_name(), "fetch" | "crawl" | "check") {
            let page = Man::new(job.clone());
            page.render_name_section(&mut text)?;
            page.render_synopsis_section(&mut text)?;
            page.render_options_section(&mut text)?;
        }
    }
    Ok(text)
}
