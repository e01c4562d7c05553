//! Two queues as a link within the process.

use super::{BATCH, HIGH_WATER, Item, Link, Queue};
use crate::{
    framing::Run,
    session::{SideKind, SinkFailure, SourceEnd},
};
use std::{
    collections::VecDeque,
    task::{Context, Poll},
};
use tokio_tungstenite::tungstenite::Message;

/// Two in-process queues; the same one twice is an echo.
pub struct Channel {
    /// Queue that the source takes from; `None` is no source at all.
    pub incoming: Option<Queue>,
    /// Queue that the sink puts messages into; `None` swallows everything.
    pub outgoing: Option<Queue>,
    /// What came in runs is given so.
    pub gives_runs: bool,
}

impl Drop for Channel {
    /// Ends the incoming queue, so that its feeder knows that nobody reads it any more.
    fn drop(&mut self) {
        if let Some(queue) = &self.incoming {
            queue.finish(SourceEnd::Absent);
        }
    }
}

impl Channel {
    /// Sends back what it gets.
    pub fn echo() -> Self {
        let queue = Queue::default();
        Self { incoming: Some(queue.clone()), outgoing: Some(queue), gives_runs: false }
    }

    /// Gives nothing, swallows everything.
    pub fn null() -> Self {
        Self { incoming: None, outgoing: None, gives_runs: false }
    }

    /// A source that has ended already, in this way.
    pub fn ended(how: SourceEnd) -> Self {
        let incoming = Queue::default();
        incoming.finish(how);
        Self { incoming: Some(incoming), outgoing: None, gives_runs: false }
    }
}

impl Link for Channel {
    fn kind(&self) -> SideKind {
        SideKind::Stream
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>, batch: &mut VecDeque<Item>) -> Poll<()> {
        let Some(queue) = &self.incoming else { return Poll::Ready(()) };
        queue.poll_items(cx, batch, BATCH, self.gives_runs)
    }

    fn end(&self) -> Option<SourceEnd> {
        self.incoming.as_ref().map_or(Some(SourceEnd::Absent), Queue::end)
    }

    fn queued(&self) -> usize {
        self.outgoing.as_ref().map_or(0, Queue::bytes)
    }

    fn feed(&mut self, message: Message) -> Result<(), SinkFailure> {
        if let Some(queue) = &self.outgoing {
            queue.push(message);
        }
        Ok(())
    }

    fn takes_runs(&self) -> bool {
        true
    }

    fn feed_run(&mut self, run: Run) -> Result<(), SinkFailure> {
        if let Some(queue) = &self.outgoing {
            queue.push_run(run);
        }
        Ok(())
    }

    fn give_runs(&mut self, gives: bool) {
        self.gives_runs = gives;
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        self.outgoing.as_ref().map_or(Poll::Ready(Ok(())), |queue| queue.poll_room(cx, HIGH_WATER).map(Ok))
    }

    fn poll_shut(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        if let Some(queue) = &self.outgoing {
            queue.finish(SourceEnd::Eof { empty: false, hangup: true });
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{HIGH_WATER, Link, test_waker::TestWaker};
    use std::collections::VecDeque;
    use tokio_tungstenite::tungstenite::Message;

    #[test]
    fn an_echo_wakes_who_waits_for_it_and_who_waits_for_room() {
        let (mut link, reads, writes) = (Channel::echo(), TestWaker::new(), TestWaker::new());
        let mut batch = VecDeque::new();
        assert!(link.poll_receive(&mut reads.cx(), &mut batch).is_pending());
        link.feed(Message::binary(vec![0; HIGH_WATER])).unwrap();
        assert_eq!((reads.wakes(), link.queued() >= HIGH_WATER), (1, true));
        assert!(link.poll_flush(&mut writes.cx()).is_pending());
        assert!(link.poll_receive(&mut reads.cx(), &mut batch).is_ready());
        assert_eq!((writes.wakes(), reads.wakes(), batch.len()), (1, 0, 1));
        assert!(link.poll_flush(&mut writes.cx()).is_ready());
        assert!(link.poll_receive(&mut reads.cx(), &mut batch).is_pending());
        assert!(link.poll_shut(&mut writes.cx()).is_ready());
        assert_eq!((reads.wakes(), writes.wakes()), (1, 0));
        assert!(link.poll_receive(&mut reads.cx(), &mut batch).is_ready() && link.end().is_some());
    }

    #[test]
    fn a_run_comes_back_whole_or_in_messages() {
        let (mut link, waker) = (Channel::echo(), TestWaker::new());
        let run = Run::new(true, "abc".into(), vec![0..1, 1..3]);
        for in_runs in [true, false] {
            link.feed_run(run.clone()).unwrap();
            assert!(link.queued() > 2 * 64 && link.outgoing.as_ref().is_some_and(|queue| queue.len() == 2));
            link.give_runs(in_runs);
            let mut batch = VecDeque::new();
            assert!(link.poll_receive(&mut waker.cx(), &mut batch).is_ready() && link.queued() == 0);
            match in_runs {
                true => assert_eq!(batch, [Item::Run(run.clone())]),
                false => assert_eq!(batch, [Message::text("a"), Message::text("bc")]),
            }
        }
        link.feed_run(run).unwrap();
        assert_eq!(link.outgoing.as_ref().map(Queue::clear), Some(2));
    }

    #[test]
    fn a_channel_that_is_dropped_is_the_end_for_who_feeds_it() {
        let (queue, writes) = (Queue::default(), TestWaker::new());
        let link = Channel { incoming: Some(queue.clone()), outgoing: None, gives_runs: false };
        queue.push(Message::text("a"));
        assert!(queue.poll_room(&mut writes.cx(), 1).is_pending());
        drop(link);
        assert_eq!(writes.wakes(), 1);
        assert!(queue.poll_room(&mut writes.cx(), 1).is_ready());
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
