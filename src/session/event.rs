//! What the driver tells the session, and what the session tells the driver.
//!
//! Sides are numbered 0 (A) and 1 (B). A *source* gives messages, a *sink* takes them; the pump from
//! side `s` carries messages from the source of `s` to the sink of `1 - s`.

use super::{CloseWith, Doubt, Left};
use crate::fault::Fault;
pub use tokio::time::Instant;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Data messages arrived from a source.
    Received {
        /// Where from.
        side: usize,
        /// How many.
        messages: u64,
    },
    /// Of what arrived, so many passed the filter of the rules.
    Matched {
        /// How many.
        messages: u64,
    },
    /// Bytes came from the far end of a WebSocket.
    Heard {
        /// Which side.
        side: usize,
        /// Bytes that came so far.
        bytes: u64,
        /// What they ended in.
        within: Within,
    },
    /// A pong to a ping of ours came.
    Ponged {
        /// Which side.
        side: usize,
    },
    /// The transport of a WebSocket took bytes of ours.
    Wrote {
        /// Which side.
        side: usize,
        /// Bytes that it took so far.
        bytes: u64,
    },
    /// Of the bytes that the transport of a WebSocket took, the far end's system has so many; answers
    /// [`Action::Measure`].
    Acknowledged {
        /// Which side.
        side: usize,
        /// Bytes so far.
        bytes: u64,
    },
    /// An output that is no WebSocket took bytes.
    Took {
        /// Which side.
        side: usize,
    },
    /// A source gave all it will ever give.
    Ended {
        /// Which side.
        side: usize,
        /// Why.
        how: SourceEnd,
    },
    /// A sink takes nothing more.
    SinkFailed {
        /// Which side.
        side: usize,
        /// Why.
        how: SinkFailure,
    },
    /// All input for a side's sink has been handed over and flushed; its source has ended or was stopped.
    Delivered {
        /// The side of the sink.
        side: usize,
    },
    /// Input of a side can no longer be sent.
    Unsent {
        /// The side it comes from.
        side: usize,
        /// How much.
        left: Left,
    },
    /// Input of a side was on its way when a connection was lost, and nothing proves since that it came.
    InDoubt {
        /// The side it comes from.
        side: usize,
        /// How much.
        doubt: Doubt,
    },
    /// A side gave something when nobody was there any more to send it to.
    Late {
        /// Which side.
        side: usize,
        /// How much.
        bytes: u64,
    },
    /// Our Close is on the wire.
    CloseSent {
        /// Which side.
        side: usize,
    },
    /// A byte sink has delivered everything and is shut.
    Shut {
        /// Which side.
        side: usize,
    },
    /// A side's transport is gone, lingering included.
    Released {
        /// Which side.
        side: usize,
        /// Bytes that its far end had not taken by then.
        untaken: u64,
    },
    /// As many messages as the rules want came from this side.
    CountReached {
        /// The side of the source.
        side: usize,
    },
    /// A ping of ours is on the wire.
    PingSent {
        /// Which side.
        side: usize,
    },
    /// We refuse to read from a side, or read again.
    Blocked {
        /// Which side.
        side: usize,
        /// Whether reading is refused.
        blocked: bool,
    },
    /// What came from a side waits more than a moment for its output, or no longer does.
    Held {
        /// The side it came from.
        side: usize,
        /// Whether it waits.
        held: bool,
    },
    /// A WebSocket holds more of the memory for unfinished messages than any other, and it is used up.
    Overflowed {
        /// Which side.
        side: usize,
    },
    /// A WebSocket is lost and being opened again, or it is back.
    Away {
        /// Which side.
        side: usize,
        /// Whether it is gone.
        away: bool,
    },
    /// A signal asks for an end; the exit says which.
    Signal(Fault),
    /// Something that was expected of the connection is not so: close normally, with this fault.
    Unmet(Fault),
    /// The code that carries this session panicked.
    Panicked,
}

/// What the last byte of a peer belongs to, as far as it is unfinished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Within {
    /// A data message has begun and not ended.
    pub message: bool,
    /// A frame has.
    pub frame: bool,
}

/// How a source ended.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceEnd {
    /// There never was a source: a write-only endpoint, or `--recv-only`.
    Absent,
    /// End of a byte stream.
    Eof {
        /// Not one byte was given.
        empty: bool,
        /// A person said so (Ctrl-D): no lingering.
        hangup: bool,
    },
    /// The peer's Close (RFC 6455 section 5.5.1).
    Close {
        /// `None` when the frame had no body.
        code: Option<u16>,
        /// The peer's words.
        reason: String,
        /// Code, name and reason for a person.
        described: String,
        /// What helps against it, better than what its code says.
        advice: Option<String>,
    },
    /// The transport or the protocol failed.
    Lost {
        /// Exit 56, 111, 112 or 113.
        fault: Fault,
        /// The close code to tell the peer, when it may still hear it.
        answer: Option<u16>,
    },
    /// Our own side ended, and asked for this Close.
    Asked {
        /// What to close with.
        close: CloseWith,
        /// At once: no lingering.
        hangup: bool,
    },
    /// A byte stream could not be read (exit 26).
    Failed(Fault),
    /// Input that cannot be sent as a message (exit 65), or that a person broke off (exit 130).
    Refused(Fault),
    /// What is for many is not kept any longer for one that took too little of it.
    SentAway {
        /// At most 123 bytes.
        reason: String,
    },
    /// A child process ended, and not well (exit 125).
    Exited {
        /// What to tell the user.
        fault: Fault,
        /// What to tell the peer: `exit 7`.
        reason: String,
    },
}

/// How a sink failed.
#[derive(Clone, Debug, PartialEq)]
pub enum SinkFailure {
    /// EPIPE: whoever read our output has left.
    ReaderLeft(Fault),
    /// The output cannot be written.
    Failed(Fault),
    /// A message that the sink cannot carry (exit 65); what came before it is on its way.
    Refused(Fault),
}

/// Something the driver must do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Read nothing more from a side; deliver what was read.
    Stop {
        /// Which side.
        side: usize,
    },
    /// Read nothing more from a side and drop what was not delivered, reporting [`Event::Unsent`].
    Abandon {
        /// Which side.
        side: usize,
    },
    /// Go on reading a side and drop what it gives.
    Discard {
        /// Which side.
        side: usize,
    },
    /// Send a Close to a WebSocket side.
    Close {
        /// Which side.
        side: usize,
        /// Code, or `None` for an empty frame.
        code: Option<u16>,
        /// At most 123 bytes.
        reason: String,
        /// Now, or when everything for it is delivered.
        when: When,
    },
    /// Shut the write side of a byte side when everything for it is delivered.
    Shut {
        /// Which side.
        side: usize,
        /// It did not come to its end, which the far end has to see: its end is left to the release.
        cut: bool,
    },
    /// Give a connection up, and open it again.
    Renew {
        /// Which side.
        side: usize,
        /// Why.
        cause: String,
    },
    /// Send a ping.
    Ping {
        /// Which side.
        side: usize,
    },
    /// What is for many is not kept for a side any longer: it is too slow.
    SendAway {
        /// Which side.
        side: usize,
        /// At most 123 bytes.
        reason: String,
    },
    /// Close a side's transport, lingering.
    Release {
        /// Which side.
        side: usize,
        /// It is gone by then, whatever is still on its way.
        by: Option<Instant>,
        /// The far end has to see that this is not the whole.
        cut: bool,
    },
    /// Look at the send queue of a WebSocket, and tell [`Event::Acknowledged`].
    Measure {
        /// Which side.
        side: usize,
    },
    /// Tell the user that the session is over but for an output that is slow to take the rest.
    Waiting {
        /// The side of the output.
        side: usize,
    },
    /// Tell the user.
    Note(String),
}

/// When a Close is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// After everything for this side was delivered.
    Delivered,
    /// Before anything else.
    Now,
}
