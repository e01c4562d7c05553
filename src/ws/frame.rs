//! The headers and masks of frames (RFC 6455 sections 5.2 and 5.3).

use rand::{
    Rng, SeedableRng,
    rngs::{StdRng, SysRng},
};
use std::{array, io};

/// The bit that ends a message.
pub(super) const FIN: u8 = 0x80;
/// The bits of a first byte that are the opcode, and the one of them that control frames have.
pub(super) const OPCODE: u8 = 0x0f;
pub(super) const CONTROL: u8 = 0x08;
/// The bits that only an extension gives a meaning.
pub(super) const RESERVED: u8 = 0x70;
/// The opcodes of section 5.2 that we write ourselves.
pub(super) const CONTINUATION: u8 = 0;
pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

/// A header: `first` is FIN, the reserved bits and the opcode; `length` is that of the payload, bytes.
pub(super) fn put_head(into: &mut Vec<u8>, first: u8, length: usize, mask: Option<[u8; 4]>) {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    // Pieces of a known size are stored without a call, and most frames are short.
    match (length, mask) {
        (0..126, Some([a, b, c, d])) => {
            return into.extend_from_slice(&[first, masked | length as u8, a, b, c, d]);
        }
        (0..126, None) => into.extend_from_slice(&[first, masked | length as u8]),
        (126..65536, _) => {
            let [high, low] = (length as u16).to_be_bytes();
            into.extend_from_slice(&[first, masked | 126, high, low]);
        }
        _ => {
            into.extend_from_slice(&[first, masked | 127]);
            into.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    if let Some(mask) = mask {
        into.extend_from_slice(&mask);
    }
}

/// The header of a frame that is looked at where it lies.
#[derive(Clone, Copy)]
pub(super) struct Glance {
    /// FIN, the reserved bits and the opcode.
    pub first: u8,
    pub is_masked: bool,
    /// Of the header, bytes; a mask is the last four of it.
    pub head: usize,
    /// Of the payload, bytes.
    pub length: u64,
    /// The length is told in the shortest form (section 5.2).
    pub is_minimal: bool,
}

/// The header that begins here, if it is whole.
#[inline]
pub(super) fn glance(frame: &[u8]) -> Option<Glance> {
    let [first, second, ..] = *frame else { return None };
    let is_masked = second & 0x80 != 0;
    let (head, length) = match second & 0x7f {
        126 => (4, u64::from(u16::from_be_bytes(*frame[2..].first_chunk()?))),
        127 => (10, u64::from_be_bytes(*frame[2..].first_chunk()?)),
        length => (2, u64::from(length)),
    };
    let is_minimal = is_minimal(second, length);
    let head = head + if is_masked { 4 } else { 0 };
    (frame.len() >= head).then_some(Glance { first, is_masked, head, length, is_minimal })
}

/// The length is told in the shortest form that has room for it.
fn is_minimal(second: u8, length: u64) -> bool {
    match second & 0x7f {
        126 => length >= 126,
        127 => length >= 1 << 16,
        _ => true,
    }
}

/// A header as it comes, byte by byte.
#[derive(Default)]
pub(super) struct Header {
    bytes: [u8; 14],
    have: usize,
}

impl Header {
    /// Takes what belongs to it; returns how much that was.
    pub(super) fn take(&mut self, from: &[u8]) -> usize {
        let mut taken = 0;
        while !self.is_whole() && taken < from.len() {
            let step = (self.needed() - self.have).min(from.len() - taken);
            self.bytes[self.have..self.have + step].copy_from_slice(&from[taken..taken + step]);
            self.have += step;
            taken += step;
        }
        taken
    }

    /// True when all of the header is there.
    pub(super) fn is_whole(&self) -> bool {
        self.have == self.needed()
    }

    /// The bytes of the header so far.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.have]
    }

    /// Of a whole one: FIN, the reserved bits and the opcode.
    pub(super) fn first(&self) -> u8 {
        self.bytes[0]
    }

    /// Of a whole one: the length of the payload, bytes.
    pub(super) fn length(&self) -> u64 {
        match self.bytes[1] & 0x7f {
            126 => u64::from(u16::from_be_bytes([self.bytes[2], self.bytes[3]])),
            127 => self.bytes[2..10].iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
            length => u64::from(length),
        }
    }

    /// Of a whole one: whether the top bit of its length is set, which section 5.2 forbids.
    pub(super) fn is_impossible(&self) -> bool {
        self.length() >> 63 != 0
    }

    /// Of a whole one: whether its length is told in the shortest form (section 5.2).
    pub(super) fn is_minimal(&self) -> bool {
        is_minimal(self.bytes[1], self.length())
    }

    /// Of a whole one.
    pub(super) fn mask(&self) -> Option<[u8; 4]> {
        let at = self.mask_at();
        (self.bytes[1] & 0x80 != 0).then(|| std::array::from_fn(|index| self.bytes[at + index]))
    }

    fn mask_at(&self) -> usize {
        match self.bytes[1] & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        }
    }

    fn needed(&self) -> usize {
        match self.have {
            0 | 1 => 2,
            _ => self.mask_at() + if self.bytes[1] & 0x80 == 0 { 0 } else { 4 },
        }
    }
}

/// The lesser of `left` and `most`, bytes.
pub(super) fn within(left: u64, most: usize) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(most)
}

/// Masks or unmasks bytes, the first of which stands at this offset of its payload.
#[inline]
pub(super) fn apply_mask(bytes: &mut [u8], mask: [u8; 4], offset: usize) {
    let mask: [u8; 4] = std::array::from_fn(|index| mask[(offset + index) % 4]);
    let word = u64::from_ne_bytes(std::array::from_fn(|index| mask[index % 4]));
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for bytes in words {
        *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    let (halves, rest) = rest.as_chunks_mut::<4>();
    for bytes in halves {
        *bytes = (u32::from_ne_bytes(*bytes) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

/// Writes a frame whose payload is shorter than 64 KiB to the beginning of `into`; returns how many bytes that are.
#[inline]
pub(super) fn write_short(into: &mut [u8], first: u8, payload: &[u8], mask: Option<[u8; 4]>) -> usize {
    let (masked, length) = (if mask.is_some() { 0x80 } else { 0 }, payload.len());
    let mut head = 2;
    into[0] = first;
    if length < 126 {
        into[1] = masked | length as u8;
    } else {
        into[1] = masked | 126;
        into[2..4].copy_from_slice(&(length as u16).to_be_bytes());
        head = 4;
    }
    if let Some(mask) = mask {
        into[head..head + 4].copy_from_slice(&mask);
        copy_masked(&mut into[head + 4..head + 4 + length], payload, mask);
        head += 4;
    } else {
        into[head..head + length].copy_from_slice(payload);
    }
    head + length
}

/// Copies a payload and masks it on the way.
#[inline]
fn copy_masked(into: &mut [u8], payload: &[u8], mask: [u8; 4]) {
    /// Bytes that a processor masks at once.
    const WIDE: usize = 16;
    let (Some(into_last), Some(last)) = (into.last_chunk_mut::<WIDE>(), payload.last_chunk::<WIDE>()) else {
        into.copy_from_slice(payload);
        return apply_mask(into, mask, 0);
    };
    // The last chunk may overlap the one before it; both give the same bytes.
    let at = payload.len() - WIDE;
    *into_last = array::from_fn(|index| last[index] ^ mask[(at + index) % 4]);
    let wide: [u8; WIDE] = array::from_fn(|index| mask[index % 4]);
    for (into, bytes) in into.as_chunks_mut::<WIDE>().0.iter_mut().zip(payload.as_chunks::<WIDE>().0) {
        *into = array::from_fn(|index| bytes[index] ^ wide[index]);
    }
}

/// A client's masks, a fresh one for each frame.
///
/// Section 5.3 wants them unpredictable, so that a page cannot choose the bytes that a proxy on the way
/// sees. They come from a generator made for cryptography, which the system seeds: a fraction of what its own random
/// bytes cost.
pub(super) struct Masks(StdRng);

impl Masks {
    /// # Errors
    /// When the system gives no random bytes.
    pub(super) fn new() -> io::Result<Self> {
        StdRng::try_from_rng(&mut SysRng).map(Self).map_err(io::Error::other)
    }

    #[inline]
    pub(super) fn next(&mut self) -> [u8; 4] {
        self.0.next_u32().to_ne_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::HashSet, io::Cursor};
    use tokio_tungstenite::tungstenite::protocol::frame::{
        FrameHeader,
        coding::{Control, Data, OpCode},
    };

    /// What the protocol library writes for the same header.
    fn theirs(opcode: OpCode, is_final: bool, length: usize, mask: Option<[u8; 4]>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let header = FrameHeader { is_final, opcode, mask, ..FrameHeader::default() };
        header.format(length as u64, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn headers_are_those_of_the_library_at_every_form_of_length() {
        for length in [0, 1, 125, 126, 127, 255, 256, 65535, 65536, 65537, 1 << 32] {
            for mask in [None, Some([1, 2, 3, 4])] {
                for (ours, opcode, fin) in [
                    (FIN | TEXT, OpCode::Data(Data::Text), true),
                    (BINARY, OpCode::Data(Data::Binary), false),
                    (FIN | CONTINUATION, OpCode::Data(Data::Continue), true),
                    (FIN | PING, OpCode::Control(Control::Ping), true),
                ] {
                    let mut bytes = Vec::new();
                    put_head(&mut bytes, ours, length, mask);
                    assert_eq!(bytes, theirs(opcode, fin, length, mask), "{opcode} of {length}");
                    let (header, parsed) = FrameHeader::parse(&mut Cursor::new(&bytes)).unwrap().unwrap();
                    assert_eq!((header.is_final, header.mask, parsed), (fin, mask, length as u64));
                    for at_once in 1..=bytes.len() {
                        let (mut header, mut taken) = (Header::default(), 0);
                        for chunk in [&bytes[..], b"payload"].concat().chunks(at_once) {
                            taken += header.take(chunk);
                        }
                        assert_eq!((taken, header.bytes()), (bytes.len(), &bytes[..]));
                        assert_eq!((header.is_whole(), header.first()), (true, ours));
                        assert_eq!((header.length(), header.mask()), (length as u64, mask));
                    }
                }
            }
        }
    }

    #[test]
    fn masking_is_bytewise_from_any_offset_and_undoes_itself() {
        let (mask, payload): ([u8; 4], Vec<u8>) = ([0x6d, 0xb6, 0xb2, 0x80], (0..=255).collect());
        for length in (0..40).chain([255, 256]) {
            for offset in 0..9 {
                let mut bytes = payload[..length].to_vec();
                apply_mask(&mut bytes, mask, offset);
                let expected =
                    payload[..length].iter().enumerate().map(|(at, byte)| byte ^ mask[(offset + at) % 4]);
                assert!(bytes.iter().copied().eq(expected), "{length} from {offset}");
                apply_mask(&mut bytes, mask, offset);
                assert_eq!(bytes, payload[..length]);
            }
        }
    }

    #[test]
    fn short_frames_are_those_that_go_bit_by_bit() {
        let payload: Vec<u8> = (0..600).map(|index| (index * 7) as u8).collect();
        for length in (0..140).chain([255, 256, 599]) {
            for mask in [None, Some([0x6d, 0xb6, 0xb2, 0x80])] {
                let payload = &payload[..length];
                let mut expected = Vec::new();
                put_head(&mut expected, FIN | TEXT, length, mask);
                let from = expected.len();
                expected.extend_from_slice(payload);
                apply_mask(&mut expected[from..], mask.unwrap_or_default(), 0);
                let mut frame = vec![9; length + 14];
                let written = write_short(&mut frame, FIN | TEXT, payload, mask);
                assert_eq!(frame[..written], expected, "{length}");
                assert!(frame[written..].iter().all(|byte| *byte == 9));
            }
        }
    }

    #[test]
    fn masks_differ() {
        let mut masks = Masks::new().unwrap();
        let seen: HashSet<[u8; 4]> = (0..2000).map(|_| masks.next()).collect();
        // By chance two in 2000 are equal once in two thousand runs, four never.
        assert!(seen.len() > 1996, "{}", seen.len());
    }
}
