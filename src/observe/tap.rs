//! Observers of every message of a WebSocket, both ways.

use crate::{close, framing::record::Dir};
use bytes::Bytes;
use std::task::{Context, Poll};
use tokio_tungstenite::tungstenite::Message;

/// Told of the messages of one connection, control frames included, in their order.
pub trait Tap: Send {
    /// A message came, or is on its way out.
    fn tell(&mut self, dir: Dir, message: &Message);

    /// Something happened beside messages; `record` is a line of JSON with its end.
    fn record(&mut self, _record: &Bytes) {}

    /// Ready when more can be told; until then nothing is received or sent.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// The taps of one connection, none by default; the slowest sets the pace.
///
/// The protocol engine answers pings and echoes a Close by itself; both are told as if they had been sent.
#[derive(Default)]
pub struct Taps(pub Vec<Box<dyn Tap>>);

impl Taps {
    /// Ready when more may happen.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut ready = Poll::Ready(());
        for tap in &mut self.0 {
            if tap.poll_ready(cx).is_pending() {
                ready = Poll::Pending;
            }
        }
        ready
    }

    /// A message was sent.
    pub fn sent(&mut self, message: &Message) {
        self.tell(Dir::Out, message);
    }

    /// A message came; `answers` when a ping is answered.
    pub fn received(&mut self, message: &Message, answers: bool) {
        self.tell(Dir::In, message);
        if let (Message::Ping(payload), true, false) = (message, answers, self.0.is_empty()) {
            self.tell(Dir::Out, &Message::Pong(payload.clone()));
        }
    }

    /// A Close came; `echoes` unless ours went first.
    pub fn closed(&mut self, code: Option<u16>, reason: &str, echoes: bool) {
        let close = Message::Close(close::frame(code, reason));
        self.tell(Dir::In, &close);
        if echoes {
            self.tell(Dir::Out, &close);
        }
    }

    /// Something happened beside messages; `record` is a line of JSON with its end.
    pub fn record(&mut self, record: &Bytes) {
        self.0.iter_mut().for_each(|tap| tap.record(record));
    }

    fn tell(&mut self, dir: Dir, message: &Message) {
        self.0.iter_mut().for_each(|tap| tap.tell(dir, message));
    }
}
