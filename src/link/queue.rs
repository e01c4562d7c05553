//! A queue of messages between two links of one process.
//!
//! It is bounded by its users: whoever feeds waits for room first, so one message more than the bound
//! can be in it, or a piece of small ones that were encoded together, never an unbounded number.

use super::{
    Item,
    waiting::{keep, wake},
};
use crate::{session::SourceEnd, ws::encoded::Encoded};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};
use tokio_tungstenite::tungstenite::Message;

/// A shared queue; clones are handles to the same one.
#[derive(Clone, Default)]
pub struct Queue(Arc<Mutex<QueueState>>);

#[derive(Default)]
struct QueueState {
    waiting: VecDeque<Waiting>,
    /// Messages that wait.
    count: usize,
    bytes: usize,
    dropped: u64,
    end: Option<Box<SourceEnd>>,
    reader: Option<Waker>,
    writers: Vec<Waker>,
    /// Somebody asks what the reader's far end has taken.
    asked: bool,
    /// The answer, bytes.
    taken: Option<u64>,
}

/// Something that waits.
enum Waiting {
    Message(Message),
    /// Messages that were encoded for many.
    Encoded(Encoded),
}

/// Bytes that one message counts beside its payload, so that empty ones are bounded too.
pub(super) const OVERHEAD: usize = 64;

impl Queue {
    /// Appends a message; after the end it is dropped. Gives what waits now, as [`bytes`](Self::bytes).
    pub fn push(&self, message: Message) -> usize {
        let mut state = self.lock();
        if state.end.is_none() {
            state.bytes += message.len() + OVERHEAD;
            state.count += 1;
            state.waiting.push_back(Waiting::Message(message));
            state.wake_reader();
        }
        state.bytes
    }

    /// As [`push`](Self::push), for messages that were encoded for many.
    pub fn push_encoded(&self, encoded: Encoded) -> usize {
        let mut state = self.lock();
        if state.end.is_none() {
            state.bytes += encoded.bytes() + encoded.count() * OVERHEAD;
            state.count += encoded.count();
            state.waiting.push_back(Waiting::Encoded(encoded));
            state.wake_reader();
        }
        state.bytes
    }

    /// True when messages that were encoded for many are the next.
    pub fn has_encoded(&self) -> bool {
        self.lock().has_encoded()
    }

    /// Takes messages that were encoded for many, when those are the next.
    pub fn take_encoded(&self) -> Option<Encoded> {
        let mut state = self.lock();
        let Some(Waiting::Encoded(encoded)) = state.waiting.front() else { return None };
        let encoded = encoded.clone();
        state.take();
        state.writers.drain(..).for_each(Waker::wake);
        Some(encoded)
    }

    /// Bytes waiting, a little more than the payloads.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Messages waiting.
    pub fn len(&self) -> usize {
        self.lock().count
    }

    /// True when no message waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ready when less than `bound` bytes wait, or nothing will ever take them.
    pub fn poll_room(&self, cx: &mut Context<'_>, bound: usize) -> Poll<()> {
        let mut state = self.lock();
        if state.bytes < bound || state.end.is_some() {
            return Poll::Ready(());
        }
        if !state.writers.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.writers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Takes `most` messages, or a little more where some were encoded together; ready with none when the queue
    /// has ended.
    pub fn poll_pop(&self, cx: &mut Context<'_>, batch: &mut VecDeque<Message>, most: usize) -> Poll<()> {
        self.poll_take(cx, batch, most, true)
    }

    /// As [`poll_pop`](Self::poll_pop), for a link that gives what it takes on: nothing behind what comes first
    /// when that was encoded for many, or when what follows was.
    pub fn poll_items(&self, cx: &mut Context<'_>, batch: &mut VecDeque<Item>, most: usize) -> Poll<()> {
        self.poll_take(cx, batch, most, false)
    }

    fn poll_take<T: From<Message>>(
        &self,
        cx: &mut Context<'_>,
        batch: &mut VecDeque<T>,
        most: usize,
        mixes: bool,
    ) -> Poll<()> {
        let mut state = self.lock();
        if state.waiting.is_empty() {
            if state.end.is_some() {
                return Poll::Ready(());
            }
            keep(&mut state.reader, cx);
            return Poll::Pending;
        }
        let full = batch.len().saturating_add(most);
        while batch.len() < full
            && let Some(next) = state.take()
        {
            match next {
                Waiting::Message(message) => batch.push_back(message.into()),
                Waiting::Encoded(encoded) => batch.extend(encoded.messages().map(T::from)),
            }
            if !mixes && state.has_encoded() {
                break;
            }
        }
        state.writers.drain(..).for_each(Waker::wake);
        Poll::Ready(())
    }

    /// Takes up to `most` messages, for a thread that has nothing else to wait for; none when the queue
    /// has ended.
    pub fn wait_pop(&self, most: usize) -> VecDeque<Message> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let (mut cx, mut batch) = (Context::from_waker(&waker), VecDeque::new());
        while self.poll_pop(&mut cx, &mut batch, most).is_pending() {
            thread::park();
        }
        batch
    }

    /// Drops what waits and counts its data messages.
    pub fn clear(&self) -> u64 {
        self.lock().clear()
    }

    /// Ends the queue at once: what is in it counts as dropped.
    pub fn cut(&self, end: SourceEnd) {
        let mut state = self.lock();
        state.dropped += state.clear();
        state.end.get_or_insert_with(|| Box::new(end));
        state.wake_reader();
    }

    /// True when its reader was sent away.
    pub fn was_cut(&self) -> bool {
        matches!(self.lock().end.as_deref(), Some(SourceEnd::SentAway { .. }))
    }

    /// Ready when the reader was sent away; for one that takes nothing, and so would not see the end.
    pub fn poll_cut(&self, cx: &mut Context<'_>) -> Poll<SourceEnd> {
        let mut state = self.lock();
        if let Some(end @ SourceEnd::SentAway { .. }) = state.end.as_deref() {
            return Poll::Ready(end.clone());
        }
        keep(&mut state.reader, cx);
        Poll::Pending
    }

    /// Lets those who wait for room look again at what they wait for.
    pub(super) fn wake_writers(&self) {
        self.lock().writers.drain(..).for_each(Waker::wake);
    }

    /// Bytes that the reader's far end has taken, as last told; asks for a new answer.
    pub(super) fn ask_taken(&self) -> Option<u64> {
        let mut state = self.lock();
        state.asked = true;
        state.wake_reader();
        state.taken
    }

    /// Forgets what was told of that.
    pub(super) fn forget_taken(&self) {
        self.lock().taken = None;
    }

    /// Tells what the reader's far end has taken, if that is asked.
    pub fn tell_taken(&self, taken: impl FnOnce() -> u64) {
        // Asking the system takes longer than this lock may be held.
        if !std::mem::take(&mut self.lock().asked) {
            return;
        }
        let taken = taken();
        self.lock().taken = Some(taken);
    }

    /// Counts a message that was not put in.
    pub fn count_dropped(&self) {
        self.count_dropped_many(1);
    }

    /// Counts messages that were not put in.
    pub(super) fn count_dropped_many(&self, count: usize) {
        self.lock().dropped += count as u64;
    }

    /// Messages that were not put in, or were taken out again unread.
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// End of the queue, once everything was taken.
    pub fn end(&self) -> Option<SourceEnd> {
        let state = self.lock();
        state.end.as_deref().filter(|_| state.waiting.is_empty()).cloned()
    }

    /// Ends the queue; what is in it can still be taken. The first end stays.
    pub fn finish(&self, end: SourceEnd) {
        let mut state = self.lock();
        state.end.get_or_insert_with(|| Box::new(end));
        state.wake_reader();
        state.writers.drain(..).for_each(Waker::wake);
    }

    /// True once it was ended.
    pub fn is_finished(&self) -> bool {
        self.lock().end.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl QueueState {
    fn clear(&mut self) -> u64 {
        (self.bytes, self.count) = (0, 0);
        self.writers.drain(..).for_each(Waker::wake);
        let data = |waiting: Waiting| match waiting {
            Waiting::Message(message) => usize::from(message.is_text() || message.is_binary()),
            Waiting::Encoded(encoded) => encoded.count(),
        };
        self.waiting.drain(..).map(data).sum::<usize>() as u64
    }

    fn has_encoded(&self) -> bool {
        matches!(self.waiting.front(), Some(Waiting::Encoded(_)))
    }

    fn take(&mut self) -> Option<Waiting> {
        let next = self.waiting.pop_front()?;
        let (messages, bytes) = match &next {
            Waiting::Message(message) => (1, message.len()),
            Waiting::Encoded(encoded) => (encoded.count(), encoded.bytes()),
        };
        self.count -= messages;
        self.bytes -= bytes + messages * OVERHEAD;
        Some(next)
    }

    fn wake_reader(&mut self) {
        wake(&mut self.reader);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::test_waker::TestWaker;

    #[test]
    fn bounds_ends_and_wakes() {
        let (queue, mut batch) = (Queue::default(), VecDeque::new());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(queue.poll_pop(&mut cx, &mut batch, 9).is_pending());
        queue.push(Message::text("a"));
        queue.push(Message::text("b"));
        assert!(queue.poll_room(&mut cx, 100).is_pending());
        queue.finish(SourceEnd::Absent);
        queue.push(Message::text("late"));
        assert_eq!(queue.end(), None, "not before everything was taken");
        assert!(queue.poll_pop(&mut cx, &mut batch, 1).is_ready());
        assert!(queue.poll_pop(&mut cx, &mut batch, 9).is_ready());
        assert_eq!(batch, [Message::text("a"), Message::text("b")]);
        assert_eq!(queue.end(), Some(SourceEnd::Absent));
        assert_eq!(queue.bytes(), 0);
    }

    #[test]
    fn a_thread_can_wait_for_it() {
        for _ in 0..100 {
            let queue = Queue::default();
            let reader = queue.clone();
            let reader = thread::spawn(move || (reader.wait_pop(1), reader.wait_pop(9), reader.wait_pop(9)));
            queue.push(Message::text("a"));
            queue.push(Message::text("b"));
            queue.finish(SourceEnd::Absent);
            let (first, second, end) = reader.join().unwrap();
            assert_eq!((first, second), ([Message::text("a")].into(), [Message::text("b")].into()));
            assert!(end.is_empty());
        }
    }

    /// A queue, its reader and two writers, none of whom has polled it.
    fn waiters() -> (Queue, TestWaker, [TestWaker; 2]) {
        (Queue::default(), TestWaker::new(), [TestWaker::new(), TestWaker::new()])
    }

    fn pop(queue: &Queue, reader: &TestWaker, most: usize) -> Option<usize> {
        let mut batch = VecDeque::new();
        queue.poll_pop(&mut reader.cx(), &mut batch, most).is_ready().then_some(batch.len())
    }

    fn wakes(reader: &TestWaker, writers: &[TestWaker; 2]) -> [usize; 3] {
        [reader.wakes(), writers[0].wakes(), writers[1].wakes()]
    }

    #[test]
    fn what_comes_wakes_its_reader_once_and_no_writer() {
        let (queue, reader, writers) = waiters();
        queue.push(Message::text("nobody waits"));
        assert_eq!(pop(&queue, &reader, 9), Some(1));
        assert_eq!(pop(&queue, &reader, 9), None);
        assert!(queue.poll_room(&mut writers[0].cx(), 0).is_pending());
        queue.push(Message::text("a"));
        queue.push(Message::text("b"));
        assert_eq!(wakes(&reader, &writers), [1, 0, 0]);
        queue.count_dropped();
        assert_eq!((wakes(&reader, &writers), reader.kept()), ([0, 0, 0], 0));
        assert_eq!(pop(&queue, &reader, 9), Some(2));
    }

    #[test]
    fn room_is_less_than_the_bound_and_wakes_each_writer_once() {
        let (queue, reader, writers) = waiters();
        queue.push(Message::text("12345678"));
        let bytes = 8 + OVERHEAD;
        assert_eq!(queue.bytes(), bytes);
        for writer in &writers {
            assert!(queue.poll_room(&mut writer.cx(), bytes + 1).is_ready());
            for _ in 0..2 {
                assert!(queue.poll_room(&mut writer.cx(), bytes).is_pending());
            }
            assert_eq!(writer.kept(), 1, "one handle, however often it polled");
        }
        assert_eq!(pop(&queue, &reader, 9), Some(1));
        assert_eq!(wakes(&reader, &writers), [0, 1, 1]);
        assert_eq!((writers[0].kept(), writers[1].kept()), (0, 0));
        assert_eq!(pop(&queue, &reader, 9), None);
        assert_eq!(wakes(&reader, &writers), [0, 0, 0]);
        assert!(queue.poll_room(&mut writers[0].cx(), 1).is_ready());
    }

    #[test]
    fn ends_and_cuts_wake_everybody() {
        let away = SourceEnd::SentAway { reason: "too slow".into() };
        type End = fn(&Queue, SourceEnd);
        let ways: [(&str, End, bool); 2] = [("finish", Queue::finish, false), ("cut", Queue::cut, true)];
        for (name, end, empties) in ways {
            for full in [false, true] {
                let (queue, reader, writers) = waiters();
                if full {
                    queue.push(Message::text("a"));
                    assert!(queue.poll_room(&mut writers[0].cx(), 1).is_pending());
                    assert!(queue.poll_room(&mut writers[1].cx(), 1).is_pending());
                    // One that takes nothing waits for this.
                    assert!(queue.poll_cut(&mut reader.cx()).is_pending());
                } else {
                    assert_eq!(pop(&queue, &reader, 9), None);
                }
                end(&queue, away.clone());
                let writer = usize::from(full);
                assert_eq!(wakes(&reader, &writers), [1, writer, writer], "{name} {full}");
                assert_eq!(queue.poll_cut(&mut reader.cx()), Poll::Ready(away.clone()), "{name}");
                assert!(queue.was_cut() && queue.is_finished());
                assert_eq!(queue.dropped(), u64::from(empties && full), "{name}");
                assert!(queue.poll_room(&mut writers[0].cx(), 0).is_ready(), "nothing will take it");
                if full && !empties {
                    assert_eq!((queue.end(), pop(&queue, &reader, 9)), (None, Some(1)));
                }
                assert_eq!((pop(&queue, &reader, 9), queue.end()), (Some(0), Some(away.clone())), "{name}");
                queue.push(Message::text("late"));
                end(&queue, SourceEnd::Absent);
                assert_eq!(queue.end(), Some(away.clone()), "the first end stays");
                assert_eq!(wakes(&reader, &writers), [0, 0, 0], "nobody waits");
            }
        }
    }

    #[test]
    fn an_end_that_sends_nobody_away_wakes_who_waits_for_a_cut_and_is_none() {
        let (queue, reader, _) = waiters();
        assert!(queue.poll_cut(&mut reader.cx()).is_pending());
        queue.finish(SourceEnd::Absent);
        assert!(reader.is_woken() && queue.poll_cut(&mut reader.cx()).is_pending() && !queue.was_cut());
    }

    #[test]
    fn dropping_what_waits_makes_room_and_is_no_news_for_the_reader() {
        let (queue, reader, writers) = waiters();
        queue.push(Message::text("a"));
        assert!(queue.poll_room(&mut writers[0].cx(), 1).is_pending());
        assert!(queue.poll_cut(&mut reader.cx()).is_pending());
        assert_eq!(queue.clear(), 1);
        assert_eq!(wakes(&reader, &writers), [0, 1, 0]);
        queue.push(Message::text("a"));
        assert!(queue.poll_room(&mut writers[1].cx(), 1).is_pending());
        queue.wake_writers();
        assert_eq!(wakes(&reader, &writers), [1, 0, 1]);
    }

    #[test]
    fn what_is_dropped_is_counted() {
        let queue = Queue::default();
        queue.push(Message::text("a"));
        queue.push(Message::Ping(Default::default()));
        assert_eq!((queue.clear(), queue.bytes(), queue.clear()), (1, 0, 0));
    }
}
