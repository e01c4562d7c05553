//! The frames of the peer, read where they lie (RFC 6455 section 5.2).
//!
//! A data message that is whole in what was read is cut out of it without a copy; only the payload of a frame
//! that goes on behind that is gathered, in memory that grows with what has come and may be refused, and the
//! rest of a large one is read straight to its place. So nothing is kept for a peer that is silent between two
//! frames.
//!
//! The protocol engine gets what it is to act on and to judge: control frames, whole and in clear, and in place
//! of a frame that may not come here one of the same header without a payload. It never sees a data message
//! that is in order.

mod whole;

use super::{
    deflate::{Inflating, RSV1, Volume},
    frame::{
        BINARY, CLOSE, CONTINUATION, CONTROL, FIN, Header, OPCODE, PONG, RESERVED, TEXT, apply_mask, within,
    },
    memory,
    read_error::ReadError,
    utf8::Utf8,
    watch::{FrameSender, HEAD, SeenFrame, Watch},
};
use crate::{
    framing::{Piece, Run},
    session::Within,
};
use bytes::{Buf, Bytes, BytesMut, buf::Limit};
use std::mem::{replace, take};
use tokio_tungstenite::tungstenite::{Message, error::ProtocolError, protocol::frame::Utf8Bytes};

/// The longest payload of a control frame (section 5.5), bytes.
const CONTROL_MOST: u64 = 125;
/// A payload of which more than this is to come is read straight to its place. Bytes.
const DIRECT: u64 = 32 * 1024;
/// A message is given in pieces from the frame on with which it has as much. Bytes.
const PIECES: u64 = 16 * 1024;

/// What the peer's bytes give.
#[derive(Debug)]
pub(super) enum Received {
    /// A data message.
    Message(Message),
    /// Short data messages, a frame each.
    Run(Run),
    /// A part of a data message, as it came.
    Piece(Piece),
    /// Frames for the engine: a control frame, or one that may not come here.
    Frames(Vec<u8>),
}

/// The reader of the peer's frames.
pub(super) struct Incoming {
    /// The peer is a client, whose frames have to be masked (section 5.3).
    is_masked: bool,
    /// The limit on a message, bytes.
    max: usize,
    /// Bytes that were read and are not looked at.
    input: BytesMut,
    /// A header that is not whole in what came.
    header: Header,
    /// The frame that has begun and not ended.
    frame: Option<Frame>,
    /// The data message that has begun and not ended.
    message: Option<Assembly>,
    /// Bytes at the end of the message that were read straight to their place and are not looked at.
    placed: usize,
    /// Bytes on the wire of a data message that is not complete.
    partial: u64,
    /// Payload of the first Close.
    close: Option<Bytes>,
    /// A large message that begins is given in pieces.
    gives_pieces: bool,
    /// Short messages that lie together are given as runs.
    gives_runs: bool,
    /// Where compression was agreed on.
    inflating: Option<Box<Inflating>>,
    watch: Watch,
    /// The first length of a server in a longer form than it needs, and whether somebody asked for it.
    long_form: Option<(u64, bool)>,
}

/// A frame whose payload is on its way.
struct Frame {
    /// FIN, the reserved bits and the opcode.
    first: u8,
    /// Of the payload, bytes; `left` is the part that is still to come.
    length: u64,
    left: u64,
    mask: Option<[u8; 4]>,
    /// Place of the next byte in the four of the mask.
    offset: usize,
    /// What the observer is to see of the payload, and has not seen yet.
    head: Option<Vec<u8>>,
    /// Of a control frame, the payload.
    control: Vec<u8>,
}

/// A data message that is put together.
#[derive(Default)]
struct Assembly {
    bytes: Vec<u8>,
    is_compressed: bool,
    /// Of a text.
    utf8: Option<Utf8>,
    /// Where it is given in pieces: its bytes before the next piece, and whether any piece was given.
    given: Option<(u64, bool)>,
}

impl Incoming {
    /// At the beginning of a stream, of which this was read already; a message has at most `max` bytes.
    pub(super) fn new(read_ahead: &[u8], max: usize, is_masked: bool) -> Self {
        Self {
            is_masked,
            max,
            input: BytesMut::from(read_ahead),
            header: Header::default(),
            frame: None,
            message: None,
            placed: 0,
            partial: 0,
            close: None,
            gives_pieces: false,
            gives_runs: false,
            inflating: None,
            watch: None,
            long_form: None,
        }
    }

    /// Tells this observer of every frame.
    pub(super) fn watch(&mut self, watch: Box<dyn super::watch::FrameWatch>) {
        self.watch = Some(watch);
    }

    /// True when there is an observer.
    pub(super) fn is_watched(&self) -> bool {
        self.watch.is_some()
    }

    /// The observer, for the frames of the other direction.
    pub(super) fn watcher(&mut self) -> &mut Watch {
        &mut self.watch
    }

    /// Restores compressed messages from here on; `keeps_context` as the peer may refer to earlier ones.
    pub(super) fn inflate(&mut self, keeps_context: bool) {
        self.inflating = Some(Box::new(Inflating::new(keeps_context)));
    }

    /// Gives messages in pieces from the frame on with which they are large, or whole; one goes on in pieces once it
    /// has begun so, and a compressed one is always whole.
    pub(super) fn give_pieces(&mut self, gives: bool) {
        self.gives_pieces = gives;
    }

    /// Gives short messages that lie together as runs, or each by itself; one that is watched or may be compressed is
    /// always by itself.
    pub(super) fn give_runs(&mut self, gives: bool) {
        self.gives_runs = gives && self.watch.is_none() && self.inflating.is_none();
    }

    /// True while a message is given in pieces.
    pub(super) fn is_piecewise(&self) -> bool {
        self.message.as_ref().is_some_and(|message| message.given.is_some())
    }

    /// Volume restored so far; `None` without compression.
    pub(super) fn volume(&self) -> Option<Volume> {
        self.inflating.as_ref().map(|inflating| inflating.volume())
    }

    /// The first length that was told in a longer form than it needs; once.
    pub(super) fn take_long_form(&mut self) -> Option<u64> {
        let (length, is_told) = self.long_form.as_mut()?;
        (!replace(is_told, true)).then_some(*length)
    }

    /// Bytes of an incomplete message or header, zero between messages.
    pub(super) fn partial(&self) -> u64 {
        self.partial + self.header.bytes().len() as u64
    }

    /// Bytes of a message that has begun: as they came, or as they were restored when that is more.
    pub(super) fn begun(&self) -> u64 {
        if self.is_piecewise() {
            return 0;
        }
        let held = self.message.as_ref().map_or(0, |message| message.bytes.len() as u64);
        self.partial().max(held)
    }

    /// Memory that is kept of what came, bytes.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.input.capacity() + self.message.as_ref().map_or(0, |message| message.bytes.capacity())
    }

    /// Returns whether a message and a frame have begun and not ended.
    pub(super) fn within(&self) -> Within {
        let frame = self.frame.as_ref().is_some_and(|frame| frame.left > 0);
        Within { message: self.partial > 0, frame: frame || !self.header.bytes().is_empty() }
    }

    /// The payload of the Close that came.
    pub(super) fn close(&self) -> &[u8] {
        self.close.as_deref().unwrap_or_default()
    }

    /// Takes what was read; [`next`](Self::next) has given nothing just before.
    pub(super) fn feed(&mut self, bytes: BytesMut) {
        debug_assert!(self.input.is_empty(), "what came before is read first");
        self.input = bytes;
    }

    /// The place of a large payload's rest, to be read into straight, if there is one.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub(super) fn place(&mut self) -> Result<Option<Limit<&mut Vec<u8>>>, ReadError> {
        let (Some(frame), Some(message)) = (&self.frame, &mut self.message) else { return Ok(None) };
        if frame.left < DIRECT || frame.first & CONTROL != 0 || self.placed > 0 {
            return Ok(None);
        }
        if message.is_compressed || message.given.is_some() {
            return Ok(None);
        }
        let bytes = &mut message.bytes;
        if bytes.len() == bytes.capacity() {
            make_room(bytes, frame, 1, self.max)?;
        }
        let most = within(frame.left, bytes.capacity() - bytes.len());
        Ok(Some(bytes::BufMut::limit(bytes, most)))
    }

    /// So many bytes were read there.
    pub(super) fn placed(&mut self, count: usize) {
        self.placed = count;
    }

    /// The next message, or frames for the engine; `None` when all that was read is used up.
    pub(super) fn next(&mut self) -> Option<Result<Received, ReadError>> {
        let is_used_up = self.frame.is_none() && self.input.is_empty();
        let next = if is_used_up { None } else { self.step() };
        if next.is_none() {
            // Also when it is empty it would keep the memory that it was cut out of.
            self.input = BytesMut::new();
        }
        next
    }

    fn step(&mut self) -> Option<Result<Received, ReadError>> {
        loop {
            if self.frame.is_some() {
                match self.go_on() {
                    Ok(None) => {}
                    Ok(Some(received)) => return Some(Ok(received)),
                    Err(error) => return Some(Err(error)),
                }
                if self.frame.is_some() {
                    return None;
                }
            } else if self.header.bytes().is_empty()
                && let Some(whole) = self.whole()
            {
                return Some(whole);
            } else if self.input.is_empty() {
                return None;
            }
            let taken = self.header.take(&self.input);
            self.input.advance(taken);
            if !self.header.is_whole() {
                return None;
            }
            let header = take(&mut self.header);
            match self.begin(&header) {
                Ok(None) => {}
                Ok(Some(frames)) => return Some(Ok(Received::Frames(frames))),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Begins a frame; gives what the engine is to judge instead when it may not come here.
    fn begin(&mut self, header: &Header) -> Result<Option<Vec<u8>>, ReadError> {
        let (first, length, mask) = (header.first(), header.length(), header.mask());
        let head = self.watch.is_some().then(|| Vec::with_capacity(within(length, HEAD)));
        let mut frame = Frame { first, length, left: length, mask, offset: 0, head, control: Vec::new() };
        let judged = self.admit(header);
        if !matches!(judged, Ok(None)) {
            // Nothing is read after the header that ends it; what is there of the payload is shown.
            let count = within(length, self.input.len().min(HEAD));
            frame.unmask(&mut self.input[..count]);
            frame.show(&self.input[..count], &mut self.watch);
            frame.tell(&mut self.watch);
        } else if length == 0 {
            frame.show(&[], &mut self.watch);
        }
        self.frame = Some(frame);
        judged
    }

    /// Looks whether the frame may come here, and begins its message.
    fn admit(&mut self, header: &Header) -> Result<Option<Vec<u8>>, ReadError> {
        let (first, length) = (header.first(), header.length());
        if header.is_impossible() {
            return Err(ReadError::Length);
        }
        let (opcode, is_control) = (first & OPCODE, first & CONTROL != 0);
        let is_compressed =
            first & RESERVED == RSV1 && matches!(opcode, TEXT | BINARY) && self.inflating.is_some();
        let in_place = match opcode {
            CONTINUATION => self.message.is_some(),
            TEXT | BINARY => self.message.is_none(),
            CLOSE..=PONG => first & FIN != 0,
            _ => false,
        };
        let is_masked = header.mask().is_some();
        if !in_place || is_masked != self.is_masked || (first & RESERVED != 0 && !is_compressed) {
            // The engine does not know of the bit that an extension has given a meaning.
            let first = if is_compressed { first & !RSV1 } else { first };
            return Ok(Some(self.to_judge(first, is_masked)));
        }
        if is_control && length > CONTROL_MOST {
            return Err(ReadError::Engine(ProtocolError::ControlFrameTooBig.into()));
        }
        if !header.is_minimal() {
            // Section 5.2 asks for the shortest form. A server's frame says what it means all the same.
            if self.is_masked {
                return Err(ReadError::LongForm);
            }
            self.long_form.get_or_insert((length, false));
        }
        if is_control {
            return Ok(None);
        }
        self.partial += header.bytes().len() as u64;
        if opcode != CONTINUATION {
            let utf8 = (opcode == TEXT).then(Utf8::default);
            self.message = Some(Assembly { bytes: Vec::new(), is_compressed, utf8, given: None });
        }
        let Some(message) = &mut self.message else { return Ok(None) };
        if let Some(inflating) = &mut self.inflating {
            inflating.count(if message.is_compressed { 0 } else { length }, length);
        }
        let before = message.given.map_or(message.bytes.len() as u64, |(given, _)| given);
        let size = length.saturating_add(before);
        if !message.is_compressed && size > self.max as u64 {
            return Err(ReadError::TooLong { size, max: self.max });
        }
        if self.gives_pieces && !message.is_compressed && size >= PIECES {
            message.given.get_or_insert((before, false));
        }
        Ok(None)
    }

    /// The header of a frame that may not come here, as the engine has to see it: behind the beginning of a
    /// message where one has begun, and without its payload.
    fn to_judge(&self, first: u8, is_masked: bool) -> Vec<u8> {
        let frame = |first, is_masked: bool| {
            let size = if is_masked { 6 } else { 2 };
            [first, u8::from(is_masked) << 7, 0, 0, 0, 0].into_iter().take(size)
        };
        let begun = self.message.as_ref().map(|_| frame(BINARY, self.is_masked));
        begun.into_iter().flatten().chain(frame(first, is_masked)).collect()
    }

    /// Takes what came of the frame's payload; gives what ends with it.
    fn go_on(&mut self) -> Result<Option<Received>, ReadError> {
        if let Some(message) = self.message.as_mut().filter(|message| message.given.is_some())
            && !message.bytes.is_empty()
        {
            // What was put together before it was known to be large.
            let payload = take(&mut message.bytes).into();
            return Ok(Some(message.piece(payload, false)));
        }
        let Some(frame) = &mut self.frame else { return Ok(None) };
        let count = within(frame.left, self.input.len());
        let is_control = frame.first & CONTROL != 0;
        let placed = take(&mut self.placed);
        if placed > 0 || count > 0 {
            frame.left -= (count + placed) as u64;
            self.partial += if is_control { 0 } else { (count + placed) as u64 };
            if !is_control && self.is_piecewise() {
                return self.give_piece(count);
            }
            self.take_payload(count, placed, is_control)?;
        }
        match &self.frame {
            Some(Frame { left: 0, .. }) => self.end_frame(),
            _ => Ok(None),
        }
    }

    /// Takes so many bytes of the input as payload, behind those that were placed.
    fn take_payload(&mut self, count: usize, placed: usize, is_control: bool) -> Result<(), ReadError> {
        let Some(frame) = &mut self.frame else { return Ok(()) };
        if let Some(message) = self.message.as_mut().filter(|message| !is_control && !message.is_compressed) {
            let bytes = &mut message.bytes;
            let from = bytes.len() - placed;
            if bytes.capacity() - bytes.len() < count {
                make_room(bytes, frame, count, self.max)?;
            }
            bytes.extend_from_slice(&self.input[..count]);
            self.input.advance(count);
            frame.unmask(&mut bytes[from..]);
            frame.show(&bytes[from..], &mut self.watch);
            return message.utf8.as_mut().map_or(Ok(()), |utf8| utf8.go_on(&bytes[from..]));
        }
        let mut payload = self.input.split_to(count);
        frame.unmask(&mut payload);
        frame.show(&payload, &mut self.watch);
        if is_control {
            frame.control.extend_from_slice(&payload);
        } else if let (Some(message), Some(inflating)) = (&mut self.message, &mut self.inflating) {
            let from = message.bytes.len();
            let restored = inflating.restore(&payload, &mut message.bytes, self.max);
            // What was restored before a fault comes before it.
            message.utf8.as_mut().map_or(Ok(()), |utf8| utf8.go_on(&message.bytes[from..]))?;
            restored?;
        }
        Ok(())
    }

    /// Gives so many bytes of the input as a piece, and ends the frame where it ends with them.
    fn give_piece(&mut self, count: usize) -> Result<Option<Received>, ReadError> {
        let (Some(frame), Some(message)) = (&mut self.frame, &mut self.message) else { return Ok(None) };
        let mut payload = self.input.split_to(count);
        frame.unmask(&mut payload);
        frame.show(&payload, &mut self.watch);
        let is_last = frame.left == 0 && frame.first & FIN != 0;
        if let Some(utf8) = &mut message.utf8 {
            utf8.go_on(&payload)?;
            if is_last && !utf8.is_complete() {
                return Err(ReadError::Text);
            }
        }
        if let Some((given, _)) = &mut message.given {
            *given += count as u64;
        }
        let piece = message.piece(payload.freeze(), is_last);
        if frame.left == 0 {
            self.frame = None;
        }
        if is_last {
            self.message = None;
            self.partial = 0;
        }
        Ok(Some(piece))
    }

    fn end_frame(&mut self) -> Result<Option<Received>, ReadError> {
        let Some(frame) = self.frame.take() else { return Ok(None) };
        if frame.first & CONTROL != 0 {
            return Ok(Some(Received::Frames(self.control_frame(frame))));
        }
        if frame.first & FIN == 0 {
            return Ok(None);
        }
        if self.is_piecewise() {
            // A last fragment without a payload.
            self.frame = Some(frame);
            return self.give_piece(0);
        }
        let Some(Assembly { mut bytes, is_compressed, mut utf8, .. }) = self.message.take() else {
            return Ok(None);
        };
        if let Some(inflating) = self.inflating.as_mut().filter(|_| is_compressed) {
            let from = bytes.len();
            inflating.end_message(&mut bytes, self.max)?;
            if let Some(utf8) = &mut utf8 {
                utf8.go_on(&bytes[from..])?;
            }
            if bytes.capacity() / 2 > bytes.len() {
                bytes.shrink_to_fit();
            }
        }
        self.partial = 0;
        message(bytes.into(), utf8.is_some()).map(|message| Some(Received::Message(message)))
    }

    /// A whole control frame for the engine; of the first Close the payload is kept.
    fn control_frame(&mut self, frame: Frame) -> Vec<u8> {
        let mut bytes = vec![frame.first, frame.length as u8];
        if frame.mask.is_some() {
            // It minds whether a frame is masked; a mask of zeros leaves the bytes alone.
            bytes[1] |= 0x80;
            bytes.extend_from_slice(&[0; 4]);
        }
        bytes.extend_from_slice(&frame.control);
        if frame.first & OPCODE == CLOSE {
            self.close.get_or_insert_with(|| frame.control.into());
        }
        bytes
    }

    /// Nothing more is read: tells of a frame whose payload has only begun, and keeps no memory.
    pub(super) fn stop(&mut self) {
        self.input = BytesMut::new();
        if let Some(message) = &mut self.message {
            message.bytes = Vec::new();
        }
        if let Some(frame) = &mut self.frame {
            frame.tell(&mut self.watch);
        }
    }
}

impl Assembly {
    /// The next piece.
    fn piece(&mut self, payload: Bytes, is_last: bool) -> Received {
        let has_given = self.given.as_mut().is_some_and(|(_, has_given)| replace(has_given, true));
        Received::Piece(Piece { payload, is_text: self.utf8.is_some(), is_first: !has_given, is_last })
    }
}

impl Frame {
    /// Takes the mask off the next bytes of the payload.
    fn unmask(&mut self, bytes: &mut [u8]) {
        if let Some(mask) = self.mask {
            apply_mask(bytes, mask, self.offset);
            self.offset = (self.offset + bytes.len()) % 4;
        }
    }

    /// Tells the observer of the frame once as much of its payload is here as it is to see.
    fn show(&mut self, payload: &[u8], watch: &mut Watch) {
        let Some(head) = &mut self.head else { return };
        let wanted = within(self.length, HEAD);
        head.extend_from_slice(&payload[..payload.len().min(wanted - head.len())]);
        if head.len() == wanted {
            self.tell(watch);
        }
    }

    /// Tells the observer of the frame, if it was not told yet.
    fn tell(&mut self, watch: &mut Watch) {
        if let (Some(head), Some(watch)) = (self.head.take(), watch) {
            let is_masked = self.mask.is_some();
            watch.frame(&SeenFrame::new(FrameSender::In, self.first, is_masked, self.length, &head));
        }
    }
}

/// Makes room for `count` more bytes of the frame's message.
fn make_room(bytes: &mut Vec<u8>, frame: &Frame, count: usize, max: usize) -> Result<(), ReadError> {
    let size = bytes.len() as u64 + frame.left.max(count as u64);
    // The only frame of its message announces the length of that.
    let is_only = frame.first & FIN != 0 && frame.first & OPCODE != CONTINUATION;
    let (first, most) = match is_only {
        true => (memory::FREE, within(frame.length, max)),
        // The rest of this frame, not a byte at a time.
        false => (within(frame.left, memory::FREE), max),
    };
    memory::grow(bytes, count, first, most).ok_or(ReadError::Memory(size))
}

/// A message of this payload.
fn message(payload: Bytes, is_text: bool) -> Result<Message, ReadError> {
    if !is_text {
        return Ok(Message::Binary(payload));
    }
    Utf8Bytes::try_from(payload).map(Message::Text).map_err(|_| ReadError::Text)
}

#[cfg(test)]
impl From<Run> for Message {
    fn from(run: Run) -> Self {
        unreachable!("nobody wants runs: {run:?}")
    }
}

#[cfg(test)]
impl From<Piece> for Message {
    fn from(piece: Piece) -> Self {
        unreachable!("nobody wants pieces: {piece:?}")
    }
}

#[cfg(test)]
pub(super) mod tests;
