//! What a session comes to: the first fault, or what was left undone.

use super::Session;
use crate::{exit::Exit, fault::Fault};

impl Session {
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
        self.unmet(None).map(|fault| fault.hint("wait longer with --linger 10s or --linger inf"))
    }

    pub(super) fn fail(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }
}

pub(super) fn unanswered(cause: &str) -> Fault {
    Fault::new(Exit::CloseUnanswered, "session", format!("our Close was never answered: {cause}"))
}
