//! Links that have no far end: an echo, nothing at all, and an end that has come already.
//!
//! Both halves of a link are polled by the task of its pair, which offers what an echo was fed to the same
//! poll's other direction; so it has no lock, and nobody has to be woken to read it.

use super::{
    BATCH, HIGH_WATER, ITEMS, Item, Link,
    queue::OVERHEAD,
    waiting::{keep, wake},
};
use crate::{
    framing::Run,
    lent,
    session::{SideKind, SinkFailure, SourceEnd},
};
use std::{
    collections::VecDeque,
    task::{Context, Poll, Waker},
};
use tokio_tungstenite::tungstenite::Message;

/// A link without a far end.
pub struct Channel {
    /// Messages are swallowed, not given back.
    swallows: bool,
    /// Fed, and not given back yet.
    waiting: VecDeque<Item>,
    /// Bytes that these count.
    bytes: usize,
    /// Gives runs as runs.
    gives_runs: bool,
    /// How its source ends once nothing waits.
    end: Option<Box<SourceEnd>>,
    /// The sink of the pair that waits for room.
    writer: Option<Waker>,
}

impl Channel {
    /// Sends back what it gets.
    pub fn echo() -> Self {
        Self {
            swallows: false,
            waiting: VecDeque::new(),
            bytes: 0,
            gives_runs: false,
            end: None,
            writer: None,
        }
    }

    /// Gives nothing, swallows everything.
    pub fn null() -> Self {
        Self::ended(SourceEnd::Absent)
    }

    /// A source that has ended already, in this way.
    pub fn ended(how: SourceEnd) -> Self {
        Self { swallows: true, end: Some(Box::new(how)), ..Self::echo() }
    }

    fn add(&mut self, item: Item) {
        if !self.swallows && self.end.is_none() {
            self.bytes += weight(&item);
            lent::lend(&ITEMS, &mut self.waiting);
            self.waiting.push_back(item);
        }
    }
}

/// Bytes that it counts.
fn weight(item: &Item) -> usize {
    let (_, bytes) = item.volume().unwrap_or_default();
    usize::try_from(bytes).unwrap_or(usize::MAX) + item.count() * OVERHEAD
}

impl Link for Channel {
    fn kind(&self) -> SideKind {
        SideKind::Stream
    }

    fn poll_receive(&mut self, _cx: &mut Context<'_>, batch: &mut VecDeque<Item>) -> Poll<()> {
        if self.waiting.is_empty() {
            return if self.end.is_some() { Poll::Ready(()) } else { Poll::Pending };
        }
        let full = batch.len() + BATCH;
        while batch.len() < full
            && let Some(item) = self.waiting.pop_front()
        {
            self.bytes -= weight(&item);
            match item {
                Item::Run(run) if !self.gives_runs => batch.extend(run.messages().map(Item::from)),
                item => batch.push_back(item),
            }
        }
        lent::give_back(&ITEMS, &mut self.waiting);
        wake(&mut self.writer);
        Poll::Ready(())
    }

    fn end(&self) -> Option<SourceEnd> {
        self.end.as_deref().filter(|_| self.waiting.is_empty()).cloned()
    }

    fn queued(&self) -> usize {
        self.bytes
    }

    fn feed(&mut self, message: Message) -> Result<(), SinkFailure> {
        self.add(message.into());
        Ok(())
    }

    fn takes_runs(&self) -> bool {
        true
    }

    fn feed_run(&mut self, run: Run) -> Result<(), SinkFailure> {
        self.add(run.into());
        Ok(())
    }

    fn give_runs(&mut self, gives: bool) {
        self.gives_runs = gives;
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        if self.bytes < HIGH_WATER || self.end.is_some() {
            return Poll::Ready(Ok(()));
        }
        keep(&mut self.writer, cx);
        Poll::Pending
    }

    fn poll_shut(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        self.end.get_or_insert_with(|| Box::new(SourceEnd::Eof { empty: false, hangup: true }));
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::test_waker::TestWaker;

    #[test]
    fn an_echo_gives_back_what_it_is_fed_and_wakes_who_waits_for_room() {
        let (mut link, reads, writes) = (Channel::echo(), TestWaker::new(), TestWaker::new());
        let mut batch = VecDeque::new();
        assert!(link.poll_receive(&mut reads.cx(), &mut batch).is_pending());
        link.feed(Message::binary(vec![0; HIGH_WATER])).unwrap();
        assert!(link.queued() >= HIGH_WATER);
        assert!(link.poll_flush(&mut writes.cx()).is_pending());
        assert!(link.poll_receive(&mut reads.cx(), &mut batch).is_ready());
        assert_eq!((writes.wakes(), reads.wakes(), batch.len(), link.queued()), (1, 0, 1, 0));
        assert!(link.poll_flush(&mut writes.cx()).is_ready());
        assert!(link.poll_receive(&mut reads.cx(), &mut batch).is_pending());
        link.feed(Message::text("a")).unwrap();
        assert!(link.poll_shut(&mut writes.cx()).is_ready());
        link.feed(Message::text("late")).unwrap();
        assert_eq!(link.end(), None, "not before everything was taken");
        assert!(link.poll_receive(&mut reads.cx(), &mut batch).is_ready());
        assert!(link.poll_receive(&mut reads.cx(), &mut batch).is_ready() && link.end().is_some());
        assert_eq!(batch.len(), 2);
    }

    #[test]
    fn a_run_comes_back_whole_or_in_messages() {
        let (mut link, waker) = (Channel::echo(), TestWaker::new());
        let run = Run::new(true, "abc".into(), vec![0..1, 1..3]);
        for in_runs in [true, false] {
            link.feed_run(run.clone()).unwrap();
            assert_eq!(link.queued(), 3 + 2 * OVERHEAD);
            link.give_runs(in_runs);
            let mut batch = VecDeque::new();
            assert!(link.poll_receive(&mut waker.cx(), &mut batch).is_ready() && link.queued() == 0);
            match in_runs {
                true => assert_eq!(batch, [Item::from(run.clone())]),
                false => assert_eq!(batch, [Message::text("a"), Message::text("bc")]),
            }
        }
    }

    #[test]
    fn nothing_is_swallowed_at_once_and_gives_nothing() {
        let (mut link, waker) = (Channel::null(), TestWaker::new());
        link.feed(Message::text("a")).unwrap();
        assert!(link.queued() == 0 && link.poll_flush(&mut waker.cx()).is_ready());
        assert!(link.poll_receive(&mut waker.cx(), &mut VecDeque::new()).is_ready());
        assert_eq!(link.end(), Some(SourceEnd::Absent));
    }
}
