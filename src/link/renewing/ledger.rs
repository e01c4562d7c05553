//! The account of one connection's data: how much is proved to have arrived, and how much is in doubt.
//!
//! The proof is the pong to a ping of ours that stood behind the data (RFC 6455 section 5.5.3): whoever
//! answers it has read what came before. A message of the peer proves nothing of ours, and neither does a
//! pong that answers none of these pings. Everything is a position in the stream of data messages since
//! the open, so that a pong confirms at once whatever lies before its ping; messages of `--send` go first
//! and are never in doubt, since every connection is sent them anew.

use crate::session::Doubt;
use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;

/// Most that may be in doubt at a time, payloads and [`OVERHEAD`]; one message always may. Bytes.
pub(super) const WINDOW: u64 = 1024 * 1024;
/// Bytes that one message counts beside its payload, so that empty ones are bounded too.
pub(super) const OVERHEAD: u64 = 64;
/// After so much since the last ping another one goes out, though no pong has come; on a new connection
/// after as much as was asked about before, so that one that is soon lost again proves something. Bytes.
const SEGMENT: u64 = 64 * 1024;
/// While anything is in doubt, a ping goes out at least so often.
pub(super) const BEAT: Duration = Duration::from_secs(1);
/// Pings that are remembered; of more, the oldest ones confirm no less than the one before them.
const PINGS: usize = 256;

/// Bytes that an amount counts in the window.
fn weight(doubt: Doubt) -> u64 {
    doubt.bytes + doubt.messages * OVERHEAD
}

/// The positions of one connection.
#[derive(Default)]
pub(super) struct Ledger {
    /// End of the messages of `--send`.
    pub firsts: Doubt,
    /// End of the messages that an earlier connection was sent too.
    pub resent: Doubt,
    /// Position up to which the connection was handed data.
    pub handed: Doubt,
    /// Position up to which data is proved to have arrived.
    pub confirmed: Doubt,
    /// Pings that are out, and how much had been handed over before each.
    pings: VecDeque<(u64, Doubt)>,
    /// Position up to which data was handed over before the last ping.
    pinged: Doubt,
    pinged_at: Option<Instant>,
    /// A pong has confirmed something.
    pub has_ponged: bool,
    /// Positions of the messages that are no input, and their lengths.
    own: VecDeque<(u64, usize)>,
    /// Number of the last ping, of all connections: an old pong confirms nothing of a later connection.
    number: u64,
}

impl Ledger {
    /// Ledger of the next connection, which is sent `firsts` first, and then `again`, which was sent before.
    pub(super) fn next(&self, firsts: Doubt, again: Doubt) -> Self {
        let mut resent = firsts;
        resent += again;
        Self { firsts, resent, number: self.number, ..Self::default() }
    }

    /// Takes note of a message that was handed over; one of our `own` is no input.
    pub(super) fn hand(&mut self, length: usize, own: bool) {
        if own {
            self.own.push_back((self.handed.messages, length));
        }
        self.handed.add(length);
    }

    /// The input from here to there.
    fn input(&self, from: Doubt, to: Doubt) -> Doubt {
        let mut input = to - from;
        for (_, length) in self.own.iter().filter(|(at, _)| (from.messages..to.messages).contains(at)) {
            input.messages -= 1;
            input.bytes -= *length as u64;
        }
        input
    }

    /// From where on anything can be in doubt.
    fn from(&self) -> Doubt {
        self.confirmed.max(self.firsts)
    }

    /// Handed over and not confirmed.
    pub(super) fn open(&self) -> Doubt {
        self.handed - self.from()
    }

    /// In doubt when the connection is lost, which was sent so much; what an earlier connection was sent is
    /// so until it is confirmed.
    pub(super) fn doubt(&self, sent: Doubt) -> Doubt {
        self.input(self.from(), sent.max(self.resent))
    }

    /// Sent again and not confirmed.
    pub(super) fn unproved(&self) -> Doubt {
        self.input(self.from(), self.resent)
    }

    /// Returns whether nothing of what was sent again is confirmed; `None` before any of it was handed over.
    pub(super) fn is_fruitless(&self) -> Option<bool> {
        let (again, got) = (self.handed.min(self.resent) - self.firsts, self.confirmed - self.firsts);
        if !got.is_none() {
            return Some(false);
        }
        (!again.is_none()).then_some(true)
    }

    /// True when one more message of this length may be in doubt.
    pub(super) fn has_room(&self, length: usize) -> bool {
        let open = self.open();
        open.is_none() || weight(open) + length as u64 + OVERHEAD <= WINDOW
    }

    /// True when so much was handed over since the last ping that the next one is due.
    pub(super) fn is_segment(&self) -> bool {
        let (since, before) = (self.handed - self.pinged.max(self.firsts), self.pinged - self.firsts);
        !since.is_none() && weight(since) >= weight(before).min(SEGMENT)
    }

    /// True when a ping is due: something is not confirmed, and the last ping went out [`BEAT`] ago, or none
    /// is out and something was handed over behind the last one, or a segment is full.
    pub(super) fn is_ping_due(&self, now: Instant) -> bool {
        if self.open().is_none() {
            return false;
        }
        let waits = self.pinged_at.is_some_and(|at| now < at + BEAT);
        !waits || self.pings.is_empty() && self.pinged < self.handed || self.is_segment()
    }

    /// Time at which a ping is due if nothing happens before.
    pub(super) fn beat(&self) -> Option<Instant> {
        self.pinged_at.filter(|_| !self.open().is_none()).map(|at| at + BEAT)
    }

    /// Of the next ping.
    pub(super) fn next_number(&self) -> u64 {
        self.number + 1
    }

    /// Takes note of a ping behind everything that was handed over; its number.
    pub(super) fn ping(&mut self, now: Instant) -> u64 {
        self.number = self.next_number();
        (self.pinged, self.pinged_at) = (self.handed, Some(now));
        if self.pings.len() == PINGS {
            self.pings.pop_front();
        }
        self.pings.push_back((self.number, self.handed));
        self.number
    }

    /// True when a ping is out behind everything that was handed over.
    pub(super) fn is_asked(&self) -> bool {
        !self.pings.is_empty() && self.pinged >= self.handed
    }

    /// So much has arrived.
    pub(super) fn confirm(&mut self, upto: Doubt) {
        self.confirmed = self.confirmed.max(upto);
        while self.own.front().is_some_and(|(at, _)| *at < self.confirmed.messages) {
            self.own.pop_front();
        }
    }

    /// Takes a pong with this number; whether it confirms anything.
    pub(super) fn pong(&mut self, number: u64) -> bool {
        if number > self.number {
            return false;
        }
        let mut confirms = false;
        while let Some((of, upto)) = self.pings.front().copied()
            && of <= number
        {
            self.pings.pop_front();
            self.confirm(upto);
            confirms = true;
        }
        self.has_ponged |= confirms;
        confirms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(messages: u64, bytes: u64) -> Doubt {
        Doubt { messages, bytes }
    }

    #[test]
    fn a_pong_confirms_up_to_its_own_ping_and_all_that_was_asked_before() {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        let mut numbers = Vec::new();
        for length in [10, 20, 30] {
            ledger.handed.add(length);
            numbers.push(ledger.ping(now));
        }
        ledger.handed.add(40);
        assert!(ledger.pong(numbers[1]));
        assert_eq!(ledger.open(), amount(2, 70));
        assert!(!ledger.pong(numbers[0]) && !ledger.pong(numbers[1]), "it says so once");
        assert!(!ledger.pong(numbers[2] + 1), "no ping of ours asked for that");
        assert!(ledger.pong(numbers[2]));
        assert_eq!(ledger.open(), amount(1, 40));
    }

    #[test]
    fn a_pong_of_an_earlier_connection_confirms_nothing() {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        ledger.handed.add(1);
        let old = ledger.ping(now);
        let mut ledger = ledger.next(Doubt::default(), Doubt::default());
        ledger.handed.add(1);
        ledger.ping(now);
        assert!(!ledger.pong(old));
        assert_eq!(ledger.open(), amount(1, 1));
    }

    #[test]
    fn pings_go_when_none_is_out_behind_each_segment_and_every_second_while_anything_is_in_doubt() {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        assert!(!ledger.is_ping_due(now), "nothing is in doubt");
        ledger.handed.add(1);
        assert!(ledger.is_ping_due(now));
        ledger.ping(now);
        ledger.handed.add(1);
        assert!(ledger.is_ping_due(now), "at first as much as before is a segment");
        ledger.handed.add(SEGMENT as usize);
        let number = ledger.ping(now);
        ledger.handed.add(1);
        assert!(!ledger.is_ping_due(now), "one is out");
        assert_eq!(ledger.beat(), Some(now + BEAT));
        assert!(ledger.is_ping_due(now + BEAT));
        ledger.handed.add(SEGMENT as usize);
        assert!(ledger.is_ping_due(now), "a segment is full");
        ledger.pong(number);
        ledger.ping(now);
        assert!(!ledger.is_ping_due(now));
        assert!(ledger.is_ping_due(now + BEAT), "the same is asked again");
        let last = ledger.ping(now + BEAT);
        assert!(ledger.pong(last));
        assert_eq!((ledger.is_ping_due(now + 9 * BEAT), ledger.beat()), (false, None));
    }

    #[test]
    fn what_is_sent_first_is_never_in_doubt_and_what_is_sent_again_is_until_a_pong() {
        let (first, again) = (amount(2, 10), amount(3, 30));
        let mut ledger = Ledger::default().next(first, again);
        let now = Instant::now();
        assert_eq!(ledger.doubt(Doubt::default()), again, "not even sent");
        assert_eq!(ledger.is_fruitless(), None);
        for _ in 0..2 {
            ledger.handed.add(5);
        }
        assert!(!ledger.is_ping_due(now) && ledger.is_fruitless().is_none());
        assert!(ledger.has_room(WINDOW as usize * 2), "one message always may");
        for _ in 0..2 {
            ledger.handed.add(10);
        }
        assert_eq!(ledger.is_fruitless(), Some(true));
        let number = ledger.ping(now);
        ledger.handed.add(10);
        ledger.handed.add(7);
        assert_eq!(ledger.doubt(ledger.handed), amount(4, 37));
        assert!(ledger.pong(number));
        assert_eq!(ledger.doubt(ledger.handed), amount(2, 17));
        assert_eq!((ledger.unproved(), ledger.is_fruitless()), (amount(1, 10), Some(false)));
    }

    #[test]
    fn what_is_said_by_itself_is_no_input_in_doubt() {
        let mut ledger = Ledger::default();
        for (length, own) in [(1, false), (10, true), (100, false), (1000, true)] {
            ledger.hand(length, own);
        }
        assert_eq!(ledger.doubt(ledger.handed), amount(2, 101));
        assert_eq!(ledger.doubt(amount(2, 11)), amount(1, 1));
        ledger.confirm(amount(2, 11));
        assert_eq!(ledger.doubt(ledger.handed), amount(1, 100));
    }

    #[test]
    fn empty_messages_fill_the_window_too() {
        let mut ledger = Ledger::default();
        let mut count = 0;
        while ledger.has_room(0) {
            ledger.handed.add(0);
            count += 1;
        }
        assert_eq!(count, WINDOW / OVERHEAD);
    }

    #[test]
    fn pings_that_are_never_answered_are_not_remembered_without_bound() {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        let mut last = 0;
        for _ in 0..4 * PINGS {
            ledger.handed.add(1);
            last = ledger.ping(now);
        }
        assert_eq!(ledger.pings.len(), PINGS);
        assert!(ledger.pong(last) && ledger.open().is_none());
    }
}
