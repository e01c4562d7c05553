//! The stream beneath the protocol engine: polled, read in large pieces, watched by the cursor.
//!
//! The engine reads as little as a header at a time when its buffer was just emptied, and zero-fills
//! what it reads into. So system calls fill a buffer of ours, and the engine takes its small pieces
//! from there.

use super::cursor::Cursor;
use crate::net::Stream;
use std::{
    io::{self, Read, Write},
    task::{Context, Poll},
};
use tokio::io::ReadBuf;

/// A transport and what was read of it beyond what the engine took.
pub(super) struct Wire {
    pub stream: Stream,
    pub cursor: Cursor,
    buffer: Vec<u8>,
    /// What of the buffer is still to be taken.
    from: usize,
    to: usize,
    /// Bytes received and sent so far.
    pub moved: Moved,
    /// The first failed write. What the peer said before is still to be read.
    broken: Option<io::ErrorKind>,
}

/// How far the two directions of a transport have come, bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Received.
    pub received: u64,
    /// Sent: taken by the transport.
    pub sent: u64,
}

impl Wire {
    /// A transport with what was already read of it; `size` is that of the read buffer, bytes.
    pub fn new(stream: Stream, read_ahead: &[u8], size: usize) -> Self {
        let mut cursor = Cursor::default();
        cursor.advance(read_ahead);
        let mut buffer = read_ahead.to_vec();
        buffer.resize(size.max(read_ahead.len()), 0);
        Self { stream, cursor, buffer, from: 0, to: read_ahead.len(), moved: Moved::default(), broken: None }
    }

    /// The transport as the engine wants it, for the time of one poll.
    pub fn io<'a, 'b>(&'a mut self, cx: &'a mut Context<'b>) -> Io<'a, 'b> {
        Io { wire: self, cx }
    }

    /// Why nothing can be written any more.
    ///
    /// # Errors
    /// That of the first failed write.
    pub fn writable(&self) -> io::Result<()> {
        self.broken.map_or(Ok(()), |kind| Err(kind.into()))
    }

    fn fill(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut buffer = ReadBuf::new(&mut self.buffer);
        match self.stream.as_mut().poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(())) => {
                self.cursor.advance(buffer.filled());
                (self.from, self.to) = (0, buffer.filled().len());
                self.moved.received += self.to as u64;
                Ok(())
            }
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

/// The stream with `WouldBlock` where polling says "pending".
pub(super) struct Io<'a, 'b> {
    wire: &'a mut Wire,
    cx: &'a mut Context<'b>,
}

impl Read for Io<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let wire = &mut *self.wire;
        if wire.from == wire.to {
            wire.fill(self.cx)?;
        }
        let count = into.len().min(wire.to - wire.from);
        into[..count].copy_from_slice(&wire.buffer[wire.from..wire.from + count]);
        wire.from += count;
        Ok(count)
    }
}

impl Io<'_, '_> {
    /// A failed write is kept and looks like one that waits: the engine writes its pongs before it
    /// reads on, and would give up what has already come.
    fn latch<T>(&mut self, polled: Poll<io::Result<T>>) -> io::Result<T> {
        match polled {
            Poll::Ready(Ok(value)) => return Ok(value),
            Poll::Ready(Err(error)) => self.wire.broken = Some(error.kind()),
            Poll::Pending => {}
        }
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Write for Io<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.wire.broken.is_some() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let polled = self.wire.stream.as_mut().poll_write(self.cx, bytes);
        let written = self.latch(polled)?;
        self.wire.moved.sent += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.wire.broken.is_some() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let polled = self.wire.stream.as_mut().poll_flush(self.cx);
        self.latch(polled)
    }
}

/// A stream that takes nothing yet: queueing must not write, flushing does.
pub(super) struct Blocked;

impl Read for Blocked {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Write for Blocked {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}
