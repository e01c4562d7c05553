//! A stream of which something has already been read.

use super::{Layer, Layered, Stream};
use bytes::{Buf, Bytes};
use std::{
    io,
    task::{Context, Poll},
};
use tokio::io::ReadBuf;

/// Gives what was read first, then the rest.
pub(super) struct Prefixed(Bytes);

impl Prefixed {
    pub(super) fn new(first: Bytes, stream: Stream) -> Layered<Self> {
        Layered { below: stream, layer: Self(first) }
    }
}

impl Layer for Prefixed {
    fn poll_read(
        &mut self,
        below: &mut Stream,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.0.is_empty() {
            return below.as_mut().poll_read(cx, buffer);
        }
        let count = self.0.len().min(buffer.remaining());
        buffer.put_slice(&self.0[..count]);
        self.0.advance(count);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test]
    async fn what_was_read_comes_first_however_small_the_buffer() {
        let (ours, mut theirs) = duplex(64);
        let mut stream = Prefixed::new(Bytes::from_static(b"hello "), Box::pin(ours));
        theirs.write_all(b"world").await.unwrap();
        theirs.shutdown().await.unwrap();
        let mut all = vec![0; 4];
        stream.read_exact(&mut all).await.unwrap();
        stream.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"hello world");
        stream.write_all(b"back").await.unwrap();
        let mut back = [0; 4];
        theirs.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"back");
    }
}
