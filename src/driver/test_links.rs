//! Links within the process, for tests: the far end is the test's, which takes and gives what it wants.
//!
//! Either way has a pipe of its own, so that one can stand still while the other moves, and the send queue
//! is a number that the test sets.

use crate::{
    framing::{Kind, LINES},
    link::{ByteLink, Link, Port, Texts},
    stream::{Stream, Transport},
    ws::conn::{Conn, Part},
};
use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex},
    task::coop::unconstrained,
};

/// Room on the way to us: more than any test sends at once.
const ROOM: usize = 8 * 1024 * 1024;

/// Our end.
struct Near {
    from: DuplexStream,
    to: DuplexStream,
    written: Arc<AtomicU64>,
    backlog: Arc<AtomicU64>,
}

/// The far end of a link.
pub(super) struct Far {
    from: DuplexStream,
    to: DuplexStream,
    /// Bytes that came and are not a whole frame yet.
    bytes: Vec<u8>,
    written: Arc<AtomicU64>,
    /// Bytes of ours that the far end's system has not acknowledged.
    pub backlog: Arc<AtomicU64>,
}

impl AsyncRead for Near {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.from).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Near {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.to).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = &written {
            self.written.fetch_add(*count as u64, Ordering::SeqCst);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.to).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.to).poll_shutdown(cx)
    }
}

impl Transport for Near {
    fn backlog(&self) -> Option<u64> {
        Some(self.backlog.load(Ordering::SeqCst))
    }
}

/// A transport; `room` bytes of ours may wait to be taken.
fn transport(room: usize) -> (Stream, Far) {
    let (to_us, from) = duplex(ROOM);
    let (from_us, to) = duplex(room);
    let (written, backlog) = <(Arc<AtomicU64>, Arc<AtomicU64>)>::default();
    let near = Near { from, to, written: Arc::clone(&written), backlog: Arc::clone(&backlog) };
    (Box::pin(near), Far { from: from_us, to: to_us, bytes: Vec::new(), written, backlog })
}

/// A WebSocket that we accepted.
pub(super) fn web_socket(room: usize) -> (Box<dyn Link>, Far) {
    let (stream, far) = transport(room);
    (Box::new(Conn::new(stream, &[], Part::Server, 1 << 24)), far)
}

/// A socket that speaks lines.
pub(super) fn lines(room: usize) -> (Box<dyn Link>, Far) {
    let (stream, far) = transport(room);
    (over(Port::Stream(stream)), far)
}

/// A port that speaks lines.
pub(super) fn over(port: Port) -> Box<dyn Link> {
    let texts = Texts { input: "the source".into(), output: "the target".into() };
    Box::new(ByteLink::new(port, texts, LINES.decoder(Kind::Text, 1 << 24), LINES.encoder()))
}

impl Far {
    /// Bytes of ours that there was room for so far.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }

    /// Gives these bytes; tells how many there was room for.
    pub(super) async fn give(&mut self, bytes: &[u8]) -> usize {
        let mut given = 0;
        unconstrained(poll_fn(|cx| {
            while given < bytes.len() {
                match Pin::new(&mut self.to).poll_write(cx, &bytes[given..]) {
                    Poll::Ready(Ok(count)) => given += count,
                    _ => break,
                }
            }
            Poll::Ready(())
        }))
        .await;
        given
    }

    /// Gives a frame, as a client does; a mask of zeros leaves the payload as it is. Nobody takes it once our
    /// end is gone.
    pub(super) async fn frame(&mut self, first: u8, payload: &[u8]) {
        let mut frame = vec![first];
        match payload.len() {
            length @ 0..126 => frame.push(0x80 | length as u8),
            length @ 126..65536 => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(payload);
        let given = self.give(&frame).await;
        assert!(given == frame.len() || given == 0, "the test gives more than there is room for");
    }

    pub(super) async fn text(&mut self, text: &str) {
        self.frame(0x81, text.as_bytes()).await;
    }

    pub(super) async fn close(&mut self, code: u16) {
        self.frame(0x88, &code.to_be_bytes()).await;
    }

    /// Ends what it gives, without a Close.
    pub(super) async fn hang_up(&mut self) {
        unconstrained(poll_fn(|cx| Pin::new(&mut self.to).poll_shutdown(cx))).await.unwrap();
    }

    /// Takes at most so many bytes of what has come; whether the end has come is told too.
    pub(super) async fn take(&mut self, most: usize) -> (Vec<u8>, bool) {
        let (mut taken, mut piece) = (Vec::new(), vec![0; 1 << 16]);
        let is_over = unconstrained(poll_fn(|cx| {
            while taken.len() < most {
                let room = piece.len().min(most - taken.len());
                let mut buffer = ReadBuf::new(&mut piece[..room]);
                match Pin::new(&mut self.from).poll_read(cx, &mut buffer) {
                    Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                        taken.extend_from_slice(buffer.filled());
                    }
                    Poll::Ready(_) => return Poll::Ready(true),
                    Poll::Pending => break,
                }
            }
            Poll::Ready(false)
        }))
        .await;
        (taken, is_over)
    }

    /// Everything that has come.
    pub(super) async fn all(&mut self) -> Vec<u8> {
        self.take(usize::MAX).await.0
    }

    /// Opcodes and payloads of the whole frames that have come.
    pub(super) async fn frames(&mut self) -> Vec<(u8, Vec<u8>)> {
        let came = self.all().await;
        self.bytes.extend(came);
        let mut frames = Vec::new();
        while let [first, length, ..] = self.bytes[..] {
            let (head, length) = match length {
                126 if self.bytes.len() < 4 => break,
                126 => (4, usize::from(u16::from_be_bytes([self.bytes[2], self.bytes[3]]))),
                127 if self.bytes.len() < 10 => break,
                127 => (10, u64::from_be_bytes(self.bytes[2..10].try_into().unwrap()) as usize),
                length => (2, usize::from(length)),
            };
            if self.bytes.len() < head + length {
                break;
            }
            frames.push((first & 15, self.bytes[head..head + length].to_vec()));
            self.bytes.drain(..head + length);
        }
        frames
    }
}
