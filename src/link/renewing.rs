//! A WebSocket that is opened again when it is lost.
//!
//! To its pair it is one link that was silent for a while: what is fed while it is away waits (the pump
//! stops at its bound, so that input stays where it is). What was not written to its end is sent on the
//! next connection; what was written is in doubt until a pong proves that it was read, and there is a
//! bound on that too. When and how to open again is the business of whoever made it.

mod ledger;
mod proof;
mod renew;
#[cfg(test)]
mod tests;

pub use renew::{Confirming, Loss, Renew, Renewed};

use super::{
    HIGH_WATER, Item, Link, Released, Releasing, is_control, room,
    waiting::{keep, wake},
    web_socket::web_socket_end,
};
use crate::{
    close,
    exit::Exit,
    fault::Fault,
    net::Parting,
    observe::Taps,
    session::{Doubt, SideKind, Silence, SinkFailure, SourceEnd, Within},
    ws::conn::{Conn, End, Moved, Unsent},
};
use ledger::{BEAT, Ledger, OVERHEAD};
use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tokio_tungstenite::tungstenite::Message;

/// Time for which a connection that cannot be written to is still listened to.
const DEAF: Duration = Duration::from_secs(2);
/// Longest time that closing a connection that was given up may take.
const FAREWELL: Duration = Duration::from_secs(2);
/// Close code for a connection on which nothing is confirmed.
const INTERNAL_ERROR: u16 = 1011;
/// After so many connections in a row on which what was sent again was not confirmed, it is not sent again.
const FRUITLESS: u32 = 10;

/// A message that is to be sent.
struct OutEntry {
    message: Message,
    /// It is no input.
    own: bool,
}

/// Our Close, which waits for what is to be confirmed before it.
struct Close {
    code: Option<u16>,
    reason: String,
    since: Instant,
    /// Messages that wait go before it.
    delivers: bool,
}

/// A pong is waited for.
struct Waits {
    /// Start of the wait: the pong may not have been asked for before the far end's system had more of what
    /// stands before it.
    since: Instant,
    /// The least of that which was ever seen, bytes.
    backlog: u64,
}

/// The link.
pub struct Renewing {
    conn: Option<Box<Conn>>,
    renew: Box<dyn Renew>,
    confirming: Confirming,
    /// Fed and not known to be written; when it may be sent again, not known to have arrived.
    out: VecDeque<OutEntry>,
    /// Number of entries of `out` that the connection has.
    handed: usize,
    /// Data messages of this connection that stand before the first one in `out`.
    base: u64,
    /// Bytes of those that it does not have.
    waiting: usize,
    /// Messages still to be fed of those that every connection is sent first.
    firsts_to_come: usize,
    /// Messages still to be fed that are skipped: the connection was sent them in the meantime.
    skips: usize,
    ledger: Ledger,
    /// Input that was in doubt at losses and is not sent again.
    lost: Doubt,
    /// Dropped before any connection had it.
    dropped: Unsent,
    is_renewed: bool,
    /// Connections in a row on which what was sent again was not confirmed.
    fruitless: u32,
    /// The peer confirms nothing: nothing is held back.
    given_up: bool,
    /// A pong is waited for that lets something go on; begins when all is written.
    waits: Option<Waits>,
    patience: Option<Pin<Box<Sleep>>>,
    /// Since when we have not looked for what comes.
    looked_away: Option<Instant>,
    beat: Option<Pin<Box<Sleep>>>,
    /// Wakers of the task that feeds, and of the one that receives.
    feeder: Option<Waker>,
    receiver: Option<Waker>,
    /// Nothing can be written; what the peer said before is still to be read.
    deaf: Option<Pin<Box<Sleep>>>,
    close: Option<Close>,
    /// Our Close was queued, with this code.
    closing: Option<Option<u16>>,
    end: Option<SourceEnd>,
    /// Bytes that earlier connections moved.
    before: Moved,
    /// Of a recording, while there is no connection to tell of.
    taps: Taps,
    /// Of messages either way.
    silence: Silence,
}

impl Renewing {
    /// An open connection, who opens the next one, how many messages that one is sent first, which are the
    /// first ones that are fed to this one, and how the others are confirmed.
    pub fn new(conn: Box<Conn>, renew: Box<dyn Renew>, firsts: usize, confirming: Confirming) -> Self {
        Self {
            conn: Some(conn),
            renew,
            confirming,
            out: VecDeque::new(),
            handed: 0,
            base: 0,
            waiting: 0,
            firsts_to_come: firsts,
            skips: 0,
            ledger: Ledger::default(),
            lost: Doubt::default(),
            dropped: Unsent::default(),
            is_renewed: false,
            fruitless: 0,
            given_up: false,
            waits: None,
            patience: None,
            looked_away: None,
            beat: None,
            feeder: None,
            receiver: None,
            deaf: None,
            close: None,
            closing: None,
            end: None,
            before: Moved::default(),
            taps: Taps::default(),
            silence: Silence::new(Instant::now()),
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>, batch: &mut VecDeque<Item>) -> Poll<()> {
        loop {
            if self.end.is_some() {
                return Poll::Ready(());
            }
            let Some(conn) = &mut self.conn else {
                match ready!(self.renew.poll_open(cx)) {
                    Ok(renewed) => {
                        batch.push_back(Item::Event(renewed.record.clone()));
                        self.install(renewed);
                    }
                    Err(fault) => self.conclude(SourceEnd::Lost { fault, answer: None }),
                }
                return Poll::Ready(());
            };
            let had = batch.len();
            let received = conn.poll_receive(cx, batch);
            let is_over = conn.end().is_some();
            self.take_pongs(batch, had);
            if batch.range(had..).any(|item| item.data().is_some()) {
                self.silence.heard(Instant::now());
            }
            match received {
                Poll::Ready(()) if batch.len() > had => return Poll::Ready(()),
                // Pongs only.
                Poll::Ready(()) if !is_over => {}
                Poll::Ready(()) => self.ended(),
                Poll::Pending => {
                    if let Some(deaf) = &mut self.deaf {
                        ready!(deaf.as_mut().poll(cx));
                        self.deaf = None;
                        self.fail("the connection was lost while sending".to_owned());
                    } else {
                        ready!(self.poll_patience(cx));
                        self.give_up();
                    }
                }
            }
        }
    }

    fn keep(&mut self, message: &Message, own: bool) {
        self.silence.said(Instant::now());
        self.waiting += message.len() + OVERHEAD as usize;
        self.out.push_back(OutEntry { message: room::compact(message), own });
    }

    /// Queues as much of what waits as the connection may have at a time, and as may be in doubt.
    fn hand_over(&mut self) {
        loop {
            if self.is_full() {
                return;
            }
            let open = self.conn.as_mut().filter(|conn| conn.is_open() && conn.queued() < HIGH_WATER);
            let Some(conn) = open.filter(|_| self.deaf.is_none() && self.end.is_none()) else { return };
            let Some(OutEntry { message, own }) = self.out.get(self.handed) else { return };
            if conn.queue(message.clone()).is_err() {
                self.deaf = Some(Box::pin(sleep(DEAF)));
                return;
            }
            self.handed += 1;
            self.waiting -= message.len() + OVERHEAD as usize;
            if !is_control(message) {
                self.ledger.hand(message.len(), *own);
                if self.is_windowed() && self.ledger.is_segment() {
                    self.ask();
                }
            }
        }
    }

    /// The transport has all that was handed over.
    fn written(&mut self) {
        if !self.confirming.resend {
            self.out.drain(..self.handed);
            (self.handed, self.base) = (0, self.ledger.handed.messages);
        }
    }

    /// Data messages that this connection was sent, and their bytes.
    fn sent(&self) -> Doubt {
        let unsent = self.conn.as_ref().map_or_else(Unsent::default, |conn| conn.unsent());
        self.ledger.handed - Doubt { messages: unsent.messages, bytes: unsent.bytes }
    }

    fn may_close(&self) -> bool {
        let Some(close) = self.close.as_ref() else { return false };
        let is_heard = !self.confirming.resend
            || self.ledger.open().is_none()
            // A peer that answers no pings can still answer a Close.
            || !self.ledger.has_ponged && close.since.elapsed() >= BEAT;
        !close.delivers || self.handed == self.out.len() && is_heard
    }

    /// Queues our Close, and a ping before it whose pong is the proof of what came before.
    fn close_now(&mut self) {
        let Some(Close { code, reason, .. }) = self.close.take() else { return };
        if self.is_windowed() && !self.ledger.open().is_none() && !self.ledger.is_asked() {
            self.ask();
        }
        self.closing = Some(code);
        if let Some(conn) = &mut self.conn {
            conn.queue_close(code, &reason);
        }
    }

    /// The same, where the peer may have closed cleanly: what was written before that is in doubt, and is
    /// told and sent again as such, but it is none of our faults when that is not done.
    fn lose_after(&mut self, cause: String, cleanly: bool) {
        let sent = self.sent();
        let Some(mut conn) = self.conn.take() else { return };
        // A peer that closed or does not answer was not cut off by anybody else.
        let was_cut = matches!(conn.end(), Some(End::Lost { .. }));
        conn.retract();
        let moved = conn.moved();
        self.before.received += moved.received;
        self.before.sent += moved.sent;
        self.taps = conn.take_taps();
        tokio::spawn(conn.release(Parting::within(FAREWELL)));

        let (doubt, resend) = (self.ledger.doubt(sent), self.confirming.resend);
        match self.ledger.is_fruitless() {
            Some(true) => self.fruitless += 1,
            Some(false) => self.fruitless = 0,
            None => {}
        }
        if !resend && !cleanly {
            self.lost += doubt;
        }
        self.take_back(sent.messages);
        self.ledger = self.ledger.next(Doubt::default(), if resend { doubt } else { Doubt::default() });
        self.skips += std::mem::take(&mut self.firsts_to_come);
        (self.deaf, self.waits, self.given_up, self.is_renewed) = (None, None, false, true);
        if resend && self.fruitless >= FRUITLESS {
            let cause = format!(
                "{cause}; input was sent again on {FRUITLESS} connections in a row, and the peer confirmed none of it"
            );
            let fault = Fault::new(Exit::Lost, "session", cause);
            self.conclude(SourceEnd::Lost { fault, answer: None });
        } else {
            let silence = self.silence.is_long(Instant::now()).filter(|_| was_cut);
            self.silence = Silence::new(Instant::now());
            self.renew.lost(Loss { cause, doubt, silence });
        }
    }

    /// Keeps what the next connection is to be sent: what this one was not, which has written so many data
    /// messages, and what is to be sent again.
    fn take_back(&mut self, sent: u64) {
        let firsts = self.ledger.firsts.messages;
        let (handed, resend, mut at) = (self.handed, self.confirming.resend, self.base);
        let confirmed = self.ledger.confirmed.messages;
        let mut index = 0;
        self.out.retain(|entry| {
            index += 1;
            if is_control(&entry.message) {
                return index > handed || at > sent;
            }
            at += 1;
            let is_sent_again = resend && at > confirmed && !entry.own;
            at > firsts && (at > sent || is_sent_again)
        });
        (self.handed, self.base) = (0, 0);
        self.waiting = self.out.iter().map(|entry| entry.message.len() + OVERHEAD as usize).sum();
    }

    /// The peer's side has ended: for good, or to be opened again.
    fn ended(&mut self) {
        let Some(conn) = self.conn.as_ref() else { return };
        let (Some(end), Some(told)) = (conn.end().cloned(), web_socket_end(conn)) else { return };
        if self.closing.is_some() || !self.renew.is_wanted(&end) {
            self.conclude(told);
            return;
        }
        match end {
            End::Close { code, reason } => {
                let cause = format!("closed by the peer: {}", close::describe(code, &reason));
                self.lose_after(cause, matches!(code, None | Some(1000 | 1001)));
            }
            End::Lost { fault, .. } => self.lose(fault.cause),
        }
    }

    /// The connection failed: it is opened again unless our Close was sent.
    fn fail(&mut self, cause: String) {
        if self.closing.is_some() {
            let fault = Fault::new(Exit::Lost, "session", cause);
            self.conclude(SourceEnd::Lost { fault, answer: None });
        } else {
            self.lose(cause);
        }
    }

    /// It ends for good: what is in doubt stays so, unless the end proves more.
    fn conclude(&mut self, end: SourceEnd) {
        if let Some(conn) = &self.conn {
            let (sent, was_first) = (self.sent(), conn.has_queued_close());
            let is_proof = match (&end, self.closing) {
                // The answer to our Close proves arrival only where no pong ever came; any other Close does.
                (SourceEnd::Close { code, .. }, Some(ours)) if *code == ours && was_first => {
                    !self.ledger.has_ponged
                }
                (SourceEnd::Close { .. }, _) => true,
                _ => false,
            };
            if is_proof {
                self.ledger.confirm(sent);
            } else if self.confirming.resend {
                self.ledger.resent = self.ledger.resent.max(sent);
            } else {
                self.lost += self.ledger.doubt(sent);
            }
        }
        self.end.get_or_insert(end);
        wake(&mut self.feeder);
        wake(&mut self.receiver);
    }

    fn install(&mut self, renewed: Renewed) {
        let mut conn = Box::new(renewed.conn);
        self.taps.record(&renewed.record);
        conn.set_taps(std::mem::take(&mut self.taps));
        self.conn = Some(conn);
        let mut firsts = Doubt::default();
        for message in renewed.first.into_iter().rev() {
            firsts.add(message.len());
            self.waiting += message.len() + OVERHEAD as usize;
            self.out.push_front(OutEntry { message, own: false });
        }
        self.ledger = self.ledger.next(firsts, self.ledger.resent);
        self.hand_over();
        wake(&mut self.feeder);
    }
}

impl Link for Renewing {
    fn poll_receive(&mut self, cx: &mut Context<'_>, batch: &mut VecDeque<Item>) -> Poll<()> {
        if let (Some(since), Some(waits)) = (self.looked_away.take(), &mut self.waits) {
            // A pong that nobody looked for did not stay away.
            waits.since += since.elapsed();
        }
        let polled = self.poll_next(cx, batch);
        match polled {
            Poll::Ready(()) => self.looked_away = self.waits.as_ref().map(|_| Instant::now()),
            Poll::Pending => keep(&mut self.receiver, cx),
        }
        polled
    }

    fn end(&self) -> Option<SourceEnd> {
        self.end.clone()
    }

    fn queued(&self) -> usize {
        self.waiting.max(self.conn.as_ref().map_or(0, |conn| conn.queued()))
    }

    fn feed(&mut self, message: Message) -> Result<(), SinkFailure> {
        if self.skips > 0 {
            self.skips -= 1;
            return Ok(());
        }
        if self.firsts_to_come > 0 {
            self.firsts_to_come -= 1;
            self.ledger.firsts.add(message.len());
            self.ledger.resent = self.ledger.firsts;
        }
        self.keep(&message, false);
        self.hand_over();
        Ok(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        keep(&mut self.feeder, cx);
        loop {
            self.hand_over();
            let waits = self.handed < self.out.len() || self.close.is_some();
            if self.conn.is_none() || self.deaf.is_some() {
                return if waits && self.end.is_none() { Poll::Pending } else { Poll::Ready(Ok(())) };
            }
            self.ask_if_due();
            let Some(conn) = &mut self.conn else { return Poll::Pending };
            if ready!(conn.poll_flush(cx)).is_err() {
                // The receiving side finds out what became of the connection.
                self.deaf = Some(Box::pin(sleep(DEAF)));
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let is_open = conn.is_open();
            self.written();
            if self.closing.is_some() || !waits && (!is_open || self.end.is_some()) {
                return Poll::Ready(Ok(()));
            } else if !is_open || self.end.is_some() {
                // The peer has closed: what waits is for the next connection, or is told unsent.
                return Poll::Pending;
            } else if self.ask_if_due() || self.handed < self.out.len() && !self.is_full() {
                // Behind a large message, or now there is room.
                continue;
            } else if self.may_close() {
                self.close_now();
                continue;
            } else if self.waits.is_none() && self.confirming.timeout.is_some() && self.is_held_back() {
                // The clock of that is the receiving side's.
                wake(&mut self.receiver);
            }
            match self.ledger.beat().filter(|_| self.is_windowed()) {
                Some(at) if poll_at(&mut self.beat, at, cx).is_ready() => {}
                _ if waits => return Poll::Pending,
                _ => return Poll::Ready(Ok(())),
            }
        }
    }

    fn is_open(&self) -> bool {
        self.close.is_none()
            && self.closing.is_none()
            && self.end.is_none()
            && self.conn.as_ref().is_none_or(|conn| conn.is_open())
    }

    fn conn(&mut self) -> Option<&mut Conn> {
        self.conn.as_deref_mut()
    }

    fn queue_close(&mut self, code: Option<u16>, reason: &str) {
        let is_away = self.is_away() || self.end.is_none() && self.deaf.is_some();
        let delivers = if is_away { !self.out.is_empty() } else { self.confirming.resend };
        if self.is_open() && (delivers || !is_away) {
            self.close = Some(Close { code, reason: reason.to_owned(), since: Instant::now(), delivers });
            if !is_away && self.may_close() {
                self.close_now();
            }
        } else if self.is_away() {
            let fault = Fault::new(Exit::Lost, "session", "the connection is lost, and was not opened again");
            self.conclude(SourceEnd::Lost { fault, answer: None });
        } else if self.close.is_none() {
            self.closing = Some(code);
            if let Some(conn) = &mut self.conn {
                conn.queue_close(code, reason);
            }
        }
    }

    fn progress(&self) -> (Moved, Within) {
        let (now, within) =
            self.conn.as_ref().map_or_else(Default::default, |conn| (conn.moved(), conn.within()));
        let (received, sent) = (self.before.received + now.received, self.before.sent + now.sent);
        (Moved { received, sent }, within)
    }

    fn begun(&self) -> u64 {
        self.conn.as_ref().map_or(0, |conn| conn.begun())
    }

    fn unsent(&self) -> Unsent {
        let mut total = self.ledger.handed;
        let waiting = self.out.iter().skip(self.handed).filter(|entry| !is_control(&entry.message));
        waiting.for_each(|entry| total.add(entry.message.len()));
        // Messages that every connection is sent first were fed once.
        let told = if self.is_renewed { self.ledger.resent } else { Doubt::default() };
        let unsent = total - self.sent().max(told);
        let mut all = self.dropped;
        all += Unsent { messages: unsent.messages, bytes: unsent.bytes };
        all
    }

    fn finishing(&self) -> Unsent {
        self.conn.as_ref().map_or_else(Unsent::default, |conn| conn.finishing())
    }

    fn abandon(&mut self) -> u64 {
        let before = self.unsent();
        self.out.truncate(self.handed);
        self.waiting = 0;
        let after = self.unsent();
        let (messages, bytes) = (before.messages - after.messages, before.bytes - after.bytes);
        self.dropped += Unsent { messages, bytes };
        messages + self.conn.as_mut().map_or(0, |conn| conn.abandon())
    }

    fn is_away(&self) -> bool {
        self.conn.is_none() && self.end.is_none()
    }

    fn lose(&mut self, cause: String) {
        self.lose_after(cause, false);
    }

    fn doubt(&self) -> Doubt {
        let mut doubt = self.lost;
        if self.confirming.resend {
            doubt += self.ledger.unproved();
        }
        doubt
    }

    fn kind(&self) -> SideKind {
        SideKind::WebSocket
    }

    fn renews(&self) -> bool {
        true
    }

    fn send_own(&mut self, message: Message) -> Result<(), SinkFailure> {
        self.keep(&message, true);
        self.hand_over();
        Ok(())
    }

    fn release(mut self: Box<Self>, parting: Parting) -> Releasing {
        match self.conn.take() {
            Some(conn) => conn.release(parting),
            None => Box::pin(std::future::ready(Released::default())),
        }
    }
}

/// Ready at this time; the timer is kept.
fn poll_at(timer: &mut Option<Pin<Box<Sleep>>>, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
    let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
    if timer.deadline() != at {
        timer.as_mut().reset(at);
    }
    timer.as_mut().poll(cx)
}
