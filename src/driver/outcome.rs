//! How a pair ended, and how that is told in one line.

use crate::fault::Fault;

/// How a pair ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The first fault; `None` is clean and complete.
    pub fault: Option<Fault>,
    /// How each WebSocket side was closed: code, name and reason.
    pub closed: [Option<String>; 2],
    /// Data messages and payload bytes carried from side A and from side B.
    pub carried: [(u64, u64); 2],
    /// Messages that a side had no room for (`--slow drop`).
    pub dropped: u64,
    /// Bytes that a side did not take before it was given up.
    pub untaken: u64,
}

impl Outcome {
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
        let untaken = match self.untaken {
            0 => String::new(),
            bytes => format!(", {bytes} bytes not taken"),
        };
        format!(
            "{closed}; in {messages_in} messages {bytes_in} bytes, out {messages_out} messages {bytes_out} bytes{dropped}{untaken}"
        )
    }
}
