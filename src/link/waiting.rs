//! The waker of a task that waits for a link: kept where there is one already, and woken once.

use std::task::{Context, Waker};

/// Has the task of `cx` woken, and no other.
pub(super) fn keep(waiting: &mut Option<Waker>, cx: &Context<'_>) {
    match waiting {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *waiting = Some(cx.waker().clone()),
    }
}

/// Wakes the task that waits, if there is one.
pub(super) fn wake(waiting: &mut Option<Waker>) {
    if let Some(waker) = waiting.take() {
        waker.wake();
    }
}
