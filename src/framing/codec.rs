//! The parts of a framing: a decoder, an encoder with its output, and the entry by which it is known.
//!
//! Each framing is a file that uses this one; the table of all of them stands above.

use super::run::Run;
use crate::{exit::Exit, facts::Facts, fault::Fault, units::counted};
use bytes::{Bytes, BytesMut};
use std::{collections::VecDeque, fmt, sync::Arc};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// Small payloads are gathered in blocks of so many bytes, once it is more than a few.
const BLOCK: usize = 64 * 1024;
/// From this size on a payload goes out from its own buffer.
const OWN_BUFFER: usize = 16 * 1024;

/// The WebSocket frame type that bytes are sent as (RFC 6455 section 5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8, refused otherwise.
    Text,
    /// Any bytes.
    Binary,
}

/// A part of a data message that is passed on before the rest of it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The next bytes of the message.
    pub payload: Bytes,
    /// The message is a text; a character may go on in the next piece.
    pub is_text: bool,
    /// The message begins with it.
    pub is_first: bool,
    /// The message ends with it.
    pub is_last: bool,
}

/// One way of cutting a byte stream into messages.
pub struct Entry {
    /// The word after `--framing`.
    pub name: &'static str,
    /// Takes the text after `NAME=`; `None` where the name is all.
    pub parameter: Option<Parameter>,
    /// One line for help and man page, without a full stop.
    pub summary: &'static str,
    /// The frame type used unless `-t` or `-b` says otherwise.
    pub kind: Kind,
    /// True when messages stand in the output as they are, with delimiters between them: text may be put before
    /// one, and a delimiter that belongs to a message is lost.
    pub delimits: bool,
    /// Makes a decoder, with the parameter, of that kind that refuses messages of more than this many bytes.
    pub decoder: fn(&[u8], Kind, usize) -> Box<dyn Decode>,
    /// Makes an encoder, with the parameter.
    pub encoder: fn(&[u8]) -> Box<dyn Encode>,
}

/// The text after the name of a framing, as in `NAME=TEXT`.
pub struct Parameter {
    /// The whole as help shows it, such as `NAME=TEXT`.
    pub usage: &'static str,
    /// Reads it as it was written.
    pub read: fn(&str) -> Result<Vec<u8>, BadParameter>,
}

/// A parameter that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadParameter {
    /// Why.
    pub cause: String,
    /// One that can, and may have been meant.
    pub instead: String,
}

/// A framing as it was chosen: its entry, with the parameter if it takes one.
#[derive(Clone, PartialEq, Eq)]
pub struct Framing {
    entry: &'static Entry,
    parameter: Option<Arc<[u8]>>,
}

impl Framing {
    pub(super) const fn of(entry: &'static Entry) -> Self {
        Self { entry, parameter: None }
    }

    pub(super) fn with(entry: &'static Entry, parameter: Vec<u8>) -> Self {
        Self { entry, parameter: Some(parameter.into()) }
    }

    /// The word after `--framing`, without a parameter.
    pub fn name(&self) -> &'static str {
        self.entry.name
    }

    /// The frame type used unless `-t` or `-b` says otherwise.
    pub fn kind(&self) -> Kind {
        self.entry.kind
    }

    /// True when messages stand as they are, with delimiters between them.
    pub fn delimits(&self) -> bool {
        self.entry.delimits
    }

    /// A decoder of that kind that refuses messages of more than `max` bytes.
    pub fn decoder(&self, kind: Kind, max: usize) -> Box<dyn Decode> {
        (self.entry.decoder)(self.parameter(), kind, max)
    }

    /// An encoder.
    pub fn encoder(&self) -> Box<dyn Encode> {
        (self.entry.encoder)(self.parameter())
    }

    fn parameter(&self) -> &[u8] {
        self.parameter.as_deref().unwrap_or_default()
    }
}

/// The bytes on their way to a byte sink: small payloads are gathered, large ones kept as they are.
///
/// One write per batch needs small messages side by side in one buffer; copying a large payload for
/// that would cost more than the extra element in a vectored write.
#[derive(Default)]
pub struct Output {
    ready: Vec<Bytes>,
    tail: BytesMut,
    len: usize,
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
    /// The short messages that are next, if two or more lie side by side in the chunk; [`next`](Self::next) tells the
    /// fault of the one behind them.
    fn next_run(&mut self) -> Option<Run> {
        None
    }
    /// The last message, when the input ended without its terminator.
    fn finish(&mut self) -> Option<Result<Message, BadInput>>;
    /// Bytes taken but not yet given out as a message.
    fn held(&self) -> usize;

    /// Gives a large message in pieces, if it can, or whole; before anything is fed.
    fn give_pieces(&mut self, _gives: bool) {}

    /// The next piece of a message that is given in pieces; when the input has ended, its last one.
    fn next_piece(&mut self, _at_end: bool) -> Option<Result<Piece, BadInput>> {
        None
    }
}

/// Messages to bytes.
///
/// An encoder that lies around another one names it as its [`inner`](Encode::inner), which answers for both
/// where the outer one has no answer of its own.
pub trait Encode: Send {
    /// Appends one message to `out`, a control frame only if it wants events; payload bytes are never altered.
    fn encode(&mut self, message: &Message, out: &mut Output);

    /// Appends the messages of a run, and to `ends` the length of `out` behind each of them.
    fn encode_run(&mut self, run: &Run, out: &mut Output, ends: &mut VecDeque<u64>) {
        for message in run.messages() {
            self.encode(&message, out);
            ends.push_back(out.len() as u64);
        }
    }

    /// True when a message may be encoded in pieces: where it begins and ends does not show in the output.
    fn takes_pieces(&self) -> bool {
        false
    }

    /// Appends the next piece of a message, where [it takes pieces](Self::takes_pieces).
    fn encode_piece(&mut self, _piece: &Bytes, _out: &mut Output) {}

    /// The encoder that this one lies around.
    fn inner(&self) -> Option<&dyn Encode> {
        None
    }

    /// The same, to be changed.
    fn inner_mut(&mut self) -> Option<&mut dyn Encode> {
        None
    }

    /// Appends the record of an event, a line with its end, if it has a form for such.
    fn record(&mut self, record: &Bytes, out: &mut Output) {
        if let Some(inner) = self.inner_mut() {
            inner.record(record, out);
        }
    }

    /// True when it has a form for events beside data messages: control frames and the opening.
    fn wants_events(&self) -> bool {
        self.inner().is_some_and(Encode::wants_events)
    }

    /// True when its output never makes a terminal act, whatever the payload.
    fn is_printable(&self) -> bool {
        self.inner().is_some_and(Encode::is_printable)
    }

    /// Appends that a connection is open, with its number in a server.
    fn open(&mut self, conn: Option<u64>, facts: &Facts, out: &mut Output) {
        if let Some(inner) = self.inner_mut() {
            inner.open(conn, facts, out);
        }
    }
}

/// Input that cannot be sent as a message (exit 65).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadInput {
    /// Place and cause, such as `line 3 is not UTF-8 (byte 17)`.
    pub cause: String,
    /// The next step.
    pub hint: &'static str,
}

impl BadInput {
    /// Exit 65, with the name of the input it came from.
    pub fn fault(self, input: &str) -> Fault {
        Fault::new(Exit::BadInput, "input", format!("{input}: {}", self.cause)).hint(self.hint)
    }

    pub(super) fn not_utf8(place: &str, byte: usize) -> Self {
        Self {
            cause: format!("{place} is not UTF-8 (byte {})", byte + 1),
            hint: "send it as binary with -b, or convert it to UTF-8",
        }
    }

    /// The input ends within a message, of which there were so many bytes.
    pub(super) fn cut(place: &str, bytes: usize, hint: &'static str) -> Self {
        let bytes = counted(bytes as u64, "byte");
        Self { cause: format!("the input ends within {place}, after {bytes} of it"), hint }
    }

    pub(super) fn too_big(place: &str, max: usize) -> Self {
        Self {
            cause: format!("{place} is longer than {max} bytes"),
            hint: "raise the limit with --max-message, or choose another --framing",
        }
    }
}

impl Output {
    /// Appends a copy of a few bytes.
    pub fn push_slice(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.len += bytes.len();
        self.tail.extend_from_slice(bytes);
    }

    /// Begins a block where this one is full: growing it further would copy all of it.
    #[inline]
    fn make_room(&mut self, bytes: usize) {
        if self.tail.capacity() - self.tail.len() < bytes && self.tail.len() >= BLOCK / 2 {
            self.seal();
            self.tail = BytesMut::with_capacity(BLOCK.max(bytes));
        }
    }

    /// Appends so many bytes, and gives them to be written.
    pub(super) fn room(&mut self, bytes: usize) -> &mut [u8] {
        self.make_room(bytes);
        let from = self.tail.len();
        self.tail.resize(from + bytes, 0);
        self.len += bytes;
        &mut self.tail[from..]
    }

    /// Appends a payload, shared when it is large.
    pub fn push(&mut self, payload: &Bytes) {
        if payload.len() < OWN_BUFFER {
            return self.push_slice(payload);
        }
        self.seal();
        self.len += payload.len();
        self.ready.push(payload.clone());
    }

    /// Bytes queued.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when nothing is queued.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes everything queued, in order.
    pub fn take(&mut self) -> Vec<Bytes> {
        self.seal();
        self.len = 0;
        std::mem::take(&mut self.ready)
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.ready.push(self.tail.split().freeze());
        }
    }
}

/// The payload as a message of that kind; the error is the offset of the first bad byte.
pub(super) fn message(kind: Kind, payload: Bytes) -> Result<Message, usize> {
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

impl Entry {
    /// The name as help shows it, with that of the parameter.
    pub fn usage(&self) -> &'static str {
        self.parameter.as_ref().map_or(self.name, |parameter| parameter.usage)
    }

    /// The part of it that is always the same, with the `=` before a parameter.
    pub fn stem(&self) -> &'static str {
        self.usage().split_inclusive('=').next().unwrap_or(self.name)
    }
}

impl fmt::Debug for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.parameter {
            Some(parameter) => write!(f, "{}={}", self.name(), parameter.escape_ascii()),
            None => f.write_str(self.name()),
        }
    }
}
