//! Framings: how bytes become messages and back.
//!
//! A framing is picked by name from [`FRAMINGS`]; one more is one file and one line here, and help,
//! man page, completions and the table's tests follow. Decoders and encoders are pure: chunks in,
//! messages out, and every split of the input gives the same messages.

mod delimited;
mod raw;
mod whole;

use bytes::{Bytes, BytesMut};
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
    /// One line for help and man page, imperative mood not needed, no full stop.
    pub summary: &'static str,
    /// The frame type used unless `-t` or `-b` says otherwise.
    pub kind: Kind,
    /// Makes a decoder that refuses messages of more than this many bytes.
    pub decoder: fn(usize) -> Box<dyn Decode>,
    /// Makes an encoder.
    pub encoder: fn() -> Box<dyn Encode>,
}

/// A framing: an entry of [`FRAMINGS`].
pub type Framing = &'static Entry;

/// Every framing, in the order help shows them.
pub static FRAMINGS: &[Entry] = &[delimited::LINES, delimited::NUL, raw::RAW, whole::WHOLE];

/// The framing of that name.
pub fn by_name(name: &str) -> Option<Framing> {
    FRAMINGS.iter().find(|entry| entry.name == name)
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
