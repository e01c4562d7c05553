//! What the session knows of one side of a pair.

use super::{Instant, keepalive::Keepalive};

/// What kind of thing a side is, as far as endings differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SideKind {
    /// A WebSocket: it closes with a handshake.
    WebSocket,
    /// Standard input and output: an end before the first byte is not a wish to leave.
    Standard,
    /// Any other byte stream: each way ends by itself.
    Stream,
    /// Datagrams: nothing tells the far end that we are done, nor us that it is.
    Datagrams,
}

pub(super) struct Side {
    pub kind: SideKind,
    /// The source has ended, or is no longer asked.
    pub ended: bool,
    pub sink: Sink,
    /// What we close with, to know an echo of it.
    pub close_code: Option<u16>,
    pub released: bool,
    pub release_asked: bool,
    /// What arrives from here is dropped.
    pub discarding: bool,
    /// When the last data message arrived from here.
    pub received_at: Instant,
    /// We refuse to read from here: its silence is ours.
    pub blocked: bool,
    /// It is lost, and being opened again.
    pub away: bool,
    /// A lost connection is opened again.
    pub renews: bool,
    /// When sending to here failed; what it still says is waited for.
    pub deaf_since: Option<Instant>,
    /// Since when only the peer's silence is waited for.
    pub lingering: Option<Instant>,
    /// When all input is delivered to this side, start to linger.
    pub linger_next: bool,
    pub keepalive: Option<Keepalive>,
}

/// The life of a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sink {
    Open,
    /// Close or shut was asked of the driver.
    Ending,
    /// Our Close is on the wire, unanswered.
    CloseSent(Instant),
    Done,
}

impl Side {
    pub(super) fn new(kind: SideKind, keepalive: Option<Keepalive>, now: Instant) -> Self {
        Self {
            kind,
            ended: false,
            sink: Sink::Open,
            close_code: None,
            released: false,
            release_asked: false,
            discarding: false,
            received_at: now,
            blocked: false,
            away: false,
            renews: false,
            deaf_since: None,
            lingering: None,
            linger_next: false,
            keepalive,
        }
    }

    /// Whether its silence says nothing about the peer.
    pub(super) fn is_excused(&self) -> bool {
        self.blocked || self.away
    }

    pub(super) fn is_web_socket(&self) -> bool {
        self.kind == SideKind::WebSocket
    }

    /// Whether an end of our input is no end for it: it may still answer, and cannot be asked whether it will.
    pub(super) fn lingers(&self) -> bool {
        matches!(self.kind, SideKind::WebSocket | SideKind::Datagrams)
    }
}
