//! Compressed messages, restored piece by piece.
//!
//! The output grows with what is restored and ends at the limit on a message, so a bomb costs no more than any
//! other message.

use super::{TAIL, Volume};
use crate::ws::{memory, read_error::ReadError};
use flate2::{Decompress, FlushDecompress, Status};

/// Most memory that an inflater takes, bytes.
const INFLATER: usize = 64 * 1024;
/// The least room that is made for what is restored, bytes.
const ROOM: usize = 1024;

/// The decompressor of the peer's messages.
pub(in crate::ws) struct Inflating {
    /// Made for the first compressed message.
    inflater: Option<Box<Decompress>>,
    keeps_context: bool,
    /// DEFLATE has begun and not come to an end of its own.
    is_open: bool,
    volume: Volume,
}

impl Inflating {
    /// `keeps_context`: the peer may refer to what earlier messages said.
    pub(in crate::ws) fn new(keeps_context: bool) -> Self {
        Self { inflater: None, keeps_context, is_open: false, volume: Volume::default() }
    }

    /// True when no message had to be restored yet.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.inflater.is_none()
    }

    /// Volume received so far.
    pub(in crate::ws) fn volume(&self) -> Volume {
        self.volume
    }

    /// Takes note of a frame's payload; `plain` is 0 where it is restored here.
    pub(in crate::ws) fn count(&mut self, plain: u64, wire: u64) {
        self.volume.plain += plain;
        self.volume.wire += wire;
    }

    /// Appends what the next part of a message's payload restores to.
    ///
    /// # Errors
    /// When it is corrupt, when the message grows beyond `max` bytes, or when there is no memory for it.
    pub(in crate::ws) fn restore(
        &mut self,
        mut data: &[u8],
        message: &mut Vec<u8>,
        max: usize,
    ) -> Result<(), ReadError> {
        while self.step(&mut data, message, max)? {}
        Ok(())
    }

    /// Appends what is still owed after the last byte of a message.
    ///
    /// # Errors
    /// Those of [`restore`](Self::restore).
    pub(in crate::ws) fn end_message(&mut self, message: &mut Vec<u8>, max: usize) -> Result<(), ReadError> {
        let mut tail = &TAIL[..];
        while self.is_open && self.step(&mut tail, message, max)? {}
        self.is_open = false;
        if let Some(inflater) = self.inflater.as_mut().filter(|_| !self.keeps_context) {
            inflater.reset(false);
        }
        Ok(())
    }

    /// Inflates into the room there is; true when there may be more to do.
    fn step(&mut self, data: &mut &[u8], message: &mut Vec<u8>, max: usize) -> Result<bool, ReadError> {
        if self.inflater.is_none() && !memory::has_spare(INFLATER) {
            return Err(ReadError::Memory(INFLATER as u64));
        }
        let inflater = self.inflater.get_or_insert_with(|| Box::new(Decompress::new(false)));
        if message.len() == message.capacity() {
            let first = ROOM.max(4 * data.len()).min(memory::FREE);
            let size = message.len() as u64 + 1;
            memory::grow(message, 1, first, max.saturating_add(1)).ok_or(ReadError::Memory(size))?;
        }
        let (read, had) = (inflater.total_in(), message.len());
        let status = inflater.decompress_vec(data, message, FlushDecompress::None);
        let taken = (inflater.total_in() - read) as usize;
        let given = message.len() - had;
        *data = &data[taken..];
        self.volume.plain += given as u64;
        self.is_open |= taken > 0;
        match status {
            Err(_) => return Err(ReadError::Corrupt),
            Ok(Status::StreamEnd) => {
                // The next byte begins a stream of its own (section 7.2.3.5); nothing refers back over an end.
                inflater.reset(false);
                self.is_open = false;
            }
            Ok(_) if taken == 0 && given == 0 && !data.is_empty() => return Err(ReadError::Corrupt),
            Ok(_) => {}
        }
        if message.len() > max {
            return Err(ReadError::TooLong { size: message.len() as u64, max });
        }
        let is_full = message.len() == message.capacity();
        Ok(!data.is_empty() || (is_full && self.is_open))
    }
}
