//! A waker for rare events: a stop, a deadline, the eviction of a session.
//!
//! A pair is polled for each message. To poll these futures each time, which are ready once in a session, would cost
//! locks, and memory of each client that nothing else of the poll touches. They wait with this waker instead: it notes
//! that they are to be polled, and wakes the task of the pair.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Wake, Waker},
};

/// The waker of one pair.
pub(super) struct RareWaker {
    bell: Arc<Bell>,
    waker: Waker,
    /// The task that it wakes; none before the first poll.
    task: Option<Waker>,
}

struct Bell {
    rang: AtomicBool,
    task: Mutex<Waker>,
}

impl RareWaker {
    pub(super) fn new() -> Self {
        let bell = Arc::new(Bell { rang: AtomicBool::new(false), task: Mutex::new(Waker::noop().clone()) });
        Self { waker: Waker::from(Arc::clone(&bell)), bell, task: None }
    }

    /// True when the futures are to be polled: in the first poll of a task, and once one of them woke it.
    pub(super) fn rang(&mut self, cx: &Context<'_>) -> bool {
        if !self.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            self.task = Some(cx.waker().clone());
            *self.bell.task.lock().unwrap_or_else(PoisonError::into_inner) = cx.waker().clone();
            self.bell.rang.store(false, SeqCst);
            return true;
        }
        self.bell.rang.load(SeqCst) && self.bell.rang.swap(false, SeqCst)
    }

    /// Context in which a future is polled that waits with it.
    pub(super) fn cx(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rang.store(true, SeqCst);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).clone();
        task.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::test_waker::TestWaker;

    #[test]
    fn it_rings_in_a_new_task_and_when_it_was_woken() {
        let (mut rare, one, other) = (RareWaker::new(), TestWaker::new(), TestWaker::new());
        let waker = rare.cx().waker().clone();
        assert_eq!([rare.rang(&one.cx()), rare.rang(&one.cx())], [true, false]);
        waker.wake_by_ref();
        assert_eq!((one.wakes(), rare.rang(&one.cx()), rare.rang(&one.cx())), (1, true, false));
        assert_eq!([rare.rang(&other.cx()), rare.rang(&other.cx())], [true, false]);
        waker.wake();
        assert_eq!((one.wakes(), other.wakes(), rare.rang(&other.cx())), (0, 1, true));
    }
}
