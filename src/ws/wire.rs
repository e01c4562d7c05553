//! The stream beneath the protocol engine: polled, read in large pieces, watched by the parser.
//!
//! The engine reads as little as a header at a time when its buffer was just emptied, and zero-fills
//! what it reads into, also when nothing came. So system calls fill a buffer of ours, the engine takes
//! its small pieces from there, and is not asked before there are any. What it writes joins our own
//! frames.

use super::{
    assembly::Assembly,
    deflate::{Inflating, Volume},
    encoded::Encoded,
    frame,
    frame_parser::FrameParser,
    outgoing::{Outgoing, Unsent},
    watch::{FrameSender, FrameWatch, SeenFrame, Watch},
};
use crate::stream::Stream;
use bytes::Bytes;
use std::{
    io::{self, Read, Write},
    task::{Context, Poll},
};
use tokio::io::ReadBuf;

/// A transport, what was read of it beyond what the engine took, and what is to be written to it.
pub(super) struct Wire {
    pub stream: Stream,
    pub parser: FrameParser,
    /// Stands before the engine and puts large messages together.
    pub assembly: Assembly,
    buffer: Vec<u8>,
    /// Start of the buffered bytes that are still to be taken; `to` is their end.
    from: usize,
    to: usize,
    /// Stands between the buffer and the assembly when compression was agreed on.
    inflating: Option<Box<Inflating>>,
    /// The engine has taken all there was and asked for more.
    starved: bool,
    /// Bytes received and sent so far.
    pub moved: Moved,
    out: Outgoing,
    watch: Watch,
    /// Pongs of the engine do not get out.
    mutes_pongs: bool,
    /// The Close of the peer is answered: the engine's answer does not get out.
    is_answered: bool,
    /// Follows what the engine writes; only when it is watched.
    spoken: FrameParser,
    /// The first failed write. What the peer said before is still to be read.
    broken: Option<io::ErrorKind>,
}

/// Progress of the two directions of a transport, bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Received.
    pub received: u64,
    /// Sent: taken by the transport.
    pub sent: u64,
}

impl Wire {
    /// A transport with what was already read of it; `size` is that of the read buffer, bytes.
    /// A message has at most `max` bytes.
    pub fn new(stream: Stream, read_ahead: &[u8], size: usize, max: usize, is_client: bool) -> Self {
        let mut parser = FrameParser::new(FrameSender::In);
        parser.advance(read_ahead, &mut None);
        // Fresh from the system and not written to, most of it costs an idle connection nothing.
        let mut buffer = vec![0; size.max(read_ahead.len())];
        buffer[..read_ahead.len()].copy_from_slice(read_ahead);
        Self {
            stream,
            parser,
            assembly: Assembly::new(max),
            buffer,
            from: 0,
            to: read_ahead.len(),
            inflating: None,
            starved: read_ahead.is_empty(),
            moved: Moved { received: read_ahead.len() as u64, sent: 0 },
            out: Outgoing::new(is_client),
            watch: None,
            mutes_pongs: false,
            is_answered: false,
            spoken: FrameParser::new(FrameSender::Out),
            broken: None,
        }
    }

    /// Sets the observer, who is told of what was read ahead too.
    pub fn watch(&mut self, watch: Box<dyn FrameWatch>) {
        debug_assert!(self.from == 0 && self.moved.received == self.to as u64, "before anything is received");
        self.watch = Some(watch);
        self.parser = FrameParser::new(FrameSender::In);
        self.parser.advance(&self.buffer[..self.to], &mut self.watch);
    }

    /// Drops the engine's answers to pings.
    pub fn mute_pongs(&mut self) {
        self.mutes_pongs = true;
    }

    /// The engine's answers to pings are dropped.
    pub fn mutes_pongs(&self) -> bool {
        self.mutes_pongs
    }

    /// Answers the peer's Close with the same, also where the engine does not know its code.
    pub fn echo_close(&mut self) {
        // Without a mask there is no answer of the engine's either.
        let _ = self.push(frame::FIN | frame::CLOSE, Bytes::copy_from_slice(self.parser.close()));
        self.is_answered = true;
    }

    /// Restores compressed messages from here on; `keeps_context` as the peer may refer to earlier ones.
    pub fn inflate(&mut self, keeps_context: bool) {
        self.inflating = Some(Box::new(Inflating::new(keeps_context)));
    }

    /// Volume restored so far; `None` without compression.
    pub fn inflated(&self) -> Option<Volume> {
        self.inflating.as_ref().map(|inflating| inflating.volume())
    }

    /// Nothing more is read.
    pub fn stop(&mut self) {
        self.parser.stop(&mut self.watch);
    }

    /// The transport as the engine wants it, for the time of one poll.
    pub fn io<'a, 'b>(&'a mut self, cx: &'a mut Context<'b>) -> Io<'a, 'b> {
        Io { wire: self, cx: Some(cx) }
    }

    /// The same when the engine has only something to say: nothing is read.
    pub fn mouth(&mut self) -> Io<'_, '_> {
        Io { wire: self, cx: None }
    }

    /// Ready when there is something for the engine: bytes, the end, or a failure.
    ///
    /// # Errors
    /// The transport's.
    pub fn poll_fed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.starved {
            false => Poll::Ready(Ok(())),
            true => self.poll_fill(cx),
        }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut buffer = ReadBuf::new(&mut self.buffer);
        let polled = self.stream.as_mut().poll_read(cx, &mut buffer);
        self.starved = polled.is_pending();
        if let Poll::Ready(Ok(())) = polled {
            self.parser.advance(buffer.filled(), &mut self.watch);
            (self.from, self.to) = (0, buffer.filled().len());
            self.moved.received += self.to as u64;
        }
        polled
    }

    /// Queues a frame; `first` is FIN, the reserved bits and the opcode.
    ///
    /// # Errors
    /// When a client cannot make up a mask. That nothing can be written any more, writing tells.
    pub fn push(&mut self, first: u8, payload: Bytes) -> io::Result<()> {
        if self.broken.is_some() {
            self.out.refuse(first, &payload);
            return Ok(());
        }
        let is_masked = self.out.masks();
        if let Some(watch) = &mut self.watch {
            watch.frame(&SeenFrame::new(FrameSender::Out, first, is_masked, payload.len() as u64, &payload));
        }
        self.out.push(first, payload)
    }

    /// Queues messages that were encoded for many; nobody watches the frames.
    pub fn push_encoded(&mut self, encoded: &Encoded) {
        if self.broken.is_none() {
            self.out.push_encoded(encoded.frames());
        } else {
            encoded.each().for_each(|(opcode, payload)| self.out.refuse(frame::FIN | opcode, &payload));
        }
    }

    /// True when an observer is told of every frame.
    pub fn is_watched(&self) -> bool {
        self.watch.is_some()
    }

    /// Drops every frame that is not begun, but for pongs and a Close.
    pub fn cut(&mut self) {
        self.out.cut();
    }

    /// The same, and a data frame that is half written is not finished: then nothing may follow it.
    pub fn retract(&mut self) {
        if self.out.cut() {
            self.out.clear();
            self.broken = self.broken.or(Some(io::ErrorKind::ConnectionAborted));
        }
    }

    /// Data messages that were pushed and are not written to their end, payloads as they are on the wire.
    pub fn unsent(&self) -> Unsent {
        self.out.unsent()
    }

    /// Of those, after the peer's Close, the one that is being finished.
    pub fn finishing(&self) -> Unsent {
        self.out.finishing()
    }

    /// Bytes queued.
    pub fn queued(&self) -> usize {
        self.out.len()
    }

    /// Bytes of queued frames that the engine wrote.
    pub fn replies(&self) -> usize {
        self.out.replies()
    }

    /// Writes everything queued.
    ///
    /// # Errors
    /// That of the first write that failed.
    pub fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(kind) = self.broken {
            return Poll::Ready(Err(kind.into()));
        }
        let sent = &mut self.moved.sent;
        let polled = self.out.poll_write(cx, &mut self.stream, |count| *sent += count);
        polled.map_err(|error| {
            self.broken = Some(error.kind());
            self.out.clear();
            error.kind().into()
        })
    }
}

/// The stream with `WouldBlock` where polling says "pending", and a queue that takes every write.
pub(super) struct Io<'a, 'b> {
    wire: &'a mut Wire,
    cx: Option<&'a mut Context<'b>>,
}

impl Read for Io<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let wire = &mut *self.wire;
        loop {
            let (input, assembly) = (&mut wire.buffer[wire.from..wire.to], &mut wire.assembly);
            let (taken, given) = match &mut wire.inflating {
                Some(inflating) => {
                    match inflating.pass(input, &mut |bytes: &[u8]| assembly.pass(bytes, into))? {
                        // The end of what was put aside may be due though nothing more is restored.
                        (taken, 0) => (taken, assembly.pass(&[], into)?.1),
                        passed => passed,
                    }
                }
                None => assembly.pass(input, into)?,
            };
            wire.from += taken;
            if given > 0 {
                return Ok(given);
            }
            let Some(cx) = &mut self.cx else { return Err(io::ErrorKind::WouldBlock.into()) };
            let Poll::Ready(filled) = wire.poll_fill(cx) else {
                return Err(io::ErrorKind::WouldBlock.into());
            };
            filled?;
            if wire.to == 0 {
                return Ok(0);
            }
        }
    }
}

impl Write for Io<'_, '_> {
    fn write(&mut self, frames: &[u8]) -> io::Result<usize> {
        // The engine writes a frame at a time, and all of it.
        let opcode = frames.first().map(|first| first & frame::OPCODE);
        let is_needless = self.wire.mutes_pongs && opcode == Some(frame::PONG)
            || self.wire.is_answered && opcode == Some(frame::CLOSE);
        if self.wire.broken.is_some() || is_needless {
            return Ok(frames.len());
        }
        if self.wire.watch.is_some() {
            self.wire.spoken.advance(frames, &mut self.wire.watch);
        }
        self.wire.out.write(frames)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
