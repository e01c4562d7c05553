//! The events that the driver tells the session, and the actions that the session asks of the driver.
//!
//! A *source* gives messages, a *sink* takes them; the pump from side `s` carries messages from the source of
//! `s` to the sink of the other side.

use super::{CloseWith, Doubt, Left};
use crate::fault::Fault;
use std::ops::{Index, IndexMut};
pub use tokio::time::Instant;

/// A side of a pair; an array of two is indexed by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first: standard input and output, or the client that was accepted.
    A,
    /// The second: what `connect` dials, or the target of a client.
    B,
}

impl Side {
    /// Both, in their order.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The side that this one talks to.
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// The first side for which that holds.
    pub fn first(holds: impl FnMut(&Self) -> bool) -> Option<Self> {
        Self::BOTH.into_iter().find(holds)
    }
}

impl<T> Index<Side> for [T; 2] {
    type Output = T;

    fn index(&self, side: Side) -> &T {
        &self[side as usize]
    }
}

impl<T> IndexMut<Side> for [T; 2] {
    fn index_mut(&mut self, side: Side) -> &mut T {
        &mut self[side as usize]
    }
}

/// Something that happened; small, since each message makes a few of them, and what is large is on the heap.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Data messages arrived from a source.
    Received {
        /// The side of the source.
        side: Side,
        /// Number of messages.
        messages: u64,
    },
    /// Of what arrived, so many passed the filter of the rules.
    Matched {
        /// Number of messages.
        messages: u64,
    },
    /// Bytes came from the far end of a WebSocket.
    Heard {
        /// The side of the WebSocket.
        side: Side,
        /// Bytes that came so far.
        bytes: u64,
        /// The unfinished message or frame that the last of them belongs to.
        within: Within,
    },
    /// A pong to a ping of ours came.
    Ponged {
        /// The side of the WebSocket.
        side: Side,
    },
    /// The transport of a WebSocket took bytes of ours.
    Wrote {
        /// The side of the WebSocket.
        side: Side,
        /// Bytes that it took so far.
        bytes: u64,
    },
    /// Of the bytes that the transport of a WebSocket took, the far end's system has so many; answers
    /// [`Action::Measure`].
    Acknowledged {
        /// The side of the WebSocket.
        side: Side,
        /// Bytes so far.
        bytes: u64,
    },
    /// An output that is no WebSocket took bytes.
    Took {
        /// The side of the output.
        side: Side,
    },
    /// A source gave all it will ever give.
    Ended {
        /// The side of the source.
        side: Side,
        /// Why.
        how: Box<SourceEnd>,
    },
    /// A sink takes nothing more.
    SinkFailed {
        /// The side of the sink.
        side: Side,
        /// Why.
        how: Box<SinkFailure>,
    },
    /// All input for a side's sink has been handed over and flushed; its source has ended or was stopped.
    Delivered {
        /// The side of the sink.
        side: Side,
    },
    /// Input of a side can no longer be sent.
    Unsent {
        /// The side it comes from.
        side: Side,
        /// The messages and bytes that are left.
        left: Left,
    },
    /// Input of a side was on its way when a connection was lost, and nothing proves since that it came.
    InDoubt {
        /// The side it comes from.
        side: Side,
        /// The messages and their bytes.
        doubt: Doubt,
    },
    /// A side gave something when nobody was there any more to send it to.
    Late {
        /// The side it comes from.
        side: Side,
        /// Number of bytes.
        bytes: u64,
    },
    /// Our Close is on the wire.
    CloseSent {
        /// The side of the WebSocket.
        side: Side,
    },
    /// A byte sink has delivered everything and is shut.
    Shut {
        /// The side of the sink.
        side: Side,
    },
    /// A side's transport is gone, lingering included.
    Released {
        /// The side of the transport.
        side: Side,
        /// Bytes that its far end had not taken by then.
        untaken: u64,
    },
    /// As many messages as the rules want came from this side.
    CountReached {
        /// The side of the source.
        side: Side,
    },
    /// A ping of ours is on the wire.
    PingSent {
        /// The side of the WebSocket.
        side: Side,
    },
    /// We refuse to read from a side, or read again.
    Blocked {
        /// The side that is read from.
        side: Side,
        /// True when reading is refused.
        blocked: bool,
    },
    /// Data from a side has waited more than a moment for its output, or no longer waits.
    Held {
        /// The side it came from.
        side: Side,
        /// True when it waits.
        held: bool,
    },
    /// A WebSocket holds more of the memory for unfinished messages than any other, and it is used up.
    Overflowed {
        /// The side of the WebSocket.
        side: Side,
    },
    /// A WebSocket is lost and being opened again, or it is back.
    Away {
        /// The side of the WebSocket.
        side: Side,
        /// True when it is lost.
        away: bool,
    },
    /// A signal asks for an end; the exit says which.
    Signal(Box<Fault>),
    /// Something that was expected of the connection is not so: close normally, with this fault.
    Unmet(Box<Fault>),
    /// The code that carries this session panicked.
    Panicked,
}

/// The message and the frame that the last byte of a peer belongs to, as far as they are unfinished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Within {
    /// A data message has begun and not ended.
    pub message: bool,
    /// A frame has.
    pub frame: bool,
}

/// The end of a source, and its cause.
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
        /// Advice against it, where there is better advice than for the code alone.
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
        /// The Close to send.
        close: CloseWith,
        /// At once: no lingering.
        hangup: bool,
    },
    /// A byte stream could not be read (exit 26).
    Failed(Fault),
    /// Input that cannot be sent as a message (exit 65), or that a person broke off (exit 130).
    Refused(Fault),
    /// The other side is sent away with 1013 (try again later): it is too slow, or means for it are used up.
    SentAway {
        /// At most 123 bytes.
        reason: String,
    },
    /// A child process ended, and not well (exit 125).
    Exited {
        /// The fault for the user.
        fault: Fault,
        /// The close reason for the peer: `exit 7`.
        reason: String,
    },
}

/// The failure of a sink, and its cause.
#[derive(Clone, Debug, PartialEq)]
pub enum SinkFailure {
    /// EPIPE: the reader of our output has left.
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
        /// The side of the source.
        side: Side,
    },
    /// Read nothing more from a side and drop what was not delivered, reporting [`Event::Unsent`].
    Abandon {
        /// The side of the source.
        side: Side,
    },
    /// Go on reading a side and drop what it gives.
    Discard {
        /// The side of the source.
        side: Side,
    },
    /// Send a Close to a WebSocket side.
    Close {
        /// The side of the WebSocket.
        side: Side,
        /// Code, or `None` for an empty frame.
        code: Option<u16>,
        /// At most 123 bytes.
        reason: String,
        /// Now, or when everything for it is delivered.
        when: When,
    },
    /// Shut the write side of a byte side when everything for it is delivered.
    Shut {
        /// The side of the sink.
        side: Side,
        /// It did not come to its end, which the far end has to see: its end is left to the release.
        cut: bool,
    },
    /// Give a connection up, and open it again.
    Renew {
        /// The side of the WebSocket.
        side: Side,
        /// Why.
        cause: String,
    },
    /// Send a ping.
    Ping {
        /// The side of the WebSocket.
        side: Side,
    },
    /// Drop what is kept for a side that is sent away.
    SendAway {
        /// The side that is sent away.
        side: Side,
        /// At most 123 bytes.
        reason: String,
    },
    /// Close a side's transport, lingering.
    Release {
        /// The side of the transport.
        side: Side,
        /// It is gone by then, whatever is still on its way.
        by: Option<Instant>,
        /// The far end has to see that this is not the whole.
        cut: bool,
    },
    /// Look at the send queue of a WebSocket, and tell [`Event::Acknowledged`].
    Measure {
        /// The side of the WebSocket.
        side: Side,
    },
    /// Tell the user that the session is over but for an output that is slow to take the rest.
    Waiting {
        /// The side of the output.
        side: Side,
    },
    /// Tell the user.
    Note(String),
}

/// The moment at which a Close is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// After everything for this side was delivered.
    Delivered,
    /// Before anything else.
    Now,
}
