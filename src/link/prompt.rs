//! A prompt as a link: what a person types goes out, what arrives is shown.
//!
//! The far end is a terminal with threads of its own, who knows how to edit a line and how to lay out a
//! message; all that the two share is a queue either way and the word that everything was shown.

use super::{HIGH_WATER, Item, Link, Queue, room::Layout};
use crate::{
    exit::Exit,
    fault::Fault,
    session::{DrainTimeout, Left, SideKind, SinkFailure, SourceEnd},
};
use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message;

/// The driver's end.
pub struct Prompt {
    typed: Queue,
    shown: Queue,
    done: oneshot::Receiver<io::Result<()>>,
    is_done: bool,
    /// Layout of the messages of many peers, applied before they are fed; `None` with one peer, whose
    /// messages the terminal lays out.
    layout: Option<Layout>,
}

/// The terminal's end.
pub struct PromptEnds {
    /// Takes what is typed: data messages, pings, pongs, and how it ended.
    pub typed: Queue,
    /// Gives what is to be shown, until it ends.
    pub shown: Queue,
    /// Told once all of it is on the screen, or at the first error.
    pub done: oneshot::Sender<io::Result<()>>,
}

impl Prompt {
    /// Both ends.
    pub fn new() -> (Self, PromptEnds) {
        let (typed, shown) = (Queue::default(), Queue::default());
        let (tell, done) = oneshot::channel();
        let ends = PromptEnds { typed: typed.clone(), shown: shown.clone(), done: tell };
        (Self { typed, shown, done, is_done: false, layout: None }, ends)
    }

    /// The same, for many that are told apart by this layout: what is fed is shown as it is.
    #[must_use]
    pub fn of_many(mut self, layout: Layout) -> Self {
        self.layout = Some(layout);
        self
    }

    /// Layout of the messages of many peers, to be applied before they are fed.
    pub fn layout(&self) -> Option<Layout> {
        self.layout.clone()
    }

    fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = ready!(Pin::new(&mut self.done).poll(cx));
        self.is_done = true;
        Poll::Ready(result.unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into())))
    }
}

impl Link for Prompt {
    fn poll_receive(&mut self, cx: &mut Context<'_>, batch: &mut VecDeque<Item>) -> Poll<()> {
        self.typed.poll_items(cx, batch, super::BATCH)
    }

    fn end(&self) -> Option<SourceEnd> {
        self.typed.end()
    }

    fn queued(&self) -> usize {
        self.shown.bytes()
    }

    fn undelivered(&self) -> (u64, u64) {
        (self.shown.len() as u64, self.shown.bytes() as u64)
    }

    fn feed(&mut self, message: Message) -> Result<(), SinkFailure> {
        self.shown.push(message);
        Ok(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        self.shown.poll_room(cx, HIGH_WATER).map(Ok)
    }

    fn poll_shut(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        self.shown.finish(SourceEnd::Eof { empty: false, hangup: true });
        if self.is_done {
            return Poll::Ready(Ok(()));
        }
        let result = ready!(self.poll_done(cx));
        Poll::Ready(result.map_err(failure))
    }

    fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<SinkFailure> {
        if self.is_done {
            return Poll::Pending;
        }
        match ready!(self.poll_done(cx)) {
            Err(error) => Poll::Ready(failure(error)),
            Ok(()) => Poll::Pending,
        }
    }

    fn kind(&self) -> SideKind {
        SideKind::Standard
    }

    fn wants_events(&self) -> bool {
        true
    }

    fn input(&self) -> String {
        "what was typed".to_owned()
    }

    fn output(&self, _serving: bool) -> (String, DrainTimeout) {
        ("the terminal".to_owned(), DrainTimeout::Never)
    }

    fn in_flight(&self) -> u64 {
        self.queued() as u64
    }

    fn has_rest(&self) -> bool {
        true
    }

    fn rest(&mut self) -> Left {
        Left { messages: self.typed.clear(), ..Left::default() }
    }
}

impl Drop for Prompt {
    /// The terminal has to know when there is nothing behind it any more.
    fn drop(&mut self) {
        self.typed.finish(SourceEnd::Absent);
        self.shown.finish(SourceEnd::Absent);
    }
}

fn failure(error: io::Error) -> SinkFailure {
    SinkFailure::Failed(Fault::new(
        Exit::WriteError,
        "session",
        format!("cannot write to the terminal: {error}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::test_waker::TestWaker;

    fn pop(queue: &Queue, waker: &TestWaker) -> usize {
        let mut batch = VecDeque::new();
        let _ = queue.poll_pop(&mut waker.cx(), &mut batch, 9);
        batch.len()
    }

    #[test]
    fn each_end_is_woken_by_what_the_other_does() {
        let ((mut prompt, ends), driver, terminal) = (Prompt::new(), TestWaker::new(), TestWaker::new());
        let mut batch = VecDeque::new();
        assert!(prompt.poll_receive(&mut driver.cx(), &mut batch).is_pending());
        assert_eq!(pop(&ends.shown, &terminal), 0);
        ends.typed.push(Message::text("typed"));
        assert_eq!((driver.wakes(), terminal.wakes()), (1, 0));
        assert!(prompt.poll_receive(&mut driver.cx(), &mut batch).is_ready() && batch.len() == 1);
        prompt.feed(Message::binary(vec![0; HIGH_WATER])).unwrap();
        assert_eq!((driver.wakes(), terminal.wakes()), (0, 1));
        assert!(prompt.queued() >= HIGH_WATER && prompt.poll_flush(&mut driver.cx()).is_pending());
        assert_eq!(pop(&ends.shown, &terminal), 1);
        assert_eq!((driver.wakes(), terminal.wakes()), (1, 0));
        assert!(prompt.poll_flush(&mut driver.cx()).is_ready() && prompt.queued() == 0);
        assert!(prompt.poll_receive(&mut driver.cx(), &mut batch).is_pending());
        let end = SourceEnd::Eof { empty: false, hangup: true };
        ends.typed.finish(end.clone());
        assert_eq!(driver.wakes(), 1);
        assert!(prompt.poll_receive(&mut driver.cx(), &mut batch).is_ready() && prompt.end() == Some(end));
    }

    #[test]
    fn its_end_is_when_everything_is_on_the_screen() {
        for (done, failure) in [(Ok(()), false), (Err(io::ErrorKind::BrokenPipe.into()), true)] {
            let ((mut prompt, ends), driver, terminal) = (Prompt::new(), TestWaker::new(), TestWaker::new());
            assert_eq!(pop(&ends.shown, &terminal), 0);
            assert!(prompt.poll_shut(&mut driver.cx()).is_pending());
            assert_eq!((driver.wakes(), terminal.wakes()), (0, 1));
            assert!(ends.shown.is_finished());
            assert!(prompt.poll_shut(&mut driver.cx()).is_pending());
            ends.done.send(done).unwrap();
            assert_eq!(driver.wakes(), 1);
            let Poll::Ready(result) = prompt.poll_shut(&mut driver.cx()) else { panic!("it waits on") };
            assert_eq!(result.is_err(), failure);
            assert_eq!(prompt.poll_shut(&mut driver.cx()), Poll::Ready(Ok(())), "it ends once");
        }
    }

    #[test]
    fn a_terminal_that_breaks_or_leaves_is_noticed_by_an_idle_driver() {
        let broken = |end: fn(PromptEnds)| {
            let ((mut prompt, ends), driver) = (Prompt::new(), TestWaker::new());
            assert!(prompt.poll_broken(&mut driver.cx()).is_pending());
            end(ends);
            assert_eq!(driver.wakes(), 1);
            let broken = prompt.poll_broken(&mut driver.cx());
            assert!(prompt.poll_broken(&mut driver.cx()).is_pending(), "it is told once");
            broken.is_ready()
        };
        assert!(broken(|ends| ends.done.send(Err(io::ErrorKind::NotConnected.into())).unwrap()));
        assert!(broken(drop));
        assert!(!broken(|ends| ends.done.send(Ok(())).unwrap()));
    }

    #[test]
    fn without_a_driver_the_terminal_is_woken() {
        let ((prompt, ends), reads, writes) = (Prompt::new(), TestWaker::new(), TestWaker::new());
        ends.typed.push(Message::text("typed"));
        assert!(ends.typed.poll_room(&mut writes.cx(), 1).is_pending());
        assert_eq!(pop(&ends.shown, &reads), 0);
        drop(prompt);
        assert_eq!((reads.wakes(), writes.wakes()), (1, 1));
        assert!(ends.shown.is_finished() && ends.typed.is_finished());
    }

    #[test]
    fn what_was_typed_and_not_taken_is_counted() {
        let (mut prompt, ends) = Prompt::new();
        ends.typed.push(Message::text("typed"));
        ends.typed.push(Message::Ping(Default::default()));
        assert_eq!((prompt.rest().messages, prompt.rest().messages), (1, 0));
    }
}
