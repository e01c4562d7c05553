//! Results of a script, in the forms that CI systems read.
//!
//! Every expectation is a test of its own, between one for the opening and one for the end of the
//! session, so that whatever goes wrong has a row it belongs to.

use crate::{
    exit::Exit,
    fault::{Fault, printable},
    script::{Case, CaseVerdict, Script, ScriptPlace},
};
use serde_json::Value;
use std::{
    fmt::Write,
    path::{Path, PathBuf},
    time::Duration,
};

/// The results of a script: every expectation is a row, between one for the opening and one for the end.
pub struct Results {
    file: String,
    rows: Vec<ReportRow>,
}

/// The run of a script with one of many clients.
pub struct Played {
    /// The client's number.
    pub conn: Option<u64>,
    /// Its expectations; `None` when the opening was not as expected.
    pub cases: Option<Vec<Case>>,
    /// Why it failed, if it did.
    pub fault: Option<Fault>,
}

struct ReportRow {
    pub place: ScriptPlace,
    pub name: String,
    pub waited: Duration,
    pub outcome: RowOutcome,
}

enum RowOutcome {
    Passed,
    /// By an expectation, or by anything else.
    Failed(Fault),
    Skipped,
}

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

impl Results {
    /// The results of one run; `cases` is `None` when the connection never opened.
    pub fn new(script: &Script, cases: Option<Vec<Case>>, fault: Option<&Fault>) -> Self {
        let opened = cases.is_some();
        let mut cases = cases.unwrap_or_else(|| script.cases());
        let judged = cases.iter().any(|case| matches!(case.verdict, CaseVerdict::Failed { .. }));
        let row = |line: usize, name: &str, outcome| ReportRow {
            place: ScriptPlace { file: script.file.clone(), line },
            name: name.to_owned(),
            waited: Duration::ZERO,
            outcome,
        };
        let failed = |fault: Option<&Fault>| {
            fault.map_or(RowOutcome::Passed, |fault| RowOutcome::Failed(fault.clone()))
        };
        let first = match (opened, fault) {
            (true, _) => RowOutcome::Passed,
            (false, Some(fault)) => RowOutcome::Failed(fault.clone()),
            // Nobody came.
            (false, None) => RowOutcome::Skipped,
        };
        let mut rows = vec![row(1, "open", first)];
        rows.extend(cases.drain(..).map(ReportRow::from));
        let last = script
            .steps
            .last()
            .map_or(1, |step| if step.place.file == script.file { step.place.line } else { 1 });
        rows.push(row(last, "close", if opened && !judged { failed(fault) } else { RowOutcome::Skipped }));
        Self { file: script.file.to_string(), rows }
    }

    /// The results of runs with many clients, whose numbers stand before the names of the rows.
    pub fn of_many(script: &Script, played: impl IntoIterator<Item = Played>) -> Self {
        let rows = played.into_iter().flat_map(|Played { conn, cases, fault }| {
            let rows = Self::new(script, cases, fault.as_ref()).rows;
            let number = conn.map_or_else(String::new, |conn| format!("client {conn}: "));
            rows.into_iter().map(move |row| ReportRow { name: format!("{number}{}", row.name), ..row })
        });
        Self { file: script.file.to_string(), rows: rows.collect() }
    }

    /// The same with every fault as it may be told.
    pub fn redacted(mut self, told: impl Fn(&Fault) -> Fault) -> Self {
        for row in &mut self.rows {
            if let RowOutcome::Failed(fault) = &mut row.outcome {
                *fault = told(fault);
            }
        }
        self
    }

    fn count(&self, which: impl Fn(&RowOutcome) -> bool) -> usize {
        self.rows.iter().filter(|row| which(&row.outcome)).count()
    }
}

impl From<Case> for ReportRow {
    fn from(case: Case) -> Self {
        let Case { place, title, verdict } = case;
        let (waited, outcome) = match verdict {
            CaseVerdict::NotReached => (Duration::ZERO, RowOutcome::Skipped),
            CaseVerdict::Passed(waited) => (waited, RowOutcome::Passed),
            CaseVerdict::Failed { waited, fault } => (waited, RowOutcome::Failed(fault)),
        };
        Self { name: format!("{place}: {title}"), place, waited, outcome }
    }
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
            Self::Junit(_) => junit(results),
            Self::Tap => tap(results),
            Self::Github => github(results),
        }
    }
}

/// JUnit's XML as the Ant task writes it and CI systems read it.
fn junit(results: &Results) -> String {
    let unmet = |fault: &Fault| fault.exit == Exit::Expectation;
    let total: Duration = results.rows.iter().map(|row| row.waited).sum();
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\"",
        results.rows.len(),
        results.count(|outcome| matches!(outcome, RowOutcome::Failed(fault) if unmet(fault))),
        results.count(|outcome| matches!(outcome, RowOutcome::Failed(fault) if !unmet(fault))),
        results.count(|outcome| matches!(outcome, RowOutcome::Skipped)),
        seconds(total),
    );
    let file = xml_escaped(&results.file, true);
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n  <testsuite name=\"{file}\" {counts}>\n"
    );
    for row in &results.rows {
        let _ = write!(
            xml,
            "    <testcase classname=\"{file}\" name=\"{}\" file=\"{}\" line=\"{}\" time=\"{}\"",
            xml_escaped(&printable(&row.name), true),
            xml_escaped(&row.place.file, true),
            row.place.line,
            seconds(row.waited),
        );
        let _ = match &row.outcome {
            RowOutcome::Passed => writeln!(xml, "/>"),
            RowOutcome::Skipped => writeln!(xml, "><skipped/></testcase>"),
            RowOutcome::Failed(fault) => {
                let (element, kind) = match unmet(fault) {
                    true => ("failure", "expectation".to_owned()),
                    false => ("error", format!("exit {}", fault.exit.code())),
                };
                let (message, text) =
                    (xml_escaped(&printable(&fault.cause), true), xml_escaped(&fault.to_string(), false));
                writeln!(
                    xml,
                    "><{element} message=\"{message}\" type=\"{kind}\">{text}</{element}></testcase>"
                )
            }
        };
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

fn seconds(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64())
}

/// Text for XML 1.0; characters it cannot hold at all become U+FFFD.
fn xml_escaped(text: &str, attribute: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            // `]]>` may not stand in text.
            '>' => escaped.push_str("&gt;"),
            '"' if attribute => escaped.push_str("&quot;"),
            '\n' | '\t' | '\r' if attribute || character == '\r' => {
                let _ = write!(escaped, "&#{};", u32::from(character));
            }
            '\n' | '\t' => escaped.push(character),
            '\0'..=' ' if character < ' ' => escaped.push('\u{fffd}'),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The Test Anything Protocol, version 14 (<https://testanything.org/tap-version-14-specification.html>).
fn tap(results: &Results) -> String {
    let mut tap = format!("TAP version 14\n1..{}\n", results.rows.len());
    for (index, row) in results.rows.iter().enumerate() {
        let (number, name) = (index + 1, tap_description(&row.name));
        let _ = match &row.outcome {
            RowOutcome::Passed => writeln!(tap, "ok {number} - {name}"),
            RowOutcome::Skipped => writeln!(tap, "ok {number} - {name} # SKIP not reached"),
            RowOutcome::Failed(fault) => {
                // JSON is YAML too.
                let json = |text: &str| Value::from(printable(text)).to_string();
                let detail: Value = fault.detail.iter().map(|line| printable(line)).collect();
                writeln!(
                    tap,
                    "not ok {number} - {name}\n  ---\n  message: {}\n  file: {}\n  line: {}\n  exit: {}\n  detail: {detail}\n  ...",
                    json(&format!("{}: {}", fault.phase, fault.cause)),
                    json(&row.place.file),
                    row.place.line,
                    fault.exit.code(),
                )
            }
        };
    }
    tap
}

/// A description, in which `#` would begin a directive.
fn tap_description(name: &str) -> String {
    printable(name).replace('\\', "\\\\").replace('#', "\\#")
}

/// Annotations of GitHub Actions: workflow commands on standard output, which mark lines of files.
fn github(results: &Results) -> String {
    let mut commands = String::new();
    for row in &results.rows {
        let RowOutcome::Failed(fault) = &row.outcome else { continue };
        let (file, line) = (property(&row.place.file), row.place.line);
        commands
            .push_str(&format!("::error file={file},line={line},title=wsio::{}\n", data(&fault.to_string())));
    }
    commands
}

/// The text behind a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A value among its properties.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        exit::Exit,
        fault::Fault,
        script::{CaseVerdict, Loader, Script},
    };
    use std::{fmt::Write, time::Duration};

    /// A script of three expectations, of which the second failed.
    fn failed() -> Results {
        let script = script("> a\n< {\"ok\":true}\n< <b> & \"c\" # 1%\n< never\n");
        let mut cases = script.cases();
        cases[0].verdict = CaseVerdict::Passed(Duration::from_millis(12));
        let fault = Fault::new(Exit::Expectation, "script", "a,b/t:x.wsio:3: something else came after 2 ms")
            .detail(["< <b> & \"c\" # 1%".to_owned(), "got \u{1b}[31m]]> \u{fffe}\n100%".to_owned()]);
        cases[1].verdict = CaseVerdict::Failed { waited: Duration::from_millis(2), fault: fault.clone() };
        Results::new(&script, Some(cases), Some(&fault))
    }

    /// A script of one expectation, whose connection was refused.
    fn refused() -> Results {
        let fault = Fault::new(Exit::Refused, "connect", "connection refused").hint("start it");
        Results::new(&script("< a"), None, Some(&fault))
    }

    fn passed() -> Results {
        let script = script("< a");
        let mut cases = script.cases();
        cases[0].verdict = CaseVerdict::Passed(Duration::from_millis(1500));
        Results::new(&script, Some(cases), None)
    }

    fn script(text: &str) -> Script {
        let mut loader = Loader { read: &mut |_| Err(String::new()), env: &|_| None };
        Script::parse(Path::new("a,b/t:x.wsio"), text, &mut loader).unwrap()
    }

    fn rows(results: &Results) -> String {
        results.rows.iter().fold(String::new(), |mut text, row| {
            let outcome = match row.outcome {
                RowOutcome::Passed => "passed",
                RowOutcome::Failed(_) => "failed",
                RowOutcome::Skipped => "skipped",
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
        cases[0].verdict = CaseVerdict::Passed(Duration::ZERO);
        let fault = Fault::new(Exit::CloseUnanswered, "session", "our Close was never answered");
        let results = Results::new(&script, Some(cases), Some(&fault));
        assert_eq!(rows(&results), "open:passed < a:passed close:failed ");
    }

    #[test]
    fn a_failure_is_one_test_and_says_why() {
        assert_eq!(
            junit(&failed()),
            concat!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
                "<testsuites tests=\"5\" failures=\"1\" errors=\"0\" skipped=\"2\" time=\"0.014\">\n",
                "  <testsuite name=\"a,b/t:x.wsio\" tests=\"5\" failures=\"1\" errors=\"0\" skipped=\"2\" time=\"0.014\">\n",
                "    <testcase classname=\"a,b/t:x.wsio\" name=\"open\" file=\"a,b/t:x.wsio\" line=\"1\" time=\"0.000\"/>\n",
                "    <testcase classname=\"a,b/t:x.wsio\" name=\"a,b/t:x.wsio:2: &lt; {&quot;ok&quot;:true}\" file=\"a,b/t:x.wsio\" line=\"2\" time=\"0.012\"/>\n",
                "    <testcase classname=\"a,b/t:x.wsio\" name=\"a,b/t:x.wsio:3: &lt; &lt;b&gt; &amp; &quot;c&quot; # 1%\" file=\"a,b/t:x.wsio\" line=\"3\" time=\"0.002\">",
                "<failure message=\"a,b/t:x.wsio:3: something else came after 2 ms\" type=\"expectation\">",
                "script: a,b/t:x.wsio:3: something else came after 2 ms\n  | &lt; &lt;b&gt; &amp; \"c\" # 1%\n  | got \\u{1b}[31m]]&gt; \u{fffd}\\n100%",
                "</failure></testcase>\n",
                "    <testcase classname=\"a,b/t:x.wsio\" name=\"a,b/t:x.wsio:4: &lt; never\" file=\"a,b/t:x.wsio\" line=\"4\" time=\"0.000\"><skipped/></testcase>\n",
                "    <testcase classname=\"a,b/t:x.wsio\" name=\"close\" file=\"a,b/t:x.wsio\" line=\"4\" time=\"0.000\"><skipped/></testcase>\n",
                "  </testsuite>\n</testsuites>\n",
            )
        );
    }

    #[test]
    fn a_connection_that_failed_is_an_error() {
        let xml = junit(&refused());
        assert!(xml.contains("tests=\"3\" failures=\"0\" errors=\"1\" skipped=\"2\""), "{xml}");
        assert!(xml.contains("<error message=\"connection refused\" type=\"exit 7\">connect: connection refused\n  try: start it</error>"), "{xml}");
        assert!(!junit(&passed()).contains("<failure"));
    }

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        assert_eq!(
            xml_escaped("a\0\u{1b}\u{8}\u{ffff}\t\n\r<>&\"'é🦀", false),
            "a\u{fffd}\u{fffd}\u{fffd}\u{fffd}\t\n&#13;&lt;&gt;&amp;\"'é🦀"
        );
        assert_eq!(xml_escaped("\t\n\r\"", true), "&#9;&#10;&#13;&quot;");
    }

    #[test]
    fn every_row_is_a_test() {
        assert_eq!(
            tap(&failed()),
            concat!(
                "TAP version 14\n1..5\nok 1 - open\nok 2 - a,b/t:x.wsio:2: < {\"ok\":true}\n",
                "not ok 3 - a,b/t:x.wsio:3: < <b> & \"c\" \\# 1%\n  ---\n",
                "  message: \"script: a,b/t:x.wsio:3: something else came after 2 ms\"\n",
                "  file: \"a,b/t:x.wsio\"\n  line: 3\n  exit: 1\n",
                "  detail: [\"< <b> & \\\"c\\\" # 1%\",\"got \\\\u{1b}[31m]]> \u{fffe}\\\\n100%\"]\n  ...\n",
                "ok 4 - a,b/t:x.wsio:4: < never # SKIP not reached\nok 5 - close # SKIP not reached\n",
            )
        );
        assert_eq!(
            tap(&passed()),
            "TAP version 14\n1..3\nok 1 - open\nok 2 - a,b/t:x.wsio:1: < a\nok 3 - close\n"
        );
        assert!(
            tap(&refused()).contains("not ok 1 - open\n  ---\n  message: \"connect: connection refused\"\n")
        );
    }

    #[test]
    fn a_failure_marks_its_line() {
        assert_eq!(
            github(&failed()),
            concat!(
                "::error file=a%2Cb/t%3Ax.wsio,line=3,title=wsio::script: a,b/t:x.wsio:3: something else came after 2 ms",
                "%0A  | < <b> & \"c\" # 1%25%0A  | got \\u{1b}[31m]]> \u{fffe}\\n100%25\n",
            )
        );
        assert_eq!(github(&passed()), "");
        assert!(github(&refused()).starts_with("::error file=a%2Cb/t%3Ax.wsio,line=1,title=wsio::connect: "));
    }
}
