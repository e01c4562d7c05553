//! How a pair ended, and what it carried.

use super::pump::Pump;
use crate::{
    exit::Exit,
    fault::Fault,
    framing::record::Tally,
    session::{Event, Left, SinkFailure, SourceEnd},
};
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
    /// Messages that a side had no room for (`--slow drop`).
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
        let dropped = match self.dropped {
            0 => String::new(),
            count => format!(", dropped {count} messages"),
        };
        let more = |count, what| match count {
            0 => String::new(),
            count => format!(", {count} {what}"),
        };
        let unsent = more(self.unsent.messages, "messages left unsent");
        let late = more(self.unsent.late, "bytes came too late");
        let untaken = more(self.untaken, "bytes not taken");
        format!(
            "{closed}; in {messages_in} messages {bytes_in} bytes, out {messages_out} messages {bytes_out} bytes{dropped}{unsent}{late}{untaken}"
        )
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

/// Keeps how each side was closed, as far as this event tells; codes are for WebSockets.
pub(super) fn note_close(closed: &mut [Option<String>; 2], web_socket: [bool; 2], event: &Event) {
    let abnormal = |side: usize, fault: &Fault| match web_socket[side] {
        true => format!("1006 abnormal: {}", fault.cause),
        false => fault.cause.clone(),
    };
    let (side, text) = match event {
        Event::Ended { side, how: SourceEnd::Close { described, .. } } => (*side, described.clone()),
        Event::Ended { side, how: SourceEnd::Lost { fault, .. } } => (*side, abnormal(*side, fault)),
        Event::SinkFailed { side, how: SinkFailure::Failed(fault) } if fault.exit == Exit::Lost => {
            (*side, abnormal(*side, fault))
        }
        _ => return,
    };
    closed[side].get_or_insert(text);
}
