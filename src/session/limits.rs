//! The times that are known when a session begins, and how each of them ends it.

use super::{Instant, Rules};

/// The limits of one session.
pub(super) struct Limits {
    /// End of the whole run (`--timeout`).
    timeout_at: Option<Instant>,
    /// Normal end of this session (`--for`).
    lasts_until: Option<Instant>,
}

/// A limit that has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Over {
    /// Exit 28 with this cause, or what was expected and did not come; `None` is a normal end, as if the user
    /// had asked for it just then: nothing of the input is missed.
    pub fault: Option<&'static str>,
}

impl Limits {
    /// The limits of a session that is open `now`.
    pub(super) fn new(rules: &Rules, timeout_at: Option<Instant>, now: Instant) -> Self {
        Self { timeout_at, lasts_until: rules.lasts.map(|lasts| now + lasts) }
    }

    /// The earliest time at which [`over`](Self::over) gives something.
    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.timeout_at, self.lasts_until].into_iter().flatten().min()
    }

    /// The limit that has passed, once.
    pub(super) fn over(&mut self, now: Instant) -> Option<Over> {
        let is_over = |at: &mut Option<Instant>| at.take_if(|at| *at <= now).is_some();
        if is_over(&mut self.timeout_at) {
            return Some(Over { fault: Some("the time limit (--timeout) is over") });
        }
        is_over(&mut self.lasts_until).then_some(Over { fault: None })
    }
}
