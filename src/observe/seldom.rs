//! Reports of what may happen a thousand times a second, such as a loss: at once, then every ten seconds with
//! the count.

use super::Reporter;
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// From one time it is said to the next.
const PAUSE: Duration = Duration::from_secs(10);

/// Counts what is said seldom, such as one kind of loss, which belongs to whoever drops it; how much it was in
/// all is told at the end of a session, where other counts are.
#[derive(Debug, Default)]
pub struct Seldom(Mutex<(u64, Option<Instant>)>);

impl Seldom {
    /// It happened once more; gives how often it did since it was last said, when it is to be said now.
    pub fn count(&self) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 += 1;
        if state.1.is_some_and(|at| at.elapsed() < PAUSE) {
            return None;
        }
        state.1 = Some(Instant::now());
        Some(std::mem::take(&mut state.0))
    }

    /// One more is lost; `words` tells of so many, which are those since it was last told.
    pub fn one(&self, reporter: Option<&Reporter>, words: impl FnOnce(u64) -> String) {
        if let (Some(count), Some(reporter)) = (self.count(), reporter) {
            reporter.note(&words(count));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_said_and_the_others_are_counted() {
        let seldom = Seldom::default();
        assert_eq!(seldom.count(), Some(1));
        assert!((0..1000).all(|_| seldom.count().is_none()));
        seldom.0.lock().unwrap().1 = Instant::now().checked_sub(PAUSE);
        assert_eq!(seldom.count(), Some(1001));
    }
}
