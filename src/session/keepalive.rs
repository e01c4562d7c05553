//! The ping clock of one WebSocket side (RFC 6455 section 5.5.2).
//!
//! A ping is due when nothing was heard for the interval, and none is sent while one is out. The timeout
//! runs from the moment the ping is acknowledged by the far end's system: on a slow path it stands behind
//! our own data. Every byte that comes renews it, since the pong may stand behind the peer's data. It
//! stands still while we refuse to read: a pong that waits behind data we do not take says nothing about
//! the peer. Pings go out then too: where nobody is any more, one of them fails.

use super::{
    Instant, Rules,
    progress::{Progress, Wait},
};
use std::time::Duration;

pub(super) struct Keepalive {
    interval: Option<Duration>,
    timeout: Option<Duration>,
    due: Instant,
    waiting: PongWait,
    paused: bool,
    /// A pong came at all; some servers send none.
    pub answered: bool,
}

enum PongWait {
    No,
    /// The ping is not on the wire; since the last byte that the transport took.
    ForTheWire(Instant),
    ForThePong {
        wait: Wait,
        /// Something else than the pong came since.
        heard: bool,
    },
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beat {
    Ping,
    /// A ping stayed unanswered for so long.
    Dead(Duration),
    /// Nothing could be sent for so long.
    Stuck(Duration),
}

impl Keepalive {
    pub(super) fn new(rules: &Rules, now: Instant) -> Self {
        let interval = rules.ping_interval;
        Self {
            interval,
            timeout: rules.ping_timeout,
            due: after(now, interval),
            waiting: PongWait::No,
            paused: false,
            answered: false,
        }
    }

    /// Bytes came.
    pub(super) fn heard(&mut self, now: Instant) {
        self.due = after(now, self.interval);
        match &mut self.waiting {
            PongWait::ForThePong { wait, heard } if self.timeout.is_some() => {
                (wait.since, *heard) = (now, true);
            }
            PongWait::ForTheWire(since) if self.timeout.is_some() => *since = now,
            waiting => *waiting = PongWait::No,
        }
    }

    /// The pong came.
    pub(super) fn ponged(&mut self, now: Instant) {
        self.answered = true;
        if let PongWait::ForThePong { .. } = self.waiting {
            self.forget(now);
        }
    }

    /// The transport took bytes of ours.
    pub(super) fn wrote(&mut self, now: Instant) {
        if let PongWait::ForTheWire(since) = &mut self.waiting {
            *since = now;
        }
    }

    /// The ping is on the wire; true when what stands in front of it is to be watched.
    pub(super) fn sent(&mut self, progress: &Progress, now: Instant) -> bool {
        if let PongWait::ForTheWire(_) = self.waiting {
            self.waiting = PongWait::ForThePong { wait: Wait::new(progress, now), heard: false };
            if self.paused {
                self.forget(now);
            }
        }
        self.is_behind()
    }

    /// The far end has acknowledged more of what was sent.
    pub(super) fn acknowledged(&mut self, bytes: u64, now: Instant) {
        match &mut self.waiting {
            PongWait::ForThePong { wait, .. } => {
                wait.acknowledged(bytes, now);
            }
            // The system takes more of ours only once much of its queue has gone; that goes byte by byte.
            PongWait::ForTheWire(since) => *since = now,
            PongWait::No => {}
        }
    }

    /// True while no ping is out or on its way: bytes that come only put the next one off.
    pub(super) fn is_calm(&self) -> bool {
        matches!(self.waiting, PongWait::No)
    }

    /// True while the ping stands in the send queue.
    pub(super) fn is_behind(&self) -> bool {
        matches!(&self.waiting, PongWait::ForThePong { wait, .. } if wait.is_behind())
    }

    /// True while it has to be told how far the send queue is.
    pub(super) fn watches_queue(&self) -> bool {
        self.is_behind() || matches!(self.waiting, PongWait::ForTheWire(_)) && !self.paused
    }

    /// While paused, no pong is waited for.
    pub(super) fn pause(&mut self, paused: bool, now: Instant) {
        if self.paused && !paused {
            if let PongWait::ForTheWire(since) = &mut self.waiting {
                *since = now;
            }
            self.due = self.due.max(now);
        }
        self.paused = paused;
        if let (true, PongWait::ForThePong { .. }) = (paused, &self.waiting) {
            self.forget(now);
        }
    }

    /// It is back, or on a new connection: no ping is out.
    pub(super) fn forget(&mut self, now: Instant) {
        self.waiting = PongWait::No;
        self.due = after(now, self.interval);
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.interval?;
        match &self.waiting {
            PongWait::No => Some(self.due),
            _ if self.paused => None,
            PongWait::ForTheWire(since) => Some(*since + self.timeout?),
            PongWait::ForThePong { wait, .. } => Some(wait.since + self.timeout?),
        }
    }

    pub(super) fn tick(&mut self, now: Instant) -> Option<Beat> {
        if self.deadline()? > now {
            return None;
        }
        match &self.waiting {
            PongWait::ForThePong { wait, heard: false } => return Some(Beat::Dead(now - wait.since)),
            PongWait::ForTheWire(since) => return Some(Beat::Stuck(now - *since)),
            // The peer lives and does not answer that ping; it gets another.
            PongWait::ForThePong { heard: true, .. } | PongWait::No => {}
        }
        self.waiting = PongWait::ForTheWire(now);
        Some(Beat::Ping)
    }
}

/// A time so far away that adding to it is not needed stands for "never".
fn after(now: Instant, interval: Option<Duration>) -> Instant {
    now + interval.unwrap_or(Duration::from_secs(365 * 24 * 3600))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Nothing stands in front of what is sent.
    fn free(now: Instant) -> Progress {
        Progress::new(now)
    }

    #[test]
    fn pings_when_quiet_and_gives_up_from_the_moment_the_ping_is_sent() {
        let start = Instant::now();
        let mut clock = Keepalive::new(&Rules::default(), start);
        assert_eq!(clock.tick(start + 19 * SECOND), None);
        assert_eq!(clock.tick(start + 20 * SECOND), Some(Beat::Ping));
        for second in 21..90 {
            clock.wrote(start + second * SECOND);
            assert_eq!(clock.tick(start + second * SECOND), None, "what is before it gets through");
        }
        assert!(!clock.sent(&free(start), start + 90 * SECOND));
        clock.wrote(start + 91 * SECOND);
        assert_eq!(clock.tick(start + 109 * SECOND), None);
        assert_eq!(clock.tick(start + 110 * SECOND), Some(Beat::Dead(20 * SECOND)));
    }

    #[test]
    fn a_ping_that_never_gets_out_means_a_stuck_transport() {
        let start = Instant::now();
        let mut clock = Keepalive::new(&Rules::default(), start);
        assert_eq!(clock.tick(start + 20 * SECOND), Some(Beat::Ping));
        clock.wrote(start + 25 * SECOND);
        assert_eq!(clock.tick(start + 44 * SECOND), None);
        assert_eq!(clock.tick(start + 45 * SECOND), Some(Beat::Stuck(20 * SECOND)));
    }

    #[test]
    fn a_queue_that_shrinks_is_no_stuck_transport() {
        let start = Instant::now();
        let mut clock = Keepalive::new(&Rules::default(), start);
        assert_eq!(clock.tick(start + 20 * SECOND), Some(Beat::Ping));
        assert!(clock.watches_queue());
        for step in 1..10 {
            let now = start + (20 + 19 * step) * SECOND;
            assert_eq!(clock.tick(now), None, "{step}");
            clock.acknowledged(100 * u64::from(step), now);
        }
        let moved = start + (20 + 19 * 9) * SECOND;
        assert_eq!(clock.tick(moved + 19 * SECOND), None);
        assert_eq!(clock.tick(moved + 20 * SECOND), Some(Beat::Stuck(20 * SECOND)));
        clock.pause(true, moved + 20 * SECOND);
        assert!(!clock.watches_queue(), "whoever does not read waits for nothing");
    }

    #[test]
    fn a_ping_behind_a_send_queue_waits_for_it_while_it_moves() {
        let start = Instant::now();
        let mut clock = Keepalive::new(&Rules::default(), start);
        clock.tick(start + 20 * SECOND);
        let progress = Progress { sent: 1000, ..Progress::new(start) };
        assert!(clock.sent(&progress, start + 20 * SECOND));
        for step in 1..10 {
            let now = start + (20 + 19 * step) * SECOND;
            assert_eq!(clock.tick(now), None, "{step}");
            clock.acknowledged(100 * u64::from(step), now);
        }
        let moved = start + (20 + 19 * 9) * SECOND;
        assert_eq!(clock.tick(moved + 20 * SECOND), Some(Beat::Dead(20 * SECOND)), "it stood still");

        let mut clock = Keepalive::new(&Rules::default(), start);
        clock.tick(start + 20 * SECOND);
        clock.sent(&progress, start + 20 * SECOND);
        clock.acknowledged(1000, start + 35 * SECOND);
        assert!(!clock.is_behind());
        clock.acknowledged(1500, start + 40 * SECOND);
        assert_eq!(clock.tick(start + 54 * SECOND), None);
        assert_eq!(clock.tick(start + 55 * SECOND), Some(Beat::Dead(20 * SECOND)), "and not renewed later");
    }

    #[test]
    fn no_ping_is_sent_while_one_is_out_and_every_byte_renews_the_timeout() {
        let start = Instant::now();
        let mut clock = Keepalive::new(&Rules::default(), start);
        clock.tick(start + 20 * SECOND);
        clock.sent(&free(start), start + 20 * SECOND);
        for second in 21..100 {
            clock.heard(start + second * SECOND);
            assert_eq!(clock.tick(start + second * SECOND), None, "the pong may stand behind data");
        }
        assert_eq!(clock.tick(start + 118 * SECOND), None);
        assert_eq!(clock.tick(start + 119 * SECOND), Some(Beat::Ping), "it lives: one more, not the end");
        clock.sent(&free(start), start + 119 * SECOND);
        assert_eq!(clock.tick(start + 139 * SECOND), Some(Beat::Dead(20 * SECOND)));

        let mut clock = Keepalive::new(&Rules::default(), start);
        clock.tick(start + 20 * SECOND);
        clock.sent(&free(start), start + 20 * SECOND);
        clock.heard(start + 21 * SECOND);
        clock.ponged(start + 21 * SECOND);
        assert_eq!(clock.deadline(), Some(start + 41 * SECOND));
        assert_eq!(clock.tick(start + 41 * SECOND), Some(Beat::Ping));
    }

    #[test]
    fn anything_heard_counts_and_refusing_to_read_stops_the_timeout() {
        let start = Instant::now();
        let mut clock = Keepalive::new(&Rules::default(), start);
        clock.heard(start + 15 * SECOND);
        assert_eq!(clock.deadline(), Some(start + 35 * SECOND));
        clock.tick(start + 35 * SECOND);
        clock.sent(&free(start), start + 35 * SECOND);
        clock.pause(true, start + 36 * SECOND);
        for second in [56, 76, 96] {
            assert_eq!(clock.tick(start + (second - 1) * SECOND), None);
            assert_eq!(
                clock.tick(start + second * SECOND),
                Some(Beat::Ping),
                "also to whoever we do not hear"
            );
            clock.sent(&free(start), start + second * SECOND);
        }
        assert_eq!(clock.tick(start + 116 * SECOND), Some(Beat::Ping));
        assert_eq!(clock.deadline(), None, "nothing gets out, which may be for us not reading");
        clock.pause(false, start + 300 * SECOND);
        assert_eq!(clock.deadline(), Some(start + 320 * SECOND));
        clock.heard(start + 301 * SECOND);
        assert_eq!(clock.deadline(), Some(start + 321 * SECOND));
    }

    #[test]
    fn what_comes_puts_a_pong_off_by_the_timeout_and_not_by_the_interval() {
        let start = Instant::now();
        let rules = Rules { ping_timeout: Some(5 * SECOND), ..Rules::default() };
        let mut clock = Keepalive::new(&rules, start);
        assert_eq!(clock.tick(start + 20 * SECOND), Some(Beat::Ping));
        clock.heard(start + 22 * SECOND);
        assert_eq!(clock.deadline(), Some(start + 27 * SECOND), "it is not on the wire");
        clock.sent(&free(start), start + 23 * SECOND);
        clock.heard(start + 24 * SECOND);
        assert_eq!(clock.deadline(), Some(start + 29 * SECOND));
        clock.ponged(start + 25 * SECOND);
        assert_eq!(clock.deadline(), Some(start + 45 * SECOND));
    }

    #[test]
    fn only_a_wait_that_stood_still_begins_anew() {
        let start = Instant::now();
        let mut clock = Keepalive::new(&Rules::default(), start);
        assert_eq!(clock.tick(start + 20 * SECOND), Some(Beat::Ping));
        clock.pause(false, start + 30 * SECOND);
        assert_eq!(clock.deadline(), Some(start + 40 * SECOND), "it did not stand still");
        clock.pause(true, start + 31 * SECOND);
        clock.pause(true, start + 32 * SECOND);
        assert_eq!(clock.deadline(), None);
        clock.pause(false, start + 35 * SECOND);
        assert_eq!(clock.deadline(), Some(start + 55 * SECOND));
    }

    #[test]
    fn off_is_off() {
        let rules = Rules { ping_interval: None, ..Rules::default() };
        assert_eq!(Keepalive::new(&rules, Instant::now()).deadline(), None);
        let rules = Rules { ping_timeout: None, ..Rules::default() };
        let start = Instant::now();
        let mut clock = Keepalive::new(&rules, start);
        assert_eq!(clock.tick(start + 20 * SECOND), Some(Beat::Ping));
        clock.sent(&free(start), start + 20 * SECOND);
        assert_eq!(clock.deadline(), None);
        clock.heard(start + 25 * SECOND);
        assert_eq!(clock.tick(start + 45 * SECOND), Some(Beat::Ping));
    }
}
