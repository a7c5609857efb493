//! The program: parse, build the one-threaded runtime, run, exit. Everything else is in `cli`, which knows
//! the terminal, and in the library, which does not.

#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

/// musl's own has one lock for all threads: checking a folder takes twice as long with it.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let (command, matches) = cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            return cli::fail(&anyhow::Error::new(error).context("cannot start the event loop"));
        }
    };
    let code = match runtime.block_on(cli::run(command, &matches)) {
        Ok(code) => code,
        Err(error) => cli::fail(&error),
    };
    // A read of stdin may never return; its thread ends with the process.
    runtime.shutdown_background();
    code
}
