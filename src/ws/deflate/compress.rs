//! Messages of ours, compressed.
//!
//! Each piece of a message is compressed and flushed by itself, so that a large message needs no more
//! memory than one piece, and the peer can restore what it has.

use super::{TAIL, Volume};
use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress};
use std::io;

/// zlib's scale. On text, level 3 comes within a tenth of the size that the default, 6, gives, in half the
/// time; level 1 takes a third of its time, and gives a third more.
const LEVEL: u32 = 3;
/// Messages below this go as they are. JSON of 32 bytes shrinks to a quarter with the context of the messages
/// before it; without, what has 64 bytes does not shrink at all, and 128 bytes do by a sixth. Bytes.
const WITH_CONTEXT: usize = 32;
const WITHOUT_CONTEXT: usize = 128;
/// A piece that does not shrink is sent as it is, which costs the context. A piece below this size is sent
/// compressed all the same: the context is worth more than the few bytes that it grows by. Bytes.
const SMALL: usize = 16 * 1024;

/// The compressor of our messages.
pub(in crate::ws) struct Deflating {
    /// Made for the first message that is compressed.
    deflater: Option<Box<Compress>>,
    keeps_context: bool,
    window_bits: u8,
    volume: Volume,
}

impl Deflating {
    /// `keeps_context`: a message may refer to earlier ones, as far back as the window goes.
    pub(in crate::ws) fn new(keeps_context: bool, window_bits: u8) -> Self {
        // zlib makes no raw stream with 8 bits. With 9 it refers at most 250 bytes back (the window less
        // its look-ahead of 262), which the 256 bytes of the peer's window hold; Node does the same.
        Self {
            deflater: None,
            keeps_context,
            window_bits: window_bits.clamp(9, 15),
            volume: Volume::default(),
        }
    }

    /// True when no message had to be compressed yet.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.deflater.is_none()
    }

    /// Volume sent so far.
    pub(in crate::ws) fn volume(&self) -> Volume {
        self.volume
    }

    /// Takes note of a payload that was sent, and of how it was before.
    pub(in crate::ws) fn count(&mut self, plain: usize, wire: usize) {
        self.volume.plain += plain as u64;
        self.volume.wire += wire as u64;
    }

    /// Compresses a message's only or first piece; `None` when it goes as it is, with all that follows.
    pub(in crate::ws) fn begin(&mut self, piece: &[u8], is_last: bool) -> Option<Bytes> {
        if piece.len() < if self.keeps_context { WITH_CONTEXT } else { WITHOUT_CONTEXT } {
            return None;
        }
        let compressed = self.go_on(piece, is_last).ok();
        let is_small = self.keeps_context && piece.len() < SMALL;
        if let Some(compressed) = compressed.filter(|compressed| is_small || compressed.len() < piece.len()) {
            return Some(compressed);
        }
        // The peer never gets it, so nothing may refer to it.
        if let Some(deflater) = &mut self.deflater {
            deflater.reset();
        }
        None
    }

    /// Compresses one more piece of a message.
    ///
    /// # Errors
    /// None that is known; zlib could say that its state is broken.
    pub(in crate::ws) fn go_on(&mut self, piece: &[u8], is_last: bool) -> io::Result<Bytes> {
        let deflater = self.deflater.get_or_insert_with(|| {
            Box::new(Compress::new_with_window_bits(Compression::new(LEVEL), false, self.window_bits))
        });
        let mut compressed = Vec::with_capacity(piece.len() / 2 + 64);
        let start = deflater.total_in();
        loop {
            let used = (deflater.total_in() - start) as usize;
            deflater
                .compress_vec(&piece[used..], &mut compressed, FlushCompress::Sync)
                .map_err(io::Error::other)?;
            // Room that is left over means that the flush is complete.
            if compressed.len() < compressed.capacity() {
                break;
            }
            compressed.reserve(piece.len() / 2 + 64);
        }
        if is_last {
            let end = compressed.strip_suffix(&TAIL).ok_or_else(|| io::Error::other("zlib did not flush"))?;
            compressed.truncate(end.len());
            if !self.keeps_context {
                deflater.reset();
            }
        }
        Ok(compressed.into())
    }
}
