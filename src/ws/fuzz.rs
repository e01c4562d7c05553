//! Any bytes as the frames of a peer: the reader of frames against a slow model, against the protocol engine alone,
//! and against itself over every way of cutting the stream.

use super::{
    deflate::{Deflating, Inflating},
    frame::{BINARY, CLOSE, CONTINUATION, CONTROL, FIN, OPCODE, PING, RESERVED, TEXT},
    incoming::{Incoming, Received},
    read_error::ReadError,
};
use bytes::{BufMut, BytesMut};
use flate2::{Decompress, FlushDecompress, Status};
use std::{
    io::{self, Cursor, Read, Write},
    mem::take,
};
use tokio_tungstenite::tungstenite::{
    Error, Message,
    protocol::{Role, WebSocketConfig, WebSocketContext},
};

/// The limit on a message, bytes: low enough for inputs that exceed it.
const MAX: usize = 3000;

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// More may come.
    More,
    Close,
    Protocol,
    Text,
    TooLong,
    Corrupt,
}

/// What is read: whole data messages, by whether they are texts, and control frames, by their opcode.
type Seen = (Vec<(u8, Vec<u8>)>, End);

/// Frames. The first byte: the peer masks, pieces are wanted, compression is agreed on, the peer keeps its window, runs
/// are wanted; the second: bytes that come at once.
pub fn frames(data: &[u8]) {
    let [flags, at_once, bytes @ ..] = data else { return };
    let (masked, pieces, compressed, keeps) = (flags & 1 > 0, flags & 2 > 0, flags & 4 > 0, flags & 8 > 0);
    let (inflates, runs) = (compressed.then_some(keeps), flags & 16 > 0);
    let whole = read(bytes, bytes.len().max(1), masked, false, runs, inflates);
    let at_once = usize::from(*at_once) + 1;
    assert_eq!(
        read(bytes, at_once, masked, pieces, false, inflates),
        whole,
        "{at_once} at once, pieces: {pieces}"
    );
    if compressed {
        return;
    }
    assert_eq!(whole, model(bytes, masked), "the model");
    let (messages, failed) = engine_alone(bytes, masked);
    // The engine does not refuse a length with its top bit set, nor a client's in a longer form than it needs, and
    // looks at a text only when its frame is whole.
    if whole.1 == End::More || whole.1 == End::Close {
        assert_eq!((&whole.0, whole.1 == End::Close), (&messages, !failed), "the engine alone");
    } else {
        assert!(messages.starts_with(&whole.0), "the engine alone");
    }
}

/// Reads a stream that comes in chunks of that size.
fn read(
    bytes: &[u8],
    at_once: usize,
    masked: bool,
    pieces: bool,
    runs: bool,
    inflates: Option<bool>,
) -> Seen {
    let mut incoming = Incoming::new(&[], MAX, masked);
    incoming.give_pieces(pieces);
    if let Some(keeps) = inflates {
        incoming.inflate(keeps);
    }
    incoming.give_runs(runs);
    let role = if masked { Role::Server } else { Role::Client };
    let (mut engine, mut seen, mut joined) = (WebSocketContext::new(role, None), Vec::new(), Vec::new());
    for mut chunk in bytes.chunks(at_once) {
        while !chunk.is_empty() {
            match incoming.place() {
                Ok(Some(mut place)) => {
                    let count = chunk.len().min(place.remaining_mut());
                    place.put_slice(&chunk[..count]);
                    incoming.placed(count);
                    chunk = &chunk[count..];
                }
                Ok(None) => incoming.feed(BytesMut::from(take(&mut chunk))),
                Err(error) => return (seen, end(&error)),
            }
            while let Some(next) = incoming.next() {
                match next {
                    Ok(Received::Message(message)) => seen.push(plain(message)),
                    Ok(Received::Run(run)) => seen.extend(run.messages().map(plain)),
                    Ok(Received::Piece(piece)) => {
                        assert_eq!(joined.is_empty(), piece.is_first || joined.is_empty());
                        joined.extend_from_slice(&piece.payload);
                        if piece.is_last {
                            seen.push((if piece.is_text { TEXT } else { BINARY }, take(&mut joined)));
                        }
                    }
                    Ok(Received::Frames(frames)) => match engine.read(&mut Feed(Cursor::new(&frames), false))
                    {
                        Ok(Message::Close(_)) => return (seen, End::Close),
                        Ok(message) => seen.push(plain(message)),
                        Err(error) => return (seen, end(&ReadError::Engine(error))),
                    },
                    Err(error) => return (seen, end(&error)),
                }
            }
            let within = incoming.within();
            assert!(within.message || incoming.begun() <= 14, "{} bytes of no message", incoming.begun());
        }
    }
    (seen, End::More)
}

fn end(error: &ReadError) -> End {
    match error {
        ReadError::Engine(Error::Utf8(_)) | ReadError::Text => End::Text,
        ReadError::TooLong { .. } => End::TooLong,
        ReadError::Corrupt => End::Corrupt,
        ReadError::Engine(Error::Protocol(_)) | ReadError::Length | ReadError::LongForm => End::Protocol,
        other => panic!("no fault of a peer: {other:?}"),
    }
}

fn plain(message: Message) -> (u8, Vec<u8>) {
    let opcode = match &message {
        Message::Text(_) => TEXT,
        Message::Binary(_) => BINARY,
        Message::Ping(_) => PING,
        Message::Pong(_) => PING + 1,
        other => panic!("not expected: {other:?}"),
    };
    (opcode, message.into_data().into())
}

/// RFC 6455 section 5 once more, without regard to speed.
fn model(mut bytes: &[u8], masked: bool) -> Seen {
    let (mut seen, mut open) = (Vec::new(), None::<(u8, Vec<u8>)>);
    loop {
        let Some((first, second)) = bytes.first().zip(bytes.get(1)) else { return (seen, End::More) };
        let (long, mask) = match second & 127 {
            126 => (2, second >> 7),
            127 => (8, second >> 7),
            _ => (0, second >> 7),
        };
        let head = 2 + long + 4 * usize::from(mask);
        if bytes.len() < head {
            return (seen, End::More);
        }
        let length = match long {
            0 => u64::from(second & 127),
            _ => bytes[2..2 + long].iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
        };
        let (opcode, fin) = (first & OPCODE, first & FIN > 0);
        let may_come = match opcode {
            CONTINUATION => open.is_some(),
            TEXT | BINARY => open.is_none(),
            CLOSE | 9 | 10 => fin && length <= 125,
            _ => false,
        };
        let shortest = match length {
            0..=125 => 0,
            126..=0xffff => 2,
            _ => 8,
        };
        let is_right = may_come
            && length >> 63 == 0
            && first & RESERVED == 0
            && (mask == 1) == masked
            && (long == shortest || !masked);
        if !is_right {
            return (seen, End::Protocol);
        }
        let key: Vec<u8> = bytes[head - 4 * usize::from(mask)..head].to_vec();
        let there = usize::try_from(length).map_or(bytes.len(), |length| bytes.len().min(head + length));
        let is_whole = (there - head) as u64 == length;
        let clear = |(at, byte): (usize, &u8)| byte ^ key.get(at % 4).unwrap_or(&0);
        let payload: Vec<u8> = bytes[head..there].iter().enumerate().map(clear).collect();
        bytes = &bytes[there..];
        if opcode & CONTROL > 0 {
            if !is_whole {
                return (seen, End::More);
            }
            match (opcode, payload.len()) {
                (CLOSE, 1) => return (seen, End::Protocol),
                (CLOSE, 2..) if std::str::from_utf8(&payload[2..]).is_err() => return (seen, End::Text),
                (CLOSE, _) => return (seen, End::Close),
                _ => seen.push((opcode, payload)),
            }
            continue;
        }
        let (kind, message) = open.get_or_insert((opcode, Vec::new()));
        if message.len() as u64 + length > MAX as u64 {
            return (seen, End::TooLong);
        }
        message.extend(payload);
        let ends = fin && is_whole;
        let is_text = |text: &[u8]| match std::str::from_utf8(text) {
            Ok(_) => true,
            Err(error) => error.error_len().is_none() && !ends,
        };
        if *kind == TEXT && !is_text(message) {
            return (seen, End::Text);
        }
        if !is_whole {
            return (seen, End::More);
        }
        if fin {
            seen.extend(open.take());
        }
    }
}

/// Bytes for an engine, whose answers nobody wants; at their end is that of the stream, or more would come.
pub(super) struct Feed<'a>(pub Cursor<&'a [u8]>, pub bool);

impl Read for Feed<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into) {
            Ok(0) if !self.1 => Err(io::ErrorKind::WouldBlock.into()),
            read => read,
        }
    }
}

impl Write for Feed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The messages that the engine alone gives, and whether it ends otherwise than with a Close.
fn engine_alone(bytes: &[u8], masked: bool) -> (Vec<(u8, Vec<u8>)>, bool) {
    let config = WebSocketConfig::default().max_message_size(Some(MAX)).max_frame_size(Some(MAX));
    let role = if masked { Role::Server } else { Role::Client };
    let mut engine = WebSocketContext::new(role, Some(config));
    let (mut feed, mut messages) = (Feed(Cursor::new(bytes), true), Vec::new());
    loop {
        match engine.read(&mut feed) {
            Ok(Message::Close(_)) => return (messages, false),
            Ok(message) => messages.push(plain(message)),
            Err(_) => return (messages, true),
        }
    }
}

/// Compressed payloads. The first byte: the window is kept, and how many messages; the second: bytes at once.
pub fn inflate(data: &[u8]) {
    let [flags, at_once, bytes @ ..] = data else { return };
    let (keeps, at_once) = (flags & 1 > 0, usize::from(*at_once) + 1);
    let count = usize::from(flags >> 1 & 3) + 1;
    let payloads: Vec<&[u8]> = bytes.chunks(bytes.len().div_ceil(count).max(1)).collect();
    let whole = restored(&payloads, keeps, usize::MAX);
    assert_eq!(restored(&payloads, keeps, at_once), whole, "{at_once} at once");
    if let ([payload], Some(slow)) = (&payloads[..], payloads.first().and_then(|payload| plainly(payload))) {
        let expected = if slow.len() > MAX { (vec![], Some(End::TooLong)) } else { (vec![slow], None) };
        assert_eq!(whole, expected, "{payload:?}");
    }
    round_trip(bytes, keeps, at_once);
}

/// The messages restored, and the fault.
fn restored(payloads: &[&[u8]], keeps: bool, at_once: usize) -> (Vec<Vec<u8>>, Option<End>) {
    let (mut inflating, mut messages) = (Inflating::new(keeps), Vec::new());
    for payload in payloads {
        let mut message = Vec::new();
        let mut chunks = payload.chunks(at_once);
        let result = chunks
            .try_for_each(|chunk| inflating.restore(chunk, &mut message, MAX))
            .and_then(|()| inflating.end_message(&mut message, MAX));
        assert!(message.len() <= MAX + 1, "a message grows no further than its limit");
        if let Err(error) = result {
            return (messages, Some(end(&error)));
        }
        messages.push(message);
    }
    (messages, None)
}

/// What the library restores at one go; `None` where it does not come to the end of this as one open stream.
fn plainly(payload: &[u8]) -> Option<Vec<u8>> {
    let data = [payload, &[0, 0, 0xff, 0xff]].concat();
    let (mut inflater, mut plain) = (Decompress::new(false), Vec::with_capacity(1 << 20));
    let status = inflater.decompress_vec(&data, &mut plain, FlushDecompress::None).ok()?;
    let is_through = status != Status::StreamEnd
        && inflater.total_in() == data.len() as u64
        && plain.len() < plain.capacity();
    (is_through && !payload.is_empty()).then_some(plain)
}

/// What we compress is restored.
fn round_trip(bytes: &[u8], keeps: bool, at_once: usize) {
    let (mut deflating, mut inflating) = (Deflating::new(keeps, 15), Inflating::new(keeps));
    for payload in bytes.chunks(bytes.len().div_ceil(3).max(1)) {
        let mut message = Vec::new();
        let mut pieces = payload.chunks(at_once.max(8)).peekable();
        let mut is_first = true;
        while let Some(piece) = pieces.next() {
            let is_last = pieces.peek().is_none();
            let compressed = match take(&mut is_first) {
                true => deflating.begin(piece, is_last),
                false => Some(deflating.go_on(piece, is_last).expect("zlib's state is sound")),
            };
            let Some(compressed) = compressed else {
                message.extend_from_slice(payload);
                break;
            };
            inflating.restore(&compressed, &mut message, usize::MAX / 2).expect("it is ours");
            if is_last {
                inflating.end_message(&mut message, usize::MAX / 2).expect("it is ours");
            }
        }
        assert_eq!(message, payload);
    }
}
