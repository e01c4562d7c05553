//! A limit on the memory that the sessions of a server hold together.
//!
//! Each session has bounds of its own, on one message and on what it reads ahead; many of them together
//! would still take all there is. So each tells what it holds, and past the limit of all two things
//! happen: nobody reads ahead any more, and the session that holds most is to be closed, then the next
//! one, until what the others hold fits. The size of a session's share is its own business: it is told
//! here, never taken.
//!
//! Telling is an atomic addition; only past the limit, and when the sum falls below it again, a lock is
//! taken and all sessions are looked at.

use super::waiting::keep;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
};

/// A limit on what all sessions hold; clones are handles to the same one.
#[derive(Clone)]
pub struct Budget(Arc<BudgetShared>);

struct BudgetShared {
    /// Bytes.
    limit: usize,
    /// Bytes that all seats hold, those that are to be closed included.
    held: AtomicUsize,
    next: AtomicU64,
    /// By their age.
    seats: Mutex<BTreeMap<u64, Arc<Share>>>,
}

#[derive(Default)]
struct Share {
    held: AtomicUsize,
    /// The session is to be closed.
    is_evicted: AtomicBool,
    wakers: Mutex<Wakers>,
}

#[derive(Default)]
struct Wakers {
    evicted: Option<Waker>,
    may_grow: Option<Waker>,
}

/// A session's place in the budget; dropping it gives its share back.
pub struct Seat {
    number: u64,
    budget: Budget,
    share: Arc<Share>,
}

impl Budget {
    /// At most `limit` bytes for all.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(BudgetShared {
            limit,
            held: AtomicUsize::new(0),
            next: AtomicU64::new(0),
            seats: Mutex::default(),
        }))
    }

    /// A place for one more session, which holds nothing yet.
    pub fn seat(&self) -> Seat {
        let number = self.0.next.fetch_add(1, SeqCst);
        let share = Arc::new(Share::default());
        self.seats().insert(number, Arc::clone(&share));
        Seat { number, budget: self.clone(), share }
    }

    /// Bytes that all sessions hold together.
    pub fn held(&self) -> usize {
        self.0.held.load(SeqCst)
    }

    fn is_over(&self) -> bool {
        self.held() > self.0.limit
    }

    /// Marks those that hold most, the younger one of two that hold the same, until the others fit.
    fn evict(&self) {
        let mut marked = Vec::new();
        {
            let seats = self.seats();
            let mut staying: Vec<_> = seats
                .values()
                .filter(|share| !share.is_evicted.load(SeqCst))
                .map(|share| (share.held.load(SeqCst), share))
                .collect();
            let mut sum: usize = staying.iter().map(|(held, _)| held).sum();
            while sum > self.0.limit {
                let most = staying.iter().enumerate().max_by_key(|(_, (held, _))| *held);
                let Some((at, _)) = most else { break };
                let (held, share) = staying.remove(at);
                sum -= held;
                share.is_evicted.store(true, SeqCst);
                marked.push(Arc::clone(share));
            }
        }
        marked.iter().filter_map(|share| share.wakers().evicted.take()).for_each(Waker::wake);
    }

    /// Lets those look again that wait until they may read ahead.
    fn wake_growing(&self) {
        let waiting: Vec<Waker> =
            self.seats().values().filter_map(|share| share.wakers().may_grow.take()).collect();
        waiting.into_iter().for_each(Waker::wake);
    }

    fn seats(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Share>>> {
        self.0.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Tells how much the session holds now: its unfinished message and what it read ahead.
    pub fn hold(&self, bytes: usize) {
        if self.share.held.load(SeqCst) == bytes {
            return;
        }
        let before = self.share.held.swap(bytes, SeqCst);
        let BudgetShared { limit, held, .. } = &*self.budget.0;
        if bytes > before {
            let more = bytes - before;
            if held.fetch_add(more, SeqCst) + more > *limit {
                self.budget.evict();
            }
        } else {
            let less = before - bytes;
            let sum = held.fetch_sub(less, SeqCst);
            if sum > *limit && sum - less <= *limit {
                self.budget.wake_growing();
            }
        }
    }

    /// True when more may be read ahead: all together hold no more than the limit.
    pub fn may_grow(&self) -> bool {
        !self.budget.is_over()
    }

    /// Ready when more may be read ahead.
    pub fn poll_may_grow(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.may_grow() {
            return Poll::Ready(());
        }
        keep(&mut self.share.wakers().may_grow, cx);
        // It may have become true meanwhile.
        if self.may_grow() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Ready when the session is to be closed (1013), since it held most when the limit was passed.
    pub fn poll_evicted(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_evicted() {
            return Poll::Ready(());
        }
        keep(&mut self.share.wakers().evicted, cx);
        if self.is_evicted() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn is_evicted(&self) -> bool {
        self.share.is_evicted.load(SeqCst)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.budget.seats().remove(&self.number);
        self.hold(0);
    }
}

impl Share {
    fn wakers(&self) -> MutexGuard<'_, Wakers> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::test_waker::TestWaker;
    use std::{
        thread,
        time::{Duration, Instant},
    };

    #[test]
    fn what_all_hold_is_their_sum() {
        let budget = Budget::new(100);
        let (one, two) = (budget.seat(), budget.seat());
        one.hold(30);
        two.hold(50);
        assert_eq!(budget.held(), 80);
        one.hold(30);
        two.hold(10);
        assert_eq!(budget.held(), 40);
        one.hold(0);
        drop(two);
        assert_eq!((budget.held(), budget.seats().len()), (0, 1));
    }

    #[test]
    fn at_the_limit_all_may_grow_and_past_it_none() {
        let budget = Budget::new(100);
        let (one, two, idle) = (budget.seat(), budget.seat(), budget.seat());
        one.hold(60);
        two.hold(40);
        for seat in [&one, &two, &idle] {
            assert!(seat.may_grow());
        }
        two.hold(41);
        for seat in [&one, &two, &idle] {
            assert!(!seat.may_grow());
        }
        two.hold(40);
        assert!(idle.may_grow());
    }

    #[test]
    fn the_one_that_holds_most_is_woken_and_nobody_else() {
        let budget = Budget::new(100);
        let seats = [(); 3].map(|()| budget.seat());
        let wakers = [(); 3].map(|()| TestWaker::new());
        for (seat, waker) in seats.iter().zip(&wakers) {
            assert!(seat.poll_evicted(&mut waker.cx()).is_pending());
        }
        seats[0].hold(20);
        seats[1].hold(50);
        seats[2].hold(30);
        assert_eq!(wakers.each_ref().map(TestWaker::wakes), [0, 0, 0], "all fit");
        // Not the one that grew.
        seats[2].hold(31);
        assert_eq!(wakers.each_ref().map(TestWaker::wakes), [0, 1, 0]);
        let ready = |at: usize| seats[at].poll_evicted(&mut wakers[at].cx()).is_ready();
        assert_eq!([ready(0), ready(1), ready(2)], [false, true, false]);
        assert!(ready(1), "it stays so");
        // What is on its way out is not counted against the others, but nobody may grow until it has left.
        seats[2].hold(80);
        assert_eq!(wakers.each_ref().map(TestWaker::wakes), [0, 0, 0]);
        assert!(!seats[0].may_grow());
        seats[0].hold(21);
        assert_eq!(wakers.each_ref().map(TestWaker::wakes), [0, 0, 1]);
        assert_eq!([ready(0), ready(2)], [false, true]);
    }

    #[test]
    fn those_that_stay_fit_and_are_judged_without_those_that_go() {
        let budget = Budget::new(100);
        let seats = [(); 4].map(|()| budget.seat());
        let waker = TestWaker::new();
        for (seat, bytes) in seats.iter().zip([10, 45, 40, 5]) {
            seat.hold(bytes);
        }
        seats[3].hold(90);
        // The others hold 95, and may hold 100.
        seats[0].hold(15);
        let ready = seats.each_ref().map(|seat| seat.poll_evicted(&mut waker.cx()).is_ready());
        assert_eq!(ready, [false, false, false, true]);
        seats[2].hold(60);
        let ready = seats.each_ref().map(|seat| seat.poll_evicted(&mut waker.cx()).is_ready());
        assert_eq!(ready, [false, false, true, true]);
        let alone = Budget::new(10);
        let seat = alone.seat();
        seat.hold(11);
        assert!(seat.poll_evicted(&mut waker.cx()).is_ready(), "one alone can be too much");
    }

    #[test]
    fn of_two_that_hold_the_same_the_younger_one_goes() {
        let budget = Budget::new(100);
        let (older, younger) = (budget.seat(), budget.seat());
        let waker = TestWaker::new();
        younger.hold(51);
        older.hold(51);
        assert!(younger.poll_evicted(&mut waker.cx()).is_ready());
        assert!(older.poll_evicted(&mut waker.cx()).is_pending());
    }

    #[test]
    fn who_waits_to_read_on_is_woken_once_there_is_room() {
        let budget = Budget::new(100);
        let (large, one, two, idle) = (budget.seat(), budget.seat(), budget.seat(), budget.seat());
        let wakers = [(); 3].map(|()| TestWaker::new());
        assert!(one.poll_may_grow(&mut wakers[0].cx()).is_ready());
        large.hold(90);
        one.hold(20);
        assert!(one.poll_may_grow(&mut wakers[0].cx()).is_pending());
        assert!(two.poll_may_grow(&mut wakers[1].cx()).is_pending());
        assert!(idle.poll_evicted(&mut wakers[2].cx()).is_pending());
        large.hold(81);
        assert_eq!(wakers.each_ref().map(TestWaker::wakes), [0, 0, 0], "still too much");
        large.hold(80);
        assert_eq!(wakers.each_ref().map(TestWaker::wakes), [1, 1, 0]);
        assert!(one.poll_may_grow(&mut wakers[0].cx()).is_ready());
        // A seat that is dropped makes room too.
        one.hold(30);
        assert!(two.poll_may_grow(&mut wakers[1].cx()).is_pending());
        drop(large);
        assert_eq!(wakers.each_ref().map(TestWaker::wakes), [0, 1, 0]);
    }

    #[test]
    fn a_share_that_was_to_go_is_given_back_when_it_went() {
        let budget = Budget::new(100);
        let (one, two) = (budget.seat(), budget.seat());
        let waker = TestWaker::new();
        one.hold(101);
        assert!(one.poll_evicted(&mut waker.cx()).is_ready());
        assert!(two.poll_may_grow(&mut waker.cx()).is_pending());
        drop(one);
        assert!(waker.is_woken() && two.may_grow());
        two.hold(100);
        assert!(two.poll_evicted(&mut waker.cx()).is_pending());
        assert_eq!(budget.held(), 100);
    }

    #[test]
    fn the_latest_waker_is_the_one_that_counts_and_none_is_kept_after_it_was_woken() {
        let budget = Budget::new(100);
        let seat = budget.seat();
        let (former, latter) = (TestWaker::new(), TestWaker::new());
        assert!(seat.poll_evicted(&mut former.cx()).is_pending());
        assert!(seat.poll_evicted(&mut latter.cx()).is_pending());
        seat.hold(101);
        assert_eq!((former.wakes(), latter.wakes()), (0, 1));
        assert_eq!((former.kept(), latter.kept()), (0, 0));
    }

    #[test]
    fn sessions_on_many_threads_agree_on_the_sum_and_somebody_goes() {
        const LIMIT: usize = 1000;
        let budget = Budget::new(LIMIT);
        for _ in 0..50 {
            thread::scope(|scope| {
                for session in 0..8 {
                    let budget = &budget;
                    scope.spawn(move || {
                        let (seat, waker) = (budget.seat(), TestWaker::new());
                        for step in 0..200 {
                            seat.hold((session * 37 + step * 11) % 400);
                            if seat.poll_evicted(&mut waker.cx()).is_ready() {
                                return;
                            }
                        }
                        seat.hold(7);
                    });
                }
            });
            assert_eq!((budget.held(), budget.seats().len()), (0, 0));
        }
        // All grow at the same time past the limit: when they are done, those that stay fit.
        for _ in 0..50 {
            let seats = [(); 8].map(|()| budget.seat());
            thread::scope(|scope| {
                for seat in &seats {
                    scope.spawn(move || (1..=40).for_each(|step| seat.hold(step * 10)));
                }
            });
            let waker = TestWaker::new();
            let staying = seats.iter().filter(|seat| seat.poll_evicted(&mut waker.cx()).is_pending()).count();
            assert!(staying * 400 <= LIMIT && staying >= 1, "{staying} stay");
        }
    }

    #[test]
    fn no_wake_up_is_lost_between_threads() {
        /// Waits as a task does, which polls only when woken.
        fn wait(mut poll: impl FnMut(&mut Context<'_>) -> Poll<()>) -> bool {
            let (waker, start) = (TestWaker::new(), Instant::now());
            while poll(&mut waker.cx()).is_pending() {
                while !waker.is_woken() {
                    if start.elapsed() > Duration::from_secs(20) {
                        return false;
                    }
                    thread::yield_now();
                }
            }
            true
        }
        for _ in 0..100 {
            let budget = Budget::new(10);
            let (holder, waiting, other) = (budget.seat(), budget.seat(), budget.seat());
            other.hold(10);
            holder.hold(1);
            thread::scope(|scope| {
                let grows = scope.spawn(|| wait(|cx| waiting.poll_may_grow(cx)));
                scope.spawn(|| holder.hold(0));
                assert!(grows.join().unwrap(), "room was made and nobody told");
            });
            let budget = Budget::new(10);
            let seat = budget.seat();
            thread::scope(|scope| {
                let evicted = scope.spawn(|| wait(|cx| seat.poll_evicted(cx)));
                scope.spawn(|| seat.hold(11));
                assert!(evicted.join().unwrap(), "it was marked and not told");
            });
        }
    }
}
