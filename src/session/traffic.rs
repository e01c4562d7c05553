//! Traffic: what a session hears of while no clock waits for it.
//!
//! Nearly all events say that bytes and messages came and went. While nothing waits for those, they change counts and
//! times alone, and put every deadline off. They are noted here, in a few lines of memory, and the rest of the state,
//! which is ten times as large, hears of the last of them when something else happens: a server with a thousand clients
//! finds little of one client in a near cache.

use super::{Event, Instant, Side, SideKind, Within, progress::Silence};

/// Counts and times of what came and went.
pub(super) struct Traffic {
    /// Set while the session is calm: no clock waits for what comes and goes.
    calm: Option<Calm>,
    /// Messages that a user takes for received ones.
    pub received: u64,
    pub silence: Silence,
    noted: [Noted; 2],
    /// Messages from this side are received ones.
    counts: [bool; 2],
    web_socket: [bool; 2],
}

/// A calm session.
#[derive(Clone, Copy)]
pub(super) struct Calm {
    /// Its deadline when it became so: never later than that of now.
    pub deadline: Option<Instant>,
}

/// What the rest of the session has still to hear of one side.
#[derive(Clone, Copy, Default)]
pub(super) struct Noted {
    /// Bytes that came so far, and the time of the last of them.
    pub heard: Option<(u64, Instant)>,
    /// Bytes that the transport took so far.
    pub sent: Option<u64>,
    /// Time of the last message from here.
    pub received_at: Option<Instant>,
}

impl Traffic {
    /// None yet.
    pub(super) fn new(kinds: [SideKind; 2], now: Instant) -> Self {
        let web_socket = kinds.map(|kind| kind == SideKind::WebSocket);
        // Between two ends without a WebSocket, what comes from datagrams or a subject.
        let counts = match web_socket {
            [false, false] => kinds.map(SideKind::is_remote),
            web_socket => web_socket,
        };
        Self {
            calm: None,
            received: 0,
            silence: Silence::new(now),
            noted: [Noted::default(); 2],
            counts,
            web_socket,
        }
    }

    /// Bytes came from this side.
    pub(super) fn heard(&mut self, side: Side) {
        if self.web_socket[side] {
            self.silence.is_alive();
        }
    }

    /// Messages came from this side.
    pub(super) fn received(&mut self, side: Side, messages: u64, now: Instant) {
        match self.web_socket[side] {
            true => self.silence.heard(now),
            false => self.silence.said(now),
        }
        if self.counts[side] {
            self.received += messages;
        }
    }

    /// Notes an event that means nothing more than traffic; false when the whole session has to hear of it.
    pub(super) fn notes(&mut self, event: &Event, now: Instant) -> bool {
        if self.calm.is_none() {
            return false;
        }
        match *event {
            Event::Heard { side, bytes, within } if within == Within::default() => {
                self.heard(side);
                self.noted[side].heard = Some((bytes, now));
            }
            Event::Wrote { side, bytes } => self.noted[side].sent = Some(bytes),
            Event::Took { .. } => {}
            Event::Received { side, messages } => {
                self.received(side, messages, now);
                self.noted[side].received_at = Some(now);
            }
            _ => return false,
        }
        true
    }

    /// The calm, while there is one.
    pub(super) fn calm(&self) -> Option<Calm> {
        self.calm
    }

    /// The session is calm from now on, with this deadline.
    pub(super) fn rest(&mut self, deadline: Option<Instant>) {
        self.calm = Some(Calm { deadline });
    }

    /// Ends the calm; gives what was noted in it of each side.
    pub(super) fn stir(&mut self) -> Option<[Noted; 2]> {
        self.calm.take().map(|_| std::mem::take(&mut self.noted))
    }
}
