//! The verdict on a session: the first fault, or what was left undone.
//!
//! Its expectations are a number of messages, messages that match, the peer's Close. An expectation is judged when the session is over or out of time, and only if nothing else went
//! wrong before: the first fault wins. The answer to our own Close says nothing about the peer's will,
//! so it never meets an expectation.

use super::{
    Session, Side,
    left::{Doubt, Left},
};
use crate::{close, exit::Exit, fault::Fault, units::counted};
use std::ops::RangeInclusive;

impl Session {
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
            return Some(format!("expected {}, got {}", counted(wanted?, "message"), self.received));
        };
        if wanted.is_none() && self.matched > 0 {
            return None;
        }
        let matched = self.matched;
        let wanted = wanted.map_or_else(|| "a message".to_owned(), |wanted| counted(wanted, "message"));
        Some(format!("expected {wanted} with {filter}, {matched} of {} matched", self.received))
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
