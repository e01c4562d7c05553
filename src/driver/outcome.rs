//! How a pair ended, and what it carried.

use super::pump::Pump;
use crate::{fault::Fault, framing::record::Tally, session::Left};
use std::time::Duration;

/// How a pair ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The first fault; `None` is clean and complete.
    pub fault: Option<Fault>,
    /// How each side was closed: code, name and reason of a WebSocket, or why it ended.
    pub closed: [Option<String>; 2],
    /// Data messages and payload bytes carried from side A and from side B.
    pub carried: [(u64, u64); 2],
    /// Messages that a side was too slow for.
    pub dropped: u64,
    /// What could not be sent any more.
    pub unsent: Left,
    /// Bytes that a side did not take before it was given up.
    pub untaken: u64,
    /// The round trips of our pings.
    pub rtt: Option<Rtt>,
}

/// Round trips, summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rtt {
    /// How many.
    pub count: u32,
    /// The shortest.
    pub min: Duration,
    /// The longest.
    pub max: Duration,
    /// All of them.
    pub total: Duration,
}

impl Rtt {
    /// Adds one more.
    pub fn add(all: &mut Option<Self>, time: Duration) {
        let sum = all.get_or_insert(Self { count: 0, min: time, max: time, total: Duration::ZERO });
        sum.count = sum.count.saturating_add(1);
        sum.total += time;
        (sum.min, sum.max) = (sum.min.min(time), sum.max.max(time));
    }
}

impl Outcome {
    /// What the WebSocket of this side carried, and how the session ended.
    pub fn tally(&self, side: usize) -> Tally {
        let ((messages_in, bytes_in), (messages_out, bytes_out)) =
            (self.carried[side], self.carried[1 - side]);
        Tally { messages_in, bytes_in, messages_out, bytes_out, ..ending(self.fault.as_ref()) }
    }

    /// How the WebSocket of this side ended and what it carried, for a line on stderr.
    pub fn summary(&self, side: usize) -> String {
        let closed = self.closed[side].clone().unwrap_or_else(|| match &self.fault {
            Some(fault) => format!("1006 abnormal: {}", fault.cause),
            None => "end of input".into(),
        });
        let ((messages_in, bytes_in), (messages_out, bytes_out)) =
            (self.carried[side], self.carried[1 - side]);
        let mut summary = format!(
            "{closed}; in {messages_in} messages {bytes_in} bytes, out {messages_out} messages {bytes_out} bytes"
        );
        let left = [
            (self.dropped, format!("dropped {} messages", self.dropped)),
            (self.unsent.messages, format!("{} messages left unsent", self.unsent.messages)),
            (self.unsent.late, format!("{} bytes came too late", self.unsent.late)),
            (self.untaken, format!("{} bytes not taken", self.untaken)),
        ];
        for (_, words) in left.into_iter().filter(|(count, _)| *count > 0) {
            summary.push_str(", ");
            summary.push_str(&words);
        }
        summary
    }
}

/// What either pump carried, and what was said to its source by itself.
pub(super) fn carried(pumps: &[Pump; 2]) -> [(u64, u64); 2] {
    [0, 1].map(|side| {
        let said = pumps[1 - side].chatter.as_ref().map_or((0, 0), |chatter| chatter.said);
        (pumps[side].count.0 + said.0, pumps[side].count.1 + said.1)
    })
}

/// A tally of nothing but the end.
pub fn ending(fault: Option<&Fault>) -> Tally {
    Tally {
        exit: fault.map_or(0, |fault| fault.exit.code()),
        cause: fault.map(|fault| format!("{}: {}", fault.phase, fault.cause)),
        ..Tally::default()
    }
}
