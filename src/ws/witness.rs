//! The messages of one connection, told to a tap if there is one.
//!
//! The engine answers pings and echoes a Close by itself; what it says is told as if we had said it.

use crate::{framing::record::Dir, observe::Tap};
use std::task::{Context, Poll};
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

/// An optional tap.
#[derive(Default)]
pub(super) struct Witness(pub Option<Box<dyn Tap>>);

impl Witness {
    /// Ready when more may happen.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().map_or(Poll::Ready(()), |tap| tap.poll_ready(cx))
    }

    /// We sent something.
    pub(super) fn sent(&mut self, message: &Message) {
        if let Some(tap) = &mut self.0 {
            tap.tell(Dir::Out, message);
        }
    }

    /// Something came; a ping may be answered.
    pub(super) fn received(&mut self, message: &Message, answers: bool) {
        let Some(tap) = &mut self.0 else { return };
        tap.tell(Dir::In, message);
        if let Message::Ping(payload) = message
            && answers
        {
            tap.tell(Dir::Out, &Message::Pong(payload.clone()));
        }
    }

    /// A Close came; it is echoed unless ours went first.
    pub(super) fn closed(&mut self, code: Option<u16>, reason: &str, echoes: bool) {
        let Some(tap) = &mut self.0 else { return };
        let close = Message::Close(close_frame(code, reason));
        tap.tell(Dir::In, &close);
        if echoes {
            tap.tell(Dir::Out, &close);
        }
    }
}

/// The body of a Close frame; none without a code.
pub fn close_frame(code: Option<u16>, reason: &str) -> Option<CloseFrame> {
    code.map(|code| CloseFrame { code: code.into(), reason: reason.into() })
}
