//! Queues without anything in them, lent by a thread to whoever has something to put in: a connection that is silent
//! keeps none, and the same few are used all the time, so that they stay in the nearest cache.

use std::{cell::RefCell, collections::VecDeque, mem::take, thread::LocalKey};

/// Queues of a thread that nobody uses, at most; and the most room of one of them, entries.
const SPARES: usize = 4;
const LARGEST: usize = 4096;

/// The queues that a thread has to lend.
pub struct Queues<T>(RefCell<Vec<VecDeque<T>>>);

impl<T> Default for Queues<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Queues<T> {
    /// None yet.
    pub const fn new() -> Self {
        Self(RefCell::new(Vec::new()))
    }
}

/// Makes sure that a queue has memory, of this thread if that has any to lend.
#[inline]
pub fn lend<T>(queues: &'static LocalKey<Queues<T>>, queue: &mut VecDeque<T>) {
    if queue.capacity() == 0 {
        *queue =
            queues.try_with(|Queues(spares)| spares.borrow_mut().pop()).ok().flatten().unwrap_or_default();
    }
}

/// Gives the memory of a queue back once nothing is in it.
#[inline]
pub fn give_back<T>(queues: &'static LocalKey<Queues<T>>, queue: &mut VecDeque<T>) {
    if !queue.is_empty() || queue.capacity() == 0 {
        return;
    }
    let queue = take(queue);
    if queue.capacity() > LARGEST {
        return;
    }
    // A thread that ends keeps nothing.
    let _ = queues.try_with(|Queues(spares)| {
        let spares = &mut *spares.borrow_mut();
        if spares.len() < SPARES {
            spares.push(queue);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static QUEUES: Queues<u8> = const { Queues::new() };
    }

    fn lent() -> VecDeque<u8> {
        let mut queue = VecDeque::new();
        lend(&QUEUES, &mut queue);
        queue
    }

    #[test]
    fn an_empty_queue_goes_back_and_is_lent_again() {
        let mut queue = lent();
        queue.push_back(1);
        let capacity = queue.capacity();
        give_back(&QUEUES, &mut queue);
        assert_eq!(queue, [1], "it is not empty");
        lend(&QUEUES, &mut queue);
        assert_eq!(queue, [1], "it has memory");
        queue.clear();
        give_back(&QUEUES, &mut queue);
        assert_eq!(queue.capacity(), 0);
        assert_eq!(lent().capacity(), capacity);
        assert_eq!(lent().capacity(), 0, "there was one");
    }

    #[test]
    fn a_thread_keeps_a_few_and_no_huge_one() {
        give_back(&QUEUES, &mut VecDeque::with_capacity(LARGEST + 1));
        assert_eq!(lent().capacity(), 0);
        (0..=SPARES).for_each(|_| give_back(&QUEUES, &mut VecDeque::with_capacity(1)));
        assert_eq!((0..=SPARES).filter(|_| lent().capacity() > 0).count(), SPARES);
    }
}
