//! Two queues as a link within the process.

use super::{Link, Queue};
use crate::session::SourceEnd;

/// Two in-process queues; the same one twice is an echo.
pub struct Channel {
    /// Queue that the source takes from; `None` is no source at all.
    pub incoming: Option<Queue>,
    /// Queue that the sink puts messages into; `None` swallows everything.
    pub outgoing: Option<Queue>,
}

impl Drop for Channel {
    /// Ends the incoming queue, so that its feeder knows that nobody reads it any more.
    fn drop(&mut self) {
        if let Some(queue) = &self.incoming {
            queue.finish(SourceEnd::Absent);
        }
    }
}

impl Link {
    /// A link that has ended already, in this way.
    pub fn ended(how: SourceEnd) -> Self {
        let incoming = Queue::default();
        incoming.finish(how);
        Self::Channel(Channel { incoming: Some(incoming), outgoing: None })
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
        let (mut link, reads, writes) = (Link::echo(), TestWaker::new(), TestWaker::new());
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
    fn a_channel_that_is_dropped_is_the_end_for_who_feeds_it() {
        let (queue, writes) = (Queue::default(), TestWaker::new());
        let link = Link::Channel(Channel { incoming: Some(queue.clone()), outgoing: None });
        queue.push(Message::text("a"));
        assert!(queue.poll_room(&mut writes.cx(), 1).is_pending());
        drop(link);
        assert_eq!(writes.wakes(), 1);
        assert!(queue.poll_room(&mut writes.cx(), 1).is_ready());
    }

    #[test]
    fn nothing_is_swallowed_at_once_and_gives_nothing() {
        let (mut link, waker) = (Link::null(), TestWaker::new());
        link.feed(Message::text("a")).unwrap();
        assert!(link.queued() == 0 && link.poll_flush(&mut waker.cx()).is_ready());
        assert!(link.poll_receive(&mut waker.cx(), &mut VecDeque::new()).is_ready());
        assert_eq!(link.end(), Some(SourceEnd::Absent));
    }
}
