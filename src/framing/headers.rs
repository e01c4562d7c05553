//! `headers`: `Content-Length: N`, an empty line and N bytes, as language servers and debug adapters speak.
//!
//! This is the base protocol of LSP and DAP. The header lines stand in the same buffer as the message until
//! it is whole, so that an end of the input within it can be told with all the bytes there were. What is
//! read is taken leniently where nothing can be misread (bare LF, other headers), and what is written is as
//! the protocol wants it.

use super::{BadInput, Decode, Encode, Entry, Kind, Output, message, payload};
use bytes::{Buf, Bytes, BytesMut};
use tokio_tungstenite::tungstenite::Message;

/// Bytes of header lines before one message.
const LONGEST: usize = 8 * 1024;
/// Characters of a line that are shown when it is no header.
const SHOWN: usize = 60;

const HINT: &str = "each message needs 'Content-Length: N' and an empty line before it, with N its bytes";

pub(super) const HEADERS: Entry = Entry {
    name: "headers",
    parameter: None,
    summary: "Content-Length headers stand before each message, as language servers speak (LSP, DAP)",
    kind: Kind::Text,
    delimits: false,
    decoder: |_, kind, max| {
        Box::new(Decoder {
            kind,
            max,
            held: BytesMut::new(),
            line: 0,
            length: None,
            is_headed: false,
            messages: 0,
        })
    },
    encoder: |_| Box::new(Encoder),
};

struct Decoder {
    kind: Kind,
    max: usize,
    held: BytesMut,
    /// Offset in `held` of the header line whose end was not seen yet, and of the payload after the last one.
    line: usize,
    length: Option<usize>,
    /// All header lines of the message were read.
    is_headed: bool,
    messages: u64,
}

impl Decoder {
    fn place(&self) -> String {
        format!("message {}", self.messages + 1)
    }

    fn bad(&self, cause: &str) -> BadInput {
        BadInput { cause: format!("{} {cause}", self.place()), hint: HINT }
    }

    /// Reads the next header line; false when its end is not there yet.
    fn read_line(&mut self) -> Result<bool, BadInput> {
        let lines = &self.held[..self.held.len().min(LONGEST)];
        let Some(end) = memchr::memchr(b'\n', &lines[self.line..]) else {
            return match lines.len() {
                LONGEST => Err(self.bad(&format!("has more than {LONGEST} bytes of headers"))),
                _ => Ok(false),
            };
        };
        let line = &lines[self.line..self.line + end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            self.is_headed = true;
        } else if let Some(length) = self.content_length(line)? {
            if self.length.is_some_and(|before| before != length) {
                return Err(self.bad("has two Content-Length headers, which differ"));
            }
            self.length = Some(length);
        }
        self.line += end + 1;
        Ok(true)
    }

    /// The length that a header line says; `None` for another header.
    fn content_length(&self, line: &[u8]) -> Result<Option<usize>, BadInput> {
        let name = line.iter().position(|byte| *byte == b':').map(|at| &line[..at]);
        let Some(name) = name.filter(|name| !name.is_empty() && name.iter().all(u8::is_ascii_graphic)) else {
            let shown: String = String::from_utf8_lossy(line).chars().take(SHOWN).collect();
            return Err(self.bad(&format!("has a line before it that is no header: `{shown}`")));
        };
        if !name.eq_ignore_ascii_case(b"content-length") {
            return Ok(None);
        }
        let value = line[name.len() + 1..].trim_ascii();
        if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return Err(self.bad("has a Content-Length that is no number"));
        }
        // Only a number of too many digits is none here.
        let length = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
        match length.filter(|length| *length <= self.max) {
            Some(length) => Ok(Some(length)),
            None => Err(BadInput::too_big(&self.place(), self.max)),
        }
    }
}

impl Decode for Decoder {
    fn feed(&mut self, chunk: Bytes) {
        self.held.extend_from_slice(&chunk);
    }

    fn next(&mut self) -> Option<Result<Message, BadInput>> {
        while !self.is_headed {
            match self.read_line() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(bad) => return Some(Err(bad)),
            }
        }
        let Some(length) = self.length else {
            return Some(Err(self.bad("has no Content-Length header")));
        };
        if self.held.len() - self.line < length {
            return None;
        }
        self.held.advance(self.line);
        let payload = self.held.split_to(length).freeze();
        (self.line, self.length, self.is_headed) = (0, None, false);
        let message = message(self.kind, payload).map_err(|at| BadInput::not_utf8(&self.place(), at));
        self.messages += u64::from(message.is_ok());
        Some(message)
    }

    fn finish(&mut self) -> Option<Result<Message, BadInput>> {
        let left = std::mem::take(&mut self.held).len();
        (self.line, self.length, self.is_headed) = (0, None, false);
        (left > 0).then(|| Err(BadInput::cut(&self.place(), left, HINT)))
    }

    fn held(&self) -> usize {
        self.held.len()
    }
}

struct Encoder;

impl Encode for Encoder {
    fn encode(&mut self, message: &Message, out: &mut Output) {
        let payload = payload(message);
        out.push_slice(format!("Content-Length: {}\r\n\r\n", payload.len()).as_bytes());
        out.push(&payload);
    }
}
