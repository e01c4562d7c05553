//! The outcome of each expectation of a script.

use super::{Expectation, Place, Script, What, pattern::Pattern};
use crate::fault::Fault;
use std::time::Duration;

/// One expectation, or capture, of a script that was run.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Its place in the script.
    pub place: Place,
    /// As it stands there, in one line.
    pub title: String,
    /// Its outcome.
    pub verdict: Verdict,
}

/// The outcome of an expectation.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Something before it failed.
    NotReached,
    /// It was met after this long.
    Passed(Duration),
    /// It was not met.
    Failed {
        /// Time that it was waited for.
        waited: Duration,
        /// Why.
        fault: Fault,
    },
}

impl Script {
    /// All expectations, none reached yet.
    pub fn cases(&self) -> Vec<Case> {
        let checks = self.steps.iter().filter(|step| step.what.is_check());
        let case = |place: &Place, title: &String| Case {
            place: place.clone(),
            title: title.clone(),
            verdict: Verdict::NotReached,
        };
        checks.map(|step| case(&step.place, &step.title)).collect()
    }
}

impl What {
    /// True for a statement that is a case of its own: an expectation or a capture.
    pub(super) fn is_check(&self) -> bool {
        matches!(self, Self::Expect(_) | Self::Capture { .. })
    }

    /// True when it expects the peer's Close.
    pub(super) fn is_close(&self) -> bool {
        matches!(self, Self::Expect(Expectation { wanted: Pattern::Close { .. }, .. }))
    }
}
