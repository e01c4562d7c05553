//! Notes on what a room drops.

use super::RoomRules;
use crate::{
    observe::{Reporter, Seldom},
    units::counted,
};
use std::sync::Once;

/// Reporter of what a room drops, in its name.
pub struct Told {
    reporter: Reporter,
    /// `hub:chat: `, or nothing.
    name: String,
    slow: Seldom,
    unheard: Seldom,
    trimmed: Once,
}

impl Told {
    /// The room of that name, which may have none.
    pub fn new(reporter: Reporter, name: &str) -> Self {
        let name = if name.is_empty() { String::new() } else { format!("{name}: ") };
        Self { reporter, name, slow: Seldom::default(), unheard: Seldom::default(), trimmed: Once::new() }
    }

    /// A member had no room for a message; `conn` is its connection, where that is known.
    pub(super) fn slow(&self, conn: Option<u64>) {
        self.slow.one(Some(&self.reporter), |count| {
            let whose = conn.map_or_else(|| "clients".to_owned(), |conn| format!("clients, #{conn} last,"));
            format!(
                "{}dropped {} for {whose} that do not keep up (--slow drop): raise --queue, or have all wait with --slow wait",
                self.name,
                counted(count, "message")
            )
        });
    }

    /// Nobody was there to hear a message.
    pub(super) fn unheard(&self) {
        self.unheard.one(Some(&self.reporter), |count| {
            format!(
                "{}nobody else is in it: {} heard by nobody; --last N keeps the last N for whoever comes",
                self.name,
                counted(count, "message")
            )
        });
    }

    /// Fewer of the last messages are kept than were asked for.
    pub(super) fn trimmed(&self, rules: &RoomRules) {
        self.trimmed.call_once(|| {
            self.reporter.note(&format!(
                "{}--last {}: they are larger than --queue ({} bytes), and the oldest are dropped",
                self.name, rules.last, rules.queue
            ));
        });
    }
}
