//! The end of a client of a server: its last lines in the log and in the records.
//!
//! It is a step of its own, made when the session is over: a client that goes on keeps no room for it.

use super::{
    Outcome,
    serve::{Behind, Shared},
};
use crate::{exit::Exit, fault::Fault, observe::Reporter, session::Side};
use std::sync::PoisonError;

impl Shared {
    /// Tells of a client's end.
    pub(super) async fn parted(&self, name: &str, number: u64, outcome: Outcome) -> Outcome {
        let reporter = &self.run.context.reporter;
        if let Behind::Hub(_, hub) = &self.behind
            && let Some(hub) = hub.get()
        {
            hub.tell_end(number, &outcome.tally(Side::A));
        }
        if let Behind::Endpoint(endpoint) = &self.behind
            && endpoint.is_standard()
        {
            self.run.tell_end(Some(number), &outcome.tally(Side::A)).await;
        }
        // The close code does not tell these causes, so they get a line of their own.
        let is_logged = |fault: &&Fault| matches!(fault.exit, Exit::Command | Exit::Refused | Exit::BadInput);
        if let Some(fault) = outcome.fault.as_ref().filter(is_logged) {
            reporter.life(&format!("{name} {}: {}", fault.phase, fault.cause));
        }
        if let Some(fault) = outcome.fault.as_ref().filter(|fault| fault.phase == "script" && !self.once) {
            fault.to_string().lines().for_each(|line| reporter.life(&format!("{name} {line}")));
        }
        reporter.life(&format!("{name} close {}", outcome.summary(Side::A)));
        self.advise(name, &outcome);
        self.totals.lock().unwrap_or_else(PoisonError::into_inner).add(&outcome);
        outcome
    }

    /// Tells what may help against a cut or a Close after a long silence; seldom, since an idle client meets
    /// it again and again. With `--once` the fault of a cut tells it already.
    fn advise(&self, name: &str, outcome: &Outcome) {
        let lost = outcome.fault.as_ref().filter(|fault| fault.exit == Exit::Lost && !self.once);
        let words = match (lost.and_then(|fault| fault.hint.as_ref()), &outcome.idle_close) {
            (Some(hint), _) => format!("try: {hint}"),
            (None, Some([why, hint])) => format!("{why}; try: {hint}"),
            (None, None) => return,
        };
        if self.cut.count().is_some() {
            self.run.context.reporter.life(&format!("{name} {words}"));
        }
    }
}

/// Says that a session was cut off; forgotten when it ends by itself.
pub(super) struct Cut<'a>(pub &'a Reporter, pub &'a str);

impl Drop for Cut<'_> {
    fn drop(&mut self) {
        self.0.life(&format!("{} close {}", self.1, super::outcome::CUT_OFF));
    }
}
