//! Doing the steps of a script: what is said, what is waited for, what is captured.

use super::{
    Engine, Expectation, From, LONGEST_CONTROL, Step, What, close_with,
    engine::{Failing, OVERHEAD, Waiting},
    pattern::{Pattern, Wanted},
};
use crate::{
    close,
    exit::Exit,
    session::Instant,
    units::{brief, counted},
};
use bytes::Bytes;
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

impl Engine {
    /// Does what can be done of a step; whether that was all.
    pub(super) fn step(&mut self, step: &Step, now: Instant) -> Result<bool, Failing> {
        match &step.what {
            What::Text(text) => {
                let text = text.fill(&self.captured);
                self.say(Message::text(text), self.limits.max_message)
            }
            What::Binary(bytes) => self.say(Message::Binary(bytes.clone()), self.limits.max_message),
            What::Ping(payload) => {
                let payload = Bytes::from(payload.fill(&self.captured));
                self.pinged = Some(payload.clone());
                self.say(Message::Ping(payload), LONGEST_CONTROL)
            }
            What::Pong(payload) => {
                self.say(Message::Pong(payload.fill(&self.captured).into()), LONGEST_CONTROL)
            }
            What::Close(closing) => {
                self.still_open()?;
                self.closing = Some(match closing {
                    None => self.limits.close.clone(),
                    Some(closing) => close_with(closing.code, &closing.reason.fill(&self.captured))
                        .map_err(|cause| Failing { exit: Exit::BadInput, ..Failing::new(cause) })?,
                });
                Ok(true)
            }
            What::Sleep(pause) => {
                let until = now.checked_add(*pause);
                let waiting = self.waiting.get_or_insert_with(|| Waiting::new(now, until, None));
                // Nothing can come any more that the rest would have to be late for.
                Ok(self.closed.is_some() || waiting.until.is_some_and(|until| until <= now))
            }
            What::Capture { name, from } => {
                let value = self.capture(from)?;
                self.captured.insert(name.clone(), value);
                Ok(true)
            }
            What::Expect(expectation) => self.expect(expectation, now),
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
            self.waiting = Some(Waiting::new(now, until, Some((wanted, skipped))));
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

    pub(super) fn with_skipped(&self, mut failing: Failing) -> Failing {
        if let Some(Waiting { skipped: count @ 1.., last_skipped: Some(last), .. }) = &self.waiting {
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
