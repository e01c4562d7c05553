//! `whole`: all input until its end is one message.

use super::{BadInput, Decode, Entry, Kind, message, raw};
use bytes::{Bytes, BytesMut};
use tokio_tungstenite::tungstenite::Message;

pub(super) const WHOLE: Entry = Entry {
    name: "whole",
    parameter: None,
    summary: "all input until its end is one message",
    kind: Kind::Binary,
    delimits: false,
    decoder: |_, kind, max| Box::new(Decoder { kind, max, all: BytesMut::new() }),
    encoder: |_| Box::new(raw::Encoder),
};

struct Decoder {
    kind: Kind,
    max: usize,
    all: BytesMut,
}

impl Decode for Decoder {
    fn feed(&mut self, chunk: Bytes) {
        self.all.extend_from_slice(&chunk);
    }

    fn next(&mut self) -> Option<Result<Message, BadInput>> {
        (self.all.len() > self.max).then(|| Err(BadInput::too_big("the input", self.max)))
    }

    fn finish(&mut self) -> Option<Result<Message, BadInput>> {
        if self.all.is_empty() {
            return None;
        }
        let payload = std::mem::take(&mut self.all).freeze();
        Some(message(self.kind, payload).map_err(|at| BadInput::not_utf8("the input", at)))
    }

    fn held(&self) -> usize {
        self.all.len()
    }
}
