//! The work that a process has to do once before its first handshake, done beside the way to the server.
//!
//! The cryptography library seeds its generator at the first use. Where it gathers entropy from the jitter of the
//! clock, which the repository's own builds leave out (`.cargo/config.toml`), that takes 20 ms of CPU; they are
//! neither the network's nor the server's, and must not stand in the time of a phase.

use super::provider;
use std::{
    sync::{Mutex, PoisonError},
    thread::{Builder, JoinHandle},
};

/// The thread that does the work, until it was waited for.
///
/// It is also waited for when this is dropped: the library frees its generator when the process ends, and must not
/// be about to make it then.
pub(super) struct WarmUp(Mutex<Option<JoinHandle<()>>>);

impl WarmUp {
    /// Begins. Where there is no thread to give, the first handshake does the work.
    pub(super) fn start() -> Self {
        Self(Mutex::new(Builder::new().spawn(warm_up).ok()))
    }

    /// Waits until the work is done.
    pub(super) fn finish(&self) {
        let thread = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // It does not panic, and the handshake would do the work if it did.
            let _ = thread.join();
        }
    }
}

impl Drop for WarmUp {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Makes a key for an exchange, as the first message of a handshake does.
pub(super) fn warm_up() {
    if let Some(group) = provider().kx_groups.first() {
        let _ = group.start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_over_once_it_was_waited_for() {
        let warm = WarmUp::start();
        warm.finish();
        assert!(warm.0.lock().unwrap().is_none());
        // A second connection finds it done.
        warm.finish();
    }
}
