//! The outcome of a pair: how it ended, and what it carried.

use crate::{
    close,
    exit::Exit,
    fault::Fault,
    framing::record::Tally,
    session::{Doubt, Event, Left, Side, SinkFailure, SourceEnd},
    units::counted,
    ws::conn::{Unsent, Volume},
};
use std::time::Duration;

/// The end of a pair and its sums.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The first fault; `None` is clean and complete.
    pub fault: Option<Fault>,
    /// Close of each side: code, name and reason of a WebSocket, or why it ended.
    pub closed: [Option<String>; 2],
    /// Data messages and payload bytes carried from side A and from side B.
    pub carried: [(u64, u64); 2],
    /// What the last connection of each side received and sent in compressed form; nothing where no compression
    /// was agreed on.
    pub compressed: [[Volume; 2]; 2],
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
    /// Messages and bytes that the output of each side did not take.
    pub not_taken: [(u64, u64); 2],
    /// Messages and bytes among them that came from side A and from side B and were not even handed over.
    pub kept: [(u64, u64); 2],
    /// Name of the input, for people.
    pub input: String,
    /// Names of the outputs, for people.
    pub outputs: [String; 2],
}

impl Remains {
    /// The output of a side has not taken so many messages and bytes.
    pub(super) fn did_not_take(&mut self, side: Side, (messages, bytes): (u64, u64)) {
        self.not_taken[side].0 += messages;
        self.not_taken[side].1 += bytes;
    }

    /// Messages and bytes that no output took.
    pub fn undelivered(&self) -> (u64, u64) {
        let [a, b] = self.not_taken;
        (a.0 + b.0, a.1 + b.1)
    }

    /// True when the outputs have taken everything.
    pub fn is_delivered(&self) -> bool {
        self.undelivered() == (0, 0) && self.unsent == 0
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
        let (undelivered_messages, undelivered_bytes) = self.remains.undelivered();
        Tally {
            messages_in,
            bytes_in,
            messages_out,
            bytes_out,
            unsent_messages: self.unsent.messages,
            unsent_bytes: self.unsent.bytes + self.unsent.late,
            dropped_messages: self.remains.dropped,
            unheard_messages: self.remains.unheard,
            undelivered_messages,
            undelivered_bytes,
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

    /// Each output that did not take everything, and how much, in words.
    pub fn undelivered(&self) -> impl Iterator<Item = String> {
        self.remains
            .outputs
            .iter()
            .zip(self.remains.not_taken)
            .filter_map(|(output, rest)| not_taken(output, rest))
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
        for words in self.dropped().into_iter().chain(self.left_unsent()).chain(self.undelivered()) {
            summary.push_str(", ");
            summary.push_str(&words);
        }
        summary
    }
}

/// Close of a session that was cut off when its server ended.
pub(super) const CUT_OFF: &str = "1006 abnormal: cut off, its time (--grace) was over";

/// An output that has not taken so many messages and bytes, in words.
pub(super) fn not_taken(output: &str, (messages, bytes): (u64, u64)) -> Option<String> {
    let amount = || format!("{}, {} not taken", counted(messages, "message"), counted(bytes, "byte"));
    ((messages, bytes) != (0, 0)).then(|| format!("{output}: {}", amount()))
}

/// A tally of nothing but the end.
pub fn ending(fault: Option<&Fault>) -> Tally {
    Tally {
        exit: fault.map_or(0, |fault| fault.exit.code()),
        cause: fault.map(|fault| format!("{}: {}", fault.phase, fault.cause)),
        ..Tally::default()
    }
}

/// Words on each side's close as far as they are known.
pub(super) struct Closings {
    /// Codes are for WebSockets: elsewhere the cause says it all.
    web_socket: [bool; 2],
    told: [Option<String>; 2],
    /// Why nothing more could be sent.
    failed: [Option<String>; 2],
}

impl Closings {
    /// Nothing is known yet.
    pub(super) fn new(web_socket: [bool; 2]) -> Self {
        Self { web_socket, told: [None, None], failed: [None, None] }
    }

    /// Keeps what this event tells; the first word stays.
    pub(super) fn note(&mut self, event: &Event) {
        match event {
            Event::Ended { side, how } => match &**how {
                SourceEnd::Close { described, .. } => self.tell(*side, described.clone()),
                // What we close with, of which the peer's side of the log tells too.
                SourceEnd::Lost { fault, answer: Some(code) } if self.web_socket[*side] => {
                    self.tell(*side, close::describe(Some(*code), &fault.cause));
                }
                SourceEnd::Lost { fault, .. } => self.tell(*side, self.abnormal(*side, fault)),
                _ => {}
            },
            Event::SinkFailed { side, how } => {
                if let SinkFailure::Failed(fault) = &**how
                    && fault.exit == Exit::Lost
                {
                    self.failed[*side] = self.failed[*side].take().or(Some(self.abnormal(*side, fault)));
                }
            }
            _ => {}
        }
    }

    /// We sent it away for this reason, and whatever comes back changes nothing.
    pub(super) fn sent_away(&mut self, side: Side, reason: &str) {
        self.tell(
            side,
            match self.web_socket[side] {
                true => close::describe(Some(close::TRY_AGAIN_LATER), reason),
                false => reason.to_owned(),
            },
        );
    }

    /// Its link tells more than the events did.
    pub(super) fn tell(&mut self, side: Side, words: String) {
        self.told[side].get_or_insert(words);
    }

    /// The words for each side; a side that is no WebSocket falls back on the cause of the verdict.
    pub(super) fn finish(self, fault: Option<&Fault>) -> [Option<String>; 2] {
        let Self { web_socket, told, failed } = self;
        let mut sides = told.into_iter().zip(failed).zip(web_socket);
        [(); 2].map(|()| {
            let ((told, failed), web_socket) = sides.next()?;
            let cause = || fault.filter(|_| !web_socket).map(|fault| fault.cause.clone());
            told.or(failed).or_else(cause)
        })
    }

    fn abnormal(&self, side: Side, fault: &Fault) -> String {
        match self.web_socket[side] {
            true => format!("1006 abnormal: {}", fault.cause),
            false => fault.cause.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> Event {
        let fault = Fault::new(Exit::Lost, "session", "broken pipe");
        Event::SinkFailed { side: Side::A, how: Box::new(SinkFailure::Failed(fault)) }
    }

    #[test]
    fn a_close_that_is_read_counts_more_than_that_nothing_could_be_sent_after_it() {
        let mut closings = Closings::new([true, false]);
        closings.note(&failed());
        let how = SourceEnd::Close {
            code: Some(1000),
            reason: String::new(),
            described: "1000 normal".into(),
            advice: None,
        };
        closings.note(&Event::Ended { side: Side::A, how: Box::new(how) });
        closings.note(&failed());
        assert_eq!(closings.finish(None), [Some("1000 normal".into()), None]);

        let mut closings = Closings::new([true, false]);
        closings.note(&failed());
        let fault = Fault::new(Exit::Lost, "session", "gone");
        let closed = [Some("1006 abnormal: broken pipe".into()), Some("gone".into())];
        assert_eq!(closings.finish(Some(&fault)), closed);
    }

    #[test]
    fn a_breach_of_the_protocol_is_told_with_the_code_that_we_sent() {
        let fault = Fault::new(Exit::Protocol, "session", "a reserved bit is set");
        for (answer, words) in [
            (Some(1002), "1002 protocol error: a reserved bit is set"),
            (None, "1006 abnormal: a reserved bit is set"),
        ] {
            let mut closings = Closings::new([true, false]);
            let how = SourceEnd::Lost { fault: fault.clone(), answer };
            closings.note(&Event::Ended { side: Side::A, how: Box::new(how) });
            assert_eq!(closings.finish(None)[0].as_deref(), Some(words));
        }
    }

    #[test]
    fn who_was_sent_away_was_closed_by_us() {
        let mut closings = Closings::new([true, true]);
        closings.sent_away(Side::A, "too slow");
        closings.note(&failed());
        assert_eq!(closings.finish(None)[0].as_deref(), Some("1013 try again later: too slow"));
    }

    #[test]
    fn a_servers_line_names_each_output_that_did_not_take_everything() {
        let remains = Remains {
            not_taken: [(1, 2), (9, 99)],
            outputs: ["the client".into(), "standard output".into()],
            ..Remains::default()
        };
        assert_eq!(remains.undelivered(), (10, 101));
        let outcome = Outcome {
            closed: [Some("1001 going away".into()), None],
            carried: [(10, 100), (0, 0)],
            remains,
            ..Outcome::default()
        };
        assert_eq!(
            outcome.summary(Side::A),
            "1001 going away; in 10 messages 100 bytes, out 0 messages 0 bytes, \
             the client: 1 message, 2 bytes not taken, standard output: 9 messages, 99 bytes not taken"
        );
    }
}
