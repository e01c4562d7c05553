//! How far a pump reads ahead of an output that takes nothing.
//!
//! A WebSocket that is not read does not answer pings, and its peer gives it up. So what waits too long lets the
//! pump read on, up to a bound.

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
