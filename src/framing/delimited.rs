//! `lines`, `nul` and `sep`: a separator ends each message.
//!
//! Messages are slices of the chunk they came in; only one that spans chunks is copied, and what was
//! scanned once is not scanned again, so that a line of 50 MB costs as much per byte as a short one. Of
//! several bytes of a separator some may be in one chunk and some in the next, so where two chunks meet
//! the few bytes on either side are looked at together.

use super::{
    BadInput, Decode, Encode, Entry, Kind, Output, Run,
    codec::{BadParameter, Parameter},
    message, payload,
};
use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;
use std::{collections::VecDeque, ops::Range, str};
use tokio_tungstenite::tungstenite::Message;

pub(super) const LINES: Entry = Entry {
    name: "lines",
    parameter: None,
    summary: "one line, without its newline, is one message",
    kind: Kind::Text,
    delimits: true,
    decoder: |_, kind, max| Box::new(Decoder::new(kind, max, b"\n", "line")),
    encoder: |_| Box::new(Encoder([b'\n'].into())),
};

pub(super) const NUL: Entry = Entry {
    name: "nul",
    parameter: None,
    summary: "as lines, with NUL in place of the newline",
    kind: Kind::Text,
    delimits: true,
    decoder: |_, kind, max| Box::new(Decoder::new(kind, max, b"\0", "record")),
    encoder: |_| Box::new(Encoder([0].into())),
};

pub(super) const SEP: Entry = Entry {
    name: "sep",
    parameter: Some(Parameter { usage: "sep=STR", read: separator }),
    summary: r"as lines, with STR in place of the newline; in quotes it may have \r \n \t \0 \x1e",
    kind: Kind::Text,
    delimits: true,
    decoder: |separator, kind, max| Box::new(Decoder::new(kind, max, separator, "record")),
    encoder: |separator| Box::new(Encoder(separator.into())),
};

/// Reads the separator of `sep`, with its escapes.
fn separator(text: &str) -> Result<Vec<u8>, BadParameter> {
    let bad = |cause: String| BadParameter { cause, instead: r"\x1e".to_owned() };
    if text.is_empty() {
        return Err(bad("it needs a separator of one or more bytes".to_owned()));
    }
    if let Some(instead) = with_backslashes(text) {
        let cause =
            format!(r"a shell took the backslashes away: write 'sep={instead}' in quotes, a letter as \xHH");
        return Err(BadParameter { cause, instead });
    }
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = &rest[at..];
        let Some((byte, length)) = unescaped(&escape[1..]) else {
            let shown: String = escape.chars().take(if escape.starts_with(r"\x") { 4 } else { 2 }).collect();
            return Err(bad(format!(r"`{shown}` is no escape: there are \r \n \t \0 \\ and \xHH")));
        };
        bytes.push(byte);
        rest = &escape[1 + length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// The byte that an escape stands for, and how many characters stand for it behind the backslash.
fn unescaped(escape: &str) -> Option<(u8, usize)> {
    let byte = match escape.chars().next()? {
        'r' => b'\r',
        'n' => b'\n',
        't' => b'\t',
        '0' => 0,
        '\\' => b'\\',
        'x' => {
            let digits =
                escape.get(1..3).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
            return Some((u8::from_str_radix(digits, 16).ok()?, 3));
        }
        _ => return None,
    };
    Some((byte, 1))
}

/// The escapes of which this is the rest when a shell took the backslashes out of them; nobody separates
/// messages by an `rn` or an `x1e`, and a letter can be written as its `\xHH`.
fn with_backslashes(text: &str) -> Option<String> {
    let (mut escapes, mut rest) = (String::new(), text);
    while !rest.is_empty() {
        let (_, length) = unescaped(rest).filter(|_| !rest.starts_with('\\'))?;
        escapes.extend(["\\", &rest[..length]]);
        rest = &rest[length..];
    }
    Some(escapes)
}

struct Decoder {
    kind: Kind,
    max: usize,
    separator: Finder<'static>,
    /// The separator is UTF-8: the texts between two are UTF-8 when the block is.
    is_text: bool,
    noun: &'static str,
    chunk: Bytes,
    /// The message's bytes of earlier chunks, in which no separator ends.
    carry: BytesMut,
    messages: u64,
}

impl Decoder {
    fn new(kind: Kind, max: usize, separator: &[u8], noun: &'static str) -> Self {
        let is_text = str::from_utf8(separator).is_ok();
        let separator = Finder::new(separator).into_owned();
        Self { kind, max, separator, is_text, noun, chunk: Bytes::new(), carry: BytesMut::new(), messages: 0 }
    }

    fn place(&self) -> String {
        format!("{} {}", self.noun, self.messages + 1)
    }

    /// Bytes of the message, of the carry first and then of the chunk, that stand before its separator.
    fn end(&self) -> Option<usize> {
        let (carried, across) = (self.carry.len(), self.separator.needle().len() - 1);
        let begun = &self.carry[carried.saturating_sub(across)..];
        if !begun.is_empty() {
            let met = [begun, &self.chunk[..self.chunk.len().min(across)]].concat();
            if let Some(at) = self.separator.find(&met) {
                return Some(carried - begun.len() + at);
            }
        }
        let found = match self.separator.needle() {
            [byte] => memchr::memchr(*byte, &self.chunk),
            _ => self.separator.find(&self.chunk),
        };
        found.map(|at| carried + at)
    }

    /// Places of the messages at the beginning of the chunk, as far as each of them may be part of a run.
    fn spans(&self, ends: impl Iterator<Item = usize>) -> Vec<Range<u32>> {
        let (mut spans, mut from) = (Vec::new(), 0);
        for end in ends.take(Run::MESSAGES) {
            if end - from > self.max.min(Run::LONGEST) {
                break;
            }
            spans.push(from as u32..end as u32);
            from = end + self.separator.needle().len();
        }
        spans
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
        let length = self.separator.needle().len();
        let Some(end) = self.end() else {
            self.carry.extend_from_slice(&self.chunk);
            self.chunk = Bytes::new();
            // The last of them may be a separator's.
            let longest = self.max.saturating_add(length - 1);
            return (self.carry.len() > longest).then(|| Err(BadInput::too_big(&self.place(), self.max)));
        };
        let mut payload = self.chunk.split_to(end + length - self.carry.len());
        if self.carry.is_empty() {
            payload.truncate(end);
        } else {
            self.carry.extend_from_slice(&payload);
            self.carry.truncate(end);
            payload = std::mem::take(&mut self.carry).freeze();
        }
        Some(self.emit(payload))
    }

    fn next_run(&mut self) -> Option<Run> {
        if !self.carry.is_empty() || self.kind == Kind::Text && !self.is_text {
            return None;
        }
        let (needle, begin) = (self.separator.needle(), &self.chunk[..self.chunk.len().min(Run::BLOCK)]);
        let mut spans = match needle {
            [byte] => self.spans(memchr::memchr_iter(*byte, begin)),
            _ => self.spans(self.separator.find_iter(begin)),
        };
        let end = |spans: &[Range<u32>]| spans.last().map_or(0, |last| last.end as usize + needle.len());
        if self.kind == Kind::Text
            && let Err(error) = str::from_utf8(&begin[..end(&spans)])
        {
            spans.retain(|span| span.end as usize <= error.valid_up_to());
        }
        if spans.len() < 2 {
            return None;
        }
        let block = self.chunk.split_to(end(&spans));
        self.messages += spans.len() as u64;
        Some(Run::new(self.kind == Kind::Text, block, spans))
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

struct Encoder(Box<[u8]>);

impl Encode for Encoder {
    fn encode(&mut self, message: &Message, out: &mut Output) {
        match message {
            Message::Text(text) if text.len() < 1024 => out.push_slice(text.as_bytes()),
            other => out.push(&payload(other)),
        }
        out.push_slice(&self.0);
    }

    fn encode_run(&mut self, run: &Run, out: &mut Output, ends: &mut VecDeque<u64>) {
        ends.extend(run.ends(out.len(), self.0.len()));
        let mut room = out.room(run.bytes() + run.count() * self.0.len());
        for payload in run.payloads() {
            let (copy, behind) = room.split_at_mut(payload.len());
            copy.copy_from_slice(payload);
            let (separator, behind) = behind.split_at_mut(self.0.len());
            match (separator, &self.0[..]) {
                // Written without a call.
                ([one], [byte]) => *one = *byte,
                (separator, bytes) => separator.copy_from_slice(bytes),
            }
            room = behind;
        }
    }
}
