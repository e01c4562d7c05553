//! Reading ahead of an output that takes nothing.
//!
//! Pings stand in the stream behind data. While an output stalls, or is merely slow, nothing of the peer
//! is read, its ping stands unanswered, and the peer closes. So once what was read has waited a second for
//! its output, more is read and kept in order, up to a bound; beyond it reading stops.

use std::{pin::Pin, task::Context, time::Duration};
use tokio::time::{Instant, Sleep, sleep_until};

/// Time that messages wait for their output before more are read.
const PATIENCE: Duration = Duration::from_secs(1);
/// Bytes that a kept message counts beside its payload.
const OVERHEAD: usize = 64;

/// Decides whether more is read while the output takes nothing.
pub(super) struct Ahead {
    /// The most that is kept, bytes; `None` reads nothing ahead.
    limit: Option<usize>,
    /// Up to which byte was read, and when; the output has not come so far yet.
    position: Option<(Instant, u64)>,
    /// The messages read before the position have waited for [`PATIENCE`].
    held: bool,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Ahead {
    /// Keeps at most so many bytes.
    pub(super) fn new(limit: Option<usize>) -> Self {
        Self { limit, position: None, held: false, sleep: None }
    }

    /// True when the messages that were read have waited for longer than a moment.
    pub(super) fn is_held(&self) -> bool {
        self.held
    }

    /// Bytes that are kept; 0 as long as the output keeps up.
    pub(super) fn held(&self, bytes: u64, messages: usize) -> usize {
        if self.held { usize::try_from(bytes).unwrap_or(usize::MAX) + messages * OVERHEAD } else { 0 }
    }

    /// Returns whether more is read, now that the output takes nothing; wakes when that changes with time.
    ///
    /// So many payload bytes have `arrived`, of which so many are `delivered` and so many wait here, in so
    /// many messages.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        arrived: u64,
        delivered: u64,
        bytes: u64,
        messages: usize,
    ) -> bool {
        let now = Instant::now();
        let since = match self.position {
            Some((since, position)) if delivered < position => since,
            _ => {
                self.position = Some((now, arrived));
                now
            }
        };
        if !self.held {
            let at = since + PATIENCE;
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
            if sleep.deadline() != at {
                sleep.as_mut().reset(at);
            }
            if sleep.as_mut().poll(cx).is_pending() {
                return false;
            }
            self.held = true;
        }
        self.limit.is_some_and(|limit| self.held(bytes, messages) < limit)
    }

    /// Everything is delivered; true when that ends a wait.
    pub(super) fn caught_up(&mut self) -> bool {
        self.position = None;
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    #[tokio::test(start_paused = true)]
    async fn more_is_read_once_what_was_read_has_waited_a_second() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut ahead = Ahead::new(Some(1000));
        assert!(!ahead.poll(&mut cx, 500, 0, 100, 1));
        tokio::time::advance(Duration::from_millis(900)).await;
        assert!(!ahead.poll(&mut cx, 500, 499, 100, 1));
        tokio::time::advance(Duration::from_millis(200)).await;
        assert!(ahead.poll(&mut cx, 500, 499, 100, 1), "however slowly it is taken");
        assert!(!ahead.poll(&mut cx, 1500, 499, 936, 1), "the bound counts a little for each message");
        assert!(ahead.poll(&mut cx, 1500, 600, 935, 1));
        assert!(ahead.caught_up() && !ahead.caught_up() && !ahead.is_held());
    }

    #[tokio::test(start_paused = true)]
    async fn an_output_that_keeps_up_is_never_read_ahead_of() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut ahead = Ahead::new(Some(usize::MAX));
        for step in 1..100 {
            assert!(!ahead.poll(&mut cx, 500 * step, 500 * (step - 1), 100, 1));
            tokio::time::advance(Duration::from_millis(900)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn off_is_off() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut ahead = Ahead::new(None);
        ahead.poll(&mut cx, 500, 0, 100, 1);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(!ahead.poll(&mut cx, 500, 0, 100, 1) && ahead.is_held());
    }
}
