//! Frames by hand, for the load peers and for the bounds: both handshakes, blocks of frames made beforehand, a
//! parser that looks at headers only, and the check of what arrived. The check compares each byte with the one
//! that was sent, which is as cheap as a hash and says where a stream went wrong.

use base64::{Engine, prelude::BASE64_STANDARD};
use sha1::{Digest, Sha1};
use std::io::{self, Read, Write};

/// A Close without a code, since websocat 4 writes the code to its output; that of a client has a mask of zero.
pub const CLOSE: &[u8] = b"\x88\0";
pub const MASKED_CLOSE: &[u8] = b"\x88\x82\0\0\0\0\x03\xe8";

pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const CLOSING: u8 = 8;

/// Lines of 20 to 99 bytes, newlines included.
pub fn lines(count: usize) -> Vec<u8> {
    (0..count).flat_map(|n| format!("{n:010} {}\n", "x".repeat(8 + n * 7 % 80)).into_bytes()).collect()
}

/// Bytes of which no two places look alike, so that nothing can be lost or swapped unnoticed.
pub fn bytes(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut bytes: Vec<u8> = (0..count.div_ceil(8)).flat_map(|_| next().to_le_bytes()).collect();
    bytes.truncate(count);
    bytes
}

/// The header of a frame, its mask included if it has one.
pub fn header(first: u8, length: usize, mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    out.push(first);
    match length {
        0..126 => out.push(masked | length as u8),
        126..65536 => {
            out.push(masked | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask.unwrap_or_default()[..if mask.is_some() { 4 } else { 0 }]);
}

/// A frame for each payload.
pub fn encode<'a>(first: u8, mask: Option<[u8; 4]>, payloads: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut frames = Vec::new();
    for payload in payloads {
        header(first, payload.len(), mask, &mut frames);
        let at = frames.len();
        frames.extend_from_slice(payload);
        apply(mask.unwrap_or_default(), &mut frames[at..]);
    }
    frames
}

/// Masks or unmasks in place.
pub fn apply(mask: [u8; 4], payload: &mut [u8]) {
    let wide = u64::from_ne_bytes([mask, mask].concat().try_into().unwrap_or_default());
    let (chunks, rest) = payload.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

/// Cuts a stream into pieces of frames.
#[derive(Default)]
pub struct Parser {
    first: u8,
    left: usize,
    mask: [u8; 4],
}

/// Payload that came; large frames come in several.
pub struct Piece<'a> {
    pub opcode: u8,
    pub payload: &'a [u8],
    pub mask: [u8; 4],
    /// The message ends with it.
    pub last: bool,
}

impl Parser {
    /// Gives each piece, and how many bytes are used up; the rest is the begin of a header.
    pub fn parse(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(Piece<'_>) -> io::Result<()>,
    ) -> io::Result<usize> {
        let mut at = 0;
        loop {
            if self.left == 0 {
                let Some((head, length)) = self.head(&bytes[at..]) else {
                    return Ok(at);
                };
                at += head;
                self.left = length;
            } else if at == bytes.len() {
                return Ok(at);
            }
            let count = self.left.min(bytes.len() - at);
            self.left -= count;
            let last = self.left == 0 && self.first & 0x80 != 0;
            each(Piece { opcode: self.first & 15, payload: &bytes[at..at + count], mask: self.mask, last })?;
            self.mask.rotate_left(count % 4);
            at += count;
        }
    }

    #[inline]
    fn head(&mut self, bytes: &[u8]) -> Option<(usize, usize)> {
        let (first, second) = (*bytes.first()?, *bytes.get(1)?);
        let (mut head, length) = match second & 0x7f {
            126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
            127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
            length => (2, usize::from(length)),
        };
        self.mask = [0; 4];
        if second & 0x80 != 0 {
            self.mask = bytes.get(head..head + 4)?.try_into().ok()?;
            head += 4;
        }
        (bytes.len() >= head).then(|| self.first = first)?;
        Some((head, length))
    }
}

/// Reads frames from a stream; keeps what is half read.
pub struct Reader {
    buffer: Vec<u8>,
    filled: usize,
    parser: Parser,
}

impl Default for Reader {
    fn default() -> Self {
        Self { buffer: vec![0; 256 << 10], filled: 0, parser: Parser::default() }
    }
}

impl Reader {
    /// Reads once and gives the pieces that came; `false` at the end of the stream.
    pub fn read(
        &mut self,
        stream: &mut impl Read,
        each: impl FnMut(Piece<'_>) -> io::Result<()>,
    ) -> io::Result<bool> {
        let count = stream.read(&mut self.buffer[self.filled..])?;
        self.filled += count;
        let used = self.parser.parse(&self.buffer[..self.filled], each)?;
        self.buffer.copy_within(used..self.filled, 0);
        self.filled -= used;
        Ok(count > 0)
    }
}

/// What should arrive: a pattern that repeats.
#[derive(Clone)]
pub struct Expected<'a> {
    pattern: &'a [u8],
    at: usize,
    pub count: u64,
}

impl<'a> Expected<'a> {
    pub fn new(pattern: &'a [u8]) -> Self {
        Self { pattern, at: 0, count: 0 }
    }

    pub fn take(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = bytes.len().min(self.pattern.len() - self.at);
            self.equal(bytes[..count] == self.pattern[self.at..self.at + count])?;
            self.advance(count);
            bytes = &bytes[count..];
        }
        Ok(())
    }

    #[inline]
    pub fn take_masked(&mut self, mut bytes: &[u8], mut mask: [u8; 4]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = bytes.len().min(self.pattern.len() - self.at);
            let wide =
                u64::from_ne_bytes([mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3]]);
            let (came, came_rest) = bytes[..count].as_chunks::<8>();
            let (sent, sent_rest) = self.pattern[self.at..self.at + count].as_chunks::<8>();
            let differ = came.iter().zip(sent).fold(0, |differ, (came, sent)| {
                differ | (u64::from_ne_bytes(*came) ^ u64::from_ne_bytes(*sent) ^ wide)
            });
            let rest = came_rest.iter().zip(sent_rest).zip(mask.iter().cycle());
            let differ_rest = rest.fold(0, |differ, ((came, sent), key)| differ | (came ^ sent ^ key));
            self.equal(differ == 0 && differ_rest == 0)?;
            self.advance(count);
            mask.rotate_left(count % 4);
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// A message ends: the newline of its line may have been left out.
    #[inline]
    pub fn skip_newline(&mut self) {
        // A message of bytes may end anywhere, also before a byte that is a newline.
        if self.pattern.ends_with(b"\n") && self.pattern[self.at] == b'\n' {
            self.advance(1);
        }
    }

    fn advance(&mut self, count: usize) {
        self.count += count as u64;
        self.at += count;
        if self.at == self.pattern.len() {
            self.at = 0;
        }
    }

    fn equal(&self, equal: bool) -> io::Result<()> {
        let wrong = || io::Error::other(format!("wrong bytes came after {} right ones", self.count));
        equal.then_some(()).ok_or_else(wrong)
    }
}

/// Reads a head, byte by byte: what comes after it stays in the stream.
pub fn head_alone(stream: &mut impl Read) -> io::Result<String> {
    head(stream, &mut [0])
}

/// Reads a head after which the other side waits for us.
fn head_at_once(stream: &mut impl Read) -> io::Result<String> {
    head(stream, &mut [0; 4096])
}

fn head(stream: &mut impl Read, piece: &mut [u8]) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => head.extend_from_slice(&piece[..count]),
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// Answers an upgrade.
pub fn accept(stream: &mut (impl Read + Write)) -> io::Result<()> {
    let head = head_at_once(stream)?;
    let field = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim().to_owned())
    };
    let key = head.lines().find_map(field).ok_or_else(|| io::Error::other("no Sec-WebSocket-Key"))?;
    let accept = BASE64_STANDARD.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
    stream.write_all(
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        )
        .as_bytes(),
    )
}

/// Asks for an upgrade; the answer is read by [`upgraded`].
pub fn ask(stream: &mut impl Write, host: &str, more: &str) -> io::Result<()> {
    stream.write_all(
        format!(
            "GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
        )
        .as_bytes(),
    )
}

/// Reads the answer to [`ask`]; the server says nothing more by itself.
pub fn upgraded(stream: &mut impl Read) -> io::Result<()> {
    is_upgrade(head_at_once(stream)?)
}

pub fn is_upgrade(head: String) -> io::Result<()> {
    head.starts_with("HTTP/1.1 101 ").then_some(()).ok_or_else(|| io::Error::other(head))
}
