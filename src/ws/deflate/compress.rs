//! Messages of ours, compressed.
//!
//! Each piece of a message is compressed and flushed by itself, so that a large message needs no more
//! memory than one piece, and the peer can restore what it has.

use super::{TAIL, Volume, compressors::COMPRESSORS};
use bytes::Bytes;
use flate2::{Compress, FlushCompress};
use std::io;

/// Messages below this go as they are. JSON of 32 bytes shrinks to a quarter with the context of the messages
/// before it; without, what has 64 bytes does not shrink at all, and 128 bytes do by a sixth. Bytes.
const WITH_CONTEXT: usize = 32;
const WITHOUT_CONTEXT: usize = 128;
/// A piece that does not shrink is sent as it is, which costs the context. A piece below this size is sent
/// compressed all the same: the context is worth more than the few bytes that it grows by. Bytes.
const SMALL: usize = 16 * 1024;

/// The way of our messages through a compressor.
pub(in crate::ws) struct Deflating {
    /// Our number among the compressors.
    owner: u64,
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
            owner: COMPRESSORS.enter(),
            keeps_context,
            window_bits: window_bits.clamp(9, 15),
            volume: Volume::default(),
        }
    }

    /// True when it has no compressor.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        !COMPRESSORS.has(self.owner)
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
        // How the first piece of a large message was cut says nothing of the rest.
        if is_last && piece.len() < if self.keeps_context { WITH_CONTEXT } else { WITHOUT_CONTEXT } {
            return None;
        }
        let compressed = self.go_on(piece, is_last).ok();
        let is_small = (self.keeps_context || !is_last) && piece.len() < SMALL;
        if let Some(compressed) = compressed.filter(|compressed| is_small || compressed.len() < piece.len()) {
            return Some(compressed);
        }
        // The peer never gets it, so nothing may refer to it.
        COMPRESSORS.forget(self.owner);
        None
    }

    /// Compresses one more piece of a message.
    ///
    /// # Errors
    /// None that is known; zlib could say that its state is broken.
    pub(in crate::ws) fn go_on(&mut self, piece: &[u8], is_last: bool) -> io::Result<Bytes> {
        let mut compressor = COMPRESSORS.take(self.owner, self.window_bits);
        let compressed = flushed(&mut compressor, piece, is_last)?;
        let keeps = !is_last || self.keeps_context;
        COMPRESSORS.keep(keeps.then_some(self.owner), self.window_bits, compressor);
        Ok(compressed)
    }
}

impl Drop for Deflating {
    fn drop(&mut self) {
        COMPRESSORS.leave(self.owner);
    }
}

/// Compresses a piece, and flushes it so that the peer can restore all of it.
fn flushed(compressor: &mut Compress, piece: &[u8], is_last: bool) -> io::Result<Bytes> {
    let mut compressed = Vec::with_capacity(piece.len() / 2 + 64);
    let start = compressor.total_in();
    loop {
        let used = (compressor.total_in() - start) as usize;
        compressor
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
    }
    Ok(compressed.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Decompress, FlushDecompress};

    /// Restores what one side gets.
    fn restored(inflater: &mut Decompress, compressed: &[u8]) -> Vec<u8> {
        let mut plain = Vec::with_capacity(1000);
        let all = [compressed, &TAIL].concat();
        inflater.decompress_vec(&all, &mut plain, FlushDecompress::Sync).unwrap();
        plain
    }

    #[test]
    fn a_window_that_was_lost_costs_length_and_nothing_else() {
        let (mut deflating, mut inflater) = (Deflating::new(true, 15), Decompress::new(false));
        let mut lengths = Vec::new();
        for number in 0..6 {
            if number == 3 {
                COMPRESSORS.leave(deflating.owner);
            }
            let text = format!("{{\"type\":\"tick\",\"symbol\":\"EURUSD\",\"bid\":{number}}}");
            let compressed = deflating.begin(text.as_bytes(), true).unwrap();
            assert_eq!(restored(&mut inflater, &compressed), text.as_bytes());
            lengths.push(compressed.len());
        }
        assert!(lengths[1] < lengths[0] / 2 && lengths[4] < lengths[3] / 2, "{lengths:?}");
        assert!(lengths[3] > 2 * lengths[2], "{lengths:?}");
    }

    #[test]
    fn only_messages_that_may_be_referred_to_keep_a_compressor() {
        for keeps_context in [true, false] {
            let mut deflating = Deflating::new(keeps_context, 15);
            assert!(deflating.begin(&[b'x'; 200], false).is_some() && !deflating.is_idle(), "it goes on");
            deflating.go_on(&[b'x'; 200], true).unwrap();
            assert_eq!(deflating.is_idle(), !keeps_context);
            let owner = deflating.owner;
            drop(deflating);
            assert!(!COMPRESSORS.has(owner));
        }
    }
}
