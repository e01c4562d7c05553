//! Retries: before the first open as curl does, after it with full jitter.
//!
//! Pure: attempts, elapsed time and a random number go in, a delay or the end of trying comes out.

use crate::{exit::Exit, fault::Fault};
use std::time::Duration;

/// The first delay before another try, when none is given.
const FIRST: Duration = Duration::from_millis(250);
/// The longest such delay.
const LONGEST: Duration = Duration::from_secs(600);
/// The first ceiling of the jitter after a lost connection.
const FLOOR: Duration = Duration::from_millis(500);
/// Its last one.
const CEILING: Duration = Duration::from_secs(30);
/// A connection that was open for so long makes the next loss a first one.
const STABLE: Duration = Duration::from_secs(60);

/// The limits of the tries of an opening (`--retry` and its kin).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retry {
    /// Tries after the first; `None` without limit, which needs `max_time`.
    pub count: Option<u32>,
    /// The delay before each; `None` doubles from 250 ms.
    pub delay: Option<Duration>,
    /// No try begins later than this after the first.
    pub max_time: Option<Duration>,
    /// A refused connection is worth another try.
    pub refused: bool,
    /// Every fault is.
    pub all: bool,
}

impl Retry {
    /// The delay before the try that follows on `tries` failed ones, or `None` when it is over.
    ///
    /// `elapsed` counts from the first try; what the server asks for in Retry-After is waited at least.
    pub fn after(&self, fault: &Fault, tries: u32, elapsed: Duration) -> Option<Duration> {
        let unlimited = self.count.is_none() && self.max_time.is_some();
        let left = unlimited || tries <= self.count.unwrap_or(0);
        if !left || !(self.all || is_transient(fault) || self.refused && fault.exit == Exit::Refused) {
            return None;
        }
        let doubled = || doubled(FIRST, tries.saturating_sub(1), LONGEST);
        let delay = self.delay.unwrap_or_else(doubled).max(retry_after(fault));
        match self.max_time {
            Some(limit) if elapsed + delay > limit => None,
            _ => Some(delay),
        }
    }
}

/// True when the same request may well succeed a little later: a time-out, or a status that says so.
pub fn is_transient(fault: &Fault) -> bool {
    match (&fault.answer, fault.exit) {
        (Some(answer), Exit::UpgradeRefused) => {
            matches!(answer.status, 408 | 429 | 500 | 502 | 503 | 504 | 522 | 524)
        }
        (_, exit) => exit == Exit::Deadline,
    }
}

/// True when an opening that failed with this fault is tried again once a connection has been open.
pub fn is_passing(fault: &Fault) -> bool {
    let reach = [Exit::HostName, Exit::ProxyName, Exit::Refused, Exit::NoAnswer, Exit::Lost];
    is_transient(fault) || reach.contains(&fault.exit)
}

/// The first duration, doubled so many times.
pub fn doubled(first: Duration, times: u32, most: Duration) -> Duration {
    first.saturating_mul(1 << times.min(20)).min(most)
}

/// Seconds of a Retry-After field (RFC 9110 section 10.2.3), at most a minute.
fn retry_after(fault: &Fault) -> Duration {
    let fields = fault.answer.iter().flat_map(|answer| &answer.fields);
    let value = fields.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
    let seconds = value.and_then(|(_, value)| std::str::from_utf8(value).ok()?.trim().parse::<u64>().ok());
    Duration::from_secs(seconds.unwrap_or(0).min(60))
}

/// The delays after a lost connection: exponential with full jitter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    tries: u32,
}

impl Backoff {
    /// A connection was lost after being open for so long.
    pub fn lost_after(&mut self, open: Duration) {
        if open >= STABLE {
            self.tries = 0;
        }
    }

    /// Tries since the last stable connection.
    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// The delay before the next try; `random` is uniform in 0..1.
    pub fn delay(&mut self, random: f64) -> Duration {
        let ceiling = doubled(FLOOR, self.tries, CEILING);
        self.tries = self.tries.saturating_add(1);
        ceiling.mul_f64(random.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::HttpAnswer;

    const SECOND: Duration = Duration::from_secs(1);

    fn fault(exit: Exit) -> Fault {
        Fault::new(exit, "connect", "no")
    }

    fn refused(status: u16, fields: &[(&str, &str)]) -> Fault {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
        let answer = HttpAnswer { status, reason: Vec::new(), fields: fields.collect(), body: Vec::new() };
        Fault { answer: Some(Box::new(answer)), ..fault(Exit::UpgradeRefused) }
    }

    #[test]
    fn tries_end_by_count_or_by_time() {
        let retry = Retry { count: Some(2), ..Retry::default() };
        let deadline = fault(Exit::Deadline);
        let delays: Vec<_> = (1..4).map(|tries| retry.after(&deadline, tries, Duration::ZERO)).collect();
        assert_eq!(delays, [Some(FIRST), Some(2 * FIRST), None]);
        let retry = Retry { max_time: Some(3 * SECOND), delay: Some(SECOND), ..Retry::default() };
        assert_eq!(retry.after(&deadline, 100, 2 * SECOND), Some(SECOND));
        assert_eq!(retry.after(&deadline, 100, 3 * SECOND), None);
        assert_eq!(
            Retry::default().after(&deadline, 1, Duration::ZERO),
            None,
            "nobody asked for another try"
        );
        let retry = Retry { count: Some(99), ..Retry::default() };
        assert_eq!(retry.after(&deadline, 60, Duration::ZERO), Some(LONGEST));
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let retry = Retry { count: Some(9), ..Retry::default() };
        let again = |retry: &Retry, fault: &Fault| retry.after(fault, 1, Duration::ZERO).is_some();
        for exit in [Exit::Refused, Exit::HostName, Exit::Untrusted, Exit::NoAnswer] {
            assert!(!again(&retry, &fault(exit)), "{exit}");
        }
        assert!(again(&Retry { refused: true, ..retry }, &fault(Exit::Refused)));
        assert!(!again(&Retry { refused: true, ..retry }, &fault(Exit::Untrusted)));
        assert!(again(&Retry { all: true, ..retry }, &fault(Exit::Untrusted)));
        assert!(again(&retry, &refused(503, &[])) && again(&retry, &refused(429, &[])));
        assert!(!again(&retry, &refused(401, &[])));
        assert_eq!(retry.after(&refused(503, &[("retry-after", "7")]), 1, Duration::ZERO), Some(7 * SECOND));
        assert!(is_passing(&fault(Exit::Refused)) && !is_passing(&refused(403, &[])));
    }

    #[test]
    fn the_ceiling_of_the_jitter_doubles_up_to_half_a_minute_and_a_stable_minute_resets_it() {
        let mut backoff = Backoff::default();
        let ceilings: Vec<_> = (0..8).map(|_| backoff.delay(1.0).as_millis()).collect();
        assert_eq!(ceilings, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
        assert_eq!(backoff.delay(0.0), Duration::ZERO);
        backoff.lost_after(59 * SECOND);
        assert_eq!(backoff.tries(), 9);
        backoff.lost_after(60 * SECOND);
        assert_eq!(backoff.delay(0.5), Duration::from_millis(250));
    }

    #[test]
    fn over_several_losses_the_ceiling_grows_on_until_a_connection_was_stable() {
        let mut backoff = Backoff::default();
        let mut loss = |open: Duration, tries: u32| -> Vec<u128> {
            backoff.lost_after(open);
            (0..tries).map(|_| backoff.delay(1.0).as_millis()).collect()
        };
        assert_eq!(loss(SECOND, 2), [500, 1000]);
        assert_eq!(loss(30 * SECOND, 1), [2000], "it was not open for long enough");
        assert_eq!(loss(STABLE - Duration::from_nanos(1), 2), [4000, 8000]);
        assert_eq!(loss(STABLE, 3), [500, 1000, 2000]);
        assert_eq!(loss(Duration::ZERO, 5), [4000, 8000, 16_000, 30_000, 30_000]);
        assert_eq!(loss(100 * STABLE, 1), [500]);
        assert_eq!(loss(100 * STABLE, 1), [500]);
        assert_eq!(loss(SECOND, 1), [1000]);
    }

    #[test]
    fn tries_are_counted_over_losses_and_begin_anew_after_a_stable_connection() {
        let mut backoff = Backoff::default();
        for expected in 0..5 {
            backoff.lost_after(SECOND);
            assert_eq!(backoff.tries(), expected, "a loss is no try");
            backoff.delay(0.5);
        }
        backoff.lost_after(STABLE);
        assert_eq!(backoff.tries(), 0);
        for _ in 0..100 {
            let delay = backoff.delay(1.0);
            assert!(delay >= FLOOR && delay <= CEILING, "{delay:?}");
            assert!(backoff.delay(7.0) <= CEILING && backoff.delay(-7.0) == Duration::ZERO);
        }
        assert_eq!(backoff.tries(), 300);
        assert_eq!(Backoff { tries: u32::MAX }.delay(1.0), CEILING);
    }

    #[test]
    fn each_opening_has_all_its_tries() {
        // The counter is the caller's: it begins with 1 for each loss, and the rule keeps nothing.
        let retry = Retry { count: Some(3), ..Retry::default() };
        let deadline = fault(Exit::Deadline);
        for _ in 0..3 {
            let delays: Vec<_> = (1..=4).map(|tries| retry.after(&deadline, tries, Duration::ZERO)).collect();
            assert_eq!(delays, [Some(FIRST), Some(2 * FIRST), Some(4 * FIRST), None]);
        }
        let none = Retry { count: Some(0), max_time: Some(9 * SECOND), ..Retry::default() };
        assert_eq!(none.after(&deadline, 1, Duration::ZERO), None, "none is none, whatever the time");
    }

    #[test]
    fn a_try_may_begin_at_the_last_moment_and_what_the_server_asks_for_is_the_least() {
        let retry =
            Retry { count: None, delay: Some(2 * SECOND), max_time: Some(10 * SECOND), ..Retry::default() };
        let deadline = fault(Exit::Deadline);
        assert_eq!(retry.after(&deadline, 5, 8 * SECOND), Some(2 * SECOND));
        assert_eq!(retry.after(&deadline, 5, 8 * SECOND + Duration::from_nanos(1)), None);
        for (asked, waited) in
            [("1", Some(2)), ("2", Some(2)), ("5", Some(5)), ("61", None), ("soon", Some(2))]
        {
            let delay = retry.after(&refused(503, &[("Retry-After", asked)]), 1, SECOND);
            assert_eq!(delay, waited.map(Duration::from_secs), "{asked}");
        }
        let patient = Retry { count: Some(1), ..Retry::default() };
        let minute = patient.after(&refused(429, &[("retry-after", " 3600 ")]), 1, Duration::ZERO);
        assert_eq!(minute, Some(60 * SECOND), "at most a minute");
    }

    #[test]
    fn which_answers_and_faults_pass() {
        for status in [408, 429, 500, 502, 503, 504, 522, 524] {
            assert!(is_transient(&refused(status, &[])) && is_passing(&refused(status, &[])), "{status}");
        }
        for status in [200, 301, 400, 401, 403, 404, 410, 426, 501, 505] {
            assert!(!is_transient(&refused(status, &[])) && !is_passing(&refused(status, &[])), "{status}");
        }
        for exit in [Exit::HostName, Exit::ProxyName, Exit::Refused, Exit::NoAnswer, Exit::Lost] {
            assert!(is_passing(&fault(exit)) && !is_transient(&fault(exit)), "{exit}");
        }
        assert!(is_passing(&fault(Exit::Deadline)) && is_transient(&fault(Exit::Deadline)));
        for exit in [Exit::Untrusted, Exit::TlsHandshake, Exit::ClosedByPeer, Exit::Usage] {
            assert!(!is_passing(&fault(exit)), "{exit}");
        }
    }
}
