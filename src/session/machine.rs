//! The session's state machine: the endings matrix as code.
//!
//! Every transition is a reaction to one event; what time alone brings about is in `clock`. The first
//! fault wins, and a session is over when both sides are released.

use super::{
    Action, CloseWith, Event, Instant, Rules, SideKind, SinkFailure, SourceEnd, When,
    keepalive::Keepalive,
    side::{Side, Sink},
};
use crate::{exit::Exit, fault::Fault};
use std::time::Duration;

pub(super) const INTERNAL_ERROR: u16 = 1011;
pub(super) const GOING_AWAY: u16 = 1001;
/// How long a lost peer gets to hear our last Close.
pub(super) const LAST_WORD: Duration = Duration::from_secs(1);
/// How long a session may go on once nobody reads our output.
const READER_LEFT: Duration = Duration::from_millis(100);

/// The pure state of one pair of links.
pub struct Session {
    pub(super) rules: Rules,
    /// We accepted this session: deadlines say "going away".
    pub(super) serving: bool,
    pub(super) sides: [Side; 2],
    pub(super) fault: Option<Fault>,
    pub(super) received: u64,
    pub(super) count_met: bool,
    pub(super) unsent: u64,
    pub(super) timeout_at: Option<Instant>,
    pub(super) traffic_at: Instant,
    /// Everything is over by then, whatever state it is in.
    pub(super) force_at: Option<Instant>,
    pub(super) actions: Vec<Action>,
}

impl Session {
    /// A session between two open links; `serving` when the WebSocket was accepted, not dialled.
    pub fn new(
        rules: Rules,
        kinds: [SideKind; 2],
        serving: bool,
        timeout_at: Option<Instant>,
        now: Instant,
    ) -> Self {
        let sides = kinds.map(|kind| {
            let keepalive = (kind == SideKind::WebSocket).then(|| Keepalive::new(&rules, now));
            Side::new(kind, keepalive, now)
        });
        Self {
            rules,
            serving,
            sides,
            fault: None,
            received: 0,
            count_met: false,
            unsent: 0,
            timeout_at,
            traffic_at: now,
            force_at: None,
            actions: Vec::new(),
        }
    }

    /// Takes one event; what follows from it is in [`actions`](Self::actions).
    pub fn on(&mut self, event: Event, now: Instant) {
        match event {
            Event::Received { side, messages } => self.received(side, messages, now),
            Event::Heard { side, amid } => self.heard(side, amid, now),
            Event::Wrote { side } => self.keepalive(side, |clock| clock.wrote(now)),
            Event::PingSent { side } => self.keepalive(side, |clock| clock.sent(now)),
            Event::Blocked { side, blocked } => self.blocked(side, blocked, now),
            Event::Ended { side, how } => self.source_ended(side, how, now),
            Event::SinkFailed { side, how } => self.sink_failed(side, how, now),
            Event::Delivered { side } => self.delivered(side, now),
            Event::Unsent { messages, .. } => self.unsent += messages,
            Event::CloseSent { side } => self.close_sent(side, now),
            Event::Shut { side } => self.shut(side),
            Event::Released { side } => self.sides[side].released = true,
            Event::CountReached { side } => self.count_reached(side, now),
            Event::Signal(fault) => {
                self.fail(fault);
                self.end_all(Some(GOING_AWAY), String::new(), now);
            }
            Event::Panicked => self.panicked(now),
        }
    }

    /// What the driver must do now, in order.
    pub fn actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// Whether both sides are gone.
    pub fn is_over(&self) -> bool {
        self.sides.iter().all(|side| side.released)
    }

    /// The first fault, or what was left undone; `None` is clean and complete.
    pub fn verdict(&self) -> Option<Fault> {
        if self.fault.is_some() {
            return self.fault.clone();
        }
        if self.unsent > 0 {
            let what =
                if self.unsent == 1 { "1 message".to_owned() } else { format!("{} messages", self.unsent) };
            return Some(Fault::new(
                Exit::Unsent,
                "session",
                format!("the peer closed; {what} of the input left unsent"),
            ));
        }
        let wanted = self.rules.count.filter(|_| !self.count_met)?;
        let cause = format!("expected {wanted} messages, got {} before the session ended", self.received);
        Some(
            Fault::new(Exit::Expectation, "session", cause)
                .hint("wait longer with --linger 10s or --linger inf"),
        )
    }

    pub(super) fn fail(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    fn keepalive(&mut self, side: usize, change: impl FnOnce(&mut Keepalive)) {
        if let Some(clock) = &mut self.sides[side].keepalive {
            change(clock);
        }
    }

    fn heard(&mut self, side: usize, amid: bool, now: Instant) {
        self.keepalive(side, |clock| clock.heard(now));
        if amid {
            // A large message on its way is no silence.
            self.traffic_at = now;
            self.sides[side].received_at = now;
        }
    }

    fn blocked(&mut self, side: usize, blocked: bool, now: Instant) {
        self.keepalive(side, |clock| clock.pause(blocked, now));
        self.sides[side].blocked = blocked;
        self.sides[side].received_at = now;
    }

    fn received(&mut self, side: usize, messages: u64, now: Instant) {
        self.traffic_at = now;
        self.sides[side].received_at = now;
        if self.sides[side].is_remote() {
            self.received += messages;
        }
    }

    pub(super) fn source_ended(&mut self, side: usize, how: SourceEnd, now: Instant) {
        if self.sides[side].ended {
            return;
        }
        self.sides[side].ended = true;
        self.sides[side].keepalive = None;
        let other = 1 - side;
        match how {
            SourceEnd::Absent => self.input_absent(other),
            SourceEnd::Eof { empty: true, hangup: false } if self.sides[side].kind == SideKind::Standard => {
                self.input_absent(other);
            }
            SourceEnd::Eof { hangup, .. } => self.input_ended(other, hangup),
            SourceEnd::Close { code, reason, described } => self.peer_closed(side, code, reason, described),
            SourceEnd::Lost { fault, answer } => self.peer_lost(side, fault, answer, now),
            SourceEnd::Failed(fault) => {
                self.fail(fault);
                self.end_output(other, Some(INTERNAL_ERROR), "input failed".into());
            }
            SourceEnd::Exited { fault, reason } => {
                self.fail(fault);
                self.end_output(other, Some(INTERNAL_ERROR), reason);
            }
            SourceEnd::Refused(fault) => {
                self.fail(fault);
                self.end_normally(other);
            }
        }
        self.maybe_release(side);
    }

    /// Nothing will be said to `other`, which is not a wish to leave a WebSocket or a subject.
    fn input_absent(&mut self, other: usize) {
        if !self.sides[other].is_remote() {
            self.end_normally(other);
        }
    }

    fn input_ended(&mut self, other: usize, hangup: bool) {
        if self.sides[other].answers(&self.rules) && !hangup {
            self.sides[other].linger_next = true;
        } else {
            self.end_normally(other);
        }
    }

    fn delivered(&mut self, side: usize, now: Instant) {
        if self.sides[side].linger_next && self.sides[side].sink == Sink::Open {
            self.sides[side].linger_next = false;
            self.sides[side].lingering = Some(now);
        }
    }

    fn peer_closed(&mut self, side: usize, code: Option<u16>, reason: String, described: String) {
        let fine = matches!(code, None | Some(1000 | 1001))
            || code.is_some_and(|code| self.rules.ok_close.iter().any(|range| range.contains(&code)));
        let echo = matches!(self.sides[side].sink, Sink::CloseSent(_)) && code == self.sides[side].close_code;
        if !fine && !echo {
            self.fail(Fault::new(Exit::ClosedByPeer, "session", format!("closed by the peer: {described}")));
        }
        self.sides[side].sink = Sink::Done;
        self.abandon(1 - side);
        self.end_output(1 - side, code, reason);
    }

    fn peer_lost(&mut self, side: usize, fault: Fault, answer: Option<u16>, now: Instant) {
        let close_sent = matches!(self.sides[side].sink, Sink::CloseSent(_));
        let relayed = match answer {
            Some(1009) => (Some(1009), "message too big".into()),
            _ => (Some(INTERNAL_ERROR), "peer lost".into()),
        };
        if close_sent && fault.exit == Exit::Lost {
            self.fail(unanswered(&fault.cause));
        } else {
            self.fail(fault);
        }
        match (answer, self.sides[side].sink) {
            (Some(code), Sink::Open) => {
                self.sides[side].sink = Sink::Ending;
                let reason = String::new();
                self.actions.push(Action::Close { side, code: Some(code), reason, when: When::Now });
                self.limit(now + LAST_WORD + self.rules.close_timeout);
            }
            // A Close is on its way already, and nothing is left that it waits for.
            (Some(_), Sink::Ending) => self.limit(now + LAST_WORD + self.rules.close_timeout),
            _ => self.sides[side].sink = Sink::Done,
        }
        self.abandon(1 - side);
        self.end_output(1 - side, relayed.0, relayed.1);
    }

    fn sink_failed(&mut self, side: usize, how: SinkFailure, now: Instant) {
        if self.sides[side].sink == Sink::Done {
            return;
        }
        let other = 1 - side;
        self.sides[side].sink = Sink::Done;
        if self.sides[side].is_web_socket() {
            // What the peer said before it went may still be readable; its end decides the verdict.
            self.sides[side].deaf_since = Some(now);
            self.abandon(other);
            return self.maybe_release(side);
        }
        self.discard(other);
        self.stop(side);
        match how {
            // Whoever has as many as were wanted may leave: the end is under way.
            SinkFailure::ReaderLeft(fault) if fault.is_silent() && self.count_met => {}
            SinkFailure::ReaderLeft(fault) => {
                if fault.is_silent() {
                    self.limit(now + READER_LEFT);
                }
                self.fail(fault);
                self.end_output(other, Some(GOING_AWAY), String::new());
            }
            SinkFailure::Failed(fault) => {
                self.fail(fault);
                self.end_output(other, Some(INTERNAL_ERROR), "output failed".into());
            }
            SinkFailure::Refused(fault) => self.refused(other, fault),
        }
        self.maybe_release(side);
    }

    fn count_reached(&mut self, side: usize, now: Instant) {
        self.count_met = true;
        // A peer that does not read must not keep us from leaving.
        self.limit(now + self.rules.close_timeout);
        self.discard(side);
        self.stop(1 - side);
        self.end_normally(side);
    }

    fn close_sent(&mut self, side: usize, now: Instant) {
        if self.sides[side].sink == Sink::Ending {
            self.sides[side].sink = if self.sides[side].ended { Sink::Done } else { Sink::CloseSent(now) };
            let hurried = |fault: &Fault| fault.is_silent() || fault.exit == Exit::Internal;
            if !self.fault.as_ref().is_some_and(hurried) {
                // The Close is out; from here the drain has its own clock.
                self.force_at = None;
            }
        }
        self.maybe_release(side);
    }

    fn shut(&mut self, side: usize) {
        self.sides[side].sink = Sink::Done;
        self.maybe_release(side);
    }

    fn panicked(&mut self, now: Instant) {
        self.fail(
            Fault::new(Exit::Internal, "session", "internal fault: a bug in wsio")
                .hint("report it with the command line"),
        );
        for side in 0..2 {
            self.stop(side);
            if self.sides[side].is_web_socket() && self.sides[side].sink == Sink::Open {
                self.sides[side].sink = Sink::Ending;
                let reason = "internal fault".into();
                self.actions.push(Action::Close {
                    side,
                    code: Some(INTERNAL_ERROR),
                    reason,
                    when: When::Now,
                });
            } else {
                self.end_normally(side);
            }
        }
        self.force_at = Some(now + LAST_WORD);
    }

    /// Stops reading, flushes and closes both sides; delivery to byte sinks goes on while peers drain.
    pub(super) fn end_all(&mut self, code: Option<u16>, reason: String, now: Instant) {
        let relay = self.sides.iter().all(Side::is_web_socket);
        for side in 0..2 {
            if relay || !self.sides[side].is_web_socket() {
                self.stop(side);
            }
        }
        let bytes_only = !self.sides.iter().any(Side::is_web_socket);
        for side in 0..2 {
            if bytes_only || self.sides[side].is_web_socket() {
                self.end_output(side, code, reason.clone());
            }
        }
        self.limit(now + self.rules.close_timeout);
    }

    pub(super) fn end_normally(&mut self, side: usize) {
        let CloseWith { code, reason } = self.rules.close.clone();
        self.end_output(side, code, reason);
    }

    pub(super) fn end_output(&mut self, side: usize, code: Option<u16>, reason: String) {
        if self.sides[side].sink != Sink::Open {
            return;
        }
        self.sides[side].sink = Sink::Ending;
        self.sides[side].lingering = None;
        self.sides[side].close_code = code;
        self.actions.push(if self.sides[side].is_web_socket() {
            Action::Close { side, code, reason, when: When::Delivered }
        } else {
            Action::Shut { side }
        });
    }

    pub(super) fn stop(&mut self, side: usize) {
        if !self.sides[side].ended {
            self.sides[side].ended = !self.sides[side].is_web_socket();
            self.actions.push(Action::Stop { side });
        }
    }

    pub(super) fn abandon(&mut self, side: usize) {
        if self.sides[side].is_web_socket() {
            self.discard(side);
        } else {
            self.sides[side].ended = true;
        }
        self.actions.push(Action::Abandon { side });
        self.maybe_release(side);
    }

    fn discard(&mut self, side: usize) {
        if !self.sides[side].discarding {
            self.sides[side].discarding = true;
            self.actions.push(Action::Discard { side });
        }
    }

    pub(super) fn maybe_release(&mut self, side: usize) {
        let state = &mut self.sides[side];
        if state.ended && state.sink == Sink::Done && !state.release_asked {
            state.release_asked = true;
            let at_once = self.fault.as_ref().is_some_and(Fault::is_silent);
            self.actions.push(Action::Release { side, at_once });
        }
    }
}

pub(super) fn unanswered(cause: &str) -> Fault {
    Fault::new(Exit::CloseUnanswered, "session", format!("our Close was never answered: {cause}"))
}
