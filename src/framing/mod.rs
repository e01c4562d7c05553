//! Framings: how bytes become messages and back.
//!
//! A framing is picked by name from [`FRAMINGS`], some with a parameter; one more is one file and one line
//! here, and help, man page, completions and the table's tests follow. Decoders and encoders are pure: chunks in,
//! messages out, and every split of the input gives the same messages.

mod codec;
mod delimited;
mod encoded;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod headers;
pub mod jsonl;
mod length;
mod marked;
mod paragraph;
mod raw;
pub mod record;
mod run;
mod signs;
pub mod verdict;
mod wrappers;

pub use codec::{BadInput, BadParameter, Decode, Encode, Entry, Framing, Kind, Output, Piece, payload};
pub use marked::{at_start, is_utf16, unmarked};
pub use run::Run;
pub use signs::{Notice, Sign, watched};
pub use wrappers::{Escaped, Stamp, Stamped};

use codec::message;

/// Every framing, in the order help shows them.
pub static FRAMINGS: &[Entry] = &[
    delimited::LINES,
    delimited::NUL,
    delimited::SEP,
    raw::RAW,
    raw::WHOLE,
    length::LENGTH,
    headers::HEADERS,
    encoded::BASE64,
    encoded::HEX,
    paragraph::PARAGRAPH,
    jsonl::JSONL,
];

/// One message a line.
pub const LINES: Framing = Framing::of(&delimited::LINES);
/// One message between NULs.
pub const NUL: Framing = Framing::of(&delimited::NUL);
/// One message a piece of the stream, wherever it is cut.
pub const RAW: Framing = Framing::of(&raw::RAW);
/// One message behind its headers.
pub const HEADERS: Framing = Framing::of(&headers::HEADERS);
/// One message a JSON record.
pub const JSONL: Framing = Framing::of(&jsonl::JSONL);

/// The framing that is written so, `NAME` or `NAME=PARAMETER`; `None` where there is none of that name.
pub fn parse(text: &str) -> Option<Result<Framing, BadParameter>> {
    let (name, written) = text.split_once('=').map_or((text, None), |(name, written)| (name, Some(written)));
    let entry = FRAMINGS.iter().find(|entry| entry.name == name)?;
    match (&entry.parameter, written) {
        (None, None) => Some(Ok(Framing::of(entry))),
        (None, Some(_)) => None,
        (Some(parameter), written) => {
            let read = (parameter.read)(written.unwrap_or_default());
            Some(read.map(|bytes| Framing::with(entry, bytes)))
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
use tests::named;
