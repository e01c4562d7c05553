//! Counts of the messages that are lost between us and a broker.

use crate::units::counted;
use std::sync::atomic::{AtomicU64, Ordering};

/// Messages that could not be passed on, since the start.
#[derive(Default)]
pub(super) struct Lost {
    /// Messages that were not published.
    pub dropped: AtomicU64,
    /// Messages that were under way when a connection broke.
    pub unconfirmed: AtomicU64,
    /// Messages from the broker that nobody had room for, or that could not be passed on.
    pub missed: AtomicU64,
}

/// Counts at one moment; the difference of two says what to tell.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub dropped: u64,
    pub unconfirmed: u64,
    pub missed: u64,
}

impl Lost {
    pub(super) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn count(&self) -> Count {
        Count {
            dropped: self.dropped.load(Ordering::Relaxed),
            unconfirmed: self.unconfirmed.load(Ordering::Relaxed),
            missed: self.missed.load(Ordering::Relaxed),
        }
    }
}

impl Count {
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            dropped: self.dropped - before.dropped,
            unconfirmed: self.unconfirmed - before.unconfirmed,
            missed: self.missed - before.missed,
        }
    }

    /// `, 3 messages dropped, 1 perhaps lost, 2 from it missed`
    pub(super) fn words(self) -> String {
        let one = |count: u64, what: &str| match count {
            0 => String::new(),
            count => format!(", {} {what}", counted(count, "message")),
        };
        one(self.dropped, "dropped")
            + &one(self.unconfirmed, "perhaps lost")
            + &one(self.missed, "from it missed")
    }
}
