//! Findings of a run beside its messages, and their reports: openings, scripts, what passed.

use crate::{
    endpoint::{self, Endpoint},
    exit::Exit,
    fault::{Fault, Result},
    framing::record::Facts,
    link::{Link, Recorder, ScriptLink, ScriptRun},
    observe::Redactor,
    plan::{Common, Expect},
    script::{
        Limits, Script,
        report::{Played, Results},
    },
    session::{Instant, Rules},
    units::counted,
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Time that `connect` waits for what a script expects, without `within` in the script or `--timeout`.
const PATIENCE: Duration = Duration::from_secs(10);

/// The phase of what is found out before anything is said.
const OPENING: &str = "upgrade";

/// Sessions of a server whose every step is kept for a report.
const KEPT: usize = 10_000;

/// Results of the scripts that were played.
#[derive(Default)]
pub(super) struct Scripts {
    /// It is played against many clients, each of which may fail.
    pub many: bool,
    /// Somebody wants to read how it went with each.
    pub reports: bool,
    played: Mutex<Performances>,
    /// Tells on standard output what passes, since the link there is a script.
    pub told: Option<Recorder>,
}

/// The scripts that were played: those kept for reports, all in number, and the failed ones.
#[derive(Default)]
struct Performances {
    kept: Vec<Played>,
    count: u64,
    failed: u64,
}

/// Fails where a script has nothing in it: whoever wrote it expects something of it.
///
/// # Errors
/// Exit 1, before anything is sent.
pub(super) fn check(expect: &Expect) -> Result<()> {
    match &expect.script {
        Some(script) if script.is_idle() && !expect.allow_empty => {
            let cause = format!("{} neither sends nor expects anything", script.file);
            Err(Fault::new(Exit::Expectation, "script", cause).hint(
                "write what is sent (> TEXT) and what is expected (< TEXT), or allow it with --allow-empty",
            ))
        }
        _ => Ok(()),
    }
}

/// The fault of an opening that is not as expected, if it is not.
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
pub(super) fn run(a: &dyn Link, b: &dyn Link, until: Option<Instant>) -> Option<ScriptRun> {
    let script = a.as_kind::<ScriptLink>().or_else(|| b.as_kind())?;
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

impl Scripts {
    /// The verdict on a session whose script was this; `ended` when it is us who end the run.
    pub(super) fn conclude(
        &self,
        script: &ScriptRun,
        conn: Option<u64>,
        fault: Option<Fault>,
        ended: bool,
    ) -> Option<Fault> {
        let begun = fault.as_ref().is_none_or(|fault| fault.phase != OPENING);
        // A client that is cut off in the middle of its script has not failed.
        let cut_off = self.many && ended && fault.is_some();
        let fault = if begun { script.conclude(fault) } else { fault };
        if cut_off {
            return fault;
        }
        let mut played = self.lock();
        played.count += 1;
        played.failed += u64::from(fault.is_some());
        if !self.many || (self.reports && played.kept.len() < KEPT) {
            let cases = begun.then(|| script.cases());
            played.kept.push(Played { conn, cases, fault: fault.clone() });
        }
        fault
    }

    /// True when a session has played a script.
    pub(super) fn has_begun(&self) -> bool {
        self.lock().count > 0
    }

    /// The end of a server that played a script against many: a client's failure is more than how it ended.
    pub(super) fn verdict(&self, result: Result<()>) -> Result<()> {
        let Performances { count, failed, .. } = *self.lock();
        let ends = |exit: Exit| exit == Exit::Deadline || exit.is_signal();
        match result {
            Err(fault) if !ends(fault.exit) => Err(fault),
            _ if self.many && failed > 0 => {
                let cause = format!("{failed} of {} failed", counted(count, "client"));
                Err(Fault::new(Exit::Expectation, "script", cause))
            }
            result => result,
        }
    }

    /// Results of the script, with the one peer or with each of many.
    pub(super) fn results(&self, script: &Script, fault: Option<&Fault>) -> Results {
        let played = std::mem::take(&mut self.lock().kept);
        if self.many && !played.is_empty() {
            return Results::of_many(script, played);
        }
        let last = played.into_iter().last();
        Results::new(script, last.and_then(|played| played.cases), fault)
    }

    fn lock(&self) -> MutexGuard<'_, Performances> {
        self.played.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
