//! The bytes on their way to a byte sink: small payloads are gathered, large ones kept as they are.
//!
//! One write per batch needs small messages side by side in one buffer; copying a large payload for
//! that would cost more than the extra element in a vectored write.

use bytes::{Bytes, BytesMut};

/// From this size on a payload goes out from its own buffer.
const OWN_BUFFER: usize = 16 * 1024;

/// An ordered queue of byte chunks.
#[derive(Default)]
pub struct Output {
    ready: Vec<Bytes>,
    tail: BytesMut,
    len: usize,
}

impl Output {
    /// Appends a copy of a few bytes.
    pub fn push_slice(&mut self, bytes: &[u8]) {
        self.len += bytes.len();
        self.tail.extend_from_slice(bytes);
    }

    /// Appends a payload, shared when it is large.
    pub fn push(&mut self, payload: &Bytes) {
        if payload.len() < OWN_BUFFER {
            return self.push_slice(payload);
        }
        self.seal();
        self.len += payload.len();
        self.ready.push(payload.clone());
    }

    /// Bytes queued.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when nothing is queued.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes everything queued, in order.
    pub fn take(&mut self) -> Vec<Bytes> {
        self.seal();
        self.len = 0;
        std::mem::take(&mut self.ready)
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.ready.push(self.tail.split().freeze());
        }
    }
}
