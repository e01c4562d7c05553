//! `paragraph`: a blank line ends a message, as in pasted pretty JSON.

use super::{BadInput, Decode, Encode, Entry, Kind, Output, message, payload};
use bytes::{Bytes, BytesMut};
use tokio_tungstenite::tungstenite::Message;

pub(super) const PARAGRAPH: Entry = Entry {
    name: "paragraph",
    parameter: None,
    summary: "lines up to a blank line are one message",
    kind: Kind::Text,
    delimits: true,
    decoder: |_, kind, max| Box::new(Decoder { kind, max, held: BytesMut::new(), scanned: 0, messages: 0 }),
    encoder: |_| Box::new(Encoder),
};

struct Decoder {
    kind: Kind,
    max: usize,
    held: BytesMut,
    /// Offset in `held` of the line whose end was not seen yet.
    scanned: usize,
    messages: u64,
}

impl Decoder {
    fn emit(&mut self, paragraph: Bytes) -> Option<Result<Message, BadInput>> {
        let text = trimmed(&paragraph);
        if text == 0 {
            return None;
        }
        let place = format!("paragraph {}", self.messages + 1);
        if text > self.max {
            return Some(Err(BadInput::too_big(&place, self.max)));
        }
        self.messages += 1;
        Some(message(self.kind, paragraph.slice(..text)).map_err(|at| BadInput::not_utf8(&place, at)))
    }
}

/// The length without the last line's end.
fn trimmed(paragraph: &[u8]) -> usize {
    let text = paragraph.strip_suffix(b"\n").unwrap_or(paragraph);
    text.strip_suffix(b"\r").filter(|_| text.len() < paragraph.len()).unwrap_or(text).len()
}

impl Decode for Decoder {
    fn feed(&mut self, chunk: Bytes) {
        self.held.extend_from_slice(&chunk);
    }

    fn next(&mut self) -> Option<Result<Message, BadInput>> {
        while let Some(end) = memchr::memchr(b'\n', &self.held[self.scanned..]) {
            let line = &self.held[self.scanned..self.scanned + end];
            let blank = line.is_empty() || line == b"\r";
            let (before, after) = (self.scanned, self.scanned + end + 1);
            self.scanned = after;
            if blank {
                let mut paragraph = self.held.split_to(after);
                self.scanned = 0;
                paragraph.truncate(before);
                if let Some(message) = self.emit(paragraph.freeze()) {
                    return Some(message);
                }
            }
        }
        let place = || format!("paragraph {}", self.messages + 1);
        // Its end is that of its last line and of the blank one, of which the last byte may not be here yet.
        (self.held.len() > self.max.saturating_add(3)).then(|| Err(BadInput::too_big(&place(), self.max)))
    }

    fn finish(&mut self) -> Option<Result<Message, BadInput>> {
        self.scanned = 0;
        let last = std::mem::take(&mut self.held).freeze();
        self.emit(last)
    }

    fn held(&self) -> usize {
        self.held.len()
    }
}

struct Encoder;

impl Encode for Encoder {
    fn encode(&mut self, message: &Message, out: &mut Output) {
        out.push(&payload(message));
        out.push_slice(b"\n\n");
    }
}
