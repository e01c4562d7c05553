//! A prompt as a link: what a person types goes out, what arrives is shown.
//!
//! The far end is a terminal with threads of its own, who knows how to edit a line and how to lay out a
//! message; all that the two share is a queue either way and the word that everything was shown.

use super::{HIGH_WATER, Queue};
use crate::{
    exit::Exit,
    fault::Fault,
    session::{SinkFailure, SourceEnd},
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
}

/// The terminal's end.
pub struct Desk {
    /// Takes what is typed: data messages, pings, pongs, and how it ended.
    pub typed: Queue,
    /// Gives what is to be shown, until it ends.
    pub shown: Queue,
    /// Told once all of it is on the screen, or at the first error.
    pub done: oneshot::Sender<io::Result<()>>,
}

impl Prompt {
    /// Both ends.
    pub fn new() -> (Self, Desk) {
        let (typed, shown) = (Queue::default(), Queue::default());
        let (tell, done) = oneshot::channel();
        let desk = Desk { typed: typed.clone(), shown: shown.clone(), done: tell };
        (Self { typed, shown, done, is_done: false }, desk)
    }

    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>, batch: &mut VecDeque<Message>) -> Poll<()> {
        self.typed.poll_pop(cx, batch, super::BATCH)
    }

    pub(super) fn end(&self) -> Option<SourceEnd> {
        self.typed.end()
    }

    pub(super) fn queued(&self) -> usize {
        self.shown.bytes()
    }

    /// Messages and bytes that are not on the screen yet.
    pub(super) fn undelivered(&self) -> (u64, u64) {
        (self.shown.len() as u64, self.shown.bytes() as u64)
    }

    pub(super) fn feed(&mut self, message: Message) {
        self.shown.push(message);
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        self.shown.poll_room(cx, HIGH_WATER).map(Ok)
    }

    pub(super) fn poll_shut(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        self.shown.finish(SourceEnd::Eof { empty: false, hangup: true });
        if self.is_done {
            return Poll::Ready(Ok(()));
        }
        let result = ready!(self.poll_done(cx));
        Poll::Ready(result.map_err(failure))
    }

    /// Ready when the terminal cannot be written any more.
    pub(super) fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<SinkFailure> {
        if self.is_done {
            return Poll::Pending;
        }
        match ready!(self.poll_done(cx)) {
            Err(error) => Poll::Ready(failure(error)),
            Ok(()) => Poll::Pending,
        }
    }

    pub(super) fn unread(&mut self) -> u64 {
        self.typed.clear()
    }

    fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = ready!(Pin::new(&mut self.done).poll(cx));
        self.is_done = true;
        Poll::Ready(result.unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into())))
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
