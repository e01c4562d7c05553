//! A layer on a stream: it changes or watches what comes, and may watch what goes.
//!
//! Everything else is passed on to the stream below, so that a layer says only what it is for, and none
//! forgets vectored writes or the socket at the bottom.

use crate::stream::{Beneath, Stream, Transport};
use bytes::Buf;
use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The part of a layer that is its own.
pub trait Layer: Send + Unpin {
    /// Reads from the stream below, or from what the layer holds.
    ///
    /// # Errors
    /// The stream's.
    fn poll_read(
        &mut self,
        below: &mut Stream,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(below.as_mut().poll_read(cx, buffer))?;
        self.received(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }

    /// Takes note of bytes that came from the stream below, unless it reads by itself.
    fn received(&mut self, _bytes: &[u8]) {}

    /// Takes note of bytes that the stream below has taken.
    fn sent(&mut self, _bytes: &[u8]) {}
}

/// Gives of what was read ahead at most so many bytes, as far as there is room; returns how many.
pub fn give(ahead: &mut impl Buf, most: usize, buffer: &mut ReadBuf<'_>) -> usize {
    let count = ahead.chunk().len().min(most).min(buffer.remaining());
    buffer.put_slice(&ahead.chunk()[..count]);
    ahead.advance(count);
    count
}

/// A stream with a layer on it.
pub struct Layered<L> {
    /// The stream below.
    pub below: Stream,
    /// The layer.
    pub layer: L,
}

impl<L: Layer> AsyncRead for Layered<L> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.layer.poll_read(&mut this.below, cx, buffer)
    }
}

impl<L: Layer> AsyncWrite for Layered<L> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let count = ready!(self.below.as_mut().poll_write(cx, bytes))?;
        self.layer.sent(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(self.below.as_mut().poll_write_vectored(cx, slices))?;
        let mut left = count;
        for slice in slices {
            let taken = left.min(slice.len());
            self.layer.sent(&slice[..taken]);
            left -= taken;
        }
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.below.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.below.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.below.as_mut().poll_shutdown(cx)
    }
}

impl<L: Layer> Transport for Layered<L> {
    fn beneath(&self) -> Beneath<'_> {
        self.below.beneath()
    }
}
