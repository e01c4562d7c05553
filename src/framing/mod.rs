//! Framings: how bytes become messages and back.
//!
//! A framing is picked by name from [`FRAMINGS`]; one more is one file and one line here, and help,
//! man page, completions and the table's tests follow. Decoders and encoders are pure: chunks in,
//! messages out, and every split of the input gives the same messages.

mod delimited;
mod encoded;
mod escaped;
pub mod jsonl;
mod length;
mod marked;
mod output;
mod paragraph;
mod raw;
pub mod record;
mod stamped;
pub mod verdict;
mod whole;

pub use escaped::Escaped;
pub use marked::{at_start, is_utf16, unmarked};
pub use output::Output;
pub use stamped::{Stamp, Stamped};

use crate::{exit::Exit, fault::Fault};
use bytes::Bytes;
use record::Facts;
use std::fmt;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// The WebSocket frame type that bytes are sent as (RFC 6455 section 5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8, refused otherwise.
    Text,
    /// Any bytes.
    Binary,
}

/// One way of cutting a byte stream into messages.
pub struct Entry {
    /// The word after `--framing`.
    pub name: &'static str,
    /// One line for help and man page, without a full stop.
    pub summary: &'static str,
    /// The frame type used unless `-t` or `-b` says otherwise.
    pub kind: Kind,
    /// Makes a decoder of that kind that refuses messages of more than this many bytes.
    pub decoder: fn(Kind, usize) -> Box<dyn Decode>,
    /// Makes an encoder.
    pub encoder: fn() -> Box<dyn Encode>,
}

/// A framing: an entry of [`FRAMINGS`].
pub type Framing = &'static Entry;

/// Every framing, in the order help shows them.
pub static FRAMINGS: &[Entry] = &[
    delimited::LINES,
    delimited::NUL,
    raw::RAW,
    whole::WHOLE,
    length::LENGTH,
    encoded::BASE64,
    encoded::HEX,
    paragraph::PARAGRAPH,
    jsonl::JSONL,
];

/// The framing of that name.
pub fn by_name(name: &str) -> Option<Framing> {
    FRAMINGS.iter().find(|entry| entry.name == name)
}

/// Bytes to messages.
///
/// Chunks are given with [`feed`](Decode::feed) only after [`next`](Decode::next) returned `None`,
/// so that a decoder cuts messages out of the chunk it was given without copying them.
pub trait Decode: Send {
    /// Takes the next chunk of input.
    fn feed(&mut self, chunk: Bytes);
    /// The next whole message; `None` asks for more input.
    fn next(&mut self) -> Option<Result<Message, BadInput>>;
    /// The last message, when the input ended without its terminator.
    fn finish(&mut self) -> Option<Result<Message, BadInput>>;
    /// Bytes taken but not yet given out as a message.
    fn held(&self) -> usize;
}

/// Messages to bytes.
pub trait Encode: Send {
    /// Appends one message to `out`, a control frame only if it wants events; payload bytes are never altered.
    fn encode(&mut self, message: &Message, out: &mut Output);

    /// Whether it has a form for what happens beside data messages: control frames and the opening.
    fn wants_events(&self) -> bool {
        false
    }

    /// Whether nothing that it writes makes a terminal act, whatever the payload.
    fn is_printable(&self) -> bool {
        false
    }

    /// Appends that a connection is open, with its number in a server.
    fn open(&mut self, conn: Option<u64>, facts: &Facts, out: &mut Output) {
        let _ = (conn, facts, out);
    }
}

/// Input that cannot be sent as a message (exit 65).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadInput {
    /// Where and what, such as `line 3 is not UTF-8 (byte 17)`.
    pub cause: String,
    /// The next step.
    pub hint: &'static str,
}

impl BadInput {
    /// Exit 65, with the name of the input it came from.
    pub fn fault(self, input: &str) -> Fault {
        Fault::new(Exit::BadInput, "input", format!("{input}: {}", self.cause)).hint(self.hint)
    }

    fn not_utf8(place: &str, byte: usize) -> Self {
        Self {
            cause: format!("{place} is not UTF-8 (byte {})", byte + 1),
            hint: "send it as binary with -b, or convert it to UTF-8",
        }
    }

    fn too_big(place: &str, max: usize) -> Self {
        Self {
            cause: format!("{place} is longer than {max} bytes"),
            hint: "raise the limit with --max-message, or choose another --framing",
        }
    }
}

/// The payload as a message of that kind; the error is the offset of the first bad byte.
fn message(kind: Kind, payload: Bytes) -> Result<Message, usize> {
    match kind {
        Kind::Binary => Ok(Message::Binary(payload)),
        Kind::Text => match Utf8Bytes::try_from(payload) {
            Ok(text) => Ok(Message::Text(text)),
            Err(error) => Err(error.valid_up_to()),
        },
    }
}

/// The payload of a data message, shared and not copied.
pub fn payload(message: &Message) -> Bytes {
    match message {
        Message::Text(text) => Bytes::clone(text.as_ref()),
        Message::Binary(bytes) => bytes.clone(),
        other => other.clone().into_data(),
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Entry {}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests;
