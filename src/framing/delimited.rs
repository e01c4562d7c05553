//! `lines` and `nul`: a byte ends each message.
//!
//! Messages are slices of the chunk they came in; only one that spans chunks is copied, and what was
//! scanned once is not scanned again, so that a line of 50 MB costs as much per byte as a short one.

use super::{BadInput, Decode, Encode, Entry, Kind, Output, message, payload};
use bytes::{Buf, Bytes, BytesMut};
use tokio_tungstenite::tungstenite::Message;

pub(super) const LINES: Entry = Entry {
    name: "lines",
    parameter: None,
    summary: "one line, without its newline, is one message",
    kind: Kind::Text,
    delimits: true,
    decoder: |_, kind, max| Box::new(Decoder::new(kind, max, b'\n', "line")),
    encoder: |_| Box::new(Encoder(b'\n')),
};

pub(super) const NUL: Entry = Entry {
    name: "nul",
    parameter: None,
    summary: "as lines, with NUL in place of the newline",
    kind: Kind::Text,
    delimits: true,
    decoder: |_, kind, max| Box::new(Decoder::new(kind, max, 0, "record")),
    encoder: |_| Box::new(Encoder(0)),
};

struct Decoder {
    kind: Kind,
    max: usize,
    delimiter: u8,
    noun: &'static str,
    chunk: Bytes,
    carry: BytesMut,
    messages: u64,
}

impl Decoder {
    fn new(kind: Kind, max: usize, delimiter: u8, noun: &'static str) -> Self {
        Self { kind, max, delimiter, noun, chunk: Bytes::new(), carry: BytesMut::new(), messages: 0 }
    }

    fn place(&self) -> String {
        format!("{} {}", self.noun, self.messages + 1)
    }

    fn emit(&mut self, payload: Bytes) -> Result<Message, BadInput> {
        if payload.len() > self.max {
            return Err(BadInput::too_big(&self.place(), self.max));
        }
        match message(self.kind, payload) {
            Ok(message) => {
                self.messages += 1;
                Ok(message)
            }
            Err(at) => Err(BadInput::not_utf8(&self.place(), at)),
        }
    }
}

impl Decode for Decoder {
    fn feed(&mut self, chunk: Bytes) {
        debug_assert!(self.chunk.is_empty());
        self.chunk = chunk;
    }

    fn next(&mut self) -> Option<Result<Message, BadInput>> {
        let Some(end) = memchr::memchr(self.delimiter, &self.chunk) else {
            self.carry.extend_from_slice(&self.chunk);
            self.chunk = Bytes::new();
            return (self.carry.len() > self.max).then(|| Err(BadInput::too_big(&self.place(), self.max)));
        };
        let mut payload = self.chunk.split_to(end);
        self.chunk.advance(1);
        if !self.carry.is_empty() {
            self.carry.extend_from_slice(&payload);
            payload = std::mem::take(&mut self.carry).freeze();
        }
        Some(self.emit(payload))
    }

    fn finish(&mut self) -> Option<Result<Message, BadInput>> {
        if self.carry.is_empty() {
            return None;
        }
        let payload = std::mem::take(&mut self.carry).freeze();
        Some(self.emit(payload))
    }

    fn held(&self) -> usize {
        self.chunk.len() + self.carry.len()
    }
}

struct Encoder(u8);

impl Encode for Encoder {
    fn encode(&mut self, message: &Message, out: &mut Output) {
        match message {
            Message::Text(text) if text.len() < 1024 => out.push_slice(text.as_bytes()),
            other => out.push(&payload(other)),
        }
        out.push_slice(&[self.0]);
    }
}
