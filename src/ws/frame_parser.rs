//! Follows the frame boundaries of a stream of bytes.
//!
//! The protocol library does not tell how much of a message was there when the connection ended, nor
//! a close code that may not be on the wire. Reading the headers as they pass costs a few
//! instructions a frame and no copy (RFC 6455 section 5.2). An observer is told of each frame from here.

use crate::session::Within;

use super::{
    frame::{CONTROL, FIN, Header, apply_mask, glance},
    watch::{FrameSender, HEAD, SeenFrame, Watch},
};

/// Our place in a frame stream.
pub(super) struct FrameParser {
    way: FrameSender,
    header: Header,
    /// Payload bytes of the current frame still to come.
    left: u64,
    /// Payload bytes seen of a message that is not complete.
    partial: u64,
    peek: Peek,
    /// A Close has come; what comes after it does not count.
    is_closed: bool,
    /// The payload of that Close.
    close: Vec<u8>,
}

/// The beginning of a payload, for as long as somebody wants to see it.
struct Peek {
    bytes: [u8; HEAD],
    have: usize,
    wanted: usize,
}

impl FrameParser {
    /// At the beginning of a stream.
    pub(super) fn new(way: FrameSender) -> Self {
        Self {
            way,
            header: Header::default(),
            left: 0,
            partial: 0,
            peek: Peek { bytes: [0; HEAD], have: 0, wanted: 0 },
            is_closed: false,
            close: Vec::new(),
        }
    }

    /// Bytes of an incomplete message or frame, zero between messages.
    pub(super) fn partial(&self) -> u64 {
        let header = if self.header.is_whole() { 0 } else { self.header.bytes().len() };
        self.partial + header as u64
    }

    /// Returns whether a message and a frame have begun and not ended.
    pub(super) fn within(&self) -> Within {
        let in_header = !self.header.is_whole() && !self.header.bytes().is_empty();
        Within { message: self.partial > 0, frame: self.left > 0 || in_header }
    }

    /// The code of the Close frame that was read, as the peer sent it.
    pub(super) fn close_code(&self) -> Option<u16> {
        self.close.first_chunk().map(|code| u16::from_be_bytes(*code))
    }

    /// The payload of the Close frame that was read.
    pub(super) fn close(&self) -> &[u8] {
        &self.close
    }

    /// Takes note of bytes that pass.
    pub(super) fn advance(&mut self, mut bytes: &[u8], watch: &mut Watch) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let step = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                if self.peek.have < self.peek.wanted {
                    self.look(&bytes[..step], watch);
                }
                self.left -= step as u64;
                if !self.header.is_control() {
                    self.partial += step as u64;
                }
                bytes = &bytes[step..];
                if self.left == 0 {
                    self.frame_done();
                }
                continue;
            }
            if self.header.is_whole() {
                self.header = Header::default();
            }
            if watch.is_none() && !self.within().message && self.header.bytes().is_empty() {
                bytes = &bytes[whole_messages(bytes)..];
            }
            let step = self.header.take(bytes);
            bytes = &bytes[step..];
            if self.header.is_whole() {
                self.frame_begins(watch);
            }
        }
    }

    /// Nothing more is read: tells of a frame whose payload has only begun.
    pub(super) fn stop(&mut self, watch: &mut Watch) {
        if self.peek.have < self.peek.wanted && watch.is_some() {
            self.looked(watch);
        }
    }

    /// The current frame is the first Close, which says how the stream ends.
    fn is_close(&self) -> bool {
        self.header.first() & 0x0f == 8 && !self.is_closed
    }

    fn frame_begins(&mut self, watch: &mut Watch) {
        self.left = self.header.length();
        if watch.is_some() || self.is_close() {
            let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(HEAD);
            (self.peek.have, self.peek.wanted) = (0, wanted);
            if wanted == 0 {
                self.looked(watch);
            }
        }
        if !self.header.is_control() {
            self.partial += self.header.bytes().len() as u64;
        }
        if self.left == 0 {
            self.frame_done();
        }
    }

    fn frame_done(&mut self) {
        if !self.header.is_control() && self.header.first() & FIN != 0 {
            self.partial = 0;
        }
    }

    fn look(&mut self, bytes: &[u8], watch: &mut Watch) {
        let peek = &mut self.peek;
        let step = bytes.len().min(peek.wanted - peek.have);
        peek.bytes[peek.have..peek.have + step].copy_from_slice(&bytes[..step]);
        peek.have += step;
        if peek.have == peek.wanted {
            self.looked(watch);
        }
    }

    fn looked(&mut self, watch: &mut Watch) {
        let is_close = self.is_close();
        let head = &mut self.peek.bytes[..self.peek.have];
        let mask = self.header.mask();
        if let Some(mask) = mask {
            apply_mask(head, mask, 0);
        }
        if is_close && self.peek.have == self.peek.wanted {
            self.is_closed = true;
            self.close = head.to_vec();
        }
        if let Some(watch) = watch {
            let first = self.header.first();
            watch.frame(&SeenFrame::new(self.way, first, mask.is_some(), self.header.length(), head));
        }
        (self.peek.have, self.peek.wanted) = (0, 0);
    }
}

/// Length of the whole messages of one frame each that come first: nothing is to be kept of them. Bytes.
fn whole_messages(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(frame) = glance(&bytes[at..])
        && frame.first & (FIN | CONTROL) == FIN
        && frame.all <= bytes.len() - at
    {
        at += frame.all;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(bytes: &[u8], at_once: usize) -> FrameParser {
        let mut parser = FrameParser::new(FrameSender::In);
        bytes.chunks(at_once).for_each(|chunk| parser.advance(chunk, &mut None));
        parser
    }

    #[test]
    fn knows_how_much_of_a_message_is_there() {
        let whole = [0x82, 3, 1, 2, 3, 0x81, 0];
        let fragment = [0x02, 3, 1, 2, 3, 0x89, 1, 9, 0x80, 126, 1, 0, 7];
        for at_once in 1..8 {
            assert_eq!(fed(&whole, at_once).partial(), 0);
            assert_eq!(fed(&whole[..4], at_once).partial(), 4);
            assert_eq!(fed(&whole[..1], at_once).partial(), 1);
            assert_eq!(
                fed(&fragment, at_once).partial(),
                5 + 4 + 1,
                "a ping between fragments does not count"
            );
            assert_eq!(fed(&fragment[..8], at_once).partial(), 5);
        }
    }

    #[test]
    fn knows_what_has_begun_and_not_ended() {
        let within = |bytes: &[u8]| {
            let Within { message, frame } = fed(bytes, 1).within();
            (message, frame)
        };
        let frames = [0x02, 126, 0, 1, 7, 0x89, 1, 9, 0x80, 0, 0x81, 0];
        let expected = [
            // A fragment with a long header, a ping, the last fragment, and an empty message.
            (0, (false, false)),
            (1, (false, true)),
            (3, (false, true)),
            (4, (true, true)),
            (5, (true, false)),
            (6, (true, true)),
            (7, (true, true)),
            (8, (true, false)),
            (9, (true, true)),
            (10, (false, false)),
            (11, (false, true)),
            (12, (false, false)),
        ];
        for (length, begun) in expected {
            assert_eq!(within(&frames[..length]), begun, "{length} bytes");
        }
    }

    #[test]
    fn is_at_the_same_place_however_much_comes_at_once() {
        let long = [&[0x82, 126, 1, 0][..], &[7; 256]].concat();
        let frames: [&[u8]; 9] = [
            &[0x81, 2, b'h', b'i'],
            &[0x82, 0x83, 1, 2, 3, 4, 5, 6, 7],
            &long,
            &[0x89, 1, 9],
            &[0x01, 2, b'h', b'i'],
            &[0x81, 0],
            &[0x80, 1, b'!'],
            &[0x82, 127, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2],
            &[0x88, 2, 0x03, 0xf6],
        ];
        let stream = frames.concat();
        for length in 0..=stream.len() {
            let here = |at_once| {
                let parser = fed(&stream[..length], at_once);
                let Within { message, frame } = parser.within();
                (parser.partial(), message, frame, parser.close_code())
            };
            for at_once in [2, 3, 7, 20, 300, stream.len()] {
                assert_eq!(here(at_once), here(1), "{length} bytes, {at_once} at once");
            }
        }
    }

    #[test]
    fn reads_the_close_code_masked_or_not() {
        for at_once in 1..8 {
            assert_eq!(fed(&[0x88, 2, 0x03, 0xf6], at_once).close_code(), Some(1014));
            assert_eq!(fed(&[0x88, 0x82, 1, 2, 3, 4, 0x03 ^ 1, 0xe8 ^ 2], at_once).close_code(), Some(1000));
            assert_eq!(fed(&[0x88, 0], at_once).close_code(), None);
            let with_more = [0x88, 0, 0x88, 2, 0x27, 0x10];
            assert_eq!(fed(&with_more, at_once).close_code(), None, "what follows a Close does not count");
        }
    }
}
