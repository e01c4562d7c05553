//! Messages of any length, put together beside the protocol engine.
//!
//! The engine reserves what a header announces, and what it puts together grows by allocations that end
//! the process when they fail. So it is given whole messages up to 64 KiB and control frames as they
//! are; the payload of every other data frame is put aside here, in memory that grows with what has come
//! and may be refused. In place of such a frame the engine gets one without a payload, so it stays the
//! judge of opcodes, fragments, masks and reserved bits, and hears of them before the payload comes. The
//! empty message that it gives in the end is then filled.

use super::{
    frame::{
        BINARY, CLOSE, CONTINUATION, FIN, Glance, Header, OPCODE, PONG, TEXT, apply_mask, glance, within,
    },
    memory,
};
use bytes::Bytes;
use std::{fmt, io, mem, ops::Range, str};
use tokio_tungstenite::tungstenite::{
    Error, Message,
    error::{CapacityError, ProtocolError},
    protocol::frame::Utf8Bytes,
};

/// Whole messages up to this length are left to the engine, which is faster. Bytes.
const SMALL: u64 = memory::FREE as u64;
/// The longest payload of a control frame (RFC 6455 section 5.5), bytes.
const CONTROL_MOST: u64 = 125;
/// Why a peer's frames go no further.
#[derive(Debug)]
pub(super) enum AssemblyError {
    /// As the engine would say it.
    Engine(Error),
    /// The top bit of a length is set, which section 5.2 forbids.
    Length,
    /// There is no memory for a message of at least so many bytes.
    Memory(u64),
}

impl fmt::Display for AssemblyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(error) => error.fmt(f),
            Self::Length => f.write_str("a length with its top bit set"),
            Self::Memory(bytes) => write!(f, "there is no memory for a message of at least {bytes} bytes"),
        }
    }
}

impl std::error::Error for AssemblyError {}

impl From<AssemblyError> for io::Error {
    fn from(refused: AssemblyError) -> Self {
        Self::new(io::ErrorKind::InvalidData, refused)
    }
}

/// The peer's frames on their way to the engine.
pub(super) struct Assembly {
    /// The limit on a message, bytes.
    max: usize,
    /// A header that was not whole in what came, or that has to be judged.
    header: Header,
    /// Bytes that the engine gets before anything else; `ahead_left` is the part still to be given.
    ahead: [u8; 14],
    ahead_left: Range<usize>,
    /// Bytes of the current frame that go to the engine as they are.
    passing: u64,
    aside: Option<Aside>,
    message: Vec<u8>,
    is_text: bool,
    /// Bytes of a text that are known to be UTF-8.
    valid: usize,
    /// All of it is here, and the engine has its last frame.
    is_whole: bool,
    /// Is told when the engine has had everything before it.
    refused: Option<AssemblyError>,
}

/// A frame whose payload is put aside.
struct Aside {
    left: u64,
    mask: Option<[u8; 4]>,
    /// Place of the next byte in the four of the mask.
    offset: usize,
    is_last: bool,
    /// It is the only one of its message, whose length is therefore announced.
    is_only: bool,
}

impl Assembly {
    /// For messages of up to `max` bytes.
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            header: Header::default(),
            ahead: [0; 14],
            ahead_left: 0..0,
            passing: 0,
            aside: None,
            message: Vec::new(),
            is_text: false,
            valid: 0,
            is_whole: false,
            refused: None,
        }
    }

    /// Bytes of a message that has begun.
    pub(super) fn held(&self) -> usize {
        self.message.len()
    }

    /// True when a message is whole and the engine has its last frame: the next message it gives is that one.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Fills the message that the engine gives when it is the one that was put aside.
    ///
    /// # Errors
    /// When a text is not UTF-8.
    pub(super) fn fill(&mut self, message: Message) -> Result<Message, Error> {
        if !self.is_whole || !matches!(message, Message::Text(_) | Message::Binary(_)) {
            return Ok(message);
        }
        self.is_whole = false;
        let payload = Bytes::from(mem::take(&mut self.message));
        Ok(match message {
            Message::Text(_) => Message::Text(Utf8Bytes::try_from(payload)?),
            _ => Message::Binary(payload),
        })
    }

    /// Takes from `input` and gives to `into`; returns both counts. Without anything given, all was taken.
    ///
    /// # Errors
    /// A [`AssemblyError`], after everything before it was given.
    pub(super) fn pass(&mut self, input: &[u8], into: &mut [u8]) -> io::Result<(usize, usize)> {
        let (mut taken, mut given) = (0, 0);
        loop {
            given += self.give_ahead(&mut into[given..]);
            if !self.ahead_left.is_empty() || self.is_whole {
                return Ok((taken, given));
            }
            if let Some(refused) = self.refused.take_if(|_| given == 0) {
                return Err(refused.into());
            }
            let rest = &input[taken..];
            if self.aside.is_none() && self.refused.is_none() && self.header.bytes().is_empty() {
                let count = self.run(rest, into.len() - given);
                into[given..given + count].copy_from_slice(&rest[..count]);
                (taken, given) = (taken + count, given + count);
            }
            let rest = &input[taken..];
            let step = match &self.aside {
                _ if given == into.len() || self.refused.is_some() => return Ok((taken, given)),
                // The engine reads the last frame of a message alone: what it gives then is that message.
                Some(aside) if aside.left == 0 && aside.is_last && given > 0 => return Ok((taken, given)),
                Some(aside) if aside.left == 0 => self.end_frame().map(|()| 0),
                _ if rest.is_empty() => return Ok((taken, given)),
                Some(_) => self.put_aside(rest),
                None => self.read_header(rest),
            };
            match step {
                Ok(count) => taken += count,
                // The engine first judges the bytes that it was given before.
                Err(refused) => self.refused = Some(refused),
            }
        }
    }

    fn give_ahead(&mut self, into: &mut [u8]) -> usize {
        let count = self.ahead_left.len().min(into.len());
        if count > 0 {
            let from = self.ahead_left.start;
            into[..count].copy_from_slice(&self.ahead[from..from + count]);
            self.ahead_left.start += count;
        }
        count
    }

    /// Bytes of the input, `most` at most, that go to the engine as they are.
    fn run(&mut self, input: &[u8], most: usize) -> usize {
        let most = most.min(input.len());
        // The place where the next frame begins.
        let mut at = usize::try_from(self.passing).unwrap_or(usize::MAX);
        while at < most {
            match passing(&input[at..]) {
                Some(length) => at += length,
                None => {
                    self.passing = 0;
                    return at;
                }
            }
        }
        self.passing = (at - most) as u64;
        most
    }

    fn read_header(&mut self, input: &[u8]) -> Result<usize, AssemblyError> {
        let taken = self.header.take(input);
        if self.header.is_whole() {
            let header = mem::take(&mut self.header);
            self.begin_frame(&header)?;
        }
        Ok(taken)
    }

    fn begin_frame(&mut self, header: &Header) -> Result<(), AssemblyError> {
        let (first, length, mask) = (header.first(), header.length(), header.mask());
        if header.is_impossible() {
            return Err(AssemblyError::Length);
        }
        if passes(first, length) {
            let bytes = header.bytes();
            self.ahead[..bytes.len()].copy_from_slice(bytes);
            self.ahead_left = 0..bytes.len();
            self.passing = length;
            return Ok(());
        }
        if header.is_control() {
            return Err(AssemblyError::Engine(ProtocolError::ControlFrameTooBig.into()));
        }
        let opcode = first & OPCODE;
        if opcode != CONTINUATION {
            // If one has begun, the engine refuses this frame.
            (self.message, self.valid) = (Vec::new(), 0);
            self.is_text = opcode == TEXT;
        }
        let size = length.saturating_add(self.message.len() as u64);
        if size > self.max as u64 {
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            let error = CapacityError::MessageTooLong { size, max_size: self.max };
            return Err(AssemblyError::Engine(error.into()));
        }
        let (is_last, is_only) = (first & FIN != 0, opcode != CONTINUATION && first & FIN != 0);
        self.aside = Some(Aside { left: length, mask, offset: 0, is_last, is_only });
        self.stand_in(first & !FIN, mask.is_some());
        Ok(())
    }

    /// The engine gets a frame without a payload.
    fn stand_in(&mut self, first: u8, is_masked: bool) {
        self.ahead[..6].fill(0);
        self.ahead[..2].copy_from_slice(&[first, if is_masked { 0x80 } else { 0 }]);
        self.ahead_left = 0..if is_masked { 6 } else { 2 };
    }

    fn put_aside(&mut self, input: &[u8]) -> Result<usize, AssemblyError> {
        let Some(aside) = &mut self.aside else { return Ok(0) };
        let count = within(aside.left, input.len());
        let from = self.message.len();
        if self.message.capacity() - from < count {
            let size = from as u64 + aside.left;
            let (first, most) = match aside.is_only {
                true => (memory::FREE, within(size, self.max)),
                false => (0, self.max),
            };
            memory::grow(&mut self.message, count, first, most).ok_or(AssemblyError::Memory(size))?;
        }
        self.message.extend_from_slice(&input[..count]);
        if let Some(mask) = aside.mask {
            apply_mask(&mut self.message[from..], mask, aside.offset);
            aside.offset = (aside.offset + count) % 4;
        }
        aside.left -= count as u64;
        Ok(count)
    }

    fn end_frame(&mut self) -> Result<(), AssemblyError> {
        let Some(aside) = self.aside.take() else { return Ok(()) };
        if aside.is_last {
            self.stand_in(FIN | CONTINUATION, aside.mask.is_some());
            self.is_whole = true;
        } else if self.is_text {
            // A character may go on in the next fragment.
            match str::from_utf8(&self.message[self.valid..]) {
                Ok(_) => self.valid = self.message.len(),
                Err(error) if error.error_len().is_none() => self.valid += error.valid_up_to(),
                Err(error) => return Err(AssemblyError::Engine(Error::Utf8(error.to_string()))),
            }
        }
        Ok(())
    }
}

/// The length of the frame that begins here, with its header, if that is whole and the engine may have all
/// of it as it is.
fn passing(frame: &[u8]) -> Option<usize> {
    let Glance { first, length, all } = glance(frame)?;
    passes(first, length as u64).then_some(all)
}

/// The engine may have the frame as it is: it reserves no more than [`SMALL`] for it.
fn passes(first: u8, length: u64) -> bool {
    match first & OPCODE {
        TEXT | BINARY => first & FIN != 0 && length <= SMALL,
        CONTINUATION => false,
        CLOSE..=PONG => length <= CONTROL_MOST,
        // The engine refuses it when it has the header.
        _ => true,
    }
}

#[cfg(test)]
mod tests;
