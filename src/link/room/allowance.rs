//! Bound on the time for which members whose queue is full may hold the others up: pure, with the clock
//! handed in.
//!
//! One [`Allowance`] stands for a whole room, so that many slow members cost the others no more than one
//! does. It counts the moments in which somebody waits and nothing excuses it. What excuses a member that
//! standard input waits for is its [`Pace`]: each byte it takes pays for a little of the wait.

use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;

/// Time for which the others may be held up in each [`WINDOW`].
pub(super) const ALLOWED: Duration = Duration::from_secs(1);
/// The part of it that is for those of whom too little is known yet, so that one bad client does not keep it
/// from being seen that another one takes enough.
pub(super) const RESERVED: Duration = Duration::from_millis(200);
/// See [`ALLOWED`].
pub(super) const WINDOW: Duration = Duration::from_secs(30);
/// From one look to the next.
pub(super) const TICK: Duration = Duration::from_millis(50);
/// Bytes that pay for a second of waiting. It is less than the 64 KiB that a member has to take, because its
/// system tells in steps what it took.
const PRICE: u32 = 48 * 1024;
/// Longest time that may be paid for in advance. A far end's system makes room in steps, of 64 KiB and more.
const ADVANCE: Duration = Duration::from_secs(2);
/// The most that is paid for by what is taken while it is new.
const FIRST: Duration = Duration::from_millis(300);
/// Longest stretch of the past that may be paid for: what was taken between two looks is seen at the second
/// one.
const ARREARS: Duration = Duration::from_millis(100);
/// Waits closer to each other are kept as one.
const GRAIN: Duration = Duration::from_millis(250);

/// Account of the time for which the others can be held up.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    /// Waits of the last [`WINDOW`]: when each ended, and how long it was.
    spent: VecDeque<(Instant, Duration)>,
    /// Since when the time runs that is not yet in `spent`.
    since: Option<Instant>,
}

impl Allowance {
    /// Notes whether the others are held up from now on; gives what is left.
    pub(super) fn note(&mut self, held_up: bool, now: Instant) -> Duration {
        if let Some(since) = self.since {
            // A look that comes late was kept from the processor, which is not the fault of who is slow.
            self.spend(now.saturating_duration_since(since).min(5 * TICK), now);
        }
        self.since = held_up.then_some(now);
        while self.spent.front().is_some_and(|(end, _)| *end + WINDOW <= now) {
            self.spent.pop_front();
        }
        ALLOWED.saturating_sub(self.spent.iter().map(|(_, time)| *time).sum())
    }

    fn spend(&mut self, time: Duration, now: Instant) {
        match self.spent.back_mut() {
            _ if time.is_zero() => {}
            // A wait is over for good when its last moment is out of the window, so joining errs to the
            // side of the others.
            Some((end, sum)) if now.saturating_duration_since(*end) < GRAIN && *sum < GRAIN => {
                (*end, *sum) = (now, *sum + time);
            }
            _ => self.spent.push_back((now, time)),
        }
    }
}

/// Measure of whether a member takes enough to be waited for.
#[derive(Debug)]
pub(super) struct Pace {
    /// Bytes that it had taken at the last look; `None` before the first one.
    taken: Option<u64>,
    /// Until when what it took pays for the wait.
    paid_until: Instant,
    begin: Instant,
    /// Since when nothing pays for it.
    unpaid_since: Option<Instant>,
}

impl Pace {
    /// From now on.
    pub(super) fn new(now: Instant) -> Self {
        Self { taken: None, paid_until: now, begin: now, unpaid_since: Some(now) }
    }

    /// Returns whether it has paid for this moment, after it took so many bytes in all; what it took before
    /// the first look pays for nothing.
    pub(super) fn suffices(&mut self, taken: u64, now: Instant) -> bool {
        // Less than before is counted from another beginning: a connection was renewed.
        let bytes = taken.saturating_sub(self.taken.replace(taken).unwrap_or(taken));
        if bytes > 0 {
            let paid = Duration::from_secs_f64(bytes as f64 / f64::from(PRICE));
            // The last that the far end's system takes before its buffer is full tells nothing of its reader.
            let paid = if self.is_new(now) { paid.min(FIRST) } else { paid };
            let from =
                now.checked_sub(ARREARS).map_or(self.paid_until, |earliest| self.paid_until.max(earliest));
            self.paid_until = (from + paid.min(2 * ADVANCE)).min(now + ADVANCE);
        }
        let suffices = self.paid_until > now;
        if suffices {
            self.unpaid_since = None;
        } else {
            self.unpaid_since.get_or_insert(now);
        }
        suffices
    }

    /// True while too little is known of what it takes.
    pub(super) fn is_new(&self, now: Instant) -> bool {
        self.age(now) < 3 * TICK
    }

    /// For how long its queue has been full, or not half empty.
    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.begin)
    }

    /// For how long nothing pays for it.
    pub(super) fn unpaid(&self, now: Instant) -> Duration {
        self.unpaid_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn a_second_is_allowed_and_is_back_after_thirty() {
        let (start, mut allowance) = (Instant::now(), Allowance::default());
        let mut held = |from: u64, to: u64| {
            for at in (from..to).step_by(50) {
                let _ = allowance.note(true, start + ms(at));
            }
            allowance.note(false, start + ms(to))
        };
        assert_eq!(held(0, 700), ms(300));
        assert_eq!(held(20_000, 20_300), ms(0), "nobody was held up meanwhile");
        assert_eq!(held(30_000, 30_000), ms(0), "the first wait is not wholly out");
        assert!(held(30_400, 30_400) > ms(200));
        assert_eq!(held(30_700, 30_700), ms(700));
        assert_eq!(held(50_300, 50_300), ALLOWED);
        assert_eq!(held(60_000, 60_050), ms(950));
        let _ = allowance.note(true, start + ms(70_000));
        assert_eq!(allowance.note(false, start + ms(75_000)), ms(700), "a late look counts as five");
    }

    #[test]
    fn no_thirty_seconds_hold_more_than_the_allowance_and_memory_is_bounded() {
        let (start, mut allowance) = (Instant::now(), Allowance::default());
        let (mut waits, mut now) = (Vec::new(), start);
        for step in 0..20_000_u64 {
            let wait = ms(step % 7 + 1);
            let before = now;
            if allowance.note(true, now) > wait {
                now += wait;
                waits.push((before, wait));
            }
            allowance.note(false, now);
            now += ms(step % 11 + 3);
            assert!(allowance.spent.len() <= 200, "{}", allowance.spent.len());
        }
        for (end, _) in &waits {
            let within = |at: &Instant| *at <= *end && *at + WINDOW > *end;
            let sum: Duration = waits.iter().filter(|(at, _)| within(at)).map(|(_, wait)| *wait).sum();
            assert!(sum <= ALLOWED + ms(10), "{sum:?}");
        }
    }

    #[test]
    fn what_is_taken_pays_for_the_wait_up_to_two_seconds_ahead() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert!(!pace.suffices(1000, start), "nothing is paid yet");
        let half = 1000 + u64::from(PRICE) / 2;
        assert!(pace.suffices(half, start) && pace.suffices(half, start + ms(299)));
        assert!(!pace.suffices(half, start + ms(300)), "it is new");
        let much = 1000 + 100 * u64::from(PRICE);
        assert!(pace.suffices(much, start + ms(1000)));
        assert!(pace.suffices(much, start + ms(2999)) && !pace.suffices(much, start + ms(3000)));
    }

    /// Milliseconds of a minute that are not paid for by so many bytes at each of these steps.
    fn unpaid(bytes: u64, step: u64) -> u64 {
        let (start, mut taken) = (Instant::now(), 0);
        let mut pace = Pace::new(start);
        let looks = (0..1200_u64).filter(|look| {
            if *look > 0 && look * 50 % step == 0 {
                taken += bytes;
            }
            !pace.suffices(taken, start + ms(50 * look))
        });
        50 * looks.count() as u64
    }

    #[test]
    fn who_takes_64_kib_a_second_pays_for_all_but_the_first_step() {
        for (step, most) in [(50, 50), (500, 500), (1000, 1000)] {
            let unpaid = unpaid(65_536 * step / 1000 + 1, step);
            assert!(unpaid <= most, "each {step} ms: {unpaid}");
        }
        for step in [50, 500, 1000] {
            assert!(unpaid(32_768 * step / 1000, step) > 10_000, "each {step} ms");
        }
    }
}
