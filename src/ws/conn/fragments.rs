//! Messages as frames: whole, or as fragments when they are large; compressed if that was agreed on.

use super::Conn;
use crate::ws::{deflate::RSV1, frame, outgoing::Rest};
use bytes::Bytes;
use std::io;

impl Conn {
    /// Queues the next frame of what is left of a large message.
    pub(super) fn queue_fragment(&mut self) -> io::Result<()> {
        let Some(mut rest) = self.rest.take() else { return Ok(()) };
        let piece = rest.payload.split_to(self.max_frame.min(rest.payload.len()));
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
            return self.push(first, piece).map(|()| false);
        };
        let compressed = deflating.begin(&piece, is_last);
        deflating.count(piece.len(), compressed.as_ref().unwrap_or(&piece).len());
        match compressed {
            Some(compressed) => self.push(first | RSV1, compressed).map(|()| true),
            None => self.push(first, piece).map(|()| false),
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
        self.push(frame::CONTINUATION | if is_last { frame::FIN } else { 0 }, piece)
    }

    /// Queues a frame; as several where compression has made it longer than a frame may be.
    fn push(&mut self, mut first: u8, mut piece: Bytes) -> io::Result<()> {
        self.largest.frame = self.largest.frame.max(piece.len().min(self.max_frame));
        while piece.len() > self.max_frame {
            self.wire.push(first & !frame::FIN, piece.split_to(self.max_frame))?;
            first = frame::CONTINUATION | first & frame::FIN;
        }
        self.wire.push(first, piece)
    }
}
