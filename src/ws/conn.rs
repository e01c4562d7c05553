//! One open WebSocket: receive a batch, queue, flush, close.
//!
//! This hides the protocol engine (tungstenite's `WebSocketContext`, which is given control frames and what it
//! is to judge) and mends in one place what it leaves to its user: memory
//! bounds in every direction, Close frames for protocol faults, the size of what was cut off, and a
//! transport that is shut instead of dropped. The engine keeps the state of the protocol: it judges what may
//! not come, and answers pings and Closes. Data frames are read and written without it: it copies what it
//! reads, and its write buffer is drained from the front after each partial write, which is quadratic in its
//! length. Nothing above knows which engine it is.
//!
//! Both halves belong to one owner and are polled in one task, so there is no lock and no waker to
//! hand around: the two pumps of a pair borrow the connection in turn.

mod sending;
#[cfg(test)]
mod tests;

pub use super::{
    deflate::{Agreed, Volume},
    end::End,
    outgoing::{FRAGMENT, Largest, Unsent},
    wire::Moved,
};

use super::{
    deflate::Deflating, frame, incoming::Received, outgoing::UnsentPayload, read_error::ReadError,
    watch::FrameWatch, wire::Wire,
};
use crate::{
    close,
    framing::{Piece, Run},
    observe::Taps,
    session::Within,
    stream::Stream,
};
use bytes::Bytes;
use std::{
    collections::VecDeque,
    io,
    mem::take,
    task::{Context, Poll, ready},
};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{Role, WebSocketConfig, WebSocketContext},
};

/// From this much queued on, a pump flushes before it queues more. Bytes.
pub const HIGH_WATER: usize = 256 * 1024;
/// Room for what the engine reads: no more than a control frame comes at a time. Bytes.
const ENGINE_READ: usize = 160;
/// Bound on what the engine has to write; every write of its succeeds, so it never has two frames.
const ENGINE_WRITE: usize = 1024;
/// With this much in unwritten replies to pings, nothing more is read: a peer that does not read its
/// pongs must not make us keep them. Bytes.
const REPLIES: usize = 64 * 1024;
/// Messages in one batch, so that the other direction gets its turn.
const BATCH: usize = 1024;
/// Payload bytes in one batch.
const BATCH_BYTES: usize = 256 * 1024;

/// Payload of our own pings, so that their pongs are known.
pub const KEEPALIVE: &[u8] = b"wsio";
/// Stands between that and the number of a ping that has one.
const NUMBER: &[u8] = b"#";

/// Our side of the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// We dialled: our frames are masked.
    Client,
    /// We accepted: the peer's frames are masked.
    Server,
}

/// A fault that was found in what the peer sent.
struct PeerFault {
    end: End,
    /// The other direction has had its turn since.
    is_due: bool,
}

/// An open WebSocket connection.
pub struct Conn {
    part: Part,
    engine: WebSocketContext,
    /// It has heard something since it could last answer.
    has_heard: bool,
    wire: Wire,
    /// The fragments of a large message that are not framed yet.
    rest: Option<UnsentPayload>,
    /// The rest of a message was dropped after some of its fragments were framed.
    is_torn: bool,
    /// A message that is queued in pieces and not to its end: its bytes so far, and whether it is compressed.
    begun: Option<(usize, bool)>,
    /// No frame that is sent has a longer payload.
    max_frame: usize,
    largest: Largest,
    deflating: Option<Box<Deflating>>,
    /// On the heap, as the fault: what is rare takes little of what every message touches.
    end: Option<Box<End>>,
    /// A fault of the peer that is not told yet.
    fault: Option<Box<PeerFault>>,
    close_queued: bool,
    /// Large messages, or their rest, that were dropped before they were framed.
    unframed: Unsent,
    /// With compression, how long each message was that may not be written to its end.
    plain: VecDeque<u64>,
    /// Something was dropped because the peer has closed, and nobody asked for it yet.
    withholds: bool,
    /// Messages that were told unsent.
    abandoned: u64,
    /// Payload of our own pings.
    keepalive: Bytes,
    /// Told of every message.
    taps: Taps,
}

impl Conn {
    /// A connection after the upgrade; `read_ahead` is what was read beyond the handshake's head.
    pub fn new(stream: Stream, read_ahead: &[u8], part: Part, max_message: usize) -> Self {
        let role = match part {
            Part::Client => Role::Client,
            Part::Server => Role::Server,
        };
        let config = WebSocketConfig::default()
            .read_buffer_size(ENGINE_READ)
            .write_buffer_size(0)
            .max_write_buffer_size(ENGINE_WRITE);
        Self {
            part,
            engine: WebSocketContext::new(role, Some(config)),
            has_heard: false,
            wire: Wire::new(stream, read_ahead, max_message, part == Part::Client),
            rest: None,
            is_torn: false,
            begun: None,
            max_frame: FRAGMENT,
            largest: Largest::default(),
            deflating: None,
            end: None,
            fault: None,
            close_queued: false,
            unframed: Unsent::default(),
            plain: VecDeque::new(),
            withholds: false,
            abandoned: 0,
            keepalive: Bytes::from_static(KEEPALIVE),
            taps: Taps::default(),
        }
    }

    /// Sends no frame with a longer payload; bytes, at least 1.
    pub fn with_max_frame(mut self, max_frame: usize) -> Self {
        self.max_frame = max_frame.max(1);
        self
    }

    /// The largest message and frame that were sent.
    pub fn largest(&self) -> Largest {
        self.largest
    }

    /// Tells the taps of every message from now on.
    pub fn set_taps(&mut self, taps: Taps) {
        self.taps = taps;
    }

    /// Takes the taps back.
    pub fn take_taps(&mut self) -> Taps {
        take(&mut self.taps)
    }

    /// Compresses and restores messages as agreed in the handshake; before anything is sent or received.
    pub fn with_deflate(mut self, agreed: Option<Agreed>) -> Self {
        let Some(agreed) = agreed else { return self };
        let of_server = (!agreed.server_no_context_takeover, agreed.server_max_window_bits);
        let of_client = (!agreed.client_no_context_takeover, agreed.client_max_window_bits);
        let (ours, theirs) = match self.part {
            Part::Client => (of_client, of_server),
            Part::Server => (of_server, of_client),
        };
        self.deflating = Some(Box::new(Deflating::new(ours.0, ours.1)));
        self.wire.incoming.inflate(theirs.0);
        self
    }

    /// Volume received and sent in data messages; `None` when no compression was agreed on.
    pub fn volumes(&self) -> Option<[Volume; 2]> {
        Some([self.wire.incoming.volume()?, self.deflating.as_ref()?.volume()])
    }

    /// Leaves the peer's pings unanswered.
    pub fn mute_pongs(&mut self) {
        self.wire.mute_pongs();
    }

    /// One side of a relay: the peer's pings are answered at the other side.
    ///
    /// Another relay or client of ours may stand there and send pings like ours, so those of this
    /// connection can be told from all others.
    pub fn relay(&mut self) {
        self.mute_pongs();
        if let Ok(random) = getrandom::u64() {
            self.keepalive = format!("{}-{random:016x}", String::from_utf8_lossy(KEEPALIVE)).into();
        }
    }

    /// True when a pong with this payload answers one of our own pings.
    pub fn is_own(&self, pong: &[u8]) -> bool {
        self.keepalive == pong || self.number_of(pong).is_some()
    }

    /// The number of the ping of ours that a pong with this payload answers, if that had one.
    pub fn number_of(&self, pong: &[u8]) -> Option<u64> {
        let number = pong.strip_prefix(&*self.keepalive)?.strip_prefix(NUMBER)?;
        str::from_utf8(number).ok()?.parse().ok()
    }

    /// Lets an observer know of every frame in both directions; before anything is received.
    pub fn watch(&mut self, watch: Box<dyn FrameWatch>) {
        self.wire.watch(watch);
    }

    /// Gives messages in pieces as they come from the frame on with which they are large, or whole; whole in any
    /// case while somebody is told of every message.
    pub fn give_pieces(&mut self, gives: bool) {
        self.wire.incoming.give_pieces(gives && self.taps.0.is_empty());
    }

    /// Gives short messages that came together as runs, or each by itself; that in any case while somebody is told
    /// of every message.
    pub fn give_runs(&mut self, gives: bool) {
        self.wire.incoming.give_runs(gives && self.taps.0.is_empty());
    }

    /// Appends what the peer sent to `batch`, pings and pongs included.
    ///
    /// Ready with an unchanged batch means that the peer's side has ended: see [`end`](Self::end).
    pub fn poll_receive<T: From<Message> + From<Piece> + From<Run>>(
        &mut self,
        cx: &mut Context<'_>,
        batch: &mut VecDeque<T>,
    ) -> Poll<()> {
        if self.end.is_some() {
            return Poll::Ready(());
        }
        if let Some(found) = self.fault.take() {
            return self.poll_fault(cx, found);
        }
        ready!(self.taps.poll_ready(cx));
        let (mut messages, mut bytes) = (0, 0);
        while messages < BATCH && bytes < BATCH_BYTES {
            if self.wire.replies() > REPLIES && self.poll_flush(cx).is_pending() {
                return if messages > 0 { Poll::Ready(()) } else { Poll::Pending };
            }
            let read = match self.wire.next() {
                Some(Ok(Received::Message(message))) => Ok(message),
                Some(Ok(Received::Piece(piece))) => {
                    messages += 1;
                    bytes += piece.payload.len();
                    batch.push_back(piece.into());
                    continue;
                }
                Some(Ok(Received::Run(run))) => {
                    messages += run.count();
                    bytes += run.bytes();
                    batch.push_back(run.into());
                    continue;
                }
                Some(Ok(Received::Frames(frames))) => self.judge(&frames),
                Some(Err(error)) => Err(error),
                None => {
                    // The caller asks again once it has handled the messages.
                    let polled = match messages > 0 && self.wire.has_read_all() {
                        true => Poll::Pending,
                        false => self.wire.poll_fill(cx),
                    };
                    match polled {
                        Poll::Ready(Ok(())) => continue,
                        Poll::Ready(Err(error)) => Err(error),
                        Poll::Pending => {
                            if self.wire.replies() > 0 {
                                // A failure shows in the next flush; what the peer said before is still to come.
                                let _ = self.wire.poll_write(cx);
                            }
                            return if messages > 0 { Poll::Ready(()) } else { Poll::Pending };
                        }
                    }
                }
            };
            match read {
                Ok(Message::Close(_)) => {
                    let end = End::closed(&self.wire.incoming);
                    if let End::Close { code, reason } = &end {
                        self.taps.closed(*code, reason, !self.close_queued);
                        if !self.close_queued {
                            self.wire.echo_close();
                        }
                    }
                    self.finish(end);
                    break;
                }
                Ok(message) => {
                    self.taps.received(&message, !self.close_queued && !self.wire.mutes_pongs());
                    messages += 1;
                    bytes += message.len();
                    batch.push_back(message.into());
                }
                Err(error) => {
                    let end = End::lost(error, &self.wire.incoming);
                    if !end.is_answered() {
                        self.finish(end);
                        break;
                    }
                    self.fault = Some(Box::new(PeerFault { end, is_due: messages == 0 }));
                    cx.waker().wake_by_ref();
                    return if messages > 0 { Poll::Ready(()) } else { Poll::Pending };
                }
            }
        }
        Poll::Ready(())
    }

    /// Lets the engine act on a control frame, or tell what is wrong with a frame that may not come.
    fn judge(&mut self, frames: &[u8]) -> Result<Message, ReadError> {
        self.has_heard = true;
        let judged = self.engine.read(&mut self.wire.io(frames)).map_err(ReadError::Engine)?;
        if !judged.is_close() {
            // A pong joins what is queued; the queue takes it in any case.
            let _ = self.engine.flush(&mut self.wire.io(&[]));
        }
        Ok(judged)
    }

    /// Lets the other direction have its turn before a fault of the peer is told: what answers the messages
    /// ahead of it goes out ahead of our Close.
    fn poll_fault(&mut self, cx: &mut Context<'_>, mut found: Box<PeerFault>) -> Poll<()> {
        if !found.is_due {
            found.is_due = true;
            self.fault = Some(found);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        // Bytes that the transport does not take now are dropped; a failure shows in the next flush.
        let _: Poll<_> = self.wire.poll_write(cx);
        self.finish(found.end);
        Poll::Ready(())
    }

    /// The end of the peer's side, once everything before it was received.
    pub fn end(&self) -> Option<&End> {
        self.end.as_deref()
    }

    /// Bytes waiting to be flushed; never less than [`HIGH_WATER`] while a message is not framed to its
    /// end, since no other may be queued before that.
    pub fn queued(&self) -> usize {
        let rest = self.rest.as_ref().map_or(0, |rest| rest.payload.len().max(HIGH_WATER));
        self.wire.queued() + rest
    }

    /// True while a message can be queued: no Close was sent or received.
    pub fn is_open(&self) -> bool {
        // After a fault of the peer what waits was dropped: what came behind it must not go out.
        self.end.is_none() && !self.close_queued
    }

    /// True when our Close was queued before one of the peer was read.
    pub fn has_queued_close(&self) -> bool {
        self.close_queued
    }

    /// True while no Close was sent or received.
    fn may_close(&self) -> bool {
        self.engine.can_write() && !self.close_queued
    }

    /// Queues our Close; nothing can be queued after it.
    pub fn queue_close(&mut self, code: Option<u16>, reason: &str) {
        self.drop_rest();
        if !self.may_close() {
            return;
        }
        self.close_queued = true;
        // A message that was begun is never finished now: what came of it is not the whole (section 7.4.1).
        let (code, reason) = match code {
            None | Some(1000) if self.begun.is_some() || self.is_torn => {
                (Some(1011), "the message could not be sent to its end")
            }
            code => (code, reason),
        };
        let frame = close::frame(code, close::fit_reason(reason));
        self.taps.sent(&Message::Close(frame.clone()));
        let _ = self.engine.close(&mut self.wire.io(&[]), frame);
    }

    /// Writes everything queued, and the engine's replies to pings and Close.
    ///
    /// What is not begun when the peer closes is dropped; then pending, until it is
    /// [abandoned](Self::abandon) or a Close of ours is queued.
    ///
    /// # Errors
    /// The transport's; what the peer sent before may still be received.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.taps.poll_ready(cx));
        loop {
            if take(&mut self.has_heard) {
                // The reply to what was read last; the queue takes it in any case.
                let _ = self.engine.flush(&mut self.wire.io(&[]));
            }
            while self.wire.queued() < HIGH_WATER && self.rest.is_some() {
                self.queue_fragment()?;
            }
            ready!(self.wire.poll_write(cx))?;
            if self.rest.is_some() {
                continue;
            }
            if !self.plain.is_empty() {
                let kept = usize::try_from(self.unsent_on_wire().messages).unwrap_or(usize::MAX);
                self.plain.drain(..self.plain.len().saturating_sub(kept));
            }
            let withholds = self.withholds && !self.close_queued;
            return if withholds { Poll::Pending } else { Poll::Ready(Ok(())) };
        }
    }

    /// Data messages that were queued and not written to their end, and their payload bytes; those too that
    /// can no longer be written.
    ///
    /// Written is what the transport took. Costs a look at every frame that waits.
    pub fn unsent(&self) -> Unsent {
        let mut unsent = self.unsent_on_wire();
        if self.deflating.is_some() {
            // The first ones that were queued are the first ones that are written.
            let last = usize::try_from(unsent.messages).unwrap_or(usize::MAX);
            unsent.bytes = self.plain.iter().rev().take(last).sum();
        }
        unsent
    }

    /// Of those, once the peer's side has ended, the one whose last frame was half written then: it is
    /// finished, if it can be (RFC 6455 section 5.5.1 lets no other begin).
    pub fn finishing(&self) -> Unsent {
        if self.end.is_none() {
            return Unsent::default();
        }
        let mut finishing = self.wire.finishing();
        if self.deflating.is_some() {
            let unsent = usize::try_from(self.unsent_on_wire().messages).unwrap_or(usize::MAX);
            let messages = usize::try_from(finishing.messages).unwrap_or(usize::MAX);
            finishing.bytes = self.plain.iter().rev().take(unsent).rev().take(messages).sum();
        }
        finishing
    }

    /// The same with what is framed as it is on the wire.
    fn unsent_on_wire(&self) -> Unsent {
        let mut unsent = self.wire.unsent();
        unsent += self.unframed;
        unsent += self.rest.as_ref().map_or_else(Unsent::default, UnsentPayload::unsent);
        unsent
    }

    /// Drops what is left of a large message; tells how many messages are not written to their end and were
    /// not told so before.
    pub fn abandon(&mut self) -> u64 {
        self.drop_rest();
        self.withholds = false;
        let told = self.abandoned;
        self.abandoned = self.unsent().messages.max(told);
        self.abandoned - told
    }

    /// Takes back what is not written to its end, but for the answer to a Close: a data frame that is half
    /// written stays so, and then nothing follows it.
    pub fn retract(&mut self) {
        self.drop_rest();
        self.withholds = false;
        self.wire.retract();
    }

    /// The peer has closed, or is not understood any more: nothing more is begun (section 5.5.1).
    fn cut(&mut self) {
        self.drop_rest();
        self.wire.cut();
        self.withholds = self.wire.unsent().messages + self.unframed.messages > 0;
    }

    fn drop_rest(&mut self) {
        if let Some(rest) = self.rest.take() {
            self.is_torn |= rest.opcode == frame::CONTINUATION;
            self.unframed += rest.unsent();
        }
    }

    /// Bytes received and sent so far.
    pub fn moved(&self) -> Moved {
        self.wire.moved
    }

    /// Returns whether a message and a frame of the peer have begun and not ended.
    pub fn within(&self) -> Within {
        self.wire.incoming.within()
    }

    /// The length of the peer's first frame that told it in a longer form than it needs; once.
    pub fn take_long_form(&mut self) -> Option<u64> {
        self.wire.incoming.take_long_form()
    }

    /// Bytes of a message of the peer that has begun and not ended: as they came, or as they were restored
    /// when that is more.
    pub fn begun(&self) -> u64 {
        self.wire.incoming.begun()
    }

    /// The transport, to be closed.
    pub fn stream(&mut self) -> &mut Stream {
        &mut self.wire.stream
    }

    fn finish(&mut self, end: End) {
        self.end = Some(Box::new(end));
        self.cut();
        self.wire.incoming.stop();
    }
}

/// True for a ping, a pong and a Close.
pub fn is_control(message: &Message) -> bool {
    !matches!(message, Message::Text(_) | Message::Binary(_))
}
