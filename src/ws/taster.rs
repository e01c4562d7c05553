//! A stream that keeps its first bytes, so that an answer that is not HTTP can be named.
//!
//! hyper only says "invalid"; a TLS alert, an SSH banner or a raw WebSocket frame each has another
//! next step for the user.

use crate::net::Stream;
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is kept, bytes.
const KEPT: usize = 64;

/// A stream and the first bytes that came over it.
pub(super) struct Taster {
    stream: Stream,
    first: Vec<u8>,
}

impl Taster {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, first: Vec::new() }
    }

    /// The first bytes received, at most 64.
    pub(super) fn first(&self) -> &[u8] {
        &self.first
    }

    pub(super) fn into_stream(self) -> Stream {
        self.stream
    }
}

impl AsyncRead for Taster {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(self.stream.as_mut().poll_read(cx, buffer))?;
        let new = &buffer.filled()[before..];
        let wanted = new.len().min(KEPT - self.first.len());
        self.first.extend_from_slice(&new[..wanted]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Taster {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream.as_mut().poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_shutdown(cx)
    }
}
