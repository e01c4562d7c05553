//! A WebSocket that is opened again when it is lost.
//!
//! To its pair it is one link that was silent for a while: what is fed while it is away waits (the pump
//! stops at its bound, so that input stays where it is), and what may have been lost on the way is
//! counted. When and how to open again is the business of whoever made it.

use super::{Link, web_socket_end};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    framing::record::Dir,
    observe::Tap,
    session::SourceEnd,
    ws::{
        codes,
        conn::{Conn, End, Moved},
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
    /// Fed since the transport had taken everything.
    pending: VecDeque<Message>,
    pending_bytes: usize,
    /// How far sending had come then.
    sent_then: u64,
    /// Data messages fed since the peer gave its last sign of life.
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
    /// An open connection, and who opens the next one.
    pub fn new(conn: Box<Conn>, renew: Box<dyn Renew>) -> Self {
        Self {
            conn: Some(conn),
            renew,
            pending: VecDeque::new(),
            pending_bytes: 0,
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

    pub(super) fn progress(&self) -> (Moved, bool) {
        let (now, amid) =
            self.conn.as_ref().map_or_else(Default::default, |conn| (conn.moved(), conn.is_amid_message()));
        let (received, sent) = (self.before.received + now.received, self.before.sent + now.sent);
        (Moved { received, sent }, amid)
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
            if conn.moved().received > self.heard {
                self.heard = conn.moved().received;
                self.unheard = self.pending.len() as u64;
            }
            match received {
                Poll::Ready(()) if batch.len() > had => return Poll::Ready(()),
                Poll::Ready(()) => self.ended(),
                Poll::Pending => {
                    let Some(deaf) = &mut self.deaf else { return Poll::Pending };
                    ready!(deaf.as_mut().poll(cx));
                    self.lose("the connection was lost while sending".to_owned());
                }
            }
        }
    }

    pub(super) fn feed(&mut self, message: Message) {
        if let Some(conn) = &mut self.conn
            && self.deaf.is_none()
            && conn.queue(message.clone()).is_err()
        {
            self.deaf = Some(Box::pin(sleep(DEAF)));
        }
        self.unheard += 1;
        self.pending_bytes += message.len();
        self.pending.push_back(message);
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(conn) = self.conn.as_mut().filter(|_| self.deaf.is_none()) else {
            let idle = self.pending.is_empty() || self.end.is_some();
            return if idle { Poll::Ready(Ok(())) } else { Poll::Pending };
        };
        match ready!(conn.poll_flush(cx)) {
            Ok(()) => {
                self.sent_then = conn.moved().sent;
                self.pending.clear();
                self.pending_bytes = 0;
                Poll::Ready(Ok(()))
            }
            // The receiving side finds out what became of the connection.
            Err(_) => {
                self.deaf = Some(Box::pin(sleep(DEAF)));
                cx.waker().wake_by_ref();
                Poll::Pending
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
        if moved.sent > self.sent_then {
            // Part of it may be on the way: sent again, it could arrive twice.
            self.pending.clear();
            self.pending_bytes = 0;
        }
        let doubtful = self.unheard - (self.pending.len() as u64).min(self.unheard);
        (self.unheard, self.heard, self.sent_then, self.deaf) = (0, 0, 0, None);
        self.tap = conn.take_tap();
        tokio::spawn(Link::WebSocket(conn).release(false));
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
        self.pending_bytes = 0;
        renewed.first.into_iter().chain(kept).for_each(|message| self.feed(message));
    }
}
