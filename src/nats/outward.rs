//! From the room of a subject to the broker.

use super::{
    confirm::Probes,
    subject::{Lost, Subjects, TYPE},
    watch::ConnectionState,
};
use crate::link::{Queue, room::Bridge};
use async_nats::{Client, HeaderMap};
use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tokio_tungstenite::tungstenite::Message;

/// Most that may be under way, unconfirmed: bytes and messages.
pub(super) const WINDOW: (usize, u64) = (4 * 1024 * 1024, 8192);
/// A broker is asked no more often than this, unless half of the window is used or nothing more comes.
const ASKED: Duration = Duration::from_millis(20);
/// A broker that confirms nothing for so long is waited for by nobody until it does.
const STALLED: Duration = Duration::from_secs(2);
/// Messages taken from the room at a time.
const BATCH: usize = 64;

/// Carries what the room says to the broker.
pub(super) struct Outward {
    pub subject: String,
    pub client: Client,
    pub bridge: Bridge,
    pub state: watch::Receiver<ConnectionState>,
    pub probes: Probes,
    pub subjects: Arc<Subjects>,
    pub under_way: Arc<AtomicU64>,
    /// The only speaker can wait as long as it takes.
    pub patient: bool,
}

/// Messages that one connection carries and has not confirmed.
struct Flight {
    /// Number of the connection, as in [`ConnectionState`].
    connection: u64,
    /// Not asked about yet.
    open: Load,
    probe: Option<PendingProbe>,
    /// Time at which the next probe is due, at the latest.
    ask_at: Instant,
    /// The probe is overdue.
    stalled: bool,
}

#[derive(Clone, Copy, Default)]
struct Load {
    bytes: usize,
    messages: u64,
}

/// A probe on its way.
struct PendingProbe {
    answer: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Messages and bytes that its answer confirms.
    covers: Load,
    overdue_at: Instant,
}

impl Outward {
    /// Runs until everything was carried out after the bridge's close.
    pub(super) async fn run(mut self) {
        let (mut batch, mut ended, mut flight) = (VecDeque::new(), false, Flight::new(0));
        loop {
            let state = *self.state.borrow_and_update();
            if !state.up || state.connection != flight.connection {
                self.land(&mut flight).await;
                flight = Flight::new(state.connection);
                self.set_away(!state.up);
            }
            if !state.up {
                if self.state.changed().await.is_err() {
                    return;
                }
                continue;
            }
            if flight.is_due(ended) {
                self.ask(&mut flight);
            } else if ended && flight.is_empty() {
                return;
            }
            let (ask_at, overdue_at) = (flight.ask_at(), flight.overdue_at());
            let has_room = flight.has_room() && !ended;
            tokio::select! {
                biased;
                () = poll_fn(|cx| flight.poll_answered(cx)) => self.confirm(&mut flight),
                changed = self.state.changed() => if changed.is_err() {
                    return;
                },
                () = reached(ask_at) => {}
                () = reached(overdue_at) => {
                    flight.stalled = true;
                    self.set_away(true);
                }
                () = taken(self.bridge.outgoing(), &mut batch, BATCH), if has_room => {
                    ended = batch.is_empty();
                    self.publish(&mut batch, &mut flight.open).await;
                }
            }
        }
    }

    fn set_away(&self, away: bool) {
        if !self.patient {
            self.bridge.set_away(away);
        }
    }

    fn ask(&self, flight: &mut Flight) {
        let now = Instant::now();
        flight.ask_at = now + ASKED;
        flight.probe = Some(PendingProbe {
            answer: Box::pin(self.probes.clone().confirm(self.client.clone())),
            covers: std::mem::take(&mut flight.open),
            overdue_at: now + STALLED,
        });
    }

    fn confirm(&self, flight: &mut Flight) {
        let covered = flight.probe.take().map_or(0, |probe| probe.covers.messages);
        self.under_way.fetch_sub(covered, Ordering::Relaxed);
        if std::mem::take(&mut flight.stalled) {
            self.set_away(false);
        }
    }

    /// The connection is gone: what it did not confirm may have arrived, or not, and is not sent again.
    async fn land(&self, flight: &mut Flight) {
        if poll_fn(|cx| Poll::Ready(flight.poll_answered(cx).is_ready())).await {
            self.confirm(flight);
        }
        let lost = flight.open.messages + flight.covered().messages;
        self.under_way.fetch_sub(lost, Ordering::Relaxed);
        Lost::add(&self.subjects.losses.unconfirmed, lost);
    }

    async fn publish(&self, batch: &mut VecDeque<Message>, open: &mut Load) {
        self.under_way.fetch_add(batch.len() as u64, Ordering::Relaxed);
        for message in batch.drain(..) {
            let (length, binary) = (message.len(), message.is_binary());
            let payload = message.into_data();
            let published = if binary {
                let mut headers = HeaderMap::new();
                headers.insert(TYPE.0, TYPE.1);
                self.client.publish_with_headers(self.subject.clone(), headers, payload).await
            } else {
                self.client.publish(self.subject.clone(), payload).await
            };
            if published.is_ok() {
                (open.bytes, open.messages) = (open.bytes + length, open.messages + 1);
            } else {
                // The server takes less than the one before, whose limit it was measured by.
                self.under_way.fetch_sub(1, Ordering::Relaxed);
                Lost::add(&self.subjects.losses.dropped, 1);
            }
        }
    }
}

impl Flight {
    fn new(connection: u64) -> Self {
        Self { connection, open: Load::default(), probe: None, ask_at: Instant::now(), stalled: false }
    }

    fn covered(&self) -> Load {
        self.probe.as_ref().map_or(Load::default(), |probe| probe.covers)
    }

    fn is_empty(&self) -> bool {
        self.probe.is_none() && self.open.messages == 0
    }

    /// True when a probe is to be sent now.
    fn is_due(&self, ended: bool) -> bool {
        let large = self.open.bytes >= WINDOW.0 / 2 || self.open.messages >= WINDOW.1 / 2;
        let waits = self.probe.is_none() && self.open.messages > 0;
        waits && (ended || large || Instant::now() >= self.ask_at)
    }

    fn has_room(&self) -> bool {
        let covered = self.covered();
        covered.bytes + self.open.bytes < WINDOW.0 && covered.messages + self.open.messages < WINDOW.1
    }

    fn ask_at(&self) -> Option<Instant> {
        (self.probe.is_none() && self.open.messages > 0).then_some(self.ask_at)
    }

    fn overdue_at(&self) -> Option<Instant> {
        self.probe.as_ref().filter(|_| !self.stalled).map(|probe| probe.overdue_at)
    }

    fn poll_answered(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.probe {
            Some(probe) => probe.answer.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

async fn reached(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Messages of a queue, at most so many; none when it has ended.
pub(super) async fn taken(queue: &Queue, batch: &mut VecDeque<Message>, most: usize) {
    poll_fn(|cx| queue.poll_pop(cx, batch, most)).await;
}
