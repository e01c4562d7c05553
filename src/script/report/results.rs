//! Results of a script: every expectation is a row, between one for the opening and one for the end.

use super::super::{Case, Place, Script, Verdict};
use crate::fault::Fault;
use std::time::Duration;

/// The results of a script, row by row.
pub struct Results {
    pub(super) file: String,
    pub(super) rows: Vec<Row>,
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

pub(super) struct Row {
    pub place: Place,
    pub name: String,
    pub waited: Duration,
    pub outcome: Outcome,
}

pub(super) enum Outcome {
    Passed,
    /// By an expectation, or by anything else.
    Failed(Fault),
    Skipped,
}

impl Results {
    /// The results of one run; `cases` is `None` when the connection never opened.
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
        let first = match (opened, fault) {
            (true, _) => Outcome::Passed,
            (false, Some(fault)) => Outcome::Failed(fault.clone()),
            // Nobody came.
            (false, None) => Outcome::Skipped,
        };
        let mut rows = vec![row(1, "open", first)];
        rows.extend(cases.drain(..).map(Row::from));
        let last = script
            .steps
            .last()
            .map_or(1, |step| if step.place.file == script.file { step.place.line } else { 1 });
        rows.push(row(last, "close", if opened && !judged { failed(fault) } else { Outcome::Skipped }));
        Self { file: script.file.to_string(), rows }
    }

    /// The results of runs with many clients, whose numbers stand before the names of the rows.
    pub fn of_many(script: &Script, played: impl IntoIterator<Item = Played>) -> Self {
        let rows = played.into_iter().flat_map(|Played { conn, cases, fault }| {
            let rows = Self::new(script, cases, fault.as_ref()).rows;
            let number = conn.map_or_else(String::new, |conn| format!("client {conn}: "));
            rows.into_iter().map(move |row| Row { name: format!("{number}{}", row.name), ..row })
        });
        Self { file: script.file.to_string(), rows: rows.collect() }
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

    pub(super) fn count(&self, which: impl Fn(&Outcome) -> bool) -> usize {
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
