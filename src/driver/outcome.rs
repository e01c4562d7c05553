//! The outcome of a pair: how it ended, and what it carried.

use crate::{
    fault::Fault,
    framing::record::Tally,
    session::{Doubt, Left, Side},
    units::counted,
    ws::conn::Unsent,
};
use std::time::Duration;

/// The end of a pair and its sums.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The first fault; `None` is clean and complete.
    pub fault: Option<Fault>,
    /// Close of each side: code, name and reason of a WebSocket, or why it ended.
    pub closed: [Option<String>; 2],
    /// Data messages and payload bytes carried from side A and from side B.
    pub carried: [(u64, u64); 2],
    /// Input that could not be sent any more.
    pub unsent: Left,
    /// Input that may not have arrived when a connection was lost.
    pub doubt: Doubt,
    /// Cause and hint, when a clean Close came after a long silence.
    pub idle_close: Option<[String; 2]>,
    /// Everything else that did not come where it should.
    pub remains: Remains,
    /// Everything was sent and delivered, and every peer has closed.
    pub complete: bool,
    /// The round trips of our pings.
    pub rtt: Option<Rtt>,
}

/// Messages and bytes that were carried and did not come where they should.
#[derive(Clone, Debug, Default)]
pub struct Remains {
    /// Messages that a side was too slow for.
    pub dropped: u64,
    /// Messages said in a room that nobody else was in.
    pub unheard: u64,
    /// Messages of a room that were left unsent.
    pub unsent: u64,
    /// Handed to the WebSocket that takes what comes from side A and from side B, and not sent.
    pub unsent_by_link: [Unsent; 2],
    /// Messages and bytes that an output did not take.
    pub undelivered: (u64, u64),
    /// Messages and bytes among them that came from side A and from side B and were not even handed over.
    pub kept: [(u64, u64); 2],
    /// Name of the input, for people.
    pub input: String,
    /// Name of the output, for people.
    pub output: String,
}

impl Remains {
    /// True when the outputs have taken everything.
    pub fn is_delivered(&self) -> bool {
        self.undelivered == (0, 0) && self.unsent == 0
    }
}

/// Round trips, summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rtt {
    /// Number of round trips.
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
    /// Tally of this side's WebSocket: what it carried, and how the session ended.
    pub fn tally(&self, side: Side) -> Tally {
        let ((messages_in, bytes_in), (messages_out, bytes_out)) =
            (self.carried[side], self.carried[side.other()]);
        Tally {
            messages_in,
            bytes_in,
            messages_out,
            bytes_out,
            unsent_messages: self.unsent.messages,
            unsent_bytes: self.unsent.bytes + self.unsent.late,
            dropped_messages: self.remains.dropped,
            unheard_messages: self.remains.unheard,
            undelivered_messages: self.remains.undelivered.0,
            undelivered_bytes: self.remains.undelivered.1,
            ..ending(self.fault.as_ref())
        }
    }

    /// Input that was left unsent, in words, if any was.
    pub fn left_unsent(&self) -> Option<String> {
        (!self.unsent.is_none()).then(|| self.unsent.words())
    }

    /// Messages that were dropped on the way or heard by nobody, in words.
    pub fn dropped(&self) -> Vec<String> {
        let Remains { dropped, unheard, .. } = self.remains;
        let dropped = (dropped > 0).then(|| format!("dropped {}", counted(dropped, "message")));
        let unheard = (unheard > 0).then(|| format!("{} heard by nobody", counted(unheard, "message")));
        dropped.into_iter().chain(unheard).collect()
    }

    /// The output that did not take everything, and how much, in words.
    pub fn undelivered(&self) -> Option<String> {
        let Remains { undelivered: (messages, bytes), output, .. } = &self.remains;
        let amount = || format!("{}, {} not taken", counted(*messages, "message"), counted(*bytes, "byte"));
        ((*messages, *bytes) != (0, 0)).then(|| format!("{output}: {}", amount()))
    }

    /// End and sums of this side's WebSocket for a server's log, in the same form for any number.
    pub fn summary(&self, side: Side) -> String {
        self.ended(side, |messages, bytes| format!("{messages} messages {bytes} bytes"))
    }

    /// The same, for a person.
    pub fn told(&self, side: Side) -> String {
        self.ended(side, |messages, bytes| {
            format!("{} {}", counted(messages, "message"), counted(bytes, "byte"))
        })
    }

    fn ended(&self, side: Side, flow: impl Fn(u64, u64) -> String) -> String {
        let closed = self.closed[side].clone().unwrap_or_else(|| match &self.fault {
            Some(fault) => format!("1006 abnormal: {}", fault.cause),
            None => "end of input".into(),
        });
        let ((messages_in, bytes_in), (messages_out, bytes_out)) =
            (self.carried[side], self.carried[side.other()]);
        let (came, went) = (flow(messages_in, bytes_in), flow(messages_out, bytes_out));
        let mut summary = format!("{closed}; in {came}, out {went}");
        let left = [self.left_unsent(), self.undelivered()];
        for words in self.dropped().into_iter().chain(left.into_iter().flatten()) {
            summary.push_str(", ");
            summary.push_str(&words);
        }
        summary
    }
}

/// A tally of nothing but the end.
pub fn ending(fault: Option<&Fault>) -> Tally {
    Tally {
        exit: fault.map_or(0, |fault| fault.exit.code()),
        cause: fault.map(|fault| format!("{}: {}", fault.phase, fault.cause)),
        ..Tally::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_line_names_the_output_that_did_not_take_everything() {
        let remains =
            Remains { undelivered: (9, 99), output: "standard output".into(), ..Remains::default() };
        let outcome = Outcome {
            fault: None,
            closed: [Some("1001 going away".into()), None],
            carried: [(10, 100), (0, 0)],
            unsent: Left::default(),
            doubt: Doubt::default(),
            idle_close: None,
            remains,
            complete: false,
            rtt: None,
        };
        assert_eq!(
            outcome.summary(Side::A),
            "1001 going away; in 10 messages 100 bytes, out 0 messages 0 bytes, \
             standard output: 9 messages, 99 bytes not taken"
        );
    }
}
