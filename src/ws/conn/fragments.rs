//! Messages as frames: whole, or as fragments when they are large; compressed if that was agreed on.

use super::{Conn, Unsent};
use crate::ws::{deflate::RSV1, frame};
use bytes::Bytes;
use std::io;

/// Outgoing messages larger than this go as fragments, so that pongs, pings and a Close can pass between
/// them, and a client holds no more than one of them masked. Bytes.
pub(super) const FRAGMENT: usize = 256 * 1024;

/// What is left of a large message.
pub(super) struct Rest {
    pub payload: Bytes,
    /// Of the next fragment.
    pub opcode: u8,
    /// The message is compressed; decided with its first fragment.
    pub is_compressed: bool,
}

impl Rest {
    /// What it adds to the frames of its message that are queued; the whole message if none is.
    pub(super) fn unsent(&self) -> Unsent {
        let messages = u64::from(self.opcode != frame::CONTINUATION);
        Unsent { messages, bytes: self.payload.len() as u64 }
    }
}

impl Conn {
    /// Queues the next frame of what is left of a large message.
    pub(super) fn queue_fragment(&mut self) -> io::Result<()> {
        let Some(mut rest) = self.rest.take() else { return Ok(()) };
        let piece = rest.payload.split_to(FRAGMENT.min(rest.payload.len()));
        let is_last = rest.payload.is_empty();
        if rest.opcode == frame::CONTINUATION {
            self.go_on(piece, rest.is_compressed, is_last)?;
        } else {
            rest.is_compressed = self.begin(rest.opcode, piece, is_last)?;
        }
        if !is_last {
            self.rest = Some(Rest { opcode: frame::CONTINUATION, ..rest });
        }
        Ok(())
    }

    /// Queues the only or first frame of a message; tells whether it is compressed.
    pub(super) fn begin(&mut self, opcode: u8, piece: Bytes, is_last: bool) -> io::Result<bool> {
        let first = opcode | if is_last { frame::FIN } else { 0 };
        let Some(deflating) = &mut self.deflating else {
            return self.wire.push(first, piece).map(|()| false);
        };
        let compressed = deflating.begin(&piece, is_last);
        deflating.count(piece.len(), compressed.as_ref().unwrap_or(&piece).len());
        match compressed {
            Some(compressed) => self.wire.push(first | RSV1, compressed).map(|()| true),
            None => self.wire.push(first, piece).map(|()| false),
        }
    }

    /// Queues a further frame of a message.
    fn go_on(&mut self, mut piece: Bytes, is_compressed: bool, is_last: bool) -> io::Result<()> {
        if let Some(deflating) = &mut self.deflating {
            let plain = piece.len();
            if is_compressed {
                piece = deflating.go_on(&piece, is_last)?;
            }
            deflating.count(plain, piece.len());
        }
        self.wire.push(frame::CONTINUATION | if is_last { frame::FIN } else { 0 }, piece)
    }
}
