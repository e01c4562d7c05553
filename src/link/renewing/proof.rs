//! The proof that input has arrived: pings behind it, the pongs to them, and what waits for those.

use super::{INTERNAL_ERROR, Renewing, Waits, poll_at, wake};
use crate::{exit::Exit, fault::Fault, link::Item, session::SourceEnd, units::brief, ws::conn::is_control};
use std::{
    collections::VecDeque,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

impl Renewing {
    /// Takes the pongs that confirm something out of what came behind the first `had` messages.
    pub(super) fn take_pongs(&mut self, batch: &mut VecDeque<Item>, had: usize) {
        let Some(conn) = &self.conn else { return };
        if !batch.range(had..).any(|item| item.message().is_some_and(Message::is_pong)) {
            return;
        }
        let (mut index, mut confirms) = (0, false);
        batch.retain(|item| {
            index += 1;
            let Item::Message(Message::Pong(payload)) = item else { return true };
            let number = conn.number_of(payload).filter(|_| index > had);
            confirms |= number.is_some_and(|number| self.ledger.pong(number));
            number.is_none()
        });
        if confirms {
            (self.given_up, self.waits) = (false, None);
            self.forget_confirmed();
            wake(&mut self.feeder);
        }
    }

    /// Ready when nothing was confirmed for too long while something waits for it.
    pub(super) fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(timeout) = self.confirming.timeout else { return Poll::Pending };
        if !self.is_held_back() {
            self.waits = None;
            return Poll::Pending;
        }
        // As long as data is on its way into the transport, no pong can be asked for.
        let Some(conn) = self.conn.as_mut().filter(|conn| conn.queued() == 0) else {
            return Poll::Pending;
        };
        let backlog = conn.stream().backlog().unwrap_or(0);
        let waits = match &mut self.waits {
            Some(waits) if waits.backlog <= backlog => waits,
            // On its way to the far end, as slow as that may be.
            waits => waits.insert(Waits { since: Instant::now(), backlog }),
        };
        poll_at(&mut self.patience, waits.since + timeout, cx)
    }

    /// True when anything waits for a pong.
    pub(super) fn is_held_back(&self) -> bool {
        self.is_full() || self.close.is_some() && self.is_windowed()
    }

    pub(super) fn is_full(&self) -> bool {
        let next = self.out.get(self.handed).filter(|entry| !is_control(&entry.message));
        self.is_windowed() && next.is_some_and(|entry| !self.ledger.has_room(entry.message.len()))
    }

    /// True when there is a bound on what is in doubt, and the peer is asked for pongs.
    pub(super) fn is_windowed(&self) -> bool {
        self.confirming.pings && !self.given_up
    }

    pub(super) fn give_up(&mut self) {
        let waited = self.waits.take().map_or(Duration::ZERO, |waits| waits.since.elapsed());
        if self.confirming.resend {
            let cause =
                format!("the peer confirms nothing: no pong for {} while input waits for one", brief(waited));
            let fault = Fault::new(Exit::Lost, "session", cause)
                .hint("leave --resend out for a peer that does not answer pings, or give it longer with --ping-timeout");
            self.conclude(SourceEnd::Lost { fault, answer: Some(INTERNAL_ERROR) });
        } else {
            self.given_up = true;
            self.renew.unconfirmed(waited);
        }
        wake(&mut self.feeder);
    }

    /// Queues a ping behind everything that was handed over, unless that is not yet framed; tells whether it
    /// did.
    pub(super) fn ask(&mut self) -> bool {
        let Some(conn) = self.conn.as_mut() else { return false };
        let asks = conn.queue_numbered_ping(self.ledger.next_number());
        if asks {
            self.ledger.ping(Instant::now());
        }
        asks
    }

    /// Drops what is confirmed: it need not be sent again.
    fn forget_confirmed(&mut self) {
        while self.confirming.resend
            && self.handed > 0
            && let Some(entry) = self.out.front()
            && (is_control(&entry.message) || self.base < self.ledger.confirmed.messages)
        {
            self.base += u64::from(!is_control(&entry.message));
            self.out.pop_front();
            self.handed -= 1;
        }
    }

    pub(super) fn ask_if_due(&mut self) -> bool {
        self.is_windowed() && self.closing.is_none() && self.ledger.is_ping_due(Instant::now()) && self.ask()
    }
}
