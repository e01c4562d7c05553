//! The engine: runs a script against what happens.
//!
//! Messages, the peer's Close and time go in; messages to send, an end and a verdict come out. There is
//! no socket and no clock in here. What arrives while nothing is waited for is kept and judged in its
//! order, so a script means the same however fast the peer is.

use super::{Case, Script, Step, Verdict, What, pattern::Wanted, template::Captured};
use crate::{
    close,
    exit::Exit,
    fault::Fault,
    session::{CloseWith, Instant},
    units::brief,
};
use bytes::Bytes;
use std::{collections::VecDeque, ops::RangeInclusive, sync::Arc, time::Duration};
use tokio_tungstenite::tungstenite::Message;

/// Bytes that a message counts beside its payload, so that empty ones are bounded too.
pub(super) const OVERHEAD: usize = 64;

/// The phase of a script's own faults.
const PHASE: &str = "script";

/// Settings of a script's run, from the command line.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Longest wait for an expectation without `within`; `None` is for ever.
    pub wait: Option<Duration>,
    /// The largest message that is sent, bytes.
    pub max_message: usize,
    /// Close of the session when the script does not say one.
    pub close: CloseWith,
    /// Close codes that count as success behind the script's end, beside 1000, 1001 and none.
    pub ok_close: Vec<RangeInclusive<u16>>,
}

/// One run of a script.
pub struct Engine {
    pub(super) script: Arc<Script>,
    pub(super) limits: Limits,
    /// The step at hand.
    at: usize,
    /// The wait of the step at hand, if it takes time.
    pub(super) waiting: Option<Waiting>,
    /// Arrived and not judged.
    pub(super) inbox: VecDeque<Message>,
    pub(super) inbox_bytes: usize,
    pub(super) outbox: VecDeque<Message>,
    pub(super) captured: Captured,
    /// The last message that was expected.
    pub(super) last: Option<Message>,
    /// The payload of our last ping.
    pub(super) pinged: Option<Bytes>,
    /// The Close that the script asked for.
    pub(super) closing: Option<CloseWith>,
    /// The peer's Close.
    pub(super) closed: Option<(Option<u16>, String)>,
    /// Time at which the whole run is over.
    pub(super) until: Option<Instant>,
    failure: Option<Fault>,
    cases: Vec<Case>,
    /// Cases that are behind us.
    judged: usize,
    notes: Vec<String>,
}

impl Engine {
    /// A run that begins with the first event or tick.
    pub fn new(script: Arc<Script>, limits: Limits) -> Self {
        let cases = script.cases();
        Self {
            script,
            limits,
            at: 0,
            waiting: None,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            outbox: VecDeque::new(),
            captured: Captured::new(),
            last: None,
            pinged: None,
            closing: None,
            closed: None,
            until: None,
            failure: None,
            cases,
            judged: 0,
            notes: Vec::new(),
        }
    }

    /// Sets when the whole run is over: what comes later is too late for any expectation.
    pub fn limit(&mut self, until: Option<Instant>) {
        self.until = until;
    }

    /// A message came: data, a ping or a pong.
    pub fn received(&mut self, message: Message, now: Instant) {
        if !self.is_over() {
            self.inbox_bytes += message.len() + OVERHEAD;
            self.inbox.push_back(message);
            self.tick(now);
        }
    }

    /// The peer's Close came.
    pub fn closed(&mut self, code: Option<u16>, reason: &str, now: Instant) {
        // It may be the answer to a Close that a limit brought about.
        self.tick(now);
        self.closed.get_or_insert_with(|| (code, reason.to_owned()));
        self.tick(now);
    }

    /// Goes as far as it can by now.
    pub fn tick(&mut self, now: Instant) {
        let script = Arc::clone(&self.script);
        while let Some(step) = script.steps.get(self.at).filter(|_| self.failure.is_none()) {
            let since = self.waiting.as_ref().map_or(now, |waiting| waiting.since);
            match self.step(step, now) {
                Ok(false) => return,
                Ok(true) => self.passed(step, now.saturating_duration_since(since)),
                Err(failing) => self.failed(step, failing, now.saturating_duration_since(since)),
            }
        }
        self.inbox.clear();
        self.inbox_bytes = 0;
    }

    /// Time at which [`tick`](Self::tick) has something to do next.
    pub fn deadline(&self) -> Option<Instant> {
        self.waiting.as_ref().filter(|_| !self.is_over())?.until
    }

    /// The next message to send.
    pub fn send(&mut self) -> Option<Message> {
        self.outbox.pop_front()
    }

    /// True when nothing more will be sent, once [`send`](Self::send) gives nothing.
    pub fn has_said_all(&self) -> bool {
        self.closing.is_some() || self.is_over()
    }

    /// True when every step was done, or one failed.
    pub fn is_over(&self) -> bool {
        self.failure.is_some() || self.at >= self.script.steps.len()
    }

    /// The Close that the script asked for, if it did.
    pub fn closing(&self) -> Option<&CloseWith> {
        self.closing.as_ref()
    }

    /// Why the script failed, if it did.
    pub fn failure(&self) -> Option<&Fault> {
        self.failure.as_ref()
    }

    /// Bytes that arrived and are not judged yet.
    pub fn waiting_bytes(&self) -> usize {
        self.inbox_bytes
    }

    /// True when a pong answers the script's last ping.
    pub fn has_pinged(&self, payload: &[u8]) -> bool {
        self.pinged.as_ref().is_some_and(|pinged| &pinged[..] == payload)
    }

    /// The outcome of each expectation.
    pub fn cases(&self) -> Vec<Case> {
        self.cases.clone()
    }

    /// Takes the notes on what happened since the last call, in words.
    pub fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// The verdict once the session is over, which itself ended with `fault`.
    pub fn conclude(&mut self, fault: Option<Fault>, now: Instant) -> Option<Fault> {
        let script = Arc::clone(&self.script);
        let Some(step) = script.steps.get(self.at) else { return fault.or_else(|| self.bad_close()) };
        let since = self.waiting.as_ref().map_or(now, |waiting| waiting.since);
        let waited = now.saturating_duration_since(since);
        let failing = match fault {
            None if self.failure.is_some() => return self.failure.clone(),
            None => Failing::new("the session ended before this"),
            Some(fault) if fault.phase == PHASE => return Some(fault),
            // The deadline came before any failure that the script made of the end.
            Some(fault) if fault.exit == Exit::Deadline && matches!(step.what, What::Expect(_)) => {
                Failing::new(fault.cause)
            }
            Some(fault) => {
                let fault = fault.detail([format!("{}: {}", step.place, step.title)]);
                self.judge(step, Verdict::Failed { waited, fault: fault.clone() });
                self.failure = Some(fault);
                return self.failure.clone();
            }
        };
        let failing = self.with_skipped(failing);
        self.failed(step, failing, waited);
        self.failure.clone()
    }

    /// A Close of the peer's that nobody expected, behind the last step.
    fn bad_close(&self) -> Option<Fault> {
        let (code, reason) = self.closed.as_ref()?;
        let expected = self.script.steps.iter().any(|step| step.what.is_close());
        let own = self.closing.as_ref().unwrap_or(&self.limits.close).code;
        let fine = matches!(code, None | Some(1000 | 1001))
            || *code == own
            || code.is_some_and(|code| self.limits.ok_close.iter().any(|range| range.contains(&code)));
        let cause = format!("closed by the peer: {}", close::describe(*code, reason));
        (!expected && !fine).then(|| Fault::new(Exit::ClosedByPeer, "session", cause))
    }

    fn passed(&mut self, step: &Step, waited: Duration) {
        let took = if self.waiting.is_some() { format!(" ({})", brief(waited)) } else { String::new() };
        self.notes.push(format!("{}: {}{took}", step.place, step.title));
        self.judge(step, Verdict::Passed(waited));
        self.judged += usize::from(step.what.is_check());
        self.waiting = None;
        self.at += 1;
    }

    fn failed(&mut self, step: &Step, failing: Failing, waited: Duration) {
        let Failing { exit, cause, detail } = failing;
        let fault = Fault::new(exit, PHASE, format!("{}: {}", step.place, self.script.secrets.mask(&cause)));
        let lines = detail.iter().map(|line| self.script.secrets.mask(line));
        let fault = fault.detail([step.title.clone()]).detail(lines);
        self.judge(step, Verdict::Failed { waited, fault: fault.clone() });
        self.failure = Some(fault);
    }

    fn judge(&mut self, step: &Step, verdict: Verdict) {
        if let Some(case) = self.cases.get_mut(self.judged).filter(|_| step.what.is_check()) {
            case.verdict = verdict;
        }
    }
}

/// A step that takes time.
pub(super) struct Waiting {
    pub since: Instant,
    pub until: Option<Instant>,
    /// The message that is waited for, and those that may come before it; `None` while sleeping.
    pub wanted: Option<(Wanted, Vec<Wanted>)>,
    pub skipped: u64,
    pub last_skipped: Option<Message>,
}

/// Why the step at hand failed.
pub(super) struct Failing {
    pub exit: Exit,
    pub cause: String,
    pub detail: Vec<String>,
}

impl Waiting {
    pub(super) fn new(since: Instant, until: Option<Instant>, wanted: Option<(Wanted, Vec<Wanted>)>) -> Self {
        Self { since, until, wanted, skipped: 0, last_skipped: None }
    }
}

impl Failing {
    pub(super) fn new(cause: impl Into<String>) -> Self {
        Self { exit: Exit::Expectation, cause: cause.into(), detail: Vec::new() }
    }
}
