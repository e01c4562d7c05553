//! A block of the send queue: whole frames one behind the other, and where they are kept.
//!
//! A block that is written goes back to its thread, which lends it to the next connection that has something
//! to say: the same few are written all the time, so that they stay in the nearest cache. One that waits for its
//! transport gives back the room that it does not use.

use bytes::Bytes;
use std::{cell::RefCell, ops::Deref};

/// Room of a block for frames that are copied, bytes; a payload of 64 KiB fits with its header.
const ROOM: usize = 64 * 1024 + 16;
/// Blocks of a thread that nobody uses, and the largest of them; bytes.
const SPARES: usize = 8;
const LARGEST: usize = 256 * 1024 + 16;
/// A block that waits has at most so many times the room of what it holds.
const SLACK: usize = 4;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Whole frames.
pub(super) struct Block {
    pub frames: BlockBytes,
    /// Payload of the last frame where it is not copied, else empty.
    pub payload: Bytes,
    /// Payload bytes of a message that has begun in the blocks before.
    pub carried: Option<u64>,
    /// Bytes that the engine wrote.
    pub replies: usize,
}

/// Bytes of frames.
pub(super) enum BlockBytes {
    /// Copied here; more may follow.
    Own(Vec<u8>),
    /// Encoded once for many.
    Shared(Bytes),
}

impl Deref for BlockBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl Block {
    /// An empty one that takes so many bytes.
    pub(super) fn lend(room: usize, carried: Option<u64>) -> Self {
        let spare = SPARE.try_with(|spare| {
            let spare = &mut *spare.borrow_mut();
            let fits = spare.iter().rposition(|spare| spare.capacity() >= room)?;
            Some(spare.swap_remove(fits))
        });
        let own = spare.ok().flatten().unwrap_or_else(|| Vec::with_capacity(room.max(ROOM)));
        Self { frames: BlockBytes::Own(own), payload: Bytes::new(), carried, replies: 0 }
    }

    /// An empty one for so many bytes, and hardly more.
    pub(super) fn small(room: usize, carried: Option<u64>) -> Self {
        Self { frames: BlockBytes::Own(Vec::with_capacity(room)), payload: Bytes::new(), carried, replies: 0 }
    }

    /// One of frames that were encoded for many.
    pub(super) fn shared(frames: Bytes, carried: Option<u64>) -> Self {
        Self { frames: BlockBytes::Shared(frames), payload: Bytes::new(), carried, replies: 0 }
    }

    /// Bytes on the wire.
    pub(super) fn len(&self) -> usize {
        self.frames.len() + self.payload.len()
    }

    /// Memory of what is copied, bytes.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        match &self.frames {
            BlockBytes::Own(own) => own.capacity(),
            BlockBytes::Shared(_) => 0,
        }
    }

    /// True when so many bytes can follow in it.
    pub(super) fn takes(&self, more: usize) -> bool {
        match &self.frames {
            BlockBytes::Own(own) => self.payload.is_empty() && own.len() + more <= own.capacity().max(ROOM),
            BlockBytes::Shared(_) => false,
        }
    }

    /// The frames, to add some; those that were encoded for many are copied for that.
    pub(super) fn frames_mut(&mut self) -> &mut Vec<u8> {
        if let BlockBytes::Shared(shared) = &self.frames {
            self.frames = BlockBytes::Own(shared.to_vec());
        }
        match &mut self.frames {
            BlockBytes::Own(own) => own,
            BlockBytes::Shared(_) => unreachable!("it was made its own"),
        }
    }

    /// Drops all behind this byte, which ends a frame or the header of one whose payload is elsewhere.
    pub(super) fn cut(&mut self, at: usize) {
        if at < self.frames.len() {
            self.payload = Bytes::new();
        }
        match &mut self.frames {
            BlockBytes::Own(own) => own.truncate(at),
            BlockBytes::Shared(shared) => shared.truncate(at),
        }
        self.replies = 0;
    }

    /// Gives back the room that it does not use, since it waits for its transport or nothing follows in it.
    pub(super) fn trim(&mut self) {
        let BlockBytes::Own(own) = &mut self.frames else { return };
        if own.capacity() / SLACK > own.len() {
            let copy = own.clone();
            give_back(std::mem::replace(own, copy));
        }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if let BlockBytes::Own(own) = &mut self.frames {
            give_back(std::mem::take(own));
        }
    }
}

/// Keeps the memory of a block for the next one of this thread.
fn give_back(mut own: Vec<u8>) {
    if !(ROOM..=LARGEST).contains(&own.capacity()) {
        return;
    }
    // A thread that ends keeps nothing.
    let _ = SPARE.try_with(|spare| {
        let spare = &mut *spare.borrow_mut();
        if spare.len() < SPARES {
            own.clear();
            spare.push(own);
        }
    });
}
