//! Framings: how bytes become messages and back.
//!
//! A framing is picked by name from [`FRAMINGS`]; one more is one file and one line here, and help,
//! man page, completions and the table's tests follow. Decoders and encoders are pure: chunks in,
//! messages out, and every split of the input gives the same messages.

mod codec;
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
mod signs;
mod stamped;
pub mod verdict;
mod whole;

pub use codec::{BadInput, Decode, Encode, Entry, Kind, payload};
pub use escaped::Escaped;
pub use marked::{at_start, is_utf16, unmarked};
pub use output::Output;
pub use signs::{Notice, Sign, watched};
pub use stamped::{Stamp, Stamped};

use codec::message;

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

/// One message a line.
pub const LINES: Framing = &FRAMINGS[0];
/// One message a piece of the stream, wherever it is cut.
pub const RAW: Framing = &FRAMINGS[2];

/// The framing of that name.
pub fn by_name(name: &str) -> Option<Framing> {
    FRAMINGS.iter().find(|entry| entry.name == name)
}

#[cfg(test)]
mod tests;
