//! The send queue: whole frames, in order.
//!
//! Headers and small payloads are gathered in blocks; a large payload of a server stays where it is,
//! shared with all clients that are sent the same, and so do frames that were encoded for many. All of it goes
//! out in vectored writes. A block begins and ends with whole frames and is given up once it is written, so
//! nothing is ever moved to the front, and what is queued while the transport takes the rest costs no memory
//! beside itself. Blocks are lent by the thread: a connection that has nothing to say has none.
//!
//! Data frames and pings are encoded here. Pongs and Closes come from the protocol engine, ready made,
//! through [`Write`]: it writes whole frames, and so do we, so every frame begins where one has ended.
//! The blocks therefore tell by their own headers which messages are not written to their end, and nothing
//! is counted while all goes well.

mod block;
#[cfg(test)]
mod tests;

use super::frame::{
    CLOSE, CONTINUATION, CONTROL, FIN, Header, Masks, OPCODE, PONG, apply_mask, put_head, write_short,
};
use crate::{
    framing::Run,
    lent::{self, Queues},
    stream::Stream,
};
use block::Block;
use bytes::Bytes;
use std::{
    collections::VecDeque,
    io::{self, IoSlice, Write},
    ops::AddAssign,
    task::{Context, Poll, ready},
};

/// Data messages that were queued and not written to their end: one that was begun counts whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unsent {
    /// Their number.
    pub messages: u64,
    /// Their payload bytes.
    pub bytes: u64,
}

impl AddAssign for Unsent {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }
}

/// A server's payloads from this size on are not copied. Bytes; below, the copy is cheaper.
const SHARED: usize = 8 * 1024;
/// Bytes that are copied and masked at a time; a multiple of a mask's length.
const PIECE: usize = 8 * 1024;
/// Pieces of one vectored write.
const PIECES: usize = 32;
/// The longest header of a frame, bytes.
const HEAD: usize = 14;

thread_local! {
    static BLOCKS: Queues<Block> = const { Queues::new() };
}

/// Frames that wait to be written.
pub(super) struct Outgoing {
    /// None of them is empty, or written to its end.
    blocks: VecDeque<Block>,
    /// Bytes of the first block that are written.
    written: usize,
    /// Payload bytes so far of a message whose last frame is still to be queued.
    open: Option<u64>,
    /// Messages that were dropped from the queue.
    dropped: Unsent,
    /// Bytes still to be written.
    left: usize,
    /// Bytes that the engine added, in the blocks that are not written to their end.
    replies: usize,
    /// The transport was given something since it was flushed.
    unflushed: bool,
    /// A server does not mask.
    is_client: bool,
    /// A client's, once it has sent something.
    masks: Option<Box<Masks>>,
}

/// A frame in a block.
struct Framed {
    /// FIN, the reserved bits and the opcode.
    first: u8,
    /// Of the payload, bytes.
    length: u64,
    /// Index of the block.
    block: usize,
    /// Place of the frame in its block, without a payload that stands behind that.
    from: usize,
    to: usize,
    /// End of the frame on the wire, counted from the begin of the first block.
    end: usize,
}

impl Outgoing {
    pub(super) fn new(is_client: bool) -> Self {
        Self {
            blocks: VecDeque::new(),
            written: 0,
            open: None,
            dropped: Unsent::default(),
            left: 0,
            replies: 0,
            unflushed: false,
            is_client,
            masks: None,
        }
    }

    /// True when frames are masked.
    pub(super) fn masks(&self) -> bool {
        self.is_client
    }

    /// Masks for a client's next frames; `None` for a server.
    fn next_masks(&mut self) -> io::Result<Option<&mut Masks>> {
        if self.is_client && self.masks.is_none() {
            self.masks = Some(Box::new(Masks::new()?));
        }
        Ok(self.masks.as_deref_mut())
    }

    /// Bytes still to be written.
    pub(super) fn len(&self) -> usize {
        self.left
    }

    /// Bytes of pongs and Closes among them, as long as any of them may be unwritten.
    pub(super) fn replies(&self) -> usize {
        self.replies
    }

    /// Adds a frame; `first` is FIN, the reserved bits and the opcode.
    ///
    /// # Errors
    /// When a client cannot make up a mask.
    pub(super) fn push(&mut self, first: u8, payload: Bytes) -> io::Result<()> {
        let mask = self.next_masks()?.map(Masks::next);
        let is_shared = mask.is_none() && payload.len() >= SHARED;
        let copied = if is_shared { 0 } else { payload.len() };
        let block =
            if is_shared { self.block(HEAD, Block::small) } else { self.block(HEAD + copied, Block::lend) };
        let before = block.frames.len();
        put_head(block.frames_mut(), first, payload.len(), mask);
        let from = block.frames.len();
        let added = from - before + payload.len();
        let length = payload.len() as u64;
        match mask {
            None if is_shared => block.payload = payload,
            None => block.frames_mut().extend_from_slice(&payload),
            Some(mask) => {
                // A piece is masked while the copy of it is in the nearest cache.
                for piece in payload.chunks(PIECE) {
                    let frames = block.frames_mut();
                    let from = frames.len();
                    frames.extend_from_slice(piece);
                    apply_mask(&mut frames[from..], mask, 0);
                }
            }
        }
        self.left += added;
        match first & (FIN | CONTROL) {
            0 => *self.open.get_or_insert(0) += length,
            FIN => self.open = None,
            _ => {}
        }
        Ok(())
    }

    /// Adds the messages of a run, a frame each that begins so.
    ///
    /// # Errors
    /// When a client cannot make up a mask.
    pub(super) fn push_run(&mut self, first: u8, run: &Run) -> io::Result<()> {
        debug_assert!(self.open.is_none(), "whole messages between others");
        let room = run.bytes() + run.count() * HEAD;
        self.next_masks()?;
        let mut masks = self.masks.take();
        let frames = self.block(room, Block::lend).frames_mut();
        let before = frames.len();
        frames.resize(before + room, 0);
        let mut end = before;
        for payload in run.payloads() {
            let mask = masks.as_mut().map(|masks| masks.next());
            end += write_short(&mut frames[end..], first, payload, mask);
        }
        frames.truncate(end);
        self.left += end - before;
        self.masks = masks;
        Ok(())
    }

    /// Adds whole messages, a frame each, that were encoded for many; only a server's are the same for all.
    pub(super) fn push_encoded(&mut self, frames: &Bytes) {
        debug_assert!(!self.masks() && self.open.is_none(), "whole messages between others");
        self.left += frames.len();
        if frames.len() < SHARED {
            self.block(frames.len(), Block::lend).frames_mut().extend_from_slice(frames);
        } else {
            self.add(Block::shared(frames.clone(), None));
        }
    }

    /// A block that takes so many bytes more behind what it has, or a new one.
    fn block(&mut self, more: usize, new: fn(usize, Option<u64>) -> Block) -> &mut Block {
        if !self.blocks.back().is_some_and(|block| block.takes(more)) {
            self.add(new(more, self.open));
        }
        let last = self.blocks.len() - 1;
        &mut self.blocks[last]
    }

    fn add(&mut self, block: Block) {
        if let Some(last) = self.blocks.back_mut() {
            last.trim();
        }
        lent::lend(&BLOCKS, &mut self.blocks);
        self.blocks.push_back(block);
    }

    /// Counts a frame as dropped instead of adding it.
    pub(super) fn refuse(&mut self, first: u8, payload: &[u8]) {
        if first & CONTROL == 0 {
            self.dropped.messages += u64::from(first & OPCODE != CONTINUATION);
            self.dropped.bytes += payload.len() as u64;
        }
    }

    /// Drops everything: nothing can be written any more, or nothing of it shall.
    pub(super) fn clear(&mut self) {
        self.dropped = self.unsent();
        self.blocks.clear();
        self.open = None;
        (self.written, self.left, self.replies) = (0, 0, 0);
    }

    /// Drops every frame that is not begun, but for pongs and a Close; whether a data frame is half written.
    ///
    /// A pong says that what came before its ping was read, which is as true as before.
    pub(super) fn cut(&mut self) -> bool {
        let before = self.unsent();
        let (mut kept, mut end, mut amid) = (0, 0, false);
        let mut answers = Vec::new();
        for frame in self.frames() {
            if end < self.written {
                (kept, end) = (frame.to, frame.end);
                amid = end > self.written && frame.first & CONTROL == 0;
            } else if matches!(frame.first & OPCODE, CLOSE | PONG) {
                answers.extend_from_slice(&self.blocks[frame.block].frames[frame.from..frame.to]);
            }
        }
        self.open = self.carried();
        // What is begun stands in the first block.
        self.blocks.truncate(usize::from(kept > 0));
        if let Some(block) = self.blocks.front_mut() {
            block.cut(kept);
        }
        (self.left, self.replies) = (end - self.written, 0);
        self.open = self.count().1;
        self.advance(0);
        // The queue takes it in any case.
        let _ = self.write(&answers);
        let after = self.count().0;
        self.dropped.messages = before.messages - after.messages;
        self.dropped.bytes = before.bytes - after.bytes;
        amid
    }

    /// Data messages that were added and are not written to their end, dropped ones too; the payloads as
    /// they are on the wire.
    pub(super) fn unsent(&self) -> Unsent {
        let mut unsent = self.dropped;
        unsent += self.count().0;
        unsent
    }

    /// Of those, the message whose last frame is half written: it is finished, whatever comes.
    pub(super) fn finishing(&self) -> Unsent {
        let (mut all, open) = self.count();
        if let Some(bytes) = open {
            all.messages -= 1;
            all.bytes -= bytes;
        }
        all
    }

    /// Counts the messages in the blocks that are not written to their end, and gives the payload bytes so
    /// far of one whose last frame is not in them yet.
    fn count(&self) -> (Unsent, Option<u64>) {
        let (mut unsent, mut open) = (Unsent::default(), self.carried());
        for frame in self.frames().filter(|frame| frame.first & CONTROL == 0) {
            let bytes = open.unwrap_or_default() + frame.length;
            open = Some(bytes).filter(|_| frame.first & FIN == 0);
            if open.is_none() && frame.end > self.written {
                unsent += Unsent { messages: 1, bytes };
            }
        }
        if let Some(bytes) = open {
            unsent += Unsent { messages: 1, bytes };
        }
        (unsent, open)
    }

    /// Payload bytes of a message that has begun before the first block.
    fn carried(&self) -> Option<u64> {
        self.blocks.front().map_or(self.open, |block| block.carried)
    }

    /// The frames in the blocks, those that are written too.
    fn frames(&self) -> impl Iterator<Item = Framed> {
        let (mut block, mut from, mut end) = (0, 0, 0);
        std::iter::from_fn(move || {
            loop {
                let frames = &self.blocks.get(block)?.frames[from..];
                let mut header = Header::default();
                let head = header.take(frames);
                if head == 0 {
                    (block, from) = (block + 1, 0);
                    continue;
                }
                let length = header.length();
                let payload = usize::try_from(length).unwrap_or(usize::MAX);
                // A payload that stands elsewhere is that of the last header.
                let here = if head == frames.len() { 0 } else { payload };
                let start = from;
                from += head + here;
                end += head + payload;
                return Some(Framed { first: header.first(), length, block, from: start, to: from, end });
            }
        })
    }

    /// Writes what the transport takes, and flushes it; tells each step in bytes.
    ///
    /// # Errors
    /// The transport's.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut Stream,
        mut wrote: impl FnMut(u64),
    ) -> Poll<io::Result<()>> {
        while self.left > 0 {
            let polled = match self.only_piece() {
                Some(piece) => stream.as_mut().poll_write(cx, piece),
                None => {
                    let (pieces, used) = self.pieces();
                    stream.as_mut().poll_write_vectored(cx, &pieces[..used])
                }
            };
            let Poll::Ready(count) = polled else {
                if let Some(block) = self.blocks.back_mut() {
                    block.trim();
                }
                return Poll::Pending;
            };
            let count = count?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            wrote(count as u64);
            self.unflushed = true;
            self.advance(count);
        }
        if self.unflushed {
            ready!(stream.as_mut().poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// All that is to be written, where it stands in one place.
    fn only_piece(&self) -> Option<&[u8]> {
        let block = self.blocks.front().filter(|block| block.payload.is_empty() && self.blocks.len() == 1)?;
        Some(&block.frames[self.written..])
    }

    /// The next pieces to be written, and how many there are.
    fn pieces(&self) -> ([IoSlice<'_>; PIECES], usize) {
        let mut pieces = [IoSlice::new(&[]); PIECES];
        let (mut used, mut written) = (0, self.written);
        for block in &self.blocks {
            for piece in [&block.frames[..], &block.payload[..]] {
                if used < PIECES && written < piece.len() {
                    pieces[used] = IoSlice::new(&piece[written..]);
                    used += 1;
                }
                written = written.saturating_sub(piece.len());
            }
            if used == PIECES {
                break;
            }
        }
        (pieces, used)
    }

    fn advance(&mut self, count: usize) {
        self.left -= count;
        self.written += count;
        while let Some(block) = self.blocks.front()
            && block.len() <= self.written
        {
            self.written -= block.len();
            self.replies -= block.replies;
            self.blocks.pop_front();
        }
        lent::give_back(&BLOCKS, &mut self.blocks);
    }
}

/// For the engine's pongs and Closes: a call is one or more whole frames.
impl Write for Outgoing {
    fn write(&mut self, frames: &[u8]) -> io::Result<usize> {
        if !frames.is_empty() {
            let block = self.block(frames.len(), Block::lend);
            block.frames_mut().extend_from_slice(frames);
            block.replies += frames.len();
            self.left += frames.len();
            self.replies += frames.len();
        }
        Ok(frames.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Outgoing messages larger than this go as fragments, so that pongs, pings and a Close can pass between
/// them, and a client holds no more than one of them masked; `--max-frame` asks for another size. Bytes.
pub const FRAGMENT: usize = 256 * 1024;

/// The largest of what was sent, payload bytes: what a peer that finds it too big has to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Largest {
    /// A data message, as it was before compression.
    pub message: usize,
    /// A frame of one.
    pub frame: usize,
}

/// The fragments of a large message that are not framed yet.
pub(super) struct UnsentPayload {
    pub payload: Bytes,
    /// Of the next fragment.
    pub opcode: u8,
    /// The message is compressed; decided with its first fragment.
    pub is_compressed: bool,
}

impl UnsentPayload {
    /// The bytes it adds to the queued frames of its message; the whole message if none is queued.
    pub(super) fn unsent(&self) -> Unsent {
        let messages = u64::from(self.opcode != CONTINUATION);
        Unsent { messages, bytes: self.payload.len() as u64 }
    }
}
