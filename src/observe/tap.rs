//! Observers of every message of a WebSocket, both ways.

use crate::framing::record::Dir;
use std::task::{Context, Poll};
use tokio_tungstenite::tungstenite::Message;

/// Told of the messages of one connection, control frames included, in their order.
pub trait Tap: Send {
    /// A message came, or is on its way out.
    fn tell(&mut self, dir: Dir, message: &Message);

    /// Ready when more can be told; until then nothing is received or sent.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// Several taps as one; the slowest sets the pace.
pub struct Taps(pub Vec<Box<dyn Tap>>);

impl Tap for Taps {
    fn tell(&mut self, dir: Dir, message: &Message) {
        self.0.iter_mut().for_each(|tap| tap.tell(dir, message));
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut ready = Poll::Ready(());
        for tap in &mut self.0 {
            if tap.poll_ready(cx).is_pending() {
                ready = Poll::Pending;
            }
        }
        ready
    }
}
