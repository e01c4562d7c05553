//! Header names as RFC 6455 spells them: `Sec-WebSocket-Key`, where hyper writes `Sec-Websocket-Key`.
//!
//! Names have no case by the standard (RFC 9110 section 5.1), but many a small server and client looks
//! for the spelling of the examples. A head leaves hyper in one write, so a write is looked at by itself;
//! one that the transport takes in part goes on in hyper's spelling, which is as valid. The bytes of a body
//! may look like a head, so a server's writes are looked at only once it switches protocols.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const WRITTEN: &[u8] = b"\r\nSec-Websocket-";
/// Offset in `WRITTEN` of the letter that is a capital in the standard's spelling.
const LETTER: usize = "\r\nSec-Web".len();

/// A transport whose heads have the standard's spelling.
pub struct HeaderCase<T> {
    below: T,
    /// Beginning of a head.
    start: &'static [u8],
    /// A head with such names may be written.
    is_due: Arc<AtomicBool>,
}

impl<T> HeaderCase<T> {
    /// A client's, which sends requests without bodies.
    pub fn of_requests(below: T) -> Self {
        Self { below, start: b"GET ", is_due: Arc::new(AtomicBool::new(true)) }
    }

    /// A server's, which answers with 101 only once that is set.
    pub fn of_answers(below: T, switches: Arc<AtomicBool>) -> Self {
        Self { below, start: b"HTTP/1.1 101 ", is_due: switches }
    }

    /// The transport.
    pub fn into_inner(self) -> T {
        self.below
    }

    /// A write with a head that is spelled otherwise, as the standard spells it; `None` for any other.
    fn cased(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        match bytes.starts_with(self.start) && self.is_due.load(Ordering::Relaxed) {
            true => cased(bytes),
            false => None,
        }
    }
}

/// A head that is spelled otherwise, as the standard spells it.
fn cased(bytes: &[u8]) -> Option<Vec<u8>> {
    let head = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap_or(bytes.len());
    let mut places = (0..head).filter(|at| bytes[*at..].starts_with(WRITTEN)).peekable();
    places.peek()?;
    let mut cased = bytes.to_vec();
    places.for_each(|at| cased[at + LETTER] = b'S');
    Some(cased)
}

impl<T: AsyncRead + Unpin> AsyncRead for HeaderCase<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.below).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for HeaderCase<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.cased(bytes) {
            Some(spelled) => Pin::new(&mut self.below).poll_write(cx, &spelled),
            None => Pin::new(&mut self.below).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match slices.first().and_then(|first| self.cased(first)) {
            Some(spelled) => Pin::new(&mut self.below).poll_write(cx, &spelled),
            None => Pin::new(&mut self.below).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.below.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.below).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.below).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_the_head_of_an_upgrade_are_spelled_as_in_the_standard() {
        let (client, server) = (HeaderCase::of_requests(()), HeaderCase::of_answers((), Arc::default()));
        let cased = |bytes: &[u8]| client.cased(bytes).or_else(|| server.cased(bytes));
        let as_text =
            |bytes: &str| cased(bytes.as_bytes()).map(|spelled| String::from_utf8(spelled).unwrap());
        let head =
            |name: &str| format!("GET / HTTP/1.1\r\n{name}Key: x\r\nA: b\r\n{name}Version: 13\r\n\r\n");
        assert_eq!(as_text(&head("Sec-Websocket-")), Some(head("Sec-WebSocket-")));
        assert_eq!(as_text(&head("Sec-WebSocket-")), None);
        let answer = "HTTP/1.1 101 Switching Protocols\r\nSec-Websocket-Accept: x\r\n\r\n\r\nSec-Websocket-";
        assert_eq!(as_text(answer), None, "a file may look like that");
        server.is_due.store(true, Ordering::Relaxed);
        assert_eq!(server.cased(head("Sec-Websocket-").as_bytes()), None, "a server asks for nothing");
        let right = "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\n\r\n\r\nSec-Websocket-";
        assert_eq!(as_text(answer).as_deref(), Some(right), "what follows the head is not ours");
        assert_eq!(as_text("HTTP/1.1 200 OK\r\n\r\n\r\nSec-Websocket-"), None);
        assert_eq!(as_text("POST / HTTP/1.1\r\nSec-Websocket-A: b\r\n\r\n"), None);
    }
}
