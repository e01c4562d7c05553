//! Signs of another framing than the chosen one, so that the user is told which one works instead.
//!
//! Language servers and debug adapters put `Content-Length` headers before each message, which is the framing
//! `headers`; STOMP ends each frame with a NUL that belongs to it. The bytes pass unchanged: only the beginning
//! of a stream is looked at, and a sign is told once. A program that was sent JSON-RPC and never said a word is
//! taken for one that waits for headers.

use super::{BadInput, Decode, Encode, Framing, HEADERS, Output, Piece, RAW, Run};
use bytes::Bytes;
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio_tungstenite::tungstenite::Message;

/// Bytes at the start of a stream that are looked at.
const START: usize = 256;

/// A protocol that was recognized and that the chosen framing does not carry whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// `Content-Length: N`, an empty line, and so many bytes.
    Headers,
    /// A program was sent JSON-RPC and said nothing.
    Unanswered,
    /// Frames of STOMP.
    Stomp,
}

impl Sign {
    /// Recognizes a stream by its start; `None` also where the framing loses nothing of it.
    fn of(start: &[u8], framing: &Framing) -> Option<Self> {
        const HEADER: &[u8] = b"content-length:";
        let headed = start.get(..HEADER.len()).is_some_and(|name| name.eq_ignore_ascii_case(HEADER));
        // Chunks as they come keep everything, and may be joined again at the far end.
        if headed && ![RAW, HEADERS].contains(framing) {
            return Some(Self::Headers);
        }
        let text = String::from_utf8_lossy(start);
        let mut lines = text.lines();
        let is_connect = matches!(lines.next(), Some("CONNECT" | "STOMP"));
        let is_header = |line: &str| line.starts_with("accept-version:") || line.starts_with("login:");
        (framing.delimits() && is_connect && lines.any(is_header)).then_some(Self::Stomp)
    }

    /// The note about it, which names the input.
    pub fn words(self, input: &str) -> String {
        match self {
            Self::Headers => format!(
                "{input} begins with Content-Length headers, as language servers write them: --framing headers reads those"
            ),
            Self::Unanswered => format!(
                "{input} was sent JSON-RPC and answered nothing: language servers wait for Content-Length headers, which --framing headers writes"
            ),
            Self::Stomp => {
                format!("{input} is STOMP, whose frames end with a NUL that no --framing keeps at the end")
            }
        }
    }

    /// The command that works; `program` is the words of a command for a shell, or `None` for standard input.
    pub fn hint(self, program: Option<&str>) -> String {
        match (self, program) {
            (Self::Stomp, _) => {
                "perl -0ne 'print pack(q(N), length), $_' FRAMES | wsio connect URL --in length --out raw -t"
                    .to_owned()
            }
            (_, Some(program)) => format!("wsio listen 8080 --framing headers -- {program}"),
            (_, None) => "wsio connect --framing headers URL".to_owned(),
        }
    }
}

/// Told what was recognized.
pub type Notice = Arc<dyn Fn(Sign) + Send + Sync>;

/// Both ways of a stream, which tell what they see.
pub fn watched(
    framing: Framing,
    decoder: Box<dyn Decode>,
    encoder: Box<dyn Encode>,
    notice: Notice,
) -> (Box<dyn Decode>, Box<dyn Encode>) {
    let asked = Arc::new(AtomicBool::new(false));
    let watch = Watch { start: Some(Vec::new()), spoke: false, framing, asked: Arc::clone(&asked), notice };
    (Box::new(Source { inner: decoder, watch }), Box::new(Sink { inner: encoder, is_first: true, asked }))
}

struct Watch {
    /// The first bytes, until enough is known.
    start: Option<Vec<u8>>,
    spoke: bool,
    framing: Framing,
    /// It was sent JSON-RPC first.
    asked: Arc<AtomicBool>,
    notice: Notice,
}

impl Watch {
    fn see(&mut self, chunk: &[u8]) {
        self.spoke |= !chunk.is_empty();
        let Some(start) = &mut self.start else { return };
        start.extend_from_slice(&chunk[..chunk.len().min(START - start.len())]);
        if let Some(sign) = Sign::of(start, &self.framing) {
            (self.notice)(sign);
        } else if start.len() < START {
            return;
        }
        self.start = None;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.asked.load(Ordering::Relaxed) && !self.spoke {
            (self.notice)(Sign::Unanswered);
        }
    }
}

struct Source {
    inner: Box<dyn Decode>,
    watch: Watch,
}

impl Decode for Source {
    fn feed(&mut self, chunk: Bytes) {
        self.watch.see(&chunk);
        self.inner.feed(chunk);
    }

    fn next(&mut self) -> Option<Result<Message, BadInput>> {
        self.inner.next()
    }

    fn next_run(&mut self) -> Option<Run> {
        self.inner.next_run()
    }

    fn finish(&mut self) -> Option<Result<Message, BadInput>> {
        self.inner.finish()
    }

    fn held(&self) -> usize {
        self.inner.held()
    }

    fn give_pieces(&mut self, gives: bool) {
        self.inner.give_pieces(gives);
    }

    fn next_piece(&mut self, at_end: bool) -> Option<Result<Piece, BadInput>> {
        self.inner.next_piece(at_end)
    }
}

struct Sink {
    inner: Box<dyn Encode>,
    is_first: bool,
    asked: Arc<AtomicBool>,
}

impl Sink {
    /// Looks at how the first message begins.
    fn look(&mut self, start: &[u8]) {
        if std::mem::take(&mut self.is_first) {
            let start = String::from_utf8_lossy(&start[..start.len().min(4 * START)]);
            let is_rpc = start.trim_start().starts_with('{') && start.contains("\"jsonrpc\"");
            self.asked.store(is_rpc, Ordering::Relaxed);
        }
    }
}

impl Encode for Sink {
    fn encode(&mut self, message: &Message, out: &mut Output) {
        if self.is_first {
            self.look(&super::payload(message));
        }
        self.inner.encode(message, out);
    }

    fn encode_run(&mut self, run: &Run, out: &mut Output, ends: &mut VecDeque<u64>) {
        self.look(run.payloads().next().unwrap_or_default());
        self.inner.encode_run(run, out, ends);
    }

    fn takes_pieces(&self) -> bool {
        self.inner.takes_pieces()
    }

    fn encode_piece(&mut self, piece: &Bytes, out: &mut Output) {
        self.look(piece);
        self.inner.encode_piece(piece, out);
    }

    fn inner(&self) -> Option<&dyn Encode> {
        Some(&*self.inner)
    }

    fn inner_mut(&mut self) -> Option<&mut dyn Encode> {
        Some(&mut *self.inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::{Kind, named};
    use std::sync::Mutex;

    /// What is told of a stream that begins so, in chunks of that size, after it was sent this.
    fn told(framing: &str, input: &str, step: usize, sent: &str) -> Vec<Sign> {
        let (told, framing) = (Arc::new(Mutex::new(Vec::new())), named(framing));
        let seen = Arc::clone(&told);
        let notice: Notice = Arc::new(move |sign| seen.lock().unwrap().push(sign));
        let (decoder, encoder) = (framing.decoder(Kind::Text, 100_000), framing.encoder());
        let (mut decoder, mut encoder) = watched(framing, decoder, encoder, notice);
        if !sent.is_empty() {
            encoder.encode(&Message::text(sent), &mut Output::default());
        }
        for chunk in input.as_bytes().chunks(step) {
            decoder.feed(Bytes::copy_from_slice(chunk));
            while let Some(Ok(_)) = decoder.next() {}
        }
        drop((decoder, encoder));
        let told = told.lock().unwrap();
        told.clone()
    }

    #[test]
    fn streams_are_known_by_how_they_begin() {
        const FRAME: &str = "CONNECT\naccept-version:1.2\nhost:/\n\n\0";
        const RPC: &str = "{\"jsonrpc\":\"2.0\",\"id\":1}";
        for step in [1, 7, 1000] {
            let told = |framing: &str, input: &str, sent: &str| told(framing, input, step, sent);
            for framing in ["lines", "nul", "paragraph", "whole"] {
                let headed = "content-length: 2\r\n\r\n{}".repeat(50);
                assert_eq!(told(framing, &headed, ""), [Sign::Headers], "{framing}");
                assert_eq!(told(framing, &headed, RPC), [Sign::Headers], "{framing}");
                assert_eq!(told(framing, "", RPC), [Sign::Unanswered], "{framing}");
                assert_eq!(told(framing, "{}\n", RPC), [], "{framing}");
                assert_eq!(told(framing, "", "hello"), [], "{framing}");
                let loses = framing != "whole";
                assert_eq!(
                    told(framing, FRAME, ""),
                    if loses { &[Sign::Stomp][..] } else { &[] },
                    "{framing}"
                );
            }
            for framing in ["raw", "headers"] {
                assert_eq!(told(framing, "Content-Length: 2\r\n\r\n{}", ""), []);
            }
            assert_eq!(told(r"sep=\0", FRAME, ""), [Sign::Stomp]);
            assert_eq!(told("lines", "CONNECT\nhello\n", ""), []);
            assert_eq!(told("lines", "Content-Type: text/plain\nContent-Length: 2\n", ""), []);
            let late = format!("{}\nContent-Length: 2\r\n\r\n", "x".repeat(START));
            assert_eq!(told("lines", &late, ""), []);
        }
    }
}
