//! A WebSocket that is opened again when it is lost.
//!
//! To its pair it is one link that was silent for a while: what is fed while it is away waits (the pump
//! stops at its bound, so that input stays where it is), and what may have been lost on the way is
//! counted. When and how to open again is the business of whoever made it.

#[cfg(test)]
mod tests;

use super::{HIGH_WATER, Link, is_control, room, web_socket_end};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    framing::record::Dir,
    net::Parting,
    observe::Tap,
    session::{SourceEnd, Within},
    ws::{
        codes,
        conn::{Conn, End, Moved, Unsent},
    },
};
use std::{
    collections::VecDeque,
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Sleep, sleep};
use tokio_tungstenite::tungstenite::Message;

/// How long a connection that cannot be written to is still listened to.
const DEAF: Duration = Duration::from_secs(2);
/// How long a connection that was given up may take to be closed.
const FAREWELL: Duration = Duration::from_secs(2);
/// What one message counts beside its payload, so that empty ones are bounded too. Bytes.
const OVERHEAD: usize = 64;

/// Opens a connection again.
pub trait Renew: Send {
    /// Whether a connection that ended so is worth opening again.
    fn is_wanted(&self, end: &End) -> bool;

    /// The connection is gone; from here on [`poll_open`](Self::poll_open) is asked.
    fn lost(&mut self, loss: Loss);

    /// The next connection, or the last try's fault.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Result<Renewed>>;
}

/// What was lost with a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Why it is gone.
    pub cause: String,
    /// Messages sent since the peer gave its last sign of life: some of them may not have arrived.
    pub doubtful: u64,
}

/// A connection that was opened again.
pub struct Renewed {
    /// The connection.
    pub conn: Conn,
    /// Sent before anything else.
    pub first: Vec<Message>,
    /// Tells of the gap, for sinks that want events.
    pub record: Message,
}

/// The link.
pub struct Renewing {
    conn: Option<Box<Conn>>,
    renew: Box<dyn Renew>,
    /// Fed and not known to be written.
    pending: VecDeque<Message>,
    pending_bytes: usize,
    /// How many of them the connection has.
    handed: usize,
    /// How many of them every connection is sent first: the next one gets them anew.
    firsts: usize,
    /// Of those, how many are still to be fed.
    firsts_to_come: usize,
    /// How many are still to be fed that the connection was sent in the meantime.
    skips: usize,
    /// How far sending had come when the transport had taken everything.
    sent_then: u64,
    /// Data messages handed over since the peer gave its last sign of life.
    unheard: u64,
    heard: u64,
    /// Nothing can be written; what the peer said before is still to be read.
    deaf: Option<Pin<Box<Sleep>>>,
    closing: bool,
    end: Option<SourceEnd>,
    /// What earlier connections moved.
    before: Moved,
    /// Of a recording, while there is no connection to tell of.
    tap: Option<Box<dyn Tap>>,
}

impl Renewing {
    /// An open connection, who opens the next one, and how many messages that one is sent first: the first
    /// ones that are fed to this one.
    pub fn new(conn: Box<Conn>, renew: Box<dyn Renew>, firsts: usize) -> Self {
        Self {
            conn: Some(conn),
            renew,
            pending: VecDeque::new(),
            pending_bytes: 0,
            handed: 0,
            firsts: 0,
            firsts_to_come: firsts,
            skips: 0,
            sent_then: 0,
            unheard: 0,
            heard: 0,
            deaf: None,
            closing: false,
            end: None,
            before: Moved::default(),
            tap: None,
        }
    }

    /// The connection that is open now.
    pub(super) fn conn(&mut self) -> Option<&mut Conn> {
        self.conn.as_deref_mut()
    }

    /// Takes the connection, to be closed.
    pub(super) fn take(&mut self) -> Option<Box<Conn>> {
        self.conn.take()
    }

    pub(super) fn is_away(&self) -> bool {
        self.conn.is_none() && self.end.is_none()
    }

    pub(super) fn end(&self) -> Option<SourceEnd> {
        self.end.clone()
    }

    pub(super) fn is_open(&self) -> bool {
        !self.closing && self.end.is_none() && self.conn.as_ref().is_none_or(|conn| conn.is_open())
    }

    pub(super) fn queued(&self) -> usize {
        self.pending_bytes.max(self.conn.as_ref().map_or(0, |conn| conn.queued()))
    }

    pub(super) fn progress(&self) -> (Moved, Within) {
        let (now, within) =
            self.conn.as_ref().map_or_else(Default::default, |conn| (conn.moved(), conn.within()));
        let (received, sent) = (self.before.received + now.received, self.before.sent + now.sent);
        (Moved { received, sent }, within)
    }

    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>, batch: &mut VecDeque<Message>) -> Poll<()> {
        loop {
            if self.end.is_some() {
                return Poll::Ready(());
            }
            let Some(conn) = &mut self.conn else {
                match ready!(self.renew.poll_open(cx)) {
                    Ok(renewed) => {
                        batch.push_back(renewed.record.clone());
                        self.install(renewed);
                    }
                    Err(fault) => self.end = Some(SourceEnd::Lost { fault, answer: None }),
                }
                return Poll::Ready(());
            };
            let had = batch.len();
            let received = conn.poll_receive(cx, batch);
            // A Close says nothing of what was sent just before.
            if conn.end().is_none() && conn.moved().received > self.heard {
                self.heard = conn.moved().received;
                self.unheard = data(self.pending.iter().take(self.handed));
            }
            match received {
                Poll::Ready(()) if batch.len() > had => return Poll::Ready(()),
                Poll::Ready(()) => self.ended(),
                Poll::Pending => {
                    let Some(deaf) = &mut self.deaf else { return Poll::Pending };
                    ready!(deaf.as_mut().poll(cx));
                    self.deaf = None;
                    let cause = "the connection was lost while sending".to_owned();
                    if self.closing {
                        let fault = Fault::new(Exit::Lost, "session", cause);
                        self.end = Some(SourceEnd::Lost { fault, answer: None });
                    } else {
                        self.lose(cause);
                    }
                }
            }
        }
    }

    pub(super) fn feed(&mut self, message: Message) {
        if self.skips > 0 {
            self.skips -= 1;
            return;
        }
        if self.firsts_to_come > 0 {
            self.firsts_to_come -= 1;
            self.firsts += 1;
        }
        self.keep(&message);
        self.hand_over();
    }

    fn keep(&mut self, message: &Message) {
        self.pending_bytes += message.len() + OVERHEAD;
        self.pending.push_back(room::compact(message));
    }

    /// Queues as much of what waits as the connection may have at a time.
    fn hand_over(&mut self) {
        let Some(conn) = self.conn.as_mut().filter(|conn| self.deaf.is_none() && conn.is_open()) else {
            return;
        };
        while conn.queued() < HIGH_WATER
            && let Some(message) = self.pending.get(self.handed)
        {
            if conn.queue(message.clone()).is_err() {
                self.deaf = Some(Box::pin(sleep(DEAF)));
                return;
            }
            self.unheard += u64::from(!is_control(message));
            self.handed += 1;
        }
    }

    /// Forgets the messages that wait longest.
    fn forget(&mut self, count: usize) {
        let gone = self.pending.drain(..count);
        self.pending_bytes -= gone.map(|message| message.len() + OVERHEAD).sum::<usize>();
        self.handed = self.handed.saturating_sub(count);
        self.firsts = self.firsts.saturating_sub(count);
    }

    /// Messages and payload bytes that were fed, and not sent.
    pub(super) fn unsent(&self) -> Unsent {
        let waiting = self.pending.iter().skip(self.handed).filter(|message| !is_control(message));
        let mut unsent = self.conn.as_ref().map_or_else(Unsent::default, |conn| conn.unsent());
        waiting.for_each(|message| unsent += Unsent { messages: 1, bytes: message.len() as u64 });
        unsent
    }

    /// Drops what was not written to its end; counts messages.
    pub(super) fn abandon(&mut self) -> u64 {
        let waiting = data(self.pending.iter().skip(self.handed));
        self.forget(self.pending.len());
        waiting + self.conn.as_mut().map_or(0, |conn| conn.abandon())
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            self.hand_over();
            let Some(conn) = self.conn.as_mut().filter(|_| self.deaf.is_none()) else {
                let idle = self.pending.is_empty() || self.end.is_some();
                return if idle { Poll::Ready(Ok(())) } else { Poll::Pending };
            };
            if ready!(conn.poll_flush(cx)).is_err() {
                // The receiving side finds out what became of the connection.
                self.deaf = Some(Box::pin(sleep(DEAF)));
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let is_open = conn.is_open();
            self.sent_then = conn.moved().sent;
            self.forget(self.handed);
            if self.pending.is_empty() || self.closing {
                return Poll::Ready(Ok(()));
            } else if !is_open {
                // The peer has closed: what waits is for the next connection, or is told unsent.
                return Poll::Pending;
            }
        }
    }

    /// Queues our Close; while away there is nobody to close with.
    pub(super) fn queue_close(&mut self, code: Option<u16>, reason: &str) {
        self.closing = true;
        match &mut self.conn {
            Some(conn) => conn.queue_close(code, reason),
            None => {
                let fault =
                    Fault::new(Exit::Lost, "session", "the connection is lost, and was not opened again");
                self.end.get_or_insert(SourceEnd::Lost { fault, answer: None });
            }
        }
    }

    /// Gives the connection up as lost.
    pub(super) fn lose(&mut self, cause: String) {
        let Some(mut conn) = self.conn.take() else { return };
        let moved = conn.moved();
        self.before.received += moved.received;
        self.before.sent += moved.sent;
        let handed = data(self.pending.iter().take(self.handed));
        let doubtful = if moved.sent > self.sent_then {
            // Part of it may be on the way: sent again, it could arrive twice.
            self.forget(self.handed);
            self.unheard
        } else {
            conn.retract();
            self.unheard.saturating_sub(handed)
        };
        conn.abandon();
        self.forget(self.firsts);
        self.skips += std::mem::take(&mut self.firsts_to_come);
        (self.handed, self.unheard, self.heard, self.sent_then, self.deaf) = (0, 0, 0, 0, None);
        self.tap = conn.take_tap();
        tokio::spawn(Link::WebSocket(conn).release(Parting::within(FAREWELL)));
        self.renew.lost(Loss { cause, doubtful });
    }

    /// The peer's side has ended: for good, or to be opened again.
    fn ended(&mut self) {
        let Some(end) = self.conn.as_ref().and_then(|conn| conn.end().cloned()) else { return };
        if self.closing || !self.renew.is_wanted(&end) {
            self.end = Some(web_socket_end(end));
            return;
        }
        self.lose(match end {
            End::Close { code, reason } => format!("closed by the peer: {}", codes::describe(code, &reason)),
            End::Lost { fault, .. } => fault.cause,
        });
    }

    fn install(&mut self, renewed: Renewed) {
        let mut conn = Box::new(renewed.conn);
        if let Some(mut tap) = self.tap.take() {
            tap.tell(Dir::In, &renewed.record);
            conn.set_tap(tap);
        }
        self.conn = Some(conn);
        let kept = std::mem::take(&mut self.pending);
        (self.pending_bytes, self.firsts) = (0, renewed.first.len());
        renewed.first.into_iter().chain(kept).for_each(|message| self.keep(&message));
        self.hand_over();
    }
}

/// How many of them are data messages.
fn data<'a>(messages: impl Iterator<Item = &'a Message>) -> u64 {
    messages.filter(|message| !is_control(message)).count() as u64
}
