//! The progress of a transport, and the clocks that wait for it.
//!
//! Megabytes of ours can stand in the kernel's send queue behind what counts as sent, and a ping, a Close
//! or the end of the input stands behind them. A clock of silence that began when its frame was handed to
//! the kernel would take a slow path for a dead peer. So such a clock is a [`Wait`]: it begins when the
//! queue in front of it is acknowledged, and every movement before that renews it.

use super::Instant;
use crate::units::brief;
use std::time::Duration;

/// The least that has to come or go in a [`WINDOW`], bytes.
const LEAST: u64 = 16 * 1024;
/// See [`LEAST`].
const WINDOW: Duration = Duration::from_secs(30);
/// From one look at a send queue to the next, while a clock waits for it: at first, and at most. Most queues
/// are acknowledged at once, and an end must not wait for a look that is late.
const SOON: Duration = Duration::from_millis(1);
const LATE: Duration = Duration::from_millis(50);

/// Bytes of ours that the transport took, and those that the far end's system has acknowledged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// Bytes taken by the transport so far.
    pub sent: u64,
    /// Bytes known to be acknowledged; never more than `sent`.
    pub acknowledged: u64,
    /// Time of the last look at the send queue.
    pub sampled_at: Instant,
    /// From that look to the next.
    pub interval: Duration,
}

impl Progress {
    pub(super) fn new(now: Instant) -> Self {
        Self { sent: 0, acknowledged: 0, sampled_at: now, interval: SOON }
    }

    /// A clock begins to wait for the send queue.
    pub(super) fn is_awaited_anew(&mut self) {
        self.interval = SOON;
    }

    /// Time of the next look at the send queue.
    pub(super) fn next_sample(&self) -> Instant {
        self.sampled_at + self.interval
    }

    /// The send queue is looked at.
    pub(super) fn sample(&mut self, now: Instant) {
        (self.sampled_at, self.interval) = (now, (self.interval * 2).min(LATE));
    }
}

/// A clock that begins once what stands in front of it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    /// The last movement; once nothing stands in front, the begin.
    pub since: Instant,
    /// Bytes to be acknowledged before it begins.
    behind: Option<u64>,
}

impl Wait {
    /// A clock behind everything that was sent until now.
    pub(super) fn new(progress: &Progress, now: Instant) -> Self {
        Self { since: now, behind: (progress.sent > progress.acknowledged).then_some(progress.sent) }
    }

    /// True while bytes in front of it are not acknowledged.
    pub(super) fn is_behind(&self) -> bool {
        self.behind.is_some()
    }

    /// The far end has acknowledged so many bytes, more than before; true when that lets the clock begin.
    pub(super) fn acknowledged(&mut self, bytes: u64, now: Instant) -> bool {
        let Some(position) = self.behind else { return false };
        self.since = now;
        if bytes >= position {
            self.behind = None;
        }
        self.behind.is_none()
    }

    /// A byte came: the path lives.
    pub(super) fn heard(&mut self, now: Instant) {
        if self.is_behind() {
            self.since = now;
        }
    }
}

/// Watches that something does not merely trickle: 16 KiB in each 30 s.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    since: Instant,
    bytes: u64,
}

impl Rate {
    /// From now on, after so many bytes.
    pub fn new(bytes: u64, now: Instant) -> Self {
        Self { since: now, bytes }
    }

    /// The end of the window at hand.
    pub(super) fn deadline(&self) -> Instant {
        self.since + WINDOW
    }

    /// True when too little moved in the window that is over; then the next one begins.
    pub fn is_too_slow(&mut self, bytes: u64, now: Instant) -> bool {
        if now < self.deadline() {
            return false;
        }
        let too_slow = bytes.saturating_sub(self.bytes) < LEAST;
        *self = Self::new(bytes, now);
        too_slow
    }
}

/// The time without a message in either direction before a connection was lost.
///
/// A message of ours after a long silence is often the one that finds the path gone: it does not end the
/// silence unless the peer is heard, or nothing fails for a while.
#[derive(Clone, Copy, Debug)]
pub struct Silence {
    since: Instant,
    /// Time of our message that broke the silence, and how long the silence had been.
    broken: Option<(Instant, Duration)>,
}

/// A connection that is lost after so much silence was probably cut for it.
pub const IDLE: Duration = Duration::from_secs(10);

impl Silence {
    /// It begins now.
    pub fn new(now: Instant) -> Self {
        Self { since: now, broken: None }
    }

    /// A message came.
    pub fn heard(&mut self, now: Instant) {
        *self = Self::new(now);
    }

    /// Something else than a message came: the path is there.
    pub fn is_alive(&mut self) {
        self.broken = None;
    }

    /// We said something.
    pub fn said(&mut self, now: Instant) {
        if now - self.since >= IDLE {
            self.broken = Some((now, now - self.since));
        }
        self.since = now;
    }

    /// The length of the silence, if it is long enough to have been the cause of a loss.
    pub fn is_long(&self, now: Instant) -> Option<Duration> {
        let broken = self.broken.filter(|(at, _)| now - *at < IDLE).map(|(_, lasted)| lasted);
        broken.or(Some(now - self.since)).filter(|lasted| *lasted >= IDLE)
    }

    /// Message and hint about a peer that closed after so long; `told` when its reason says why.
    pub fn closed(lasted: Duration, interval: Option<Duration>, told: bool) -> [String; 2] {
        let idle = match told {
            true => "for its idle timeout",
            false => "which may be an idle timeout's doing",
        };
        let hint = match interval.filter(|interval| *interval <= lasted) {
            Some(_) => "messages of your own (--every), as pings did not put that off".to_owned(),
            None => format!("--ping-interval {}", (lasted.as_secs() / 2).clamp(5, 20)),
        };
        let lasted = brief(lasted);
        [format!("the peer closed after {lasted} without a message in either direction, {idle}"), hint]
    }

    /// Advice against a loss after so long a silence: pings that may help, and the probable cause.
    pub fn advice(lasted: Duration, interval: Option<Duration>) -> String {
        let cut = format!(
            "as the connection was cut after {} without a message in either direction: probably the idle timeout of whatever stands between",
            brief(lasted)
        );
        match interval.filter(|interval| *interval <= lasted) {
            Some(interval) => format!(
                "a --ping-interval below {}, or messages of your own (--every), {cut}, which may count no pings; or raise that timeout",
                brief(interval)
            ),
            None => format!("--ping-interval {}, {cut}", (lasted.as_secs() / 2).clamp(5, 20)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_said_after_a_silence_breaks_it_only_if_it_goes_well() {
        let start = Instant::now();
        let mut silence = Silence::new(start);
        assert_eq!(silence.is_long(start + 9 * SECOND), None);
        assert_eq!(silence.is_long(start + 60 * SECOND), Some(60 * SECOND));
        silence.said(start + 60 * SECOND);
        silence.said(start + 61 * SECOND);
        assert_eq!(silence.is_long(start + 62 * SECOND), Some(60 * SECOND));
        assert_eq!(
            silence.is_long(start + 70 * SECOND),
            None,
            "nine seconds since the last, ten since that one"
        );
        let mut alive = silence;
        alive.is_alive();
        assert_eq!(alive.is_long(start + 62 * SECOND), None);
        silence.heard(start + 62 * SECOND);
        assert_eq!(silence.is_long(start + 71 * SECOND), None);
        assert_eq!(silence.is_long(start + 72 * SECOND), Some(10 * SECOND));
    }

    #[test]
    fn a_clock_begins_when_what_stands_in_front_is_acknowledged() {
        let start = Instant::now();
        let mut progress = Progress { sent: 100, ..Progress::new(start) };
        let mut wait = Wait::new(&progress, start);
        assert!(!wait.acknowledged(60, start + SECOND) && wait.is_behind());
        wait.heard(start + 2 * SECOND);
        assert_eq!(wait.since, start + 2 * SECOND, "movement renews it");
        assert!(wait.acknowledged(100, start + 3 * SECOND) && !wait.is_behind());
        wait.heard(start + 4 * SECOND);
        assert!(!wait.acknowledged(200, start + 4 * SECOND));
        assert_eq!(wait.since, start + 3 * SECOND, "and nothing after the begin");
        progress.acknowledged = 100;
        assert!(!Wait::new(&progress, start).is_behind(), "nothing stands in front");
    }

    #[test]
    fn a_trickle_is_too_slow_and_each_window_counts_anew() {
        let start = Instant::now();
        let mut rate = Rate::new(1000, start);
        assert!(!rate.is_too_slow(1000, start + 29 * SECOND), "not before the window is over");
        assert!(!rate.is_too_slow(1000 + LEAST, start + 30 * SECOND));
        assert_eq!(rate.deadline(), start + 60 * SECOND);
        assert!(rate.is_too_slow(1000 + 2 * LEAST - 1, start + 60 * SECOND));
    }
}
