//! What the session knows of one side of a pair.

use super::{Instant, Rules, Session, keepalive::Keepalive};
use crate::fault::Fault;

/// "Message too big" (RFC 6455 section 7.4.1).
const TOO_BIG: u16 = 1009;

/// What kind of thing a side is, as far as endings differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SideKind {
    /// A WebSocket: it closes with a handshake.
    WebSocket,
    /// Standard input and output: an end before the first byte is not a wish to leave.
    Standard,
    /// A subject of a broker: it never ends, and that nothing is said to it is no wish to leave.
    Subject,
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
    /// What it gives is for others too, who do not wait for one that takes nothing.
    pub shared: bool,
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
            shared: false,
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

    /// Whether a person takes what comes from here for what was received.
    pub(super) fn is_remote(&self) -> bool {
        matches!(self.kind, SideKind::WebSocket | SideKind::Datagrams | SideKind::Subject)
    }

    /// Whether answers are waited for after the input ended: it may still answer, and cannot be asked
    /// whether it will. Others never fall silent on a subject: there, only what is counted on is.
    pub(super) fn answers(&self, rules: &Rules) -> bool {
        match self.kind {
            SideKind::WebSocket | SideKind::Datagrams => true,
            SideKind::Subject => rules.count.is_some(),
            SideKind::Standard | SideKind::Stream => false,
        }
    }
}

impl Session {
    /// What `side` gave cannot be carried on: that source ends, and is told why.
    pub(super) fn refused(&mut self, side: usize, fault: Fault) {
        self.fail(fault);
        self.stop(side);
        self.end_output(side, Some(TOO_BIG), "message too big".into());
        self.maybe_release(side);
    }
}
