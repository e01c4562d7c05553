//! The stream beneath the protocol: polled, read in large pieces, written from one queue.
//!
//! What is read goes to the reader of frames; the engine gets what that has for it, and what the engine
//! writes joins our own frames.

use super::{
    encoded::Encoded,
    frame::{self, apply_mask, glance, within},
    incoming::{Incoming, Received},
    outgoing::{Outgoing, Unsent},
    read_buffer,
    read_error::ReadError,
    watch::{FrameSender, FrameWatch, HEAD, SeenFrame},
};
use crate::{framing::Run, stream::Stream};
use bytes::Bytes;
use std::{
    io::{self, Read, Write},
    pin::pin,
    task::{Context, Poll, ready},
};
use tokio::io::AsyncReadExt;

/// A read that gives less than this has probably taken all that was there. Bytes.
const LITTLE: usize = 4 * 1024;

/// A transport, the reader of what comes, and what is to be written.
pub(super) struct Wire {
    pub stream: Stream,
    pub incoming: Incoming,
    /// Bytes received and sent so far.
    pub moved: Moved,
    out: Outgoing,
    /// What the last read gave, bytes.
    last_read: usize,
    /// Pongs of the engine do not get out.
    mutes_pongs: bool,
    /// The Close of the peer is answered: the engine's answer does not get out.
    is_answered: bool,
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
    /// A transport with what was already read of it. A message has at most `max` bytes.
    pub fn new(stream: Stream, read_ahead: &[u8], max: usize, is_client: bool) -> Self {
        Self {
            stream,
            incoming: Incoming::new(read_ahead, max, !is_client),
            moved: Moved { received: read_ahead.len() as u64, sent: 0 },
            out: Outgoing::new(is_client),
            last_read: 0,
            mutes_pongs: false,
            is_answered: false,
            broken: None,
        }
    }

    /// Sets the observer of frames.
    pub fn watch(&mut self, watch: Box<dyn FrameWatch>) {
        self.incoming.watch(watch);
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
        let _ = self.push(frame::FIN | frame::CLOSE, Bytes::copy_from_slice(self.incoming.close()));
        self.is_answered = true;
    }

    /// The next message, or frames for the engine; `None` when more has to be read first.
    pub fn next(&mut self) -> Option<Result<Received, ReadError>> {
        self.incoming.next()
    }

    /// The transport as the engine wants it: it hears these bytes, and what it says is queued.
    pub fn io<'a>(&'a mut self, heard: &'a [u8]) -> Io<'a> {
        Io { wire: self, heard }
    }

    /// Reads once; ready when something came.
    ///
    /// # Errors
    /// The transport's, its end, and what a part of a message that was read straight to its place says.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ReadError>> {
        let count = match self.incoming.place()? {
            Some(mut place) => {
                let read = pin!(self.stream.read_buf(&mut place)).poll(cx);
                let count = ready!(read).map_err(ReadError::Io)?;
                self.incoming.placed(count);
                count
            }
            None => {
                let read = ready!(read_buffer::poll_read(&mut self.stream, cx)).map_err(ReadError::Io)?;
                let count = read.len();
                self.incoming.feed(read);
                count
            }
        };
        self.moved.received += count as u64;
        self.last_read = count;
        Poll::Ready(if count == 0 { Err(ReadError::Eof) } else { Ok(()) })
    }

    /// True when the last read gave so little that probably nothing more is there.
    pub fn has_read_all(&self) -> bool {
        self.last_read < LITTLE
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
        if let Some(watch) = self.incoming.watcher() {
            watch.frame(&SeenFrame::new(FrameSender::Out, first, is_masked, payload.len() as u64, &payload));
        }
        self.out.push(first, payload)
    }

    /// Queues the messages of a run, a frame each; nobody watches the frames.
    ///
    /// # Errors
    /// As for [`push`](Self::push).
    pub fn push_run(&mut self, run: &Run) -> io::Result<()> {
        let first = frame::FIN | if run.is_text() { frame::TEXT } else { frame::BINARY };
        if self.broken.is_some() {
            run.payloads().for_each(|payload| self.out.refuse(first, payload));
            return Ok(());
        }
        self.out.push_run(first, run)
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
        self.incoming.is_watched()
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

/// Some bytes for the engine, and a queue that takes every write.
pub(super) struct Io<'a> {
    wire: &'a mut Wire,
    heard: &'a [u8],
}

impl Read for Io<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.heard.is_empty() {
            true => Err(io::ErrorKind::WouldBlock.into()),
            false => Read::read(&mut self.heard, into),
        }
    }
}

impl Write for Io<'_> {
    fn write(&mut self, frames: &[u8]) -> io::Result<usize> {
        // The engine writes a frame at a time, and all of it.
        let opcode = frames.first().map(|first| first & frame::OPCODE);
        let is_needless = self.wire.mutes_pongs && opcode == Some(frame::PONG)
            || self.wire.is_answered && opcode == Some(frame::CLOSE);
        if self.wire.broken.is_some() || is_needless {
            return Ok(frames.len());
        }
        self.wire.show(frames);
        self.wire.out.write(frames)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Wire {
    /// Tells the observer of a frame that the engine writes.
    fn show(&mut self, frame: &[u8]) {
        let (Some(watch), Some(seen)) = (self.incoming.watcher(), glance(frame)) else { return };
        let (header, payload) = frame.split_at(seen.head);
        let mut head = payload[..within(seen.length, payload.len().min(HEAD))].to_vec();
        if seen.is_masked {
            apply_mask(&mut head, std::array::from_fn(|index| header[seen.head - 4 + index]), 0);
        }
        watch.frame(&SeenFrame::new(FrameSender::Out, seen.first, seen.is_masked, seen.length, &head));
    }
}
