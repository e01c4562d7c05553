//! A stream that notes when its far end has sent something.

use super::{Beneath, Stream, Transport};
use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Sets a flag at the first byte that comes.
struct Noticed {
    stream: Stream,
    spoke: Arc<AtomicBool>,
}

/// The same stream, which sets the flag at the first byte that comes.
pub fn noticed(stream: Stream, spoke: Arc<AtomicBool>) -> Stream {
    Box::pin(Noticed { stream, spoke })
}

impl AsyncRead for Noticed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(self.stream.as_mut().poll_read(cx, buffer))?;
        if buffer.filled().len() > before && !self.spoke.load(Ordering::Relaxed) {
            self.spoke.store(true, Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Noticed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream.as_mut().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream.as_mut().poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_shutdown(cx)
    }
}

impl Transport for Noticed {
    fn beneath(&self) -> Beneath<'_> {
        self.stream.beneath()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test]
    async fn the_first_byte_is_noticed_and_the_end_is_none() {
        for (sent, spoke) in [(&b"x"[..], true), (b"", false)] {
            let (ours, mut theirs) = duplex(64);
            let flag = Arc::<AtomicBool>::default();
            let mut stream = noticed(Box::pin(ours), Arc::clone(&flag));
            theirs.write_all(sent).await.unwrap();
            theirs.shutdown().await.unwrap();
            assert!(!flag.load(Ordering::Relaxed));
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
            assert_eq!((all.as_slice(), flag.load(Ordering::Relaxed)), (sent, spoke));
        }
    }
}
