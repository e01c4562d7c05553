//! A run: short messages of one kind that lie in one block, handed on together.
//!
//! A short message costs more by what is done about each than by its bytes: a handle to its memory, a place in a
//! queue, a call. Messages that lie side by side in a chunk of input, or in the bytes of a peer, are therefore looked at
//! together and stay where they are; a sink that needs each message by itself takes them apart.

use bytes::Bytes;
use std::ops::Range;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// Messages of one kind in one block.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    is_text: bool,
    block: Bytes,
    /// Places of the payloads in the block, in their order.
    spans: Vec<Range<u32>>,
    /// All the payloads, and the longest of them; bytes.
    bytes: usize,
    largest: usize,
}

impl Run {
    /// Bytes of a block, at most: so little that it hardly counts beside what a sink may have queued, and that a copy of
    /// it stays in the nearest cache.
    pub const BLOCK: usize = 16 * 1024;
    /// Messages of a run, at most, so that the other direction gets its turn.
    pub const MESSAGES: usize = 1024;
    /// A longer payload is a message by itself, bytes.
    pub const LONGEST: usize = 2 * 1024;

    /// The payloads at these places of a block; of a text each is UTF-8.
    pub fn new(is_text: bool, block: Bytes, spans: Vec<Range<u32>>) -> Self {
        let lengths = spans.iter().map(Range::len);
        let (bytes, largest) =
            lengths.fold((0, 0), |(bytes, largest), length| (bytes + length, length.max(largest)));
        Self { is_text, block, spans, bytes, largest }
    }

    /// True when its messages are texts, otherwise all of them are binary.
    pub fn is_text(&self) -> bool {
        self.is_text
    }

    /// Number of messages.
    pub fn count(&self) -> usize {
        self.spans.len()
    }

    /// Their payload bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The longest payload, bytes.
    pub fn largest(&self) -> usize {
        self.largest
    }

    /// Bytes that the messages behind each one take in the block, with what lies between them.
    pub fn behind(&self) -> impl Iterator<Item = u64> {
        let last = self.spans.last().map_or(0, |last| last.end);
        self.spans.iter().map(move |span| u64::from(last - span.end))
    }

    /// Where each message ends behind `from`, when each takes so many bytes beside its payload.
    pub fn ends(&self, from: usize, beside: usize) -> impl Iterator<Item = u64> {
        self.spans.iter().scan(from, move |end, span| {
            *end += span.len() + beside;
            Some(*end as u64)
        })
    }

    /// The payloads.
    #[inline]
    pub fn payloads(&self) -> impl Iterator<Item = &[u8]> {
        self.spans.iter().map(|span| &self.block[span.start as usize..span.end as usize])
    }

    /// The messages by themselves, which share the block.
    pub fn messages(&self) -> impl Iterator<Item = Message> {
        self.spans.iter().map(|span| {
            let payload = self.block.slice(span.start as usize..span.end as usize);
            match Utf8Bytes::try_from(payload.clone()) {
                Ok(text) if self.is_text => Message::Text(text),
                _ => Message::Binary(payload),
            }
        })
    }

    /// Memory of the block when nothing else uses it, bytes.
    #[cfg(test)]
    pub fn memory(self) -> Option<usize> {
        self.block.try_into_mut().ok().map(|block| block.capacity())
    }

    /// The same in memory of its own: one that is kept must not keep all that was read with it.
    #[must_use]
    pub fn compact(&self) -> Self {
        Self { block: Bytes::copy_from_slice(&self.block), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_kept_keeps_its_own_bytes_alone() {
        let read = Bytes::from(b"ab\ncde\nand much more".to_vec());
        let run = Run::new(true, read.slice(..7), vec![0..2, 3..6]);
        let kept = run.compact();
        assert_eq!((kept.count(), kept.bytes(), kept.largest()), (2, 5, 3));
        assert!(kept.messages().eq([Message::text("ab"), Message::text("cde")]));
        assert_eq!(kept.behind().collect::<Vec<_>>(), [4, 0]);
        assert_eq!(kept.ends(10, 2).collect::<Vec<_>>(), [14, 19]);
        assert_eq!(run.memory(), None, "it shares what was read");
        assert_eq!(kept.memory(), Some(7));
    }
}
