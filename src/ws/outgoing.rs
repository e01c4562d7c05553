//! The send queue: whole frames, in order.
//!
//! Headers and small payloads are gathered in one buffer; a large payload of a server stays where it
//! is, shared with all clients that are sent the same, and goes out between two pieces of the buffer in one
//! vectored write. Nothing is ever moved to the front: the buffer starts anew when all of it is written,
//! which its users wait for before they queue more than their bound.
//!
//! Data frames and pings are encoded here. Pongs and Closes come from the protocol engine, ready made,
//! through [`Write`]: it writes whole frames, and so do we, so every frame begins where one has ended.
//! The buffer therefore tells by its own headers which messages are not written to their end, and nothing
//! is counted while all goes well.

use super::frame::{CLOSE, CONTINUATION, CONTROL, FIN, Header, Masks, OPCODE, PONG, apply_mask, put_head};
use crate::stream::Stream;
use bytes::{Buf, Bytes};
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
/// The buffer never shrinks below this, bytes.
const KEPT: usize = 4 * 1024;
/// It is made smaller when it was much too large this often in a row.
const PATIENCE: u8 = 4;

/// Frames that wait to be written.
pub(super) struct Outgoing {
    gathered: Vec<u8>,
    /// Bytes of `gathered` that are written.
    written: usize,
    /// Bytes written since the buffer started anew, shared ones too.
    done: usize,
    /// Payload bytes so far of a message whose last frame is still to be queued.
    open: Option<u64>,
    /// The same when the buffer started anew.
    carried: Option<u64>,
    /// Messages that were dropped from the queue.
    dropped: Unsent,
    shared: VecDeque<SharedPayload>,
    /// Bytes still to be written.
    left: usize,
    /// Bytes that the engine added since everything was written.
    replies: usize,
    /// The transport was given something since it was flushed.
    unflushed: bool,
    /// Times in a row that the buffer was much too large.
    idle: u8,
    /// A client's; a server does not mask.
    masks: Option<Box<Masks>>,
}

/// A payload that goes out before the gathered byte at this place.
struct SharedPayload {
    at: usize,
    payload: Bytes,
}

/// A frame in the buffer.
struct Framed {
    /// FIN, the reserved bits and the opcode.
    first: u8,
    /// Of the payload, bytes.
    length: u64,
    /// Place of the frame in the buffer, without a payload that is shared.
    from: usize,
    to: usize,
    /// End of the frame on the wire, counted from where the buffer started anew.
    end: usize,
}

impl Outgoing {
    pub(super) fn new(is_client: bool) -> Self {
        Self {
            gathered: Vec::new(),
            written: 0,
            done: 0,
            open: None,
            carried: None,
            dropped: Unsent::default(),
            shared: VecDeque::new(),
            left: 0,
            replies: 0,
            unflushed: false,
            idle: 0,
            masks: is_client.then(Masks::new),
        }
    }

    /// True when frames are masked.
    pub(super) fn masks(&self) -> bool {
        self.masks.is_some()
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
        let mask = self.masks.as_mut().map(|masks| masks.next()).transpose()?;
        match first & (FIN | CONTROL) {
            0 => *self.open.get_or_insert(0) += payload.len() as u64,
            FIN => self.open = None,
            _ => {}
        }
        let before = self.gathered.len();
        put_head(&mut self.gathered, first, payload.len(), mask);
        let from = self.gathered.len();
        self.left += from - before + payload.len();
        if mask.is_none() && payload.len() >= SHARED {
            self.shared.push_back(SharedPayload { at: from, payload });
            return Ok(());
        }
        let Some(mask) = mask else {
            self.gathered.extend_from_slice(&payload);
            return Ok(());
        };
        self.gathered.reserve(payload.len());
        // A piece is masked while the copy of it is in the nearest cache.
        for piece in payload.chunks(PIECE) {
            let from = self.gathered.len();
            self.gathered.extend_from_slice(piece);
            apply_mask(&mut self.gathered[from..], mask, 0);
        }
        Ok(())
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
        self.gathered.clear();
        self.shared.clear();
        (self.open, self.carried) = (None, None);
        (self.written, self.done, self.left, self.replies) = (0, 0, 0, 0);
    }

    /// Drops every frame that is not begun, but for pongs and a Close; whether a data frame is half written.
    ///
    /// A pong says that what came before its ping was read, which is as true as before.
    pub(super) fn cut(&mut self) -> bool {
        let before = self.unsent();
        let (mut kept, mut end, mut amid) = (0, 0, false);
        let mut answers = Vec::new();
        for frame in self.frames() {
            if end < self.done {
                (kept, end) = (frame.to, frame.end);
                amid = end > self.done && frame.first & CONTROL == 0;
            } else if matches!(frame.first & OPCODE, CLOSE | PONG) {
                answers.extend_from_slice(&self.gathered[frame.from..frame.to]);
            }
        }
        self.gathered.truncate(kept);
        while self.shared.back().is_some_and(|shared| shared.at > kept) {
            self.shared.pop_back();
        }
        self.gathered.extend_from_slice(&answers);
        (self.left, self.replies) = (end + answers.len() - self.done, answers.len());
        let (after, open) = self.count();
        self.open = open;
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

    /// Counts the messages in the buffer that are not written to their end, and gives the payload bytes so
    /// far of one whose last frame is not in it yet.
    fn count(&self) -> (Unsent, Option<u64>) {
        let (mut unsent, mut open) = (Unsent::default(), self.carried);
        for frame in self.frames().filter(|frame| frame.first & CONTROL == 0) {
            let bytes = open.unwrap_or_default() + frame.length;
            open = Some(bytes).filter(|_| frame.first & FIN == 0);
            if open.is_none() && frame.end > self.done {
                unsent += Unsent { messages: 1, bytes };
            }
        }
        if let Some(bytes) = open {
            unsent += Unsent { messages: 1, bytes };
        }
        (unsent, open)
    }

    /// The frames in the buffer, those that are written too.
    fn frames(&self) -> impl Iterator<Item = Framed> {
        let (mut from, mut end) = (0, 0);
        std::iter::from_fn(move || {
            let mut header = Header::default();
            let head = header.take(&self.gathered[from..]);
            if head == 0 {
                return None;
            }
            let length = header.length();
            let payload = usize::try_from(length).unwrap_or(usize::MAX);
            let is_shared = self.masks.is_none() && payload >= SHARED;
            let start = from;
            from += head + if is_shared { 0 } else { payload };
            end += head + payload;
            Some(Framed { first: header.first(), length, from: start, to: from, end })
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
            let count = if self.shared.is_empty() {
                ready!(stream.as_mut().poll_write(cx, &self.gathered[self.written..]))?
            } else {
                let (pieces, used) = self.pieces();
                ready!(stream.as_mut().poll_write_vectored(cx, &pieces[..used]))?
            };
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
        self.start_anew();
        Poll::Ready(Ok(()))
    }

    /// The next pieces to be written, and how many there are.
    fn pieces(&self) -> ([IoSlice<'_>; PIECES], usize) {
        let mut pieces = [IoSlice::new(&[]); PIECES];
        let (mut used, mut from) = (0, self.written);
        for shared in &self.shared {
            if used + 2 > PIECES {
                return (pieces, used);
            }
            if shared.at > from {
                pieces[used] = IoSlice::new(&self.gathered[from..shared.at]);
                (used, from) = (used + 1, shared.at);
            }
            pieces[used] = IoSlice::new(&shared.payload);
            used += 1;
        }
        if from < self.gathered.len() && used < PIECES {
            pieces[used] = IoSlice::new(&self.gathered[from..]);
            used += 1;
        }
        (pieces, used)
    }

    fn advance(&mut self, mut count: usize) {
        self.left -= count;
        self.done += count;
        while count > 0 {
            match self.shared.front_mut() {
                Some(shared) if shared.at == self.written => {
                    let step = count.min(shared.payload.len());
                    shared.payload.advance(step);
                    count -= step;
                    if shared.payload.is_empty() {
                        self.shared.pop_front();
                    }
                }
                next => {
                    let end = next.map_or(self.gathered.len(), |shared| shared.at);
                    let step = count.min(end - self.written);
                    self.written += step;
                    count -= step;
                }
            }
        }
    }

    /// Everything is written: the buffer is free again, and smaller when it is much too large by now.
    fn start_anew(&mut self) {
        let used = self.gathered.len();
        if used == 0 {
            return;
        }
        self.gathered.clear();
        (self.written, self.done, self.replies) = (0, 0, 0);
        self.carried = self.open;
        self.idle = if used < self.gathered.capacity() / 8 { self.idle + 1 } else { 0 };
        if self.idle == PATIENCE {
            self.idle = 0;
            self.gathered.shrink_to(KEPT.max(2 * used));
        }
    }
}

/// For the engine's pongs and Closes: a call is one or more whole frames.
impl Write for Outgoing {
    fn write(&mut self, frames: &[u8]) -> io::Result<usize> {
        self.gathered.extend_from_slice(frames);
        self.left += frames.len();
        self.replies += frames.len();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::frame::{BINARY, FIN};
    use std::{
        pin::Pin,
        sync::{Arc, Mutex},
        task::Waker,
    };
    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    /// A transport that takes so many bytes at a time, then makes one wait.
    struct Narrow {
        took: Arc<Mutex<Vec<u8>>>,
        step: usize,
        waits: bool,
        vectored: bool,
        flushed: Arc<Mutex<usize>>,
    }

    impl Narrow {
        fn take(&mut self, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
            self.waits = !self.waits;
            if self.waits {
                return Poll::Pending;
            }
            let bytes: Vec<u8> =
                pieces.iter().flat_map(|piece| piece.iter().copied()).take(self.step).collect();
            self.took.lock().unwrap().extend_from_slice(&bytes);
            Poll::Ready(Ok(bytes.len()))
        }
    }

    impl AsyncRead for Narrow {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Narrow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.take(&[IoSlice::new(bytes)])
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            pieces: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            assert!(pieces.iter().all(|piece| !piece.is_empty()), "no empty piece");
            let first = if self.vectored { pieces } else { &pieces[..1] };
            self.take(first)
        }

        fn is_write_vectored(&self) -> bool {
            self.vectored
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            *self.flushed.lock().unwrap() += 1;
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    impl crate::stream::Transport for Narrow {}

    /// Writes everything; gives what came out and how often it was flushed.
    fn written(outgoing: &mut Outgoing, step: usize, vectored: bool) -> (Vec<u8>, usize) {
        let (took, flushed) = (Arc::default(), Arc::default());
        let narrow =
            Narrow { took: Arc::clone(&took), step, waits: false, vectored, flushed: Arc::clone(&flushed) };
        let mut stream: Stream = Box::pin(narrow);
        let mut cx = Context::from_waker(Waker::noop());
        let (all, mut told) = (outgoing.len(), 0);
        while outgoing.poll_write(&mut cx, &mut stream, |count| told += count).is_pending() {}
        assert_eq!((told as usize, outgoing.len(), outgoing.replies()), (all, 0, 0));
        let took = std::mem::take(&mut *took.lock().unwrap());
        (took, *flushed.lock().unwrap())
    }

    #[test]
    fn small_and_shared_payloads_and_replies_keep_their_order_however_little_is_taken() {
        let large = Bytes::from(vec![7; SHARED]);
        for step in [2, 5, 1000, SHARED, 3 * SHARED, usize::MAX] {
            for vectored in [true, false] {
                let mut outgoing = Outgoing::new(false);
                let mut expected = Vec::new();
                for round in 0..40 {
                    let payload = if round % 3 == 0 { large.clone() } else { Bytes::from(vec![round; 3]) };
                    put_head(&mut expected, FIN | BINARY, payload.len(), None);
                    expected.extend_from_slice(&payload);
                    outgoing.push(FIN | BINARY, payload).unwrap();
                    if round % 7 == 0 {
                        outgoing.write_all(&[0x8a, 1, round]).unwrap();
                        expected.extend_from_slice(&[0x8a, 1, round]);
                    }
                }
                assert_eq!((outgoing.len(), outgoing.replies()), (expected.len(), 6 * 3));
                let (took, flushed) = written(&mut outgoing, step, vectored);
                assert!(took == expected, "{step} at a time");
                assert_eq!(flushed, 1, "what was flushed once is not flushed again");
            }
        }
    }

    #[test]
    fn a_servers_large_payload_is_not_copied() {
        let (large, mut outgoing) = (Bytes::from(vec![7; SHARED]), Outgoing::new(false));
        outgoing.push(FIN | BINARY, large.clone()).unwrap();
        assert_eq!(outgoing.shared[0].payload.as_ptr(), large.as_ptr());
        assert!(outgoing.gathered.len() < 16);
    }

    #[test]
    fn a_client_masks_every_frame_anew_and_leaves_the_payload_as_it_is() {
        let payload = Bytes::from(vec![0; SHARED]);
        let mut outgoing = Outgoing::new(true);
        let mut masks = std::collections::HashSet::new();
        for _ in 0..8 {
            outgoing.push(FIN | BINARY, payload.clone()).unwrap();
            let (took, _) = written(&mut outgoing, usize::MAX, true);
            assert_eq!(took[..4], [0x82, 0x80 | 126, 0x20, 0x00]);
            let mask: [u8; 4] = took[4..8].try_into().unwrap();
            assert!(took[8..].chunks(4).all(|four| four == mask), "zeros show the mask");
            assert_eq!(took.len(), 8 + SHARED);
            masks.insert(mask);
        }
        assert_eq!(masks.len(), 8);
        assert!(payload.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn the_buffer_of_a_burst_is_given_back_when_little_is_sent_afterwards() {
        let mut outgoing = Outgoing::new(false);
        for _ in 0..100 {
            outgoing.push(FIN | BINARY, Bytes::from(vec![1; SHARED - 1])).unwrap();
        }
        written(&mut outgoing, usize::MAX, true);
        assert!(outgoing.gathered.capacity() > 100 * KEPT, "the next burst finds it");
        for _ in 0..PATIENCE {
            outgoing.push(FIN | BINARY, Bytes::from_static(b"little")).unwrap();
            written(&mut outgoing, usize::MAX, true);
        }
        assert!(outgoing.gathered.capacity() <= KEPT, "{}", outgoing.gathered.capacity());
    }
}
