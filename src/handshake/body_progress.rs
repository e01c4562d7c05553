//! How far a client's request and its answer are: what hyper does not tell.
//!
//! The transport below hyper and the connection above it share one; both are polled by the same task.

use super::request_head::Malformed;
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering::Relaxed},
};

/// Facts of a client's traffic beyond what hyper tells; used by one task.
#[derive(Default)]
pub(super) struct BodyProgress {
    wanted: AtomicBool,
    refused: OnceLock<Malformed>,
    asked: AtomicBool,
    heard: AtomicBool,
    given: Arc<AtomicBool>,
    sent: AtomicBool,
}

impl BodyProgress {
    /// Before an answer: nothing of it was given or sent, nothing was heard since.
    pub(super) fn reset(&self) {
        for flag in [&self.heard, &*self.given, &self.sent] {
            flag.store(false, Relaxed);
        }
    }

    /// The next request may be read.
    pub(super) fn want(&self) {
        self.wanted.store(true, Relaxed);
    }

    /// Returns whether the next request may be read, and forgets it.
    pub(super) fn take_wanted(&self) -> bool {
        self.wanted.swap(false, Relaxed)
    }

    /// The head of a request is refused, and hyper gets no more of it.
    pub(super) fn refuse(&self, why: Malformed) {
        let _ = self.refused.set(why);
    }

    /// True when the head of a request was refused.
    pub(super) fn is_refused(&self) -> bool {
        self.refused.get().is_some()
    }

    /// Why the head of a request was refused.
    pub(super) fn refused(&self) -> Option<&Malformed> {
        self.refused.get()
    }

    /// A request waits for its answer, or does not any more.
    pub(super) fn ask(&self, waits: bool) {
        self.asked.store(waits, Relaxed);
    }

    /// True while a request waits for its answer.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Relaxed)
    }

    /// A byte came from the client.
    pub(super) fn hear(&self) {
        self.heard.store(true, Relaxed);
    }

    /// True when the client has sent anything since the last answer began.
    pub(super) fn heard(&self) -> bool {
        self.heard.load(Relaxed)
    }

    /// Everything written so far was taken by the transport.
    pub(super) fn flush(&self) {
        if self.given.load(Relaxed) {
            self.sent.store(true, Relaxed);
        }
    }

    /// Set once hyper has taken the whole answer.
    pub(super) fn given(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.given)
    }

    /// True when the answer went out whole.
    pub(super) fn sent(&self) -> bool {
        self.sent.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_sent_once_hyper_has_given_all_of_it_and_the_transport_took_that() {
        let progress = BodyProgress::default();
        progress.flush();
        assert!(!progress.sent(), "hyper still holds the body");
        progress.given().store(true, Relaxed);
        assert!(!progress.sent(), "the transport may hold some of it");
        progress.flush();
        assert!(progress.sent());
        progress.reset();
        assert!(!progress.sent());
    }
}
