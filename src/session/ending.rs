//! The end of a session: the steps in which it lets go of its sides, from open to released, and the verdict.
//!
//! The verdict is the first fault, or what was left undone. Expectations (a number of messages, messages that
//! match, the peer's Close) are judged when the session is over or out of time, and only if nothing else went
//! wrong before. The answer to our own Close says nothing about the peer's will, so it never meets an
//! expectation.

use super::{
    Action, CloseWith, Instant, Session, Side, When,
    close::TRY_AGAIN_LATER,
    left::{Doubt, Left},
    machine::{INTERNAL_ERROR, LAST_WORD},
    progress::Rate,
    side::{SessionSide, SinkState},
};
use crate::{close, exit::Exit, fault::Fault, units::counted};
use std::{ops::RangeInclusive, time::Duration};

/// Longest time for the last steps of a side that has to go at once.
const AT_ONCE: Duration = Duration::from_millis(50);

impl Session {
    /// Stops reading, flushes and closes both sides; delivery to byte sinks goes on while peers drain.
    ///
    /// It is over in that time, or at once when all that is left is an output that takes nothing.
    pub(super) fn end_all(&mut self, code: Option<u16>, reason: String, within: Duration) {
        self.hurried = true;
        let relay = self.sides.iter().all(SessionSide::is_web_socket);
        for side in Side::BOTH {
            if relay || !self.sides[side].is_web_socket() {
                self.stop(side);
            }
        }
        let bytes_only = !self.sides.iter().any(SessionSide::is_web_socket);
        for side in Side::BOTH {
            if bytes_only || self.sides[side].is_web_socket() {
                self.end_output(side, code, reason.clone());
            }
        }
        let over = !bytes_only && self.sides.iter().all(|side| !side.is_web_socket() || side.release_asked);
        self.leave_by(if over { self.now } else { self.now + within });
        // A side whose output had ended before is released by nothing else.
        Side::BOTH.into_iter().for_each(|side| self.maybe_release(side));
    }

    pub(super) fn end_normally(&mut self, side: Side) {
        let CloseWith { code, reason } = self.rules.close.clone();
        self.end_output(side, code, reason);
    }

    pub(super) fn end_output(&mut self, side: Side, code: Option<u16>, reason: String) {
        let now = self.now;
        let state = &mut self.sides[side];
        if state.sink != SinkState::Open {
            return;
        }
        state.sink = SinkState::Ending;
        state.lingering = None;
        state.close_code = code;
        self.actions.push(if state.is_web_socket() {
            state.leaving = Some(Rate::new(state.progress.sent, now));
            Action::Close { side, code, reason, when: When::Delivered }
        } else {
            state.taking = Some(now);
            Action::Shut { side, cut: state.cut }
        });
    }

    /// Marks the output of this side as incomplete, which its far end has to see.
    pub(super) fn cut(&mut self, side: Side) {
        if !self.sides[side].is_web_socket() && self.sides[side].sink != SinkState::Done {
            self.sides[side].cut = true;
        }
    }

    pub(super) fn stop(&mut self, side: Side) {
        if !self.sides[side].ended {
            self.sides[side].ended = !self.sides[side].is_web_socket();
            self.actions.push(Action::Stop { side });
        }
    }

    pub(super) fn abandon(&mut self, side: Side) {
        if self.sides[side].is_web_socket() {
            self.discard(side);
        } else {
            self.sides[side].ended = true;
        }
        self.actions.push(Action::Abandon { side });
        self.maybe_release(side);
    }

    /// Drops what waits for `side`, and tells it that it was too slow.
    pub(super) fn send_away(&mut self, side: Side, reason: String, now: Instant) {
        self.fail(Fault::new(Exit::Unsent, "session", reason.clone()));
        self.sides[side].keepalive = None;
        self.actions.push(Action::SendAway { side, reason: reason.clone() });
        self.abandon(side.other());
        self.cut(side.other());
        self.end_output(side.other(), None, String::new());
        if self.sides[side].is_web_socket() && self.sides[side].sink == SinkState::Open {
            self.sides[side].sink = SinkState::Ending;
            self.sides[side].close_code = Some(TRY_AGAIN_LATER);
            self.discard(side);
            let (code, when) = (Some(TRY_AGAIN_LATER), When::Now);
            self.actions.push(Action::Close { side, code, reason, when });
        } else {
            self.end_normally(side);
        }
        self.limit(side, now + LAST_WORD + self.rules.close_timeout);
    }

    /// The WebSocket of this side is left as it is: nothing more comes of it.
    pub(super) fn give_up(&mut self, side: Side, fault: Fault, now: Instant) {
        self.fail(fault);
        let state = &mut self.sides[side];
        (state.sink, state.ended, state.keepalive, state.gone_by) = (SinkState::Done, true, None, Some(now));
        self.cut(side.other());
        self.end_output(side.other(), Some(INTERNAL_ERROR), "peer lost".into());
        self.abandon(side.other());
        self.maybe_release(side);
    }

    pub(super) fn discard(&mut self, side: Side) {
        if !self.sides[side].discarding {
            self.sides[side].discarding = true;
            self.actions.push(Action::Discard { side });
        }
    }

    pub(super) fn maybe_release(&mut self, side: Side) {
        let now = self.now;
        let state = &mut self.sides[side];
        if state.ended && state.sink == SinkState::Done && !state.release_asked {
            state.release_asked = true;
            let at_once = self.fault.as_ref().is_some_and(Fault::is_silent).then(|| now + AT_ONCE);
            let lost = state.lost.then(|| now + LAST_WORD);
            let by = [self.gone_by, state.gone_by, at_once, lost].into_iter().flatten().min();
            self.actions.push(Action::Release { side, by, cut: state.cut });
        }
    }

    /// Ends everything now, in whatever state it is.
    pub(super) fn force(&mut self, now: Instant) {
        (self.gone_by, self.forced) = (None, true);
        self.fail(lost_while_sending());
        // The input that is left is counted while both links are still there.
        self.actions.extend(Side::BOTH.map(|side| Action::Abandon { side }));
        for side in Side::BOTH {
            let state = &mut self.sides[side];
            if !state.is_web_socket() && state.sink != SinkState::Done {
                state.cut = true;
            }
            (state.ended, state.sink, state.keepalive, state.gone_by) = (true, SinkState::Done, None, None);
            if !state.released {
                state.release_asked = true;
                let cut = state.cut;
                self.actions.push(Action::Release { side, by: Some(now + AT_ONCE), cut });
            }
        }
    }

    /// The first fault, or what was left undone; `None` is clean and complete.
    pub fn verdict(&self) -> Option<Fault> {
        if self.fault.is_some() {
            return self.fault.clone();
        }
        // Input behind an end that the user asked for may be left unsent.
        let wanted_so = self.count_met || self.close_met || self.asked;
        if !self.left.is_none() && !wanted_so {
            let cause = format!("the peer closed; of the input, {}", self.left.words());
            return Some(Fault::new(Exit::Unsent, "session", cause));
        }
        if !self.doubt.is_none() {
            let Doubt { messages, bytes } = self.doubt;
            let cause = format!(
                "{} ({}) sent before a connection was lost may not have arrived",
                counted(messages, "message"),
                counted(bytes, "byte")
            );
            return Some(Fault::new(Exit::Unsent, "session", cause).hint("send them again with --resend"));
        }
        self.unmet(None).map(|fault| fault.hint("wait longer with --linger 10s or --linger inf"))
    }

    /// True when everything was sent, and every peer has closed or hung up.
    pub fn is_complete(&self) -> bool {
        let closed = self.sides.iter().all(|side| !side.is_web_socket() || side.closed);
        closed && self.left.is_none() && self.doubt.is_none()
    }

    /// Input that could not be sent any more.
    pub fn left(&self) -> Left {
        self.left
    }

    /// Messages that may not have arrived.
    pub fn doubt(&self) -> Doubt {
        self.doubt
    }

    pub(super) fn fail(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    /// The expectation that was not met, if one was; `late` is the deadline that ended the waiting.
    pub(super) fn unmet(&self, late: Option<&str>) -> Option<Fault> {
        let cause = match self.too_few() {
            Some(cause) => format!("{cause}: {}", late.unwrap_or("the session ended")),
            None => format!("{}: {}", self.no_close()?, late.unwrap_or("we closed first")),
        };
        Some(Fault::new(Exit::Expectation, "session", cause))
    }

    fn too_few(&self) -> Option<String> {
        let wanted = self.rules.count.filter(|_| !self.count_met);
        let Some(filter) = &self.rules.filter else {
            return Some(format!("expected {}, got {}", counted(wanted?, "message"), self.traffic.received));
        };
        if wanted.is_none() && self.matched > 0 {
            return None;
        }
        let matched = self.matched;
        let wanted = wanted.map_or_else(|| "a message".to_owned(), |wanted| counted(wanted, "message"));
        Some(format!("expected {wanted} with {filter}, {matched} of {} matched", self.traffic.received))
    }

    fn no_close(&self) -> Option<String> {
        let expected = &self.rules.expect_close;
        let missed = !expected.is_empty() && !self.close_met;
        missed.then(|| format!("expected the peer to close with {}, it did not", close::list(expected)))
    }

    /// Judges the peer's Close; `echo` is the answer to ours, and `held` the advice where more is known than
    /// the code: an output that held the peer up, a size. True when the Close is clean.
    pub(super) fn judge_close(
        &mut self,
        side: Side,
        code: Option<u16>,
        echo: bool,
        described: &str,
        held: Option<String>,
    ) -> bool {
        let within = |ranges: &[RangeInclusive<u16>], code| ranges.iter().any(|range| range.contains(&code));
        let fine = matches!(code, None | Some(1000 | 1001))
            || code.is_some_and(|code| within(&self.rules.ok_close, code));
        // Of two WebSockets, the second is the one that was dialled.
        let looked_at = side == Side::B || !self.sides[Side::B].is_web_socket();
        if !echo && looked_at && !self.rules.expect_close.is_empty() {
            let expected = &self.rules.expect_close;
            if within(expected, code.unwrap_or(1005)) {
                self.close_met = true;
                return true;
            } else {
                let cause = format!(
                    "expected the peer to close with {}, it closed with {described}",
                    close::list(expected)
                );
                self.fail(Fault::new(Exit::Expectation, "session", cause));
            }
        } else if !fine && !echo {
            let fault = Fault::new(Exit::ClosedByPeer, "session", format!("closed by the peer: {described}"));
            self.fail(match held.or_else(|| code.and_then(close::remedy).map(str::to_owned)) {
                Some(remedy) => fault.hint(remedy),
                None => fault,
            });
        }
        fine || echo
    }
}

pub(super) fn lost_while_sending() -> Fault {
    Fault::new(Exit::Lost, "session", "the connection was lost while sending")
}
