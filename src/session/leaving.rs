//! How the session lets go of its sides: the steps from open to released.

use super::{
    Action, CloseWith, Instant, Session, When,
    codes::TRY_AGAIN_LATER,
    machine::LAST_WORD,
    side::{Side, Sink},
};
use crate::{exit::Exit, fault::Fault};

impl Session {
    /// Stops reading, flushes and closes both sides; delivery to byte sinks goes on while peers drain.
    pub(super) fn end_all(&mut self, code: Option<u16>, reason: String, now: Instant) {
        self.hurried = true;
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

    /// What waits for `side` is dropped, and it is told that it was too slow.
    pub(super) fn send_away(&mut self, side: usize, reason: String, now: Instant) {
        self.fail(Fault::new(Exit::Unsent, "session", reason.clone()));
        self.sides[side].keepalive = None;
        self.actions.push(Action::SendAway { side, reason: reason.clone() });
        self.abandon(1 - side);
        self.end_output(1 - side, None, String::new());
        if self.sides[side].is_web_socket() && self.sides[side].sink == Sink::Open {
            self.sides[side].sink = Sink::Ending;
            self.sides[side].close_code = Some(TRY_AGAIN_LATER);
            self.discard(side);
            let (code, when) = (Some(TRY_AGAIN_LATER), When::Now);
            self.actions.push(Action::Close { side, code, reason, when });
        } else {
            self.end_normally(side);
        }
        self.limit(now + LAST_WORD + self.rules.close_timeout);
    }

    pub(super) fn discard(&mut self, side: usize) {
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
