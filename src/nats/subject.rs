//! The subjects of one connection: each a room, its bridge, and what is under way; and the counts of what is
//! lost between us and the broker.

use crate::{
    exit::Exit,
    fault::Fault,
    link::room::{Bridge, Gate, Room},
    session::SourceEnd,
    units::counted,
};
use async_nats::Client;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

/// Header that a binary message is published with; text has no such header.
pub(super) const TYPE: (&str, &str) = ("Wsio-Type", "binary");
/// Bytes of that header on the wire: `NATS/1.0`, itself, an empty line.
const TYPE_LENGTH: usize = "NATS/1.0\r\nWsio-Type: binary\r\n\r\n".len();

/// Messages that could not be passed on, since the start.
#[derive(Default)]
pub(super) struct Lost {
    /// Messages that were not published.
    pub dropped: AtomicU64,
    /// Messages that were under way when a connection broke.
    pub unconfirmed: AtomicU64,
    /// Messages from the broker that nobody had room for, or that could not be passed on.
    pub missed: AtomicU64,
}

/// Counts at one moment; the difference of two says what to tell.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LossCounts {
    pub dropped: u64,
    pub unconfirmed: u64,
    pub missed: u64,
}

/// Every subject that was joined.
#[derive(Default)]
pub(super) struct Subjects {
    pub losses: Lost,
    /// The first thing that the server did not allow.
    pub refusal: OnceLock<Fault>,
    named: Mutex<HashMap<String, JoinedSubject>>,
}

/// One subject.
pub(super) struct JoinedSubject {
    pub room: Arc<Room>,
    pub bridge: Bridge,
    /// Messages handed to the library that the broker has not confirmed.
    pub under_way: Arc<AtomicU64>,
    /// Ends when everything was carried out after the bridge's close.
    pub carrier: Option<JoinHandle<()>>,
}

impl Subjects {
    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<String, JoinedSubject>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Messages lost since the start, those that bridges had no room for included.
    pub(super) fn count(&self) -> LossCounts {
        let overflown: u64 = self.lock().values().map(|subject| subject.bridge.outgoing().dropped()).sum();
        let count = self.losses.count();
        LossCounts { dropped: count.dropped + overflown, ..count }
    }

    /// Messages that the broker has not confirmed yet.
    pub(super) fn unsent(&self) -> u64 {
        let waiting = |subject: &JoinedSubject| {
            subject.bridge.outgoing().len() as u64 + subject.under_way.load(Ordering::Relaxed)
        };
        self.lock().values().map(waiting).sum()
    }

    pub(super) fn send_all_away(&self, end: &SourceEnd) {
        self.lock().values().for_each(|subject| subject.bridge.send_all_away(end));
    }
}

impl Lost {
    pub(super) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn count(&self) -> LossCounts {
        LossCounts {
            dropped: self.dropped.load(Ordering::Relaxed),
            unconfirmed: self.unconfirmed.load(Ordering::Relaxed),
            missed: self.missed.load(Ordering::Relaxed),
        }
    }
}

impl LossCounts {
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            dropped: self.dropped - before.dropped,
            unconfirmed: self.unconfirmed - before.unconfirmed,
            missed: self.missed - before.missed,
        }
    }

    /// `, 3 messages dropped, 1 perhaps lost, 2 from it missed`
    pub(super) fn words(self) -> String {
        let one = |count: u64, what: &str| match count {
            0 => String::new(),
            count => format!(", {} {what}", counted(count, "message")),
        };
        one(self.dropped, "dropped")
            + &one(self.unconfirmed, "perhaps lost")
            + &one(self.missed, "from it missed")
    }
}

/// Check of messages to be published, which refuses those that the server would not take.
pub(super) fn gate(client: Client, name: String, wild: bool) -> Gate {
    Box::new(move |message| {
        let refuse = |cause: String| Some(Fault::new(Exit::BadInput, "nats", cause));
        if wild {
            return refuse(format!("nothing can be published to {name}: * and > stand for many subjects"))
                .map(|fault| fault.hint("name one subject, or give the other end nothing to say"));
        }
        let (length, most) = (message.len() + header_length(message), client.max_payload());
        // Before the first connection nobody knows the limit.
        if length <= most || client.try_server_info().is_none() {
            return None;
        }
        let cause =
            format!("a message of {} bytes is more than the server of {name} takes: {most}", message.len());
        refuse(cause)
            .map(|fault| fault.hint("raise max_payload in the server's configuration, or send less at once"))
    })
}

fn header_length(message: &Message) -> usize {
    if message.is_binary() { TYPE_LENGTH } else { 0 }
}
