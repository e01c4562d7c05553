//! A waker that counts, for tests: a waker that does nothing hides a wake-up that never comes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Wake, Waker},
};

/// One task that waits, and how often it was woken.
pub(crate) struct TestWaker {
    count: Arc<WakeCount>,
    waker: Waker,
}

#[derive(Default)]
struct WakeCount(AtomicUsize);

impl Wake for WakeCount {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl TestWaker {
    pub(crate) fn new() -> Self {
        let count = Arc::new(WakeCount::default());
        Self { waker: Waker::from(Arc::clone(&count)), count }
    }

    /// To poll with, as this task.
    pub(crate) fn cx(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }

    /// Wake-ups since this was asked last.
    pub(crate) fn wakes(&self) -> usize {
        self.count.0.swap(0, Ordering::SeqCst)
    }

    /// True when it was woken since this was asked last; once or more often is the same to a task.
    pub(crate) fn is_woken(&self) -> bool {
        self.wakes() > 0
    }

    /// Handles to it that are kept elsewhere.
    pub(crate) fn kept(&self) -> usize {
        Arc::strong_count(&self.count) - 2
    }
}
