//! Messages that are encoded once for many clients.
//!
//! A server does not mask, so that without compression the frames of a message are the same bytes for all who
//! are sent it. What is said in one turn is encoded into one piece of memory, and every client's send queue
//! holds a handle to that. Who needs the messages themselves gets them as slices of the same memory.

use super::frame::{BINARY, FIN, Header, OPCODE, TEXT, put_head};
use bytes::Bytes;
use tokio_tungstenite::tungstenite::Message;

/// No message of more payload bytes is encoded for many: a large payload is shared without that.
pub const LARGEST: usize = 4 * 1024;
/// Frames that are encoded together, bytes; and messages.
const MOST: usize = 64 * 1024;
const MESSAGES: usize = 1024;
/// The longest header of such a frame, bytes.
const HEAD: usize = 4;

/// Data messages, a frame each, as a server sends them.
#[derive(Clone, Debug)]
pub struct Encoded {
    frames: Bytes,
    messages: u32,
    /// Their payloads.
    bytes: u32,
    largest: u32,
}

impl Encoded {
    /// The first of these messages that may go together; `None` when that would be less than two.
    pub fn new<'a>(messages: impl Iterator<Item = &'a Message> + Clone) -> Option<Self> {
        let (mut count, mut room) = (0, 0);
        let fits = messages.clone().take(MESSAGES).take_while(|message| {
            room += HEAD + message.len();
            (message.is_text() || message.is_binary()) && message.len() <= LARGEST && room <= MOST
        });
        let (mut bytes, mut largest) = (0, 0);
        for message in fits {
            (count, bytes, largest) = (count + 1, bytes + message.len(), largest.max(message.len()));
        }
        if count < 2 {
            return None;
        }
        let mut frames = Vec::with_capacity(bytes + count * HEAD);
        for message in messages.take(count) {
            let (opcode, payload) = match message {
                Message::Text(text) => (TEXT, text.as_bytes()),
                Message::Binary(payload) => (BINARY, &payload[..]),
                _ => break,
            };
            put_head(&mut frames, FIN | opcode, payload.len(), None);
            frames.extend_from_slice(payload);
        }
        let (messages, bytes, largest) = (count as u32, bytes as u32, largest as u32);
        Some(Self { frames: frames.into(), messages, bytes, largest })
    }

    /// Number of messages.
    pub fn count(&self) -> usize {
        self.messages as usize
    }

    /// Their payload bytes.
    pub fn bytes(&self) -> usize {
        self.bytes as usize
    }

    /// The longest payload, bytes.
    pub(super) fn largest(&self) -> usize {
        self.largest as usize
    }

    /// The frames, one behind the other.
    pub(super) fn frames(&self) -> &Bytes {
        &self.frames
    }

    /// Place of the frames in memory.
    #[cfg(test)]
    pub(crate) fn frames_at(&self) -> *const u8 {
        self.frames.as_ptr()
    }

    /// The messages again.
    pub fn messages(&self) -> impl Iterator<Item = Message> {
        self.each().map(|(opcode, payload)| match opcode {
            TEXT => payload.clone().try_into().map_or_else(|_| Message::Binary(payload), Message::Text),
            _ => Message::Binary(payload),
        })
    }

    /// Opcodes and payloads.
    pub(super) fn each(&self) -> impl Iterator<Item = (u8, Bytes)> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let mut header = Header::default();
            let from = at + header.take(&self.frames[at..]);
            if from == at {
                return None;
            }
            at = from + header.length() as usize;
            Some((header.first() & OPCODE, self.frames.slice(from..at)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_as_they_went_in() {
        let all = [
            Message::text("a"),
            Message::text(""),
            Message::binary(vec![0xff; LARGEST]),
            Message::text("ä".repeat(100)),
        ];
        let encoded = Encoded::new(all.iter()).unwrap();
        assert_eq!((encoded.count(), encoded.bytes(), encoded.largest()), (4, 1 + LARGEST + 200, LARGEST));
        assert!(encoded.messages().eq(all), "the same, in order");
        assert_eq!(encoded.frames()[..7], *b"\x81\x01a\x81\x00\x82\x7e");
    }

    #[test]
    fn only_small_data_messages_go_together_and_no_more_than_the_bound() {
        let (small, large) = (Message::text("x".repeat(1000)), Message::binary(vec![0; LARGEST + 1]));
        let ping = Message::Ping(Bytes::new());
        let number = |all: &[Message]| Encoded::new(all.iter()).map(|encoded| encoded.count());
        assert_eq!(number(&[]), None);
        assert_eq!(number(&[small.clone(), large.clone()]), None);
        assert_eq!(number(&[small.clone(), small.clone(), ping, small.clone()]), Some(2));
        assert_eq!(number(&[small.clone(), small.clone(), large]), Some(2));
        assert_eq!(number(&vec![small; 1000]), Some(MOST / 1004));
        assert_eq!(number(&vec![Message::text("x"); 5000]), Some(MESSAGES));
    }
}
