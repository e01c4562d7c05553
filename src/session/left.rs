//! Input that was left: not sent, or sent and in doubt.

use crate::units::counted;
use std::ops::{AddAssign, Sub};

/// Input that was not sent when the peer's end came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Messages that were taken from the input; a partial one counts.
    pub messages: u64,
    /// Bytes of the input that were not made messages of yet, or not even read.
    pub bytes: u64,
    /// The input may give still more.
    pub at_least: bool,
    /// Bytes that came after the peer's end.
    pub late: u64,
}

impl Left {
    /// The sum of both.
    pub fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
        self.late += other.late;
        self.at_least |= other.at_least;
    }

    /// True when nothing was left.
    pub fn is_none(&self) -> bool {
        (self.messages, self.bytes, self.late) == (0, 0, 0)
    }

    /// The amounts in words: `3 messages and at least 17 bytes more left unsent, 5 bytes came too late`.
    pub fn words(&self) -> String {
        let more = if self.messages > 0 { " more" } else { "" };
        let bytes = match (self.bytes, self.at_least) {
            (0, _) => None,
            (bytes, true) => Some(format!("at least {}{more}", counted(bytes, "byte"))),
            (bytes, false) => Some(format!("{}{more}", counted(bytes, "byte"))),
        };
        let messages = match (self.messages, self.at_least && self.bytes == 0) {
            (0, _) => None,
            (messages, true) => Some(format!("at least {}", counted(messages, "message"))),
            (messages, false) => Some(counted(messages, "message")),
        };
        let left: Vec<_> = messages.into_iter().chain(bytes).collect();
        let left = (!left.is_empty()).then(|| format!("{} left unsent", left.join(" and ")));
        let late = (self.late > 0).then(|| format!("{} came too late", counted(self.late, "byte")));
        left.into_iter().chain(late).collect::<Vec<_>>().join(", ")
    }
}

/// Data messages that are in doubt, or a position in a stream of them.
///
/// In doubt is input that was on its way when a connection was lost, and that nothing proves to have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Doubt {
    /// Number of messages.
    pub messages: u64,
    /// Their payload bytes.
    pub bytes: u64,
}

impl Doubt {
    /// True when nothing is in doubt.
    pub fn is_none(self) -> bool {
        self.messages == 0
    }

    /// One message more.
    pub fn add(&mut self, length: usize) {
        self.messages += 1;
        self.bytes += length as u64;
    }
}

impl AddAssign for Doubt {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }
}

impl Sub for Doubt {
    type Output = Self;

    /// From there to here; nothing when that lies behind.
    fn sub(self, from: Self) -> Self {
        Self {
            messages: self.messages.saturating_sub(from.messages),
            bytes: self.bytes.saturating_sub(from.bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_in_words() {
        let left = |messages, bytes, at_least, late| Left { messages, bytes, at_least, late }.words();
        assert_eq!(left(1, 0, false, 0), "1 message left unsent");
        assert_eq!(left(2, 17, false, 0), "2 messages and 17 bytes more left unsent");
        assert_eq!(left(0, 1, true, 0), "at least 1 byte left unsent");
        assert_eq!(left(3, 0, true, 0), "at least 3 messages left unsent");
        assert_eq!(left(1, 0, false, 9), "1 message left unsent, 9 bytes came too late");
    }
}
