//! The session's state machine: the endings matrix as code.
//!
//! Every transition is a reaction to one event; what time alone brings about is in `clock`. The first
//! fault wins, and a session is over when both sides are released.

use super::{
    Action, CloseWith, Event, Instant, Rules, SessionLimits, Side, SideKind, SinkFailure, SourceEnd, When,
    Within,
    keepalive::Keepalive,
    left::{Doubt, Left},
    progress::{IDLE, Rate, Silence, Wait},
    side::{DrainTimeout, SessionSide, SinkState, unanswered},
    traffic::Traffic,
};
use crate::{exit::Exit, fault::Fault, units::brief};
use std::time::Duration;

pub(super) const INTERNAL_ERROR: u16 = 1011;
pub(super) const GOING_AWAY: u16 = 1001;
const TOO_BIG: u16 = 1009;
/// Time that a lost peer gets to receive our last Close.
pub(super) const LAST_WORD: Duration = Duration::from_secs(1);
/// Longest time that a session goes on once nobody reads our output.
const READER_LEFT: Duration = Duration::from_millis(100);
/// Bytes that a ping can account for; more acknowledged at once is data.
const CONTROL: u64 = 256;

/// The pure state of one pair of links.
pub struct Session {
    pub(super) rules: Rules,
    /// We accepted this session: deadlines say "going away".
    pub(super) serving: bool,
    pub(super) sides: [SessionSide; 2],
    pub(super) fault: Option<Fault>,
    pub(super) traffic: Traffic,
    pub(super) matched: u64,
    pub(super) count_met: bool,
    pub(super) close_met: bool,
    /// The user said when it ends, by what stands in the input.
    pub(super) asked: bool,
    pub(super) left: Left,
    pub(super) doubt: Doubt,
    /// It is to end soon: an answer to our Close is waited for, and not everything that comes before it.
    pub(super) hurried: bool,
    pub(super) limits: SessionLimits,
    /// Time of the last sign of traffic.
    pub(super) traffic_at: Instant,
    /// Message and hint about a clean Close after a long silence.
    idle_close: Option<[String; 2]>,
    /// The time of what happens now.
    pub(super) now: Instant,
    /// It was not over in time, and was cut off.
    pub(super) forced: bool,
    /// Everything is over by then, whatever state it is in; once set it is never put off.
    pub(super) gone_by: Option<Instant>,
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
            SessionSide::new(kind, keepalive, now)
        });
        let limits = SessionLimits::new(&rules, timeout_at, now);
        Self {
            rules,
            serving,
            sides,
            fault: None,
            traffic: Traffic::new(kinds, now),
            matched: 0,
            count_met: false,
            close_met: false,
            asked: false,
            left: Left::default(),
            doubt: Doubt::default(),
            hurried: false,
            limits,
            traffic_at: now,
            idle_close: None,
            now,
            forced: false,
            gone_by: None,
            actions: Vec::new(),
        }
    }

    /// A lost connection of this side is opened again.
    pub fn renews(&mut self, side: Side) {
        self.sides[side].renews = true;
    }

    /// The source of this side gives to many: a peer that takes nothing of it is sent away.
    pub fn shares(&mut self, side: Side) {
        self.sides[side].shared = true;
    }

    /// Sets the name of this side's output in messages to the user, and how long that output is waited for.
    pub fn output(&mut self, side: Side, name: String, drain_timeout: DrainTimeout) {
        (self.sides[side].output, self.sides[side].drain_timeout) = (name, drain_timeout);
    }

    /// Takes one event; what follows from it is in [`actions`](Self::actions).
    pub fn on(&mut self, event: Event, now: Instant) {
        if self.traffic.notes(&event, now) {
            return;
        }
        self.settle();
        self.now = now;
        match event {
            Event::Received { side, messages } => self.received(side, messages, now),
            Event::Matched { messages } => self.matched += messages,
            Event::Heard { side, bytes, within } => self.heard(side, bytes, within, now),
            Event::Ponged { side } => self.keepalive(side, |clock| clock.ponged(now)),
            Event::Wrote { side, bytes } => self.wrote(side, bytes, now),
            Event::Acknowledged { side, bytes } => self.acknowledged(side, bytes, now),
            Event::Took { side } => self.sides[side].taking = self.sides[side].taking.map(|_| now),
            Event::PingSent { side } => self.ping_sent(side, now),
            Event::Blocked { side, blocked } => self.blocked(side, blocked, now),
            Event::Held { side, held } => self.held(side, held, now),
            Event::Overflowed { side } => {
                let reason = "too much of unfinished messages (--max-buffer)".to_owned();
                self.send_away(side, reason, now);
            }
            Event::Away { side, away } => self.away(side, away, now),
            Event::Ended { side, how } => self.source_ended(side, *how, now),
            Event::SinkFailed { side, how } => self.sink_failed(side, *how, now),
            Event::Delivered { side } => self.delivered(side, now),
            Event::Unsent { left, .. } => self.left.add(left),
            Event::InDoubt { doubt, .. } => self.doubt += doubt,
            // Late input is no loss once the wanted number of messages has arrived.
            Event::Late { .. } if self.count_met => {}
            Event::Late { bytes, .. } => self.left.late += bytes,
            Event::CloseSent { side } => self.close_sent(side, now),
            Event::Shut { side } => self.shut(side, now),
            Event::Released { side, untaken } => self.released(side, untaken),
            Event::CountReached { side } => self.count_reached(side, now),
            Event::Signal(fault) => {
                self.fail(*fault);
                let within = if self.serving { self.rules.grace } else { self.rules.close_timeout };
                self.end_all(Some(GOING_AWAY), String::new(), within);
            }
            Event::Unmet(fault) => {
                self.fail(*fault);
                let CloseWith { code, reason } = self.rules.close.clone();
                self.end_all(code, reason, self.rules.close_timeout);
            }
            Event::Panicked => self.panicked(now),
        }
    }

    /// True when the session was not over in time, and was cut off.
    pub fn was_cut_off(&self) -> bool {
        self.forced
    }

    /// Ends the source of `side`, whose message cannot be carried on, and tells it why.
    pub(super) fn refused(&mut self, side: Side, fault: Fault) {
        self.fail(fault);
        self.stop(side);
        self.end_output(side, Some(TOO_BIG), "message too big".into());
        self.maybe_release(side);
    }

    fn keepalive(&mut self, side: Side, change: impl FnOnce(&mut Keepalive)) {
        if let Some(clock) = &mut self.sides[side].keepalive {
            change(clock);
        }
    }

    fn heard(&mut self, side: Side, bytes: u64, within: Within, now: Instant) {
        self.keepalive(side, |clock| clock.heard(now));
        self.traffic.heard(side);
        let state = &mut self.sides[side];
        (state.heard, state.within, state.heard_at) = (bytes, within, now);
        if let Some(wait) = &mut state.lingering {
            wait.heard(now);
        }
        if let SinkState::CloseSent(wait) = &mut state.sink {
            wait.heard(now);
        }
        if within.message {
            // A large message on its way is no silence.
            self.traffic_at = now;
            self.traffic.silence.heard(now);
            state.received_at = now;
        }
        state.goes_on_finishing(now);
    }

    fn wrote(&mut self, side: Side, bytes: u64, now: Instant) {
        self.sides[side].progress.sent = bytes;
        self.keepalive(side, |clock| clock.wrote(now));
    }

    /// The far end's system has so much of what was sent.
    fn acknowledged(&mut self, side: Side, bytes: u64, now: Instant) {
        let state = &mut self.sides[side];
        state.progress.sampled_at = now;
        let step = bytes.saturating_sub(state.progress.acknowledged);
        if step == 0 {
            return;
        }
        state.progress.acknowledged = bytes;
        if let Some(wait) = &mut state.lingering {
            wait.acknowledged(bytes, now);
        }
        if let SinkState::CloseSent(wait) = &mut state.sink
            && wait.acknowledged(bytes, now)
        {
            state.close_acknowledged(now);
        }
        self.keepalive(side, |clock| clock.acknowledged(bytes, now));
        if step > CONTROL {
            // A message that crawls along a slow path is no idleness.
            self.traffic_at = now;
            self.traffic.silence.heard(now);
        }
    }

    fn ping_sent(&mut self, side: Side, now: Instant) {
        let progress = self.sides[side].progress;
        let is_behind = self.sides[side].keepalive.as_mut().is_some_and(|clock| clock.sent(&progress, now));
        self.measure(side, is_behind);
    }

    /// Asks how far the send queue is, if a clock waits for that.
    fn measure(&mut self, side: Side, is_behind: bool) {
        if is_behind {
            self.sides[side].progress.is_awaited_anew();
            self.actions.push(Action::Measure { side });
        }
    }

    fn blocked(&mut self, side: Side, blocked: bool, now: Instant) {
        self.sides[side].blocked = blocked;
        self.excuse(side, now);
    }

    fn held(&mut self, side: Side, held: bool, now: Instant) {
        self.sides[side].held_since = held.then(|| self.sides[side].held_since.unwrap_or(now));
    }

    pub(super) fn away(&mut self, side: Side, away: bool, now: Instant) {
        self.sides[side].away = away;
        if !away {
            self.keepalive(side, |clock| clock.forget(now));
            self.sides[side].within = Within::default();
        }
        self.excuse(side, now);
    }

    fn excuse(&mut self, side: Side, now: Instant) {
        let excused = self.sides[side].is_excused();
        self.keepalive(side, |clock| clock.pause(excused, now));
        (self.sides[side].received_at, self.sides[side].heard_at) = (now, now);
    }

    fn received(&mut self, side: Side, messages: u64, now: Instant) {
        self.traffic.received(side, messages, now);
        self.traffic_at = now;
        self.sides[side].received_at = now;
        // The message that was waited for is there; what follows it does not renew anything.
        self.sides[side].finishing = None;
    }

    pub(super) fn source_ended(&mut self, side: Side, how: SourceEnd, now: Instant) {
        if self.sides[side].ended {
            return;
        }
        self.sides[side].ended = true;
        self.sides[side].keepalive = None;
        let other = side.other();
        match how {
            SourceEnd::Absent => self.input_absent(other),
            SourceEnd::Eof { empty: true, hangup: false } if self.sides[side].kind == SideKind::Standard => {
                self.input_absent(other);
            }
            SourceEnd::Eof { hangup, .. } => self.input_ended(other, hangup),
            SourceEnd::Close { code, reason, described, advice } => {
                self.peer_closed(side, code, reason, (described, advice), now);
            }
            SourceEnd::Lost { fault, answer } => self.peer_lost(side, fault, answer, now),
            SourceEnd::Asked { close, hangup } => {
                (self.rules.close, self.asked) = (close, true);
                // Without a limit to the lingering, the wish would never come true.
                self.input_ended(other, hangup || self.rules.linger.is_none());
            }
            SourceEnd::Failed(fault) => {
                self.fail(fault);
                self.cut(other);
                self.end_output(other, Some(INTERNAL_ERROR), "input failed".into());
            }
            SourceEnd::SentAway { reason } => self.send_away(other, reason, now),
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

    /// Nothing will be said to `other`, which is not a wish to leave whom we converse with.
    fn input_absent(&mut self, other: Side) {
        if !self.sides[other].is_remote() {
            self.end_normally(other);
        }
    }

    fn input_ended(&mut self, other: Side, hangup: bool) {
        self.hurried |= hangup;
        if self.sides[other].answers(&self.rules) && !hangup {
            self.sides[other].linger_next = true;
        } else {
            self.end_normally(other);
        }
    }

    fn delivered(&mut self, side: Side, now: Instant) {
        if self.sides[side].linger_next && self.sides[side].sink == SinkState::Open {
            let wait = Wait::new(&self.sides[side].progress, now);
            self.sides[side].linger_next = false;
            self.sides[side].lingering = Some(wait);
            self.measure(side, wait.is_behind());
        }
    }

    fn peer_closed(
        &mut self,
        side: Side,
        code: Option<u16>,
        reason: String,
        (described, advice): (String, Option<String>),
        now: Instant,
    ) {
        let echo =
            matches!(self.sides[side].sink, SinkState::CloseSent(_)) && code == self.sides[side].close_code;
        let held = self.held_up(side, now);
        let idle = self.idle_closed(side, code, &reason, now);
        let advice = held.or(advice).or_else(|| idle.as_ref().map(|[why, hint]| format!("{hint}: {why}")));
        let faultless = self.fault.is_none();
        let is_clean = self.judge_close(side, code, echo, &described, advice);
        // A fault has it as its own.
        self.idle_close = idle.filter(|_| faultless && self.fault.is_none() && !self.close_met);
        if !is_clean {
            self.cut(side.other());
        }
        (self.sides[side].sink, self.sides[side].closed) = (SinkState::Done, true);
        self.abandon(side.other());
        self.end_output(side.other(), code, reason);
    }

    fn peer_lost(&mut self, side: Side, fault: Fault, answer: Option<u16>, now: Instant) {
        let close_sent = matches!(self.sides[side].sink, SinkState::CloseSent(_));
        self.sides[side].lost = fault.exit == Exit::Lost;
        // Nobody is there any more to close.
        self.sides[side].closed |= fault.exit == Exit::Lost && answer.is_none();
        let relayed = match answer {
            Some(1009) => (Some(1009), "message too big".into()),
            _ => (Some(INTERNAL_ERROR), "peer lost".into()),
        };
        if close_sent && fault.exit == Exit::Lost {
            self.fail(unanswered(&fault.cause));
        } else {
            let advice = self.advice(side, &fault, answer, now);
            self.fail(match advice {
                Some(advice) => fault.hint(advice),
                None => fault,
            });
        }
        match (answer, self.sides[side].sink) {
            (Some(code), SinkState::Open) => {
                self.sides[side].sink = SinkState::Ending;
                let reason = String::new();
                self.actions.push(Action::Close { side, code: Some(code), reason, when: When::Now });
                self.limit(side, now + LAST_WORD + self.rules.close_timeout);
            }
            // A Close is on its way already, and nothing is left that it waits for.
            (Some(_), SinkState::Ending) => self.limit(side, now + LAST_WORD + self.rules.close_timeout),
            _ => self.sides[side].sink = SinkState::Done,
        }
        self.cut(side.other());
        self.abandon(side.other());
        self.end_output(side.other(), relayed.0, relayed.1);
    }

    /// Advice that may help against a loss; nothing that is done already.
    fn advice(&self, side: Side, fault: &Fault, answer: Option<u16>, now: Instant) -> Option<String> {
        if fault.exit != Exit::Lost || fault.hint.is_some() {
            return None;
        }
        if let Some(held) = self.held_up(side, now) {
            return Some(held);
        }
        let lasted = self.traffic.silence.is_long(now)?;
        // A peer that answers no ping was not cut off by anybody else.
        let pings = self.rules.ping_interval.is_some_and(|interval| interval <= lasted);
        (answer.is_none() || !pings).then(|| Silence::advice(lasted, self.rules.ping_interval))
    }

    /// Message and hint about a Close that an idle timeout may have caused: its reason says so, or a server
    /// closes with 1001. A client's 1001 says nothing, since browsers send it when a page is left.
    fn idle_closed(&self, side: Side, code: Option<u16>, reason: &str, now: Instant) -> Option<[String; 2]> {
        let reason = reason.to_ascii_lowercase();
        let told =
            ["idle", "inactiv", "timeout", "timed out", "time out"].iter().any(|word| reason.contains(word));
        let is_client = self.serving && side == Side::A;
        let is_ours = !matches!(self.sides[side].sink, SinkState::Open) || self.asked || self.count_met;
        if is_ours || !(told || code == Some(1001) && !is_client) {
            return None;
        }
        let lasted = self.traffic.silence.is_long(now)?;
        Some(Silence::closed(lasted, self.rules.ping_interval, told))
    }

    /// Message and hint about a clean Close that came after a long silence, if one did.
    pub fn idle_close(&self) -> Option<&[String; 2]> {
        self.idle_close.as_ref()
    }

    /// Advice about an output that held the peer up, if it did.
    fn held_up(&self, side: Side, now: Instant) -> Option<String> {
        let held = now - self.sides[side].held_since?;
        let output = &self.sides[side.other()].output;
        (held >= IDLE).then(|| {
            format!(
                "read {output} faster, or raise --read-ahead: what came from the peer waited {} for it",
                brief(held)
            )
        })
    }

    fn sink_failed(&mut self, side: Side, how: SinkFailure, now: Instant) {
        if self.sides[side].sink == SinkState::Done {
            return;
        }
        let other = side.other();
        self.sides[side].sink = SinkState::Done;
        if self.sides[side].is_web_socket() {
            // The last bytes of the peer may still be readable; the end of its source decides the verdict.
            self.sides[side].deaf_since = Some(now);
            self.sides[other].taking = Some(now);
            self.abandon(other);
            return self.maybe_release(side);
        }
        self.discard(other);
        if !self.sides[other].is_web_socket() {
            // Only a WebSocket has a Close to wait for; bytes may come for ever.
            self.stop(other);
        }
        self.stop(side);
        match how {
            // A reader that has as many messages as were wanted may leave: the end is under way.
            SinkFailure::ReaderLeft(fault) if fault.is_silent() && self.count_met => {}
            SinkFailure::ReaderLeft(fault) => {
                if fault.is_silent() {
                    self.leave_by(now + READER_LEFT);
                }
                self.fail(fault);
                self.end_output(other, Some(GOING_AWAY), String::new());
            }
            // The output cannot carry what came.
            SinkFailure::Failed(fault) if fault.exit == Exit::BadInput => {
                self.fail(fault);
                self.end_output(other, Some(TOO_BIG), "message too big".into());
            }
            SinkFailure::Failed(fault) => {
                self.fail(fault);
                self.end_output(other, Some(INTERNAL_ERROR), "output failed".into());
            }
            SinkFailure::Refused(fault) => self.refused(other, fault),
        }
        self.maybe_release(side);
    }

    fn count_reached(&mut self, side: Side, now: Instant) {
        self.count_met = true;
        // A peer that does not read must not keep us from leaving.
        self.limit(side, now + self.rules.close_timeout);
        self.discard(side);
        self.stop(side.other());
        self.end_normally(side);
    }

    fn close_sent(&mut self, side: Side, now: Instant) {
        let state = &mut self.sides[side];
        if state.sink == SinkState::Ending {
            let wait = Wait::new(&state.progress, now);
            state.sink = if state.ended { SinkState::Done } else { SinkState::CloseSent(wait) };
            // The Close is out; from here the drain has its own clock.
            state.gone_by = None;
            state.leaving = Some(Rate::new(state.progress.acknowledged, now));
            match wait.is_behind() {
                true => self.measure(side, !self.sides[side].ended),
                false => self.sides[side].close_acknowledged(now),
            }
        }
        self.maybe_release(side);
    }

    fn released(&mut self, side: Side, untaken: u64) {
        self.sides[side].released = true;
        if untaken > 0 && !self.sides[side].is_web_socket() {
            let output = &self.sides[side].output;
            self.fail(Fault::new(
                Exit::WriteError,
                "session",
                format!("{output} left {untaken} bytes of what it was given"),
            ));
        }
    }

    fn shut(&mut self, side: Side, now: Instant) {
        self.sides[side].sink = SinkState::Done;
        if self.sides[side].kind == SideKind::Datagrams && !self.sides[side].ended {
            // Nobody is told of an end, so nobody answers with one: both ways are over.
            self.actions.push(Action::Stop { side });
            return self.source_ended(side, SourceEnd::Eof { empty: false, hangup: true }, now);
        }
        self.maybe_release(side);
    }

    fn panicked(&mut self, now: Instant) {
        self.fail(
            Fault::new(Exit::Internal, "session", "internal fault: a bug in wsio")
                .hint("report it with the command line"),
        );
        for side in Side::BOTH {
            self.stop(side);
            if self.sides[side].is_web_socket() && self.sides[side].sink == SinkState::Open {
                self.sides[side].sink = SinkState::Ending;
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
        self.leave_by(now + LAST_WORD);
    }
}
