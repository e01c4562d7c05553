//! The carriers of one subject: from its room to the broker, and from the broker to its room.

use super::{
    Terms,
    confirm::Probes,
    subject::{Subjects, TYPE},
    watch::{Losses, State},
};
use crate::{
    exit::Exit,
    fault::Fault,
    framing::Kind,
    link::{
        Queue,
        room::{Bridge, Member},
    },
    session::SourceEnd,
};
use async_nats::{Client, HeaderMap, PublishErrorKind, Subscriber};
use futures_core::Stream;
use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

/// What may be under way, unconfirmed: bytes and messages.
const WINDOW: (usize, u64) = (1024 * 1024, 1024);
/// A broker that confirms nothing for so long is waited for by nobody until it does.
const STALLED: Duration = Duration::from_secs(2);
/// Bytes from the broker that may wait for a room whose members are slow.
const INBOX: usize = 16 * 1024 * 1024;

/// Carries what the room says to the broker.
pub(super) struct Outward {
    pub subject: String,
    pub client: Client,
    pub bridge: Bridge,
    pub state: watch::Receiver<State>,
    pub probes: Probes,
    pub subjects: Arc<Subjects>,
    pub under_way: Arc<AtomicU64>,
    /// The only speaker can wait as long as it takes.
    pub patient: bool,
}

/// Messages handed to the library and not confirmed.
#[derive(Clone, Copy, Default)]
struct Load {
    bytes: usize,
    messages: u64,
}

/// A probe on its way.
struct Probe {
    answer: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// What its answer confirms.
    covers: Load,
    stalled_at: Instant,
}

impl Outward {
    /// Runs until everything was carried out after the bridge's close.
    pub(super) async fn run(mut self) {
        let (mut batch, mut ended) = (VecDeque::new(), false);
        let (mut open, mut probe, mut connection) = (Load::default(), None::<Probe>, 0);
        let mut stalled = false;
        loop {
            let state = *self.state.borrow_and_update();
            if !state.up || state.connection != connection {
                // What was under way may have arrived, or not: it is not sent again.
                self.lose(&mut open, probe.take());
                (connection, stalled) = (state.connection, false);
                self.set_away(!state.up);
            }
            if !state.up {
                if self.state.changed().await.is_err() {
                    return;
                }
                continue;
            }
            if probe.is_none() {
                if open.messages > 0 {
                    probe = Some(self.probe(std::mem::take(&mut open)));
                } else if ended {
                    return;
                }
            }
            let stalled_at = probe.as_ref().map(|probe| probe.stalled_at).filter(|_| !stalled);
            let covered = probe.as_ref().map_or(Load::default(), |probe| probe.covers);
            let has_room =
                covered.bytes + open.bytes < WINDOW.0 && covered.messages + open.messages < WINDOW.1;
            tokio::select! {
                biased;
                changed = self.state.changed() => if changed.is_err() {
                    return;
                },
                () = answered(&mut probe) => {
                    self.under_way.fetch_sub(covered.messages, Ordering::Relaxed);
                    probe = None;
                    if std::mem::take(&mut stalled) {
                        self.set_away(false);
                    }
                }
                () = reached(stalled_at) => {
                    stalled = true;
                    self.set_away(true);
                }
                () = taken(self.bridge.outgoing(), &mut batch), if has_room && !ended => {
                    ended = batch.is_empty();
                    self.publish(&mut batch, &mut open).await;
                }
            }
        }
    }

    fn set_away(&self, away: bool) {
        if !self.patient {
            self.bridge.set_away(away);
        }
    }

    fn probe(&self, covers: Load) -> Probe {
        Probe {
            answer: Box::pin(self.probes.clone().confirm(self.client.clone())),
            covers,
            stalled_at: Instant::now() + STALLED,
        }
    }

    fn lose(&self, open: &mut Load, probe: Option<Probe>) {
        let lost = std::mem::take(open).messages + probe.map_or(0, |probe| probe.covers.messages);
        self.under_way.fetch_sub(lost, Ordering::Relaxed);
        Losses::add(&self.subjects.losses.doubtful, lost);
    }

    async fn publish(&self, batch: &mut VecDeque<Message>, open: &mut Load) {
        for message in batch.drain(..) {
            let (length, binary) = (message.len(), message.is_binary());
            let payload = message.into_data();
            self.under_way.fetch_add(1, Ordering::Relaxed);
            let published = if binary {
                let mut headers = HeaderMap::new();
                headers.insert(TYPE.0, TYPE.1);
                self.client.publish_with_headers(self.subject.clone(), headers, payload).await
            } else {
                self.client.publish(self.subject.clone(), payload).await
            };
            match published.map_err(|error| error.kind()) {
                Ok(()) => (open.bytes, open.messages) = (open.bytes + length, open.messages + 1),
                // The server takes less than the one before, whose limit it was measured by.
                Err(
                    PublishErrorKind::MaxPayloadExceeded
                    | PublishErrorKind::InvalidSubject
                    | PublishErrorKind::Send,
                ) => {
                    self.under_way.fetch_sub(1, Ordering::Relaxed);
                    Losses::add(&self.subjects.losses.dropped, 1);
                }
            }
        }
    }
}

async fn answered(probe: &mut Option<Probe>) {
    match probe {
        Some(probe) => probe.answer.as_mut().await,
        None => std::future::pending().await,
    }
}

async fn reached(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Messages of a queue; none when it has ended.
async fn taken(queue: &Queue, batch: &mut VecDeque<Message>) {
    poll_fn(|cx| queue.poll_pop(cx, batch, 64)).await;
}

/// Takes what the broker sends at once, so that the library never has to drop any.
pub(super) struct Inward {
    pub subscriber: Subscriber,
    pub inbox: Queue,
    pub bridge: Bridge,
    pub subjects: Arc<Subjects>,
    pub name: String,
    pub kind: Option<Kind>,
    pub max_message: usize,
    /// The session ends with what cannot be passed on.
    pub alone: bool,
}

impl Inward {
    pub(super) fn new(
        subscriber: Subscriber,
        bridge: Bridge,
        subjects: Arc<Subjects>,
        name: String,
        terms: &Terms,
    ) -> Self {
        let &Terms { kind, max_message, alone, .. } = terms;
        Self { subscriber, inbox: Queue::default(), bridge, subjects, name, kind, max_message, alone }
    }

    /// Runs as long as the subscription.
    pub(super) async fn run(mut self) {
        while let Some(message) = poll_fn(|cx| Pin::new(&mut self.subscriber).poll_next(cx)).await {
            let (name, value) = TYPE;
            let binary = message.headers.as_ref().and_then(|headers| headers.get(name));
            let binary = binary.is_some_and(|kind| kind.as_str() == value);
            match read(message.payload, binary, self.kind, self.max_message) {
                Ok(message) if self.inbox.bytes() < INBOX => self.inbox.push(message),
                Ok(_) => self.miss(),
                Err(mut fault) => {
                    self.miss();
                    if self.alone {
                        fault.cause = format!("{}: {}", self.name, fault.cause);
                        self.bridge.send_all_away(&SourceEnd::Lost { fault, answer: None });
                    }
                }
            }
        }
        self.inbox.finish(SourceEnd::Absent);
    }

    fn miss(&self) {
        Losses::add(&self.subjects.losses.missed, 1);
    }
}

/// Says in the room what the broker sent, as fast as its members can take it.
pub(super) async fn say(inbox: Queue, mut member: Member) {
    let mut batch = VecDeque::new();
    loop {
        taken(&inbox, &mut batch).await;
        if batch.is_empty() {
            return;
        }
        for message in batch.drain(..) {
            if member.is_held_up() {
                poll_fn(|cx| member.poll_room(cx)).await;
            }
            member.say(&message);
        }
    }
}

/// A payload as a message: binary where its publisher or `-b` says so, else text where it is UTF-8.
fn read(payload: Bytes, binary: bool, kind: Option<Kind>, most: usize) -> Result<Message, Fault> {
    if payload.len() > most {
        let cause = format!("a message of {} bytes is longer than --max-message", payload.len());
        return Err(Fault::new(Exit::TooBig, "nats", cause).hint("raise the limit with --max-message"));
    }
    if binary || kind == Some(Kind::Binary) {
        return Ok(Message::Binary(payload));
    }
    match (Utf8Bytes::try_from(payload.clone()), kind) {
        (Ok(text), _) => Ok(Message::Text(text)),
        (Err(_), None) => Ok(Message::Binary(payload)),
        (Err(_), Some(_)) => Err(Fault::new(Exit::BadInput, "nats", "a message is not UTF-8")
            .hint("leave -t out, or take all as binary with -b")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_text_where_they_can_be_unless_somebody_says_otherwise() {
        let (text, bytes) = (Message::text("ü"), Message::binary(b"\xff".as_slice()));
        let read = |payload: &'static [u8], binary, kind| {
            read(Bytes::from_static(payload), binary, kind, 10).map_err(|fault| fault.exit)
        };
        assert_eq!(read("ü".as_bytes(), false, None), Ok(text.clone()));
        assert_eq!(read("ü".as_bytes(), false, Some(Kind::Text)), Ok(text));
        assert_eq!(read("ü".as_bytes(), true, Some(Kind::Text)), Ok(Message::binary("ü".as_bytes())));
        assert_eq!(read("ü".as_bytes(), false, Some(Kind::Binary)), Ok(Message::binary("ü".as_bytes())));
        assert_eq!(read(b"\xff", false, None), Ok(bytes));
        assert_eq!(read(b"\xff", false, Some(Kind::Text)), Err(Exit::BadInput));
        assert_eq!(read(b"", false, None), Ok(Message::text("")));
        assert_eq!(read(b"12345678901", true, None), Err(Exit::TooBig));
    }
}
