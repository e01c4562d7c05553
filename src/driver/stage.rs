//! What a run finds out beside carrying messages, and writes down: how the server opens, how a script
//! goes, what passed.

use super::run::Run;
use crate::{
    endpoint::{self, Endpoint},
    exit::Exit,
    fault::{Fault, Result},
    framing::record::Facts,
    link::{Link, Recorder, ScriptRun, write_file},
    net,
    observe::Redactor,
    plan::{Common, Expect},
    script::{Case, Limits, Script, report::Results},
    session::{Instant, Rules},
};
use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long `connect` waits for what a script expects, unless something else is said.
const PATIENCE: Duration = Duration::from_secs(10);

/// The phase of what is found out before anything is said.
const OPENING: &str = "upgrade";

/// What is kept of the scripts that were played.
#[derive(Default)]
pub(super) struct Stage {
    /// What became of the last one; `None` within when the opening was not as expected.
    played: Mutex<Option<Option<Vec<Case>>>>,
    /// Tells on standard output what passes, since the link there is a script.
    pub told: Option<Recorder>,
}

/// What is not as expected of an opening.
pub(super) fn unexpected(expect: &Expect, facts: &Facts, redactor: &Redactor) -> Option<Fault> {
    let expected = expect.subprotocol.as_ref().filter(|name| facts.subprotocol.as_ref() != Some(name))?;
    let shown = |name: &String| format!("`{}`", redactor.subprotocol(name));
    let chosen = facts.subprotocol.as_ref().map_or("none".to_owned(), shown);
    let cause = format!("expected the subprotocol {}, the server chose {chosen}", shown(expected));
    Some(Fault::new(Exit::Expectation, OPENING, cause))
}

/// The endpoint that plays a script.
pub(super) fn endpoint(script: &Arc<Script>, common: &Common, serving: bool) -> Box<dyn Endpoint> {
    let rules = &common.rules;
    let limits = Limits {
        // A client may think as long as it likes; what we started has to answer.
        wait: if serving || rules.timeout.is_some() { None } else { Some(PATIENCE) },
        max_message: common.max_message,
        close: rules.close.clone(),
        ok_close: rules.ok_close.clone(),
    };
    endpoint::script(Arc::clone(script), limits)
}

/// The script that one of the two links plays, until then at most.
pub(super) fn run(a: &Link, b: &Link, until: Option<Instant>) -> Option<ScriptRun> {
    let ((Link::Script(script), _) | (_, Link::Script(script))) = (a, b) else { return None };
    let run = script.run();
    run.limit(until);
    Some(run)
}

/// The rules of a session: whether the peer's Close is fine is the script's to say, if there is one.
pub(super) fn rules(rules: &Rules, script: Option<&ScriptRun>) -> Rules {
    match script {
        Some(_) => Rules { ok_close: vec![0..=u16::MAX], ..rules.clone() },
        None => rules.clone(),
    }
}

impl Stage {
    /// The verdict on a session whose script was this.
    pub(super) fn conclude(&self, script: &ScriptRun, fault: Option<Fault>) -> Option<Fault> {
        let begun = fault.as_ref().is_none_or(|fault| fault.phase != OPENING);
        let fault = if begun { script.conclude(fault) } else { fault };
        *self.lock() = Some(begun.then(|| script.cases()));
        fault
    }

    /// Whether there was a session for a script.
    pub(super) fn has_begun(&self) -> bool {
        self.lock().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Option<Vec<Case>>>> {
        self.played.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run {
    /// The same run with its recording open, if one was asked for.
    pub(super) async fn recording(mut self, common: &Common) -> Result<Self> {
        if let Some(file) = &common.record {
            self.recorder = Some(Recorder::start(file).await?);
        }
        if common.expect.script.is_some() && self.reach.tells_events() {
            self.stage.told = self.reach.stdio.output().map(Recorder::on);
        }
        Ok(self)
    }

    /// Completes the recording and writes the reports; the first fault stays.
    pub(super) async fn finish(&self, result: Result<()>) -> Result<()> {
        let reported = self.report(result.as_ref().err()).await;
        let result = result.and(reported);
        let mut recorded = Ok(());
        for recorder in self.recorder.iter().chain(&self.stage.told) {
            recorded = recorded.and(recorder.finish().await);
        }
        result.and(recorded).and(self.closed().await)
    }

    /// Closes standard output, which may have kept its worst news until then.
    async fn closed(&self) -> Result<()> {
        self.reach.stdio.close().await.map_err(|error| {
            let cause = format!("cannot write standard output: {}", net::words(&error));
            Fault::new(Exit::WriteError, "session", cause)
        })
    }

    /// Writes how the script went in every form that was asked for.
    ///
    /// # Errors
    /// Exit 23 when one cannot be written.
    async fn report(&self, fault: Option<&Fault>) -> Result<()> {
        let Some(script) = &self.expect.script else { return Ok(()) };
        let cases = self.stage.lock().take().flatten();
        let results = Results::new(script, cases, fault).redacted(|fault| self.reach.redactor.fault(fault));
        for report in &self.expect.reports {
            let text = report.write(&results);
            match report.file() {
                Some(file) => {
                    write_file(file, text).map_err(|error| unwritable(&file.display().to_string(), &error))?
                }
                None => {
                    let written = self.reach.stdio.write(text.into_bytes()).await;
                    written.map_err(|error| unwritable("standard output", &error))?;
                }
            }
        }
        Ok(())
    }
}

fn unwritable(what: &str, error: &io::Error) -> Fault {
    let exit = Exit::unwritten(error);
    let cause = match exit {
        Exit::ReaderLeft => "nobody reads the report".to_owned(),
        _ => format!("cannot write {what}: {}", net::words(error)),
    };
    Fault::new(exit, "report", cause)
}
