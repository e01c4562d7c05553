//! A session that does not come to its end in time still has a last line in the log.

use crate::observe::Reporter;

/// Says that a session was cut off, unless it ended.
pub(super) struct Cut<'a> {
    reporter: &'a Reporter,
    name: &'a str,
    ended: bool,
}

impl<'a> Cut<'a> {
    pub(super) fn new(reporter: &'a Reporter, name: &'a str) -> Self {
        Self { reporter, name, ended: false }
    }

    /// It ended by itself.
    pub(super) fn ended(mut self) {
        self.ended = true;
    }
}

impl Drop for Cut<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.reporter
                .life(&format!("{} close 1006 abnormal: cut off, its time (--grace) was over", self.name));
        }
    }
}
