//! Whoever is told of every message of a WebSocket, both ways.

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
