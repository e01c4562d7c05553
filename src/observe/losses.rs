//! Reports of what is dropped on the way: at once the first time, then every ten seconds with its count.
//!
//! Whoever drops something has a place for one kind of it; how much it was in all is told at the end of a
//! session, where other counts are.

use super::{Reporter, Seldom};

/// One kind of loss.
#[derive(Default)]
pub struct Losses {
    seldom: Seldom,
}

impl Losses {
    /// One more is lost; `words` tells of so many, which are those since it was last told.
    pub fn one(&self, reporter: Option<&Reporter>, words: impl FnOnce(u64) -> String) {
        if let (Some(count), Some(reporter)) = (self.seldom.count(), reporter) {
            reporter.note(&words(count));
        }
    }
}
