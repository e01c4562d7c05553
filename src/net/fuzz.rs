//! Any bytes as the answer of a server.

use super::answer_head::{AnswerHeads, Findings, SharedFindings};
use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf, duplex};

/// An answer: what hyper gets of it is the same however it is cut, and has no control characters in its heads. The
/// first byte: bytes that come at once.
pub fn answer(data: &[u8]) {
    let [at_once, bytes @ ..] = data else { return };
    let whole = read(bytes, 1 << 16);
    assert_eq!(read(bytes, usize::from(*at_once) + 1), whole);
    let (given, findings) = whole;
    if findings.status_line.is_none() {
        return;
    }
    assert!(given.is_empty() || given.starts_with(b"HTTP/1."), "{}", given.escape_ascii());
    let end = given.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |at| at);
    for line in String::from_utf8_lossy(&given[..end]).split("\r\n") {
        assert!(!line.contains(|c: char| c.is_ascii_control() && c != '\t'), "{line:?}");
    }
}

/// What a reader gets of an answer that comes in pieces of that size.
fn read(answer: &[u8], at_once: usize) -> (Vec<u8>, Findings) {
    let mut cx = Context::from_waker(Waker::noop());
    let (ours, mut theirs) = duplex(answer.len().max(1));
    assert!(pin!(theirs.write_all(answer)).poll(&mut cx).is_ready());
    drop(theirs);
    let shared = SharedFindings::default();
    shared.let_through();
    let mut heads = AnswerHeads::new(Box::pin(ours), shared.clone());
    let (mut given, mut memory) = (Vec::new(), vec![0; at_once]);
    loop {
        let mut buffer = ReadBuf::new(&mut memory);
        match pin!(&mut heads).poll_read(&mut cx, &mut buffer) {
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => return (given, shared.findings()),
            Poll::Ready(Ok(())) => given.extend_from_slice(buffer.filled()),
            other => panic!("{other:?} of memory"),
        }
    }
}
