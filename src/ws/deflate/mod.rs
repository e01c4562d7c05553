//! permessage-deflate (RFC 7692): what is agreed, and how messages are compressed and restored.
//!
//! The protocol engine knows no extension: what comes compressed is restored where its frames are read
//! (`Inflating`), and what we send is compressed where we encode our frames (`Deflating`). Nothing of it is
//! there when it was not agreed on.
//!
//! # Memory
//! A direction costs nothing before its first compressed message. Then receiving takes about 40 KiB for each
//! connection: zlib's state and window at 15 bits. Sending takes about 290 KiB for those connections that spoke
//! last, and 18 MiB for all.

mod compress;
mod compressors;
mod inflate;
mod offer;
#[cfg(test)]
mod tests;

pub(super) use self::{compress::Deflating, inflate::Inflating};
pub use offer::{NAME, OFFER, accept, check};

use std::{fmt, ops::AddAssign};

/// The bit that marks a compressed message, on its first frame (section 6).
pub(super) const RSV1: u8 = 0x40;

/// The end of every flush of DEFLATE, which is not sent (section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// permessage-deflate as both sides agreed on it (section 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Each message of the server is compressed by itself.
    pub server_no_context_takeover: bool,
    /// Each message of the client is compressed by itself.
    pub client_no_context_takeover: bool,
    /// Base-2 logarithm of the server's window, 8 to 15.
    pub server_max_window_bits: u8,
    /// Base-2 logarithm of the client's window, 8 to 15.
    pub client_max_window_bits: u8,
}

impl Default for Agreed {
    /// Without any parameter.
    fn default() -> Self {
        Self {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
        }
    }
}

impl fmt::Display for Agreed {
    /// As it stands in the header field of the answer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("permessage-deflate")?;
        if self.server_no_context_takeover {
            f.write_str("; server_no_context_takeover")?;
        }
        if self.client_no_context_takeover {
            f.write_str("; client_no_context_takeover")?;
        }
        if self.server_max_window_bits < 15 {
            write!(f, "; server_max_window_bits={}", self.server_max_window_bits)?;
        }
        if self.client_max_window_bits < 15 {
            write!(f, "; client_max_window_bits={}", self.client_max_window_bits)?;
        }
        Ok(())
    }
}

/// Payload bytes of one direction's data messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// As messages.
    pub plain: u64,
    /// On the wire, without headers.
    pub wire: u64,
}

impl AddAssign for Volume {
    fn add_assign(&mut self, other: Self) {
        self.plain += other.plain;
        self.wire += other.wire;
    }
}
