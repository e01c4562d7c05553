//! The ping clock of one WebSocket side (RFC 6455 section 5.5.2).
//!
//! A ping is due when nothing was heard for the interval. The timeout runs from the moment the ping
//! is on the wire, and stands still while we refuse to read: a pong that waits behind data we do not
//! take says nothing about the peer. Pings go out then too: where nobody is any more, one of them fails.
//! A ping that does not get onto the wire waits behind our own data; then the timeout runs from the
//! last byte that the transport took.

use super::{Instant, Rules};
use std::time::Duration;

pub(super) struct Keepalive {
    interval: Option<Duration>,
    timeout: Option<Duration>,
    due: Instant,
    waiting: Waiting,
    paused: bool,
}

enum Waiting {
    No,
    ForTheWire(Instant),
    ForThePong(Instant),
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
            waiting: Waiting::No,
            paused: false,
        }
    }

    pub(super) fn heard(&mut self, now: Instant) {
        self.waiting = Waiting::No;
        self.due = after(now, self.interval);
    }

    /// The transport took bytes of ours.
    pub(super) fn wrote(&mut self, now: Instant) {
        if let Waiting::ForTheWire(since) = &mut self.waiting {
            *since = now;
        }
    }

    pub(super) fn sent(&mut self, now: Instant) {
        if let Waiting::ForTheWire(_) = self.waiting {
            self.waiting = Waiting::ForThePong(now);
            self.forget(now);
        }
    }

    /// While paused, no pong is waited for.
    pub(super) fn pause(&mut self, paused: bool, now: Instant) {
        if self.paused && !paused {
            if let Waiting::ForTheWire(since) = &mut self.waiting {
                *since = now;
            }
            self.due = self.due.max(now);
        }
        self.paused = paused;
        self.forget(now);
    }

    fn forget(&mut self, now: Instant) {
        if let (true, Waiting::ForThePong(_)) = (self.paused, &self.waiting) {
            self.heard(now);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.interval?;
        match self.waiting {
            Waiting::No => Some(self.due),
            _ if self.paused => None,
            Waiting::ForTheWire(since) | Waiting::ForThePong(since) => Some(since + self.timeout?),
        }
    }

    pub(super) fn tick(&mut self, now: Instant) -> Option<Beat> {
        if self.deadline()? > now {
            return None;
        }
        match self.waiting {
            Waiting::ForThePong(since) => return Some(Beat::Dead(now - since)),
            Waiting::ForTheWire(since) => return Some(Beat::Stuck(now - since)),
            Waiting::No => {}
        }
        self.waiting = Waiting::ForTheWire(now);
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
        clock.sent(start + 90 * SECOND);
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
    fn anything_heard_counts_and_refusing_to_read_stops_the_timeout() {
        let start = Instant::now();
        let mut clock = Keepalive::new(&Rules::default(), start);
        clock.heard(start + 15 * SECOND);
        assert_eq!(clock.deadline(), Some(start + 35 * SECOND));
        clock.tick(start + 35 * SECOND);
        clock.sent(start + 35 * SECOND);
        clock.pause(true, start + 36 * SECOND);
        for second in [56, 76, 96] {
            assert_eq!(clock.tick(start + (second - 1) * SECOND), None);
            assert_eq!(
                clock.tick(start + second * SECOND),
                Some(Beat::Ping),
                "also to whoever we do not hear"
            );
            clock.sent(start + second * SECOND);
        }
        assert_eq!(clock.tick(start + 116 * SECOND), Some(Beat::Ping));
        assert_eq!(clock.deadline(), None, "nothing gets out, which may be for us not reading");
        clock.pause(false, start + 300 * SECOND);
        assert_eq!(clock.deadline(), Some(start + 320 * SECOND));
        clock.heard(start + 301 * SECOND);
        assert_eq!(clock.deadline(), Some(start + 321 * SECOND));
    }

    #[test]
    fn off_is_off() {
        let rules = Rules { ping_interval: None, ..Rules::default() };
        assert_eq!(Keepalive::new(&rules, Instant::now()).deadline(), None);
        let rules = Rules { ping_timeout: None, ..Rules::default() };
        let start = Instant::now();
        let mut clock = Keepalive::new(&rules, start);
        assert_eq!(clock.tick(start + 20 * SECOND), Some(Beat::Ping));
        clock.sent(start + 20 * SECOND);
        assert_eq!(clock.deadline(), None);
    }
}
