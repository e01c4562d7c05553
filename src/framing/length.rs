//! `length`: four bytes of length before each message, big-endian.

use super::{BadInput, Decode, Encode, Entry, Kind, Output, Run, message, payload};
use bytes::{Buf, Bytes, BytesMut};
use std::{collections::VecDeque, ops::Range, str};
use tokio_tungstenite::tungstenite::Message;

/// Bytes before each message.
const HEADER: usize = 4;

pub(super) const LENGTH: Entry = Entry {
    name: "length",
    parameter: None,
    summary: "a length of 4 bytes, big-endian, stands before each message",
    kind: Kind::Binary,
    delimits: false,
    decoder: |_, kind, max| Box::new(Decoder { kind, max, held: BytesMut::new(), messages: 0 }),
    encoder: |_| Box::new(Encoder),
};

struct Decoder {
    kind: Kind,
    max: usize,
    held: BytesMut,
    messages: u64,
}

impl Decoder {
    fn place(&self) -> String {
        format!("record {}", self.messages + 1)
    }
}

impl Decode for Decoder {
    fn feed(&mut self, chunk: Bytes) {
        self.held.extend_from_slice(&chunk);
    }

    fn next(&mut self) -> Option<Result<Message, BadInput>> {
        let length = u32::from_be_bytes(*self.held.first_chunk()?) as usize;
        if length > self.max {
            return Some(Err(BadInput::too_big(&self.place(), self.max)));
        }
        if self.held.len() < HEADER + length {
            return None;
        }
        self.held.advance(HEADER);
        let payload = self.held.split_to(length).freeze();
        let message = message(self.kind, payload).map_err(|at| BadInput::not_utf8(&self.place(), at));
        self.messages += u64::from(message.is_ok());
        Some(message)
    }

    fn next_run(&mut self) -> Option<Run> {
        let begin = &self.held[..self.held.len().min(Run::BLOCK)];
        let (mut spans, mut at) = (Vec::<Range<u32>>::new(), 0);
        while spans.len() < Run::MESSAGES
            && let Some((header, rest)) = begin[at..].split_first_chunk()
            && let Some(payload) = rest.get(..u32::from_be_bytes(*header) as usize)
            && payload.len() <= self.max.min(Run::LONGEST)
            && (self.kind == Kind::Binary || str::from_utf8(payload).is_ok())
        {
            let from = at + HEADER;
            at = from + payload.len();
            spans.push(from as u32..at as u32);
        }
        if spans.len() < 2 {
            return None;
        }
        self.messages += spans.len() as u64;
        Some(Run::new(self.kind == Kind::Text, self.held.split_to(at).freeze(), spans))
    }

    fn finish(&mut self) -> Option<Result<Message, BadInput>> {
        let left = std::mem::take(&mut self.held).len();
        let hint = "each message needs its length before it: 4 bytes, big-endian";
        (left > 0).then(|| Err(BadInput::cut(&self.place(), left, hint)))
    }

    fn held(&self) -> usize {
        self.held.len()
    }
}

struct Encoder;

impl Encode for Encoder {
    fn encode(&mut self, message: &Message, out: &mut Output) {
        let payload = payload(message);
        // A message is bounded by --max-message, which is less than 4 GiB for any that fits in memory.
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        out.push_slice(&length.to_be_bytes());
        out.push(&payload);
    }

    fn encode_run(&mut self, run: &Run, out: &mut Output, ends: &mut VecDeque<u64>) {
        ends.extend(run.ends(out.len(), HEADER));
        let mut room = out.room(run.bytes() + run.count() * HEADER);
        for payload in run.payloads() {
            let (copy, behind) = room.split_at_mut(HEADER + payload.len());
            copy[..HEADER].copy_from_slice(&(payload.len() as u32).to_be_bytes());
            copy[HEADER..].copy_from_slice(payload);
            room = behind;
        }
    }
}
