//! The engine: runs a script against what happens.
//!
//! Messages, the peer's Close and time go in; messages to send, an end and a verdict come out. There is
//! no socket and no clock in here. What arrives while nothing is waited for is kept and judged in its
//! order, so a script means the same however fast the peer is.

use super::{
    Expectation, From, LONGEST_CONTROL, Script, ScriptPlace, Step, StepAction, close_with,
    pattern::{Pattern, Wanted},
    template::Captured,
};
use crate::{
    close,
    exit::Exit,
    fault::Fault,
    session::{CloseWith, Instant},
    units::{brief, counted},
};
use bytes::Bytes;
use serde_json::Value;
use std::{collections::VecDeque, ops::RangeInclusive, sync::Arc, time::Duration};
use tokio_tungstenite::tungstenite::Message;

/// Bytes that a message counts beside its payload, so that empty ones are bounded too.
const OVERHEAD: usize = 64;

/// The phase of a script's own faults.
const PHASE: &str = "script";

/// One expectation, or capture, of a script that was run.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Its place in the script.
    pub place: ScriptPlace,
    /// As it stands there, in one line.
    pub title: String,
    /// Its outcome.
    pub verdict: CaseVerdict,
}

/// The outcome of an expectation.
#[derive(Clone, Debug, PartialEq)]
pub enum CaseVerdict {
    /// Something before it failed.
    NotReached,
    /// It was met after this long.
    Passed(Duration),
    /// It was not met.
    Failed {
        /// Time that it was waited for.
        waited: Duration,
        /// Why.
        fault: Fault,
    },
}

impl Script {
    /// All expectations, none reached yet.
    pub fn cases(&self) -> Vec<Case> {
        let checks = self.steps.iter().filter(|step| step.action.is_check());
        let case = |place: &ScriptPlace, title: &String| Case {
            place: place.clone(),
            title: title.clone(),
            verdict: CaseVerdict::NotReached,
        };
        checks.map(|step| case(&step.place, &step.title)).collect()
    }
}

impl StepAction {
    /// True for a statement that is a case of its own: an expectation or a capture.
    fn is_check(&self) -> bool {
        matches!(self, Self::Expect(_) | Self::Capture { .. })
    }

    /// True when it expects the peer's Close.
    fn is_close(&self) -> bool {
        matches!(self, Self::Expect(Expectation { wanted: Pattern::Close { .. }, .. }))
    }
}

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

/// A step that takes time.
struct StepWait {
    pub since: Instant,
    pub until: Option<Instant>,
    /// The message that is waited for, and those that may come before it; `None` while sleeping.
    pub wanted: Option<(Wanted, Vec<Wanted>)>,
    pub skipped: u64,
    pub last_skipped: Option<Message>,
}

/// Why the step at hand failed.
struct Failing {
    pub exit: Exit,
    pub cause: String,
    pub detail: Vec<String>,
}

/// One run of a script.
pub struct Engine {
    pub(super) script: Arc<Script>,
    pub(super) limits: Limits,
    /// The step at hand.
    at: usize,
    /// The wait of the step at hand, if it takes time.
    waiting: Option<StepWait>,
    /// Arrived and not judged.
    inbox: VecDeque<Message>,
    inbox_bytes: usize,
    outbox: VecDeque<Message>,
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
            Some(fault) if fault.exit == Exit::Deadline && matches!(step.action, StepAction::Expect(_)) => {
                Failing::new(fault.cause)
            }
            Some(fault) => {
                let fault = fault.detail([format!("{}: {}", step.place, step.title)]);
                self.judge(step, CaseVerdict::Failed { waited, fault: fault.clone() });
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
        let expected = self.script.steps.iter().any(|step| step.action.is_close());
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
        self.judge(step, CaseVerdict::Passed(waited));
        self.judged += usize::from(step.action.is_check());
        self.waiting = None;
        self.at += 1;
    }

    fn failed(&mut self, step: &Step, failing: Failing, waited: Duration) {
        let Failing { exit, cause, detail } = failing;
        let fault = Fault::new(exit, PHASE, format!("{}: {}", step.place, self.script.secrets.mask(&cause)));
        let lines = detail.iter().map(|line| self.script.secrets.mask(line));
        let fault = fault.detail([step.title.clone()]).detail(lines);
        self.judge(step, CaseVerdict::Failed { waited, fault: fault.clone() });
        self.failure = Some(fault);
    }

    fn judge(&mut self, step: &Step, verdict: CaseVerdict) {
        if let Some(case) = self.cases.get_mut(self.judged).filter(|_| step.action.is_check()) {
            case.verdict = verdict;
        }
    }

    /// Does what can be done of a step; whether that was all.
    fn step(&mut self, step: &Step, now: Instant) -> Result<bool, Failing> {
        match &step.action {
            StepAction::Text(text) => {
                let text = text.fill(&self.captured);
                self.say(Message::text(text), self.limits.max_message)
            }
            StepAction::Binary(bytes) => self.say(Message::Binary(bytes.clone()), self.limits.max_message),
            StepAction::Ping(payload) => {
                let payload = Bytes::from(payload.fill(&self.captured));
                self.pinged = Some(payload.clone());
                self.say(Message::Ping(payload), LONGEST_CONTROL)
            }
            StepAction::Pong(payload) => {
                self.say(Message::Pong(payload.fill(&self.captured).into()), LONGEST_CONTROL)
            }
            StepAction::Close(closing) => {
                self.still_open()?;
                self.closing = Some(match closing {
                    None => self.limits.close.clone(),
                    Some(closing) => close_with(closing.code, &closing.reason.fill(&self.captured))
                        .map_err(|cause| Failing { exit: Exit::BadInput, ..Failing::new(cause) })?,
                });
                Ok(true)
            }
            StepAction::Sleep(pause) => {
                let until = now.checked_add(*pause);
                let waiting = self.waiting.get_or_insert_with(|| StepWait::new(now, until, None));
                // Nothing can come any more that the rest would have to be late for.
                Ok(self.closed.is_some() || waiting.until.is_some_and(|until| until <= now))
            }
            StepAction::Capture { name, from } => {
                let value = self.capture(from)?;
                self.captured.insert(name.clone(), value);
                Ok(true)
            }
            StepAction::Expect(expectation) => self.expect(expectation, now),
        }
    }

    fn say(&mut self, message: Message, most: usize) -> Result<bool, Failing> {
        self.still_open()?;
        if message.len() > most {
            let cause = format!("{} bytes are more than the {most} that can be sent", message.len());
            return Err(Failing { exit: Exit::BadInput, ..Failing::new(cause) });
        }
        self.outbox.push_back(message);
        Ok(true)
    }

    fn still_open(&self) -> Result<(), Failing> {
        match &self.closed {
            None => Ok(()),
            Some((code, reason)) => {
                let described = close::describe(*code, reason);
                Err(Failing::new(format!("the peer closed with {described} before this")))
            }
        }
    }

    fn expect(&mut self, expectation: &Expectation, now: Instant) -> Result<bool, Failing> {
        if self.waiting.is_none() {
            let fill = |pattern: &Pattern| pattern.fill(&self.captured).map_err(Failing::new);
            let wanted = fill(&expectation.wanted)?;
            let skipped = expectation.skipped.iter().map(fill).collect::<Result<_, _>>()?;
            let limit = expectation.within.unwrap_or(self.limits.wait);
            let until = limit.and_then(|limit| now.checked_add(limit)).into_iter().chain(self.until).min();
            self.waiting = Some(StepWait::new(now, until, Some((wanted, skipped))));
        }
        while let Some(message) = self.inbox.pop_front() {
            self.inbox_bytes -= message.len() + OVERHEAD;
            if self.is_the_one(message, now)? {
                return Ok(true);
            }
        }
        let Some(waiting) = &self.waiting else { return Ok(false) };
        let Some((wanted, _)) = &waiting.wanted else { return Ok(false) };
        if let Some((code, reason)) = &self.closed {
            if wanted.accepts(*code, reason) {
                return Ok(true);
            }
            let instead = if matches!(wanted, Wanted::Close { .. }) { " instead" } else { "" };
            let cause = format!("the peer closed with {}{instead}", close::describe(*code, reason));
            return Err(self.with_skipped(Failing::new(cause)));
        }
        match waiting.until {
            Some(until) if until <= now && self.until == Some(until) => {
                Err(self.with_skipped(Failing::new("the time limit (--timeout) is over")))
            }
            Some(until) if until <= now => {
                let limit = brief(until.saturating_duration_since(waiting.since));
                Err(self.with_skipped(Failing::new(format!("nothing of the kind came within {limit}"))))
            }
            _ => Ok(false),
        }
    }

    /// Judges a message: true for the one that is waited for, false for one that may come before.
    /// Any other is an error.
    fn is_the_one(&mut self, message: Message, now: Instant) -> Result<bool, Failing> {
        let pinged = self.pinged.clone();
        let Some(waiting) = &mut self.waiting else { return Ok(false) };
        let Some((wanted, skipped)) = &waiting.wanted else { return Ok(false) };
        // A pong without a payload of its own answers our last ping.
        let other_pong = matches!((&message, wanted, &pinged),
            (Message::Pong(got), Wanted::Pong(None), Some(pinged)) if got != pinged);
        if wanted.matches(&message) && !other_pong {
            if !message.is_ping() && !message.is_pong() {
                self.last = Some(message);
            }
            return Ok(true);
        }
        // Pings and pongs may come at any time.
        if message.is_ping() || message.is_pong() {
            return Ok(false);
        }
        if skipped.iter().any(|skipped| skipped.matches(&message)) {
            waiting.skipped += 1;
            waiting.last_skipped = Some(message);
            return Ok(false);
        }
        let waited = brief(now.saturating_duration_since(waiting.since));
        let detail = wanted.explain(&message, &self.script.secrets);
        let cause = format!("something else came after {waited}");
        Err(self.with_skipped(Failing { detail, ..Failing::new(cause) }))
    }

    fn with_skipped(&self, mut failing: Failing) -> Failing {
        if let Some(StepWait { skipped: count @ 1.., last_skipped: Some(last), .. }) = &self.waiting {
            let skipped = counted(*count, "message");
            failing.detail.push(format!("skipped {skipped}, the last: {}", self.script.secrets.show(last)));
        }
        failing
    }

    fn capture(&self, from: &From) -> Result<Value, Failing> {
        let failing = |cause: String| {
            let last = self.last.as_ref().map(|last| format!("got {}", self.script.secrets.show(last)));
            Failing { detail: last.into_iter().collect(), ..Failing::new(cause) }
        };
        let payload = self.last.clone().map(Message::into_data).unwrap_or_default();
        let text = std::str::from_utf8(&payload).map_err(|_| failing("the message is not text".into()));
        match from {
            From::Whole => Ok(Value::from(text?)),
            From::Pointer(pointer) => {
                let json: Value = serde_json::from_slice(&payload)
                    .map_err(|_| failing("the message is no JSON".to_owned()))?;
                let found = json.pointer(pointer).cloned();
                found.ok_or_else(|| failing(format!("the message has nothing at {pointer}")))
            }
            From::Regex(regex) => {
                let found = regex.captures(text?);
                let found = found.and_then(|found| found.get(usize::from(found.len() > 1)));
                let found = found.ok_or_else(|| failing("the pattern is not in the message".to_owned()));
                Ok(Value::from(found?.as_str()))
            }
        }
    }
}

impl StepWait {
    fn new(since: Instant, until: Option<Instant>, wanted: Option<(Wanted, Vec<Wanted>)>) -> Self {
        Self { since, until, wanted, skipped: 0, last_skipped: None }
    }
}

impl Failing {
    fn new(cause: impl Into<String>) -> Self {
        Self { exit: Exit::Expectation, cause: cause.into(), detail: Vec::new() }
    }
}
