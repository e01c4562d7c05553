//! The sending half of a connection: messages, whole or in pieces, pings and pongs become queued frames.
//!
//! A message that is longer than a frame may be is framed piece by piece while the queue has room, so that
//! control frames pass between its fragments (RFC 6455 section 5.4).

use super::{Conn, HIGH_WATER, NUMBER, Part, REPLIES, UnsentPayload};
use crate::{
    framing::{Piece, Run},
    ws::{
        deflate::RSV1,
        encoded::{self, Encoded},
        frame,
    },
};
use bytes::Bytes;
use std::io;
use tokio_tungstenite::tungstenite::Message;

impl Conn {
    /// Queues one message, ping or pong; flush before more than [`HIGH_WATER`] is queued.
    ///
    /// # Errors
    /// "Not connected" when a Close was sent or received.
    pub fn queue(&mut self, message: Message) -> io::Result<()> {
        if !self.is_open() {
            return Err(io::ErrorKind::NotConnected.into());
        }
        self.taps.sent(&message);
        let message = match message {
            Message::Ping(payload) => return self.wire.push(frame::FIN | frame::PING, payload),
            Message::Pong(payload) => return self.wire.push(frame::FIN | frame::PONG, payload),
            data => data,
        };
        debug_assert!(self.rest.is_none() && self.begun.is_none(), "a large message was not flushed");
        if self.deflating.is_some() {
            self.plain.push_back(message.len() as u64);
        }
        let opcode = if message.is_text() { frame::TEXT } else { frame::BINARY };
        let payload = message.into_data();
        self.largest.message = self.largest.message.max(payload.len());
        if payload.len() > self.max_frame {
            self.rest = Some(UnsentPayload { payload, opcode, is_compressed: false });
            return Ok(());
        }
        if self.deflating.is_none() {
            self.largest.frame = self.largest.frame.max(payload.len());
            return self.wire.push(frame::FIN | opcode, payload);
        }
        self.begin(opcode, payload, true).map(|_| ())
    }

    /// Queues the messages of a run.
    ///
    /// # Errors
    /// "Not connected" when a Close was sent or received.
    pub fn queue_run(&mut self, run: &Run) -> io::Result<()> {
        if self.takes_together(run.largest()) {
            self.note_largest(run.largest());
            return self.wire.push_run(run);
        }
        run.messages().try_for_each(|message| {
            self.queue(message)?;
            while self.rest.is_some() {
                self.queue_fragment()?;
            }
            Ok(())
        })
    }

    /// True when several messages of so many bytes at most can be queued without a look at each.
    fn takes_together(&self, largest: usize) -> bool {
        self.deflating.is_none()
            && self.taps.0.is_empty()
            && !self.wire.is_watched()
            && self.max_frame >= largest
            && self.rest.is_none()
            && self.begun.is_none()
            && self.is_open()
    }

    fn note_largest(&mut self, length: usize) {
        self.largest.message = self.largest.message.max(length);
        self.largest.frame = self.largest.frame.max(length);
    }

    /// True when messages that were encoded for many can be queued as they are.
    pub fn takes_encoded(&self) -> bool {
        self.part == Part::Server && self.takes_together(encoded::LARGEST)
    }

    /// Queues messages that were encoded for many, where [it takes them](Self::takes_encoded).
    pub fn queue_encoded(&mut self, encoded: &Encoded) {
        self.note_largest(encoded.largest());
        self.wire.push_encoded(encoded);
    }

    /// Queues a ping, also between the fragments of a large message.
    pub fn queue_ping(&mut self) {
        self.push_ping(self.keepalive.clone());
    }

    /// Queues a ping with a number behind all data; none while a large message is not framed to its end, or
    /// when a Close was sent or received. Tells whether it did.
    pub fn queue_numbered_ping(&mut self, number: u64) -> bool {
        let may = self.is_open() && self.rest.is_none() && self.begun.is_none();
        if may {
            let number = number.to_string();
            self.push_ping([&self.keepalive, NUMBER, number.as_bytes()].concat().into());
        }
        may
    }

    fn push_ping(&mut self, payload: Bytes) {
        if self.is_open() {
            self.taps.sent(&Message::Ping(payload.clone()));
            // Without a mask there is no ping, and no data either, which tells.
            let _ = self.wire.push(frame::FIN | frame::PING, payload);
        }
    }

    /// Queues a pong, also between the fragments of a large message; none to a peer that takes nothing.
    pub fn queue_pong(&mut self, payload: Bytes) {
        // Data alone never makes as much wait; not every ping has to be answered (section 5.5.3).
        if self.is_open() && self.wire.queued() < 2 * HIGH_WATER + REPLIES {
            self.taps.sent(&Message::Pong(payload.clone()));
            let _ = self.wire.push(frame::FIN | frame::PONG, payload);
        }
    }

    /// True when messages may be queued in pieces: nobody is told of every message.
    pub fn takes_pieces(&self) -> bool {
        self.taps.0.is_empty()
    }

    /// Queues the next piece of a message; no other message may be queued before its last one.
    ///
    /// # Errors
    /// "Not connected" when a Close was sent or received.
    pub fn queue_piece(&mut self, piece: Piece) -> io::Result<()> {
        debug_assert!(self.rest.is_none(), "a large message was not flushed");
        if !self.is_open() {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let Piece { payload, is_text, is_first, is_last } = piece;
        let length = payload.len();
        let begun = self.begun.take().filter(|_| !is_first);
        if self.deflating.is_some() {
            match self.plain.back_mut().filter(|_| begun.is_some()) {
                Some(plain) => *plain += length as u64,
                None => self.plain.push_back(length as u64),
            }
        }
        let (size, is_compressed) = match begun {
            Some((size, is_compressed)) => {
                self.go_on(payload, is_compressed, is_last)?;
                (size + length, is_compressed)
            }
            None => {
                let opcode = if is_text { frame::TEXT } else { frame::BINARY };
                (length, self.begin(opcode, payload, is_last)?)
            }
        };
        self.largest.message = self.largest.message.max(size);
        self.begun = (!is_last).then_some((size, is_compressed));
        Ok(())
    }

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
            self.rest = Some(UnsentPayload { opcode: frame::CONTINUATION, ..rest });
        }
        Ok(())
    }

    /// Queues the only or first frame of a message; tells whether it is compressed.
    fn begin(&mut self, opcode: u8, piece: Bytes, is_last: bool) -> io::Result<bool> {
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
