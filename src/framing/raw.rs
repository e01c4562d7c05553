//! `raw` and `whole`: each chunk as it arrives is one message, cut at 64 KiB, or all input until its end is
//! one.
//!
//! Boundaries mean nothing in `raw`, bytes do. In text mode a character is never cut in two, so that
//! valid UTF-8 stays valid however the chunks fall.

use super::{BadInput, Decode, Encode, Entry, Kind, Output, Piece, message, payload};
use bytes::{Bytes, BytesMut};
use tokio_tungstenite::tungstenite::Message;

const LARGEST: usize = 64 * 1024;

pub(super) const RAW: Entry = Entry {
    name: "raw",
    parameter: None,
    summary: "each chunk as it arrives, at most 64 KiB or --max-frame, is one message",
    kind: Kind::Binary,
    delimits: false,
    decoder: |_, kind, max| {
        Box::new(ChunkDecoder {
            kind,
            largest: LARGEST.min(max.max(4)),
            chunk: Bytes::new(),
            cut: BytesMut::new(),
            taken: 0,
        })
    },
    encoder: |_| Box::new(Encoder),
};

struct ChunkDecoder {
    kind: Kind,
    largest: usize,
    chunk: Bytes,
    /// The first bytes of a character whose rest is in the next chunk.
    cut: BytesMut,
    taken: usize,
}

impl ChunkDecoder {
    fn emit(&mut self, payload: Bytes) -> Result<Message, BadInput> {
        let len = payload.len();
        message(self.kind, payload)
            .inspect(|_| self.taken += len)
            .map_err(|at| BadInput::not_utf8("the input", self.taken + at))
    }
}

/// Number of bytes at the end that begin an incomplete character of UTF-8.
fn unfinished(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let byte = bytes[bytes.len() - back];
        let needs = match byte {
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            0x80..=0xBF => continue,
            _ => return 0,
        };
        return if back < needs { back } else { 0 };
    }
    0
}

impl Decode for ChunkDecoder {
    fn feed(&mut self, chunk: Bytes) {
        if self.cut.is_empty() {
            self.chunk = chunk;
        } else {
            self.cut.extend_from_slice(&chunk);
            self.chunk = std::mem::take(&mut self.cut).freeze();
        }
    }

    fn next(&mut self) -> Option<Result<Message, BadInput>> {
        if self.chunk.is_empty() {
            return None;
        }
        let mut end = self.chunk.len().min(self.largest);
        if self.kind == Kind::Text {
            end -= unfinished(&self.chunk[..end]);
            if end == 0 {
                self.cut.extend_from_slice(&std::mem::take(&mut self.chunk));
                return None;
            }
        }
        let payload = self.chunk.split_to(end);
        Some(self.emit(payload))
    }

    fn finish(&mut self) -> Option<Result<Message, BadInput>> {
        if self.cut.is_empty() {
            return None;
        }
        let payload = std::mem::take(&mut self.cut).freeze();
        Some(self.emit(payload))
    }

    fn held(&self) -> usize {
        self.chunk.len() + self.cut.len()
    }
}

pub(super) struct Encoder;

impl Encode for Encoder {
    fn encode(&mut self, message: &Message, out: &mut Output) {
        out.push(&payload(message));
    }

    fn takes_pieces(&self) -> bool {
        true
    }

    fn encode_piece(&mut self, piece: &Bytes, out: &mut Output) {
        out.push(piece);
    }
}

pub(super) const WHOLE: Entry = Entry {
    name: "whole",
    parameter: None,
    summary: "all input until its end is one message",
    kind: Kind::Binary,
    delimits: false,
    decoder: |_, kind, max| {
        Box::new(WholeDecoder { kind, max, all: BytesMut::new(), gives_pieces: false, given: 0 })
    },
    encoder: |_| Box::new(Encoder),
};

/// A message is given in pieces once it has more than this. Bytes.
const PIECES: usize = 64 * 1024;

struct WholeDecoder {
    kind: Kind,
    max: usize,
    all: BytesMut,
    gives_pieces: bool,
    /// Bytes that were given in pieces.
    given: usize,
}

impl WholeDecoder {
    /// Number of bytes that can go as a piece: a text is looked at up to a character that is not complete.
    fn piece(&self, at_end: bool) -> Result<usize, BadInput> {
        let length = self.all.len();
        if self.kind == Kind::Binary {
            return Ok(length);
        }
        match str::from_utf8(&self.all) {
            Ok(_) => Ok(length),
            Err(error) if error.error_len().is_none() && !at_end => Ok(error.valid_up_to()),
            Err(error) => Err(BadInput::not_utf8("the input", self.given + error.valid_up_to())),
        }
    }
}

impl Decode for WholeDecoder {
    fn feed(&mut self, chunk: Bytes) {
        // A chunk that is nobody else's is taken as it is.
        match chunk.try_into_mut() {
            Ok(chunk) if self.all.is_empty() => self.all = chunk,
            Ok(chunk) => self.all.extend_from_slice(&chunk),
            Err(chunk) => self.all.extend_from_slice(&chunk),
        }
    }

    fn next(&mut self) -> Option<Result<Message, BadInput>> {
        (self.given + self.all.len() > self.max).then(|| Err(BadInput::too_big("the input", self.max)))
    }

    fn give_pieces(&mut self, gives: bool) {
        self.gives_pieces = gives;
    }

    fn next_piece(&mut self, at_end: bool) -> Option<Result<Piece, BadInput>> {
        let is_first = self.given == 0;
        let is_due =
            if is_first { self.gives_pieces && self.all.len() > PIECES } else { !self.all.is_empty() };
        if !is_due && (is_first || !at_end) {
            return None;
        }
        if let Some(Err(bad)) = self.next() {
            return Some(Err(bad));
        }
        let length = match self.piece(at_end) {
            Ok(0) if !at_end => return None,
            Ok(length) => length,
            Err(bad) => return Some(Err(bad)),
        };
        self.given += length;
        let payload = self.all.split_to(length).freeze();
        Some(Ok(Piece { payload, is_text: self.kind == Kind::Text, is_first, is_last: at_end }))
    }

    fn finish(&mut self) -> Option<Result<Message, BadInput>> {
        if self.all.is_empty() {
            return None;
        }
        let payload = std::mem::take(&mut self.all).freeze();
        Some(message(self.kind, payload).map_err(|at| BadInput::not_utf8("the input", at)))
    }

    fn held(&self) -> usize {
        self.all.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::{Decode, tests::named};

    /// The payload of a piece, whether it is the first, and whether it is the last; or why there is none.
    type Told = Result<(Vec<u8>, bool, bool), String>;

    fn piece(decoder: &mut dyn Decode, at_end: bool) -> Option<Told> {
        decoder.next_piece(at_end).map(|piece| match piece {
            Ok(piece) => Ok((piece.payload.to_vec(), piece.is_first, piece.is_last)),
            Err(bad) => Err(bad.cause),
        })
    }

    #[test]
    fn a_bad_byte_is_counted_from_the_beginning_of_the_input() {
        let mut decoder = named("raw").decoder(Kind::Text, 1000);
        for chunk in ["abc", "de"] {
            decoder.feed(Bytes::from(chunk));
            assert_eq!(decoder.next(), Some(Ok(Message::text(chunk))));
        }
        decoder.feed(Bytes::from_static(b"f\xff"));
        assert_eq!(decoder.next().unwrap().unwrap_err().cause, "the input is not UTF-8 (byte 7)");
        let mut decoder = named("whole").decoder(Kind::Text, 1 << 20);
        decoder.give_pieces(true);
        decoder.feed(Bytes::from(vec![b'a'; PIECES + 1]));
        assert!(piece(&mut *decoder, false).is_some());
        decoder.feed(Bytes::from_static(b"bc\xff"));
        let cause = format!("the input is not UTF-8 (byte {})", PIECES + 4);
        assert_eq!(piece(&mut *decoder, false), Some(Err(cause)));
    }

    #[test]
    fn a_large_input_goes_in_pieces_that_cut_no_character() {
        let mut decoder = named("whole").decoder(Kind::Text, 1 << 20);
        decoder.give_pieces(true);
        let mut begin = vec![b'a'; PIECES];
        decoder.feed(Bytes::from(begin.clone()));
        assert_eq!(piece(&mut *decoder, false), None, "so much may be the whole");
        decoder.feed(Bytes::from_static(b"b\xc3"));
        begin.push(b'b');
        assert_eq!(piece(&mut *decoder, false), Some(Ok((begin, true, false))));
        assert_eq!(piece(&mut *decoder, false), None);
        decoder.feed(Bytes::from_static(b"\xa9"));
        assert_eq!(piece(&mut *decoder, false), Some(Ok(("\u{e9}".into(), false, false))));
        assert_eq!(piece(&mut *decoder, false), None);
        assert_eq!(piece(&mut *decoder, true), Some(Ok((Vec::new(), false, true))));
    }

    #[test]
    fn nothing_goes_in_pieces_unasked_and_no_piece_goes_over_the_limit() {
        let mut decoder = named("whole").decoder(Kind::Binary, PIECES + 2);
        decoder.feed(Bytes::from(vec![0; PIECES + 1]));
        assert!(piece(&mut *decoder, false).is_none() && piece(&mut *decoder, true).is_none());
        decoder.give_pieces(true);
        assert!(piece(&mut *decoder, false).is_some());
        decoder.feed(Bytes::from_static(b"b"));
        assert!(piece(&mut *decoder, false).is_some(), "as large as the limit");
        decoder.feed(Bytes::from_static(b"c"));
        assert!(piece(&mut *decoder, false).unwrap().unwrap_err().contains("longer than"));
    }

    #[test]
    fn a_character_is_unfinished_until_its_last_byte() {
        for text in ["\u{80}", "\u{7ff}", "\u{800}", "\u{ffff}", "\u{10000}", "\u{10ffff}"] {
            let bytes = ["a", text].concat().into_bytes();
            for end in 1..=bytes.len() {
                let wanted = if end == bytes.len() { 0 } else { end - 1 };
                assert_eq!(unfinished(&bytes[..end]), wanted, "{text:?} {end}");
            }
        }
        assert_eq!(
            [unfinished(b""), unfinished(b"a"), unfinished(b"\xff"), unfinished(b"\x80\x80\x80")],
            [0; 4]
        );
    }
}
