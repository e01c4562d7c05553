//! The stream beneath the protocol engine: polled, read in large pieces, watched by the cursor.
//!
//! The engine reads as little as a header at a time when its buffer was just emptied, and zero-fills
//! what it reads into. So system calls fill a buffer of ours, and the engine takes its small pieces
//! from there; only pieces as large as that buffer are read past it.

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
}

impl Wire {
    /// A transport with what was already read of it; `size` is that of the read buffer, bytes.
    pub fn new(stream: Stream, read_ahead: &[u8], size: usize) -> Self {
        let mut cursor = Cursor::default();
        cursor.advance(read_ahead);
        let mut buffer = read_ahead.to_vec();
        buffer.resize(size.max(read_ahead.len()), 0);
        Self { stream, cursor, buffer, from: 0, to: read_ahead.len() }
    }

    /// The transport as the engine wants it, for the time of one poll.
    pub fn io<'a, 'b>(&'a mut self, cx: &'a mut Context<'b>) -> Io<'a, 'b> {
        Io { wire: self, cx }
    }

    fn read_from_stream(&mut self, cx: &mut Context<'_>, into: Option<&mut [u8]>) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(into.unwrap_or(&mut self.buffer));
        match self.stream.as_mut().poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(())) => {
                self.cursor.advance(buffer.filled());
                Ok(buffer.filled().len())
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
            if into.len() >= wire.buffer.len() {
                return wire.read_from_stream(self.cx, Some(into));
            }
            (wire.from, wire.to) = (0, 0);
            wire.to = wire.read_from_stream(self.cx, None)?;
        }
        let count = into.len().min(wire.to - wire.from);
        into[..count].copy_from_slice(&wire.buffer[wire.from..wire.from + count]);
        wire.from += count;
        Ok(count)
    }
}

impl Write for Io<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.wire.stream.as_mut().poll_write(self.cx, bytes) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.wire.stream.as_mut().poll_flush(self.cx) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
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
