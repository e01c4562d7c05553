//! Compressed messages, restored beneath the protocol engine.
//!
//! The frames of the peer pass through here on their way to the engine. Those of a compressed message
//! become plain frames of at most 16 KiB, made while the engine asks for bytes: so it counts what a
//! message grows to, and a bomb ends at its limit. Everything else passes as it is, faults included: a
//! reserved bit where none may be is for the engine to refuse.

use super::{RESERVED, RSV1, TAIL, Volume};
use crate::ws::{
    assembly::AssemblyError,
    frame::{BINARY, CONTINUATION, FIN, Header, TEXT, apply_mask, put_head, within},
    memory,
};
use flate2::{Decompress, FlushDecompress, Status};
use std::{fmt, io, ops::Range};

/// The most of a payload that is restored at a time, bytes.
const PIECE: usize = 16 * 1024;
/// Most memory that an inflater takes, bytes.
const INFLATER: usize = 64 * 1024;
/// Room for the header of a frame.
const HEADER: usize = 14;

/// The error of data that is not DEFLATE.
#[derive(Debug)]
struct Corrupt;

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("compressed data that is corrupt")
    }
}

impl std::error::Error for Corrupt {}

/// True for the error of corrupt data.
pub(in crate::ws) fn is_corrupt(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|error| error.is::<Corrupt>())
}

/// Takes from bytes; tells how much it took, and how much of it got through. It takes all if nothing does.
pub(in crate::ws) trait InflatedOutput: FnMut(&[u8]) -> io::Result<(usize, usize)> {}

impl<F: FnMut(&[u8]) -> io::Result<(usize, usize)>> InflatedOutput for F {}

/// The peer's frames on their way to the engine.
pub(in crate::ws) struct Inflating {
    /// Made for the first compressed message.
    inflater: Option<Box<Decompress>>,
    keeps_context: bool,
    /// The compressed message that has begun and not ended.
    message: Option<Message>,
    header: Header,
    /// Bytes of the header that are still to be passed on as they are.
    header_left: Range<usize>,
    /// Bytes of the payload still to come; of a compressed message, these are restored.
    left: u64,
    is_compressed: bool,
    mask: Option<[u8; 4]>,
    /// Place of the next byte in the four of the mask, and the input bytes that are unmasked already.
    offset: usize,
    clear: usize,
    /// Room for a header, and what was restored since the last whole piece.
    piece: Vec<u8>,
    restored: usize,
    /// Bytes of a piece, a whole frame, that are still to be passed on; they go before the header.
    piece_left: Range<usize>,
    /// The inflater filled all the room it had, so it may have more.
    was_full: bool,
    volume: Volume,
}

struct Message {
    /// First byte of the next piece's frame: the opcode, and reserved bits that have no meaning.
    first: u8,
    /// Its last frame has begun.
    is_last: bool,
    /// DEFLATE has begun and not come to an end of its own.
    is_open: bool,
    /// Bytes taken of [`TAIL`], which follows the last byte.
    tail: usize,
}

impl Inflating {
    /// `keeps_context`: the peer may refer to what earlier messages said.
    pub(in crate::ws) fn new(keeps_context: bool) -> Self {
        Self {
            inflater: None,
            keeps_context,
            message: None,
            header: Header::default(),
            header_left: 0..0,
            left: 0,
            is_compressed: false,
            mask: None,
            offset: 0,
            clear: 0,
            piece: Vec::new(),
            restored: 0,
            piece_left: 0..0,
            was_full: false,
            volume: Volume::default(),
        }
    }

    /// True when no message had to be restored yet.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.inflater.is_none() && self.piece.capacity() == 0
    }

    /// Volume received so far.
    pub(in crate::ws) fn volume(&self) -> Volume {
        self.volume
    }

    /// Takes from `input` and gives to `into`; returns how much was taken, and how much got through `into`.
    /// Without anything there, all was taken.
    ///
    /// # Errors
    /// When compressed data is corrupt, which [`is_corrupt`] knows, when a length is impossible, or that of
    /// `into`.
    pub(in crate::ws) fn pass(
        &mut self,
        input: &mut [u8],
        into: &mut impl InflatedOutput,
    ) -> io::Result<(usize, usize)> {
        let mut taken = 0;
        loop {
            let mut given = give(&self.piece, &mut self.piece_left, into)?;
            if given == 0 {
                given = give(self.header.bytes(), &mut self.header_left, into)?;
            }
            let input = &mut input[taken..];
            let is_complete = self.message.as_ref().is_some_and(|message| message.is_last);
            if given > 0 {
                return Ok((taken, given));
            } else if self.left == 0 && self.is_compressed && is_complete {
                self.end_message()?;
            } else if input.is_empty() {
                return Ok((taken, 0));
            } else if self.left == 0 {
                taken += self.read_header(input)?;
            } else if self.is_compressed {
                taken += self.restore(input)?;
            } else {
                let (count, given) = into(&input[..within(self.left, input.len())])?;
                self.left -= count as u64;
                taken += count;
                if given > 0 {
                    return Ok((taken, given));
                }
            }
        }
    }

    fn read_header(&mut self, input: &[u8]) -> io::Result<usize> {
        if self.header.is_whole() {
            self.header = Header::default();
        }
        let taken = self.header.take(input);
        if self.header.is_whole() {
            if self.header.is_impossible() {
                return Err(AssemblyError::Length.into());
            }
            self.begin_frame();
        }
        Ok(taken)
    }

    fn begin_frame(&mut self) {
        let (first, is_data) = (self.header.first(), !self.header.is_control());
        self.left = self.header.length();
        self.mask = self.header.mask();
        (self.offset, self.clear) = (0, 0);
        self.volume.wire += if is_data { self.left } else { 0 };
        let is_last = first & FIN != 0;
        self.is_compressed = match (&mut self.message, first & 0x0f) {
            (Some(message), CONTINUATION) if first & RESERVED == 0 => {
                message.is_last = is_last;
                true
            }
            (None, TEXT | BINARY) if first & RSV1 != 0 => {
                let first = first & !(FIN | RSV1);
                self.message = Some(Message { first, is_last, is_open: false, tail: 0 });
                true
            }
            _ => false,
        };
        if self.is_compressed {
            return;
        }
        self.volume.plain += if is_data { self.left } else { 0 };
        self.header_left = 0..self.header.bytes().len();
        if is_data && self.message.is_some() {
            // It breaks into a message, which the engine has to know of to refuse it.
            self.finish_piece(false);
        }
    }

    /// Restores from a compressed frame's payload; returns how much was taken of it.
    fn restore(&mut self, input: &mut [u8]) -> io::Result<usize> {
        let here = within(self.left, input.len());
        if let Some(mask) = self.mask {
            apply_mask(&mut input[self.clear..here], mask, self.offset);
            self.offset = (self.offset + here - self.clear) % 4;
            self.clear = here;
        }
        let taken = self.inflate(&input[..here])?;
        self.left -= taken as u64;
        self.clear -= if self.mask.is_some() { taken } else { 0 };
        Ok(taken)
    }

    /// After the last byte of a compressed message: what the peer left out, and the last piece.
    fn end_message(&mut self) -> io::Result<()> {
        // Output held back for want of room comes first: it may be an end that makes a tail needless.
        if self.was_full {
            self.inflate(&[])?;
            return Ok(());
        }
        match &self.message {
            Some(Message { is_open: true, tail, .. }) if *tail < TAIL.len() => {
                let taken = self.inflate(&TAIL[*tail..])?;
                if let Some(message) = &mut self.message {
                    message.tail += taken;
                }
            }
            _ => {
                self.finish_piece(true);
                self.message = None;
                self.is_compressed = false;
                if let Some(inflater) = self.inflater.as_mut().filter(|_| !self.keeps_context) {
                    inflater.reset(false);
                }
            }
        }
        Ok(())
    }

    /// Inflates into the piece, which is passed on when it is full; returns how much was taken.
    fn inflate(&mut self, data: &[u8]) -> io::Result<usize> {
        let corrupt = || io::Error::new(io::ErrorKind::InvalidData, Corrupt);
        self.make_room()?;
        let inflater = self.inflater.get_or_insert_with(|| Box::new(Decompress::new(false)));
        let (taken, given) = (inflater.total_in(), inflater.total_out());
        let room = &mut self.piece[HEADER + self.restored..];
        self.was_full = false;
        let status = inflater.decompress(data, room, FlushDecompress::None).map_err(|_| corrupt())?;
        let taken = (inflater.total_in() - taken) as usize;
        let given = (inflater.total_out() - given) as usize;
        if let Some(message) = &mut self.message {
            message.is_open |= taken > 0;
        }
        if status == Status::StreamEnd {
            // The next byte begins a stream of its own (section 7.2.3.5); nothing refers back over an end.
            inflater.reset(false);
            if let Some(message) = &mut self.message {
                message.is_open = false;
            }
        } else if taken == 0 && given == 0 && !data.is_empty() {
            return Err(corrupt());
        }
        self.restored += given;
        self.volume.plain += given as u64;
        if self.restored == PIECE {
            self.was_full = true;
            self.finish_piece(false);
        }
        Ok(taken)
    }

    /// Room for a piece; before the first one, for the inflater too, whose allocations cannot be refused.
    fn make_room(&mut self) -> Result<(), AssemblyError> {
        if self.inflater.is_none() && !memory::has_spare(INFLATER + PIECE) {
            return Err(AssemblyError::Memory(PIECE as u64));
        }
        self.piece.resize(HEADER + PIECE, 0);
        Ok(())
    }

    /// Makes a frame of what was restored.
    fn finish_piece(&mut self, is_last: bool) {
        let Some(message) = &mut self.message else { return };
        self.piece.resize(HEADER + PIECE, 0);
        let first = message.first | if is_last { FIN } else { 0 };
        message.first = CONTINUATION;
        let mut header = Vec::with_capacity(HEADER);
        // The engine minds whether a frame is masked; a mask of zeros leaves the bytes alone.
        put_head(&mut header, first, self.restored, self.mask.map(|_| [0; 4]));
        let from = HEADER - header.len();
        self.piece[from..HEADER].copy_from_slice(&header);
        self.piece_left = from..HEADER + self.restored;
        self.restored = 0;
    }
}

/// Gives as much as is taken, and tells how much got through.
fn give(from: &[u8], left: &mut Range<usize>, into: &mut impl InflatedOutput) -> io::Result<usize> {
    if Range::is_empty(left) {
        return Ok(0);
    }
    let (taken, given) = into(&from[left.clone()])?;
    left.start += taken;
    Ok(given)
}
