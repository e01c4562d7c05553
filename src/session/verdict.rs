//! The verdict on a session: the first fault, or what was left undone.

use super::{
    Session,
    left::{Doubt, Left},
};
use crate::{exit::Exit, fault::Fault, units::counted};

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
}
