//! How the session lets go of its sides: the steps from open to released.

use super::{
    Action, CloseWith, Instant, Session, When,
    side::{Side, Sink},
};
use crate::fault::Fault;

impl Session {
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
