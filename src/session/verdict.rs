//! What a session comes to: the first fault, or what was left undone.

use super::Session;
use crate::{exit::Exit, fault::Fault};

/// What the peer's end left unsent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Messages that were read before; a partial one counts.
    pub messages: u64,
    /// Bytes that came after it.
    pub late: u64,
}

impl Session {
    /// The first fault, or what was left undone; `None` is clean and complete.
    pub fn verdict(&self) -> Option<Fault> {
        if self.fault.is_some() {
            return self.fault.clone();
        }
        if self.left != Left::default() {
            let what = match self.left {
                Left { messages: 0, late } => format!("{late} bytes came too late to be sent"),
                Left { messages: 1, .. } => "1 message of the input left unsent".to_owned(),
                Left { messages, .. } => format!("{messages} messages of the input left unsent"),
            };
            return Some(Fault::new(Exit::Unsent, "session", format!("the peer closed; {what}")));
        }
        self.unmet(None).map(|fault| fault.hint("wait longer with --linger 10s or --linger inf"))
    }

    /// What could not be sent any more.
    pub fn left(&self) -> Left {
        self.left
    }

    pub(super) fn fail(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }
}

pub(super) fn unanswered(cause: &str) -> Fault {
    Fault::new(Exit::CloseUnanswered, "session", format!("our Close was never answered: {cause}"))
}
