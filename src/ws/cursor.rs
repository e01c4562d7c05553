//! Follows the frame boundaries of the bytes a peer sends.
//!
//! The protocol library does not tell how much of a message was there when the connection ended, nor
//! a close code that may not be on the wire. Reading the headers as they pass costs a few
//! instructions a frame and no copy (RFC 6455 section 5.2).

/// Where in the peer's frame stream we are.
#[derive(Default)]
pub(super) struct Cursor {
    head: [u8; 14],
    have: usize,
    /// Payload bytes of the current frame still to come.
    left: u64,
    /// Payload bytes seen of a message that is not complete.
    partial: u64,
    close: CloseBody,
}

#[derive(Default)]
struct CloseBody {
    expected: bool,
    /// What comes after a Close is not part of it.
    complete: bool,
    masked_from: Option<[u8; 4]>,
    code: [u8; 2],
    have: usize,
}

impl Cursor {
    /// Bytes of an incomplete message or frame, zero between messages.
    pub(super) fn partial(&self) -> u64 {
        self.partial + self.have as u64
    }

    /// Whether a data message has begun and not ended.
    pub(super) fn is_amid_message(&self) -> bool {
        self.partial > 0
    }

    /// The code of the Close frame that was read, as the peer sent it.
    pub(super) fn close_code(&self) -> Option<u16> {
        (self.close.have == 2).then(|| u16::from_be_bytes(self.close.code))
    }

    /// Takes note of bytes that were read.
    pub(super) fn advance(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let step = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                if self.close.expected && !self.close.complete {
                    self.close.take(&bytes[..step]);
                }
                self.left -= step as u64;
                if self.head[0] & 0x08 == 0 {
                    self.partial += step as u64;
                }
                bytes = &bytes[step..];
                if self.left == 0 {
                    self.frame_done();
                }
                continue;
            }
            let need = self.needed();
            let step = (need - self.have).min(bytes.len());
            self.head[self.have..self.have + step].copy_from_slice(&bytes[..step]);
            self.have += step;
            bytes = &bytes[step..];
            if self.have == self.needed() {
                self.frame_begins();
            }
        }
    }

    fn needed(&self) -> usize {
        if self.have < 2 {
            return 2;
        }
        let length = match self.head[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + length + if self.head[1] & 0x80 == 0 { 0 } else { 4 }
    }

    fn frame_begins(&mut self) {
        let masked = self.head[1] & 0x80 != 0;
        self.left = match self.head[1] & 0x7f {
            126 => u64::from(u16::from_be_bytes([self.head[2], self.head[3]])),
            127 => self.head[2..10].iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
            length => u64::from(length),
        };
        if self.head[0] & 0x0f == 8 && !self.close.expected {
            let mask = || std::array::from_fn(|index| self.head[self.have - 4 + index]);
            self.close = CloseBody { expected: true, masked_from: masked.then(mask), ..CloseBody::default() };
        }
        if self.head[0] & 0x08 == 0 {
            self.partial += self.have as u64;
        }
        self.have = 0;
        if self.left == 0 {
            self.frame_done();
        }
    }

    fn frame_done(&mut self) {
        let (control, fin) = (self.head[0] & 0x08 != 0, self.head[0] & 0x80 != 0);
        if !control && fin {
            self.partial = 0;
        }
        self.close.complete |= self.close.expected;
    }
}

impl CloseBody {
    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.have == 2 {
                return;
            }
            let mask = self.masked_from.map_or(0, |mask| mask[self.have]);
            self.code[self.have] = byte ^ mask;
            self.have += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(bytes: &[u8], at_once: usize) -> Cursor {
        let mut cursor = Cursor::default();
        bytes.chunks(at_once).for_each(|chunk| cursor.advance(chunk));
        cursor
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
