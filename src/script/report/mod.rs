//! How a script went, in the forms that CI systems read.
//!
//! Every expectation is a test of its own, between one for the opening and one for the end of the
//! session, so that whatever goes wrong has a row it belongs to.

mod github;
mod junit;
mod tap;

use super::{Case, Place, Script, Verdict};
use crate::fault::Fault;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// A form, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// JUnit's XML, into a file.
    Junit(PathBuf),
    /// The Test Anything Protocol, version 14, on standard output.
    Tap,
    /// Annotations of GitHub Actions, on standard output; nothing when all is well.
    Github,
}

/// What became of a script, row by row.
pub struct Results {
    file: String,
    rows: Vec<Row>,
}

struct Row {
    place: Place,
    name: String,
    waited: Duration,
    outcome: Outcome,
}

enum Outcome {
    Passed,
    /// By an expectation, or by anything else.
    Failed(Fault),
    Skipped,
}

impl Report {
    /// The file it goes to; `None` is standard output.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Junit(file) => Some(file),
            Self::Tap | Self::Github => None,
        }
    }

    /// The report as text.
    pub fn write(&self, results: &Results) -> String {
        match self {
            Self::Junit(_) => junit::write(results),
            Self::Tap => tap::write(results),
            Self::Github => github::write(results),
        }
    }
}

impl Results {
    /// What became of a script; `cases` is `None` when the connection never opened.
    pub fn new(script: &Script, cases: Option<Vec<Case>>, fault: Option<&Fault>) -> Self {
        let opened = cases.is_some();
        let mut cases = cases.unwrap_or_else(|| script.cases());
        let judged = cases.iter().any(|case| matches!(case.verdict, Verdict::Failed { .. }));
        let row = |line: usize, name: &str, outcome| Row {
            place: Place { file: script.file.clone(), line },
            name: name.to_owned(),
            waited: Duration::ZERO,
            outcome,
        };
        let failed =
            |fault: Option<&Fault>| fault.map_or(Outcome::Passed, |fault| Outcome::Failed(fault.clone()));
        let mut rows = vec![row(1, "open", if opened { Outcome::Passed } else { failed(fault) })];
        rows.extend(cases.drain(..).map(Row::from));
        let last = script
            .steps
            .last()
            .map_or(1, |step| if step.place.file == script.file { step.place.line } else { 1 });
        rows.push(row(last, "close", if opened && !judged { failed(fault) } else { Outcome::Skipped }));
        Self { file: script.file.to_string(), rows }
    }

    /// The same with every fault as it may be told.
    pub fn redacted(mut self, told: impl Fn(&Fault) -> Fault) -> Self {
        for row in &mut self.rows {
            if let Outcome::Failed(fault) = &mut row.outcome {
                *fault = told(fault);
            }
        }
        self
    }

    fn count(&self, which: impl Fn(&Outcome) -> bool) -> usize {
        self.rows.iter().filter(|row| which(&row.outcome)).count()
    }
}

impl From<Case> for Row {
    fn from(case: Case) -> Self {
        let Case { place, title, verdict } = case;
        let (waited, outcome) = match verdict {
            Verdict::NotReached => (Duration::ZERO, Outcome::Skipped),
            Verdict::Passed(waited) => (waited, Outcome::Passed),
            Verdict::Failed { waited, fault } => (waited, Outcome::Failed(fault)),
        };
        Self { name: format!("{place}: {title}"), place, waited, outcome }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{exit::Exit, script::Loader};
    use std::fmt::Write;

    /// A script of three expectations, of which the second failed.
    pub(super) fn failed() -> Results {
        let script = script("> a\n< {\"ok\":true}\n< <b> & \"c\" # 1%\n< never\n");
        let mut cases = script.cases();
        cases[0].verdict = Verdict::Passed(Duration::from_millis(12));
        let fault = Fault::new(Exit::Expectation, "script", "a,b/t:x.wsio:3: something else came after 2 ms")
            .detail(["< <b> & \"c\" # 1%".to_owned(), "got \u{1b}[31m]]> \u{fffe}\n100%".to_owned()]);
        cases[1].verdict = Verdict::Failed { waited: Duration::from_millis(2), fault: fault.clone() };
        Results::new(&script, Some(cases), Some(&fault))
    }

    /// A script of one expectation, whose connection was refused.
    pub(super) fn refused() -> Results {
        let fault = Fault::new(Exit::Refused, "connect", "connection refused").hint("start it");
        Results::new(&script("< a"), None, Some(&fault))
    }

    pub(super) fn passed() -> Results {
        let script = script("< a");
        let mut cases = script.cases();
        cases[0].verdict = Verdict::Passed(Duration::from_millis(1500));
        Results::new(&script, Some(cases), None)
    }

    fn script(text: &str) -> Script {
        let mut loader = Loader { read: &mut |_| Err(String::new()), env: &|_| None };
        Script::parse(Path::new("a,b/t:x.wsio"), text, &mut loader).unwrap()
    }

    fn rows(results: &Results) -> String {
        results.rows.iter().fold(String::new(), |mut text, row| {
            let outcome = match row.outcome {
                Outcome::Passed => "passed",
                Outcome::Failed(_) => "failed",
                Outcome::Skipped => "skipped",
            };
            let _ = write!(text, "{}:{outcome} ", row.name.rsplit(": ").next().unwrap());
            text
        })
    }

    #[test]
    fn whatever_goes_wrong_has_a_row() {
        assert_eq!(rows(&passed()), "open:passed < a:passed close:passed ");
        assert_eq!(rows(&refused()), "open:failed < a:skipped close:skipped ");
        assert_eq!(
            rows(&failed()),
            "open:passed < {\"ok\":true}:passed < <b> & \"c\" # 1%:failed < never:skipped close:skipped "
        );
        let script = script("< a");
        let mut cases = script.cases();
        cases[0].verdict = Verdict::Passed(Duration::ZERO);
        let fault = Fault::new(Exit::CloseUnanswered, "session", "our Close was never answered");
        let results = Results::new(&script, Some(cases), Some(&fault));
        assert_eq!(rows(&results), "open:passed < a:passed close:failed ");
    }
}
