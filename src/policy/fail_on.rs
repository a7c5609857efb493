//! Which records make a run fail: `--fail-on '4xx,5xx,error'`.

use std::str::FromStr;

use crate::model::{FailureKind, Outcome, Visit};

/// A list of what is a failure of the run; without one it is every `broken` record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailOn(Vec<Term>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Term {
    /// These status codes, both included.
    Status(u16, u16),
    /// No answer that could be used.
    Error,
    Verdict(Outcome),
}

impl FailOn {
    /// Does this record make the run fail?
    #[must_use]
    pub fn matches(&self, visit: &Visit) -> bool {
        let error = |kind| !matches!(kind, FailureKind::Status | FailureKind::Interrupted);
        self.0.iter().any(|term| match *term {
            Term::Status(first, last) => visit
                .status
                .is_some_and(|code| (first..=last).contains(&code)),
            Term::Error => visit
                .error
                .as_ref()
                .is_some_and(|failure| error(failure.kind)),
            Term::Verdict(outcome) => visit.outcome == outcome,
        })
    }
}

impl FromStr for FailOn {
    type Err = String;

    /// `404`, `4xx`, `500..=599`, `error`, `broken`, `unknown`, `never`, and lists of these with commas.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim() == "never" {
            return Ok(Self(Vec::new()));
        }
        text.split(',')
            .map(|part| term(part.trim()))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn term(part: &str) -> Result<Term, String> {
    let wrong = || {
        format!(
            "'{part}' is nothing to fail on; accepted are 404, 4xx, 500..=599, error, broken, unknown, never and lists with commas"
        )
    };
    let code = |text: &str| match text.parse::<u16>() {
        Ok(code) if (100..=999).contains(&code) => Ok(code),
        _ => Err(wrong()),
    };
    match part {
        "error" => return Ok(Term::Error),
        "broken" => return Ok(Term::Verdict(Outcome::Broken)),
        "unknown" => return Ok(Term::Verdict(Outcome::Unknown)),
        _ => {}
    }
    if let Some(class) = part.strip_suffix("xx") {
        let first = code(&format!("{class}00"))?;
        return Ok(Term::Status(first, first + 99));
    }
    match part.split_once("..=") {
        Some((first, last)) => {
            let (first, last) = (code(first)?, code(last)?);
            if first > last {
                return Err(wrong());
            }
            Ok(Term::Status(first, last))
        }
        None => code(part).map(|code| Term::Status(code, code)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Failure;

    fn record(status: Option<u16>, kind: Option<FailureKind>, outcome: Outcome) -> Visit {
        let mut visit = Visit::new("0".into(), "x".into(), outcome);
        visit.status = status;
        visit.error = kind.map(|kind| Failure::new(kind, "x"));
        visit
    }

    #[test]
    fn a_list_says_what_fails() {
        let good = record(Some(200), None, Outcome::Ok);
        let gone = record(Some(404), Some(FailureKind::Status), Outcome::Broken);
        let down = record(Some(503), Some(FailureKind::Status), Outcome::Broken);
        let cut = record(Some(200), Some(FailureKind::Truncated), Outcome::Broken);
        let dead = record(None, Some(FailureKind::Dns), Outcome::Broken);
        let shut = record(None, Some(FailureKind::Robots), Outcome::Unknown);
        for (text, fails) in [
            ("4xx", [false, true, false, false, false, false]),
            ("503,404", [false, true, true, false, false, false]),
            ("200..=299", [true, false, false, true, false, false]),
            ("error", [false, false, false, true, true, true]),
            ("broken", [false, true, true, true, true, false]),
            ("5xx, unknown", [false, false, true, false, false, true]),
            ("never", [false; 6]),
        ] {
            let list: FailOn = text.parse().expect("a list");
            let found = [&good, &gone, &down, &cut, &dead, &shut].map(|visit| list.matches(visit));
            assert_eq!(found, fails, "{text}");
        }
        for bad in ["", "4x", "xx", "99", "500..=400", "oops", "404,"] {
            let error = bad.parse::<FailOn>().expect_err(bad);
            assert!(error.contains("accepted are"), "{error}");
        }
    }
}
