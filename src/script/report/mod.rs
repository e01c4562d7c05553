//! Results of a script, in the forms that CI systems read.
//!
//! Every expectation is a test of its own, between one for the opening and one for the end of the
//! session, so that whatever goes wrong has a row it belongs to.

mod github;
mod junit;
mod results;
mod tap;

pub use results::{Played, Results};

use std::path::{Path, PathBuf};

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

#[cfg(test)]
mod tests {
    use super::{results::Outcome, *};
    use crate::{
        exit::Exit,
        fault::Fault,
        script::{Loader, Script, Verdict},
    };
    use std::{fmt::Write, time::Duration};

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
