//! The mark that Windows' programs put before text in UTF-8 (BOM), which is no part of any message.
//!
//! Only text is looked at: bytes that are sent as binary go out as they are. A file of lines that begins
//! with the mark is one of Windows, whose lines end with CR LF.

use super::{BadInput, Decode, Framing, Kind, Piece, Run};
use bytes::{Buf, Bytes, BytesMut};
use tokio_tungstenite::tungstenite::Message;

/// U+FEFF in UTF-8.
pub const MARK: &[u8] = b"\xef\xbb\xbf";

/// The text without the mark before it.
pub fn unmarked(text: &[u8]) -> &[u8] {
    text.strip_prefix(MARK).unwrap_or(text)
}

/// Byte order marks of UTF-16, which PowerShell's `>` writes.
const UTF16: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// True when the text begins with a byte order mark of UTF-16.
pub fn is_utf16(text: &[u8]) -> bool {
    UTF16.iter().any(|mark| text.starts_with(mark))
}

/// True when these first bytes are the beginning of a mark, and not all of it.
fn may_become_mark(begin: &[u8]) -> bool {
    [MARK, UTF16[0], UTF16[1]].iter().any(|mark| begin.len() < mark.len() && mark.starts_with(begin))
}

/// A decoder for the start of an input, which drops the mark where the framing is one of text.
pub fn at_start(framing: &Framing, kind: Kind, decoder: Box<dyn Decode>) -> Box<dyn Decode> {
    let is_text = kind == Kind::Text && framing.name() != "raw" && framing.name() != "length";
    match is_text || ["jsonl", "base64", "hex"].contains(&framing.name()) {
        true => Box::new(Marked {
            decoder,
            begin: Some(BytesMut::new()),
            in_lines: framing.name() == "lines",
            of_windows: false,
            is_utf16: false,
        }),
        false => decoder,
    }
}

struct Marked {
    decoder: Box<dyn Decode>,
    /// The first bytes, as long as they may be the mark's.
    begin: Option<BytesMut>,
    in_lines: bool,
    of_windows: bool,
    is_utf16: bool,
}

impl Marked {
    fn told(&self, next: Result<Message, BadInput>) -> Result<Message, BadInput> {
        match next {
            Ok(message) if self.of_windows => Ok(self.unended(message)),
            next => self.explained(next),
        }
    }

    fn explained<T>(&self, next: Result<T, BadInput>) -> Result<T, BadInput> {
        match next {
            Err(_) if self.is_utf16 => Err(BadInput {
                cause: "it is UTF-16, not UTF-8, by its first two bytes".to_owned(),
                hint: "convert it: iconv -f UTF-16 -t UTF-8 FILE | wsio …",
            }),
            next => next,
        }
    }

    fn unended(&self, message: Message) -> Message {
        match message {
            Message::Text(text) if self.in_lines && text.ends_with('\r') => {
                Message::text(&text.as_str()[..text.len() - 1])
            }
            other => other,
        }
    }
}

impl Decode for Marked {
    fn feed(&mut self, mut chunk: Bytes) {
        if let Some(mut begin) = self.begin.take() {
            if !begin.is_empty() || chunk.len() < MARK.len() {
                begin.extend_from_slice(&chunk);
                if may_become_mark(&begin) {
                    self.begin = Some(begin);
                    return;
                }
                chunk = begin.freeze();
            }
            self.is_utf16 = is_utf16(&chunk);
            self.of_windows = chunk.starts_with(MARK);
            if self.of_windows {
                chunk.advance(MARK.len());
            }
        }
        self.decoder.feed(chunk);
    }

    fn next(&mut self) -> Option<Result<Message, BadInput>> {
        let next = self.decoder.next()?;
        Some(self.told(next))
    }

    fn next_run(&mut self) -> Option<Run> {
        if self.of_windows { None } else { self.decoder.next_run() }
    }

    fn finish(&mut self) -> Option<Result<Message, BadInput>> {
        if let Some(begin) = self.begin.take().filter(|begin| !begin.is_empty()) {
            self.decoder.feed(begin.freeze());
            if let Some(next) = self.decoder.next() {
                return Some(next);
            }
        }
        let last = self.decoder.finish()?;
        Some(self.told(last))
    }

    fn held(&self) -> usize {
        self.decoder.held() + self.begin.as_ref().map_or(0, BytesMut::len)
    }

    fn give_pieces(&mut self, gives: bool) {
        self.decoder.give_pieces(gives);
    }

    fn next_piece(&mut self, at_end: bool) -> Option<Result<Piece, BadInput>> {
        let next = self.decoder.next_piece(at_end)?;
        Some(self.explained(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::named;

    fn messages(framing: &str, kind: Kind, input: &[u8], step: usize) -> Vec<Vec<u8>> {
        let framing = named(framing);
        let mut decoder = at_start(&framing, kind, framing.decoder(kind, 1000));
        let mut messages = Vec::new();
        for chunk in input.chunks(step) {
            decoder.feed(Bytes::copy_from_slice(chunk));
            while let Some(message) = decoder.next() {
                messages.push(message.unwrap().into_data().to_vec());
            }
        }
        assert!(decoder.held() <= input.len());
        while let Some(message) = decoder.finish() {
            messages.push(message.unwrap().into_data().to_vec());
        }
        messages
    }

    #[test]
    fn the_mark_before_text_is_no_part_of_it_however_it_comes() {
        for step in [1, 2, 3, 100] {
            let lines = |input: &[u8]| messages("lines", Kind::Text, input, step);
            assert_eq!(lines(b"\xef\xbb\xbfa\r\nb\r\n\xef\xbb\xbfc"), [&b"a"[..], b"b", b"\xef\xbb\xbfc"]);
            assert_eq!(lines(b"a\r\nb\n"), [&b"a\r"[..], b"b"], "without a mark nothing is taken away");
            assert_eq!(lines(b"\xef\xbb\xbf"), [&b""[..]; 0]);
            assert_eq!(lines("ﻀ\n".as_bytes()), ["ﻀ".as_bytes()], "its first bytes are another's too");
            assert_eq!(lines(b"a"), [b"a"]);
            assert_eq!(messages("whole", Kind::Text, b"\xef\xbb\xbf{}\r\n", step), [b"{}\r\n"]);
            assert_eq!(messages("base64", Kind::Binary, b"\xef\xbb\xbfAAEC\n", step), [[0, 1, 2]]);
            assert_eq!(messages("nul", Kind::Text, b"\xef\xbb\xbfa\r\0b", step), [&b"a\r"[..], b"b"]);
        }
    }

    #[test]
    fn another_mark_is_named_however_it_comes() {
        for (framing, input) in [
            ("lines", &b"\xff\xfea\0\n\0"[..]),
            ("whole", b"\xfe\xff\0a"),
            ("nul", b"\xff\xfea\0"),
            ("jsonl", b"\xff\xfe{\0\n\0"),
            ("hex", b"\xff\xfe0\0"),
        ] {
            for step in [1, 2, 100] {
                let framing = named(framing);
                let mut decoder = at_start(&framing, Kind::Text, framing.decoder(Kind::Text, 1000));
                let found = input.chunks(step).find_map(|chunk| {
                    decoder.feed(Bytes::copy_from_slice(chunk));
                    decoder.next()
                });
                let bad = found.or_else(|| decoder.finish()).unwrap().unwrap_err();
                assert!(
                    bad.cause.contains("UTF-16") && bad.hint.contains("iconv"),
                    "{}: {bad:?}",
                    framing.name()
                );
            }
        }
        assert!(messages("lines", Kind::Binary, b"\xff\xfea", 1) == [b"\xff\xfea"], "bytes are bytes");
    }

    #[test]
    fn an_input_that_ends_within_a_mark_is_told() {
        for input in [&b"\xef"[..], b"\xef\xbb", b"\xff", b"\xfe"] {
            let framing = named("lines");
            let mut decoder = at_start(&framing, Kind::Text, framing.decoder(Kind::Text, 1000));
            decoder.feed(Bytes::copy_from_slice(input));
            assert!(decoder.next().is_none() && decoder.held() == input.len());
            assert!(
                decoder.finish().unwrap().unwrap_err().cause.contains("line 1 is not UTF-8"),
                "{input:?}"
            );
        }
    }

    #[test]
    fn a_text_in_pieces_loses_its_mark_too() {
        let framing = named("whole");
        let mut decoder = at_start(&framing, Kind::Text, framing.decoder(Kind::Text, 1 << 20));
        decoder.give_pieces(true);
        decoder.feed(Bytes::copy_from_slice(MARK));
        decoder.feed(Bytes::from(vec![b'a'; 100_000]));
        let piece = decoder.next_piece(false).unwrap().unwrap();
        assert!(piece.is_text && piece.is_first && !piece.is_last && piece.payload.len() == 100_000);
        decoder.feed(Bytes::from_static(b"\xff"));
        assert!(decoder.next_piece(true).unwrap().is_err());
    }

    #[test]
    fn bytes_keep_theirs() {
        for (framing, kind) in [("whole", Kind::Binary), ("lines", Kind::Binary), ("raw", Kind::Text)] {
            assert_eq!(messages(framing, kind, b"\xef\xbb\xbfa", 100), [b"\xef\xbb\xbfa"], "{framing}");
        }
    }
}
