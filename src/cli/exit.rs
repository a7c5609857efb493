//! The exit codes, and how the end of a run maps to one.
//!
//! | code | meaning |
//! | --- | --- |
//! | 0 | all that was asked for is good; also when the reader of stdout went away |
//! | 1 | the run finished, and something is broken |
//! | 2 | the run could not be done: usage, unreadable input, unwritable output |
//! | 130 | interrupted (143 on SIGTERM); what was finished is written |

use std::io::Write;
use std::process::ExitCode;

use dragnet::job::{Error, OutputError, Report, exit_code};

use super::process::Signals;

/// Says why the run could not be done.
pub(crate) fn fail(error: &anyhow::Error) -> ExitCode {
    // stderr may be gone; then there is nobody to tell.
    let _ = writeln!(
        std::io::stderr(),
        "dragnet: {}",
        dragnet::sink::for_terminal(&format!("{error:#}"))
    );
    ExitCode::from(2)
}

/// The code for a run that ended.
pub(super) fn code(
    result: Result<Report, Error>,
    signals: &Signals,
) -> anyhow::Result<(Option<Report>, ExitCode)> {
    match result {
        Ok(report) => {
            let code = match (report.finished_before, report.interrupted) {
                (Some(code), _) => code,
                (None, true) => signals.code(),
                (None, false) => exit_code(&report.summary),
            };
            Ok((Some(report), ExitCode::from(code)))
        }
        // The quiet end of a pipe.
        Err(Error::Output(OutputError::Closed)) => Ok((None, ExitCode::SUCCESS)),
        Err(error) => Err(error.into()),
    }
}
